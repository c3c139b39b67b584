"""Exactly once (INV-3) and the same everywhere (INV-8)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import digest
from mdscluster.fsm.commands import ExpireClients, LeaderStarted, RenewLeases, pack_internal
from mdscluster.fsm.settings import Settings
from nfswire import nfs4
from tests.unit.fsm.support.compounds import CURRENT, Namespace, at, getfh, name_of, putfh, remove, rename
from tests.unit.fsm.support.sessions import (
    READ,
    WRITE,
    Caller,
    close,
    connect,
    exclusive,
    guarded,
    lock,
    locku,
    open_,
    reply_of,
    rows,
    unchecked,
)


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state")
    yield made
    made.close()


def test_a_replay_gives_the_first_reply_and_has_no_second_effect(fs: Namespace) -> None:
    """INV-3: every operation that changes state, sent twice under one (session, slot, sequence)."""
    me = connect(fs, b"me")
    handle, opened = me.create(b"file")
    held = me.lock(handle, opened, 0, 10, owner=b"p")
    scripts: list[tuple[bytes, ...]] = [
        (*at(), open_(b"new", how=guarded()), getfh()),
        (*at(), open_(b"new", how=guarded())),  # a failure is a reply too
        (*at(), open_(b"again", how=unchecked())),
        (*at(), open_(b"only", how=exclusive(b"verifier"))),
        (putfh(handle), lock(held, 20, 10)),
        (putfh(handle), locku(nfs4.stateid4(0, held.other), 0, 5)),
        (*at(), rename(b"new", b"newer")),
        (*at(), remove(b"newer")),
        (putfh(handle), close(opened)),
    ]
    for script in scripts:
        payload = me.payload(*script)
        first = fs.replica.apply_entry([payload])[0]
        before = _digest(fs)
        assert fs.replica.apply_entry([payload])[0] == first, script
        assert _digest(fs) == before, script


def _digest(fs: Namespace) -> bytes:
    """Of all but the applied index, which counts the entry of the replay itself."""
    with fs.env.begin(write=True) as txn:
        tables = fs.machine.tables
        txn.put(digest.APPLIED_INDEX, bytes(8), db=tables.meta)
        found = digest.digest(txn, tables)[1]
        txn.abort()
    return found


def test_an_older_sequence_is_misordered(fs: Namespace) -> None:
    me = connect(fs, b"me")
    me.create(b"file")
    stale = fs.replica.apply_entry([me.payload(*at(), remove(b"file"), sequence=me.sequence - 1)])[0]
    assert reply_of(stale).status == nfs4.NFS4ERR_SEQ_MISORDERED
    assert fs.listing() == [b"file"]


def test_slots_are_apart(fs: Namespace) -> None:
    me = connect(fs, b"me")
    for slot in range(3):
        payload = me.payload(*at(), open_(b"file %d" % slot, how=guarded()), slot=slot, sequence=1 if slot else None)
        assert name_of(reply_of(fs.replica.apply_entry([payload])[0]).status) == "NFS4_OK"
    assert rows(fs, "slot") == 3


def test_a_session_of_nobody(fs: Namespace) -> None:
    nobody = Caller(fs, 1, b"not a session id")
    assert nobody.status(*at()) == "NFS4ERR_BADSESSION"


def _random_log(seed: int, path: Path) -> tuple[list[list[bytes]], list[tuple[int, list[bytes]]]]:
    """A log of random COMPOUNDs of three clients, and (milliseconds later, payloads) per entry with their results."""
    fs = Namespace(path, Settings(cluster_id=9, lease_ms=1_000))
    generator = random.Random(seed)
    callers = [connect(fs, b"client %d" % i) for i in range(3)]
    log: list[tuple[int, list[bytes]]] = []
    results: list[list[bytes]] = []
    for _ in range(120):
        caller = generator.choice(callers)
        name = b"file %d" % generator.randrange(4)
        owner = b"owner %d" % generator.randrange(2)
        chosen: list[tuple[bytes, ...]] = [
            (*at(), open_(name, READ | WRITE, generator.choice((0, 0, WRITE)), owner, unchecked())),
            (*at(), open_(name, READ, 0, owner), lock(CURRENT, generator.randrange(50), 10, READ, owner=owner)),
            (*at(), open_(name, READ | WRITE, 0, owner), lock(CURRENT, 0, 20, owner=owner), locku(CURRENT, 5, 5)),
            (*at(), open_(name, READ, 0, owner), close(CURRENT)),
            (*at(), remove(name)),
            (*at(), rename(name, b"file %d" % generator.randrange(4))),
        ]
        entry = [caller.payload(*generator.choice(chosen)) for _ in range(generator.randrange(1, 4))]
        if generator.random() < 0.2:
            entry.append(pack_internal(RenewLeases([caller.client_id])))
        if generator.random() < 0.1:
            entry.append(pack_internal(ExpireClients([one.client_id for one in callers])))
        if generator.random() < 0.02:
            entry.append(pack_internal(LeaderStarted("mds2")))
        passed = generator.choice((0, 10, 400))
        fs.replica.advance(passed)
        results.append(fs.replica.apply_entry(entry))
        log.append((passed, entry))
    results.append([_digest(fs)])
    fs.close()
    return results, log


@pytest.mark.parametrize("seed", range(4))
def test_the_same_log_makes_the_same_state(tmp_path: Path, seed: int) -> None:
    """INV-8: two machines, one log, entry for entry: equal results, equal digests."""
    results, log = _random_log(seed, tmp_path / "first")
    fs = Namespace(tmp_path / "second", Settings(cluster_id=9, lease_ms=1_000))
    for i in range(3):
        connect(fs, b"client %d" % i)
    for expected, (passed, entry) in zip(results, log, strict=False):
        fs.replica.advance(passed)
        assert fs.replica.apply_entry(entry) == expected
    assert [_digest(fs)] == results[-1]
    fs.close()
    assert {status for result in results[:-1] for one in result if one[:1] == b"\0" for status in [one[1:5]]} > {
        bytes(4)
    }, "vacuous: everything succeeded, or nothing"
