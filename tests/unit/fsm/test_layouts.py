"""LAYOUTGET, LAYOUTCOMMIT, LAYOUTRETURN, GETDEVICEINFO (RFC 8881 ch. 12 and 13, §18.40 to §18.44)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mdscluster.fsm import layout_states
from mdscluster.fsm.commands import FLAG_NO_LAYOUTS, FLAG_READ_ONLY
from nfswire import nfs4
from tests.unit.fsm.support.compounds import (
    ALICE,
    ANONYMOUS,
    BOB,
    CURRENT,
    Namespace,
    Reply,
    Who,
    at,
    getattr_,
    getfh,
    mkdir,
    putfh,
    remove,
    root,
    setattr_,
)
from tests.unit.fsm.support.layouts import (
    ANY,
    READ,
    RW,
    capability,
    device_of,
    fileid_of,
    get_layout,
    granted,
    layoutcommit,
    layoutget,
    layoutreturn,
    return_many,
    server,
    servers,
)
from tests.unit.fsm.support.sessions import READ as OPEN_READ
from tests.unit.fsm.support.sessions import close, connect, open_, unchecked

MAX = 0xFFFFFFFFFFFFFFFF


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    servers(namespace)
    yield namespace
    namespace.close()


def states(fs: Namespace, handle: bytes) -> list[layout_states.LayoutState]:
    with fs.entry() as cx:
        return [state for _, state in layout_states.of_file(cx, fileid_of(handle))]


# ---------------------------------------------------------------- LAYOUTGET
def test_a_layout_covers_the_file_with_one_capability_for_each_data_server(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, stateid = caller.create(b"f")
    _, content = granted(caller.ok(putfh(handle), layoutget(stateid, RW)))
    found = [capability(fs, fh) for fh in content.nfl_fh_list]
    assert [c.stripe_index for c in found] == [0, 1, 2]
    assert {c.fileid for c in found} == {fileid_of(handle)}
    assert {c.clientid for c in found} == {caller.client_id}
    assert all(c.may_write for c in found)
    assert content.nfl_util == 1 << 20
    assert (content.nfl_first_stripe_index, content.nfl_pattern_offset) == (0, 0)
    _, content = granted(caller.ok(putfh(handle), layoutget(stateid, READ)))
    assert not any(capability(fs, fh).may_write for fh in content.nfl_fh_list)


def test_a_layout_to_write_clears_set_user_id(fs: Namespace) -> None:
    """What is written through it and committed at the data servers alone, nobody tells of: so it goes beforehand."""
    made = connect(fs, b"root")
    handle, opened = made.create(b"f")
    made.ok(putfh(handle), setattr_({nfs4.FATTR4_MODE: 0o6777}, opened))
    bob = connect(fs, b"bob", who=BOB)
    _, stateid = bob.open(b"f")
    bob.ok(putfh(handle), layoutget(stateid, READ))
    assert fs.attributes(b"f")[nfs4.FATTR4_MODE] == 0o6777
    made.ok(putfh(handle), layoutget(opened, RW))
    assert fs.attributes(b"f")[nfs4.FATTR4_MODE] == 0o6777
    before = fs.attributes(b"f")[nfs4.FATTR4_CHANGE]
    bob.ok(putfh(handle), layoutget(stateid, RW))
    assert fs.attributes(b"f")[nfs4.FATTR4_MODE] == 0o777
    assert fs.attributes(b"f")[nfs4.FATTR4_CHANGE] > before


def test_load_is_spread_by_the_first_stripe(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    devices = set()
    for name in (b"a", b"b", b"c", b"d"):
        handle, stateid = caller.create(name)
        devices.add(device_of(granted(caller.ok(putfh(handle), layoutget(stateid)))[1]))
    assert len(devices) == 3


def test_layoutget_rides_behind_open_with_the_current_stateid(fs: Namespace) -> None:
    """As Linux sends it."""
    caller = connect(fs, b"me")
    reply = caller.ok(*at(), open_(b"f", how=unchecked()), getfh(), layoutget(CURRENT))
    assert granted(reply)[0].seqid == 1


def test_each_grant_counts_the_sequence_id(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    first = get_layout(caller, handle, opened, READ)
    second = get_layout(caller, handle, first, RW)
    parallel = get_layout(caller, handle, first, RW)  # sent before the second's reply was seen
    forgot = get_layout(caller, handle, opened, RW)  # an open's stateid again: it forgot, or ran in parallel
    newest = get_layout(caller, handle, nfs4.stateid4(0, first.other), RW)
    assert {s.other for s in (second, parallel, forgot, newest)} == {first.other}
    assert [s.seqid for s in (first, second, parallel, forgot, newest)] == [1, 2, 3, 4, 5]
    ahead = nfs4.stateid4(6, first.other)
    assert caller.status(putfh(handle), layoutget(ahead)) == "NFS4ERR_BAD_STATEID"


def test_sequence_ids_wrap_past_zero(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    first = get_layout(caller, handle, opened)
    with fs.entry() as cx:
        state = layout_states.load(cx, first.other)
        assert state is not None
        state.seqid = state.granted_seqid = 0xFFFFFFFF
        layout_states.save(cx, first.other, state)
    old = nfs4.stateid4(0xFFFFFFFF, first.other)
    assert get_layout(caller, handle, old).seqid == 1
    assert get_layout(caller, handle, old).seqid == 2, "one that is behind is not ahead"
    assert caller.status(putfh(handle), layoutget(nfs4.stateid4(3, first.other))) == "NFS4ERR_BAD_STATEID"
    assert caller.status(putfh(handle), layoutreturn(old)) == "NFS4ERR_OLD_STATEID"
    caller.ok(putfh(handle), layoutreturn(nfs4.stateid4(2, first.other)))


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"iomode": ANY}, "NFS4ERR_BADIOMODE"),
        ({"iomode": 9}, "NFS4ERR_BADIOMODE"),
        ({"length": 0, "minlength": 0}, "NFS4ERR_INVAL"),
        ({"length": 4096, "minlength": 8192}, "NFS4ERR_INVAL"),
        ({"offset": 10, "length": MAX - 5}, "NFS4ERR_INVAL"),
        ({"offset": 10, "minlength": MAX - 5}, "NFS4ERR_INVAL"),
        ({"kind": nfs4.LAYOUT4_BLOCK_VOLUME}, "NFS4ERR_UNKNOWN_LAYOUTTYPE"),
        ({"kind": nfs4.LAYOUT4_FLEX_FILES}, "NFS4ERR_UNKNOWN_LAYOUTTYPE"),
        ({"maxcount": 100}, "NFS4ERR_TOOSMALL"),
        ({"offset": 1 << 40, "length": 4096, "minlength": 0}, "NFS4_OK"),
        ({"minlength": MAX}, "NFS4_OK"),
    ],
)
def test_arguments_of_layoutget(fs: Namespace, arguments: dict[str, int], status: str) -> None:
    caller = connect(fs, b"me")
    handle, stateid = caller.create(b"f")
    assert caller.status(putfh(handle), layoutget(stateid, **arguments)) == status
    assert len(states(fs, handle)) == (status == "NFS4_OK")
    assert granted(caller.ok(putfh(handle), layoutget(stateid)))[0].seqid == 1 + (status == "NFS4_OK")


def test_a_grant_that_does_not_fit_leaves_nothing_behind(fs: Namespace) -> None:
    """Too small a maxcount once left a stateid without a state, and the node stopped at the next look at the file."""
    caller = connect(fs, b"me")
    handle, stateid = caller.create(b"f")
    assert caller.status(putfh(handle), layoutget(stateid, maxcount=1)) == "NFS4ERR_TOOSMALL"
    assert states(fs, handle) == []
    caller.ok(*at(), remove(b"f"))
    caller.ok(putfh(handle), close(stateid))


def test_only_what_was_opened_for_writing_is_laid_out_for_writing(fs: Namespace) -> None:
    """Neither by the open's stateid, nor by that of a layout which was given for reading."""
    alice = connect(fs, b"alice", who=ALICE)
    fs.file(b"f", who=ALICE, mode=0o644)
    handle, opened = alice.open(b"f", OPEN_READ, who=BOB)
    assert alice.status(putfh(handle), layoutget(opened, RW), who=BOB) == "NFS4ERR_OPENMODE"
    layout = get_layout(alice, handle, opened, READ)
    assert alice.status(putfh(handle), layoutget(layout, RW), who=BOB) == "NFS4ERR_OPENMODE"
    _, writing = alice.open(b"f", owner=b"another")
    get_layout(alice, handle, layout, RW)
    alice.ok(putfh(handle), close(writing))
    assert alice.status(putfh(handle), layoutget(layout, RW)) == "NFS4ERR_OPENMODE"
    get_layout(alice, handle, layout, READ)


