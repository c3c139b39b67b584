"""What consensus costs: three processes with mutual TLS on loopback, LMDB on disk, an empty state machine.

    python -m tests.bench.bench_raft [--seconds 3] [--kills 10] [--dir DIR] [--profile]

Prints proposals/s with latency and CPU, barriers/s with CPU for each round, and the failover time of kill -9.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from mdscluster.raft.local import LocalReplica
from tests.unit.raft.support.processes import Processes, await_status, propose, status

PAYLOAD = bytes(200)
Issue = Callable[[LocalReplica, Callable[[bool], None]], None]


def issue_proposal(replica: LocalReplica, done: Callable[[bool], None]) -> None:
    replica.propose(PAYLOAD, lambda result: done(result is not None))


def issue_barrier(replica: LocalReplica, done: Callable[[bool], None]) -> None:
    replica.barrier(done)


async def closed_loop(replica: LocalReplica, issue: Issue, in_flight: int, seconds: float) -> tuple[list[float], float]:
    """Keep ``in_flight`` requests under way; (latencies in ms, elapsed seconds)."""
    latencies: list[float] = []
    clock = time.perf_counter
    start = clock()
    end = start + seconds
    running = in_flight
    finished = asyncio.get_running_loop().create_future()

    def launch() -> None:
        began = clock()

        def done(ok: bool) -> None:
            nonlocal running
            now = clock()
            assert ok
            latencies.append((now - began) * 1000)
            if now < end:
                launch()
            else:
                running -= 1
                if not running:
                    finished.set_result(None)

        issue(replica, done)

    for _ in range(in_flight):
        launch()
    await finished
    return latencies, clock() - start


def quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * q), len(ordered) - 1)]


async def measure(
    cluster: Processes, replica: LocalReplica, label: str, issue: Issue, in_flight: int, s: float
) -> None:
    await closed_loop(replica, issue, in_flight, 0.3)
    before = sum(cluster.cpu_s(node_id) for node_id in cluster.ids)
    latencies, elapsed = await closed_loop(replica, issue, in_flight, s)
    cpu_us = (sum(cluster.cpu_s(node_id) for node_id in cluster.ids) - before) / len(latencies) * 1e6
    print(
        f"{label:28} {in_flight:4} in flight {len(latencies) / elapsed:9.0f}/s  p50 {quantile(latencies, 0.5):6.2f} ms"
        f"  p99 {quantile(latencies, 0.99):6.2f} ms  max {max(latencies):6.1f} ms  CPU of the 3 {cpu_us:7.1f} us each",
        flush=True,
    )


async def leader_of(replicas: dict[str, LocalReplica]) -> str:
    """A leader that has committed in its term and is followed by all."""
    while True:
        seen = [await status(replica) for replica in replicas.values()]
        leaders = {s.leader_id for s in seen}
        if len(leaders) == 1 and "" not in leaders and all(s.has_quorum and s.applied_index >= 2 for s in seen):
            return leaders.pop()
        await asyncio.sleep(0.02)


async def failover(cluster: Processes, kills: int) -> None:
    """kill -9 of the leader under load, until a follower's next proposal is through."""
    stalls: list[float] = []
    replicas = {node_id: await cluster.replica(node_id) for node_id in cluster.ids}
    for _ in range(kills):
        leader = await leader_of(replicas)
        witness = next(node_id for node_id in cluster.ids if node_id != leader)
        for _ in range(20):
            await propose(replicas[witness], PAYLOAD)
        start = time.perf_counter()
        cluster.kill(leader)
        assert await propose(replicas[witness], PAYLOAD) is not None
        stalls.append((time.perf_counter() - start) * 1000)
        await replicas[leader].close()
        cluster.start(leader)
        replicas[leader] = await cluster.replica(leader)
        await await_status(replicas[leader], lambda s: s.has_quorum)
        await asyncio.sleep(0.5)
    print(
        f"failover, {kills} x kill -9: median {statistics.median(stalls):.0f} ms, worst {max(stalls):.0f} ms  "
        f"{[round(x) for x in stalls]}"
    )


async def bench(directory: Path, seconds: float, kills: int, profile: bool) -> None:
    cluster = Processes(directory, machine="null")
    if profile:
        for node_id in cluster.ids:
            path = cluster.config_path(node_id)
            path.write_text(json.dumps({**json.loads(path.read_text()), "profile": str(directory / f"{node_id}.prof")}))
    cluster.start()
    try:
        replicas = {node_id: await cluster.replica(node_id) for node_id in cluster.ids}
        leader = await leader_of(replicas)
        follower = next(node_id for node_id in cluster.ids if node_id != leader)
        for place, node_id in (("leader", leader), ("follower", follower)):
            for in_flight in (1, 16, 32, 256):
                await measure(
                    cluster, replicas[node_id], f"proposals at the {place}", issue_proposal, in_flight, seconds
                )
            for in_flight in (1, 32):
                await measure(cluster, replicas[node_id], f"barriers at the {place}", issue_barrier, in_flight, seconds)
        for node_id in cluster.ids:
            seen = await status(replicas[node_id])
            print(f"{node_id}: term {seen.term}, worst loop lag {seen.loop_lag_ms} ms")
            await replicas[node_id].close()
        if profile:
            for node_id in cluster.ids:
                cluster.kill(node_id, 15)
            print(f"profiles of leader {leader} and follower {follower} in {directory}")
        elif kills:
            await failover(cluster, kills)
    finally:
        cluster.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--dir", type=Path)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    directory = options.dir or Path(tempfile.mkdtemp(prefix="bench-raft-"))
    uvloop.run(bench(directory, options.seconds, options.kills, options.profile))


if __name__ == "__main__":
    main()
