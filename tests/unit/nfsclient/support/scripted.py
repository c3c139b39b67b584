"""A scripted MDS and scripted data servers, on simulated time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nfsclient.client import Client, Settings
from nfsclient.data_servers import DataServerSettings
from nfsclient.file import File
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
