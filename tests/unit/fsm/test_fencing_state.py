"""Fencing of nodes in the log: commands, their results, and what releases make of it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fencing.state import State, Verdict
from mdscluster.fsm import digest, features, fences, fencing_state, io_claims
from mdscluster.fsm.commands import (
    RESULT_DONE,
    RESULT_REFUSED,
    ClaimIo,
    FenceClaim,
    FenceConfirm,
    FenceIntent,
    FenceOutcome,
    FenceProof,
    FenceWithdrawal,
    Internal,
    IoClaimsInForce,
    Maintenance,
    NodePresence,
    RaiseFeatures,
    RenewLeases,
    pack_internal,
)
from mdscluster.fsm.tables import LATER, TABLE_NAMES, U64
from tests.unit.fsm.support.compounds import Namespace
from tests.unit.fsm.support.sessions import connect

VOTERS = ["mds1", "mds2", "mds3"]


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    namespace.internal(RaiseFeatures(5))
    yield namespace
    namespace.close()


def run(fs: Namespace, command: Internal) -> Verdict:
    result = fs.replica.apply_entry([pack_internal(command)])[0]
    assert result[:1] == RESULT_DONE
    return fencing_state.decode_verdict(result[1:])


def state(fs: Namespace) -> State:
    with fs.replica.env.begin() as txn:
        return fencing_state.load(txn, fs.replica.machine.tables)


def everybody(fs: Namespace) -> None:
    for number, node in enumerate(VOTERS, 1):
        assert run(fs, NodePresence(node, number))


def intend(fs: Namespace, node: str = "mds2") -> Verdict:
    ticket = run(fs, FenceProof("mds1", 3)).number
    return run(fs, FenceIntent(node, ticket, "not heard for 3 s", VOTERS, 3, 6, True))


def test_a_node_goes_through_all_of_it(fs: Namespace) -> None:
    """INV-9: every step is a command in the log."""
    everybody(fs)
    number = intend(fs).number
    assert number
    attempt = run(fs, FenceClaim("mds2", number, "mds3", 3, 30_000)).number
    assert run(fs, FenceOutcome("mds2", number, "mds3", 3, attempt, True, "ipmi"))
    assert state(fs).nodes["mds2"].down
    assert run(fs, NodePresence("mds2", 22))
    assert not state(fs).nodes["mds2"].down
    told = [(event.kind, event.wall_ns > 1_600_000_000_000_000_000) for event in state(fs).history]
    assert told == [("intent", True), ("fenced", True), ("back", True)]


def test_the_logs_clock_is_what_counts(fs: Namespace) -> None:
    """INV-8: a decision grows old by the stamps of the log's entries, on every replica alike."""
    everybody(fs)
    ticket = run(fs, FenceProof("mds1", 3)).number
    fs.replica.advance(2_001)
    assert "too old" in run(fs, FenceIntent("mds2", ticket, "", VOTERS, 3, 6, True)).text
    number = intend(fs).number
    assert run(fs, FenceClaim("mds2", number, "mds3", 3, 5_000))
    assert not run(fs, FenceClaim("mds2", number, "mds1", 1, 5_000))
    fs.replica.advance(5_001)
    assert run(fs, FenceClaim("mds2", number, "mds1", 1, 5_000)).number == 2


def test_the_other_commands_arrive_where_they_should(fs: Namespace) -> None:
    everybody(fs)
    assert run(fs, Maintenance("", True, "ops"))
    assert "maintenance is on (by ops)" in intend(fs).text
    assert run(fs, Maintenance("", False, "ops"))
    number = intend(fs).number
    ticket = run(fs, FenceProof("mds1", 3)).number
    assert run(fs, FenceWithdrawal("mds2", number, ticket, "heard again", True))
    assert run(fs, NodePresence("mds2", 2, here=False))
    assert not intend(fs)
    run(fs, NodePresence("mds2", 2))
    assert intend(fs)
    assert run(fs, FenceConfirm("mds2", "ops"))
    assert state(fs).nodes["mds2"].down


def test_whoever_decides_is_told_of_changes_and_of_nothing_else(fs: Namespace) -> None:
    events: list[bytes] = []
    fs.replica.on_event = events.append
    run(fs, NodePresence("mds1", 1))
    assert events == [fencing_state.EVENT_NODE_FENCING]
    run(fs, FenceConfirm("mds1", "ops"))
    fs.internal(RenewLeases([]))
    assert events == [fencing_state.EVENT_NODE_FENCING], "nothing has changed"


def test_replicas_agree(fs: Namespace, tmp_path: Path) -> None:
    """INV-8: the same commands give the same digest, and what is in the table counts."""
    other = Namespace(tmp_path / "other")
    other.internal(RaiseFeatures(5))
    before = fs.replica.digest()
    for one in (fs, other):
        everybody(one)
        intend(one)
    assert fs.replica.digest() == other.replica.digest() != before
    other.close()


OF_LEVEL_7 = "26d40df84f35b861"
"""Of the row that the last release of level 7 has after :func:`flap` and one refused decision, without wall clocks."""


def row_digest(fs: Namespace) -> str:
    found = state(fs)
    for event in found.history:
        event.wall_ns = 0
    return blake2b(msgspec.msgpack.encode(found), digest_size=8).hexdigest()


