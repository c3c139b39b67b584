"""INV-4, INV-5: the checker refuses what a replicated metadata server may get wrong, and says why.

Each case has a twin that differs in the one thing that makes it right.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from nfswire import nfs4
from tests.support.linearizability import Operation, Verdict, check
from tests.support.linearizability.calls import (
    TO_THE_END,
    Answer,
    Close,
    Create,
    Downgrade,
    GetAttr,
    Holder,
    Link,
    Lock,
    Lookup,
    MkDir,
    Open,
    ReadDir,
    Remove,
    Rename,
    SetSize,
    TestLock,
    Unlock,
)
from tests.unit.linearizability.histories import D, history, op

NOENT = Answer(nfs4.NFS4ERR_NOENT)
EXIST = Answer(nfs4.NFS4ERR_EXIST)
STALE = Answer(nfs4.NFS4ERR_STALE)
SHARED = Answer(nfs4.NFS4ERR_SHARE_DENIED)


def is_(id_: str) -> Answer:
    return Answer(object=id_)


def by_replica(answer: Answer, place: int) -> Answer:
    return msgspec.structs.replace(answer, replica=("n1", place))


def moved(before: int, after: int, id_: str | None = None) -> Answer:
    return Answer(object=id_, moved=(before, after))


def denied(owner: str, offset: int, length: int) -> Answer:
    return Answer(nfs4.NFS4ERR_DENIED, holder=Holder(owner, offset, length))


X, Y = (D, "x"), (D, "y")
MADE = op(Create(*X), 0, 1, is_("o1"))
FILE = op(Create(*X), 0, 1, moved(5, 6, "o1"))

CASES: dict[str, tuple[Sequence[Operation], Sequence[Operation]]] = {
    # name: (right, wrong)
    "stale lookup": (
        [MADE, op(Remove(*X), 2, 5), op(Lookup(*X), 3, 4, is_("o1"), "c1")],
        [MADE, op(Remove(*X), 2, 3), op(Lookup(*X), 4, 5, is_("o1"), "c1")],
    ),
    "lookup misses an acknowledged file": (
        [op(Create(*X), 0, 3, is_("o1")), op(Lookup(*X), 2, 4, NOENT, "c1")],
        [op(Create(*X), 0, 1, is_("o1")), op(Lookup(*X), 2, 4, NOENT, "c1")],
    ),
    "reading goes back": (
        [op(Create(*X), 0, 9, is_("o1")), op(Lookup(*X), 1, 2, NOENT, "c1"), op(Lookup(*X), 3, 4, is_("o1"), "c2")],
        [op(Create(*X), 0, 9, is_("o1")), op(Lookup(*X), 1, 2, is_("o1"), "c1"), op(Lookup(*X), 3, 4, NOENT, "c2")],
    ),
    "exclusive create succeeds twice": (
        [op(Create(*X, "exclusive"), 0, 2, is_("o1")), op(Create(*X, "exclusive"), 1, 3, EXIST, "c1")],
        [op(Create(*X, "exclusive"), 0, 2, is_("o1")), op(Create(*X, "exclusive"), 1, 3, is_("o2"), "c1")],
    ),
    "exclusive create refused twice": (
        [op(Create(*X, "exclusive"), 0, 2, is_("o1")), op(Create(*X, "exclusive"), 1, 3, EXIST, "c1")],
        [op(Create(*X, "exclusive"), 0, 2, EXIST), op(Create(*X, "exclusive"), 1, 3, EXIST, "c1")],
    ),
    "one object made twice": (
        [op(Create(*X), 0, 1, is_("o1")), op(Create(*Y), 0, 1, is_("o2"), "c1")],
        [op(Create(*X), 0, 1, is_("o1")), op(Create(*Y), 0, 1, is_("o1"), "c1")],
    ),
    "remove succeeds twice": (
        [MADE, op(Remove(*X), 2, 4), op(Remove(*X), 3, 5, NOENT, "c1")],
        [MADE, op(Remove(*X), 2, 4), op(Remove(*X), 3, 5, by="c1")],
    ),
    "duplicated rename": (
        [MADE, op(Rename(*X, *Y), 2, 4), op(Rename(*X, "d1", "z"), 3, 5, NOENT, "c1")],
        [MADE, op(Rename(*X, *Y), 2, 4), op(Rename(*X, "d1", "z"), 3, 5, by="c1")],
    ),
    "rename leaves the old name": (
        [MADE, op(Rename(*X, "d1", "z"), 2, 3), op(Lookup("d1", "z"), 4, 5, is_("o1")), op(Lookup(*X), 6, 7, NOENT)],
        [MADE, op(Rename(*X, "d1", "z"), 2, 3), op(Lookup(*X), 6, 7, is_("o1"))],
    ),
    "file is seen under neither name during a rename": (
        [MADE, op(Rename(*X, *Y), 2, 9), op(Lookup(*Y), 3, 4, NOENT, "c1"), op(Lookup(*X), 5, 6, is_("o1"), "c1")],
        [MADE, op(Rename(*X, *Y), 2, 9), op(Lookup(*X), 3, 4, NOENT, "c1"), op(Lookup(*Y), 5, 6, NOENT, "c1")],
    ),
    "lost size": (
        [MADE, op(SetSize("o1", 7), 2, 4), op(SetSize("o1", 8), 3, 5, by="c1"),
         op(GetAttr("o1"), 6, 7, Answer(size=7))],
        [MADE, op(SetSize("o1", 7), 2, 3), op(SetSize("o1", 8), 4, 5, by="c1"),
         op(GetAttr("o1"), 6, 7, Answer(size=7))],
    ),
    "lost link": (
        [MADE, op(Link("o1", *Y), 2, 3), op(GetAttr("o1"), 4, 5, Answer(nlink=2))],
        [MADE, op(Link("o1", *Y), 2, 3), op(GetAttr("o1"), 4, 5, Answer(nlink=1))],
    ),
    "link to what is gone": (
        [MADE, op(Remove(*X), 2, 3), op(Link("o1", *Y), 4, 5, STALE)],
        [MADE, op(Remove(*X), 2, 3), op(Link("o1", *Y), 4, 5)],
    ),
    "listing misses an acknowledged entry": (
        [FILE, op(Create(*Y), 2, 3, moved(6, 7, "o2")), op(ReadDir(D), 4, 5, Answer(entries={"x": "o1", "y": "o2"}))],
        [FILE, op(Create(*Y), 2, 3, moved(6, 7, "o2")), op(ReadDir(D), 4, 5, Answer(entries={"y": "o2"}))],
    ),
    "listing misses an acknowledged entry, no change attributes": (
        [MADE, op(Create(*Y), 2, 3, is_("o2")), op(ReadDir(D), 4, 5, Answer(entries={"x": "o1", "y": "o2"}))],
        [MADE, op(Create(*Y), 2, 3, is_("o2")), op(ReadDir(D), 4, 5, Answer(entries={"y": "o2"}))],
    ),
    "listing shows what is gone": (
        [FILE, op(Remove(*X), 2, 5, moved(6, 7)), op(ReadDir(D), 4, 6, Answer(entries={"x": "o1"}), "c1")],
        [FILE, op(Remove(*X), 2, 3, moved(6, 7)), op(ReadDir(D), 4, 6, Answer(entries={"x": "o1"}), "c1")],
    ),
    "listing of two moments": (  # y without x, though x came first
        [op(Create(*X), 0, 9, moved(5, 6, "o1")), op(Create(*Y), 0, 9, moved(6, 7, "o2"), "c1"),
         op(ReadDir(D), 1, 8, Answer(entries={"x": "o1"}), "c2")],
        [op(Create(*X), 0, 9, moved(5, 6, "o1")), op(Create(*Y), 0, 9, moved(6, 7, "o2"), "c1"),
         op(ReadDir(D), 1, 8, Answer(entries={"y": "o2"}), "c2")],
    ),
    "directory's change attribute goes back": (
        [FILE, op(Create(*Y), 2, 3, moved(6, 7, "o2")), op(GetAttr(D), 4, 5, Answer(change=7))],
        [FILE, op(Create(*Y), 2, 3, moved(6, 7, "o2")), op(GetAttr(D), 4, 5, Answer(change=6))],
    ),
    "change attribute used twice": (
        [FILE, op(Create(*Y), 2, 4, moved(6, 7, "o2")), op(Remove(*X), 3, 5, moved(7, 8), "c1")],
        [FILE, op(Create(*Y), 2, 4, moved(6, 7, "o2")), op(Remove(*X), 3, 5, moved(6, 7), "c1")],
    ),
    "a change that does not change the attribute": (
        [FILE, op(Create(*Y), 2, 3, moved(6, 7, "o2"))],
        [FILE, op(Create(*Y), 2, 3, moved(6, 6, "o2"))],
    ),
    "file's change attribute goes back": (
        [MADE, op(GetAttr("o1"), 2, 3, Answer(change=4)), op(SetSize("o1", 1), 4, 5),
         op(GetAttr("o1"), 6, 7, Answer(change=5))],
        [MADE, op(GetAttr("o1"), 2, 3, Answer(change=4)), op(SetSize("o1", 1), 4, 5),
         op(GetAttr("o1"), 6, 7, Answer(change=4))],
    ),
    "mkdir over a file": (
        [MADE, op(MkDir(*X), 2, 3, EXIST)],
        [MADE, op(MkDir(*X), 2, 3, is_("o2"))],
    ),
    "an effect without a cause": (
        [op(Create(*X), 0), op(Lookup(*X), 3, 4, is_("o1"), "c1")],
        [op(Create(*Y), 0), op(Lookup(*X), 3, 4, is_("o1"), "c1")],
    ),
    "an unknown outcome before its invocation": (
        [op(Lookup(*X), 1, 4, is_("o1"), "c1"), op(Create(*X), 3)],
        [op(Lookup(*X), 1, 2, is_("o1"), "c1"), op(Create(*X), 3)],
    ),
    "an unknown outcome takes effect twice": (
        [op(Create(*X), 0), op(Lookup(*X), 1, 2, is_("o1")), op(Remove(*X), 3, 4), op(Lookup(*X), 5, 6, NOENT)],
        [op(Create(*X), 0), op(Lookup(*X), 1, 2, is_("o1")), op(Remove(*X), 3, 4), op(Lookup(*X), 5, 6, is_("o1"))],
    ),
    "one unknown outcome explains two objects": (
        [op(Create(*X), 0), op(Create(*Y), 0, by="c2"), op(Lookup(*X), 1, 2, is_("o1")),
         op(Lookup(*Y), 3, 4, is_("o2"))],
        [op(Create(*X), 0), op(Create(*Y), 0, by="c2"), op(Lookup(*X), 1, 2, is_("o1")),
         op(Lookup(*Y), 3, 4, is_("o1"))],
    ),
    "one unknown outcome explains two objects of a listing": (
        [op(Create(*X), 0), op(Create(*Y), 0, by="c2"), op(ReadDir(D), 1, 2, Answer(entries={"x": "o1", "y": "o2"}))],
        [op(Create(*X), 0), op(Create(*Y), 0, by="c2"), op(ReadDir(D), 1, 2, Answer(entries={"x": "o1", "y": "o1"}))],
    ),
    "an unknown outcome made an object that another one made": (
        [op(Create(*X), 0), op(Create(*Y, "unchecked"), 1, 2, is_("o1"), "c1"), op(Lookup(*X), 3, 4, is_("o2"))],
        [op(Create(*X), 0), op(Create(*Y, "unchecked"), 1, 2, is_("o1"), "c1"), op(Lookup(*X), 3, 4, is_("o1"))],
    ),
    "an unknown outcome made an object that another one made, and that was looked at": (
        [op(Create(*X), 0), op(Create(*Y, "unchecked"), 1, 2, is_("o1"), "c1"), op(GetAttr("o1"), 3, 4),
         op(Create(*X, "unchecked"), 5, 6, is_("o2"))],
        [op(Create(*X), 0), op(Create(*Y, "unchecked"), 1, 2, is_("o1"), "c1"), op(GetAttr("o1"), 3, 4),
         op(Create(*X, "unchecked"), 5, 6, is_("o1"))],
    ),
    "an object is found by a create that may have made it": (
        # Somebody is at y when it exists; x is o1, moves to y, and is found there. Or else o1 was made at y.
        [op(Create(*X), 0), op(Create(*Y), 0, by="c1"), op(Create(*Y, "unchecked"), 0, 9, is_("o1"), "c2"),
         op(Create(*Y), 1, 2, EXIST, "c3"), op(Lookup(*X), 3, 4, is_("o1"), "c3"), op(Rename(*X, *Y), 5, 8, by="c4")],
        [op(Create(*X), 0), op(Create(*Y, "unchecked"), 0, 9, is_("o1"), "c2"),
         op(Create(*Y), 1, 2, EXIST, "c3"), op(Lookup(*X), 3, 4, is_("o1"), "c3"), op(Rename(*X, *Y), 5, 8, by="c4")],
    ),
    "error that no state explains": (
        [MADE],
        [MADE, op(Lookup(*X), 2, 3, Answer(nfs4.NFS4ERR_IO))],
    ),
    "listing refused, no change attributes": (
        [MADE, op(ReadDir(D), 2, 3, Answer(entries={"x": "o1"}))],
        [MADE, op(ReadDir(D), 2, 3, Answer(nfs4.NFS4ERR_IO))],
    ),
    "lock granted twice": (
        [op(Lock("f", "a", 0, 10), 0, 2), op(Lock("f", "b", 5, 10), 1, 3, denied("a", 0, 10), "c1")],
        [op(Lock("f", "a", 0, 10), 0, 2), op(Lock("f", "b", 5, 10), 1, 3, by="c1")],
    ),
    "lock granted twice after a reader": (
        [op(Lock("f", "a", 0, 10, "read"), 0, 1), op(Lock("f", "b", 5, 10, "read"), 2, 3, by="c1")],
        [op(Lock("f", "a", 0, 10, "read"), 0, 1), op(Lock("f", "b", 5, 10, "write"), 2, 3, by="c1")],
    ),
    "lock refused that nobody holds": (
        [op(Lock("f", "a", 0, 10), 0, 1), op(Unlock("f", "a", 0, 10), 2, 4),
         op(Lock("f", "b", 5, 10), 3, 5, denied("a", 0, 10), "c1")],
        [op(Lock("f", "a", 0, 10), 0, 1), op(Unlock("f", "a", 0, 10), 2, 3),
         op(Lock("f", "b", 5, 10), 4, 5, denied("a", 0, 10), "c1")],
    ),
    "lock lost": (
        [op(Lock("f", "a", 0, 10), 0, 1), op(TestLock("f", "b", 9, 1), 2, 3, denied("a", 0, 10), "c1")],
        [op(Lock("f", "a", 0, 10), 0, 1), op(TestLock("f", "b", 9, 1), 2, 3, by="c1")],
    ),
    "lock reported of one who holds none": (
        [op(Lock("f", "a", 0, 10), 0, 1), op(Lock("f", "b", 0, 10), 2, 3, denied("a", 0, 10), "c1")],
        [op(Lock("f", "a", 0, 10), 0, 1), op(Lock("f", "b", 0, 10), 2, 3, denied("z", 0, 10), "c1")],
    ),
    "lock reported larger than it is": (
        [op(Lock("f", "a", 0, 10), 0, 1), op(Lock("f", "b", 0, 10), 2, 3, denied("a", 0, 10), "c1")],
        [op(Lock("f", "a", 0, 10), 0, 1), op(Lock("f", "b", 0, 10), 2, 3, denied("a", 0, 20), "c1")],
    ),
    "lock reported to the end, which it does not reach": (
        [op(Lock("f", "a", 0, TO_THE_END), 0, 1),
         op(Lock("f", "b", 500, 10), 2, 3, denied("a", 300, TO_THE_END), "c1")],
        [op(Lock("f", "a", 0, TO_THE_END - 1), 0, 1),
         op(Lock("f", "b", 500, 10), 2, 3, denied("a", 300, TO_THE_END), "c1")],
    ),
    "lock outlives its close": (
        [op(Lock("f", "a", 0, 10), 0, 1), op(Close("f", "a"), 2), op(Lock("f", "b", 0, 1), 3, 4, denied("a", 0, 10))],
        [op(Lock("f", "a", 0, 10), 0, 1), op(Close("f", "a"), 2, 3),
         op(Lock("f", "b", 0, 1), 4, 5, denied("a", 0, 10))],
    ),
    "open against a denial": (
        [op(Open("f", "a", 1, 2), 0, 1), op(Open("f", "b", 2), 2, 3, SHARED, "c1")],
        [op(Open("f", "a", 1, 2), 0, 1), op(Open("f", "b", 2), 2, 3, by="c1")],
    ),
    "denial against an open": (
        [op(Open("f", "a", 2), 0, 1), op(Open("f", "b", 1, 2), 2, 3, SHARED, "c1")],
        [op(Open("f", "a", 2), 0, 1), op(Open("f", "b", 1, 2), 2, 3, by="c1")],
    ),
    "open refused without a reason": (
        [op(Open("f", "a", 1, 2), 0, 1), op(Close("f", "a"), 2, 4), op(Open("f", "b", 2), 3, 5, SHARED, "c1")],
        [op(Open("f", "a", 1, 2), 0, 1), op(Close("f", "a"), 2, 3), op(Open("f", "b", 2), 4, 5, SHARED, "c1")],
    ),
    "denial outlives its downgrade": (
        [op(Open("f", "a", 1), 0, 1), op(Open("f", "a", 1, 2), 2, 3), op(Open("f", "b", 2), 4, 5, SHARED, "c1")],
        [op(Open("f", "a", 1), 0, 1), op(Open("f", "a", 1, 2), 2, 3), op(Downgrade("f", "a", 1), 4, 5),
         op(Open("f", "b", 2), 6, 7, SHARED, "c1")],
    ),
    "a replica that is behind goes back": (
        [op(Create(D, "x"), 10, 11, is_("i1")), op(Lookup(D, "x"), 0, 20, by_replica(NOENT, 1), "c1"),
         op(Lookup(D, "x"), 0, 30, by_replica(is_("i1"), 2), "c1")],
        [op(Create(D, "x"), 10, 11, is_("i1")), op(Lookup(D, "x"), 0, 20, by_replica(is_("i1"), 1), "c1"),
         op(Lookup(D, "x"), 0, 30, by_replica(NOENT, 2), "c1")],
    ),
    "a replica that is behind goes back, between two names": (
        [op(Create(D, "x"), 10, 11, is_("i1")), op(Rename(D, "x", D, "y"), 12, 13),
         op(Lookup(D, "x"), 0, 20, by_replica(is_("i1"), 1), "c1"),
         op(Lookup(D, "y"), 0, 30, by_replica(NOENT, 2), "c1"),
         op(Lookup(D, "y"), 0, 40, by_replica(is_("i1"), 3), "c1")],
        [op(Create(D, "x"), 10, 11, is_("i1")), op(Rename(D, "x", D, "y"), 12, 13),
         op(Lookup(D, "y"), 0, 20, by_replica(is_("i1"), 1), "c1"),
         op(Lookup(D, "x"), 0, 30, by_replica(is_("i1"), 2), "c1")],
    ),
    "close runs twice": (
        [op(Open("f", "a", 1), 0, 1), op(Close("f", "a"), 2, 3)],
        [op(Open("f", "a", 1), 0, 1), op(Close("f", "a"), 2, 3), op(Close("f", "a"), 4, 5)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_anomaly_is_refused_and_its_twin_is_not(name: str) -> None:
    right, wrong = CASES[name]
    accepted = check(history(*right), limit_s=10)
    assert accepted.ok, str(accepted)
    refused = check(history(*wrong), limit_s=10)
    assert refused.verdict is Verdict.VIOLATION, str(refused)
    assert "VIOLATION" in str(refused)


def test_an_empty_history_proves_nothing() -> None:
    assert not check(history()).ok
