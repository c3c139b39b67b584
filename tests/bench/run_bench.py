"""``./run bench``: our cluster and NFS-Ganesha on the same machine, in turn, in one run; writes docs/BENCHMARKS.md.

Rates are medians over the turns (A B A B). Ours are replicated to three nodes and fsynced there; Ganesha's are neither.
What a snapshot costs is another benchmark, which fails where its bounds do not hold: ``./run bench snapshot --help``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.prober import Prober
from tests.bench.profile import flush_us, measure_profiles
from tests.bench.report import Measured, Results, write_report
from tests.bench.servers import Load, OurCluster, build_nfsload, resident_mib
from tests.support.cluster import ROOT
from tests.support.debian import Unavailable
from tests.support.ganesha import Ganesha

METADATA = ("getattr", "lookup", "open", "mkdir", "setattr", "readdir")
PEER_OF = {"dsread": "read", "dswrite": "write", "dswritesync": "writesync"}
"""A data server's work, and the same at Ganesha, which has no data servers."""
GOALS = {("getattr", 32): 1.0, ("lookup", 32): 1.0, ("readdir", 32): 0.25, ("open", 32): 0.3, ("mkdir", 32): 0.3}
DATA_GOAL = 1.0
DOCUMENT = ROOT / "docs" / "BENCHMARKS.md"


def loads() -> list[Load]:
    """Everything that is measured, in the report's order."""
    found = [Load(mode, inflight, 1 if inflight == 1 else 4) for mode in METADATA for inflight in (1, 32)]
    return found + [Load(mode, inflight, 1) for mode in PEER_OF for inflight in (1, 8)]


def goal(load: Load) -> float | None:
    """The ratio to reach, where there is one."""
    return DATA_GOAL if load.mode in ("dsread", "dswrite") else GOALS.get((load.mode, load.inflight))


def rate(result: dict[str, Any]) -> float:
    """Operations per second (pairs where operations come in pairs), or MB/s."""
    if "MB_per_s" in result:
        return float(result.get("MB_per_s_with_commit", result["MB_per_s"]))
    first = {"open": "open", "mkdir": "mkdir"}.get(result["mode"], result["mode"])
    return float(result[first]["per_s"])


def median_us(result: dict[str, Any]) -> tuple[float, float]:
    """Median and 99th percentile of a call, in microseconds."""
    first = result[result["mode"]]
    return float(first["p50_us"]), float(first["p99_us"])


def compare(load: Load, program: Path, ours: OurCluster, leader: str, peer: Ganesha, turns: int, seconds: float,
            file_mb: int) -> Measured:  # fmt: skip
    """One load, ours and the peer's in turn."""
    peer_load = Load(PEER_OF.get(load.mode, load.mode), load.inflight, load.connections)
    mine, its = [], []
    for _ in range(turns):
        mine.append(load.run(program, ours.address(leader), "/", seconds, file_mb))
        its.append(peer_load.run(program, (peer.address, peer.port), peer.export, seconds, file_mb))
    unit = "MB/s" if "MB_per_s" in mine[0] else "pairs/s" if load.mode in ("open", "mkdir") else "/s"
    return Measured(
        name=load.mode,
        inflight=load.inflight,
        unit=unit,
        ours=statistics.median(rate(r) for r in mine),
        peer=statistics.median(rate(r) for r in its),
        ours_us=tuple(statistics.median(v) for v in zip(*(median_us(r) for r in mine), strict=True)),
        peer_us=tuple(statistics.median(v) for v in zip(*(median_us(r) for r in its), strict=True)),
        goal=goal(load),
        spread=tuple(round(rate(r)) for r in mine),
    )


def failover(ours: OurCluster, kills: int) -> tuple[list[float], int]:
    """Kill the leader that the client is connected to, again and again: longest call per kill in ms, and calls."""
    servers = [(n["host"], n["nfs_port"]) for n in ours.nodes("mds")]
    prober = Prober(servers)
    prober.start()
    stalls = []
    try:
        for number in range(kills):
            leader = ours.wait_healthy()
            term = ours.status().nodes[leader].term
            prober.use(ours.address(leader))
            time.sleep(1.0)
            began = time.monotonic()
            calls = prober.calls
            ours.kill(leader)
            deadline = began + 30
            while (prober.calls < calls + 5 or time.monotonic() < began + 3) and time.monotonic() < deadline:
                time.sleep(0.05)
            stalls.append(prober.longest_ms(began))
            status = ours.status()
            if status.leader in ("", leader) or status.nodes[status.leader].term <= term:
                raise RuntimeError(f"{leader} was killed in term {term}, but nobody took over: {status.raw}")
            print(
                f"  kill {number + 1}: {leader} ({status.leader} took over), longest call {stalls[-1]:.0f} ms",
                flush=True,
            )
            ours.start(leader)
            time.sleep(1.0)
    finally:
        prober.stop()
    return stalls, prober.calls


def measure(args: argparse.Namespace, folder: Path) -> Results:
    """Everything; what fails is noted and the rest goes on."""
    program = build_nfsload(folder)
    turns, seconds, file_mb = (2, 1.0, 64) if args.quick else (5, 4.0, 256)
    results = Results(quick=args.quick, turns=turns, seconds=seconds)
    with Ganesha(folder / "ganesha", port=args.ganesha_port) as peer, OurCluster(folder / "ours", args.port) as ours:
        leader = ours.wait_healthy()
        results.memory_idle = ours.memory_mib()
        for load in loads():
            if args.only and load.mode not in args.only:
                continue
            try:
                measured = compare(load, program, ours, leader, peer, turns, seconds, file_mb)
            except (RuntimeError, Unavailable) as problem:
                results.failures.append(f"{load.mode} at {load.inflight}: {problem}")
                print(f"  FAILED {results.failures[-1]}", flush=True)
                continue
            results.measured.append(measured)
            print(f"  {measured.line()}", flush=True)
        results.memory = ours.memory_mib()
        results.peer_memory = resident_mib(peer.pid)
        if args.profile:
            print("profile", flush=True)
            results.flush_us = flush_us(folder)
            results.profiles = measure_profiles(program, ours, 5.0 if args.quick else 9.0)
    kills = args.kills if args.kills is not None else 3 if args.quick else 20
    if kills:
        print(f"failover: {kills} kills of the leader", flush=True)
        with OurCluster(folder / "failover", args.port) as ours:
            results.stalls_ms, results.probe_calls = failover(ours, kills)
    return results


def main() -> int:
    """Entry point; exit status 1 when something could not be measured."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute instead of ten; too short to quote")
    parser.add_argument("--only", nargs="+", metavar="MODE", help="of " + " ".join([*METADATA, *PEER_OF]))
    parser.add_argument("--kills", type=int, help="how many failovers (20; 3 with --quick)")
    parser.add_argument("--port", type=int, default=23490)
    parser.add_argument("--ganesha-port", type=int, default=23049)
    parser.add_argument("--no-profile", dest="profile", action="store_false", help="do not look where the time goes")
    parser.add_argument("--output", type=Path, help="default docs/BENCHMARKS.md; with --quick standard output only")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mdsbench-") as folder:
        try:
            results = measure(args, Path(folder))
        except Unavailable as reason:
            print(f"bench: {reason}", file=sys.stderr)
            return 1
    target = args.output or (None if args.quick or args.only else DOCUMENT)
    text = write_report(results, DOCUMENT.read_text() if target == DOCUMENT else "")
    if target is None:
        print(text)
    else:
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
        target.with_suffix(".json").write_text(json.dumps(results.as_json(), indent=1) + "\n")
        print(f"wrote {target}")
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
