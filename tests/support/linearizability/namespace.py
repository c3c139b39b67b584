"""Sequential model of the namespace: names in directories, and the objects behind them.

Keys of the state:

- ``("entry", directory, name)``: the object that the name stands for;
- ``("count", directory)``: number of entries;
- ``("change", directory)``: the change attribute, ``(lower bound, known exactly)``;
- ``("object", id)``: :class:`Inode`;
- ``("silent",)``: objects made by operations without an answer, and ``("is", object)``, the ID by which such a one was
  seen later (and the other way round).

Directories in which names are made exist from the beginning and stay; those made by ``mkdir`` stay empty.

``change_info4``, where it is known, ties a directory's changes into one chain, which makes listings cheap to judge: a
``readdir`` is one look at the whole directory. Where some change came without it, a listing is taken apart into one
look at each entry (as it always is when it took several requests). That is sound, and misses exactly this: a listing
whose every entry was right at some moment during the call, but no one moment was right for all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

from nfswire import nfs4
from tests.support.linearizability.calls import (
    Answer,
    Call,
    Create,
    GetAttr,
    Link,
    Lookup,
    MkDir,
    ReadDir,
    Remove,
    Rename,
    SetSize,
)  # fmt: skip
from tests.support.linearizability.history import History, Operation
from tests.support.linearizability.model import IMPOSSIBLE, UNCHANGED, Effect, Footprint, Key, State
from tests.support.linearizability.whereabouts import Whereabouts

OK = nfs4.NFS4_OK
NOENT = nfs4.NFS4ERR_NOENT
EXIST = nfs4.NFS4ERR_EXIST
STALE = nfs4.NFS4ERR_STALE
ISDIR = nfs4.NFS4ERR_ISDIR

CALLS = (Create, MkDir, Lookup, ReadDir, Rename, Link, Remove, SetSize, GetAttr)
_CHANGING = (Create, MkDir, Rename, Link, Remove)

Bound: TypeAlias = "tuple[int, bool]"
"""A change attribute: at least so much, and whether it is exactly that."""
UNKNOWN_CHANGE: Bound = (0, False)
Moved: TypeAlias = "tuple[int, int] | None"


class Inode(msgspec.Struct, frozen=True):
    """A file, or an empty directory. ``links`` 0: it is gone, or lives on while somebody has it open."""

    directory: bool
    links: int = 1
    size: int = 0
    change: Bound = UNKNOWN_CHANGE

    def changed(self, links: int = 0, size: int | None = None) -> Inode:
        """After a change: the attribute has grown."""
        bound = self.change[0] + 1
        return Inode(self.directory, self.links + links, self.size if size is None else size, (bound, False))


class NamespaceModel:
    """The namespace of one history."""

    name = "namespace"

    def __init__(self, history: History) -> None:
        mine = [o for o in history.operations if isinstance(o.call, CALLS)]
        self.roots = frozenset(history.directories)
        strange = sorted({d for o in mine for d in _directories(o.call)} - self.roots)
        assert not strange, f"names were made in directories that the history does not begin with: {strange[:5]}"
        made = {o.answer.object for o in mine if o.answer is not None and _makes(o)}
        shown = {id_ for o in mine for id_ in _shown(o)}
        silent = any(o.answer is None and isinstance(o.call, Create | MkDir) for o in mine)
        self._found = frozenset(shown - made - self.roots) if silent else frozenset()
        """Objects that were seen, and may have been made by an operation without an answer."""
        self._operations = _listings_apart(mine, _chained(mine, self.roots))
        asked = {o.call.object for o in mine if isinstance(o.call, Link | SetSize | GetAttr)}
        self._whereabouts = Whereabouts(self._operations, asked - self.roots, self._found)
        self._began = _began(mine)

    def operations(self) -> list[Operation]:
        return self._operations

    # -- which keys an operation concerns

    def footprint(self, operation: Operation) -> Footprint:
        call, answer = operation.call, operation.answer
        places = _entries(operation)
        entries: list[Key] = [("entry", *place) for place in places]
        found: list[Key] = [("is", id_) for id_ in _shown(operation) if id_ in self._found]
        if isinstance(call, GetAttr):
            seen: Key = ("change" if call.object in self.roots else "object", call.object)
            return Footprint(reads=frozenset([seen, *found]))
        if isinstance(call, ReadDir):
            listing: Key = ("list", call.directory)
            return Footprint(reads=frozenset([listing, *entries, *found]))
        objects: list[Key] = [("object", call.object)] if isinstance(call, SetSize | Link) else []
        if isinstance(call, Lookup) or (answer is not None and answer.status != OK):
            return Footprint(reads=frozenset([*entries, *objects, *found]))
        if isinstance(call, SetSize):
            return Footprint(reads=frozenset(found), writes=frozenset(objects))
        adds: set[Key] = {("list", directory) for directory, _ in places}
        adds.update(("object", id_) for id_ in self._whereabouts.met(operation))
        writes = set(entries)
        if isinstance(call, Create | MkDir):
            # One that may have made what it found leaves that to nobody else.
            writes |= {*found, *(("object", id_) for id_ in _shown(operation))}
        for directory, moved in _changes(call, answer):
            (adds if moved is None else writes).add(("change", directory))
        return Footprint(frozenset([*objects, *found]), frozenset(writes), frozenset(adds))

    # -- what an operation does

    def step(self, state: State, number: int, call: Call, answer: Answer | None) -> Sequence[Effect]:
        step = _STEPS[type(call)]
        if isinstance(call, Link | SetSize | GetAttr):
            if self._may_be_silent(state, call.object):
                return self._step_unbound(step, state, number, call, answer)
        return step(self, state, number, call, answer)

    def _step_unbound(self, step: Step, state: State, number: int, call: Link | SetSize | GetAttr,
                      answer: Answer | None) -> Sequence[Effect]:
        """The object may be any that was made without an answer and not been seen yet, or none that is there."""
        effects = list(step(self, state, number, call, answer))
        for silent in state.get(("silent",), ()):
            if ("is", silent) not in state:
                bound: Effect = ((("is", silent), call.object), (("is", call.object), silent))
                effects += [(*bound, *effect) for effect in step(self, {**state, **dict(bound)}, number, call, answer)]
        return effects

    def _look(self, state: State, place: tuple[str, str], id_: str | None) -> Sequence[Effect]:
        """The name stands for ``id_`` (None: for nothing)."""
        current = state.get(("entry", *place))
        if current is None or id_ is None:
            return UNCHANGED if current is id_ else IMPOSSIBLE
        effect = self._same(state, current, id_)
        return IMPOSSIBLE if effect is None else (effect,)

    def _same(self, state: State, current: str, id_: str) -> Effect | None:
        """What it means that object ``current`` was seen as ``id_``; None: it cannot be."""
        if current == id_ or state.get(("is", current)) == id_:
            return ()
        if current[0] == "?" and ("is", current) not in state and self._may_be_silent(state, id_):
            return ((("is", current), id_), (("is", id_), current))
        return None

    def _may_be_silent(self, state: State, id_: str) -> bool:
        """Whether this may be the ID of an object that was made without an answer, and is not seen yet."""
        return id_ in self._found and ("is", id_) not in state and ("object", id_) not in state

    def lookup(self, state: State, _: int, call: Lookup, answer: Answer | None) -> Sequence[Effect]:
        if answer is None or answer.status not in (OK, NOENT):
            return IMPOSSIBLE
        return self._look(state, (call.directory, call.name), answer.object if answer.status == OK else None)

    def readdir(self, state: State, _: int, call: ReadDir, answer: Answer | None) -> Sequence[Effect]:
        if answer is None or answer.status != OK or answer.entries is None:
            return IMPOSSIBLE
        if state.get(("count", call.directory), 0) != len(answer.entries):
            return IMPOSSIBLE
        learnt: list[tuple[Key, Any]] = []
        for name, id_ in answer.entries.items():
            current = state.get(("entry", call.directory, name))
            effect = None if current is None else self._same(state, current, id_)
            if effect is None:
                return IMPOSSIBLE
            if effect:  # what one entry tells holds for the next
                learnt += effect
                state = {**state, **dict(effect)}
        return (tuple(learnt),)

    def create(self, state: State, number: int, call: Create, answer: Answer | None) -> Sequence[Effect]:
        current = state.get(("entry", call.directory, call.name))
        if answer is None:
            return self._make(state, number, call, Inode(False), None) if current is None else IMPOSSIBLE
        if answer.status == EXIST:
            return UNCHANGED if current is not None and call.how != "unchecked" else IMPOSSIBLE
        if answer.status == ISDIR:
            return UNCHANGED if current is not None and self._inode(state, current).directory else IMPOSSIBLE
        if answer.status != OK:
            return IMPOSSIBLE
        if current is None:
            return self._make(state, number, call, Inode(False), answer)
        if call.how != "unchecked" or self._inode(state, current).directory or answer.object is None:
            return IMPOSSIBLE
        same = self._same(state, current, answer.object)
        still = self._stayed(state, call.directory, answer.moved)
        return IMPOSSIBLE if same is None or still is None else ((*same, *still),)

    def mkdir(self, state: State, number: int, call: MkDir, answer: Answer | None) -> Sequence[Effect]:
        current = state.get(("entry", call.directory, call.name))
        if answer is not None and answer.status == EXIST:
            return UNCHANGED if current is not None else IMPOSSIBLE
        if current is not None or (answer is not None and answer.status != OK):
            return IMPOSSIBLE
        return self._make(state, number, call, Inode(True), answer)

    def _make(self, state: State, number: int, call: Create | MkDir, inode: Inode,
              answer: Answer | None) -> Sequence[Effect]:
        id_ = f"?{number}" if answer is None or answer.object is None else answer.object
        if ("object", id_) in state or id_ in self.roots or ("is", id_) in state:
            return IMPOSSIBLE  # an ID is never given twice
        place = call.directory, call.name
        moved = self._moved(state, call.directory, 1, None if answer is None else answer.moved)
        if moved is None:
            return IMPOSSIBLE
        effect: Effect = ((("entry", *place), id_), (("object", id_), inode), *moved)
        if answer is None:
            effect += ((("silent",), tuple(sorted([*state.get(("silent",), ()), id_]))),)
        return (effect,)

    def remove(self, state: State, _: int, call: Remove, answer: Answer | None) -> Sequence[Effect]:
        current = state.get(("entry", call.directory, call.name))
        if answer is not None and answer.status == NOENT:
            return UNCHANGED if current is None else IMPOSSIBLE
        if current is None or (answer is not None and answer.status != OK):
            return IMPOSSIBLE
        moved = self._moved(state, call.directory, -1, None if answer is None else answer.moved)
        if moved is None:
            return IMPOSSIBLE
        inode = self._inode(state, current).changed(links=-1)
        return (((("entry", call.directory, call.name), None), (("object", current), inode), *moved),)

    def rename(self, state: State, _: int, call: Rename, answer: Answer | None) -> Sequence[Effect]:
        source = state.get(("entry", call.directory, call.name))
        target = state.get(("entry", call.to_directory, call.to_name))
        if answer is not None and answer.status == NOENT:
            return UNCHANGED if source is None else IMPOSSIBLE
        if source is None or (answer is not None and answer.status not in (OK, EXIST)):
            return IMPOSSIBLE
        inode = self._inode(state, source)
        differ = target is not None and self._inode(state, target).directory != inode.directory
        if answer is not None and answer.status == EXIST:
            return UNCHANGED if differ else IMPOSSIBLE
        if differ:
            return IMPOSSIBLE
        told = Answer() if answer is None else answer
        same_place = call.directory == call.to_directory
        if source == target:  # two names of one object: nothing happens
            left = self._stayed(state, call.directory, told.moved)
            entered = () if same_place else self._stayed(state, call.to_directory, told.moved_target)
            if left is None or entered is None or answer is None:
                return IMPOSSIBLE
            return ((*left, *entered),)
        gone = 0 if target is None else -1
        if same_place:
            left, entered = self._moved(state, call.directory, gone, told.moved), ()
        else:
            left = self._moved(state, call.directory, -1, told.moved)
            entered = self._moved(state, call.to_directory, gone + 1, told.moved_target)
        if left is None or entered is None:
            return IMPOSSIBLE
        effect: list[tuple[Key, Any]] = [
            (("entry", call.directory, call.name), None), (("entry", call.to_directory, call.to_name), source)]
        effect.append((("object", source), inode.changed()))
        if target is not None:
            effect.append((("object", target), self._inode(state, target).changed(links=-1)))
        return ((*effect, *left, *entered),)

    def link(self, state: State, _: int, call: Link, answer: Answer | None) -> Sequence[Effect]:
        current = state.get(("entry", call.directory, call.name))
        real = self._real(state, call.object)
        inode = None if real is None else self._inode(state, real)
        status = OK if answer is None else answer.status
        if status == EXIST:
            return UNCHANGED if current is not None else IMPOSSIBLE
        if status == ISDIR:
            return UNCHANGED if inode is not None and inode.directory else IMPOSSIBLE
        if status in (STALE, NOENT):
            return UNCHANGED if inode is None or not inode.links else IMPOSSIBLE
        if status != OK or current is not None or inode is None or inode.directory or not inode.links:
            return IMPOSSIBLE
        moved = self._moved(state, call.directory, 1, None if answer is None else answer.moved)
        if moved is None or real is None:
            return IMPOSSIBLE
        return (((("entry", call.directory, call.name), real), (("object", real), inode.changed(links=1)), *moved),)

    def setsize(self, state: State, _: int, call: SetSize, answer: Answer | None) -> Sequence[Effect]:
        real = self._real(state, call.object)
        inode = None if real is None else self._inode(state, real)
        if answer is not None and answer.status == STALE:
            return UNCHANGED if inode is None or not inode.links else IMPOSSIBLE
        if answer is not None and answer.status == ISDIR:
            return UNCHANGED if inode is not None and inode.directory else IMPOSSIBLE
        if inode is None or inode.directory or (answer is not None and answer.status != OK):
            return IMPOSSIBLE
        if inode.size == call.size:  # whether that is a change is the server's to say
            now = Inode(False, inode.links, inode.size, (inode.change[0], False))
        else:
            now = inode.changed(size=call.size)
        return (((("object", real), now),),)

    def getattr(self, state: State, _: int, call: GetAttr, answer: Answer | None) -> Sequence[Effect]:
        if answer is None:
            return IMPOSSIBLE
        if call.object in self.roots:
            if answer.status != OK or answer.change is None:
                return UNCHANGED if answer.status == OK else IMPOSSIBLE
            still = self._stayed(state, call.object, (answer.change, answer.change))
            return IMPOSSIBLE if still is None else (still,)
        real = self._real(state, call.object)
        inode = None if real is None else self._inode(state, real)
        if answer.status == STALE:
            return UNCHANGED if inode is None or not inode.links else IMPOSSIBLE
        if answer.status != OK or inode is None or (inode.directory and not inode.links):
            return IMPOSSIBLE
        if not inode.directory:
            if answer.size not in (None, inode.size) or answer.nlink not in (None, inode.links):
                return IMPOSSIBLE
        if answer.change is None:
            return UNCHANGED
        bound, exact = inode.change
        if answer.change < bound or (exact and answer.change != bound):
            return IMPOSSIBLE
        if exact:
            return UNCHANGED
        known = Inode(inode.directory, inode.links, inode.size, (answer.change, True))
        return (((("object", real), known),),)

    # -- a directory's count and change attribute

    def _moved(self, state: State, directory: str, more: int, moved: Moved) -> Effect | None:
        """The directory has changed and has ``more`` entries now; None when its change attribute says otherwise."""
        count: tuple[Key, int] = ("count", directory), state.get(("count", directory), 0) + more
        bound, exact = state.get(("change", directory), UNKNOWN_CHANGE)
        if moved is None:
            if exact and self._next_change(directory, bound) == bound:
                return None
            return count, (("change", directory), (bound + 1, False))
        before, after = moved
        if not self._may_be(directory, bound, exact, before) or after <= before:
            return None
        return count, (("change", directory), (after, True))

    def _stayed(self, state: State, directory: str, moved: Moved) -> Effect | None:
        """The directory has not changed; None when its change attribute says otherwise."""
        if moved is None:
            return ()
        bound, exact = state.get(("change", directory), UNKNOWN_CHANGE)
        if moved[0] != moved[1] or not self._may_be(directory, bound, exact, moved[0]):
            return None
        return () if exact else ((("change", directory), (moved[0], True)),)

    def _may_be(self, directory: str, bound: int, exact: bool, change: int) -> bool:
        """Whether the attribute may be ``change``, and every answer that tells of a smaller one still come true.

        A change that began at a value between cannot be ordered yet: after it the attribute would be larger. And it
        never could be any more.
        """
        if exact:
            return change == bound
        return bound <= change <= self._next_change(directory, bound)

    def _next_change(self, directory: str, bound: int) -> float:
        """The smallest value from ``bound`` on that some change began at."""
        began = self._began.get(directory, [])
        at = bisect_left(began, bound)
        return began[at] if at < len(began) else float("inf")

    def _real(self, state: State, id_: str) -> str | None:
        """The object's name in the state."""
        if ("object", id_) in state:
            return id_
        found: str | None = state.get(("is", id_))
        return found

    def _inode(self, state: State, id_: str) -> Inode:
        inode: Inode = state["object", id_]
        return inode