def flap(fs: Namespace) -> list[int]:
    """One node is to be fenced and is heard again, twice, and then started anew; of the last one somebody had tried.
    The limit's entries against it after each."""
    everybody(fs)
    counted = []
    for process in (0, 0, 21, 22):
        number = intend(fs).number
        assert number
        if process == 22:
            assert run(fs, FenceClaim("mds2", number, "mds3", 3, 1))
            fs.replica.advance(2)
        ticket = run(fs, FenceProof("mds1", 3)).number
        assert run(fs, NodePresence("mds2", process) if process else FenceWithdrawal("mds2", number, ticket, "", True))
        counted.append(len(state(fs).nodes["mds2"].intents_ms))
        fs.replica.advance(1_000)
        if len(counted) == 3 and counted[-1] == 3:
            break  # the limit: at this level nothing was given back
    return counted


def test_what_nobody_tried_counts_until_every_node_knows_better(fs: Namespace, tmp_path: Path) -> None:
    """INV-8: below level 8 a log comes to what earlier releases make of it, to the byte; from then on what is taken
    back before anybody tried does not count."""
    fs.internal(RaiseFeatures(features.UNTRIED - 1))
    assert flap(fs) == [1, 2, 3]
    assert "3 times within the hour" in intend(fs).text
    assert row_digest(fs) == OF_LEVEL_7
    other = Namespace(tmp_path / "other")
    other.internal(RaiseFeatures(features.UNTRIED))
    assert flap(other) == [0, 0, 0, 1]
    other.close()


def test_releases_that_do_not_know_the_table_have_the_same_digest(
    fs: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-8: as long as nothing is in it."""
    earlier = tuple(name for name in TABLE_NAMES if name not in LATER)
    now = fs.replica.digest()
    monkeypatch.setattr(digest, "TABLE_NAMES", earlier)
    assert fs.replica.digest() == now


COMMANDS: list[Any] = [
    NodePresence("mds1", 1), FenceProof("mds1", 1), FenceIntent("mds2", 1, "", VOTERS, 1, 1, True),
    FenceWithdrawal("mds2", 1, 1, "", True), FenceClaim("mds2", 1, "mds1", 1, 1),
    FenceOutcome("mds2", 1, "mds1", 1, 1, True, ""), FenceConfirm("mds2", ""), Maintenance("", True, ""),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_it_waits_until_every_node_knows_it(tmp_path: Path, command: Internal) -> None:
    """INV-8: the log holds no command that a member does not know (docs/adr/0014)."""
    assert not features.permitted(command, 4)
    assert features.permitted(command, 5)
    old = Namespace(tmp_path)
    old.internal(RaiseFeatures(3))
    assert old.replica.apply_entry([pack_internal(command)]) == [RESULT_REFUSED]
    old.close()


def test_a_process_that_is_superseded_loses_its_claims_to_write(fs: Namespace) -> None:
    """INV-6: fenced, confirmed by the operator, or followed by another process of its node; nobody else's are touched,
    and at a level that earlier releases know nothing changes."""
    clients = [connect(fs, name).client_id for name in (b"a", b"b", b"c")]
    tables = fs.machine.tables

    def claim(client_id: int, process: int) -> None:
        fs.internal(ClaimIo(client_id, U64.pack(process)))
        with fs.env.begin() as txn:
            epoch = fences.fences(txn, tables)[0]
        fs.internal(IoClaimsInForce([client_id], epoch))

    def held() -> list[bytes]:
        with fs.env.begin() as txn:
            found = [io_claims.load(txn, tables, client_id) for client_id in clients]
            assert all(one is not None for one in found)
            return [one.holder for one in found if one is not None]

    def pending() -> list[int]:
        with fs.env.begin() as txn:
            return [client_id for client_id, _ in io_claims.pending(txn, tables)]

    everybody(fs)
    for client_id, process in zip(clients, (2, 2, 3), strict=True):
        claim(client_id, process)
    run(fs, NodePresence("mds2", 22))
    assert held() == [U64.pack(2), U64.pack(2), U64.pack(3)], "level 5"
    fs.internal(RaiseFeatures(features.MANDATES))
    run(fs, NodePresence("mds2", 222))
    assert held() == [U64.pack(2), U64.pack(2), U64.pack(3)], "that process was not known any more"
    for client_id in clients[:2]:
        claim(client_id, 222)
    fs.replica.advance(4_000)
    run(fs, NodePresence("mds2", 223))
    assert held() == [b"", b"", U64.pack(3)]
    assert pending() == clients[:2], "until every data server refuses what it sent"
    claim(clients[0], 223)
    number = intend(fs).number
    assert held()[0] == U64.pack(223), "nothing is verified yet"
    attempt = run(fs, FenceClaim("mds2", number, "mds3", 3, 30_000)).number
    run(fs, FenceOutcome("mds2", number, "mds3", 3, attempt, False, "it hangs"))
    assert held()[0] == U64.pack(223)
    run(fs, FenceConfirm("mds2", "ops"))
    assert held() == [b"", b"", U64.pack(3)]
    run(fs, NodePresence("mds3", 3, here=False))
    assert held()[2] == U64.pack(3), "who stops in good order has let its I/O end"
