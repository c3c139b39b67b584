"""INV-4, INV-5, INV-7: what clients do to the same names, locks and opens is linearizable while the leader dies.

``LINEARIZABLE_S=60`` makes it longer; the history is kept beside the cluster's logs and may be checked again.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from nfsclient.client import Client
from tests.support.embedded import Embedded
from tests.support.linearizability import (
    History,
    Recorder,
    Report,
    SharedLocks,
    SharedNames,
    SharedOpens,
    check,
    run,
)

pytestmark = [pytest.mark.slow, pytest.mark.alone]

SECONDS = float(os.environ.get("LINEARIZABLE_S", "10"))
SEED = int(os.environ.get("LINEARIZABLE_SEED", "1"))
CLIENTS = 4
WORKERS = 2
STEPS_MAX = 6000
"""A history of some 10,000 operations at most."""
CONTENTION = (
    ("create", "NFS4ERR_EXIST"), ("lookup", "NFS4ERR_NOENT"), ("rename", "NFS4ERR_NOENT"), ("remove", "NFS4ERR_NOENT"),
    ("lock", "NFS4ERR_DENIED"), ("testlock", "NFS4ERR_DENIED"), ("open", "NFS4ERR_SHARE_DENIED"),
)  # fmt: skip
SUCCESS = ("create", "mkdir", "lookup", "readdir", "rename", "link", "remove", "setsize", "getattr", "lock", "unlock",
           "open", "downgrade", "close")  # fmt: skip


async def _kill_leaders(cluster: Embedded, seconds: float) -> list[str]:
    """The leader, one third and two thirds into the run; it comes back after a second."""
    victims = []
    for _ in range(2):
        await asyncio.sleep(seconds / 3)
        status = await asyncio.to_thread(cluster.status)
        leader = next(node["id"] for node in status["mds"] if node.get("role") == "leader")
        await asyncio.to_thread(cluster.kill, leader)
        victims.append(leader)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(cluster.start, leader)
        await asyncio.to_thread(cluster.await_all, 200)
    return victims


async def _history(cluster: Embedded, seconds: float) -> tuple[History, list[Client], list[str]]:
    recorder = Recorder()
    addresses = cluster.addresses()
    clients = [
        await Client.connect(addresses[n % 3 :] + addresses[: n % 3], history=recorder.of(f"c{n}"))
        for n in range(CLIENTS)
    ]
    names = await SharedNames.prepare(clients[0], "/names", recorder, seed=SEED)
    locks = await SharedLocks.prepare(clients[0], "/locks", recorder, seed=SEED)
    opens = await SharedOpens.prepare(clients[0], "/opens", recorder, seed=SEED)
    end = time.monotonic() + seconds
    killer = asyncio.create_task(_kill_leaders(cluster, seconds))
    await run([names, locks, opens], clients, steps=STEPS_MAX, workers=WORKERS, pause_ms=20,
              until=lambda: time.monotonic() > end and killer.done())  # fmt: skip
    victims = await killer
    for client in clients:
        await client.close()
    return recorder.history(), clients, victims


def test_shared_names_locks_and_opens_are_linearizable(tmp_path: Path) -> None:
    """The leader is killed twice meanwhile; nobody sees a status that a failover must not cause."""
    with Embedded(tmp_path / "cluster") as cluster:
        history, clients, victims = asyncio.run(_history(cluster, SECONDS))
    kept = tmp_path / "history.jsonl.gz"
    history.save(kept)
    report: Report = check(history, limit_s=120)
    stalls = {f"c{n}": round(client.stats.longest_stall_ms) for n, client in enumerate(clients)}
    print(report, f"killed {victims}; longest stall in ms {stalls}", sep="\n")
    assert report.ok, f"{report}\nkept in {kept}"
    # STALE is the right answer for an object that another client has removed; the models have judged each one.
    forbidden = {name for client in clients for name in client.stats.failover_statuses()} - {"NFS4ERR_STALE"}
    assert not forbidden
    assert len(victims) == 2
    assert sum(client.stats.reconnects for client in clients) > 0, "vacuous: no client lost its server"
    assert report.operations > 500
    assert report.concurrency >= CLIENTS
    missing = [case for case in CONTENTION if not report.count(*case)]
    missing += [(call, "NFS4_OK") for call in SUCCESS if not report.count(call, "NFS4_OK")]
    assert not missing, f"vacuous: it never happened that {missing}"
