"""A power device of a node, as the operator configured it, and what an agent is told on its standard input."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TIMEOUT_MS_MIN: Final = 500
TIMEOUT_MS_MAX: Final = 120_000
ATTEMPTS_MAX: Final = 5
SECRETS_BYTES_MAX: Final = 64 << 10
_AGENT: Final = re.compile(r"[A-Za-z0-9_.-]+")
_OPTION: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*=[^\n\r\0]*")
SECRET_KEYS: Final = frozenset(
    ("password", "passwd", "snmp_priv_passwd", "hexadecimal_kg", "community", "apikey", "api_key", "access_key",
     "secret_key", "secretkey", "token", "api_token")
)  # fmt: skip
"""What gives power over machines to whoever reads it: taken from files of mode 0600 only, and never told."""
_RESERVED_KEYS: Final = frozenset(("action", "option"))
_SAME_AS: Final = {"ipaddr": "ip", "port": "plug", "login": "username"}
"""Older names of parameters (fence-agents, fencing.py: "obsoletes")."""
_MANNERS: Final = frozenset(
    ("username", "privlvl", "lanplus", "auth", "cipher", "method", "verbose", "verbose_level", "quiet", "debug",
     "debug_file", "delay", "disable_timeout", "retry_on", "power_wait", "stonith_status_sleep", "ssl", "ssl_secure",
     "ssl_insecure", "ssh", "secure", "ssh_options", "identity_file", "inet4_only", "inet6_only", "snmp_version",
     "snmp_sec_level", "snmp_auth_prot", "snmp_priv_prot")
)  # fmt: skip
"""How a device is asked, not which one it is; with them every ..._timeout and ..._path."""
_PLACES: Final = frozenset(("ip", "ipport", "plug"))
AGENT_DIRECTORIES: Final = (Path("/usr/sbin"), Path("/usr/local/sbin"), Path("/usr/bin"), Path("/sbin"))
"""Where an agent given by its name is looked for."""


class DeviceError(ValueError):
    """A device cannot be used as it is configured. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class Device:
    """One way to a node's power. A node's devices are tried in the order of the file."""

    name: str
    """What logs and the history call it."""
    node: str
    """The node whose power it switches."""
    agent: str
    """A fence agent by its name (fence_ipmilan, fence_redfish, fence_apc, ...), or the path of a program that keeps the
    same contract (docs/FENCING.md)."""
    options: tuple[str, ...] = ()
    """What the agent is told on its standard input, each "key=value": see its manual page (STDIN PARAMETERS)."""
    secret_files: tuple[Path, ...] = ()
    """Files of further such lines (password=...), readable by the service's user only."""
    timeout_ms: int = 15_000
    """An agent that takes longer for one action is ended, and has failed."""
    attempts: int = 2
    """How often the device is tried before the next one is."""

    def validate(self) -> None:
        """:class:`DeviceError` for what cannot work. Opens no file."""
        where = f"fencing device {self.name!r}"
        if not self.name or not self.name.isprintable():
            raise DeviceError("a fencing device needs a name")
        if not Path(self.agent).is_absolute() and not _AGENT.fullmatch(self.agent):
            told = f"{agent_told(self.agent)!r} is neither the name of a fence agent nor the path of a program"
            raise DeviceError(f"{where}: {told}")
        for number, option in enumerate(self.options, 1):
            if not _OPTION.fullmatch(option):  # and is not shown: it may be meant for a password
                raise DeviceError(f"{where}: entry {number} of options is not key=value")
            _check_key(where, option)
            if is_secret(_key(option)):
                raise DeviceError(f"{where}: {_key(option)} belongs into a file of its own (secret_files), mode 0600")
        if not TIMEOUT_MS_MIN <= self.timeout_ms <= TIMEOUT_MS_MAX:
            raise DeviceError(f"{where}: timeout_ms must be {TIMEOUT_MS_MIN} to {TIMEOUT_MS_MAX}")
        if not 1 <= self.attempts <= ATTEMPTS_MAX:
            raise DeviceError(f"{where}: attempts must be 1 to {ATTEMPTS_MAX}")

    def program(self) -> Path:
        """The agent's program. :class:`DeviceError` when it is not installed."""
        if Path(self.agent).is_absolute():
            candidates = [Path(self.agent)]
        else:
            candidates = [directory / self.agent for directory in AGENT_DIRECTORIES]
        for candidate in candidates:
            if candidate.is_file():
                return candidate
        raise DeviceError(
            f"there is no program {agent_told(self.agent)}"
            + ("" if Path(self.agent).is_absolute() else ": install it (on Debian: apt install fence-agents)")
        )

    @property
    def outlet(self) -> tuple[str, ...]:
        """What tells the power that it switches from that of others: agent, address, plug. Equal: it is the same.

        Without an address among the options one may stand in the secret files: then these count, too.
        """
        named = {key: value for key, value in map(_pair, self.options) if not _is_manner(key) and not is_secret(key)}
        files = () if "ip" in named else (str(path) for path in self.secret_files)
        return self.agent, *(f"{key}={value}" for key, value in sorted(named.items())), *files

    @property
    def place(self) -> str:
        """The outlet for people: agent, address, plug. Of other parameters the names: one may be a misspelt secret."""
        agent, *rest = self.outlet
        return " ".join((agent, *map(_told, rest)))

    def secrets(self) -> list[str]:
        """The lines of the secret files. :class:`DeviceError`, which never shows a secret, when they cannot be used."""
        lines: list[str] = []
        for path in self.secret_files:
            lines += _read_secrets(path)
        return lines


