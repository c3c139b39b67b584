"""Where a request's time goes: CPU time of every process per request, and what the leader's two processes do in it.

CPU times are the kernel's (``/proc/PID/stat``), taken while the load runs and nobody looks. What they are spent on is
then sampled in a second run with py-spy, whose pauses would spoil the times.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.servers import Load, OurCluster, children

LOADS = tuple(Load(mode, 32, 4) for mode in ("getattr", "lookup", "readdir", "open", "mkdir", "setattr"))
SAMPLES_PER_S = 400
SHARE_MIN = 0.015
"""Functions with less of their process's time than this are not listed."""
FUNCTIONS_MAX = 8
FLUSHES = 300
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_START_S = 1.5
"""How long a load needs to connect, to make its files and to warm up."""

AREAS = (
    ("nfswire/", "XDR and RPC"),
    ("mdscluster/fsm/", "state machine"),
    ("mdscluster/nfs_frontend/", "sessions, slots, dispatch"),
    ("mdscluster/control/", "control"),
    ("mdscluster/raft/journal", "log and commit (LMDB)"),
    ("mdscluster/raft/store", "log and commit (LMDB)"),
    ("mdscluster/raft/transport", "Raft transport (protobuf, TLS)"),
    ("mdscluster/raft/local", "door between the two processes"),
    ("mdscluster/raft/process", "event loop (sockets, TLS, timers)"),
    ("mdscluster/raft/", "guards, proposals, read barriers"),
    ("pysyncobj/", "pysyncobj"),
)
"""Of a stack, the innermost frame that one of these begins decides; the rest is the event loop's."""
_THREAD = "Thread._bootstrap "
LOOP = "event loop (sockets, TLS, timers)"


@dataclass
class Profile:
    """One load."""

    name: str
    inflight: int
    per_s: float
    """Requests a second (pairs where they come in pairs) while the CPU times were taken."""
    cpu_us: dict[str, float]
    """Microseconds of CPU time per request, by process."""
    areas: dict[str, dict[str, float]] = field(default_factory=dict)
    """By process: the share of its samples in each area."""
    functions: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    """By process: the share of the functions in which most samples were taken, what they call in C included."""


def measure_profiles(program: Path, ours: OurCluster, seconds: float) -> list[Profile]:
    """Every load of ``LOADS`` at the leader."""
    leader = ours.wait_healthy()
    node = next(n for n in ours.nodes("mds") if n["id"] == leader)
    watched = {"front end": children(node["pid"])[0], "consensus": int(node["pid"])}
    groups = {f"leader's {name}": [pid] for name, pid in watched.items()}
    followers = [int(n["pid"]) for n in ours.nodes("mds") if n["id"] != leader]
    groups["followers' consensus"] = followers
    groups["followers' front ends"] = [child for pid in followers for child in children(pid)]
    found = []
    for load in LOADS:
        with _running(load, program, ours.address(leader), seconds) as result:
            time.sleep(_START_S)
            before, began = _cpu_s(groups), time.monotonic()
            time.sleep(seconds - 2 * _START_S)
            took, after = time.monotonic() - began, _cpu_s(groups)
        answer = result()
        per_s = float(answer[load.mode]["per_s"])
        cpu = {name: (after[name] - before[name]) / took / per_s * 1e6 for name in groups}
        cpu["load generator"] = answer["client_cpu_pct"] / 100 / per_s * 1e6
        profile = Profile(load.mode, load.inflight, per_s, cpu)
        with _running(load, program, ours.address(leader), seconds) as result:
            time.sleep(_START_S)
            stacks = _sample(watched, seconds - 2 * _START_S)
        result()
        for name, counted in stacks.items():
            profile.areas[name], profile.functions[name] = summarize(counted)
        found.append(profile)
    return found


def summarize(stacks: Counter[str]) -> tuple[dict[str, float], list[tuple[float, str]]]:
    """Shares of the areas, most first, and of the functions with most samples."""
    total = sum(stacks.values()) or 1
    areas: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for stack, count in stacks.items():
        frames = stack.split(";")
        areas[_area(frames)] += count
        functions[frames[-1]] += count
    listed = [(n / total, name) for name, n in functions.most_common(FUNCTIONS_MAX) if n / total >= SHARE_MIN]
    return {name: n / total for name, n in areas.most_common()}, listed


def flush_us(folder: Path) -> float:
    """The median time of writing and flushing 4 KiB to this disk: what one durable step costs at the least."""
    took = []
    with open(folder / "flush", "wb", buffering=0) as file:
        for _ in range(FLUSHES):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


def _area(frames: list[str]) -> str:
    for frame in reversed(frames):
        where = frame.rpartition(" (")[2]
        for prefix, area in AREAS:
            if where.startswith(prefix):
                return area
    return LOOP


def _cpu_s(groups: dict[str, list[int]]) -> dict[str, float]:
    """User and system time of the processes of each group up to now."""
    return {name: sum(_cpu_of(pid) for pid in pids) for name, pids in groups.items()}


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


@contextmanager
def _running(
    load: Load, program: Path, address: tuple[str, int], seconds: float
) -> Iterator[Callable[[], dict[str, Any]]]:
    """The load runs beside the body; after it, what is yielded gives the load's result."""
    results: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: results.append(load.run(program, address, "/", seconds, 64)))
    thread.start()

    def result() -> dict[str, Any]:
        if not results:
            raise RuntimeError(f"{load.mode} failed while it was profiled")
        return results[0]

    try:
        yield result
    finally:
        thread.join()


def _sample(pids: dict[str, int], seconds: float) -> dict[str, Counter[str]]:
    """py-spy's stacks (outermost frame first) of each process and how often each was seen."""
    with tempfile.TemporaryDirectory(prefix="mdsprofile-") as folder:
        at_work = {}
        for name, pid in pids.items():
            out = Path(folder) / name.replace(" ", "-")
            command = [str(Path(sys.executable).parent / "py-spy"), "record", "--pid", str(pid), "--format", "raw"]
            command += ["--rate", str(SAMPLES_PER_S), "--duration", f"{max(seconds, 1):.0f}", "--function"]
            command += ["-o", str(out)]
            spy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            at_work[name] = (spy, out)
        stacks = {}
        for name, (spy, out) in at_work.items():
            said = spy.communicate(timeout=seconds + 60)[0].decode(errors="replace")
            if spy.returncode or not out.exists():
                raise RuntimeError(f"py-spy on {name}: {said.strip()[-500:]}")
            stacks[name] = _read(out)
        return stacks


def _read(path: Path) -> Counter[str]:
    """Stacks of the event loop's thread. The others wait in C (for gRPC, for a child), which py-spy takes for work."""
    found: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        if not stack.startswith(_THREAD):
            found[stack] += int(count)
    return found