Step: TypeAlias = Callable[[NamespaceModel, State, int, Any, "Answer | None"], Sequence[Effect]]
_STEPS: dict[type[Call], Step] = {
    Create: NamespaceModel.create, MkDir: NamespaceModel.mkdir, Lookup: NamespaceModel.lookup,
    ReadDir: NamespaceModel.readdir, Rename: NamespaceModel.rename, Link: NamespaceModel.link,
    Remove: NamespaceModel.remove, SetSize: NamespaceModel.setsize, GetAttr: NamespaceModel.getattr,
}


# ---------------------------------------------------------------- what operations have to do with
def _directories(call: Call) -> tuple[str, ...]:
    """Directories that the call names entries in."""
    if isinstance(call, Rename):
        return (call.directory,) if call.directory == call.to_directory else (call.directory, call.to_directory)
    if isinstance(call, Create | MkDir | Lookup | ReadDir | Link | Remove):
        return (call.directory,)
    return ()


def _entries(operation: Operation) -> list[tuple[str, str]]:
    """Entries that the operation names or shows."""
    call, answer = operation.call, operation.answer
    if isinstance(call, Rename):
        return [(call.directory, call.name), (call.to_directory, call.to_name)]
    if isinstance(call, Create | MkDir | Lookup | Link | Remove):
        return [(call.directory, call.name)]
    if isinstance(call, ReadDir) and answer is not None:
        return [(call.directory, name) for name in answer.entries or ()]
    return []


