"""Which metadata node moves a client's written data, when the client has no layout (docs/adr/0012).

Before a node writes for a client it *claims* that, in the log. The handles that it then uses at the data servers carry
the claim: an identity of the client's that only proxied WRITEs have, and the epoch of the claim. Who claims what
another has claimed raises a fence over that identity, and moves no data before every data server has it in force. So
whatever the other one still had on its way, however late, is refused (INV-2, INV-3).

Rows of ``io_claim``: client ID -> :class:`IoClaim`; "P" + client ID -> its epoch, as long as the claim's fence is not
in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import fences
from mdscluster.fsm.tables import U64
from nfswire import dsfh

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.tables import Tables

_PENDING: Final = b"P"


class IoClaim(msgspec.Struct, array_like=True):
    """Who writes for a client."""

    holder: bytes
    """One run of one front end."""
    epoch: int
    """Of the handles that it uses."""
    in_force: bool
    """Everything older is refused by every data server."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(IoClaim).decode


def identity(client_id: int) -> int:
    """The client ID in handles for proxied WRITEs: fenced apart from the client's own layouts.

    Client IDs begin with the cluster's ID of 31 bits, so the bit is free.
    """
    return client_id | dsfh.PROXIED


def load(txn: lmdb.Transaction, tables: Tables, client_id: int) -> IoClaim | None:
    """The claim on a client's WRITEs."""
    raw = txn.get(U64.pack(client_id), db=tables.io_claim)
    return None if raw is None else _decode(raw)


def take(cx: Compound, client_id: int, holder: bytes) -> int:
    """Give the claim to ``holder``; its epoch. Behind an earlier claim, also its own, it is not in force yet."""
    earlier = load(cx.txn, cx.tables, client_id)
    if earlier is None:
        claim = IoClaim(holder, fences.epoch(cx), True)
    else:
        claim = IoClaim(holder, fences.raise_fence(cx, fences.EVERY, identity(client_id)), False)
        cx.put(_PENDING + U64.pack(client_id), U64.pack(claim.epoch), db=cx.tables.io_claim)
    cx.put(U64.pack(client_id), _encode(claim), db=cx.tables.io_claim)
    return claim.epoch


def confirm(cx: Compound, client_id: int, version: int) -> None:
    """Every data server has the fence list of this version in force."""
    claim = load(cx.txn, cx.tables, client_id)
    if claim is not None and not claim.in_force and claim.epoch <= version:
        claim.in_force = True
        cx.put(U64.pack(client_id), _encode(claim), db=cx.tables.io_claim)
        cx.delete(_PENDING + U64.pack(client_id), db=cx.tables.io_claim)


def is_current(cx: Compound, client_id: int, epoch: int) -> bool:
    """Whether a command that was made under the claim of this epoch may still be run."""
    claim = load(cx.txn, cx.tables, client_id)
    return claim is not None and claim.epoch == epoch


def forget(cx: Compound, client_id: int) -> None:
    """The client is gone: nobody writes for it any more."""
    if load(cx.txn, cx.tables, client_id) is not None:
        fences.raise_fence(cx, fences.EVERY, identity(client_id))
        cx.delete(U64.pack(client_id), db=cx.tables.io_claim)
        cx.delete(_PENDING + U64.pack(client_id), db=cx.tables.io_claim)


def pending(txn: lmdb.Transaction, tables: Tables) -> list[tuple[int, int]]:
    """(client ID, epoch) of each claim that waits for its fence."""
    found: list[tuple[int, int]] = []
    with txn.cursor(db=tables.io_claim) as cursor:
        more = cursor.set_range(_PENDING)
        while more and cursor.key().startswith(_PENDING):
            if len(cursor.key()) > U64.size:  # else the claim of a client whose ID begins with that byte
                found.append((U64.unpack_from(cursor.key(), 1)[0], U64.unpack(cursor.value())[0]))
            more = cursor.next()
    return found
