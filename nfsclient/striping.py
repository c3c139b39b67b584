"""The files layout (RFC 8881 chapter 13): which data server holds which bytes, sparse and dense. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from nfsclient.errors import ProtocolViolation
from nfsclient.runtime import Address
from nfswire import nfs4
from nfswire.xdr import XdrError

STRIPE_INDICES_MAX = 4096
DATA_SERVERS_MAX = 256


class Device(msgspec.Struct, frozen=True):
    """GETDEVICEINFO's answer: the stripe pattern, and the addresses (multipath) of each data server."""

    device_id: bytes
    stripe_indices: tuple[int, ...]
    data_servers: tuple[tuple[Address, ...], ...]


class FilesLayout(msgspec.Struct, frozen=True):
    """One segment of a files layout; lengths and offsets in bytes."""

    device_id: bytes
    dense: bool
    commit_through_mds: bool
    stripe_unit: int
    first_stripe_index: int
    pattern_offset: int
    filehandles: tuple[bytes, ...]
    iomode: int
    offset: int
    length: int


class Piece(msgspec.Struct, frozen=True):
    """A run of bytes in one stripe unit: where it lies in the file, and where at which data server."""

    file_offset: int
    length: int
    server: int                 # index into Device.data_servers
    filehandle: bytes           # empty: the filehandle that the MDS uses
    server_offset: int


def parse_address(address: nfs4.netaddr4) -> Address | None:
    """Host and port of a universal address (RFC 5665) over TCP; None for another transport."""
    netid = address.na_r_netid.decode("ascii", "replace")
    host, high, low = address.na_r_addr.decode("ascii", "replace").rsplit(".", 2)
    if netid not in ("tcp", "tcp6") or not (high.isdigit() and low.isdigit()):
        return None
    return host, int(high) << 8 | int(low)


def parse_device(device_id: bytes, body: bytes) -> Device:
    """The device in ``body`` (nfsv4_1_file_layout_ds_addr4). ``ProtocolViolation`` when it cannot be used."""
    try:
        decoded, _ = nfs4.unpack_nfsv4_1_file_layout_ds_addr4(body, 0)
        multipaths = [[parse_address(path) for path in paths] for paths in decoded.nflda_multipath_ds_list]
    except (XdrError, ValueError) as error:
        raise ProtocolViolation(f"device address: {error}") from None
    servers = tuple(tuple(path for path in paths if path is not None) for paths in multipaths)
    indices = tuple(decoded.nflda_stripe_indices)
    if not 0 < len(indices) <= STRIPE_INDICES_MAX or not 0 < len(servers) <= DATA_SERVERS_MAX:
        raise ProtocolViolation(f"device with {len(indices)} stripe indices and {len(servers)} data servers")
    if max(indices) >= len(servers) or not all(servers):
        raise ProtocolViolation("device with a stripe index, or a data server, that leads nowhere")
    return Device(device_id, indices, servers)


def parse_layout(segment: nfs4.layout4) -> FilesLayout:
    """The files layout in ``segment``. ``ProtocolViolation`` when it is none."""
    content = segment.lo_content
    if content.loc_type != nfs4.LAYOUT4_NFSV4_1_FILES:
        raise ProtocolViolation(f"layout of type {content.loc_type}, which was not asked for")
    try:
        body, _ = nfs4.unpack_nfsv4_1_file_layout4(content.loc_body, 0)
    except XdrError as error:
        raise ProtocolViolation(f"layout: {error}") from None
    unit = body.nfl_util & nfs4.NFL4_UFLG_STRIPE_UNIT_SIZE_MASK
    if not unit:
        raise ProtocolViolation("layout with a stripe unit of 0")
    return FilesLayout(
        device_id=body.nfl_deviceid,
        dense=bool(body.nfl_util & nfs4.NFL4_UFLG_DENSE),
        commit_through_mds=bool(body.nfl_util & nfs4.NFL4_UFLG_COMMIT_THRU_MDS),
        stripe_unit=unit,
        first_stripe_index=body.nfl_first_stripe_index,
        pattern_offset=body.nfl_pattern_offset,
        filehandles=tuple(body.nfl_fh_list),
        iomode=segment.lo_iomode,
        offset=segment.lo_offset,
        length=segment.lo_length,
    )


def check(layout: FilesLayout, device: Device) -> None:
    """"nfl_fh_list": dense, one per stripe index; sparse, none, one, or one per data server (RFC 8881 section 13.3)."""
    count = len(layout.filehandles)
    allowed = (len(device.stripe_indices),) if layout.dense else (0, 1, len(device.data_servers))
    if count not in allowed:
        raise ProtocolViolation(f"layout with {count} filehandles, allowed are {allowed}")
    if layout.first_stripe_index >= len(device.stripe_indices):
        raise ProtocolViolation("layout that begins behind its last stripe index")


def pieces(layout: FilesLayout, device: Device, offset: int, length: int, length_max: int) -> Iterator[Piece]:
    """``length`` bytes from ``offset`` of the file, cut at stripe units and at ``length_max`` (RFC 8881 section 13.4).
    """
    unit, count = layout.stripe_unit, len(device.stripe_indices)
    end = offset + length
    if offset < layout.pattern_offset:
        raise ProtocolViolation("I/O before the layout's pattern begins")
    while offset < end:
        relative = offset - layout.pattern_offset
        number, within = divmod(relative, unit)
        stripe = (number + layout.first_stripe_index) % count
        server = device.stripe_indices[stripe]
        size = min(unit - within, end - offset, length_max)
        handles = layout.filehandles
        if layout.dense:
            handle, at = handles[stripe], number // count * unit + within
        else:
            handle, at = (handles[server] if len(handles) > 1 else b"".join(handles)), offset
        yield Piece(offset, size, server, handle, at)
        offset += size
