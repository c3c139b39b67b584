"""Straight-line parsing and packing of what every request has: RPC header, COMPOUND header, SEQUENCE.

One precompiled struct for each run of fixed fields (docs/adr: speed). Anything out of the ordinary
(a tag, a verifier, an unknown flavour) takes the general path through :mod:`nfswire.rpc`.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from nfswire import nfs4

U32: Final = Struct(">I")
U32x2: Final = Struct(">II")

#: xid, message type, RPC version, program, version, procedure, credential flavour and length.
CALL_HEAD: Final = Struct(">IIIIIIII")
#: verifier flavour and length, tag length, minor version, number of operations, first operation.
COMPOUND_START: Final = Struct(">IIIIII")
#: session ID, sequence ID, slot, highest slot in use, cache this.
SEQUENCE_ARGS: Final = Struct(">16sIIII")

#: record mark, xid, REPLY, accepted, verifier (none), success, status, no tag, number of results, then
#: SEQUENCE's result: operation, status, session ID, sequence ID, slot, highest and target slot, flags.
SESSION_REPLY: Final = Struct(">IIIIIIIIIIII16sIIIII")
#: The same up to the number of results, without SEQUENCE.
PLAIN_REPLY: Final = Struct(">IIIIIIIIII")
#: The same up to the status; the tag follows.
TAGGED_REPLY: Final = Struct(">IIIIIIII")
SEQUENCE_RESULT: Final = Struct(">II16sIIIII")

STATUS_POS: Final = 28
"""Where a reply's status stands, in a record with its mark."""

LAST_FRAGMENT: Final = 0x80000000


def session_reply(
    xid: int, tag: bytes, status: int, results: int, session_id: bytes, sequence_id: int, slot: int,
    highest_slot: int, flags: int, body: bytes,
) -> bytes:  # fmt: skip
    """A COMPOUND's whole reply record; ``results`` counts those in ``body``, SEQUENCE's comes on top."""
    if tag:
        sequence = SEQUENCE_RESULT.pack(
            nfs4.OP_SEQUENCE, 0, session_id, sequence_id, slot, highest_slot, highest_slot, flags
        )
        return plain_reply(xid, tag, status, results + 1, sequence + body)
    return (
        SESSION_REPLY.pack(
            LAST_FRAGMENT | SESSION_REPLY.size - 4 + len(body), xid, 1, 0, 0, 0, 0, status, 0, results + 1,
            nfs4.OP_SEQUENCE, 0, session_id, sequence_id, slot, highest_slot, highest_slot, flags,
        )
        + body
    )  # fmt: skip


def plain_reply(xid: int, tag: bytes, status: int, results: int, body: bytes) -> bytes:
    """The reply record of a COMPOUND whose results, all of them, are in ``body``."""
    if not tag:
        return (
            PLAIN_REPLY.pack(
                LAST_FRAGMENT | PLAIN_REPLY.size - 4 + len(body), xid, 1, 0, 0, 0, 0, status, 0, results
            )
            + body
        )
    tagged = U32.pack(len(tag)) + tag + bytes(-len(tag) & 3) + U32.pack(results) + body
    return TAGGED_REPLY.pack(LAST_FRAGMENT | TAGGED_REPLY.size - 4 + len(tagged), xid, 1, 0, 0, 0, 0, status) + tagged


def failed_first(xid: int, tag: bytes, op: int, status: int) -> bytes:
    """The reply to a COMPOUND whose first operation failed."""
    return plain_reply(xid, tag, status, 1, U32x2.pack(op, status))
