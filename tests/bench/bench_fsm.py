"""Microseconds per COMPOUND in the state machine alone: handlers, encoding, LMDB; no network, no consensus.

Run it with ``python -m tests.bench.bench_fsm``. The operations are those of nfsload, without SEQUENCE. "cold" means
that every object's attributes are encoded afresh instead of being found in the plan's memo.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mdscluster.fsm import attribute_plan
from mdscluster.fsm.commands import COMPOUND_HEAD
from mdscluster.fsm.compound import run
from mdscluster.fsm.operations import DISPATCH
from nfswire import nfs4
from tests.unit.fsm.support.compounds import (
    ROOT,
    SUPERUSER,
    Namespace,
    access,
    at,
    create,
    getattr_,
    getfh,
    lookup,
    mkdir,
    pack_compound,
    putfh,
    readdir,
    remove,
    root,
    setattr_,
)

_WIRE = (nfs4.FATTR4_TYPE, nfs4.FATTR4_CHANGE, nfs4.FATTR4_SIZE, nfs4.FATTR4_FSID, nfs4.FATTR4_FILEID)
_STAT = (
    *_WIRE, nfs4.FATTR4_MODE, nfs4.FATTR4_NUMLINKS, nfs4.FATTR4_OWNER, nfs4.FATTR4_OWNER_GROUP,
    nfs4.FATTR4_SPACE_USED, nfs4.FATTR4_TIME_ACCESS, nfs4.FATTR4_TIME_METADATA, nfs4.FATTR4_TIME_MODIFY,
    nfs4.FATTR4_MOUNTED_ON_FILEID,
)  # fmt: skip
_ENTRY = (*_STAT, nfs4.FATTR4_RDATTR_ERROR, nfs4.FATTR4_FILEHANDLE)
_ENTRIES = 100


def _best_us(call: Callable[[], object], times: int, rounds: int = 5) -> float:
    """Microseconds per call in the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(times):
            call()
        best = min(best, (time.perf_counter() - started) / times)
    return best * 1e6


def _reading(fs: Namespace, operations: tuple[bytes, ...]) -> Callable[[], None]:
    """One COMPOUND over a read view, as a front end runs it within a batch."""
    data = pack_compound(operations, SUPERUSER)
    cx = fs.view
    dispatch = DISPATCH[1]
    start = COMPOUND_HEAD.size
    count = len(operations)
    end = len(data)

    def once() -> None:
        cx.reset()
        cx.data = data
        cx.pos = start
        cx.end = end
        cx.ops_left = count
        cx.root = ROOT
        status = run(cx, dispatch.handlers, dispatch.changes, dispatch.needs_fh)
        assert status == 0, status
        b"".join(cx.res)

    return once


def _applied(fs: Namespace, label: str, payloads: list[bytes]) -> float:
    """Microseconds to apply one of ``payloads`` inside a transaction; the commit is not counted."""
    with fs.env.begin(write=True) as txn:
        fs.machine.begin_entry(txn, fs.replica.index, fs.replica.wall_ns, 0)
        apply = fs.machine.apply
        started = time.perf_counter()
        for payload in payloads:
            result = apply(payload)
            assert result[1:5] == b"\0\0\0\0", (label, result[:9])
        spent = time.perf_counter() - started
        fs.machine.end_entry()
    return spent / len(payloads) * 1e6


def _forget() -> None:
    for plans in attribute_plan.PLANS.values():
        for plan in plans.values():
            plan.memo.clear()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        fs = Namespace(Path(folder))
        figures = dict(_reads(fs)) | dict(_changes(fs))
        fs.close()
    for label, us in figures.items():
        sys.stdout.write(f"{label:46s} {us:8.2f} us\n")


def _reads(fs: Namespace) -> list[tuple[str, float]]:
    fs.ok(root(), mkdir(b"ent"))
    for i in range(_ENTRIES):
        fs.ok(*at(b"ent"), create(nfs4.NF4FIFO, b"e%d" % i))
    folder = fs.ok(*at(b"ent"), getfh()).handle
    compounds = {
        "getattr: PUTROOTFH GETATTR": (root(), getattr_(*_STAT)),
        "getattr: PUTFH GETATTR": (putfh(folder), getattr_(*_STAT)),
        "lookup: PUTFH LOOKUP GETFH GETATTR": (putfh(folder), lookup(b"e7"), getfh(), getattr_(*_STAT)),
        "access: PUTFH ACCESS GETATTR": (putfh(folder), access(0x3F), getattr_(*_STAT)),
        f"readdir of {_ENTRIES}": (putfh(folder), readdir(maxcount=65536, dircount=16384, want=_ENTRY)),
    }
    found = []
    with fs.env.begin() as txn:
        fs.view.bind_view(txn)
        for label, operations in compounds.items():
            once = _reading(fs, operations)
            times = 500 if label.startswith("readdir") else 20_000
            found.append((label, _best_us(once, times)))

            def cold(once: Callable[[], None] = once) -> None:
                _forget()
                once()

            found.append((f"{label}, cold", _best_us(cold, times // 4) - _best_us(_forget, times // 4)))
    return found


def _changes(fs: Namespace) -> list[tuple[str, float]]:
    folder = fs.ok(*at(b"ent"), getfh()).handle
    names = [b"c0s0n%d" % i for i in range(2000)]

    def payloads(*operations: Callable[[bytes], bytes]) -> list[bytes]:
        return [pack_compound((putfh(folder), *(make(name) for make in operations)), SUPERUSER) for name in names]

    made = payloads(mkdir, lambda _: getfh(), lambda _: getattr_(*_STAT))
    gone = payloads(remove)
    changed = payloads(lambda _: setattr_({nfs4.FATTR4_MODE: 0o755}), lambda _: getattr_(*_STAT))
    figures: dict[str, float] = {}
    for _ in range(3):
        for label, batch in (
            ("mkdir: PUTFH CREATE GETFH GETATTR", made),
            ("remove: PUTFH REMOVE", gone),
            ("setattr: PUTFH SETATTR GETATTR", changed),
        ):
            figures[label] = min(figures.get(label, 1e9), _applied(fs, label, batch))
    return list(figures.items())


if __name__ == "__main__":
    main()
