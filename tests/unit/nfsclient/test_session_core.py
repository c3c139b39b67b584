"""The session state machine as scripts of event, then state (RFC 8881 section 2.10.6). INV-3 at the client's end."""

from __future__ import annotations

from typing import Any

import pytest

from nfsclient.compound import Compound, Reply
from nfsclient.errors import ConnectionClosed, NfsError, ProtocolViolation, RpcRefused, SessionLost, Unavailable
from nfsclient.retry import RetryPolicy
from nfsclient.session import Call, Outcome, SessionCore, SessionParameters
from nfsclient.stats import Stats
from nfswire import nfs4, rpc

SESSION = SessionParameters(
    client_id=1, session_id=b"s" * 16, slots=2, request_bytes_max=1 << 20, response_bytes_max=1 << 20,
    operations_max=16, persistent=True, back_channel=True, exchange_flags=0, server_owner=b"", server_scope=b"")


class Script:
    """A core with what it sent and what came of its calls."""

    def __init__(self) -> None:
        self.stats = Stats()
        self.core = SessionCore(2, rpc.pack_credential(rpc.AUTH_NONE), 100, self.stats, RetryPolicy())
        self.core.establish(SESSION)
        self.core.connection_made()
        self.outcomes: list[Outcome] = []

    def submit(self, compound: Compound, now_ms: float = 0) -> None:
        self.core.submit(Call(compound, self.outcomes.append), now_ms)

    def sent(self) -> list[bytes]:
        return [b"".join(parts) for parts in self.core.take_output()]

    def answer(self, request: bytes, results: list[tuple[int, Any]], status: int = 0, sequence_status: int = 0,
               target: int = 63) -> None:
        sequence = sequence_of(request)
        resok = None if sequence_status else nfs4.SEQUENCE4resok(
            sequence.sa_sessionid, sequence.sa_sequenceid, sequence.sa_slotid, 1, target, 0)
        body = nfs4.COMPOUND4res(sequence_status or status, b"", [
            nfs4.nfs_resop4(nfs4.OP_SEQUENCE, nfs4.SEQUENCE4res(sequence_status, resok)),
            *(nfs4.nfs_resop4(op, result) for op, result in results)])
        xid = rpc.peek(request)[0]
        self.core.reply_received(rpc.reply_success(xid) + nfs4.pack_COMPOUND4res(body), 0)


def sequence_of(request: bytes) -> nfs4.SEQUENCE4args:
    call = rpc.unpack_call(request, 0, len(request))
    compound, _ = nfs4.unpack_COMPOUND4args(request, call.args_pos)
    args: nfs4.SEQUENCE4args = compound.argarray[0].arm
    return args


def mkdir() -> Compound:
    return Compound().putroot().add(nfs4.OP_REMOVE, nfs4.REMOVE4args(b"x"))


def getfh() -> Compound:
    return Compound().putroot().getfh()


OK_REMOVE = [(nfs4.OP_PUTROOTFH, nfs4.PUTROOTFH4res(0)),
             (nfs4.OP_REMOVE, nfs4.REMOVE4res(0, nfs4.REMOVE4resok(nfs4.change_info4(True, 1, 2))))]
OK_GETFH = [(nfs4.OP_PUTROOTFH, nfs4.PUTROOTFH4res(0)), (nfs4.OP_GETFH, nfs4.GETFH4res(0, nfs4.GETFH4resok(b"h")))]


def test_request_reply_next_sequence_id() -> None:
    script = Script()
    script.submit(mkdir())
    (first,) = script.sent()
    assert (sequence_of(first).sa_slotid, sequence_of(first).sa_sequenceid) == (0, 1)
    assert sequence_of(first).sa_cachethis
    script.answer(first, OK_REMOVE)
    assert isinstance(script.outcomes[0], Reply)
    script.submit(getfh())
    (second,) = script.sent()
    assert (sequence_of(second).sa_slotid, sequence_of(second).sa_sequenceid) == (0, 2)
    assert not sequence_of(second).sa_cachethis


def test_retransmission_is_byte_identical_and_complete() -> None:
    """INV-3: on a new connection every outstanding request goes out again as it was, and nothing else does."""
    script = Script()
    script.submit(mkdir())
    script.submit(getfh())
    before = script.sent()
    script.answer(before[1], OK_GETFH)
    script.submit(mkdir())
    before = [before[0], *script.sent()]
    for _ in range(3):
        script.core.connection_lost()
        assert script.sent() == []
        script.core.connection_made()
        script.core.retransmit(0)
        assert script.sent() == before
    assert script.stats.retransmissions == 6
    for request in before:
        script.answer(request, OK_REMOVE)
    assert [type(outcome) for outcome in script.outcomes] == [Reply] * 3


