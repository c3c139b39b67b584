"""Eras: each life of a cluster has one, greater than the last (docs/adr/0026)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mdscluster.fsm import eras, features, fences, restoring
from mdscluster.fsm.commands import RESULT_DONE, RESULT_REFUSED, BeginEra, RaiseFeatures, pack_internal
from mdscluster.fsm.tables import U64
from tests.unit.fsm.support.compounds import Namespace
from tests.unit.fsm.support.sessions import connect, exchange_id


def era(fs: Namespace) -> int:
    with fs.env.begin() as txn:
        return eras.current(txn, fs.machine.tables)


def test_an_era_begins_once_at_its_level(tmp_path: Path) -> None:
    """INV-8: by the log's own stamp; a repeated or late command changes nothing."""
    fs = Namespace(tmp_path)
    command = pack_internal(BeginEra())
    assert fs.replica.apply_entry([command]) == [RESULT_REFUSED]
    assert era(fs) == 0
    fs.internal(RaiseFeatures(features.MANDATES))
    assert fs.replica.apply_entry([command]) == [RESULT_DONE]
    begun = era(fs)
    assert begun == fs.replica.wall_ns
    fs.replica.advance(60_000)
    fs.replica.apply_entry([command, command])
    assert era(fs) == begun


def test_a_restored_cluster_begins_a_later_one_whatever_its_clock_says(tmp_path: Path) -> None:
    """INV-10: data servers would refuse it, or obey the life before it."""
    fs = Namespace(tmp_path)
    fs.internal(RaiseFeatures(features.MANDATES))
    fs.internal(BeginEra())
    begun = era(fs)
    with fs.entry() as cx:
        eras.end(cx)
    assert era(fs) == 0
    with fs.entry() as cx:
        cx.now_s -= 3_600
        eras.begin(cx, BeginEra())
    assert era(fs) == begun + 1
    with fs.entry() as cx:
        eras.end(cx)
    fs.replica.advance(1_000)
    fs.internal(BeginEra())
    assert era(fs) == fs.replica.wall_ns > begun + 1


def test_a_cluster_that_had_none_is_restored_without(tmp_path: Path) -> None:
    """INV-8: below the level that eras need, nobody waits for one, and nothing of it is written."""
    fs = Namespace(tmp_path)
    before = numbers_of(fs)
    with fs.entry() as cx:
        eras.end(cx)
    assert era(fs) == 0
    assert numbers_of(fs) == before
    connect(fs, b"me")


def numbers_of(fs: Namespace) -> dict[bytes, int]:
    """All that is handed out or compared: each counter, and the epoch that filehandles at data servers begin from."""
    with fs.env.begin() as txn:
        rows = {bytes(key): bytes(value) for key, value in txn.cursor(db=fs.machine.tables.meta)}
    return {key: U64.unpack(value)[0] for key, value in rows.items() if key.startswith((b"next_", b"epoch"))}


@pytest.fixture
def backed_up(tmp_path: Path) -> Callable[[str, int], Namespace]:
    """The same state, restored under a name so many seconds after the backup."""

    def restored(name: str, after_s: int) -> Namespace:
        fs = Namespace(tmp_path / name)
        fs.internal(RaiseFeatures(features.MANDATES))
        fs.internal(BeginEra())
        connect(fs, b"me").create(b"file")
        with fs.entry() as cx:
            fences.raise_fence(cx, 5, 77)
            restoring.begin_anew(cx)
        fs.replica.advance(1000 * after_s)
        return fs

    return restored


def test_two_lives_of_one_backup_hand_out_nothing_twice(backed_up: Callable[[str, int], Namespace]) -> None:
    """INV-5, INV-6, INV-11: a file of the one would show what lies on data servers of the other's; a handle of the one
    would pass the other's fences. Whichever began later begins above all that the other has used."""
    first, later_s = backed_up("first", 60), 3_600
    second = backed_up("second", 60 + later_s)
    assert numbers_of(first) == numbers_of(second), "nodes that restore it know nothing of each other"
    for fs in (first, second):
        fs.internal(BeginEra())
    one, other = numbers_of(first), numbers_of(second)
    assert one.keys() == other.keys()
    assert {b"epoch", b"next_client"} < one.keys()
    for key, number in one.items():
        used = 4 if key in (b"epoch", b"next_client") else 4096
        assert other[key] - number == used * later_s, key
    with second.env.begin() as txn:
        assert fences.fences(txn, second.machine.tables)[1] == [(fences.EVERY, fences.EVERY, other[b"epoch"])]
    before = numbers_of(second)
    second.internal(BeginEra())
    assert numbers_of(second) == before, "once"


def test_no_client_gets_in_before_its_life_begins(backed_up: Callable[[str, int], Namespace]) -> None:
    """INV-6, INV-11: nothing is handed out before. A cluster that was not restored waits for nothing."""
    fs = backed_up("restored", 60)
    assert fs.fails(exchange_id(b"me")) == "NFS4ERR_DELAY"
    fs.internal(BeginEra())
    connect(fs, b"me").create(b"another")


def test_a_number_has_room_for_many_restores(backed_up: Callable[[str, int], Namespace]) -> None:
    """Also of a backup that is decades old."""
    fs = backed_up("old", 10**9)
    before = numbers_of(fs)
    fs.internal(BeginEra())
    after = numbers_of(fs)
    for key, number in before.items():
        advanced = after[key] - number
        assert advanced <= (1 << 26 if key in (b"epoch", b"next_client") else 1 << 36), key
