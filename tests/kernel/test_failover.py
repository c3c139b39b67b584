"""kill -9 of the metadata server in use, under load: a pause, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.conftest import LONG, Guests
from tests.kernel.rig.workload import JOBS, Workload, try_locks, verify
from tests.support.cluster import FAILOVER_ERRORS, Cluster
from tests.support.userload import UserLoad

ROUNDS = 10 if LONG else 3
STALL_MS_MAX = 3_000
MOVE_AFTER_S = 0.2
"""How long after the kill the address moves: what a health check on the node needs to notice a dead process."""
HELD = {"flock": "refused", "posix": "refused", "posix-elsewhere": "granted"}


@pytest.fixture
def user_load(cluster: Cluster, base: Path) -> Iterator[UserLoad]:
    """The user-space client at work beside the kernel's."""
    load = UserLoad(cluster, base / "userload")
    yield load
    load.kill()


def next_victim(cluster: Cluster, killed: list[str], rounds_left: int) -> tuple[str, str]:
    """Who is killed, and who gets the address: the leader; near the end whoever has not been killed yet."""
    leader = cluster.wait_leader()
    spared = [name for name in cluster.mds_ids if name not in killed]
    victim = leader if leader in spared or len(spared) < rounds_left else spared[0]
    others = [name for name in cluster.mds_ids if name != victim]
    return victim, others[len(killed) % len(others)]


def fail_over(cluster: Cluster, victim: str, heir: str) -> None:
    """Kill the node that holds the address, then move the address."""
    cluster.kill(victim)
    time.sleep(MOVE_AFTER_S)
    cluster.move_service(heir)


def test_killing_the_leader_that_holds_the_address_is_only_a_pause(
    cluster: Cluster, guests: Guests, user_load: UserLoad
) -> None:
    """INV-2, INV-3, INV-5, INV-7: no call fails, data intact, locks held, open files usable, under 3 s, no grace."""
    worker = guests.boot(cluster.service_address, 1)
    watcher = guests.boot(cluster.service_address, 2)
    workload = Workload(worker)
    workload.await_progress(5)
    user_load.await_progress()
    assert try_locks(watcher) == HELD
    killed: list[str] = []
    stalls: list[float] = []
    for number in range(1, ROUNDS + 1):
        victim, heir = next_victim(cluster, killed, ROUNDS - number + 1)
        if cluster.service_on != victim:
            cluster.move_service(victim)
            workload.await_progress(2)
        cluster.status()  # the victim's counters would die with it
        workload.set_round(str(number))
        time.sleep(0.3)
        fail_over(cluster, victim, heir)
        state = workload.await_progress(3)
        user_load.await_progress()
        stalls.append(state.longest_ms(str(number)))
        print(f"round {number}: {victim} killed, address to {heir}, longest call {stalls[-1]:.0f} ms")
        assert (state.errors, state.alive) == ([], JOBS)
        assert try_locks(watcher) == HELD, "a lock was lost"
        killed.append(victim)
        cluster.start(victim)
        cluster.wait_healthy()
        workload.set_round(f"after-{number}")
    verdict = user_load.finish()
    print(verdict["text"])
    assert verdict["ok"], verdict["text"]
    slow = workload.state().slow
    model = workload.stop()
    for guest in (worker, watcher):
        guest.drop_caches()
        verify(guest, model)
    assert try_locks(watcher) == HELD
    workload.release()
    assert set(try_locks(watcher).values()) == {"granted"}

    cluster.status()
    sent = {name: cluster.seen_statuses[name] for name in FAILOVER_ERRORS if cluster.seen_statuses[name]}
    assert not sent, f"servers sent {sent}"
    assert set(killed) == set(cluster.mds_ids)
    assert max(stalls) < STALL_MS_MAX, f"stalls per round in ms: {stalls}; slow calls: {slow}"
