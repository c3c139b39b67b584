"""The log on LMDB, and the entry's envelope."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdscluster.raft import journal as journal_module
from mdscluster.raft.entry import COMMAND, Group, acceptable, pack_entry, unpack_groups, unpack_stamp
from mdscluster.raft.errors import ConsensusBug, FormatError, StorageError
from mdscluster.raft.journal import LmdbJournal
from mdscluster.raft.members import MEMBERSHIP
from mdscluster.raft.store import FORMAT, Store
from tests.simulation.consensus.cluster import open_env
from tests.simulation.disk import Disk


@pytest.fixture
def env(fast_dir: Path) -> Iterator[lmdb.Environment]:
    env = open_env(fast_dir / "env")
    yield env
    env.close()


def entry(index: int) -> bytes:
    return b"\x4d\x01entry %d " % index + bytes(index % 50)


def filled(env: lmdb.Environment, count: int, applied: int) -> LmdbJournal:
    store = Store(env)
    journal = LmdbJournal(store)
    for index in range(1, count + 1):
        journal.add(entry(index), index, 1 + index // 10)
    store.set_applied(applied, 1, 0)
    journal.set_applied(applied)
    store.commit()
    return journal


def reopen(env: lmdb.Environment) -> LmdbJournal:
    return LmdbJournal(Store(env))


def test_reads_like_a_list(env: lmdb.Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether an entry is still in memory makes no difference."""
    monkeypatch.setattr(journal_module, "_CACHE_ENTRIES_MAX", 32)
    store = Store(env)
    journal = LmdbJournal(store)
    model: list[tuple[bytes, int, int]] = []
    for index in range(1, 201):
        journal.add(entry(index), index, 1 + index // 10)
        model.append((entry(index), index, 1 + index // 10))
        store.set_applied(index, 1, 0)
        journal.set_applied(index)
        if index % 3 == 0:
            store.commit()
    store.commit()
    assert len(journal._cache) < 64
    assert len(journal) == 200
    for position in (0, 1, 100, 150, 198, 199, -1):
        assert journal[position] == model[position]
    for start, stop in ((0, 5), (100, 190), (140, 200), (195, 300), (200, 210), (5, 5)):
        assert journal[start:stop] == model[start:stop]
    assert journal[150:] == model[150:]
    monkeypatch.setattr(journal_module, "_SLICE_BYTES_MAX", 500)
    some = journal[10:]
    assert some == model[10 : 10 + len(some)]
    assert 1 <= len(some) < 50


def test_survives_reopening(env: lmdb.Environment) -> None:
    filled(env, 50, 40)
    journal = reopen(env)
    assert (journal.first_index, journal.last_index, journal.getRaftCommitIndex()) == (1, 50, 40)
    assert journal.entry(37) == (entry(37), 37, 4)
    assert journal.term_at(50) == journal.last_term == 6


def test_truncation_keeps_what_is_applied(env: lmdb.Environment) -> None:
    journal = filled(env, 50, 40)
    journal.deleteEntriesFrom(45)
    assert journal.last_index == 45
    journal.add(b"\x4d\x01new", 46, 9)
    with pytest.raises(ConsensusBug):
        journal.deleteEntriesFrom(39)
    journal._store.commit()
    again = reopen(env)
    assert (again.last_index, again.last_term, again.entry(46)[0]) == (46, 9, b"\x4d\x01new")


def test_a_dropped_tail_stays_dropped_when_the_power_goes(fast_dir: Path) -> None:
    """INV-2: entries that conflict with the leader's are gone with the tick's commit, whatever came in their place.

    What is added promises for itself; this is the truncation's own promise.
    """
    directory = fast_dir / "env"
    env = open_env(directory)
    disk = Disk(directory)
    seen: Any = disk.attach(env)
    journal = filled(seen, 50, 40)
    journal.deleteEntriesFrom(45)
    journal._store.commit()
    disk.detach()
    env.close()
    disk.lose_power(undo=True)
    (directory / "lock.mdb").unlink()
    env = open_env(directory)
    again = reopen(env)
    assert (again.last_index, again.last_term, again.getRaftCommitIndex()) == (45, 5, 40)
    again._store.abandon()
    env.close()


def test_trimming_keeps_an_anchor_and_respects_the_pin(env: lmdb.Environment) -> None:
    journal = filled(env, 1000, 900)
    journal.trim(400, 1 << 30, pinned_index=300)
    assert journal.first_index == 300
    journal.trim(400, 1 << 30, pinned_index=1 << 62)
    assert journal.first_index == 601
    journal.trim(1 << 60, 100, pinned_index=1 << 62)
    assert journal.first_index == 900
    journal._store.commit()
    again = reopen(env)
    assert (again.first_index, again.last_index) == (900, 1000)
    assert again.entry(900) == (entry(900), 900, 91)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda store: store.txn.delete((25).to_bytes(8, "big"), db=store.log), "gap"),
        (lambda store: store.set_applied(60, 1, 0), "applied up to entry 60"),
        (lambda store: store.txn.drop(store.log, delete=False), "empty"),
    ],
)
def test_a_log_that_does_not_fit_the_state_is_refused(env: lmdb.Environment, damage: object, reason: str) -> None:
    """Guard 7: never start on such a log, and never clear it."""
    filled(env, 50, 40)
    store = Store(env)
    damage(store)  # type: ignore[operator]
    store.commit()
    with pytest.raises(StorageError, match=reason):
        reopen(env)


