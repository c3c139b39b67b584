"""The log's form of a COMPOUND: nothing behind the operation at which the log must stop anyhow.

``apply`` stops in front of READ, WRITE and COMMIT (docs/adr/0008), and does not look at their arguments. So a command
need not hold what comes behind their operation number, a WRITE's data above all: it is left away, and the progress that
``apply`` answers counts it as if it were there (``Progress.cut_bytes``). Handlers decide what an operation does; here
its number is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import progress
from mdscluster.fsm.commands import COMPOUND_HEAD, FLAG_CACHE_THIS, FLAG_PROXIED, KIND_COMPOUND, KIND_CONTINUED
from mdscluster.fsm.operations import DISPATCH
from mdscluster.nfs_frontend.wire import U32
from nfswire import nfs4
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mdscluster.fsm.progress import Progress
    from mdscluster.nfs_frontend.request import Request

SHORT_BYTES: Final = 16 << 10
"""A shorter COMPOUND goes into the log as it is: to look into it costs more than it saves."""
RESULTS_BYTES_MAX: Final = 256 << 10
"""What READs return in a COMPOUND of which the log holds the results: "the server may return fewer" (RFC 8881
§18.22.3)."""

_MOVE_DATA: Final = frozenset((nfs4.OP_READ, nfs4.OP_WRITE, nfs4.OP_COMMIT))


def _operations(data: bytes, pos: int, end: int, count: int) -> Iterator[tuple[int, int]]:
    """Each operation's number and where it begins; ends at what cannot be read, as the run will."""
    try:
        for _ in range(count):
            if pos + 4 > end:
                return
            op = U32.unpack_from(data, pos)[0]
            yield op, pos
            pos += 4
            codec = nfs4.ARGS.get(op)
            if codec is not None:
                pos = codec[0](data, pos)[1]
            elif op not in _WITHOUT_ARGUMENTS:
                return
    except XdrError:
        return


_WITHOUT_ARGUMENTS: Final = frozenset(
    (
        nfs4.OP_PUTROOTFH, nfs4.OP_PUTPUBFH, nfs4.OP_SAVEFH, nfs4.OP_RESTOREFH, nfs4.OP_GETFH, nfs4.OP_LOOKUPP,
        nfs4.OP_READLINK,
    )
)  # fmt: skip


def command(
    request: Request, operations: bytes, *, continued: Progress | None = None, proxied: bool = False
) -> bytes:
    """The command: the COMPOUND's identity, then its operations as the client sent them.

    ``continued``: it goes on from there, after I/O. ``proxied``: the first of ``operations`` is a PROXY_WRITE.
    """
    identity = request.identity
    session = request.session
    assert session is not None
    rule = request.connection.rule
    flags = (FLAG_PROXIED if proxied else 0) | (FLAG_CACHE_THIS if request.cache_this else 0)
    if rule is not None:
        flags |= rule.command_flags
    count = request.ops_left if continued is None else continued.ops_left
    operations, left_away = _shorten(operations, count, proxied=proxied)
    if left_away:
        continued = msgspec.structs.replace(continued or progress.begin(count), cut_bytes=left_away)
    kind = KIND_COMPOUND if continued is None else KIND_CONTINUED
    room = session.room_for_results(request.cache_this, request.tag)
    head = COMPOUND_HEAD.pack(
        kind, request.minor, flags, len(identity.gids), request.slot, request.sequence_id, request.ops_left,
        identity.uid, identity.gid, room, request.session_id,
    )  # fmt: skip
    if identity.gids:
        head += b"".join(map(U32.pack, identity.gids))
    if continued is not None:
        packed = progress.pack(continued)
        head += U32.pack(len(packed)) + packed
    return head + operations


def _shorten(operations: bytes, count: int, *, proxied: bool) -> tuple[bytes, int]:
    """What of ``count`` operations goes into the log, and how many bytes were left away behind it.

    ``proxied``: the first is a PROXY_WRITE.
    """
    end = len(operations)
    if end <= SHORT_BYTES:
        return operations, 0
    pos = 0
    if proxied:
        pos = nfs4.unpack_OP_PROXY_WRITE4args(operations, 4)[1]
        count -= 1
    for op, at in _operations(operations, pos, end, count):
        if op in _MOVE_DATA:
            return operations[: at + 4], end - at - 4
    return operations, 0


def change_follows(data: bytes, pos: int, end: int, count: int, minor: int) -> bool:
    """Whether one of these operations changes state, so that the results in front of it go into the log."""
    changes = DISPATCH[minor].changes
    return any(
        op == nfs4.OP_WRITE or (op < len(changes) and changes[op]) for op, _ in _operations(data, pos, end, count)
    )