def test_only_changes_without_a_reply_are_repeated_in_doubt() -> None:
    """INV-3: neither a look, nor a change that was put off, nor one that never left, can have run before."""
    script = Script()
    script.submit(mkdir())
    script.submit(getfh())
    script.core.connection_lost()
    script.core.connection_made()
    script.core.retransmit(0)
    assert (script.stats.retransmissions, script.stats.changes_in_doubt) == (2, 1)
    change, look = script.sent()[-2:]
    script.answer(change, [], sequence_status=nfs4.NFS4ERR_DELAY)
    script.answer(look, OK_GETFH)
    script.core.connection_lost()
    script.submit(mkdir())
    script.core.connection_made()
    script.core.retransmit(0)
    assert (script.stats.retransmissions, script.stats.changes_in_doubt) == (3, 1)


def test_no_free_slot_waits_and_starts_when_one_is_free() -> None:
    script = Script()
    for _ in range(3):
        script.submit(mkdir())
    sent = script.sent()
    assert len(sent) == 2
    script.answer(sent[1], OK_REMOVE)
    (third,) = script.sent()
    assert (sequence_of(third).sa_slotid, sequence_of(third).sa_sequenceid) == (1, 2)


def test_submitted_without_connection_leaves_with_the_next() -> None:
    script = Script()
    script.core.connection_lost()
    script.submit(mkdir())
    assert script.sent() == []
    script.core.connection_made()
    script.core.retransmit(0)
    assert len(script.sent()) == 1
    assert script.stats.retransmissions == 0


def test_delay_of_sequence_repeats_the_same_bytes_later() -> None:
    script = Script()
    script.submit(mkdir())
    (request,) = script.sent()
    script.answer(request, [], sequence_status=nfs4.NFS4ERR_DELAY)
    due_ms = script.core.next_resend_ms()
    assert due_ms is not None
    assert due_ms > 0
    script.core.tick(due_ms - 1)
    assert script.sent() == []
    script.core.tick(due_ms)
    assert script.sent() == [request]
    script.answer(request, OK_REMOVE)
    assert isinstance(script.outcomes[0], Reply)


def test_delay_then_connection_lost_sends_it_once() -> None:
    script = Script()
    script.submit(mkdir())
    (request,) = script.sent()
    script.answer(request, [], sequence_status=nfs4.NFS4ERR_DELAY)
    script.core.connection_lost()
    script.core.connection_made()
    script.core.retransmit(0)
    script.core.tick(1e9)
    assert script.sent() == [request]


UNCACHED = nfs4.NFS4ERR_RETRY_UNCACHED_REP


@pytest.mark.parametrize("by_sequence", [True, False])
def test_uncached_reply_gone_runs_again_as_a_new_request(by_sequence: bool) -> None:
    """Only what changes nothing: RETRY_UNCACHED_REP tells that it has run already (section 2.10.6.1.3)."""
    script = Script()
    script.submit(getfh())
    (request,) = script.sent()
    if by_sequence:
        script.answer(request, [], sequence_status=UNCACHED)
    else:
        script.answer(request, [(nfs4.OP_PUTROOTFH, nfs4.PUTROOTFH4res(UNCACHED))], status=UNCACHED)
    (again,) = script.sent()
    assert sequence_of(again).sa_sequenceid == 2
    script.answer(again, OK_GETFH)
    assert isinstance(script.outcomes[0], Reply)
    assert script.stats.reexecutions == 1
    assert script.stats.session_failures == 0


@pytest.mark.parametrize("status", [
    nfs4.NFS4ERR_SEQ_MISORDERED, nfs4.NFS4ERR_SEQ_FALSE_RETRY, nfs4.NFS4ERR_RETRY_UNCACHED_REP, nfs4.NFS4ERR_BADSLOT])
def test_slot_lost_is_an_error_counted_and_the_slot_retired(status: int) -> None:
    script = Script()
    script.submit(mkdir())
    script.answer(script.sent()[0], [], sequence_status=status)
    assert isinstance(script.outcomes[0], SessionLost)
    assert script.stats.session_failures == 1
    script.submit(mkdir())
    assert sequence_of(script.sent()[0]).sa_slotid == 1


