"""docs/RUNBOOK.md as somebody who follows it types it: every command of a section, one after the other.

On processes of a test (:class:`OnProcesses`), all of one user, for which the service manager and its journal are played
here, or on machines with a systemd of their own (:class:`OnMachines`), where nothing is played.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from dataserver.config import DsConfig
from mdscluster.config import NodeConfig
from tests.support.cluster import OPERATOR, ROOT
from tests.support.embedded import Embedded
from tests.support.hanet import Hanet
from tests.support.machine import Machine

PAGE: Final = ROOT / "docs" / "RUNBOOK.md"
FIRST: Final = "Always first"
"""What stands in front of all sections."""
_TABLE: Final = "\n## What goes wrong"
_SECTION: Final = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`([^`]+)`")
_CHANGING: Final = re.compile(
    r"(?:mdsctl|mdscluster|dataserver)(?: [a-z][a-z-]*)+|systemctl (?:start|stop|restart|reload) [a-z-]+"
)
_PLACE: Final = re.compile(
    r"\b(?:NODE|DS|CLIENT|LOST|CONFIG|DATA_DIR|RENDERED|ADDRESS|INTERFACE|AGENT|OPTIONS|SECRET|HOST:\d+)\b"
)
_OF_DEVICE: Final = ("AGENT", "OPTIONS", "SECRET")
_BY_A_DEVICE: Final = re.compile(r"\(echo action=")
"""What is typed on another metadata server's host, as NODE's own is to go off. The page says so, too."""
_INSTALL: Final = re.compile(r"\bblock \*([^*]+)\*|\*([^*]+)\* in INSTALL\.md")
_UNIT: Final = re.compile(r"systemctl (start|stop) mdscluster-(mds|ds-(\w+))")
_JOURNAL: Final = re.compile(r"journalctl -u (?:mdscluster-(?:mds|ds-(\w+))|'mdscluster-\*' [^|]*)")
_AS_USER: Final = re.compile(r"^runuser -u [\w-]+ -- | -o mdscluster\S* -g mdscluster\S*")
"""As whom servers run where they are deployed; on processes of a test that is whoever runs it, and is left out."""
_AT_HOME: Final = re.compile(r"(?:mdsctl|curl)\b")
"""What is typed on the operator's machine; all else on the host concerned. The page says so, too."""
_END_S: Final = 30.0
_COMMAND_S: Final = 120.0
_NOTHING: Final[Mapping[str, Callable[[], object]]] = MappingProxyType({})


def commands() -> dict[str, list[str]]:
    """Section -> the lines of its shell blocks, without what is said about them."""
    text = PAGE.read_text(encoding="utf-8")
    sections = {FIRST: text.partition("\n## ")[0], **dict(_SECTION.findall(text))}
    return {
        name: [line.partition("  #")[0].rstrip() for block in _BLOCK.findall(body) for line in block.splitlines()]
        for name, body in sections.items()
    }


def in_sentences() -> set[str]:
    """Commands by which something is changed, and which no block has: the first words of each, without its options."""
    text = PAGE.read_text(encoding="utf-8").partition(_TABLE)[0]
    typed = [_AS_USER.sub("", line) for lines in commands().values() for line in lines]
    found = {" ".join(words.split()) for words in _CODE.findall(_BLOCK.sub("", text))}
    changing = {match[0].strip() for words in found if (match := _CHANGING.match(words))}
    return {words for words in changing if not any(line.startswith(words) for line in typed)}


class Row(NamedTuple):
    """Of the table at the end of the page: what somebody reads, and what is to be done."""

    says: str
    do: str
    tests: tuple[str, ...]
    """Modules that make it happen, as paths below ``tests/``."""

    def told(self) -> list[str]:
        """What it quotes: commands, places and messages."""
        return _CODE.findall(self.says)