def is_secret(key: str) -> bool:
    """Whether a parameter of an agent, in any of its spellings, may stand in no file that others can read."""
    return plain_key(key) in SECRET_KEYS


def plain_key(key: str) -> str:
    """An agent takes "snmp-priv-passwd" and "snmp_priv_passwd" for the same."""
    return key.strip().replace("-", "_").lower()


def agent_told(agent: str) -> str:
    """An agent for people: without what may stand behind it by mistake, as that may be a password."""
    first, *rest = agent.split() or [""]
    return f"{first} ..." if rest else agent


def file_told(path: Path) -> Path:
    """A secret file for people: without its name where that looks like a line that belongs into it."""
    return path if "=" not in path.name else path.parent / "..."


def same_outlet(devices: Iterable[Device]) -> Iterator[tuple[Device, Device]]:
    """Devices of different nodes that switch the same power, with the one that was named first: whoever fences one of
    these nodes switches the other one off."""
    first: dict[tuple[str, ...], Device] = {}
    for device in devices:
        other = first.setdefault(device.outlet, device)
        if other.node != device.node:
            yield other, device


def _read_secrets(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(SECRETS_BYTES_MAX)
    except OSError as problem:
        raise DeviceError(f"cannot read {file_told(path)}: {problem.strerror}") from problem
    if mode & 0o077:
        raise DeviceError(f"{path} has mode {mode:04o}: others could read the password; set it to 0600")
    try:
        lines = [line for line in raw.decode().splitlines() if line and not line.startswith("#")]
    except UnicodeDecodeError as problem:
        raise DeviceError(f"{path} is no UTF-8 text") from problem
    for number, line in enumerate(lines, 1):
        if not _OPTION.fullmatch(line):
            raise DeviceError(f"{path}: entry {number} is not key=value")
        _check_key(str(path), line)
    return lines


def _key(option: str) -> str:
    return plain_key(option.partition("=")[0])


def _pair(option: str) -> tuple[str, str]:
    key, value = _key(option), option.partition("=")[2].strip()
    return _SAME_AS.get(key, key), value


def _told(word: str) -> str:
    key, is_option, _ = word.partition("=")
    return f"{key}=..." if is_option and key not in _PLACES else word


def _is_manner(key: str) -> bool:
    return key in _MANNERS or key.endswith(("_timeout", "_path"))


def _check_key(where: str, option: str) -> None:
    if _key(option) in _RESERVED_KEYS:
        raise DeviceError(f"{where}: {_key(option)} is not for you to set: it is what the agent is asked to do")
