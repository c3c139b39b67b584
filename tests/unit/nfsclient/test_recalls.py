"""Recalls of layouts, devices and delegations, with one scripted MDS and scripted data servers, on simulated time."""

from __future__ import annotations

from typing import Any

import pytest

from nfsclient.client import Client
from nfsclient.file import File
from nfswire import nfs4
from tests.unit.nfsclient.support.scripted import DATA, FILES, LAYOUT_OTHER, OPEN_ID, WHOLE, World


def recall_args(seqid: int, *, other: bytes = LAYOUT_OTHER, fh: bytes = b"file",
                kind: int = nfs4.LAYOUT4_RET_REC_FILE) -> nfs4.CB_LAYOUTRECALL4args:
    file = nfs4.layoutrecall_file4(fh, 0, WHOLE, nfs4.stateid4(seqid, other))
    by_file = kind == nfs4.LAYOUT4_RET_REC_FILE
    recall = nfs4.layoutrecall4(kind, file if by_file else None,
                                nfs4.fsid4(1, 1) if kind == nfs4.LAYOUT4_RET_REC_FSID else None)
    return nfs4.CB_LAYOUTRECALL4args(FILES, nfs4.LAYOUTIOMODE4_ANY, False, recall)


def test_recall_waits_for_io_under_way_commits_and_returns() -> None:
    """RFC 8881 section 12.5.5: no new I/O, what is under way ends, written data is committed, then LAYOUTRETURN."""
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, b"x")
        writing = world.runtime.spawn(file.write(0, DATA))
        await world.runtime.sleep(0.5)
        world.mds.call_back(1, nfs4.OP_CB_LAYOUTRECALL, recall_args(2))
        await world.runtime.sleep(1.2)
        assert world.mds.callback_answers == []
        assert "LAYOUTRETURN" not in world.log
        await writing
        await world.runtime.sleep(50)
        assert world.mds.callback_statuses() == [nfs4.NFS4_OK]
        assert world.log.index("LAYOUTCOMMIT") < world.log.index("LAYOUTRETURN")
        assert client.layouts.current(b"file") is None
        await file.write(0, DATA)
        assert world.log.count("LAYOUTGET") == 2
        await file.flush()

    client = world.run(script)
    assert client.stats.layouts_recalled == 1
    assert world.content() == DATA


def test_recall_while_a_granted_layout_is_taken_up() -> None:
    """INV-5: the layout is granted, its device not known yet; NOMATCHING_LAYOUT would give it to somebody else too."""
    world = World()
    answer = world._getdeviceinfo

    def recalled_meanwhile(args: Any) -> Any:
        world.mds.call_back(1, nfs4.OP_CB_LAYOUTRECALL, recall_args(2))
        return answer(args)

    world._getdeviceinfo = recalled_meanwhile  # type: ignore[method-assign]

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        assert world.mds.callback_statuses() == [nfs4.NFS4ERR_DELAY]
        world.mds.call_back(2, nfs4.OP_CB_LAYOUTRECALL, recall_args(2))
        await world.runtime.sleep(50)
        assert world.mds.callback_statuses()[1:] == [nfs4.NFS4_OK]
        assert "LAYOUTRETURN" in world.log

    world.run(script)


def test_recall_sequence_ids() -> None:
    """"a sequence ID beyond old + 1 gets DELAY, at or below old OLD_STATEID"; what is not held, NOMATCHING_LAYOUT."""
    world = World()

    async def script(client: Client, file: File) -> None:
        world.mds.call_back(1, nfs4.OP_CB_LAYOUTRECALL, recall_args(1))
        await world.runtime.sleep(5)
        await file.write(0, DATA)
        scripts = [(3, LAYOUT_OTHER, b"file"), (1, LAYOUT_OTHER, b"file"), (2, b"x" * 12, b"file"),
                   (2, LAYOUT_OTHER, b"else")]
        for number, (seqid, other, fh) in enumerate(scripts, 2):
            world.mds.call_back(number, nfs4.OP_CB_LAYOUTRECALL, recall_args(seqid, other=other, fh=fh))
            await world.runtime.sleep(5)
        assert client.layouts.current(b"file") is not None
        await file.flush()

    world.run(script)
    assert world.mds.callback_statuses() == [
        nfs4.NFS4ERR_NOMATCHING_LAYOUT, nfs4.NFS4ERR_DELAY, nfs4.NFS4ERR_OLD_STATEID,
        nfs4.NFS4ERR_NOMATCHING_LAYOUT, nfs4.NFS4ERR_NOMATCHING_LAYOUT]


@pytest.mark.parametrize("kind", [nfs4.LAYOUT4_RET_REC_FSID, nfs4.LAYOUT4_RET_REC_ALL])
def test_recall_of_everything_returns_each_file_then_says_so(kind: int) -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        world.mds.call_back(1, nfs4.OP_CB_LAYOUTRECALL, recall_args(0, kind=kind))
        await world.runtime.sleep(100)
        world.mds.call_back(2, nfs4.OP_CB_LAYOUTRECALL, recall_args(0, kind=kind))
        await world.runtime.sleep(100)

    world.run(script)
    assert world.log.count("LAYOUTRETURN") == 2
    assert world.mds.callback_statuses() == [nfs4.NFS4_OK, nfs4.NFS4ERR_NOMATCHING_LAYOUT]
    assert world.content() == DATA


def test_deleted_device_is_forgotten_with_the_layouts_on_it() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        deleted = nfs4.pack_notify_deviceid_delete4(nfs4.notify_deviceid_delete4(FILES, b"d" * 16))
        args = nfs4.CB_NOTIFY_DEVICEID4args([nfs4.notify4(1 << nfs4.NOTIFY_DEVICEID4_DELETE, deleted)])
        world.mds.call_back(1, nfs4.OP_CB_NOTIFY_DEVICEID, args)
        await world.runtime.sleep(100)
        assert world.log.count("LAYOUTRETURN") == 1
        await file.read(0, 10)
        assert world.devices_asked == 2

    world.run(script)
    assert world.mds.callback_statuses() == [nfs4.NFS4_OK]


def test_recall_of_a_delegation_that_was_never_held() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        world.mds.call_back(1, nfs4.OP_CB_RECALL, nfs4.CB_RECALL4args(OPEN_ID, False, b"file"))
        await world.runtime.sleep(5)

    world.run(script)
    assert world.mds.callback_statuses() == [nfs4.NFS4ERR_BAD_STATEID]
