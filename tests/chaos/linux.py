"""Real Linux clients in a run: User-Mode Linux guests that mount the service address and never stop working."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.chaos.evidence import LinuxClient
from tests.kernel.rig import images
from tests.kernel.rig.vm import Guest, GuestError, GuestSpec, Mount
from tests.kernel.rig.workload import JOBS, Workload, WorkloadState, try_locks, verify
from tests.support.cluster import NFS_PORT
from tests.support.hanet import Hanet
from tests.support.packets import record

WORKER, WATCHER = 1, 2
FIRST_OCTET = 110
HELD = {"flock": "refused", "posix": "refused", "posix-elsewhere": "granted"}
PROGRESS_TIMEOUT_S = 60.0
SLOWEST_SHOWN = 5


@dataclass(frozen=True)
class Served:
    """Where Linux clients mount."""

    net: Hanet
    address: str
    kept: Path
    """Where what tells why a client waited is left: its packets' headers, and when its slow calls were."""
    port: int = NFS_PORT


class LinuxClients:
    """One guest that works, and one that wants its locks. With nothing served: nobody, and nothing is done."""

    def __init__(self, served: Served | None) -> None:
        self._served = served
        self._guests: dict[int, Guest] = {}
        self._recording = contextlib.ExitStack()
        self._workload: Workload | None = None
        self._found = LinuxClient("Linux 6.1, vers=4.2, pNFS")

    def __enter__(self) -> LinuxClients:
        if self._served is not None:
            images.setup()
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._recording.close()
        for guest in self._guests.values():
            guest.kill()
            shutil.rmtree(guest.run_dir, ignore_errors=True)

    @property
    def ports(self) -> list[str]:
        """What the guests' interfaces are called in the network."""
        return [] if self._served is None else [f"rig-c{number}" for number in (WORKER, WATCHER)]

    def begin(self) -> None:
        """Boot, mount, start to work."""
        if self._served is None:
            return
        for number in (WORKER, WATCHER):
            self._guests[number] = self._boot(self._served, number)
        self._recording.enter_context(record(self._served.net, self.ports, self._served.kept))
        self._workload = Workload(self._guests[WORKER])
        with self._noted("start"):
            self._workload.await_progress(5, PROGRESS_TIMEOUT_S)

    def _boot(self, served: Served, number: int) -> Guest:
        mount = Mount(f"{served.address}:/", "/mnt/a", f"vers=4.2,port={served.port}")
        address = f"{served.net.network}.{FIRST_OCTET + number}/24"
        guest = Guest(GuestSpec(number, served.net.switch, address, mounts=(mount,)))
        guest.start()
        guest.wait_ready()
        return guest

    def begin_round(self, number: int) -> None:
        """Calls that end from now on count for this round."""
        if self._workload is not None:
            self._workload.set_round(str(number))

    def end_round(self, number: int) -> None:
        """Every kind of work must have gone on, and the locks must still be held."""
        if self._served is None or self._workload is None:
            return
        with self._noted(f"round {number + 1}"):
            state = self._workload.await_progress(3, PROGRESS_TIMEOUT_S)
            self._measure(state, number)
            self._found.turns = sum(state.steps.values())
            slowest = sorted(state.slow, key=lambda call: -call[2])[:SLOWEST_SHOWN]
            (self._served.kept / "slow.json").write_text(json.dumps(state.slow))
            self._found.slowest = ", ".join(f"{kind} {ms:.0f} ms" for _, kind, ms in slowest)
            if state.alive != JOBS:
                self._found.problems.append(f"round {number + 1}: {JOBS - state.alive} kinds of work ended")
            locks = try_locks(self._guests[WATCHER])
            if locks != HELD:
                self._found.problems.append(f"round {number + 1}: a lock was lost: {locks}")

    def _measure(self, state: WorkloadState, rounds: int) -> None:
        """Rounds before too: what ended between one and the next is in them by now."""
        earlier = [state.longest_ended_ms(str(number)) for number in range(rounds)]
        self._found.stalls_ms = [*earlier, state.longest_ms(str(rounds))][: rounds + 1]

    def finish(self) -> list[LinuxClient]:
        """Compare, on both guests, all that was written with what is there."""
        if self._workload is None:
            return []
        with self._noted("end"):
            self._measure(self._workload.await_progress(3, PROGRESS_TIMEOUT_S), len(self._found.stalls_ms) - 1)
            model: Path = self._workload.stop(120)
            for guest in self._guests.values():
                guest.drop_caches()
                verify(guest, model)
            self._workload.release()
        return [self._found]

    @contextlib.contextmanager
    def _noted(self, when: str) -> Iterator[None]:
        try:
            yield
        except GuestError as problem:
            self._found.problems.append(f"{when}: {problem}")
