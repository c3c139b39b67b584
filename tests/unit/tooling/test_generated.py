"""What is generated and committed is what its source gives; `./run` behaves as its help says."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mdscluster.example import EXAMPLES

ROOT = Path(__file__).resolve().parents[3]


def generate(out: Path) -> None:
    """The two calls of ``./run proto``."""
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-Imdsproto={ROOT / 'proto'}"]
    messages = ["mdsproto/raft.proto", "mdsproto/control.proto", "mdsproto/admin.proto", "mdsproto/fencing.proto"]
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    subprocess.run([*protoc, f"--python_out={out}", f"--pyi_out={out}", *messages], check=True, env=path)
    services = [f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}", *messages[1:]]
    subprocess.run([*protoc, *services], check=True, env=path)


def test_mdsproto_is_current(tmp_path: Path) -> None:
    """Fails? Run `./run proto` and commit."""
    generate(tmp_path)
    made = {file.name: file.read_text() for file in (tmp_path / "mdsproto").iterdir()}
    committed = {file.name: file.read_text() for file in (ROOT / "mdsproto").glob("*_pb2*.py*")}
    assert len(made) == 14
    assert made == committed


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_example_configuration_is_current(name: str) -> None:
    """Fails? Run `python -m mdscluster.example deploy` and commit."""
    assert (ROOT / "deploy" / name).read_text() == EXAMPLES[name]()


def test_the_lock_file_pins_and_hashes_every_requirement() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    names = {pin.split("==")[0] for pin in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    assert {word.split(">")[0].split("=")[0] for word in wanted} <= names
    assert "pysyncobj==0.3.17 \\" in pins
    assert not any("://" in line for line in lines)


@pytest.mark.parametrize(("words", "code"), [([], 2), (["help"], 0), (["nonsense"], 1)])
def test_run_tells_its_commands(words: list[str], code: int) -> None:
    done = subprocess.run(["sh", str(ROOT / "run"), *words], capture_output=True, text=True)
    assert done.returncode == code
    for command in ("up", "demo", "test", "bench", "proto", "lint", "shell"):
        assert f"  {command} " in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; sys.exit(3)", "is too old"),
        ("import sys; sys.exit('ensurepip' in sys.argv[2])", "apt install python3-venv"),
    ],
)
def test_run_says_what_is_missing(tmp_path: Path, script: str, words: str) -> None:
    """A clone on a machine whose python3 is too old, or lacks venv."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("run", "requirements.lock", "pyproject.toml"):
        (clone / name).write_bytes((ROOT / name).read_bytes())
    fake = tmp_path / "python3"
    fake.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{script}" "$@"\n')
    fake.chmod(0o755)
    env = {"PATH": "/usr/bin:/bin", "PYTHON": str(fake)}
    done = subprocess.run(["sh", str(clone / "run"), "lint"], capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert words in done.stderr
    assert not (clone / ".venv").exists()
