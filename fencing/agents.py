"""Asking a power device through a fence agent of ClusterLabs, or a program that keeps the same contract.

The contract (FenceAgentAPI): lines ``key=value`` on standard input, ``action`` among them; exit status 0: done, or, for
``status``, the power is on; 2 for ``status``: the power is off; anything else: it failed. As 2 is also what agents say
of arguments that they do not like, only one that says "Status: OFF" as well has seen the power off.

Whatever an agent does, an answer comes within its time and a little more, and nothing of it runs on
(:mod:`fencing.guard`). Secrets go by standard input only, and are removed from what an agent says.
"""

from __future__ import annotations

import asyncio
import enum
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from fencing import guard
from fencing.device import Device, DeviceError, is_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

OUTPUT_BYTES_MAX: Final = 16 << 10
TEXT_MAX: Final = 300
"""Characters of an answer's text."""
_GRACE_S: Final = 3.0
"""The guard ends an agent and itself by then."""
_GUARD: Final = str(Path(guard.__file__))
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "LANG": "C", "PYTHONWARNINGS": "ignore"}
_OFF: Final = re.compile(rb"^\s*status:\s*off\s*$", re.IGNORECASE | re.MULTILINE)
_HIDDEN: Final = "***"
_MEANS: Final = (
    ("Unable to establish IPMI", "the BMC refuses the session: user name or password are wrong, or lanplus is missing"),
    ("Unable to obtain correct plug status", "no power state to be had: user name, password or plug may be wrong"),
    ("Couldn't get power information", "no power state to be had: user name or password may be wrong"),
    ("KeyError: 'Members'", "it refuses user name or password"),  # fence_redfish 4.12 meant to say so
    ("Unable to get PowerState", "no power state to be had: user name or password may be wrong"),
    ("Unable to connect/login", "it cannot be reached, or refuses user name or password"),
    ("Connection timed out", "it cannot be reached, or does not answer"),
    ("Connection refused", "nothing listens at that address and port"),
    ("No route to host", "it cannot be reached"),
    ("Timed out waiting to power OFF", "it took the command, and the power stayed on"),
    ("Timed out waiting to power ON", "it took the command, and the power stayed off"),
)
"""What agents say, and what that means to an operator."""
_SECRET_SHORTEST: Final = 3
_QUOTES: Final = ("'\\''", "'\"'\"'")
"""How a shell is told an apostrophe within apostrophes: by fencing_snmp.py, by Python's shlex."""
_TRACEBACK: Final = "Traceback (most recent call last):"
_NOISE: Final = re.compile(r"^(\d{4}-\d\d-\d\d [\d:,]+ )?(DEBUG|INFO|WARNING|ERROR): ?|^Please use '-h' for usage$")


class Result(enum.Enum):
    """What came of an action."""

    DONE = "done"
    ON = "the power is on"
    OFF = "the power is off"
    FAILED = "failed"
    TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True)
class Answer:
    """An agent's answer."""

    result: Result
    text: str
    """For the operator; without secrets, of at most :data:`TEXT_MAX` characters."""

    def __str__(self) -> str:
        return self.text or self.result.value


async def ask(device: Device, action: str, timeout_ms: int | None = None) -> Answer:
    """One action of one device: ``on``, ``off``, ``reboot``, ``status``, ``monitor``, ``validate-all`` or ``metadata``.

    ``timeout_ms``: less than the device's own, where there is less time. Never raises for what a device or agent does.
    Cancelled, it ends the agent first.
    """
    limit_ms = device.timeout_ms if timeout_ms is None else min(device.timeout_ms, timeout_ms)
    if limit_ms <= 0:
        return Answer(Result.TIMED_OUT, "no time was left")
    try:
        program, secrets = device.program(), device.secrets()
    except DeviceError as problem:
        return Answer(Result.FAILED, str(problem))
    lines = [f"action={action}", *device.options, *secrets]
    hidden = [line.partition("=")[2] for line in (*secrets, *filter(_is_secret, device.options))]
    told = "".join(line + "\n" for line in lines).encode()
    try:
        code, said = await _run(program, told, limit_ms / 1000)
    except OSError as problem:
        return Answer(Result.FAILED, f"the agent could not be started: {problem.strerror}")
    return judge(action, code, said, limit_ms, hidden)


