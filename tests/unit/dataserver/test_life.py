"""What is left of one life of the cluster in the next one: nothing, however late it comes (docs/adr/0026).

The data server is whole here but for sockets: its authority, deletions, tombstones, cuts and list of metadata servers,
on real files. A cluster that is restored twice from one backup begins both lives with the same numbers, so no number
tells them apart.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from dataserver.authority import Authority
from dataserver.control import ControlService
from dataserver.deletions import Deletions
from dataserver.directory import Directory
from dataserver.heartbeats import Heartbeats
from dataserver.leadership import Leadership
from dataserver.life import Life, LifeOver
from dataserver.objects import ObjectStore
from dataserver.tombstones import Tombstones
from mdsproto import control_pb2, credentials
from mdsproto.configfile import Address
from mdsproto.mandate import Mandate
from nfswire import dsfh, nfs4
from nfswire.dsfh import Fence
from tests.unit.dataserver.test_directory import config

KEY = bytes(range(32))
FIRST, SECOND = Mandate(0x1111, 100, 7), Mandate(0x1111, 200, 1)
WAIT_S = 10.0


class Aborted(Exception):
    """The call was ended with a status."""


class Caller:
    """A metadata server's call."""

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_subject_alternative_name": [b"mds1", credentials.role_name(credentials.ROLE_MDS).encode()]}

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Aborted(code, details)


class DataServer:
    """One, wired as in :class:`dataserver.server.Server`. The clock stands still unless the test moves it."""

    def __init__(self, path: Path) -> None:
        self.now_ns = 1_000_000_000
        self.store = ObjectStore(path, "ds1", lambda: b"verifier", open_max=64)
        self.tombstones = Tombstones(path / "tombstones", 1000)
        self.life = Life()
        clock = lambda: self.now_ns  # noqa: E731
        self.authority = Authority(KEY, clock, self.life, lease_wait_ms=0, deleted=self.tombstones.ids())
        self.deletions = Deletions(self.authority, self.store, self.tombstones, clock, self.life)
        self.kept: list[Mandate] = []
        self.leadership = Leadership(None, self.kept.append, self.life)
        address = Address("127.0.0.1", 1)
        settings: Any = SimpleNamespace(ds_id="ds1", nfs=address, control=address, lease_ms=6_000, heartbeat_ms=1_000)
        self.heartbeats = Heartbeats(
            settings, 1, KEY, {}, self.authority, self.store, self.deletions, self.leadership, self.life
        )
        self.control = ControlService(self.authority, self.store, self.deletions, self.leadership, self.life)

    def beat(self, mandate: Mandate, **reply: Any) -> bool:
        """One heartbeat, answered at once."""
        question, _ = self.heartbeats.ask()
        return self.heartbeats.answered("mds1", question, answer(mandate, **reply))

    def holds(self, fileid: int) -> bool:
        return bool(self.store.stat(fileid))

    def write(self, fileid: int, data: bytes) -> None:
        entry = self.store.get_or_create(fileid, 0)
        self.store.write(entry, data, 0)
        self.store.sync(entry)

    def accepts(self, fileid: int, epoch: int, client_id: int = 5) -> bool:
        """Whether I/O with such a handle is served."""
        ticket = self.authority.ticket()
        table = self.authority.enter(ticket)
        self.authority.drop(ticket)
        handle = dsfh.pack_ds_fh(KEY, dsfh.FLAG_WRITE, 0, fileid, client_id, epoch)
        return table is not None and not isinstance(table.judge(handle), int)

    def truncate(self, mandate: Mandate, fileid: int, size: int, serial: int) -> None:
        context: Any = Caller()
        request = control_pb2.TruncateRequest(fileid=fileid, size_bytes=size, serial=serial, mandate=mandate.wire())
        self.control.Truncate(request, context)


def answer(mandate: Mandate, **fields: Any) -> control_pb2.HeartbeatReply:
    return control_pb2.HeartbeatReply(quorum_backed=True, lease_ms=6_000, mandate=mandate.wire(), **fields)


def entry(client_id: int, min_epoch: int) -> control_pb2.FenceEntry:
    return control_pb2.FenceEntry(client_id=client_id, min_epoch=min_epoch)


