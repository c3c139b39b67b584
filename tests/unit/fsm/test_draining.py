"""Data servers that are to go (feature level 6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import data_servers, draining, features, lost_stores
from mdscluster.fsm.commands import (
    RESULT_REFUSED,
    DataServerUpdate,
    DrainDataServer,
    EnsureStriping,
    RaiseFeatures,
    ReplaceStore,
    RetireDataServer,
)
from mdscluster.fsm.draining import Verdict
from mdscluster.fsm.settings import Settings
from tests.unit.fsm.support.compounds import Namespace
from tests.unit.fsm.support.sessions import connect


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state", Settings(cluster_id=7))
    made.internal(RaiseFeatures(6))
    for number in (1, 2, 3):
        up(made, number)
    yield made
    made.close()


def up(fs: Namespace, number: int, *, is_up: bool = True) -> bytes:
    return fs.internal(
        DataServerUpdate(f"ds{number}", "127.0.0.1", 2049 + number, is_up, 1 << 40, 1 << 39, 1, b"store %d" % number)
    )


def drain(fs: Namespace, ds_id: str, *, on: bool = True) -> Verdict:
    return Verdict(fs.internal(DrainDataServer(ds_id, on))[1])


def retire(fs: Namespace, ds_id: str, serial: int) -> Verdict:
    return Verdict(fs.internal(RetireDataServer(ds_id, serial))[1])


def stripe(fs: Namespace, name: bytes) -> list[int]:
    """A new file's data servers."""
    handle, _ = connect(fs, name).create(name)
    fileid = int.from_bytes(handle[8:16], "big")
    fs.internal(EnsureStriping(fileid))
    with fs.env.begin() as txn:
        striping = data_servers.striping_of(txn, fs.machine.tables, fileid)
    assert striping is not None
    return sorted(striping.numbers)


def drains(fs: Namespace) -> dict[int, int]:
    with fs.env.begin() as txn:
        return data_servers.drains(txn, fs.machine.tables)


def test_below_its_level_nothing_happens(tmp_path: Path) -> None:
    """INV-8."""
    fs = Namespace(tmp_path / "old")
    up(fs, 1)
    for command in (DrainDataServer("ds1", True), RetireDataServer("ds1", 1)):
        assert fs.internal(command) == RESULT_REFUSED
    fs.close()


def test_new_files_keep_away_from_a_drained_server(fs: Namespace) -> None:
    assert stripe(fs, b"before") == [1, 2, 3]
    assert drain(fs, "ds2") == Verdict.DONE
    assert stripe(fs, b"meanwhile") == [1, 3]
    up(fs, 2)
    assert stripe(fs, b"after a heartbeat") == [1, 3]
    assert drain(fs, "ds2", on=False) == Verdict.DONE
    assert stripe(fs, b"after") == [1, 2, 3]


def test_the_last_that_takes_files_is_not_drained(fs: Namespace) -> None:
    assert drain(fs, "ds9") == Verdict.UNKNOWN
    assert drain(fs, "ds1") == Verdict.DONE
    up(fs, 2, is_up=False)
    assert drain(fs, "ds3") == Verdict.LAST, "ds2 is down"
    up(fs, 2)
    assert drain(fs, "ds3") == Verdict.DONE
    assert drain(fs, "ds2") == Verdict.LAST
    assert stripe(fs, b"file") == [2]


def test_removal_needs_the_drain_under_which_it_was_found_empty(fs: Namespace) -> None:
    """INV-11: in between, a file could have come."""
    drain(fs, "ds2")
    seen = drains(fs)[2]
    drain(fs, "ds2", on=False)
    stripe(fs, b"file")
    drain(fs, "ds2")
    up(fs, 2, is_up=False)
    assert drains(fs)[2] != seen
    assert retire(fs, "ds2", seen) == Verdict.NOT_DRAINED
    assert retire(fs, "ds1", 0) == Verdict.NOT_DRAINED


