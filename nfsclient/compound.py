"""COMPOUND (RFC 8881 section 16.2): building requests operation by operation, reading results.

The operations of a ``Compound`` are encoded once; SEQUENCE is put before them when a slot is known. So a request that
is retried under a new sequence ID is not encoded again, and one that is retransmitted goes out byte for byte as before.
"""

from __future__ import annotations

from typing import Any

from nfsclient.errors import NfsError, ProtocolViolation
from nfswire import nfs4, rpc
from nfswire.xdr import Buffer, Payload, XdrError, pack_u32, unpack_uint32

NFS_PROGRAM = 100003
NFS_VERSION = 4
PROCEDURE_COMPOUND = 1

CHANGING = frozenset({
    nfs4.OP_CLOSE, nfs4.OP_CREATE, nfs4.OP_DELEGRETURN, nfs4.OP_LINK, nfs4.OP_LOCK, nfs4.OP_LOCKU, nfs4.OP_OPEN,
    nfs4.OP_OPEN_DOWNGRADE, nfs4.OP_REMOVE, nfs4.OP_RENAME, nfs4.OP_SETATTR, nfs4.OP_FREE_STATEID,
    nfs4.OP_LAYOUTCOMMIT, nfs4.OP_LAYOUTGET, nfs4.OP_LAYOUTRETURN, nfs4.OP_RECLAIM_COMPLETE,
    nfs4.OP_DESTROY_SESSION, nfs4.OP_DESTROY_CLIENTID,
})
"""Operations whose repetition would be seen: their replies must be cached. WRITE and COMMIT repeat without harm."""


class Compound:
    """Operations to be run in order, the first failure ending them. Methods return ``self`` to be chained."""

    __slots__ = ("first_change", "ops", "parts")

    def __init__(self) -> None:
        self.ops: list[int] = []
        self.parts: list[Payload] = []
        self.first_change: int | None = None    # index of the first operation that changes state

    def add(self, op: int, args: Any = None) -> Compound:
        """Append an operation; ``args`` is the nfswire value of its argument type, None where there is none."""
        if op in CHANGING and self.first_change is None:
            self.first_change = len(self.ops)
        self.ops.append(op)
        if op == nfs4.OP_WRITE:  # keeps the payload by reference
            self.parts.append(pack_u32(op))
            nfs4.append_WRITE4args(self.parts, args)  # type: ignore[arg-type]
        else:
            self.parts.append(pack_u32(op) + nfs4.ARGS[op][1](args))
        return self

    @property
    def cache(self) -> bool:
        """Whether the server is asked to keep the reply (sa_cachethis, RFC 8881 section 2.10.6.1.3)."""
        return self.first_change is not None

    def may_repeat_after(self, failed: int) -> bool:
        """Whether the whole may be sent anew after operation ``failed`` was refused: no change came before it."""
        return self.first_change is None or failed <= self.first_change

    def putroot(self) -> Compound:
        return self.add(nfs4.OP_PUTROOTFH)

    def putfh(self, filehandle: bytes) -> Compound:
        return self.add(nfs4.OP_PUTFH, nfs4.PUTFH4args(filehandle))

    def lookup(self, name: bytes) -> Compound:
        return self.add(nfs4.OP_LOOKUP, nfs4.LOOKUP4args(name))

    def getfh(self) -> Compound:
        return self.add(nfs4.OP_GETFH)

    def savefh(self) -> Compound:
        return self.add(nfs4.OP_SAVEFH)

    def getattr(self, attributes: int) -> Compound:
        return self.add(nfs4.OP_GETATTR, nfs4.GETATTR4args(attributes))


