"""The files layout's arithmetic (RFC 8881 chapter 13) against a byte-by-byte restatement of its formulas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfsclient.errors import ProtocolViolation
from nfsclient.striping import Device, FilesLayout, check, parse_address, parse_device, parse_layout, pieces
from nfswire import nfs4


def layout(*, dense: bool, unit: int, first: int, handles: tuple[bytes, ...], pattern: int = 0) -> FilesLayout:
    return FilesLayout(b"d" * 16, dense, False, unit, first, pattern, handles, nfs4.LAYOUTIOMODE4_RW, 0,
                       nfs4.NFS4_UINT64_MAX)


def device(indices: tuple[int, ...], servers: int) -> Device:
    return Device(b"d" * 16, indices, tuple(((f"ds{n}", 2049),) for n in range(servers)))


@given(dense=st.booleans(), unit=st.integers(1, 9), indices=st.lists(st.integers(0, 2), min_size=1, max_size=6),
       first=st.integers(0, 5), offset=st.integers(0, 200), length=st.integers(0, 80), largest=st.integers(1, 50))
def test_every_byte_lies_where_the_rfc_puts_it(
    dense: bool, unit: int, indices: list[int], first: int, offset: int, length: int, largest: int
) -> None:
    """Section 13.4.2 (sparse) and 13.4.4 (dense), for each byte; and pieces cover the range in order, without overlap.
    """
    count = len(indices)
    first %= count
    handles = tuple(b"s%d" % n for n in range(count)) if dense else tuple(b"h%d" % n for n in range(3))
    found = list(pieces(layout(dense=dense, unit=unit, first=first, handles=handles), device(tuple(indices), 3),
                        offset, length, largest))
    assert sum(piece.length for piece in found) == length
    at = offset
    for piece in found:
        assert piece.file_offset == at
        assert 0 < piece.length <= min(unit, largest)
        for byte in range(piece.length):
            position = at + byte
            stripe = (position // unit + first) % count
            assert piece.server == indices[stripe]
            assert piece.filehandle == (handles[stripe] if dense else handles[indices[stripe]])
            wanted = position // (unit * count) * unit + position % unit if dense else position
            assert piece.server_offset + byte == wanted
        at += piece.length


def test_sparse_with_one_filehandle_or_none() -> None:
    for handles, wanted in (((b"one",), b"one"), ((), b"")):
        only = layout(dense=False, unit=4, first=0, handles=handles)
        check(only, device((0, 1), 2))
        assert {piece.filehandle for piece in pieces(only, device((0, 1), 2), 0, 20, 100)} == {wanted}


def test_refuses_what_cannot_be_meant() -> None:
    two = device((0, 1, 0), 2)
    for dense, handles in ((True, (b"a", b"b")), (False, (b"a", b"b", b"c"))):
        with pytest.raises(ProtocolViolation, match="filehandles"):
            check(layout(dense=dense, unit=4, first=0, handles=handles), two)
    with pytest.raises(ProtocolViolation, match="last stripe index"):
        check(layout(dense=False, unit=4, first=3, handles=()), two)


def address(netid: bytes, text: bytes) -> nfs4.netaddr4:
    return nfs4.netaddr4(netid, text)


def test_universal_addresses() -> None:
    assert parse_address(address(b"tcp", b"10.1.2.3.8.1")) == ("10.1.2.3", 2049)
    assert parse_address(address(b"tcp6", b"::1.8.1")) == ("::1", 2049)
    assert parse_address(address(b"rdma", b"10.1.2.3.8.1")) is None


def test_device_from_the_wire() -> None:
    paths = [[address(b"tcp", b"10.0.0.1.8.1"), address(b"tcp", b"10.0.1.1.8.1")], [address(b"tcp", b"10.0.0.2.8.1")]]
    body = nfs4.pack_nfsv4_1_file_layout_ds_addr4(nfs4.nfsv4_1_file_layout_ds_addr4([0, 1, 1], paths))
    parsed = parse_device(b"i" * 16, body)
    assert parsed.stripe_indices == (0, 1, 1)
    assert parsed.data_servers == ((("10.0.0.1", 2049), ("10.0.1.1", 2049)), (("10.0.0.2", 2049),))
    junk = [[address(b"tcp", b"junk")]]
    unusable: list[tuple[list[int], list[list[nfs4.netaddr4]]]] = [
        ([], paths), ([2], paths), ([0], []), ([0], [[]]), ([0], junk)]
    for indices, multipaths in unusable:
        bad = nfs4.pack_nfsv4_1_file_layout_ds_addr4(nfs4.nfsv4_1_file_layout_ds_addr4(indices, multipaths))
        with pytest.raises(ProtocolViolation):
            parse_device(b"i" * 16, bad)
    with pytest.raises(ProtocolViolation):
        parse_device(b"i" * 16, body[:-3])


def test_layout_from_the_wire() -> None:
    body = nfs4.nfsv4_1_file_layout4(b"i" * 16, (1 << 20) | nfs4.NFL4_UFLG_DENSE, 1, 0, [b"a", b"b"])
    content = nfs4.layout_content4(nfs4.LAYOUT4_NFSV4_1_FILES, nfs4.pack_nfsv4_1_file_layout4(body))
    parsed = parse_layout(nfs4.layout4(0, nfs4.NFS4_UINT64_MAX, nfs4.LAYOUTIOMODE4_RW, content))
    assert (parsed.dense, parsed.stripe_unit, parsed.first_stripe_index) == (True, 1 << 20, 1)
    assert parsed.filehandles == (b"a", b"b")
    body.nfl_util = nfs4.NFL4_UFLG_DENSE
    for bad in (nfs4.layout_content4(nfs4.LAYOUT4_FLEX_FILES, b""), nfs4.layout_content4(1, b"abc"),
                nfs4.layout_content4(1, nfs4.pack_nfsv4_1_file_layout4(body))):
        with pytest.raises(ProtocolViolation):
            parse_layout(nfs4.layout4(0, nfs4.NFS4_UINT64_MAX, nfs4.LAYOUTIOMODE4_RW, bad))
