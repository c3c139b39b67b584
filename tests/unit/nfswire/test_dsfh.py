"""INV-6: no data-server filehandle is made or changed without the key; a fence voids what was issued before it."""

from __future__ import annotations

import pytest

from nfswire import dsfh

KEY = bytes(range(32))
FILEID = 1 << 48 | 77


def test_golden() -> None:
    """Layout by hand: version, flags, stripe, fileid, clientid, epoch, then 16 bytes of MAC."""
    handle = dsfh.pack_ds_fh(KEY, dsfh.FLAG_WRITE, 2, FILEID, 5, 9)
    assert handle[:24] == bytes.fromhex("01 01 0002 000100000000004d 0000000000000005 00000009")
    assert len(handle) == dsfh.HANDLE_BYTES == 40
    assert dsfh.unpack_ds_fh(KEY, handle) == dsfh.Capability(dsfh.FLAG_WRITE, 2, FILEID, 5, 9)


def test_any_changed_bit_is_refused() -> None:
    """INV-6: no bit of the handle can be changed, no other key makes one, no other length passes."""
    handle = dsfh.pack_ds_fh(KEY, 0, 0, FILEID, 5, 9)
    capability = dsfh.unpack_ds_fh(KEY, handle)
    assert capability is not None
    assert not capability.may_write
    for bit in range(8 * len(handle)):
        damaged = bytearray(handle)
        damaged[bit // 8] ^= 1 << bit % 8
        assert dsfh.unpack_ds_fh(KEY, bytes(damaged)) is None
    assert dsfh.unpack_ds_fh(bytes(32), handle) is None
    for other in (b"", handle[:-1], handle + b"\0", handle[:24]):
        assert dsfh.unpack_ds_fh(KEY, other) is None


@pytest.mark.parametrize(("fence", "refuses"), [
    (dsfh.Fence(FILEID, 5, 10), True), (dsfh.Fence(0, 5, 10), True), (dsfh.Fence(FILEID, 0, 10), True),
    (dsfh.Fence(0, 0, 10), True), (dsfh.Fence(0, 0, 9), False), (dsfh.Fence(FILEID, 6, 10), False),
    (dsfh.Fence(FILEID + 1, 5, 10), False), (dsfh.Fence(FILEID + 1, 0, 10), False),
])
def test_fences(fence: dsfh.Fence, refuses: bool) -> None:
    """INV-6: a fence names a file, a client, both or neither, and voids epochs below its own."""
    capability = dsfh.Capability(1, 0, FILEID, 5, 9)
    assert fence.refuses(capability) is refuses
    assert dsfh.refused([dsfh.Fence(1, 1, 99), fence], capability) is refuses


def test_bad_keys_and_values() -> None:
    """A short key and a value out of range are our own mistake."""
    with pytest.raises(ValueError):
        dsfh.pack_ds_fh(b"short", 0, 0, 1, 1, 1)
    with pytest.raises(ValueError):
        dsfh.unpack_ds_fh(b"short", bytes(40))
    with pytest.raises(ValueError):
        dsfh.pack_ds_fh(KEY, 0, 1 << 16, 1, 1, 1)