def rows() -> dict[str, Row]:
    """By their first column."""
    table = PAGE.read_text(encoding="utf-8").partition(_TABLE)[2]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    found = {}
    for what, says, last in cells:
        do, _, tests = last.rpartition(" (`")
        found[what] = Row(says, do, tuple(re.findall(r"[\w/]+\.py", tests)))
    assert len(found) == len(cells), "two rows of one name"
    return found


def row(what: str) -> Row:
    """What is to be done about something that goes wrong."""
    return rows()[what]


def install_blocks(section: str) -> list[str]:
    """The blocks of a host's INSTALL.md that a section of the page, or a row of its table, says to run: beginnings of
    the headings above them, in order."""
    found = rows()
    said = found[section].do if section in found else dict(_SECTION.findall(PAGE.read_text(encoding="utf-8")))[section]
    blocks = [" ".join((one or other).split()) for one, other in _INSTALL.findall(said)]
    assert blocks, f"{section} names no block of INSTALL.md"
    return blocks


class Typed(NamedTuple):
    """A command as it was given, and what became of it."""

    command: str
    code: int
    told: str


class Operator(ABC):
    """Follows sections of the page."""

    def __init__(self) -> None:
        self._page = commands()
        self.followed: set[str] = set()

    def follow(
        self, section: str, may_fail: Sequence[str] = (), *, before: Mapping[str, Callable[[], object]] = _NOTHING,
        after: Mapping[str, Callable[[], object]] = _NOTHING, **names: str,
    ) -> list[Typed]:  # fmt: skip
        """Give every command of a section. ``names``: what stands for NODE, DS, CLIENT, LOST there.

        ``before`` and ``after``: how commands begin -> what a person does or waits for then, as the page's words say.
        """
        self.followed.add(section)
        assert self._page[section], f"{section} has no command"
        waiting = {*before, *after}
        typed = []
        for line in self._page[section]:
            command = _PLACE.sub(lambda found: self._name(found[0], names), line)
            _do(before, command, waiting)
            typed.append(Typed(command, *self._give(command, names)))
            _, code, told = typed[-1]
            assert code == 0 or command.startswith(tuple(may_fail)), f"{section}: {command}: {code}\n{told}"
            _do(after, command, waiting)
        assert not waiting, f"{section} has no command that begins so: {waiting}"
        return typed

    @abstractmethod
    def _name(self, place: str, names: dict[str, str]) -> str:
        """What stands for a word in capitals."""

    @abstractmethod
    def _give(self, command: str, names: dict[str, str]) -> tuple[int, str]:
        """Run a command where it belongs; exit code and output."""


def _do(acts: Mapping[str, Callable[[], object]], command: str, waiting: set[str]) -> None:
    for beginning, act in acts.items():
        if command.startswith(beginning):
            waiting.discard(beginning)
            act()


