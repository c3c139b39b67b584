"""What a COMPOUND is for: found without decoding it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdscluster.fsm.compound import COUNTS
from mdscluster.nfs_frontend.scan import principal
from nfswire import nfs4
from tests.unit.nfs_frontend.support import getattr_size, mkdir, putroot

PUTFH = nfs4.nfs_argop4(nfs4.OP_PUTFH, nfs4.PUTFH4args(b"handle"))
GETFH, SAVEFH, RESTOREFH = (nfs4.nfs_argop4(op) for op in (nfs4.OP_GETFH, nfs4.OP_SAVEFH, nfs4.OP_RESTOREFH))
READLINK, LOOKUPP = nfs4.nfs_argop4(nfs4.OP_READLINK), nfs4.nfs_argop4(nfs4.OP_LOOKUPP)
LOOKUP = nfs4.nfs_argop4(nfs4.OP_LOOKUP, nfs4.LOOKUP4args(b"a name"))


def packed(operations: list[nfs4.nfs_argop4]) -> bytes:
    whole = nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", 1, operations))
    return whole[12:]  # behind tag, minor version and count


def found(operations: list[nfs4.nfs_argop4]) -> int:
    data = packed(operations)
    return principal(data, 0, len(data), len(operations))


@pytest.mark.parametrize(
    ("operations", "wanted"),
    [
        ([PUTFH, getattr_size()], nfs4.OP_GETATTR),
        ([putroot(), SAVEFH, mkdir(b"d"), GETFH, getattr_size()], nfs4.OP_CREATE),
        ([PUTFH, LOOKUP, GETFH, getattr_size()], nfs4.OP_LOOKUP),
        ([PUTFH, READLINK], nfs4.OP_READLINK),
        ([PUTFH, LOOKUPP], nfs4.OP_LOOKUPP),
        ([PUTFH, GETFH], 0),
        ([PUTFH], 0),
        ([putroot()], 0),
        ([], 0),
    ],
)
def test_the_first_operation_that_is_not_about_filehandles(operations: list[nfs4.nfs_argop4], wanted: int) -> None:
    assert found(operations) == wanted


@given(st.lists(st.sampled_from([PUTFH, GETFH, SAVEFH, RESTOREFH, READLINK, LOOKUP, getattr_size()]), max_size=8))
def test_as_decoding_would_find_it(operations: list[nfs4.nfs_argop4]) -> None:
    about_handles = (nfs4.OP_PUTFH, nfs4.OP_GETFH, nfs4.OP_SAVEFH, nfs4.OP_RESTOREFH)
    assert found(operations) == next((one.argop for one in operations if one.argop not in about_handles), 0)


@given(st.binary(max_size=40), st.integers(0, 5))
def test_whatever_comes_is_an_operation_that_can_be_counted(data: bytes, count: int) -> None:
    assert 0 <= principal(data, 0, len(data), count) < COUNTS
