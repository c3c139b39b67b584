"""Leases run out by the log's clock and a committed command, and by nothing else (DESIGN §4, INV-7, INV-8)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import clients, features
from mdscluster.fsm.commands import (
    ExpireClients,
    FenceConfirmed,
    LeaderStarted,
    RaiseFeatures,
    StartFence,
    pack_internal,
)
from mdscluster.fsm.settings import Settings
from nfswire import nfs4
from tests.unit.fsm.support.compounds import Namespace, at, putfh, remove
from tests.unit.fsm.support.sessions import (
    BOTH,
    END,
    STATE_TABLES,
    WRITE,
    Caller,
    connect,
    create_session,
    expire,
    introduce,
    open_,
    renew,
    rows,
)
from tests.unit.fsm.test_state_sessions import give_layout

LEASE_MS = 30_000


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state", Settings(cluster_id=7, lease_ms=LEASE_MS))
    yield made
    made.close()


def expired(fs: Namespace) -> list[int]:
    """What the leader would propose now."""
    with fs.env.begin() as txn:
        tables = fs.machine.tables
        return clients.clients_lapsed(txn, tables, fs.replica.lease_ms) + clients.clients_dead(txn, tables)


def test_a_lease_lasts_its_whole_length(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    fs.replica.advance(LEASE_MS)
    assert expired(fs) == []
    assert expire(fs, caller.client_id).removed == []
    fs.replica.advance(1)
    assert expired(fs) == [caller.client_id]
    assert expire(fs, caller.client_id).removed == [caller.client_id]


def test_time_alone_takes_nothing_away(fs: Namespace) -> None:
    """A client that comes back before anybody expired it still has all it had."""
    caller = connect(fs, b"me")
    handle, stateid = caller.create(b"file")
    fs.replica.advance(10 * LEASE_MS)
    caller.close(handle, stateid)


def test_renewal_holds_it(fs: Namespace) -> None:
    kept, lost = connect(fs, b"kept"), connect(fs, b"lost")
    fs.replica.advance(LEASE_MS - 1)
    renew(fs, kept.client_id, 99)
    fs.replica.advance(2)
    assert expired(fs) == [lost.client_id]
    assert expire(fs, kept.client_id, lost.client_id, 99).removed == [lost.client_id]
    kept.ok()
    assert lost.status() == "NFS4ERR_BADSESSION"
    renew(fs, lost.client_id)
    assert rows(fs, "client") == 2, "a renewal does not bring it back"


def test_a_renewal_in_the_log_before_the_expiry_wins(fs: Namespace) -> None:
    """INV-8: the leader's view was older than the log; apply judges again."""
    caller = connect(fs, b"me")
    fs.replica.advance(LEASE_MS + 1)
    proposed = expired(fs)
    renew(fs, caller.client_id)
    assert expire(fs, *proposed).removed == []
    caller.ok()


def test_an_expiry_that_comes_late_counts_as_of_its_time(fs: Namespace) -> None:
    """INV-7: it was in line at a leader that was cut off, and the client has come back to the next one.

    Where the client's next renewal is heard of and not reported yet, its lease has run out by the log's time, again.
    """
    fs.internal(RaiseFeatures(features.JUDGED))
    caller = connect(fs, b"me")
    handle, _ = caller.create(b"file")
    give_layout(fs, caller.client_id, int.from_bytes(handle[8:16], "big"))
    fs.replica.advance(LEASE_MS + 1)
    judged_ms = fs.replica.lease_ms
    renew(fs, caller.client_id)
    fs.replica.advance(LEASE_MS + 1)
    fs.internal(StartFence(caller.client_id, b"", judged_ms))
    assert rows(fs, "fence") == 0
    result = fs.replica.apply_entry([pack_internal(ExpireClients([caller.client_id], judged_ms))])[0]
    assert clients.decode_expired(result[1:]) == clients.Expired([], [])
    caller.ok()
    fs.internal(StartFence(caller.client_id, b"", fs.replica.lease_ms))
    assert rows(fs, "fence") == 1


