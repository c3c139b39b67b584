"""Whatever a client sends, ``apply`` answers: an exception in it would stop every node, and again at every start.

Arguments are drawn from the description of the protocol (``nfs4.x``), with integers and discriminants that no client
should send; handles, stateids and names are mostly those that earlier answers gave, so that operations get far.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import nfswire
from mdscluster.fsm.operations import DISPATCH
from nfswire import nfs4
from nfswire.attributes import pack_fattr
from nfswire.emit import TABLES, Types
from nfswire.xdr import XdrError
from nfswire.xdrlang import Array, Bitmap, Bool, Chain, Fixed, Int, Opaque, Ref, StructDef, Type, UnionDef, Void, parse
from tests.unit.fsm.support.compounds import (
    Namespace,
    getattr_,
    lookup,
    mkdir,
    operation,
    putfh,
    readdir,
    remove,
    rename,
    root,
    setattr_,
    unpack_reply,
)
from tests.unit.fsm.support.layouts import get_layout, layoutcommit, layoutget, layoutreturn, servers
from tests.unit.fsm.support.sessions import (
    Caller,
    close,
    connect,
    downgrade,
    guarded,
    lock,
    lockt,
    locku,
    open_,
    unchecked,
)

TYPES = Types(parse((Path(nfswire.__file__).parent / "nfs4.x").read_text("utf-8")))
COMPOUNDS = 4_000
NAMES = (b"a", b"b", b"c", b"d", b"x" * 255, b"x" * 256, b"", b".", b"..", b"a/b", b"\xff", b"n\0")
_BITS = {"i": (-(1 << 31), 1 << 31), "I": (0, 1 << 32), "q": (-(1 << 63), 1 << 63), "Q": (0, 1 << 64)}
_SETTABLE = (nfs4.FATTR4_MODE, nfs4.FATTR4_SIZE, nfs4.FATTR4_OWNER, nfs4.FATTR4_TIME_MODIFY_SET)


class Drawer:
    """Random values of any type, and what earlier answers taught."""

    def __init__(self, seed: int, client_ids: list[int]) -> None:
        self.rng = random.Random(seed)
        self.client_ids = client_ids
        self.handles: list[bytes] = []
        self.stateids = [nfs4.stateid4(0, bytes(12)), nfs4.stateid4(1, bytes(12)), nfs4.stateid4(7, b"\xff" * 12)]

    def value(self, kind: Type, name: str = "") -> Any:
        kind, rng = TYPES.resolve(kind), self.rng
        if isinstance(kind, Int):
            return self._int(kind, name)
        if isinstance(kind, Bool):
            return rng.random() < 0.25
        if isinstance(kind, Fixed):
            return rng.choice((bytes(kind.size), rng.randbytes(kind.size)))
        if isinstance(kind, Opaque):
            return self._opaque(kind, name)
        if isinstance(kind, Bitmap):
            return rng.choice((0, 1 << rng.randrange(96), rng.getrandbits(96), rng.getrandbits(54)))
        if isinstance(kind, Array):
            return [self.value(kind.element) for _ in range(rng.randrange(3))]
        if isinstance(kind, Chain):
            return [self.named(kind.name) for _ in range(rng.randrange(3))]
        return self.named(kind.name) if isinstance(kind, Ref) else None

    def _int(self, kind: Int, name: str) -> int:
        rng, (low, past) = self.rng, _BITS[kind.fmt]
        if "clientid" in name and rng.random() < 0.9:
            return rng.choice(self.client_ids)
        members = TYPES.spec.enums.get(kind.name)
        if members and rng.random() < 0.95:
            return TYPES.spec.constants[rng.choice(members[:3] if rng.random() < 0.5 else members)]
        if rng.random() < 0.7:
            return rng.choice((1, 2, 3, 0, past - 1 if kind.fmt == "Q" else 0))
        near = rng.choice((0, 1, 2, 3, 4096, 1 << 20, past - 1, past - 2, past >> 1, low))
        return max(low, min(past - 1, near + rng.choice((0, 0, 0, 1, -1))))

    def _opaque(self, kind: Opaque, name: str) -> bytes:
        rng = self.rng
        if kind.limit == nfs4.NFS4_FHSIZE and rng.random() < 0.9:
            return rng.choice((*self.handles[:2], *self.handles[-4:], b"", bytes(24)))
        return rng.choice(NAMES)[: kind.limit] if rng.random() < 0.9 else rng.randbytes(rng.randrange(40))[: kind.limit]

    def named(self, name: str) -> Any:
        rng, made, shape = self.rng, TYPES.definition(name), getattr(nfs4, name)
        if name == "stateid4" and rng.random() < 0.9:
            known = rng.choice(self.stateids[:10] if rng.random() < 0.5 else self.stateids[-8:])
            return nfs4.stateid4(rng.choice((known.seqid, known.seqid, 0, 1, known.seqid + 1)) % (1 << 32), known.other)
        if name == "fattr4" and rng.random() < 0.9:
            return self._fattr()
        if isinstance(made, StructDef):
            return shape(*(self.value(kind, f"{name}.{field}") for field, kind in made.fields))
        return self._union(made, shape)

    def _fattr(self) -> nfs4.fattr4:
        rng = self.rng
        time = nfs4.settime4(1, nfs4.nfstime4(rng.choice((-1, 0, 1 << 62)), rng.choice((0, 999_999_999, 1 << 31))))
        possible = {nfs4.FATTR4_MODE: rng.choice((0o644, 0o7777, 1 << 20)), nfs4.FATTR4_OWNER: rng.choice(NAMES)}
        possible |= {nfs4.FATTR4_SIZE: self._int(Int("Q", ""), ""), nfs4.FATTR4_TIME_MODIFY_SET: time}
        return pack_fattr({number: possible[number] for number in _SETTABLE if rng.random() < 0.3})

    def _union(self, made: UnionDef, shape: Any) -> Any:
        label = self.rng.choice([*made.cases, *made.cases, *([0, 3, 9, 1 << 31] if made.default else [])])
        name, kind = made.cases.get(label, made.default or ("", Void()))
        tag = bool(label) if isinstance(TYPES.resolve(made.switch[1]), Bool) else label
        if isinstance(kind, Void):
            return shape(tag)
        before = [arm for arm, _ in made.arms()].index(name)
        return shape(tag, *[None] * before, self.value(kind, name))

    def operation(self, op: int) -> bytes:
        _, kind = TYPES.spec.unions["nfs_argop4"].cases[op]
        packed = operation(op, self.value(kind))
        if self.rng.random() < 0.05:
            at = self.rng.randrange(4, len(packed)) if len(packed) > 4 else 0
            packed = packed[:at] + self.rng.randbytes(1) + packed[at + 1 :]
        if self.rng.random() < 0.03:
            packed = packed[: self.rng.randrange(4, len(packed) + 1) & ~3]
        return packed

    def mutated(self) -> bytes:
        """An operation as a good client sends it, with here and there a word that is not."""
        rng = self.rng
        name, stateid = rng.choice(NAMES[:4]), rng.choice((*self.stateids[3:9], *self.stateids[-4:]))
        packed = rng.choice((
            open_(name, rng.choice((1, 2, 3)), rng.choice((0, 0, 1)), b"o", rng.choice((None, unchecked(), guarded()))),
            close(stateid), downgrade(stateid, 1), lockt(5, 10), locku(stateid, 0, 10), lock(stateid, 0, 10),
            lock(stateid, 3, 9, owner=b"o"), layoutget(stateid), layoutcommit(stateid, 4095), layoutreturn(stateid),
            mkdir(name), lookup(name), remove(name), readdir(), rename(name, b"d"), getattr_(nfs4.FATTR4_SIZE),
            setattr_({nfs4.FATTR4_SIZE: 4096}), operation(nfs4.OP_SAVEFH),
        ))  # fmt: skip
        words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
        for at in range(1, len(words)):
            if rng.random() < 0.03:
                words[at] = rng.choice((bytes(4), b"\0\0\0\1", b"\0\0\0\4", b"\xff" * 4, b"\x80" + bytes(3)))
        return b"".join(words)

    def learn(self, value: Any) -> None:
        """Keep the handles and stateids of an answer."""
        if isinstance(value, nfs4.stateid4):
            self.stateids.append(value)
        elif isinstance(value, nfs4.GETFH4resok):
            self.handles.append(value.object)
        elif isinstance(value, list):
            for one in value:
                self.learn(one)
        elif hasattr(value, "__struct_fields__"):
            for field in value.__struct_fields__:
                self.learn(getattr(value, field))


def compound(drawer: Drawer, ops: list[int]) -> list[bytes]:
    """A way to some object, then a few operations."""
    rng = drawer.rng
    way = [root()] if rng.random() < 0.5 else [putfh(rng.choice((*drawer.handles[:2], *drawer.handles[-4:])))]
    drawn = (drawer.operation(rng.choice(ops)) if rng.random() < 0.4 else drawer.mutated() for _ in range(9))
    some = list(itertools.islice(drawn, rng.choice((1, 2))))
    return [*way, *some, operation(nfs4.OP_GETFH)]


@pytest.mark.parametrize("seed", range(3))
def test_apply_answers_whatever_it_is_sent(tmp_path: Path, seed: int) -> None:
    """INV-2: no COMPOUND raises; and what was drawn was not all refused at the door."""
    fs = Namespace(tmp_path)
    servers(fs)
    callers: list[Caller] = [connect(fs, b"one"), connect(fs, b"two")]
    drawer = Drawer(seed, [caller.client_id for caller in callers])
    for caller in callers:
        handle, stateid = caller.create(b"file of %d" % caller.client_id)
        drawer.handles.append(handle)
        drawer.stateids += [stateid, get_layout(caller, handle, stateid)]
        drawer.stateids.append(caller.lock(handle, stateid, 0, 10, owner=b"o"))
    handlers = DISPATCH[1].handlers
    served = [op for op in nfs4.OP_NAMES if op < len(handlers) and handlers[op] and op not in _OUTSIDE]
    often = [*served, *[nfs4.OP_OPEN] * 8, *[nfs4.OP_LAYOUTRETURN, nfs4.OP_LAYOUTGET] * 3]
    tried: Counter[int] = Counter()
    succeeded: Counter[int] = Counter()
    for _ in range(COMPOUNDS):
        caller = drawer.rng.choice(callers)
        operations = compound(drawer, often)
        result = fs.replica.apply_entry([caller.payload(*operations)])[0]
        if result[:1] != b"\0":
            continue  # It waits for a recall or for I/O, or its slot was refused.
        for op, status, body in unpack_reply(result).results:
            tried[op] += 1
            succeeded[op] += not status
            drawer.learn(body)
    fs.close()
    missing = [nfs4.OP_NAMES[op] for op in served if not tried[op] and op not in _INTERRUPTED]
    assert not missing, f"never reached: {missing}"
    assert sum(succeeded.values()) > COMPOUNDS / 2, "vacuous: hardly anything was let in"
    for op in (nfs4.OP_OPEN, nfs4.OP_LOOKUP, nfs4.OP_CREATE, nfs4.OP_SETATTR, nfs4.OP_LAYOUTGET):
        assert succeeded[op], f"{nfs4.OP_NAMES[op]} never succeeded"


_OUTSIDE = {nfs4.OP_EXCHANGE_ID, nfs4.OP_CREATE_SESSION, nfs4.OP_DESTROY_SESSION, nfs4.OP_DESTROY_CLIENTID}
"""They would end the session that the others need; their own tests drive them."""


_INTERRUPTED = {nfs4.OP_READ, nfs4.OP_WRITE, nfs4.OP_COMMIT}
"""Here ``apply`` hands the COMPOUND back for its I/O."""


def test_a_layout_return_of_no_kind_is_refused(tmp_path: Path) -> None:
    """A discriminant that the enumeration does not have is no XDR (RFC 4506 §4.3). It once stopped the cluster."""
    fs = Namespace(tmp_path)
    caller = connect(fs, b"one")
    handle, stateid = caller.create(b"f")
    whole = layoutreturn(stateid)
    at = 16  # behind the operation, lora_reclaim, lora_layout_type and lora_iomode
    assert whole[at : at + 4] == nfs4.LAYOUTRETURN4_FILE.to_bytes(4, "big")
    for kind in (0, 4, 1 << 31):
        packed = whole[:at] + kind.to_bytes(4, "big")
        assert caller.status(putfh(handle), packed) == "NFS4ERR_BADXDR"
    fs.close()


def test_enumerations_are_closed_where_nothing_newer_may_come() -> None:
    for name, bad in (("layoutreturn4", 9), ("openflag4", 2), ("settime4", 5), ("read_plus_content", 3)):
        with pytest.raises(XdrError):
            getattr(nfs4, f"unpack_{name}")(bad.to_bytes(4, "big") + bytes(64), 0)
    assert "nfs_argop4" in TABLES  # operations are checked by their own table
