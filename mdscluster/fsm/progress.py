"""A COMPOUND interrupted for I/O: what was done so far, and where it goes on.

The state machine moves no data. When a COMPOUND meets READ, WRITE or COMMIT in the log, behind operations
that changed state, its progress becomes the slot's entry, and the front end that asked (or another one, to
which the client retransmits) does the I/O and commits a continuation. So also such a COMPOUND runs every
change exactly once (INV-3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound


class Progress(msgspec.Struct, array_like=True):
    """State of a COMPOUND between two operations."""

    part: int
    """How many parts of it the log has run; a continuation names the part that it continues."""
    status: int
    """Not 0: it ended with this status, and the results are complete."""
    ops_done: int
    ops_left: int
    bytes_left: int
    """From the next operation to the end: the same whatever stands in the place of what is done."""
    fileid: int
    saved_fileid: int
    stateid: tuple[int, bytes] | None
    saved_stateid: tuple[int, bytes] | None
    results: bytes
    cuts_seen: int = -1
    """Of a PROXY_WRITE that comes next: how often its file had been cut when the data was moved (``Inode.cuts``)."""
    claim: int = 0
    """The epoch of the claim under which its front end writes data for the client; 0: it writes none."""
    cut_bytes: int = 0
    """Of a command: how many bytes of the operations were left away behind its end. It stops before it needs them."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Progress).decode


def pack(progress: Progress) -> bytes:
    return _encode(progress)


def unpack(raw: bytes | memoryview) -> Progress:
    return _decode(raw)


def take(cx: Compound, part: int, status: int = 0) -> Progress:
    """The progress of a COMPOUND that stopped in front of ``cx.op_start`` (or, with a status, ended)."""
    return Progress(
        part, status, cx.ops_done, cx.ops_left, cx.end - cx.pos + cx.cut_bytes, cx.fileid, cx.saved_fileid,
        _plain(cx.stateid), _plain(cx.saved_stateid), b"".join(cx.res), cx.cuts_seen, cx.claim,
    )  # fmt: skip


def begin(ops_left: int) -> Progress:
    """Of a COMPOUND of which nothing was run."""
    return Progress(0, 0, 0, ops_left, 0, 0, 0, None, None, b"")


def ended(status: int, ops_done: int, results: bytes) -> Progress:
    """Of a COMPOUND of which the log has run nothing and is to run nothing: it was answered so."""
    return Progress(0, status, ops_done, 0, 0, 0, 0, None, None, results)


def restore(cx: Compound, progress: Progress) -> None:
    """Go on from there; the input (``data``, ``pos``, ``end``) is the caller's."""
    cx.ops_done = progress.ops_done
    cx.ops_left = progress.ops_left
    cx.set_current(progress.fileid)
    cx.saved_fileid = progress.saved_fileid
    cx.stateid = _stateid(progress.stateid)
    cx.saved_stateid = _stateid(progress.saved_stateid)
    cx.res.append(progress.results)
    cx.cuts_seen = progress.cuts_seen
    cx.cut_bytes = progress.cut_bytes
    cx.changed = progress.part > 0  # the log has run a part of it: it cannot be put off as a whole any more


def _plain(stateid: nfs4.stateid4 | None) -> tuple[int, bytes] | None:
    return None if stateid is None else (stateid.seqid, stateid.other)


def _stateid(plain: tuple[int, bytes] | None) -> nfs4.stateid4 | None:
    return None if plain is None else nfs4.stateid4(*plain)