def test_a_new_leader_gives_everybody_a_whole_lease(fs: Namespace) -> None:
    """INV-7: what renewals the lost leader had heard of, nobody knows."""
    caller = connect(fs, b"me")
    fs.replica.advance(LEASE_MS + 1)
    fs.internal(LeaderStarted("mds2"))
    assert expired(fs) == []
    assert expire(fs, caller.client_id).removed == []
    fs.replica.advance(LEASE_MS + 1)
    assert expired(fs) == [caller.client_id]


def test_an_unconfirmed_record_expires_too(fs: Namespace) -> None:
    made = introduce(fs, b"me")
    fs.replica.advance(LEASE_MS + 1)
    assert expire(fs, made.eir_clientid).removed == [made.eir_clientid]
    assert rows(fs, *STATE_TABLES) == 0
    assert fs.fails(create_session(made.eir_clientid, 1)) == "NFS4ERR_STALE_CLIENTID"


def test_expiry_ends_all_that_the_client_held(fs: Namespace) -> None:
    """INV-5: opens with deny, locks; then others get them. And nothing of it is left behind."""
    lost = connect(fs, b"lost")
    handle, stateid = lost.create(b"file", BOTH, WRITE)
    lost.lock(handle, stateid, 0, END, owner=b"process")
    other, _ = lost.create(b"second")
    fs.replica.advance(LEASE_MS + 1)
    kept = connect(fs, b"kept")
    assert kept.status(*at(), open_(b"file", WRITE)) == "NFS4ERR_SHARE_DENIED"
    expire(fs, lost.client_id)
    handle, stateid = kept.open(b"file", BOTH, WRITE)
    kept.lock(handle, stateid, 0, END, owner=b"process")
    kept.close(handle, stateid)
    assert rows(fs, "state", "state_file", "state_client", "lock") == 0
    assert rows(fs, "client", "client_owner", "session") == 2 + 1 + 1
    assert other


def test_an_orphan_goes_with_its_last_open(fs: Namespace) -> None:
    """INV-11: a file without links that only the lost client had open."""
    lost = connect(fs, b"lost")
    handle, _ = lost.create(b"file")
    kept = connect(fs, b"kept")
    kept.ok(*at(), remove(b"file"))
    kept.ok(putfh(handle))
    before = rows(fs, "inode")
    fs.replica.advance(LEASE_MS + 1)
    expire(fs, lost.client_id)
    assert rows(fs, "inode") == before - 1
    assert kept.status(putfh(handle)) == "NFS4ERR_STALE"


def test_a_client_with_layouts_is_fenced_before_it_loses_anything(fs: Namespace) -> None:
    """INV-6: data servers may still take its writes, so its locks must hold until they do not."""
    lost = connect(fs, b"lost")
    handle, stateid = lost.create(b"file")
    lost.lock(handle, stateid, 0, END, owner=b"process")
    give_layout(fs, lost.client_id, int.from_bytes(handle[8:16], "big"))
    fs.replica.advance(LEASE_MS + 1)
    assert expire(fs, lost.client_id) == clients.Expired([], [lost.client_id])
    assert rows(fs, "lock") == 1
    fs.internal(StartFence(lost.client_id, b""))
    assert expire(fs, lost.client_id).removed == []
    fs.internal(FenceConfirmed(lost.client_id, 2))
    assert expire(fs, lost.client_id).removed == [lost.client_id]
    assert rows(fs, *STATE_TABLES) == 0


def test_a_lapsed_name_can_be_taken_by_the_client_itself(fs: Namespace) -> None:
    lost = connect(fs, b"me")
    fs.replica.advance(LEASE_MS + 1)
    expire(fs, lost.client_id)
    back = connect(fs, b"me")
    assert isinstance(back, Caller)
    assert back.client_id != lost.client_id
    assert lost.status() == nfs4.STATUS_NAMES[nfs4.NFS4ERR_BADSESSION]
