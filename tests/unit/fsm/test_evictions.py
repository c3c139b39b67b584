"""A client that the operator sends away though it is alive (feature level 6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import clients, fences, io_claims
from mdscluster.fsm.commands import (
    RESULT_DONE,
    RESULT_REFUSED,
    ClaimIo,
    EvictClient,
    FenceConfirmed,
    IoClaimsInForce,
    RaiseFeatures,
    StartFence,
)
from mdscluster.fsm.settings import Settings
from tests.unit.fsm.support.compounds import Namespace, at
from tests.unit.fsm.support.sessions import (
    BOTH,
    END,
    STATE_TABLES,
    WRITE,
    connect,
    create_session,
    expire,
    open_,
    rows,
)
from tests.unit.fsm.test_state_leases import expired
from tests.unit.fsm.test_state_sessions import give_layout


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state", Settings(cluster_id=7))
    made.internal(RaiseFeatures(6))
    yield made
    made.close()


def evict(fs: Namespace, client_id: int) -> bool:
    result = fs.internal(EvictClient(client_id))
    assert result[:1] == RESULT_DONE
    return result[1:] == b"\1"


def test_below_its_level_nothing_happens(tmp_path: Path) -> None:
    """INV-8: an older release in the cluster does not know the command."""
    fs = Namespace(tmp_path / "old")
    caller = connect(fs, b"me")
    assert fs.internal(EvictClient(caller.client_id)) == RESULT_REFUSED
    caller.ok()
    fs.close()


def test_it_loses_all_and_may_come_back_as_another(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, stateid = caller.create(b"file", BOTH, WRITE)
    caller.lock(handle, stateid, 0, END, owner=b"process")
    assert evict(fs, caller.client_id)
    assert caller.status() == "NFS4ERR_BADSESSION"
    assert fs.fails(create_session(caller.client_id, 2)) == "NFS4ERR_STALE_CLIENTID"
    assert expired(fs) == [caller.client_id], "the leader is told to end it"
    assert expire(fs, caller.client_id) == clients.Expired([caller.client_id], [])
    assert rows(fs, *STATE_TABLES) == 0
    back = connect(fs, b"me")
    assert back.client_id != caller.client_id
    back.open(b"file", BOTH, WRITE)


def test_who_is_not_there_cannot_be_evicted(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    assert not evict(fs, caller.client_id + 1)
    caller.ok()
    assert evict(fs, caller.client_id)
    assert not evict(fs, caller.client_id), "once"


def test_its_locks_hold_until_its_layouts_are_fenced(fs: Namespace) -> None:
    """INV-5, INV-6: it is alive, and writes through its layout under the protection of its open and lock."""
    lost, other = connect(fs, b"lost"), connect(fs, b"other")
    handle, stateid = lost.create(b"file", BOTH, WRITE)
    lost.lock(handle, stateid, 0, END, owner=b"process")
    give_layout(fs, lost.client_id, int.from_bytes(handle[8:16], "big"))
    assert evict(fs, lost.client_id)
    assert lost.status() == "NFS4ERR_BADSESSION"
    back = connect(fs, b"lost")
    for asking in (other, back):
        assert asking.status(*at(), open_(b"file", WRITE)) == "NFS4ERR_SHARE_DENIED"
    assert expire(fs, lost.client_id) == clients.Expired([], [lost.client_id])
    fs.internal(StartFence(lost.client_id, b""))
    fs.internal(FenceConfirmed(lost.client_id, 1))
    assert expire(fs, lost.client_id).removed == [], "that version did not hold its fence yet"
    fs.internal(FenceConfirmed(lost.client_id, 2))
    assert expire(fs, lost.client_id).removed == [lost.client_id]
    other.open(b"file", BOTH, WRITE)
    back.ok()


def test_what_a_node_writes_for_it_is_fenced_too(fs: Namespace) -> None:
    """INV-6: a client without layouts writes through a metadata server, whose WRITE may be on its way."""
    lost = connect(fs, b"lost")
    fs.internal(ClaimIo(lost.client_id, b"node"))
    with fs.env.begin() as txn:
        claim = io_claims.load(txn, fs.machine.tables, lost.client_id)
    assert claim is not None
    assert evict(fs, lost.client_id)
    with fs.env.begin() as txn:
        version, listed = fences.fences(txn, fs.machine.tables)
        assert io_claims.pending(txn, fs.machine.tables) == [(lost.client_id, version)], "the leader confirms it"
    assert (fences.EVERY, io_claims.identity(lost.client_id), version) in listed
    assert version > claim.epoch
    assert fs.internal(ClaimIo(lost.client_id, b"other node")) == RESULT_DONE, "nobody may write for it any more"
    assert expire(fs, lost.client_id) == clients.Expired([], [lost.client_id])
    fs.internal(IoClaimsInForce([lost.client_id], version - 1))
    assert expire(fs, lost.client_id).removed == []
    fs.internal(IoClaimsInForce([lost.client_id], version))
    assert expire(fs, lost.client_id).removed == [lost.client_id]
    assert rows(fs, "client", "io_claim") == 0
