"""Codecs of NFSv4.1 and NFSv4.2: unpack_X, append_X, pack_X for every type X.

Generated from nfs4.x by nfswire/codegen.py. Do not edit.
"""

# ruff: noqa

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, pack, unpack_from
from struct import error as StructError
from typing import Any, TypeAlias

from nfswire.nfs4_types import *
from nfswire.xdr import (
    PADS,
    Buffer,
    Payload,
    XdrError,
    pack_bitmap,
    pack_u32,
    unpack_bitmap,
    unpack_uint32,
)

S_16s = Struct(">16s")
uS_16s = S_16s.unpack_from
pS_16s = S_16s.pack
S_16sI = Struct(">16sI")
uS_16sI = S_16sI.unpack_from
pS_16sI = S_16sI.pack
S_16sII = Struct(">16sII")
uS_16sII = S_16sII.unpack_from
pS_16sII = S_16sII.pack
S_16sII12sI = Struct(">16sII12sI")
uS_16sII12sI = S_16sII12sI.unpack_from
pS_16sII12sI = S_16sII12sI.pack
S_16sIII = Struct(">16sIII")
uS_16sIII = S_16sIII.unpack_from
S_16sIIII = Struct(">16sIIII")
uS_16sIIII = S_16sIIII.unpack_from
pS_16sIIII = S_16sIIII.pack
S_16sIIIII = Struct(">16sIIIII")
uS_16sIIIII = S_16sIIIII.unpack_from
pS_16sIIIII = S_16sIIIII.pack
S_16sIIIIIIIII = Struct(">16sIIIIIIIII")
uS_16sIIIIIIIII = S_16sIIIIIIIII.unpack_from
pS_16sIIIIIIIII = S_16sIIIIIIIII.pack
S_16sIIQI = Struct(">16sIIQI")
uS_16sIIQI = S_16sIIQI.unpack_from
pS_16sIIQI = S_16sIIQI.pack
S_8s = Struct(">8s")
uS_8s = S_8s.unpack_from
pS_8s = S_8s.pack
S_8s8s = Struct(">8s8s")
uS_8s8s = S_8s8s.unpack_from
pS_8s8s = S_8s8s.pack
S_8sI = Struct(">8sI")
uS_8sI = S_8sI.unpack_from
pS_8sI = S_8sI.pack
S_8sI12s = Struct(">8sI12s")
pS_8sI12s = S_8sI12s.pack
S_8sI12sI = Struct(">8sI12sI")
uS_8sI12sI = S_8sI12sI.unpack_from
S_I = Struct(">I")
uS_I = S_I.unpack_from
pS_I = S_I.pack
S_I12s = Struct(">I12s")
uS_I12s = S_I12s.unpack_from
pS_I12s = S_I12s.pack
S_I12sI = Struct(">I12sI")
uS_I12sI = S_I12sI.unpack_from
pS_I12sI = S_I12sI.pack
S_I12sI12sQQQ = Struct(">I12sI12sQQQ")
uS_I12sI12sQQQ = S_I12sI12sQQQ.unpack_from
pS_I12sI12sQQQ = S_I12sI12sQQQ.pack
S_I12sI12sQQQIII = Struct(">I12sI12sQQQIII")
uS_I12sI12sQQQIII = S_I12sI12sQQQIII.unpack_from
pS_I12sI12sQQQIII = S_I12sI12sQQQIII.pack
S_I12sII = Struct(">I12sII")
uS_I12sII = S_I12sII.unpack_from
pS_I12sII = S_I12sII.pack
S_I12sIII = Struct(">I12sIII")
uS_I12sIII = S_I12sIII.unpack_from
pS_I12sIII = S_I12sIII.pack
S_I12sIIIII = Struct(">I12sIIIII")
uS_I12sIIIII = S_I12sIIIII.unpack_from
pS_I12sIIIII = S_I12sIIIII.pack
S_I12sIQQI = Struct(">I12sIQQI")
pS_I12sIQQI = S_I12sIQQI.pack
S_I12sIQQII = Struct(">I12sIQQII")
uS_I12sIQQII = S_I12sIQQII.unpack_from
S_I12sIQQQQIQI = Struct(">I12sIQQQQIQI")
uS_I12sIQQQQIQI = S_I12sIQQQQIQI.unpack_from
pS_I12sIQQQQIQI = S_I12sIQQQQIQI.pack
S_I12sQI = Struct(">I12sQI")
uS_I12sQI = S_I12sQI.unpack_from
pS_I12sQI = S_I12sQI.pack
S_I12sQII = Struct(">I12sQII")
uS_I12sQII = S_I12sQII.unpack_from
pS_I12sQII = S_I12sQII.pack
S_I12sQII8s = Struct(">I12sQII8s")
uS_I12sQII8s = S_I12sQII8s.unpack_from
pS_I12sQII8s = S_I12sQII8s.pack
S_I12sQQ = Struct(">I12sQQ")
uS_I12sQQ = S_I12sQQ.unpack_from
pS_I12sQQ = S_I12sQQ.pack
S_I12sQQI = Struct(">I12sQQI")
uS_I12sQQI = S_I12sQQI.unpack_from
S_I16s = Struct(">I16s")
uS_I16s = S_I16s.unpack_from
pS_I16s = S_I16s.pack
S_I16sI = Struct(">I16sI")
uS_I16sI = S_I16sI.unpack_from
pS_I16sI = S_I16sI.pack
S_II = Struct(">II")
uS_II = S_II.unpack_from
pS_II = S_II.pack
S_II12s = Struct(">II12s")
uS_II12s = S_II12s.unpack_from
pS_II12s = S_II12s.pack
S_II12sI = Struct(">II12sI")
uS_II12sI = S_II12sI.unpack_from
pS_II12sI = S_II12sI.pack
S_II12sIQI = Struct(">II12sIQI")
uS_II12sIQI = S_II12sIQI.unpack_from
pS_II12sIQI = S_II12sIQI.pack
S_II8s = Struct(">II8s")
uS_II8s = S_II8s.unpack_from
pS_II8s = S_II8s.pack
S_III = Struct(">III")
uS_III = S_III.unpack_from
pS_III = S_III.pack
S_III12sQQ = Struct(">III12sQQ")
uS_III12sQQ = S_III12sQQ.unpack_from
pS_III12sQQ = S_III12sQQ.pack
S_IIII = Struct(">IIII")
uS_IIII = S_IIII.unpack_from
pS_IIII = S_IIII.pack
S_IIIII = Struct(">IIIII")
uS_IIIII = S_IIIII.unpack_from
pS_IIIII = S_IIIII.pack
S_IIIIIII = Struct(">IIIIIII")
uS_IIIIIII = S_IIIIIII.unpack_from
pS_IIIIIII = S_IIIIIII.pack
S_IIIQI = Struct(">IIIQI")
uS_IIIQI = S_IIIQI.unpack_from
pS_IIIQI = S_IIIQI.pack
S_IIIQQQI12sI = Struct(">IIIQQQI12sI")
uS_IIIQQQI12sI = S_IIIQQQI12sI.unpack_from
pS_IIIQQQI12sI = S_IIIQQQI12sI.pack
S_IIQ8s = Struct(">IIQ8s")
uS_IIQ8s = S_IIQ8s.unpack_from
pS_IIQ8s = S_IIQ8s.pack
S_IIQQI = Struct(">IIQQI")
uS_IIQQI = S_IIQQI.unpack_from
pS_IIQQI = S_IIQQI.pack
S_IQ = Struct(">IQ")
uS_IQ = S_IQ.unpack_from
pS_IQ = S_IQ.pack
S_IQI = Struct(">IQI")
pS_IQI = S_IQI.pack
S_IQQ = Struct(">IQQ")
uS_IQQ = S_IQQ.unpack_from
pS_IQQ = S_IQQ.pack
S_IQQI = Struct(">IQQI")
uS_IQQI = S_IQQI.unpack_from
S_IQQIQQ = Struct(">IQQIQQ")
uS_IQQIQQ = S_IQQIQQ.unpack_from
pS_IQQIQQ = S_IQQIQQ.pack
S_IQQQI = Struct(">IQQQI")
uS_IQQQI = S_IQQQI.unpack_from
pS_IQQQI = S_IQQQI.pack
S_IiI = Struct(">IiI")
uS_IiI = S_IiI.unpack_from
pS_IiI = S_IiI.pack
S_Q = Struct(">Q")
uS_Q = S_Q.unpack_from
pS_Q = S_Q.pack
S_Q8sI = Struct(">Q8sI")
uS_Q8sI = S_Q8sI.unpack_from
pS_Q8sI = S_Q8sI.pack
S_Q8sII = Struct(">Q8sII")
pS_Q8sII = S_Q8sII.pack
S_Q8sIII = Struct(">Q8sIII")
uS_Q8sIII = S_Q8sIII.unpack_from
S_QI = Struct(">QI")
uS_QI = S_QI.unpack_from
pS_QI = S_QI.pack
S_QI8s = Struct(">QI8s")
uS_QI8s = S_QI8s.unpack_from
pS_QI8s = S_QI8s.pack
S_QI8sII = Struct(">QI8sII")
uS_QI8sII = S_QI8sII.unpack_from
pS_QI8sII = S_QI8sII.pack
S_QII = Struct(">QII")
uS_QII = S_QII.unpack_from
pS_QII = S_QII.pack
S_QIIIIIIIII = Struct(">QIIIIIIIII")
uS_QIIIIIIIII = S_QIIIIIIIII.unpack_from
pS_QIIIIIIIII = S_QIIIIIIIII.pack
S_QQ = Struct(">QQ")
uS_QQ = S_QQ.unpack_from
pS_QQ = S_QQ.pack
S_QQI12s = Struct(">QQI12s")
uS_QQI12s = S_QQI12s.unpack_from
pS_QQI12s = S_QQI12s.pack
S_QQI12sI = Struct(">QQI12sI")
uS_QQI12sI = S_QQI12sI.unpack_from
pS_QQI12sI = S_QQI12sI.pack
S_QQI12sQQQQ16sI = Struct(">QQI12sQQQQ16sI")
uS_QQI12sQQQQ16sI = S_QQI12sQQQQ16sI.unpack_from
pS_QQI12sQQQQ16sI = S_QQI12sQQQQ16sI.pack
S_QQI12sQQQQ16sII = Struct(">QQI12sQQQQ16sII")
uS_QQI12sQQQQ16sII = S_QQI12sQQQQ16sII.unpack_from
pS_QQI12sQQQQ16sII = S_QQI12sQQQQ16sII.pack
S_QQII12sI = Struct(">QQII12sI")
uS_QQII12sI = S_QQII12sI.unpack_from
pS_QQII12sI = S_QQII12sI.pack
S_QQIII = Struct(">QQIII")
uS_QQIII = S_QQIII.unpack_from
pS_QQIII = S_QQIII.pack
S_QQIQI = Struct(">QQIQI")
uS_QQIQI = S_QQIQI.unpack_from
pS_QQIQI = S_QQIQI.pack
S_QQQQIQI = Struct(">QQQQIQI")
uS_QQQQIQI = S_QQQQIQI.unpack_from
pS_QQQQIQI = S_QQQQIQI.pack
S_QQQQQqIqI = Struct(">QQQQQqIqI")
uS_QQQQQqIqI = S_QQQQQqIqI.unpack_from
pS_QQQQQqIqI = S_QQQQQqIqI.pack
S_QQQQQqIqIQQQQQqIqIqII = Struct(">QQQQQqIqIQQQQQqIqIqII")
uS_QQQQQqIqIQQQQQqIqIqII = S_QQQQQqIqIQQQQQqIqIqII.unpack_from
pS_QQQQQqIqIQQQQQqIqIqII = S_QQQQQqIqIQQQQQqIqIqII.pack
S_i = Struct(">i")
uS_i = S_i.unpack_from
pS_i = S_i.pack
S_iI = Struct(">iI")
uS_iI = S_iI.unpack_from
pS_iI = S_iI.pack
S_iqI = Struct(">iqI")
uS_iqI = S_iqI.unpack_from
pS_iqI = S_iqI.pack
S_q = Struct(">q")
uS_q = S_q.unpack_from
pS_q = S_q.pack
S_qI = Struct(">qI")
uS_qI = S_qI.unpack_from
pS_qI = S_qI.pack
S_qII12sI = Struct(">qII12sI")
uS_qII12sI = S_qII12sI.unpack_from
pS_qII12sI = S_qII12sI.pack
S_qIqI = Struct(">qIqI")
pS_qIqI = S_qIqI.pack
S_qIqII = Struct(">qIqII")
uS_qIqII = S_qIqII.unpack_from

def unpack_authsys_parms(buf: Buffer, pos: int) -> tuple[authsys_parms, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 255 or pos > end:
            raise XdrError("authsys_parms.machinename: length")
        v5 = bytes(buf[b3:e4])
        v6, v7, n8 = uS_III(buf, pos)
        pos += 12
        if n8 > 16 or n8 * 4 > end - pos:
            raise XdrError("authsys_parms.gids: count")
        v9 = list(unpack_from(f">{n8}I", buf, pos))
        pos += n8 * 4
        return authsys_parms(v1, v5, v6, v7, v9), pos
    except StructError:
        raise XdrError("authsys_parms: truncated") from None


def append_authsys_parms(out: list[bytes], v: authsys_parms) -> None:
    try:
        v1 = v.machinename
        n2 = len(v1)
        if n2 > 255:
            raise XdrError("authsys_parms.machinename: length")
        out.append(pS_II(v.stamp, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.gids
        n4 = len(v3)
        if n4 > 16:
            raise XdrError("authsys_parms.gids: count")
        out.append(pS_III(v.uid, v.gid, n4))
        out.append(pack(f">{n4}I", *v3))
    except StructError:
        raise XdrError("authsys_parms: value out of range") from None


def pack_authsys_parms(v: authsys_parms) -> bytes:
    out: list[bytes] = []
    append_authsys_parms(out, v)
    return b"".join(out)


def unpack_int32_t(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_i(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("int32_t: truncated") from None


def append_int32_t(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_i(v))
    except StructError:
        raise XdrError("int32_t: value out of range") from None


def pack_int32_t(v: int) -> bytes:
    out: list[bytes] = []
    append_int32_t(out, v)
    return b"".join(out)


def unpack_uint32_t(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("uint32_t: truncated") from None


def append_uint32_t(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("uint32_t: value out of range") from None


def pack_uint32_t(v: int) -> bytes:
    out: list[bytes] = []
    append_uint32_t(out, v)
    return b"".join(out)


def unpack_int64_t(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_q(buf, pos)
        return v1, pos + 8
    except StructError:
        raise XdrError("int64_t: truncated") from None


def append_int64_t(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_q(v))
    except StructError:
        raise XdrError("int64_t: value out of range") from None


def pack_int64_t(v: int) -> bytes:
    out: list[bytes] = []
    append_int64_t(out, v)
    return b"".join(out)


def unpack_uint64_t(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_Q(buf, pos)
        return v1, pos + 8
    except StructError:
        raise XdrError("uint64_t: truncated") from None


def append_uint64_t(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_Q(v))
    except StructError:
        raise XdrError("uint64_t: value out of range") from None


def pack_uint64_t(v: int) -> bytes:
    out: list[bytes] = []
    append_uint64_t(out, v)
    return b"".join(out)


def unpack_payload4(buf: Buffer, pos: int) -> tuple[Payload, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 67108864 or pos > end:
            raise XdrError("payload4: length")
        v4 = memoryview(buf)[b2:e3]
        return v4, pos
    except StructError:
        raise XdrError("payload4: truncated") from None


def append_payload4(out: list[bytes], v: Payload) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 67108864:
            raise XdrError("payload4: length")
        out.append(pS_I(n2))
        out.append(v1)  # type: ignore[arg-type]
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("payload4: value out of range") from None


def pack_payload4(v: Payload) -> bytes:
    out: list[bytes] = []
    append_payload4(out, v)
    return b"".join(out)


def unpack_attrlist4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 1048576 or pos > end:
            raise XdrError("attrlist4: length")
        v4 = bytes(buf[b2:e3])
        return v4, pos
    except StructError:
        raise XdrError("attrlist4: truncated") from None


def append_attrlist4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 1048576:
            raise XdrError("attrlist4: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("attrlist4: value out of range") from None


def pack_attrlist4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_attrlist4(out, v)
    return b"".join(out)


def unpack_bitmap4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        return v2, pos
    except StructError:
        raise XdrError("bitmap4: truncated") from None


def append_bitmap4(out: list[bytes], v: int) -> None:
    try:
        out.append(pack_bitmap(v))
    except StructError:
        raise XdrError("bitmap4: value out of range") from None


def pack_bitmap4(v: int) -> bytes:
    out: list[bytes] = []
    append_bitmap4(out, v)
    return b"".join(out)

unpack_changeid4 = unpack_uint64_t
append_changeid4 = append_uint64_t
pack_changeid4 = pack_uint64_t

unpack_clientid4 = unpack_uint64_t
append_clientid4 = append_uint64_t
pack_clientid4 = pack_uint64_t

unpack_count4 = unpack_uint32_t
append_count4 = append_uint32_t
pack_count4 = pack_uint32_t


def unpack_deviceid4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        v1, = uS_16s(buf, pos)
        return v1, pos + 16
    except StructError:
        raise XdrError("deviceid4: truncated") from None


def append_deviceid4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        if len(v1) != 16:
            raise XdrError("deviceid4: length")
        out.append(pS_16s(v1))
    except StructError:
        raise XdrError("deviceid4: value out of range") from None


def pack_deviceid4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_deviceid4(out, v)
    return b"".join(out)

unpack_length4 = unpack_uint64_t
append_length4 = append_uint64_t
pack_length4 = pack_uint64_t


def unpack_linktext4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 65536 or pos > end:
            raise XdrError("linktext4: length")
        v4 = bytes(buf[b2:e3])
        return v4, pos
    except StructError:
        raise XdrError("linktext4: truncated") from None


def append_linktext4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 65536:
            raise XdrError("linktext4: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("linktext4: value out of range") from None


def pack_linktext4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_linktext4(out, v)
    return b"".join(out)

unpack_mode4 = unpack_uint32_t
append_mode4 = append_uint32_t
pack_mode4 = pack_uint32_t

unpack_nfs_cookie4 = unpack_uint64_t
append_nfs_cookie4 = append_uint64_t
pack_nfs_cookie4 = pack_uint64_t


def unpack_nfs_fh4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 128 or pos > end:
            raise XdrError("nfs_fh4: length")
        v4 = bytes(buf[b2:e3])
        return v4, pos
    except StructError:
        raise XdrError("nfs_fh4: truncated") from None


def append_nfs_fh4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 128:
            raise XdrError("nfs_fh4: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("nfs_fh4: value out of range") from None


def pack_nfs_fh4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_nfs_fh4(out, v)
    return b"".join(out)

unpack_nfs_lease4 = unpack_uint32_t
append_nfs_lease4 = append_uint32_t
pack_nfs_lease4 = pack_uint32_t

unpack_offset4 = unpack_uint64_t
append_offset4 = append_uint64_t
pack_offset4 = pack_uint64_t

unpack_policy4 = unpack_uint32_t
append_policy4 = append_uint32_t
pack_policy4 = pack_uint32_t

unpack_qop4 = unpack_uint32_t
append_qop4 = append_uint32_t
pack_qop4 = pack_uint32_t


def unpack_sec_oid4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("sec_oid4: length")
        v4 = bytes(buf[b2:e3])
        return v4, pos
    except StructError:
        raise XdrError("sec_oid4: truncated") from None


def append_sec_oid4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("sec_oid4: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("sec_oid4: value out of range") from None


def pack_sec_oid4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_sec_oid4(out, v)
    return b"".join(out)


def unpack_secret4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("secret4: length")
        v4 = bytes(buf[b2:e3])
        return v4, pos
    except StructError:
        raise XdrError("secret4: truncated") from None


def append_secret4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("secret4: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("secret4: value out of range") from None


def pack_secret4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_secret4(out, v)
    return b"".join(out)

unpack_seqid4 = unpack_uint32_t
append_seqid4 = append_uint32_t
pack_seqid4 = pack_uint32_t

unpack_sequenceid4 = unpack_uint32_t
append_sequenceid4 = append_uint32_t
pack_sequenceid4 = pack_uint32_t


def unpack_sessionid4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        v1, = uS_16s(buf, pos)
        return v1, pos + 16
    except StructError:
        raise XdrError("sessionid4: truncated") from None


def append_sessionid4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        if len(v1) != 16:
            raise XdrError("sessionid4: length")
        out.append(pS_16s(v1))
    except StructError:
        raise XdrError("sessionid4: value out of range") from None


def pack_sessionid4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_sessionid4(out, v)
    return b"".join(out)

unpack_slotid4 = unpack_uint32_t
append_slotid4 = append_uint32_t
pack_slotid4 = pack_uint32_t


def unpack_utf8string(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("utf8string: length")
        v4 = bytes(buf[b2:e3])
        return v4, pos
    except StructError:
        raise XdrError("utf8string: truncated") from None


def append_utf8string(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("utf8string: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("utf8string: value out of range") from None


def pack_utf8string(v: bytes) -> bytes:
    out: list[bytes] = []
    append_utf8string(out, v)
    return b"".join(out)

unpack_utf8str_cis = unpack_utf8string
append_utf8str_cis = append_utf8string
pack_utf8str_cis = pack_utf8string

unpack_utf8str_cs = unpack_utf8string
append_utf8str_cs = append_utf8string
pack_utf8str_cs = pack_utf8string

unpack_utf8str_mixed = unpack_utf8string
append_utf8str_mixed = append_utf8string
pack_utf8str_mixed = pack_utf8string

unpack_ascii_REQUIRED4 = unpack_utf8string
append_ascii_REQUIRED4 = append_utf8string
pack_ascii_REQUIRED4 = pack_utf8string


def unpack_component4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("component4: length")
        v4 = bytes(buf[b2:e3])
        return v4, pos
    except StructError:
        raise XdrError("component4: truncated") from None


def append_component4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("component4: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("component4: value out of range") from None


def pack_component4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_component4(out, v)
    return b"".join(out)


def unpack_pathname4(buf: Buffer, pos: int) -> tuple[list[bytes], int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 1024 or n1 * 4 > end - pos:
            raise XdrError("pathname4: count")
        v2: list[bytes] = []
        for _ in range(n1):
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 4096 or pos > end:
                raise XdrError("pathname4: length")
            v6 = bytes(buf[b4:e5])
            v2.append(v6)
        return v2, pos
    except StructError:
        raise XdrError("pathname4: truncated") from None


def append_pathname4(out: list[bytes], v: list[bytes]) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 1024:
            raise XdrError("pathname4: count")
        out.append(pS_I(n2))
        for v3 in v1:
            v4 = v3
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("pathname4: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("pathname4: value out of range") from None


def pack_pathname4(v: list[bytes]) -> bytes:
    out: list[bytes] = []
    append_pathname4(out, v)
    return b"".join(out)


def unpack_verifier4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        v1, = uS_8s(buf, pos)
        return v1, pos + 8
    except StructError:
        raise XdrError("verifier4: truncated") from None


def append_verifier4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        if len(v1) != 8:
            raise XdrError("verifier4: length")
        out.append(pS_8s(v1))
    except StructError:
        raise XdrError("verifier4: value out of range") from None


def pack_verifier4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_verifier4(out, v)
    return b"".join(out)

unpack_xattrkey4 = unpack_component4
append_xattrkey4 = append_component4
pack_xattrkey4 = pack_component4


def unpack_xattrvalue4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 65536 or pos > end:
            raise XdrError("xattrvalue4: length")
        v4 = bytes(buf[b2:e3])
        return v4, pos
    except StructError:
        raise XdrError("xattrvalue4: truncated") from None


def append_xattrvalue4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 65536:
            raise XdrError("xattrvalue4: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("xattrvalue4: value out of range") from None


def pack_xattrvalue4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_xattrvalue4(out, v)
    return b"".join(out)


def unpack_gsshandle4_t(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("gsshandle4_t: length")
        v4 = bytes(buf[b2:e3])
        return v4, pos
    except StructError:
        raise XdrError("gsshandle4_t: truncated") from None


def append_gsshandle4_t(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("gsshandle4_t: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("gsshandle4_t: value out of range") from None


def pack_gsshandle4_t(v: bytes) -> bytes:
    out: list[bytes] = []
    append_gsshandle4_t(out, v)
    return b"".join(out)


def unpack_nfstime4(buf: Buffer, pos: int) -> tuple[nfstime4, int]:
    try:
        v1, v2 = uS_qI(buf, pos)
        return nfstime4(v1, v2), pos + 12
    except StructError:
        raise XdrError("nfstime4: truncated") from None


def append_nfstime4(out: list[bytes], v: nfstime4) -> None:
    try:
        out.append(pS_qI(v.seconds, v.nseconds))
    except StructError:
        raise XdrError("nfstime4: value out of range") from None


def pack_nfstime4(v: nfstime4) -> bytes:
    try:
        return pS_qI(v.seconds, v.nseconds)
    except StructError:
        raise XdrError("nfstime4: value out of range") from None


def unpack_fsid4(buf: Buffer, pos: int) -> tuple[fsid4, int]:
    try:
        v1, v2 = uS_QQ(buf, pos)
        return fsid4(v1, v2), pos + 16
    except StructError:
        raise XdrError("fsid4: truncated") from None


def append_fsid4(out: list[bytes], v: fsid4) -> None:
    try:
        out.append(pS_QQ(v.major, v.minor))
    except StructError:
        raise XdrError("fsid4: value out of range") from None


def pack_fsid4(v: fsid4) -> bytes:
    try:
        return pS_QQ(v.major, v.minor)
    except StructError:
        raise XdrError("fsid4: value out of range") from None


def unpack_specdata4(buf: Buffer, pos: int) -> tuple[specdata4, int]:
    try:
        v1, v2 = uS_II(buf, pos)
        return specdata4(v1, v2), pos + 8
    except StructError:
        raise XdrError("specdata4: truncated") from None


def append_specdata4(out: list[bytes], v: specdata4) -> None:
    try:
        out.append(pS_II(v.specdata1, v.specdata2))
    except StructError:
        raise XdrError("specdata4: value out of range") from None


def pack_specdata4(v: specdata4) -> bytes:
    try:
        return pS_II(v.specdata1, v.specdata2)
    except StructError:
        raise XdrError("specdata4: value out of range") from None


def unpack_change_policy4(buf: Buffer, pos: int) -> tuple[change_policy4, int]:
    try:
        v1, v2 = uS_QQ(buf, pos)
        return change_policy4(v1, v2), pos + 16
    except StructError:
        raise XdrError("change_policy4: truncated") from None


def append_change_policy4(out: list[bytes], v: change_policy4) -> None:
    try:
        out.append(pS_QQ(v.cp_major, v.cp_minor))
    except StructError:
        raise XdrError("change_policy4: value out of range") from None


def pack_change_policy4(v: change_policy4) -> bytes:
    try:
        return pS_QQ(v.cp_major, v.cp_minor)
    except StructError:
        raise XdrError("change_policy4: value out of range") from None


def unpack_mode_masked4(buf: Buffer, pos: int) -> tuple[mode_masked4, int]:
    try:
        v1, v2 = uS_II(buf, pos)
        return mode_masked4(v1, v2), pos + 8
    except StructError:
        raise XdrError("mode_masked4: truncated") from None


def append_mode_masked4(out: list[bytes], v: mode_masked4) -> None:
    try:
        out.append(pS_II(v.mm_value_to_set, v.mm_mask_bits))
    except StructError:
        raise XdrError("mode_masked4: value out of range") from None


def pack_mode_masked4(v: mode_masked4) -> bytes:
    try:
        return pS_II(v.mm_value_to_set, v.mm_mask_bits)
    except StructError:
        raise XdrError("mode_masked4: value out of range") from None


def unpack_mode_umask4(buf: Buffer, pos: int) -> tuple[mode_umask4, int]:
    try:
        v1, v2 = uS_II(buf, pos)
        return mode_umask4(v1, v2), pos + 8
    except StructError:
        raise XdrError("mode_umask4: truncated") from None


def append_mode_umask4(out: list[bytes], v: mode_umask4) -> None:
    try:
        out.append(pS_II(v.mu_mode, v.mu_umask))
    except StructError:
        raise XdrError("mode_umask4: value out of range") from None


def pack_mode_umask4(v: mode_umask4) -> bytes:
    try:
        return pS_II(v.mu_mode, v.mu_umask)
    except StructError:
        raise XdrError("mode_umask4: value out of range") from None


def unpack_stateid4(buf: Buffer, pos: int) -> tuple[stateid4, int]:
    try:
        v1, v2 = uS_I12s(buf, pos)
        return stateid4(v1, v2), pos + 16
    except StructError:
        raise XdrError("stateid4: truncated") from None


def append_stateid4(out: list[bytes], v: stateid4) -> None:
    try:
        v1 = v.other
        if len(v1) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12s(v.seqid, v1))
    except StructError:
        raise XdrError("stateid4: value out of range") from None


def pack_stateid4(v: stateid4) -> bytes:
    try:
        v1 = v.other
        if len(v1) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12s(v.seqid, v1)
    except StructError:
        raise XdrError("stateid4: value out of range") from None


def unpack_change_info4(buf: Buffer, pos: int) -> tuple[change_info4, int]:
    try:
        v1, v2, v3 = uS_IQQ(buf, pos)
        if v1 > 1:
            raise XdrError("change_info4: a bool is 0 or 1")
        return change_info4(v1 == 1, v2, v3), pos + 20
    except StructError:
        raise XdrError("change_info4: truncated") from None


def append_change_info4(out: list[bytes], v: change_info4) -> None:
    try:
        out.append(pS_IQQ(v.atomic, v.before, v.after))
    except StructError:
        raise XdrError("change_info4: value out of range") from None


def pack_change_info4(v: change_info4) -> bytes:
    try:
        return pS_IQQ(v.atomic, v.before, v.after)
    except StructError:
        raise XdrError("change_info4: value out of range") from None


def unpack_fattr4(buf: Buffer, pos: int) -> tuple[fattr4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        n6, = uS_I(buf, pos)
        b7 = pos + 4
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v9 = bytes(buf[b7:e8])
        return fattr4(v2, v9), pos
    except StructError:
        raise XdrError("fattr4: truncated") from None


def append_fattr4(out: list[bytes], v: fattr4) -> None:
    try:
        out.append(pack_bitmap(v.attrmask))
        v1 = v.attr_vals
        n2 = len(v1)
        if n2 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("fattr4: value out of range") from None


def pack_fattr4(v: fattr4) -> bytes:
    out: list[bytes] = []
    append_fattr4(out, v)
    return b"".join(out)


def unpack_netaddr4(buf: Buffer, pos: int) -> tuple[netaddr4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 256 or pos > end:
            raise XdrError("netaddr4.na_r_netid: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        b6 = pos + 4
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 256 or pos > end:
            raise XdrError("netaddr4.na_r_addr: length")
        v8 = bytes(buf[b6:e7])
        return netaddr4(v4, v8), pos
    except StructError:
        raise XdrError("netaddr4: truncated") from None


def append_netaddr4(out: list[bytes], v: netaddr4) -> None:
    try:
        v1 = v.na_r_netid
        n2 = len(v1)
        if n2 > 256:
            raise XdrError("netaddr4.na_r_netid: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.na_r_addr
        n4 = len(v3)
        if n4 > 256:
            raise XdrError("netaddr4.na_r_addr: length")
        out.append(pS_I(n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("netaddr4: value out of range") from None


def pack_netaddr4(v: netaddr4) -> bytes:
    out: list[bytes] = []
    append_netaddr4(out, v)
    return b"".join(out)


def unpack_nfs_impl_id4(buf: Buffer, pos: int) -> tuple[nfs_impl_id4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("nfs_impl_id4.nii_domain: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        b6 = pos + 4
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 4096 or pos > end:
            raise XdrError("nfs_impl_id4.nii_name: length")
        v8 = bytes(buf[b6:e7])
        v9, v10 = uS_qI(buf, pos)
        return nfs_impl_id4(v4, v8, nfstime4(v9, v10)), pos + 12
    except StructError:
        raise XdrError("nfs_impl_id4: truncated") from None


def append_nfs_impl_id4(out: list[bytes], v: nfs_impl_id4) -> None:
    try:
        v1 = v.nii_domain
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("nfs_impl_id4.nii_domain: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.nii_name
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("nfs_impl_id4.nii_name: length")
        out.append(pS_I(n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
        o5 = v.nii_date
        out.append(pS_qI(o5.seconds, o5.nseconds))
    except StructError:
        raise XdrError("nfs_impl_id4: value out of range") from None


def pack_nfs_impl_id4(v: nfs_impl_id4) -> bytes:
    out: list[bytes] = []
    append_nfs_impl_id4(out, v)
    return b"".join(out)


def unpack_client_owner4(buf: Buffer, pos: int) -> tuple[client_owner4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_8sI(buf, pos)
        b3 = pos + 12
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 1024 or pos > end:
            raise XdrError("client_owner4.co_ownerid: length")
        v5 = bytes(buf[b3:e4])
        return client_owner4(v1, v5), pos
    except StructError:
        raise XdrError("client_owner4: truncated") from None


def append_client_owner4(out: list[bytes], v: client_owner4) -> None:
    try:
        v1 = v.co_verifier
        if len(v1) != 8:
            raise XdrError("client_owner4.co_verifier: length")
        v2 = v.co_ownerid
        n3 = len(v2)
        if n3 > 1024:
            raise XdrError("client_owner4.co_ownerid: length")
        out.append(pS_8sI(v1, n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
    except StructError:
        raise XdrError("client_owner4: value out of range") from None


def pack_client_owner4(v: client_owner4) -> bytes:
    out: list[bytes] = []
    append_client_owner4(out, v)
    return b"".join(out)


def unpack_server_owner4(buf: Buffer, pos: int) -> tuple[server_owner4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_QI(buf, pos)
        b3 = pos + 12
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 1024 or pos > end:
            raise XdrError("server_owner4.so_major_id: length")
        v5 = bytes(buf[b3:e4])
        return server_owner4(v1, v5), pos
    except StructError:
        raise XdrError("server_owner4: truncated") from None


def append_server_owner4(out: list[bytes], v: server_owner4) -> None:
    try:
        v1 = v.so_major_id
        n2 = len(v1)
        if n2 > 1024:
            raise XdrError("server_owner4.so_major_id: length")
        out.append(pS_QI(v.so_minor_id, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("server_owner4: value out of range") from None


def pack_server_owner4(v: server_owner4) -> bytes:
    out: list[bytes] = []
    append_server_owner4(out, v)
    return b"".join(out)


def unpack_state_owner4(buf: Buffer, pos: int) -> tuple[state_owner4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_QI(buf, pos)
        b3 = pos + 12
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 1024 or pos > end:
            raise XdrError("state_owner4.owner: length")
        v5 = bytes(buf[b3:e4])
        return state_owner4(v1, v5), pos
    except StructError:
        raise XdrError("state_owner4: truncated") from None


def append_state_owner4(out: list[bytes], v: state_owner4) -> None:
    try:
        v1 = v.owner
        n2 = len(v1)
        if n2 > 1024:
            raise XdrError("state_owner4.owner: length")
        out.append(pS_QI(v.clientid, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("state_owner4: value out of range") from None


def pack_state_owner4(v: state_owner4) -> bytes:
    out: list[bytes] = []
    append_state_owner4(out, v)
    return b"".join(out)

unpack_open_owner4 = unpack_state_owner4
append_open_owner4 = append_state_owner4
pack_open_owner4 = pack_state_owner4

unpack_lock_owner4 = unpack_state_owner4
append_lock_owner4 = append_state_owner4
pack_lock_owner4 = pack_state_owner4


def unpack_nfs_ftype4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("nfs_ftype4: truncated") from None


def append_nfs_ftype4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("nfs_ftype4: value out of range") from None


def pack_nfs_ftype4(v: int) -> bytes:
    out: list[bytes] = []
    append_nfs_ftype4(out, v)
    return b"".join(out)


def unpack_nfsstat4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("nfsstat4: truncated") from None


def append_nfsstat4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("nfsstat4: value out of range") from None


def pack_nfsstat4(v: int) -> bytes:
    out: list[bytes] = []
    append_nfsstat4(out, v)
    return b"".join(out)


def unpack_time_how4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("time_how4: truncated") from None


def append_time_how4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("time_how4: value out of range") from None


def pack_time_how4(v: int) -> bytes:
    out: list[bytes] = []
    append_time_how4(out, v)
    return b"".join(out)


def unpack_settime4(buf: Buffer, pos: int) -> tuple[settime4, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, v4 = uS_qI(buf, pos)
            pos += 12
            v2 = settime4(d1, nfstime4(v3, v4))
        elif d1 in (0,):
            v2 = settime4(d1)
        else:
            raise XdrError("settime4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("settime4: truncated") from None


def append_settime4(out: list[bytes], v: settime4) -> None:
    try:
        d1 = v.set_it
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.time
            if o2 is None:
                raise XdrError("settime4.time: the selected arm is missing")
            out.append(pS_qI(o2.seconds, o2.nseconds))
    except StructError:
        raise XdrError("settime4: value out of range") from None


def pack_settime4(v: settime4) -> bytes:
    out: list[bytes] = []
    append_settime4(out, v)
    return b"".join(out)


def unpack_fs_location4(buf: Buffer, pos: int) -> tuple[fs_location4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 4 > end - pos:
            raise XdrError("fs_location4.server: count")
        v2: list[bytes] = []
        for _ in range(n1):
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 4096 or pos > end:
                raise XdrError("fs_location4.server: length")
            v6 = bytes(buf[b4:e5])
            v2.append(v6)
        n7, = uS_I(buf, pos)
        pos += 4
        if n7 > 1024 or n7 * 4 > end - pos:
            raise XdrError("fs_location4.rootpath: count")
        v8: list[bytes] = []
        for _ in range(n7):
            n9, = uS_I(buf, pos)
            b10 = pos + 4
            e11 = b10 + n9
            pos = e11 + (-n9 & 3)
            if n9 > 4096 or pos > end:
                raise XdrError("fs_location4.rootpath: length")
            v12 = bytes(buf[b10:e11])
            v8.append(v12)
        return fs_location4(v2, v8), pos
    except StructError:
        raise XdrError("fs_location4: truncated") from None


def append_fs_location4(out: list[bytes], v: fs_location4) -> None:
    try:
        v1 = v.server
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("fs_location4.server: count")
        out.append(pS_I(n2))
        for v3 in v1:
            v4 = v3
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("fs_location4.server: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
        v6 = v.rootpath
        n7 = len(v6)
        if n7 > 1024:
            raise XdrError("fs_location4.rootpath: count")
        out.append(pS_I(n7))
        for v8 in v6:
            v9 = v8
            n10 = len(v9)
            if n10 > 4096:
                raise XdrError("fs_location4.rootpath: length")
            out.append(pS_I(n10))
            out.append(v9)
            if n10 & 3:
                out.append(PADS[n10 & 3])
    except StructError:
        raise XdrError("fs_location4: value out of range") from None


def pack_fs_location4(v: fs_location4) -> bytes:
    out: list[bytes] = []
    append_fs_location4(out, v)
    return b"".join(out)


def unpack_fs_locations4(buf: Buffer, pos: int) -> tuple[fs_locations4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 1024 or n1 * 4 > end - pos:
            raise XdrError("fs_locations4.fs_root: count")
        v2: list[bytes] = []
        for _ in range(n1):
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 4096 or pos > end:
                raise XdrError("fs_locations4.fs_root: length")
            v6 = bytes(buf[b4:e5])
            v2.append(v6)
        n7, = uS_I(buf, pos)
        pos += 4
        if n7 > 4096 or n7 * 8 > end - pos:
            raise XdrError("fs_locations4.locations: count")
        v8: list[fs_location4] = []
        for _ in range(n7):
            n9, = uS_I(buf, pos)
            pos += 4
            if n9 > 4096 or n9 * 4 > end - pos:
                raise XdrError("fs_location4.server: count")
            v10: list[bytes] = []
            for _ in range(n9):
                n11, = uS_I(buf, pos)
                b12 = pos + 4
                e13 = b12 + n11
                pos = e13 + (-n11 & 3)
                if n11 > 4096 or pos > end:
                    raise XdrError("fs_location4.server: length")
                v14 = bytes(buf[b12:e13])
                v10.append(v14)
            n15, = uS_I(buf, pos)
            pos += 4
            if n15 > 1024 or n15 * 4 > end - pos:
                raise XdrError("fs_location4.rootpath: count")
            v16: list[bytes] = []
            for _ in range(n15):
                n17, = uS_I(buf, pos)
                b18 = pos + 4
                e19 = b18 + n17
                pos = e19 + (-n17 & 3)
                if n17 > 4096 or pos > end:
                    raise XdrError("fs_location4.rootpath: length")
                v20 = bytes(buf[b18:e19])
                v16.append(v20)
            v8.append(fs_location4(v10, v16))
        return fs_locations4(v2, v8), pos
    except StructError:
        raise XdrError("fs_locations4: truncated") from None


def append_fs_locations4(out: list[bytes], v: fs_locations4) -> None:
    try:
        v1 = v.fs_root
        n2 = len(v1)
        if n2 > 1024:
            raise XdrError("fs_locations4.fs_root: count")
        out.append(pS_I(n2))
        for v3 in v1:
            v4 = v3
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("fs_locations4.fs_root: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
        v6 = v.locations
        n7 = len(v6)
        if n7 > 4096:
            raise XdrError("fs_locations4.locations: count")
        out.append(pS_I(n7))
        for v8 in v6:
            v9 = v8.server
            n10 = len(v9)
            if n10 > 4096:
                raise XdrError("fs_location4.server: count")
            out.append(pS_I(n10))
            for v11 in v9:
                v12 = v11
                n13 = len(v12)
                if n13 > 4096:
                    raise XdrError("fs_location4.server: length")
                out.append(pS_I(n13))
                out.append(v12)
                if n13 & 3:
                    out.append(PADS[n13 & 3])
            v14 = v8.rootpath
            n15 = len(v14)
            if n15 > 1024:
                raise XdrError("fs_location4.rootpath: count")
            out.append(pS_I(n15))
            for v16 in v14:
                v17 = v16
                n18 = len(v17)
                if n18 > 4096:
                    raise XdrError("fs_location4.rootpath: length")
                out.append(pS_I(n18))
                out.append(v17)
                if n18 & 3:
                    out.append(PADS[n18 & 3])
    except StructError:
        raise XdrError("fs_locations4: value out of range") from None


def pack_fs_locations4(v: fs_locations4) -> bytes:
    out: list[bytes] = []
    append_fs_locations4(out, v)
    return b"".join(out)

unpack_acetype4 = unpack_uint32_t
append_acetype4 = append_uint32_t
pack_acetype4 = pack_uint32_t

unpack_aceflag4 = unpack_uint32_t
append_aceflag4 = append_uint32_t
pack_aceflag4 = pack_uint32_t

unpack_acemask4 = unpack_uint32_t
append_acemask4 = append_uint32_t
pack_acemask4 = pack_uint32_t

unpack_aclflag4 = unpack_uint32_t
append_aclflag4 = append_uint32_t
pack_aclflag4 = pack_uint32_t


def unpack_nfsace4(buf: Buffer, pos: int) -> tuple[nfsace4, int]:
    try:
        end = len(buf)
        v1, v2, v3, n4 = uS_IIII(buf, pos)
        b5 = pos + 16
        e6 = b5 + n4
        pos = e6 + (-n4 & 3)
        if n4 > 4096 or pos > end:
            raise XdrError("nfsace4.who: length")
        v7 = bytes(buf[b5:e6])
        return nfsace4(v1, v2, v3, v7), pos
    except StructError:
        raise XdrError("nfsace4: truncated") from None


def append_nfsace4(out: list[bytes], v: nfsace4) -> None:
    try:
        v1 = v.who
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("nfsace4.who: length")
        out.append(pS_IIII(v.type, v.flag, v.access_mask, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("nfsace4: value out of range") from None


def pack_nfsace4(v: nfsace4) -> bytes:
    out: list[bytes] = []
    append_nfsace4(out, v)
    return b"".join(out)


def unpack_nfsacl41(buf: Buffer, pos: int) -> tuple[nfsacl41, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        pos += 8
        if n2 > 4096 or n2 * 16 > end - pos:
            raise XdrError("nfsacl41.na41_aces: count")
        v3: list[nfsace4] = []
        for _ in range(n2):
            v4, v5, v6, n7 = uS_IIII(buf, pos)
            b8 = pos + 16
            e9 = b8 + n7
            pos = e9 + (-n7 & 3)
            if n7 > 4096 or pos > end:
                raise XdrError("nfsace4.who: length")
            v10 = bytes(buf[b8:e9])
            v3.append(nfsace4(v4, v5, v6, v10))
        return nfsacl41(v1, v3), pos
    except StructError:
        raise XdrError("nfsacl41: truncated") from None


def append_nfsacl41(out: list[bytes], v: nfsacl41) -> None:
    try:
        v1 = v.na41_aces
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("nfsacl41.na41_aces: count")
        out.append(pS_II(v.na41_flag, n2))
        for v3 in v1:
            v4 = v3.who
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("nfsace4.who: length")
            out.append(pS_IIII(v3.type, v3.flag, v3.access_mask, n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("nfsacl41: value out of range") from None


def pack_nfsacl41(v: nfsacl41) -> bytes:
    out: list[bytes] = []
    append_nfsacl41(out, v)
    return b"".join(out)


def unpack_fs4_status_type(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("fs4_status_type: truncated") from None


def append_fs4_status_type(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fs4_status_type: value out of range") from None


def pack_fs4_status_type(v: int) -> bytes:
    out: list[bytes] = []
    append_fs4_status_type(out, v)
    return b"".join(out)


def unpack_fs4_status(buf: Buffer, pos: int) -> tuple[fs4_status, int]:
    try:
        end = len(buf)
        v1, v2, n3 = uS_III(buf, pos)
        if v1 > 1:
            raise XdrError("fs4_status: a bool is 0 or 1")
        b4 = pos + 12
        e5 = b4 + n3
        pos = e5 + (-n3 & 3)
        if n3 > 4096 or pos > end:
            raise XdrError("fs4_status.fss_source: length")
        v6 = bytes(buf[b4:e5])
        n7, = uS_I(buf, pos)
        b8 = pos + 4
        e9 = b8 + n7
        pos = e9 + (-n7 & 3)
        if n7 > 4096 or pos > end:
            raise XdrError("fs4_status.fss_current: length")
        v10 = bytes(buf[b8:e9])
        v11, v12, v13 = uS_iqI(buf, pos)
        return fs4_status(v1 == 1, v2, v6, v10, v11, nfstime4(v12, v13)), pos + 16
    except StructError:
        raise XdrError("fs4_status: truncated") from None


def append_fs4_status(out: list[bytes], v: fs4_status) -> None:
    try:
        v1 = v.fss_source
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("fs4_status.fss_source: length")
        out.append(pS_III(v.fss_absent, v.fss_type, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.fss_current
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("fs4_status.fss_current: length")
        out.append(pS_I(n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
        o5 = v.fss_version
        out.append(pS_iqI(v.fss_age, o5.seconds, o5.nseconds))
    except StructError:
        raise XdrError("fs4_status: value out of range") from None


def pack_fs4_status(v: fs4_status) -> bytes:
    out: list[bytes] = []
    append_fs4_status(out, v)
    return b"".join(out)


def unpack_layouttype4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("layouttype4: truncated") from None


def append_layouttype4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("layouttype4: value out of range") from None


def pack_layouttype4(v: int) -> bytes:
    out: list[bytes] = []
    append_layouttype4(out, v)
    return b"".join(out)


def unpack_layouthint4(buf: Buffer, pos: int) -> tuple[layouthint4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 1048576 or pos > end:
            raise XdrError("layouthint4.loh_body: length")
        v5 = bytes(buf[b3:e4])
        return layouthint4(v1, v5), pos
    except StructError:
        raise XdrError("layouthint4: truncated") from None


def append_layouthint4(out: list[bytes], v: layouthint4) -> None:
    try:
        v1 = v.loh_body
        n2 = len(v1)
        if n2 > 1048576:
            raise XdrError("layouthint4.loh_body: length")
        out.append(pS_II(v.loh_type, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("layouthint4: value out of range") from None


def pack_layouthint4(v: layouthint4) -> bytes:
    out: list[bytes] = []
    append_layouthint4(out, v)
    return b"".join(out)


def unpack_threshold_item4(buf: Buffer, pos: int) -> tuple[threshold_item4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        if n2 == 2:
            v4, v5 = uS_II(buf, pos + 8)
            v3 = v4 | v5 << 32
            pos += 16
        elif n2 == 3:
            v4, v5, v6 = uS_III(buf, pos + 8)
            v3 = v4 | v5 << 32 | v6 << 64
            pos += 20
        elif n2 == 1:
            v3, = uS_I(buf, pos + 8)
            pos += 12
        else:
            v3 = unpack_bitmap(buf, pos + 8, n2)
            pos += 8 + n2 * 4
        n7, = uS_I(buf, pos)
        b8 = pos + 4
        e9 = b8 + n7
        pos = e9 + (-n7 & 3)
        if n7 > 1048576 or pos > end:
            raise XdrError("threshold_item4.thi_hintlist: length")
        v10 = bytes(buf[b8:e9])
        return threshold_item4(v1, v3, v10), pos
    except StructError:
        raise XdrError("threshold_item4: truncated") from None


def append_threshold_item4(out: list[bytes], v: threshold_item4) -> None:
    try:
        out.append(pS_I(v.thi_layout_type))
        out.append(pack_bitmap(v.thi_hintset))
        v1 = v.thi_hintlist
        n2 = len(v1)
        if n2 > 1048576:
            raise XdrError("threshold_item4.thi_hintlist: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("threshold_item4: value out of range") from None


def pack_threshold_item4(v: threshold_item4) -> bytes:
    out: list[bytes] = []
    append_threshold_item4(out, v)
    return b"".join(out)


def unpack_mdsthreshold4(buf: Buffer, pos: int) -> tuple[mdsthreshold4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 12 > end - pos:
            raise XdrError("mdsthreshold4.mth_hints: count")
        v2: list[threshold_item4] = []
        for _ in range(n1):
            v3, n4 = uS_II(buf, pos)
            if n4 == 2:
                v6, v7 = uS_II(buf, pos + 8)
                v5 = v6 | v7 << 32
                pos += 16
            elif n4 == 3:
                v6, v7, v8 = uS_III(buf, pos + 8)
                v5 = v6 | v7 << 32 | v8 << 64
                pos += 20
            elif n4 == 1:
                v5, = uS_I(buf, pos + 8)
                pos += 12
            else:
                v5 = unpack_bitmap(buf, pos + 8, n4)
                pos += 8 + n4 * 4
            n9, = uS_I(buf, pos)
            b10 = pos + 4
            e11 = b10 + n9
            pos = e11 + (-n9 & 3)
            if n9 > 1048576 or pos > end:
                raise XdrError("threshold_item4.thi_hintlist: length")
            v12 = bytes(buf[b10:e11])
            v2.append(threshold_item4(v3, v5, v12))
        return mdsthreshold4(v2), pos
    except StructError:
        raise XdrError("mdsthreshold4: truncated") from None


def append_mdsthreshold4(out: list[bytes], v: mdsthreshold4) -> None:
    try:
        v1 = v.mth_hints
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("mdsthreshold4.mth_hints: count")
        out.append(pS_I(n2))
        for v3 in v1:
            out.append(pS_I(v3.thi_layout_type))
            out.append(pack_bitmap(v3.thi_hintset))
            v4 = v3.thi_hintlist
            n5 = len(v4)
            if n5 > 1048576:
                raise XdrError("threshold_item4.thi_hintlist: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("mdsthreshold4: value out of range") from None


def pack_mdsthreshold4(v: mdsthreshold4) -> bytes:
    out: list[bytes] = []
    append_mdsthreshold4(out, v)
    return b"".join(out)


def unpack_retention_get4(buf: Buffer, pos: int) -> tuple[retention_get4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_QI(buf, pos)
        pos += 12
        if n2 > 1 or n2 * 12 > end - pos:
            raise XdrError("retention_get4.rg_begin_time: count")
        v3: list[nfstime4] = []
        for _ in range(n2):
            v4, v5 = uS_qI(buf, pos)
            pos += 12
            v3.append(nfstime4(v4, v5))
        return retention_get4(v1, v3), pos
    except StructError:
        raise XdrError("retention_get4: truncated") from None


def append_retention_get4(out: list[bytes], v: retention_get4) -> None:
    try:
        v1 = v.rg_begin_time
        n2 = len(v1)
        if n2 > 1:
            raise XdrError("retention_get4.rg_begin_time: count")
        out.append(pS_QI(v.rg_duration, n2))
        for v3 in v1:
            out.append(pS_qI(v3.seconds, v3.nseconds))
    except StructError:
        raise XdrError("retention_get4: value out of range") from None


def pack_retention_get4(v: retention_get4) -> bytes:
    out: list[bytes] = []
    append_retention_get4(out, v)
    return b"".join(out)


def unpack_retention_set4(buf: Buffer, pos: int) -> tuple[retention_set4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        if v1 > 1:
            raise XdrError("retention_set4: a bool is 0 or 1")
        pos += 8
        if n2 > 1 or n2 * 8 > end - pos:
            raise XdrError("retention_set4.rs_duration: count")
        v3 = list(unpack_from(f">{n2}Q", buf, pos))
        pos += n2 * 8
        return retention_set4(v1 == 1, v3), pos
    except StructError:
        raise XdrError("retention_set4: truncated") from None


def append_retention_set4(out: list[bytes], v: retention_set4) -> None:
    try:
        v1 = v.rs_duration
        n2 = len(v1)
        if n2 > 1:
            raise XdrError("retention_set4.rs_duration: count")
        out.append(pS_II(v.rs_enable, n2))
        out.append(pack(f">{n2}Q", *v1))
    except StructError:
        raise XdrError("retention_set4: value out of range") from None


def pack_retention_set4(v: retention_set4) -> bytes:
    out: list[bytes] = []
    append_retention_set4(out, v)
    return b"".join(out)

unpack_fs_charset_cap4 = unpack_uint32_t
append_fs_charset_cap4 = append_uint32_t
pack_fs_charset_cap4 = pack_uint32_t


def unpack_fs_locations_server4(buf: Buffer, pos: int) -> tuple[fs_locations_server4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_iI(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 4096 or pos > end:
            raise XdrError("fs_locations_server4.fls_info: length")
        v5 = bytes(buf[b3:e4])
        n6, = uS_I(buf, pos)
        b7 = pos + 4
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 4096 or pos > end:
            raise XdrError("fs_locations_server4.fls_server: length")
        v9 = bytes(buf[b7:e8])
        return fs_locations_server4(v1, v5, v9), pos
    except StructError:
        raise XdrError("fs_locations_server4: truncated") from None


def append_fs_locations_server4(out: list[bytes], v: fs_locations_server4) -> None:
    try:
        v1 = v.fls_info
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("fs_locations_server4.fls_info: length")
        out.append(pS_iI(v.fls_currency, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.fls_server
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("fs_locations_server4.fls_server: length")
        out.append(pS_I(n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("fs_locations_server4: value out of range") from None


def pack_fs_locations_server4(v: fs_locations_server4) -> bytes:
    out: list[bytes] = []
    append_fs_locations_server4(out, v)
    return b"".join(out)


def unpack_fs_locations_item4(buf: Buffer, pos: int) -> tuple[fs_locations_item4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 12 > end - pos:
            raise XdrError("fs_locations_item4.fli_entries: count")
        v2: list[fs_locations_server4] = []
        for _ in range(n1):
            v3, n4 = uS_iI(buf, pos)
            b5 = pos + 8
            e6 = b5 + n4
            pos = e6 + (-n4 & 3)
            if n4 > 4096 or pos > end:
                raise XdrError("fs_locations_server4.fls_info: length")
            v7 = bytes(buf[b5:e6])
            n8, = uS_I(buf, pos)
            b9 = pos + 4
            e10 = b9 + n8
            pos = e10 + (-n8 & 3)
            if n8 > 4096 or pos > end:
                raise XdrError("fs_locations_server4.fls_server: length")
            v11 = bytes(buf[b9:e10])
            v2.append(fs_locations_server4(v3, v7, v11))
        n12, = uS_I(buf, pos)
        pos += 4
        if n12 > 1024 or n12 * 4 > end - pos:
            raise XdrError("fs_locations_item4.fli_rootpath: count")
        v13: list[bytes] = []
        for _ in range(n12):
            n14, = uS_I(buf, pos)
            b15 = pos + 4
            e16 = b15 + n14
            pos = e16 + (-n14 & 3)
            if n14 > 4096 or pos > end:
                raise XdrError("fs_locations_item4.fli_rootpath: length")
            v17 = bytes(buf[b15:e16])
            v13.append(v17)
        return fs_locations_item4(v2, v13), pos
    except StructError:
        raise XdrError("fs_locations_item4: truncated") from None


def append_fs_locations_item4(out: list[bytes], v: fs_locations_item4) -> None:
    try:
        v1 = v.fli_entries
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("fs_locations_item4.fli_entries: count")
        out.append(pS_I(n2))
        for v3 in v1:
            v4 = v3.fls_info
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("fs_locations_server4.fls_info: length")
            out.append(pS_iI(v3.fls_currency, n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
            v6 = v3.fls_server
            n7 = len(v6)
            if n7 > 4096:
                raise XdrError("fs_locations_server4.fls_server: length")
            out.append(pS_I(n7))
            out.append(v6)
            if n7 & 3:
                out.append(PADS[n7 & 3])
        v8 = v.fli_rootpath
        n9 = len(v8)
        if n9 > 1024:
            raise XdrError("fs_locations_item4.fli_rootpath: count")
        out.append(pS_I(n9))
        for v10 in v8:
            v11 = v10
            n12 = len(v11)
            if n12 > 4096:
                raise XdrError("fs_locations_item4.fli_rootpath: length")
            out.append(pS_I(n12))
            out.append(v11)
            if n12 & 3:
                out.append(PADS[n12 & 3])
    except StructError:
        raise XdrError("fs_locations_item4: value out of range") from None


def pack_fs_locations_item4(v: fs_locations_item4) -> bytes:
    out: list[bytes] = []
    append_fs_locations_item4(out, v)
    return b"".join(out)


def unpack_fs_locations_info4(buf: Buffer, pos: int) -> tuple[fs_locations_info4, int]:
    try:
        end = len(buf)
        v1, v2, n3 = uS_IiI(buf, pos)
        pos += 12
        if n3 > 1024 or n3 * 4 > end - pos:
            raise XdrError("fs_locations_info4.fli_fs_root: count")
        v4: list[bytes] = []
        for _ in range(n3):
            n5, = uS_I(buf, pos)
            b6 = pos + 4
            e7 = b6 + n5
            pos = e7 + (-n5 & 3)
            if n5 > 4096 or pos > end:
                raise XdrError("fs_locations_info4.fli_fs_root: length")
            v8 = bytes(buf[b6:e7])
            v4.append(v8)
        n9, = uS_I(buf, pos)
        pos += 4
        if n9 > 4096 or n9 * 8 > end - pos:
            raise XdrError("fs_locations_info4.fli_items: count")
        v10: list[fs_locations_item4] = []
        for _ in range(n9):
            n11, = uS_I(buf, pos)
            pos += 4
            if n11 > 4096 or n11 * 12 > end - pos:
                raise XdrError("fs_locations_item4.fli_entries: count")
            v12: list[fs_locations_server4] = []
            for _ in range(n11):
                v13, n14 = uS_iI(buf, pos)
                b15 = pos + 8
                e16 = b15 + n14
                pos = e16 + (-n14 & 3)
                if n14 > 4096 or pos > end:
                    raise XdrError("fs_locations_server4.fls_info: length")
                v17 = bytes(buf[b15:e16])
                n18, = uS_I(buf, pos)
                b19 = pos + 4
                e20 = b19 + n18
                pos = e20 + (-n18 & 3)
                if n18 > 4096 or pos > end:
                    raise XdrError("fs_locations_server4.fls_server: length")
                v21 = bytes(buf[b19:e20])
                v12.append(fs_locations_server4(v13, v17, v21))
            n22, = uS_I(buf, pos)
            pos += 4
            if n22 > 1024 or n22 * 4 > end - pos:
                raise XdrError("fs_locations_item4.fli_rootpath: count")
            v23: list[bytes] = []
            for _ in range(n22):
                n24, = uS_I(buf, pos)
                b25 = pos + 4
                e26 = b25 + n24
                pos = e26 + (-n24 & 3)
                if n24 > 4096 or pos > end:
                    raise XdrError("fs_locations_item4.fli_rootpath: length")
                v27 = bytes(buf[b25:e26])
                v23.append(v27)
            v10.append(fs_locations_item4(v12, v23))
        return fs_locations_info4(v1, v2, v4, v10), pos
    except StructError:
        raise XdrError("fs_locations_info4: truncated") from None


def append_fs_locations_info4(out: list[bytes], v: fs_locations_info4) -> None:
    try:
        v1 = v.fli_fs_root
        n2 = len(v1)
        if n2 > 1024:
            raise XdrError("fs_locations_info4.fli_fs_root: count")
        out.append(pS_IiI(v.fli_flags, v.fli_valid_for, n2))
        for v3 in v1:
            v4 = v3
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("fs_locations_info4.fli_fs_root: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
        v6 = v.fli_items
        n7 = len(v6)
        if n7 > 4096:
            raise XdrError("fs_locations_info4.fli_items: count")
        out.append(pS_I(n7))
        for v8 in v6:
            v9 = v8.fli_entries
            n10 = len(v9)
            if n10 > 4096:
                raise XdrError("fs_locations_item4.fli_entries: count")
            out.append(pS_I(n10))
            for v11 in v9:
                v12 = v11.fls_info
                n13 = len(v12)
                if n13 > 4096:
                    raise XdrError("fs_locations_server4.fls_info: length")
                out.append(pS_iI(v11.fls_currency, n13))
                out.append(v12)
                if n13 & 3:
                    out.append(PADS[n13 & 3])
                v14 = v11.fls_server
                n15 = len(v14)
                if n15 > 4096:
                    raise XdrError("fs_locations_server4.fls_server: length")
                out.append(pS_I(n15))
                out.append(v14)
                if n15 & 3:
                    out.append(PADS[n15 & 3])
            v16 = v8.fli_rootpath
            n17 = len(v16)
            if n17 > 1024:
                raise XdrError("fs_locations_item4.fli_rootpath: count")
            out.append(pS_I(n17))
            for v18 in v16:
                v19 = v18
                n20 = len(v19)
                if n20 > 4096:
                    raise XdrError("fs_locations_item4.fli_rootpath: length")
                out.append(pS_I(n20))
                out.append(v19)
                if n20 & 3:
                    out.append(PADS[n20 & 3])
    except StructError:
        raise XdrError("fs_locations_info4: value out of range") from None


def pack_fs_locations_info4(v: fs_locations_info4) -> bytes:
    out: list[bytes] = []
    append_fs_locations_info4(out, v)
    return b"".join(out)


def unpack_change_attr_type4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("change_attr_type4: truncated") from None


def append_change_attr_type4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("change_attr_type4: value out of range") from None


def pack_change_attr_type4(v: int) -> bytes:
    out: list[bytes] = []
    append_change_attr_type4(out, v)
    return b"".join(out)


def unpack_labelformat_spec4(buf: Buffer, pos: int) -> tuple[labelformat_spec4, int]:
    try:
        v1, v2 = uS_II(buf, pos)
        return labelformat_spec4(v1, v2), pos + 8
    except StructError:
        raise XdrError("labelformat_spec4: truncated") from None


def append_labelformat_spec4(out: list[bytes], v: labelformat_spec4) -> None:
    try:
        out.append(pS_II(v.lfs_lfs, v.lfs_pi))
    except StructError:
        raise XdrError("labelformat_spec4: value out of range") from None


def pack_labelformat_spec4(v: labelformat_spec4) -> bytes:
    try:
        return pS_II(v.lfs_lfs, v.lfs_pi)
    except StructError:
        raise XdrError("labelformat_spec4: value out of range") from None


def unpack_sec_label4(buf: Buffer, pos: int) -> tuple[sec_label4, int]:
    try:
        end = len(buf)
        v1, v2, n3 = uS_III(buf, pos)
        b4 = pos + 12
        e5 = b4 + n3
        pos = e5 + (-n3 & 3)
        if n3 > 1048576 or pos > end:
            raise XdrError("sec_label4.slai_data: length")
        v6 = bytes(buf[b4:e5])
        return sec_label4(labelformat_spec4(v1, v2), v6), pos
    except StructError:
        raise XdrError("sec_label4: truncated") from None


def append_sec_label4(out: list[bytes], v: sec_label4) -> None:
    try:
        o1 = v.slai_lfs
        v2 = v.slai_data
        n3 = len(v2)
        if n3 > 1048576:
            raise XdrError("sec_label4.slai_data: length")
        out.append(pS_III(o1.lfs_lfs, o1.lfs_pi, n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
    except StructError:
        raise XdrError("sec_label4: value out of range") from None


def pack_sec_label4(v: sec_label4) -> bytes:
    out: list[bytes] = []
    append_sec_label4(out, v)
    return b"".join(out)

unpack_fattr4_supported_attrs = unpack_bitmap4
append_fattr4_supported_attrs = append_bitmap4
pack_fattr4_supported_attrs = pack_bitmap4

unpack_fattr4_type = unpack_nfs_ftype4
append_fattr4_type = append_nfs_ftype4
pack_fattr4_type = pack_nfs_ftype4

unpack_fattr4_fh_expire_type = unpack_uint32_t
append_fattr4_fh_expire_type = append_uint32_t
pack_fattr4_fh_expire_type = pack_uint32_t

unpack_fattr4_change = unpack_changeid4
append_fattr4_change = append_changeid4
pack_fattr4_change = pack_changeid4

unpack_fattr4_size = unpack_uint64_t
append_fattr4_size = append_uint64_t
pack_fattr4_size = pack_uint64_t


def unpack_fattr4_link_support(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_link_support: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_link_support: truncated") from None


def append_fattr4_link_support(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_link_support: value out of range") from None


def pack_fattr4_link_support(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_link_support(out, v)
    return b"".join(out)


def unpack_fattr4_symlink_support(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_symlink_support: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_symlink_support: truncated") from None


def append_fattr4_symlink_support(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_symlink_support: value out of range") from None


def pack_fattr4_symlink_support(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_symlink_support(out, v)
    return b"".join(out)


def unpack_fattr4_named_attr(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_named_attr: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_named_attr: truncated") from None


def append_fattr4_named_attr(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_named_attr: value out of range") from None


def pack_fattr4_named_attr(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_named_attr(out, v)
    return b"".join(out)

unpack_fattr4_fsid = unpack_fsid4
append_fattr4_fsid = append_fsid4
pack_fattr4_fsid = pack_fsid4


def unpack_fattr4_unique_handles(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_unique_handles: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_unique_handles: truncated") from None


def append_fattr4_unique_handles(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_unique_handles: value out of range") from None


def pack_fattr4_unique_handles(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_unique_handles(out, v)
    return b"".join(out)

unpack_fattr4_lease_time = unpack_nfs_lease4
append_fattr4_lease_time = append_nfs_lease4
pack_fattr4_lease_time = pack_nfs_lease4

unpack_fattr4_rdattr_error = unpack_nfsstat4
append_fattr4_rdattr_error = append_nfsstat4
pack_fattr4_rdattr_error = pack_nfsstat4


def unpack_fattr4_acl(buf: Buffer, pos: int) -> tuple[list[nfsace4], int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 16 > end - pos:
            raise XdrError("fattr4_acl: count")
        v2: list[nfsace4] = []
        for _ in range(n1):
            v3, v4, v5, n6 = uS_IIII(buf, pos)
            b7 = pos + 16
            e8 = b7 + n6
            pos = e8 + (-n6 & 3)
            if n6 > 4096 or pos > end:
                raise XdrError("nfsace4.who: length")
            v9 = bytes(buf[b7:e8])
            v2.append(nfsace4(v3, v4, v5, v9))
        return v2, pos
    except StructError:
        raise XdrError("fattr4_acl: truncated") from None


def append_fattr4_acl(out: list[bytes], v: list[nfsace4]) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("fattr4_acl: count")
        out.append(pS_I(n2))
        for v3 in v1:
            v4 = v3.who
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("nfsace4.who: length")
            out.append(pS_IIII(v3.type, v3.flag, v3.access_mask, n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("fattr4_acl: value out of range") from None


def pack_fattr4_acl(v: list[nfsace4]) -> bytes:
    out: list[bytes] = []
    append_fattr4_acl(out, v)
    return b"".join(out)

unpack_fattr4_aclsupport = unpack_uint32_t
append_fattr4_aclsupport = append_uint32_t
pack_fattr4_aclsupport = pack_uint32_t


def unpack_fattr4_archive(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_archive: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_archive: truncated") from None


def append_fattr4_archive(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_archive: value out of range") from None


def pack_fattr4_archive(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_archive(out, v)
    return b"".join(out)


def unpack_fattr4_cansettime(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_cansettime: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_cansettime: truncated") from None


def append_fattr4_cansettime(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_cansettime: value out of range") from None


def pack_fattr4_cansettime(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_cansettime(out, v)
    return b"".join(out)


def unpack_fattr4_case_insensitive(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_case_insensitive: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_case_insensitive: truncated") from None


def append_fattr4_case_insensitive(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_case_insensitive: value out of range") from None


def pack_fattr4_case_insensitive(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_case_insensitive(out, v)
    return b"".join(out)


def unpack_fattr4_case_preserving(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_case_preserving: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_case_preserving: truncated") from None


def append_fattr4_case_preserving(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_case_preserving: value out of range") from None


def pack_fattr4_case_preserving(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_case_preserving(out, v)
    return b"".join(out)


def unpack_fattr4_chown_restricted(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_chown_restricted: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_chown_restricted: truncated") from None


def append_fattr4_chown_restricted(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_chown_restricted: value out of range") from None


def pack_fattr4_chown_restricted(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_chown_restricted(out, v)
    return b"".join(out)

unpack_fattr4_filehandle = unpack_nfs_fh4
append_fattr4_filehandle = append_nfs_fh4
pack_fattr4_filehandle = pack_nfs_fh4

unpack_fattr4_fileid = unpack_uint64_t
append_fattr4_fileid = append_uint64_t
pack_fattr4_fileid = pack_uint64_t

unpack_fattr4_files_avail = unpack_uint64_t
append_fattr4_files_avail = append_uint64_t
pack_fattr4_files_avail = pack_uint64_t

unpack_fattr4_files_free = unpack_uint64_t
append_fattr4_files_free = append_uint64_t
pack_fattr4_files_free = pack_uint64_t

unpack_fattr4_files_total = unpack_uint64_t
append_fattr4_files_total = append_uint64_t
pack_fattr4_files_total = pack_uint64_t

unpack_fattr4_fs_locations = unpack_fs_locations4
append_fattr4_fs_locations = append_fs_locations4
pack_fattr4_fs_locations = pack_fs_locations4


def unpack_fattr4_hidden(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_hidden: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_hidden: truncated") from None


def append_fattr4_hidden(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_hidden: value out of range") from None


def pack_fattr4_hidden(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_hidden(out, v)
    return b"".join(out)


def unpack_fattr4_homogeneous(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_homogeneous: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_homogeneous: truncated") from None


def append_fattr4_homogeneous(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_homogeneous: value out of range") from None


def pack_fattr4_homogeneous(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_homogeneous(out, v)
    return b"".join(out)

unpack_fattr4_maxfilesize = unpack_uint64_t
append_fattr4_maxfilesize = append_uint64_t
pack_fattr4_maxfilesize = pack_uint64_t

unpack_fattr4_maxlink = unpack_uint32_t
append_fattr4_maxlink = append_uint32_t
pack_fattr4_maxlink = pack_uint32_t

unpack_fattr4_maxname = unpack_uint32_t
append_fattr4_maxname = append_uint32_t
pack_fattr4_maxname = pack_uint32_t

unpack_fattr4_maxread = unpack_uint64_t
append_fattr4_maxread = append_uint64_t
pack_fattr4_maxread = pack_uint64_t

unpack_fattr4_maxwrite = unpack_uint64_t
append_fattr4_maxwrite = append_uint64_t
pack_fattr4_maxwrite = pack_uint64_t

unpack_fattr4_mimetype = unpack_ascii_REQUIRED4
append_fattr4_mimetype = append_ascii_REQUIRED4
pack_fattr4_mimetype = pack_ascii_REQUIRED4

unpack_fattr4_mode = unpack_mode4
append_fattr4_mode = append_mode4
pack_fattr4_mode = pack_mode4


def unpack_fattr4_no_trunc(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_no_trunc: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_no_trunc: truncated") from None


def append_fattr4_no_trunc(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_no_trunc: value out of range") from None


def pack_fattr4_no_trunc(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_no_trunc(out, v)
    return b"".join(out)

unpack_fattr4_numlinks = unpack_uint32_t
append_fattr4_numlinks = append_uint32_t
pack_fattr4_numlinks = pack_uint32_t

unpack_fattr4_owner = unpack_utf8str_mixed
append_fattr4_owner = append_utf8str_mixed
pack_fattr4_owner = pack_utf8str_mixed

unpack_fattr4_owner_group = unpack_utf8str_mixed
append_fattr4_owner_group = append_utf8str_mixed
pack_fattr4_owner_group = pack_utf8str_mixed

unpack_fattr4_quota_avail_hard = unpack_uint64_t
append_fattr4_quota_avail_hard = append_uint64_t
pack_fattr4_quota_avail_hard = pack_uint64_t

unpack_fattr4_quota_avail_soft = unpack_uint64_t
append_fattr4_quota_avail_soft = append_uint64_t
pack_fattr4_quota_avail_soft = pack_uint64_t

unpack_fattr4_quota_used = unpack_uint64_t
append_fattr4_quota_used = append_uint64_t
pack_fattr4_quota_used = pack_uint64_t

unpack_fattr4_rawdev = unpack_specdata4
append_fattr4_rawdev = append_specdata4
pack_fattr4_rawdev = pack_specdata4

unpack_fattr4_space_avail = unpack_uint64_t
append_fattr4_space_avail = append_uint64_t
pack_fattr4_space_avail = pack_uint64_t

unpack_fattr4_space_free = unpack_uint64_t
append_fattr4_space_free = append_uint64_t
pack_fattr4_space_free = pack_uint64_t

unpack_fattr4_space_total = unpack_uint64_t
append_fattr4_space_total = append_uint64_t
pack_fattr4_space_total = pack_uint64_t

unpack_fattr4_space_used = unpack_uint64_t
append_fattr4_space_used = append_uint64_t
pack_fattr4_space_used = pack_uint64_t


def unpack_fattr4_system(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_system: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_system: truncated") from None


def append_fattr4_system(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_system: value out of range") from None


def pack_fattr4_system(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_system(out, v)
    return b"".join(out)

unpack_fattr4_time_access = unpack_nfstime4
append_fattr4_time_access = append_nfstime4
pack_fattr4_time_access = pack_nfstime4

unpack_fattr4_time_access_set = unpack_settime4
append_fattr4_time_access_set = append_settime4
pack_fattr4_time_access_set = pack_settime4

unpack_fattr4_time_backup = unpack_nfstime4
append_fattr4_time_backup = append_nfstime4
pack_fattr4_time_backup = pack_nfstime4

unpack_fattr4_time_create = unpack_nfstime4
append_fattr4_time_create = append_nfstime4
pack_fattr4_time_create = pack_nfstime4

unpack_fattr4_time_delta = unpack_nfstime4
append_fattr4_time_delta = append_nfstime4
pack_fattr4_time_delta = pack_nfstime4

unpack_fattr4_time_metadata = unpack_nfstime4
append_fattr4_time_metadata = append_nfstime4
pack_fattr4_time_metadata = pack_nfstime4

unpack_fattr4_time_modify = unpack_nfstime4
append_fattr4_time_modify = append_nfstime4
pack_fattr4_time_modify = pack_nfstime4

unpack_fattr4_time_modify_set = unpack_settime4
append_fattr4_time_modify_set = append_settime4
pack_fattr4_time_modify_set = pack_settime4

unpack_fattr4_mounted_on_fileid = unpack_uint64_t
append_fattr4_mounted_on_fileid = append_uint64_t
pack_fattr4_mounted_on_fileid = pack_uint64_t

unpack_fattr4_dir_notif_delay = unpack_nfstime4
append_fattr4_dir_notif_delay = append_nfstime4
pack_fattr4_dir_notif_delay = pack_nfstime4

unpack_fattr4_dirent_notif_delay = unpack_nfstime4
append_fattr4_dirent_notif_delay = append_nfstime4
pack_fattr4_dirent_notif_delay = pack_nfstime4

unpack_fattr4_dacl = unpack_nfsacl41
append_fattr4_dacl = append_nfsacl41
pack_fattr4_dacl = pack_nfsacl41

unpack_fattr4_sacl = unpack_nfsacl41
append_fattr4_sacl = append_nfsacl41
pack_fattr4_sacl = pack_nfsacl41

unpack_fattr4_change_policy = unpack_change_policy4
append_fattr4_change_policy = append_change_policy4
pack_fattr4_change_policy = pack_change_policy4

unpack_fattr4_fs_status = unpack_fs4_status
append_fattr4_fs_status = append_fs4_status
pack_fattr4_fs_status = pack_fs4_status


def unpack_fattr4_fs_layout_types(buf: Buffer, pos: int) -> tuple[list[int], int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 4 > end - pos:
            raise XdrError("fattr4_fs_layout_types: count")
        v2 = list(unpack_from(f">{n1}I", buf, pos))
        pos += n1 * 4
        return v2, pos
    except StructError:
        raise XdrError("fattr4_fs_layout_types: truncated") from None


def append_fattr4_fs_layout_types(out: list[bytes], v: list[int]) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("fattr4_fs_layout_types: count")
        out.append(pS_I(n2))
        out.append(pack(f">{n2}I", *v1))
    except StructError:
        raise XdrError("fattr4_fs_layout_types: value out of range") from None


def pack_fattr4_fs_layout_types(v: list[int]) -> bytes:
    out: list[bytes] = []
    append_fattr4_fs_layout_types(out, v)
    return b"".join(out)

unpack_fattr4_layout_hint = unpack_layouthint4
append_fattr4_layout_hint = append_layouthint4
pack_fattr4_layout_hint = pack_layouthint4


def unpack_fattr4_layout_types(buf: Buffer, pos: int) -> tuple[list[int], int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 4 > end - pos:
            raise XdrError("fattr4_layout_types: count")
        v2 = list(unpack_from(f">{n1}I", buf, pos))
        pos += n1 * 4
        return v2, pos
    except StructError:
        raise XdrError("fattr4_layout_types: truncated") from None


def append_fattr4_layout_types(out: list[bytes], v: list[int]) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("fattr4_layout_types: count")
        out.append(pS_I(n2))
        out.append(pack(f">{n2}I", *v1))
    except StructError:
        raise XdrError("fattr4_layout_types: value out of range") from None


def pack_fattr4_layout_types(v: list[int]) -> bytes:
    out: list[bytes] = []
    append_fattr4_layout_types(out, v)
    return b"".join(out)

unpack_fattr4_layout_blksize = unpack_uint32_t
append_fattr4_layout_blksize = append_uint32_t
pack_fattr4_layout_blksize = pack_uint32_t

unpack_fattr4_layout_alignment = unpack_uint32_t
append_fattr4_layout_alignment = append_uint32_t
pack_fattr4_layout_alignment = pack_uint32_t

unpack_fattr4_fs_locations_info = unpack_fs_locations_info4
append_fattr4_fs_locations_info = append_fs_locations_info4
pack_fattr4_fs_locations_info = pack_fs_locations_info4

unpack_fattr4_mdsthreshold = unpack_mdsthreshold4
append_fattr4_mdsthreshold = append_mdsthreshold4
pack_fattr4_mdsthreshold = pack_mdsthreshold4

unpack_fattr4_retention_get = unpack_retention_get4
append_fattr4_retention_get = append_retention_get4
pack_fattr4_retention_get = pack_retention_get4

unpack_fattr4_retention_set = unpack_retention_set4
append_fattr4_retention_set = append_retention_set4
pack_fattr4_retention_set = pack_retention_set4

unpack_fattr4_retentevt_get = unpack_retention_get4
append_fattr4_retentevt_get = append_retention_get4
pack_fattr4_retentevt_get = pack_retention_get4

unpack_fattr4_retentevt_set = unpack_retention_set4
append_fattr4_retentevt_set = append_retention_set4
pack_fattr4_retentevt_set = pack_retention_set4

unpack_fattr4_retention_hold = unpack_uint64_t
append_fattr4_retention_hold = append_uint64_t
pack_fattr4_retention_hold = pack_uint64_t

unpack_fattr4_mode_set_masked = unpack_mode_masked4
append_fattr4_mode_set_masked = append_mode_masked4
pack_fattr4_mode_set_masked = pack_mode_masked4

unpack_fattr4_suppattr_exclcreat = unpack_bitmap4
append_fattr4_suppattr_exclcreat = append_bitmap4
pack_fattr4_suppattr_exclcreat = pack_bitmap4

unpack_fattr4_fs_charset_cap = unpack_fs_charset_cap4
append_fattr4_fs_charset_cap = append_fs_charset_cap4
pack_fattr4_fs_charset_cap = pack_fs_charset_cap4

unpack_fattr4_clone_blksize = unpack_uint32_t
append_fattr4_clone_blksize = append_uint32_t
pack_fattr4_clone_blksize = pack_uint32_t

unpack_fattr4_space_freed = unpack_uint64_t
append_fattr4_space_freed = append_uint64_t
pack_fattr4_space_freed = pack_uint64_t

unpack_fattr4_change_attr_type = unpack_change_attr_type4
append_fattr4_change_attr_type = append_change_attr_type4
pack_fattr4_change_attr_type = pack_change_attr_type4

unpack_fattr4_sec_label = unpack_sec_label4
append_fattr4_sec_label = append_sec_label4
pack_fattr4_sec_label = pack_sec_label4

unpack_fattr4_mode_umask = unpack_mode_umask4
append_fattr4_mode_umask = append_mode_umask4
pack_fattr4_mode_umask = pack_mode_umask4


def unpack_fattr4_xattr_support(buf: Buffer, pos: int) -> tuple[bool, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("fattr4_xattr_support: a bool is 0 or 1")
        return v1 == 1, pos + 4
    except StructError:
        raise XdrError("fattr4_xattr_support: truncated") from None


def append_fattr4_xattr_support(out: list[bytes], v: bool) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("fattr4_xattr_support: value out of range") from None


def pack_fattr4_xattr_support(v: bool) -> bytes:
    out: list[bytes] = []
    append_fattr4_xattr_support(out, v)
    return b"".join(out)


def unpack_layoutiomode4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("layoutiomode4: truncated") from None


def append_layoutiomode4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("layoutiomode4: value out of range") from None


def pack_layoutiomode4(v: int) -> bytes:
    out: list[bytes] = []
    append_layoutiomode4(out, v)
    return b"".join(out)


def unpack_layout_content4(buf: Buffer, pos: int) -> tuple[layout_content4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 1048576 or pos > end:
            raise XdrError("layout_content4.loc_body: length")
        v5 = bytes(buf[b3:e4])
        return layout_content4(v1, v5), pos
    except StructError:
        raise XdrError("layout_content4: truncated") from None


def append_layout_content4(out: list[bytes], v: layout_content4) -> None:
    try:
        v1 = v.loc_body
        n2 = len(v1)
        if n2 > 1048576:
            raise XdrError("layout_content4.loc_body: length")
        out.append(pS_II(v.loc_type, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("layout_content4: value out of range") from None


def pack_layout_content4(v: layout_content4) -> bytes:
    out: list[bytes] = []
    append_layout_content4(out, v)
    return b"".join(out)


def unpack_layout4(buf: Buffer, pos: int) -> tuple[layout4, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_QQIII(buf, pos)
        b6 = pos + 28
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 1048576 or pos > end:
            raise XdrError("layout_content4.loc_body: length")
        v8 = bytes(buf[b6:e7])
        return layout4(v1, v2, v3, layout_content4(v4, v8)), pos
    except StructError:
        raise XdrError("layout4: truncated") from None


def append_layout4(out: list[bytes], v: layout4) -> None:
    try:
        o1 = v.lo_content
        v2 = o1.loc_body
        n3 = len(v2)
        if n3 > 1048576:
            raise XdrError("layout_content4.loc_body: length")
        out.append(pS_QQIII(v.lo_offset, v.lo_length, v.lo_iomode, o1.loc_type, n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
    except StructError:
        raise XdrError("layout4: value out of range") from None


def pack_layout4(v: layout4) -> bytes:
    out: list[bytes] = []
    append_layout4(out, v)
    return b"".join(out)


def unpack_device_addr4(buf: Buffer, pos: int) -> tuple[device_addr4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 1048576 or pos > end:
            raise XdrError("device_addr4.da_addr_body: length")
        v5 = bytes(buf[b3:e4])
        return device_addr4(v1, v5), pos
    except StructError:
        raise XdrError("device_addr4: truncated") from None


def append_device_addr4(out: list[bytes], v: device_addr4) -> None:
    try:
        v1 = v.da_addr_body
        n2 = len(v1)
        if n2 > 1048576:
            raise XdrError("device_addr4.da_addr_body: length")
        out.append(pS_II(v.da_layout_type, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("device_addr4: value out of range") from None


def pack_device_addr4(v: device_addr4) -> bytes:
    out: list[bytes] = []
    append_device_addr4(out, v)
    return b"".join(out)


def unpack_layoutupdate4(buf: Buffer, pos: int) -> tuple[layoutupdate4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 1048576 or pos > end:
            raise XdrError("layoutupdate4.lou_body: length")
        v5 = bytes(buf[b3:e4])
        return layoutupdate4(v1, v5), pos
    except StructError:
        raise XdrError("layoutupdate4: truncated") from None


def append_layoutupdate4(out: list[bytes], v: layoutupdate4) -> None:
    try:
        v1 = v.lou_body
        n2 = len(v1)
        if n2 > 1048576:
            raise XdrError("layoutupdate4.lou_body: length")
        out.append(pS_II(v.lou_type, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("layoutupdate4: value out of range") from None


def pack_layoutupdate4(v: layoutupdate4) -> bytes:
    out: list[bytes] = []
    append_layoutupdate4(out, v)
    return b"".join(out)


def unpack_layoutreturn_type4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("layoutreturn_type4: truncated") from None


def append_layoutreturn_type4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("layoutreturn_type4: value out of range") from None


def pack_layoutreturn_type4(v: int) -> bytes:
    out: list[bytes] = []
    append_layoutreturn_type4(out, v)
    return b"".join(out)


def unpack_layoutreturn_file4(buf: Buffer, pos: int) -> tuple[layoutreturn_file4, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_QQI12sI(buf, pos)
        b6 = pos + 36
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 1048576 or pos > end:
            raise XdrError("layoutreturn_file4.lrf_body: length")
        v8 = bytes(buf[b6:e7])
        return layoutreturn_file4(v1, v2, stateid4(v3, v4), v8), pos
    except StructError:
        raise XdrError("layoutreturn_file4: truncated") from None


def append_layoutreturn_file4(out: list[bytes], v: layoutreturn_file4) -> None:
    try:
        o1 = v.lrf_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        v3 = v.lrf_body
        n4 = len(v3)
        if n4 > 1048576:
            raise XdrError("layoutreturn_file4.lrf_body: length")
        out.append(pS_QQI12sI(v.lrf_offset, v.lrf_length, o1.seqid, v2, n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("layoutreturn_file4: value out of range") from None


def pack_layoutreturn_file4(v: layoutreturn_file4) -> bytes:
    out: list[bytes] = []
    append_layoutreturn_file4(out, v)
    return b"".join(out)


def unpack_layoutreturn4(buf: Buffer, pos: int) -> tuple[layoutreturn4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, v4, v5, v6, n7 = uS_QQI12sI(buf, pos)
            b8 = pos + 36
            e9 = b8 + n7
            pos = e9 + (-n7 & 3)
            if n7 > 1048576 or pos > end:
                raise XdrError("layoutreturn_file4.lrf_body: length")
            v10 = bytes(buf[b8:e9])
            v2 = layoutreturn4(d1, layoutreturn_file4(v3, v4, stateid4(v5, v6), v10))
        elif d1 in (2, 3):
            v2 = layoutreturn4(d1)
        else:
            raise XdrError("layoutreturn4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("layoutreturn4: truncated") from None


def append_layoutreturn4(out: list[bytes], v: layoutreturn4) -> None:
    try:
        d1 = v.lr_returntype
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.lr_layout
            if o2 is None:
                raise XdrError("layoutreturn4.lr_layout: the selected arm is missing")
            o3 = o2.lrf_stateid
            v4 = o3.other
            if len(v4) != 12:
                raise XdrError("stateid4.other: length")
            v5 = o2.lrf_body
            n6 = len(v5)
            if n6 > 1048576:
                raise XdrError("layoutreturn_file4.lrf_body: length")
            out.append(pS_QQI12sI(o2.lrf_offset, o2.lrf_length, o3.seqid, v4, n6))
            out.append(v5)
            if n6 & 3:
                out.append(PADS[n6 & 3])
    except StructError:
        raise XdrError("layoutreturn4: value out of range") from None


def pack_layoutreturn4(v: layoutreturn4) -> bytes:
    out: list[bytes] = []
    append_layoutreturn4(out, v)
    return b"".join(out)

unpack_nfl_util4 = unpack_uint32_t
append_nfl_util4 = append_uint32_t
pack_nfl_util4 = pack_uint32_t


def unpack_filelayout_hint_care4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("filelayout_hint_care4: truncated") from None


def append_filelayout_hint_care4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("filelayout_hint_care4: value out of range") from None


def pack_filelayout_hint_care4(v: int) -> bytes:
    out: list[bytes] = []
    append_filelayout_hint_care4(out, v)
    return b"".join(out)


def unpack_nfsv4_1_file_layouthint4(buf: Buffer, pos: int) -> tuple[nfsv4_1_file_layouthint4, int]:
    try:
        v1, v2, v3 = uS_III(buf, pos)
        return nfsv4_1_file_layouthint4(v1, v2, v3), pos + 12
    except StructError:
        raise XdrError("nfsv4_1_file_layouthint4: truncated") from None


def append_nfsv4_1_file_layouthint4(out: list[bytes], v: nfsv4_1_file_layouthint4) -> None:
    try:
        out.append(pS_III(v.nflh_care, v.nflh_util, v.nflh_stripe_count))
    except StructError:
        raise XdrError("nfsv4_1_file_layouthint4: value out of range") from None


def pack_nfsv4_1_file_layouthint4(v: nfsv4_1_file_layouthint4) -> bytes:
    try:
        return pS_III(v.nflh_care, v.nflh_util, v.nflh_stripe_count)
    except StructError:
        raise XdrError("nfsv4_1_file_layouthint4: value out of range") from None


def unpack_multipath_list4(buf: Buffer, pos: int) -> tuple[list[netaddr4], int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 8 > end - pos:
            raise XdrError("multipath_list4: count")
        v2: list[netaddr4] = []
        for _ in range(n1):
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 256 or pos > end:
                raise XdrError("netaddr4.na_r_netid: length")
            v6 = bytes(buf[b4:e5])
            n7, = uS_I(buf, pos)
            b8 = pos + 4
            e9 = b8 + n7
            pos = e9 + (-n7 & 3)
            if n7 > 256 or pos > end:
                raise XdrError("netaddr4.na_r_addr: length")
            v10 = bytes(buf[b8:e9])
            v2.append(netaddr4(v6, v10))
        return v2, pos
    except StructError:
        raise XdrError("multipath_list4: truncated") from None


def append_multipath_list4(out: list[bytes], v: list[netaddr4]) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("multipath_list4: count")
        out.append(pS_I(n2))
        for v3 in v1:
            v4 = v3.na_r_netid
            n5 = len(v4)
            if n5 > 256:
                raise XdrError("netaddr4.na_r_netid: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
            v6 = v3.na_r_addr
            n7 = len(v6)
            if n7 > 256:
                raise XdrError("netaddr4.na_r_addr: length")
            out.append(pS_I(n7))
            out.append(v6)
            if n7 & 3:
                out.append(PADS[n7 & 3])
    except StructError:
        raise XdrError("multipath_list4: value out of range") from None


def pack_multipath_list4(v: list[netaddr4]) -> bytes:
    out: list[bytes] = []
    append_multipath_list4(out, v)
    return b"".join(out)


def unpack_nfsv4_1_file_layout_ds_addr4(buf: Buffer, pos: int) -> tuple[nfsv4_1_file_layout_ds_addr4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 65536 or n1 * 4 > end - pos:
            raise XdrError("nfsv4_1_file_layout_ds_addr4.nflda_stripe_indices: count")
        v2 = list(unpack_from(f">{n1}I", buf, pos))
        pos += n1 * 4
        n3, = uS_I(buf, pos)
        pos += 4
        if n3 > 4096 or n3 * 4 > end - pos:
            raise XdrError("nfsv4_1_file_layout_ds_addr4.nflda_multipath_ds_list: count")
        v4: list[list[netaddr4]] = []
        for _ in range(n3):
            n5, = uS_I(buf, pos)
            pos += 4
            if n5 > 4096 or n5 * 8 > end - pos:
                raise XdrError("nfsv4_1_file_layout_ds_addr4.nflda_multipath_ds_list: count")
            v6: list[netaddr4] = []
            for _ in range(n5):
                n7, = uS_I(buf, pos)
                b8 = pos + 4
                e9 = b8 + n7
                pos = e9 + (-n7 & 3)
                if n7 > 256 or pos > end:
                    raise XdrError("netaddr4.na_r_netid: length")
                v10 = bytes(buf[b8:e9])
                n11, = uS_I(buf, pos)
                b12 = pos + 4
                e13 = b12 + n11
                pos = e13 + (-n11 & 3)
                if n11 > 256 or pos > end:
                    raise XdrError("netaddr4.na_r_addr: length")
                v14 = bytes(buf[b12:e13])
                v6.append(netaddr4(v10, v14))
            v4.append(v6)
        return nfsv4_1_file_layout_ds_addr4(v2, v4), pos
    except StructError:
        raise XdrError("nfsv4_1_file_layout_ds_addr4: truncated") from None


def append_nfsv4_1_file_layout_ds_addr4(out: list[bytes], v: nfsv4_1_file_layout_ds_addr4) -> None:
    try:
        v1 = v.nflda_stripe_indices
        n2 = len(v1)
        if n2 > 65536:
            raise XdrError("nfsv4_1_file_layout_ds_addr4.nflda_stripe_indices: count")
        out.append(pS_I(n2))
        out.append(pack(f">{n2}I", *v1))
        v4 = v.nflda_multipath_ds_list
        n5 = len(v4)
        if n5 > 4096:
            raise XdrError("nfsv4_1_file_layout_ds_addr4.nflda_multipath_ds_list: count")
        out.append(pS_I(n5))
        for v6 in v4:
            v7 = v6
            n8 = len(v7)
            if n8 > 4096:
                raise XdrError("nfsv4_1_file_layout_ds_addr4.nflda_multipath_ds_list: count")
            out.append(pS_I(n8))
            for v9 in v7:
                v10 = v9.na_r_netid
                n11 = len(v10)
                if n11 > 256:
                    raise XdrError("netaddr4.na_r_netid: length")
                out.append(pS_I(n11))
                out.append(v10)
                if n11 & 3:
                    out.append(PADS[n11 & 3])
                v12 = v9.na_r_addr
                n13 = len(v12)
                if n13 > 256:
                    raise XdrError("netaddr4.na_r_addr: length")
                out.append(pS_I(n13))
                out.append(v12)
                if n13 & 3:
                    out.append(PADS[n13 & 3])
    except StructError:
        raise XdrError("nfsv4_1_file_layout_ds_addr4: value out of range") from None


def pack_nfsv4_1_file_layout_ds_addr4(v: nfsv4_1_file_layout_ds_addr4) -> bytes:
    out: list[bytes] = []
    append_nfsv4_1_file_layout_ds_addr4(out, v)
    return b"".join(out)


def unpack_nfsv4_1_file_layout4(buf: Buffer, pos: int) -> tuple[nfsv4_1_file_layout4, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_16sIIQI(buf, pos)
        pos += 36
        if n5 > 65536 or n5 * 4 > end - pos:
            raise XdrError("nfsv4_1_file_layout4.nfl_fh_list: count")
        v6: list[bytes] = []
        for _ in range(n5):
            n7, = uS_I(buf, pos)
            b8 = pos + 4
            e9 = b8 + n7
            pos = e9 + (-n7 & 3)
            if n7 > 128 or pos > end:
                raise XdrError("nfsv4_1_file_layout4.nfl_fh_list: length")
            v10 = bytes(buf[b8:e9])
            v6.append(v10)
        return nfsv4_1_file_layout4(v1, v2, v3, v4, v6), pos
    except StructError:
        raise XdrError("nfsv4_1_file_layout4: truncated") from None


def append_nfsv4_1_file_layout4(out: list[bytes], v: nfsv4_1_file_layout4) -> None:
    try:
        v1 = v.nfl_deviceid
        if len(v1) != 16:
            raise XdrError("nfsv4_1_file_layout4.nfl_deviceid: length")
        v2 = v.nfl_fh_list
        n3 = len(v2)
        if n3 > 65536:
            raise XdrError("nfsv4_1_file_layout4.nfl_fh_list: count")
        out.append(pS_16sIIQI(v1, v.nfl_util, v.nfl_first_stripe_index, v.nfl_pattern_offset, n3))
        for v4 in v2:
            v5 = v4
            n6 = len(v5)
            if n6 > 128:
                raise XdrError("nfsv4_1_file_layout4.nfl_fh_list: length")
            out.append(pS_I(n6))
            out.append(v5)
            if n6 & 3:
                out.append(PADS[n6 & 3])
    except StructError:
        raise XdrError("nfsv4_1_file_layout4: value out of range") from None


def pack_nfsv4_1_file_layout4(v: nfsv4_1_file_layout4) -> bytes:
    out: list[bytes] = []
    append_nfsv4_1_file_layout4(out, v)
    return b"".join(out)

unpack_ff_flags4 = unpack_uint32_t
append_ff_flags4 = append_uint32_t
pack_ff_flags4 = pack_uint32_t


def unpack_ff_device_versions4(buf: Buffer, pos: int) -> tuple[ff_device_versions4, int]:
    try:
        v1, v2, v3, v4, v5 = uS_IIIII(buf, pos)
        if v5 > 1:
            raise XdrError("ff_device_versions4: a bool is 0 or 1")
        return ff_device_versions4(v1, v2, v3, v4, v5 == 1), pos + 20
    except StructError:
        raise XdrError("ff_device_versions4: truncated") from None


def append_ff_device_versions4(out: list[bytes], v: ff_device_versions4) -> None:
    try:
        out.append(pS_IIIII(v.ffdv_version, v.ffdv_minorversion, v.ffdv_rsize, v.ffdv_wsize, v.ffdv_tightly_coupled))
    except StructError:
        raise XdrError("ff_device_versions4: value out of range") from None


def pack_ff_device_versions4(v: ff_device_versions4) -> bytes:
    try:
        return pS_IIIII(v.ffdv_version, v.ffdv_minorversion, v.ffdv_rsize, v.ffdv_wsize, v.ffdv_tightly_coupled)
    except StructError:
        raise XdrError("ff_device_versions4: value out of range") from None


def unpack_ff_device_addr4(buf: Buffer, pos: int) -> tuple[ff_device_addr4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 8 > end - pos:
            raise XdrError("ff_device_addr4.ffda_netaddrs: count")
        v2: list[netaddr4] = []
        for _ in range(n1):
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 256 or pos > end:
                raise XdrError("netaddr4.na_r_netid: length")
            v6 = bytes(buf[b4:e5])
            n7, = uS_I(buf, pos)
            b8 = pos + 4
            e9 = b8 + n7
            pos = e9 + (-n7 & 3)
            if n7 > 256 or pos > end:
                raise XdrError("netaddr4.na_r_addr: length")
            v10 = bytes(buf[b8:e9])
            v2.append(netaddr4(v6, v10))
        n11, = uS_I(buf, pos)
        pos += 4
        if n11 > 4096 or n11 * 20 > end - pos:
            raise XdrError("ff_device_addr4.ffda_versions: count")
        v12: list[ff_device_versions4] = []
        for _ in range(n11):
            v13, v14, v15, v16, v17 = uS_IIIII(buf, pos)
            if v17 > 1:
                raise XdrError("ff_device_addr4: a bool is 0 or 1")
            pos += 20
            v12.append(ff_device_versions4(v13, v14, v15, v16, v17 == 1))
        return ff_device_addr4(v2, v12), pos
    except StructError:
        raise XdrError("ff_device_addr4: truncated") from None


def append_ff_device_addr4(out: list[bytes], v: ff_device_addr4) -> None:
    try:
        v1 = v.ffda_netaddrs
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("ff_device_addr4.ffda_netaddrs: count")
        out.append(pS_I(n2))
        for v3 in v1:
            v4 = v3.na_r_netid
            n5 = len(v4)
            if n5 > 256:
                raise XdrError("netaddr4.na_r_netid: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
            v6 = v3.na_r_addr
            n7 = len(v6)
            if n7 > 256:
                raise XdrError("netaddr4.na_r_addr: length")
            out.append(pS_I(n7))
            out.append(v6)
            if n7 & 3:
                out.append(PADS[n7 & 3])
        v8 = v.ffda_versions
        n9 = len(v8)
        if n9 > 4096:
            raise XdrError("ff_device_addr4.ffda_versions: count")
        out.append(pS_I(n9))
        for v10 in v8:
            out.append(pS_IIIII(v10.ffdv_version, v10.ffdv_minorversion, v10.ffdv_rsize, v10.ffdv_wsize, v10.ffdv_tightly_coupled))
    except StructError:
        raise XdrError("ff_device_addr4: value out of range") from None


def pack_ff_device_addr4(v: ff_device_addr4) -> bytes:
    out: list[bytes] = []
    append_ff_device_addr4(out, v)
    return b"".join(out)


def unpack_ff_data_server4(buf: Buffer, pos: int) -> tuple[ff_data_server4, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_16sII12sI(buf, pos)
        pos += 40
        if n5 > 4096 or n5 * 4 > end - pos:
            raise XdrError("ff_data_server4.ffds_fh_vers: count")
        v6: list[bytes] = []
        for _ in range(n5):
            n7, = uS_I(buf, pos)
            b8 = pos + 4
            e9 = b8 + n7
            pos = e9 + (-n7 & 3)
            if n7 > 128 or pos > end:
                raise XdrError("ff_data_server4.ffds_fh_vers: length")
            v10 = bytes(buf[b8:e9])
            v6.append(v10)
        n11, = uS_I(buf, pos)
        b12 = pos + 4
        e13 = b12 + n11
        pos = e13 + (-n11 & 3)
        if n11 > 4096 or pos > end:
            raise XdrError("ff_data_server4.ffds_user: length")
        v14 = bytes(buf[b12:e13])
        n15, = uS_I(buf, pos)
        b16 = pos + 4
        e17 = b16 + n15
        pos = e17 + (-n15 & 3)
        if n15 > 4096 or pos > end:
            raise XdrError("ff_data_server4.ffds_group: length")
        v18 = bytes(buf[b16:e17])
        return ff_data_server4(v1, v2, stateid4(v3, v4), v6, v14, v18), pos
    except StructError:
        raise XdrError("ff_data_server4: truncated") from None


def append_ff_data_server4(out: list[bytes], v: ff_data_server4) -> None:
    try:
        v1 = v.ffds_deviceid
        if len(v1) != 16:
            raise XdrError("ff_data_server4.ffds_deviceid: length")
        o2 = v.ffds_stateid
        v3 = o2.other
        if len(v3) != 12:
            raise XdrError("stateid4.other: length")
        v4 = v.ffds_fh_vers
        n5 = len(v4)
        if n5 > 4096:
            raise XdrError("ff_data_server4.ffds_fh_vers: count")
        out.append(pS_16sII12sI(v1, v.ffds_efficiency, o2.seqid, v3, n5))
        for v6 in v4:
            v7 = v6
            n8 = len(v7)
            if n8 > 128:
                raise XdrError("ff_data_server4.ffds_fh_vers: length")
            out.append(pS_I(n8))
            out.append(v7)
            if n8 & 3:
                out.append(PADS[n8 & 3])
        v9 = v.ffds_user
        n10 = len(v9)
        if n10 > 4096:
            raise XdrError("ff_data_server4.ffds_user: length")
        out.append(pS_I(n10))
        out.append(v9)
        if n10 & 3:
            out.append(PADS[n10 & 3])
        v11 = v.ffds_group
        n12 = len(v11)
        if n12 > 4096:
            raise XdrError("ff_data_server4.ffds_group: length")
        out.append(pS_I(n12))
        out.append(v11)
        if n12 & 3:
            out.append(PADS[n12 & 3])
    except StructError:
        raise XdrError("ff_data_server4: value out of range") from None


def pack_ff_data_server4(v: ff_data_server4) -> bytes:
    out: list[bytes] = []
    append_ff_data_server4(out, v)
    return b"".join(out)


def unpack_ff_mirror4(buf: Buffer, pos: int) -> tuple[ff_mirror4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 48 > end - pos:
            raise XdrError("ff_mirror4.ffm_data_servers: count")
        v2: list[ff_data_server4] = []
        for _ in range(n1):
            v3, v4, v5, v6, n7 = uS_16sII12sI(buf, pos)
            pos += 40
            if n7 > 4096 or n7 * 4 > end - pos:
                raise XdrError("ff_data_server4.ffds_fh_vers: count")
            v8: list[bytes] = []
            for _ in range(n7):
                n9, = uS_I(buf, pos)
                b10 = pos + 4
                e11 = b10 + n9
                pos = e11 + (-n9 & 3)
                if n9 > 128 or pos > end:
                    raise XdrError("ff_data_server4.ffds_fh_vers: length")
                v12 = bytes(buf[b10:e11])
                v8.append(v12)
            n13, = uS_I(buf, pos)
            b14 = pos + 4
            e15 = b14 + n13
            pos = e15 + (-n13 & 3)
            if n13 > 4096 or pos > end:
                raise XdrError("ff_data_server4.ffds_user: length")
            v16 = bytes(buf[b14:e15])
            n17, = uS_I(buf, pos)
            b18 = pos + 4
            e19 = b18 + n17
            pos = e19 + (-n17 & 3)
            if n17 > 4096 or pos > end:
                raise XdrError("ff_data_server4.ffds_group: length")
            v20 = bytes(buf[b18:e19])
            v2.append(ff_data_server4(v3, v4, stateid4(v5, v6), v8, v16, v20))
        return ff_mirror4(v2), pos
    except StructError:
        raise XdrError("ff_mirror4: truncated") from None


def append_ff_mirror4(out: list[bytes], v: ff_mirror4) -> None:
    try:
        v1 = v.ffm_data_servers
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("ff_mirror4.ffm_data_servers: count")
        out.append(pS_I(n2))
        for v3 in v1:
            v4 = v3.ffds_deviceid
            if len(v4) != 16:
                raise XdrError("ff_data_server4.ffds_deviceid: length")
            o5 = v3.ffds_stateid
            v6 = o5.other
            if len(v6) != 12:
                raise XdrError("stateid4.other: length")
            v7 = v3.ffds_fh_vers
            n8 = len(v7)
            if n8 > 4096:
                raise XdrError("ff_data_server4.ffds_fh_vers: count")
            out.append(pS_16sII12sI(v4, v3.ffds_efficiency, o5.seqid, v6, n8))
            for v9 in v7:
                v10 = v9
                n11 = len(v10)
                if n11 > 128:
                    raise XdrError("ff_data_server4.ffds_fh_vers: length")
                out.append(pS_I(n11))
                out.append(v10)
                if n11 & 3:
                    out.append(PADS[n11 & 3])
            v12 = v3.ffds_user
            n13 = len(v12)
            if n13 > 4096:
                raise XdrError("ff_data_server4.ffds_user: length")
            out.append(pS_I(n13))
            out.append(v12)
            if n13 & 3:
                out.append(PADS[n13 & 3])
            v14 = v3.ffds_group
            n15 = len(v14)
            if n15 > 4096:
                raise XdrError("ff_data_server4.ffds_group: length")
            out.append(pS_I(n15))
            out.append(v14)
            if n15 & 3:
                out.append(PADS[n15 & 3])
    except StructError:
        raise XdrError("ff_mirror4: value out of range") from None


def pack_ff_mirror4(v: ff_mirror4) -> bytes:
    out: list[bytes] = []
    append_ff_mirror4(out, v)
    return b"".join(out)


def unpack_ff_layout4(buf: Buffer, pos: int) -> tuple[ff_layout4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_QI(buf, pos)
        pos += 12
        if n2 > 4096 or n2 * 4 > end - pos:
            raise XdrError("ff_layout4.ffl_mirrors: count")
        v3: list[ff_mirror4] = []
        for _ in range(n2):
            n4, = uS_I(buf, pos)
            pos += 4
            if n4 > 4096 or n4 * 48 > end - pos:
                raise XdrError("ff_mirror4.ffm_data_servers: count")
            v5: list[ff_data_server4] = []
            for _ in range(n4):
                v6, v7, v8, v9, n10 = uS_16sII12sI(buf, pos)
                pos += 40
                if n10 > 4096 or n10 * 4 > end - pos:
                    raise XdrError("ff_data_server4.ffds_fh_vers: count")
                v11: list[bytes] = []
                for _ in range(n10):
                    n12, = uS_I(buf, pos)
                    b13 = pos + 4
                    e14 = b13 + n12
                    pos = e14 + (-n12 & 3)
                    if n12 > 128 or pos > end:
                        raise XdrError("ff_data_server4.ffds_fh_vers: length")
                    v15 = bytes(buf[b13:e14])
                    v11.append(v15)
                n16, = uS_I(buf, pos)
                b17 = pos + 4
                e18 = b17 + n16
                pos = e18 + (-n16 & 3)
                if n16 > 4096 or pos > end:
                    raise XdrError("ff_data_server4.ffds_user: length")
                v19 = bytes(buf[b17:e18])
                n20, = uS_I(buf, pos)
                b21 = pos + 4
                e22 = b21 + n20
                pos = e22 + (-n20 & 3)
                if n20 > 4096 or pos > end:
                    raise XdrError("ff_data_server4.ffds_group: length")
                v23 = bytes(buf[b21:e22])
                v5.append(ff_data_server4(v6, v7, stateid4(v8, v9), v11, v19, v23))
            v3.append(ff_mirror4(v5))
        v24, v25 = uS_II(buf, pos)
        return ff_layout4(v1, v3, v24, v25), pos + 8
    except StructError:
        raise XdrError("ff_layout4: truncated") from None


def append_ff_layout4(out: list[bytes], v: ff_layout4) -> None:
    try:
        v1 = v.ffl_mirrors
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("ff_layout4.ffl_mirrors: count")
        out.append(pS_QI(v.ffl_stripe_unit, n2))
        for v3 in v1:
            v4 = v3.ffm_data_servers
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("ff_mirror4.ffm_data_servers: count")
            out.append(pS_I(n5))
            for v6 in v4:
                v7 = v6.ffds_deviceid
                if len(v7) != 16:
                    raise XdrError("ff_data_server4.ffds_deviceid: length")
                o8 = v6.ffds_stateid
                v9 = o8.other
                if len(v9) != 12:
                    raise XdrError("stateid4.other: length")
                v10 = v6.ffds_fh_vers
                n11 = len(v10)
                if n11 > 4096:
                    raise XdrError("ff_data_server4.ffds_fh_vers: count")
                out.append(pS_16sII12sI(v7, v6.ffds_efficiency, o8.seqid, v9, n11))
                for v12 in v10:
                    v13 = v12
                    n14 = len(v13)
                    if n14 > 128:
                        raise XdrError("ff_data_server4.ffds_fh_vers: length")
                    out.append(pS_I(n14))
                    out.append(v13)
                    if n14 & 3:
                        out.append(PADS[n14 & 3])
                v15 = v6.ffds_user
                n16 = len(v15)
                if n16 > 4096:
                    raise XdrError("ff_data_server4.ffds_user: length")
                out.append(pS_I(n16))
                out.append(v15)
                if n16 & 3:
                    out.append(PADS[n16 & 3])
                v17 = v6.ffds_group
                n18 = len(v17)
                if n18 > 4096:
                    raise XdrError("ff_data_server4.ffds_group: length")
                out.append(pS_I(n18))
                out.append(v17)
                if n18 & 3:
                    out.append(PADS[n18 & 3])
        out.append(pS_II(v.ffl_flags, v.ffl_stats_collect_hint))
    except StructError:
        raise XdrError("ff_layout4: value out of range") from None


def pack_ff_layout4(v: ff_layout4) -> bytes:
    out: list[bytes] = []
    append_ff_layout4(out, v)
    return b"".join(out)


def unpack_nfs_opnum4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("nfs_opnum4: truncated") from None


def append_nfs_opnum4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("nfs_opnum4: value out of range") from None


def pack_nfs_opnum4(v: int) -> bytes:
    out: list[bytes] = []
    append_nfs_opnum4(out, v)
    return b"".join(out)


def unpack_ACCESS4args(buf: Buffer, pos: int) -> tuple[ACCESS4args, int]:
    try:
        v1, = uS_I(buf, pos)
        return ACCESS4args(v1), pos + 4
    except StructError:
        raise XdrError("ACCESS4args: truncated") from None


def append_ACCESS4args(out: list[bytes], v: ACCESS4args) -> None:
    try:
        out.append(pS_I(v.access))
    except StructError:
        raise XdrError("ACCESS4args: value out of range") from None


def pack_ACCESS4args(v: ACCESS4args) -> bytes:
    out: list[bytes] = []
    append_ACCESS4args(out, v)
    return b"".join(out)


def unpack_ACCESS4resok(buf: Buffer, pos: int) -> tuple[ACCESS4resok, int]:
    try:
        v1, v2 = uS_II(buf, pos)
        return ACCESS4resok(v1, v2), pos + 8
    except StructError:
        raise XdrError("ACCESS4resok: truncated") from None


def append_ACCESS4resok(out: list[bytes], v: ACCESS4resok) -> None:
    try:
        out.append(pS_II(v.supported, v.access))
    except StructError:
        raise XdrError("ACCESS4resok: value out of range") from None


def pack_ACCESS4resok(v: ACCESS4resok) -> bytes:
    try:
        return pS_II(v.supported, v.access)
    except StructError:
        raise XdrError("ACCESS4resok: value out of range") from None


def unpack_ACCESS4res(buf: Buffer, pos: int) -> tuple[ACCESS4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4 = uS_II(buf, pos)
            pos += 8
            v2 = ACCESS4res(d1, ACCESS4resok(v3, v4))
        else:
            v2 = ACCESS4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("ACCESS4res: truncated") from None


def append_ACCESS4res(out: list[bytes], v: ACCESS4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("ACCESS4res.resok4: the selected arm is missing")
            out.append(pS_II(o2.supported, o2.access))
    except StructError:
        raise XdrError("ACCESS4res: value out of range") from None


def pack_ACCESS4res(v: ACCESS4res) -> bytes:
    out: list[bytes] = []
    append_ACCESS4res(out, v)
    return b"".join(out)


def unpack_CLOSE4args(buf: Buffer, pos: int) -> tuple[CLOSE4args, int]:
    try:
        v1, v2, v3 = uS_II12s(buf, pos)
        return CLOSE4args(v1, stateid4(v2, v3)), pos + 20
    except StructError:
        raise XdrError("CLOSE4args: truncated") from None


def append_CLOSE4args(out: list[bytes], v: CLOSE4args) -> None:
    try:
        o1 = v.open_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_II12s(v.seqid, o1.seqid, v2))
    except StructError:
        raise XdrError("CLOSE4args: value out of range") from None


def pack_CLOSE4args(v: CLOSE4args) -> bytes:
    try:
        o1 = v.open_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_II12s(v.seqid, o1.seqid, v2)
    except StructError:
        raise XdrError("CLOSE4args: value out of range") from None


def unpack_CLOSE4res(buf: Buffer, pos: int) -> tuple[CLOSE4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4 = uS_I12s(buf, pos)
            pos += 16
            v2 = CLOSE4res(d1, stateid4(v3, v4))
        else:
            v2 = CLOSE4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("CLOSE4res: truncated") from None


def append_CLOSE4res(out: list[bytes], v: CLOSE4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.open_stateid
            if o2 is None:
                raise XdrError("CLOSE4res.open_stateid: the selected arm is missing")
            v3 = o2.other
            if len(v3) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12s(o2.seqid, v3))
    except StructError:
        raise XdrError("CLOSE4res: value out of range") from None


def pack_CLOSE4res(v: CLOSE4res) -> bytes:
    out: list[bytes] = []
    append_CLOSE4res(out, v)
    return b"".join(out)


def unpack_COMMIT4args(buf: Buffer, pos: int) -> tuple[COMMIT4args, int]:
    try:
        v1, v2 = uS_QI(buf, pos)
        return COMMIT4args(v1, v2), pos + 12
    except StructError:
        raise XdrError("COMMIT4args: truncated") from None


def append_COMMIT4args(out: list[bytes], v: COMMIT4args) -> None:
    try:
        out.append(pS_QI(v.offset, v.count))
    except StructError:
        raise XdrError("COMMIT4args: value out of range") from None


def pack_COMMIT4args(v: COMMIT4args) -> bytes:
    try:
        return pS_QI(v.offset, v.count)
    except StructError:
        raise XdrError("COMMIT4args: value out of range") from None


def unpack_COMMIT4resok(buf: Buffer, pos: int) -> tuple[COMMIT4resok, int]:
    try:
        v1, = uS_8s(buf, pos)
        return COMMIT4resok(v1), pos + 8
    except StructError:
        raise XdrError("COMMIT4resok: truncated") from None


def append_COMMIT4resok(out: list[bytes], v: COMMIT4resok) -> None:
    try:
        v1 = v.writeverf
        if len(v1) != 8:
            raise XdrError("COMMIT4resok.writeverf: length")
        out.append(pS_8s(v1))
    except StructError:
        raise XdrError("COMMIT4resok: value out of range") from None


def pack_COMMIT4resok(v: COMMIT4resok) -> bytes:
    out: list[bytes] = []
    append_COMMIT4resok(out, v)
    return b"".join(out)


def unpack_COMMIT4res(buf: Buffer, pos: int) -> tuple[COMMIT4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, = uS_8s(buf, pos)
            pos += 8
            v2 = COMMIT4res(d1, COMMIT4resok(v3))
        else:
            v2 = COMMIT4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("COMMIT4res: truncated") from None


def append_COMMIT4res(out: list[bytes], v: COMMIT4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("COMMIT4res.resok4: the selected arm is missing")
            v3 = o2.writeverf
            if len(v3) != 8:
                raise XdrError("COMMIT4resok.writeverf: length")
            out.append(pS_8s(v3))
    except StructError:
        raise XdrError("COMMIT4res: value out of range") from None


def pack_COMMIT4res(v: COMMIT4res) -> bytes:
    out: list[bytes] = []
    append_COMMIT4res(out, v)
    return b"".join(out)


def unpack_createtype4(buf: Buffer, pos: int) -> tuple[createtype4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 5:
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 65536 or pos > end:
                raise XdrError("createtype4.linkdata: length")
            v6 = bytes(buf[b4:e5])
            v2 = createtype4(d1, v6)
        elif d1 in (3, 4):
            v7, v8 = uS_II(buf, pos)
            pos += 8
            v2 = createtype4(d1, None, specdata4(v7, v8))
        else:
            v2 = createtype4(d1)
        return v2, pos
    except StructError:
        raise XdrError("createtype4: truncated") from None


def append_createtype4(out: list[bytes], v: createtype4) -> None:
    try:
        d1 = v.type
        out.append(pS_I(d1))
        if d1 == 5:
            o2 = v.linkdata
            if o2 is None:
                raise XdrError("createtype4.linkdata: the selected arm is missing")
            v3 = o2
            n4 = len(v3)
            if n4 > 65536:
                raise XdrError("createtype4.linkdata: length")
            out.append(pS_I(n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
        elif d1 in (3, 4):
            o5 = v.devdata
            if o5 is None:
                raise XdrError("createtype4.devdata: the selected arm is missing")
            out.append(pS_II(o5.specdata1, o5.specdata2))
    except StructError:
        raise XdrError("createtype4: value out of range") from None


def pack_createtype4(v: createtype4) -> bytes:
    out: list[bytes] = []
    append_createtype4(out, v)
    return b"".join(out)


def unpack_CREATE4args(buf: Buffer, pos: int) -> tuple[CREATE4args, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 5:
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 65536 or pos > end:
                raise XdrError("createtype4.linkdata: length")
            v6 = bytes(buf[b4:e5])
            v2 = createtype4(d1, v6)
        elif d1 in (3, 4):
            v7, v8 = uS_II(buf, pos)
            pos += 8
            v2 = createtype4(d1, None, specdata4(v7, v8))
        else:
            v2 = createtype4(d1)
        n9, = uS_I(buf, pos)
        b10 = pos + 4
        e11 = b10 + n9
        pos = e11 + (-n9 & 3)
        if n9 > 4096 or pos > end:
            raise XdrError("CREATE4args.objname: length")
        v12 = bytes(buf[b10:e11])
        n13, = uS_I(buf, pos)
        if n13 == 2:
            v15, v16 = uS_II(buf, pos + 4)
            v14 = v15 | v16 << 32
            pos += 12
        elif n13 == 3:
            v15, v16, v17 = uS_III(buf, pos + 4)
            v14 = v15 | v16 << 32 | v17 << 64
            pos += 16
        elif n13 == 1:
            v14, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v14 = unpack_bitmap(buf, pos + 4, n13)
            pos += 4 + n13 * 4
        n18, = uS_I(buf, pos)
        b19 = pos + 4
        e20 = b19 + n18
        pos = e20 + (-n18 & 3)
        if n18 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v21 = bytes(buf[b19:e20])
        return CREATE4args(v2, v12, fattr4(v14, v21)), pos
    except StructError:
        raise XdrError("CREATE4args: truncated") from None


def append_CREATE4args(out: list[bytes], v: CREATE4args) -> None:
    try:
        o1 = v.objtype
        d2 = o1.type
        out.append(pS_I(d2))
        if d2 == 5:
            o3 = o1.linkdata
            if o3 is None:
                raise XdrError("createtype4.linkdata: the selected arm is missing")
            v4 = o3
            n5 = len(v4)
            if n5 > 65536:
                raise XdrError("createtype4.linkdata: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
        elif d2 in (3, 4):
            o6 = o1.devdata
            if o6 is None:
                raise XdrError("createtype4.devdata: the selected arm is missing")
            out.append(pS_II(o6.specdata1, o6.specdata2))
        v7 = v.objname
        n8 = len(v7)
        if n8 > 4096:
            raise XdrError("CREATE4args.objname: length")
        out.append(pS_I(n8))
        out.append(v7)
        if n8 & 3:
            out.append(PADS[n8 & 3])
        o9 = v.createattrs
        out.append(pack_bitmap(o9.attrmask))
        v10 = o9.attr_vals
        n11 = len(v10)
        if n11 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n11))
        out.append(v10)
        if n11 & 3:
            out.append(PADS[n11 & 3])
    except StructError:
        raise XdrError("CREATE4args: value out of range") from None


def pack_CREATE4args(v: CREATE4args) -> bytes:
    out: list[bytes] = []
    append_CREATE4args(out, v)
    return b"".join(out)


def unpack_CREATE4resok(buf: Buffer, pos: int) -> tuple[CREATE4resok, int]:
    try:
        v1, v2, v3, n4 = uS_IQQI(buf, pos)
        if v1 > 1:
            raise XdrError("CREATE4resok: a bool is 0 or 1")
        if n4 == 2:
            v6, v7 = uS_II(buf, pos + 24)
            v5 = v6 | v7 << 32
            pos += 32
        elif n4 == 3:
            v6, v7, v8 = uS_III(buf, pos + 24)
            v5 = v6 | v7 << 32 | v8 << 64
            pos += 36
        elif n4 == 1:
            v5, = uS_I(buf, pos + 24)
            pos += 28
        else:
            v5 = unpack_bitmap(buf, pos + 24, n4)
            pos += 24 + n4 * 4
        return CREATE4resok(change_info4(v1 == 1, v2, v3), v5), pos
    except StructError:
        raise XdrError("CREATE4resok: truncated") from None


def append_CREATE4resok(out: list[bytes], v: CREATE4resok) -> None:
    try:
        o1 = v.cinfo
        out.append(pS_IQQ(o1.atomic, o1.before, o1.after))
        out.append(pack_bitmap(v.attrset))
    except StructError:
        raise XdrError("CREATE4resok: value out of range") from None


def pack_CREATE4resok(v: CREATE4resok) -> bytes:
    out: list[bytes] = []
    append_CREATE4resok(out, v)
    return b"".join(out)


def unpack_CREATE4res(buf: Buffer, pos: int) -> tuple[CREATE4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5, n6 = uS_IQQI(buf, pos)
            if v3 > 1:
                raise XdrError("CREATE4res: a bool is 0 or 1")
            if n6 == 2:
                v8, v9 = uS_II(buf, pos + 24)
                v7 = v8 | v9 << 32
                pos += 32
            elif n6 == 3:
                v8, v9, v10 = uS_III(buf, pos + 24)
                v7 = v8 | v9 << 32 | v10 << 64
                pos += 36
            elif n6 == 1:
                v7, = uS_I(buf, pos + 24)
                pos += 28
            else:
                v7 = unpack_bitmap(buf, pos + 24, n6)
                pos += 24 + n6 * 4
            v2 = CREATE4res(d1, CREATE4resok(change_info4(v3 == 1, v4, v5), v7))
        else:
            v2 = CREATE4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("CREATE4res: truncated") from None


def append_CREATE4res(out: list[bytes], v: CREATE4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("CREATE4res.resok4: the selected arm is missing")
            o3 = o2.cinfo
            out.append(pS_IQQ(o3.atomic, o3.before, o3.after))
            out.append(pack_bitmap(o2.attrset))
    except StructError:
        raise XdrError("CREATE4res: value out of range") from None


def pack_CREATE4res(v: CREATE4res) -> bytes:
    out: list[bytes] = []
    append_CREATE4res(out, v)
    return b"".join(out)


def unpack_DELEGPURGE4args(buf: Buffer, pos: int) -> tuple[DELEGPURGE4args, int]:
    try:
        v1, = uS_Q(buf, pos)
        return DELEGPURGE4args(v1), pos + 8
    except StructError:
        raise XdrError("DELEGPURGE4args: truncated") from None


def append_DELEGPURGE4args(out: list[bytes], v: DELEGPURGE4args) -> None:
    try:
        out.append(pS_Q(v.clientid))
    except StructError:
        raise XdrError("DELEGPURGE4args: value out of range") from None


def pack_DELEGPURGE4args(v: DELEGPURGE4args) -> bytes:
    out: list[bytes] = []
    append_DELEGPURGE4args(out, v)
    return b"".join(out)


def unpack_DELEGPURGE4res(buf: Buffer, pos: int) -> tuple[DELEGPURGE4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return DELEGPURGE4res(v1), pos + 4
    except StructError:
        raise XdrError("DELEGPURGE4res: truncated") from None


def append_DELEGPURGE4res(out: list[bytes], v: DELEGPURGE4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("DELEGPURGE4res: value out of range") from None


def pack_DELEGPURGE4res(v: DELEGPURGE4res) -> bytes:
    out: list[bytes] = []
    append_DELEGPURGE4res(out, v)
    return b"".join(out)


def unpack_DELEGRETURN4args(buf: Buffer, pos: int) -> tuple[DELEGRETURN4args, int]:
    try:
        v1, v2 = uS_I12s(buf, pos)
        return DELEGRETURN4args(stateid4(v1, v2)), pos + 16
    except StructError:
        raise XdrError("DELEGRETURN4args: truncated") from None


def append_DELEGRETURN4args(out: list[bytes], v: DELEGRETURN4args) -> None:
    try:
        o1 = v.deleg_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12s(o1.seqid, v2))
    except StructError:
        raise XdrError("DELEGRETURN4args: value out of range") from None


def pack_DELEGRETURN4args(v: DELEGRETURN4args) -> bytes:
    try:
        o1 = v.deleg_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12s(o1.seqid, v2)
    except StructError:
        raise XdrError("DELEGRETURN4args: value out of range") from None


def unpack_DELEGRETURN4res(buf: Buffer, pos: int) -> tuple[DELEGRETURN4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return DELEGRETURN4res(v1), pos + 4
    except StructError:
        raise XdrError("DELEGRETURN4res: truncated") from None


def append_DELEGRETURN4res(out: list[bytes], v: DELEGRETURN4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("DELEGRETURN4res: value out of range") from None


def pack_DELEGRETURN4res(v: DELEGRETURN4res) -> bytes:
    out: list[bytes] = []
    append_DELEGRETURN4res(out, v)
    return b"".join(out)


def unpack_GETATTR4args(buf: Buffer, pos: int) -> tuple[GETATTR4args, int]:
    try:
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        return GETATTR4args(v2), pos
    except StructError:
        raise XdrError("GETATTR4args: truncated") from None


def append_GETATTR4args(out: list[bytes], v: GETATTR4args) -> None:
    try:
        out.append(pack_bitmap(v.attr_request))
    except StructError:
        raise XdrError("GETATTR4args: value out of range") from None


def pack_GETATTR4args(v: GETATTR4args) -> bytes:
    out: list[bytes] = []
    append_GETATTR4args(out, v)
    return b"".join(out)


def unpack_GETATTR4resok(buf: Buffer, pos: int) -> tuple[GETATTR4resok, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        n6, = uS_I(buf, pos)
        b7 = pos + 4
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v9 = bytes(buf[b7:e8])
        return GETATTR4resok(fattr4(v2, v9)), pos
    except StructError:
        raise XdrError("GETATTR4resok: truncated") from None


def append_GETATTR4resok(out: list[bytes], v: GETATTR4resok) -> None:
    try:
        o1 = v.obj_attributes
        out.append(pack_bitmap(o1.attrmask))
        v2 = o1.attr_vals
        n3 = len(v2)
        if n3 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
    except StructError:
        raise XdrError("GETATTR4resok: value out of range") from None


def pack_GETATTR4resok(v: GETATTR4resok) -> bytes:
    out: list[bytes] = []
    append_GETATTR4resok(out, v)
    return b"".join(out)


def unpack_GETATTR4res(buf: Buffer, pos: int) -> tuple[GETATTR4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            if n3 == 2:
                v5, v6 = uS_II(buf, pos + 4)
                v4 = v5 | v6 << 32
                pos += 12
            elif n3 == 3:
                v5, v6, v7 = uS_III(buf, pos + 4)
                v4 = v5 | v6 << 32 | v7 << 64
                pos += 16
            elif n3 == 1:
                v4, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v4 = unpack_bitmap(buf, pos + 4, n3)
                pos += 4 + n3 * 4
            n8, = uS_I(buf, pos)
            b9 = pos + 4
            e10 = b9 + n8
            pos = e10 + (-n8 & 3)
            if n8 > 1048576 or pos > end:
                raise XdrError("fattr4.attr_vals: length")
            v11 = bytes(buf[b9:e10])
            v2 = GETATTR4res(d1, GETATTR4resok(fattr4(v4, v11)))
        else:
            v2 = GETATTR4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("GETATTR4res: truncated") from None


def append_GETATTR4res(out: list[bytes], v: GETATTR4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("GETATTR4res.resok4: the selected arm is missing")
            o3 = o2.obj_attributes
            out.append(pack_bitmap(o3.attrmask))
            v4 = o3.attr_vals
            n5 = len(v4)
            if n5 > 1048576:
                raise XdrError("fattr4.attr_vals: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("GETATTR4res: value out of range") from None


def pack_GETATTR4res(v: GETATTR4res) -> bytes:
    out: list[bytes] = []
    append_GETATTR4res(out, v)
    return b"".join(out)


def unpack_GETFH4resok(buf: Buffer, pos: int) -> tuple[GETFH4resok, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 128 or pos > end:
            raise XdrError("GETFH4resok.object: length")
        v4 = bytes(buf[b2:e3])
        return GETFH4resok(v4), pos
    except StructError:
        raise XdrError("GETFH4resok: truncated") from None


def append_GETFH4resok(out: list[bytes], v: GETFH4resok) -> None:
    try:
        v1 = v.object
        n2 = len(v1)
        if n2 > 128:
            raise XdrError("GETFH4resok.object: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("GETFH4resok: value out of range") from None


def pack_GETFH4resok(v: GETFH4resok) -> bytes:
    out: list[bytes] = []
    append_GETFH4resok(out, v)
    return b"".join(out)


def unpack_GETFH4res(buf: Buffer, pos: int) -> tuple[GETFH4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 128 or pos > end:
                raise XdrError("GETFH4resok.object: length")
            v6 = bytes(buf[b4:e5])
            v2 = GETFH4res(d1, GETFH4resok(v6))
        else:
            v2 = GETFH4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("GETFH4res: truncated") from None


def append_GETFH4res(out: list[bytes], v: GETFH4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("GETFH4res.resok4: the selected arm is missing")
            v3 = o2.object
            n4 = len(v3)
            if n4 > 128:
                raise XdrError("GETFH4resok.object: length")
            out.append(pS_I(n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("GETFH4res: value out of range") from None


def pack_GETFH4res(v: GETFH4res) -> bytes:
    out: list[bytes] = []
    append_GETFH4res(out, v)
    return b"".join(out)


def unpack_LINK4args(buf: Buffer, pos: int) -> tuple[LINK4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("LINK4args.newname: length")
        v4 = bytes(buf[b2:e3])
        return LINK4args(v4), pos
    except StructError:
        raise XdrError("LINK4args: truncated") from None


def append_LINK4args(out: list[bytes], v: LINK4args) -> None:
    try:
        v1 = v.newname
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("LINK4args.newname: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("LINK4args: value out of range") from None


def pack_LINK4args(v: LINK4args) -> bytes:
    out: list[bytes] = []
    append_LINK4args(out, v)
    return b"".join(out)


def unpack_LINK4resok(buf: Buffer, pos: int) -> tuple[LINK4resok, int]:
    try:
        v1, v2, v3 = uS_IQQ(buf, pos)
        if v1 > 1:
            raise XdrError("LINK4resok: a bool is 0 or 1")
        return LINK4resok(change_info4(v1 == 1, v2, v3)), pos + 20
    except StructError:
        raise XdrError("LINK4resok: truncated") from None


def append_LINK4resok(out: list[bytes], v: LINK4resok) -> None:
    try:
        o1 = v.cinfo
        out.append(pS_IQQ(o1.atomic, o1.before, o1.after))
    except StructError:
        raise XdrError("LINK4resok: value out of range") from None


def pack_LINK4resok(v: LINK4resok) -> bytes:
    try:
        o1 = v.cinfo
        return pS_IQQ(o1.atomic, o1.before, o1.after)
    except StructError:
        raise XdrError("LINK4resok: value out of range") from None


def unpack_LINK4res(buf: Buffer, pos: int) -> tuple[LINK4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5 = uS_IQQ(buf, pos)
            if v3 > 1:
                raise XdrError("LINK4res: a bool is 0 or 1")
            pos += 20
            v2 = LINK4res(d1, LINK4resok(change_info4(v3 == 1, v4, v5)))
        else:
            v2 = LINK4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("LINK4res: truncated") from None


def append_LINK4res(out: list[bytes], v: LINK4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("LINK4res.resok4: the selected arm is missing")
            o3 = o2.cinfo
            out.append(pS_IQQ(o3.atomic, o3.before, o3.after))
    except StructError:
        raise XdrError("LINK4res: value out of range") from None


def pack_LINK4res(v: LINK4res) -> bytes:
    out: list[bytes] = []
    append_LINK4res(out, v)
    return b"".join(out)


def unpack_nfs_lock_type4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("nfs_lock_type4: truncated") from None


def append_nfs_lock_type4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("nfs_lock_type4: value out of range") from None


def pack_nfs_lock_type4(v: int) -> bytes:
    out: list[bytes] = []
    append_nfs_lock_type4(out, v)
    return b"".join(out)


def unpack_open_to_lock_owner4(buf: Buffer, pos: int) -> tuple[open_to_lock_owner4, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, n6 = uS_II12sIQI(buf, pos)
        b7 = pos + 36
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 1024 or pos > end:
            raise XdrError("state_owner4.owner: length")
        v9 = bytes(buf[b7:e8])
        return open_to_lock_owner4(v1, stateid4(v2, v3), v4, state_owner4(v5, v9)), pos
    except StructError:
        raise XdrError("open_to_lock_owner4: truncated") from None


def append_open_to_lock_owner4(out: list[bytes], v: open_to_lock_owner4) -> None:
    try:
        o1 = v.open_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.lock_owner
        v4 = o3.owner
        n5 = len(v4)
        if n5 > 1024:
            raise XdrError("state_owner4.owner: length")
        out.append(pS_II12sIQI(v.open_seqid, o1.seqid, v2, v.lock_seqid, o3.clientid, n5))
        out.append(v4)
        if n5 & 3:
            out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("open_to_lock_owner4: value out of range") from None


def pack_open_to_lock_owner4(v: open_to_lock_owner4) -> bytes:
    out: list[bytes] = []
    append_open_to_lock_owner4(out, v)
    return b"".join(out)


def unpack_exist_lock_owner4(buf: Buffer, pos: int) -> tuple[exist_lock_owner4, int]:
    try:
        v1, v2, v3 = uS_I12sI(buf, pos)
        return exist_lock_owner4(stateid4(v1, v2), v3), pos + 20
    except StructError:
        raise XdrError("exist_lock_owner4: truncated") from None


def append_exist_lock_owner4(out: list[bytes], v: exist_lock_owner4) -> None:
    try:
        o1 = v.lock_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12sI(o1.seqid, v2, v.lock_seqid))
    except StructError:
        raise XdrError("exist_lock_owner4: value out of range") from None


def pack_exist_lock_owner4(v: exist_lock_owner4) -> bytes:
    try:
        o1 = v.lock_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12sI(o1.seqid, v2, v.lock_seqid)
    except StructError:
        raise XdrError("exist_lock_owner4: value out of range") from None


def unpack_locker4(buf: Buffer, pos: int) -> tuple[locker4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, v4, v5, v6, v7, n8 = uS_II12sIQI(buf, pos)
            b9 = pos + 36
            e10 = b9 + n8
            pos = e10 + (-n8 & 3)
            if n8 > 1024 or pos > end:
                raise XdrError("state_owner4.owner: length")
            v11 = bytes(buf[b9:e10])
            v2 = locker4(True, open_to_lock_owner4(v3, stateid4(v4, v5), v6, state_owner4(v7, v11)))
        elif d1 == 0:
            v12, v13, v14 = uS_I12sI(buf, pos)
            pos += 20
            v2 = locker4(False, None, exist_lock_owner4(stateid4(v12, v13), v14))
        else:
            raise XdrError("locker4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("locker4: truncated") from None


def append_locker4(out: list[bytes], v: locker4) -> None:
    try:
        d1 = v.new_lock_owner
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.open_owner
            if o2 is None:
                raise XdrError("locker4.open_owner: the selected arm is missing")
            o3 = o2.open_stateid
            v4 = o3.other
            if len(v4) != 12:
                raise XdrError("stateid4.other: length")
            o5 = o2.lock_owner
            v6 = o5.owner
            n7 = len(v6)
            if n7 > 1024:
                raise XdrError("state_owner4.owner: length")
            out.append(pS_II12sIQI(o2.open_seqid, o3.seqid, v4, o2.lock_seqid, o5.clientid, n7))
            out.append(v6)
            if n7 & 3:
                out.append(PADS[n7 & 3])
        elif d1 == 0:
            o8 = v.lock_owner
            if o8 is None:
                raise XdrError("locker4.lock_owner: the selected arm is missing")
            o9 = o8.lock_stateid
            v10 = o9.other
            if len(v10) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12sI(o9.seqid, v10, o8.lock_seqid))
        else:
            raise XdrError("locker4: no such arm")
    except StructError:
        raise XdrError("locker4: value out of range") from None


def pack_locker4(v: locker4) -> bytes:
    out: list[bytes] = []
    append_locker4(out, v)
    return b"".join(out)


def unpack_LOCK4args(buf: Buffer, pos: int) -> tuple[LOCK4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, d5 = uS_IIQQI(buf, pos)
        if v2 > 1:
            raise XdrError("LOCK4args: a bool is 0 or 1")
        pos += 28
        if d5 == 1:
            v7, v8, v9, v10, v11, n12 = uS_II12sIQI(buf, pos)
            b13 = pos + 36
            e14 = b13 + n12
            pos = e14 + (-n12 & 3)
            if n12 > 1024 or pos > end:
                raise XdrError("state_owner4.owner: length")
            v15 = bytes(buf[b13:e14])
            v6 = locker4(True, open_to_lock_owner4(v7, stateid4(v8, v9), v10, state_owner4(v11, v15)))
        elif d5 == 0:
            v16, v17, v18 = uS_I12sI(buf, pos)
            pos += 20
            v6 = locker4(False, None, exist_lock_owner4(stateid4(v16, v17), v18))
        else:
            raise XdrError("locker4: no such arm")
        return LOCK4args(v1, v2 == 1, v3, v4, v6), pos
    except StructError:
        raise XdrError("LOCK4args: truncated") from None


def append_LOCK4args(out: list[bytes], v: LOCK4args) -> None:
    try:
        o1 = v.locker
        d2 = o1.new_lock_owner
        out.append(pS_IIQQI(v.locktype, v.reclaim, v.offset, v.length, d2))
        if d2 == 1:
            o3 = o1.open_owner
            if o3 is None:
                raise XdrError("locker4.open_owner: the selected arm is missing")
            o4 = o3.open_stateid
            v5 = o4.other
            if len(v5) != 12:
                raise XdrError("stateid4.other: length")
            o6 = o3.lock_owner
            v7 = o6.owner
            n8 = len(v7)
            if n8 > 1024:
                raise XdrError("state_owner4.owner: length")
            out.append(pS_II12sIQI(o3.open_seqid, o4.seqid, v5, o3.lock_seqid, o6.clientid, n8))
            out.append(v7)
            if n8 & 3:
                out.append(PADS[n8 & 3])
        elif d2 == 0:
            o9 = o1.lock_owner
            if o9 is None:
                raise XdrError("locker4.lock_owner: the selected arm is missing")
            o10 = o9.lock_stateid
            v11 = o10.other
            if len(v11) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12sI(o10.seqid, v11, o9.lock_seqid))
        else:
            raise XdrError("locker4: no such arm")
    except StructError:
        raise XdrError("LOCK4args: value out of range") from None


def pack_LOCK4args(v: LOCK4args) -> bytes:
    out: list[bytes] = []
    append_LOCK4args(out, v)
    return b"".join(out)


def unpack_LOCK4denied(buf: Buffer, pos: int) -> tuple[LOCK4denied, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_QQIQI(buf, pos)
        b6 = pos + 32
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 1024 or pos > end:
            raise XdrError("state_owner4.owner: length")
        v8 = bytes(buf[b6:e7])
        return LOCK4denied(v1, v2, v3, state_owner4(v4, v8)), pos
    except StructError:
        raise XdrError("LOCK4denied: truncated") from None


def append_LOCK4denied(out: list[bytes], v: LOCK4denied) -> None:
    try:
        o1 = v.owner
        v2 = o1.owner
        n3 = len(v2)
        if n3 > 1024:
            raise XdrError("state_owner4.owner: length")
        out.append(pS_QQIQI(v.offset, v.length, v.locktype, o1.clientid, n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
    except StructError:
        raise XdrError("LOCK4denied: value out of range") from None


def pack_LOCK4denied(v: LOCK4denied) -> bytes:
    out: list[bytes] = []
    append_LOCK4denied(out, v)
    return b"".join(out)


def unpack_LOCK4resok(buf: Buffer, pos: int) -> tuple[LOCK4resok, int]:
    try:
        v1, v2 = uS_I12s(buf, pos)
        return LOCK4resok(stateid4(v1, v2)), pos + 16
    except StructError:
        raise XdrError("LOCK4resok: truncated") from None


def append_LOCK4resok(out: list[bytes], v: LOCK4resok) -> None:
    try:
        o1 = v.lock_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12s(o1.seqid, v2))
    except StructError:
        raise XdrError("LOCK4resok: value out of range") from None


def pack_LOCK4resok(v: LOCK4resok) -> bytes:
    try:
        o1 = v.lock_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12s(o1.seqid, v2)
    except StructError:
        raise XdrError("LOCK4resok: value out of range") from None


def unpack_LOCK4res(buf: Buffer, pos: int) -> tuple[LOCK4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4 = uS_I12s(buf, pos)
            pos += 16
            v2 = LOCK4res(d1, LOCK4resok(stateid4(v3, v4)))
        elif d1 == 10010:
            v5, v6, v7, v8, n9 = uS_QQIQI(buf, pos)
            b10 = pos + 32
            e11 = b10 + n9
            pos = e11 + (-n9 & 3)
            if n9 > 1024 or pos > end:
                raise XdrError("state_owner4.owner: length")
            v12 = bytes(buf[b10:e11])
            v2 = LOCK4res(d1, None, LOCK4denied(v5, v6, v7, state_owner4(v8, v12)))
        else:
            v2 = LOCK4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("LOCK4res: truncated") from None


def append_LOCK4res(out: list[bytes], v: LOCK4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("LOCK4res.resok4: the selected arm is missing")
            o3 = o2.lock_stateid
            v4 = o3.other
            if len(v4) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12s(o3.seqid, v4))
        elif d1 == 10010:
            o5 = v.denied
            if o5 is None:
                raise XdrError("LOCK4res.denied: the selected arm is missing")
            o6 = o5.owner
            v7 = o6.owner
            n8 = len(v7)
            if n8 > 1024:
                raise XdrError("state_owner4.owner: length")
            out.append(pS_QQIQI(o5.offset, o5.length, o5.locktype, o6.clientid, n8))
            out.append(v7)
            if n8 & 3:
                out.append(PADS[n8 & 3])
    except StructError:
        raise XdrError("LOCK4res: value out of range") from None


def pack_LOCK4res(v: LOCK4res) -> bytes:
    out: list[bytes] = []
    append_LOCK4res(out, v)
    return b"".join(out)


def unpack_LOCKT4args(buf: Buffer, pos: int) -> tuple[LOCKT4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_IQQQI(buf, pos)
        b6 = pos + 32
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 1024 or pos > end:
            raise XdrError("state_owner4.owner: length")
        v8 = bytes(buf[b6:e7])
        return LOCKT4args(v1, v2, v3, state_owner4(v4, v8)), pos
    except StructError:
        raise XdrError("LOCKT4args: truncated") from None


def append_LOCKT4args(out: list[bytes], v: LOCKT4args) -> None:
    try:
        o1 = v.owner
        v2 = o1.owner
        n3 = len(v2)
        if n3 > 1024:
            raise XdrError("state_owner4.owner: length")
        out.append(pS_IQQQI(v.locktype, v.offset, v.length, o1.clientid, n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
    except StructError:
        raise XdrError("LOCKT4args: value out of range") from None


def pack_LOCKT4args(v: LOCKT4args) -> bytes:
    out: list[bytes] = []
    append_LOCKT4args(out, v)
    return b"".join(out)


def unpack_LOCKT4res(buf: Buffer, pos: int) -> tuple[LOCKT4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 10010:
            v3, v4, v5, v6, n7 = uS_QQIQI(buf, pos)
            b8 = pos + 32
            e9 = b8 + n7
            pos = e9 + (-n7 & 3)
            if n7 > 1024 or pos > end:
                raise XdrError("state_owner4.owner: length")
            v10 = bytes(buf[b8:e9])
            v2 = LOCKT4res(d1, LOCK4denied(v3, v4, v5, state_owner4(v6, v10)))
        else:
            v2 = LOCKT4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("LOCKT4res: truncated") from None


def append_LOCKT4res(out: list[bytes], v: LOCKT4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 10010:
            o2 = v.denied
            if o2 is None:
                raise XdrError("LOCKT4res.denied: the selected arm is missing")
            o3 = o2.owner
            v4 = o3.owner
            n5 = len(v4)
            if n5 > 1024:
                raise XdrError("state_owner4.owner: length")
            out.append(pS_QQIQI(o2.offset, o2.length, o2.locktype, o3.clientid, n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("LOCKT4res: value out of range") from None


def pack_LOCKT4res(v: LOCKT4res) -> bytes:
    out: list[bytes] = []
    append_LOCKT4res(out, v)
    return b"".join(out)


def unpack_LOCKU4args(buf: Buffer, pos: int) -> tuple[LOCKU4args, int]:
    try:
        v1, v2, v3, v4, v5, v6 = uS_III12sQQ(buf, pos)
        return LOCKU4args(v1, v2, stateid4(v3, v4), v5, v6), pos + 40
    except StructError:
        raise XdrError("LOCKU4args: truncated") from None


def append_LOCKU4args(out: list[bytes], v: LOCKU4args) -> None:
    try:
        o1 = v.lock_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_III12sQQ(v.locktype, v.seqid, o1.seqid, v2, v.offset, v.length))
    except StructError:
        raise XdrError("LOCKU4args: value out of range") from None


def pack_LOCKU4args(v: LOCKU4args) -> bytes:
    try:
        o1 = v.lock_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_III12sQQ(v.locktype, v.seqid, o1.seqid, v2, v.offset, v.length)
    except StructError:
        raise XdrError("LOCKU4args: value out of range") from None


def unpack_LOCKU4res(buf: Buffer, pos: int) -> tuple[LOCKU4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4 = uS_I12s(buf, pos)
            pos += 16
            v2 = LOCKU4res(d1, stateid4(v3, v4))
        else:
            v2 = LOCKU4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("LOCKU4res: truncated") from None


def append_LOCKU4res(out: list[bytes], v: LOCKU4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.lock_stateid
            if o2 is None:
                raise XdrError("LOCKU4res.lock_stateid: the selected arm is missing")
            v3 = o2.other
            if len(v3) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12s(o2.seqid, v3))
    except StructError:
        raise XdrError("LOCKU4res: value out of range") from None


def pack_LOCKU4res(v: LOCKU4res) -> bytes:
    out: list[bytes] = []
    append_LOCKU4res(out, v)
    return b"".join(out)


def unpack_LOOKUP4args(buf: Buffer, pos: int) -> tuple[LOOKUP4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("LOOKUP4args.objname: length")
        v4 = bytes(buf[b2:e3])
        return LOOKUP4args(v4), pos
    except StructError:
        raise XdrError("LOOKUP4args: truncated") from None


def append_LOOKUP4args(out: list[bytes], v: LOOKUP4args) -> None:
    try:
        v1 = v.objname
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("LOOKUP4args.objname: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("LOOKUP4args: value out of range") from None


def pack_LOOKUP4args(v: LOOKUP4args) -> bytes:
    out: list[bytes] = []
    append_LOOKUP4args(out, v)
    return b"".join(out)


def unpack_LOOKUP4res(buf: Buffer, pos: int) -> tuple[LOOKUP4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return LOOKUP4res(v1), pos + 4
    except StructError:
        raise XdrError("LOOKUP4res: truncated") from None


def append_LOOKUP4res(out: list[bytes], v: LOOKUP4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("LOOKUP4res: value out of range") from None


def pack_LOOKUP4res(v: LOOKUP4res) -> bytes:
    out: list[bytes] = []
    append_LOOKUP4res(out, v)
    return b"".join(out)


def unpack_LOOKUPP4res(buf: Buffer, pos: int) -> tuple[LOOKUPP4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return LOOKUPP4res(v1), pos + 4
    except StructError:
        raise XdrError("LOOKUPP4res: truncated") from None


def append_LOOKUPP4res(out: list[bytes], v: LOOKUPP4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("LOOKUPP4res: value out of range") from None


def pack_LOOKUPP4res(v: LOOKUPP4res) -> bytes:
    out: list[bytes] = []
    append_LOOKUPP4res(out, v)
    return b"".join(out)


def unpack_NVERIFY4args(buf: Buffer, pos: int) -> tuple[NVERIFY4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        n6, = uS_I(buf, pos)
        b7 = pos + 4
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v9 = bytes(buf[b7:e8])
        return NVERIFY4args(fattr4(v2, v9)), pos
    except StructError:
        raise XdrError("NVERIFY4args: truncated") from None


def append_NVERIFY4args(out: list[bytes], v: NVERIFY4args) -> None:
    try:
        o1 = v.obj_attributes
        out.append(pack_bitmap(o1.attrmask))
        v2 = o1.attr_vals
        n3 = len(v2)
        if n3 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
    except StructError:
        raise XdrError("NVERIFY4args: value out of range") from None


def pack_NVERIFY4args(v: NVERIFY4args) -> bytes:
    out: list[bytes] = []
    append_NVERIFY4args(out, v)
    return b"".join(out)


def unpack_NVERIFY4res(buf: Buffer, pos: int) -> tuple[NVERIFY4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return NVERIFY4res(v1), pos + 4
    except StructError:
        raise XdrError("NVERIFY4res: truncated") from None


def append_NVERIFY4res(out: list[bytes], v: NVERIFY4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("NVERIFY4res: value out of range") from None


def pack_NVERIFY4res(v: NVERIFY4res) -> bytes:
    out: list[bytes] = []
    append_NVERIFY4res(out, v)
    return b"".join(out)


def unpack_createmode4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("createmode4: truncated") from None


def append_createmode4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("createmode4: value out of range") from None


def pack_createmode4(v: int) -> bytes:
    out: list[bytes] = []
    append_createmode4(out, v)
    return b"".join(out)


def unpack_creatverfattr(buf: Buffer, pos: int) -> tuple[creatverfattr, int]:
    try:
        end = len(buf)
        v1, n2 = uS_8sI(buf, pos)
        if n2 == 2:
            v4, v5 = uS_II(buf, pos + 12)
            v3 = v4 | v5 << 32
            pos += 20
        elif n2 == 3:
            v4, v5, v6 = uS_III(buf, pos + 12)
            v3 = v4 | v5 << 32 | v6 << 64
            pos += 24
        elif n2 == 1:
            v3, = uS_I(buf, pos + 12)
            pos += 16
        else:
            v3 = unpack_bitmap(buf, pos + 12, n2)
            pos += 12 + n2 * 4
        n7, = uS_I(buf, pos)
        b8 = pos + 4
        e9 = b8 + n7
        pos = e9 + (-n7 & 3)
        if n7 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v10 = bytes(buf[b8:e9])
        return creatverfattr(v1, fattr4(v3, v10)), pos
    except StructError:
        raise XdrError("creatverfattr: truncated") from None


def append_creatverfattr(out: list[bytes], v: creatverfattr) -> None:
    try:
        v1 = v.cva_verf
        if len(v1) != 8:
            raise XdrError("creatverfattr.cva_verf: length")
        o2 = v.cva_attrs
        out.append(pS_8s(v1))
        out.append(pack_bitmap(o2.attrmask))
        v3 = o2.attr_vals
        n4 = len(v3)
        if n4 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("creatverfattr: value out of range") from None


def pack_creatverfattr(v: creatverfattr) -> bytes:
    out: list[bytes] = []
    append_creatverfattr(out, v)
    return b"".join(out)


def unpack_createhow4(buf: Buffer, pos: int) -> tuple[createhow4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 in (0, 1):
            n3, = uS_I(buf, pos)
            if n3 == 2:
                v5, v6 = uS_II(buf, pos + 4)
                v4 = v5 | v6 << 32
                pos += 12
            elif n3 == 3:
                v5, v6, v7 = uS_III(buf, pos + 4)
                v4 = v5 | v6 << 32 | v7 << 64
                pos += 16
            elif n3 == 1:
                v4, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v4 = unpack_bitmap(buf, pos + 4, n3)
                pos += 4 + n3 * 4
            n8, = uS_I(buf, pos)
            b9 = pos + 4
            e10 = b9 + n8
            pos = e10 + (-n8 & 3)
            if n8 > 1048576 or pos > end:
                raise XdrError("fattr4.attr_vals: length")
            v11 = bytes(buf[b9:e10])
            v2 = createhow4(d1, fattr4(v4, v11))
        elif d1 == 2:
            v12, = uS_8s(buf, pos)
            pos += 8
            v2 = createhow4(d1, None, v12)
        elif d1 == 3:
            v13, n14 = uS_8sI(buf, pos)
            if n14 == 2:
                v16, v17 = uS_II(buf, pos + 12)
                v15 = v16 | v17 << 32
                pos += 20
            elif n14 == 3:
                v16, v17, v18 = uS_III(buf, pos + 12)
                v15 = v16 | v17 << 32 | v18 << 64
                pos += 24
            elif n14 == 1:
                v15, = uS_I(buf, pos + 12)
                pos += 16
            else:
                v15 = unpack_bitmap(buf, pos + 12, n14)
                pos += 12 + n14 * 4
            n19, = uS_I(buf, pos)
            b20 = pos + 4
            e21 = b20 + n19
            pos = e21 + (-n19 & 3)
            if n19 > 1048576 or pos > end:
                raise XdrError("fattr4.attr_vals: length")
            v22 = bytes(buf[b20:e21])
            v2 = createhow4(d1, None, None, creatverfattr(v13, fattr4(v15, v22)))
        else:
            raise XdrError("createhow4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("createhow4: truncated") from None


def append_createhow4(out: list[bytes], v: createhow4) -> None:
    try:
        d1 = v.mode
        out.append(pS_I(d1))
        if d1 in (0, 1):
            o2 = v.createattrs
            if o2 is None:
                raise XdrError("createhow4.createattrs: the selected arm is missing")
            out.append(pack_bitmap(o2.attrmask))
            v3 = o2.attr_vals
            n4 = len(v3)
            if n4 > 1048576:
                raise XdrError("fattr4.attr_vals: length")
            out.append(pS_I(n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
        elif d1 == 2:
            o5 = v.createverf
            if o5 is None:
                raise XdrError("createhow4.createverf: the selected arm is missing")
            v6 = o5
            if len(v6) != 8:
                raise XdrError("createhow4.createverf: length")
            out.append(pS_8s(v6))
        elif d1 == 3:
            o7 = v.ch_createboth
            if o7 is None:
                raise XdrError("createhow4.ch_createboth: the selected arm is missing")
            v8 = o7.cva_verf
            if len(v8) != 8:
                raise XdrError("creatverfattr.cva_verf: length")
            o9 = o7.cva_attrs
            out.append(pS_8s(v8))
            out.append(pack_bitmap(o9.attrmask))
            v10 = o9.attr_vals
            n11 = len(v10)
            if n11 > 1048576:
                raise XdrError("fattr4.attr_vals: length")
            out.append(pS_I(n11))
            out.append(v10)
            if n11 & 3:
                out.append(PADS[n11 & 3])
        else:
            raise XdrError("createhow4: no such arm")
    except StructError:
        raise XdrError("createhow4: value out of range") from None


def pack_createhow4(v: createhow4) -> bytes:
    out: list[bytes] = []
    append_createhow4(out, v)
    return b"".join(out)


def unpack_opentype4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("opentype4: truncated") from None


def append_opentype4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("opentype4: value out of range") from None


def pack_opentype4(v: int) -> bytes:
    out: list[bytes] = []
    append_opentype4(out, v)
    return b"".join(out)


def unpack_openflag4(buf: Buffer, pos: int) -> tuple[openflag4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            d3, = uS_I(buf, pos)
            pos += 4
            if d3 in (0, 1):
                n5, = uS_I(buf, pos)
                if n5 == 2:
                    v7, v8 = uS_II(buf, pos + 4)
                    v6 = v7 | v8 << 32
                    pos += 12
                elif n5 == 3:
                    v7, v8, v9 = uS_III(buf, pos + 4)
                    v6 = v7 | v8 << 32 | v9 << 64
                    pos += 16
                elif n5 == 1:
                    v6, = uS_I(buf, pos + 4)
                    pos += 8
                else:
                    v6 = unpack_bitmap(buf, pos + 4, n5)
                    pos += 4 + n5 * 4
                n10, = uS_I(buf, pos)
                b11 = pos + 4
                e12 = b11 + n10
                pos = e12 + (-n10 & 3)
                if n10 > 1048576 or pos > end:
                    raise XdrError("fattr4.attr_vals: length")
                v13 = bytes(buf[b11:e12])
                v4 = createhow4(d3, fattr4(v6, v13))
            elif d3 == 2:
                v14, = uS_8s(buf, pos)
                pos += 8
                v4 = createhow4(d3, None, v14)
            elif d3 == 3:
                v15, n16 = uS_8sI(buf, pos)
                if n16 == 2:
                    v18, v19 = uS_II(buf, pos + 12)
                    v17 = v18 | v19 << 32
                    pos += 20
                elif n16 == 3:
                    v18, v19, v20 = uS_III(buf, pos + 12)
                    v17 = v18 | v19 << 32 | v20 << 64
                    pos += 24
                elif n16 == 1:
                    v17, = uS_I(buf, pos + 12)
                    pos += 16
                else:
                    v17 = unpack_bitmap(buf, pos + 12, n16)
                    pos += 12 + n16 * 4
                n21, = uS_I(buf, pos)
                b22 = pos + 4
                e23 = b22 + n21
                pos = e23 + (-n21 & 3)
                if n21 > 1048576 or pos > end:
                    raise XdrError("fattr4.attr_vals: length")
                v24 = bytes(buf[b22:e23])
                v4 = createhow4(d3, None, None, creatverfattr(v15, fattr4(v17, v24)))
            else:
                raise XdrError("createhow4: no such arm")
            v2 = openflag4(d1, v4)
        elif d1 in (0,):
            v2 = openflag4(d1)
        else:
            raise XdrError("openflag4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("openflag4: truncated") from None


def append_openflag4(out: list[bytes], v: openflag4) -> None:
    try:
        d1 = v.opentype
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.how
            if o2 is None:
                raise XdrError("openflag4.how: the selected arm is missing")
            d3 = o2.mode
            out.append(pS_I(d3))
            if d3 in (0, 1):
                o4 = o2.createattrs
                if o4 is None:
                    raise XdrError("createhow4.createattrs: the selected arm is missing")
                out.append(pack_bitmap(o4.attrmask))
                v5 = o4.attr_vals
                n6 = len(v5)
                if n6 > 1048576:
                    raise XdrError("fattr4.attr_vals: length")
                out.append(pS_I(n6))
                out.append(v5)
                if n6 & 3:
                    out.append(PADS[n6 & 3])
            elif d3 == 2:
                o7 = o2.createverf
                if o7 is None:
                    raise XdrError("createhow4.createverf: the selected arm is missing")
                v8 = o7
                if len(v8) != 8:
                    raise XdrError("createhow4.createverf: length")
                out.append(pS_8s(v8))
            elif d3 == 3:
                o9 = o2.ch_createboth
                if o9 is None:
                    raise XdrError("createhow4.ch_createboth: the selected arm is missing")
                v10 = o9.cva_verf
                if len(v10) != 8:
                    raise XdrError("creatverfattr.cva_verf: length")
                o11 = o9.cva_attrs
                out.append(pS_8s(v10))
                out.append(pack_bitmap(o11.attrmask))
                v12 = o11.attr_vals
                n13 = len(v12)
                if n13 > 1048576:
                    raise XdrError("fattr4.attr_vals: length")
                out.append(pS_I(n13))
                out.append(v12)
                if n13 & 3:
                    out.append(PADS[n13 & 3])
            else:
                raise XdrError("createhow4: no such arm")
    except StructError:
        raise XdrError("openflag4: value out of range") from None


def pack_openflag4(v: openflag4) -> bytes:
    out: list[bytes] = []
    append_openflag4(out, v)
    return b"".join(out)


def unpack_limit_by4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("limit_by4: truncated") from None


def append_limit_by4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("limit_by4: value out of range") from None


def pack_limit_by4(v: int) -> bytes:
    out: list[bytes] = []
    append_limit_by4(out, v)
    return b"".join(out)


def unpack_nfs_modified_limit4(buf: Buffer, pos: int) -> tuple[nfs_modified_limit4, int]:
    try:
        v1, v2 = uS_II(buf, pos)
        return nfs_modified_limit4(v1, v2), pos + 8
    except StructError:
        raise XdrError("nfs_modified_limit4: truncated") from None


def append_nfs_modified_limit4(out: list[bytes], v: nfs_modified_limit4) -> None:
    try:
        out.append(pS_II(v.num_blocks, v.bytes_per_block))
    except StructError:
        raise XdrError("nfs_modified_limit4: value out of range") from None


def pack_nfs_modified_limit4(v: nfs_modified_limit4) -> bytes:
    try:
        return pS_II(v.num_blocks, v.bytes_per_block)
    except StructError:
        raise XdrError("nfs_modified_limit4: value out of range") from None


def unpack_nfs_space_limit4(buf: Buffer, pos: int) -> tuple[nfs_space_limit4, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, = uS_Q(buf, pos)
            pos += 8
            v2 = nfs_space_limit4(d1, v3)
        elif d1 == 2:
            v4, v5 = uS_II(buf, pos)
            pos += 8
            v2 = nfs_space_limit4(d1, None, nfs_modified_limit4(v4, v5))
        else:
            raise XdrError("nfs_space_limit4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("nfs_space_limit4: truncated") from None


def append_nfs_space_limit4(out: list[bytes], v: nfs_space_limit4) -> None:
    try:
        d1 = v.limitby
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.filesize
            if o2 is None:
                raise XdrError("nfs_space_limit4.filesize: the selected arm is missing")
            out.append(pS_Q(o2))
        elif d1 == 2:
            o3 = v.mod_blocks
            if o3 is None:
                raise XdrError("nfs_space_limit4.mod_blocks: the selected arm is missing")
            out.append(pS_II(o3.num_blocks, o3.bytes_per_block))
        else:
            raise XdrError("nfs_space_limit4: no such arm")
    except StructError:
        raise XdrError("nfs_space_limit4: value out of range") from None


def pack_nfs_space_limit4(v: nfs_space_limit4) -> bytes:
    out: list[bytes] = []
    append_nfs_space_limit4(out, v)
    return b"".join(out)


def unpack_open_delegation_type4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("open_delegation_type4: truncated") from None


def append_open_delegation_type4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("open_delegation_type4: value out of range") from None


def pack_open_delegation_type4(v: int) -> bytes:
    out: list[bytes] = []
    append_open_delegation_type4(out, v)
    return b"".join(out)


def unpack_open_claim_type4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("open_claim_type4: truncated") from None


def append_open_claim_type4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("open_claim_type4: value out of range") from None


def pack_open_claim_type4(v: int) -> bytes:
    out: list[bytes] = []
    append_open_claim_type4(out, v)
    return b"".join(out)


def unpack_open_claim_delegate_cur4(buf: Buffer, pos: int) -> tuple[open_claim_delegate_cur4, int]:
    try:
        end = len(buf)
        v1, v2, n3 = uS_I12sI(buf, pos)
        b4 = pos + 20
        e5 = b4 + n3
        pos = e5 + (-n3 & 3)
        if n3 > 4096 or pos > end:
            raise XdrError("open_claim_delegate_cur4.file: length")
        v6 = bytes(buf[b4:e5])
        return open_claim_delegate_cur4(stateid4(v1, v2), v6), pos
    except StructError:
        raise XdrError("open_claim_delegate_cur4: truncated") from None


def append_open_claim_delegate_cur4(out: list[bytes], v: open_claim_delegate_cur4) -> None:
    try:
        o1 = v.delegate_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        v3 = v.file
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("open_claim_delegate_cur4.file: length")
        out.append(pS_I12sI(o1.seqid, v2, n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("open_claim_delegate_cur4: value out of range") from None


def pack_open_claim_delegate_cur4(v: open_claim_delegate_cur4) -> bytes:
    out: list[bytes] = []
    append_open_claim_delegate_cur4(out, v)
    return b"".join(out)


def unpack_open_claim4(buf: Buffer, pos: int) -> tuple[open_claim4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 4096 or pos > end:
                raise XdrError("open_claim4.file: length")
            v6 = bytes(buf[b4:e5])
            v2 = open_claim4(d1, v6)
        elif d1 == 1:
            v7, = uS_I(buf, pos)
            pos += 4
            v2 = open_claim4(d1, None, v7)
        elif d1 == 2:
            v8, v9, n10 = uS_I12sI(buf, pos)
            b11 = pos + 20
            e12 = b11 + n10
            pos = e12 + (-n10 & 3)
            if n10 > 4096 or pos > end:
                raise XdrError("open_claim_delegate_cur4.file: length")
            v13 = bytes(buf[b11:e12])
            v2 = open_claim4(d1, None, None, open_claim_delegate_cur4(stateid4(v8, v9), v13))
        elif d1 == 3:
            n14, = uS_I(buf, pos)
            b15 = pos + 4
            e16 = b15 + n14
            pos = e16 + (-n14 & 3)
            if n14 > 4096 or pos > end:
                raise XdrError("open_claim4.file_delegate_prev: length")
            v17 = bytes(buf[b15:e16])
            v2 = open_claim4(d1, None, None, None, v17)
        elif d1 in (4, 6):
            v2 = open_claim4(d1)
        elif d1 == 5:
            v18, v19 = uS_I12s(buf, pos)
            pos += 16
            v2 = open_claim4(d1, None, None, None, None, stateid4(v18, v19))
        else:
            raise XdrError("open_claim4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("open_claim4: truncated") from None


def append_open_claim4(out: list[bytes], v: open_claim4) -> None:
    try:
        d1 = v.claim
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.file
            if o2 is None:
                raise XdrError("open_claim4.file: the selected arm is missing")
            v3 = o2
            n4 = len(v3)
            if n4 > 4096:
                raise XdrError("open_claim4.file: length")
            out.append(pS_I(n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
        elif d1 == 1:
            o5 = v.delegate_type
            if o5 is None:
                raise XdrError("open_claim4.delegate_type: the selected arm is missing")
            out.append(pS_I(o5))
        elif d1 == 2:
            o6 = v.delegate_cur_info
            if o6 is None:
                raise XdrError("open_claim4.delegate_cur_info: the selected arm is missing")
            o7 = o6.delegate_stateid
            v8 = o7.other
            if len(v8) != 12:
                raise XdrError("stateid4.other: length")
            v9 = o6.file
            n10 = len(v9)
            if n10 > 4096:
                raise XdrError("open_claim_delegate_cur4.file: length")
            out.append(pS_I12sI(o7.seqid, v8, n10))
            out.append(v9)
            if n10 & 3:
                out.append(PADS[n10 & 3])
        elif d1 == 3:
            o11 = v.file_delegate_prev
            if o11 is None:
                raise XdrError("open_claim4.file_delegate_prev: the selected arm is missing")
            v12 = o11
            n13 = len(v12)
            if n13 > 4096:
                raise XdrError("open_claim4.file_delegate_prev: length")
            out.append(pS_I(n13))
            out.append(v12)
            if n13 & 3:
                out.append(PADS[n13 & 3])
        elif d1 in (4, 6):
            pass
        elif d1 == 5:
            o14 = v.oc_delegate_stateid
            if o14 is None:
                raise XdrError("open_claim4.oc_delegate_stateid: the selected arm is missing")
            v15 = o14.other
            if len(v15) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12s(o14.seqid, v15))
        else:
            raise XdrError("open_claim4: no such arm")
    except StructError:
        raise XdrError("open_claim4: value out of range") from None


def pack_open_claim4(v: open_claim4) -> bytes:
    out: list[bytes] = []
    append_open_claim4(out, v)
    return b"".join(out)


def unpack_OPEN4args(buf: Buffer, pos: int) -> tuple[OPEN4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_IIIQI(buf, pos)
        b6 = pos + 24
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 1024 or pos > end:
            raise XdrError("state_owner4.owner: length")
        v8 = bytes(buf[b6:e7])
        d9, = uS_I(buf, pos)
        pos += 4
        if d9 == 1:
            d11, = uS_I(buf, pos)
            pos += 4
            if d11 in (0, 1):
                n13, = uS_I(buf, pos)
                if n13 == 2:
                    v15, v16 = uS_II(buf, pos + 4)
                    v14 = v15 | v16 << 32
                    pos += 12
                elif n13 == 3:
                    v15, v16, v17 = uS_III(buf, pos + 4)
                    v14 = v15 | v16 << 32 | v17 << 64
                    pos += 16
                elif n13 == 1:
                    v14, = uS_I(buf, pos + 4)
                    pos += 8
                else:
                    v14 = unpack_bitmap(buf, pos + 4, n13)
                    pos += 4 + n13 * 4
                n18, = uS_I(buf, pos)
                b19 = pos + 4
                e20 = b19 + n18
                pos = e20 + (-n18 & 3)
                if n18 > 1048576 or pos > end:
                    raise XdrError("fattr4.attr_vals: length")
                v21 = bytes(buf[b19:e20])
                v12 = createhow4(d11, fattr4(v14, v21))
            elif d11 == 2:
                v22, = uS_8s(buf, pos)
                pos += 8
                v12 = createhow4(d11, None, v22)
            elif d11 == 3:
                v23, n24 = uS_8sI(buf, pos)
                if n24 == 2:
                    v26, v27 = uS_II(buf, pos + 12)
                    v25 = v26 | v27 << 32
                    pos += 20
                elif n24 == 3:
                    v26, v27, v28 = uS_III(buf, pos + 12)
                    v25 = v26 | v27 << 32 | v28 << 64
                    pos += 24
                elif n24 == 1:
                    v25, = uS_I(buf, pos + 12)
                    pos += 16
                else:
                    v25 = unpack_bitmap(buf, pos + 12, n24)
                    pos += 12 + n24 * 4
                n29, = uS_I(buf, pos)
                b30 = pos + 4
                e31 = b30 + n29
                pos = e31 + (-n29 & 3)
                if n29 > 1048576 or pos > end:
                    raise XdrError("fattr4.attr_vals: length")
                v32 = bytes(buf[b30:e31])
                v12 = createhow4(d11, None, None, creatverfattr(v23, fattr4(v25, v32)))
            else:
                raise XdrError("createhow4: no such arm")
            v10 = openflag4(d9, v12)
        elif d9 in (0,):
            v10 = openflag4(d9)
        else:
            raise XdrError("openflag4: no such arm")
        d33, = uS_I(buf, pos)
        pos += 4
        if d33 == 0:
            n35, = uS_I(buf, pos)
            b36 = pos + 4
            e37 = b36 + n35
            pos = e37 + (-n35 & 3)
            if n35 > 4096 or pos > end:
                raise XdrError("open_claim4.file: length")
            v38 = bytes(buf[b36:e37])
            v34 = open_claim4(d33, v38)
        elif d33 == 1:
            v39, = uS_I(buf, pos)
            pos += 4
            v34 = open_claim4(d33, None, v39)
        elif d33 == 2:
            v40, v41, n42 = uS_I12sI(buf, pos)
            b43 = pos + 20
            e44 = b43 + n42
            pos = e44 + (-n42 & 3)
            if n42 > 4096 or pos > end:
                raise XdrError("open_claim_delegate_cur4.file: length")
            v45 = bytes(buf[b43:e44])
            v34 = open_claim4(d33, None, None, open_claim_delegate_cur4(stateid4(v40, v41), v45))
        elif d33 == 3:
            n46, = uS_I(buf, pos)
            b47 = pos + 4
            e48 = b47 + n46
            pos = e48 + (-n46 & 3)
            if n46 > 4096 or pos > end:
                raise XdrError("open_claim4.file_delegate_prev: length")
            v49 = bytes(buf[b47:e48])
            v34 = open_claim4(d33, None, None, None, v49)
        elif d33 in (4, 6):
            v34 = open_claim4(d33)
        elif d33 == 5:
            v50, v51 = uS_I12s(buf, pos)
            pos += 16
            v34 = open_claim4(d33, None, None, None, None, stateid4(v50, v51))
        else:
            raise XdrError("open_claim4: no such arm")
        return OPEN4args(v1, v2, v3, state_owner4(v4, v8), v10, v34), pos
    except StructError:
        raise XdrError("OPEN4args: truncated") from None


def append_OPEN4args(out: list[bytes], v: OPEN4args) -> None:
    try:
        o1 = v.owner
        v2 = o1.owner
        n3 = len(v2)
        if n3 > 1024:
            raise XdrError("state_owner4.owner: length")
        out.append(pS_IIIQI(v.seqid, v.share_access, v.share_deny, o1.clientid, n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
        o4 = v.openhow
        d5 = o4.opentype
        out.append(pS_I(d5))
        if d5 == 1:
            o6 = o4.how
            if o6 is None:
                raise XdrError("openflag4.how: the selected arm is missing")
            d7 = o6.mode
            out.append(pS_I(d7))
            if d7 in (0, 1):
                o8 = o6.createattrs
                if o8 is None:
                    raise XdrError("createhow4.createattrs: the selected arm is missing")
                out.append(pack_bitmap(o8.attrmask))
                v9 = o8.attr_vals
                n10 = len(v9)
                if n10 > 1048576:
                    raise XdrError("fattr4.attr_vals: length")
                out.append(pS_I(n10))
                out.append(v9)
                if n10 & 3:
                    out.append(PADS[n10 & 3])
            elif d7 == 2:
                o11 = o6.createverf
                if o11 is None:
                    raise XdrError("createhow4.createverf: the selected arm is missing")
                v12 = o11
                if len(v12) != 8:
                    raise XdrError("createhow4.createverf: length")
                out.append(pS_8s(v12))
            elif d7 == 3:
                o13 = o6.ch_createboth
                if o13 is None:
                    raise XdrError("createhow4.ch_createboth: the selected arm is missing")
                v14 = o13.cva_verf
                if len(v14) != 8:
                    raise XdrError("creatverfattr.cva_verf: length")
                o15 = o13.cva_attrs
                out.append(pS_8s(v14))
                out.append(pack_bitmap(o15.attrmask))
                v16 = o15.attr_vals
                n17 = len(v16)
                if n17 > 1048576:
                    raise XdrError("fattr4.attr_vals: length")
                out.append(pS_I(n17))
                out.append(v16)
                if n17 & 3:
                    out.append(PADS[n17 & 3])
            else:
                raise XdrError("createhow4: no such arm")
        o18 = v.claim
        d19 = o18.claim
        out.append(pS_I(d19))
        if d19 == 0:
            o20 = o18.file
            if o20 is None:
                raise XdrError("open_claim4.file: the selected arm is missing")
            v21 = o20
            n22 = len(v21)
            if n22 > 4096:
                raise XdrError("open_claim4.file: length")
            out.append(pS_I(n22))
            out.append(v21)
            if n22 & 3:
                out.append(PADS[n22 & 3])
        elif d19 == 1:
            o23 = o18.delegate_type
            if o23 is None:
                raise XdrError("open_claim4.delegate_type: the selected arm is missing")
            out.append(pS_I(o23))
        elif d19 == 2:
            o24 = o18.delegate_cur_info
            if o24 is None:
                raise XdrError("open_claim4.delegate_cur_info: the selected arm is missing")
            o25 = o24.delegate_stateid
            v26 = o25.other
            if len(v26) != 12:
                raise XdrError("stateid4.other: length")
            v27 = o24.file
            n28 = len(v27)
            if n28 > 4096:
                raise XdrError("open_claim_delegate_cur4.file: length")
            out.append(pS_I12sI(o25.seqid, v26, n28))
            out.append(v27)
            if n28 & 3:
                out.append(PADS[n28 & 3])
        elif d19 == 3:
            o29 = o18.file_delegate_prev
            if o29 is None:
                raise XdrError("open_claim4.file_delegate_prev: the selected arm is missing")
            v30 = o29
            n31 = len(v30)
            if n31 > 4096:
                raise XdrError("open_claim4.file_delegate_prev: length")
            out.append(pS_I(n31))
            out.append(v30)
            if n31 & 3:
                out.append(PADS[n31 & 3])
        elif d19 in (4, 6):
            pass
        elif d19 == 5:
            o32 = o18.oc_delegate_stateid
            if o32 is None:
                raise XdrError("open_claim4.oc_delegate_stateid: the selected arm is missing")
            v33 = o32.other
            if len(v33) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12s(o32.seqid, v33))
        else:
            raise XdrError("open_claim4: no such arm")
    except StructError:
        raise XdrError("OPEN4args: value out of range") from None


def pack_OPEN4args(v: OPEN4args) -> bytes:
    out: list[bytes] = []
    append_OPEN4args(out, v)
    return b"".join(out)


def unpack_open_read_delegation4(buf: Buffer, pos: int) -> tuple[open_read_delegation4, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, v6, n7 = uS_I12sIIIII(buf, pos)
        if v3 > 1:
            raise XdrError("open_read_delegation4: a bool is 0 or 1")
        b8 = pos + 36
        e9 = b8 + n7
        pos = e9 + (-n7 & 3)
        if n7 > 4096 or pos > end:
            raise XdrError("nfsace4.who: length")
        v10 = bytes(buf[b8:e9])
        return open_read_delegation4(stateid4(v1, v2), v3 == 1, nfsace4(v4, v5, v6, v10)), pos
    except StructError:
        raise XdrError("open_read_delegation4: truncated") from None


def append_open_read_delegation4(out: list[bytes], v: open_read_delegation4) -> None:
    try:
        o1 = v.stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.permissions
        v4 = o3.who
        n5 = len(v4)
        if n5 > 4096:
            raise XdrError("nfsace4.who: length")
        out.append(pS_I12sIIIII(o1.seqid, v2, v.recall, o3.type, o3.flag, o3.access_mask, n5))
        out.append(v4)
        if n5 & 3:
            out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("open_read_delegation4: value out of range") from None


def pack_open_read_delegation4(v: open_read_delegation4) -> bytes:
    out: list[bytes] = []
    append_open_read_delegation4(out, v)
    return b"".join(out)


def unpack_open_write_delegation4(buf: Buffer, pos: int) -> tuple[open_write_delegation4, int]:
    try:
        end = len(buf)
        v1, v2, v3, d4 = uS_I12sII(buf, pos)
        if v3 > 1:
            raise XdrError("open_write_delegation4: a bool is 0 or 1")
        pos += 24
        if d4 == 1:
            v6, = uS_Q(buf, pos)
            pos += 8
            v5 = nfs_space_limit4(d4, v6)
        elif d4 == 2:
            v7, v8 = uS_II(buf, pos)
            pos += 8
            v5 = nfs_space_limit4(d4, None, nfs_modified_limit4(v7, v8))
        else:
            raise XdrError("nfs_space_limit4: no such arm")
        v9, v10, v11, n12 = uS_IIII(buf, pos)
        b13 = pos + 16
        e14 = b13 + n12
        pos = e14 + (-n12 & 3)
        if n12 > 4096 or pos > end:
            raise XdrError("nfsace4.who: length")
        v15 = bytes(buf[b13:e14])
        return open_write_delegation4(stateid4(v1, v2), v3 == 1, v5, nfsace4(v9, v10, v11, v15)), pos
    except StructError:
        raise XdrError("open_write_delegation4: truncated") from None


def append_open_write_delegation4(out: list[bytes], v: open_write_delegation4) -> None:
    try:
        o1 = v.stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.space_limit
        d4 = o3.limitby
        out.append(pS_I12sII(o1.seqid, v2, v.recall, d4))
        if d4 == 1:
            o5 = o3.filesize
            if o5 is None:
                raise XdrError("nfs_space_limit4.filesize: the selected arm is missing")
            out.append(pS_Q(o5))
        elif d4 == 2:
            o6 = o3.mod_blocks
            if o6 is None:
                raise XdrError("nfs_space_limit4.mod_blocks: the selected arm is missing")
            out.append(pS_II(o6.num_blocks, o6.bytes_per_block))
        else:
            raise XdrError("nfs_space_limit4: no such arm")
        o7 = v.permissions
        v8 = o7.who
        n9 = len(v8)
        if n9 > 4096:
            raise XdrError("nfsace4.who: length")
        out.append(pS_IIII(o7.type, o7.flag, o7.access_mask, n9))
        out.append(v8)
        if n9 & 3:
            out.append(PADS[n9 & 3])
    except StructError:
        raise XdrError("open_write_delegation4: value out of range") from None


def pack_open_write_delegation4(v: open_write_delegation4) -> bytes:
    out: list[bytes] = []
    append_open_write_delegation4(out, v)
    return b"".join(out)


def unpack_why_no_delegation4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("why_no_delegation4: truncated") from None


def append_why_no_delegation4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("why_no_delegation4: value out of range") from None


def pack_why_no_delegation4(v: int) -> bytes:
    out: list[bytes] = []
    append_why_no_delegation4(out, v)
    return b"".join(out)


def unpack_open_none_delegation4(buf: Buffer, pos: int) -> tuple[open_none_delegation4, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, = uS_I(buf, pos)
            if v3 > 1:
                raise XdrError("open_none_delegation4: a bool is 0 or 1")
            pos += 4
            v2 = open_none_delegation4(d1, v3 == 1)
        elif d1 == 2:
            v4, = uS_I(buf, pos)
            if v4 > 1:
                raise XdrError("open_none_delegation4: a bool is 0 or 1")
            pos += 4
            v2 = open_none_delegation4(d1, None, v4 == 1)
        else:
            v2 = open_none_delegation4(d1)
        return v2, pos
    except StructError:
        raise XdrError("open_none_delegation4: truncated") from None


def append_open_none_delegation4(out: list[bytes], v: open_none_delegation4) -> None:
    try:
        d1 = v.ond_why
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.ond_server_will_push_deleg
            if o2 is None:
                raise XdrError("open_none_delegation4.ond_server_will_push_deleg: the selected arm is missing")
            out.append(pS_I(o2))
        elif d1 == 2:
            o3 = v.ond_server_will_signal_avail
            if o3 is None:
                raise XdrError("open_none_delegation4.ond_server_will_signal_avail: the selected arm is missing")
            out.append(pS_I(o3))
    except StructError:
        raise XdrError("open_none_delegation4: value out of range") from None


def pack_open_none_delegation4(v: open_none_delegation4) -> bytes:
    out: list[bytes] = []
    append_open_none_delegation4(out, v)
    return b"".join(out)


def unpack_open_delegation4(buf: Buffer, pos: int) -> tuple[open_delegation4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v2 = open_delegation4(d1)
        elif d1 == 1:
            v3, v4, v5, v6, v7, v8, n9 = uS_I12sIIIII(buf, pos)
            if v5 > 1:
                raise XdrError("open_delegation4: a bool is 0 or 1")
            b10 = pos + 36
            e11 = b10 + n9
            pos = e11 + (-n9 & 3)
            if n9 > 4096 or pos > end:
                raise XdrError("nfsace4.who: length")
            v12 = bytes(buf[b10:e11])
            v2 = open_delegation4(d1, open_read_delegation4(stateid4(v3, v4), v5 == 1, nfsace4(v6, v7, v8, v12)))
        elif d1 == 2:
            v13, v14, v15, d16 = uS_I12sII(buf, pos)
            if v15 > 1:
                raise XdrError("open_delegation4: a bool is 0 or 1")
            pos += 24
            if d16 == 1:
                v18, = uS_Q(buf, pos)
                pos += 8
                v17 = nfs_space_limit4(d16, v18)
            elif d16 == 2:
                v19, v20 = uS_II(buf, pos)
                pos += 8
                v17 = nfs_space_limit4(d16, None, nfs_modified_limit4(v19, v20))
            else:
                raise XdrError("nfs_space_limit4: no such arm")
            v21, v22, v23, n24 = uS_IIII(buf, pos)
            b25 = pos + 16
            e26 = b25 + n24
            pos = e26 + (-n24 & 3)
            if n24 > 4096 or pos > end:
                raise XdrError("nfsace4.who: length")
            v27 = bytes(buf[b25:e26])
            v2 = open_delegation4(d1, None, open_write_delegation4(stateid4(v13, v14), v15 == 1, v17, nfsace4(v21, v22, v23, v27)))
        elif d1 == 3:
            d28, = uS_I(buf, pos)
            pos += 4
            if d28 == 1:
                v30, = uS_I(buf, pos)
                if v30 > 1:
                    raise XdrError("open_delegation4: a bool is 0 or 1")
                pos += 4
                v29 = open_none_delegation4(d28, v30 == 1)
            elif d28 == 2:
                v31, = uS_I(buf, pos)
                if v31 > 1:
                    raise XdrError("open_delegation4: a bool is 0 or 1")
                pos += 4
                v29 = open_none_delegation4(d28, None, v31 == 1)
            else:
                v29 = open_none_delegation4(d28)
            v2 = open_delegation4(d1, None, None, v29)
        else:
            raise XdrError("open_delegation4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("open_delegation4: truncated") from None


def append_open_delegation4(out: list[bytes], v: open_delegation4) -> None:
    try:
        d1 = v.delegation_type
        out.append(pS_I(d1))
        if d1 == 0:
            pass
        elif d1 == 1:
            o2 = v.read
            if o2 is None:
                raise XdrError("open_delegation4.read: the selected arm is missing")
            o3 = o2.stateid
            v4 = o3.other
            if len(v4) != 12:
                raise XdrError("stateid4.other: length")
            o5 = o2.permissions
            v6 = o5.who
            n7 = len(v6)
            if n7 > 4096:
                raise XdrError("nfsace4.who: length")
            out.append(pS_I12sIIIII(o3.seqid, v4, o2.recall, o5.type, o5.flag, o5.access_mask, n7))
            out.append(v6)
            if n7 & 3:
                out.append(PADS[n7 & 3])
        elif d1 == 2:
            o8 = v.write
            if o8 is None:
                raise XdrError("open_delegation4.write: the selected arm is missing")
            o9 = o8.stateid
            v10 = o9.other
            if len(v10) != 12:
                raise XdrError("stateid4.other: length")
            o11 = o8.space_limit
            d12 = o11.limitby
            out.append(pS_I12sII(o9.seqid, v10, o8.recall, d12))
            if d12 == 1:
                o13 = o11.filesize
                if o13 is None:
                    raise XdrError("nfs_space_limit4.filesize: the selected arm is missing")
                out.append(pS_Q(o13))
            elif d12 == 2:
                o14 = o11.mod_blocks
                if o14 is None:
                    raise XdrError("nfs_space_limit4.mod_blocks: the selected arm is missing")
                out.append(pS_II(o14.num_blocks, o14.bytes_per_block))
            else:
                raise XdrError("nfs_space_limit4: no such arm")
            o15 = o8.permissions
            v16 = o15.who
            n17 = len(v16)
            if n17 > 4096:
                raise XdrError("nfsace4.who: length")
            out.append(pS_IIII(o15.type, o15.flag, o15.access_mask, n17))
            out.append(v16)
            if n17 & 3:
                out.append(PADS[n17 & 3])
        elif d1 == 3:
            o18 = v.od_whynone
            if o18 is None:
                raise XdrError("open_delegation4.od_whynone: the selected arm is missing")
            d19 = o18.ond_why
            out.append(pS_I(d19))
            if d19 == 1:
                o20 = o18.ond_server_will_push_deleg
                if o20 is None:
                    raise XdrError("open_none_delegation4.ond_server_will_push_deleg: the selected arm is missing")
                out.append(pS_I(o20))
            elif d19 == 2:
                o21 = o18.ond_server_will_signal_avail
                if o21 is None:
                    raise XdrError("open_none_delegation4.ond_server_will_signal_avail: the selected arm is missing")
                out.append(pS_I(o21))
        else:
            raise XdrError("open_delegation4: no such arm")
    except StructError:
        raise XdrError("open_delegation4: value out of range") from None


def pack_open_delegation4(v: open_delegation4) -> bytes:
    out: list[bytes] = []
    append_open_delegation4(out, v)
    return b"".join(out)


def unpack_OPEN4resok(buf: Buffer, pos: int) -> tuple[OPEN4resok, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, v6, n7 = uS_I12sIQQII(buf, pos)
        if v3 > 1:
            raise XdrError("OPEN4resok: a bool is 0 or 1")
        if n7 == 2:
            v9, v10 = uS_II(buf, pos + 44)
            v8 = v9 | v10 << 32
            pos += 52
        elif n7 == 3:
            v9, v10, v11 = uS_III(buf, pos + 44)
            v8 = v9 | v10 << 32 | v11 << 64
            pos += 56
        elif n7 == 1:
            v8, = uS_I(buf, pos + 44)
            pos += 48
        else:
            v8 = unpack_bitmap(buf, pos + 44, n7)
            pos += 44 + n7 * 4
        d12, = uS_I(buf, pos)
        pos += 4
        if d12 == 0:
            v13 = open_delegation4(d12)
        elif d12 == 1:
            v14, v15, v16, v17, v18, v19, n20 = uS_I12sIIIII(buf, pos)
            if v16 > 1:
                raise XdrError("OPEN4resok: a bool is 0 or 1")
            b21 = pos + 36
            e22 = b21 + n20
            pos = e22 + (-n20 & 3)
            if n20 > 4096 or pos > end:
                raise XdrError("nfsace4.who: length")
            v23 = bytes(buf[b21:e22])
            v13 = open_delegation4(d12, open_read_delegation4(stateid4(v14, v15), v16 == 1, nfsace4(v17, v18, v19, v23)))
        elif d12 == 2:
            v24, v25, v26, d27 = uS_I12sII(buf, pos)
            if v26 > 1:
                raise XdrError("OPEN4resok: a bool is 0 or 1")
            pos += 24
            if d27 == 1:
                v29, = uS_Q(buf, pos)
                pos += 8
                v28 = nfs_space_limit4(d27, v29)
            elif d27 == 2:
                v30, v31 = uS_II(buf, pos)
                pos += 8
                v28 = nfs_space_limit4(d27, None, nfs_modified_limit4(v30, v31))
            else:
                raise XdrError("nfs_space_limit4: no such arm")
            v32, v33, v34, n35 = uS_IIII(buf, pos)
            b36 = pos + 16
            e37 = b36 + n35
            pos = e37 + (-n35 & 3)
            if n35 > 4096 or pos > end:
                raise XdrError("nfsace4.who: length")
            v38 = bytes(buf[b36:e37])
            v13 = open_delegation4(d12, None, open_write_delegation4(stateid4(v24, v25), v26 == 1, v28, nfsace4(v32, v33, v34, v38)))
        elif d12 == 3:
            d39, = uS_I(buf, pos)
            pos += 4
            if d39 == 1:
                v41, = uS_I(buf, pos)
                if v41 > 1:
                    raise XdrError("OPEN4resok: a bool is 0 or 1")
                pos += 4
                v40 = open_none_delegation4(d39, v41 == 1)
            elif d39 == 2:
                v42, = uS_I(buf, pos)
                if v42 > 1:
                    raise XdrError("OPEN4resok: a bool is 0 or 1")
                pos += 4
                v40 = open_none_delegation4(d39, None, v42 == 1)
            else:
                v40 = open_none_delegation4(d39)
            v13 = open_delegation4(d12, None, None, v40)
        else:
            raise XdrError("open_delegation4: no such arm")
        return OPEN4resok(stateid4(v1, v2), change_info4(v3 == 1, v4, v5), v6, v8, v13), pos
    except StructError:
        raise XdrError("OPEN4resok: truncated") from None


def append_OPEN4resok(out: list[bytes], v: OPEN4resok) -> None:
    try:
        o1 = v.stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.cinfo
        out.append(pS_I12sIQQI(o1.seqid, v2, o3.atomic, o3.before, o3.after, v.rflags))
        out.append(pack_bitmap(v.attrset))
        o4 = v.delegation
        d5 = o4.delegation_type
        out.append(pS_I(d5))
        if d5 == 0:
            pass
        elif d5 == 1:
            o6 = o4.read
            if o6 is None:
                raise XdrError("open_delegation4.read: the selected arm is missing")
            o7 = o6.stateid
            v8 = o7.other
            if len(v8) != 12:
                raise XdrError("stateid4.other: length")
            o9 = o6.permissions
            v10 = o9.who
            n11 = len(v10)
            if n11 > 4096:
                raise XdrError("nfsace4.who: length")
            out.append(pS_I12sIIIII(o7.seqid, v8, o6.recall, o9.type, o9.flag, o9.access_mask, n11))
            out.append(v10)
            if n11 & 3:
                out.append(PADS[n11 & 3])
        elif d5 == 2:
            o12 = o4.write
            if o12 is None:
                raise XdrError("open_delegation4.write: the selected arm is missing")
            o13 = o12.stateid
            v14 = o13.other
            if len(v14) != 12:
                raise XdrError("stateid4.other: length")
            o15 = o12.space_limit
            d16 = o15.limitby
            out.append(pS_I12sII(o13.seqid, v14, o12.recall, d16))
            if d16 == 1:
                o17 = o15.filesize
                if o17 is None:
                    raise XdrError("nfs_space_limit4.filesize: the selected arm is missing")
                out.append(pS_Q(o17))
            elif d16 == 2:
                o18 = o15.mod_blocks
                if o18 is None:
                    raise XdrError("nfs_space_limit4.mod_blocks: the selected arm is missing")
                out.append(pS_II(o18.num_blocks, o18.bytes_per_block))
            else:
                raise XdrError("nfs_space_limit4: no such arm")
            o19 = o12.permissions
            v20 = o19.who
            n21 = len(v20)
            if n21 > 4096:
                raise XdrError("nfsace4.who: length")
            out.append(pS_IIII(o19.type, o19.flag, o19.access_mask, n21))
            out.append(v20)
            if n21 & 3:
                out.append(PADS[n21 & 3])
        elif d5 == 3:
            o22 = o4.od_whynone
            if o22 is None:
                raise XdrError("open_delegation4.od_whynone: the selected arm is missing")
            d23 = o22.ond_why
            out.append(pS_I(d23))
            if d23 == 1:
                o24 = o22.ond_server_will_push_deleg
                if o24 is None:
                    raise XdrError("open_none_delegation4.ond_server_will_push_deleg: the selected arm is missing")
                out.append(pS_I(o24))
            elif d23 == 2:
                o25 = o22.ond_server_will_signal_avail
                if o25 is None:
                    raise XdrError("open_none_delegation4.ond_server_will_signal_avail: the selected arm is missing")
                out.append(pS_I(o25))
        else:
            raise XdrError("open_delegation4: no such arm")
    except StructError:
        raise XdrError("OPEN4resok: value out of range") from None


def pack_OPEN4resok(v: OPEN4resok) -> bytes:
    out: list[bytes] = []
    append_OPEN4resok(out, v)
    return b"".join(out)


def unpack_OPEN4res(buf: Buffer, pos: int) -> tuple[OPEN4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, pos = unpack_OPEN4resok(buf, pos)
            v2 = OPEN4res(d1, v3)
        else:
            v2 = OPEN4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("OPEN4res: truncated") from None


def append_OPEN4res(out: list[bytes], v: OPEN4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("OPEN4res.resok4: the selected arm is missing")
            append_OPEN4resok(out, o2)
    except StructError:
        raise XdrError("OPEN4res: value out of range") from None


def pack_OPEN4res(v: OPEN4res) -> bytes:
    out: list[bytes] = []
    append_OPEN4res(out, v)
    return b"".join(out)


def unpack_OPENATTR4args(buf: Buffer, pos: int) -> tuple[OPENATTR4args, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("OPENATTR4args: a bool is 0 or 1")
        return OPENATTR4args(v1 == 1), pos + 4
    except StructError:
        raise XdrError("OPENATTR4args: truncated") from None


def append_OPENATTR4args(out: list[bytes], v: OPENATTR4args) -> None:
    try:
        out.append(pS_I(v.createdir))
    except StructError:
        raise XdrError("OPENATTR4args: value out of range") from None


def pack_OPENATTR4args(v: OPENATTR4args) -> bytes:
    out: list[bytes] = []
    append_OPENATTR4args(out, v)
    return b"".join(out)


def unpack_OPENATTR4res(buf: Buffer, pos: int) -> tuple[OPENATTR4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return OPENATTR4res(v1), pos + 4
    except StructError:
        raise XdrError("OPENATTR4res: truncated") from None


def append_OPENATTR4res(out: list[bytes], v: OPENATTR4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("OPENATTR4res: value out of range") from None


def pack_OPENATTR4res(v: OPENATTR4res) -> bytes:
    out: list[bytes] = []
    append_OPENATTR4res(out, v)
    return b"".join(out)


def unpack_OPEN_DOWNGRADE4args(buf: Buffer, pos: int) -> tuple[OPEN_DOWNGRADE4args, int]:
    try:
        v1, v2, v3, v4, v5 = uS_I12sIII(buf, pos)
        return OPEN_DOWNGRADE4args(stateid4(v1, v2), v3, v4, v5), pos + 28
    except StructError:
        raise XdrError("OPEN_DOWNGRADE4args: truncated") from None


def append_OPEN_DOWNGRADE4args(out: list[bytes], v: OPEN_DOWNGRADE4args) -> None:
    try:
        o1 = v.open_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12sIII(o1.seqid, v2, v.seqid, v.share_access, v.share_deny))
    except StructError:
        raise XdrError("OPEN_DOWNGRADE4args: value out of range") from None


def pack_OPEN_DOWNGRADE4args(v: OPEN_DOWNGRADE4args) -> bytes:
    try:
        o1 = v.open_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12sIII(o1.seqid, v2, v.seqid, v.share_access, v.share_deny)
    except StructError:
        raise XdrError("OPEN_DOWNGRADE4args: value out of range") from None


def unpack_OPEN_DOWNGRADE4resok(buf: Buffer, pos: int) -> tuple[OPEN_DOWNGRADE4resok, int]:
    try:
        v1, v2 = uS_I12s(buf, pos)
        return OPEN_DOWNGRADE4resok(stateid4(v1, v2)), pos + 16
    except StructError:
        raise XdrError("OPEN_DOWNGRADE4resok: truncated") from None


def append_OPEN_DOWNGRADE4resok(out: list[bytes], v: OPEN_DOWNGRADE4resok) -> None:
    try:
        o1 = v.open_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12s(o1.seqid, v2))
    except StructError:
        raise XdrError("OPEN_DOWNGRADE4resok: value out of range") from None


def pack_OPEN_DOWNGRADE4resok(v: OPEN_DOWNGRADE4resok) -> bytes:
    try:
        o1 = v.open_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12s(o1.seqid, v2)
    except StructError:
        raise XdrError("OPEN_DOWNGRADE4resok: value out of range") from None


def unpack_OPEN_DOWNGRADE4res(buf: Buffer, pos: int) -> tuple[OPEN_DOWNGRADE4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4 = uS_I12s(buf, pos)
            pos += 16
            v2 = OPEN_DOWNGRADE4res(d1, OPEN_DOWNGRADE4resok(stateid4(v3, v4)))
        else:
            v2 = OPEN_DOWNGRADE4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("OPEN_DOWNGRADE4res: truncated") from None


def append_OPEN_DOWNGRADE4res(out: list[bytes], v: OPEN_DOWNGRADE4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("OPEN_DOWNGRADE4res.resok4: the selected arm is missing")
            o3 = o2.open_stateid
            v4 = o3.other
            if len(v4) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12s(o3.seqid, v4))
    except StructError:
        raise XdrError("OPEN_DOWNGRADE4res: value out of range") from None


def pack_OPEN_DOWNGRADE4res(v: OPEN_DOWNGRADE4res) -> bytes:
    out: list[bytes] = []
    append_OPEN_DOWNGRADE4res(out, v)
    return b"".join(out)


def unpack_PUTFH4args(buf: Buffer, pos: int) -> tuple[PUTFH4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 128 or pos > end:
            raise XdrError("PUTFH4args.object: length")
        v4 = bytes(buf[b2:e3])
        return PUTFH4args(v4), pos
    except StructError:
        raise XdrError("PUTFH4args: truncated") from None


def append_PUTFH4args(out: list[bytes], v: PUTFH4args) -> None:
    try:
        v1 = v.object
        n2 = len(v1)
        if n2 > 128:
            raise XdrError("PUTFH4args.object: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("PUTFH4args: value out of range") from None


def pack_PUTFH4args(v: PUTFH4args) -> bytes:
    out: list[bytes] = []
    append_PUTFH4args(out, v)
    return b"".join(out)


def unpack_PUTFH4res(buf: Buffer, pos: int) -> tuple[PUTFH4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return PUTFH4res(v1), pos + 4
    except StructError:
        raise XdrError("PUTFH4res: truncated") from None


def append_PUTFH4res(out: list[bytes], v: PUTFH4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("PUTFH4res: value out of range") from None


def pack_PUTFH4res(v: PUTFH4res) -> bytes:
    out: list[bytes] = []
    append_PUTFH4res(out, v)
    return b"".join(out)


def unpack_PUTPUBFH4res(buf: Buffer, pos: int) -> tuple[PUTPUBFH4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return PUTPUBFH4res(v1), pos + 4
    except StructError:
        raise XdrError("PUTPUBFH4res: truncated") from None


def append_PUTPUBFH4res(out: list[bytes], v: PUTPUBFH4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("PUTPUBFH4res: value out of range") from None


def pack_PUTPUBFH4res(v: PUTPUBFH4res) -> bytes:
    out: list[bytes] = []
    append_PUTPUBFH4res(out, v)
    return b"".join(out)


def unpack_PUTROOTFH4res(buf: Buffer, pos: int) -> tuple[PUTROOTFH4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return PUTROOTFH4res(v1), pos + 4
    except StructError:
        raise XdrError("PUTROOTFH4res: truncated") from None


def append_PUTROOTFH4res(out: list[bytes], v: PUTROOTFH4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("PUTROOTFH4res: value out of range") from None


def pack_PUTROOTFH4res(v: PUTROOTFH4res) -> bytes:
    out: list[bytes] = []
    append_PUTROOTFH4res(out, v)
    return b"".join(out)


def unpack_RESTOREFH4res(buf: Buffer, pos: int) -> tuple[RESTOREFH4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return RESTOREFH4res(v1), pos + 4
    except StructError:
        raise XdrError("RESTOREFH4res: truncated") from None


def append_RESTOREFH4res(out: list[bytes], v: RESTOREFH4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("RESTOREFH4res: value out of range") from None


def pack_RESTOREFH4res(v: RESTOREFH4res) -> bytes:
    out: list[bytes] = []
    append_RESTOREFH4res(out, v)
    return b"".join(out)


def unpack_SAVEFH4res(buf: Buffer, pos: int) -> tuple[SAVEFH4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return SAVEFH4res(v1), pos + 4
    except StructError:
        raise XdrError("SAVEFH4res: truncated") from None


def append_SAVEFH4res(out: list[bytes], v: SAVEFH4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("SAVEFH4res: value out of range") from None


def pack_SAVEFH4res(v: SAVEFH4res) -> bytes:
    out: list[bytes] = []
    append_SAVEFH4res(out, v)
    return b"".join(out)


def unpack_READ4args(buf: Buffer, pos: int) -> tuple[READ4args, int]:
    try:
        v1, v2, v3, v4 = uS_I12sQI(buf, pos)
        return READ4args(stateid4(v1, v2), v3, v4), pos + 28
    except StructError:
        raise XdrError("READ4args: truncated") from None


def append_READ4args(out: list[bytes], v: READ4args) -> None:
    try:
        o1 = v.stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12sQI(o1.seqid, v2, v.offset, v.count))
    except StructError:
        raise XdrError("READ4args: value out of range") from None


def pack_READ4args(v: READ4args) -> bytes:
    try:
        o1 = v.stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12sQI(o1.seqid, v2, v.offset, v.count)
    except StructError:
        raise XdrError("READ4args: value out of range") from None


def unpack_READ4resok(buf: Buffer, pos: int) -> tuple[READ4resok, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        if v1 > 1:
            raise XdrError("READ4resok: a bool is 0 or 1")
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 67108864 or pos > end:
            raise XdrError("READ4resok.data: length")
        v5 = memoryview(buf)[b3:e4]
        return READ4resok(v1 == 1, v5), pos
    except StructError:
        raise XdrError("READ4resok: truncated") from None


def append_READ4resok(out: list[bytes], v: READ4resok) -> None:
    try:
        v1 = v.data
        n2 = len(v1)
        if n2 > 67108864:
            raise XdrError("READ4resok.data: length")
        out.append(pS_II(v.eof, n2))
        out.append(v1)  # type: ignore[arg-type]
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("READ4resok: value out of range") from None


def pack_READ4resok(v: READ4resok) -> bytes:
    out: list[bytes] = []
    append_READ4resok(out, v)
    return b"".join(out)


def unpack_READ4res(buf: Buffer, pos: int) -> tuple[READ4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, n4 = uS_II(buf, pos)
            if v3 > 1:
                raise XdrError("READ4res: a bool is 0 or 1")
            b5 = pos + 8
            e6 = b5 + n4
            pos = e6 + (-n4 & 3)
            if n4 > 67108864 or pos > end:
                raise XdrError("READ4resok.data: length")
            v7 = memoryview(buf)[b5:e6]
            v2 = READ4res(d1, READ4resok(v3 == 1, v7))
        else:
            v2 = READ4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("READ4res: truncated") from None


def append_READ4res(out: list[bytes], v: READ4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("READ4res.resok4: the selected arm is missing")
            v3 = o2.data
            n4 = len(v3)
            if n4 > 67108864:
                raise XdrError("READ4resok.data: length")
            out.append(pS_II(o2.eof, n4))
            out.append(v3)  # type: ignore[arg-type]
            if n4 & 3:
                out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("READ4res: value out of range") from None


def pack_READ4res(v: READ4res) -> bytes:
    out: list[bytes] = []
    append_READ4res(out, v)
    return b"".join(out)


def unpack_READDIR4args(buf: Buffer, pos: int) -> tuple[READDIR4args, int]:
    try:
        v1, v2, v3, v4, n5 = uS_Q8sIII(buf, pos)
        if n5 == 2:
            v7, v8 = uS_II(buf, pos + 28)
            v6 = v7 | v8 << 32
            pos += 36
        elif n5 == 3:
            v7, v8, v9 = uS_III(buf, pos + 28)
            v6 = v7 | v8 << 32 | v9 << 64
            pos += 40
        elif n5 == 1:
            v6, = uS_I(buf, pos + 28)
            pos += 32
        else:
            v6 = unpack_bitmap(buf, pos + 28, n5)
            pos += 28 + n5 * 4
        return READDIR4args(v1, v2, v3, v4, v6), pos
    except StructError:
        raise XdrError("READDIR4args: truncated") from None


def append_READDIR4args(out: list[bytes], v: READDIR4args) -> None:
    try:
        v1 = v.cookieverf
        if len(v1) != 8:
            raise XdrError("READDIR4args.cookieverf: length")
        out.append(pS_Q8sII(v.cookie, v1, v.dircount, v.maxcount))
        out.append(pack_bitmap(v.attr_request))
    except StructError:
        raise XdrError("READDIR4args: value out of range") from None


def pack_READDIR4args(v: READDIR4args) -> bytes:
    out: list[bytes] = []
    append_READDIR4args(out, v)
    return b"".join(out)


def unpack_entry4(buf: Buffer, pos: int) -> tuple[entry4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_QI(buf, pos)
        b3 = pos + 12
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 4096 or pos > end:
            raise XdrError("entry4.name: length")
        v5 = bytes(buf[b3:e4])
        n6, = uS_I(buf, pos)
        if n6 == 2:
            v8, v9 = uS_II(buf, pos + 4)
            v7 = v8 | v9 << 32
            pos += 12
        elif n6 == 3:
            v8, v9, v10 = uS_III(buf, pos + 4)
            v7 = v8 | v9 << 32 | v10 << 64
            pos += 16
        elif n6 == 1:
            v7, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v7 = unpack_bitmap(buf, pos + 4, n6)
            pos += 4 + n6 * 4
        n11, = uS_I(buf, pos)
        b12 = pos + 4
        e13 = b12 + n11
        pos = e13 + (-n11 & 3)
        if n11 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v14 = bytes(buf[b12:e13])
        return entry4(v1, v5, fattr4(v7, v14)), pos
    except StructError:
        raise XdrError("entry4: truncated") from None


def append_entry4(out: list[bytes], v: entry4) -> None:
    try:
        v1 = v.name
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("entry4.name: length")
        out.append(pS_QI(v.cookie, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        o3 = v.attrs
        out.append(pack_bitmap(o3.attrmask))
        v4 = o3.attr_vals
        n5 = len(v4)
        if n5 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n5))
        out.append(v4)
        if n5 & 3:
            out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("entry4: value out of range") from None


def pack_entry4(v: entry4) -> bytes:
    out: list[bytes] = []
    append_entry4(out, v)
    return b"".join(out)


def unpack_dirlist4(buf: Buffer, pos: int) -> tuple[dirlist4, int]:
    try:
        end = len(buf)
        v1: list[entry4] = []
        while True:
            v2, = uS_I(buf, pos)
            pos += 4
            if v2 != 1:
                if v2:
                    raise XdrError("entry4: a bool is 0 or 1")
                break
            v3, n4 = uS_QI(buf, pos)
            b5 = pos + 12
            e6 = b5 + n4
            pos = e6 + (-n4 & 3)
            if n4 > 4096 or pos > end:
                raise XdrError("entry4.name: length")
            v7 = bytes(buf[b5:e6])
            n8, = uS_I(buf, pos)
            if n8 == 2:
                v10, v11 = uS_II(buf, pos + 4)
                v9 = v10 | v11 << 32
                pos += 12
            elif n8 == 3:
                v10, v11, v12 = uS_III(buf, pos + 4)
                v9 = v10 | v11 << 32 | v12 << 64
                pos += 16
            elif n8 == 1:
                v9, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v9 = unpack_bitmap(buf, pos + 4, n8)
                pos += 4 + n8 * 4
            n13, = uS_I(buf, pos)
            b14 = pos + 4
            e15 = b14 + n13
            pos = e15 + (-n13 & 3)
            if n13 > 1048576 or pos > end:
                raise XdrError("fattr4.attr_vals: length")
            v16 = bytes(buf[b14:e15])
            v1.append(entry4(v3, v7, fattr4(v9, v16)))
        v17, = uS_I(buf, pos)
        if v17 > 1:
            raise XdrError("dirlist4: a bool is 0 or 1")
        return dirlist4(v1, v17 == 1), pos + 4
    except StructError:
        raise XdrError("dirlist4: truncated") from None


def append_dirlist4(out: list[bytes], v: dirlist4) -> None:
    try:
        for v1 in v.entries:
            v2 = v1.name
            n3 = len(v2)
            if n3 > 4096:
                raise XdrError("entry4.name: length")
            out.append(pS_IQI(1, v1.cookie, n3))
            out.append(v2)
            if n3 & 3:
                out.append(PADS[n3 & 3])
            o4 = v1.attrs
            out.append(pack_bitmap(o4.attrmask))
            v5 = o4.attr_vals
            n6 = len(v5)
            if n6 > 1048576:
                raise XdrError("fattr4.attr_vals: length")
            out.append(pS_I(n6))
            out.append(v5)
            if n6 & 3:
                out.append(PADS[n6 & 3])
        out.append(pS_II(0, v.eof))
    except StructError:
        raise XdrError("dirlist4: value out of range") from None


def pack_dirlist4(v: dirlist4) -> bytes:
    out: list[bytes] = []
    append_dirlist4(out, v)
    return b"".join(out)


def unpack_READDIR4resok(buf: Buffer, pos: int) -> tuple[READDIR4resok, int]:
    try:
        end = len(buf)
        v1, = uS_8s(buf, pos)
        pos += 8
        v2: list[entry4] = []
        while True:
            v3, = uS_I(buf, pos)
            pos += 4
            if v3 != 1:
                if v3:
                    raise XdrError("entry4: a bool is 0 or 1")
                break
            v4, n5 = uS_QI(buf, pos)
            b6 = pos + 12
            e7 = b6 + n5
            pos = e7 + (-n5 & 3)
            if n5 > 4096 or pos > end:
                raise XdrError("entry4.name: length")
            v8 = bytes(buf[b6:e7])
            n9, = uS_I(buf, pos)
            if n9 == 2:
                v11, v12 = uS_II(buf, pos + 4)
                v10 = v11 | v12 << 32
                pos += 12
            elif n9 == 3:
                v11, v12, v13 = uS_III(buf, pos + 4)
                v10 = v11 | v12 << 32 | v13 << 64
                pos += 16
            elif n9 == 1:
                v10, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v10 = unpack_bitmap(buf, pos + 4, n9)
                pos += 4 + n9 * 4
            n14, = uS_I(buf, pos)
            b15 = pos + 4
            e16 = b15 + n14
            pos = e16 + (-n14 & 3)
            if n14 > 1048576 or pos > end:
                raise XdrError("fattr4.attr_vals: length")
            v17 = bytes(buf[b15:e16])
            v2.append(entry4(v4, v8, fattr4(v10, v17)))
        v18, = uS_I(buf, pos)
        if v18 > 1:
            raise XdrError("READDIR4resok: a bool is 0 or 1")
        return READDIR4resok(v1, dirlist4(v2, v18 == 1)), pos + 4
    except StructError:
        raise XdrError("READDIR4resok: truncated") from None


def append_READDIR4resok(out: list[bytes], v: READDIR4resok) -> None:
    try:
        v1 = v.cookieverf
        if len(v1) != 8:
            raise XdrError("READDIR4resok.cookieverf: length")
        o2 = v.reply
        out.append(pS_8s(v1))
        for v3 in o2.entries:
            v4 = v3.name
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("entry4.name: length")
            out.append(pS_IQI(1, v3.cookie, n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
            o6 = v3.attrs
            out.append(pack_bitmap(o6.attrmask))
            v7 = o6.attr_vals
            n8 = len(v7)
            if n8 > 1048576:
                raise XdrError("fattr4.attr_vals: length")
            out.append(pS_I(n8))
            out.append(v7)
            if n8 & 3:
                out.append(PADS[n8 & 3])
        out.append(pS_II(0, o2.eof))
    except StructError:
        raise XdrError("READDIR4resok: value out of range") from None


def pack_READDIR4resok(v: READDIR4resok) -> bytes:
    out: list[bytes] = []
    append_READDIR4resok(out, v)
    return b"".join(out)


def unpack_READDIR4res(buf: Buffer, pos: int) -> tuple[READDIR4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, = uS_8s(buf, pos)
            pos += 8
            v4: list[entry4] = []
            while True:
                v5, = uS_I(buf, pos)
                pos += 4
                if v5 != 1:
                    if v5:
                        raise XdrError("entry4: a bool is 0 or 1")
                    break
                v6, n7 = uS_QI(buf, pos)
                b8 = pos + 12
                e9 = b8 + n7
                pos = e9 + (-n7 & 3)
                if n7 > 4096 or pos > end:
                    raise XdrError("entry4.name: length")
                v10 = bytes(buf[b8:e9])
                n11, = uS_I(buf, pos)
                if n11 == 2:
                    v13, v14 = uS_II(buf, pos + 4)
                    v12 = v13 | v14 << 32
                    pos += 12
                elif n11 == 3:
                    v13, v14, v15 = uS_III(buf, pos + 4)
                    v12 = v13 | v14 << 32 | v15 << 64
                    pos += 16
                elif n11 == 1:
                    v12, = uS_I(buf, pos + 4)
                    pos += 8
                else:
                    v12 = unpack_bitmap(buf, pos + 4, n11)
                    pos += 4 + n11 * 4
                n16, = uS_I(buf, pos)
                b17 = pos + 4
                e18 = b17 + n16
                pos = e18 + (-n16 & 3)
                if n16 > 1048576 or pos > end:
                    raise XdrError("fattr4.attr_vals: length")
                v19 = bytes(buf[b17:e18])
                v4.append(entry4(v6, v10, fattr4(v12, v19)))
            v20, = uS_I(buf, pos)
            if v20 > 1:
                raise XdrError("READDIR4res: a bool is 0 or 1")
            pos += 4
            v2 = READDIR4res(d1, READDIR4resok(v3, dirlist4(v4, v20 == 1)))
        else:
            v2 = READDIR4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("READDIR4res: truncated") from None


def append_READDIR4res(out: list[bytes], v: READDIR4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("READDIR4res.resok4: the selected arm is missing")
            v3 = o2.cookieverf
            if len(v3) != 8:
                raise XdrError("READDIR4resok.cookieverf: length")
            o4 = o2.reply
            out.append(pS_8s(v3))
            for v5 in o4.entries:
                v6 = v5.name
                n7 = len(v6)
                if n7 > 4096:
                    raise XdrError("entry4.name: length")
                out.append(pS_IQI(1, v5.cookie, n7))
                out.append(v6)
                if n7 & 3:
                    out.append(PADS[n7 & 3])
                o8 = v5.attrs
                out.append(pack_bitmap(o8.attrmask))
                v9 = o8.attr_vals
                n10 = len(v9)
                if n10 > 1048576:
                    raise XdrError("fattr4.attr_vals: length")
                out.append(pS_I(n10))
                out.append(v9)
                if n10 & 3:
                    out.append(PADS[n10 & 3])
            out.append(pS_II(0, o4.eof))
    except StructError:
        raise XdrError("READDIR4res: value out of range") from None


def pack_READDIR4res(v: READDIR4res) -> bytes:
    out: list[bytes] = []
    append_READDIR4res(out, v)
    return b"".join(out)


def unpack_READLINK4resok(buf: Buffer, pos: int) -> tuple[READLINK4resok, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 65536 or pos > end:
            raise XdrError("READLINK4resok.link: length")
        v4 = bytes(buf[b2:e3])
        return READLINK4resok(v4), pos
    except StructError:
        raise XdrError("READLINK4resok: truncated") from None


def append_READLINK4resok(out: list[bytes], v: READLINK4resok) -> None:
    try:
        v1 = v.link
        n2 = len(v1)
        if n2 > 65536:
            raise XdrError("READLINK4resok.link: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("READLINK4resok: value out of range") from None


def pack_READLINK4resok(v: READLINK4resok) -> bytes:
    out: list[bytes] = []
    append_READLINK4resok(out, v)
    return b"".join(out)


def unpack_READLINK4res(buf: Buffer, pos: int) -> tuple[READLINK4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 65536 or pos > end:
                raise XdrError("READLINK4resok.link: length")
            v6 = bytes(buf[b4:e5])
            v2 = READLINK4res(d1, READLINK4resok(v6))
        else:
            v2 = READLINK4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("READLINK4res: truncated") from None


def append_READLINK4res(out: list[bytes], v: READLINK4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("READLINK4res.resok4: the selected arm is missing")
            v3 = o2.link
            n4 = len(v3)
            if n4 > 65536:
                raise XdrError("READLINK4resok.link: length")
            out.append(pS_I(n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("READLINK4res: value out of range") from None


def pack_READLINK4res(v: READLINK4res) -> bytes:
    out: list[bytes] = []
    append_READLINK4res(out, v)
    return b"".join(out)


def unpack_REMOVE4args(buf: Buffer, pos: int) -> tuple[REMOVE4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("REMOVE4args.target: length")
        v4 = bytes(buf[b2:e3])
        return REMOVE4args(v4), pos
    except StructError:
        raise XdrError("REMOVE4args: truncated") from None


def append_REMOVE4args(out: list[bytes], v: REMOVE4args) -> None:
    try:
        v1 = v.target
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("REMOVE4args.target: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("REMOVE4args: value out of range") from None


def pack_REMOVE4args(v: REMOVE4args) -> bytes:
    out: list[bytes] = []
    append_REMOVE4args(out, v)
    return b"".join(out)


def unpack_REMOVE4resok(buf: Buffer, pos: int) -> tuple[REMOVE4resok, int]:
    try:
        v1, v2, v3 = uS_IQQ(buf, pos)
        if v1 > 1:
            raise XdrError("REMOVE4resok: a bool is 0 or 1")
        return REMOVE4resok(change_info4(v1 == 1, v2, v3)), pos + 20
    except StructError:
        raise XdrError("REMOVE4resok: truncated") from None


def append_REMOVE4resok(out: list[bytes], v: REMOVE4resok) -> None:
    try:
        o1 = v.cinfo
        out.append(pS_IQQ(o1.atomic, o1.before, o1.after))
    except StructError:
        raise XdrError("REMOVE4resok: value out of range") from None


def pack_REMOVE4resok(v: REMOVE4resok) -> bytes:
    try:
        o1 = v.cinfo
        return pS_IQQ(o1.atomic, o1.before, o1.after)
    except StructError:
        raise XdrError("REMOVE4resok: value out of range") from None


def unpack_REMOVE4res(buf: Buffer, pos: int) -> tuple[REMOVE4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5 = uS_IQQ(buf, pos)
            if v3 > 1:
                raise XdrError("REMOVE4res: a bool is 0 or 1")
            pos += 20
            v2 = REMOVE4res(d1, REMOVE4resok(change_info4(v3 == 1, v4, v5)))
        else:
            v2 = REMOVE4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("REMOVE4res: truncated") from None


def append_REMOVE4res(out: list[bytes], v: REMOVE4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("REMOVE4res.resok4: the selected arm is missing")
            o3 = o2.cinfo
            out.append(pS_IQQ(o3.atomic, o3.before, o3.after))
    except StructError:
        raise XdrError("REMOVE4res: value out of range") from None


def pack_REMOVE4res(v: REMOVE4res) -> bytes:
    out: list[bytes] = []
    append_REMOVE4res(out, v)
    return b"".join(out)


def unpack_RENAME4args(buf: Buffer, pos: int) -> tuple[RENAME4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("RENAME4args.oldname: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        b6 = pos + 4
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 4096 or pos > end:
            raise XdrError("RENAME4args.newname: length")
        v8 = bytes(buf[b6:e7])
        return RENAME4args(v4, v8), pos
    except StructError:
        raise XdrError("RENAME4args: truncated") from None


def append_RENAME4args(out: list[bytes], v: RENAME4args) -> None:
    try:
        v1 = v.oldname
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("RENAME4args.oldname: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.newname
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("RENAME4args.newname: length")
        out.append(pS_I(n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("RENAME4args: value out of range") from None


def pack_RENAME4args(v: RENAME4args) -> bytes:
    out: list[bytes] = []
    append_RENAME4args(out, v)
    return b"".join(out)


def unpack_RENAME4resok(buf: Buffer, pos: int) -> tuple[RENAME4resok, int]:
    try:
        v1, v2, v3, v4, v5, v6 = uS_IQQIQQ(buf, pos)
        if v1 > 1:
            raise XdrError("RENAME4resok: a bool is 0 or 1")
        if v4 > 1:
            raise XdrError("RENAME4resok: a bool is 0 or 1")
        return RENAME4resok(change_info4(v1 == 1, v2, v3), change_info4(v4 == 1, v5, v6)), pos + 40
    except StructError:
        raise XdrError("RENAME4resok: truncated") from None


def append_RENAME4resok(out: list[bytes], v: RENAME4resok) -> None:
    try:
        o1 = v.source_cinfo
        o2 = v.target_cinfo
        out.append(pS_IQQIQQ(o1.atomic, o1.before, o1.after, o2.atomic, o2.before, o2.after))
    except StructError:
        raise XdrError("RENAME4resok: value out of range") from None


def pack_RENAME4resok(v: RENAME4resok) -> bytes:
    try:
        o1 = v.source_cinfo
        o2 = v.target_cinfo
        return pS_IQQIQQ(o1.atomic, o1.before, o1.after, o2.atomic, o2.before, o2.after)
    except StructError:
        raise XdrError("RENAME4resok: value out of range") from None


def unpack_RENAME4res(buf: Buffer, pos: int) -> tuple[RENAME4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5, v6, v7, v8 = uS_IQQIQQ(buf, pos)
            if v3 > 1:
                raise XdrError("RENAME4res: a bool is 0 or 1")
            if v6 > 1:
                raise XdrError("RENAME4res: a bool is 0 or 1")
            pos += 40
            v2 = RENAME4res(d1, RENAME4resok(change_info4(v3 == 1, v4, v5), change_info4(v6 == 1, v7, v8)))
        else:
            v2 = RENAME4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("RENAME4res: truncated") from None


def append_RENAME4res(out: list[bytes], v: RENAME4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("RENAME4res.resok4: the selected arm is missing")
            o3 = o2.source_cinfo
            o4 = o2.target_cinfo
            out.append(pS_IQQIQQ(o3.atomic, o3.before, o3.after, o4.atomic, o4.before, o4.after))
    except StructError:
        raise XdrError("RENAME4res: value out of range") from None


def pack_RENAME4res(v: RENAME4res) -> bytes:
    out: list[bytes] = []
    append_RENAME4res(out, v)
    return b"".join(out)


def unpack_SECINFO4args(buf: Buffer, pos: int) -> tuple[SECINFO4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("SECINFO4args.name: length")
        v4 = bytes(buf[b2:e3])
        return SECINFO4args(v4), pos
    except StructError:
        raise XdrError("SECINFO4args: truncated") from None


def append_SECINFO4args(out: list[bytes], v: SECINFO4args) -> None:
    try:
        v1 = v.name
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("SECINFO4args.name: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("SECINFO4args: value out of range") from None


def pack_SECINFO4args(v: SECINFO4args) -> bytes:
    out: list[bytes] = []
    append_SECINFO4args(out, v)
    return b"".join(out)


def unpack_rpc_gss_svc_t(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("rpc_gss_svc_t: truncated") from None


def append_rpc_gss_svc_t(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("rpc_gss_svc_t: value out of range") from None


def pack_rpc_gss_svc_t(v: int) -> bytes:
    out: list[bytes] = []
    append_rpc_gss_svc_t(out, v)
    return b"".join(out)


def unpack_rpcsec_gss_info(buf: Buffer, pos: int) -> tuple[rpcsec_gss_info, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("rpcsec_gss_info.oid: length")
        v4 = bytes(buf[b2:e3])
        v5, v6 = uS_II(buf, pos)
        return rpcsec_gss_info(v4, v5, v6), pos + 8
    except StructError:
        raise XdrError("rpcsec_gss_info: truncated") from None


def append_rpcsec_gss_info(out: list[bytes], v: rpcsec_gss_info) -> None:
    try:
        v1 = v.oid
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("rpcsec_gss_info.oid: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        out.append(pS_II(v.qop, v.service))
    except StructError:
        raise XdrError("rpcsec_gss_info: value out of range") from None


def pack_rpcsec_gss_info(v: rpcsec_gss_info) -> bytes:
    out: list[bytes] = []
    append_rpcsec_gss_info(out, v)
    return b"".join(out)


def unpack_secinfo4(buf: Buffer, pos: int) -> tuple[secinfo4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 6:
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 4096 or pos > end:
                raise XdrError("rpcsec_gss_info.oid: length")
            v6 = bytes(buf[b4:e5])
            v7, v8 = uS_II(buf, pos)
            pos += 8
            v2 = secinfo4(d1, rpcsec_gss_info(v6, v7, v8))
        else:
            v2 = secinfo4(d1)
        return v2, pos
    except StructError:
        raise XdrError("secinfo4: truncated") from None


def append_secinfo4(out: list[bytes], v: secinfo4) -> None:
    try:
        d1 = v.flavor
        out.append(pS_I(d1))
        if d1 == 6:
            o2 = v.flavor_info
            if o2 is None:
                raise XdrError("secinfo4.flavor_info: the selected arm is missing")
            v3 = o2.oid
            n4 = len(v3)
            if n4 > 4096:
                raise XdrError("rpcsec_gss_info.oid: length")
            out.append(pS_I(n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
            out.append(pS_II(o2.qop, o2.service))
    except StructError:
        raise XdrError("secinfo4: value out of range") from None


def pack_secinfo4(v: secinfo4) -> bytes:
    out: list[bytes] = []
    append_secinfo4(out, v)
    return b"".join(out)


def unpack_SECINFO4resok(buf: Buffer, pos: int) -> tuple[list[secinfo4], int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 64 or n1 * 4 > end - pos:
            raise XdrError("SECINFO4resok: count")
        v2: list[secinfo4] = []
        for _ in range(n1):
            d3, = uS_I(buf, pos)
            pos += 4
            if d3 == 6:
                n5, = uS_I(buf, pos)
                b6 = pos + 4
                e7 = b6 + n5
                pos = e7 + (-n5 & 3)
                if n5 > 4096 or pos > end:
                    raise XdrError("rpcsec_gss_info.oid: length")
                v8 = bytes(buf[b6:e7])
                v9, v10 = uS_II(buf, pos)
                pos += 8
                v4 = secinfo4(d3, rpcsec_gss_info(v8, v9, v10))
            else:
                v4 = secinfo4(d3)
            v2.append(v4)
        return v2, pos
    except StructError:
        raise XdrError("SECINFO4resok: truncated") from None


def append_SECINFO4resok(out: list[bytes], v: list[secinfo4]) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 64:
            raise XdrError("SECINFO4resok: count")
        out.append(pS_I(n2))
        for v3 in v1:
            d4 = v3.flavor
            out.append(pS_I(d4))
            if d4 == 6:
                o5 = v3.flavor_info
                if o5 is None:
                    raise XdrError("secinfo4.flavor_info: the selected arm is missing")
                v6 = o5.oid
                n7 = len(v6)
                if n7 > 4096:
                    raise XdrError("rpcsec_gss_info.oid: length")
                out.append(pS_I(n7))
                out.append(v6)
                if n7 & 3:
                    out.append(PADS[n7 & 3])
                out.append(pS_II(o5.qop, o5.service))
    except StructError:
        raise XdrError("SECINFO4resok: value out of range") from None


def pack_SECINFO4resok(v: list[secinfo4]) -> bytes:
    out: list[bytes] = []
    append_SECINFO4resok(out, v)
    return b"".join(out)


def unpack_SECINFO4res(buf: Buffer, pos: int) -> tuple[SECINFO4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            pos += 4
            if n3 > 64 or n3 * 4 > end - pos:
                raise XdrError("SECINFO4res.resok4: count")
            v4: list[secinfo4] = []
            for _ in range(n3):
                d5, = uS_I(buf, pos)
                pos += 4
                if d5 == 6:
                    n7, = uS_I(buf, pos)
                    b8 = pos + 4
                    e9 = b8 + n7
                    pos = e9 + (-n7 & 3)
                    if n7 > 4096 or pos > end:
                        raise XdrError("rpcsec_gss_info.oid: length")
                    v10 = bytes(buf[b8:e9])
                    v11, v12 = uS_II(buf, pos)
                    pos += 8
                    v6 = secinfo4(d5, rpcsec_gss_info(v10, v11, v12))
                else:
                    v6 = secinfo4(d5)
                v4.append(v6)
            v2 = SECINFO4res(d1, v4)
        else:
            v2 = SECINFO4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("SECINFO4res: truncated") from None


def append_SECINFO4res(out: list[bytes], v: SECINFO4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("SECINFO4res.resok4: the selected arm is missing")
            v3 = o2
            n4 = len(v3)
            if n4 > 64:
                raise XdrError("SECINFO4res.resok4: count")
            out.append(pS_I(n4))
            for v5 in v3:
                d6 = v5.flavor
                out.append(pS_I(d6))
                if d6 == 6:
                    o7 = v5.flavor_info
                    if o7 is None:
                        raise XdrError("secinfo4.flavor_info: the selected arm is missing")
                    v8 = o7.oid
                    n9 = len(v8)
                    if n9 > 4096:
                        raise XdrError("rpcsec_gss_info.oid: length")
                    out.append(pS_I(n9))
                    out.append(v8)
                    if n9 & 3:
                        out.append(PADS[n9 & 3])
                    out.append(pS_II(o7.qop, o7.service))
    except StructError:
        raise XdrError("SECINFO4res: value out of range") from None


def pack_SECINFO4res(v: SECINFO4res) -> bytes:
    out: list[bytes] = []
    append_SECINFO4res(out, v)
    return b"".join(out)


def unpack_SETATTR4args(buf: Buffer, pos: int) -> tuple[SETATTR4args, int]:
    try:
        end = len(buf)
        v1, v2, n3 = uS_I12sI(buf, pos)
        if n3 == 2:
            v5, v6 = uS_II(buf, pos + 20)
            v4 = v5 | v6 << 32
            pos += 28
        elif n3 == 3:
            v5, v6, v7 = uS_III(buf, pos + 20)
            v4 = v5 | v6 << 32 | v7 << 64
            pos += 32
        elif n3 == 1:
            v4, = uS_I(buf, pos + 20)
            pos += 24
        else:
            v4 = unpack_bitmap(buf, pos + 20, n3)
            pos += 20 + n3 * 4
        n8, = uS_I(buf, pos)
        b9 = pos + 4
        e10 = b9 + n8
        pos = e10 + (-n8 & 3)
        if n8 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v11 = bytes(buf[b9:e10])
        return SETATTR4args(stateid4(v1, v2), fattr4(v4, v11)), pos
    except StructError:
        raise XdrError("SETATTR4args: truncated") from None


def append_SETATTR4args(out: list[bytes], v: SETATTR4args) -> None:
    try:
        o1 = v.stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.obj_attributes
        out.append(pS_I12s(o1.seqid, v2))
        out.append(pack_bitmap(o3.attrmask))
        v4 = o3.attr_vals
        n5 = len(v4)
        if n5 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n5))
        out.append(v4)
        if n5 & 3:
            out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("SETATTR4args: value out of range") from None


def pack_SETATTR4args(v: SETATTR4args) -> bytes:
    out: list[bytes] = []
    append_SETATTR4args(out, v)
    return b"".join(out)


def unpack_SETATTR4res(buf: Buffer, pos: int) -> tuple[SETATTR4res, int]:
    try:
        v1, n2 = uS_II(buf, pos)
        if n2 == 2:
            v4, v5 = uS_II(buf, pos + 8)
            v3 = v4 | v5 << 32
            pos += 16
        elif n2 == 3:
            v4, v5, v6 = uS_III(buf, pos + 8)
            v3 = v4 | v5 << 32 | v6 << 64
            pos += 20
        elif n2 == 1:
            v3, = uS_I(buf, pos + 8)
            pos += 12
        else:
            v3 = unpack_bitmap(buf, pos + 8, n2)
            pos += 8 + n2 * 4
        return SETATTR4res(v1, v3), pos
    except StructError:
        raise XdrError("SETATTR4res: truncated") from None


def append_SETATTR4res(out: list[bytes], v: SETATTR4res) -> None:
    try:
        out.append(pS_I(v.status))
        out.append(pack_bitmap(v.attrsset))
    except StructError:
        raise XdrError("SETATTR4res: value out of range") from None


def pack_SETATTR4res(v: SETATTR4res) -> bytes:
    out: list[bytes] = []
    append_SETATTR4res(out, v)
    return b"".join(out)


def unpack_VERIFY4args(buf: Buffer, pos: int) -> tuple[VERIFY4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        n6, = uS_I(buf, pos)
        b7 = pos + 4
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v9 = bytes(buf[b7:e8])
        return VERIFY4args(fattr4(v2, v9)), pos
    except StructError:
        raise XdrError("VERIFY4args: truncated") from None


def append_VERIFY4args(out: list[bytes], v: VERIFY4args) -> None:
    try:
        o1 = v.obj_attributes
        out.append(pack_bitmap(o1.attrmask))
        v2 = o1.attr_vals
        n3 = len(v2)
        if n3 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
    except StructError:
        raise XdrError("VERIFY4args: value out of range") from None


def pack_VERIFY4args(v: VERIFY4args) -> bytes:
    out: list[bytes] = []
    append_VERIFY4args(out, v)
    return b"".join(out)


def unpack_VERIFY4res(buf: Buffer, pos: int) -> tuple[VERIFY4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return VERIFY4res(v1), pos + 4
    except StructError:
        raise XdrError("VERIFY4res: truncated") from None


def append_VERIFY4res(out: list[bytes], v: VERIFY4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("VERIFY4res: value out of range") from None


def pack_VERIFY4res(v: VERIFY4res) -> bytes:
    out: list[bytes] = []
    append_VERIFY4res(out, v)
    return b"".join(out)


def unpack_stable_how4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("stable_how4: truncated") from None


def append_stable_how4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("stable_how4: value out of range") from None


def pack_stable_how4(v: int) -> bytes:
    out: list[bytes] = []
    append_stable_how4(out, v)
    return b"".join(out)


def unpack_WRITE4args(buf: Buffer, pos: int) -> tuple[WRITE4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_I12sQII(buf, pos)
        b6 = pos + 32
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 67108864 or pos > end:
            raise XdrError("WRITE4args.data: length")
        v8 = memoryview(buf)[b6:e7]
        return WRITE4args(stateid4(v1, v2), v3, v4, v8), pos
    except StructError:
        raise XdrError("WRITE4args: truncated") from None


def append_WRITE4args(out: list[bytes], v: WRITE4args) -> None:
    try:
        o1 = v.stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        v3 = v.data
        n4 = len(v3)
        if n4 > 67108864:
            raise XdrError("WRITE4args.data: length")
        out.append(pS_I12sQII(o1.seqid, v2, v.offset, v.stable, n4))
        out.append(v3)  # type: ignore[arg-type]
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("WRITE4args: value out of range") from None


def pack_WRITE4args(v: WRITE4args) -> bytes:
    out: list[bytes] = []
    append_WRITE4args(out, v)
    return b"".join(out)


def unpack_WRITE4resok(buf: Buffer, pos: int) -> tuple[WRITE4resok, int]:
    try:
        v1, v2, v3 = uS_II8s(buf, pos)
        return WRITE4resok(v1, v2, v3), pos + 16
    except StructError:
        raise XdrError("WRITE4resok: truncated") from None


def append_WRITE4resok(out: list[bytes], v: WRITE4resok) -> None:
    try:
        v1 = v.writeverf
        if len(v1) != 8:
            raise XdrError("WRITE4resok.writeverf: length")
        out.append(pS_II8s(v.count, v.committed, v1))
    except StructError:
        raise XdrError("WRITE4resok: value out of range") from None


def pack_WRITE4resok(v: WRITE4resok) -> bytes:
    try:
        v1 = v.writeverf
        if len(v1) != 8:
            raise XdrError("WRITE4resok.writeverf: length")
        return pS_II8s(v.count, v.committed, v1)
    except StructError:
        raise XdrError("WRITE4resok: value out of range") from None


def unpack_WRITE4res(buf: Buffer, pos: int) -> tuple[WRITE4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5 = uS_II8s(buf, pos)
            pos += 16
            v2 = WRITE4res(d1, WRITE4resok(v3, v4, v5))
        else:
            v2 = WRITE4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("WRITE4res: truncated") from None


def append_WRITE4res(out: list[bytes], v: WRITE4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("WRITE4res.resok4: the selected arm is missing")
            v3 = o2.writeverf
            if len(v3) != 8:
                raise XdrError("WRITE4resok.writeverf: length")
            out.append(pS_II8s(o2.count, o2.committed, v3))
    except StructError:
        raise XdrError("WRITE4res: value out of range") from None


def pack_WRITE4res(v: WRITE4res) -> bytes:
    out: list[bytes] = []
    append_WRITE4res(out, v)
    return b"".join(out)


def unpack_ILLEGAL4res(buf: Buffer, pos: int) -> tuple[ILLEGAL4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return ILLEGAL4res(v1), pos + 4
    except StructError:
        raise XdrError("ILLEGAL4res: truncated") from None


def append_ILLEGAL4res(out: list[bytes], v: ILLEGAL4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("ILLEGAL4res: value out of range") from None


def pack_ILLEGAL4res(v: ILLEGAL4res) -> bytes:
    out: list[bytes] = []
    append_ILLEGAL4res(out, v)
    return b"".join(out)


def unpack_gss_cb_handles4(buf: Buffer, pos: int) -> tuple[gss_cb_handles4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 4096 or pos > end:
            raise XdrError("gss_cb_handles4.gcbp_handle_from_server: length")
        v5 = bytes(buf[b3:e4])
        n6, = uS_I(buf, pos)
        b7 = pos + 4
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 4096 or pos > end:
            raise XdrError("gss_cb_handles4.gcbp_handle_from_client: length")
        v9 = bytes(buf[b7:e8])
        return gss_cb_handles4(v1, v5, v9), pos
    except StructError:
        raise XdrError("gss_cb_handles4: truncated") from None


def append_gss_cb_handles4(out: list[bytes], v: gss_cb_handles4) -> None:
    try:
        v1 = v.gcbp_handle_from_server
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("gss_cb_handles4.gcbp_handle_from_server: length")
        out.append(pS_II(v.gcbp_service, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.gcbp_handle_from_client
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("gss_cb_handles4.gcbp_handle_from_client: length")
        out.append(pS_I(n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("gss_cb_handles4: value out of range") from None


def pack_gss_cb_handles4(v: gss_cb_handles4) -> bytes:
    out: list[bytes] = []
    append_gss_cb_handles4(out, v)
    return b"".join(out)


def unpack_callback_sec_parms4(buf: Buffer, pos: int) -> tuple[callback_sec_parms4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v2 = callback_sec_parms4(d1)
        elif d1 == 1:
            v3, n4 = uS_II(buf, pos)
            b5 = pos + 8
            e6 = b5 + n4
            pos = e6 + (-n4 & 3)
            if n4 > 255 or pos > end:
                raise XdrError("authsys_parms.machinename: length")
            v7 = bytes(buf[b5:e6])
            v8, v9, n10 = uS_III(buf, pos)
            pos += 12
            if n10 > 16 or n10 * 4 > end - pos:
                raise XdrError("authsys_parms.gids: count")
            v11 = list(unpack_from(f">{n10}I", buf, pos))
            pos += n10 * 4
            v2 = callback_sec_parms4(d1, authsys_parms(v3, v7, v8, v9, v11))
        elif d1 == 6:
            v12, n13 = uS_II(buf, pos)
            b14 = pos + 8
            e15 = b14 + n13
            pos = e15 + (-n13 & 3)
            if n13 > 4096 or pos > end:
                raise XdrError("gss_cb_handles4.gcbp_handle_from_server: length")
            v16 = bytes(buf[b14:e15])
            n17, = uS_I(buf, pos)
            b18 = pos + 4
            e19 = b18 + n17
            pos = e19 + (-n17 & 3)
            if n17 > 4096 or pos > end:
                raise XdrError("gss_cb_handles4.gcbp_handle_from_client: length")
            v20 = bytes(buf[b18:e19])
            v2 = callback_sec_parms4(d1, None, gss_cb_handles4(v12, v16, v20))
        else:
            raise XdrError("callback_sec_parms4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("callback_sec_parms4: truncated") from None


def append_callback_sec_parms4(out: list[bytes], v: callback_sec_parms4) -> None:
    try:
        d1 = v.cb_secflavor
        out.append(pS_I(d1))
        if d1 == 0:
            pass
        elif d1 == 1:
            o2 = v.cbsp_sys_cred
            if o2 is None:
                raise XdrError("callback_sec_parms4.cbsp_sys_cred: the selected arm is missing")
            v3 = o2.machinename
            n4 = len(v3)
            if n4 > 255:
                raise XdrError("authsys_parms.machinename: length")
            out.append(pS_II(o2.stamp, n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
            v5 = o2.gids
            n6 = len(v5)
            if n6 > 16:
                raise XdrError("authsys_parms.gids: count")
            out.append(pS_III(o2.uid, o2.gid, n6))
            out.append(pack(f">{n6}I", *v5))
        elif d1 == 6:
            o8 = v.cbsp_gss_handles
            if o8 is None:
                raise XdrError("callback_sec_parms4.cbsp_gss_handles: the selected arm is missing")
            v9 = o8.gcbp_handle_from_server
            n10 = len(v9)
            if n10 > 4096:
                raise XdrError("gss_cb_handles4.gcbp_handle_from_server: length")
            out.append(pS_II(o8.gcbp_service, n10))
            out.append(v9)
            if n10 & 3:
                out.append(PADS[n10 & 3])
            v11 = o8.gcbp_handle_from_client
            n12 = len(v11)
            if n12 > 4096:
                raise XdrError("gss_cb_handles4.gcbp_handle_from_client: length")
            out.append(pS_I(n12))
            out.append(v11)
            if n12 & 3:
                out.append(PADS[n12 & 3])
        else:
            raise XdrError("callback_sec_parms4: no such arm")
    except StructError:
        raise XdrError("callback_sec_parms4: value out of range") from None


def pack_callback_sec_parms4(v: callback_sec_parms4) -> bytes:
    out: list[bytes] = []
    append_callback_sec_parms4(out, v)
    return b"".join(out)


def unpack_BACKCHANNEL_CTL4args(buf: Buffer, pos: int) -> tuple[BACKCHANNEL_CTL4args, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        pos += 8
        if n2 > 64 or n2 * 4 > end - pos:
            raise XdrError("BACKCHANNEL_CTL4args.bca_sec_parms: count")
        v3: list[callback_sec_parms4] = []
        for _ in range(n2):
            d4, = uS_I(buf, pos)
            pos += 4
            if d4 == 0:
                v5 = callback_sec_parms4(d4)
            elif d4 == 1:
                v6, n7 = uS_II(buf, pos)
                b8 = pos + 8
                e9 = b8 + n7
                pos = e9 + (-n7 & 3)
                if n7 > 255 or pos > end:
                    raise XdrError("authsys_parms.machinename: length")
                v10 = bytes(buf[b8:e9])
                v11, v12, n13 = uS_III(buf, pos)
                pos += 12
                if n13 > 16 or n13 * 4 > end - pos:
                    raise XdrError("authsys_parms.gids: count")
                v14 = list(unpack_from(f">{n13}I", buf, pos))
                pos += n13 * 4
                v5 = callback_sec_parms4(d4, authsys_parms(v6, v10, v11, v12, v14))
            elif d4 == 6:
                v15, n16 = uS_II(buf, pos)
                b17 = pos + 8
                e18 = b17 + n16
                pos = e18 + (-n16 & 3)
                if n16 > 4096 or pos > end:
                    raise XdrError("gss_cb_handles4.gcbp_handle_from_server: length")
                v19 = bytes(buf[b17:e18])
                n20, = uS_I(buf, pos)
                b21 = pos + 4
                e22 = b21 + n20
                pos = e22 + (-n20 & 3)
                if n20 > 4096 or pos > end:
                    raise XdrError("gss_cb_handles4.gcbp_handle_from_client: length")
                v23 = bytes(buf[b21:e22])
                v5 = callback_sec_parms4(d4, None, gss_cb_handles4(v15, v19, v23))
            else:
                raise XdrError("callback_sec_parms4: no such arm")
            v3.append(v5)
        return BACKCHANNEL_CTL4args(v1, v3), pos
    except StructError:
        raise XdrError("BACKCHANNEL_CTL4args: truncated") from None


def append_BACKCHANNEL_CTL4args(out: list[bytes], v: BACKCHANNEL_CTL4args) -> None:
    try:
        v1 = v.bca_sec_parms
        n2 = len(v1)
        if n2 > 64:
            raise XdrError("BACKCHANNEL_CTL4args.bca_sec_parms: count")
        out.append(pS_II(v.bca_cb_program, n2))
        for v3 in v1:
            d4 = v3.cb_secflavor
            out.append(pS_I(d4))
            if d4 == 0:
                pass
            elif d4 == 1:
                o5 = v3.cbsp_sys_cred
                if o5 is None:
                    raise XdrError("callback_sec_parms4.cbsp_sys_cred: the selected arm is missing")
                v6 = o5.machinename
                n7 = len(v6)
                if n7 > 255:
                    raise XdrError("authsys_parms.machinename: length")
                out.append(pS_II(o5.stamp, n7))
                out.append(v6)
                if n7 & 3:
                    out.append(PADS[n7 & 3])
                v8 = o5.gids
                n9 = len(v8)
                if n9 > 16:
                    raise XdrError("authsys_parms.gids: count")
                out.append(pS_III(o5.uid, o5.gid, n9))
                out.append(pack(f">{n9}I", *v8))
            elif d4 == 6:
                o11 = v3.cbsp_gss_handles
                if o11 is None:
                    raise XdrError("callback_sec_parms4.cbsp_gss_handles: the selected arm is missing")
                v12 = o11.gcbp_handle_from_server
                n13 = len(v12)
                if n13 > 4096:
                    raise XdrError("gss_cb_handles4.gcbp_handle_from_server: length")
                out.append(pS_II(o11.gcbp_service, n13))
                out.append(v12)
                if n13 & 3:
                    out.append(PADS[n13 & 3])
                v14 = o11.gcbp_handle_from_client
                n15 = len(v14)
                if n15 > 4096:
                    raise XdrError("gss_cb_handles4.gcbp_handle_from_client: length")
                out.append(pS_I(n15))
                out.append(v14)
                if n15 & 3:
                    out.append(PADS[n15 & 3])
            else:
                raise XdrError("callback_sec_parms4: no such arm")
    except StructError:
        raise XdrError("BACKCHANNEL_CTL4args: value out of range") from None


def pack_BACKCHANNEL_CTL4args(v: BACKCHANNEL_CTL4args) -> bytes:
    out: list[bytes] = []
    append_BACKCHANNEL_CTL4args(out, v)
    return b"".join(out)


def unpack_BACKCHANNEL_CTL4res(buf: Buffer, pos: int) -> tuple[BACKCHANNEL_CTL4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return BACKCHANNEL_CTL4res(v1), pos + 4
    except StructError:
        raise XdrError("BACKCHANNEL_CTL4res: truncated") from None


def append_BACKCHANNEL_CTL4res(out: list[bytes], v: BACKCHANNEL_CTL4res) -> None:
    try:
        out.append(pS_I(v.bcr_status))
    except StructError:
        raise XdrError("BACKCHANNEL_CTL4res: value out of range") from None


def pack_BACKCHANNEL_CTL4res(v: BACKCHANNEL_CTL4res) -> bytes:
    out: list[bytes] = []
    append_BACKCHANNEL_CTL4res(out, v)
    return b"".join(out)


def unpack_channel_dir_from_client4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("channel_dir_from_client4: truncated") from None


def append_channel_dir_from_client4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("channel_dir_from_client4: value out of range") from None


def pack_channel_dir_from_client4(v: int) -> bytes:
    out: list[bytes] = []
    append_channel_dir_from_client4(out, v)
    return b"".join(out)


def unpack_channel_dir_from_server4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("channel_dir_from_server4: truncated") from None


def append_channel_dir_from_server4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("channel_dir_from_server4: value out of range") from None


def pack_channel_dir_from_server4(v: int) -> bytes:
    out: list[bytes] = []
    append_channel_dir_from_server4(out, v)
    return b"".join(out)


def unpack_BIND_CONN_TO_SESSION4args(buf: Buffer, pos: int) -> tuple[BIND_CONN_TO_SESSION4args, int]:
    try:
        v1, v2, v3 = uS_16sII(buf, pos)
        if v3 > 1:
            raise XdrError("BIND_CONN_TO_SESSION4args: a bool is 0 or 1")
        return BIND_CONN_TO_SESSION4args(v1, v2, v3 == 1), pos + 24
    except StructError:
        raise XdrError("BIND_CONN_TO_SESSION4args: truncated") from None


def append_BIND_CONN_TO_SESSION4args(out: list[bytes], v: BIND_CONN_TO_SESSION4args) -> None:
    try:
        v1 = v.bctsa_sessid
        if len(v1) != 16:
            raise XdrError("BIND_CONN_TO_SESSION4args.bctsa_sessid: length")
        out.append(pS_16sII(v1, v.bctsa_dir, v.bctsa_use_conn_in_rdma_mode))
    except StructError:
        raise XdrError("BIND_CONN_TO_SESSION4args: value out of range") from None


def pack_BIND_CONN_TO_SESSION4args(v: BIND_CONN_TO_SESSION4args) -> bytes:
    try:
        v1 = v.bctsa_sessid
        if len(v1) != 16:
            raise XdrError("BIND_CONN_TO_SESSION4args.bctsa_sessid: length")
        return pS_16sII(v1, v.bctsa_dir, v.bctsa_use_conn_in_rdma_mode)
    except StructError:
        raise XdrError("BIND_CONN_TO_SESSION4args: value out of range") from None


def unpack_BIND_CONN_TO_SESSION4resok(buf: Buffer, pos: int) -> tuple[BIND_CONN_TO_SESSION4resok, int]:
    try:
        v1, v2, v3 = uS_16sII(buf, pos)
        if v3 > 1:
            raise XdrError("BIND_CONN_TO_SESSION4resok: a bool is 0 or 1")
        return BIND_CONN_TO_SESSION4resok(v1, v2, v3 == 1), pos + 24
    except StructError:
        raise XdrError("BIND_CONN_TO_SESSION4resok: truncated") from None


def append_BIND_CONN_TO_SESSION4resok(out: list[bytes], v: BIND_CONN_TO_SESSION4resok) -> None:
    try:
        v1 = v.bctsr_sessid
        if len(v1) != 16:
            raise XdrError("BIND_CONN_TO_SESSION4resok.bctsr_sessid: length")
        out.append(pS_16sII(v1, v.bctsr_dir, v.bctsr_use_conn_in_rdma_mode))
    except StructError:
        raise XdrError("BIND_CONN_TO_SESSION4resok: value out of range") from None


def pack_BIND_CONN_TO_SESSION4resok(v: BIND_CONN_TO_SESSION4resok) -> bytes:
    try:
        v1 = v.bctsr_sessid
        if len(v1) != 16:
            raise XdrError("BIND_CONN_TO_SESSION4resok.bctsr_sessid: length")
        return pS_16sII(v1, v.bctsr_dir, v.bctsr_use_conn_in_rdma_mode)
    except StructError:
        raise XdrError("BIND_CONN_TO_SESSION4resok: value out of range") from None


def unpack_BIND_CONN_TO_SESSION4res(buf: Buffer, pos: int) -> tuple[BIND_CONN_TO_SESSION4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5 = uS_16sII(buf, pos)
            if v5 > 1:
                raise XdrError("BIND_CONN_TO_SESSION4res: a bool is 0 or 1")
            pos += 24
            v2 = BIND_CONN_TO_SESSION4res(d1, BIND_CONN_TO_SESSION4resok(v3, v4, v5 == 1))
        else:
            v2 = BIND_CONN_TO_SESSION4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("BIND_CONN_TO_SESSION4res: truncated") from None


def append_BIND_CONN_TO_SESSION4res(out: list[bytes], v: BIND_CONN_TO_SESSION4res) -> None:
    try:
        d1 = v.bctsr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.bctsr_resok4
            if o2 is None:
                raise XdrError("BIND_CONN_TO_SESSION4res.bctsr_resok4: the selected arm is missing")
            v3 = o2.bctsr_sessid
            if len(v3) != 16:
                raise XdrError("BIND_CONN_TO_SESSION4resok.bctsr_sessid: length")
            out.append(pS_16sII(v3, o2.bctsr_dir, o2.bctsr_use_conn_in_rdma_mode))
    except StructError:
        raise XdrError("BIND_CONN_TO_SESSION4res: value out of range") from None


def pack_BIND_CONN_TO_SESSION4res(v: BIND_CONN_TO_SESSION4res) -> bytes:
    out: list[bytes] = []
    append_BIND_CONN_TO_SESSION4res(out, v)
    return b"".join(out)


def unpack_state_protect_how4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("state_protect_how4: truncated") from None


def append_state_protect_how4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("state_protect_how4: value out of range") from None


def pack_state_protect_how4(v: int) -> bytes:
    out: list[bytes] = []
    append_state_protect_how4(out, v)
    return b"".join(out)


def unpack_state_protect_ops4(buf: Buffer, pos: int) -> tuple[state_protect_ops4, int]:
    try:
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        n6, = uS_I(buf, pos)
        if n6 == 2:
            v8, v9 = uS_II(buf, pos + 4)
            v7 = v8 | v9 << 32
            pos += 12
        elif n6 == 3:
            v8, v9, v10 = uS_III(buf, pos + 4)
            v7 = v8 | v9 << 32 | v10 << 64
            pos += 16
        elif n6 == 1:
            v7, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v7 = unpack_bitmap(buf, pos + 4, n6)
            pos += 4 + n6 * 4
        return state_protect_ops4(v2, v7), pos
    except StructError:
        raise XdrError("state_protect_ops4: truncated") from None


def append_state_protect_ops4(out: list[bytes], v: state_protect_ops4) -> None:
    try:
        out.append(pack_bitmap(v.spo_must_enforce))
        out.append(pack_bitmap(v.spo_must_allow))
    except StructError:
        raise XdrError("state_protect_ops4: value out of range") from None


def pack_state_protect_ops4(v: state_protect_ops4) -> bytes:
    out: list[bytes] = []
    append_state_protect_ops4(out, v)
    return b"".join(out)


def unpack_ssv_sp_parms4(buf: Buffer, pos: int) -> tuple[ssv_sp_parms4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        n6, = uS_I(buf, pos)
        if n6 == 2:
            v8, v9 = uS_II(buf, pos + 4)
            v7 = v8 | v9 << 32
            pos += 12
        elif n6 == 3:
            v8, v9, v10 = uS_III(buf, pos + 4)
            v7 = v8 | v9 << 32 | v10 << 64
            pos += 16
        elif n6 == 1:
            v7, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v7 = unpack_bitmap(buf, pos + 4, n6)
            pos += 4 + n6 * 4
        n11, = uS_I(buf, pos)
        pos += 4
        if n11 > 64 or n11 * 4 > end - pos:
            raise XdrError("ssv_sp_parms4.ssp_hash_algs: count")
        v12: list[bytes] = []
        for _ in range(n11):
            n13, = uS_I(buf, pos)
            b14 = pos + 4
            e15 = b14 + n13
            pos = e15 + (-n13 & 3)
            if n13 > 4096 or pos > end:
                raise XdrError("ssv_sp_parms4.ssp_hash_algs: length")
            v16 = bytes(buf[b14:e15])
            v12.append(v16)
        n17, = uS_I(buf, pos)
        pos += 4
        if n17 > 64 or n17 * 4 > end - pos:
            raise XdrError("ssv_sp_parms4.ssp_encr_algs: count")
        v18: list[bytes] = []
        for _ in range(n17):
            n19, = uS_I(buf, pos)
            b20 = pos + 4
            e21 = b20 + n19
            pos = e21 + (-n19 & 3)
            if n19 > 4096 or pos > end:
                raise XdrError("ssv_sp_parms4.ssp_encr_algs: length")
            v22 = bytes(buf[b20:e21])
            v18.append(v22)
        v23, v24 = uS_II(buf, pos)
        return ssv_sp_parms4(state_protect_ops4(v2, v7), v12, v18, v23, v24), pos + 8
    except StructError:
        raise XdrError("ssv_sp_parms4: truncated") from None


def append_ssv_sp_parms4(out: list[bytes], v: ssv_sp_parms4) -> None:
    try:
        o1 = v.ssp_ops
        out.append(pack_bitmap(o1.spo_must_enforce))
        out.append(pack_bitmap(o1.spo_must_allow))
        v2 = v.ssp_hash_algs
        n3 = len(v2)
        if n3 > 64:
            raise XdrError("ssv_sp_parms4.ssp_hash_algs: count")
        out.append(pS_I(n3))
        for v4 in v2:
            v5 = v4
            n6 = len(v5)
            if n6 > 4096:
                raise XdrError("ssv_sp_parms4.ssp_hash_algs: length")
            out.append(pS_I(n6))
            out.append(v5)
            if n6 & 3:
                out.append(PADS[n6 & 3])
        v7 = v.ssp_encr_algs
        n8 = len(v7)
        if n8 > 64:
            raise XdrError("ssv_sp_parms4.ssp_encr_algs: count")
        out.append(pS_I(n8))
        for v9 in v7:
            v10 = v9
            n11 = len(v10)
            if n11 > 4096:
                raise XdrError("ssv_sp_parms4.ssp_encr_algs: length")
            out.append(pS_I(n11))
            out.append(v10)
            if n11 & 3:
                out.append(PADS[n11 & 3])
        out.append(pS_II(v.ssp_window, v.ssp_num_gss_handles))
    except StructError:
        raise XdrError("ssv_sp_parms4: value out of range") from None


def pack_ssv_sp_parms4(v: ssv_sp_parms4) -> bytes:
    out: list[bytes] = []
    append_ssv_sp_parms4(out, v)
    return b"".join(out)


def unpack_state_protect4_a(buf: Buffer, pos: int) -> tuple[state_protect4_a, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v2 = state_protect4_a(d1)
        elif d1 == 1:
            n3, = uS_I(buf, pos)
            if n3 == 2:
                v5, v6 = uS_II(buf, pos + 4)
                v4 = v5 | v6 << 32
                pos += 12
            elif n3 == 3:
                v5, v6, v7 = uS_III(buf, pos + 4)
                v4 = v5 | v6 << 32 | v7 << 64
                pos += 16
            elif n3 == 1:
                v4, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v4 = unpack_bitmap(buf, pos + 4, n3)
                pos += 4 + n3 * 4
            n8, = uS_I(buf, pos)
            if n8 == 2:
                v10, v11 = uS_II(buf, pos + 4)
                v9 = v10 | v11 << 32
                pos += 12
            elif n8 == 3:
                v10, v11, v12 = uS_III(buf, pos + 4)
                v9 = v10 | v11 << 32 | v12 << 64
                pos += 16
            elif n8 == 1:
                v9, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v9 = unpack_bitmap(buf, pos + 4, n8)
                pos += 4 + n8 * 4
            v2 = state_protect4_a(d1, state_protect_ops4(v4, v9))
        elif d1 == 2:
            n13, = uS_I(buf, pos)
            if n13 == 2:
                v15, v16 = uS_II(buf, pos + 4)
                v14 = v15 | v16 << 32
                pos += 12
            elif n13 == 3:
                v15, v16, v17 = uS_III(buf, pos + 4)
                v14 = v15 | v16 << 32 | v17 << 64
                pos += 16
            elif n13 == 1:
                v14, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v14 = unpack_bitmap(buf, pos + 4, n13)
                pos += 4 + n13 * 4
            n18, = uS_I(buf, pos)
            if n18 == 2:
                v20, v21 = uS_II(buf, pos + 4)
                v19 = v20 | v21 << 32
                pos += 12
            elif n18 == 3:
                v20, v21, v22 = uS_III(buf, pos + 4)
                v19 = v20 | v21 << 32 | v22 << 64
                pos += 16
            elif n18 == 1:
                v19, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v19 = unpack_bitmap(buf, pos + 4, n18)
                pos += 4 + n18 * 4
            n23, = uS_I(buf, pos)
            pos += 4
            if n23 > 64 or n23 * 4 > end - pos:
                raise XdrError("ssv_sp_parms4.ssp_hash_algs: count")
            v24: list[bytes] = []
            for _ in range(n23):
                n25, = uS_I(buf, pos)
                b26 = pos + 4
                e27 = b26 + n25
                pos = e27 + (-n25 & 3)
                if n25 > 4096 or pos > end:
                    raise XdrError("ssv_sp_parms4.ssp_hash_algs: length")
                v28 = bytes(buf[b26:e27])
                v24.append(v28)
            n29, = uS_I(buf, pos)
            pos += 4
            if n29 > 64 or n29 * 4 > end - pos:
                raise XdrError("ssv_sp_parms4.ssp_encr_algs: count")
            v30: list[bytes] = []
            for _ in range(n29):
                n31, = uS_I(buf, pos)
                b32 = pos + 4
                e33 = b32 + n31
                pos = e33 + (-n31 & 3)
                if n31 > 4096 or pos > end:
                    raise XdrError("ssv_sp_parms4.ssp_encr_algs: length")
                v34 = bytes(buf[b32:e33])
                v30.append(v34)
            v35, v36 = uS_II(buf, pos)
            pos += 8
            v2 = state_protect4_a(d1, None, ssv_sp_parms4(state_protect_ops4(v14, v19), v24, v30, v35, v36))
        else:
            raise XdrError("state_protect4_a: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("state_protect4_a: truncated") from None


def append_state_protect4_a(out: list[bytes], v: state_protect4_a) -> None:
    try:
        d1 = v.spa_how
        out.append(pS_I(d1))
        if d1 == 0:
            pass
        elif d1 == 1:
            o2 = v.spa_mach_ops
            if o2 is None:
                raise XdrError("state_protect4_a.spa_mach_ops: the selected arm is missing")
            out.append(pack_bitmap(o2.spo_must_enforce))
            out.append(pack_bitmap(o2.spo_must_allow))
        elif d1 == 2:
            o3 = v.spa_ssv_parms
            if o3 is None:
                raise XdrError("state_protect4_a.spa_ssv_parms: the selected arm is missing")
            o4 = o3.ssp_ops
            out.append(pack_bitmap(o4.spo_must_enforce))
            out.append(pack_bitmap(o4.spo_must_allow))
            v5 = o3.ssp_hash_algs
            n6 = len(v5)
            if n6 > 64:
                raise XdrError("ssv_sp_parms4.ssp_hash_algs: count")
            out.append(pS_I(n6))
            for v7 in v5:
                v8 = v7
                n9 = len(v8)
                if n9 > 4096:
                    raise XdrError("ssv_sp_parms4.ssp_hash_algs: length")
                out.append(pS_I(n9))
                out.append(v8)
                if n9 & 3:
                    out.append(PADS[n9 & 3])
            v10 = o3.ssp_encr_algs
            n11 = len(v10)
            if n11 > 64:
                raise XdrError("ssv_sp_parms4.ssp_encr_algs: count")
            out.append(pS_I(n11))
            for v12 in v10:
                v13 = v12
                n14 = len(v13)
                if n14 > 4096:
                    raise XdrError("ssv_sp_parms4.ssp_encr_algs: length")
                out.append(pS_I(n14))
                out.append(v13)
                if n14 & 3:
                    out.append(PADS[n14 & 3])
            out.append(pS_II(o3.ssp_window, o3.ssp_num_gss_handles))
        else:
            raise XdrError("state_protect4_a: no such arm")
    except StructError:
        raise XdrError("state_protect4_a: value out of range") from None


def pack_state_protect4_a(v: state_protect4_a) -> bytes:
    out: list[bytes] = []
    append_state_protect4_a(out, v)
    return b"".join(out)


def unpack_EXCHANGE_ID4args(buf: Buffer, pos: int) -> tuple[EXCHANGE_ID4args, int]:
    try:
        end = len(buf)
        v1, n2 = uS_8sI(buf, pos)
        b3 = pos + 12
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 1024 or pos > end:
            raise XdrError("client_owner4.co_ownerid: length")
        v5 = bytes(buf[b3:e4])
        v6, = uS_I(buf, pos)
        pos += 4
        v7, pos = unpack_state_protect4_a(buf, pos)
        n8, = uS_I(buf, pos)
        pos += 4
        if n8 > 1 or n8 * 20 > end - pos:
            raise XdrError("EXCHANGE_ID4args.eia_client_impl_id: count")
        v9: list[nfs_impl_id4] = []
        for _ in range(n8):
            n10, = uS_I(buf, pos)
            b11 = pos + 4
            e12 = b11 + n10
            pos = e12 + (-n10 & 3)
            if n10 > 4096 or pos > end:
                raise XdrError("nfs_impl_id4.nii_domain: length")
            v13 = bytes(buf[b11:e12])
            n14, = uS_I(buf, pos)
            b15 = pos + 4
            e16 = b15 + n14
            pos = e16 + (-n14 & 3)
            if n14 > 4096 or pos > end:
                raise XdrError("nfs_impl_id4.nii_name: length")
            v17 = bytes(buf[b15:e16])
            v18, v19 = uS_qI(buf, pos)
            pos += 12
            v9.append(nfs_impl_id4(v13, v17, nfstime4(v18, v19)))
        return EXCHANGE_ID4args(client_owner4(v1, v5), v6, v7, v9), pos
    except StructError:
        raise XdrError("EXCHANGE_ID4args: truncated") from None


def append_EXCHANGE_ID4args(out: list[bytes], v: EXCHANGE_ID4args) -> None:
    try:
        o1 = v.eia_clientowner
        v2 = o1.co_verifier
        if len(v2) != 8:
            raise XdrError("client_owner4.co_verifier: length")
        v3 = o1.co_ownerid
        n4 = len(v3)
        if n4 > 1024:
            raise XdrError("client_owner4.co_ownerid: length")
        out.append(pS_8sI(v2, n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
        out.append(pS_I(v.eia_flags))
        append_state_protect4_a(out, v.eia_state_protect)
        v5 = v.eia_client_impl_id
        n6 = len(v5)
        if n6 > 1:
            raise XdrError("EXCHANGE_ID4args.eia_client_impl_id: count")
        out.append(pS_I(n6))
        for v7 in v5:
            v8 = v7.nii_domain
            n9 = len(v8)
            if n9 > 4096:
                raise XdrError("nfs_impl_id4.nii_domain: length")
            out.append(pS_I(n9))
            out.append(v8)
            if n9 & 3:
                out.append(PADS[n9 & 3])
            v10 = v7.nii_name
            n11 = len(v10)
            if n11 > 4096:
                raise XdrError("nfs_impl_id4.nii_name: length")
            out.append(pS_I(n11))
            out.append(v10)
            if n11 & 3:
                out.append(PADS[n11 & 3])
            o12 = v7.nii_date
            out.append(pS_qI(o12.seconds, o12.nseconds))
    except StructError:
        raise XdrError("EXCHANGE_ID4args: value out of range") from None


def pack_EXCHANGE_ID4args(v: EXCHANGE_ID4args) -> bytes:
    out: list[bytes] = []
    append_EXCHANGE_ID4args(out, v)
    return b"".join(out)


def unpack_ssv_prot_info4(buf: Buffer, pos: int) -> tuple[ssv_prot_info4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        n6, = uS_I(buf, pos)
        if n6 == 2:
            v8, v9 = uS_II(buf, pos + 4)
            v7 = v8 | v9 << 32
            pos += 12
        elif n6 == 3:
            v8, v9, v10 = uS_III(buf, pos + 4)
            v7 = v8 | v9 << 32 | v10 << 64
            pos += 16
        elif n6 == 1:
            v7, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v7 = unpack_bitmap(buf, pos + 4, n6)
            pos += 4 + n6 * 4
        v11, v12, v13, v14, n15 = uS_IIIII(buf, pos)
        pos += 20
        if n15 > 64 or n15 * 4 > end - pos:
            raise XdrError("ssv_prot_info4.spi_handles: count")
        v16: list[bytes] = []
        for _ in range(n15):
            n17, = uS_I(buf, pos)
            b18 = pos + 4
            e19 = b18 + n17
            pos = e19 + (-n17 & 3)
            if n17 > 4096 or pos > end:
                raise XdrError("ssv_prot_info4.spi_handles: length")
            v20 = bytes(buf[b18:e19])
            v16.append(v20)
        return ssv_prot_info4(state_protect_ops4(v2, v7), v11, v12, v13, v14, v16), pos
    except StructError:
        raise XdrError("ssv_prot_info4: truncated") from None


def append_ssv_prot_info4(out: list[bytes], v: ssv_prot_info4) -> None:
    try:
        o1 = v.spi_ops
        out.append(pack_bitmap(o1.spo_must_enforce))
        out.append(pack_bitmap(o1.spo_must_allow))
        v2 = v.spi_handles
        n3 = len(v2)
        if n3 > 64:
            raise XdrError("ssv_prot_info4.spi_handles: count")
        out.append(pS_IIIII(v.spi_hash_alg, v.spi_encr_alg, v.spi_ssv_len, v.spi_window, n3))
        for v4 in v2:
            v5 = v4
            n6 = len(v5)
            if n6 > 4096:
                raise XdrError("ssv_prot_info4.spi_handles: length")
            out.append(pS_I(n6))
            out.append(v5)
            if n6 & 3:
                out.append(PADS[n6 & 3])
    except StructError:
        raise XdrError("ssv_prot_info4: value out of range") from None


def pack_ssv_prot_info4(v: ssv_prot_info4) -> bytes:
    out: list[bytes] = []
    append_ssv_prot_info4(out, v)
    return b"".join(out)


def unpack_state_protect4_r(buf: Buffer, pos: int) -> tuple[state_protect4_r, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v2 = state_protect4_r(d1)
        elif d1 == 1:
            n3, = uS_I(buf, pos)
            if n3 == 2:
                v5, v6 = uS_II(buf, pos + 4)
                v4 = v5 | v6 << 32
                pos += 12
            elif n3 == 3:
                v5, v6, v7 = uS_III(buf, pos + 4)
                v4 = v5 | v6 << 32 | v7 << 64
                pos += 16
            elif n3 == 1:
                v4, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v4 = unpack_bitmap(buf, pos + 4, n3)
                pos += 4 + n3 * 4
            n8, = uS_I(buf, pos)
            if n8 == 2:
                v10, v11 = uS_II(buf, pos + 4)
                v9 = v10 | v11 << 32
                pos += 12
            elif n8 == 3:
                v10, v11, v12 = uS_III(buf, pos + 4)
                v9 = v10 | v11 << 32 | v12 << 64
                pos += 16
            elif n8 == 1:
                v9, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v9 = unpack_bitmap(buf, pos + 4, n8)
                pos += 4 + n8 * 4
            v2 = state_protect4_r(d1, state_protect_ops4(v4, v9))
        elif d1 == 2:
            n13, = uS_I(buf, pos)
            if n13 == 2:
                v15, v16 = uS_II(buf, pos + 4)
                v14 = v15 | v16 << 32
                pos += 12
            elif n13 == 3:
                v15, v16, v17 = uS_III(buf, pos + 4)
                v14 = v15 | v16 << 32 | v17 << 64
                pos += 16
            elif n13 == 1:
                v14, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v14 = unpack_bitmap(buf, pos + 4, n13)
                pos += 4 + n13 * 4
            n18, = uS_I(buf, pos)
            if n18 == 2:
                v20, v21 = uS_II(buf, pos + 4)
                v19 = v20 | v21 << 32
                pos += 12
            elif n18 == 3:
                v20, v21, v22 = uS_III(buf, pos + 4)
                v19 = v20 | v21 << 32 | v22 << 64
                pos += 16
            elif n18 == 1:
                v19, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v19 = unpack_bitmap(buf, pos + 4, n18)
                pos += 4 + n18 * 4
            v23, v24, v25, v26, n27 = uS_IIIII(buf, pos)
            pos += 20
            if n27 > 64 or n27 * 4 > end - pos:
                raise XdrError("ssv_prot_info4.spi_handles: count")
            v28: list[bytes] = []
            for _ in range(n27):
                n29, = uS_I(buf, pos)
                b30 = pos + 4
                e31 = b30 + n29
                pos = e31 + (-n29 & 3)
                if n29 > 4096 or pos > end:
                    raise XdrError("ssv_prot_info4.spi_handles: length")
                v32 = bytes(buf[b30:e31])
                v28.append(v32)
            v2 = state_protect4_r(d1, None, ssv_prot_info4(state_protect_ops4(v14, v19), v23, v24, v25, v26, v28))
        else:
            raise XdrError("state_protect4_r: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("state_protect4_r: truncated") from None


def append_state_protect4_r(out: list[bytes], v: state_protect4_r) -> None:
    try:
        d1 = v.spr_how
        out.append(pS_I(d1))
        if d1 == 0:
            pass
        elif d1 == 1:
            o2 = v.spr_mach_ops
            if o2 is None:
                raise XdrError("state_protect4_r.spr_mach_ops: the selected arm is missing")
            out.append(pack_bitmap(o2.spo_must_enforce))
            out.append(pack_bitmap(o2.spo_must_allow))
        elif d1 == 2:
            o3 = v.spr_ssv_info
            if o3 is None:
                raise XdrError("state_protect4_r.spr_ssv_info: the selected arm is missing")
            o4 = o3.spi_ops
            out.append(pack_bitmap(o4.spo_must_enforce))
            out.append(pack_bitmap(o4.spo_must_allow))
            v5 = o3.spi_handles
            n6 = len(v5)
            if n6 > 64:
                raise XdrError("ssv_prot_info4.spi_handles: count")
            out.append(pS_IIIII(o3.spi_hash_alg, o3.spi_encr_alg, o3.spi_ssv_len, o3.spi_window, n6))
            for v7 in v5:
                v8 = v7
                n9 = len(v8)
                if n9 > 4096:
                    raise XdrError("ssv_prot_info4.spi_handles: length")
                out.append(pS_I(n9))
                out.append(v8)
                if n9 & 3:
                    out.append(PADS[n9 & 3])
        else:
            raise XdrError("state_protect4_r: no such arm")
    except StructError:
        raise XdrError("state_protect4_r: value out of range") from None


def pack_state_protect4_r(v: state_protect4_r) -> bytes:
    out: list[bytes] = []
    append_state_protect4_r(out, v)
    return b"".join(out)


def unpack_EXCHANGE_ID4resok(buf: Buffer, pos: int) -> tuple[EXCHANGE_ID4resok, int]:
    try:
        end = len(buf)
        v1, v2, v3 = uS_QII(buf, pos)
        pos += 16
        v4, pos = unpack_state_protect4_r(buf, pos)
        v5, n6 = uS_QI(buf, pos)
        b7 = pos + 12
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 1024 or pos > end:
            raise XdrError("server_owner4.so_major_id: length")
        v9 = bytes(buf[b7:e8])
        n10, = uS_I(buf, pos)
        b11 = pos + 4
        e12 = b11 + n10
        pos = e12 + (-n10 & 3)
        if n10 > 1024 or pos > end:
            raise XdrError("EXCHANGE_ID4resok.eir_server_scope: length")
        v13 = bytes(buf[b11:e12])
        n14, = uS_I(buf, pos)
        pos += 4
        if n14 > 1 or n14 * 20 > end - pos:
            raise XdrError("EXCHANGE_ID4resok.eir_server_impl_id: count")
        v15: list[nfs_impl_id4] = []
        for _ in range(n14):
            n16, = uS_I(buf, pos)
            b17 = pos + 4
            e18 = b17 + n16
            pos = e18 + (-n16 & 3)
            if n16 > 4096 or pos > end:
                raise XdrError("nfs_impl_id4.nii_domain: length")
            v19 = bytes(buf[b17:e18])
            n20, = uS_I(buf, pos)
            b21 = pos + 4
            e22 = b21 + n20
            pos = e22 + (-n20 & 3)
            if n20 > 4096 or pos > end:
                raise XdrError("nfs_impl_id4.nii_name: length")
            v23 = bytes(buf[b21:e22])
            v24, v25 = uS_qI(buf, pos)
            pos += 12
            v15.append(nfs_impl_id4(v19, v23, nfstime4(v24, v25)))
        return EXCHANGE_ID4resok(v1, v2, v3, v4, server_owner4(v5, v9), v13, v15), pos
    except StructError:
        raise XdrError("EXCHANGE_ID4resok: truncated") from None


def append_EXCHANGE_ID4resok(out: list[bytes], v: EXCHANGE_ID4resok) -> None:
    try:
        out.append(pS_QII(v.eir_clientid, v.eir_sequenceid, v.eir_flags))
        append_state_protect4_r(out, v.eir_state_protect)
        o1 = v.eir_server_owner
        v2 = o1.so_major_id
        n3 = len(v2)
        if n3 > 1024:
            raise XdrError("server_owner4.so_major_id: length")
        out.append(pS_QI(o1.so_minor_id, n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
        v4 = v.eir_server_scope
        n5 = len(v4)
        if n5 > 1024:
            raise XdrError("EXCHANGE_ID4resok.eir_server_scope: length")
        out.append(pS_I(n5))
        out.append(v4)
        if n5 & 3:
            out.append(PADS[n5 & 3])
        v6 = v.eir_server_impl_id
        n7 = len(v6)
        if n7 > 1:
            raise XdrError("EXCHANGE_ID4resok.eir_server_impl_id: count")
        out.append(pS_I(n7))
        for v8 in v6:
            v9 = v8.nii_domain
            n10 = len(v9)
            if n10 > 4096:
                raise XdrError("nfs_impl_id4.nii_domain: length")
            out.append(pS_I(n10))
            out.append(v9)
            if n10 & 3:
                out.append(PADS[n10 & 3])
            v11 = v8.nii_name
            n12 = len(v11)
            if n12 > 4096:
                raise XdrError("nfs_impl_id4.nii_name: length")
            out.append(pS_I(n12))
            out.append(v11)
            if n12 & 3:
                out.append(PADS[n12 & 3])
            o13 = v8.nii_date
            out.append(pS_qI(o13.seconds, o13.nseconds))
    except StructError:
        raise XdrError("EXCHANGE_ID4resok: value out of range") from None


def pack_EXCHANGE_ID4resok(v: EXCHANGE_ID4resok) -> bytes:
    out: list[bytes] = []
    append_EXCHANGE_ID4resok(out, v)
    return b"".join(out)


def unpack_EXCHANGE_ID4res(buf: Buffer, pos: int) -> tuple[EXCHANGE_ID4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, pos = unpack_EXCHANGE_ID4resok(buf, pos)
            v2 = EXCHANGE_ID4res(d1, v3)
        else:
            v2 = EXCHANGE_ID4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("EXCHANGE_ID4res: truncated") from None


def append_EXCHANGE_ID4res(out: list[bytes], v: EXCHANGE_ID4res) -> None:
    try:
        d1 = v.eir_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.eir_resok4
            if o2 is None:
                raise XdrError("EXCHANGE_ID4res.eir_resok4: the selected arm is missing")
            append_EXCHANGE_ID4resok(out, o2)
    except StructError:
        raise XdrError("EXCHANGE_ID4res: value out of range") from None


def pack_EXCHANGE_ID4res(v: EXCHANGE_ID4res) -> bytes:
    out: list[bytes] = []
    append_EXCHANGE_ID4res(out, v)
    return b"".join(out)


def unpack_channel_attrs4(buf: Buffer, pos: int) -> tuple[channel_attrs4, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, v6, n7 = uS_IIIIIII(buf, pos)
        pos += 28
        if n7 > 1 or n7 * 4 > end - pos:
            raise XdrError("channel_attrs4.ca_rdma_ird: count")
        v8 = list(unpack_from(f">{n7}I", buf, pos))
        pos += n7 * 4
        return channel_attrs4(v1, v2, v3, v4, v5, v6, v8), pos
    except StructError:
        raise XdrError("channel_attrs4: truncated") from None


def append_channel_attrs4(out: list[bytes], v: channel_attrs4) -> None:
    try:
        v1 = v.ca_rdma_ird
        n2 = len(v1)
        if n2 > 1:
            raise XdrError("channel_attrs4.ca_rdma_ird: count")
        out.append(pS_IIIIIII(v.ca_headerpadsize, v.ca_maxrequestsize, v.ca_maxresponsesize, v.ca_maxresponsesize_cached, v.ca_maxoperations, v.ca_maxrequests, n2))
        out.append(pack(f">{n2}I", *v1))
    except StructError:
        raise XdrError("channel_attrs4: value out of range") from None


def pack_channel_attrs4(v: channel_attrs4) -> bytes:
    out: list[bytes] = []
    append_channel_attrs4(out, v)
    return b"".join(out)


def unpack_CREATE_SESSION4args(buf: Buffer, pos: int) -> tuple[CREATE_SESSION4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, v6, v7, v8, v9, n10 = uS_QIIIIIIIII(buf, pos)
        pos += 44
        if n10 > 1 or n10 * 4 > end - pos:
            raise XdrError("channel_attrs4.ca_rdma_ird: count")
        v11 = list(unpack_from(f">{n10}I", buf, pos))
        pos += n10 * 4
        v12, v13, v14, v15, v16, v17, n18 = uS_IIIIIII(buf, pos)
        pos += 28
        if n18 > 1 or n18 * 4 > end - pos:
            raise XdrError("channel_attrs4.ca_rdma_ird: count")
        v19 = list(unpack_from(f">{n18}I", buf, pos))
        pos += n18 * 4
        v20, n21 = uS_II(buf, pos)
        pos += 8
        if n21 > 64 or n21 * 4 > end - pos:
            raise XdrError("CREATE_SESSION4args.csa_sec_parms: count")
        v22: list[callback_sec_parms4] = []
        for _ in range(n21):
            d23, = uS_I(buf, pos)
            pos += 4
            if d23 == 0:
                v24 = callback_sec_parms4(d23)
            elif d23 == 1:
                v25, n26 = uS_II(buf, pos)
                b27 = pos + 8
                e28 = b27 + n26
                pos = e28 + (-n26 & 3)
                if n26 > 255 or pos > end:
                    raise XdrError("authsys_parms.machinename: length")
                v29 = bytes(buf[b27:e28])
                v30, v31, n32 = uS_III(buf, pos)
                pos += 12
                if n32 > 16 or n32 * 4 > end - pos:
                    raise XdrError("authsys_parms.gids: count")
                v33 = list(unpack_from(f">{n32}I", buf, pos))
                pos += n32 * 4
                v24 = callback_sec_parms4(d23, authsys_parms(v25, v29, v30, v31, v33))
            elif d23 == 6:
                v34, n35 = uS_II(buf, pos)
                b36 = pos + 8
                e37 = b36 + n35
                pos = e37 + (-n35 & 3)
                if n35 > 4096 or pos > end:
                    raise XdrError("gss_cb_handles4.gcbp_handle_from_server: length")
                v38 = bytes(buf[b36:e37])
                n39, = uS_I(buf, pos)
                b40 = pos + 4
                e41 = b40 + n39
                pos = e41 + (-n39 & 3)
                if n39 > 4096 or pos > end:
                    raise XdrError("gss_cb_handles4.gcbp_handle_from_client: length")
                v42 = bytes(buf[b40:e41])
                v24 = callback_sec_parms4(d23, None, gss_cb_handles4(v34, v38, v42))
            else:
                raise XdrError("callback_sec_parms4: no such arm")
            v22.append(v24)
        return CREATE_SESSION4args(v1, v2, v3, channel_attrs4(v4, v5, v6, v7, v8, v9, v11), channel_attrs4(v12, v13, v14, v15, v16, v17, v19), v20, v22), pos
    except StructError:
        raise XdrError("CREATE_SESSION4args: truncated") from None


def append_CREATE_SESSION4args(out: list[bytes], v: CREATE_SESSION4args) -> None:
    try:
        o1 = v.csa_fore_chan_attrs
        v2 = o1.ca_rdma_ird
        n3 = len(v2)
        if n3 > 1:
            raise XdrError("channel_attrs4.ca_rdma_ird: count")
        out.append(pS_QIIIIIIIII(v.csa_clientid, v.csa_sequence, v.csa_flags, o1.ca_headerpadsize, o1.ca_maxrequestsize, o1.ca_maxresponsesize, o1.ca_maxresponsesize_cached, o1.ca_maxoperations, o1.ca_maxrequests, n3))
        out.append(pack(f">{n3}I", *v2))
        o5 = v.csa_back_chan_attrs
        v6 = o5.ca_rdma_ird
        n7 = len(v6)
        if n7 > 1:
            raise XdrError("channel_attrs4.ca_rdma_ird: count")
        out.append(pS_IIIIIII(o5.ca_headerpadsize, o5.ca_maxrequestsize, o5.ca_maxresponsesize, o5.ca_maxresponsesize_cached, o5.ca_maxoperations, o5.ca_maxrequests, n7))
        out.append(pack(f">{n7}I", *v6))
        v9 = v.csa_sec_parms
        n10 = len(v9)
        if n10 > 64:
            raise XdrError("CREATE_SESSION4args.csa_sec_parms: count")
        out.append(pS_II(v.csa_cb_program, n10))
        for v11 in v9:
            d12 = v11.cb_secflavor
            out.append(pS_I(d12))
            if d12 == 0:
                pass
            elif d12 == 1:
                o13 = v11.cbsp_sys_cred
                if o13 is None:
                    raise XdrError("callback_sec_parms4.cbsp_sys_cred: the selected arm is missing")
                v14 = o13.machinename
                n15 = len(v14)
                if n15 > 255:
                    raise XdrError("authsys_parms.machinename: length")
                out.append(pS_II(o13.stamp, n15))
                out.append(v14)
                if n15 & 3:
                    out.append(PADS[n15 & 3])
                v16 = o13.gids
                n17 = len(v16)
                if n17 > 16:
                    raise XdrError("authsys_parms.gids: count")
                out.append(pS_III(o13.uid, o13.gid, n17))
                out.append(pack(f">{n17}I", *v16))
            elif d12 == 6:
                o19 = v11.cbsp_gss_handles
                if o19 is None:
                    raise XdrError("callback_sec_parms4.cbsp_gss_handles: the selected arm is missing")
                v20 = o19.gcbp_handle_from_server
                n21 = len(v20)
                if n21 > 4096:
                    raise XdrError("gss_cb_handles4.gcbp_handle_from_server: length")
                out.append(pS_II(o19.gcbp_service, n21))
                out.append(v20)
                if n21 & 3:
                    out.append(PADS[n21 & 3])
                v22 = o19.gcbp_handle_from_client
                n23 = len(v22)
                if n23 > 4096:
                    raise XdrError("gss_cb_handles4.gcbp_handle_from_client: length")
                out.append(pS_I(n23))
                out.append(v22)
                if n23 & 3:
                    out.append(PADS[n23 & 3])
            else:
                raise XdrError("callback_sec_parms4: no such arm")
    except StructError:
        raise XdrError("CREATE_SESSION4args: value out of range") from None


def pack_CREATE_SESSION4args(v: CREATE_SESSION4args) -> bytes:
    out: list[bytes] = []
    append_CREATE_SESSION4args(out, v)
    return b"".join(out)


def unpack_CREATE_SESSION4resok(buf: Buffer, pos: int) -> tuple[CREATE_SESSION4resok, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, v6, v7, v8, v9, n10 = uS_16sIIIIIIIII(buf, pos)
        pos += 52
        if n10 > 1 or n10 * 4 > end - pos:
            raise XdrError("channel_attrs4.ca_rdma_ird: count")
        v11 = list(unpack_from(f">{n10}I", buf, pos))
        pos += n10 * 4
        v12, v13, v14, v15, v16, v17, n18 = uS_IIIIIII(buf, pos)
        pos += 28
        if n18 > 1 or n18 * 4 > end - pos:
            raise XdrError("channel_attrs4.ca_rdma_ird: count")
        v19 = list(unpack_from(f">{n18}I", buf, pos))
        pos += n18 * 4
        return CREATE_SESSION4resok(v1, v2, v3, channel_attrs4(v4, v5, v6, v7, v8, v9, v11), channel_attrs4(v12, v13, v14, v15, v16, v17, v19)), pos
    except StructError:
        raise XdrError("CREATE_SESSION4resok: truncated") from None


def append_CREATE_SESSION4resok(out: list[bytes], v: CREATE_SESSION4resok) -> None:
    try:
        v1 = v.csr_sessionid
        if len(v1) != 16:
            raise XdrError("CREATE_SESSION4resok.csr_sessionid: length")
        o2 = v.csr_fore_chan_attrs
        v3 = o2.ca_rdma_ird
        n4 = len(v3)
        if n4 > 1:
            raise XdrError("channel_attrs4.ca_rdma_ird: count")
        out.append(pS_16sIIIIIIIII(v1, v.csr_sequence, v.csr_flags, o2.ca_headerpadsize, o2.ca_maxrequestsize, o2.ca_maxresponsesize, o2.ca_maxresponsesize_cached, o2.ca_maxoperations, o2.ca_maxrequests, n4))
        out.append(pack(f">{n4}I", *v3))
        o6 = v.csr_back_chan_attrs
        v7 = o6.ca_rdma_ird
        n8 = len(v7)
        if n8 > 1:
            raise XdrError("channel_attrs4.ca_rdma_ird: count")
        out.append(pS_IIIIIII(o6.ca_headerpadsize, o6.ca_maxrequestsize, o6.ca_maxresponsesize, o6.ca_maxresponsesize_cached, o6.ca_maxoperations, o6.ca_maxrequests, n8))
        out.append(pack(f">{n8}I", *v7))
    except StructError:
        raise XdrError("CREATE_SESSION4resok: value out of range") from None


def pack_CREATE_SESSION4resok(v: CREATE_SESSION4resok) -> bytes:
    out: list[bytes] = []
    append_CREATE_SESSION4resok(out, v)
    return b"".join(out)


def unpack_CREATE_SESSION4res(buf: Buffer, pos: int) -> tuple[CREATE_SESSION4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5, v6, v7, v8, v9, v10, v11, n12 = uS_16sIIIIIIIII(buf, pos)
            pos += 52
            if n12 > 1 or n12 * 4 > end - pos:
                raise XdrError("channel_attrs4.ca_rdma_ird: count")
            v13 = list(unpack_from(f">{n12}I", buf, pos))
            pos += n12 * 4
            v14, v15, v16, v17, v18, v19, n20 = uS_IIIIIII(buf, pos)
            pos += 28
            if n20 > 1 or n20 * 4 > end - pos:
                raise XdrError("channel_attrs4.ca_rdma_ird: count")
            v21 = list(unpack_from(f">{n20}I", buf, pos))
            pos += n20 * 4
            v2 = CREATE_SESSION4res(d1, CREATE_SESSION4resok(v3, v4, v5, channel_attrs4(v6, v7, v8, v9, v10, v11, v13), channel_attrs4(v14, v15, v16, v17, v18, v19, v21)))
        else:
            v2 = CREATE_SESSION4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("CREATE_SESSION4res: truncated") from None


def append_CREATE_SESSION4res(out: list[bytes], v: CREATE_SESSION4res) -> None:
    try:
        d1 = v.csr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.csr_resok4
            if o2 is None:
                raise XdrError("CREATE_SESSION4res.csr_resok4: the selected arm is missing")
            v3 = o2.csr_sessionid
            if len(v3) != 16:
                raise XdrError("CREATE_SESSION4resok.csr_sessionid: length")
            o4 = o2.csr_fore_chan_attrs
            v5 = o4.ca_rdma_ird
            n6 = len(v5)
            if n6 > 1:
                raise XdrError("channel_attrs4.ca_rdma_ird: count")
            out.append(pS_16sIIIIIIIII(v3, o2.csr_sequence, o2.csr_flags, o4.ca_headerpadsize, o4.ca_maxrequestsize, o4.ca_maxresponsesize, o4.ca_maxresponsesize_cached, o4.ca_maxoperations, o4.ca_maxrequests, n6))
            out.append(pack(f">{n6}I", *v5))
            o8 = o2.csr_back_chan_attrs
            v9 = o8.ca_rdma_ird
            n10 = len(v9)
            if n10 > 1:
                raise XdrError("channel_attrs4.ca_rdma_ird: count")
            out.append(pS_IIIIIII(o8.ca_headerpadsize, o8.ca_maxrequestsize, o8.ca_maxresponsesize, o8.ca_maxresponsesize_cached, o8.ca_maxoperations, o8.ca_maxrequests, n10))
            out.append(pack(f">{n10}I", *v9))
    except StructError:
        raise XdrError("CREATE_SESSION4res: value out of range") from None


def pack_CREATE_SESSION4res(v: CREATE_SESSION4res) -> bytes:
    out: list[bytes] = []
    append_CREATE_SESSION4res(out, v)
    return b"".join(out)


def unpack_DESTROY_SESSION4args(buf: Buffer, pos: int) -> tuple[DESTROY_SESSION4args, int]:
    try:
        v1, = uS_16s(buf, pos)
        return DESTROY_SESSION4args(v1), pos + 16
    except StructError:
        raise XdrError("DESTROY_SESSION4args: truncated") from None


def append_DESTROY_SESSION4args(out: list[bytes], v: DESTROY_SESSION4args) -> None:
    try:
        v1 = v.dsa_sessionid
        if len(v1) != 16:
            raise XdrError("DESTROY_SESSION4args.dsa_sessionid: length")
        out.append(pS_16s(v1))
    except StructError:
        raise XdrError("DESTROY_SESSION4args: value out of range") from None


def pack_DESTROY_SESSION4args(v: DESTROY_SESSION4args) -> bytes:
    out: list[bytes] = []
    append_DESTROY_SESSION4args(out, v)
    return b"".join(out)


def unpack_DESTROY_SESSION4res(buf: Buffer, pos: int) -> tuple[DESTROY_SESSION4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return DESTROY_SESSION4res(v1), pos + 4
    except StructError:
        raise XdrError("DESTROY_SESSION4res: truncated") from None


def append_DESTROY_SESSION4res(out: list[bytes], v: DESTROY_SESSION4res) -> None:
    try:
        out.append(pS_I(v.dsr_status))
    except StructError:
        raise XdrError("DESTROY_SESSION4res: value out of range") from None


def pack_DESTROY_SESSION4res(v: DESTROY_SESSION4res) -> bytes:
    out: list[bytes] = []
    append_DESTROY_SESSION4res(out, v)
    return b"".join(out)


def unpack_FREE_STATEID4args(buf: Buffer, pos: int) -> tuple[FREE_STATEID4args, int]:
    try:
        v1, v2 = uS_I12s(buf, pos)
        return FREE_STATEID4args(stateid4(v1, v2)), pos + 16
    except StructError:
        raise XdrError("FREE_STATEID4args: truncated") from None


def append_FREE_STATEID4args(out: list[bytes], v: FREE_STATEID4args) -> None:
    try:
        o1 = v.fsa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12s(o1.seqid, v2))
    except StructError:
        raise XdrError("FREE_STATEID4args: value out of range") from None


def pack_FREE_STATEID4args(v: FREE_STATEID4args) -> bytes:
    try:
        o1 = v.fsa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12s(o1.seqid, v2)
    except StructError:
        raise XdrError("FREE_STATEID4args: value out of range") from None


def unpack_FREE_STATEID4res(buf: Buffer, pos: int) -> tuple[FREE_STATEID4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return FREE_STATEID4res(v1), pos + 4
    except StructError:
        raise XdrError("FREE_STATEID4res: truncated") from None


def append_FREE_STATEID4res(out: list[bytes], v: FREE_STATEID4res) -> None:
    try:
        out.append(pS_I(v.fsr_status))
    except StructError:
        raise XdrError("FREE_STATEID4res: value out of range") from None


def pack_FREE_STATEID4res(v: FREE_STATEID4res) -> bytes:
    out: list[bytes] = []
    append_FREE_STATEID4res(out, v)
    return b"".join(out)


def unpack_DESTROY_CLIENTID4args(buf: Buffer, pos: int) -> tuple[DESTROY_CLIENTID4args, int]:
    try:
        v1, = uS_Q(buf, pos)
        return DESTROY_CLIENTID4args(v1), pos + 8
    except StructError:
        raise XdrError("DESTROY_CLIENTID4args: truncated") from None


def append_DESTROY_CLIENTID4args(out: list[bytes], v: DESTROY_CLIENTID4args) -> None:
    try:
        out.append(pS_Q(v.dca_clientid))
    except StructError:
        raise XdrError("DESTROY_CLIENTID4args: value out of range") from None


def pack_DESTROY_CLIENTID4args(v: DESTROY_CLIENTID4args) -> bytes:
    out: list[bytes] = []
    append_DESTROY_CLIENTID4args(out, v)
    return b"".join(out)


def unpack_DESTROY_CLIENTID4res(buf: Buffer, pos: int) -> tuple[DESTROY_CLIENTID4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return DESTROY_CLIENTID4res(v1), pos + 4
    except StructError:
        raise XdrError("DESTROY_CLIENTID4res: truncated") from None


def append_DESTROY_CLIENTID4res(out: list[bytes], v: DESTROY_CLIENTID4res) -> None:
    try:
        out.append(pS_I(v.dcr_status))
    except StructError:
        raise XdrError("DESTROY_CLIENTID4res: value out of range") from None


def pack_DESTROY_CLIENTID4res(v: DESTROY_CLIENTID4res) -> bytes:
    out: list[bytes] = []
    append_DESTROY_CLIENTID4res(out, v)
    return b"".join(out)


def unpack_RECLAIM_COMPLETE4args(buf: Buffer, pos: int) -> tuple[RECLAIM_COMPLETE4args, int]:
    try:
        v1, = uS_I(buf, pos)
        if v1 > 1:
            raise XdrError("RECLAIM_COMPLETE4args: a bool is 0 or 1")
        return RECLAIM_COMPLETE4args(v1 == 1), pos + 4
    except StructError:
        raise XdrError("RECLAIM_COMPLETE4args: truncated") from None


def append_RECLAIM_COMPLETE4args(out: list[bytes], v: RECLAIM_COMPLETE4args) -> None:
    try:
        out.append(pS_I(v.rca_one_fs))
    except StructError:
        raise XdrError("RECLAIM_COMPLETE4args: value out of range") from None


def pack_RECLAIM_COMPLETE4args(v: RECLAIM_COMPLETE4args) -> bytes:
    out: list[bytes] = []
    append_RECLAIM_COMPLETE4args(out, v)
    return b"".join(out)


def unpack_RECLAIM_COMPLETE4res(buf: Buffer, pos: int) -> tuple[RECLAIM_COMPLETE4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return RECLAIM_COMPLETE4res(v1), pos + 4
    except StructError:
        raise XdrError("RECLAIM_COMPLETE4res: truncated") from None


def append_RECLAIM_COMPLETE4res(out: list[bytes], v: RECLAIM_COMPLETE4res) -> None:
    try:
        out.append(pS_I(v.rcr_status))
    except StructError:
        raise XdrError("RECLAIM_COMPLETE4res: value out of range") from None


def pack_RECLAIM_COMPLETE4res(v: RECLAIM_COMPLETE4res) -> bytes:
    out: list[bytes] = []
    append_RECLAIM_COMPLETE4res(out, v)
    return b"".join(out)


def unpack_SEQUENCE4args(buf: Buffer, pos: int) -> tuple[SEQUENCE4args, int]:
    try:
        v1, v2, v3, v4, v5 = uS_16sIIII(buf, pos)
        if v5 > 1:
            raise XdrError("SEQUENCE4args: a bool is 0 or 1")
        return SEQUENCE4args(v1, v2, v3, v4, v5 == 1), pos + 32
    except StructError:
        raise XdrError("SEQUENCE4args: truncated") from None


def append_SEQUENCE4args(out: list[bytes], v: SEQUENCE4args) -> None:
    try:
        v1 = v.sa_sessionid
        if len(v1) != 16:
            raise XdrError("SEQUENCE4args.sa_sessionid: length")
        out.append(pS_16sIIII(v1, v.sa_sequenceid, v.sa_slotid, v.sa_highest_slotid, v.sa_cachethis))
    except StructError:
        raise XdrError("SEQUENCE4args: value out of range") from None


def pack_SEQUENCE4args(v: SEQUENCE4args) -> bytes:
    try:
        v1 = v.sa_sessionid
        if len(v1) != 16:
            raise XdrError("SEQUENCE4args.sa_sessionid: length")
        return pS_16sIIII(v1, v.sa_sequenceid, v.sa_slotid, v.sa_highest_slotid, v.sa_cachethis)
    except StructError:
        raise XdrError("SEQUENCE4args: value out of range") from None


def unpack_SEQUENCE4resok(buf: Buffer, pos: int) -> tuple[SEQUENCE4resok, int]:
    try:
        v1, v2, v3, v4, v5, v6 = uS_16sIIIII(buf, pos)
        return SEQUENCE4resok(v1, v2, v3, v4, v5, v6), pos + 36
    except StructError:
        raise XdrError("SEQUENCE4resok: truncated") from None


def append_SEQUENCE4resok(out: list[bytes], v: SEQUENCE4resok) -> None:
    try:
        v1 = v.sr_sessionid
        if len(v1) != 16:
            raise XdrError("SEQUENCE4resok.sr_sessionid: length")
        out.append(pS_16sIIIII(v1, v.sr_sequenceid, v.sr_slotid, v.sr_highest_slotid, v.sr_target_highest_slotid, v.sr_status_flags))
    except StructError:
        raise XdrError("SEQUENCE4resok: value out of range") from None


def pack_SEQUENCE4resok(v: SEQUENCE4resok) -> bytes:
    try:
        v1 = v.sr_sessionid
        if len(v1) != 16:
            raise XdrError("SEQUENCE4resok.sr_sessionid: length")
        return pS_16sIIIII(v1, v.sr_sequenceid, v.sr_slotid, v.sr_highest_slotid, v.sr_target_highest_slotid, v.sr_status_flags)
    except StructError:
        raise XdrError("SEQUENCE4resok: value out of range") from None


def unpack_SEQUENCE4res(buf: Buffer, pos: int) -> tuple[SEQUENCE4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5, v6, v7, v8 = uS_16sIIIII(buf, pos)
            pos += 36
            v2 = SEQUENCE4res(d1, SEQUENCE4resok(v3, v4, v5, v6, v7, v8))
        else:
            v2 = SEQUENCE4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("SEQUENCE4res: truncated") from None


def append_SEQUENCE4res(out: list[bytes], v: SEQUENCE4res) -> None:
    try:
        d1 = v.sr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.sr_resok4
            if o2 is None:
                raise XdrError("SEQUENCE4res.sr_resok4: the selected arm is missing")
            v3 = o2.sr_sessionid
            if len(v3) != 16:
                raise XdrError("SEQUENCE4resok.sr_sessionid: length")
            out.append(pS_16sIIIII(v3, o2.sr_sequenceid, o2.sr_slotid, o2.sr_highest_slotid, o2.sr_target_highest_slotid, o2.sr_status_flags))
    except StructError:
        raise XdrError("SEQUENCE4res: value out of range") from None


def pack_SEQUENCE4res(v: SEQUENCE4res) -> bytes:
    out: list[bytes] = []
    append_SEQUENCE4res(out, v)
    return b"".join(out)


def unpack_SET_SSV4args(buf: Buffer, pos: int) -> tuple[SET_SSV4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("SET_SSV4args.ssa_ssv: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        b6 = pos + 4
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 4096 or pos > end:
            raise XdrError("SET_SSV4args.ssa_digest: length")
        v8 = bytes(buf[b6:e7])
        return SET_SSV4args(v4, v8), pos
    except StructError:
        raise XdrError("SET_SSV4args: truncated") from None


def append_SET_SSV4args(out: list[bytes], v: SET_SSV4args) -> None:
    try:
        v1 = v.ssa_ssv
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("SET_SSV4args.ssa_ssv: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.ssa_digest
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("SET_SSV4args.ssa_digest: length")
        out.append(pS_I(n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("SET_SSV4args: value out of range") from None


def pack_SET_SSV4args(v: SET_SSV4args) -> bytes:
    out: list[bytes] = []
    append_SET_SSV4args(out, v)
    return b"".join(out)


def unpack_SET_SSV4resok(buf: Buffer, pos: int) -> tuple[SET_SSV4resok, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("SET_SSV4resok.ssr_digest: length")
        v4 = bytes(buf[b2:e3])
        return SET_SSV4resok(v4), pos
    except StructError:
        raise XdrError("SET_SSV4resok: truncated") from None


def append_SET_SSV4resok(out: list[bytes], v: SET_SSV4resok) -> None:
    try:
        v1 = v.ssr_digest
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("SET_SSV4resok.ssr_digest: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("SET_SSV4resok: value out of range") from None


def pack_SET_SSV4resok(v: SET_SSV4resok) -> bytes:
    out: list[bytes] = []
    append_SET_SSV4resok(out, v)
    return b"".join(out)


def unpack_SET_SSV4res(buf: Buffer, pos: int) -> tuple[SET_SSV4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 4096 or pos > end:
                raise XdrError("SET_SSV4resok.ssr_digest: length")
            v6 = bytes(buf[b4:e5])
            v2 = SET_SSV4res(d1, SET_SSV4resok(v6))
        else:
            v2 = SET_SSV4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("SET_SSV4res: truncated") from None


def append_SET_SSV4res(out: list[bytes], v: SET_SSV4res) -> None:
    try:
        d1 = v.ssr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.ssr_resok4
            if o2 is None:
                raise XdrError("SET_SSV4res.ssr_resok4: the selected arm is missing")
            v3 = o2.ssr_digest
            n4 = len(v3)
            if n4 > 4096:
                raise XdrError("SET_SSV4resok.ssr_digest: length")
            out.append(pS_I(n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("SET_SSV4res: value out of range") from None


def pack_SET_SSV4res(v: SET_SSV4res) -> bytes:
    out: list[bytes] = []
    append_SET_SSV4res(out, v)
    return b"".join(out)


def unpack_TEST_STATEID4args(buf: Buffer, pos: int) -> tuple[TEST_STATEID4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 16 > end - pos:
            raise XdrError("TEST_STATEID4args.ts_stateids: count")
        v2: list[stateid4] = []
        for _ in range(n1):
            v3, v4 = uS_I12s(buf, pos)
            pos += 16
            v2.append(stateid4(v3, v4))
        return TEST_STATEID4args(v2), pos
    except StructError:
        raise XdrError("TEST_STATEID4args: truncated") from None


def append_TEST_STATEID4args(out: list[bytes], v: TEST_STATEID4args) -> None:
    try:
        v1 = v.ts_stateids
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("TEST_STATEID4args.ts_stateids: count")
        out.append(pS_I(n2))
        for v3 in v1:
            v4 = v3.other
            if len(v4) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12s(v3.seqid, v4))
    except StructError:
        raise XdrError("TEST_STATEID4args: value out of range") from None


def pack_TEST_STATEID4args(v: TEST_STATEID4args) -> bytes:
    out: list[bytes] = []
    append_TEST_STATEID4args(out, v)
    return b"".join(out)


def unpack_TEST_STATEID4resok(buf: Buffer, pos: int) -> tuple[TEST_STATEID4resok, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 4 > end - pos:
            raise XdrError("TEST_STATEID4resok.tsr_status_codes: count")
        v2 = list(unpack_from(f">{n1}I", buf, pos))
        pos += n1 * 4
        return TEST_STATEID4resok(v2), pos
    except StructError:
        raise XdrError("TEST_STATEID4resok: truncated") from None


def append_TEST_STATEID4resok(out: list[bytes], v: TEST_STATEID4resok) -> None:
    try:
        v1 = v.tsr_status_codes
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("TEST_STATEID4resok.tsr_status_codes: count")
        out.append(pS_I(n2))
        out.append(pack(f">{n2}I", *v1))
    except StructError:
        raise XdrError("TEST_STATEID4resok: value out of range") from None


def pack_TEST_STATEID4resok(v: TEST_STATEID4resok) -> bytes:
    out: list[bytes] = []
    append_TEST_STATEID4resok(out, v)
    return b"".join(out)


def unpack_TEST_STATEID4res(buf: Buffer, pos: int) -> tuple[TEST_STATEID4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            pos += 4
            if n3 > 4096 or n3 * 4 > end - pos:
                raise XdrError("TEST_STATEID4resok.tsr_status_codes: count")
            v4 = list(unpack_from(f">{n3}I", buf, pos))
            pos += n3 * 4
            v2 = TEST_STATEID4res(d1, TEST_STATEID4resok(v4))
        else:
            v2 = TEST_STATEID4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("TEST_STATEID4res: truncated") from None


def append_TEST_STATEID4res(out: list[bytes], v: TEST_STATEID4res) -> None:
    try:
        d1 = v.tsr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.tsr_resok4
            if o2 is None:
                raise XdrError("TEST_STATEID4res.tsr_resok4: the selected arm is missing")
            v3 = o2.tsr_status_codes
            n4 = len(v3)
            if n4 > 4096:
                raise XdrError("TEST_STATEID4resok.tsr_status_codes: count")
            out.append(pS_I(n4))
            out.append(pack(f">{n4}I", *v3))
    except StructError:
        raise XdrError("TEST_STATEID4res: value out of range") from None


def pack_TEST_STATEID4res(v: TEST_STATEID4res) -> bytes:
    out: list[bytes] = []
    append_TEST_STATEID4res(out, v)
    return b"".join(out)


def unpack_secinfo_style4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("secinfo_style4: truncated") from None


def append_secinfo_style4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("secinfo_style4: value out of range") from None


def pack_secinfo_style4(v: int) -> bytes:
    out: list[bytes] = []
    append_secinfo_style4(out, v)
    return b"".join(out)

unpack_SECINFO_NO_NAME4args = unpack_secinfo_style4
append_SECINFO_NO_NAME4args = append_secinfo_style4
pack_SECINFO_NO_NAME4args = pack_secinfo_style4

unpack_SECINFO_NO_NAME4res = unpack_SECINFO4res
append_SECINFO_NO_NAME4res = append_SECINFO4res
pack_SECINFO_NO_NAME4res = pack_SECINFO4res

unpack_attr_notice4 = unpack_nfstime4
append_attr_notice4 = append_nfstime4
pack_attr_notice4 = pack_nfstime4


def unpack_GET_DIR_DELEGATION4args(buf: Buffer, pos: int) -> tuple[GET_DIR_DELEGATION4args, int]:
    try:
        v1, n2 = uS_II(buf, pos)
        if v1 > 1:
            raise XdrError("GET_DIR_DELEGATION4args: a bool is 0 or 1")
        if n2 == 2:
            v4, v5 = uS_II(buf, pos + 8)
            v3 = v4 | v5 << 32
            pos += 16
        elif n2 == 3:
            v4, v5, v6 = uS_III(buf, pos + 8)
            v3 = v4 | v5 << 32 | v6 << 64
            pos += 20
        elif n2 == 1:
            v3, = uS_I(buf, pos + 8)
            pos += 12
        else:
            v3 = unpack_bitmap(buf, pos + 8, n2)
            pos += 8 + n2 * 4
        v7, v8, v9, v10, n11 = uS_qIqII(buf, pos)
        if n11 == 2:
            v13, v14 = uS_II(buf, pos + 28)
            v12 = v13 | v14 << 32
            pos += 36
        elif n11 == 3:
            v13, v14, v15 = uS_III(buf, pos + 28)
            v12 = v13 | v14 << 32 | v15 << 64
            pos += 40
        elif n11 == 1:
            v12, = uS_I(buf, pos + 28)
            pos += 32
        else:
            v12 = unpack_bitmap(buf, pos + 28, n11)
            pos += 28 + n11 * 4
        n16, = uS_I(buf, pos)
        if n16 == 2:
            v18, v19 = uS_II(buf, pos + 4)
            v17 = v18 | v19 << 32
            pos += 12
        elif n16 == 3:
            v18, v19, v20 = uS_III(buf, pos + 4)
            v17 = v18 | v19 << 32 | v20 << 64
            pos += 16
        elif n16 == 1:
            v17, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v17 = unpack_bitmap(buf, pos + 4, n16)
            pos += 4 + n16 * 4
        return GET_DIR_DELEGATION4args(v1 == 1, v3, nfstime4(v7, v8), nfstime4(v9, v10), v12, v17), pos
    except StructError:
        raise XdrError("GET_DIR_DELEGATION4args: truncated") from None


def append_GET_DIR_DELEGATION4args(out: list[bytes], v: GET_DIR_DELEGATION4args) -> None:
    try:
        out.append(pS_I(v.gdda_signal_deleg_avail))
        out.append(pack_bitmap(v.gdda_notification_types))
        o1 = v.gdda_child_attr_delay
        o2 = v.gdda_dir_attr_delay
        out.append(pS_qIqI(o1.seconds, o1.nseconds, o2.seconds, o2.nseconds))
        out.append(pack_bitmap(v.gdda_child_attributes))
        out.append(pack_bitmap(v.gdda_dir_attributes))
    except StructError:
        raise XdrError("GET_DIR_DELEGATION4args: value out of range") from None


def pack_GET_DIR_DELEGATION4args(v: GET_DIR_DELEGATION4args) -> bytes:
    out: list[bytes] = []
    append_GET_DIR_DELEGATION4args(out, v)
    return b"".join(out)


def unpack_GET_DIR_DELEGATION4resok(buf: Buffer, pos: int) -> tuple[GET_DIR_DELEGATION4resok, int]:
    try:
        v1, v2, v3, n4 = uS_8sI12sI(buf, pos)
        if n4 == 2:
            v6, v7 = uS_II(buf, pos + 28)
            v5 = v6 | v7 << 32
            pos += 36
        elif n4 == 3:
            v6, v7, v8 = uS_III(buf, pos + 28)
            v5 = v6 | v7 << 32 | v8 << 64
            pos += 40
        elif n4 == 1:
            v5, = uS_I(buf, pos + 28)
            pos += 32
        else:
            v5 = unpack_bitmap(buf, pos + 28, n4)
            pos += 28 + n4 * 4
        n9, = uS_I(buf, pos)
        if n9 == 2:
            v11, v12 = uS_II(buf, pos + 4)
            v10 = v11 | v12 << 32
            pos += 12
        elif n9 == 3:
            v11, v12, v13 = uS_III(buf, pos + 4)
            v10 = v11 | v12 << 32 | v13 << 64
            pos += 16
        elif n9 == 1:
            v10, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v10 = unpack_bitmap(buf, pos + 4, n9)
            pos += 4 + n9 * 4
        n14, = uS_I(buf, pos)
        if n14 == 2:
            v16, v17 = uS_II(buf, pos + 4)
            v15 = v16 | v17 << 32
            pos += 12
        elif n14 == 3:
            v16, v17, v18 = uS_III(buf, pos + 4)
            v15 = v16 | v17 << 32 | v18 << 64
            pos += 16
        elif n14 == 1:
            v15, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v15 = unpack_bitmap(buf, pos + 4, n14)
            pos += 4 + n14 * 4
        return GET_DIR_DELEGATION4resok(v1, stateid4(v2, v3), v5, v10, v15), pos
    except StructError:
        raise XdrError("GET_DIR_DELEGATION4resok: truncated") from None


def append_GET_DIR_DELEGATION4resok(out: list[bytes], v: GET_DIR_DELEGATION4resok) -> None:
    try:
        v1 = v.gddr_cookieverf
        if len(v1) != 8:
            raise XdrError("GET_DIR_DELEGATION4resok.gddr_cookieverf: length")
        o2 = v.gddr_stateid
        v3 = o2.other
        if len(v3) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_8sI12s(v1, o2.seqid, v3))
        out.append(pack_bitmap(v.gddr_notification))
        out.append(pack_bitmap(v.gddr_child_attributes))
        out.append(pack_bitmap(v.gddr_dir_attributes))
    except StructError:
        raise XdrError("GET_DIR_DELEGATION4resok: value out of range") from None


def pack_GET_DIR_DELEGATION4resok(v: GET_DIR_DELEGATION4resok) -> bytes:
    out: list[bytes] = []
    append_GET_DIR_DELEGATION4resok(out, v)
    return b"".join(out)


def unpack_gddrnf4_status(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("gddrnf4_status: truncated") from None


def append_gddrnf4_status(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("gddrnf4_status: value out of range") from None


def pack_gddrnf4_status(v: int) -> bytes:
    out: list[bytes] = []
    append_gddrnf4_status(out, v)
    return b"".join(out)


def unpack_GET_DIR_DELEGATION4res_non_fatal(buf: Buffer, pos: int) -> tuple[GET_DIR_DELEGATION4res_non_fatal, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5, n6 = uS_8sI12sI(buf, pos)
            if n6 == 2:
                v8, v9 = uS_II(buf, pos + 28)
                v7 = v8 | v9 << 32
                pos += 36
            elif n6 == 3:
                v8, v9, v10 = uS_III(buf, pos + 28)
                v7 = v8 | v9 << 32 | v10 << 64
                pos += 40
            elif n6 == 1:
                v7, = uS_I(buf, pos + 28)
                pos += 32
            else:
                v7 = unpack_bitmap(buf, pos + 28, n6)
                pos += 28 + n6 * 4
            n11, = uS_I(buf, pos)
            if n11 == 2:
                v13, v14 = uS_II(buf, pos + 4)
                v12 = v13 | v14 << 32
                pos += 12
            elif n11 == 3:
                v13, v14, v15 = uS_III(buf, pos + 4)
                v12 = v13 | v14 << 32 | v15 << 64
                pos += 16
            elif n11 == 1:
                v12, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v12 = unpack_bitmap(buf, pos + 4, n11)
                pos += 4 + n11 * 4
            n16, = uS_I(buf, pos)
            if n16 == 2:
                v18, v19 = uS_II(buf, pos + 4)
                v17 = v18 | v19 << 32
                pos += 12
            elif n16 == 3:
                v18, v19, v20 = uS_III(buf, pos + 4)
                v17 = v18 | v19 << 32 | v20 << 64
                pos += 16
            elif n16 == 1:
                v17, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v17 = unpack_bitmap(buf, pos + 4, n16)
                pos += 4 + n16 * 4
            v2 = GET_DIR_DELEGATION4res_non_fatal(d1, GET_DIR_DELEGATION4resok(v3, stateid4(v4, v5), v7, v12, v17))
        elif d1 == 1:
            v21, = uS_I(buf, pos)
            if v21 > 1:
                raise XdrError("GET_DIR_DELEGATION4res_non_fatal: a bool is 0 or 1")
            pos += 4
            v2 = GET_DIR_DELEGATION4res_non_fatal(d1, None, v21 == 1)
        else:
            raise XdrError("GET_DIR_DELEGATION4res_non_fatal: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("GET_DIR_DELEGATION4res_non_fatal: truncated") from None


def append_GET_DIR_DELEGATION4res_non_fatal(out: list[bytes], v: GET_DIR_DELEGATION4res_non_fatal) -> None:
    try:
        d1 = v.gddrnf_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.gddrnf_resok4
            if o2 is None:
                raise XdrError("GET_DIR_DELEGATION4res_non_fatal.gddrnf_resok4: the selected arm is missing")
            v3 = o2.gddr_cookieverf
            if len(v3) != 8:
                raise XdrError("GET_DIR_DELEGATION4resok.gddr_cookieverf: length")
            o4 = o2.gddr_stateid
            v5 = o4.other
            if len(v5) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_8sI12s(v3, o4.seqid, v5))
            out.append(pack_bitmap(o2.gddr_notification))
            out.append(pack_bitmap(o2.gddr_child_attributes))
            out.append(pack_bitmap(o2.gddr_dir_attributes))
        elif d1 == 1:
            o6 = v.gddrnf_will_signal_deleg_avail
            if o6 is None:
                raise XdrError("GET_DIR_DELEGATION4res_non_fatal.gddrnf_will_signal_deleg_avail: the selected arm is missing")
            out.append(pS_I(o6))
        else:
            raise XdrError("GET_DIR_DELEGATION4res_non_fatal: no such arm")
    except StructError:
        raise XdrError("GET_DIR_DELEGATION4res_non_fatal: value out of range") from None


def pack_GET_DIR_DELEGATION4res_non_fatal(v: GET_DIR_DELEGATION4res_non_fatal) -> bytes:
    out: list[bytes] = []
    append_GET_DIR_DELEGATION4res_non_fatal(out, v)
    return b"".join(out)


def unpack_GET_DIR_DELEGATION4res(buf: Buffer, pos: int) -> tuple[GET_DIR_DELEGATION4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            d3, = uS_I(buf, pos)
            pos += 4
            if d3 == 0:
                v5, v6, v7, n8 = uS_8sI12sI(buf, pos)
                if n8 == 2:
                    v10, v11 = uS_II(buf, pos + 28)
                    v9 = v10 | v11 << 32
                    pos += 36
                elif n8 == 3:
                    v10, v11, v12 = uS_III(buf, pos + 28)
                    v9 = v10 | v11 << 32 | v12 << 64
                    pos += 40
                elif n8 == 1:
                    v9, = uS_I(buf, pos + 28)
                    pos += 32
                else:
                    v9 = unpack_bitmap(buf, pos + 28, n8)
                    pos += 28 + n8 * 4
                n13, = uS_I(buf, pos)
                if n13 == 2:
                    v15, v16 = uS_II(buf, pos + 4)
                    v14 = v15 | v16 << 32
                    pos += 12
                elif n13 == 3:
                    v15, v16, v17 = uS_III(buf, pos + 4)
                    v14 = v15 | v16 << 32 | v17 << 64
                    pos += 16
                elif n13 == 1:
                    v14, = uS_I(buf, pos + 4)
                    pos += 8
                else:
                    v14 = unpack_bitmap(buf, pos + 4, n13)
                    pos += 4 + n13 * 4
                n18, = uS_I(buf, pos)
                if n18 == 2:
                    v20, v21 = uS_II(buf, pos + 4)
                    v19 = v20 | v21 << 32
                    pos += 12
                elif n18 == 3:
                    v20, v21, v22 = uS_III(buf, pos + 4)
                    v19 = v20 | v21 << 32 | v22 << 64
                    pos += 16
                elif n18 == 1:
                    v19, = uS_I(buf, pos + 4)
                    pos += 8
                else:
                    v19 = unpack_bitmap(buf, pos + 4, n18)
                    pos += 4 + n18 * 4
                v4 = GET_DIR_DELEGATION4res_non_fatal(d3, GET_DIR_DELEGATION4resok(v5, stateid4(v6, v7), v9, v14, v19))
            elif d3 == 1:
                v23, = uS_I(buf, pos)
                if v23 > 1:
                    raise XdrError("GET_DIR_DELEGATION4res: a bool is 0 or 1")
                pos += 4
                v4 = GET_DIR_DELEGATION4res_non_fatal(d3, None, v23 == 1)
            else:
                raise XdrError("GET_DIR_DELEGATION4res_non_fatal: no such arm")
            v2 = GET_DIR_DELEGATION4res(d1, v4)
        else:
            v2 = GET_DIR_DELEGATION4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("GET_DIR_DELEGATION4res: truncated") from None


def append_GET_DIR_DELEGATION4res(out: list[bytes], v: GET_DIR_DELEGATION4res) -> None:
    try:
        d1 = v.gddr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.gddr_res_non_fatal4
            if o2 is None:
                raise XdrError("GET_DIR_DELEGATION4res.gddr_res_non_fatal4: the selected arm is missing")
            d3 = o2.gddrnf_status
            out.append(pS_I(d3))
            if d3 == 0:
                o4 = o2.gddrnf_resok4
                if o4 is None:
                    raise XdrError("GET_DIR_DELEGATION4res_non_fatal.gddrnf_resok4: the selected arm is missing")
                v5 = o4.gddr_cookieverf
                if len(v5) != 8:
                    raise XdrError("GET_DIR_DELEGATION4resok.gddr_cookieverf: length")
                o6 = o4.gddr_stateid
                v7 = o6.other
                if len(v7) != 12:
                    raise XdrError("stateid4.other: length")
                out.append(pS_8sI12s(v5, o6.seqid, v7))
                out.append(pack_bitmap(o4.gddr_notification))
                out.append(pack_bitmap(o4.gddr_child_attributes))
                out.append(pack_bitmap(o4.gddr_dir_attributes))
            elif d3 == 1:
                o8 = o2.gddrnf_will_signal_deleg_avail
                if o8 is None:
                    raise XdrError("GET_DIR_DELEGATION4res_non_fatal.gddrnf_will_signal_deleg_avail: the selected arm is missing")
                out.append(pS_I(o8))
            else:
                raise XdrError("GET_DIR_DELEGATION4res_non_fatal: no such arm")
    except StructError:
        raise XdrError("GET_DIR_DELEGATION4res: value out of range") from None


def pack_GET_DIR_DELEGATION4res(v: GET_DIR_DELEGATION4res) -> bytes:
    out: list[bytes] = []
    append_GET_DIR_DELEGATION4res(out, v)
    return b"".join(out)


def unpack_deleg_claim4(buf: Buffer, pos: int) -> tuple[deleg_claim4, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 in (4, 6):
            v2 = deleg_claim4(d1)
        elif d1 == 1:
            v3, = uS_I(buf, pos)
            pos += 4
            v2 = deleg_claim4(d1, v3)
        else:
            raise XdrError("deleg_claim4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("deleg_claim4: truncated") from None


def append_deleg_claim4(out: list[bytes], v: deleg_claim4) -> None:
    try:
        d1 = v.dc_claim
        out.append(pS_I(d1))
        if d1 in (4, 6):
            pass
        elif d1 == 1:
            o2 = v.dc_delegate_type
            if o2 is None:
                raise XdrError("deleg_claim4.dc_delegate_type: the selected arm is missing")
            out.append(pS_I(o2))
        else:
            raise XdrError("deleg_claim4: no such arm")
    except StructError:
        raise XdrError("deleg_claim4: value out of range") from None


def pack_deleg_claim4(v: deleg_claim4) -> bytes:
    out: list[bytes] = []
    append_deleg_claim4(out, v)
    return b"".join(out)


def unpack_WANT_DELEGATION4args(buf: Buffer, pos: int) -> tuple[WANT_DELEGATION4args, int]:
    try:
        v1, d2 = uS_II(buf, pos)
        pos += 8
        if d2 in (4, 6):
            v3 = deleg_claim4(d2)
        elif d2 == 1:
            v4, = uS_I(buf, pos)
            pos += 4
            v3 = deleg_claim4(d2, v4)
        else:
            raise XdrError("deleg_claim4: no such arm")
        return WANT_DELEGATION4args(v1, v3), pos
    except StructError:
        raise XdrError("WANT_DELEGATION4args: truncated") from None


def append_WANT_DELEGATION4args(out: list[bytes], v: WANT_DELEGATION4args) -> None:
    try:
        o1 = v.wda_claim
        d2 = o1.dc_claim
        out.append(pS_II(v.wda_want, d2))
        if d2 in (4, 6):
            pass
        elif d2 == 1:
            o3 = o1.dc_delegate_type
            if o3 is None:
                raise XdrError("deleg_claim4.dc_delegate_type: the selected arm is missing")
            out.append(pS_I(o3))
        else:
            raise XdrError("deleg_claim4: no such arm")
    except StructError:
        raise XdrError("WANT_DELEGATION4args: value out of range") from None


def pack_WANT_DELEGATION4args(v: WANT_DELEGATION4args) -> bytes:
    out: list[bytes] = []
    append_WANT_DELEGATION4args(out, v)
    return b"".join(out)


def unpack_WANT_DELEGATION4res(buf: Buffer, pos: int) -> tuple[WANT_DELEGATION4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            d3, = uS_I(buf, pos)
            pos += 4
            if d3 == 0:
                v4 = open_delegation4(d3)
            elif d3 == 1:
                v5, v6, v7, v8, v9, v10, n11 = uS_I12sIIIII(buf, pos)
                if v7 > 1:
                    raise XdrError("WANT_DELEGATION4res: a bool is 0 or 1")
                b12 = pos + 36
                e13 = b12 + n11
                pos = e13 + (-n11 & 3)
                if n11 > 4096 or pos > end:
                    raise XdrError("nfsace4.who: length")
                v14 = bytes(buf[b12:e13])
                v4 = open_delegation4(d3, open_read_delegation4(stateid4(v5, v6), v7 == 1, nfsace4(v8, v9, v10, v14)))
            elif d3 == 2:
                v15, v16, v17, d18 = uS_I12sII(buf, pos)
                if v17 > 1:
                    raise XdrError("WANT_DELEGATION4res: a bool is 0 or 1")
                pos += 24
                if d18 == 1:
                    v20, = uS_Q(buf, pos)
                    pos += 8
                    v19 = nfs_space_limit4(d18, v20)
                elif d18 == 2:
                    v21, v22 = uS_II(buf, pos)
                    pos += 8
                    v19 = nfs_space_limit4(d18, None, nfs_modified_limit4(v21, v22))
                else:
                    raise XdrError("nfs_space_limit4: no such arm")
                v23, v24, v25, n26 = uS_IIII(buf, pos)
                b27 = pos + 16
                e28 = b27 + n26
                pos = e28 + (-n26 & 3)
                if n26 > 4096 or pos > end:
                    raise XdrError("nfsace4.who: length")
                v29 = bytes(buf[b27:e28])
                v4 = open_delegation4(d3, None, open_write_delegation4(stateid4(v15, v16), v17 == 1, v19, nfsace4(v23, v24, v25, v29)))
            elif d3 == 3:
                d30, = uS_I(buf, pos)
                pos += 4
                if d30 == 1:
                    v32, = uS_I(buf, pos)
                    if v32 > 1:
                        raise XdrError("WANT_DELEGATION4res: a bool is 0 or 1")
                    pos += 4
                    v31 = open_none_delegation4(d30, v32 == 1)
                elif d30 == 2:
                    v33, = uS_I(buf, pos)
                    if v33 > 1:
                        raise XdrError("WANT_DELEGATION4res: a bool is 0 or 1")
                    pos += 4
                    v31 = open_none_delegation4(d30, None, v33 == 1)
                else:
                    v31 = open_none_delegation4(d30)
                v4 = open_delegation4(d3, None, None, v31)
            else:
                raise XdrError("open_delegation4: no such arm")
            v2 = WANT_DELEGATION4res(d1, v4)
        else:
            v2 = WANT_DELEGATION4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("WANT_DELEGATION4res: truncated") from None


def append_WANT_DELEGATION4res(out: list[bytes], v: WANT_DELEGATION4res) -> None:
    try:
        d1 = v.wdr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.wdr_resok4
            if o2 is None:
                raise XdrError("WANT_DELEGATION4res.wdr_resok4: the selected arm is missing")
            d3 = o2.delegation_type
            out.append(pS_I(d3))
            if d3 == 0:
                pass
            elif d3 == 1:
                o4 = o2.read
                if o4 is None:
                    raise XdrError("open_delegation4.read: the selected arm is missing")
                o5 = o4.stateid
                v6 = o5.other
                if len(v6) != 12:
                    raise XdrError("stateid4.other: length")
                o7 = o4.permissions
                v8 = o7.who
                n9 = len(v8)
                if n9 > 4096:
                    raise XdrError("nfsace4.who: length")
                out.append(pS_I12sIIIII(o5.seqid, v6, o4.recall, o7.type, o7.flag, o7.access_mask, n9))
                out.append(v8)
                if n9 & 3:
                    out.append(PADS[n9 & 3])
            elif d3 == 2:
                o10 = o2.write
                if o10 is None:
                    raise XdrError("open_delegation4.write: the selected arm is missing")
                o11 = o10.stateid
                v12 = o11.other
                if len(v12) != 12:
                    raise XdrError("stateid4.other: length")
                o13 = o10.space_limit
                d14 = o13.limitby
                out.append(pS_I12sII(o11.seqid, v12, o10.recall, d14))
                if d14 == 1:
                    o15 = o13.filesize
                    if o15 is None:
                        raise XdrError("nfs_space_limit4.filesize: the selected arm is missing")
                    out.append(pS_Q(o15))
                elif d14 == 2:
                    o16 = o13.mod_blocks
                    if o16 is None:
                        raise XdrError("nfs_space_limit4.mod_blocks: the selected arm is missing")
                    out.append(pS_II(o16.num_blocks, o16.bytes_per_block))
                else:
                    raise XdrError("nfs_space_limit4: no such arm")
                o17 = o10.permissions
                v18 = o17.who
                n19 = len(v18)
                if n19 > 4096:
                    raise XdrError("nfsace4.who: length")
                out.append(pS_IIII(o17.type, o17.flag, o17.access_mask, n19))
                out.append(v18)
                if n19 & 3:
                    out.append(PADS[n19 & 3])
            elif d3 == 3:
                o20 = o2.od_whynone
                if o20 is None:
                    raise XdrError("open_delegation4.od_whynone: the selected arm is missing")
                d21 = o20.ond_why
                out.append(pS_I(d21))
                if d21 == 1:
                    o22 = o20.ond_server_will_push_deleg
                    if o22 is None:
                        raise XdrError("open_none_delegation4.ond_server_will_push_deleg: the selected arm is missing")
                    out.append(pS_I(o22))
                elif d21 == 2:
                    o23 = o20.ond_server_will_signal_avail
                    if o23 is None:
                        raise XdrError("open_none_delegation4.ond_server_will_signal_avail: the selected arm is missing")
                    out.append(pS_I(o23))
            else:
                raise XdrError("open_delegation4: no such arm")
    except StructError:
        raise XdrError("WANT_DELEGATION4res: value out of range") from None


def pack_WANT_DELEGATION4res(v: WANT_DELEGATION4res) -> bytes:
    out: list[bytes] = []
    append_WANT_DELEGATION4res(out, v)
    return b"".join(out)


def unpack_GETDEVICEINFO4args(buf: Buffer, pos: int) -> tuple[GETDEVICEINFO4args, int]:
    try:
        v1, v2, v3, n4 = uS_16sIII(buf, pos)
        if n4 == 2:
            v6, v7 = uS_II(buf, pos + 28)
            v5 = v6 | v7 << 32
            pos += 36
        elif n4 == 3:
            v6, v7, v8 = uS_III(buf, pos + 28)
            v5 = v6 | v7 << 32 | v8 << 64
            pos += 40
        elif n4 == 1:
            v5, = uS_I(buf, pos + 28)
            pos += 32
        else:
            v5 = unpack_bitmap(buf, pos + 28, n4)
            pos += 28 + n4 * 4
        return GETDEVICEINFO4args(v1, v2, v3, v5), pos
    except StructError:
        raise XdrError("GETDEVICEINFO4args: truncated") from None


def append_GETDEVICEINFO4args(out: list[bytes], v: GETDEVICEINFO4args) -> None:
    try:
        v1 = v.gdia_device_id
        if len(v1) != 16:
            raise XdrError("GETDEVICEINFO4args.gdia_device_id: length")
        out.append(pS_16sII(v1, v.gdia_layout_type, v.gdia_maxcount))
        out.append(pack_bitmap(v.gdia_notify_types))
    except StructError:
        raise XdrError("GETDEVICEINFO4args: value out of range") from None


def pack_GETDEVICEINFO4args(v: GETDEVICEINFO4args) -> bytes:
    out: list[bytes] = []
    append_GETDEVICEINFO4args(out, v)
    return b"".join(out)


def unpack_GETDEVICEINFO4resok(buf: Buffer, pos: int) -> tuple[GETDEVICEINFO4resok, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 1048576 or pos > end:
            raise XdrError("device_addr4.da_addr_body: length")
        v5 = bytes(buf[b3:e4])
        n6, = uS_I(buf, pos)
        if n6 == 2:
            v8, v9 = uS_II(buf, pos + 4)
            v7 = v8 | v9 << 32
            pos += 12
        elif n6 == 3:
            v8, v9, v10 = uS_III(buf, pos + 4)
            v7 = v8 | v9 << 32 | v10 << 64
            pos += 16
        elif n6 == 1:
            v7, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v7 = unpack_bitmap(buf, pos + 4, n6)
            pos += 4 + n6 * 4
        return GETDEVICEINFO4resok(device_addr4(v1, v5), v7), pos
    except StructError:
        raise XdrError("GETDEVICEINFO4resok: truncated") from None


def append_GETDEVICEINFO4resok(out: list[bytes], v: GETDEVICEINFO4resok) -> None:
    try:
        o1 = v.gdir_device_addr
        v2 = o1.da_addr_body
        n3 = len(v2)
        if n3 > 1048576:
            raise XdrError("device_addr4.da_addr_body: length")
        out.append(pS_II(o1.da_layout_type, n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
        out.append(pack_bitmap(v.gdir_notification))
    except StructError:
        raise XdrError("GETDEVICEINFO4resok: value out of range") from None


def pack_GETDEVICEINFO4resok(v: GETDEVICEINFO4resok) -> bytes:
    out: list[bytes] = []
    append_GETDEVICEINFO4resok(out, v)
    return b"".join(out)


def unpack_GETDEVICEINFO4res(buf: Buffer, pos: int) -> tuple[GETDEVICEINFO4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, n4 = uS_II(buf, pos)
            b5 = pos + 8
            e6 = b5 + n4
            pos = e6 + (-n4 & 3)
            if n4 > 1048576 or pos > end:
                raise XdrError("device_addr4.da_addr_body: length")
            v7 = bytes(buf[b5:e6])
            n8, = uS_I(buf, pos)
            if n8 == 2:
                v10, v11 = uS_II(buf, pos + 4)
                v9 = v10 | v11 << 32
                pos += 12
            elif n8 == 3:
                v10, v11, v12 = uS_III(buf, pos + 4)
                v9 = v10 | v11 << 32 | v12 << 64
                pos += 16
            elif n8 == 1:
                v9, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v9 = unpack_bitmap(buf, pos + 4, n8)
                pos += 4 + n8 * 4
            v2 = GETDEVICEINFO4res(d1, GETDEVICEINFO4resok(device_addr4(v3, v7), v9))
        elif d1 == 10005:
            v13, = uS_I(buf, pos)
            pos += 4
            v2 = GETDEVICEINFO4res(d1, None, v13)
        else:
            v2 = GETDEVICEINFO4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("GETDEVICEINFO4res: truncated") from None


def append_GETDEVICEINFO4res(out: list[bytes], v: GETDEVICEINFO4res) -> None:
    try:
        d1 = v.gdir_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.gdir_resok4
            if o2 is None:
                raise XdrError("GETDEVICEINFO4res.gdir_resok4: the selected arm is missing")
            o3 = o2.gdir_device_addr
            v4 = o3.da_addr_body
            n5 = len(v4)
            if n5 > 1048576:
                raise XdrError("device_addr4.da_addr_body: length")
            out.append(pS_II(o3.da_layout_type, n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
            out.append(pack_bitmap(o2.gdir_notification))
        elif d1 == 10005:
            o6 = v.gdir_mincount
            if o6 is None:
                raise XdrError("GETDEVICEINFO4res.gdir_mincount: the selected arm is missing")
            out.append(pS_I(o6))
    except StructError:
        raise XdrError("GETDEVICEINFO4res: value out of range") from None


def pack_GETDEVICEINFO4res(v: GETDEVICEINFO4res) -> bytes:
    out: list[bytes] = []
    append_GETDEVICEINFO4res(out, v)
    return b"".join(out)


def unpack_GETDEVICELIST4args(buf: Buffer, pos: int) -> tuple[GETDEVICELIST4args, int]:
    try:
        v1, v2, v3, v4 = uS_IIQ8s(buf, pos)
        return GETDEVICELIST4args(v1, v2, v3, v4), pos + 24
    except StructError:
        raise XdrError("GETDEVICELIST4args: truncated") from None


def append_GETDEVICELIST4args(out: list[bytes], v: GETDEVICELIST4args) -> None:
    try:
        v1 = v.gdla_cookieverf
        if len(v1) != 8:
            raise XdrError("GETDEVICELIST4args.gdla_cookieverf: length")
        out.append(pS_IIQ8s(v.gdla_layout_type, v.gdla_maxdevices, v.gdla_cookie, v1))
    except StructError:
        raise XdrError("GETDEVICELIST4args: value out of range") from None


def pack_GETDEVICELIST4args(v: GETDEVICELIST4args) -> bytes:
    try:
        v1 = v.gdla_cookieverf
        if len(v1) != 8:
            raise XdrError("GETDEVICELIST4args.gdla_cookieverf: length")
        return pS_IIQ8s(v.gdla_layout_type, v.gdla_maxdevices, v.gdla_cookie, v1)
    except StructError:
        raise XdrError("GETDEVICELIST4args: value out of range") from None


def unpack_GETDEVICELIST4resok(buf: Buffer, pos: int) -> tuple[GETDEVICELIST4resok, int]:
    try:
        end = len(buf)
        v1, v2, n3 = uS_Q8sI(buf, pos)
        pos += 20
        if n3 > 4096 or n3 * 16 > end - pos:
            raise XdrError("GETDEVICELIST4resok.gdlr_deviceid_list: count")
        v4: list[bytes] = []
        for _ in range(n3):
            v5, = uS_16s(buf, pos)
            pos += 16
            v4.append(v5)
        v6, = uS_I(buf, pos)
        if v6 > 1:
            raise XdrError("GETDEVICELIST4resok: a bool is 0 or 1")
        return GETDEVICELIST4resok(v1, v2, v4, v6 == 1), pos + 4
    except StructError:
        raise XdrError("GETDEVICELIST4resok: truncated") from None


def append_GETDEVICELIST4resok(out: list[bytes], v: GETDEVICELIST4resok) -> None:
    try:
        v1 = v.gdlr_cookieverf
        if len(v1) != 8:
            raise XdrError("GETDEVICELIST4resok.gdlr_cookieverf: length")
        v2 = v.gdlr_deviceid_list
        n3 = len(v2)
        if n3 > 4096:
            raise XdrError("GETDEVICELIST4resok.gdlr_deviceid_list: count")
        out.append(pS_Q8sI(v.gdlr_cookie, v1, n3))
        for v4 in v2:
            v5 = v4
            if len(v5) != 16:
                raise XdrError("GETDEVICELIST4resok.gdlr_deviceid_list: length")
            out.append(pS_16s(v5))
        out.append(pS_I(v.gdlr_eof))
    except StructError:
        raise XdrError("GETDEVICELIST4resok: value out of range") from None


def pack_GETDEVICELIST4resok(v: GETDEVICELIST4resok) -> bytes:
    out: list[bytes] = []
    append_GETDEVICELIST4resok(out, v)
    return b"".join(out)


def unpack_GETDEVICELIST4res(buf: Buffer, pos: int) -> tuple[GETDEVICELIST4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, n5 = uS_Q8sI(buf, pos)
            pos += 20
            if n5 > 4096 or n5 * 16 > end - pos:
                raise XdrError("GETDEVICELIST4resok.gdlr_deviceid_list: count")
            v6: list[bytes] = []
            for _ in range(n5):
                v7, = uS_16s(buf, pos)
                pos += 16
                v6.append(v7)
            v8, = uS_I(buf, pos)
            if v8 > 1:
                raise XdrError("GETDEVICELIST4res: a bool is 0 or 1")
            pos += 4
            v2 = GETDEVICELIST4res(d1, GETDEVICELIST4resok(v3, v4, v6, v8 == 1))
        else:
            v2 = GETDEVICELIST4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("GETDEVICELIST4res: truncated") from None


def append_GETDEVICELIST4res(out: list[bytes], v: GETDEVICELIST4res) -> None:
    try:
        d1 = v.gdlr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.gdlr_resok4
            if o2 is None:
                raise XdrError("GETDEVICELIST4res.gdlr_resok4: the selected arm is missing")
            v3 = o2.gdlr_cookieverf
            if len(v3) != 8:
                raise XdrError("GETDEVICELIST4resok.gdlr_cookieverf: length")
            v4 = o2.gdlr_deviceid_list
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("GETDEVICELIST4resok.gdlr_deviceid_list: count")
            out.append(pS_Q8sI(o2.gdlr_cookie, v3, n5))
            for v6 in v4:
                v7 = v6
                if len(v7) != 16:
                    raise XdrError("GETDEVICELIST4resok.gdlr_deviceid_list: length")
                out.append(pS_16s(v7))
            out.append(pS_I(o2.gdlr_eof))
    except StructError:
        raise XdrError("GETDEVICELIST4res: value out of range") from None


def pack_GETDEVICELIST4res(v: GETDEVICELIST4res) -> bytes:
    out: list[bytes] = []
    append_GETDEVICELIST4res(out, v)
    return b"".join(out)


def unpack_newtime4(buf: Buffer, pos: int) -> tuple[newtime4, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, v4 = uS_qI(buf, pos)
            pos += 12
            v2 = newtime4(True, nfstime4(v3, v4))
        elif d1 == 0:
            v2 = newtime4(False)
        else:
            raise XdrError("newtime4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("newtime4: truncated") from None


def append_newtime4(out: list[bytes], v: newtime4) -> None:
    try:
        d1 = v.nt_timechanged
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.nt_time
            if o2 is None:
                raise XdrError("newtime4.nt_time: the selected arm is missing")
            out.append(pS_qI(o2.seconds, o2.nseconds))
        elif d1 == 0:
            pass
        else:
            raise XdrError("newtime4: no such arm")
    except StructError:
        raise XdrError("newtime4: value out of range") from None


def pack_newtime4(v: newtime4) -> bytes:
    out: list[bytes] = []
    append_newtime4(out, v)
    return b"".join(out)


def unpack_newoffset4(buf: Buffer, pos: int) -> tuple[newoffset4, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, = uS_Q(buf, pos)
            pos += 8
            v2 = newoffset4(True, v3)
        elif d1 == 0:
            v2 = newoffset4(False)
        else:
            raise XdrError("newoffset4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("newoffset4: truncated") from None


def append_newoffset4(out: list[bytes], v: newoffset4) -> None:
    try:
        d1 = v.no_newoffset
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.no_offset
            if o2 is None:
                raise XdrError("newoffset4.no_offset: the selected arm is missing")
            out.append(pS_Q(o2))
        elif d1 == 0:
            pass
        else:
            raise XdrError("newoffset4: no such arm")
    except StructError:
        raise XdrError("newoffset4: value out of range") from None


def pack_newoffset4(v: newoffset4) -> bytes:
    out: list[bytes] = []
    append_newoffset4(out, v)
    return b"".join(out)


def unpack_newsize4(buf: Buffer, pos: int) -> tuple[newsize4, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, = uS_Q(buf, pos)
            pos += 8
            v2 = newsize4(True, v3)
        elif d1 == 0:
            v2 = newsize4(False)
        else:
            raise XdrError("newsize4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("newsize4: truncated") from None


def append_newsize4(out: list[bytes], v: newsize4) -> None:
    try:
        d1 = v.ns_sizechanged
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.ns_size
            if o2 is None:
                raise XdrError("newsize4.ns_size: the selected arm is missing")
            out.append(pS_Q(o2))
        elif d1 == 0:
            pass
        else:
            raise XdrError("newsize4: no such arm")
    except StructError:
        raise XdrError("newsize4: value out of range") from None


def pack_newsize4(v: newsize4) -> bytes:
    out: list[bytes] = []
    append_newsize4(out, v)
    return b"".join(out)


def unpack_LAYOUTCOMMIT4args(buf: Buffer, pos: int) -> tuple[LAYOUTCOMMIT4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, d6 = uS_QQII12sI(buf, pos)
        if v3 > 1:
            raise XdrError("LAYOUTCOMMIT4args: a bool is 0 or 1")
        pos += 40
        if d6 == 1:
            v8, = uS_Q(buf, pos)
            pos += 8
            v7 = newoffset4(True, v8)
        elif d6 == 0:
            v7 = newoffset4(False)
        else:
            raise XdrError("newoffset4: no such arm")
        d9, = uS_I(buf, pos)
        pos += 4
        if d9 == 1:
            v11, v12 = uS_qI(buf, pos)
            pos += 12
            v10 = newtime4(True, nfstime4(v11, v12))
        elif d9 == 0:
            v10 = newtime4(False)
        else:
            raise XdrError("newtime4: no such arm")
        v13, n14 = uS_II(buf, pos)
        b15 = pos + 8
        e16 = b15 + n14
        pos = e16 + (-n14 & 3)
        if n14 > 1048576 or pos > end:
            raise XdrError("layoutupdate4.lou_body: length")
        v17 = bytes(buf[b15:e16])
        return LAYOUTCOMMIT4args(v1, v2, v3 == 1, stateid4(v4, v5), v7, v10, layoutupdate4(v13, v17)), pos
    except StructError:
        raise XdrError("LAYOUTCOMMIT4args: truncated") from None


def append_LAYOUTCOMMIT4args(out: list[bytes], v: LAYOUTCOMMIT4args) -> None:
    try:
        o1 = v.loca_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.loca_last_write_offset
        d4 = o3.no_newoffset
        out.append(pS_QQII12sI(v.loca_offset, v.loca_length, v.loca_reclaim, o1.seqid, v2, d4))
        if d4 == 1:
            o5 = o3.no_offset
            if o5 is None:
                raise XdrError("newoffset4.no_offset: the selected arm is missing")
            out.append(pS_Q(o5))
        elif d4 == 0:
            pass
        else:
            raise XdrError("newoffset4: no such arm")
        o6 = v.loca_time_modify
        d7 = o6.nt_timechanged
        out.append(pS_I(d7))
        if d7 == 1:
            o8 = o6.nt_time
            if o8 is None:
                raise XdrError("newtime4.nt_time: the selected arm is missing")
            out.append(pS_qI(o8.seconds, o8.nseconds))
        elif d7 == 0:
            pass
        else:
            raise XdrError("newtime4: no such arm")
        o9 = v.loca_layoutupdate
        v10 = o9.lou_body
        n11 = len(v10)
        if n11 > 1048576:
            raise XdrError("layoutupdate4.lou_body: length")
        out.append(pS_II(o9.lou_type, n11))
        out.append(v10)
        if n11 & 3:
            out.append(PADS[n11 & 3])
    except StructError:
        raise XdrError("LAYOUTCOMMIT4args: value out of range") from None


def pack_LAYOUTCOMMIT4args(v: LAYOUTCOMMIT4args) -> bytes:
    out: list[bytes] = []
    append_LAYOUTCOMMIT4args(out, v)
    return b"".join(out)


def unpack_LAYOUTCOMMIT4resok(buf: Buffer, pos: int) -> tuple[LAYOUTCOMMIT4resok, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, = uS_Q(buf, pos)
            pos += 8
            v2 = newsize4(True, v3)
        elif d1 == 0:
            v2 = newsize4(False)
        else:
            raise XdrError("newsize4: no such arm")
        return LAYOUTCOMMIT4resok(v2), pos
    except StructError:
        raise XdrError("LAYOUTCOMMIT4resok: truncated") from None


def append_LAYOUTCOMMIT4resok(out: list[bytes], v: LAYOUTCOMMIT4resok) -> None:
    try:
        o1 = v.locr_newsize
        d2 = o1.ns_sizechanged
        out.append(pS_I(d2))
        if d2 == 1:
            o3 = o1.ns_size
            if o3 is None:
                raise XdrError("newsize4.ns_size: the selected arm is missing")
            out.append(pS_Q(o3))
        elif d2 == 0:
            pass
        else:
            raise XdrError("newsize4: no such arm")
    except StructError:
        raise XdrError("LAYOUTCOMMIT4resok: value out of range") from None


def pack_LAYOUTCOMMIT4resok(v: LAYOUTCOMMIT4resok) -> bytes:
    out: list[bytes] = []
    append_LAYOUTCOMMIT4resok(out, v)
    return b"".join(out)


def unpack_LAYOUTCOMMIT4res(buf: Buffer, pos: int) -> tuple[LAYOUTCOMMIT4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            d3, = uS_I(buf, pos)
            pos += 4
            if d3 == 1:
                v5, = uS_Q(buf, pos)
                pos += 8
                v4 = newsize4(True, v5)
            elif d3 == 0:
                v4 = newsize4(False)
            else:
                raise XdrError("newsize4: no such arm")
            v2 = LAYOUTCOMMIT4res(d1, LAYOUTCOMMIT4resok(v4))
        else:
            v2 = LAYOUTCOMMIT4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("LAYOUTCOMMIT4res: truncated") from None


def append_LAYOUTCOMMIT4res(out: list[bytes], v: LAYOUTCOMMIT4res) -> None:
    try:
        d1 = v.locr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.locr_resok4
            if o2 is None:
                raise XdrError("LAYOUTCOMMIT4res.locr_resok4: the selected arm is missing")
            o3 = o2.locr_newsize
            d4 = o3.ns_sizechanged
            out.append(pS_I(d4))
            if d4 == 1:
                o5 = o3.ns_size
                if o5 is None:
                    raise XdrError("newsize4.ns_size: the selected arm is missing")
                out.append(pS_Q(o5))
            elif d4 == 0:
                pass
            else:
                raise XdrError("newsize4: no such arm")
    except StructError:
        raise XdrError("LAYOUTCOMMIT4res: value out of range") from None


def pack_LAYOUTCOMMIT4res(v: LAYOUTCOMMIT4res) -> bytes:
    out: list[bytes] = []
    append_LAYOUTCOMMIT4res(out, v)
    return b"".join(out)


def unpack_LAYOUTGET4args(buf: Buffer, pos: int) -> tuple[LAYOUTGET4args, int]:
    try:
        v1, v2, v3, v4, v5, v6, v7, v8, v9 = uS_IIIQQQI12sI(buf, pos)
        if v1 > 1:
            raise XdrError("LAYOUTGET4args: a bool is 0 or 1")
        return LAYOUTGET4args(v1 == 1, v2, v3, v4, v5, v6, stateid4(v7, v8), v9), pos + 56
    except StructError:
        raise XdrError("LAYOUTGET4args: truncated") from None


def append_LAYOUTGET4args(out: list[bytes], v: LAYOUTGET4args) -> None:
    try:
        o1 = v.loga_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_IIIQQQI12sI(v.loga_signal_layout_avail, v.loga_layout_type, v.loga_iomode, v.loga_offset, v.loga_length, v.loga_minlength, o1.seqid, v2, v.loga_maxcount))
    except StructError:
        raise XdrError("LAYOUTGET4args: value out of range") from None


def pack_LAYOUTGET4args(v: LAYOUTGET4args) -> bytes:
    try:
        o1 = v.loga_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_IIIQQQI12sI(v.loga_signal_layout_avail, v.loga_layout_type, v.loga_iomode, v.loga_offset, v.loga_length, v.loga_minlength, o1.seqid, v2, v.loga_maxcount)
    except StructError:
        raise XdrError("LAYOUTGET4args: value out of range") from None


def unpack_LAYOUTGET4resok(buf: Buffer, pos: int) -> tuple[LAYOUTGET4resok, int]:
    try:
        end = len(buf)
        v1, v2, v3, n4 = uS_II12sI(buf, pos)
        if v1 > 1:
            raise XdrError("LAYOUTGET4resok: a bool is 0 or 1")
        pos += 24
        if n4 > 4096 or n4 * 28 > end - pos:
            raise XdrError("LAYOUTGET4resok.logr_layout: count")
        v5: list[layout4] = []
        for _ in range(n4):
            v6, v7, v8, v9, n10 = uS_QQIII(buf, pos)
            b11 = pos + 28
            e12 = b11 + n10
            pos = e12 + (-n10 & 3)
            if n10 > 1048576 or pos > end:
                raise XdrError("layout_content4.loc_body: length")
            v13 = bytes(buf[b11:e12])
            v5.append(layout4(v6, v7, v8, layout_content4(v9, v13)))
        return LAYOUTGET4resok(v1 == 1, stateid4(v2, v3), v5), pos
    except StructError:
        raise XdrError("LAYOUTGET4resok: truncated") from None


def append_LAYOUTGET4resok(out: list[bytes], v: LAYOUTGET4resok) -> None:
    try:
        o1 = v.logr_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        v3 = v.logr_layout
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("LAYOUTGET4resok.logr_layout: count")
        out.append(pS_II12sI(v.logr_return_on_close, o1.seqid, v2, n4))
        for v5 in v3:
            o6 = v5.lo_content
            v7 = o6.loc_body
            n8 = len(v7)
            if n8 > 1048576:
                raise XdrError("layout_content4.loc_body: length")
            out.append(pS_QQIII(v5.lo_offset, v5.lo_length, v5.lo_iomode, o6.loc_type, n8))
            out.append(v7)
            if n8 & 3:
                out.append(PADS[n8 & 3])
    except StructError:
        raise XdrError("LAYOUTGET4resok: value out of range") from None


def pack_LAYOUTGET4resok(v: LAYOUTGET4resok) -> bytes:
    out: list[bytes] = []
    append_LAYOUTGET4resok(out, v)
    return b"".join(out)


def unpack_LAYOUTGET4res(buf: Buffer, pos: int) -> tuple[LAYOUTGET4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5, n6 = uS_II12sI(buf, pos)
            if v3 > 1:
                raise XdrError("LAYOUTGET4res: a bool is 0 or 1")
            pos += 24
            if n6 > 4096 or n6 * 28 > end - pos:
                raise XdrError("LAYOUTGET4resok.logr_layout: count")
            v7: list[layout4] = []
            for _ in range(n6):
                v8, v9, v10, v11, n12 = uS_QQIII(buf, pos)
                b13 = pos + 28
                e14 = b13 + n12
                pos = e14 + (-n12 & 3)
                if n12 > 1048576 or pos > end:
                    raise XdrError("layout_content4.loc_body: length")
                v15 = bytes(buf[b13:e14])
                v7.append(layout4(v8, v9, v10, layout_content4(v11, v15)))
            v2 = LAYOUTGET4res(d1, LAYOUTGET4resok(v3 == 1, stateid4(v4, v5), v7))
        elif d1 == 10058:
            v16, = uS_I(buf, pos)
            if v16 > 1:
                raise XdrError("LAYOUTGET4res: a bool is 0 or 1")
            pos += 4
            v2 = LAYOUTGET4res(d1, None, v16 == 1)
        else:
            v2 = LAYOUTGET4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("LAYOUTGET4res: truncated") from None


def append_LAYOUTGET4res(out: list[bytes], v: LAYOUTGET4res) -> None:
    try:
        d1 = v.logr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.logr_resok4
            if o2 is None:
                raise XdrError("LAYOUTGET4res.logr_resok4: the selected arm is missing")
            o3 = o2.logr_stateid
            v4 = o3.other
            if len(v4) != 12:
                raise XdrError("stateid4.other: length")
            v5 = o2.logr_layout
            n6 = len(v5)
            if n6 > 4096:
                raise XdrError("LAYOUTGET4resok.logr_layout: count")
            out.append(pS_II12sI(o2.logr_return_on_close, o3.seqid, v4, n6))
            for v7 in v5:
                o8 = v7.lo_content
                v9 = o8.loc_body
                n10 = len(v9)
                if n10 > 1048576:
                    raise XdrError("layout_content4.loc_body: length")
                out.append(pS_QQIII(v7.lo_offset, v7.lo_length, v7.lo_iomode, o8.loc_type, n10))
                out.append(v9)
                if n10 & 3:
                    out.append(PADS[n10 & 3])
        elif d1 == 10058:
            o11 = v.logr_will_signal_layout_avail
            if o11 is None:
                raise XdrError("LAYOUTGET4res.logr_will_signal_layout_avail: the selected arm is missing")
            out.append(pS_I(o11))
    except StructError:
        raise XdrError("LAYOUTGET4res: value out of range") from None


def pack_LAYOUTGET4res(v: LAYOUTGET4res) -> bytes:
    out: list[bytes] = []
    append_LAYOUTGET4res(out, v)
    return b"".join(out)


def unpack_LAYOUTRETURN4args(buf: Buffer, pos: int) -> tuple[LAYOUTRETURN4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, d4 = uS_IIII(buf, pos)
        if v1 > 1:
            raise XdrError("LAYOUTRETURN4args: a bool is 0 or 1")
        pos += 16
        if d4 == 1:
            v6, v7, v8, v9, n10 = uS_QQI12sI(buf, pos)
            b11 = pos + 36
            e12 = b11 + n10
            pos = e12 + (-n10 & 3)
            if n10 > 1048576 or pos > end:
                raise XdrError("layoutreturn_file4.lrf_body: length")
            v13 = bytes(buf[b11:e12])
            v5 = layoutreturn4(d4, layoutreturn_file4(v6, v7, stateid4(v8, v9), v13))
        elif d4 in (2, 3):
            v5 = layoutreturn4(d4)
        else:
            raise XdrError("layoutreturn4: no such arm")
        return LAYOUTRETURN4args(v1 == 1, v2, v3, v5), pos
    except StructError:
        raise XdrError("LAYOUTRETURN4args: truncated") from None


def append_LAYOUTRETURN4args(out: list[bytes], v: LAYOUTRETURN4args) -> None:
    try:
        o1 = v.lora_layoutreturn
        d2 = o1.lr_returntype
        out.append(pS_IIII(v.lora_reclaim, v.lora_layout_type, v.lora_iomode, d2))
        if d2 == 1:
            o3 = o1.lr_layout
            if o3 is None:
                raise XdrError("layoutreturn4.lr_layout: the selected arm is missing")
            o4 = o3.lrf_stateid
            v5 = o4.other
            if len(v5) != 12:
                raise XdrError("stateid4.other: length")
            v6 = o3.lrf_body
            n7 = len(v6)
            if n7 > 1048576:
                raise XdrError("layoutreturn_file4.lrf_body: length")
            out.append(pS_QQI12sI(o3.lrf_offset, o3.lrf_length, o4.seqid, v5, n7))
            out.append(v6)
            if n7 & 3:
                out.append(PADS[n7 & 3])
    except StructError:
        raise XdrError("LAYOUTRETURN4args: value out of range") from None


def pack_LAYOUTRETURN4args(v: LAYOUTRETURN4args) -> bytes:
    out: list[bytes] = []
    append_LAYOUTRETURN4args(out, v)
    return b"".join(out)


def unpack_layoutreturn_stateid(buf: Buffer, pos: int) -> tuple[layoutreturn_stateid, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, v4 = uS_I12s(buf, pos)
            pos += 16
            v2 = layoutreturn_stateid(True, stateid4(v3, v4))
        elif d1 == 0:
            v2 = layoutreturn_stateid(False)
        else:
            raise XdrError("layoutreturn_stateid: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("layoutreturn_stateid: truncated") from None


def append_layoutreturn_stateid(out: list[bytes], v: layoutreturn_stateid) -> None:
    try:
        d1 = v.lrs_present
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.lrs_stateid
            if o2 is None:
                raise XdrError("layoutreturn_stateid.lrs_stateid: the selected arm is missing")
            v3 = o2.other
            if len(v3) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12s(o2.seqid, v3))
        elif d1 == 0:
            pass
        else:
            raise XdrError("layoutreturn_stateid: no such arm")
    except StructError:
        raise XdrError("layoutreturn_stateid: value out of range") from None


def pack_layoutreturn_stateid(v: layoutreturn_stateid) -> bytes:
    out: list[bytes] = []
    append_layoutreturn_stateid(out, v)
    return b"".join(out)


def unpack_LAYOUTRETURN4res(buf: Buffer, pos: int) -> tuple[LAYOUTRETURN4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            d3, = uS_I(buf, pos)
            pos += 4
            if d3 == 1:
                v5, v6 = uS_I12s(buf, pos)
                pos += 16
                v4 = layoutreturn_stateid(True, stateid4(v5, v6))
            elif d3 == 0:
                v4 = layoutreturn_stateid(False)
            else:
                raise XdrError("layoutreturn_stateid: no such arm")
            v2 = LAYOUTRETURN4res(d1, v4)
        else:
            v2 = LAYOUTRETURN4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("LAYOUTRETURN4res: truncated") from None


def append_LAYOUTRETURN4res(out: list[bytes], v: LAYOUTRETURN4res) -> None:
    try:
        d1 = v.lorr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.lorr_stateid
            if o2 is None:
                raise XdrError("LAYOUTRETURN4res.lorr_stateid: the selected arm is missing")
            d3 = o2.lrs_present
            out.append(pS_I(d3))
            if d3 == 1:
                o4 = o2.lrs_stateid
                if o4 is None:
                    raise XdrError("layoutreturn_stateid.lrs_stateid: the selected arm is missing")
                v5 = o4.other
                if len(v5) != 12:
                    raise XdrError("stateid4.other: length")
                out.append(pS_I12s(o4.seqid, v5))
            elif d3 == 0:
                pass
            else:
                raise XdrError("layoutreturn_stateid: no such arm")
    except StructError:
        raise XdrError("LAYOUTRETURN4res: value out of range") from None


def pack_LAYOUTRETURN4res(v: LAYOUTRETURN4res) -> bytes:
    out: list[bytes] = []
    append_LAYOUTRETURN4res(out, v)
    return b"".join(out)


def unpack_netloc_type4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("netloc_type4: truncated") from None


def append_netloc_type4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("netloc_type4: value out of range") from None


def pack_netloc_type4(v: int) -> bytes:
    out: list[bytes] = []
    append_netloc_type4(out, v)
    return b"".join(out)


def unpack_netloc4(buf: Buffer, pos: int) -> tuple[netloc4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 4096 or pos > end:
                raise XdrError("netloc4.nl_name: length")
            v6 = bytes(buf[b4:e5])
            v2 = netloc4(d1, v6)
        elif d1 == 2:
            n7, = uS_I(buf, pos)
            b8 = pos + 4
            e9 = b8 + n7
            pos = e9 + (-n7 & 3)
            if n7 > 4096 or pos > end:
                raise XdrError("netloc4.nl_url: length")
            v10 = bytes(buf[b8:e9])
            v2 = netloc4(d1, None, v10)
        elif d1 == 3:
            n11, = uS_I(buf, pos)
            b12 = pos + 4
            e13 = b12 + n11
            pos = e13 + (-n11 & 3)
            if n11 > 256 or pos > end:
                raise XdrError("netaddr4.na_r_netid: length")
            v14 = bytes(buf[b12:e13])
            n15, = uS_I(buf, pos)
            b16 = pos + 4
            e17 = b16 + n15
            pos = e17 + (-n15 & 3)
            if n15 > 256 or pos > end:
                raise XdrError("netaddr4.na_r_addr: length")
            v18 = bytes(buf[b16:e17])
            v2 = netloc4(d1, None, None, netaddr4(v14, v18))
        else:
            raise XdrError("netloc4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("netloc4: truncated") from None


def append_netloc4(out: list[bytes], v: netloc4) -> None:
    try:
        d1 = v.nl_type
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.nl_name
            if o2 is None:
                raise XdrError("netloc4.nl_name: the selected arm is missing")
            v3 = o2
            n4 = len(v3)
            if n4 > 4096:
                raise XdrError("netloc4.nl_name: length")
            out.append(pS_I(n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
        elif d1 == 2:
            o5 = v.nl_url
            if o5 is None:
                raise XdrError("netloc4.nl_url: the selected arm is missing")
            v6 = o5
            n7 = len(v6)
            if n7 > 4096:
                raise XdrError("netloc4.nl_url: length")
            out.append(pS_I(n7))
            out.append(v6)
            if n7 & 3:
                out.append(PADS[n7 & 3])
        elif d1 == 3:
            o8 = v.nl_addr
            if o8 is None:
                raise XdrError("netloc4.nl_addr: the selected arm is missing")
            v9 = o8.na_r_netid
            n10 = len(v9)
            if n10 > 256:
                raise XdrError("netaddr4.na_r_netid: length")
            out.append(pS_I(n10))
            out.append(v9)
            if n10 & 3:
                out.append(PADS[n10 & 3])
            v11 = o8.na_r_addr
            n12 = len(v11)
            if n12 > 256:
                raise XdrError("netaddr4.na_r_addr: length")
            out.append(pS_I(n12))
            out.append(v11)
            if n12 & 3:
                out.append(PADS[n12 & 3])
        else:
            raise XdrError("netloc4: no such arm")
    except StructError:
        raise XdrError("netloc4: value out of range") from None


def pack_netloc4(v: netloc4) -> bytes:
    out: list[bytes] = []
    append_netloc4(out, v)
    return b"".join(out)


def unpack_write_response4(buf: Buffer, pos: int) -> tuple[write_response4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 1 or n1 * 16 > end - pos:
            raise XdrError("write_response4.wr_callback_id: count")
        v2: list[stateid4] = []
        for _ in range(n1):
            v3, v4 = uS_I12s(buf, pos)
            pos += 16
            v2.append(stateid4(v3, v4))
        v5, v6, v7 = uS_QI8s(buf, pos)
        return write_response4(v2, v5, v6, v7), pos + 20
    except StructError:
        raise XdrError("write_response4: truncated") from None


def append_write_response4(out: list[bytes], v: write_response4) -> None:
    try:
        v1 = v.wr_callback_id
        n2 = len(v1)
        if n2 > 1:
            raise XdrError("write_response4.wr_callback_id: count")
        out.append(pS_I(n2))
        for v3 in v1:
            v4 = v3.other
            if len(v4) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12s(v3.seqid, v4))
        v5 = v.wr_writeverf
        if len(v5) != 8:
            raise XdrError("write_response4.wr_writeverf: length")
        out.append(pS_QI8s(v.wr_count, v.wr_committed, v5))
    except StructError:
        raise XdrError("write_response4: value out of range") from None


def pack_write_response4(v: write_response4) -> bytes:
    out: list[bytes] = []
    append_write_response4(out, v)
    return b"".join(out)


def unpack_data_content4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("data_content4: truncated") from None


def append_data_content4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("data_content4: value out of range") from None


def pack_data_content4(v: int) -> bytes:
    out: list[bytes] = []
    append_data_content4(out, v)
    return b"".join(out)


def unpack_data4(buf: Buffer, pos: int) -> tuple[data4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_QI(buf, pos)
        b3 = pos + 12
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 67108864 or pos > end:
            raise XdrError("data4.d_data: length")
        v5 = memoryview(buf)[b3:e4]
        return data4(v1, v5), pos
    except StructError:
        raise XdrError("data4: truncated") from None


def append_data4(out: list[bytes], v: data4) -> None:
    try:
        v1 = v.d_data
        n2 = len(v1)
        if n2 > 67108864:
            raise XdrError("data4.d_data: length")
        out.append(pS_QI(v.d_offset, n2))
        out.append(v1)  # type: ignore[arg-type]
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("data4: value out of range") from None


def pack_data4(v: data4) -> bytes:
    out: list[bytes] = []
    append_data4(out, v)
    return b"".join(out)


def unpack_data_info4(buf: Buffer, pos: int) -> tuple[data_info4, int]:
    try:
        v1, v2 = uS_QQ(buf, pos)
        return data_info4(v1, v2), pos + 16
    except StructError:
        raise XdrError("data_info4: truncated") from None


def append_data_info4(out: list[bytes], v: data_info4) -> None:
    try:
        out.append(pS_QQ(v.di_offset, v.di_length))
    except StructError:
        raise XdrError("data_info4: value out of range") from None


def pack_data_info4(v: data_info4) -> bytes:
    try:
        return pS_QQ(v.di_offset, v.di_length)
    except StructError:
        raise XdrError("data_info4: value out of range") from None


def unpack_app_data_block4(buf: Buffer, pos: int) -> tuple[app_data_block4, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, v6, n7 = uS_QQQQIQI(buf, pos)
        b8 = pos + 48
        e9 = b8 + n7
        pos = e9 + (-n7 & 3)
        if n7 > 1048576 or pos > end:
            raise XdrError("app_data_block4.adb_pattern: length")
        v10 = bytes(buf[b8:e9])
        return app_data_block4(v1, v2, v3, v4, v5, v6, v10), pos
    except StructError:
        raise XdrError("app_data_block4: truncated") from None


def append_app_data_block4(out: list[bytes], v: app_data_block4) -> None:
    try:
        v1 = v.adb_pattern
        n2 = len(v1)
        if n2 > 1048576:
            raise XdrError("app_data_block4.adb_pattern: length")
        out.append(pS_QQQQIQI(v.adb_offset, v.adb_block_size, v.adb_block_count, v.adb_reloff_blocknum, v.adb_block_num, v.adb_reloff_pattern, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("app_data_block4: value out of range") from None


def pack_app_data_block4(v: app_data_block4) -> bytes:
    out: list[bytes] = []
    append_app_data_block4(out, v)
    return b"".join(out)


def unpack_device_error4(buf: Buffer, pos: int) -> tuple[device_error4, int]:
    try:
        v1, v2, v3 = uS_16sII(buf, pos)
        return device_error4(v1, v2, v3), pos + 24
    except StructError:
        raise XdrError("device_error4: truncated") from None


def append_device_error4(out: list[bytes], v: device_error4) -> None:
    try:
        v1 = v.de_deviceid
        if len(v1) != 16:
            raise XdrError("device_error4.de_deviceid: length")
        out.append(pS_16sII(v1, v.de_status, v.de_opnum))
    except StructError:
        raise XdrError("device_error4: value out of range") from None


def pack_device_error4(v: device_error4) -> bytes:
    try:
        v1 = v.de_deviceid
        if len(v1) != 16:
            raise XdrError("device_error4.de_deviceid: length")
        return pS_16sII(v1, v.de_status, v.de_opnum)
    except StructError:
        raise XdrError("device_error4: value out of range") from None


def unpack_io_info4(buf: Buffer, pos: int) -> tuple[io_info4, int]:
    try:
        v1, v2 = uS_QQ(buf, pos)
        return io_info4(v1, v2), pos + 16
    except StructError:
        raise XdrError("io_info4: truncated") from None


def append_io_info4(out: list[bytes], v: io_info4) -> None:
    try:
        out.append(pS_QQ(v.ii_count, v.ii_bytes))
    except StructError:
        raise XdrError("io_info4: value out of range") from None


def pack_io_info4(v: io_info4) -> bytes:
    try:
        return pS_QQ(v.ii_count, v.ii_bytes)
    except StructError:
        raise XdrError("io_info4: value out of range") from None


def unpack_ALLOCATE4args(buf: Buffer, pos: int) -> tuple[ALLOCATE4args, int]:
    try:
        v1, v2, v3, v4 = uS_I12sQQ(buf, pos)
        return ALLOCATE4args(stateid4(v1, v2), v3, v4), pos + 32
    except StructError:
        raise XdrError("ALLOCATE4args: truncated") from None


def append_ALLOCATE4args(out: list[bytes], v: ALLOCATE4args) -> None:
    try:
        o1 = v.aa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12sQQ(o1.seqid, v2, v.aa_offset, v.aa_length))
    except StructError:
        raise XdrError("ALLOCATE4args: value out of range") from None


def pack_ALLOCATE4args(v: ALLOCATE4args) -> bytes:
    try:
        o1 = v.aa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12sQQ(o1.seqid, v2, v.aa_offset, v.aa_length)
    except StructError:
        raise XdrError("ALLOCATE4args: value out of range") from None


def unpack_ALLOCATE4res(buf: Buffer, pos: int) -> tuple[ALLOCATE4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return ALLOCATE4res(v1), pos + 4
    except StructError:
        raise XdrError("ALLOCATE4res: truncated") from None


def append_ALLOCATE4res(out: list[bytes], v: ALLOCATE4res) -> None:
    try:
        out.append(pS_I(v.ar_status))
    except StructError:
        raise XdrError("ALLOCATE4res: value out of range") from None


def pack_ALLOCATE4res(v: ALLOCATE4res) -> bytes:
    out: list[bytes] = []
    append_ALLOCATE4res(out, v)
    return b"".join(out)


def unpack_DEALLOCATE4args(buf: Buffer, pos: int) -> tuple[DEALLOCATE4args, int]:
    try:
        v1, v2, v3, v4 = uS_I12sQQ(buf, pos)
        return DEALLOCATE4args(stateid4(v1, v2), v3, v4), pos + 32
    except StructError:
        raise XdrError("DEALLOCATE4args: truncated") from None


def append_DEALLOCATE4args(out: list[bytes], v: DEALLOCATE4args) -> None:
    try:
        o1 = v.da_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12sQQ(o1.seqid, v2, v.da_offset, v.da_length))
    except StructError:
        raise XdrError("DEALLOCATE4args: value out of range") from None


def pack_DEALLOCATE4args(v: DEALLOCATE4args) -> bytes:
    try:
        o1 = v.da_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12sQQ(o1.seqid, v2, v.da_offset, v.da_length)
    except StructError:
        raise XdrError("DEALLOCATE4args: value out of range") from None


def unpack_DEALLOCATE4res(buf: Buffer, pos: int) -> tuple[DEALLOCATE4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return DEALLOCATE4res(v1), pos + 4
    except StructError:
        raise XdrError("DEALLOCATE4res: truncated") from None


def append_DEALLOCATE4res(out: list[bytes], v: DEALLOCATE4res) -> None:
    try:
        out.append(pS_I(v.dr_status))
    except StructError:
        raise XdrError("DEALLOCATE4res: value out of range") from None


def pack_DEALLOCATE4res(v: DEALLOCATE4res) -> bytes:
    out: list[bytes] = []
    append_DEALLOCATE4res(out, v)
    return b"".join(out)


def unpack_COPY4args(buf: Buffer, pos: int) -> tuple[COPY4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, v6, v7, v8, v9, n10 = uS_I12sI12sQQQIII(buf, pos)
        if v8 > 1:
            raise XdrError("COPY4args: a bool is 0 or 1")
        if v9 > 1:
            raise XdrError("COPY4args: a bool is 0 or 1")
        pos += 68
        if n10 > 4096 or n10 * 8 > end - pos:
            raise XdrError("COPY4args.ca_source_server: count")
        v11: list[netloc4] = []
        for _ in range(n10):
            d12, = uS_I(buf, pos)
            pos += 4
            if d12 == 1:
                n14, = uS_I(buf, pos)
                b15 = pos + 4
                e16 = b15 + n14
                pos = e16 + (-n14 & 3)
                if n14 > 4096 or pos > end:
                    raise XdrError("netloc4.nl_name: length")
                v17 = bytes(buf[b15:e16])
                v13 = netloc4(d12, v17)
            elif d12 == 2:
                n18, = uS_I(buf, pos)
                b19 = pos + 4
                e20 = b19 + n18
                pos = e20 + (-n18 & 3)
                if n18 > 4096 or pos > end:
                    raise XdrError("netloc4.nl_url: length")
                v21 = bytes(buf[b19:e20])
                v13 = netloc4(d12, None, v21)
            elif d12 == 3:
                n22, = uS_I(buf, pos)
                b23 = pos + 4
                e24 = b23 + n22
                pos = e24 + (-n22 & 3)
                if n22 > 256 or pos > end:
                    raise XdrError("netaddr4.na_r_netid: length")
                v25 = bytes(buf[b23:e24])
                n26, = uS_I(buf, pos)
                b27 = pos + 4
                e28 = b27 + n26
                pos = e28 + (-n26 & 3)
                if n26 > 256 or pos > end:
                    raise XdrError("netaddr4.na_r_addr: length")
                v29 = bytes(buf[b27:e28])
                v13 = netloc4(d12, None, None, netaddr4(v25, v29))
            else:
                raise XdrError("netloc4: no such arm")
            v11.append(v13)
        return COPY4args(stateid4(v1, v2), stateid4(v3, v4), v5, v6, v7, v8 == 1, v9 == 1, v11), pos
    except StructError:
        raise XdrError("COPY4args: truncated") from None


def append_COPY4args(out: list[bytes], v: COPY4args) -> None:
    try:
        o1 = v.ca_src_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.ca_dst_stateid
        v4 = o3.other
        if len(v4) != 12:
            raise XdrError("stateid4.other: length")
        v5 = v.ca_source_server
        n6 = len(v5)
        if n6 > 4096:
            raise XdrError("COPY4args.ca_source_server: count")
        out.append(pS_I12sI12sQQQIII(o1.seqid, v2, o3.seqid, v4, v.ca_src_offset, v.ca_dst_offset, v.ca_count, v.ca_consecutive, v.ca_synchronous, n6))
        for v7 in v5:
            d8 = v7.nl_type
            out.append(pS_I(d8))
            if d8 == 1:
                o9 = v7.nl_name
                if o9 is None:
                    raise XdrError("netloc4.nl_name: the selected arm is missing")
                v10 = o9
                n11 = len(v10)
                if n11 > 4096:
                    raise XdrError("netloc4.nl_name: length")
                out.append(pS_I(n11))
                out.append(v10)
                if n11 & 3:
                    out.append(PADS[n11 & 3])
            elif d8 == 2:
                o12 = v7.nl_url
                if o12 is None:
                    raise XdrError("netloc4.nl_url: the selected arm is missing")
                v13 = o12
                n14 = len(v13)
                if n14 > 4096:
                    raise XdrError("netloc4.nl_url: length")
                out.append(pS_I(n14))
                out.append(v13)
                if n14 & 3:
                    out.append(PADS[n14 & 3])
            elif d8 == 3:
                o15 = v7.nl_addr
                if o15 is None:
                    raise XdrError("netloc4.nl_addr: the selected arm is missing")
                v16 = o15.na_r_netid
                n17 = len(v16)
                if n17 > 256:
                    raise XdrError("netaddr4.na_r_netid: length")
                out.append(pS_I(n17))
                out.append(v16)
                if n17 & 3:
                    out.append(PADS[n17 & 3])
                v18 = o15.na_r_addr
                n19 = len(v18)
                if n19 > 256:
                    raise XdrError("netaddr4.na_r_addr: length")
                out.append(pS_I(n19))
                out.append(v18)
                if n19 & 3:
                    out.append(PADS[n19 & 3])
            else:
                raise XdrError("netloc4: no such arm")
    except StructError:
        raise XdrError("COPY4args: value out of range") from None


def pack_COPY4args(v: COPY4args) -> bytes:
    out: list[bytes] = []
    append_COPY4args(out, v)
    return b"".join(out)


def unpack_copy_requirements4(buf: Buffer, pos: int) -> tuple[copy_requirements4, int]:
    try:
        v1, v2 = uS_II(buf, pos)
        if v1 > 1:
            raise XdrError("copy_requirements4: a bool is 0 or 1")
        if v2 > 1:
            raise XdrError("copy_requirements4: a bool is 0 or 1")
        return copy_requirements4(v1 == 1, v2 == 1), pos + 8
    except StructError:
        raise XdrError("copy_requirements4: truncated") from None


def append_copy_requirements4(out: list[bytes], v: copy_requirements4) -> None:
    try:
        out.append(pS_II(v.cr_consecutive, v.cr_synchronous))
    except StructError:
        raise XdrError("copy_requirements4: value out of range") from None


def pack_copy_requirements4(v: copy_requirements4) -> bytes:
    try:
        return pS_II(v.cr_consecutive, v.cr_synchronous)
    except StructError:
        raise XdrError("copy_requirements4: value out of range") from None


def unpack_COPY4resok(buf: Buffer, pos: int) -> tuple[COPY4resok, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 1 or n1 * 16 > end - pos:
            raise XdrError("write_response4.wr_callback_id: count")
        v2: list[stateid4] = []
        for _ in range(n1):
            v3, v4 = uS_I12s(buf, pos)
            pos += 16
            v2.append(stateid4(v3, v4))
        v5, v6, v7, v8, v9 = uS_QI8sII(buf, pos)
        if v8 > 1:
            raise XdrError("COPY4resok: a bool is 0 or 1")
        if v9 > 1:
            raise XdrError("COPY4resok: a bool is 0 or 1")
        return COPY4resok(write_response4(v2, v5, v6, v7), copy_requirements4(v8 == 1, v9 == 1)), pos + 28
    except StructError:
        raise XdrError("COPY4resok: truncated") from None


def append_COPY4resok(out: list[bytes], v: COPY4resok) -> None:
    try:
        o1 = v.cr_response
        v2 = o1.wr_callback_id
        n3 = len(v2)
        if n3 > 1:
            raise XdrError("write_response4.wr_callback_id: count")
        out.append(pS_I(n3))
        for v4 in v2:
            v5 = v4.other
            if len(v5) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_I12s(v4.seqid, v5))
        v6 = o1.wr_writeverf
        if len(v6) != 8:
            raise XdrError("write_response4.wr_writeverf: length")
        o7 = v.cr_requirements
        out.append(pS_QI8sII(o1.wr_count, o1.wr_committed, v6, o7.cr_consecutive, o7.cr_synchronous))
    except StructError:
        raise XdrError("COPY4resok: value out of range") from None


def pack_COPY4resok(v: COPY4resok) -> bytes:
    out: list[bytes] = []
    append_COPY4resok(out, v)
    return b"".join(out)


def unpack_COPY4res(buf: Buffer, pos: int) -> tuple[COPY4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            pos += 4
            if n3 > 1 or n3 * 16 > end - pos:
                raise XdrError("write_response4.wr_callback_id: count")
            v4: list[stateid4] = []
            for _ in range(n3):
                v5, v6 = uS_I12s(buf, pos)
                pos += 16
                v4.append(stateid4(v5, v6))
            v7, v8, v9, v10, v11 = uS_QI8sII(buf, pos)
            if v10 > 1:
                raise XdrError("COPY4res: a bool is 0 or 1")
            if v11 > 1:
                raise XdrError("COPY4res: a bool is 0 or 1")
            pos += 28
            v2 = COPY4res(d1, COPY4resok(write_response4(v4, v7, v8, v9), copy_requirements4(v10 == 1, v11 == 1)))
        elif d1 == 10094:
            v12, v13 = uS_II(buf, pos)
            if v12 > 1:
                raise XdrError("COPY4res: a bool is 0 or 1")
            if v13 > 1:
                raise XdrError("COPY4res: a bool is 0 or 1")
            pos += 8
            v2 = COPY4res(d1, None, copy_requirements4(v12 == 1, v13 == 1))
        else:
            v2 = COPY4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("COPY4res: truncated") from None


def append_COPY4res(out: list[bytes], v: COPY4res) -> None:
    try:
        d1 = v.cr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.cr_resok4
            if o2 is None:
                raise XdrError("COPY4res.cr_resok4: the selected arm is missing")
            o3 = o2.cr_response
            v4 = o3.wr_callback_id
            n5 = len(v4)
            if n5 > 1:
                raise XdrError("write_response4.wr_callback_id: count")
            out.append(pS_I(n5))
            for v6 in v4:
                v7 = v6.other
                if len(v7) != 12:
                    raise XdrError("stateid4.other: length")
                out.append(pS_I12s(v6.seqid, v7))
            v8 = o3.wr_writeverf
            if len(v8) != 8:
                raise XdrError("write_response4.wr_writeverf: length")
            o9 = o2.cr_requirements
            out.append(pS_QI8sII(o3.wr_count, o3.wr_committed, v8, o9.cr_consecutive, o9.cr_synchronous))
        elif d1 == 10094:
            o10 = v.cr_requirements
            if o10 is None:
                raise XdrError("COPY4res.cr_requirements: the selected arm is missing")
            out.append(pS_II(o10.cr_consecutive, o10.cr_synchronous))
    except StructError:
        raise XdrError("COPY4res: value out of range") from None


def pack_COPY4res(v: COPY4res) -> bytes:
    out: list[bytes] = []
    append_COPY4res(out, v)
    return b"".join(out)


def unpack_COPY_NOTIFY4args(buf: Buffer, pos: int) -> tuple[COPY_NOTIFY4args, int]:
    try:
        end = len(buf)
        v1, v2, d3 = uS_I12sI(buf, pos)
        pos += 20
        if d3 == 1:
            n5, = uS_I(buf, pos)
            b6 = pos + 4
            e7 = b6 + n5
            pos = e7 + (-n5 & 3)
            if n5 > 4096 or pos > end:
                raise XdrError("netloc4.nl_name: length")
            v8 = bytes(buf[b6:e7])
            v4 = netloc4(d3, v8)
        elif d3 == 2:
            n9, = uS_I(buf, pos)
            b10 = pos + 4
            e11 = b10 + n9
            pos = e11 + (-n9 & 3)
            if n9 > 4096 or pos > end:
                raise XdrError("netloc4.nl_url: length")
            v12 = bytes(buf[b10:e11])
            v4 = netloc4(d3, None, v12)
        elif d3 == 3:
            n13, = uS_I(buf, pos)
            b14 = pos + 4
            e15 = b14 + n13
            pos = e15 + (-n13 & 3)
            if n13 > 256 or pos > end:
                raise XdrError("netaddr4.na_r_netid: length")
            v16 = bytes(buf[b14:e15])
            n17, = uS_I(buf, pos)
            b18 = pos + 4
            e19 = b18 + n17
            pos = e19 + (-n17 & 3)
            if n17 > 256 or pos > end:
                raise XdrError("netaddr4.na_r_addr: length")
            v20 = bytes(buf[b18:e19])
            v4 = netloc4(d3, None, None, netaddr4(v16, v20))
        else:
            raise XdrError("netloc4: no such arm")
        return COPY_NOTIFY4args(stateid4(v1, v2), v4), pos
    except StructError:
        raise XdrError("COPY_NOTIFY4args: truncated") from None


def append_COPY_NOTIFY4args(out: list[bytes], v: COPY_NOTIFY4args) -> None:
    try:
        o1 = v.cna_src_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.cna_destination_server
        d4 = o3.nl_type
        out.append(pS_I12sI(o1.seqid, v2, d4))
        if d4 == 1:
            o5 = o3.nl_name
            if o5 is None:
                raise XdrError("netloc4.nl_name: the selected arm is missing")
            v6 = o5
            n7 = len(v6)
            if n7 > 4096:
                raise XdrError("netloc4.nl_name: length")
            out.append(pS_I(n7))
            out.append(v6)
            if n7 & 3:
                out.append(PADS[n7 & 3])
        elif d4 == 2:
            o8 = o3.nl_url
            if o8 is None:
                raise XdrError("netloc4.nl_url: the selected arm is missing")
            v9 = o8
            n10 = len(v9)
            if n10 > 4096:
                raise XdrError("netloc4.nl_url: length")
            out.append(pS_I(n10))
            out.append(v9)
            if n10 & 3:
                out.append(PADS[n10 & 3])
        elif d4 == 3:
            o11 = o3.nl_addr
            if o11 is None:
                raise XdrError("netloc4.nl_addr: the selected arm is missing")
            v12 = o11.na_r_netid
            n13 = len(v12)
            if n13 > 256:
                raise XdrError("netaddr4.na_r_netid: length")
            out.append(pS_I(n13))
            out.append(v12)
            if n13 & 3:
                out.append(PADS[n13 & 3])
            v14 = o11.na_r_addr
            n15 = len(v14)
            if n15 > 256:
                raise XdrError("netaddr4.na_r_addr: length")
            out.append(pS_I(n15))
            out.append(v14)
            if n15 & 3:
                out.append(PADS[n15 & 3])
        else:
            raise XdrError("netloc4: no such arm")
    except StructError:
        raise XdrError("COPY_NOTIFY4args: value out of range") from None


def pack_COPY_NOTIFY4args(v: COPY_NOTIFY4args) -> bytes:
    out: list[bytes] = []
    append_COPY_NOTIFY4args(out, v)
    return b"".join(out)


def unpack_COPY_NOTIFY4resok(buf: Buffer, pos: int) -> tuple[COPY_NOTIFY4resok, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_qII12sI(buf, pos)
        pos += 32
        if n5 > 4096 or n5 * 8 > end - pos:
            raise XdrError("COPY_NOTIFY4resok.cnr_source_server: count")
        v6: list[netloc4] = []
        for _ in range(n5):
            d7, = uS_I(buf, pos)
            pos += 4
            if d7 == 1:
                n9, = uS_I(buf, pos)
                b10 = pos + 4
                e11 = b10 + n9
                pos = e11 + (-n9 & 3)
                if n9 > 4096 or pos > end:
                    raise XdrError("netloc4.nl_name: length")
                v12 = bytes(buf[b10:e11])
                v8 = netloc4(d7, v12)
            elif d7 == 2:
                n13, = uS_I(buf, pos)
                b14 = pos + 4
                e15 = b14 + n13
                pos = e15 + (-n13 & 3)
                if n13 > 4096 or pos > end:
                    raise XdrError("netloc4.nl_url: length")
                v16 = bytes(buf[b14:e15])
                v8 = netloc4(d7, None, v16)
            elif d7 == 3:
                n17, = uS_I(buf, pos)
                b18 = pos + 4
                e19 = b18 + n17
                pos = e19 + (-n17 & 3)
                if n17 > 256 or pos > end:
                    raise XdrError("netaddr4.na_r_netid: length")
                v20 = bytes(buf[b18:e19])
                n21, = uS_I(buf, pos)
                b22 = pos + 4
                e23 = b22 + n21
                pos = e23 + (-n21 & 3)
                if n21 > 256 or pos > end:
                    raise XdrError("netaddr4.na_r_addr: length")
                v24 = bytes(buf[b22:e23])
                v8 = netloc4(d7, None, None, netaddr4(v20, v24))
            else:
                raise XdrError("netloc4: no such arm")
            v6.append(v8)
        return COPY_NOTIFY4resok(nfstime4(v1, v2), stateid4(v3, v4), v6), pos
    except StructError:
        raise XdrError("COPY_NOTIFY4resok: truncated") from None


def append_COPY_NOTIFY4resok(out: list[bytes], v: COPY_NOTIFY4resok) -> None:
    try:
        o1 = v.cnr_lease_time
        o2 = v.cnr_stateid
        v3 = o2.other
        if len(v3) != 12:
            raise XdrError("stateid4.other: length")
        v4 = v.cnr_source_server
        n5 = len(v4)
        if n5 > 4096:
            raise XdrError("COPY_NOTIFY4resok.cnr_source_server: count")
        out.append(pS_qII12sI(o1.seconds, o1.nseconds, o2.seqid, v3, n5))
        for v6 in v4:
            d7 = v6.nl_type
            out.append(pS_I(d7))
            if d7 == 1:
                o8 = v6.nl_name
                if o8 is None:
                    raise XdrError("netloc4.nl_name: the selected arm is missing")
                v9 = o8
                n10 = len(v9)
                if n10 > 4096:
                    raise XdrError("netloc4.nl_name: length")
                out.append(pS_I(n10))
                out.append(v9)
                if n10 & 3:
                    out.append(PADS[n10 & 3])
            elif d7 == 2:
                o11 = v6.nl_url
                if o11 is None:
                    raise XdrError("netloc4.nl_url: the selected arm is missing")
                v12 = o11
                n13 = len(v12)
                if n13 > 4096:
                    raise XdrError("netloc4.nl_url: length")
                out.append(pS_I(n13))
                out.append(v12)
                if n13 & 3:
                    out.append(PADS[n13 & 3])
            elif d7 == 3:
                o14 = v6.nl_addr
                if o14 is None:
                    raise XdrError("netloc4.nl_addr: the selected arm is missing")
                v15 = o14.na_r_netid
                n16 = len(v15)
                if n16 > 256:
                    raise XdrError("netaddr4.na_r_netid: length")
                out.append(pS_I(n16))
                out.append(v15)
                if n16 & 3:
                    out.append(PADS[n16 & 3])
                v17 = o14.na_r_addr
                n18 = len(v17)
                if n18 > 256:
                    raise XdrError("netaddr4.na_r_addr: length")
                out.append(pS_I(n18))
                out.append(v17)
                if n18 & 3:
                    out.append(PADS[n18 & 3])
            else:
                raise XdrError("netloc4: no such arm")
    except StructError:
        raise XdrError("COPY_NOTIFY4resok: value out of range") from None


def pack_COPY_NOTIFY4resok(v: COPY_NOTIFY4resok) -> bytes:
    out: list[bytes] = []
    append_COPY_NOTIFY4resok(out, v)
    return b"".join(out)


def unpack_COPY_NOTIFY4res(buf: Buffer, pos: int) -> tuple[COPY_NOTIFY4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5, v6, n7 = uS_qII12sI(buf, pos)
            pos += 32
            if n7 > 4096 or n7 * 8 > end - pos:
                raise XdrError("COPY_NOTIFY4resok.cnr_source_server: count")
            v8: list[netloc4] = []
            for _ in range(n7):
                d9, = uS_I(buf, pos)
                pos += 4
                if d9 == 1:
                    n11, = uS_I(buf, pos)
                    b12 = pos + 4
                    e13 = b12 + n11
                    pos = e13 + (-n11 & 3)
                    if n11 > 4096 or pos > end:
                        raise XdrError("netloc4.nl_name: length")
                    v14 = bytes(buf[b12:e13])
                    v10 = netloc4(d9, v14)
                elif d9 == 2:
                    n15, = uS_I(buf, pos)
                    b16 = pos + 4
                    e17 = b16 + n15
                    pos = e17 + (-n15 & 3)
                    if n15 > 4096 or pos > end:
                        raise XdrError("netloc4.nl_url: length")
                    v18 = bytes(buf[b16:e17])
                    v10 = netloc4(d9, None, v18)
                elif d9 == 3:
                    n19, = uS_I(buf, pos)
                    b20 = pos + 4
                    e21 = b20 + n19
                    pos = e21 + (-n19 & 3)
                    if n19 > 256 or pos > end:
                        raise XdrError("netaddr4.na_r_netid: length")
                    v22 = bytes(buf[b20:e21])
                    n23, = uS_I(buf, pos)
                    b24 = pos + 4
                    e25 = b24 + n23
                    pos = e25 + (-n23 & 3)
                    if n23 > 256 or pos > end:
                        raise XdrError("netaddr4.na_r_addr: length")
                    v26 = bytes(buf[b24:e25])
                    v10 = netloc4(d9, None, None, netaddr4(v22, v26))
                else:
                    raise XdrError("netloc4: no such arm")
                v8.append(v10)
            v2 = COPY_NOTIFY4res(d1, COPY_NOTIFY4resok(nfstime4(v3, v4), stateid4(v5, v6), v8))
        else:
            v2 = COPY_NOTIFY4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("COPY_NOTIFY4res: truncated") from None


def append_COPY_NOTIFY4res(out: list[bytes], v: COPY_NOTIFY4res) -> None:
    try:
        d1 = v.cnr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("COPY_NOTIFY4res.resok4: the selected arm is missing")
            o3 = o2.cnr_lease_time
            o4 = o2.cnr_stateid
            v5 = o4.other
            if len(v5) != 12:
                raise XdrError("stateid4.other: length")
            v6 = o2.cnr_source_server
            n7 = len(v6)
            if n7 > 4096:
                raise XdrError("COPY_NOTIFY4resok.cnr_source_server: count")
            out.append(pS_qII12sI(o3.seconds, o3.nseconds, o4.seqid, v5, n7))
            for v8 in v6:
                d9 = v8.nl_type
                out.append(pS_I(d9))
                if d9 == 1:
                    o10 = v8.nl_name
                    if o10 is None:
                        raise XdrError("netloc4.nl_name: the selected arm is missing")
                    v11 = o10
                    n12 = len(v11)
                    if n12 > 4096:
                        raise XdrError("netloc4.nl_name: length")
                    out.append(pS_I(n12))
                    out.append(v11)
                    if n12 & 3:
                        out.append(PADS[n12 & 3])
                elif d9 == 2:
                    o13 = v8.nl_url
                    if o13 is None:
                        raise XdrError("netloc4.nl_url: the selected arm is missing")
                    v14 = o13
                    n15 = len(v14)
                    if n15 > 4096:
                        raise XdrError("netloc4.nl_url: length")
                    out.append(pS_I(n15))
                    out.append(v14)
                    if n15 & 3:
                        out.append(PADS[n15 & 3])
                elif d9 == 3:
                    o16 = v8.nl_addr
                    if o16 is None:
                        raise XdrError("netloc4.nl_addr: the selected arm is missing")
                    v17 = o16.na_r_netid
                    n18 = len(v17)
                    if n18 > 256:
                        raise XdrError("netaddr4.na_r_netid: length")
                    out.append(pS_I(n18))
                    out.append(v17)
                    if n18 & 3:
                        out.append(PADS[n18 & 3])
                    v19 = o16.na_r_addr
                    n20 = len(v19)
                    if n20 > 256:
                        raise XdrError("netaddr4.na_r_addr: length")
                    out.append(pS_I(n20))
                    out.append(v19)
                    if n20 & 3:
                        out.append(PADS[n20 & 3])
                else:
                    raise XdrError("netloc4: no such arm")
    except StructError:
        raise XdrError("COPY_NOTIFY4res: value out of range") from None


def pack_COPY_NOTIFY4res(v: COPY_NOTIFY4res) -> bytes:
    out: list[bytes] = []
    append_COPY_NOTIFY4res(out, v)
    return b"".join(out)


def unpack_OFFLOAD_CANCEL4args(buf: Buffer, pos: int) -> tuple[OFFLOAD_CANCEL4args, int]:
    try:
        v1, v2 = uS_I12s(buf, pos)
        return OFFLOAD_CANCEL4args(stateid4(v1, v2)), pos + 16
    except StructError:
        raise XdrError("OFFLOAD_CANCEL4args: truncated") from None


def append_OFFLOAD_CANCEL4args(out: list[bytes], v: OFFLOAD_CANCEL4args) -> None:
    try:
        o1 = v.oca_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12s(o1.seqid, v2))
    except StructError:
        raise XdrError("OFFLOAD_CANCEL4args: value out of range") from None


def pack_OFFLOAD_CANCEL4args(v: OFFLOAD_CANCEL4args) -> bytes:
    try:
        o1 = v.oca_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12s(o1.seqid, v2)
    except StructError:
        raise XdrError("OFFLOAD_CANCEL4args: value out of range") from None


def unpack_OFFLOAD_CANCEL4res(buf: Buffer, pos: int) -> tuple[OFFLOAD_CANCEL4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return OFFLOAD_CANCEL4res(v1), pos + 4
    except StructError:
        raise XdrError("OFFLOAD_CANCEL4res: truncated") from None


def append_OFFLOAD_CANCEL4res(out: list[bytes], v: OFFLOAD_CANCEL4res) -> None:
    try:
        out.append(pS_I(v.ocr_status))
    except StructError:
        raise XdrError("OFFLOAD_CANCEL4res: value out of range") from None


def pack_OFFLOAD_CANCEL4res(v: OFFLOAD_CANCEL4res) -> bytes:
    out: list[bytes] = []
    append_OFFLOAD_CANCEL4res(out, v)
    return b"".join(out)


def unpack_OFFLOAD_STATUS4args(buf: Buffer, pos: int) -> tuple[OFFLOAD_STATUS4args, int]:
    try:
        v1, v2 = uS_I12s(buf, pos)
        return OFFLOAD_STATUS4args(stateid4(v1, v2)), pos + 16
    except StructError:
        raise XdrError("OFFLOAD_STATUS4args: truncated") from None


def append_OFFLOAD_STATUS4args(out: list[bytes], v: OFFLOAD_STATUS4args) -> None:
    try:
        o1 = v.osa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12s(o1.seqid, v2))
    except StructError:
        raise XdrError("OFFLOAD_STATUS4args: value out of range") from None


def pack_OFFLOAD_STATUS4args(v: OFFLOAD_STATUS4args) -> bytes:
    try:
        o1 = v.osa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12s(o1.seqid, v2)
    except StructError:
        raise XdrError("OFFLOAD_STATUS4args: value out of range") from None


def unpack_OFFLOAD_STATUS4resok(buf: Buffer, pos: int) -> tuple[OFFLOAD_STATUS4resok, int]:
    try:
        end = len(buf)
        v1, n2 = uS_QI(buf, pos)
        pos += 12
        if n2 > 1 or n2 * 4 > end - pos:
            raise XdrError("OFFLOAD_STATUS4resok.osr_complete: count")
        v3 = list(unpack_from(f">{n2}I", buf, pos))
        pos += n2 * 4
        return OFFLOAD_STATUS4resok(v1, v3), pos
    except StructError:
        raise XdrError("OFFLOAD_STATUS4resok: truncated") from None


def append_OFFLOAD_STATUS4resok(out: list[bytes], v: OFFLOAD_STATUS4resok) -> None:
    try:
        v1 = v.osr_complete
        n2 = len(v1)
        if n2 > 1:
            raise XdrError("OFFLOAD_STATUS4resok.osr_complete: count")
        out.append(pS_QI(v.osr_count, n2))
        out.append(pack(f">{n2}I", *v1))
    except StructError:
        raise XdrError("OFFLOAD_STATUS4resok: value out of range") from None


def pack_OFFLOAD_STATUS4resok(v: OFFLOAD_STATUS4resok) -> bytes:
    out: list[bytes] = []
    append_OFFLOAD_STATUS4resok(out, v)
    return b"".join(out)


def unpack_OFFLOAD_STATUS4res(buf: Buffer, pos: int) -> tuple[OFFLOAD_STATUS4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, n4 = uS_QI(buf, pos)
            pos += 12
            if n4 > 1 or n4 * 4 > end - pos:
                raise XdrError("OFFLOAD_STATUS4resok.osr_complete: count")
            v5 = list(unpack_from(f">{n4}I", buf, pos))
            pos += n4 * 4
            v2 = OFFLOAD_STATUS4res(d1, OFFLOAD_STATUS4resok(v3, v5))
        else:
            v2 = OFFLOAD_STATUS4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("OFFLOAD_STATUS4res: truncated") from None


def append_OFFLOAD_STATUS4res(out: list[bytes], v: OFFLOAD_STATUS4res) -> None:
    try:
        d1 = v.osr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.osr_resok4
            if o2 is None:
                raise XdrError("OFFLOAD_STATUS4res.osr_resok4: the selected arm is missing")
            v3 = o2.osr_complete
            n4 = len(v3)
            if n4 > 1:
                raise XdrError("OFFLOAD_STATUS4resok.osr_complete: count")
            out.append(pS_QI(o2.osr_count, n4))
            out.append(pack(f">{n4}I", *v3))
    except StructError:
        raise XdrError("OFFLOAD_STATUS4res: value out of range") from None


def pack_OFFLOAD_STATUS4res(v: OFFLOAD_STATUS4res) -> bytes:
    out: list[bytes] = []
    append_OFFLOAD_STATUS4res(out, v)
    return b"".join(out)


def unpack_CLONE4args(buf: Buffer, pos: int) -> tuple[CLONE4args, int]:
    try:
        v1, v2, v3, v4, v5, v6, v7 = uS_I12sI12sQQQ(buf, pos)
        return CLONE4args(stateid4(v1, v2), stateid4(v3, v4), v5, v6, v7), pos + 56
    except StructError:
        raise XdrError("CLONE4args: truncated") from None


def append_CLONE4args(out: list[bytes], v: CLONE4args) -> None:
    try:
        o1 = v.cl_src_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.cl_dst_stateid
        v4 = o3.other
        if len(v4) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12sI12sQQQ(o1.seqid, v2, o3.seqid, v4, v.cl_src_offset, v.cl_dst_offset, v.cl_count))
    except StructError:
        raise XdrError("CLONE4args: value out of range") from None


def pack_CLONE4args(v: CLONE4args) -> bytes:
    try:
        o1 = v.cl_src_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.cl_dst_stateid
        v4 = o3.other
        if len(v4) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12sI12sQQQ(o1.seqid, v2, o3.seqid, v4, v.cl_src_offset, v.cl_dst_offset, v.cl_count)
    except StructError:
        raise XdrError("CLONE4args: value out of range") from None


def unpack_CLONE4res(buf: Buffer, pos: int) -> tuple[CLONE4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CLONE4res(v1), pos + 4
    except StructError:
        raise XdrError("CLONE4res: truncated") from None


def append_CLONE4res(out: list[bytes], v: CLONE4res) -> None:
    try:
        out.append(pS_I(v.cl_status))
    except StructError:
        raise XdrError("CLONE4res: value out of range") from None


def pack_CLONE4res(v: CLONE4res) -> bytes:
    out: list[bytes] = []
    append_CLONE4res(out, v)
    return b"".join(out)


def unpack_IO_ADVISE_type4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("IO_ADVISE_type4: truncated") from None


def append_IO_ADVISE_type4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("IO_ADVISE_type4: value out of range") from None


def pack_IO_ADVISE_type4(v: int) -> bytes:
    out: list[bytes] = []
    append_IO_ADVISE_type4(out, v)
    return b"".join(out)


def unpack_IO_ADVISE4args(buf: Buffer, pos: int) -> tuple[IO_ADVISE4args, int]:
    try:
        v1, v2, v3, v4, n5 = uS_I12sQQI(buf, pos)
        if n5 == 2:
            v7, v8 = uS_II(buf, pos + 36)
            v6 = v7 | v8 << 32
            pos += 44
        elif n5 == 3:
            v7, v8, v9 = uS_III(buf, pos + 36)
            v6 = v7 | v8 << 32 | v9 << 64
            pos += 48
        elif n5 == 1:
            v6, = uS_I(buf, pos + 36)
            pos += 40
        else:
            v6 = unpack_bitmap(buf, pos + 36, n5)
            pos += 36 + n5 * 4
        return IO_ADVISE4args(stateid4(v1, v2), v3, v4, v6), pos
    except StructError:
        raise XdrError("IO_ADVISE4args: truncated") from None


def append_IO_ADVISE4args(out: list[bytes], v: IO_ADVISE4args) -> None:
    try:
        o1 = v.iaa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12sQQ(o1.seqid, v2, v.iaa_offset, v.iaa_count))
        out.append(pack_bitmap(v.iaa_hints))
    except StructError:
        raise XdrError("IO_ADVISE4args: value out of range") from None


def pack_IO_ADVISE4args(v: IO_ADVISE4args) -> bytes:
    out: list[bytes] = []
    append_IO_ADVISE4args(out, v)
    return b"".join(out)


def unpack_IO_ADVISE4resok(buf: Buffer, pos: int) -> tuple[IO_ADVISE4resok, int]:
    try:
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        return IO_ADVISE4resok(v2), pos
    except StructError:
        raise XdrError("IO_ADVISE4resok: truncated") from None


def append_IO_ADVISE4resok(out: list[bytes], v: IO_ADVISE4resok) -> None:
    try:
        out.append(pack_bitmap(v.ior_hints))
    except StructError:
        raise XdrError("IO_ADVISE4resok: value out of range") from None


def pack_IO_ADVISE4resok(v: IO_ADVISE4resok) -> bytes:
    out: list[bytes] = []
    append_IO_ADVISE4resok(out, v)
    return b"".join(out)


def unpack_IO_ADVISE4res(buf: Buffer, pos: int) -> tuple[IO_ADVISE4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            if n3 == 2:
                v5, v6 = uS_II(buf, pos + 4)
                v4 = v5 | v6 << 32
                pos += 12
            elif n3 == 3:
                v5, v6, v7 = uS_III(buf, pos + 4)
                v4 = v5 | v6 << 32 | v7 << 64
                pos += 16
            elif n3 == 1:
                v4, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v4 = unpack_bitmap(buf, pos + 4, n3)
                pos += 4 + n3 * 4
            v2 = IO_ADVISE4res(d1, IO_ADVISE4resok(v4))
        else:
            v2 = IO_ADVISE4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("IO_ADVISE4res: truncated") from None


def append_IO_ADVISE4res(out: list[bytes], v: IO_ADVISE4res) -> None:
    try:
        d1 = v.ior_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("IO_ADVISE4res.resok4: the selected arm is missing")
            out.append(pack_bitmap(o2.ior_hints))
    except StructError:
        raise XdrError("IO_ADVISE4res: value out of range") from None


def pack_IO_ADVISE4res(v: IO_ADVISE4res) -> bytes:
    out: list[bytes] = []
    append_IO_ADVISE4res(out, v)
    return b"".join(out)


def unpack_LAYOUTERROR4args(buf: Buffer, pos: int) -> tuple[LAYOUTERROR4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_QQI12sI(buf, pos)
        pos += 36
        if n5 > 4096 or n5 * 24 > end - pos:
            raise XdrError("LAYOUTERROR4args.lea_errors: count")
        v6: list[device_error4] = []
        for _ in range(n5):
            v7, v8, v9 = uS_16sII(buf, pos)
            pos += 24
            v6.append(device_error4(v7, v8, v9))
        return LAYOUTERROR4args(v1, v2, stateid4(v3, v4), v6), pos
    except StructError:
        raise XdrError("LAYOUTERROR4args: truncated") from None


def append_LAYOUTERROR4args(out: list[bytes], v: LAYOUTERROR4args) -> None:
    try:
        o1 = v.lea_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        v3 = v.lea_errors
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("LAYOUTERROR4args.lea_errors: count")
        out.append(pS_QQI12sI(v.lea_offset, v.lea_length, o1.seqid, v2, n4))
        for v5 in v3:
            v6 = v5.de_deviceid
            if len(v6) != 16:
                raise XdrError("device_error4.de_deviceid: length")
            out.append(pS_16sII(v6, v5.de_status, v5.de_opnum))
    except StructError:
        raise XdrError("LAYOUTERROR4args: value out of range") from None


def pack_LAYOUTERROR4args(v: LAYOUTERROR4args) -> bytes:
    out: list[bytes] = []
    append_LAYOUTERROR4args(out, v)
    return b"".join(out)


def unpack_LAYOUTERROR4res(buf: Buffer, pos: int) -> tuple[LAYOUTERROR4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return LAYOUTERROR4res(v1), pos + 4
    except StructError:
        raise XdrError("LAYOUTERROR4res: truncated") from None


def append_LAYOUTERROR4res(out: list[bytes], v: LAYOUTERROR4res) -> None:
    try:
        out.append(pS_I(v.ler_status))
    except StructError:
        raise XdrError("LAYOUTERROR4res: value out of range") from None


def pack_LAYOUTERROR4res(v: LAYOUTERROR4res) -> bytes:
    out: list[bytes] = []
    append_LAYOUTERROR4res(out, v)
    return b"".join(out)


def unpack_LAYOUTSTATS4args(buf: Buffer, pos: int) -> tuple[LAYOUTSTATS4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, n11 = uS_QQI12sQQQQ16sII(buf, pos)
        b12 = pos + 88
        e13 = b12 + n11
        pos = e13 + (-n11 & 3)
        if n11 > 1048576 or pos > end:
            raise XdrError("layoutupdate4.lou_body: length")
        v14 = bytes(buf[b12:e13])
        return LAYOUTSTATS4args(v1, v2, stateid4(v3, v4), io_info4(v5, v6), io_info4(v7, v8), v9, layoutupdate4(v10, v14)), pos
    except StructError:
        raise XdrError("LAYOUTSTATS4args: truncated") from None


def append_LAYOUTSTATS4args(out: list[bytes], v: LAYOUTSTATS4args) -> None:
    try:
        o1 = v.lsa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.lsa_read
        o4 = v.lsa_write
        v5 = v.lsa_deviceid
        if len(v5) != 16:
            raise XdrError("LAYOUTSTATS4args.lsa_deviceid: length")
        o6 = v.lsa_layoutupdate
        v7 = o6.lou_body
        n8 = len(v7)
        if n8 > 1048576:
            raise XdrError("layoutupdate4.lou_body: length")
        out.append(pS_QQI12sQQQQ16sII(v.lsa_offset, v.lsa_length, o1.seqid, v2, o3.ii_count, o3.ii_bytes, o4.ii_count, o4.ii_bytes, v5, o6.lou_type, n8))
        out.append(v7)
        if n8 & 3:
            out.append(PADS[n8 & 3])
    except StructError:
        raise XdrError("LAYOUTSTATS4args: value out of range") from None


def pack_LAYOUTSTATS4args(v: LAYOUTSTATS4args) -> bytes:
    out: list[bytes] = []
    append_LAYOUTSTATS4args(out, v)
    return b"".join(out)


def unpack_LAYOUTSTATS4res(buf: Buffer, pos: int) -> tuple[LAYOUTSTATS4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return LAYOUTSTATS4res(v1), pos + 4
    except StructError:
        raise XdrError("LAYOUTSTATS4res: truncated") from None


def append_LAYOUTSTATS4res(out: list[bytes], v: LAYOUTSTATS4res) -> None:
    try:
        out.append(pS_I(v.lsr_status))
    except StructError:
        raise XdrError("LAYOUTSTATS4res: value out of range") from None


def pack_LAYOUTSTATS4res(v: LAYOUTSTATS4res) -> bytes:
    out: list[bytes] = []
    append_LAYOUTSTATS4res(out, v)
    return b"".join(out)


def unpack_READ_PLUS4args(buf: Buffer, pos: int) -> tuple[READ_PLUS4args, int]:
    try:
        v1, v2, v3, v4 = uS_I12sQI(buf, pos)
        return READ_PLUS4args(stateid4(v1, v2), v3, v4), pos + 28
    except StructError:
        raise XdrError("READ_PLUS4args: truncated") from None


def append_READ_PLUS4args(out: list[bytes], v: READ_PLUS4args) -> None:
    try:
        o1 = v.rpa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12sQI(o1.seqid, v2, v.rpa_offset, v.rpa_count))
    except StructError:
        raise XdrError("READ_PLUS4args: value out of range") from None


def pack_READ_PLUS4args(v: READ_PLUS4args) -> bytes:
    try:
        o1 = v.rpa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12sQI(o1.seqid, v2, v.rpa_offset, v.rpa_count)
    except StructError:
        raise XdrError("READ_PLUS4args: value out of range") from None


def unpack_read_plus_content(buf: Buffer, pos: int) -> tuple[read_plus_content, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, n4 = uS_QI(buf, pos)
            b5 = pos + 12
            e6 = b5 + n4
            pos = e6 + (-n4 & 3)
            if n4 > 67108864 or pos > end:
                raise XdrError("data4.d_data: length")
            v7 = memoryview(buf)[b5:e6]
            v2 = read_plus_content(d1, data4(v3, v7))
        elif d1 == 1:
            v8, v9 = uS_QQ(buf, pos)
            pos += 16
            v2 = read_plus_content(d1, None, data_info4(v8, v9))
        else:
            raise XdrError("read_plus_content: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("read_plus_content: truncated") from None


def append_read_plus_content(out: list[bytes], v: read_plus_content) -> None:
    try:
        d1 = v.rpc_content
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.rpc_data
            if o2 is None:
                raise XdrError("read_plus_content.rpc_data: the selected arm is missing")
            v3 = o2.d_data
            n4 = len(v3)
            if n4 > 67108864:
                raise XdrError("data4.d_data: length")
            out.append(pS_QI(o2.d_offset, n4))
            out.append(v3)  # type: ignore[arg-type]
            if n4 & 3:
                out.append(PADS[n4 & 3])
        elif d1 == 1:
            o5 = v.rpc_hole
            if o5 is None:
                raise XdrError("read_plus_content.rpc_hole: the selected arm is missing")
            out.append(pS_QQ(o5.di_offset, o5.di_length))
    except StructError:
        raise XdrError("read_plus_content: value out of range") from None


def pack_read_plus_content(v: read_plus_content) -> bytes:
    out: list[bytes] = []
    append_read_plus_content(out, v)
    return b"".join(out)


def unpack_read_plus_res4(buf: Buffer, pos: int) -> tuple[read_plus_res4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        if v1 > 1:
            raise XdrError("read_plus_res4: a bool is 0 or 1")
        pos += 8
        if n2 > 65536 or n2 * 4 > end - pos:
            raise XdrError("read_plus_res4.rpr_contents: count")
        v3: list[read_plus_content] = []
        for _ in range(n2):
            d4, = uS_I(buf, pos)
            pos += 4
            if d4 == 0:
                v6, n7 = uS_QI(buf, pos)
                b8 = pos + 12
                e9 = b8 + n7
                pos = e9 + (-n7 & 3)
                if n7 > 67108864 or pos > end:
                    raise XdrError("data4.d_data: length")
                v10 = memoryview(buf)[b8:e9]
                v5 = read_plus_content(d4, data4(v6, v10))
            elif d4 == 1:
                v11, v12 = uS_QQ(buf, pos)
                pos += 16
                v5 = read_plus_content(d4, None, data_info4(v11, v12))
            else:
                raise XdrError("read_plus_content: no such arm")
            v3.append(v5)
        return read_plus_res4(v1 == 1, v3), pos
    except StructError:
        raise XdrError("read_plus_res4: truncated") from None


def append_read_plus_res4(out: list[bytes], v: read_plus_res4) -> None:
    try:
        v1 = v.rpr_contents
        n2 = len(v1)
        if n2 > 65536:
            raise XdrError("read_plus_res4.rpr_contents: count")
        out.append(pS_II(v.rpr_eof, n2))
        for v3 in v1:
            d4 = v3.rpc_content
            out.append(pS_I(d4))
            if d4 == 0:
                o5 = v3.rpc_data
                if o5 is None:
                    raise XdrError("read_plus_content.rpc_data: the selected arm is missing")
                v6 = o5.d_data
                n7 = len(v6)
                if n7 > 67108864:
                    raise XdrError("data4.d_data: length")
                out.append(pS_QI(o5.d_offset, n7))
                out.append(v6)  # type: ignore[arg-type]
                if n7 & 3:
                    out.append(PADS[n7 & 3])
            elif d4 == 1:
                o8 = v3.rpc_hole
                if o8 is None:
                    raise XdrError("read_plus_content.rpc_hole: the selected arm is missing")
                out.append(pS_QQ(o8.di_offset, o8.di_length))
    except StructError:
        raise XdrError("read_plus_res4: value out of range") from None


def pack_read_plus_res4(v: read_plus_res4) -> bytes:
    out: list[bytes] = []
    append_read_plus_res4(out, v)
    return b"".join(out)


def unpack_READ_PLUS4res(buf: Buffer, pos: int) -> tuple[READ_PLUS4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, n4 = uS_II(buf, pos)
            if v3 > 1:
                raise XdrError("READ_PLUS4res: a bool is 0 or 1")
            pos += 8
            if n4 > 65536 or n4 * 4 > end - pos:
                raise XdrError("read_plus_res4.rpr_contents: count")
            v5: list[read_plus_content] = []
            for _ in range(n4):
                d6, = uS_I(buf, pos)
                pos += 4
                if d6 == 0:
                    v8, n9 = uS_QI(buf, pos)
                    b10 = pos + 12
                    e11 = b10 + n9
                    pos = e11 + (-n9 & 3)
                    if n9 > 67108864 or pos > end:
                        raise XdrError("data4.d_data: length")
                    v12 = memoryview(buf)[b10:e11]
                    v7 = read_plus_content(d6, data4(v8, v12))
                elif d6 == 1:
                    v13, v14 = uS_QQ(buf, pos)
                    pos += 16
                    v7 = read_plus_content(d6, None, data_info4(v13, v14))
                else:
                    raise XdrError("read_plus_content: no such arm")
                v5.append(v7)
            v2 = READ_PLUS4res(d1, read_plus_res4(v3 == 1, v5))
        else:
            v2 = READ_PLUS4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("READ_PLUS4res: truncated") from None


def append_READ_PLUS4res(out: list[bytes], v: READ_PLUS4res) -> None:
    try:
        d1 = v.rp_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.rp_resok4
            if o2 is None:
                raise XdrError("READ_PLUS4res.rp_resok4: the selected arm is missing")
            v3 = o2.rpr_contents
            n4 = len(v3)
            if n4 > 65536:
                raise XdrError("read_plus_res4.rpr_contents: count")
            out.append(pS_II(o2.rpr_eof, n4))
            for v5 in v3:
                d6 = v5.rpc_content
                out.append(pS_I(d6))
                if d6 == 0:
                    o7 = v5.rpc_data
                    if o7 is None:
                        raise XdrError("read_plus_content.rpc_data: the selected arm is missing")
                    v8 = o7.d_data
                    n9 = len(v8)
                    if n9 > 67108864:
                        raise XdrError("data4.d_data: length")
                    out.append(pS_QI(o7.d_offset, n9))
                    out.append(v8)  # type: ignore[arg-type]
                    if n9 & 3:
                        out.append(PADS[n9 & 3])
                elif d6 == 1:
                    o10 = v5.rpc_hole
                    if o10 is None:
                        raise XdrError("read_plus_content.rpc_hole: the selected arm is missing")
                    out.append(pS_QQ(o10.di_offset, o10.di_length))
    except StructError:
        raise XdrError("READ_PLUS4res: value out of range") from None


def pack_READ_PLUS4res(v: READ_PLUS4res) -> bytes:
    out: list[bytes] = []
    append_READ_PLUS4res(out, v)
    return b"".join(out)


def unpack_SEEK4args(buf: Buffer, pos: int) -> tuple[SEEK4args, int]:
    try:
        v1, v2, v3, v4 = uS_I12sQI(buf, pos)
        return SEEK4args(stateid4(v1, v2), v3, v4), pos + 28
    except StructError:
        raise XdrError("SEEK4args: truncated") from None


def append_SEEK4args(out: list[bytes], v: SEEK4args) -> None:
    try:
        o1 = v.sa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_I12sQI(o1.seqid, v2, v.sa_offset, v.sa_what))
    except StructError:
        raise XdrError("SEEK4args: value out of range") from None


def pack_SEEK4args(v: SEEK4args) -> bytes:
    try:
        o1 = v.sa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        return pS_I12sQI(o1.seqid, v2, v.sa_offset, v.sa_what)
    except StructError:
        raise XdrError("SEEK4args: value out of range") from None


def unpack_seek_res4(buf: Buffer, pos: int) -> tuple[seek_res4, int]:
    try:
        v1, v2 = uS_IQ(buf, pos)
        if v1 > 1:
            raise XdrError("seek_res4: a bool is 0 or 1")
        return seek_res4(v1 == 1, v2), pos + 12
    except StructError:
        raise XdrError("seek_res4: truncated") from None


def append_seek_res4(out: list[bytes], v: seek_res4) -> None:
    try:
        out.append(pS_IQ(v.sr_eof, v.sr_offset))
    except StructError:
        raise XdrError("seek_res4: value out of range") from None


def pack_seek_res4(v: seek_res4) -> bytes:
    try:
        return pS_IQ(v.sr_eof, v.sr_offset)
    except StructError:
        raise XdrError("seek_res4: value out of range") from None


def unpack_SEEK4res(buf: Buffer, pos: int) -> tuple[SEEK4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4 = uS_IQ(buf, pos)
            if v3 > 1:
                raise XdrError("SEEK4res: a bool is 0 or 1")
            pos += 12
            v2 = SEEK4res(d1, seek_res4(v3 == 1, v4))
        else:
            v2 = SEEK4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("SEEK4res: truncated") from None


def append_SEEK4res(out: list[bytes], v: SEEK4res) -> None:
    try:
        d1 = v.sa_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("SEEK4res.resok4: the selected arm is missing")
            out.append(pS_IQ(o2.sr_eof, o2.sr_offset))
    except StructError:
        raise XdrError("SEEK4res: value out of range") from None


def pack_SEEK4res(v: SEEK4res) -> bytes:
    out: list[bytes] = []
    append_SEEK4res(out, v)
    return b"".join(out)


def unpack_WRITE_SAME4args(buf: Buffer, pos: int) -> tuple[WRITE_SAME4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, v6, v7, v8, v9, n10 = uS_I12sIQQQQIQI(buf, pos)
        b11 = pos + 68
        e12 = b11 + n10
        pos = e12 + (-n10 & 3)
        if n10 > 1048576 or pos > end:
            raise XdrError("app_data_block4.adb_pattern: length")
        v13 = bytes(buf[b11:e12])
        return WRITE_SAME4args(stateid4(v1, v2), v3, app_data_block4(v4, v5, v6, v7, v8, v9, v13)), pos
    except StructError:
        raise XdrError("WRITE_SAME4args: truncated") from None


def append_WRITE_SAME4args(out: list[bytes], v: WRITE_SAME4args) -> None:
    try:
        o1 = v.wsa_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.wsa_adb
        v4 = o3.adb_pattern
        n5 = len(v4)
        if n5 > 1048576:
            raise XdrError("app_data_block4.adb_pattern: length")
        out.append(pS_I12sIQQQQIQI(o1.seqid, v2, v.wsa_stable, o3.adb_offset, o3.adb_block_size, o3.adb_block_count, o3.adb_reloff_blocknum, o3.adb_block_num, o3.adb_reloff_pattern, n5))
        out.append(v4)
        if n5 & 3:
            out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("WRITE_SAME4args: value out of range") from None


def pack_WRITE_SAME4args(v: WRITE_SAME4args) -> bytes:
    out: list[bytes] = []
    append_WRITE_SAME4args(out, v)
    return b"".join(out)


def unpack_WRITE_SAME4res(buf: Buffer, pos: int) -> tuple[WRITE_SAME4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            pos += 4
            if n3 > 1 or n3 * 16 > end - pos:
                raise XdrError("write_response4.wr_callback_id: count")
            v4: list[stateid4] = []
            for _ in range(n3):
                v5, v6 = uS_I12s(buf, pos)
                pos += 16
                v4.append(stateid4(v5, v6))
            v7, v8, v9 = uS_QI8s(buf, pos)
            pos += 20
            v2 = WRITE_SAME4res(d1, write_response4(v4, v7, v8, v9))
        else:
            v2 = WRITE_SAME4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("WRITE_SAME4res: truncated") from None


def append_WRITE_SAME4res(out: list[bytes], v: WRITE_SAME4res) -> None:
    try:
        d1 = v.wsr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("WRITE_SAME4res.resok4: the selected arm is missing")
            v3 = o2.wr_callback_id
            n4 = len(v3)
            if n4 > 1:
                raise XdrError("write_response4.wr_callback_id: count")
            out.append(pS_I(n4))
            for v5 in v3:
                v6 = v5.other
                if len(v6) != 12:
                    raise XdrError("stateid4.other: length")
                out.append(pS_I12s(v5.seqid, v6))
            v7 = o2.wr_writeverf
            if len(v7) != 8:
                raise XdrError("write_response4.wr_writeverf: length")
            out.append(pS_QI8s(o2.wr_count, o2.wr_committed, v7))
    except StructError:
        raise XdrError("WRITE_SAME4res: value out of range") from None


def pack_WRITE_SAME4res(v: WRITE_SAME4res) -> bytes:
    out: list[bytes] = []
    append_WRITE_SAME4res(out, v)
    return b"".join(out)


def unpack_ff_ioerr4(buf: Buffer, pos: int) -> tuple[ff_ioerr4, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, n5 = uS_QQI12sI(buf, pos)
        pos += 36
        if n5 > 4096 or n5 * 24 > end - pos:
            raise XdrError("ff_ioerr4.ffie_errors: count")
        v6: list[device_error4] = []
        for _ in range(n5):
            v7, v8, v9 = uS_16sII(buf, pos)
            pos += 24
            v6.append(device_error4(v7, v8, v9))
        return ff_ioerr4(v1, v2, stateid4(v3, v4), v6), pos
    except StructError:
        raise XdrError("ff_ioerr4: truncated") from None


def append_ff_ioerr4(out: list[bytes], v: ff_ioerr4) -> None:
    try:
        o1 = v.ffie_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        v3 = v.ffie_errors
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("ff_ioerr4.ffie_errors: count")
        out.append(pS_QQI12sI(v.ffie_offset, v.ffie_length, o1.seqid, v2, n4))
        for v5 in v3:
            v6 = v5.de_deviceid
            if len(v6) != 16:
                raise XdrError("device_error4.de_deviceid: length")
            out.append(pS_16sII(v6, v5.de_status, v5.de_opnum))
    except StructError:
        raise XdrError("ff_ioerr4: value out of range") from None


def pack_ff_ioerr4(v: ff_ioerr4) -> bytes:
    out: list[bytes] = []
    append_ff_ioerr4(out, v)
    return b"".join(out)


def unpack_ff_io_latency4(buf: Buffer, pos: int) -> tuple[ff_io_latency4, int]:
    try:
        v1, v2, v3, v4, v5, v6, v7, v8, v9 = uS_QQQQQqIqI(buf, pos)
        return ff_io_latency4(v1, v2, v3, v4, v5, nfstime4(v6, v7), nfstime4(v8, v9)), pos + 64
    except StructError:
        raise XdrError("ff_io_latency4: truncated") from None


def append_ff_io_latency4(out: list[bytes], v: ff_io_latency4) -> None:
    try:
        o1 = v.ffil_total_busy_time
        o2 = v.ffil_aggregate_completion_time
        out.append(pS_QQQQQqIqI(v.ffil_ops_requested, v.ffil_bytes_requested, v.ffil_ops_completed, v.ffil_bytes_completed, v.ffil_bytes_not_delivered, o1.seconds, o1.nseconds, o2.seconds, o2.nseconds))
    except StructError:
        raise XdrError("ff_io_latency4: value out of range") from None


def pack_ff_io_latency4(v: ff_io_latency4) -> bytes:
    try:
        o1 = v.ffil_total_busy_time
        o2 = v.ffil_aggregate_completion_time
        return pS_QQQQQqIqI(v.ffil_ops_requested, v.ffil_bytes_requested, v.ffil_ops_completed, v.ffil_bytes_completed, v.ffil_bytes_not_delivered, o1.seconds, o1.nseconds, o2.seconds, o2.nseconds)
    except StructError:
        raise XdrError("ff_io_latency4: value out of range") from None


def unpack_ff_layoutupdate4(buf: Buffer, pos: int) -> tuple[ff_layoutupdate4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 256 or pos > end:
            raise XdrError("netaddr4.na_r_netid: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        b6 = pos + 4
        e7 = b6 + n5
        pos = e7 + (-n5 & 3)
        if n5 > 256 or pos > end:
            raise XdrError("netaddr4.na_r_addr: length")
        v8 = bytes(buf[b6:e7])
        n9, = uS_I(buf, pos)
        b10 = pos + 4
        e11 = b10 + n9
        pos = e11 + (-n9 & 3)
        if n9 > 128 or pos > end:
            raise XdrError("ff_layoutupdate4.ffl_fhandle: length")
        v12 = bytes(buf[b10:e11])
        v13, v14, v15, v16, v17, v18, v19, v20, v21, v22, v23, v24, v25, v26, v27, v28, v29, v30, v31, v32, v33 = uS_QQQQQqIqIQQQQQqIqIqII(buf, pos)
        if v33 > 1:
            raise XdrError("ff_layoutupdate4: a bool is 0 or 1")
        return ff_layoutupdate4(netaddr4(v4, v8), v12, ff_io_latency4(v13, v14, v15, v16, v17, nfstime4(v18, v19), nfstime4(v20, v21)), ff_io_latency4(v22, v23, v24, v25, v26, nfstime4(v27, v28), nfstime4(v29, v30)), nfstime4(v31, v32), v33 == 1), pos + 144
    except StructError:
        raise XdrError("ff_layoutupdate4: truncated") from None


def append_ff_layoutupdate4(out: list[bytes], v: ff_layoutupdate4) -> None:
    try:
        o1 = v.ffl_addr
        v2 = o1.na_r_netid
        n3 = len(v2)
        if n3 > 256:
            raise XdrError("netaddr4.na_r_netid: length")
        out.append(pS_I(n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
        v4 = o1.na_r_addr
        n5 = len(v4)
        if n5 > 256:
            raise XdrError("netaddr4.na_r_addr: length")
        out.append(pS_I(n5))
        out.append(v4)
        if n5 & 3:
            out.append(PADS[n5 & 3])
        v6 = v.ffl_fhandle
        n7 = len(v6)
        if n7 > 128:
            raise XdrError("ff_layoutupdate4.ffl_fhandle: length")
        out.append(pS_I(n7))
        out.append(v6)
        if n7 & 3:
            out.append(PADS[n7 & 3])
        o8 = v.ffl_read
        o9 = o8.ffil_total_busy_time
        o10 = o8.ffil_aggregate_completion_time
        o11 = v.ffl_write
        o12 = o11.ffil_total_busy_time
        o13 = o11.ffil_aggregate_completion_time
        o14 = v.ffl_duration
        out.append(pS_QQQQQqIqIQQQQQqIqIqII(o8.ffil_ops_requested, o8.ffil_bytes_requested, o8.ffil_ops_completed, o8.ffil_bytes_completed, o8.ffil_bytes_not_delivered, o9.seconds, o9.nseconds, o10.seconds, o10.nseconds, o11.ffil_ops_requested, o11.ffil_bytes_requested, o11.ffil_ops_completed, o11.ffil_bytes_completed, o11.ffil_bytes_not_delivered, o12.seconds, o12.nseconds, o13.seconds, o13.nseconds, o14.seconds, o14.nseconds, v.ffl_local))
    except StructError:
        raise XdrError("ff_layoutupdate4: value out of range") from None


def pack_ff_layoutupdate4(v: ff_layoutupdate4) -> bytes:
    out: list[bytes] = []
    append_ff_layoutupdate4(out, v)
    return b"".join(out)


def unpack_ff_iostats4(buf: Buffer, pos: int) -> tuple[ff_iostats4, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, v6, v7, v8, v9, n10 = uS_QQI12sQQQQ16sI(buf, pos)
        b11 = pos + 84
        e12 = b11 + n10
        pos = e12 + (-n10 & 3)
        if n10 > 256 or pos > end:
            raise XdrError("netaddr4.na_r_netid: length")
        v13 = bytes(buf[b11:e12])
        n14, = uS_I(buf, pos)
        b15 = pos + 4
        e16 = b15 + n14
        pos = e16 + (-n14 & 3)
        if n14 > 256 or pos > end:
            raise XdrError("netaddr4.na_r_addr: length")
        v17 = bytes(buf[b15:e16])
        n18, = uS_I(buf, pos)
        b19 = pos + 4
        e20 = b19 + n18
        pos = e20 + (-n18 & 3)
        if n18 > 128 or pos > end:
            raise XdrError("ff_layoutupdate4.ffl_fhandle: length")
        v21 = bytes(buf[b19:e20])
        v22, v23, v24, v25, v26, v27, v28, v29, v30, v31, v32, v33, v34, v35, v36, v37, v38, v39, v40, v41, v42 = uS_QQQQQqIqIQQQQQqIqIqII(buf, pos)
        if v42 > 1:
            raise XdrError("ff_iostats4: a bool is 0 or 1")
        return ff_iostats4(v1, v2, stateid4(v3, v4), io_info4(v5, v6), io_info4(v7, v8), v9, ff_layoutupdate4(netaddr4(v13, v17), v21, ff_io_latency4(v22, v23, v24, v25, v26, nfstime4(v27, v28), nfstime4(v29, v30)), ff_io_latency4(v31, v32, v33, v34, v35, nfstime4(v36, v37), nfstime4(v38, v39)), nfstime4(v40, v41), v42 == 1)), pos + 144
    except StructError:
        raise XdrError("ff_iostats4: truncated") from None


def append_ff_iostats4(out: list[bytes], v: ff_iostats4) -> None:
    try:
        o1 = v.ffis_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        o3 = v.ffis_read
        o4 = v.ffis_write
        v5 = v.ffis_deviceid
        if len(v5) != 16:
            raise XdrError("ff_iostats4.ffis_deviceid: length")
        o6 = v.ffis_layoutupdate
        o7 = o6.ffl_addr
        v8 = o7.na_r_netid
        n9 = len(v8)
        if n9 > 256:
            raise XdrError("netaddr4.na_r_netid: length")
        out.append(pS_QQI12sQQQQ16sI(v.ffis_offset, v.ffis_length, o1.seqid, v2, o3.ii_count, o3.ii_bytes, o4.ii_count, o4.ii_bytes, v5, n9))
        out.append(v8)
        if n9 & 3:
            out.append(PADS[n9 & 3])
        v10 = o7.na_r_addr
        n11 = len(v10)
        if n11 > 256:
            raise XdrError("netaddr4.na_r_addr: length")
        out.append(pS_I(n11))
        out.append(v10)
        if n11 & 3:
            out.append(PADS[n11 & 3])
        v12 = o6.ffl_fhandle
        n13 = len(v12)
        if n13 > 128:
            raise XdrError("ff_layoutupdate4.ffl_fhandle: length")
        out.append(pS_I(n13))
        out.append(v12)
        if n13 & 3:
            out.append(PADS[n13 & 3])
        o14 = o6.ffl_read
        o15 = o14.ffil_total_busy_time
        o16 = o14.ffil_aggregate_completion_time
        o17 = o6.ffl_write
        o18 = o17.ffil_total_busy_time
        o19 = o17.ffil_aggregate_completion_time
        o20 = o6.ffl_duration
        out.append(pS_QQQQQqIqIQQQQQqIqIqII(o14.ffil_ops_requested, o14.ffil_bytes_requested, o14.ffil_ops_completed, o14.ffil_bytes_completed, o14.ffil_bytes_not_delivered, o15.seconds, o15.nseconds, o16.seconds, o16.nseconds, o17.ffil_ops_requested, o17.ffil_bytes_requested, o17.ffil_ops_completed, o17.ffil_bytes_completed, o17.ffil_bytes_not_delivered, o18.seconds, o18.nseconds, o19.seconds, o19.nseconds, o20.seconds, o20.nseconds, o6.ffl_local))
    except StructError:
        raise XdrError("ff_iostats4: value out of range") from None


def pack_ff_iostats4(v: ff_iostats4) -> bytes:
    out: list[bytes] = []
    append_ff_iostats4(out, v)
    return b"".join(out)


def unpack_ff_layoutreturn4(buf: Buffer, pos: int) -> tuple[ff_layoutreturn4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 36 > end - pos:
            raise XdrError("ff_layoutreturn4.fflr_ioerr_report: count")
        v2: list[ff_ioerr4] = []
        for _ in range(n1):
            v3, v4, v5, v6, n7 = uS_QQI12sI(buf, pos)
            pos += 36
            if n7 > 4096 or n7 * 24 > end - pos:
                raise XdrError("ff_ioerr4.ffie_errors: count")
            v8: list[device_error4] = []
            for _ in range(n7):
                v9, v10, v11 = uS_16sII(buf, pos)
                pos += 24
                v8.append(device_error4(v9, v10, v11))
            v2.append(ff_ioerr4(v3, v4, stateid4(v5, v6), v8))
        n12, = uS_I(buf, pos)
        pos += 4
        if n12 > 4096 or n12 * 236 > end - pos:
            raise XdrError("ff_layoutreturn4.fflr_iostats_report: count")
        v13: list[ff_iostats4] = []
        for _ in range(n12):
            v14, v15, v16, v17, v18, v19, v20, v21, v22, n23 = uS_QQI12sQQQQ16sI(buf, pos)
            b24 = pos + 84
            e25 = b24 + n23
            pos = e25 + (-n23 & 3)
            if n23 > 256 or pos > end:
                raise XdrError("netaddr4.na_r_netid: length")
            v26 = bytes(buf[b24:e25])
            n27, = uS_I(buf, pos)
            b28 = pos + 4
            e29 = b28 + n27
            pos = e29 + (-n27 & 3)
            if n27 > 256 or pos > end:
                raise XdrError("netaddr4.na_r_addr: length")
            v30 = bytes(buf[b28:e29])
            n31, = uS_I(buf, pos)
            b32 = pos + 4
            e33 = b32 + n31
            pos = e33 + (-n31 & 3)
            if n31 > 128 or pos > end:
                raise XdrError("ff_layoutupdate4.ffl_fhandle: length")
            v34 = bytes(buf[b32:e33])
            v35, v36, v37, v38, v39, v40, v41, v42, v43, v44, v45, v46, v47, v48, v49, v50, v51, v52, v53, v54, v55 = uS_QQQQQqIqIQQQQQqIqIqII(buf, pos)
            if v55 > 1:
                raise XdrError("ff_layoutreturn4: a bool is 0 or 1")
            pos += 144
            v13.append(ff_iostats4(v14, v15, stateid4(v16, v17), io_info4(v18, v19), io_info4(v20, v21), v22, ff_layoutupdate4(netaddr4(v26, v30), v34, ff_io_latency4(v35, v36, v37, v38, v39, nfstime4(v40, v41), nfstime4(v42, v43)), ff_io_latency4(v44, v45, v46, v47, v48, nfstime4(v49, v50), nfstime4(v51, v52)), nfstime4(v53, v54), v55 == 1)))
        return ff_layoutreturn4(v2, v13), pos
    except StructError:
        raise XdrError("ff_layoutreturn4: truncated") from None


def append_ff_layoutreturn4(out: list[bytes], v: ff_layoutreturn4) -> None:
    try:
        v1 = v.fflr_ioerr_report
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("ff_layoutreturn4.fflr_ioerr_report: count")
        out.append(pS_I(n2))
        for v3 in v1:
            o4 = v3.ffie_stateid
            v5 = o4.other
            if len(v5) != 12:
                raise XdrError("stateid4.other: length")
            v6 = v3.ffie_errors
            n7 = len(v6)
            if n7 > 4096:
                raise XdrError("ff_ioerr4.ffie_errors: count")
            out.append(pS_QQI12sI(v3.ffie_offset, v3.ffie_length, o4.seqid, v5, n7))
            for v8 in v6:
                v9 = v8.de_deviceid
                if len(v9) != 16:
                    raise XdrError("device_error4.de_deviceid: length")
                out.append(pS_16sII(v9, v8.de_status, v8.de_opnum))
        v10 = v.fflr_iostats_report
        n11 = len(v10)
        if n11 > 4096:
            raise XdrError("ff_layoutreturn4.fflr_iostats_report: count")
        out.append(pS_I(n11))
        for v12 in v10:
            o13 = v12.ffis_stateid
            v14 = o13.other
            if len(v14) != 12:
                raise XdrError("stateid4.other: length")
            o15 = v12.ffis_read
            o16 = v12.ffis_write
            v17 = v12.ffis_deviceid
            if len(v17) != 16:
                raise XdrError("ff_iostats4.ffis_deviceid: length")
            o18 = v12.ffis_layoutupdate
            o19 = o18.ffl_addr
            v20 = o19.na_r_netid
            n21 = len(v20)
            if n21 > 256:
                raise XdrError("netaddr4.na_r_netid: length")
            out.append(pS_QQI12sQQQQ16sI(v12.ffis_offset, v12.ffis_length, o13.seqid, v14, o15.ii_count, o15.ii_bytes, o16.ii_count, o16.ii_bytes, v17, n21))
            out.append(v20)
            if n21 & 3:
                out.append(PADS[n21 & 3])
            v22 = o19.na_r_addr
            n23 = len(v22)
            if n23 > 256:
                raise XdrError("netaddr4.na_r_addr: length")
            out.append(pS_I(n23))
            out.append(v22)
            if n23 & 3:
                out.append(PADS[n23 & 3])
            v24 = o18.ffl_fhandle
            n25 = len(v24)
            if n25 > 128:
                raise XdrError("ff_layoutupdate4.ffl_fhandle: length")
            out.append(pS_I(n25))
            out.append(v24)
            if n25 & 3:
                out.append(PADS[n25 & 3])
            o26 = o18.ffl_read
            o27 = o26.ffil_total_busy_time
            o28 = o26.ffil_aggregate_completion_time
            o29 = o18.ffl_write
            o30 = o29.ffil_total_busy_time
            o31 = o29.ffil_aggregate_completion_time
            o32 = o18.ffl_duration
            out.append(pS_QQQQQqIqIQQQQQqIqIqII(o26.ffil_ops_requested, o26.ffil_bytes_requested, o26.ffil_ops_completed, o26.ffil_bytes_completed, o26.ffil_bytes_not_delivered, o27.seconds, o27.nseconds, o28.seconds, o28.nseconds, o29.ffil_ops_requested, o29.ffil_bytes_requested, o29.ffil_ops_completed, o29.ffil_bytes_completed, o29.ffil_bytes_not_delivered, o30.seconds, o30.nseconds, o31.seconds, o31.nseconds, o32.seconds, o32.nseconds, o18.ffl_local))
    except StructError:
        raise XdrError("ff_layoutreturn4: value out of range") from None


def pack_ff_layoutreturn4(v: ff_layoutreturn4) -> bytes:
    out: list[bytes] = []
    append_ff_layoutreturn4(out, v)
    return b"".join(out)


def unpack_ff_mirrors_hint(buf: Buffer, pos: int) -> tuple[ff_mirrors_hint, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, = uS_I(buf, pos)
            pos += 4
            v2 = ff_mirrors_hint(True, v3)
        elif d1 == 0:
            v2 = ff_mirrors_hint(False)
        else:
            raise XdrError("ff_mirrors_hint: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("ff_mirrors_hint: truncated") from None


def append_ff_mirrors_hint(out: list[bytes], v: ff_mirrors_hint) -> None:
    try:
        d1 = v.ffmc_valid
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.ffmc_mirrors
            if o2 is None:
                raise XdrError("ff_mirrors_hint.ffmc_mirrors: the selected arm is missing")
            out.append(pS_I(o2))
        elif d1 == 0:
            pass
        else:
            raise XdrError("ff_mirrors_hint: no such arm")
    except StructError:
        raise XdrError("ff_mirrors_hint: value out of range") from None


def pack_ff_mirrors_hint(v: ff_mirrors_hint) -> bytes:
    out: list[bytes] = []
    append_ff_mirrors_hint(out, v)
    return b"".join(out)


def unpack_ff_layouthint4(buf: Buffer, pos: int) -> tuple[ff_layouthint4, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            v3, = uS_I(buf, pos)
            pos += 4
            v2 = ff_mirrors_hint(True, v3)
        elif d1 == 0:
            v2 = ff_mirrors_hint(False)
        else:
            raise XdrError("ff_mirrors_hint: no such arm")
        return ff_layouthint4(v2), pos
    except StructError:
        raise XdrError("ff_layouthint4: truncated") from None


def append_ff_layouthint4(out: list[bytes], v: ff_layouthint4) -> None:
    try:
        o1 = v.fflh_mirrors_hint
        d2 = o1.ffmc_valid
        out.append(pS_I(d2))
        if d2 == 1:
            o3 = o1.ffmc_mirrors
            if o3 is None:
                raise XdrError("ff_mirrors_hint.ffmc_mirrors: the selected arm is missing")
            out.append(pS_I(o3))
        elif d2 == 0:
            pass
        else:
            raise XdrError("ff_mirrors_hint: no such arm")
    except StructError:
        raise XdrError("ff_layouthint4: value out of range") from None


def pack_ff_layouthint4(v: ff_layouthint4) -> bytes:
    out: list[bytes] = []
    append_ff_layouthint4(out, v)
    return b"".join(out)


def unpack_GETXATTR4args(buf: Buffer, pos: int) -> tuple[GETXATTR4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("GETXATTR4args.gxa_name: length")
        v4 = bytes(buf[b2:e3])
        return GETXATTR4args(v4), pos
    except StructError:
        raise XdrError("GETXATTR4args: truncated") from None


def append_GETXATTR4args(out: list[bytes], v: GETXATTR4args) -> None:
    try:
        v1 = v.gxa_name
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("GETXATTR4args.gxa_name: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("GETXATTR4args: value out of range") from None


def pack_GETXATTR4args(v: GETXATTR4args) -> bytes:
    out: list[bytes] = []
    append_GETXATTR4args(out, v)
    return b"".join(out)


def unpack_GETXATTR4res(buf: Buffer, pos: int) -> tuple[GETXATTR4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 65536 or pos > end:
                raise XdrError("GETXATTR4res.gxr_value: length")
            v6 = bytes(buf[b4:e5])
            v2 = GETXATTR4res(d1, v6)
        else:
            v2 = GETXATTR4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("GETXATTR4res: truncated") from None


def append_GETXATTR4res(out: list[bytes], v: GETXATTR4res) -> None:
    try:
        d1 = v.gxr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.gxr_value
            if o2 is None:
                raise XdrError("GETXATTR4res.gxr_value: the selected arm is missing")
            v3 = o2
            n4 = len(v3)
            if n4 > 65536:
                raise XdrError("GETXATTR4res.gxr_value: length")
            out.append(pS_I(n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("GETXATTR4res: value out of range") from None


def pack_GETXATTR4res(v: GETXATTR4res) -> bytes:
    out: list[bytes] = []
    append_GETXATTR4res(out, v)
    return b"".join(out)


def unpack_setxattr_option4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("setxattr_option4: truncated") from None


def append_setxattr_option4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("setxattr_option4: value out of range") from None


def pack_setxattr_option4(v: int) -> bytes:
    out: list[bytes] = []
    append_setxattr_option4(out, v)
    return b"".join(out)


def unpack_SETXATTR4args(buf: Buffer, pos: int) -> tuple[SETXATTR4args, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 4096 or pos > end:
            raise XdrError("SETXATTR4args.sxa_key: length")
        v5 = bytes(buf[b3:e4])
        n6, = uS_I(buf, pos)
        b7 = pos + 4
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 65536 or pos > end:
            raise XdrError("SETXATTR4args.sxa_value: length")
        v9 = bytes(buf[b7:e8])
        return SETXATTR4args(v1, v5, v9), pos
    except StructError:
        raise XdrError("SETXATTR4args: truncated") from None


def append_SETXATTR4args(out: list[bytes], v: SETXATTR4args) -> None:
    try:
        v1 = v.sxa_key
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("SETXATTR4args.sxa_key: length")
        out.append(pS_II(v.sxa_option, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.sxa_value
        n4 = len(v3)
        if n4 > 65536:
            raise XdrError("SETXATTR4args.sxa_value: length")
        out.append(pS_I(n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("SETXATTR4args: value out of range") from None


def pack_SETXATTR4args(v: SETXATTR4args) -> bytes:
    out: list[bytes] = []
    append_SETXATTR4args(out, v)
    return b"".join(out)


def unpack_SETXATTR4res(buf: Buffer, pos: int) -> tuple[SETXATTR4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5 = uS_IQQ(buf, pos)
            if v3 > 1:
                raise XdrError("SETXATTR4res: a bool is 0 or 1")
            pos += 20
            v2 = SETXATTR4res(d1, change_info4(v3 == 1, v4, v5))
        else:
            v2 = SETXATTR4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("SETXATTR4res: truncated") from None


def append_SETXATTR4res(out: list[bytes], v: SETXATTR4res) -> None:
    try:
        d1 = v.sxr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.sxr_info
            if o2 is None:
                raise XdrError("SETXATTR4res.sxr_info: the selected arm is missing")
            out.append(pS_IQQ(o2.atomic, o2.before, o2.after))
    except StructError:
        raise XdrError("SETXATTR4res: value out of range") from None


def pack_SETXATTR4res(v: SETXATTR4res) -> bytes:
    out: list[bytes] = []
    append_SETXATTR4res(out, v)
    return b"".join(out)


def unpack_LISTXATTRS4args(buf: Buffer, pos: int) -> tuple[LISTXATTRS4args, int]:
    try:
        v1, v2 = uS_QI(buf, pos)
        return LISTXATTRS4args(v1, v2), pos + 12
    except StructError:
        raise XdrError("LISTXATTRS4args: truncated") from None


def append_LISTXATTRS4args(out: list[bytes], v: LISTXATTRS4args) -> None:
    try:
        out.append(pS_QI(v.lxa_cookie, v.lxa_maxcount))
    except StructError:
        raise XdrError("LISTXATTRS4args: value out of range") from None


def pack_LISTXATTRS4args(v: LISTXATTRS4args) -> bytes:
    try:
        return pS_QI(v.lxa_cookie, v.lxa_maxcount)
    except StructError:
        raise XdrError("LISTXATTRS4args: value out of range") from None


def unpack_LISTXATTRS4resok(buf: Buffer, pos: int) -> tuple[LISTXATTRS4resok, int]:
    try:
        end = len(buf)
        v1, n2 = uS_QI(buf, pos)
        pos += 12
        if n2 > 65536 or n2 * 4 > end - pos:
            raise XdrError("LISTXATTRS4resok.lxr_names: count")
        v3: list[bytes] = []
        for _ in range(n2):
            n4, = uS_I(buf, pos)
            b5 = pos + 4
            e6 = b5 + n4
            pos = e6 + (-n4 & 3)
            if n4 > 4096 or pos > end:
                raise XdrError("LISTXATTRS4resok.lxr_names: length")
            v7 = bytes(buf[b5:e6])
            v3.append(v7)
        v8, = uS_I(buf, pos)
        if v8 > 1:
            raise XdrError("LISTXATTRS4resok: a bool is 0 or 1")
        return LISTXATTRS4resok(v1, v3, v8 == 1), pos + 4
    except StructError:
        raise XdrError("LISTXATTRS4resok: truncated") from None


def append_LISTXATTRS4resok(out: list[bytes], v: LISTXATTRS4resok) -> None:
    try:
        v1 = v.lxr_names
        n2 = len(v1)
        if n2 > 65536:
            raise XdrError("LISTXATTRS4resok.lxr_names: count")
        out.append(pS_QI(v.lxr_cookie, n2))
        for v3 in v1:
            v4 = v3
            n5 = len(v4)
            if n5 > 4096:
                raise XdrError("LISTXATTRS4resok.lxr_names: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
        out.append(pS_I(v.lxr_eof))
    except StructError:
        raise XdrError("LISTXATTRS4resok: value out of range") from None


def pack_LISTXATTRS4resok(v: LISTXATTRS4resok) -> bytes:
    out: list[bytes] = []
    append_LISTXATTRS4resok(out, v)
    return b"".join(out)


def unpack_LISTXATTRS4res(buf: Buffer, pos: int) -> tuple[LISTXATTRS4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, n4 = uS_QI(buf, pos)
            pos += 12
            if n4 > 65536 or n4 * 4 > end - pos:
                raise XdrError("LISTXATTRS4resok.lxr_names: count")
            v5: list[bytes] = []
            for _ in range(n4):
                n6, = uS_I(buf, pos)
                b7 = pos + 4
                e8 = b7 + n6
                pos = e8 + (-n6 & 3)
                if n6 > 4096 or pos > end:
                    raise XdrError("LISTXATTRS4resok.lxr_names: length")
                v9 = bytes(buf[b7:e8])
                v5.append(v9)
            v10, = uS_I(buf, pos)
            if v10 > 1:
                raise XdrError("LISTXATTRS4res: a bool is 0 or 1")
            pos += 4
            v2 = LISTXATTRS4res(d1, LISTXATTRS4resok(v3, v5, v10 == 1))
        else:
            v2 = LISTXATTRS4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("LISTXATTRS4res: truncated") from None


def append_LISTXATTRS4res(out: list[bytes], v: LISTXATTRS4res) -> None:
    try:
        d1 = v.lxr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.lxr_value
            if o2 is None:
                raise XdrError("LISTXATTRS4res.lxr_value: the selected arm is missing")
            v3 = o2.lxr_names
            n4 = len(v3)
            if n4 > 65536:
                raise XdrError("LISTXATTRS4resok.lxr_names: count")
            out.append(pS_QI(o2.lxr_cookie, n4))
            for v5 in v3:
                v6 = v5
                n7 = len(v6)
                if n7 > 4096:
                    raise XdrError("LISTXATTRS4resok.lxr_names: length")
                out.append(pS_I(n7))
                out.append(v6)
                if n7 & 3:
                    out.append(PADS[n7 & 3])
            out.append(pS_I(o2.lxr_eof))
    except StructError:
        raise XdrError("LISTXATTRS4res: value out of range") from None


def pack_LISTXATTRS4res(v: LISTXATTRS4res) -> bytes:
    out: list[bytes] = []
    append_LISTXATTRS4res(out, v)
    return b"".join(out)


def unpack_REMOVEXATTR4args(buf: Buffer, pos: int) -> tuple[REMOVEXATTR4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("REMOVEXATTR4args.rxa_name: length")
        v4 = bytes(buf[b2:e3])
        return REMOVEXATTR4args(v4), pos
    except StructError:
        raise XdrError("REMOVEXATTR4args: truncated") from None


def append_REMOVEXATTR4args(out: list[bytes], v: REMOVEXATTR4args) -> None:
    try:
        v1 = v.rxa_name
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("REMOVEXATTR4args.rxa_name: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("REMOVEXATTR4args: value out of range") from None


def pack_REMOVEXATTR4args(v: REMOVEXATTR4args) -> bytes:
    out: list[bytes] = []
    append_REMOVEXATTR4args(out, v)
    return b"".join(out)


def unpack_REMOVEXATTR4res(buf: Buffer, pos: int) -> tuple[REMOVEXATTR4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5 = uS_IQQ(buf, pos)
            if v3 > 1:
                raise XdrError("REMOVEXATTR4res: a bool is 0 or 1")
            pos += 20
            v2 = REMOVEXATTR4res(d1, change_info4(v3 == 1, v4, v5))
        else:
            v2 = REMOVEXATTR4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("REMOVEXATTR4res: truncated") from None


def append_REMOVEXATTR4res(out: list[bytes], v: REMOVEXATTR4res) -> None:
    try:
        d1 = v.rxr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.rxr_info
            if o2 is None:
                raise XdrError("REMOVEXATTR4res.rxr_info: the selected arm is missing")
            out.append(pS_IQQ(o2.atomic, o2.before, o2.after))
    except StructError:
        raise XdrError("REMOVEXATTR4res: value out of range") from None


def pack_REMOVEXATTR4res(v: REMOVEXATTR4res) -> bytes:
    out: list[bytes] = []
    append_REMOVEXATTR4res(out, v)
    return b"".join(out)


def unpack_OP_PROXY_WRITE4args(buf: Buffer, pos: int) -> tuple[OP_PROXY_WRITE4args, int]:
    try:
        v1, v2, v3, v4, v5, v6 = uS_I12sQII8s(buf, pos)
        return OP_PROXY_WRITE4args(stateid4(v1, v2), v3, v4, v5, v6), pos + 40
    except StructError:
        raise XdrError("OP_PROXY_WRITE4args: truncated") from None


def append_OP_PROXY_WRITE4args(out: list[bytes], v: OP_PROXY_WRITE4args) -> None:
    try:
        o1 = v.stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        v3 = v.writeverf
        if len(v3) != 8:
            raise XdrError("OP_PROXY_WRITE4args.writeverf: length")
        out.append(pS_I12sQII8s(o1.seqid, v2, v.offset, v.count, v.committed, v3))
    except StructError:
        raise XdrError("OP_PROXY_WRITE4args: value out of range") from None


def pack_OP_PROXY_WRITE4args(v: OP_PROXY_WRITE4args) -> bytes:
    try:
        o1 = v.stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        v3 = v.writeverf
        if len(v3) != 8:
            raise XdrError("OP_PROXY_WRITE4args.writeverf: length")
        return pS_I12sQII8s(o1.seqid, v2, v.offset, v.count, v.committed, v3)
    except StructError:
        raise XdrError("OP_PROXY_WRITE4args: value out of range") from None

unpack_PROXY_WRITE4args = unpack_OP_PROXY_WRITE4args
append_PROXY_WRITE4args = append_OP_PROXY_WRITE4args
pack_PROXY_WRITE4args = pack_OP_PROXY_WRITE4args

unpack_PROXY_WRITE4res = unpack_WRITE4res
append_PROXY_WRITE4res = append_WRITE4res
pack_PROXY_WRITE4res = pack_WRITE4res


def unpack_nfs_argop4(buf: Buffer, pos: int) -> tuple[nfs_argop4, int]:
    op, pos = unpack_uint32(buf, pos)
    entry = ARGS.get(op)
    if entry is None:
        raise XdrError("nfs_argop4: no such operation")
    arm, pos = entry[0](buf, pos)
    return nfs_argop4(op, arm), pos


def append_nfs_argop4(out: list[bytes], v: nfs_argop4) -> None:
    entry = ARGS.get(v.argop)
    if entry is None:
        raise XdrError("nfs_argop4: no such operation")
    out.append(pack_u32(v.argop))
    out.append(entry[1](v.arm))


def pack_nfs_argop4(v: nfs_argop4) -> bytes:
    out: list[bytes] = []
    append_nfs_argop4(out, v)
    return b"".join(out)


def unpack_nfs_resop4(buf: Buffer, pos: int) -> tuple[nfs_resop4, int]:
    op, pos = unpack_uint32(buf, pos)
    entry = RES.get(op)
    if entry is None:
        raise XdrError("nfs_resop4: no such operation")
    arm, pos = entry[0](buf, pos)
    return nfs_resop4(op, arm), pos


def append_nfs_resop4(out: list[bytes], v: nfs_resop4) -> None:
    entry = RES.get(v.resop)
    if entry is None:
        raise XdrError("nfs_resop4: no such operation")
    out.append(pack_u32(v.resop))
    out.append(entry[1](v.arm))


def pack_nfs_resop4(v: nfs_resop4) -> bytes:
    out: list[bytes] = []
    append_nfs_resop4(out, v)
    return b"".join(out)


def unpack_COMPOUND4args(buf: Buffer, pos: int) -> tuple[COMPOUND4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("COMPOUND4args.tag: length")
        v4 = bytes(buf[b2:e3])
        v5, n6 = uS_II(buf, pos)
        pos += 8
        if n6 > 1024 or n6 * 4 > end - pos:
            raise XdrError("COMPOUND4args.argarray: count")
        v7: list[nfs_argop4] = []
        for _ in range(n6):
            v8, pos = unpack_nfs_argop4(buf, pos)
            v7.append(v8)
        return COMPOUND4args(v4, v5, v7), pos
    except StructError:
        raise XdrError("COMPOUND4args: truncated") from None


def append_COMPOUND4args(out: list[bytes], v: COMPOUND4args) -> None:
    try:
        v1 = v.tag
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("COMPOUND4args.tag: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.argarray
        n4 = len(v3)
        if n4 > 1024:
            raise XdrError("COMPOUND4args.argarray: count")
        out.append(pS_II(v.minorversion, n4))
        for v5 in v3:
            append_nfs_argop4(out, v5)
    except StructError:
        raise XdrError("COMPOUND4args: value out of range") from None


def pack_COMPOUND4args(v: COMPOUND4args) -> bytes:
    out: list[bytes] = []
    append_COMPOUND4args(out, v)
    return b"".join(out)


def unpack_COMPOUND4res(buf: Buffer, pos: int) -> tuple[COMPOUND4res, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 4096 or pos > end:
            raise XdrError("COMPOUND4res.tag: length")
        v5 = bytes(buf[b3:e4])
        n6, = uS_I(buf, pos)
        pos += 4
        if n6 > 1024 or n6 * 4 > end - pos:
            raise XdrError("COMPOUND4res.resarray: count")
        v7: list[nfs_resop4] = []
        for _ in range(n6):
            v8, pos = unpack_nfs_resop4(buf, pos)
            v7.append(v8)
        return COMPOUND4res(v1, v5, v7), pos
    except StructError:
        raise XdrError("COMPOUND4res: truncated") from None


def append_COMPOUND4res(out: list[bytes], v: COMPOUND4res) -> None:
    try:
        v1 = v.tag
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("COMPOUND4res.tag: length")
        out.append(pS_II(v.status, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.resarray
        n4 = len(v3)
        if n4 > 1024:
            raise XdrError("COMPOUND4res.resarray: count")
        out.append(pS_I(n4))
        for v5 in v3:
            append_nfs_resop4(out, v5)
    except StructError:
        raise XdrError("COMPOUND4res: value out of range") from None


def pack_COMPOUND4res(v: COMPOUND4res) -> bytes:
    out: list[bytes] = []
    append_COMPOUND4res(out, v)
    return b"".join(out)


def unpack_COMPOUND4args_head(buf: Buffer, pos: int) -> tuple[COMPOUND4args_head, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("COMPOUND4args_head.tag: length")
        v4 = bytes(buf[b2:e3])
        v5, v6 = uS_II(buf, pos)
        return COMPOUND4args_head(v4, v5, v6), pos + 8
    except StructError:
        raise XdrError("COMPOUND4args_head: truncated") from None


def append_COMPOUND4args_head(out: list[bytes], v: COMPOUND4args_head) -> None:
    try:
        v1 = v.tag
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("COMPOUND4args_head.tag: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        out.append(pS_II(v.minorversion, v.numops))
    except StructError:
        raise XdrError("COMPOUND4args_head: value out of range") from None


def pack_COMPOUND4args_head(v: COMPOUND4args_head) -> bytes:
    out: list[bytes] = []
    append_COMPOUND4args_head(out, v)
    return b"".join(out)


def unpack_COMPOUND4res_head(buf: Buffer, pos: int) -> tuple[COMPOUND4res_head, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 4096 or pos > end:
            raise XdrError("COMPOUND4res_head.tag: length")
        v5 = bytes(buf[b3:e4])
        v6, = uS_I(buf, pos)
        return COMPOUND4res_head(v1, v5, v6), pos + 4
    except StructError:
        raise XdrError("COMPOUND4res_head: truncated") from None


def append_COMPOUND4res_head(out: list[bytes], v: COMPOUND4res_head) -> None:
    try:
        v1 = v.tag
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("COMPOUND4res_head.tag: length")
        out.append(pS_II(v.status, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        out.append(pS_I(v.numres))
    except StructError:
        raise XdrError("COMPOUND4res_head: value out of range") from None


def pack_COMPOUND4res_head(v: COMPOUND4res_head) -> bytes:
    out: list[bytes] = []
    append_COMPOUND4res_head(out, v)
    return b"".join(out)


def unpack_nfs_cb_opnum4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("nfs_cb_opnum4: truncated") from None


def append_nfs_cb_opnum4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("nfs_cb_opnum4: value out of range") from None


def pack_nfs_cb_opnum4(v: int) -> bytes:
    out: list[bytes] = []
    append_nfs_cb_opnum4(out, v)
    return b"".join(out)


def unpack_CB_GETATTR4args(buf: Buffer, pos: int) -> tuple[CB_GETATTR4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 128 or pos > end:
            raise XdrError("CB_GETATTR4args.fh: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        if n5 == 2:
            v7, v8 = uS_II(buf, pos + 4)
            v6 = v7 | v8 << 32
            pos += 12
        elif n5 == 3:
            v7, v8, v9 = uS_III(buf, pos + 4)
            v6 = v7 | v8 << 32 | v9 << 64
            pos += 16
        elif n5 == 1:
            v6, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v6 = unpack_bitmap(buf, pos + 4, n5)
            pos += 4 + n5 * 4
        return CB_GETATTR4args(v4, v6), pos
    except StructError:
        raise XdrError("CB_GETATTR4args: truncated") from None


def append_CB_GETATTR4args(out: list[bytes], v: CB_GETATTR4args) -> None:
    try:
        v1 = v.fh
        n2 = len(v1)
        if n2 > 128:
            raise XdrError("CB_GETATTR4args.fh: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        out.append(pack_bitmap(v.attr_request))
    except StructError:
        raise XdrError("CB_GETATTR4args: value out of range") from None


def pack_CB_GETATTR4args(v: CB_GETATTR4args) -> bytes:
    out: list[bytes] = []
    append_CB_GETATTR4args(out, v)
    return b"".join(out)


def unpack_CB_GETATTR4resok(buf: Buffer, pos: int) -> tuple[CB_GETATTR4resok, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        n6, = uS_I(buf, pos)
        b7 = pos + 4
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v9 = bytes(buf[b7:e8])
        return CB_GETATTR4resok(fattr4(v2, v9)), pos
    except StructError:
        raise XdrError("CB_GETATTR4resok: truncated") from None


def append_CB_GETATTR4resok(out: list[bytes], v: CB_GETATTR4resok) -> None:
    try:
        o1 = v.obj_attributes
        out.append(pack_bitmap(o1.attrmask))
        v2 = o1.attr_vals
        n3 = len(v2)
        if n3 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
    except StructError:
        raise XdrError("CB_GETATTR4resok: value out of range") from None


def pack_CB_GETATTR4resok(v: CB_GETATTR4resok) -> bytes:
    out: list[bytes] = []
    append_CB_GETATTR4resok(out, v)
    return b"".join(out)


def unpack_CB_GETATTR4res(buf: Buffer, pos: int) -> tuple[CB_GETATTR4res, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            if n3 == 2:
                v5, v6 = uS_II(buf, pos + 4)
                v4 = v5 | v6 << 32
                pos += 12
            elif n3 == 3:
                v5, v6, v7 = uS_III(buf, pos + 4)
                v4 = v5 | v6 << 32 | v7 << 64
                pos += 16
            elif n3 == 1:
                v4, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v4 = unpack_bitmap(buf, pos + 4, n3)
                pos += 4 + n3 * 4
            n8, = uS_I(buf, pos)
            b9 = pos + 4
            e10 = b9 + n8
            pos = e10 + (-n8 & 3)
            if n8 > 1048576 or pos > end:
                raise XdrError("fattr4.attr_vals: length")
            v11 = bytes(buf[b9:e10])
            v2 = CB_GETATTR4res(d1, CB_GETATTR4resok(fattr4(v4, v11)))
        else:
            v2 = CB_GETATTR4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("CB_GETATTR4res: truncated") from None


def append_CB_GETATTR4res(out: list[bytes], v: CB_GETATTR4res) -> None:
    try:
        d1 = v.status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.resok4
            if o2 is None:
                raise XdrError("CB_GETATTR4res.resok4: the selected arm is missing")
            o3 = o2.obj_attributes
            out.append(pack_bitmap(o3.attrmask))
            v4 = o3.attr_vals
            n5 = len(v4)
            if n5 > 1048576:
                raise XdrError("fattr4.attr_vals: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("CB_GETATTR4res: value out of range") from None


def pack_CB_GETATTR4res(v: CB_GETATTR4res) -> bytes:
    out: list[bytes] = []
    append_CB_GETATTR4res(out, v)
    return b"".join(out)


def unpack_CB_RECALL4args(buf: Buffer, pos: int) -> tuple[CB_RECALL4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, n4 = uS_I12sII(buf, pos)
        if v3 > 1:
            raise XdrError("CB_RECALL4args: a bool is 0 or 1")
        b5 = pos + 24
        e6 = b5 + n4
        pos = e6 + (-n4 & 3)
        if n4 > 128 or pos > end:
            raise XdrError("CB_RECALL4args.fh: length")
        v7 = bytes(buf[b5:e6])
        return CB_RECALL4args(stateid4(v1, v2), v3 == 1, v7), pos
    except StructError:
        raise XdrError("CB_RECALL4args: truncated") from None


def append_CB_RECALL4args(out: list[bytes], v: CB_RECALL4args) -> None:
    try:
        o1 = v.stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        v3 = v.fh
        n4 = len(v3)
        if n4 > 128:
            raise XdrError("CB_RECALL4args.fh: length")
        out.append(pS_I12sII(o1.seqid, v2, v.truncate, n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
    except StructError:
        raise XdrError("CB_RECALL4args: value out of range") from None


def pack_CB_RECALL4args(v: CB_RECALL4args) -> bytes:
    out: list[bytes] = []
    append_CB_RECALL4args(out, v)
    return b"".join(out)


def unpack_CB_RECALL4res(buf: Buffer, pos: int) -> tuple[CB_RECALL4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_RECALL4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_RECALL4res: truncated") from None


def append_CB_RECALL4res(out: list[bytes], v: CB_RECALL4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("CB_RECALL4res: value out of range") from None


def pack_CB_RECALL4res(v: CB_RECALL4res) -> bytes:
    out: list[bytes] = []
    append_CB_RECALL4res(out, v)
    return b"".join(out)


def unpack_CB_ILLEGAL4res(buf: Buffer, pos: int) -> tuple[CB_ILLEGAL4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_ILLEGAL4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_ILLEGAL4res: truncated") from None


def append_CB_ILLEGAL4res(out: list[bytes], v: CB_ILLEGAL4res) -> None:
    try:
        out.append(pS_I(v.status))
    except StructError:
        raise XdrError("CB_ILLEGAL4res: value out of range") from None


def pack_CB_ILLEGAL4res(v: CB_ILLEGAL4res) -> bytes:
    out: list[bytes] = []
    append_CB_ILLEGAL4res(out, v)
    return b"".join(out)


def unpack_layoutrecall_type4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("layoutrecall_type4: truncated") from None


def append_layoutrecall_type4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("layoutrecall_type4: value out of range") from None


def pack_layoutrecall_type4(v: int) -> bytes:
    out: list[bytes] = []
    append_layoutrecall_type4(out, v)
    return b"".join(out)


def unpack_layoutrecall_file4(buf: Buffer, pos: int) -> tuple[layoutrecall_file4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 128 or pos > end:
            raise XdrError("layoutrecall_file4.lor_fh: length")
        v4 = bytes(buf[b2:e3])
        v5, v6, v7, v8 = uS_QQI12s(buf, pos)
        return layoutrecall_file4(v4, v5, v6, stateid4(v7, v8)), pos + 32
    except StructError:
        raise XdrError("layoutrecall_file4: truncated") from None


def append_layoutrecall_file4(out: list[bytes], v: layoutrecall_file4) -> None:
    try:
        v1 = v.lor_fh
        n2 = len(v1)
        if n2 > 128:
            raise XdrError("layoutrecall_file4.lor_fh: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        o3 = v.lor_stateid
        v4 = o3.other
        if len(v4) != 12:
            raise XdrError("stateid4.other: length")
        out.append(pS_QQI12s(v.lor_offset, v.lor_length, o3.seqid, v4))
    except StructError:
        raise XdrError("layoutrecall_file4: value out of range") from None


def pack_layoutrecall_file4(v: layoutrecall_file4) -> bytes:
    out: list[bytes] = []
    append_layoutrecall_file4(out, v)
    return b"".join(out)


def unpack_layoutrecall4(buf: Buffer, pos: int) -> tuple[layoutrecall4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 1:
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 128 or pos > end:
                raise XdrError("layoutrecall_file4.lor_fh: length")
            v6 = bytes(buf[b4:e5])
            v7, v8, v9, v10 = uS_QQI12s(buf, pos)
            pos += 32
            v2 = layoutrecall4(d1, layoutrecall_file4(v6, v7, v8, stateid4(v9, v10)))
        elif d1 == 2:
            v11, v12 = uS_QQ(buf, pos)
            pos += 16
            v2 = layoutrecall4(d1, None, fsid4(v11, v12))
        elif d1 == 3:
            v2 = layoutrecall4(d1)
        else:
            raise XdrError("layoutrecall4: no such arm")
        return v2, pos
    except StructError:
        raise XdrError("layoutrecall4: truncated") from None


def append_layoutrecall4(out: list[bytes], v: layoutrecall4) -> None:
    try:
        d1 = v.lor_recalltype
        out.append(pS_I(d1))
        if d1 == 1:
            o2 = v.lor_layout
            if o2 is None:
                raise XdrError("layoutrecall4.lor_layout: the selected arm is missing")
            v3 = o2.lor_fh
            n4 = len(v3)
            if n4 > 128:
                raise XdrError("layoutrecall_file4.lor_fh: length")
            out.append(pS_I(n4))
            out.append(v3)
            if n4 & 3:
                out.append(PADS[n4 & 3])
            o5 = o2.lor_stateid
            v6 = o5.other
            if len(v6) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_QQI12s(o2.lor_offset, o2.lor_length, o5.seqid, v6))
        elif d1 == 2:
            o7 = v.lor_fsid
            if o7 is None:
                raise XdrError("layoutrecall4.lor_fsid: the selected arm is missing")
            out.append(pS_QQ(o7.major, o7.minor))
        elif d1 == 3:
            pass
        else:
            raise XdrError("layoutrecall4: no such arm")
    except StructError:
        raise XdrError("layoutrecall4: value out of range") from None


def pack_layoutrecall4(v: layoutrecall4) -> bytes:
    out: list[bytes] = []
    append_layoutrecall4(out, v)
    return b"".join(out)


def unpack_CB_LAYOUTRECALL4args(buf: Buffer, pos: int) -> tuple[CB_LAYOUTRECALL4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, d4 = uS_IIII(buf, pos)
        if v3 > 1:
            raise XdrError("CB_LAYOUTRECALL4args: a bool is 0 or 1")
        pos += 16
        if d4 == 1:
            n6, = uS_I(buf, pos)
            b7 = pos + 4
            e8 = b7 + n6
            pos = e8 + (-n6 & 3)
            if n6 > 128 or pos > end:
                raise XdrError("layoutrecall_file4.lor_fh: length")
            v9 = bytes(buf[b7:e8])
            v10, v11, v12, v13 = uS_QQI12s(buf, pos)
            pos += 32
            v5 = layoutrecall4(d4, layoutrecall_file4(v9, v10, v11, stateid4(v12, v13)))
        elif d4 == 2:
            v14, v15 = uS_QQ(buf, pos)
            pos += 16
            v5 = layoutrecall4(d4, None, fsid4(v14, v15))
        elif d4 == 3:
            v5 = layoutrecall4(d4)
        else:
            raise XdrError("layoutrecall4: no such arm")
        return CB_LAYOUTRECALL4args(v1, v2, v3 == 1, v5), pos
    except StructError:
        raise XdrError("CB_LAYOUTRECALL4args: truncated") from None


def append_CB_LAYOUTRECALL4args(out: list[bytes], v: CB_LAYOUTRECALL4args) -> None:
    try:
        o1 = v.clora_recall
        d2 = o1.lor_recalltype
        out.append(pS_IIII(v.clora_type, v.clora_iomode, v.clora_changed, d2))
        if d2 == 1:
            o3 = o1.lor_layout
            if o3 is None:
                raise XdrError("layoutrecall4.lor_layout: the selected arm is missing")
            v4 = o3.lor_fh
            n5 = len(v4)
            if n5 > 128:
                raise XdrError("layoutrecall_file4.lor_fh: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
            o6 = o3.lor_stateid
            v7 = o6.other
            if len(v7) != 12:
                raise XdrError("stateid4.other: length")
            out.append(pS_QQI12s(o3.lor_offset, o3.lor_length, o6.seqid, v7))
        elif d2 == 2:
            o8 = o1.lor_fsid
            if o8 is None:
                raise XdrError("layoutrecall4.lor_fsid: the selected arm is missing")
            out.append(pS_QQ(o8.major, o8.minor))
        elif d2 == 3:
            pass
        else:
            raise XdrError("layoutrecall4: no such arm")
    except StructError:
        raise XdrError("CB_LAYOUTRECALL4args: value out of range") from None


def pack_CB_LAYOUTRECALL4args(v: CB_LAYOUTRECALL4args) -> bytes:
    out: list[bytes] = []
    append_CB_LAYOUTRECALL4args(out, v)
    return b"".join(out)


def unpack_CB_LAYOUTRECALL4res(buf: Buffer, pos: int) -> tuple[CB_LAYOUTRECALL4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_LAYOUTRECALL4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_LAYOUTRECALL4res: truncated") from None


def append_CB_LAYOUTRECALL4res(out: list[bytes], v: CB_LAYOUTRECALL4res) -> None:
    try:
        out.append(pS_I(v.clorr_status))
    except StructError:
        raise XdrError("CB_LAYOUTRECALL4res: value out of range") from None


def pack_CB_LAYOUTRECALL4res(v: CB_LAYOUTRECALL4res) -> bytes:
    out: list[bytes] = []
    append_CB_LAYOUTRECALL4res(out, v)
    return b"".join(out)


def unpack_notify_type4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("notify_type4: truncated") from None


def append_notify_type4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("notify_type4: value out of range") from None


def pack_notify_type4(v: int) -> bytes:
    out: list[bytes] = []
    append_notify_type4(out, v)
    return b"".join(out)


def unpack_notify_entry4(buf: Buffer, pos: int) -> tuple[notify_entry4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("notify_entry4.ne_file: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        if n5 == 2:
            v7, v8 = uS_II(buf, pos + 4)
            v6 = v7 | v8 << 32
            pos += 12
        elif n5 == 3:
            v7, v8, v9 = uS_III(buf, pos + 4)
            v6 = v7 | v8 << 32 | v9 << 64
            pos += 16
        elif n5 == 1:
            v6, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v6 = unpack_bitmap(buf, pos + 4, n5)
            pos += 4 + n5 * 4
        n10, = uS_I(buf, pos)
        b11 = pos + 4
        e12 = b11 + n10
        pos = e12 + (-n10 & 3)
        if n10 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v13 = bytes(buf[b11:e12])
        return notify_entry4(v4, fattr4(v6, v13)), pos
    except StructError:
        raise XdrError("notify_entry4: truncated") from None


def append_notify_entry4(out: list[bytes], v: notify_entry4) -> None:
    try:
        v1 = v.ne_file
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("notify_entry4.ne_file: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        o3 = v.ne_attrs
        out.append(pack_bitmap(o3.attrmask))
        v4 = o3.attr_vals
        n5 = len(v4)
        if n5 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n5))
        out.append(v4)
        if n5 & 3:
            out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("notify_entry4: value out of range") from None


def pack_notify_entry4(v: notify_entry4) -> bytes:
    out: list[bytes] = []
    append_notify_entry4(out, v)
    return b"".join(out)


def unpack_prev_entry4(buf: Buffer, pos: int) -> tuple[prev_entry4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("notify_entry4.ne_file: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        if n5 == 2:
            v7, v8 = uS_II(buf, pos + 4)
            v6 = v7 | v8 << 32
            pos += 12
        elif n5 == 3:
            v7, v8, v9 = uS_III(buf, pos + 4)
            v6 = v7 | v8 << 32 | v9 << 64
            pos += 16
        elif n5 == 1:
            v6, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v6 = unpack_bitmap(buf, pos + 4, n5)
            pos += 4 + n5 * 4
        n10, = uS_I(buf, pos)
        b11 = pos + 4
        e12 = b11 + n10
        pos = e12 + (-n10 & 3)
        if n10 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v13 = bytes(buf[b11:e12])
        v14, = uS_Q(buf, pos)
        return prev_entry4(notify_entry4(v4, fattr4(v6, v13)), v14), pos + 8
    except StructError:
        raise XdrError("prev_entry4: truncated") from None


def append_prev_entry4(out: list[bytes], v: prev_entry4) -> None:
    try:
        o1 = v.pe_prev_entry
        v2 = o1.ne_file
        n3 = len(v2)
        if n3 > 4096:
            raise XdrError("notify_entry4.ne_file: length")
        out.append(pS_I(n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
        o4 = o1.ne_attrs
        out.append(pack_bitmap(o4.attrmask))
        v5 = o4.attr_vals
        n6 = len(v5)
        if n6 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n6))
        out.append(v5)
        if n6 & 3:
            out.append(PADS[n6 & 3])
        out.append(pS_Q(v.pe_prev_entry_cookie))
    except StructError:
        raise XdrError("prev_entry4: value out of range") from None


def pack_prev_entry4(v: prev_entry4) -> bytes:
    out: list[bytes] = []
    append_prev_entry4(out, v)
    return b"".join(out)


def unpack_notify_remove4(buf: Buffer, pos: int) -> tuple[notify_remove4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("notify_entry4.ne_file: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        if n5 == 2:
            v7, v8 = uS_II(buf, pos + 4)
            v6 = v7 | v8 << 32
            pos += 12
        elif n5 == 3:
            v7, v8, v9 = uS_III(buf, pos + 4)
            v6 = v7 | v8 << 32 | v9 << 64
            pos += 16
        elif n5 == 1:
            v6, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v6 = unpack_bitmap(buf, pos + 4, n5)
            pos += 4 + n5 * 4
        n10, = uS_I(buf, pos)
        b11 = pos + 4
        e12 = b11 + n10
        pos = e12 + (-n10 & 3)
        if n10 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v13 = bytes(buf[b11:e12])
        v14, = uS_Q(buf, pos)
        return notify_remove4(notify_entry4(v4, fattr4(v6, v13)), v14), pos + 8
    except StructError:
        raise XdrError("notify_remove4: truncated") from None


def append_notify_remove4(out: list[bytes], v: notify_remove4) -> None:
    try:
        o1 = v.nrm_old_entry
        v2 = o1.ne_file
        n3 = len(v2)
        if n3 > 4096:
            raise XdrError("notify_entry4.ne_file: length")
        out.append(pS_I(n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
        o4 = o1.ne_attrs
        out.append(pack_bitmap(o4.attrmask))
        v5 = o4.attr_vals
        n6 = len(v5)
        if n6 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n6))
        out.append(v5)
        if n6 & 3:
            out.append(PADS[n6 & 3])
        out.append(pS_Q(v.nrm_old_entry_cookie))
    except StructError:
        raise XdrError("notify_remove4: value out of range") from None


def pack_notify_remove4(v: notify_remove4) -> bytes:
    out: list[bytes] = []
    append_notify_remove4(out, v)
    return b"".join(out)


def unpack_notify_add4(buf: Buffer, pos: int) -> tuple[notify_add4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 1 or n1 * 20 > end - pos:
            raise XdrError("notify_add4.nad_old_entry: count")
        v2: list[notify_remove4] = []
        for _ in range(n1):
            n3, = uS_I(buf, pos)
            b4 = pos + 4
            e5 = b4 + n3
            pos = e5 + (-n3 & 3)
            if n3 > 4096 or pos > end:
                raise XdrError("notify_entry4.ne_file: length")
            v6 = bytes(buf[b4:e5])
            n7, = uS_I(buf, pos)
            if n7 == 2:
                v9, v10 = uS_II(buf, pos + 4)
                v8 = v9 | v10 << 32
                pos += 12
            elif n7 == 3:
                v9, v10, v11 = uS_III(buf, pos + 4)
                v8 = v9 | v10 << 32 | v11 << 64
                pos += 16
            elif n7 == 1:
                v8, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v8 = unpack_bitmap(buf, pos + 4, n7)
                pos += 4 + n7 * 4
            n12, = uS_I(buf, pos)
            b13 = pos + 4
            e14 = b13 + n12
            pos = e14 + (-n12 & 3)
            if n12 > 1048576 or pos > end:
                raise XdrError("fattr4.attr_vals: length")
            v15 = bytes(buf[b13:e14])
            v16, = uS_Q(buf, pos)
            pos += 8
            v2.append(notify_remove4(notify_entry4(v6, fattr4(v8, v15)), v16))
        n17, = uS_I(buf, pos)
        b18 = pos + 4
        e19 = b18 + n17
        pos = e19 + (-n17 & 3)
        if n17 > 4096 or pos > end:
            raise XdrError("notify_entry4.ne_file: length")
        v20 = bytes(buf[b18:e19])
        n21, = uS_I(buf, pos)
        if n21 == 2:
            v23, v24 = uS_II(buf, pos + 4)
            v22 = v23 | v24 << 32
            pos += 12
        elif n21 == 3:
            v23, v24, v25 = uS_III(buf, pos + 4)
            v22 = v23 | v24 << 32 | v25 << 64
            pos += 16
        elif n21 == 1:
            v22, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v22 = unpack_bitmap(buf, pos + 4, n21)
            pos += 4 + n21 * 4
        n26, = uS_I(buf, pos)
        b27 = pos + 4
        e28 = b27 + n26
        pos = e28 + (-n26 & 3)
        if n26 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v29 = bytes(buf[b27:e28])
        n30, = uS_I(buf, pos)
        pos += 4
        if n30 > 1 or n30 * 8 > end - pos:
            raise XdrError("notify_add4.nad_new_entry_cookie: count")
        v31 = list(unpack_from(f">{n30}Q", buf, pos))
        pos += n30 * 8
        n32, = uS_I(buf, pos)
        pos += 4
        if n32 > 1 or n32 * 20 > end - pos:
            raise XdrError("notify_add4.nad_prev_entry: count")
        v33: list[prev_entry4] = []
        for _ in range(n32):
            n34, = uS_I(buf, pos)
            b35 = pos + 4
            e36 = b35 + n34
            pos = e36 + (-n34 & 3)
            if n34 > 4096 or pos > end:
                raise XdrError("notify_entry4.ne_file: length")
            v37 = bytes(buf[b35:e36])
            n38, = uS_I(buf, pos)
            if n38 == 2:
                v40, v41 = uS_II(buf, pos + 4)
                v39 = v40 | v41 << 32
                pos += 12
            elif n38 == 3:
                v40, v41, v42 = uS_III(buf, pos + 4)
                v39 = v40 | v41 << 32 | v42 << 64
                pos += 16
            elif n38 == 1:
                v39, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v39 = unpack_bitmap(buf, pos + 4, n38)
                pos += 4 + n38 * 4
            n43, = uS_I(buf, pos)
            b44 = pos + 4
            e45 = b44 + n43
            pos = e45 + (-n43 & 3)
            if n43 > 1048576 or pos > end:
                raise XdrError("fattr4.attr_vals: length")
            v46 = bytes(buf[b44:e45])
            v47, = uS_Q(buf, pos)
            pos += 8
            v33.append(prev_entry4(notify_entry4(v37, fattr4(v39, v46)), v47))
        v48, = uS_I(buf, pos)
        if v48 > 1:
            raise XdrError("notify_add4: a bool is 0 or 1")
        return notify_add4(v2, notify_entry4(v20, fattr4(v22, v29)), v31, v33, v48 == 1), pos + 4
    except StructError:
        raise XdrError("notify_add4: truncated") from None


def append_notify_add4(out: list[bytes], v: notify_add4) -> None:
    try:
        v1 = v.nad_old_entry
        n2 = len(v1)
        if n2 > 1:
            raise XdrError("notify_add4.nad_old_entry: count")
        out.append(pS_I(n2))
        for v3 in v1:
            o4 = v3.nrm_old_entry
            v5 = o4.ne_file
            n6 = len(v5)
            if n6 > 4096:
                raise XdrError("notify_entry4.ne_file: length")
            out.append(pS_I(n6))
            out.append(v5)
            if n6 & 3:
                out.append(PADS[n6 & 3])
            o7 = o4.ne_attrs
            out.append(pack_bitmap(o7.attrmask))
            v8 = o7.attr_vals
            n9 = len(v8)
            if n9 > 1048576:
                raise XdrError("fattr4.attr_vals: length")
            out.append(pS_I(n9))
            out.append(v8)
            if n9 & 3:
                out.append(PADS[n9 & 3])
            out.append(pS_Q(v3.nrm_old_entry_cookie))
        o10 = v.nad_new_entry
        v11 = o10.ne_file
        n12 = len(v11)
        if n12 > 4096:
            raise XdrError("notify_entry4.ne_file: length")
        out.append(pS_I(n12))
        out.append(v11)
        if n12 & 3:
            out.append(PADS[n12 & 3])
        o13 = o10.ne_attrs
        out.append(pack_bitmap(o13.attrmask))
        v14 = o13.attr_vals
        n15 = len(v14)
        if n15 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n15))
        out.append(v14)
        if n15 & 3:
            out.append(PADS[n15 & 3])
        v16 = v.nad_new_entry_cookie
        n17 = len(v16)
        if n17 > 1:
            raise XdrError("notify_add4.nad_new_entry_cookie: count")
        out.append(pS_I(n17))
        out.append(pack(f">{n17}Q", *v16))
        v19 = v.nad_prev_entry
        n20 = len(v19)
        if n20 > 1:
            raise XdrError("notify_add4.nad_prev_entry: count")
        out.append(pS_I(n20))
        for v21 in v19:
            o22 = v21.pe_prev_entry
            v23 = o22.ne_file
            n24 = len(v23)
            if n24 > 4096:
                raise XdrError("notify_entry4.ne_file: length")
            out.append(pS_I(n24))
            out.append(v23)
            if n24 & 3:
                out.append(PADS[n24 & 3])
            o25 = o22.ne_attrs
            out.append(pack_bitmap(o25.attrmask))
            v26 = o25.attr_vals
            n27 = len(v26)
            if n27 > 1048576:
                raise XdrError("fattr4.attr_vals: length")
            out.append(pS_I(n27))
            out.append(v26)
            if n27 & 3:
                out.append(PADS[n27 & 3])
            out.append(pS_Q(v21.pe_prev_entry_cookie))
        out.append(pS_I(v.nad_last_entry))
    except StructError:
        raise XdrError("notify_add4: value out of range") from None


def pack_notify_add4(v: notify_add4) -> bytes:
    out: list[bytes] = []
    append_notify_add4(out, v)
    return b"".join(out)


def unpack_notify_attr4(buf: Buffer, pos: int) -> tuple[notify_attr4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("notify_entry4.ne_file: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        if n5 == 2:
            v7, v8 = uS_II(buf, pos + 4)
            v6 = v7 | v8 << 32
            pos += 12
        elif n5 == 3:
            v7, v8, v9 = uS_III(buf, pos + 4)
            v6 = v7 | v8 << 32 | v9 << 64
            pos += 16
        elif n5 == 1:
            v6, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v6 = unpack_bitmap(buf, pos + 4, n5)
            pos += 4 + n5 * 4
        n10, = uS_I(buf, pos)
        b11 = pos + 4
        e12 = b11 + n10
        pos = e12 + (-n10 & 3)
        if n10 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v13 = bytes(buf[b11:e12])
        return notify_attr4(notify_entry4(v4, fattr4(v6, v13))), pos
    except StructError:
        raise XdrError("notify_attr4: truncated") from None


def append_notify_attr4(out: list[bytes], v: notify_attr4) -> None:
    try:
        o1 = v.na_changed_entry
        v2 = o1.ne_file
        n3 = len(v2)
        if n3 > 4096:
            raise XdrError("notify_entry4.ne_file: length")
        out.append(pS_I(n3))
        out.append(v2)
        if n3 & 3:
            out.append(PADS[n3 & 3])
        o4 = o1.ne_attrs
        out.append(pack_bitmap(o4.attrmask))
        v5 = o4.attr_vals
        n6 = len(v5)
        if n6 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n6))
        out.append(v5)
        if n6 & 3:
            out.append(PADS[n6 & 3])
    except StructError:
        raise XdrError("notify_attr4: value out of range") from None


def pack_notify_attr4(v: notify_attr4) -> bytes:
    out: list[bytes] = []
    append_notify_attr4(out, v)
    return b"".join(out)


def unpack_notify_rename4(buf: Buffer, pos: int) -> tuple[notify_rename4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("notify_entry4.ne_file: length")
        v4 = bytes(buf[b2:e3])
        n5, = uS_I(buf, pos)
        if n5 == 2:
            v7, v8 = uS_II(buf, pos + 4)
            v6 = v7 | v8 << 32
            pos += 12
        elif n5 == 3:
            v7, v8, v9 = uS_III(buf, pos + 4)
            v6 = v7 | v8 << 32 | v9 << 64
            pos += 16
        elif n5 == 1:
            v6, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v6 = unpack_bitmap(buf, pos + 4, n5)
            pos += 4 + n5 * 4
        n10, = uS_I(buf, pos)
        b11 = pos + 4
        e12 = b11 + n10
        pos = e12 + (-n10 & 3)
        if n10 > 1048576 or pos > end:
            raise XdrError("fattr4.attr_vals: length")
        v13 = bytes(buf[b11:e12])
        v14, = uS_Q(buf, pos)
        pos += 8
        v15, pos = unpack_notify_add4(buf, pos)
        return notify_rename4(notify_remove4(notify_entry4(v4, fattr4(v6, v13)), v14), v15), pos
    except StructError:
        raise XdrError("notify_rename4: truncated") from None


def append_notify_rename4(out: list[bytes], v: notify_rename4) -> None:
    try:
        o1 = v.nrn_old_entry
        o2 = o1.nrm_old_entry
        v3 = o2.ne_file
        n4 = len(v3)
        if n4 > 4096:
            raise XdrError("notify_entry4.ne_file: length")
        out.append(pS_I(n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
        o5 = o2.ne_attrs
        out.append(pack_bitmap(o5.attrmask))
        v6 = o5.attr_vals
        n7 = len(v6)
        if n7 > 1048576:
            raise XdrError("fattr4.attr_vals: length")
        out.append(pS_I(n7))
        out.append(v6)
        if n7 & 3:
            out.append(PADS[n7 & 3])
        out.append(pS_Q(o1.nrm_old_entry_cookie))
        append_notify_add4(out, v.nrn_new_entry)
    except StructError:
        raise XdrError("notify_rename4: value out of range") from None


def pack_notify_rename4(v: notify_rename4) -> bytes:
    out: list[bytes] = []
    append_notify_rename4(out, v)
    return b"".join(out)


def unpack_notify_verifier4(buf: Buffer, pos: int) -> tuple[notify_verifier4, int]:
    try:
        v1, v2 = uS_8s8s(buf, pos)
        return notify_verifier4(v1, v2), pos + 16
    except StructError:
        raise XdrError("notify_verifier4: truncated") from None


def append_notify_verifier4(out: list[bytes], v: notify_verifier4) -> None:
    try:
        v1 = v.nv_old_cookieverf
        if len(v1) != 8:
            raise XdrError("notify_verifier4.nv_old_cookieverf: length")
        v2 = v.nv_new_cookieverf
        if len(v2) != 8:
            raise XdrError("notify_verifier4.nv_new_cookieverf: length")
        out.append(pS_8s8s(v1, v2))
    except StructError:
        raise XdrError("notify_verifier4: value out of range") from None


def pack_notify_verifier4(v: notify_verifier4) -> bytes:
    try:
        v1 = v.nv_old_cookieverf
        if len(v1) != 8:
            raise XdrError("notify_verifier4.nv_old_cookieverf: length")
        v2 = v.nv_new_cookieverf
        if len(v2) != 8:
            raise XdrError("notify_verifier4.nv_new_cookieverf: length")
        return pS_8s8s(v1, v2)
    except StructError:
        raise XdrError("notify_verifier4: value out of range") from None


def unpack_notifylist4(buf: Buffer, pos: int) -> tuple[bytes, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 1048576 or pos > end:
            raise XdrError("notifylist4: length")
        v4 = bytes(buf[b2:e3])
        return v4, pos
    except StructError:
        raise XdrError("notifylist4: truncated") from None


def append_notifylist4(out: list[bytes], v: bytes) -> None:
    try:
        v1 = v
        n2 = len(v1)
        if n2 > 1048576:
            raise XdrError("notifylist4: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("notifylist4: value out of range") from None


def pack_notifylist4(v: bytes) -> bytes:
    out: list[bytes] = []
    append_notifylist4(out, v)
    return b"".join(out)


def unpack_notify4(buf: Buffer, pos: int) -> tuple[notify4, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        if n1 == 2:
            v3, v4 = uS_II(buf, pos + 4)
            v2 = v3 | v4 << 32
            pos += 12
        elif n1 == 3:
            v3, v4, v5 = uS_III(buf, pos + 4)
            v2 = v3 | v4 << 32 | v5 << 64
            pos += 16
        elif n1 == 1:
            v2, = uS_I(buf, pos + 4)
            pos += 8
        else:
            v2 = unpack_bitmap(buf, pos + 4, n1)
            pos += 4 + n1 * 4
        n6, = uS_I(buf, pos)
        b7 = pos + 4
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 1048576 or pos > end:
            raise XdrError("notify4.notify_vals: length")
        v9 = bytes(buf[b7:e8])
        return notify4(v2, v9), pos
    except StructError:
        raise XdrError("notify4: truncated") from None


def append_notify4(out: list[bytes], v: notify4) -> None:
    try:
        out.append(pack_bitmap(v.notify_mask))
        v1 = v.notify_vals
        n2 = len(v1)
        if n2 > 1048576:
            raise XdrError("notify4.notify_vals: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
    except StructError:
        raise XdrError("notify4: value out of range") from None


def pack_notify4(v: notify4) -> bytes:
    out: list[bytes] = []
    append_notify4(out, v)
    return b"".join(out)


def unpack_CB_NOTIFY4args(buf: Buffer, pos: int) -> tuple[CB_NOTIFY4args, int]:
    try:
        end = len(buf)
        v1, v2, n3 = uS_I12sI(buf, pos)
        b4 = pos + 20
        e5 = b4 + n3
        pos = e5 + (-n3 & 3)
        if n3 > 128 or pos > end:
            raise XdrError("CB_NOTIFY4args.cna_fh: length")
        v6 = bytes(buf[b4:e5])
        n7, = uS_I(buf, pos)
        pos += 4
        if n7 > 4096 or n7 * 8 > end - pos:
            raise XdrError("CB_NOTIFY4args.cna_changes: count")
        v8: list[notify4] = []
        for _ in range(n7):
            n9, = uS_I(buf, pos)
            if n9 == 2:
                v11, v12 = uS_II(buf, pos + 4)
                v10 = v11 | v12 << 32
                pos += 12
            elif n9 == 3:
                v11, v12, v13 = uS_III(buf, pos + 4)
                v10 = v11 | v12 << 32 | v13 << 64
                pos += 16
            elif n9 == 1:
                v10, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v10 = unpack_bitmap(buf, pos + 4, n9)
                pos += 4 + n9 * 4
            n14, = uS_I(buf, pos)
            b15 = pos + 4
            e16 = b15 + n14
            pos = e16 + (-n14 & 3)
            if n14 > 1048576 or pos > end:
                raise XdrError("notify4.notify_vals: length")
            v17 = bytes(buf[b15:e16])
            v8.append(notify4(v10, v17))
        return CB_NOTIFY4args(stateid4(v1, v2), v6, v8), pos
    except StructError:
        raise XdrError("CB_NOTIFY4args: truncated") from None


def append_CB_NOTIFY4args(out: list[bytes], v: CB_NOTIFY4args) -> None:
    try:
        o1 = v.cna_stateid
        v2 = o1.other
        if len(v2) != 12:
            raise XdrError("stateid4.other: length")
        v3 = v.cna_fh
        n4 = len(v3)
        if n4 > 128:
            raise XdrError("CB_NOTIFY4args.cna_fh: length")
        out.append(pS_I12sI(o1.seqid, v2, n4))
        out.append(v3)
        if n4 & 3:
            out.append(PADS[n4 & 3])
        v5 = v.cna_changes
        n6 = len(v5)
        if n6 > 4096:
            raise XdrError("CB_NOTIFY4args.cna_changes: count")
        out.append(pS_I(n6))
        for v7 in v5:
            out.append(pack_bitmap(v7.notify_mask))
            v8 = v7.notify_vals
            n9 = len(v8)
            if n9 > 1048576:
                raise XdrError("notify4.notify_vals: length")
            out.append(pS_I(n9))
            out.append(v8)
            if n9 & 3:
                out.append(PADS[n9 & 3])
    except StructError:
        raise XdrError("CB_NOTIFY4args: value out of range") from None


def pack_CB_NOTIFY4args(v: CB_NOTIFY4args) -> bytes:
    out: list[bytes] = []
    append_CB_NOTIFY4args(out, v)
    return b"".join(out)


def unpack_CB_NOTIFY4res(buf: Buffer, pos: int) -> tuple[CB_NOTIFY4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_NOTIFY4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_NOTIFY4res: truncated") from None


def append_CB_NOTIFY4res(out: list[bytes], v: CB_NOTIFY4res) -> None:
    try:
        out.append(pS_I(v.cnr_status))
    except StructError:
        raise XdrError("CB_NOTIFY4res: value out of range") from None


def pack_CB_NOTIFY4res(v: CB_NOTIFY4res) -> bytes:
    out: list[bytes] = []
    append_CB_NOTIFY4res(out, v)
    return b"".join(out)


def unpack_CB_PUSH_DELEG4args(buf: Buffer, pos: int) -> tuple[CB_PUSH_DELEG4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 128 or pos > end:
            raise XdrError("CB_PUSH_DELEG4args.cpda_fh: length")
        v4 = bytes(buf[b2:e3])
        d5, = uS_I(buf, pos)
        pos += 4
        if d5 == 0:
            v6 = open_delegation4(d5)
        elif d5 == 1:
            v7, v8, v9, v10, v11, v12, n13 = uS_I12sIIIII(buf, pos)
            if v9 > 1:
                raise XdrError("CB_PUSH_DELEG4args: a bool is 0 or 1")
            b14 = pos + 36
            e15 = b14 + n13
            pos = e15 + (-n13 & 3)
            if n13 > 4096 or pos > end:
                raise XdrError("nfsace4.who: length")
            v16 = bytes(buf[b14:e15])
            v6 = open_delegation4(d5, open_read_delegation4(stateid4(v7, v8), v9 == 1, nfsace4(v10, v11, v12, v16)))
        elif d5 == 2:
            v17, v18, v19, d20 = uS_I12sII(buf, pos)
            if v19 > 1:
                raise XdrError("CB_PUSH_DELEG4args: a bool is 0 or 1")
            pos += 24
            if d20 == 1:
                v22, = uS_Q(buf, pos)
                pos += 8
                v21 = nfs_space_limit4(d20, v22)
            elif d20 == 2:
                v23, v24 = uS_II(buf, pos)
                pos += 8
                v21 = nfs_space_limit4(d20, None, nfs_modified_limit4(v23, v24))
            else:
                raise XdrError("nfs_space_limit4: no such arm")
            v25, v26, v27, n28 = uS_IIII(buf, pos)
            b29 = pos + 16
            e30 = b29 + n28
            pos = e30 + (-n28 & 3)
            if n28 > 4096 or pos > end:
                raise XdrError("nfsace4.who: length")
            v31 = bytes(buf[b29:e30])
            v6 = open_delegation4(d5, None, open_write_delegation4(stateid4(v17, v18), v19 == 1, v21, nfsace4(v25, v26, v27, v31)))
        elif d5 == 3:
            d32, = uS_I(buf, pos)
            pos += 4
            if d32 == 1:
                v34, = uS_I(buf, pos)
                if v34 > 1:
                    raise XdrError("CB_PUSH_DELEG4args: a bool is 0 or 1")
                pos += 4
                v33 = open_none_delegation4(d32, v34 == 1)
            elif d32 == 2:
                v35, = uS_I(buf, pos)
                if v35 > 1:
                    raise XdrError("CB_PUSH_DELEG4args: a bool is 0 or 1")
                pos += 4
                v33 = open_none_delegation4(d32, None, v35 == 1)
            else:
                v33 = open_none_delegation4(d32)
            v6 = open_delegation4(d5, None, None, v33)
        else:
            raise XdrError("open_delegation4: no such arm")
        return CB_PUSH_DELEG4args(v4, v6), pos
    except StructError:
        raise XdrError("CB_PUSH_DELEG4args: truncated") from None


def append_CB_PUSH_DELEG4args(out: list[bytes], v: CB_PUSH_DELEG4args) -> None:
    try:
        v1 = v.cpda_fh
        n2 = len(v1)
        if n2 > 128:
            raise XdrError("CB_PUSH_DELEG4args.cpda_fh: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        o3 = v.cpda_delegation
        d4 = o3.delegation_type
        out.append(pS_I(d4))
        if d4 == 0:
            pass
        elif d4 == 1:
            o5 = o3.read
            if o5 is None:
                raise XdrError("open_delegation4.read: the selected arm is missing")
            o6 = o5.stateid
            v7 = o6.other
            if len(v7) != 12:
                raise XdrError("stateid4.other: length")
            o8 = o5.permissions
            v9 = o8.who
            n10 = len(v9)
            if n10 > 4096:
                raise XdrError("nfsace4.who: length")
            out.append(pS_I12sIIIII(o6.seqid, v7, o5.recall, o8.type, o8.flag, o8.access_mask, n10))
            out.append(v9)
            if n10 & 3:
                out.append(PADS[n10 & 3])
        elif d4 == 2:
            o11 = o3.write
            if o11 is None:
                raise XdrError("open_delegation4.write: the selected arm is missing")
            o12 = o11.stateid
            v13 = o12.other
            if len(v13) != 12:
                raise XdrError("stateid4.other: length")
            o14 = o11.space_limit
            d15 = o14.limitby
            out.append(pS_I12sII(o12.seqid, v13, o11.recall, d15))
            if d15 == 1:
                o16 = o14.filesize
                if o16 is None:
                    raise XdrError("nfs_space_limit4.filesize: the selected arm is missing")
                out.append(pS_Q(o16))
            elif d15 == 2:
                o17 = o14.mod_blocks
                if o17 is None:
                    raise XdrError("nfs_space_limit4.mod_blocks: the selected arm is missing")
                out.append(pS_II(o17.num_blocks, o17.bytes_per_block))
            else:
                raise XdrError("nfs_space_limit4: no such arm")
            o18 = o11.permissions
            v19 = o18.who
            n20 = len(v19)
            if n20 > 4096:
                raise XdrError("nfsace4.who: length")
            out.append(pS_IIII(o18.type, o18.flag, o18.access_mask, n20))
            out.append(v19)
            if n20 & 3:
                out.append(PADS[n20 & 3])
        elif d4 == 3:
            o21 = o3.od_whynone
            if o21 is None:
                raise XdrError("open_delegation4.od_whynone: the selected arm is missing")
            d22 = o21.ond_why
            out.append(pS_I(d22))
            if d22 == 1:
                o23 = o21.ond_server_will_push_deleg
                if o23 is None:
                    raise XdrError("open_none_delegation4.ond_server_will_push_deleg: the selected arm is missing")
                out.append(pS_I(o23))
            elif d22 == 2:
                o24 = o21.ond_server_will_signal_avail
                if o24 is None:
                    raise XdrError("open_none_delegation4.ond_server_will_signal_avail: the selected arm is missing")
                out.append(pS_I(o24))
        else:
            raise XdrError("open_delegation4: no such arm")
    except StructError:
        raise XdrError("CB_PUSH_DELEG4args: value out of range") from None


def pack_CB_PUSH_DELEG4args(v: CB_PUSH_DELEG4args) -> bytes:
    out: list[bytes] = []
    append_CB_PUSH_DELEG4args(out, v)
    return b"".join(out)


def unpack_CB_PUSH_DELEG4res(buf: Buffer, pos: int) -> tuple[CB_PUSH_DELEG4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_PUSH_DELEG4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_PUSH_DELEG4res: truncated") from None


def append_CB_PUSH_DELEG4res(out: list[bytes], v: CB_PUSH_DELEG4res) -> None:
    try:
        out.append(pS_I(v.cpdr_status))
    except StructError:
        raise XdrError("CB_PUSH_DELEG4res: value out of range") from None


def pack_CB_PUSH_DELEG4res(v: CB_PUSH_DELEG4res) -> bytes:
    out: list[bytes] = []
    append_CB_PUSH_DELEG4res(out, v)
    return b"".join(out)


def unpack_CB_RECALL_ANY4args(buf: Buffer, pos: int) -> tuple[CB_RECALL_ANY4args, int]:
    try:
        v1, n2 = uS_II(buf, pos)
        if n2 == 2:
            v4, v5 = uS_II(buf, pos + 8)
            v3 = v4 | v5 << 32
            pos += 16
        elif n2 == 3:
            v4, v5, v6 = uS_III(buf, pos + 8)
            v3 = v4 | v5 << 32 | v6 << 64
            pos += 20
        elif n2 == 1:
            v3, = uS_I(buf, pos + 8)
            pos += 12
        else:
            v3 = unpack_bitmap(buf, pos + 8, n2)
            pos += 8 + n2 * 4
        return CB_RECALL_ANY4args(v1, v3), pos
    except StructError:
        raise XdrError("CB_RECALL_ANY4args: truncated") from None


def append_CB_RECALL_ANY4args(out: list[bytes], v: CB_RECALL_ANY4args) -> None:
    try:
        out.append(pS_I(v.craa_objects_to_keep))
        out.append(pack_bitmap(v.craa_type_mask))
    except StructError:
        raise XdrError("CB_RECALL_ANY4args: value out of range") from None


def pack_CB_RECALL_ANY4args(v: CB_RECALL_ANY4args) -> bytes:
    out: list[bytes] = []
    append_CB_RECALL_ANY4args(out, v)
    return b"".join(out)


def unpack_CB_RECALL_ANY4res(buf: Buffer, pos: int) -> tuple[CB_RECALL_ANY4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_RECALL_ANY4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_RECALL_ANY4res: truncated") from None


def append_CB_RECALL_ANY4res(out: list[bytes], v: CB_RECALL_ANY4res) -> None:
    try:
        out.append(pS_I(v.crar_status))
    except StructError:
        raise XdrError("CB_RECALL_ANY4res: value out of range") from None


def pack_CB_RECALL_ANY4res(v: CB_RECALL_ANY4res) -> bytes:
    out: list[bytes] = []
    append_CB_RECALL_ANY4res(out, v)
    return b"".join(out)

unpack_CB_RECALLABLE_OBJ_AVAIL4args = unpack_CB_RECALL_ANY4args
append_CB_RECALLABLE_OBJ_AVAIL4args = append_CB_RECALL_ANY4args
pack_CB_RECALLABLE_OBJ_AVAIL4args = pack_CB_RECALL_ANY4args


def unpack_CB_RECALLABLE_OBJ_AVAIL4res(buf: Buffer, pos: int) -> tuple[CB_RECALLABLE_OBJ_AVAIL4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_RECALLABLE_OBJ_AVAIL4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_RECALLABLE_OBJ_AVAIL4res: truncated") from None


def append_CB_RECALLABLE_OBJ_AVAIL4res(out: list[bytes], v: CB_RECALLABLE_OBJ_AVAIL4res) -> None:
    try:
        out.append(pS_I(v.croa_status))
    except StructError:
        raise XdrError("CB_RECALLABLE_OBJ_AVAIL4res: value out of range") from None


def pack_CB_RECALLABLE_OBJ_AVAIL4res(v: CB_RECALLABLE_OBJ_AVAIL4res) -> bytes:
    out: list[bytes] = []
    append_CB_RECALLABLE_OBJ_AVAIL4res(out, v)
    return b"".join(out)


def unpack_CB_RECALL_SLOT4args(buf: Buffer, pos: int) -> tuple[CB_RECALL_SLOT4args, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_RECALL_SLOT4args(v1), pos + 4
    except StructError:
        raise XdrError("CB_RECALL_SLOT4args: truncated") from None


def append_CB_RECALL_SLOT4args(out: list[bytes], v: CB_RECALL_SLOT4args) -> None:
    try:
        out.append(pS_I(v.rsa_target_highest_slotid))
    except StructError:
        raise XdrError("CB_RECALL_SLOT4args: value out of range") from None


def pack_CB_RECALL_SLOT4args(v: CB_RECALL_SLOT4args) -> bytes:
    out: list[bytes] = []
    append_CB_RECALL_SLOT4args(out, v)
    return b"".join(out)


def unpack_CB_RECALL_SLOT4res(buf: Buffer, pos: int) -> tuple[CB_RECALL_SLOT4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_RECALL_SLOT4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_RECALL_SLOT4res: truncated") from None


def append_CB_RECALL_SLOT4res(out: list[bytes], v: CB_RECALL_SLOT4res) -> None:
    try:
        out.append(pS_I(v.rsr_status))
    except StructError:
        raise XdrError("CB_RECALL_SLOT4res: value out of range") from None


def pack_CB_RECALL_SLOT4res(v: CB_RECALL_SLOT4res) -> bytes:
    out: list[bytes] = []
    append_CB_RECALL_SLOT4res(out, v)
    return b"".join(out)


def unpack_referring_call4(buf: Buffer, pos: int) -> tuple[referring_call4, int]:
    try:
        v1, v2 = uS_II(buf, pos)
        return referring_call4(v1, v2), pos + 8
    except StructError:
        raise XdrError("referring_call4: truncated") from None


def append_referring_call4(out: list[bytes], v: referring_call4) -> None:
    try:
        out.append(pS_II(v.rc_sequenceid, v.rc_slotid))
    except StructError:
        raise XdrError("referring_call4: value out of range") from None


def pack_referring_call4(v: referring_call4) -> bytes:
    try:
        return pS_II(v.rc_sequenceid, v.rc_slotid)
    except StructError:
        raise XdrError("referring_call4: value out of range") from None


def unpack_referring_call_list4(buf: Buffer, pos: int) -> tuple[referring_call_list4, int]:
    try:
        end = len(buf)
        v1, n2 = uS_16sI(buf, pos)
        pos += 20
        if n2 > 4096 or n2 * 8 > end - pos:
            raise XdrError("referring_call_list4.rcl_referring_calls: count")
        v3: list[referring_call4] = []
        for _ in range(n2):
            v4, v5 = uS_II(buf, pos)
            pos += 8
            v3.append(referring_call4(v4, v5))
        return referring_call_list4(v1, v3), pos
    except StructError:
        raise XdrError("referring_call_list4: truncated") from None


def append_referring_call_list4(out: list[bytes], v: referring_call_list4) -> None:
    try:
        v1 = v.rcl_sessionid
        if len(v1) != 16:
            raise XdrError("referring_call_list4.rcl_sessionid: length")
        v2 = v.rcl_referring_calls
        n3 = len(v2)
        if n3 > 4096:
            raise XdrError("referring_call_list4.rcl_referring_calls: count")
        out.append(pS_16sI(v1, n3))
        for v4 in v2:
            out.append(pS_II(v4.rc_sequenceid, v4.rc_slotid))
    except StructError:
        raise XdrError("referring_call_list4: value out of range") from None


def pack_referring_call_list4(v: referring_call_list4) -> bytes:
    out: list[bytes] = []
    append_referring_call_list4(out, v)
    return b"".join(out)


def unpack_CB_SEQUENCE4args(buf: Buffer, pos: int) -> tuple[CB_SEQUENCE4args, int]:
    try:
        end = len(buf)
        v1, v2, v3, v4, v5, n6 = uS_16sIIIII(buf, pos)
        if v5 > 1:
            raise XdrError("CB_SEQUENCE4args: a bool is 0 or 1")
        pos += 36
        if n6 > 4096 or n6 * 20 > end - pos:
            raise XdrError("CB_SEQUENCE4args.csa_referring_call_lists: count")
        v7: list[referring_call_list4] = []
        for _ in range(n6):
            v8, n9 = uS_16sI(buf, pos)
            pos += 20
            if n9 > 4096 or n9 * 8 > end - pos:
                raise XdrError("referring_call_list4.rcl_referring_calls: count")
            v10: list[referring_call4] = []
            for _ in range(n9):
                v11, v12 = uS_II(buf, pos)
                pos += 8
                v10.append(referring_call4(v11, v12))
            v7.append(referring_call_list4(v8, v10))
        return CB_SEQUENCE4args(v1, v2, v3, v4, v5 == 1, v7), pos
    except StructError:
        raise XdrError("CB_SEQUENCE4args: truncated") from None


def append_CB_SEQUENCE4args(out: list[bytes], v: CB_SEQUENCE4args) -> None:
    try:
        v1 = v.csa_sessionid
        if len(v1) != 16:
            raise XdrError("CB_SEQUENCE4args.csa_sessionid: length")
        v2 = v.csa_referring_call_lists
        n3 = len(v2)
        if n3 > 4096:
            raise XdrError("CB_SEQUENCE4args.csa_referring_call_lists: count")
        out.append(pS_16sIIIII(v1, v.csa_sequenceid, v.csa_slotid, v.csa_highest_slotid, v.csa_cachethis, n3))
        for v4 in v2:
            v5 = v4.rcl_sessionid
            if len(v5) != 16:
                raise XdrError("referring_call_list4.rcl_sessionid: length")
            v6 = v4.rcl_referring_calls
            n7 = len(v6)
            if n7 > 4096:
                raise XdrError("referring_call_list4.rcl_referring_calls: count")
            out.append(pS_16sI(v5, n7))
            for v8 in v6:
                out.append(pS_II(v8.rc_sequenceid, v8.rc_slotid))
    except StructError:
        raise XdrError("CB_SEQUENCE4args: value out of range") from None


def pack_CB_SEQUENCE4args(v: CB_SEQUENCE4args) -> bytes:
    out: list[bytes] = []
    append_CB_SEQUENCE4args(out, v)
    return b"".join(out)


def unpack_CB_SEQUENCE4resok(buf: Buffer, pos: int) -> tuple[CB_SEQUENCE4resok, int]:
    try:
        v1, v2, v3, v4, v5 = uS_16sIIII(buf, pos)
        return CB_SEQUENCE4resok(v1, v2, v3, v4, v5), pos + 32
    except StructError:
        raise XdrError("CB_SEQUENCE4resok: truncated") from None


def append_CB_SEQUENCE4resok(out: list[bytes], v: CB_SEQUENCE4resok) -> None:
    try:
        v1 = v.csr_sessionid
        if len(v1) != 16:
            raise XdrError("CB_SEQUENCE4resok.csr_sessionid: length")
        out.append(pS_16sIIII(v1, v.csr_sequenceid, v.csr_slotid, v.csr_highest_slotid, v.csr_target_highest_slotid))
    except StructError:
        raise XdrError("CB_SEQUENCE4resok: value out of range") from None


def pack_CB_SEQUENCE4resok(v: CB_SEQUENCE4resok) -> bytes:
    try:
        v1 = v.csr_sessionid
        if len(v1) != 16:
            raise XdrError("CB_SEQUENCE4resok.csr_sessionid: length")
        return pS_16sIIII(v1, v.csr_sequenceid, v.csr_slotid, v.csr_highest_slotid, v.csr_target_highest_slotid)
    except StructError:
        raise XdrError("CB_SEQUENCE4resok: value out of range") from None


def unpack_CB_SEQUENCE4res(buf: Buffer, pos: int) -> tuple[CB_SEQUENCE4res, int]:
    try:
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            v3, v4, v5, v6, v7 = uS_16sIIII(buf, pos)
            pos += 32
            v2 = CB_SEQUENCE4res(d1, CB_SEQUENCE4resok(v3, v4, v5, v6, v7))
        else:
            v2 = CB_SEQUENCE4res(d1)
        return v2, pos
    except StructError:
        raise XdrError("CB_SEQUENCE4res: truncated") from None


def append_CB_SEQUENCE4res(out: list[bytes], v: CB_SEQUENCE4res) -> None:
    try:
        d1 = v.csr_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.csr_resok4
            if o2 is None:
                raise XdrError("CB_SEQUENCE4res.csr_resok4: the selected arm is missing")
            v3 = o2.csr_sessionid
            if len(v3) != 16:
                raise XdrError("CB_SEQUENCE4resok.csr_sessionid: length")
            out.append(pS_16sIIII(v3, o2.csr_sequenceid, o2.csr_slotid, o2.csr_highest_slotid, o2.csr_target_highest_slotid))
    except StructError:
        raise XdrError("CB_SEQUENCE4res: value out of range") from None


def pack_CB_SEQUENCE4res(v: CB_SEQUENCE4res) -> bytes:
    out: list[bytes] = []
    append_CB_SEQUENCE4res(out, v)
    return b"".join(out)


def unpack_CB_WANTS_CANCELLED4args(buf: Buffer, pos: int) -> tuple[CB_WANTS_CANCELLED4args, int]:
    try:
        v1, v2 = uS_II(buf, pos)
        if v1 > 1:
            raise XdrError("CB_WANTS_CANCELLED4args: a bool is 0 or 1")
        if v2 > 1:
            raise XdrError("CB_WANTS_CANCELLED4args: a bool is 0 or 1")
        return CB_WANTS_CANCELLED4args(v1 == 1, v2 == 1), pos + 8
    except StructError:
        raise XdrError("CB_WANTS_CANCELLED4args: truncated") from None


def append_CB_WANTS_CANCELLED4args(out: list[bytes], v: CB_WANTS_CANCELLED4args) -> None:
    try:
        out.append(pS_II(v.cwca_contended_wants_cancelled, v.cwca_resourced_wants_cancelled))
    except StructError:
        raise XdrError("CB_WANTS_CANCELLED4args: value out of range") from None


def pack_CB_WANTS_CANCELLED4args(v: CB_WANTS_CANCELLED4args) -> bytes:
    try:
        return pS_II(v.cwca_contended_wants_cancelled, v.cwca_resourced_wants_cancelled)
    except StructError:
        raise XdrError("CB_WANTS_CANCELLED4args: value out of range") from None


def unpack_CB_WANTS_CANCELLED4res(buf: Buffer, pos: int) -> tuple[CB_WANTS_CANCELLED4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_WANTS_CANCELLED4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_WANTS_CANCELLED4res: truncated") from None


def append_CB_WANTS_CANCELLED4res(out: list[bytes], v: CB_WANTS_CANCELLED4res) -> None:
    try:
        out.append(pS_I(v.cwcr_status))
    except StructError:
        raise XdrError("CB_WANTS_CANCELLED4res: value out of range") from None


def pack_CB_WANTS_CANCELLED4res(v: CB_WANTS_CANCELLED4res) -> bytes:
    out: list[bytes] = []
    append_CB_WANTS_CANCELLED4res(out, v)
    return b"".join(out)


def unpack_CB_NOTIFY_LOCK4args(buf: Buffer, pos: int) -> tuple[CB_NOTIFY_LOCK4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 128 or pos > end:
            raise XdrError("CB_NOTIFY_LOCK4args.cnla_fh: length")
        v4 = bytes(buf[b2:e3])
        v5, n6 = uS_QI(buf, pos)
        b7 = pos + 12
        e8 = b7 + n6
        pos = e8 + (-n6 & 3)
        if n6 > 1024 or pos > end:
            raise XdrError("state_owner4.owner: length")
        v9 = bytes(buf[b7:e8])
        return CB_NOTIFY_LOCK4args(v4, state_owner4(v5, v9)), pos
    except StructError:
        raise XdrError("CB_NOTIFY_LOCK4args: truncated") from None


def append_CB_NOTIFY_LOCK4args(out: list[bytes], v: CB_NOTIFY_LOCK4args) -> None:
    try:
        v1 = v.cnla_fh
        n2 = len(v1)
        if n2 > 128:
            raise XdrError("CB_NOTIFY_LOCK4args.cnla_fh: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        o3 = v.cnla_lock_owner
        v4 = o3.owner
        n5 = len(v4)
        if n5 > 1024:
            raise XdrError("state_owner4.owner: length")
        out.append(pS_QI(o3.clientid, n5))
        out.append(v4)
        if n5 & 3:
            out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("CB_NOTIFY_LOCK4args: value out of range") from None


def pack_CB_NOTIFY_LOCK4args(v: CB_NOTIFY_LOCK4args) -> bytes:
    out: list[bytes] = []
    append_CB_NOTIFY_LOCK4args(out, v)
    return b"".join(out)


def unpack_CB_NOTIFY_LOCK4res(buf: Buffer, pos: int) -> tuple[CB_NOTIFY_LOCK4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_NOTIFY_LOCK4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_NOTIFY_LOCK4res: truncated") from None


def append_CB_NOTIFY_LOCK4res(out: list[bytes], v: CB_NOTIFY_LOCK4res) -> None:
    try:
        out.append(pS_I(v.cnlr_status))
    except StructError:
        raise XdrError("CB_NOTIFY_LOCK4res: value out of range") from None


def pack_CB_NOTIFY_LOCK4res(v: CB_NOTIFY_LOCK4res) -> bytes:
    out: list[bytes] = []
    append_CB_NOTIFY_LOCK4res(out, v)
    return b"".join(out)


def unpack_notify_deviceid_type4(buf: Buffer, pos: int) -> tuple[int, int]:
    try:
        v1, = uS_I(buf, pos)
        return v1, pos + 4
    except StructError:
        raise XdrError("notify_deviceid_type4: truncated") from None


def append_notify_deviceid_type4(out: list[bytes], v: int) -> None:
    try:
        out.append(pS_I(v))
    except StructError:
        raise XdrError("notify_deviceid_type4: value out of range") from None


def pack_notify_deviceid_type4(v: int) -> bytes:
    out: list[bytes] = []
    append_notify_deviceid_type4(out, v)
    return b"".join(out)


def unpack_notify_deviceid_delete4(buf: Buffer, pos: int) -> tuple[notify_deviceid_delete4, int]:
    try:
        v1, v2 = uS_I16s(buf, pos)
        return notify_deviceid_delete4(v1, v2), pos + 20
    except StructError:
        raise XdrError("notify_deviceid_delete4: truncated") from None


def append_notify_deviceid_delete4(out: list[bytes], v: notify_deviceid_delete4) -> None:
    try:
        v1 = v.ndd_deviceid
        if len(v1) != 16:
            raise XdrError("notify_deviceid_delete4.ndd_deviceid: length")
        out.append(pS_I16s(v.ndd_layouttype, v1))
    except StructError:
        raise XdrError("notify_deviceid_delete4: value out of range") from None


def pack_notify_deviceid_delete4(v: notify_deviceid_delete4) -> bytes:
    try:
        v1 = v.ndd_deviceid
        if len(v1) != 16:
            raise XdrError("notify_deviceid_delete4.ndd_deviceid: length")
        return pS_I16s(v.ndd_layouttype, v1)
    except StructError:
        raise XdrError("notify_deviceid_delete4: value out of range") from None


def unpack_notify_deviceid_change4(buf: Buffer, pos: int) -> tuple[notify_deviceid_change4, int]:
    try:
        v1, v2, v3 = uS_I16sI(buf, pos)
        if v3 > 1:
            raise XdrError("notify_deviceid_change4: a bool is 0 or 1")
        return notify_deviceid_change4(v1, v2, v3 == 1), pos + 24
    except StructError:
        raise XdrError("notify_deviceid_change4: truncated") from None


def append_notify_deviceid_change4(out: list[bytes], v: notify_deviceid_change4) -> None:
    try:
        v1 = v.ndc_deviceid
        if len(v1) != 16:
            raise XdrError("notify_deviceid_change4.ndc_deviceid: length")
        out.append(pS_I16sI(v.ndc_layouttype, v1, v.ndc_immediate))
    except StructError:
        raise XdrError("notify_deviceid_change4: value out of range") from None


def pack_notify_deviceid_change4(v: notify_deviceid_change4) -> bytes:
    try:
        v1 = v.ndc_deviceid
        if len(v1) != 16:
            raise XdrError("notify_deviceid_change4.ndc_deviceid: length")
        return pS_I16sI(v.ndc_layouttype, v1, v.ndc_immediate)
    except StructError:
        raise XdrError("notify_deviceid_change4: value out of range") from None


def unpack_CB_NOTIFY_DEVICEID4args(buf: Buffer, pos: int) -> tuple[CB_NOTIFY_DEVICEID4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        pos += 4
        if n1 > 4096 or n1 * 8 > end - pos:
            raise XdrError("CB_NOTIFY_DEVICEID4args.cnda_changes: count")
        v2: list[notify4] = []
        for _ in range(n1):
            n3, = uS_I(buf, pos)
            if n3 == 2:
                v5, v6 = uS_II(buf, pos + 4)
                v4 = v5 | v6 << 32
                pos += 12
            elif n3 == 3:
                v5, v6, v7 = uS_III(buf, pos + 4)
                v4 = v5 | v6 << 32 | v7 << 64
                pos += 16
            elif n3 == 1:
                v4, = uS_I(buf, pos + 4)
                pos += 8
            else:
                v4 = unpack_bitmap(buf, pos + 4, n3)
                pos += 4 + n3 * 4
            n8, = uS_I(buf, pos)
            b9 = pos + 4
            e10 = b9 + n8
            pos = e10 + (-n8 & 3)
            if n8 > 1048576 or pos > end:
                raise XdrError("notify4.notify_vals: length")
            v11 = bytes(buf[b9:e10])
            v2.append(notify4(v4, v11))
        return CB_NOTIFY_DEVICEID4args(v2), pos
    except StructError:
        raise XdrError("CB_NOTIFY_DEVICEID4args: truncated") from None


def append_CB_NOTIFY_DEVICEID4args(out: list[bytes], v: CB_NOTIFY_DEVICEID4args) -> None:
    try:
        v1 = v.cnda_changes
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("CB_NOTIFY_DEVICEID4args.cnda_changes: count")
        out.append(pS_I(n2))
        for v3 in v1:
            out.append(pack_bitmap(v3.notify_mask))
            v4 = v3.notify_vals
            n5 = len(v4)
            if n5 > 1048576:
                raise XdrError("notify4.notify_vals: length")
            out.append(pS_I(n5))
            out.append(v4)
            if n5 & 3:
                out.append(PADS[n5 & 3])
    except StructError:
        raise XdrError("CB_NOTIFY_DEVICEID4args: value out of range") from None


def pack_CB_NOTIFY_DEVICEID4args(v: CB_NOTIFY_DEVICEID4args) -> bytes:
    out: list[bytes] = []
    append_CB_NOTIFY_DEVICEID4args(out, v)
    return b"".join(out)


def unpack_CB_NOTIFY_DEVICEID4res(buf: Buffer, pos: int) -> tuple[CB_NOTIFY_DEVICEID4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_NOTIFY_DEVICEID4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_NOTIFY_DEVICEID4res: truncated") from None


def append_CB_NOTIFY_DEVICEID4res(out: list[bytes], v: CB_NOTIFY_DEVICEID4res) -> None:
    try:
        out.append(pS_I(v.cndr_status))
    except StructError:
        raise XdrError("CB_NOTIFY_DEVICEID4res: value out of range") from None


def pack_CB_NOTIFY_DEVICEID4res(v: CB_NOTIFY_DEVICEID4res) -> bytes:
    out: list[bytes] = []
    append_CB_NOTIFY_DEVICEID4res(out, v)
    return b"".join(out)


def unpack_offload_info4(buf: Buffer, pos: int) -> tuple[offload_info4, int]:
    try:
        end = len(buf)
        d1, = uS_I(buf, pos)
        pos += 4
        if d1 == 0:
            n3, = uS_I(buf, pos)
            pos += 4
            if n3 > 1 or n3 * 16 > end - pos:
                raise XdrError("write_response4.wr_callback_id: count")
            v4: list[stateid4] = []
            for _ in range(n3):
                v5, v6 = uS_I12s(buf, pos)
                pos += 16
                v4.append(stateid4(v5, v6))
            v7, v8, v9 = uS_QI8s(buf, pos)
            pos += 20
            v2 = offload_info4(d1, write_response4(v4, v7, v8, v9))
        else:
            v10, = uS_Q(buf, pos)
            pos += 8
            v2 = offload_info4(d1, None, v10)
        return v2, pos
    except StructError:
        raise XdrError("offload_info4: truncated") from None


def append_offload_info4(out: list[bytes], v: offload_info4) -> None:
    try:
        d1 = v.coa_status
        out.append(pS_I(d1))
        if d1 == 0:
            o2 = v.coa_resok4
            if o2 is None:
                raise XdrError("offload_info4.coa_resok4: the selected arm is missing")
            v3 = o2.wr_callback_id
            n4 = len(v3)
            if n4 > 1:
                raise XdrError("write_response4.wr_callback_id: count")
            out.append(pS_I(n4))
            for v5 in v3:
                v6 = v5.other
                if len(v6) != 12:
                    raise XdrError("stateid4.other: length")
                out.append(pS_I12s(v5.seqid, v6))
            v7 = o2.wr_writeverf
            if len(v7) != 8:
                raise XdrError("write_response4.wr_writeverf: length")
            out.append(pS_QI8s(o2.wr_count, o2.wr_committed, v7))
        else:
            o8 = v.coa_bytes_copied
            if o8 is None:
                raise XdrError("offload_info4.coa_bytes_copied: the selected arm is missing")
            out.append(pS_Q(o8))
    except StructError:
        raise XdrError("offload_info4: value out of range") from None


def pack_offload_info4(v: offload_info4) -> bytes:
    out: list[bytes] = []
    append_offload_info4(out, v)
    return b"".join(out)


def unpack_CB_OFFLOAD4args(buf: Buffer, pos: int) -> tuple[CB_OFFLOAD4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 128 or pos > end:
            raise XdrError("CB_OFFLOAD4args.coa_fh: length")
        v4 = bytes(buf[b2:e3])
        v5, v6, d7 = uS_I12sI(buf, pos)
        pos += 20
        if d7 == 0:
            n9, = uS_I(buf, pos)
            pos += 4
            if n9 > 1 or n9 * 16 > end - pos:
                raise XdrError("write_response4.wr_callback_id: count")
            v10: list[stateid4] = []
            for _ in range(n9):
                v11, v12 = uS_I12s(buf, pos)
                pos += 16
                v10.append(stateid4(v11, v12))
            v13, v14, v15 = uS_QI8s(buf, pos)
            pos += 20
            v8 = offload_info4(d7, write_response4(v10, v13, v14, v15))
        else:
            v16, = uS_Q(buf, pos)
            pos += 8
            v8 = offload_info4(d7, None, v16)
        return CB_OFFLOAD4args(v4, stateid4(v5, v6), v8), pos
    except StructError:
        raise XdrError("CB_OFFLOAD4args: truncated") from None


def append_CB_OFFLOAD4args(out: list[bytes], v: CB_OFFLOAD4args) -> None:
    try:
        v1 = v.coa_fh
        n2 = len(v1)
        if n2 > 128:
            raise XdrError("CB_OFFLOAD4args.coa_fh: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        o3 = v.coa_stateid
        v4 = o3.other
        if len(v4) != 12:
            raise XdrError("stateid4.other: length")
        o5 = v.coa_offload_info
        d6 = o5.coa_status
        out.append(pS_I12sI(o3.seqid, v4, d6))
        if d6 == 0:
            o7 = o5.coa_resok4
            if o7 is None:
                raise XdrError("offload_info4.coa_resok4: the selected arm is missing")
            v8 = o7.wr_callback_id
            n9 = len(v8)
            if n9 > 1:
                raise XdrError("write_response4.wr_callback_id: count")
            out.append(pS_I(n9))
            for v10 in v8:
                v11 = v10.other
                if len(v11) != 12:
                    raise XdrError("stateid4.other: length")
                out.append(pS_I12s(v10.seqid, v11))
            v12 = o7.wr_writeverf
            if len(v12) != 8:
                raise XdrError("write_response4.wr_writeverf: length")
            out.append(pS_QI8s(o7.wr_count, o7.wr_committed, v12))
        else:
            o13 = o5.coa_bytes_copied
            if o13 is None:
                raise XdrError("offload_info4.coa_bytes_copied: the selected arm is missing")
            out.append(pS_Q(o13))
    except StructError:
        raise XdrError("CB_OFFLOAD4args: value out of range") from None


def pack_CB_OFFLOAD4args(v: CB_OFFLOAD4args) -> bytes:
    out: list[bytes] = []
    append_CB_OFFLOAD4args(out, v)
    return b"".join(out)


def unpack_CB_OFFLOAD4res(buf: Buffer, pos: int) -> tuple[CB_OFFLOAD4res, int]:
    try:
        v1, = uS_I(buf, pos)
        return CB_OFFLOAD4res(v1), pos + 4
    except StructError:
        raise XdrError("CB_OFFLOAD4res: truncated") from None


def append_CB_OFFLOAD4res(out: list[bytes], v: CB_OFFLOAD4res) -> None:
    try:
        out.append(pS_I(v.cor_status))
    except StructError:
        raise XdrError("CB_OFFLOAD4res: value out of range") from None


def pack_CB_OFFLOAD4res(v: CB_OFFLOAD4res) -> bytes:
    out: list[bytes] = []
    append_CB_OFFLOAD4res(out, v)
    return b"".join(out)


def unpack_nfs_cb_argop4(buf: Buffer, pos: int) -> tuple[nfs_cb_argop4, int]:
    op, pos = unpack_uint32(buf, pos)
    entry = CB_ARGS.get(op)
    if entry is None:
        raise XdrError("nfs_cb_argop4: no such operation")
    arm, pos = entry[0](buf, pos)
    return nfs_cb_argop4(op, arm), pos


def append_nfs_cb_argop4(out: list[bytes], v: nfs_cb_argop4) -> None:
    entry = CB_ARGS.get(v.argop)
    if entry is None:
        raise XdrError("nfs_cb_argop4: no such operation")
    out.append(pack_u32(v.argop))
    out.append(entry[1](v.arm))


def pack_nfs_cb_argop4(v: nfs_cb_argop4) -> bytes:
    out: list[bytes] = []
    append_nfs_cb_argop4(out, v)
    return b"".join(out)


def unpack_nfs_cb_resop4(buf: Buffer, pos: int) -> tuple[nfs_cb_resop4, int]:
    op, pos = unpack_uint32(buf, pos)
    entry = CB_RES.get(op)
    if entry is None:
        raise XdrError("nfs_cb_resop4: no such operation")
    arm, pos = entry[0](buf, pos)
    return nfs_cb_resop4(op, arm), pos


def append_nfs_cb_resop4(out: list[bytes], v: nfs_cb_resop4) -> None:
    entry = CB_RES.get(v.resop)
    if entry is None:
        raise XdrError("nfs_cb_resop4: no such operation")
    out.append(pack_u32(v.resop))
    out.append(entry[1](v.arm))


def pack_nfs_cb_resop4(v: nfs_cb_resop4) -> bytes:
    out: list[bytes] = []
    append_nfs_cb_resop4(out, v)
    return b"".join(out)


def unpack_CB_COMPOUND4args(buf: Buffer, pos: int) -> tuple[CB_COMPOUND4args, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("CB_COMPOUND4args.tag: length")
        v4 = bytes(buf[b2:e3])
        v5, v6, n7 = uS_III(buf, pos)
        pos += 12
        if n7 > 1024 or n7 * 4 > end - pos:
            raise XdrError("CB_COMPOUND4args.argarray: count")
        v8: list[nfs_cb_argop4] = []
        for _ in range(n7):
            v9, pos = unpack_nfs_cb_argop4(buf, pos)
            v8.append(v9)
        return CB_COMPOUND4args(v4, v5, v6, v8), pos
    except StructError:
        raise XdrError("CB_COMPOUND4args: truncated") from None


def append_CB_COMPOUND4args(out: list[bytes], v: CB_COMPOUND4args) -> None:
    try:
        v1 = v.tag
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("CB_COMPOUND4args.tag: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.argarray
        n4 = len(v3)
        if n4 > 1024:
            raise XdrError("CB_COMPOUND4args.argarray: count")
        out.append(pS_III(v.minorversion, v.callback_ident, n4))
        for v5 in v3:
            append_nfs_cb_argop4(out, v5)
    except StructError:
        raise XdrError("CB_COMPOUND4args: value out of range") from None


def pack_CB_COMPOUND4args(v: CB_COMPOUND4args) -> bytes:
    out: list[bytes] = []
    append_CB_COMPOUND4args(out, v)
    return b"".join(out)


def unpack_CB_COMPOUND4res(buf: Buffer, pos: int) -> tuple[CB_COMPOUND4res, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 4096 or pos > end:
            raise XdrError("CB_COMPOUND4res.tag: length")
        v5 = bytes(buf[b3:e4])
        n6, = uS_I(buf, pos)
        pos += 4
        if n6 > 1024 or n6 * 4 > end - pos:
            raise XdrError("CB_COMPOUND4res.resarray: count")
        v7: list[nfs_cb_resop4] = []
        for _ in range(n6):
            v8, pos = unpack_nfs_cb_resop4(buf, pos)
            v7.append(v8)
        return CB_COMPOUND4res(v1, v5, v7), pos
    except StructError:
        raise XdrError("CB_COMPOUND4res: truncated") from None


def append_CB_COMPOUND4res(out: list[bytes], v: CB_COMPOUND4res) -> None:
    try:
        v1 = v.tag
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("CB_COMPOUND4res.tag: length")
        out.append(pS_II(v.status, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        v3 = v.resarray
        n4 = len(v3)
        if n4 > 1024:
            raise XdrError("CB_COMPOUND4res.resarray: count")
        out.append(pS_I(n4))
        for v5 in v3:
            append_nfs_cb_resop4(out, v5)
    except StructError:
        raise XdrError("CB_COMPOUND4res: value out of range") from None


def pack_CB_COMPOUND4res(v: CB_COMPOUND4res) -> bytes:
    out: list[bytes] = []
    append_CB_COMPOUND4res(out, v)
    return b"".join(out)


def unpack_CB_COMPOUND4args_head(buf: Buffer, pos: int) -> tuple[CB_COMPOUND4args_head, int]:
    try:
        end = len(buf)
        n1, = uS_I(buf, pos)
        b2 = pos + 4
        e3 = b2 + n1
        pos = e3 + (-n1 & 3)
        if n1 > 4096 or pos > end:
            raise XdrError("CB_COMPOUND4args_head.tag: length")
        v4 = bytes(buf[b2:e3])
        v5, v6, v7 = uS_III(buf, pos)
        return CB_COMPOUND4args_head(v4, v5, v6, v7), pos + 12
    except StructError:
        raise XdrError("CB_COMPOUND4args_head: truncated") from None


def append_CB_COMPOUND4args_head(out: list[bytes], v: CB_COMPOUND4args_head) -> None:
    try:
        v1 = v.tag
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("CB_COMPOUND4args_head.tag: length")
        out.append(pS_I(n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        out.append(pS_III(v.minorversion, v.callback_ident, v.numops))
    except StructError:
        raise XdrError("CB_COMPOUND4args_head: value out of range") from None


def pack_CB_COMPOUND4args_head(v: CB_COMPOUND4args_head) -> bytes:
    out: list[bytes] = []
    append_CB_COMPOUND4args_head(out, v)
    return b"".join(out)


def unpack_CB_COMPOUND4res_head(buf: Buffer, pos: int) -> tuple[CB_COMPOUND4res_head, int]:
    try:
        end = len(buf)
        v1, n2 = uS_II(buf, pos)
        b3 = pos + 8
        e4 = b3 + n2
        pos = e4 + (-n2 & 3)
        if n2 > 4096 or pos > end:
            raise XdrError("CB_COMPOUND4res_head.tag: length")
        v5 = bytes(buf[b3:e4])
        v6, = uS_I(buf, pos)
        return CB_COMPOUND4res_head(v1, v5, v6), pos + 4
    except StructError:
        raise XdrError("CB_COMPOUND4res_head: truncated") from None


def append_CB_COMPOUND4res_head(out: list[bytes], v: CB_COMPOUND4res_head) -> None:
    try:
        v1 = v.tag
        n2 = len(v1)
        if n2 > 4096:
            raise XdrError("CB_COMPOUND4res_head.tag: length")
        out.append(pS_II(v.status, n2))
        out.append(v1)
        if n2 & 3:
            out.append(PADS[n2 & 3])
        out.append(pS_I(v.numres))
    except StructError:
        raise XdrError("CB_COMPOUND4res_head: value out of range") from None


def pack_CB_COMPOUND4res_head(v: CB_COMPOUND4res_head) -> bytes:
    out: list[bytes] = []
    append_CB_COMPOUND4res_head(out, v)
    return b"".join(out)


def unpack_void(buf: Buffer, pos: int) -> tuple[None, int]:
    return None, pos


def pack_void(v: None) -> bytes:
    return b""


Codec: TypeAlias = tuple[Callable[[Buffer, int], tuple[Any, int]], Callable[[Any], bytes]]
"""Unpack function and pack function of one type."""

ARGS: dict[int, Codec] = {
    3: (unpack_ACCESS4args, pack_ACCESS4args),  # OP_ACCESS
    4: (unpack_CLOSE4args, pack_CLOSE4args),  # OP_CLOSE
    5: (unpack_COMMIT4args, pack_COMMIT4args),  # OP_COMMIT
    6: (unpack_CREATE4args, pack_CREATE4args),  # OP_CREATE
    7: (unpack_DELEGPURGE4args, pack_DELEGPURGE4args),  # OP_DELEGPURGE
    8: (unpack_DELEGRETURN4args, pack_DELEGRETURN4args),  # OP_DELEGRETURN
    9: (unpack_GETATTR4args, pack_GETATTR4args),  # OP_GETATTR
    10: (unpack_void, pack_void),  # OP_GETFH
    11: (unpack_LINK4args, pack_LINK4args),  # OP_LINK
    12: (unpack_LOCK4args, pack_LOCK4args),  # OP_LOCK
    13: (unpack_LOCKT4args, pack_LOCKT4args),  # OP_LOCKT
    14: (unpack_LOCKU4args, pack_LOCKU4args),  # OP_LOCKU
    15: (unpack_LOOKUP4args, pack_LOOKUP4args),  # OP_LOOKUP
    16: (unpack_void, pack_void),  # OP_LOOKUPP
    17: (unpack_NVERIFY4args, pack_NVERIFY4args),  # OP_NVERIFY
    18: (unpack_OPEN4args, pack_OPEN4args),  # OP_OPEN
    19: (unpack_OPENATTR4args, pack_OPENATTR4args),  # OP_OPENATTR
    21: (unpack_OPEN_DOWNGRADE4args, pack_OPEN_DOWNGRADE4args),  # OP_OPEN_DOWNGRADE
    22: (unpack_PUTFH4args, pack_PUTFH4args),  # OP_PUTFH
    23: (unpack_void, pack_void),  # OP_PUTPUBFH
    24: (unpack_void, pack_void),  # OP_PUTROOTFH
    25: (unpack_READ4args, pack_READ4args),  # OP_READ
    26: (unpack_READDIR4args, pack_READDIR4args),  # OP_READDIR
    27: (unpack_void, pack_void),  # OP_READLINK
    28: (unpack_REMOVE4args, pack_REMOVE4args),  # OP_REMOVE
    29: (unpack_RENAME4args, pack_RENAME4args),  # OP_RENAME
    31: (unpack_void, pack_void),  # OP_RESTOREFH
    32: (unpack_void, pack_void),  # OP_SAVEFH
    33: (unpack_SECINFO4args, pack_SECINFO4args),  # OP_SECINFO
    34: (unpack_SETATTR4args, pack_SETATTR4args),  # OP_SETATTR
    37: (unpack_VERIFY4args, pack_VERIFY4args),  # OP_VERIFY
    38: (unpack_WRITE4args, pack_WRITE4args),  # OP_WRITE
    40: (unpack_BACKCHANNEL_CTL4args, pack_BACKCHANNEL_CTL4args),  # OP_BACKCHANNEL_CTL
    41: (unpack_BIND_CONN_TO_SESSION4args, pack_BIND_CONN_TO_SESSION4args),  # OP_BIND_CONN_TO_SESSION
    42: (unpack_EXCHANGE_ID4args, pack_EXCHANGE_ID4args),  # OP_EXCHANGE_ID
    43: (unpack_CREATE_SESSION4args, pack_CREATE_SESSION4args),  # OP_CREATE_SESSION
    44: (unpack_DESTROY_SESSION4args, pack_DESTROY_SESSION4args),  # OP_DESTROY_SESSION
    45: (unpack_FREE_STATEID4args, pack_FREE_STATEID4args),  # OP_FREE_STATEID
    46: (unpack_GET_DIR_DELEGATION4args, pack_GET_DIR_DELEGATION4args),  # OP_GET_DIR_DELEGATION
    47: (unpack_GETDEVICEINFO4args, pack_GETDEVICEINFO4args),  # OP_GETDEVICEINFO
    48: (unpack_GETDEVICELIST4args, pack_GETDEVICELIST4args),  # OP_GETDEVICELIST
    49: (unpack_LAYOUTCOMMIT4args, pack_LAYOUTCOMMIT4args),  # OP_LAYOUTCOMMIT
    50: (unpack_LAYOUTGET4args, pack_LAYOUTGET4args),  # OP_LAYOUTGET
    51: (unpack_LAYOUTRETURN4args, pack_LAYOUTRETURN4args),  # OP_LAYOUTRETURN
    52: (unpack_SECINFO_NO_NAME4args, pack_SECINFO_NO_NAME4args),  # OP_SECINFO_NO_NAME
    53: (unpack_SEQUENCE4args, pack_SEQUENCE4args),  # OP_SEQUENCE
    54: (unpack_SET_SSV4args, pack_SET_SSV4args),  # OP_SET_SSV
    55: (unpack_TEST_STATEID4args, pack_TEST_STATEID4args),  # OP_TEST_STATEID
    56: (unpack_WANT_DELEGATION4args, pack_WANT_DELEGATION4args),  # OP_WANT_DELEGATION
    57: (unpack_DESTROY_CLIENTID4args, pack_DESTROY_CLIENTID4args),  # OP_DESTROY_CLIENTID
    58: (unpack_RECLAIM_COMPLETE4args, pack_RECLAIM_COMPLETE4args),  # OP_RECLAIM_COMPLETE
    59: (unpack_ALLOCATE4args, pack_ALLOCATE4args),  # OP_ALLOCATE
    60: (unpack_COPY4args, pack_COPY4args),  # OP_COPY
    61: (unpack_COPY_NOTIFY4args, pack_COPY_NOTIFY4args),  # OP_COPY_NOTIFY
    62: (unpack_DEALLOCATE4args, pack_DEALLOCATE4args),  # OP_DEALLOCATE
    63: (unpack_IO_ADVISE4args, pack_IO_ADVISE4args),  # OP_IO_ADVISE
    64: (unpack_LAYOUTERROR4args, pack_LAYOUTERROR4args),  # OP_LAYOUTERROR
    65: (unpack_LAYOUTSTATS4args, pack_LAYOUTSTATS4args),  # OP_LAYOUTSTATS
    66: (unpack_OFFLOAD_CANCEL4args, pack_OFFLOAD_CANCEL4args),  # OP_OFFLOAD_CANCEL
    67: (unpack_OFFLOAD_STATUS4args, pack_OFFLOAD_STATUS4args),  # OP_OFFLOAD_STATUS
    68: (unpack_READ_PLUS4args, pack_READ_PLUS4args),  # OP_READ_PLUS
    69: (unpack_SEEK4args, pack_SEEK4args),  # OP_SEEK
    70: (unpack_WRITE_SAME4args, pack_WRITE_SAME4args),  # OP_WRITE_SAME
    71: (unpack_CLONE4args, pack_CLONE4args),  # OP_CLONE
    72: (unpack_GETXATTR4args, pack_GETXATTR4args),  # OP_GETXATTR
    73: (unpack_SETXATTR4args, pack_SETXATTR4args),  # OP_SETXATTR
    74: (unpack_LISTXATTRS4args, pack_LISTXATTRS4args),  # OP_LISTXATTRS
    75: (unpack_REMOVEXATTR4args, pack_REMOVEXATTR4args),  # OP_REMOVEXATTR
    10044: (unpack_void, pack_void),  # OP_ILLEGAL
    2147483686: (unpack_OP_PROXY_WRITE4args, pack_OP_PROXY_WRITE4args),  # OP_PROXY_WRITE
}
"""Operation to the codec of its arguments; one without any has a codec of None."""

RES: dict[int, Codec] = {
    3: (unpack_ACCESS4res, pack_ACCESS4res),  # OP_ACCESS
    4: (unpack_CLOSE4res, pack_CLOSE4res),  # OP_CLOSE
    5: (unpack_COMMIT4res, pack_COMMIT4res),  # OP_COMMIT
    6: (unpack_CREATE4res, pack_CREATE4res),  # OP_CREATE
    7: (unpack_DELEGPURGE4res, pack_DELEGPURGE4res),  # OP_DELEGPURGE
    8: (unpack_DELEGRETURN4res, pack_DELEGRETURN4res),  # OP_DELEGRETURN
    9: (unpack_GETATTR4res, pack_GETATTR4res),  # OP_GETATTR
    10: (unpack_GETFH4res, pack_GETFH4res),  # OP_GETFH
    11: (unpack_LINK4res, pack_LINK4res),  # OP_LINK
    12: (unpack_LOCK4res, pack_LOCK4res),  # OP_LOCK
    13: (unpack_LOCKT4res, pack_LOCKT4res),  # OP_LOCKT
    14: (unpack_LOCKU4res, pack_LOCKU4res),  # OP_LOCKU
    15: (unpack_LOOKUP4res, pack_LOOKUP4res),  # OP_LOOKUP
    16: (unpack_LOOKUPP4res, pack_LOOKUPP4res),  # OP_LOOKUPP
    17: (unpack_NVERIFY4res, pack_NVERIFY4res),  # OP_NVERIFY
    18: (unpack_OPEN4res, pack_OPEN4res),  # OP_OPEN
    19: (unpack_OPENATTR4res, pack_OPENATTR4res),  # OP_OPENATTR
    21: (unpack_OPEN_DOWNGRADE4res, pack_OPEN_DOWNGRADE4res),  # OP_OPEN_DOWNGRADE
    22: (unpack_PUTFH4res, pack_PUTFH4res),  # OP_PUTFH
    23: (unpack_PUTPUBFH4res, pack_PUTPUBFH4res),  # OP_PUTPUBFH
    24: (unpack_PUTROOTFH4res, pack_PUTROOTFH4res),  # OP_PUTROOTFH
    25: (unpack_READ4res, pack_READ4res),  # OP_READ
    26: (unpack_READDIR4res, pack_READDIR4res),  # OP_READDIR
    27: (unpack_READLINK4res, pack_READLINK4res),  # OP_READLINK
    28: (unpack_REMOVE4res, pack_REMOVE4res),  # OP_REMOVE
    29: (unpack_RENAME4res, pack_RENAME4res),  # OP_RENAME
    31: (unpack_RESTOREFH4res, pack_RESTOREFH4res),  # OP_RESTOREFH
    32: (unpack_SAVEFH4res, pack_SAVEFH4res),  # OP_SAVEFH
    33: (unpack_SECINFO4res, pack_SECINFO4res),  # OP_SECINFO
    34: (unpack_SETATTR4res, pack_SETATTR4res),  # OP_SETATTR
    37: (unpack_VERIFY4res, pack_VERIFY4res),  # OP_VERIFY
    38: (unpack_WRITE4res, pack_WRITE4res),  # OP_WRITE
    40: (unpack_BACKCHANNEL_CTL4res, pack_BACKCHANNEL_CTL4res),  # OP_BACKCHANNEL_CTL
    41: (unpack_BIND_CONN_TO_SESSION4res, pack_BIND_CONN_TO_SESSION4res),  # OP_BIND_CONN_TO_SESSION
    42: (unpack_EXCHANGE_ID4res, pack_EXCHANGE_ID4res),  # OP_EXCHANGE_ID
    43: (unpack_CREATE_SESSION4res, pack_CREATE_SESSION4res),  # OP_CREATE_SESSION
    44: (unpack_DESTROY_SESSION4res, pack_DESTROY_SESSION4res),  # OP_DESTROY_SESSION
    45: (unpack_FREE_STATEID4res, pack_FREE_STATEID4res),  # OP_FREE_STATEID
    46: (unpack_GET_DIR_DELEGATION4res, pack_GET_DIR_DELEGATION4res),  # OP_GET_DIR_DELEGATION
    47: (unpack_GETDEVICEINFO4res, pack_GETDEVICEINFO4res),  # OP_GETDEVICEINFO
    48: (unpack_GETDEVICELIST4res, pack_GETDEVICELIST4res),  # OP_GETDEVICELIST
    49: (unpack_LAYOUTCOMMIT4res, pack_LAYOUTCOMMIT4res),  # OP_LAYOUTCOMMIT
    50: (unpack_LAYOUTGET4res, pack_LAYOUTGET4res),  # OP_LAYOUTGET
    51: (unpack_LAYOUTRETURN4res, pack_LAYOUTRETURN4res),  # OP_LAYOUTRETURN
    52: (unpack_SECINFO4res, pack_SECINFO4res),  # OP_SECINFO_NO_NAME
    53: (unpack_SEQUENCE4res, pack_SEQUENCE4res),  # OP_SEQUENCE
    54: (unpack_SET_SSV4res, pack_SET_SSV4res),  # OP_SET_SSV
    55: (unpack_TEST_STATEID4res, pack_TEST_STATEID4res),  # OP_TEST_STATEID
    56: (unpack_WANT_DELEGATION4res, pack_WANT_DELEGATION4res),  # OP_WANT_DELEGATION
    57: (unpack_DESTROY_CLIENTID4res, pack_DESTROY_CLIENTID4res),  # OP_DESTROY_CLIENTID
    58: (unpack_RECLAIM_COMPLETE4res, pack_RECLAIM_COMPLETE4res),  # OP_RECLAIM_COMPLETE
    59: (unpack_ALLOCATE4res, pack_ALLOCATE4res),  # OP_ALLOCATE
    60: (unpack_COPY4res, pack_COPY4res),  # OP_COPY
    61: (unpack_COPY_NOTIFY4res, pack_COPY_NOTIFY4res),  # OP_COPY_NOTIFY
    62: (unpack_DEALLOCATE4res, pack_DEALLOCATE4res),  # OP_DEALLOCATE
    63: (unpack_IO_ADVISE4res, pack_IO_ADVISE4res),  # OP_IO_ADVISE
    64: (unpack_LAYOUTERROR4res, pack_LAYOUTERROR4res),  # OP_LAYOUTERROR
    65: (unpack_LAYOUTSTATS4res, pack_LAYOUTSTATS4res),  # OP_LAYOUTSTATS
    66: (unpack_OFFLOAD_CANCEL4res, pack_OFFLOAD_CANCEL4res),  # OP_OFFLOAD_CANCEL
    67: (unpack_OFFLOAD_STATUS4res, pack_OFFLOAD_STATUS4res),  # OP_OFFLOAD_STATUS
    68: (unpack_READ_PLUS4res, pack_READ_PLUS4res),  # OP_READ_PLUS
    69: (unpack_SEEK4res, pack_SEEK4res),  # OP_SEEK
    70: (unpack_WRITE_SAME4res, pack_WRITE_SAME4res),  # OP_WRITE_SAME
    71: (unpack_CLONE4res, pack_CLONE4res),  # OP_CLONE
    72: (unpack_GETXATTR4res, pack_GETXATTR4res),  # OP_GETXATTR
    73: (unpack_SETXATTR4res, pack_SETXATTR4res),  # OP_SETXATTR
    74: (unpack_LISTXATTRS4res, pack_LISTXATTRS4res),  # OP_LISTXATTRS
    75: (unpack_REMOVEXATTR4res, pack_REMOVEXATTR4res),  # OP_REMOVEXATTR
    10044: (unpack_ILLEGAL4res, pack_ILLEGAL4res),  # OP_ILLEGAL
    2147483686: (unpack_WRITE4res, pack_WRITE4res),  # OP_PROXY_WRITE
}
"""Operation to the codec of its result."""

CB_ARGS: dict[int, Codec] = {
    3: (unpack_CB_GETATTR4args, pack_CB_GETATTR4args),  # OP_CB_GETATTR
    4: (unpack_CB_RECALL4args, pack_CB_RECALL4args),  # OP_CB_RECALL
    5: (unpack_CB_LAYOUTRECALL4args, pack_CB_LAYOUTRECALL4args),  # OP_CB_LAYOUTRECALL
    6: (unpack_CB_NOTIFY4args, pack_CB_NOTIFY4args),  # OP_CB_NOTIFY
    7: (unpack_CB_PUSH_DELEG4args, pack_CB_PUSH_DELEG4args),  # OP_CB_PUSH_DELEG
    8: (unpack_CB_RECALL_ANY4args, pack_CB_RECALL_ANY4args),  # OP_CB_RECALL_ANY
    9: (unpack_CB_RECALL_ANY4args, pack_CB_RECALL_ANY4args),  # OP_CB_RECALLABLE_OBJ_AVAIL
    10: (unpack_CB_RECALL_SLOT4args, pack_CB_RECALL_SLOT4args),  # OP_CB_RECALL_SLOT
    11: (unpack_CB_SEQUENCE4args, pack_CB_SEQUENCE4args),  # OP_CB_SEQUENCE
    12: (unpack_CB_WANTS_CANCELLED4args, pack_CB_WANTS_CANCELLED4args),  # OP_CB_WANTS_CANCELLED
    13: (unpack_CB_NOTIFY_LOCK4args, pack_CB_NOTIFY_LOCK4args),  # OP_CB_NOTIFY_LOCK
    14: (unpack_CB_NOTIFY_DEVICEID4args, pack_CB_NOTIFY_DEVICEID4args),  # OP_CB_NOTIFY_DEVICEID
    15: (unpack_CB_OFFLOAD4args, pack_CB_OFFLOAD4args),  # OP_CB_OFFLOAD
    10044: (unpack_void, pack_void),  # OP_CB_ILLEGAL
}
"""Callback operation to the codec of its arguments."""

CB_RES: dict[int, Codec] = {
    3: (unpack_CB_GETATTR4res, pack_CB_GETATTR4res),  # OP_CB_GETATTR
    4: (unpack_CB_RECALL4res, pack_CB_RECALL4res),  # OP_CB_RECALL
    5: (unpack_CB_LAYOUTRECALL4res, pack_CB_LAYOUTRECALL4res),  # OP_CB_LAYOUTRECALL
    6: (unpack_CB_NOTIFY4res, pack_CB_NOTIFY4res),  # OP_CB_NOTIFY
    7: (unpack_CB_PUSH_DELEG4res, pack_CB_PUSH_DELEG4res),  # OP_CB_PUSH_DELEG
    8: (unpack_CB_RECALL_ANY4res, pack_CB_RECALL_ANY4res),  # OP_CB_RECALL_ANY
    9: (unpack_CB_RECALLABLE_OBJ_AVAIL4res, pack_CB_RECALLABLE_OBJ_AVAIL4res),  # OP_CB_RECALLABLE_OBJ_AVAIL
    10: (unpack_CB_RECALL_SLOT4res, pack_CB_RECALL_SLOT4res),  # OP_CB_RECALL_SLOT
    11: (unpack_CB_SEQUENCE4res, pack_CB_SEQUENCE4res),  # OP_CB_SEQUENCE
    12: (unpack_CB_WANTS_CANCELLED4res, pack_CB_WANTS_CANCELLED4res),  # OP_CB_WANTS_CANCELLED
    13: (unpack_CB_NOTIFY_LOCK4res, pack_CB_NOTIFY_LOCK4res),  # OP_CB_NOTIFY_LOCK
    14: (unpack_CB_NOTIFY_DEVICEID4res, pack_CB_NOTIFY_DEVICEID4res),  # OP_CB_NOTIFY_DEVICEID
    15: (unpack_CB_OFFLOAD4res, pack_CB_OFFLOAD4res),  # OP_CB_OFFLOAD
    10044: (unpack_CB_ILLEGAL4res, pack_CB_ILLEGAL4res),  # OP_CB_ILLEGAL
}
"""Callback operation to the codec of its result."""

FATTR: dict[int, Codec] = {
    0: (unpack_fattr4_supported_attrs, pack_fattr4_supported_attrs),
    1: (unpack_fattr4_type, pack_fattr4_type),
    2: (unpack_fattr4_fh_expire_type, pack_fattr4_fh_expire_type),
    3: (unpack_fattr4_change, pack_fattr4_change),
    4: (unpack_fattr4_size, pack_fattr4_size),
    5: (unpack_fattr4_link_support, pack_fattr4_link_support),
    6: (unpack_fattr4_symlink_support, pack_fattr4_symlink_support),
    7: (unpack_fattr4_named_attr, pack_fattr4_named_attr),
    8: (unpack_fattr4_fsid, pack_fattr4_fsid),
    9: (unpack_fattr4_unique_handles, pack_fattr4_unique_handles),
    10: (unpack_fattr4_lease_time, pack_fattr4_lease_time),
    11: (unpack_fattr4_rdattr_error, pack_fattr4_rdattr_error),
    12: (unpack_fattr4_acl, pack_fattr4_acl),
    13: (unpack_fattr4_aclsupport, pack_fattr4_aclsupport),
    14: (unpack_fattr4_archive, pack_fattr4_archive),
    15: (unpack_fattr4_cansettime, pack_fattr4_cansettime),
    16: (unpack_fattr4_case_insensitive, pack_fattr4_case_insensitive),
    17: (unpack_fattr4_case_preserving, pack_fattr4_case_preserving),
    18: (unpack_fattr4_chown_restricted, pack_fattr4_chown_restricted),
    19: (unpack_fattr4_filehandle, pack_fattr4_filehandle),
    20: (unpack_fattr4_fileid, pack_fattr4_fileid),
    21: (unpack_fattr4_files_avail, pack_fattr4_files_avail),
    22: (unpack_fattr4_files_free, pack_fattr4_files_free),
    23: (unpack_fattr4_files_total, pack_fattr4_files_total),
    24: (unpack_fattr4_fs_locations, pack_fattr4_fs_locations),
    25: (unpack_fattr4_hidden, pack_fattr4_hidden),
    26: (unpack_fattr4_homogeneous, pack_fattr4_homogeneous),
    27: (unpack_fattr4_maxfilesize, pack_fattr4_maxfilesize),
    28: (unpack_fattr4_maxlink, pack_fattr4_maxlink),
    29: (unpack_fattr4_maxname, pack_fattr4_maxname),
    30: (unpack_fattr4_maxread, pack_fattr4_maxread),
    31: (unpack_fattr4_maxwrite, pack_fattr4_maxwrite),
    32: (unpack_fattr4_mimetype, pack_fattr4_mimetype),
    33: (unpack_fattr4_mode, pack_fattr4_mode),
    34: (unpack_fattr4_no_trunc, pack_fattr4_no_trunc),
    35: (unpack_fattr4_numlinks, pack_fattr4_numlinks),
    36: (unpack_fattr4_owner, pack_fattr4_owner),
    37: (unpack_fattr4_owner_group, pack_fattr4_owner_group),
    38: (unpack_fattr4_quota_avail_hard, pack_fattr4_quota_avail_hard),
    39: (unpack_fattr4_quota_avail_soft, pack_fattr4_quota_avail_soft),
    40: (unpack_fattr4_quota_used, pack_fattr4_quota_used),
    41: (unpack_fattr4_rawdev, pack_fattr4_rawdev),
    42: (unpack_fattr4_space_avail, pack_fattr4_space_avail),
    43: (unpack_fattr4_space_free, pack_fattr4_space_free),
    44: (unpack_fattr4_space_total, pack_fattr4_space_total),
    45: (unpack_fattr4_space_used, pack_fattr4_space_used),
    46: (unpack_fattr4_system, pack_fattr4_system),
    47: (unpack_fattr4_time_access, pack_fattr4_time_access),
    48: (unpack_fattr4_time_access_set, pack_fattr4_time_access_set),
    49: (unpack_fattr4_time_backup, pack_fattr4_time_backup),
    50: (unpack_fattr4_time_create, pack_fattr4_time_create),
    51: (unpack_fattr4_time_delta, pack_fattr4_time_delta),
    52: (unpack_fattr4_time_metadata, pack_fattr4_time_metadata),
    53: (unpack_fattr4_time_modify, pack_fattr4_time_modify),
    54: (unpack_fattr4_time_modify_set, pack_fattr4_time_modify_set),
    55: (unpack_fattr4_mounted_on_fileid, pack_fattr4_mounted_on_fileid),
    56: (unpack_fattr4_dir_notif_delay, pack_fattr4_dir_notif_delay),
    57: (unpack_fattr4_dirent_notif_delay, pack_fattr4_dirent_notif_delay),
    58: (unpack_fattr4_dacl, pack_fattr4_dacl),
    59: (unpack_fattr4_sacl, pack_fattr4_sacl),
    60: (unpack_fattr4_change_policy, pack_fattr4_change_policy),
    61: (unpack_fattr4_fs_status, pack_fattr4_fs_status),
    62: (unpack_fattr4_fs_layout_types, pack_fattr4_fs_layout_types),
    63: (unpack_fattr4_layout_hint, pack_fattr4_layout_hint),
    64: (unpack_fattr4_layout_types, pack_fattr4_layout_types),
    65: (unpack_fattr4_layout_blksize, pack_fattr4_layout_blksize),
    66: (unpack_fattr4_layout_alignment, pack_fattr4_layout_alignment),
    67: (unpack_fattr4_fs_locations_info, pack_fattr4_fs_locations_info),
    68: (unpack_fattr4_mdsthreshold, pack_fattr4_mdsthreshold),
    69: (unpack_fattr4_retention_get, pack_fattr4_retention_get),
    70: (unpack_fattr4_retention_set, pack_fattr4_retention_set),
    71: (unpack_fattr4_retentevt_get, pack_fattr4_retentevt_get),
    72: (unpack_fattr4_retentevt_set, pack_fattr4_retentevt_set),
    73: (unpack_fattr4_retention_hold, pack_fattr4_retention_hold),
    74: (unpack_fattr4_mode_set_masked, pack_fattr4_mode_set_masked),
    75: (unpack_fattr4_suppattr_exclcreat, pack_fattr4_suppattr_exclcreat),
    76: (unpack_fattr4_fs_charset_cap, pack_fattr4_fs_charset_cap),
    77: (unpack_fattr4_clone_blksize, pack_fattr4_clone_blksize),
    78: (unpack_fattr4_space_freed, pack_fattr4_space_freed),
    79: (unpack_fattr4_change_attr_type, pack_fattr4_change_attr_type),
    80: (unpack_fattr4_sec_label, pack_fattr4_sec_label),
    81: (unpack_fattr4_mode_umask, pack_fattr4_mode_umask),
    82: (unpack_fattr4_xattr_support, pack_fattr4_xattr_support),
}
"""Attribute number to the codec of its value."""
