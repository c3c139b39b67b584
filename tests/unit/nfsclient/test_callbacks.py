"""The back channel's slots and dispatch (RFC 8881 sections 2.10.6.1 and 20)."""

from __future__ import annotations

from typing import Any

import pytest

from nfsclient.callbacks import BackChannel
from nfsclient.handshake import CALLBACK_PROGRAM
from nfsclient.stats import Stats
from nfswire import nfs4, rpc
from nfswire.xdr import pack_u32

SESSION = b"s" * 16


class Script:
    """A back channel whose CB_RECALL_ANY answers ``status`` and counts."""

    def __init__(self) -> None:
        self.handled: list[Any] = []
        self.under_way = {(3, 17)}
        self.back = BackChannel(SESSION, 2, 1, Stats(), lambda slot, number: (slot, number) in self.under_way)
        self.back.handlers[nfs4.OP_CB_RECALL_ANY] = self._recall_any

    def _recall_any(self, args: Any) -> int:
        self.handled.append(args)
        return nfs4.NFS4_OK

    def call(self, sequence_id: int, op: int = nfs4.OP_CB_RECALL_ANY, args: Any = None, *, slot: int = 0,
             session: bytes = SESSION, minor: int = 1, xid: int = 9,
             referring: tuple[nfs4.referring_call_list4, ...] = ()) -> nfs4.CB_COMPOUND4res:
        sequence = nfs4.CB_SEQUENCE4args(session, sequence_id, slot, 0, True, list(referring))
        arm = nfs4.CB_RECALL_ANY4args(1, 2) if args is None else args
        compound = nfs4.CB_COMPOUND4args(b"t", minor, 0, [
            nfs4.nfs_cb_argop4(nfs4.OP_CB_SEQUENCE, sequence), nfs4.nfs_cb_argop4(op, arm)])
        return self.raw(nfs4.pack_CB_COMPOUND4args(compound), xid)

    def raw(self, body: bytes, xid: int = 9) -> nfs4.CB_COMPOUND4res:
        record = b"".join(rpc.pack_call(xid, CALLBACK_PROGRAM, 1, 1, rpc.AUTH_NONE, [body]))
        answer = b"".join(self.back.answer(record))
        reply = rpc.unpack_reply(answer, 0, len(answer))
        assert reply.xid == xid
        assert reply.status == rpc.SUCCESS
        found, end = nfs4.unpack_CB_COMPOUND4res(answer, reply.results_pos)
        assert end == len(answer)
        return found


def test_a_callback_that_overtook_the_reply_it_refers_to_is_put_off() -> None:
    """RFC 8881 section 2.10.6.3: what it would recall, say, is not known here yet. The slot stays as it was."""
    script = Script()
    calls = [nfs4.referring_call4(17, 2), nfs4.referring_call4(17, 3)]
    referring = nfs4.referring_call_list4(SESSION, calls)
    assert script.call(1, referring=(referring,)).status == nfs4.NFS4ERR_DELAY
    assert script.handled == []
    elsewhere = nfs4.referring_call_list4(b"t" * 16, calls)
    assert script.call(1, referring=(elsewhere,)).status == nfs4.NFS4_OK
    script.under_way.clear()
    assert script.call(2, referring=(referring,)).status == nfs4.NFS4_OK


def test_next_sequence_id_runs_same_id_replays_others_are_misordered() -> None:
    script = Script()
    first = script.call(1)
    assert first.status == nfs4.NFS4_OK
    assert len(first.resarray) == 2
    assert script.call(1, xid=77) == first
    assert len(script.handled) == 1
    assert script.call(3).status == nfs4.NFS4ERR_SEQ_MISORDERED
    assert script.call(0).status == nfs4.NFS4ERR_SEQ_MISORDERED
    assert script.call(2).status == nfs4.NFS4_OK
    assert script.call(1, slot=1).status == nfs4.NFS4_OK
    assert len(script.handled) == 3


@pytest.mark.parametrize(("changed", "status"), [
    ({"slot": 2}, nfs4.NFS4ERR_BADSLOT), ({"session": b"x" * 16}, nfs4.NFS4ERR_BADSESSION),
    ({"minor": 2}, nfs4.NFS4ERR_MINOR_VERS_MISMATCH)])
def test_refusals_of_the_sequence(changed: dict[str, Any], status: int) -> None:
    script = Script()
    assert script.call(1, **changed).status == status
    assert script.handled == []
    assert script.call(1).status == nfs4.NFS4_OK


def test_operations_not_held_here_are_notsupp() -> None:
    script = Script()
    notify = nfs4.CB_NOTIFY_LOCK4args(b"fh", nfs4.state_owner4(1, b"o"))
    found = script.call(1, nfs4.OP_CB_NOTIFY_LOCK, notify)
    assert found.status == nfs4.NFS4ERR_NOTSUPP
    assert found.resarray[1].resop == nfs4.OP_CB_NOTIFY_LOCK


def head(operations: int) -> bytes:
    return nfs4.pack_CB_COMPOUND4args_head(nfs4.CB_COMPOUND4args_head(b"", 1, 0, operations))


def test_no_sequence_no_operation_illegal_operation() -> None:
    script = Script()
    recall = pack_u32(nfs4.OP_CB_RECALL_ANY) + nfs4.pack_CB_RECALL_ANY4args(nfs4.CB_RECALL_ANY4args(1, 2))
    assert script.raw(head(1) + recall).status == nfs4.NFS4ERR_OP_NOT_IN_SESSION
    assert script.raw(head(0)).status == nfs4.NFS4_OK
    assert script.raw(head(1) + pack_u32(999)).status == nfs4.NFS4ERR_OP_ILLEGAL
    sequence = nfs4.pack_CB_SEQUENCE4args(nfs4.CB_SEQUENCE4args(SESSION, 1, 0, 0, True, []))
    found = script.raw(head(2) + pack_u32(nfs4.OP_CB_SEQUENCE) + sequence + pack_u32(999))
    assert found.status == nfs4.NFS4ERR_OP_ILLEGAL
    assert len(found.resarray) == 2


def answer_status(script: Script, parts: list[bytes]) -> int:
    record = b"".join(parts)
    answer = b"".join(script.back.answer(record))
    return rpc.unpack_reply(answer, 0, len(answer)).status


def test_rpc_level_refusals() -> None:
    script = Script()
    assert answer_status(script, rpc.pack_call(1, CALLBACK_PROGRAM, 1, 0, rpc.AUTH_NONE, [])) == rpc.SUCCESS
    assert answer_status(script, rpc.pack_call(1, CALLBACK_PROGRAM, 1, 2, rpc.AUTH_NONE, [])) == rpc.PROC_UNAVAIL
    assert answer_status(script, rpc.pack_call(1, CALLBACK_PROGRAM, 2, 1, rpc.AUTH_NONE, [])) == rpc.PROG_MISMATCH
    assert answer_status(script, rpc.pack_call(1, 100003, 1, 1, rpc.AUTH_NONE, [])) == rpc.PROG_UNAVAIL
    assert answer_status(script, rpc.pack_call(1, CALLBACK_PROGRAM, 1, 1, rpc.AUTH_NONE, [b"junk"])) == rpc.GARBAGE_ARGS
