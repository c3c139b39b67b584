"""Layouts, recalls and I/O with one scripted MDS and scripted data servers, on simulated time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nfsclient.client import Client, Settings
from nfsclient.data_servers import DataServerSettings
from nfsclient.errors import NfsError
from nfsclient.file import File
from nfsclient.runtime import gather
from nfswire import nfs4, rpc
from nfswire.attributes import pack_fattr
from tests.unit.nfsclient.support.simulated import SimRuntime, SimServer

MDS = ("mds", 1)
SERVERS = [("ds1", 11), ("ds2", 12), ("ds3", 13)]
UNIT = 64
WHOLE = nfs4.NFS4_UINT64_MAX
FILES = nfs4.LAYOUT4_NFSV4_1_FILES
OPEN_ID = nfs4.stateid4(1, b"open-stateid")
LAYOUT_OTHER = b"layout-state"
Results = list[tuple[int, Any]]
Operations = list[tuple[int, Any]]


class DataServer:
    """One object, a verifier, and refusals to come."""

    def __init__(self, runtime: SimRuntime, number: int) -> None:
        self.data = bytearray()
        self.verifier = b"verifier"
        self.refuse: list[int] = []
        self.keeps = nfs4.UNSTABLE4
        self.lost_on_restart: list[tuple[int, bytes]] = []
        self.served: list[str] = []
        self.server = SimServer(runtime, SERVERS[number], self._handle, nfs4.EXCHGID4_FLAG_USE_PNFS_DS)

    def restart(self) -> None:
        """What was not committed is gone; the verifier tells."""
        self.data.clear()
        self.verifier = b"another!"

    def _handle(self, operations: Operations) -> Results:
        results: Results = [(nfs4.OP_PUTFH, nfs4.PUTFH4res(0))]
        op, args = operations[1]
        self.served.append(nfs4.OP_NAMES[op])
        if self.refuse:
            return [*results, (op, _refused(op, self.refuse.pop(0)))]
        if op == nfs4.OP_READ:
            data = bytes(self.data[args.offset:args.offset + args.count])
            eof = args.offset + args.count >= len(self.data)
            return [*results, (op, nfs4.READ4res(0, nfs4.READ4resok(eof, data)))]
        if op == nfs4.OP_WRITE:
            _put(self.data, args.offset, bytes(args.data))
            committed = max(args.stable, self.keeps)
            return [*results, (op, nfs4.WRITE4res(0, nfs4.WRITE4resok(len(args.data), committed, self.verifier)))]
        assert op == nfs4.OP_COMMIT
        return [*results, (op, nfs4.COMMIT4res(0, nfs4.COMMIT4resok(self.verifier)))]


def _put(data: bytearray, offset: int, new: bytes) -> None:
    data.extend(bytes(max(0, offset + len(new) - len(data))))
    data[offset:offset + len(new)] = new


def _refused(op: int, status: int) -> Any:
    return {nfs4.OP_READ: nfs4.READ4res, nfs4.OP_WRITE: nfs4.WRITE4res, nfs4.OP_COMMIT: nfs4.COMMIT4res}[op](status)


class World:
    """An MDS that grants whole-file layouts over three data servers, and takes I/O itself."""

    def __init__(self) -> None:
        self.runtime = SimRuntime()
        self.servers = [DataServer(self.runtime, number) for number in range(3)]
        self.mds = SimServer(self.runtime, MDS, self._handle, nfs4.EXCHGID4_FLAG_USE_PNFS_MDS)
        self.size = 0
        self.log: list[str] = []
        self.layout_refusals: list[int] = []
        self.layout_seqid = 0
        self.proxied = bytearray()
        self.flags = 0
        self.devices_asked = 0

    # the MDS

    def _handle(self, operations: Operations) -> Results:
        results: Results = []
        for op, args in operations:
            result = self._operation(op, args)
            results.append((op, result))
            if int.from_bytes(nfs4.RES[op][1](result)[:4], "big"):
                break
        return results

    def _operation(self, op: int, args: Any) -> Any:
        name = nfs4.OP_NAMES[op]
        handler = getattr(self, f"_{name.lower()}", None)
        if handler is not None:
            self.log.append(name)
            return handler(args)
        simple = {nfs4.OP_PUTROOTFH: nfs4.PUTROOTFH4res, nfs4.OP_PUTFH: nfs4.PUTFH4res,
                  nfs4.OP_RECLAIM_COMPLETE: nfs4.RECLAIM_COMPLETE4res, nfs4.OP_LAYOUTERROR: nfs4.LAYOUTERROR4res}
        if op == nfs4.OP_LAYOUTERROR:
            self.log.append(name)
        return simple[op](0)

    def _getfh(self, args: Any) -> Any:
        return nfs4.GETFH4res(0, nfs4.GETFH4resok(b"file"))

    def _getattr(self, args: Any) -> Any:
        known = {nfs4.FATTR4_SIZE: self.size, nfs4.FATTR4_LEASE_TIME: 90, nfs4.FATTR4_MAXREAD: 1 << 20,
                 nfs4.FATTR4_MAXWRITE: 1 << 20, nfs4.FATTR4_FS_LAYOUT_TYPES: [FILES]}
        asked = {number: value for number, value in known.items() if args.attr_request >> number & 1}
        return nfs4.GETATTR4res(0, nfs4.GETATTR4resok(pack_fattr(asked)))

    def _setattr(self, args: Any) -> Any:
        self.size = int.from_bytes(args.obj_attributes.attr_vals, "big")
        return nfs4.SETATTR4res(0, 1 << nfs4.FATTR4_SIZE)

    def _open(self, args: Any) -> Any:
        resok = nfs4.OPEN4resok(OPEN_ID, nfs4.change_info4(True, 1, 2), 0, 0, nfs4.open_delegation4(0))
        return nfs4.OPEN4res(0, resok)

    def _close(self, args: Any) -> Any:
        return nfs4.CLOSE4res(0, OPEN_ID)

    def _layoutget(self, args: Any) -> Any:
        if self.layout_refusals:
            status = self.layout_refusals.pop(0)
            signals = False if status == nfs4.NFS4ERR_LAYOUTTRYLATER else None
            return nfs4.LAYOUTGET4res(status, None, signals)
        self.layout_seqid += 1
        body = nfs4.nfsv4_1_file_layout4(b"d" * 16, UNIT | self.flags, 0, 0, [b"o1", b"o2", b"o3"])
        content = nfs4.layout_content4(FILES, nfs4.pack_nfsv4_1_file_layout4(body))
        layout = nfs4.layout4(0, WHOLE, args.loga_iomode, content)
        return nfs4.LAYOUTGET4res(0, nfs4.LAYOUTGET4resok(
            True, nfs4.stateid4(self.layout_seqid, LAYOUT_OTHER), [layout]))

    def _getdeviceinfo(self, args: Any) -> Any:
        self.devices_asked += 1
        paths = [[nfs4.netaddr4(b"tcp", b"%s.0.%d" % (host.encode(), port))] for host, port in SERVERS]
        body = nfs4.pack_nfsv4_1_file_layout_ds_addr4(nfs4.nfsv4_1_file_layout_ds_addr4([0, 1, 2], paths))
        return nfs4.GETDEVICEINFO4res(0, nfs4.GETDEVICEINFO4resok(nfs4.device_addr4(FILES, body), 0))

    def _layoutcommit(self, args: Any) -> Any:
        self.size = max(self.size, args.loca_last_write_offset.no_offset + 1)
        return nfs4.LAYOUTCOMMIT4res(0, nfs4.LAYOUTCOMMIT4resok(nfs4.newsize4(False)))

    def _layoutreturn(self, args: Any) -> Any:
        return nfs4.LAYOUTRETURN4res(0, nfs4.layoutreturn_stateid(False))

    def _read(self, args: Any) -> Any:
        whole = self.content()
        data = whole[args.offset:args.offset + args.count]
        return nfs4.READ4res(0, nfs4.READ4resok(args.offset + args.count >= len(whole), data))

    def _write(self, args: Any) -> Any:
        _put(self.proxied, args.offset, bytes(args.data))
        self.size = max(self.size, args.offset + len(args.data))
        return nfs4.WRITE4res(0, nfs4.WRITE4resok(len(args.data), args.stable, b"mdsmdsmd"))

    def _commit(self, args: Any) -> Any:
        return nfs4.COMMIT4res(0, nfs4.COMMIT4resok(b"mdsmdsmd"))

    # looking

    def content(self) -> bytes:
        """The file, as its stripes on the data servers say; what went through the MDS wins."""
        whole = bytearray(self.size)
        for start in range(0, self.size, UNIT):
            part = self.servers[start // UNIT % 3].data[start:min(start + UNIT, self.size)]
            whole[start:start + len(part)] = part
        for at, byte in enumerate(self.proxied):
            if byte:
                whole[at] = byte
        return bytes(whole)

    def run(self, script: Callable[[Client, File], Awaitable[None]], minor: int = 2) -> Client:
        """Run ``script`` with a client that has the file open."""
        settings = Settings(data_servers=DataServerSettings())

        async def whole() -> Client:
            client = await Client.connect([MDS], minor, runtime=self.runtime, settings=settings,
                                          credential=rpc.AUTH_NONE)
            file = await client.open("/file", create=nfs4.UNCHECKED4)
            await script(client, file)
            client.abandon()
            return client

        return self.runtime.run(whole())


DATA = bytes(range(1, 251)) * 4


def test_written_in_parallel_committed_everywhere_and_read_back() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        assert world.size == 0
        await file.flush()
        assert world.size == len(DATA)
        assert await file.read(0, len(DATA) + 100) == DATA
        assert await file.read(100, 333) == DATA[100:433]
        await file.close()

    client = world.run(script)
    assert world.content() == DATA
    assert client.stats.bytes_read_mds == client.stats.bytes_written_mds == 0
    assert all(server.served.count("COMMIT") == 1 for server in world.servers)
    assert world.log.count("LAYOUTGET") == world.devices_asked == 1
    assert world.log.index("LAYOUTRETURN") < world.log.index("CLOSE")
    assert not client.stats.notes


def test_commit_through_the_mds_when_the_layout_says_so() -> None:
    world = World()
    world.flags = nfs4.NFL4_UFLG_COMMIT_THRU_MDS
    for server in world.servers:
        server.verifier = b"mdsmdsmd"

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        await file.flush()

    world.run(script)
    assert "COMMIT" in world.log
    assert not any("COMMIT" in server.served for server in world.servers)


def test_changed_verifier_makes_the_client_write_again() -> None:
    """INV-10: acknowledged by ``flush`` means on stable storage, though the server restarted before COMMIT."""
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        world.servers[1].restart()
        await file.flush()

    client = world.run(script)
    assert world.content() == DATA
    assert client.stats.verifier_changes == 1
    assert client.stats.bytes_written_mds == 0


def test_data_server_gone_before_commit_its_stripes_go_through_the_mds() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        world.servers[1].server.crash()
        world.servers[1].restart()
        await file.flush()

    client = world.run(script)
    assert world.content() == DATA
    assert client.stats.bytes_written_mds == 5 * UNIT


def test_dead_data_server_is_bypassed_stripe_by_stripe_and_reported() -> None:
    world = World()
    world.servers[2].server.down = True

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA, nfs4.FILE_SYNC4)
        started_ms = world.runtime.now_ms()
        assert await file.read(0, len(DATA)) == DATA
        assert world.runtime.now_ms() - started_ms < 100, "a server known to be dead is not waited for"
        await file.flush()

    client = world.run(script)
    assert client.stats.ds_failures == 1
    assert 0 < client.stats.bytes_written_mds < len(DATA) / 2
    assert "LAYOUTERROR" in world.log
    assert world.size == len(DATA)


def test_mute_data_server_costs_its_patience_once() -> None:
    world = World()
    world.servers[0].server.mute = True

    async def script(client: Client, file: File) -> None:
        await gather(world.runtime, (file.write(n * 100, DATA[n * 100:n * 100 + 100], 2) for n in range(10)))
        assert 2500 < world.runtime.now_ms() < 2600
        assert await file.read(0, len(DATA)) == DATA

    world.run(script)


def test_restarted_data_server_gets_a_new_session_and_the_request_again() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA, nfs4.FILE_SYNC4)
        world.servers[0].server.sequence_refusals = [nfs4.NFS4ERR_BADSESSION]
        world.servers[0].server.slots.clear()
        assert await file.read(0, len(DATA)) == DATA

    client = world.run(script)
    assert client.stats.ds_sessions == 4
    assert client.stats.bytes_read_mds == 0


@pytest.mark.parametrize("status", [nfs4.NFS4ERR_STALE, nfs4.NFS4ERR_PNFS_NO_LAYOUT, nfs4.NFS4ERR_BAD_STATEID])
def test_fenced_layout_is_given_back_and_another_one_used(status: int) -> None:
    """INV-6 from the client's side: a data server's refusal leads to a new layout, not to an error."""
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA, nfs4.FILE_SYNC4)
        world.servers[1].refuse = [status]
        assert await file.read(0, len(DATA)) == DATA
        world.servers[2].refuse = [status]
        await file.write(0, DATA[::-1], nfs4.FILE_SYNC4)
        await file.flush()

    client = world.run(script)
    assert world.content() == DATA[::-1]
    assert world.log.count("LAYOUTGET") == 4, "RW; READ after the first refusal; RW to write; RW after the second"
    assert world.log.count("LAYOUTRETURN") == 2
    assert client.stats.bytes_read_mds == client.stats.bytes_written_mds == 0


def test_layouts_refused_again_and_again_end_at_the_mds() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        world.servers[1].refuse = [nfs4.NFS4ERR_STALE] * 100
        await file.write(0, DATA, nfs4.FILE_SYNC4)

    world.run(script)
    assert world.content() == DATA


def test_no_layout_to_be_had_all_through_the_mds() -> None:
    world = World()
    world.layout_refusals = [nfs4.NFS4ERR_LAYOUTUNAVAILABLE] * 2

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        await file.flush()
        assert await file.read(0, len(DATA)) == DATA
        assert world.log.count("LAYOUTGET") == 1, "not asked for again at every call"

    client = world.run(script)
    assert client.stats.bytes_written_ds == 0


@pytest.mark.parametrize("status", [
    nfs4.NFS4ERR_LAYOUTTRYLATER, nfs4.NFS4ERR_RECALLCONFLICT, nfs4.NFS4ERR_DELAY, nfs4.NFS4ERR_GRACE])
def test_layout_not_now_is_waited_for(status: int) -> None:
    world = World()
    world.layout_refusals = [status] * 5

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        await file.flush()

    client = world.run(script)
    assert client.stats.bytes_written_mds == 0
    assert client.stats.status_count(status) == 5


def test_hole_reads_as_zeros_and_the_end_is_the_mds_size() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(5 * UNIT, b"far", nfs4.FILE_SYNC4)
        assert await file.read(0, 1000) == bytes(5 * UNIT) + b"far"
        await file.flush()
        world.servers[0].refuse = [nfs4.NFS4ERR_PNFS_IO_HOLE]
        assert await file.read(0, 10) == bytes(10)
        assert await file.read(5 * UNIT + 3, 10) == b""

    client = world.run(script)
    assert client.stats.bytes_read_mds == 0


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


def test_flush_that_fails_keeps_the_data_for_the_next() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        commit = world._layoutcommit
        world._layoutcommit = lambda args: nfs4.LAYOUTCOMMIT4res(nfs4.NFS4ERR_IO)  # type: ignore[method-assign]
        world._setattr = lambda args: nfs4.SETATTR4res(nfs4.NFS4ERR_IO, 0)  # type: ignore[method-assign]
        with pytest.raises(NfsError, match="SETATTR: NFS4ERR_IO"):
            await file.flush()
        world._layoutcommit = commit  # type: ignore[method-assign]
        world.servers[0].restart()
        await file.flush()

    world.run(script)
    assert world.content() == DATA
