"""The back channel (RFC 8881 sections 2.10.3.1 and 20): callbacks in, answers out. Sans-IO.

Callback slots are as strict as the fore channel's: the next sequence ID of a slot is its last plus one; the same ID
again gets the same answer; anything else is NFS4ERR_SEQ_MISORDERED.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nfsclient.handshake import CALLBACK_PROGRAM
from nfsclient.stats import Stats
from nfswire import nfs4, rpc
from nfswire.xdr import Payload, XdrError, pack_u32, unpack_uint32

CALLBACK_VERSION = 1
PROCEDURE_NULL = 0
PROCEDURE_COMPOUND = 1
OP_CB_ILLEGAL = 10044

Handler = Callable[[Any], int]
"""Takes a callback's arguments and returns an nfsstat4 at once; longer work is left to a task."""
UnderWay = Callable[[int, int], bool]
"""Whether the reply to (slot, sequence ID) of the fore channel is still to come."""


class BackChannel:
    """Callbacks of one session, over any of its connections."""

    def __init__(
        self, session_id: bytes, slots: int, minor_version: int, stats: Stats, under_way: UnderWay
    ) -> None:
        self.session_id = session_id
        self.minor_version = minor_version
        self.stats = stats
        self.under_way = under_way
        self.handlers: dict[int, Handler] = {}
        self._sequence_ids = [0] * slots
        self._answers: list[bytes] = [b""] * slots      # CB_COMPOUND4res of the last callback of each slot

    def answer(self, record: Payload) -> list[bytes]:
        """The reply to the call in ``record``, as parts; ``XdrError`` when the bytes are no call."""
        try:
            call = rpc.unpack_call(record, 0, len(record))
        except rpc.RpcReject as reject:
            return [reject.reply]
        if call.program != CALLBACK_PROGRAM:
            return [rpc.reply_prog_unavail(call.xid)]
        if call.version != CALLBACK_VERSION:
            return [rpc.reply_prog_mismatch(call.xid, CALLBACK_VERSION, CALLBACK_VERSION)]
        if call.procedure == PROCEDURE_NULL:
            return [rpc.reply_success(call.xid)]
        if call.procedure != PROCEDURE_COMPOUND:
            return [rpc.reply_proc_unavail(call.xid)]
        try:
            return [rpc.reply_success(call.xid), self._compound(record, call.args_pos)]
        except XdrError:
            self.stats.notes["callback with garbage arguments"] += 1
            return [rpc.reply_garbage_args(call.xid)]

    def _compound(self, record: Payload, pos: int) -> bytes:
        head, pos = nfs4.unpack_CB_COMPOUND4args_head(record, pos)
        if head.minorversion != self.minor_version:
            return _result(nfs4.NFS4ERR_MINOR_VERS_MISMATCH, head.tag, [])
        if not head.numops:
            return _result(nfs4.NFS4_OK, head.tag, [])
        op, pos = unpack_uint32(record, pos)
        if op != nfs4.OP_CB_SEQUENCE:
            known = op in nfs4.CB_ARGS
            status = nfs4.NFS4ERR_OP_NOT_IN_SESSION if known else nfs4.NFS4ERR_OP_ILLEGAL
            return _result(status, head.tag, [pack_u32(op if known else OP_CB_ILLEGAL) + pack_u32(status)])
        sequence, pos = nfs4.unpack_CB_SEQUENCE4args(record, pos)
        slot = sequence.csa_slotid
        checked = self._check(sequence)
        if checked is None:
            self.stats.notes["callback retransmitted"] += 1
            return self._answers[slot]
        status = checked
        results = [pack_u32(nfs4.OP_CB_SEQUENCE) + nfs4.pack_CB_SEQUENCE4res(self._sequence_result(status, sequence))]
        self.stats.callbacks["CB_SEQUENCE"] += 1
        if status != nfs4.NFS4_OK:
            self.stats.notes[f"CB_SEQUENCE answered {nfs4.STATUS_NAMES[status]}"] += 1
            return _result(status, head.tag, results)
        self._sequence_ids[slot] = sequence.csa_sequenceid
        for _ in range(head.numops - 1):
            op, pos = unpack_uint32(record, pos)
            status, encoded, pos = self._operation(op, record, pos)
            results.append(encoded)
            if status != nfs4.NFS4_OK:
                break
        self._answers[slot] = _result(status, head.tag, results)
        return self._answers[slot]

    def _check(self, sequence: nfs4.CB_SEQUENCE4args) -> int | None:
        """Status of CB_SEQUENCE (RFC 8881 section 20.9); None: a retransmission."""
        if sequence.csa_sessionid != self.session_id:
            return nfs4.NFS4ERR_BADSESSION
        if sequence.csa_slotid >= len(self._sequence_ids):
            return nfs4.NFS4ERR_BADSLOT
        ahead = (sequence.csa_sequenceid - self._sequence_ids[sequence.csa_slotid]) & 0xFFFFFFFF
        if ahead == 0 and self._answers[sequence.csa_slotid]:
            return None
        if ahead != 1:
            return nfs4.NFS4ERR_SEQ_MISORDERED
        return nfs4.NFS4ERR_DELAY if self._overtook(sequence) else nfs4.NFS4_OK

    def _overtook(self, sequence: nfs4.CB_SEQUENCE4args) -> bool:
        """Whether the reply to a call that this callback refers to is still to come (RFC 8881 section 2.10.6.3)."""
        return any(
            self.under_way(call.rc_slotid, call.rc_sequenceid)
            for calls in sequence.csa_referring_call_lists
            if calls.rcl_sessionid == self.session_id
            for call in calls.rcl_referring_calls
        )

    def _sequence_result(self, status: int, sequence: nfs4.CB_SEQUENCE4args) -> nfs4.CB_SEQUENCE4res:
        if status != nfs4.NFS4_OK:
            return nfs4.CB_SEQUENCE4res(status)
        highest = len(self._sequence_ids) - 1
        return nfs4.CB_SEQUENCE4res(status, nfs4.CB_SEQUENCE4resok(
            sequence.csa_sessionid, sequence.csa_sequenceid, sequence.csa_slotid, highest, highest))

    def _operation(self, op: int, record: Payload, pos: int) -> tuple[int, bytes, int]:
        """Status, encoded result and position after the arguments of one operation."""
        if op not in nfs4.CB_ARGS:
            return nfs4.NFS4ERR_OP_ILLEGAL, pack_u32(OP_CB_ILLEGAL) + pack_u32(nfs4.NFS4ERR_OP_ILLEGAL), pos
        args, pos = nfs4.CB_ARGS[op][0](record, pos)
        handler = self.handlers.get(op)
        status = nfs4.NFS4ERR_NOTSUPP if handler is None else handler(args)
        self.stats.callbacks[nfs4.CB_NAMES.get(op, str(op))] += 1
        return status, pack_u32(op) + pack_u32(status), pos


def _result(status: int, tag: bytes, results: list[bytes]) -> bytes:
    """CB_COMPOUND4res."""
    return nfs4.pack_CB_COMPOUND4res_head(nfs4.CB_COMPOUND4res_head(status, tag, len(results))) + b"".join(results)
