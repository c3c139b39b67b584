"""Every type of the description: what goes in comes out, and nothing that comes in does harm.

The values are drawn from the description itself (``nfs4.x``), so a type added there is tested without a line here.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nfswire
from nfswire import nfs4
from nfswire.emit import TABLES, Types
from nfswire.emit_unpack import OPEN_ENUMS
from nfswire.xdr import XdrError
from nfswire.xdrlang import Array, Bitmap, Bool, Chain, Fixed, Int, Opaque, Ref, StructDef, Type, UnionDef, Void, parse

TYPES = Types(parse((Path(nfswire.__file__).parent / "nfs4.x").read_text("utf-8")))
NAMES = list(TYPES.spec.order)
_BITS = {
    "i": (-(1 << 31), (1 << 31) - 1), "I": (0, (1 << 32) - 1),
    "q": (-(1 << 63), (1 << 63) - 1), "Q": (0, (1 << 64) - 1),
}
_strategies: dict[str, st.SearchStrategy[Any]] = {}

BOUNDED = settings(
    max_examples=12, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def values(kind: Type) -> st.SearchStrategy[Any]:
    """Values of a type."""
    kind = TYPES.resolve(kind)
    if isinstance(kind, Int):
        low, high = _BITS[kind.fmt]
        return st.one_of(st.integers(low, high), st.sampled_from([low, high, 0, 1]))
    if isinstance(kind, Bool):
        return st.booleans()
    if isinstance(kind, Fixed):
        return st.binary(min_size=kind.size, max_size=kind.size)
    if isinstance(kind, Opaque):
        return st.binary(max_size=min(kind.limit, 21))
    if isinstance(kind, Bitmap):
        return st.one_of(st.integers(0, (1 << 100) - 1), st.sampled_from([0, 1, (1 << 512) - 1]))
    if isinstance(kind, Array):
        return st.lists(values(kind.element), max_size=min(kind.limit, 3))
    if isinstance(kind, Chain):
        return st.lists(named(kind.name), max_size=3)
    return named(kind.name) if isinstance(kind, Ref) else st.none()


def named(name: str) -> st.SearchStrategy[Any]:
    """Values of a struct or union."""
    if name not in _strategies:
        made = TYPES.definition(name)
        shape = getattr(nfs4, name)
        if isinstance(made, StructDef):
            _strategies[name] = st.builds(shape, *(values(kind) for _, kind in made.fields))
        elif name in TABLES:
            arms = [st.builds(shape, st.just(label), values(kind)) for label, (_, kind) in made.cases.items()]
            _strategies[name] = st.one_of(arms)
        else:
            _strategies[name] = union_values(made, shape)
    return _strategies[name]


def union_values(made: UnionDef, shape: Any) -> st.SearchStrategy[Any]:
    """Values of a union: every label, and where there is a default some label that has no arm."""
    positions = {arm: at for at, (arm, _) in enumerate(made.arms())}
    is_bool = isinstance(TYPES.resolve(made.switch[1]), Bool)

    def arm(label: int, name: str, kind: Type) -> st.SearchStrategy[Any]:
        tag = st.just(bool(label) if is_bool else label)
        if isinstance(kind, Void):
            return st.builds(shape, tag)
        return st.builds(shape, tag, *[st.none()] * positions[name], values(kind))

    made_of = [arm(label, name, kind) for label, (name, kind) in made.cases.items()]
    if made.default is not None:
        made_of += [arm(label, *made.default) for label in default_labels(made)]
    return st.one_of(made_of)


def default_labels(made: UnionDef) -> list[int]:
    """Labels that have no arm of their own: of an enumeration the members, unless a newer peer may know more."""
    switch = TYPES.resolve(made.switch[1])
    assert isinstance(switch, Int)
    if switch.name not in TYPES.spec.enums or switch.name in OPEN_ENUMS:
        return [next(n for n in range(12345, 99999) if n not in made.cases)]
    return [n for n in map(TYPES.spec.constants.__getitem__, TYPES.spec.enums[switch.name]) if n not in made.cases]


def codec(name: str) -> tuple[Any, Any]:
    """The type's unpack and pack functions."""
    return getattr(nfs4, f"unpack_{name}"), getattr(nfs4, f"pack_{name}")


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_and_every_truncation(name: str) -> None:
    """A packed value unpacks to itself, to the last byte, at any place in a buffer; cut anywhere it is refused."""
    unpack, pack = codec(name)

    @BOUNDED
    @given(values(Ref(name)))
    def check(value: Any) -> None:
        data = pack(value)
        assert len(data) % 4 == 0
        assert unpack(data, 0) == (value, len(data))
        shifted = memoryview(b"!" + data + b"tail")
        assert unpack(shifted, 1) == (value, len(data) + 1)
        parts: list[bytes] = []
        getattr(nfs4, f"append_{name}")(parts, value)
        assert b"".join(parts) == data
        for length in range(len(data) - 1, -1, -max(1, len(data) // 64)):
            with pytest.raises(XdrError):
                unpack(data[:length], 0)

    check()


@pytest.mark.parametrize("name", NAMES)
def test_mutations_give_a_value_or_xdr_error(name: str) -> None:
    """A damaged encoding is refused with XdrError or is the encoding of something, which packs and unpacks again."""
    unpack, pack = codec(name)
    word = st.sampled_from([0, 1, 2, 33, 0x7FFFFFFF, 0xFFFFFFFF]).map(lambda number: number.to_bytes(4, "big"))

    @BOUNDED
    @given(values(Ref(name)), st.integers(0, 1 << 16), word, st.binary(max_size=40))
    def check(value: Any, place: int, insert: bytes, noise: bytes) -> None:
        data = pack(value)
        at = place % (len(data) + 1) & ~3
        for damaged in (data[:at] + insert + data[at + 4:], data[:at] + insert + data[at:], data[:at] + noise, noise):
            try:
                got, end = unpack(damaged, 0)
            except XdrError:
                continue
            assert end <= len(damaged)
            again = pack(got)
            assert unpack(again, 0) == (got, len(again))

    check()


@pytest.mark.parametrize("fill", [b"\xff\xff\xff\xff", b"\0\0\x0f\xff", b"\0\0\0\0", b"\0\0\0\1"])
def test_memory_is_bounded_by_the_input(fill: bytes) -> None:
    """Counts and lengths that promise more than is there allocate nothing; no input is blown up by much."""
    data = fill * 4096
    tracemalloc.start()
    try:
        for name in NAMES:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                getattr(nfs4, f"unpack_{name}")(data, 0)
            except XdrError:
                pass
            peak = tracemalloc.get_traced_memory()[1] - before
            assert peak < 40 * len(data), f"{name} took {peak} bytes for {len(data)}"
    finally:
        tracemalloc.stop()


def test_declared_maxima_are_enforced_both_ways() -> None:
    """A filehandle has at most 128 bytes (RFC 8881 section 3.2), on the way in as on the way out."""
    handle = nfs4.PUTFH4args(b"h" * 128)
    assert nfs4.unpack_PUTFH4args(nfs4.pack_PUTFH4args(handle), 0)[0] == handle
    with pytest.raises(XdrError):
        nfs4.unpack_PUTFH4args((129).to_bytes(4, "big") + bytes(132), 0)
    with pytest.raises(XdrError):
        nfs4.pack_PUTFH4args(nfs4.PUTFH4args(b"h" * 129))
    with pytest.raises(XdrError):
        nfs4.unpack_TEST_STATEID4args((nfs4.LIMIT_LIST + 1).to_bytes(4, "big") + bytes(16 * (nfs4.LIMIT_LIST + 1)), 0)
    with pytest.raises(XdrError):
        nfs4.unpack_bitmap4((17).to_bytes(4, "big") + bytes(68), 0)


def test_values_that_do_not_fit_are_refused_when_packing() -> None:
    """Integers out of range, opaques of the wrong length, a union without its arm: XdrError, never silent damage."""
    refused: list[tuple[Callable[[Any], bytes], Any]] = [
        (nfs4.pack_stateid4, nfs4.stateid4(1 << 32, bytes(12))),
        (nfs4.pack_stateid4, nfs4.stateid4(1, bytes(11))),
        (nfs4.pack_stateid4, nfs4.stateid4(1, bytes(13))),
        (nfs4.pack_COMMIT4args, nfs4.COMMIT4args(-1, 0)),
        (nfs4.pack_CLOSE4res, nfs4.CLOSE4res(nfs4.NFS4_OK)),
        (nfs4.pack_open_claim4, nfs4.open_claim4(77)),
        (nfs4.pack_bitmap4, -1),
        (nfs4.pack_bitmap4, 1 << 512),
    ]
    for pack, value in refused:
        with pytest.raises(XdrError):
            pack(value)


def test_booleans_are_zero_or_one() -> None:
    """RFC 4506 section 4.4: FALSE = 0, TRUE = 1, and nothing else."""
    assert nfs4.unpack_RECLAIM_COMPLETE4args(b"\0\0\0\1", 0)[0].rca_one_fs is True
    for word in (b"\0\0\0\2", b"\1\0\0\0", b"\xff\xff\xff\xff"):
        with pytest.raises(XdrError):
            nfs4.unpack_RECLAIM_COMPLETE4args(word, 0)
        with pytest.raises(XdrError):
            nfs4.unpack_locker4(word + bytes(64), 0)


def test_payloads_are_views_of_the_buffer() -> None:
    """READ and WRITE data is not copied; every other opaque is bytes."""
    data = bytes(range(256)) * 16
    buffer = bytearray(nfs4.pack_WRITE4args(nfs4.WRITE4args(nfs4.stateid4(1, bytes(12)), 0, 2, data)))
    view = memoryview(buffer)
    write, _ = nfs4.unpack_WRITE4args(view, 0)
    assert isinstance(write.data, memoryview)
    assert write.data == data
    buffer[-1] ^= 0xFF
    assert write.data != data
    read, _ = nfs4.unpack_READ4res(nfs4.pack_READ4res(nfs4.READ4res(0, nfs4.READ4resok(True, data))), 0)
    assert read.resok4 is not None
    assert isinstance(read.resok4.data, memoryview)
    assert isinstance(nfs4.unpack_PUTFH4args(memoryview(b"\0\0\0\1a\0\0\0"), 0)[0].object, bytes)


def test_tables_know_every_operation() -> None:
    """Every operation of NFSv4.1 and NFSv4.2 has both codecs; the five that NFSv4.1 forbids have a name only."""
    forbidden = {
        nfs4.OP_OPEN_CONFIRM, nfs4.OP_RENEW, nfs4.OP_SETCLIENTID, nfs4.OP_SETCLIENTID_CONFIRM,
        nfs4.OP_RELEASE_LOCKOWNER,
    }
    assert set(nfs4.ARGS) == set(nfs4.RES) == set(nfs4.OP_NAMES) - forbidden
    assert set(nfs4.CB_ARGS) == set(nfs4.CB_RES) == set(nfs4.CB_NAMES)
    assert set(range(nfs4.OP_ACCESS, nfs4.OP_REMOVEXATTR + 1)) < set(nfs4.OP_NAMES)
    unpack, pack = nfs4.ARGS[nfs4.OP_GETFH]
    assert unpack(b"", 0) == (None, 0)
    assert pack(None) == b""
    with pytest.raises(XdrError):
        nfs4.unpack_nfs_argop4(nfs4.OP_RENEW.to_bytes(4, "big") + bytes(8), 0)
