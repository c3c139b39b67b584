"""docs/RUNBOOK.md as somebody who follows it types it: every command of a section, one after the other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.cluster import ROOT
from tests.support.embedded import Embedded

PAGE: Final = ROOT / "docs" / "RUNBOOK.md"
FIRST: Final = "Always first"
"""What stands in front of all sections."""
_SECTION: Final = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PLACE: Final = re.compile(r"\b(?:NODE|DS|CLIENT|CONFIG|HOST:\d+)\b")
_UNIT: Final = re.compile(r"systemctl (start|stop) mdscluster-(mds|ds-(\w+))")
_END_S: Final = 30.0


def commands() -> dict[str, list[str]]:
    """Section -> the lines of its shell blocks, without what is said about them."""
    text = PAGE.read_text(encoding="utf-8")
    sections = {FIRST: text.partition("\n## ")[0], **dict(_SECTION.findall(text))}
    return {
        name: [line.partition("  #")[0].rstrip() for block in _BLOCK.findall(body) for line in block.splitlines()]
        for name, body in sections.items()
    }


class Typed(NamedTuple):
    """A command as it was given, and what became of it."""

    command: str
    code: int
    told: str


class Operator:
    """Follows sections on a cluster of real processes; ``mdsctl`` and ``mdscluster`` are on the PATH as they are."""

    def __init__(self, cluster: Embedded, folder: Path, http: dict[str, str]) -> None:
        """``http``: by server, where it answers whoever watches."""
        self._cluster = cluster
        self._folder = folder
        self._http = http
        self._page = commands()
        self.followed: set[str] = set()

    def follow(self, section: str, may_fail: Sequence[str] = (), **names: str) -> list[Typed]:
        """Give every command of a section. ``names``: what stands for NODE, DS, CLIENT there."""
        self.followed.add(section)
        assert self._page[section], f"{section} has no command"
        typed = []
        for line in self._page[section]:
            typed.append(self._give(_PLACE.sub(lambda found: self._name(found[0], names), line), names))
            command, code, told = typed[-1]
            assert code == 0 or command.startswith(tuple(may_fail)), f"{section}: {command}: {code}\n{told}"
        return typed

    def _name(self, place: str, names: dict[str, str]) -> str:
        """What stands for a word in capitals."""
        if place.startswith("HOST:"):
            return self._http[names["DS" if place == "HOST:20990" else "NODE"]]
        if place == "CONFIG":
            return str(self._cluster.nodes()[names["NODE"]]["config"])
        return names[place]

    def _give(self, command: str, names: dict[str, str]) -> Typed:
        if unit := _UNIT.fullmatch(command):
            return Typed(command, 0, self._systemctl(unit[1], unit[3] or names["NODE"], "ds" if unit[3] else "mds"))
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, cwd=self._folder, timeout=120, check=False,
            env={**os.environ, "PATH": path, "MDSCTL_CLUSTER": str(self._cluster.file)},
        )  # fmt: skip
        return Typed(command, done.returncode, done.stdout + done.stderr)

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


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