def test_pysyncobj_may_not_clear_or_compact(env: lmdb.Environment) -> None:
    journal = filled(env, 5, 3)
    with pytest.raises(ConsensusBug):
        journal.clear()
    with pytest.raises(ConsensusBug):
        journal.deleteEntriesTo(2)


def test_a_vote_is_not_changed_within_its_term(env: lmdb.Environment) -> None:
    """INV-1."""
    journal = filled(env, 5, 3)
    journal.setCurrentTerm(7, "n1")
    journal.setCurrentTerm(7, "n1")
    with pytest.raises(ConsensusBug):
        journal.setCurrentTerm(7, "n2")
    with pytest.raises(ConsensusBug):
        journal.setCurrentTerm(6, None)
    journal._store.commit()
    assert (reopen(env).getCurrentTerm(), reopen(env).getVotedForNodeId()) == (7, "n1")


groups = st.lists(
    st.builds(
        Group,
        st.binary(max_size=20),
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**63),
        st.lists(st.binary(max_size=100), max_size=5),
    ),
    max_size=5,
)


@given(groups, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_entries_come_back_as_they_were(packed: list[Group], wall_ns: int, lease_ms: int) -> None:
    data = pack_entry(wall_ns, lease_ms, packed)
    assert acceptable(data)
    assert unpack_stamp(data) == (wall_ns, lease_ms)
    assert list(unpack_groups(data)) == packed


def test_an_entry_of_another_format_is_not_guessed_at() -> None:
    data = bytearray(pack_entry(1, 2, [Group(b"n1", 1, 1, [b"x"])]))
    data[1] = 9
    assert not acceptable(bytes(data))
    with pytest.raises(ValueError, match="format 9"):
        list(unpack_groups(bytes(data)))
    with pytest.raises(ValueError, match="length"):
        list(unpack_groups(pack_entry(1, 2, []) + b"more"))


@pytest.mark.parametrize("kind", [COMMAND, MEMBERSHIP])
def test_a_log_that_a_later_release_wrote_is_refused(env: lmdb.Environment, kind: int) -> None:
    """In the operator's words, at start; not as an exception when the entry's turn comes."""
    filled(env, 10, 5)
    store = Store(env)
    store.txn.put((11).to_bytes(8, "big"), bytes(8) + bytes((kind, 2)) + b" of the future", db=store.log)
    store.commit()
    with pytest.raises(FormatError, match="log entry 11 has a format that this release does not know"):
        reopen(env)


def test_a_state_that_a_later_release_wrote_is_refused(env: lmdb.Environment) -> None:
    store = Store(env)
    store.txn.put(b"format", (FORMAT + 1).to_bytes(8, "big"), db=store.state)
    store.commit()
    with pytest.raises(FormatError, match=f"has format {FORMAT + 1}, this release reads up to {FORMAT}"):
        Store(env)


def test_a_state_from_before_there_were_formats_is_read(env: lmdb.Environment) -> None:
    filled(env, 10, 5)
    store = Store(env)
    store.txn.delete(b"format", db=store.state)
    store.commit()
    assert reopen(env).last_index == 10
