"""Every node loses power at once, under load: all that was acknowledged is there afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.conftest import Guests
from tests.kernel.rig.workload import JOBS, Workload, try_locks, verify
from tests.support.cluster import Cluster
from tests.support.hanet import Hanet
from tests.support.power import Disk, shared_mounts

DISK_MIB = 4096
NAMES = ("mds1", "mds2", "mds3", "ds1", "ds2", "ds3")


@pytest.fixture(scope="module")
def disks(rig: None, base: Path) -> Iterator[dict[str, Disk]]:
    """A disk for every node."""
    with shared_mounts(base / "disks"):
        yield from mounted(base)


def mounted(base: Path) -> Iterator[dict[str, Disk]]:
    """Make and mount them, and take them away in the end."""
    made = {name: Disk(base / "disks" / f"{name}.img", base / "disks" / name, DISK_MIB) for name in NAMES}
    try:
        for disk in made.values():
            disk.create()
        yield made
    finally:
        for disk in made.values():
            disk.remove()


@pytest.fixture(scope="module")
def cluster(net: Hanet, base: Path, disks: dict[str, Disk]) -> Iterator[Cluster]:
    """A cluster whose nodes keep their state on those disks."""
    with Cluster(base, net, data_dir=lambda name: disks[name].folder / "data") as running:
        yield running


def test_power_loss_of_all_nodes_loses_nothing_acknowledged(
    cluster: Cluster, guests: Guests, disks: dict[str, Disk]
) -> None:
    """INV-2, INV-8, INV-10: un-fsynced writes of all six nodes are lost; no acknowledged change or synced data is."""
    worker = guests.boot(cluster.service_address, 1)
    workload = Workload(worker)
    before = workload.await_progress(20)
    for disk in disks.values():
        disk.cut_power()
    for name in cluster.nodes:
        cluster.kill(name)
    for disk in disks.values():
        disk.power_cycle()
    for name in cluster.nodes:
        cluster.start(name)
    cluster.move_service(cluster.wait_leader(40))
    state = workload.await_progress(5, timeout_s=120)
    print(f"turns before {before.steps}, after {state.steps}; longest call {state.longest_ms('0'):.0f} ms")
    assert (state.errors, state.alive) == ([], JOBS)

    checker = guests.boot(cluster.service_address, 2)
    assert try_locks(checker) == {"flock": "refused", "posix": "refused", "posix-elsewhere": "granted"}
    model = workload.stop(180)
    for guest in (worker, checker):
        guest.drop_caches()
        verify(guest, model)
    workload.release()
    cluster.wait_healthy()
    status, said = cluster.mdsctl("digest")
    assert status == 0, said