def _is_secret(option: str) -> bool:
    return is_secret(option.partition("=")[0])


async def _run(program: Path, told: bytes, limit_s: float) -> tuple[int, bytes]:
    """The guard's exit status and what it passed on."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", _GUARD, f"{time.monotonic() + limit_s:.3f}", str(OUTPUT_BYTES_MAX), str(program),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=_ENVIRONMENT, cwd="/",
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(told + b"\0")
        said = await asyncio.wait_for(process.stdout.read(), limit_s + _GRACE_S)
        return await asyncio.wait_for(process.wait(), _GRACE_S), said
    except TimeoutError:
        return guard.EXIT_TIMED_OUT, b""
    finally:
        process.stdin.close()  # the guard ends what there is left
        if process.returncode is None:
            await _gone(process)


async def _gone(process: asyncio.subprocess.Process) -> None:
    """The guard was told to end: see that it does."""
    try:
        await asyncio.wait_for(process.wait(), _GRACE_S)
    except TimeoutError:
        process.kill()  # its agent dies with it
        await process.wait()


def judge(action: str, code: int, said: bytes, limit_ms: int, secrets: Iterable[str]) -> Answer:
    """What an exit status and an output mean."""
    text = readable(said, secrets)
    if code == guard.EXIT_TIMED_OUT:
        return Answer(Result.TIMED_OUT, _bounded(f"no answer within {limit_ms / 1000:g} s", text))
    if code in (guard.EXIT_NOT_STARTED, guard.EXIT_ABANDONED):
        return Answer(Result.FAILED, _bounded("the agent could not be run", text))
    if code == guard.EXIT_SIGNALLED or code < 0:
        return Answer(Result.FAILED, _bounded("the agent crashed", text))
    if action == "status":
        return _judge_status(code, said, text)
    return Answer(Result.DONE, text) if code == 0 else _failed(code, text)


def _failed(code: int, text: str) -> Answer:
    means = next((meaning for words, meaning in _MEANS if words in text), "")
    if means:
        return Answer(Result.FAILED, _bounded(means, text))
    return Answer(Result.FAILED, text or f"the agent failed with exit status {code}")


def _judge_status(code: int, said: bytes, text: str) -> Answer:
    says_off = _OFF.search(said) is not None
    if code == 2 and says_off:
        return Answer(Result.OFF, text)
    if code == 0 and not says_off:
        return Answer(Result.ON, text)
    if code == 0:
        return Answer(Result.FAILED, _bounded("the agent contradicts itself: exit status 0 means on", text))
    if code == 2:
        return Answer(Result.FAILED, _bounded("exit status 2, but it does not say 'Status: OFF'", text))
    return _failed(code, text)


def readable(said: bytes, secrets: Iterable[str] = ()) -> str:
    """The end of what an agent said, on one line, without secrets: as they are, as agents read them, and as they write
    them into URLs and into commands that they tell of."""
    text = said.decode(errors="replace")
    known = {form for secret in secrets for form in (secret, _as_read(secret))}
    spellings = {
        spelt for secret in known for spelt in (secret, quote(secret, safe=""), *(
            secret.replace("'", quoted) for quoted in _QUOTES
        ))
    }  # fmt: skip
    for secret in sorted(spellings, key=len, reverse=True):
        if len(secret) >= _SECRET_SHORTEST:  # shorter ones would hide half of every text, and protect nothing
            text = text.replace(secret, _HIDDEN)
    before, crashed, trace = text.partition(_TRACEBACK)
    whole = [*before.splitlines(), *(trace.strip().splitlines()[-1:] if crashed else [])]
    lines = (_NOISE.sub("", line.strip()).strip() for line in whole)
    kept = list(dict.fromkeys("".join(c if c.isprintable() else " " for c in line) for line in lines if line))
    return "; ".join(kept)[-TEXT_MAX:]


def _as_read(value: str) -> str:
    """What fence agents make of a value (fencing.py, ``_parse_input_stdin``): without blanks around it, or quotes."""
    bare = value.strip()
    return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] == '"' else bare


def _bounded(first: str, then: str) -> str:
    return (f"{first}: {then}" if then else first)[:TEXT_MAX]

