"""The burst of changes of far-behind-follower: one that ends by itself, badly or not at all, has proved nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.chaos import flood
from tests.chaos.chaos import Chaos, ChaosError

UNTIL_TOLD = """
import pathlib, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
"""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that a test has started; none outlives it."""
    found: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def note(*words: object, **how: object) -> subprocess.Popen[bytes]:
        found.append(start(*words, **how))  # type: ignore[call-overload]
        return found[-1]

    monkeypatch.setattr(flood.subprocess, "Popen", note)
    yield found
    for process in found:
        process.kill()
        process.wait()


def chaos(folder: Path, program: str, *, behind_after_s: float = 0.3) -> Chaos:
    """A cluster in which a node is behind after a while, and a program in place of the burst."""
    behind_s = time.monotonic() + behind_after_s
    site = SimpleNamespace(
        cluster_file=folder / "cluster.json", servers=list,
        wrap=lambda host, command: [sys.executable, "-c", program, command[3]],
    )  # fmt: skip
    return cast(
        Chaos,
        SimpleNamespace(site=site, client_hosts=["client1"], behind_the_log=lambda name: time.monotonic() > behind_s),
    )


def test_a_burst_ends_when_it_is_told_to(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    """Once the log no longer reaches back, and not before."""
    flood.flood(chaos(tmp_path, UNTIL_TOLD), "mds3")
    assert started[0].returncode == 0


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (f"{UNTIL_TOLD}\nsys.exit(3)", "ended with exit status 3"),
        ("import sys; sys.exit(1)", "ended by itself with exit status 1"),
        ("", "ended by itself with exit status 0"),
        ("import time; time.sleep(60)", "does not end within 1 s"),
    ],
)
def test_a_burst_that_fails_fails_the_run(
    program: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    """A change that failed, or hangs for ever, though a majority serves; also once the node is behind."""
    monkeypatch.setattr(flood, "END_TIMEOUT_S", 1.0)
    with pytest.raises(ChaosError, match=said):
        flood.flood(chaos(tmp_path, program), "mds3")
    assert started[0].poll() is not None


def test_a_burst_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[bytes]]
) -> None:
    """The log still reaches back: there would be no snapshot to install."""
    monkeypatch.setattr(flood, "FLOOD_TIMEOUT_S", 0.2)
    with pytest.raises(ChaosError, match="still reaches back to mds3"):
        flood.flood(chaos(tmp_path, UNTIL_TOLD, behind_after_s=60.0), "mds3")
    assert started[0].poll() is not None
