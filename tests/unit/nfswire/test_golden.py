"""Golden vectors: bytes written by hand from the definitions of RFC 8881, RFC 7862 and RFC 8435, not by our packer."""

from __future__ import annotations

from typing import Any

import pytest

from nfswire import attributes, nfs4

STATEID = nfs4.stateid4(1, bytes.fromhex("aabbccddeeff001122334455"))
STATEID_HEX = "00000001 aabbccddeeff001122334455"
SESSION = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
SESSION_HEX = "00010203 04050607 08090a0b 0c0d0e0f"

VECTORS: list[tuple[str, Any, str]] = [
    ("SEQUENCE4args", nfs4.SEQUENCE4args(SESSION, 7, 3, 5, True), f"""
        {SESSION_HEX}                                 sa_sessionid
        00000007 00000003 00000005                    sa_sequenceid sa_slotid sa_highest_slotid
        00000001                                      sa_cachethis TRUE
    """),
    ("SEQUENCE4res", nfs4.SEQUENCE4res(0, nfs4.SEQUENCE4resok(SESSION, 7, 3, 5, 63, nfs4.SEQ4_STATUS_LEASE_MOVED)), f"""
        00000000                                      NFS4_OK
        {SESSION_HEX} 00000007 00000003 00000005      session, sequence, slot, highest
        0000003f 00000080                             target highest, flags
    """),
    ("SEQUENCE4res", nfs4.SEQUENCE4res(nfs4.NFS4ERR_BADSESSION), "00002744    10052, void"),
    ("PUTFH4args", nfs4.PUTFH4args(b"\xfe\xed\xfa\xce\x01"), "00000005 feedface 01000000    length, bytes, padding"),
    ("GETATTR4args", nfs4.GETATTR4args(1 << 1 | 1 << 3 | 1 << 4 | 1 << 33), """
        00000002                                      two words
        0000001a 00000002                             type, change, size; mode
    """),
    ("GETATTR4args", nfs4.GETATTR4args(1 << 75), "00000003 00000000 00000000 00000800    suppattr_exclcreat"),
    ("GETATTR4args", nfs4.GETATTR4args(0), "00000000    no words"),
    ("GETATTR4res", nfs4.GETATTR4res(0, nfs4.GETATTR4resok(nfs4.fattr4(1 << 1 | 1 << 4, bytes.fromhex(
        "00000001 0000000000001000")))), """
        00000000 00000001 00000012                    NFS4_OK, one word, type and size
        0000000c                                      twelve bytes of values
        00000001 00000000 00001000                    NF4REG, 4096
    """),
    ("OPEN4args", nfs4.OPEN4args(
        0, nfs4.OPEN4_SHARE_ACCESS_BOTH, nfs4.OPEN4_SHARE_DENY_WRITE, nfs4.state_owner4(0x1122334455667788, b"owner"),
        nfs4.openflag4(nfs4.OPEN4_CREATE, nfs4.createhow4(nfs4.UNCHECKED4, nfs4.fattr4(1 << 33, b"\0\0\1\xa4"))),
        nfs4.open_claim4(nfs4.CLAIM_NULL, b"a.txt")), """
        00000000 00000003 00000002                    seqid, access BOTH, deny WRITE
        11223344 55667788                             clientid
        00000005 6f776e65 72000000                    owner "owner"
        00000001 00000000                             OPEN4_CREATE, UNCHECKED4
        00000002 00000000 00000002                    attrmask: mode
        00000004 000001a4                             attr_vals: 0644
        00000000 00000005 612e7478 74000000           CLAIM_NULL "a.txt"
    """),
    ("OPEN4args", nfs4.OPEN4args(
        0, 1, 0, nfs4.state_owner4(1, b""),
        nfs4.openflag4(nfs4.OPEN4_CREATE, nfs4.createhow4(
            nfs4.EXCLUSIVE4_1, None, None, nfs4.creatverfattr(b"verifier", nfs4.fattr4(0, b"")))),
        nfs4.open_claim4(nfs4.CLAIM_NULL, b"xy")), """
        00000000 00000001 00000000 00000000 00000001 00000000
        00000001 00000003                             OPEN4_CREATE, EXCLUSIVE4_1
        76657269 66696572 00000000 00000000           cva_verf, no attributes
        00000000 00000002 78790000                    CLAIM_NULL "xy"
    """),
    ("OPEN4args", nfs4.OPEN4args(
        0, 1, 0, nfs4.state_owner4(1, b"o"), nfs4.openflag4(nfs4.OPEN4_NOCREATE), nfs4.open_claim4(nfs4.CLAIM_FH)), """
        00000000 00000001 00000000 00000000 00000001 00000001 6f000000
        00000000 00000004                             OPEN4_NOCREATE, CLAIM_FH
    """),
    ("OPEN4res", nfs4.OPEN4res(0, nfs4.OPEN4resok(
        STATEID, nfs4.change_info4(True, 5, 6), nfs4.OPEN4_RESULT_LOCKTYPE_POSIX, 1 << 33,
        nfs4.open_delegation4(nfs4.OPEN_DELEGATE_NONE_EXT, None, None,
                              nfs4.open_none_delegation4(nfs4.WND4_RESOURCE, None, True)))), f"""
        00000000 {STATEID_HEX}
        00000001 00000000 00000005 00000000 00000006  cinfo: atomic, before, after
        00000004                                      rflags
        00000002 00000000 00000002                    attrset
        00000003 00000002 00000001                    NONE_EXT, WND4_RESOURCE, will signal
    """),
    ("LOCK4args", nfs4.LOCK4args(nfs4.WRITE_LT, False, 16, nfs4.NFS4_UINT64_MAX, nfs4.locker4(
        True, nfs4.open_to_lock_owner4(0, STATEID, 0, nfs4.state_owner4(9, b"lock")))), f"""
        00000002 00000000 00000000 00000010 ffffffff ffffffff
        00000001                                      new_lock_owner TRUE
        00000000 {STATEID_HEX} 00000000               open_seqid, open_stateid, lock_seqid
        00000000 00000009 00000004 6c6f636b           lock_owner
    """),
    ("LOCK4res", nfs4.LOCK4res(nfs4.NFS4ERR_DENIED, None, nfs4.LOCK4denied(
        0, 100, nfs4.READ_LT, nfs4.state_owner4(9, b"lock"))), """
        0000271a                                      10010 DENIED
        00000000 00000000 00000000 00000064 00000001 00000000 00000009 00000004 6c6f636b
    """),
    ("READDIR4res", nfs4.READDIR4res(0, nfs4.READDIR4resok(bytes(8), nfs4.dirlist4([
        nfs4.entry4(3, b"a", nfs4.fattr4(1 << 20, bytes(7) + b"\x2a")),
        nfs4.entry4(4, b"bcde", nfs4.fattr4(0, b""))], True))), """
        00000000 00000000 00000000                    NFS4_OK, cookieverf
        00000001 00000000 00000003 00000001 61000000  entry: cookie 3, "a"
        00000001 00100000 00000008 00000000 0000002a  fileid 42
        00000001 00000000 00000004 00000004 62636465  entry: cookie 4, "bcde"
        00000000 00000000                             no attributes
        00000000 00000001                             end of list, eof
    """),
    ("WRITE4args", nfs4.WRITE4args(STATEID, 4096, nfs4.FILE_SYNC4, b"hello"), f"""
        {STATEID_HEX} 00000000 00001000 00000002 00000005 68656c6c 6f000000
    """),
    ("READ4res", nfs4.READ4res(0, nfs4.READ4resok(True, b"hey")), "00000000 00000001 00000003 68657900"),
    ("SETATTR4res", nfs4.SETATTR4res(nfs4.NFS4ERR_PERM, 0), "00000001 00000000    a bitmap even on failure"),
    ("EXCHANGE_ID4args", nfs4.EXCHANGE_ID4args(
        nfs4.client_owner4(b"12345678", b"Linux NFSv4.2 x"),
        nfs4.EXCHGID4_FLAG_SUPP_MOVED_REFER | nfs4.EXCHGID4_FLAG_BIND_PRINC_STATEID,
        nfs4.state_protect4_a(nfs4.SP4_NONE),
        [nfs4.nfs_impl_id4(b"kernel.org", b"Linux", nfs4.nfstime4(0, 0))]), """
        31323334 35363738                             co_verifier
        0000000f 4c696e75 78204e46 5376342e 32207800  co_ownerid "Linux NFSv4.2 x"
        00000101 00000000                             flags, SP4_NONE
        00000001 0000000a 6b65726e 656c2e6f 72670000  one implementation id: "kernel.org"
        00000005 4c696e75 78000000                    "Linux"
        00000000 00000000 00000000                    date
    """),
    ("CREATE_SESSION4args", nfs4.CREATE_SESSION4args(
        0x99, 1, nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN,
        nfs4.channel_attrs4(0, 1049620, 1049480, 7584, 8, 64, []), nfs4.channel_attrs4(0, 4096, 4096, 0, 2, 16, []),
        0x40000000, [nfs4.callback_sec_parms4(nfs4.AUTH_SYS, nfs4.authsys_parms(1, b"h", 0, 0, []))]), """
        00000000 00000099 00000001 00000002           clientid, sequence, CONN_BACK_CHAN
        00000000 00100414 00100388 00001da0 00000008 00000040 00000000
        00000000 00001000 00001000 00000000 00000002 00000010 00000000
        40000000                                      cb_program
        00000001 00000001                             one security parameter, AUTH_SYS
        00000001 00000001 68000000 00000000 00000000 00000000
    """),
    ("LAYOUTGET4args", nfs4.LAYOUTGET4args(
        False, nfs4.LAYOUT4_NFSV4_1_FILES, nfs4.LAYOUTIOMODE4_RW, 0, nfs4.NFS4_UINT64_MAX, 4096, STATEID, 16384), f"""
        00000000 00000001 00000002
        00000000 00000000 ffffffff ffffffff 00000000 00001000
        {STATEID_HEX} 00004000
    """),
    ("nfsv4_1_file_layout4", nfs4.nfsv4_1_file_layout4(SESSION, 0x100000, 2, 0, [b"fh00", b"fh1"]), f"""
        {SESSION_HEX}                                 nfl_deviceid
        00100000 00000002 00000000 00000000           1 MiB, sparse; first stripe index; pattern offset
        00000002 00000004 66683030 00000003 66683100
    """),
    ("nfsv4_1_file_layout_ds_addr4", nfs4.nfsv4_1_file_layout_ds_addr4(
        [0, 1], [[nfs4.netaddr4(b"tcp", b"10.0.0.1.8.1")], [nfs4.netaddr4(b"tcp6", b"::1.8.1")]]), """
        00000002 00000000 00000001                    stripe indices
        00000002                                      two data servers
        00000001 00000003 74637000 0000000c 31302e30 2e302e31 2e382e31
        00000001 00000004 74637036 00000007 3a3a312e 382e3100
    """),
    ("LAYOUTCOMMIT4args", nfs4.LAYOUTCOMMIT4args(
        0, 8192, False, STATEID, nfs4.newoffset4(True, 8191), nfs4.newtime4(False),
        nfs4.layoutupdate4(nfs4.LAYOUT4_NFSV4_1_FILES, b"")), f"""
        00000000 00000000 00000000 00002000 00000000 {STATEID_HEX}
        00000001 00000000 00001fff                    new last offset
        00000000                                      no time
        00000001 00000000                             files, no body
    """),
    ("LAYOUTRETURN4args", nfs4.LAYOUTRETURN4args(
        False, nfs4.LAYOUT4_NFSV4_1_FILES, nfs4.LAYOUTIOMODE4_ANY, nfs4.layoutreturn4(nfs4.LAYOUTRETURN4_ALL)),
        "00000000 00000001 00000003 00000003"),
    ("SETATTR4args", nfs4.SETATTR4args(STATEID, attributes.pack_fattr(
        {nfs4.FATTR4_SIZE: 5, nfs4.FATTR4_MODE: 0o600, nfs4.FATTR4_OWNER: b"0",
         nfs4.FATTR4_TIME_MODIFY_SET: nfs4.settime4(nfs4.SET_TO_CLIENT_TIME4, nfs4.nfstime4(-1, 999999999))})), f"""
        {STATEID_HEX}
        00000002 00000010 00400012                    size; mode, owner, time_modify_set
        00000024                                      36 bytes
        00000000 00000005 00000180                    size, mode
        00000001 30000000                             owner "0"
        00000001 ffffffff ffffffff 3b9ac9ff           client's time, one second before the epoch and a bit
    """),
    ("CB_LAYOUTRECALL4args", nfs4.CB_LAYOUTRECALL4args(
        nfs4.LAYOUT4_NFSV4_1_FILES, nfs4.LAYOUTIOMODE4_ANY, True, nfs4.layoutrecall4(
            nfs4.LAYOUTRECALL4_FILE, nfs4.layoutrecall_file4(b"fh", 0, nfs4.NFS4_UINT64_MAX, STATEID))), f"""
        00000001 00000003 00000001 00000001
        00000002 66680000 00000000 00000000 ffffffff ffffffff {STATEID_HEX}
    """),
    ("CB_SEQUENCE4args", nfs4.CB_SEQUENCE4args(SESSION, 1, 0, 0, False, [
        nfs4.referring_call_list4(SESSION, [nfs4.referring_call4(7, 2)])]), f"""
        {SESSION_HEX} 00000001 00000000 00000000 00000000
        00000001 {SESSION_HEX} 00000001 00000007 00000002
    """),
    ("COMPOUND4args", nfs4.COMPOUND4args(b"", 2, [
        nfs4.nfs_argop4(nfs4.OP_PUTROOTFH), nfs4.nfs_argop4(nfs4.OP_LOOKUP, nfs4.LOOKUP4args(b"dir")),
        nfs4.nfs_argop4(nfs4.OP_GETFH)]), """
        00000000 00000002 00000003                    no tag, minor version 2, three operations
        00000018                                      PUTROOTFH
        0000000f 00000003 64697200                    LOOKUP "dir"
        0000000a                                      GETFH
    """),
    ("COMPOUND4res", nfs4.COMPOUND4res(nfs4.NFS4ERR_NOENT, b"t", [
        nfs4.nfs_resop4(nfs4.OP_PUTROOTFH, nfs4.PUTROOTFH4res(0)),
        nfs4.nfs_resop4(nfs4.OP_LOOKUP, nfs4.LOOKUP4res(nfs4.NFS4ERR_NOENT))]), """
        00000002 00000001 74000000 00000002 00000018 00000000 0000000f 00000002
    """),
    ("ALLOCATE4args", nfs4.ALLOCATE4args(STATEID, 1, 2), f"{STATEID_HEX} 00000000 00000001 00000000 00000002"),
    ("READ_PLUS4res", nfs4.READ_PLUS4res(0, nfs4.read_plus_res4(True, [
        nfs4.read_plus_content(nfs4.NFS4_CONTENT_HOLE, None, nfs4.data_info4(0, 4096)),
        nfs4.read_plus_content(nfs4.NFS4_CONTENT_DATA, nfs4.data4(4096, b"ab"))])), """
        00000000 00000001 00000002                    NFS4_OK, eof, two contents
        00000001 00000000 00000000 00000000 00001000  hole
        00000000 00000000 00001000 00000002 61620000  data
    """),
    ("ff_layout4", nfs4.ff_layout4(0, [nfs4.ff_mirror4([nfs4.ff_data_server4(
        SESSION, 1, STATEID, [b"fh"], b"0", b"0")])], nfs4.FF_FLAGS_NO_IO_THRU_MDS, 0), f"""
        00000000 00000000 00000001 00000001           stripe unit, one mirror, one data server
        {SESSION_HEX} 00000001 {STATEID_HEX}
        00000001 00000002 66680000                    filehandles
        00000001 30000000 00000001 30000000           user, group
        00000002 00000000                             flags, hint
    """),
]


