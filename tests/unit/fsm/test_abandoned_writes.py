"""Clients that go away while a metadata server may still write for them: what their locks protect waits for the fence.

A node stands still with a client's WRITE in hand. The client gives it up, by a restart or by ending its session,
through another node. Were its locks free before the data servers refuse that WRITE, it would be written over the next
holder's data (docs/adr/0012, docs/adr/0026).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import features, fences, io_claims
from mdscluster.fsm.commands import ClaimIo, IoClaimsInForce, RaiseFeatures
from nfswire import nfs4
from tests.unit.fsm.support.compounds import Namespace, Who, putfh
from tests.unit.fsm.support.sessions import (
    END,
    OTHER_VERIFIER,
    Caller,
    connect,
    create_session,
    destroy_clientid,
    destroy_session,
    exchange_id,
    expire,
    introduce,
    lock,
    rows,
)

NODE, OTHER_NODE = b"process1", b"process2"


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state")
    made.internal(RaiseFeatures(features.MANDATES))
    yield made
    made.close()


def with_lock(fs: Namespace) -> tuple[Caller, bytes]:
    """A client that is written for, and has a file locked; and the file."""
    caller = connect(fs, b"mine")
    handle, stateid = caller.create(b"file")
    caller.lock(handle, stateid, 0, END, owner=b"process")
    fs.internal(ClaimIo(caller.client_id, NODE))
    return caller, handle


def can_lock(caller: Caller) -> bool:
    """Whether the file can be locked by somebody else."""
    handle, stateid = caller.open(b"file")
    status = caller.status(putfh(handle), lock(stateid, 0, END, nfs4.WRITE_LT, owner=b"other"))
    assert status in ("NFS4_OK", "NFS4ERR_DENIED")
    return status == "NFS4_OK"


def pending(fs: Namespace) -> list[tuple[int, int]]:
    with fs.env.begin() as txn:
        return io_claims.pending(txn, fs.machine.tables)


def version(fs: Namespace) -> int:
    with fs.env.begin() as txn:
        return fences.fences(txn, fs.machine.tables)[0]


def test_a_client_that_restarts_waits_until_nobody_can_write_for_it(fs: Namespace) -> None:
    """INV-5, INV-6."""
    caller, _ = with_lock(fs)
    other = connect(fs, b"other")
    new = introduce(fs, b"mine", OTHER_VERIFIER)
    again = create_session(new.eir_clientid, new.eir_sequenceid)
    assert fs.fails(again) == "NFS4ERR_DELAY"
    fenced = version(fs)
    assert pending(fs) == [(caller.client_id, fenced)], "the leader is told at once"
    assert fs.fails(again) == "NFS4ERR_DELAY"
    assert version(fs) == fenced, "once"
    assert not can_lock(other)
    fs.internal(IoClaimsInForce([caller.client_id], fenced - 1))
    assert fs.fails(again) == "NFS4ERR_DELAY"
    fs.internal(IoClaimsInForce([caller.client_id], fenced))
    fs.ok(again)
    assert can_lock(other)
    assert rows(fs, "io_claim") == 0
    assert version(fs) == fenced, "what is refused already needs no other fence"
    assert caller.status() == "NFS4ERR_BADSESSION"


def test_a_node_that_claims_it_meanwhile_is_waited_for_too(fs: Namespace) -> None:
    """INV-6: a late request of the client's earlier self."""
    caller, _ = with_lock(fs)
    new = introduce(fs, b"mine", OTHER_VERIFIER)
    again = create_session(new.eir_clientid, new.eir_sequenceid)
    assert fs.fails(again) == "NFS4ERR_DELAY"
    fs.internal(ClaimIo(caller.client_id, OTHER_NODE))
    fs.internal(IoClaimsInForce([caller.client_id], version(fs)))
    assert fs.fails(again) == "NFS4ERR_DELAY"
    fs.internal(IoClaimsInForce([caller.client_id], version(fs)))
    fs.ok(again)


def test_who_was_never_written_for_waits_for_nobody(fs: Namespace) -> None:
    """INV-7."""
    caller = connect(fs, b"mine")
    handle, stateid = caller.create(b"file")
    caller.lock(handle, stateid, 0, END, owner=b"process")
    connect(fs, b"mine", OTHER_VERIFIER)
    assert can_lock(connect(fs, b"other"))


def test_below_its_level_nothing_changes(tmp_path: Path) -> None:
    """INV-8: releases that know no more than that would not wait."""
    fs = Namespace(tmp_path / "old")
    fs.internal(RaiseFeatures(features.MANDATES - 1))
    caller, _ = with_lock(fs)
    connect(fs, b"mine", OTHER_VERIFIER)
    assert (rows(fs, "io_claim"), pending(fs)) == (0, [])
    with fs.env.begin() as txn:
        listed = fences.fences(txn, fs.machine.tables)[1]
    assert (fences.EVERY, io_claims.identity(caller.client_id), version(fs)) in listed
    fs.close()


def test_another_user_gets_the_name_when_nothing_can_be_written_in_it(fs: Namespace) -> None:
    """INV-5, INV-6: the lease ran out, and the leader has yet to end it."""
    caller, _ = with_lock(fs)
    fs.replica.advance(1_000_000)
    other = Who(uid=77)
    assert fs.fails(exchange_id(b"mine"), who=other) == "NFS4ERR_DELAY"
    assert expire(fs, caller.client_id).holding_layouts == [caller.client_id]
    with fs.entry() as cx:
        io_claims.revoke(cx, caller.client_id)
    assert fs.fails(exchange_id(b"mine"), who=other) == "NFS4ERR_DELAY"
    fs.internal(IoClaimsInForce([caller.client_id], version(fs)))
    fs.ok(exchange_id(b"mine"), who=other)


def test_a_session_that_is_ended_takes_its_writes_with_it(fs: Namespace) -> None:
    """INV-6: at once, and without the client waiting for it; it may go on in another session."""
    caller, _ = with_lock(fs)
    before = version(fs)
    fs.ok(destroy_session(caller.session_id))
    assert version(fs) == before + 1
    assert pending(fs) == [(caller.client_id, before + 1)]
    with fs.env.begin() as txn:
        claim = io_claims.load(txn, fs.machine.tables, caller.client_id)
    assert claim == io_claims.IoClaim(b"", before + 1, False)


@pytest.mark.parametrize("claimed_again", [False, True])
def test_a_client_that_says_farewell_is_fenced_at_once(fs: Namespace, claimed_again: bool) -> None:
    """INV-6: its claim stays until that fence is in force, and no longer. Also that of a node which is late."""
    caller = connect(fs, b"mine")
    fs.internal(ClaimIo(caller.client_id, NODE))
    fs.ok(destroy_session(caller.session_id))
    if claimed_again:
        fs.internal(ClaimIo(caller.client_id, OTHER_NODE))
    fs.ok(destroy_clientid(caller.client_id))
    fenced = version(fs)
    assert pending(fs) == [(caller.client_id, fenced)]
    assert rows(fs, "client") == 0
    fs.internal(IoClaimsInForce([caller.client_id], fenced))
    assert rows(fs, "io_claim") == 0
