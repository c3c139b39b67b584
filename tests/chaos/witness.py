"""Who serves the service address in effect: a host that no fault touches knocks there all the time.

``python -m tests.chaos.witness ADDRESS PORT OUT`` connects, sends an NFS NULL call, and appends one JSON line a knock
to OUT: when the answer came, and the link-layer address that it came from; empty where nobody answered in time.
``Witness`` is the harness's side, which knows whose link-layer addresses these are.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.cluster import ROOT
from tests.support.lifeline import die_with_parent

PAUSE_S = 0.05
PATIENCE_S = 0.25
"""For a connection, and again for the answer; then the witness knocks anew, where a client's TCP would wait longer."""
_CALL, _NFS, _VERSION, _NULL = 0, 100003, 4, 0
_RPC_VERSION, _AUTH_NONE, _LAST_FRAGMENT = 2, 0, 0x80000000


@dataclass(frozen=True)
class Knock:
    """One answer, or none."""

    at_s: float
    """time.monotonic(), when it came or was waited for no longer."""
    node: str
    """Who answered; empty: nobody."""


# ---------------------------------------------------------------------- the process that knocks
def _answered(address: str, port: int, number: int) -> bool:
    words = (number, _CALL, _RPC_VERSION, _NFS, _VERSION, _NULL, _AUTH_NONE, 0, _AUTH_NONE, 0)
    call = struct.pack(">10I", *words)
    try:
        with socket.create_connection((address, port), PATIENCE_S) as connection:
            connection.sendall(struct.pack(">I", _LAST_FRAGMENT | len(call)) + call)
            return connection.recv(8)[4:] == struct.pack(">I", number)
    except OSError:
        return False


def _neighbour(address: str) -> str:
    """The link-layer address that packets for ``address`` go to."""
    for line in Path("/proc/net/arp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[0] == address:
            return fields[3]
    return ""


def knock(address: str, port: int, out: Path) -> None:
    """For ever."""
    with out.open("a", encoding="ascii") as file:
        number = 0
        while True:
            number += 1
            who = _neighbour(address) if _answered(address, port, number) else ""
            file.write(json.dumps([time.monotonic(), who]) + "\n")
            file.flush()
            time.sleep(PAUSE_S)


# ---------------------------------------------------------------------- the harness's side
class Witness:
    """Starts that process and knows all it has seen."""

    def __init__(
        self, address: str, port: int, out: Path, names: Mapping[str, str],
        wrap: Callable[[Sequence[str]], list[str]],
    ) -> None:  # fmt: skip
        """``names``: link-layer address -> node."""
        out.touch()
        self._names, self._knocks, self._rest = names, list[Knock](), ""
        self._file = out.open(encoding="ascii")
        command = [sys.executable, "-m", "tests.chaos.witness", address, str(port), str(out)]
        self._process = subprocess.Popen(
            wrap(command), stdin=subprocess.DEVNULL, cwd=ROOT, start_new_session=True, preexec_fn=die_with_parent
        )

    def knocks(self) -> list[Knock]:
        """All up to now."""
        if not self._file.closed:
            *lines, self._rest = (self._rest + self._file.read()).split("\n")
            for line in lines:
                at_s, who = json.loads(line)
                self._knocks.append(Knock(at_s, self._names.get(who, who)))
        return self._knocks

    def now(self) -> str:
        """Who answered last; empty: nobody did."""
        knocks = self.knocks()
        return knocks[-1].node if knocks else ""

    def stop(self) -> None:
        """End it. Again: nothing happens."""
        if self._file.closed:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self.knocks()
        self._file.close()


def served_by(knocks: Sequence[Knock], from_s: float, until_s: float) -> list[tuple[str, float]]:
    """Who answered between two moments, one after the other: each node and when it was first heard in its turn."""
    turns: list[tuple[str, float]] = []
    for one in knocks:
        if from_s <= one.at_s < until_s and one.node and (not turns or turns[-1][0] != one.node):
            turns.append((one.node, one.at_s))
    return turns


if __name__ == "__main__":
    knock(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
