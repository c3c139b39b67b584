"""The harness's side of ``shim.c``: build it, tell a node's copy which fault to make, read how often it struck."""

from __future__ import annotations

import mmap
import struct
import subprocess
from pathlib import Path

from tests.support.debian import Unavailable, need_tools

_SOURCE = Path(__file__).with_name("shim.c")
_CONTROL = struct.Struct("=qqQQ")
_US_PER_MS, _NS_PER_S = 1000, 1_000_000_000


class Shim:
    """One library for all nodes, one control file for each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._library = folder / "shim.so"
        self._controls: dict[str, mmap.mmap] = {}

    def build(self) -> None:
        """Compile the library. Raises Unavailable with the compiler's words when that fails."""
        need_tools({"gcc": "gcc"})
        self._folder.mkdir(parents=True, exist_ok=True)
        command = ["gcc", "-shared", "-fPIC", "-O2", "-o", str(self._library), str(_SOURCE), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"gcc cannot build the fault library: {done.stderr.strip()[-600:]}")

    def environment(self, node: str) -> dict[str, str]:
        """What a node's processes are started with."""
        path = self._folder / f"{node}.control"
        if node not in self._controls:
            path.write_bytes(bytes(_CONTROL.size))
            with path.open("r+b") as file:
                self._controls[node] = mmap.mmap(file.fileno(), _CONTROL.size)
        return {"LD_PRELOAD": str(self._library), "CHAOS_SHIM": str(path)}

    def delay_syncs(self, node: str, delay_ms: int) -> None:
        """From now on every fsync, fdatasync and msync of the node takes this much longer."""
        struct.pack_into("=q", self._controls[node], 0, delay_ms * _US_PER_MS)

    def shift_clock(self, node: str, offset_s: float) -> None:
        """From now on the node's wall clock is this far off."""
        struct.pack_into("=q", self._controls[node], 8, int(offset_s * _NS_PER_S))

    def struck(self, node: str) -> tuple[int, int]:
        """How many syncs were delayed and how many looks at the clock were shifted up to now."""
        _, _, syncs, clocks = _CONTROL.unpack_from(self._controls[node])
        return syncs, clocks
