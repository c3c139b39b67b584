"""Asking fence agents: what an answer means, and that an agent can neither hang, nor flood, nor outlive who asked."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import MagicMock
from urllib.parse import quote

import pytest

from fencing import guard
from fencing.agents import OUTPUT_BYTES_MAX, TEXT_MAX, Answer, Result, ask, judge
from fencing.device import Device

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "open-sesame"
_HEAD = "#!/bin/sh\ntold=$(cat)\n"


def device(tmp_path: Path, script: str, timeout_ms: int = 5_000) -> Device:
    """A device whose agent is a shell script; ``$told`` is what it was told."""
    agent, secret = tmp_path / "agent", tmp_path / "secret"
    agent.write_text(_HEAD + script)
    agent.chmod(0o755)
    secret.write_text(f"# the BMC's\npassword={PASSWORD}\n")
    secret.chmod(0o600)
    return Device("pdu", "mds2", str(agent), ("ip=10.0.0.1", "plug=7"), (secret,), timeout_ms)


def answer(asked: Device, action: str) -> Answer:
    return asyncio.run(ask(asked, action))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def await_pid(file: Path) -> int:
    deadline = time.monotonic() + 10
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < deadline, "the agent did not start"
        time.sleep(0.01)
    return int(file.read_text())


@pytest.mark.parametrize(
    ("action", "code", "said", "result"),
    [
        ("off", 0, b"", Result.DONE),
        ("off", 1, b"", Result.FAILED),
        ("off", 2, b"", Result.FAILED),
        ("monitor", 0, b"", Result.DONE),
        ("status", 0, b"Status: ON\n", Result.ON),
        ("status", 0, b"", Result.ON),
        ("status", 2, b"Status: OFF\n", Result.OFF),
        ("status", 2, b"status: off", Result.OFF),
        ("status", 2, b"", Result.FAILED),
        ("status", 2, b"ERROR: unknown argument; Status: OFF?", Result.FAILED),
        ("status", 0, b"Status: OFF\n", Result.FAILED),
        ("status", 1, b"Status: OFF\n", Result.FAILED),
        ("status", guard.EXIT_TIMED_OUT, b"Status: OFF\n", Result.TIMED_OUT),
        ("status", guard.EXIT_SIGNALLED, b"Status: OFF\n", Result.FAILED),
        ("off", guard.EXIT_ABANDONED, b"", Result.FAILED),
        ("off", -9, b"", Result.FAILED),
    ],
)
def test_only_what_is_certain_counts(action: str, code: int, said: bytes, result: Result) -> None:
    """INV-9: exit status 2 is also what agents say of bad arguments; off is only what says so in both ways."""
    assert judge(action, code, said, 1_000, []).result is result


def test_it_is_told_by_standard_input_only(tmp_path: Path) -> None:
    """Command lines and environments can be read by others."""
    seen = tmp_path / "seen"
    script = f'echo "$# arguments" > {seen}; env >> {seen}; echo "$told" > {seen}.told\n'
    assert answer(device(tmp_path, script), "off").result is Result.DONE
    assert Path(f"{seen}.told").read_text().splitlines() == [
        "action=off", "ip=10.0.0.1", "plug=7", f"password={PASSWORD}",
    ]  # fmt: skip
    shown = seen.read_text()
    assert shown.startswith("0 arguments\n")
    assert PASSWORD not in shown
    assert "HOME" not in shown, "the node's own environment is none of an agent's business"


def test_the_guard_does_not_show_the_secret_either(tmp_path: Path) -> None:
    script = f"tr '\\0' ' ' < /proc/$PPID/cmdline > {tmp_path}/line; cat /proc/$PPID/environ >> {tmp_path}/line"
    answer(device(tmp_path, script), "off")
    line = (tmp_path / "line").read_text()
    assert "guard.py" in line, "vacuous: not the guard's command line"
    assert PASSWORD not in line


def test_what_it_says_is_bounded_and_without_secrets(tmp_path: Path) -> None:
    script = f"yes 'login {PASSWORD} refused' | head -c 3000000; echo 'the last {PASSWORD} word'; exit 1\n"
    said = answer(device(tmp_path, script), "off")
    assert said.result is Result.FAILED
    assert PASSWORD not in said.text
    assert "login *** refused" in said.text
    assert len(said.text) <= TEXT_MAX
    long = judge("off", 1, b"x" * OUTPUT_BYTES_MAX, 1_000, [])
    assert len(long.text) == TEXT_MAX


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("Failed: Unable to obtain correct plug status or plug is not available", "password"),
        ("Connection timed out", "cannot be reached"),
        ("Failed: Timed out waiting to power OFF", "the power stayed on"),
        ("Traceback (most recent call last):\n  File ...\nKeyError: 'Members'", "user name or password: KeyError"),
    ],
)
def test_errors_are_said_in_the_operators_words(words: str, meaning: str) -> None:
    assert meaning in judge("status", 1, words.encode(), 1_000, []).text


@pytest.mark.parametrize("hangs", ["sleep 60", "trap '' TERM HUP INT; sleep 60 & wait; sleep 60"])
def test_one_that_hangs_is_ended_with_all_it_started(tmp_path: Path, hangs: str) -> None:
    """INV-9: one that came to life later would cut the power of a node that is well by then."""
    script = f"setsid sleep 61 & echo $! > {tmp_path}/child; {hangs}\n"
    began = time.monotonic()
    said = answer(device(tmp_path, script, timeout_ms=700), "off")
    assert said == Answer(Result.TIMED_OUT, "no answer within 0.7 s")
    assert time.monotonic() - began < 3
    assert not is_alive(await_pid(tmp_path / "child")), "what it started in a session of its own is left"


def test_secrets_are_not_told_in_other_spellings_either(tmp_path: Path) -> None:
    """As a URL has them, and as a command has them that an agent tells of (fencing_snmp.py, shlex)."""
    secret = "it's/a&secret"
    told = [quote(secret, safe=""), shlex.quote(secret), secret.replace("'", "'\\''"), secret]
    said = answer(_says(tmp_path, " and ".join(told), secret), "off").text
    assert said.replace("'", "") == "*** and *** and *** and ***"


@pytest.mark.parametrize("written", ['"hunter2"', "hunter2  ", ' "hunter2"'])
def test_nor_are_they_as_agents_read_them(tmp_path: Path, written: str) -> None:
    """fencing.py takes blanks around a value away, and quotes."""
    assert answer(_says(tmp_path, "login hunter2 refused", written), "off").text == "login *** refused"


def _says(tmp_path: Path, words: str, secret: str) -> Device:
    (tmp_path / "words").write_text(words)
    asked = device(tmp_path, f"cat {tmp_path}/words\nexit 1")
    asked.secret_files[0].write_text(f"community={secret}\n")
    return asked


def test_one_that_leaves_something_behind_is_not_waited_for(tmp_path: Path) -> None:
    """It holds the pipe open, and it is ended."""
    script = f"setsid sleep 61 & echo $! > {tmp_path}/child; echo Status: ON\n"
    began = time.monotonic()
    assert answer(device(tmp_path, script), "status").result is Result.ON
    assert time.monotonic() - began < 3
    assert not is_alive(await_pid(tmp_path / "child"))


def test_cancelled_it_ends_the_agent(tmp_path: Path) -> None:
    asked = device(tmp_path, f"echo $$ > {tmp_path}/pid; sleep 60\n", timeout_ms=30_000)

    async def run() -> int:
        task = asyncio.create_task(ask(asked, "off"))
        pid = await asyncio.to_thread(await_pid, tmp_path / "pid")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    assert not is_alive(asyncio.run(run()))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_agent_does_not_outlive_who_asked(tmp_path: Path, how: signal.Signals) -> None:
    """INV-9: an executor that dies in the middle leaves nothing that acts later, when another has taken over."""
    asked = device(tmp_path, f"echo $$ > {tmp_path}/pid; sleep 60\n", timeout_ms=30_000)
    program = (
        "import asyncio; from pathlib import Path; from fencing.agents import ask; from fencing.device import Device\n"
        f"asyncio.run(ask(Device('d', 'n', {asked.agent!r}, timeout_ms=30_000), 'off'))\n"
    )
    asker = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        agent = await_pid(tmp_path / "pid")
    finally:
        os.kill(asker.pid, how)
        asker.wait()
    deadline = time.monotonic() + 5
    while is_alive(agent):
        assert time.monotonic() < deadline, "the agent goes on"
        time.sleep(0.01)


def test_an_agent_whose_time_is_over_is_not_even_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-9: a node that stood still between deciding to ask and asking does not ask any more."""
    asked = device(tmp_path, f"touch {tmp_path}/started\n")
    assert asyncio.run(ask(asked, "off", 0)).result is Result.TIMED_OUT
    assert not (tmp_path / "started").exists()
    started: list[object] = []

    def start(*arguments: object, **_: object) -> None:
        started.append(arguments)
        raise OSError(2, "this is a test")

    monkeypatch.setattr(guard, "_libc", MagicMock())
    monkeypatch.setattr(guard, "_read_input", lambda deadline: b"action=off\n")
    monkeypatch.setattr(guard.subprocess, "Popen", start)
    assert guard.main(time.monotonic() - 1, 100, asked.agent) == guard.EXIT_TIMED_OUT
    assert not started
    assert guard.main(time.monotonic() + 1, 100, asked.agent) == guard.EXIT_NOT_STARTED
    assert started, "vacuous: it is not started like this"


@pytest.mark.parametrize(
    ("script", "words"),
    [("kill -9 $$\n", "the agent crashed"), ("exit 7\n", "exit status 7"), ("exec 0<&-; exit 1\n", "exit status 1")],
)
def test_one_that_breaks_has_failed(tmp_path: Path, script: str, words: str) -> None:
    said = answer(device(tmp_path, script), "off")
    assert said.result is Result.FAILED
    assert words in said.text


def test_what_cannot_be_run_says_why(tmp_path: Path) -> None:
    """And never that it was done."""
    asked = device(tmp_path, "")
    secret = asked.secret_files[0]
    secret.chmod(0o640)
    assert "mode 0640: others could read the password" in answer(asked, "off").text
    secret.unlink()
    assert f"cannot read {secret}: No such file" in answer(asked, "off").text
    missing = Device("d", "n", "fence_of_no_such_kind")
    assert answer(missing, "off") == Answer(
        Result.FAILED, "there is no program fence_of_no_such_kind: install it (on Debian: apt install fence-agents)"
    )
    plain = tmp_path / "plain"
    plain.write_text("no program")
    assert "Permission denied" in answer(Device("d", "n", str(plain)), "off").text