def test_whose_stateid_and_of_which_file(fs: Namespace) -> None:
    mine, other = connect(fs, b"me"), connect(fs, b"other")
    handle, opened = mine.create(b"f")
    second, _ = mine.create(b"g")
    layout = get_layout(mine, handle, opened)
    for stateid in (opened, layout):
        assert other.status(putfh(handle), layoutget(stateid)) == "NFS4ERR_BAD_STATEID"
        assert mine.status(putfh(second), layoutget(stateid)) == "NFS4ERR_BAD_STATEID"
    for stateid in (ANONYMOUS, CURRENT):
        assert mine.status(putfh(handle), layoutget(stateid)) == "NFS4ERR_BAD_STATEID"
    assert other.status(putfh(handle), layoutreturn(layout)) == "NFS4ERR_BAD_STATEID"
    assert other.status(putfh(handle), layoutcommit(layout, 1)) == "NFS4ERR_BAD_STATEID"
    assert mine.status(putfh(handle), layoutreturn(opened)) == "NFS4ERR_BAD_STATEID"


def test_files_and_exports_without_layouts(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, stateid = caller.create(b"f")
    fs.ok(root(), mkdir(b"d"))
    assert caller.status(*at(b"d"), layoutget(stateid)) == "NFS4ERR_WRONG_TYPE"
    assert caller.status(layoutget(stateid)) == "NFS4ERR_NOFILEHANDLE"
    for flags, status in ((FLAG_NO_LAYOUTS, "NFS4ERR_LAYOUTUNAVAILABLE"), (FLAG_READ_ONLY, "NFS4ERR_ROFS")):
        who = dataclasses.replace(Who(), flags=flags)
        assert caller.status(putfh(handle), layoutget(stateid), who=who) == status


def test_without_its_data_servers_a_file_has_no_layout_and_all_else_works(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, stateid = caller.create(b"f")
    layout = get_layout(caller, handle, stateid)
    caller.ok(putfh(handle), layoutreturn(layout))
    server(fs, "ds2", up=False)
    assert caller.status(putfh(handle), layoutget(stateid)) == "NFS4ERR_LAYOUTUNAVAILABLE"
    caller.ok(putfh(handle), getattr_(nfs4.FATTR4_SIZE))
    new, opened = caller.create(b"g")
    _, content = granted(caller.ok(putfh(new), layoutget(opened)))
    assert len(content.nfl_fh_list) == 2, "a new file goes where data servers are"
    for name in ("ds1", "ds3"):
        server(fs, name, up=False)
    last, opened = caller.create(b"h")
    assert caller.status(putfh(last), layoutget(opened)) == "NFS4ERR_LAYOUTUNAVAILABLE"


# ---------------------------------------------------------------- LAYOUTCOMMIT
def attributes(fs: Namespace, name: bytes) -> tuple[int, int, int]:
    found = fs.attributes(
        name, want=(nfs4.FATTR4_SIZE, nfs4.FATTR4_CHANGE, nfs4.FATTR4_SPACE_USED)
    )
    return found[nfs4.FATTR4_SIZE], found[nfs4.FATTR4_CHANGE], found[nfs4.FATTR4_SPACE_USED]


def test_commit_takes_over_size_and_times(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    layout = get_layout(caller, handle, opened)
    _, change, _ = attributes(fs, b"f")
    reply = caller.ok(putfh(handle), layoutcommit(layout, 9999))
    assert reply[nfs4.OP_LAYOUTCOMMIT].locr_resok4.locr_newsize == nfs4.newsize4(True, 10_000)
    size, later, used = attributes(fs, b"f")
    assert size == 10_000
    assert later > change
    assert used >= size
    reply = caller.ok(putfh(handle), layoutcommit(layout, 99, time=nfs4.nfstime4(77, 5)))
    assert reply[nfs4.OP_LAYOUTCOMMIT].locr_resok4.locr_newsize == nfs4.newsize4(False)
    assert fs.attributes(b"f")[nfs4.FATTR4_TIME_MODIFY] == nfs4.nfstime4(77, 5)
    assert attributes(fs, b"f")[0] == 10_000, "a commit never cuts"
    caller.ok(putfh(handle), layoutcommit(layout, None))


@pytest.mark.parametrize(
    ("last", "arguments", "status"),
    [
        (MAX, {}, "NFS4ERR_FBIG"),
        ((1 << 63) + 5, {}, "NFS4ERR_FBIG"),
        (5, {"offset": 10}, "NFS4ERR_INVAL"),
        (30, {"offset": 10, "length": 20}, "NFS4ERR_INVAL"),
        (29, {"offset": 10, "length": 20}, "NFS4_OK"),
        (1, {"offset": MAX - 1, "length": 5}, "NFS4ERR_INVAL"),
        (1, {"time": nfs4.nfstime4(1, 1_000_000_000)}, "NFS4ERR_INVAL"),
        (1, {"time": nfs4.nfstime4(-(1 << 63), 999_999_999)}, "NFS4_OK"),
    ],
)
def test_arguments_of_layoutcommit(fs: Namespace, last: int, arguments: dict[str, int], status: str) -> None:
    """None of them may end the state machine, whatever a client sends."""
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    layout = get_layout(caller, handle, opened)
    assert caller.status(putfh(handle), layoutcommit(layout, last, **arguments)) == status  # type: ignore[arg-type]


def test_a_commit_needs_a_layout_for_writing(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    layout = get_layout(caller, handle, opened, READ)
    assert caller.status(putfh(handle), layoutcommit(layout, 5)) == "NFS4ERR_BADIOMODE"
    layout = get_layout(caller, handle, layout, RW)
    caller.ok(putfh(handle), layoutreturn(layout))
    assert caller.status(putfh(handle), layoutcommit(layout, 5)) == "NFS4ERR_BAD_STATEID"
    assert attributes(fs, b"f")[0] == 0


# ---------------------------------------------------------------- LAYOUTRETURN
def returned(reply: Reply) -> Any:
    return reply[nfs4.OP_LAYOUTRETURN].lorr_stateid.lrs_stateid


def test_one_mode_or_a_part_of_the_range_comes_back(fs: Namespace) -> None:
    """§18.44: the stateid goes on while anything is held, and dies with the last of it."""
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    get_layout(caller, handle, opened, READ)
    layout = get_layout(caller, handle, opened, RW)
    part = returned(caller.ok(putfh(handle), layoutreturn(layout, length=4096)))
    assert part == nfs4.stateid4(3, layout.other)
    assert states(fs, handle)[0].iomodes == layout_states.READ | layout_states.RW
    part = returned(caller.ok(putfh(handle), layoutreturn(part, RW)))
    assert part == nfs4.stateid4(4, layout.other)
    assert states(fs, handle)[0].iomodes == layout_states.READ
    assert returned(caller.ok(putfh(handle), layoutreturn(part, READ))) is None
    assert states(fs, handle) == []
    assert caller.status(putfh(handle), layoutreturn(part)) == "NFS4ERR_BAD_STATEID"
    assert get_layout(caller, handle, opened).other != layout.other, "a dead stateid stays dead"


def test_who_has_not_seen_the_last_grant_does_not_give_it_back(fs: Namespace) -> None:
    """INV-5: else a client would go on writing under a layout that counts as returned."""
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    first = get_layout(caller, handle, opened, READ)
    second = get_layout(caller, handle, first, RW)
    assert caller.status(putfh(handle), layoutreturn(first)) == "NFS4ERR_OLD_STATEID"
    assert states(fs, handle)[0].iomodes == layout_states.READ | layout_states.RW
    caller.ok(putfh(handle), layoutreturn(second))


@pytest.mark.parametrize("kind", [nfs4.LAYOUTRETURN4_FSID, nfs4.LAYOUTRETURN4_ALL])
def test_everything_comes_back(fs: Namespace, kind: int) -> None:
    mine, other = connect(fs, b"me"), connect(fs, b"other")
    handles = []
    for name in (b"a", b"b"):
        handle, opened = mine.create(name)
        get_layout(mine, handle, opened)
        handles.append(handle)
    _, opened = other.open(b"a")
    get_layout(other, handles[0], opened)
    head = (root(),) if kind == nfs4.LAYOUTRETURN4_FSID else ()
    mine.ok(*head, return_many(kind, READ))
    assert len(states(fs, handles[0])) == 2
    assert returned(mine.ok(*head, return_many(kind))) is None
    assert [state.client_id for state in states(fs, handles[0])] == [other.client_id]
    assert states(fs, handles[1]) == []


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"iomode": 0}, "NFS4ERR_BADIOMODE"),
        ({"kind": nfs4.LAYOUT4_OSD2_OBJECTS}, "NFS4ERR_UNKNOWN_LAYOUTTYPE"),
        ({"length": 0}, "NFS4ERR_INVAL"),
        ({"offset": 5, "length": MAX - 1}, "NFS4ERR_INVAL"),
    ],
)
def test_arguments_of_layoutreturn(fs: Namespace, arguments: dict[str, int], status: str) -> None:
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    layout = get_layout(caller, handle, opened)
    assert caller.status(putfh(handle), layoutreturn(layout, **arguments)) == status
    assert len(states(fs, handle)) == 1


def test_a_layout_outlives_the_last_close_and_dies_with_the_file(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    layout = get_layout(caller, handle, opened)
    caller.close(handle, opened)
    assert len(states(fs, handle)) == 1
    assert caller.status(putfh(handle), layoutget(layout)) == "NFS4ERR_OPENMODE"
    caller.ok(*at(), remove(b"f"))
    assert states(fs, handle) == []
    assert caller.status(putfh(handle), layoutreturn(layout)) == "NFS4ERR_STALE"