def _shown(operation: Operation) -> list[str]:
    """Objects that the operation names or shows."""
    call, answer = operation.call, operation.answer
    shown = [call.object] if isinstance(call, Link | SetSize | GetAttr) else []
    if answer is not None:
        shown += [] if answer.object is None else [answer.object]
        shown += (answer.entries or {}).values()
    return shown


def _makes(operation: Operation) -> bool:
    """Whether it certainly made the object that it answered."""
    call, answer = operation.call, operation.answer
    if answer is None or answer.status != OK:
        return False
    if isinstance(call, Create) and call.how == "unchecked":
        return answer.moved is not None and answer.moved[0] < answer.moved[1]
    return isinstance(call, Create | MkDir)


def _changes(call: Call, answer: Answer | None) -> list[tuple[str, Moved]]:
    """Directories that the call changes, with what was told of their change attributes."""
    told = (None, None) if answer is None else (answer.moved, answer.moved_target)
    return list(zip(_directories(call), told, strict=False)) if isinstance(call, _CHANGING) else []


def _began(operations: Iterable[Operation]) -> dict[str, list[int]]:
    """By directory, the values of the change attribute that known changes began at, sorted."""
    began: dict[str, set[int]] = {}
    for operation in operations:
        if operation.answer is not None and operation.answer.status == OK:
            for directory, moved in _changes(operation.call, operation.answer):
                if moved is not None and moved[0] < moved[1]:
                    began.setdefault(directory, set()).add(moved[0])
    return {directory: sorted(values) for directory, values in began.items()}


def _chained(operations: Iterable[Operation], roots: frozenset[str]) -> frozenset[str]:
    """Directories all of whose answered changes told the change attribute."""
    loose: set[str] = set()
    for operation in operations:
        answer = operation.answer
        if answer is not None and answer.status == OK:
            loose.update(directory for directory, moved in _changes(operation.call, answer) if moved is None)
    return roots - loose


def _listings_apart(operations: list[Operation], chained: frozenset[str]) -> list[Operation]:
    """Take those listings apart that cannot be one look. A refused one stays: no state explains it."""
    names: dict[str, set[str]] = {}
    for operation in operations:
        for directory, name in _entries(operation):
            names.setdefault(directory, set()).add(name)
    result = []
    for operation in operations:
        call, answer = operation.call, operation.answer
        refused = answer is not None and answer.status != OK
        if not isinstance(call, ReadDir) or refused or (call.whole and call.directory in chained):
            result.append(operation)
        elif answer is not None:
            entries = answer.entries or {}
            for name in sorted(names.get(call.directory, ())):
                id_ = entries.get(name)
                seen = Answer(NOENT) if id_ is None else Answer(OK, object=id_)
                result.append(msgspec.structs.replace(operation, call=Lookup(call.directory, name), answer=seen))
    return result