def delete(sequence: int, fileid: int) -> control_pb2.DeleteRequest:
    return control_pb2.DeleteRequest(sequence=sequence, fileid=fileid)


@pytest.fixture
def ds(tmp_path: Path) -> DataServer:
    return DataServer(tmp_path)


# ---------------------------------------------------------------- the life itself
def test_a_life_ends_when_nobody_holds_it() -> None:
    """INV-11: what is under way belongs to the life in which it began, and ends before the next one begins."""
    life, parts, began = Life(), list[int](), threading.Event()
    life.ends_with(lambda era, restored: parts.append(life.number))

    def begin() -> None:
        began.set()
        life.begin(7, restored=True, remember=lambda: parts.append(era_kept))

    era_kept = 700
    with life.held(0):
        thread = threading.Thread(target=begin)
        thread.start()
        assert began.wait(WAIT_S)
        while True:  # nobody new may hold it, while it ends
            try:
                with life.held(0):
                    time.sleep(0.001)
            except LifeOver:
                break
        time.sleep(0.05)
        assert not parts
    thread.join(WAIT_S)
    assert parts == [0, era_kept], "the next one has no number before all is forgotten and remembered"
    assert life.number == 1
    with pytest.raises(LifeOver), life.held(0):
        pass
    with life.held(1):
        pass


# ---------------------------------------------------------------- leases and fences
def test_a_new_life_begins_like_a_start(ds: DataServer) -> None:
    """INV-6: fences are numbered anew. Nothing is served until the whole list was told, and what the earlier life says
    late, about fences or leases, changes nothing."""
    authority = ds.authority
    assert ds.beat(FIRST, fence_version=500, fences=[entry(0, 11)])
    before = ds.life.number
    assert not ds.beat(SECOND, fence_version=500), "it answers what was asked before it began"
    assert not authority.has_lease()
    assert authority.version_in_force == 0
    with pytest.raises(LifeOver):
        authority.fence(501, [], drain_timeout_s=1, life=before)
    with pytest.raises(LifeOver):
        authority.renew(ds.now_ns, 6_000, life=before)
    assert not authority.has_lease()
    assert ds.beat(SECOND, fence_version=20, fences=[entry(5, 12)])
    assert not ds.accepts(7, epoch=11)
    assert ds.accepts(7, epoch=12)


def test_an_empty_list_is_never_put_in_force(ds: DataServer) -> None:
    """INV-6: two heartbeats overlap while the cluster begins another life, whose list has the version that is in force.
    The second question was asked in the earlier life, so its answer comes without the list."""
    assert ds.beat(FIRST, fence_version=40, fences=[entry(5, 40)])
    one, _ = ds.heartbeats.ask()
    other, asked = ds.heartbeats.ask()
    assert asked.fence_version == 40
    assert not ds.heartbeats.answered("mds1", one, answer(SECOND, fence_version=40))
    assert not ds.heartbeats.answered("mds2", other, answer(SECOND, fence_version=40))
    assert (ds.authority.version_in_force, ds.authority.has_lease()) == (0, False)
    question, asked = ds.heartbeats.ask()
    assert (asked.fence_version, Mandate.of(asked.obeys)) == (0, SECOND)
    assert ds.heartbeats.answered("mds1", question, answer(SECOND, fence_version=40, fences=[entry(5, 40)]))
    assert not ds.accepts(7, epoch=39)