class Reply:
    """Results of a compound, SEQUENCE left out. ``failed`` is the index of the refused operation, None if none was."""

    __slots__ = ("failed", "ops", "results", "status")

    def __init__(self, status: int, ops: list[int], results: list[Any], failed: int | None) -> None:
        self.status = status
        self.ops = ops
        self.results = results
        self.failed = failed

    @property
    def failed_op(self) -> int | None:
        """Number of the operation that was refused."""
        return None if self.failed is None or self.failed >= len(self.ops) else self.ops[self.failed]

    def check(self) -> Reply:
        """Itself, or ``NfsError`` when an operation was refused."""
        if self.status != nfs4.NFS4_OK:
            raise NfsError(self.status, self.failed_op)
        return self

    def result(self, op: int) -> Any:
        """The result (its type as in ``nfs4.RES``) of the last operation numbered ``op``."""
        for index in range(len(self.results) - 1, -1, -1):
            if self.ops[index] == op:
                return self.results[index]
        raise NfsError(self.status, self.failed_op)

    def has(self, op: int) -> bool:
        """Whether an operation numbered ``op`` succeeded."""
        return any(o == op and index != self.failed for index, o in enumerate(self.ops[:len(self.results)]))

    def handle(self) -> bytes:
        """Filehandle that GETFH returned."""
        found: bytes = self.result(nfs4.OP_GETFH).resok4.object
        return found


class SequenceResult:
    """What SEQUENCE answered: its status and, when it is NFS4_OK, its results."""

    __slots__ = ("resok", "status")

    def __init__(self, status: int, resok: nfs4.SEQUENCE4resok | None) -> None:
        self.status = status
        self.resok = resok


def encode(
    compound: Compound, xid: int, minor_version: int, credential: bytes, sequence: nfs4.SEQUENCE4args | None
) -> list[bytes]:
    """The RPC call as parts to be sent in order; payloads of WRITE among them are the caller's own buffers."""
    count = len(compound.ops) + (sequence is not None)
    head = nfs4.pack_COMPOUND4args_head(nfs4.COMPOUND4args_head(b"", minor_version, count))
    if sequence is not None:
        head += pack_u32(nfs4.OP_SEQUENCE) + nfs4.pack_SEQUENCE4args(sequence)
    call = rpc.pack_call(xid, NFS_PROGRAM, NFS_VERSION, PROCEDURE_COMPOUND, credential, ())
    call[-1] += head
    call.extend(compound.parts)  # type: ignore[arg-type]
    return call


def decode(compound: Compound, record: Buffer, pos: int, in_session: bool) -> tuple[SequenceResult | None, Reply]:
    """Results at ``pos`` of ``record``. ``ProtocolViolation`` when they do not answer ``compound``."""
    try:
        head, pos = nfs4.unpack_COMPOUND4res_head(record, pos)
        sequence: SequenceResult | None = None
        count = head.numres
        if in_session and count:
            op, pos = unpack_uint32(record, pos)
            if op != nfs4.OP_SEQUENCE:
                raise ProtocolViolation(f"the first result is of operation {op}, not of SEQUENCE")
            found, pos = nfs4.unpack_SEQUENCE4res(record, pos)
            sequence = SequenceResult(found.sr_status, found.sr_resok4)
            count -= 1
        if count > len(compound.ops):
            raise ProtocolViolation(f"{count} results for {len(compound.ops)} operations")
        results: list[Any] = []
        status = nfs4.NFS4_OK
        for index in range(count):
            if status != nfs4.NFS4_OK:
                raise ProtocolViolation("results after a refused operation")
            op, pos = unpack_uint32(record, pos)
            if op != compound.ops[index]:
                raise ProtocolViolation(f"operation {compound.ops[index]} answered as {op}")
            status = unpack_uint32(record, pos)[0]
            result, pos = nfs4.RES[op][0](record, pos)
            results.append(result)
    except XdrError as error:
        raise ProtocolViolation(f"reply cannot be decoded: {error}") from None
    whole = (sequence is None or sequence.status == nfs4.NFS4_OK) and count == len(compound.ops)
    if head.status == nfs4.NFS4_OK and (not whole or status != nfs4.NFS4_OK):
        raise ProtocolViolation("NFS4_OK, but not every operation was done")
    failed = None if head.status == nfs4.NFS4_OK else max(len(results) - 1, 0)
    return sequence, Reply(head.status, compound.ops, results, failed)
