"""The attribute table and fattr4."""

from __future__ import annotations

import pytest

from nfswire import attributes, nfs4
from nfswire.xdr import XdrError


def test_table_is_complete() -> None:
    """Attributes 0 to 82 have a row each; what may be set is what RFC 8881 section 5.7 says."""
    assert list(attributes.ATTRIBUTES) == list(range(83))
    settable = {row.name for row in attributes.ATTRIBUTES.values() if row.settable}
    assert settable == {
        "size", "acl", "archive", "hidden", "mimetype", "mode", "owner", "owner_group", "system",
        "time_access_set", "time_backup", "time_create", "time_modify_set", "dacl", "sacl", "layout_hint",
        "retention_set", "retentevt_set", "retention_hold", "mode_set_masked", "sec_label", "mode_umask",
    }
    assert not attributes.BY_NAME["time_modify_set"].readable
    assert attributes.BY_NAME["owner"].xdr_type == "utf8str_mixed"
    assert attributes.READABLE_MASK | attributes.SETTABLE_MASK == attributes.KNOWN_MASK == (1 << 83) - 1


def test_round_trip_in_order_of_number() -> None:
    """Values are packed in ascending order, however they are given, and a pair is a time."""
    values = {
        nfs4.FATTR4_TIME_MODIFY: (5, 6), nfs4.FATTR4_OWNER: b"root", nfs4.FATTR4_TYPE: nfs4.NF4DIR,
        nfs4.FATTR4_FSID: nfs4.fsid4(1, 2), nfs4.FATTR4_SUPPORTED_ATTRS: attributes.KNOWN_MASK,
        nfs4.FATTR4_FS_LAYOUT_TYPES: [nfs4.LAYOUT4_NFSV4_1_FILES], nfs4.FATTR4_LINK_SUPPORT: True,
        nfs4.FATTR4_MODE_UMASK: nfs4.mode_umask4(0o666, 0o022),
    }
    packed = attributes.pack_fattr(values)
    assert packed.attrmask == attributes.bitmap(*values)
    assert packed.attr_vals.startswith(bytes.fromhex("00000003 ffffffff ffffffff 0007ffff 00000002 00000001"))
    got = attributes.unpack_fattr(packed)
    assert list(got) == sorted(values)
    assert got == {**values, nfs4.FATTR4_TIME_MODIFY: nfs4.nfstime4(5, 6)}
    assert attributes.numbers(packed.attrmask) == sorted(values)


def test_malformed_attributes() -> None:
    """Unknown attributes are told apart from values that are short, long or damaged."""
    with pytest.raises(attributes.UnknownAttribute) as caught:
        attributes.unpack_fattr(nfs4.fattr4(1 << 200, b""))
    assert caught.value.number == 200
    with pytest.raises(attributes.UnknownAttribute):
        attributes.pack_fattr({200: 1})
    for fattr in (
        nfs4.fattr4(1 << nfs4.FATTR4_SIZE, bytes(4)), nfs4.fattr4(1 << nfs4.FATTR4_SIZE, bytes(12)),
        nfs4.fattr4(0, bytes(4)), nfs4.fattr4(1 << nfs4.FATTR4_ARCHIVE, b"\0\0\0\7"),
        nfs4.fattr4(1 << nfs4.FATTR4_OWNER, b"\0\0\xff\xff" + bytes(64)),
    ):
        with pytest.raises(XdrError):
            attributes.unpack_fattr(fattr)
    with pytest.raises(XdrError):
        attributes.pack_fattr({nfs4.FATTR4_SIZE: -1})