def test_a_question_says_nothing_of_one_life_in_the_name_of_the_next(
    ds: DataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-6, INV-11: another life begins at any moment while a heartbeat is put together."""
    moments = ["clock_ns", "take_done", "space", "nothing"]
    for moment in moments:
        first, second = Mandate(0x1111, 1000 * ds.life.number + 1, 7), Mandate(0x1111, 1000 * ds.life.number + 2, 1)
        ds.beat(first, fence_version=40, fences=[entry(5, 40)])
        assert ds.beat(first, fence_version=40, fences=[entry(5, 40)])
        ds.deletions.put_back([3], ds.life.number)
        owner: Any = {"clock_ns": ds.authority, "take_done": ds.deletions, "space": ds.store}.get(moment, ds.authority)
        with monkeypatch.context() as patched:
            if moment != "nothing":
                original = getattr(owner, moment)

                def interrupted(original: Any = original, second: Mandate = second, patched: Any = patched) -> Any:
                    patched.undo()
                    found = original()
                    ds.leadership.hear(second)
                    return found

                patched.setattr(owner, moment, interrupted)
            question, asked = ds.heartbeats.ask()
        if moment == "nothing":
            assert (asked.fence_version, list(asked.deleted)) == (40, [3])
            continue
        in_the_second = Mandate.of(asked.obeys) == second
        assert not (in_the_second and (asked.fence_version or asked.deleted)), moment
        assert not ds.heartbeats.answered("mds1", question, answer(second, fence_version=40)), moment
        assert not ds.authority.has_lease()


def test_nothing_is_served_before_the_first_list_is_in_force(ds: DataServer) -> None:
    """INV-6: I/O of the earlier life is still under way, on a slow disk, and nobody in this one waits for it."""
    assert ds.beat(FIRST, fence_version=40)
    ticket = ds.authority.ticket()
    assert ds.authority.enter(ticket) is not None
    ds.beat(SECOND, fence_version=40)
    clock = ds.authority.clock_ns

    def hurried() -> int:
        ds.now_ns += 100_000_000  # so that nobody waits for the I/O in earnest
        return clock()

    ds.authority.clock_ns = hurried
    assert not ds.beat(SECOND, fence_version=40)
    assert not ds.authority.has_lease()
    ticket.table = None
    assert ds.beat(SECOND, fence_version=40)
    assert ds.authority.has_lease()


# ---------------------------------------------------------------- cuts
def test_a_cut_of_the_next_life_is_carried_out_whatever_its_number(ds: DataServer) -> None:
    """INV-10, INV-11: both lives cut the file for the third time since their backup; the second one's cut is no
    repetition. Also when the cut itself is what the data server hears of that life first."""
    ds.beat(FIRST, fence_version=1)
    ds.write(9, b"x" * 100)
    ds.truncate(FIRST, 9, 50, serial=3)
    ds.write(9, b"y" * 100)
    ds.truncate(FIRST, 9, 50, serial=3)
    assert ds.store.stat(9)[0].size_bytes == 100, "it was carried out, and comes late"
    ds.truncate(SECOND, 9, 50, serial=3)
    assert ds.store.stat(9)[0].size_bytes == 50
    with pytest.raises(Aborted, match="later leader"):
        ds.truncate(FIRST, 9, 0, serial=4)
    assert ds.store.stat(9)[0].size_bytes == 50


def test_a_cut_under_way_ends_before_the_next_life_begins(ds: DataServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-10: in the next life the file is not being cut, and is written to as soon as that is served."""
    ds.beat(FIRST, fence_version=1)
    ds.write(9, b"x" * 100)
    cutting, go_on = threading.Event(), threading.Event()
    truncate = ds.store.truncate

    def slowly(*arguments: Any) -> None:
        cutting.set()
        assert go_on.wait(WAIT_S)
        truncate(*arguments)

    monkeypatch.setattr(ds.store, "truncate", slowly)
    cut = threading.Thread(target=ds.truncate, args=(FIRST, 9, 50, 3))
    cut.start()
    assert cutting.wait(WAIT_S)
    begins = threading.Thread(target=ds.leadership.hear, args=(SECOND,))
    begins.start()
    time.sleep(0.1)
    assert begins.is_alive()
    assert ds.leadership.known == FIRST
    go_on.set()
    begins.join(WAIT_S)
    cut.join(WAIT_S)
    assert ds.leadership.known == SECOND


# ---------------------------------------------------------------- deletions
def test_deletions_asked_for_in_one_life_are_not_done_in_the_next(
    ds: DataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-11: the file lives again. The answer that asked for it was held up where its fences had to wait for I/O."""
    ds.beat(FIRST, fence_version=40)
    ds.write(9, b"mine")
    ticket = ds.authority.ticket()
    assert ds.authority.enter(ticket) is not None
    question, _ = ds.heartbeats.ask()
    held_up, drain = threading.Event(), ds.authority._drain

    def drained(serial: int, timeout_s: float) -> None:
        held_up.set()
        while ticket.table is not None:
            time.sleep(0.001)
        drain(serial, timeout_s)

    monkeypatch.setattr(ds.authority, "_drain", drained)
    reply = answer(FIRST, fence_version=41, fences=[entry(5, 41)], deletes=[delete(1, 9)])
    renewed: list[bool] = []
    late = threading.Thread(target=lambda: renewed.append(ds.heartbeats.answered("mds1", question, reply)))
    late.start()
    assert held_up.wait(WAIT_S)
    ds.leadership.hear(SECOND)
    ticket.table = None
    late.join(WAIT_S)
    assert renewed == [False]
    assert ds.deletions.pending == 0
    ds.deletions.work()
    assert ds.holds(9)


def test_a_batch_in_hand_is_dropped_with_its_life(ds: DataServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-11: the worker waits for I/O to end while the next life begins, and deletes nothing then. Of what that life
    asks for under the same number nothing is lost."""
    ds.beat(FIRST, fence_version=40, deletes=[delete(1, 9)])
    ds.write(9, b"mine")
    ds.write(10, b"to be deleted")
    drain = ds.authority._drain

    def drained(serial: int, timeout_s: float) -> None:
        monkeypatch.undo()
        drain(serial, timeout_s)
        ds.beat(SECOND, fence_version=40)
        assert ds.beat(SECOND, fence_version=40, deletes=[delete(1, 10)])

    monkeypatch.setattr(ds.authority, "_drain", drained)
    assert not ds.deletions.work()
    assert ds.holds(9)
    assert ds.deletions.pending == 1
    assert ds.deletions.work()
    assert (ds.holds(9), ds.holds(10)) == (True, False)
    assert ds.deletions.take_done() == [1]


def test_deletions_of_one_life_are_not_told_to_the_next(ds: DataServer) -> None:
    """INV-11: its queue has the same numbers, for other files, whose objects would stay for ever."""
    ds.beat(FIRST, fence_version=40, deletes=[delete(1, 9), delete(2, 10)])
    ds.write(9, b"x")
    assert ds.deletions.work()
    question, asked = ds.heartbeats.ask()
    assert list(asked.deleted) == [1, 2]
    ds.leadership.hear(SECOND)
    ds.heartbeats.unanswered(question)
    _, asked = ds.heartbeats.ask()
    assert list(asked.deleted) == []
    assert ds.beat(SECOND, fence_version=40, deletes=[delete(1, 11)])
    assert ds.deletions.pending == 1, "not taken for acknowledged, either"


# ---------------------------------------------------------------- tombstones
def test_files_that_are_back_are_served(ds: DataServer, tmp_path: Path) -> None:
    """INV-11: the backup is of before their deletion. As long as nothing is known of a restore they stay refused."""
    ds.leadership.hear(None, quorum_backed=True)
    ds.beat(FIRST, fence_version=40)
    assert ds.beat(FIRST, fence_version=40, deletes=[delete(1, 9)])
    ds.deletions.work()
    assert not ds.accepts(9, epoch=50)
    ds.beat(SECOND, fence_version=40)
    assert ds.beat(SECOND, fence_version=40)
    assert ds.accepts(9, epoch=50)
    assert Tombstones(tmp_path / "tombstones", 1000).ids() == [], "also after a restart"
    ds.tombstones.add([12])
    assert Tombstones(tmp_path / "tombstones", 1000).ids() == [12]


def test_the_first_mandate_brings_no_deleted_file_back(ds: DataServer) -> None:
    """INV-11: the cluster's level was raised, it was not restored: a WRITE that is late must not bring the object back.
    """
    ds.leadership.hear(None, quorum_backed=True)
    life = ds.life.number
    ds.deletions.request([delete(1, 9)], life)
    ds.deletions.work()
    ds.beat(FIRST, fence_version=40)
    assert ds.life.number != life
    assert ds.beat(FIRST, fence_version=40)
    assert not ds.accepts(9, epoch=50)


def test_what_cannot_be_forgotten_begins_no_life(ds: DataServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-11, INV-6: the disk fails while the tombstones are emptied. Nothing of the new life is obeyed, and of the
    earlier one no list is taken for known that is not."""
    assert ds.beat(FIRST, fence_version=40, fences=[entry(5, 40)])
    question, _ = ds.heartbeats.ask()

    def broken() -> None:
        raise OSError("no")

    with monkeypatch.context() as patched:
        patched.setattr(ds.tombstones, "clear", broken)
        assert not ds.beat(SECOND, fence_version=40)
    assert ds.leadership.known == FIRST
    assert not ds.heartbeats.answered("mds1", question, answer(FIRST, fence_version=40))
    assert not ds.authority.has_lease()
    assert ds.beat(FIRST, fence_version=40, fences=[entry(5, 40)])
    assert not ds.accepts(7, epoch=39)
    ds.beat(SECOND, fence_version=40)
    assert ds.leadership.known == SECOND


# ---------------------------------------------------------------- the list of metadata servers
def test_a_restored_clusters_members_are_found(tmp_path: Path) -> None:
    """Its membership begins anew, with lower numbers, and nobody is lost from sight before it does. Where the
    operator's file and the earlier life differ, the file is right."""
    directory = Directory(config(tmp_path))
    directory.follow(7, 900, {"mds1": "old:1", "mds2": "a:1", "mds3": "b:1"})
    directory.begin_anew(8)
    assert directory.mds == {"mds1": "10.0.0.1:7002", "mds2": "a:1", "mds3": "b:1"}
    assert not directory.follow(7, 901, {"mds9": "x:1"}), "of the earlier life"
    assert directory.follow(8, 3, {"mds2": "a:1"})
    assert Directory(config(tmp_path)).mds == {"mds2": "a:1"}


def test_a_list_that_a_crash_left_behind_is_made_good_at_the_start(tmp_path: Path) -> None:
    """The disk was full when the next life began: the mandate needs no room, and the list does."""
    Directory(config(tmp_path)).follow(7, 900, {"mds2": "a:1"})
    assert Directory(config(tmp_path), 7).mds == {"mds2": "a:1"}
    directory = Directory(config(tmp_path), 8)
    assert directory.mds == {"mds1": "10.0.0.1:7002", "mds2": "a:1"}
    assert directory.follow(8, 3, {"mds4": "d:1"})


def test_until_the_cluster_tells_the_configuration_file_counts(tmp_path: Path) -> None:
    """The operator adds the restored cluster's servers to it, and starts the data server again."""
    Directory(config(tmp_path)).follow(7, 900, {"mds2": "a:1"})
    Directory(config(tmp_path)).begin_anew(8)
    edited = config(tmp_path)
    edited.mds = (*edited.mds, SimpleNamespace(id="mds5", control=Address("10.0.0.5", 7002)))
    assert Directory(edited, 8).mds == {"mds1": "10.0.0.1:7002", "mds2": "a:1", "mds5": "10.0.0.5:7002"}


def test_a_list_of_the_earlier_life_that_is_late_is_not_followed(ds: DataServer) -> None:
    """Between the look at whose list it is and its being kept another life begins; its own would never be followed."""
    followed: list[tuple[int, int]] = []
    ds.heartbeats._on_members = lambda era, index, mds: followed.append((era, index))
    ds.beat(FIRST, fence_version=1)
    question, _ = ds.heartbeats.ask()
    reply = answer(FIRST, fence_version=1, membership_index=900)
    assert ds.heartbeats.answered("mds1", question, reply)
    ds.heartbeats._follow(question, reply)
    ds.leadership.hear(SECOND)
    ds.heartbeats._follow(question, reply)
    assert followed == [(100, 900)]


def test_a_fence_that_is_late_is_refused(ds: DataServer) -> None:
    """INV-6: and one that begins a life is put in force."""
    ds.beat(FIRST, fence_version=40)
    context: Any = Caller()
    request = control_pb2.FenceRequest(version=40, fences=[entry(5, 40)], mandate=SECOND.wire())
    assert ds.control.Fence(request, context).version == 40
    assert ds.authority.table.fences == (Fence(0, 5, 40),)
    late = control_pb2.FenceRequest(version=41, mandate=FIRST.wire())
    with pytest.raises(Aborted, match="later leader"):
        ds.control.Fence(late, context)
    assert ds.authority.table.judge(dsfh.pack_ds_fh(KEY, 1, 0, 7, 5, 39)) == nfs4.NFS4ERR_STALE
