"""A small synchronous NFSv4.1 client: COMPOUNDs put together by hand, over one socket."""

from __future__ import annotations

import itertools
import socket
import struct
from typing import Any

from nfswire import nfs4, rpc
from nfswire.dsfh import FLAG_WRITE, pack_ds_fh

KEY = bytes(range(32))
CREDENTIAL = rpc.pack_credential(rpc.AuthSys(1, b"client", 0, 0, ()))
STATEID = nfs4.stateid4(0, b"open-stateid")
WHOLE = nfs4.channel_attrs4(0, 2 << 20, 2 << 20, 4096, 8, 64, [])


def handle(fileid: int = 77, *, stripe: int = 0, client_id: int = 5, epoch: int = 1, write: bool = True,
           key: bytes = KEY) -> bytes:  # fmt: skip
    return pack_ds_fh(key, FLAG_WRITE if write else 0, stripe, fileid, client_id, epoch)


def op(number: int, args: Any = None) -> bytes:
    codec = nfs4.ARGS[number]
    return struct.pack(">I", number) + (b"" if args is None else codec[1](args))


def putfh(fh: bytes) -> bytes:
    return op(nfs4.OP_PUTFH, nfs4.PUTFH4args(fh))


def read(offset: int, count: int) -> bytes:
    return op(nfs4.OP_READ, nfs4.READ4args(STATEID, offset, count))


def write(offset: int, data: bytes, stable: int = nfs4.UNSTABLE4) -> bytes:
    return op(nfs4.OP_WRITE, nfs4.WRITE4args(STATEID, offset, stable, data))


def commit(offset: int = 0, count: int = 0) -> bytes:
    return op(nfs4.OP_COMMIT, nfs4.COMMIT4args(offset, count))


def getattr_(mask: int) -> bytes:
    return op(nfs4.OP_GETATTR, nfs4.GETATTR4args(mask))


def record(body: bytes) -> bytes:
    return rpc.record_mark(len(body)) + body


def compound(xid: int, *ops: bytes, minor: int = 1, tag: bytes = b"", credential: bytes = CREDENTIAL) -> bytes:
    """The RPC message, without record mark."""
    head = struct.pack(">I", len(tag)) + tag + bytes(-len(tag) % 4) + struct.pack(">II", minor, len(ops))
    return b"".join(rpc.pack_call(xid, nfs4.NFS4_PROGRAM, 4, 1, credential, [head, *ops]))


class Result:
    """A decoded COMPOUND4res: ``status``, and ``ops`` as (number, status, decoded result)."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        reply = rpc.unpack_reply(raw, 0, len(raw))
        self.rpc = reply
        self.status = -1
        self.ops: list[tuple[int, int, Any]] = []
        if not reply.accepted or reply.status != rpc.SUCCESS:
            return
        pos = reply.results_pos
        self.status, length = struct.unpack_from(">II", raw, pos)
        self.tag = raw[pos + 8 : pos + 8 + length]
        pos += 8 + length + (-length & 3)
        (count,) = struct.unpack_from(">I", raw, pos)
        pos += 4
        for _ in range(count):
            number, status = struct.unpack_from(">II", raw, pos)
            if number not in nfs4.RES:
                self.ops.append((number, status, None))
                pos += 8
                continue
            value, pos = nfs4.RES[number][0](raw, pos + 4)
            self.ops.append((number, status, value))
        assert pos == len(raw)

    @property
    def last(self) -> Any:
        return self.ops[-1][2]

    @property
    def data(self) -> bytes:
        return bytes(self.last.resok4.data)


class Wire:
    """One connection, and a session made on it (or shared with another)."""

    def __init__(self, address: tuple[str, int], *, timeout_s: float = 10.0) -> None:
        self.sock = socket.create_connection(address, timeout=timeout_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._xids = itertools.count(1)
        self.session = b""
        self.client_id = 0
        self.sequences: dict[int, int] = {}
        self.granted: nfs4.channel_attrs4 | None = None

    def close(self) -> None:
        self.sock.close()

    def send(self, message: bytes) -> None:
        self.sock.sendall(record(message))

    def receive(self) -> bytes:
        (mark,) = struct.unpack(">I", self._exactly(4))
        assert mark & 0x80000000
        return self._exactly(mark & 0x7FFFFFFF)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise ConnectionError("closed by the server")
            data += piece
        return bytes(data)

    def call(self, *ops: bytes, minor: int = 1, tag: bytes = b"", xid: int | None = None) -> Result:
        self.send(compound(next(self._xids) if xid is None else xid, *ops, minor=minor, tag=tag))
        return Result(self.receive())

    def sequence(self, slot: int = 0, *, step: int = 1, cache: bool = False) -> bytes:
        """SEQUENCE for the slot's next request; ``step=0`` repeats the last."""
        self.sequences[slot] = number = self.sequences.get(slot, 0) + step
        return op(nfs4.OP_SEQUENCE, nfs4.SEQUENCE4args(self.session, number, slot, slot, cache))

    def do(self, *ops: bytes, slot: int = 0, cache: bool = False, minor: int = 1) -> Result:
        return self.call(self.sequence(slot, cache=cache), *ops, minor=minor)

    def exchange_id(self, owner: bytes = b"owner", verifier: bytes = b"verifier", flags: int = 0) -> Result:
        args = nfs4.EXCHANGE_ID4args(
            nfs4.client_owner4(verifier, owner), flags, nfs4.state_protect4_a(nfs4.SP4_NONE), []
        )
        return self.call(op(nfs4.OP_EXCHANGE_ID, args))

    def create_session(self, client_id: int, sequence: int, wanted: nfs4.channel_attrs4 = WHOLE) -> Result:
        args = nfs4.CREATE_SESSION4args(
            client_id, sequence, nfs4.CREATE_SESSION4_FLAG_PERSIST, wanted, wanted, 0x40000000,
            [nfs4.callback_sec_parms4(0)],
        )  # fmt: skip
        return self.call(op(nfs4.OP_CREATE_SESSION, args))

    def open_session(self, owner: bytes = b"owner", wanted: nfs4.channel_attrs4 = WHOLE) -> Wire:
        made = self.exchange_id(owner).last.eir_resok4
        self.client_id = made.eir_clientid
        session = self.create_session(made.eir_clientid, made.eir_sequenceid, wanted).last.csr_resok4
        self.session, self.granted = session.csr_sessionid, session.csr_fore_chan_attrs
        return self

    def share(self, other: Wire) -> Wire:
        """Use another connection's session (its slots are the caller's to divide)."""
        self.session, self.client_id, self.sequences = other.session, other.client_id, other.sequences
        return self
