"""The workload of the failover test with nobody killed: what it finds here no failover has caused."""

from __future__ import annotations

import time

import pytest

from tests.kernel.conftest import Guests
from tests.kernel.rig.workload import JOBS, Workload, try_locks, verify
from tests.support.cluster import Cluster

QUIET_S = 20


@pytest.mark.long
@pytest.mark.parametrize("version", ["4.1", "4.2"])
def test_an_application_finds_what_it_wrote(cluster: Cluster, guests: Guests, version: str) -> None:
    """INV-4: appends, renames, creates, locks and striped writes at once; two clients find the model's tree.

    An append is lost where an OPEN's older size overtakes a data server's WRITE. Linux orders the two by its own
    counters, but believes a change attribute declared monotonic (4.2) more than them.
    """
    worker = guests.boot(cluster.service_address, 1, version=version)
    watcher = guests.boot(cluster.service_address, 2, version=version)
    workload = Workload(worker, f"/mnt/a/quiet-{version}")
    workload.await_progress(5)
    time.sleep(QUIET_S)
    state = workload.await_progress(3)
    assert (state.errors, state.alive) == ([], JOBS)
    model = workload.stop()
    for guest in (worker, watcher):
        guest.drop_caches()
        verify(guest, model)
    held = try_locks(watcher, f"/mnt/a/quiet-{version}")
    assert held == {"flock": "refused", "posix": "refused", "posix-elsewhere": "granted"}
    workload.release()