def test_a_removed_server_is_forgotten_and_its_number_not_used_again(fs: Namespace) -> None:
    """INV-10: no file may find another store under the number of the old one."""
    drain(fs, "ds2")
    serial = drains(fs)[2]
    assert retire(fs, "ds2", serial) == Verdict.UP
    up(fs, 2, is_up=False)
    assert retire(fs, "ds2", serial) == Verdict.DONE
    assert retire(fs, "ds2", serial) == Verdict.UNKNOWN
    assert drains(fs) == {}
    assert up(fs, 2)[1:] == (4).to_bytes(8, "big"), "the same ID, registered anew, is another data server"
    assert up(fs, 5)[1:] == (5).to_bytes(8, "big")
    assert stripe(fs, b"file") == [1, 3, 4, 5]
    with fs.env.begin() as txn:
        gone = next(s for s in data_servers.all_servers(txn, fs.machine.tables) if s.number == 2)
    assert (gone.ds_id, gone.up, gone.lost) == ("ds2/removed-2", False, True)


def test_a_lost_store_is_forgotten_as_a_data_server_is(fs: Namespace) -> None:
    """INV-10: its number is not used again; the data server in whose place it was goes on."""
    stripe(fs, b"file")
    number = int.from_bytes(fs.internal(ReplaceStore("ds2", b"another"))[1:], "big")
    assert drain(fs, "ds2/lost-2") == Verdict.UNKNOWN, "so it is listed; it stands elsewhere"
    lost = lost_stores.id_of("ds2/lost-2")
    assert drain(fs, lost) == Verdict.DONE
    assert drains(fs).keys() == {2}
    assert retire(fs, lost, drains(fs)[2]) == Verdict.DONE
    with fs.env.begin() as txn:
        servers = {s.ds_id: s.number for s in data_servers.all_servers(txn, fs.machine.tables)}
    assert servers == {"ds1": 1, "ds2": number, "ds3": 3, f"ds2/lost-2{draining.REMOVED}2": 2}
    assert up(fs, 5)[1:] == (number + 1).to_bytes(8, "big")
    assert drain(fs, "ds2") == Verdict.DONE, "and the new store may go as any other"


def test_stripings_are_read_in_pages(fs: Namespace) -> None:
    for number in range(5):
        stripe(fs, b"%d" % number)
    with fs.env.begin() as txn:
        every = list(draining.stripings(txn, fs.machine.tables, b""))
        assert len(every) == 5
        assert list(draining.stripings(txn, fs.machine.tables, every[1][0])) == every[2:]


# ---------------------------------------------------------------- stores that were given up stay away (feature level 9)
REFUSED = b""


def registered(fs: Namespace, ds_id: str) -> data_servers.DataServer | None:
    with fs.env.begin() as txn:
        return data_servers.registered(txn, fs.machine.tables, ds_id)


def every(fs: Namespace) -> list[data_servers.DataServer]:
    with fs.env.begin() as txn:
        return data_servers.all_servers(txn, fs.machine.tables)


def register(fs: Namespace, ds_id: str, store: bytes, given_up: int = 0) -> bytes:
    """A registration as a metadata server proposes it: the data server's number, or nothing."""
    return fs.internal(DataServerUpdate(ds_id, "127.0.0.1", 2049, True, 1 << 40, 1 << 39, 1, store, given_up))[1:]


def remove_ds(fs: Namespace, ds_id: str, *, stays_away: bool = True) -> None:
    if stays_away:
        fs.internal(RaiseFeatures(features.STORES_STAY_AWAY))
    server = registered(fs, ds_id)
    assert server is not None
    drain(fs, ds_id)
    fs.internal(DataServerUpdate(ds_id, server.host, server.port, False, 0, 0, 1))
    assert retire(fs, ds_id, drains(fs)[server.number]) == Verdict.DONE


def test_a_removed_store_is_not_registered_again_by_whatever_was_under_way(fs: Namespace) -> None:
    """INV-10: every metadata server proposes a registration, and any of these may come when it has been removed: its
    first, a change of its address, or that the leader hears it."""
    remove_ds(fs, "ds2")
    before = every(fs)
    assert register(fs, "ds2", b"store 2") == REFUSED
    assert register(fs, "ds8", b"store 2") == REFUSED, "nor under another ID"
    assert register(fs, "ds2", b"") == REFUSED, "what the leader proposes names no store"
    assert every(fs) == before
    assert registered(fs, "ds2") is None
    assert register(fs, "ds2", b"another") == (4).to_bytes(8, "big"), "a new data server under its ID"
    assert stripe(fs, b"file") == [1, 3, 4]