def test_cached_reply_gone_is_an_error() -> None:
    """It was to be kept, and whether it ran is not known: never run it again."""
    script = Script()
    script.submit(mkdir())
    script.answer(script.sent()[0], [(nfs4.OP_PUTROOTFH, nfs4.PUTROOTFH4res(UNCACHED))], status=UNCACHED)
    assert isinstance(script.outcomes[0], SessionLost)
    assert script.sent() == []
    assert script.stats.session_failures == 1


@pytest.mark.parametrize("status", [
    nfs4.NFS4ERR_BADSESSION, nfs4.NFS4ERR_DEADSESSION, nfs4.NFS4ERR_STALE_CLIENTID])
def test_session_gone_fails_every_call_and_is_not_repaired(status: int) -> None:
    """INV-7 is defended by tests that count these: so they are never healed in silence."""
    script = Script()
    for _ in range(3):
        script.submit(mkdir())
    script.answer(script.sent()[0], [], sequence_status=status)
    script.submit(mkdir())
    assert [type(outcome) for outcome in script.outcomes] == [SessionLost] * 4
    assert script.stats.session_failures == 1
    assert script.stats.status_count(status) == 1


def test_refused_by_sequence_for_its_size_leaves_the_slot_as_it_was() -> None:
    script = Script()
    script.submit(mkdir())
    script.answer(script.sent()[0], [], sequence_status=nfs4.NFS4ERR_REQ_TOO_BIG)
    assert isinstance(script.outcomes[0], NfsError)
    script.submit(mkdir())
    assert sequence_of(script.sent()[0]).sa_sequenceid == 1


def test_rpc_refusal_leaves_the_slot_as_it_was() -> None:
    script = Script()
    script.submit(mkdir())
    (request,) = script.sent()
    script.core.reply_received(rpc.reply_garbage_args(rpc.peek(request)[0]), 0)
    assert isinstance(script.outcomes[0], RpcRefused)
    script.submit(mkdir())
    assert sequence_of(script.sent()[0]).sa_sequenceid == 1


def test_answer_of_another_operation_is_a_violation() -> None:
    script = Script()
    script.submit(mkdir())
    script.answer(script.sent()[0], OK_GETFH)
    assert isinstance(script.outcomes[0], ProtocolViolation)


def test_reply_to_nothing_is_noted_and_harmless() -> None:
    script = Script()
    script.core.reply_received(rpc.reply_success(12345), 0)
    assert script.stats.notes["reply to nothing outstanding"] == 1
    with pytest.raises(ProtocolViolation):
        script.core.reply_received(b"\0" * 7, 0)


def test_bare_call_ends_with_the_connection() -> None:
    script = Script()
    script.core.submit_bare(Call(getfh(), script.outcomes.append), 0)
    assert len(script.sent()) == 1
    script.core.connection_lost()
    assert isinstance(script.outcomes[0], ConnectionClosed)
    script.core.submit_bare(Call(getfh(), script.outcomes.append), 0)
    assert isinstance(script.outcomes[1], ConnectionClosed)


def test_unavailable_tells_whether_the_request_had_left() -> None:
    script = Script()
    for _ in range(3):
        script.submit(mkdir())
    script.core.fail(Unavailable("gone"))
    assert [isinstance(o, Unavailable) and o.sent for o in script.outcomes] == [True, True, False]


def test_target_slot_of_the_reply_is_heeded() -> None:
    script = Script()
    script.submit(mkdir())
    script.answer(script.sent()[0], OK_REMOVE, target=0)
    script.submit(mkdir())
    script.submit(mkdir())
    assert len(script.sent()) == 1


def test_statuses_are_counted_by_operation() -> None:
    script = Script()
    script.submit(mkdir())
    refused = [(nfs4.OP_PUTROOTFH, nfs4.PUTROOTFH4res(0)),
               (nfs4.OP_REMOVE, nfs4.REMOVE4res(nfs4.NFS4ERR_NOENT))]
    script.answer(script.sent()[0], refused, status=nfs4.NFS4ERR_NOENT)
    outcome = script.outcomes[0]
    assert isinstance(outcome, Reply)
    with pytest.raises(NfsError, match="REMOVE: NFS4ERR_NOENT"):
        outcome.check()
    assert script.stats.statuses[nfs4.OP_REMOVE, nfs4.NFS4ERR_NOENT] == 1
    assert script.stats.statuses[nfs4.OP_PUTROOTFH, nfs4.NFS4_OK] == 1
    assert script.stats.statuses[nfs4.OP_SEQUENCE, nfs4.NFS4_OK] == 1
