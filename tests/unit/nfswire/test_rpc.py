"""ONC RPC (RFC 5531): headers, credentials, refusals, record marking."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfswire import rpc
from nfswire.records import LAST_FRAGMENT
from nfswire.xdr import XdrError

SYS = rpc.AuthSys(7, b"host", 1000, 100, (100, 24, 27))

# A NULL call of a Linux kernel client, by hand from RFC 5531 sections 9 and 10.
NULL_CALL = bytes.fromhex(
    "a1b2c3d4"  # xid
    "00000000"  # CALL
    "00000002"  # RPC version
    "000186a3"  # program 100003
    "00000004"  # version
    "00000000"  # procedure
    "0000000000000000"  # credential AUTH_NONE
    "0000000000000000"  # verifier AUTH_NONE
)

# A COMPOUND call with AUTH_SYS, up to its arguments.
SYS_CALL = bytes.fromhex(
    "00000001 00000000 00000002 000186a3 00000004 00000001"
    "00000001"  # AUTH_SYS
    "00000024"  # 36 bytes of body
    "00000007"  # stamp
    "00000004 686f7374"  # machine name "host"
    "000003e8 00000064"  # uid 1000, gid 100
    "00000003 00000064 00000018 0000001b"  # groups 100, 24, 27
    "0000000000000000"
)


def test_call_golden() -> None:
    """Both calls are read to their arguments, and written back byte for byte."""
    call = rpc.unpack_call(NULL_CALL, 0, len(NULL_CALL))
    assert call == rpc.Call(0xA1B2C3D4, 100003, 4, 0, rpc.AuthNone(), 40)
    assert b"".join(rpc.pack_call(0xA1B2C3D4, 100003, 4, 0, rpc.AuthNone(), [])) == NULL_CALL
    call = rpc.unpack_call(SYS_CALL + b"args", 0, len(SYS_CALL) + 4)
    assert call == rpc.Call(1, 100003, 4, 1, SYS, len(SYS_CALL))
    assert b"".join(rpc.pack_call(1, 100003, 4, 1, SYS, [b"ar", memoryview(b"gs")])) == SYS_CALL + b"args"
    assert b"".join(rpc.pack_call(1, 100003, 4, 1, rpc.pack_credential(SYS), [])) == SYS_CALL
    assert rpc.peek(SYS_CALL) == (1, rpc.CALL)


def test_call_in_the_middle_of_a_buffer() -> None:
    """Positions are those of the buffer, and nothing past ``end`` is read."""
    buf = b"xxx" + SYS_CALL + b"yyyy"
    assert rpc.unpack_call(memoryview(buf), 3, 3 + len(SYS_CALL)).args_pos == 3 + len(SYS_CALL)
    with pytest.raises(XdrError):
        rpc.unpack_call(buf, 3, 3 + len(SYS_CALL) - 4)


@pytest.mark.parametrize(("reply", "expected"), [
    (rpc.reply_success(9), rpc.Reply(9, True, rpc.SUCCESS, 0, 0, 24)),
    (rpc.reply_prog_unavail(9), rpc.Reply(9, True, rpc.PROG_UNAVAIL, 0, 0, 24)),
    (rpc.reply_prog_mismatch(9, 4, 4), rpc.Reply(9, True, rpc.PROG_MISMATCH, 4, 4, 32)),
    (rpc.reply_proc_unavail(9), rpc.Reply(9, True, rpc.PROC_UNAVAIL, 0, 0, 24)),
    (rpc.reply_garbage_args(9), rpc.Reply(9, True, rpc.GARBAGE_ARGS, 0, 0, 24)),
    (rpc.reply_system_err(9), rpc.Reply(9, True, rpc.SYSTEM_ERR, 0, 0, 24)),
    (rpc.reply_rpc_mismatch(9), rpc.Reply(9, False, rpc.RPC_MISMATCH, 2, 2, 24)),
    (rpc.reply_auth_error(9, rpc.AUTH_TOOWEAK), rpc.Reply(9, False, rpc.AUTH_ERROR, rpc.AUTH_TOOWEAK, 0, 20)),
])
def test_replies(reply: bytes, expected: rpc.Reply) -> None:
    """Every reply of RFC 5531 section 9 is read as what was meant; cut short it is refused."""
    assert rpc.unpack_reply(reply, 0, len(reply)) == expected
    for length in range(len(reply)):
        with pytest.raises(XdrError):
            rpc.unpack_reply(reply[:length], 0, length)


def test_replies_golden() -> None:
    """Bytes by hand."""
    assert rpc.reply_success(1) == bytes.fromhex("00000001 00000001 00000000 00000000 00000000 00000000")
    assert rpc.reply_garbage_args(1) == bytes.fromhex("00000001 00000001 00000000 00000000 00000000 00000004")
    assert rpc.reply_prog_mismatch(1, 4, 4) == bytes.fromhex(
        "00000001 00000001 00000000 00000000 00000000 00000002 00000004 00000004")
    assert rpc.reply_rpc_mismatch(1) == bytes.fromhex("00000001 00000001 00000001 00000000 00000002 00000002")
    assert rpc.reply_auth_error(1, rpc.AUTH_BADCRED) == bytes.fromhex("00000001 00000001 00000001 00000001 00000001")


def refusal(data: bytes) -> rpc.Reply:
    """The reply that ``unpack_call`` wants sent."""
    with pytest.raises(rpc.RpcReject) as caught:
        rpc.unpack_call(data, 0, len(data))
    return rpc.unpack_reply(caught.value.reply, 0, len(caught.value.reply))


def test_refusals() -> None:
    """Another RPC version, and credentials that are malformed, too long or of an unknown flavor."""
    version_3 = NULL_CALL[:8] + b"\0\0\0\3" + NULL_CALL[12:]
    assert refusal(version_3) == rpc.Reply(0xA1B2C3D4, False, rpc.RPC_MISMATCH, 2, 2, 24)
    bad_credential = rpc.Reply(1, False, rpc.AUTH_ERROR, rpc.AUTH_BADCRED, 0, 20)
    assert refusal(SYS_CALL[:24] + struct.pack(">I", rpc.FLAVOR_GSS) + SYS_CALL[28:]) == bad_credential
    assert refusal(SYS_CALL[:28] + struct.pack(">I", 401) + bytes(500)) == bad_credential
    assert refusal(SYS_CALL[:28] + struct.pack(">I", 400) + bytes(500)) == bad_credential
    assert refusal(SYS_CALL[:36] + struct.pack(">I", 256) + SYS_CALL[40:]) == bad_credential
    assert refusal(SYS_CALL[:52] + struct.pack(">I", 17) + SYS_CALL[56:]) == bad_credential
    assert refusal(SYS_CALL[:52] + struct.pack(">I", 2) + SYS_CALL[56:]) == bad_credential
    verifier = NULL_CALL[:32] + struct.pack(">II", 0, 404) + bytes(404)
    assert refusal(verifier) == rpc.Reply(0xA1B2C3D4, False, rpc.AUTH_ERROR, rpc.AUTH_BADVERF, 0, 20)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.one_of(st.binary(max_size=120), st.binary(max_size=60).map(lambda tail: SYS_CALL[:30] + tail)))
def test_random_bytes_never_escape(data: bytes) -> None:
    """Whatever arrives: a call, a refusal, or XdrError."""
    for unpack in (rpc.unpack_call, rpc.unpack_reply):
        try:
            unpack(data, 0, len(data))
        except (XdrError, rpc.RpcReject):
            pass


# ---- record marking ----


def fragments(record: bytes, cuts: list[int]) -> bytes:
    """``record`` as fragments that end at ``cuts``."""
    ends = [*sorted({cut % (len(record) + 1) for cut in cuts} - {len(record)}), len(record)]
    out, at = b"", 0
    for end in ends:
        last = rpc.record_mark(0) if end == len(record) and end == ends[-1] else b"\0\0\0\0"
        out += struct.pack(">I", struct.unpack(">I", last)[0] | end - at) + record[at:end]
        at = end
    return out


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4)), max_size=6),
    st.lists(st.integers(1, 50), min_size=1, max_size=20),
)
def test_records_arrive_however_the_stream_is_cut(sent: list[tuple[bytes, list[int]]], sizes: list[int]) -> None:
    """Any fragments, any sizes of what the socket gives: the same records in the same order."""
    stream = b"".join(fragments(record, cuts) for record, cuts in sent)
    reader = rpc.RecordReader(1000, 8)
    got: list[bytes] = []
    at = turn = 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        turn += 1
        reader.feed(stream[at:at + size])
        at += size
        got += [bytes(record) for record in reader]
    assert got == [record for record, _ in sent]


def test_long_records_are_views() -> None:
    """A record with a payload is not copied again."""
    body = bytes(100_000)
    reader = rpc.RecordReader(1 << 20, 4)
    reader.feed(b"".join(rpc.frame([body[:10], memoryview(body)[10:]])) + b"\x80\0\0\4next")
    long, short = list(reader)
    assert isinstance(long, memoryview)
    assert long == body
    assert short == b"next"
    assert list(reader) == []


def test_record_limits() -> None:
    """A record or a number of fragments past the limit is refused at the mark, before its bytes are kept."""
    with pytest.raises(rpc.RecordError):
        rpc.RecordReader(100, 4).feed(struct.pack(">I", LAST_FRAGMENT | 101))
    reader = rpc.RecordReader(100, 4)
    reader.feed(struct.pack(">I", 60) + bytes(60))
    with pytest.raises(rpc.RecordError):
        reader.feed(struct.pack(">I", 41))
    with pytest.raises(rpc.RecordError):
        rpc.RecordReader(100, 4).feed(bytes(4 * 100))
    with pytest.raises(XdrError):
        rpc.record_mark(1 << 31)