def test_the_operators_word_takes_a_removed_store_in_once(fs: Namespace) -> None:
    """INV-10: the word counts for the removal that it was given after, and not, if it is late, for one that follows."""
    remove_ds(fs, "ds2")
    assert register(fs, "ds2", b"store 2", 1) == REFUSED
    assert register(fs, "ds2", b"store 2", 2) == (4).to_bytes(8, "big"), "with a number of its own"
    assert register(fs, "ds2", b"store 2") == (4).to_bytes(8, "big"), "it is registered: no word is wanted"
    assert up(fs, 2, is_up=False)[1:] == (4).to_bytes(8, "big")
    assert register(fs, "ds2", b"") == (4).to_bytes(8, "big"), "up again, as the leader says it"
    remove_ds(fs, "ds2")
    assert register(fs, "ds2", b"store 2", 2) == REFUSED
    assert register(fs, "ds2", b"store 2", 4) == (5).to_bytes(8, "big")
    assert register(fs, "ds9", b"store 9", 4) == REFUSED, "it was never given up"


def test_a_lost_store_does_not_come_back_when_its_data_server_is_removed(fs: Namespace) -> None:
    """INV-10: its disk has turned up again."""
    assert fs.internal(ReplaceStore("ds2", b"new"))[1:] == (4).to_bytes(8, "big")
    remove_ds(fs, "ds2")
    for store in (b"store 2", b"new"):
        assert register(fs, "ds2", store) == REFUSED


def test_a_late_word_gives_up_no_store_but_the_one_that_it_was_given_for(fs: Namespace) -> None:
    """INV-10: every metadata server proposes that a new store takes a lost one's place; one is late, and meanwhile that
    new one is lost, too, or another was taken in its place. The store that holds the data now must not be given up."""
    fs.internal(RaiseFeatures(features.STORES_STAY_AWAY))
    assert fs.internal(ReplaceStore("ds2", b"first", 2))[1:] == (4).to_bytes(8, "big")
    assert fs.internal(ReplaceStore("ds2", b"second", 4))[1:] == (5).to_bytes(8, "big")
    for late in (b"first", b"one that never got in"):
        assert fs.internal(ReplaceStore("ds2", late, 2))[1:] == REFUSED
    server = registered(fs, "ds2")
    assert server is not None
    assert (server.number, server.store_id) == (5, b"second")
    assert fs.internal(ReplaceStore("ds2", b"first", 5))[1:] == (6).to_bytes(8, "big"), "the operator means it"
    remove_ds(fs, "ds2")
    assert fs.internal(ReplaceStore("ds2", b"second", 6))[1:] == REFUSED
    assert registered(fs, "ds2") is None


def test_a_drained_or_silent_data_server_comes_back_as_it_was(fs: Namespace) -> None:
    """Nothing was given up: no word is wanted."""
    fs.internal(RaiseFeatures(features.STORES_STAY_AWAY))
    drain(fs, "ds2")
    up(fs, 2, is_up=False)
    up(fs, 3, is_up=False)
    assert up(fs, 2)[1:] == (2).to_bytes(8, "big")
    assert up(fs, 3)[1:] == (3).to_bytes(8, "big")
    assert stripe(fs, b"file") == [1, 3], "it is still drained"


def test_below_the_level_a_removed_store_is_judged_as_by_earlier_releases(fs: Namespace) -> None:
    """INV-8: they pass over the operator's word, and register every store."""
    remove_ds(fs, "ds2", stays_away=False)
    assert register(fs, "ds2", b"store 2") == (4).to_bytes(8, "big")
    remove_ds(fs, "ds2", stays_away=False)
    assert register(fs, "ds2", b"") == (5).to_bytes(8, "big")
    assert fs.internal(ReplaceStore("ds3", b"new"))[1:] == (6).to_bytes(8, "big"), "nor ask which one is lost"
