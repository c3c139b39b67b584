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

from mdscluster.fsm import features, fences
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
    """One run of one front end: the number of its process, 8 bytes; empty: nobody may."""
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


def revoke(cx: Compound, client_id: int) -> None:
    """Nobody may write for the client any more, not even who is about to: as if nobody at all had claimed it."""
    if load(cx.txn, cx.tables, client_id) is not None:
        take(cx, client_id, b"")


def held_by(cx: Compound, holders: set[bytes]) -> list[int]:
    """Clients that these runs of front ends write for. Reads every claim."""
    with cx.txn.cursor(db=cx.tables.io_claim) as cursor:
        rows = [(bytes(key), bytes(value)) for key, value in cursor if len(key) == U64.size]
    return [U64.unpack(key)[0] for key, value in rows if _decode(value).holder in holders]


def confirm(cx: Compound, client_id: int, version: int) -> None:
    """Every data server has the fence list of this version in force."""
    claim = load(cx.txn, cx.tables, client_id)
    if claim is None or claim.in_force or claim.epoch > version:
        return
    key = U64.pack(client_id)
    cx.delete(_PENDING + key, db=cx.tables.io_claim)
    if not claim.holder and cx.get(key, db=cx.tables.client) is None:
        cx.delete(key, db=cx.tables.io_claim)  # it was forgotten, and nothing is left that could come late
        return
    claim.in_force = True
    cx.put(key, _encode(claim), db=cx.tables.io_claim)


def has_unconfirmed(cx: Compound, client_id: int) -> bool:
    """Whether a data server may still accept what was written for the client before the present claim."""
    claim = load(cx.txn, cx.tables, client_id)
    return claim is not None and not claim.in_force


def is_held(txn: lmdb.Transaction, tables: Tables, client_id: int) -> bool:
    """Whether somebody may write for the client."""
    claim = load(txn, tables, client_id)
    return claim is not None and bool(claim.holder)


def is_open(cx: Compound, client_id: int) -> bool:
    """Whether a data server may accept anything that is written for the client."""
    claim = load(cx.txn, cx.tables, client_id)
    return claim is not None and (bool(claim.holder) or not claim.in_force)


def is_current(cx: Compound, client_id: int, epoch: int) -> bool:
    """Whether a command that was made under the claim of this epoch may still be run."""
    claim = load(cx.txn, cx.tables, client_id)
    return claim is not None and claim.epoch == epoch


def forget(cx: Compound, client_id: int) -> None:
    """The client is gone: nobody writes for it any more.

    A claim that may still be used stays, as revoked, until its fence is in force: so the leader pushes that at once.
    Releases below that level left it to the next push.
    """
    key = U64.pack(client_id)
    if features.level(cx.txn, cx.tables) >= features.MANDATES:
        if is_held(cx.txn, cx.tables, client_id):
            revoke(cx, client_id)
        elif not is_open(cx, client_id):
            cx.delete(key, db=cx.tables.io_claim)
    elif load(cx.txn, cx.tables, client_id) is not None:
        fences.raise_fence(cx, fences.EVERY, identity(client_id))
        cx.delete(key, db=cx.tables.io_claim)
        cx.delete(_PENDING + key, db=cx.tables.io_claim)


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
