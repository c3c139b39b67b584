"""The packed common results are byte for byte what the generated codecs give; limits speak the operator's words."""

from __future__ import annotations

from typing import Any

from nfswire import nfs4, rpc

SESSION = bytes(range(16))


def resop(op: int, value: Any) -> bytes:
    """One element of resarray by the generated codecs."""
    return nfs4.pack_nfs_resop4(nfs4.nfs_resop4(op, value))


def test_successes() -> None:
    """Each helper against its codec."""
    before_after = nfs4.change_info4(True, 4, 5)
    assert nfs4.pack_op_sequence(SESSION, 1, 2, 3, 4, 5) == resop(
        nfs4.OP_SEQUENCE, nfs4.SEQUENCE4res(0, nfs4.SEQUENCE4resok(SESSION, 1, 2, 3, 4, 5)))
    for handle in (b"", b"a", b"abcd", bytes(128)):
        assert nfs4.pack_op_getfh(handle) == resop(nfs4.OP_GETFH, nfs4.GETFH4res(0, nfs4.GETFH4resok(handle)))
    assert nfs4.pack_op_getattr(1 << 33, b"\0\0\1\xa4") == resop(
        nfs4.OP_GETATTR, nfs4.GETATTR4res(0, nfs4.GETATTR4resok(nfs4.fattr4(1 << 33, b"\0\0\1\xa4"))))
    assert nfs4.pack_op_access(63, 3) == resop(nfs4.OP_ACCESS, nfs4.ACCESS4res(0, nfs4.ACCESS4resok(63, 3)))
    assert nfs4.pack_op_read_head(True, 3) + b"abc\0" == resop(
        nfs4.OP_READ, nfs4.READ4res(0, nfs4.READ4resok(True, b"abc")))
    assert nfs4.pack_op_write(9, 2, b"verifier") == resop(
        nfs4.OP_WRITE, nfs4.WRITE4res(0, nfs4.WRITE4resok(9, 2, b"verifier")))
    assert nfs4.pack_op_commit(b"verifier") == resop(
        nfs4.OP_COMMIT, nfs4.COMMIT4res(0, nfs4.COMMIT4resok(b"verifier")))
    assert nfs4.pack_op_setattr(1 << 33) == resop(nfs4.OP_SETATTR, nfs4.SETATTR4res(0, 1 << 33))
    assert nfs4.pack_op_create(True, 4, 5, 2) == resop(
        nfs4.OP_CREATE, nfs4.CREATE4res(0, nfs4.CREATE4resok(before_after, 2)))
    assert nfs4.pack_op_remove(True, 4, 5) == resop(
        nfs4.OP_REMOVE, nfs4.REMOVE4res(0, nfs4.REMOVE4resok(before_after)))
    assert nfs4.pack_op_link(True, 4, 5) == resop(nfs4.OP_LINK, nfs4.LINK4res(0, nfs4.LINK4resok(before_after)))
    assert nfs4.pack_op_rename(True, (4, 5), (6, 7)) == resop(
        nfs4.OP_RENAME, nfs4.RENAME4res(0, nfs4.RENAME4resok(before_after, nfs4.change_info4(True, 6, 7))))


def test_every_failure_without_a_body() -> None:
    """``pack_op_status`` is what every operation's result looks like at NFS4ERR_SERVERFAULT."""
    for op, (unpack, _) in nfs4.RES.items():
        packed = nfs4.pack_op_status(op, nfs4.NFS4ERR_SERVERFAULT)
        _, end = unpack(packed, 4)
        assert end == len(packed), nfs4.OP_NAMES[op]


def test_reply_head() -> None:
    """RPC success and the front of COMPOUND4res, with and without a tag."""
    for tag in (b"", b"t", b"four", b"longer"):
        expected = rpc.reply_success(5) + nfs4.pack_COMPOUND4res_head(nfs4.COMPOUND4res_head(2, tag, 7))
        assert nfs4.pack_reply_head(5, 2, 7, tag) == expected


def test_compound_sequence() -> None:
    """The fast front accepts the ordinary shape only."""
    sequence = nfs4.nfs_argop4(nfs4.OP_SEQUENCE, nfs4.SEQUENCE4args(SESSION, 1, 2, 3, True))
    data = nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", 1, [sequence, nfs4.nfs_argop4(nfs4.OP_GETFH)]))
    assert nfs4.unpack_compound_sequence(b"x" + data, 1) == (1, 2, SESSION, 1, 2, 3, 1, 1 + len(data) - 4)
    for length in range(len(data) - 4):
        assert nfs4.unpack_compound_sequence(data[:length], 0) is None
    tagged = nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"tag", 1, [sequence]))
    assert nfs4.unpack_compound_sequence(tagged, 0) is None
    assert nfs4.unpack_compound_sequence(data[:-8] + b"\0\0\0\2" + data[-4:], 0) is None