class OnProcesses(Operator):
    """On a cluster of real processes of this machine; ``mdsctl`` and ``mdscluster`` are on the PATH as they are."""

    def __init__(self, cluster: Embedded, folder: Path, http: dict[str, str]) -> None:
        """``http``: by server, where it answers whoever watches."""
        super().__init__()
        self._cluster = cluster
        self._folder = folder
        self._http = http
        self.stand_ins: dict[str, Callable[[], str]] = {}
        """Commands that are not given, as they would change this machine -> what happens instead, and is printed."""

    def _name(self, place: str, names: dict[str, str]) -> str:
        if place.startswith("HOST:"):
            return self._http[names["DS" if place == "HOST:20990" else "NODE"]]
        if place == "RENDERED":
            return str(self._cluster.base_dir)
        if place in ("CONFIG", "DATA_DIR"):
            kind, server = ("ds", names["DS"]) if "DS" in names else ("mds", names["NODE"])
            config = Path(self._cluster.nodes(kind)[server]["config"])
            if place == "CONFIG":
                return str(config)
            return str(DsConfig.load(config).data_dir if kind == "ds" else NodeConfig.load(config).data_dir)
        if place in _OF_DEVICE:
            other = next(name for name in self._cluster.nodes() if name != names["NODE"])
            config = Path(self._cluster.nodes()[other]["config"])
            return _of_device(config.read_text(encoding="utf-8"), config.parent, names["NODE"], place)
        return names[place]

    def _give(self, command: str, names: dict[str, str]) -> tuple[int, str]:
        if unit := _UNIT.fullmatch(command):
            return 0, self._systemctl(unit[1], unit[3] or names["NODE"], "ds" if unit[3] else "mds")
        if command in self.stand_ins:
            return 0, self.stand_ins[command]()
        command = _AS_USER.sub("", command)
        command = _JOURNAL.sub(lambda unit: f"cat {self._logs(unit[1] or names['NODE'])}", command)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, cwd=self._folder, timeout=_COMMAND_S, check=False,
            env={**os.environ, "PATH": path, "MDSCTL_CLUSTER": str(self._cluster.file)},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def _logs(self, server: str) -> str:
        """Words for a shell: all that a server has logged."""
        return shlex.join(map(str, sorted((self._cluster.base_dir / server / "log").glob("*.log"))))

    def _systemctl(self, verb: str, server: str, kind: str) -> str:
        """What a service manager does to a server's process; there is none for processes of a test."""
        if verb == "start":
            self._cluster.start(server, kind)
            return f"{server} was started"
        pid = self._cluster.pid(server)
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _END_S
        while not _ended(pid):
            assert time.monotonic() < deadline, f"{server} does not stop"
            time.sleep(0.05)
        return f"{server} was stopped"


def _of_device(config: str, folder: Path, node: str, place: str) -> str:
    """What somebody types who has another server's configuration file, in ``folder``, before their eyes: of a node's
    first device."""
    device = next(each for each in tomllib.loads(config)["fencing"]["devices"] if each["node"] == node)
    if place == "AGENT":
        return str(device["agent"])
    if place == "OPTIONS":
        return shlex.join(device["options"])
    return shlex.join(str(folder / file) for file in device.get("secret_files") or ["/dev/null"])


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class OnMachines(Operator):
    """On machines with a systemd of their own: NODE's is the host concerned."""

    def __init__(self, net: Hanet, machines: dict[str, Machine], cluster_file: Path, names: dict[str, str]) -> None:
        """``cluster_file``: mdsctl's. ``names``: what stands for the same everywhere, ADDRESS and INTERFACE."""
        super().__init__()
        self._net = net
        self._machines = machines
        self._cluster_file = cluster_file
        self._names = names

    def _name(self, place: str, names: dict[str, str]) -> str:
        if place.startswith("HOST:"):
            return f"{self._net.hosts[names['NODE']]}:{place.removeprefix('HOST:')}"
        if place in _OF_DEVICE:
            other = self._another(names["NODE"])
            folder = Path("/etc/mdscluster", other)
            text = self._machines[other].run(f"cat {folder / other}.toml").stdout
            return _of_device(text, folder, names["NODE"], place)
        server = names.get("DS") or names.get("NODE", "")
        where = {
            "CONFIG": f"/etc/mdscluster/{server}/{server}.toml", "DATA_DIR": f"/var/lib/mdscluster/{server}",
            "RENDERED": str(self._cluster_file.parent),
        }  # fmt: skip
        return {**where, **self._names, **names}[place]

    def _give(self, command: str, names: dict[str, str]) -> tuple[int, str]:
        if not _AT_HOME.match(command):
            host = self._another(names["NODE"]) if _BY_A_DEVICE.match(command) else names["NODE"]
            done = self._machines[host].run(command, check=False, timeout_s=_COMMAND_S)
            return done.returncode, done.stdout + done.stderr
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            self._net.wrap(OPERATOR, ["sh", "-c", command]), capture_output=True, text=True, cwd=ROOT,
            timeout=_COMMAND_S, check=False,
            env={**os.environ, "PATH": path, "MDSCTL_CLUSTER": str(self._cluster_file)},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def _another(self, node: str) -> str:
        """Whose host is not the one concerned."""
        return next(name for name in self._machines if name != node and name.startswith("mds"))