def hexed(text: str) -> bytes:
    """The words of eight or more hexadecimal digits at the beginning of each line; the rest is comment."""
    out = []
    for line in text.splitlines():
        for word in line.split():
            if len(word) % 8 or set(word) - set("0123456789abcdef"):
                break
            out.append(word)
    return bytes.fromhex("".join(out))


@pytest.mark.parametrize(("name", "value", "text"), VECTORS, ids=[f"{n}-{row[0]}" for n, row in enumerate(VECTORS)])
def test_golden(name: str, value: Any, text: str) -> None:
    """Packs to the hand-written bytes and unpacks from them."""
    data = hexed(text)
    assert getattr(nfs4, f"pack_{name}")(value).hex(" ", 4) == data.hex(" ", 4)
    assert getattr(nfs4, f"unpack_{name}")(data, 0) == (value, len(data))


def test_constants_golden() -> None:
    """A few numbers that everything hangs on, from the RFCs' text."""
    assert nfs4.NFS4_PROGRAM == 100003
    assert (nfs4.OP_SEQUENCE, nfs4.OP_OPEN, nfs4.OP_LAYOUTGET) == (53, 18, 50)
    assert (nfs4.OP_CLONE, nfs4.OP_REMOVEXATTR) == (71, 75)
    assert (nfs4.OP_CB_SEQUENCE, nfs4.OP_CB_LAYOUTRECALL, nfs4.OP_CB_RECALL, nfs4.OP_CB_RECALL_SLOT) == (11, 5, 4, 10)
    assert (nfs4.NFS4ERR_BADXDR, nfs4.NFS4ERR_OP_ILLEGAL, nfs4.NFS4ERR_DELEG_REVOKED) == (10036, 10044, 10087)
    assert nfs4.OP_NAMES[nfs4.OP_GETATTR] == "GETATTR"
    assert nfs4.STATUS_NAMES[nfs4.NFS4ERR_STALE] == "NFS4ERR_STALE"
