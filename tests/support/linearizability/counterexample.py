"""Making a violation small, and printing it.

Only what keeps a violation a violation is left out: answers after some time (every prefix of a linearizable history is
linearizable), operations that only looked (so is a history without them), and details of answers. What is left still
proves that the whole history is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from nfsclient.errors import status_name
from nfswire import nfs4
from tests.support.linearizability.calls import GetAttr, Lookup, ReadDir, TestLock
from tests.support.linearizability.history import History, Operation

Judge: TypeAlias = Callable[[History], "History | None"]
"""The violating part of a history; None when there is none, or that cannot be told in time."""


def shrink(history: History, judge: Judge) -> History:
    """A small violating history out of a violating one."""
    small = _shortest_prefix(history, judge)
    for simplify in (_without_changes, _without_listings):
        found = judge(simplify(small))
        if found is not None:
            small = _shortest_prefix(found, judge)
    return _without_looks(small, judge)


def _shortest_prefix(history: History, judge: Judge) -> History:
    """Up to the first answer that cannot be explained any more."""
    times = sorted({o.completed_ms for o in history if o.completed_ms is not None})
    low, high = 0, len(times) - 1       # times[high] is known to be enough
    best = history
    while low < high:
        middle = (low + high) // 2
        found = judge(history.until(times[middle]))
        if found is None:
            low = middle + 1
        else:
            best, high = found, middle
    return judge(best.until(times[high])) or best if times else history


def _without_looks(history: History, judge: Judge) -> History:
    """Leave out operations that only looked, in ever smaller groups (Zeller's ddmin)."""
    small = history
    size = max(1, len(small) // 2)
    while True:
        looks = [n for n, o in enumerate(small.operations) if only_looks(o)]
        before = len(small)
        for start in range(0, len(looks), size):
            drop = set(looks[start:start + size])
            found = judge(History([o for n, o in enumerate(small.operations) if n not in drop], small.directories))
            if found is not None:
                small = found
                break
        if len(small) == before:
            if size == 1:
                return small
            size = max(1, size // 2)


def only_looks(operation: Operation) -> bool:
    """Whether it left the state as it was: a reading, or a refusal."""
    if isinstance(operation.call, Lookup | ReadDir | GetAttr | TestLock):
        return True
    return operation.answer is not None and operation.answer.status != nfs4.NFS4_OK


def _without_changes(history: History) -> History:
    """Forget what the answers said of directories' change attributes."""
    def forget(operation: Operation) -> Operation:
        if operation.answer is None:
            return operation
        answer = msgspec.structs.replace(operation.answer, moved=None, moved_target=None)
        return msgspec.structs.replace(operation, answer=answer)

    return History([forget(o) for o in history if not _asks_change_only(o)], history.directories)


def _asks_change_only(operation: Operation) -> bool:
    answer = operation.answer
    return isinstance(operation.call, GetAttr) and answer is not None and answer.size is None and answer.nlink is None


def _without_listings(history: History) -> History:
    return History([o for o in history if not isinstance(o.call, ReadDir)], history.directories)


# ---------------------------------------------------------------- for people
def describe(name: str, history: History, order: Sequence[Operation]) -> str:
    """The operations by time, and the order that explains the most of them."""
    start = min((o.invoked_ms for o in history), default=0.0)
    ids = _short_names(history)
    lines = [f"*** VIOLATION of {name}: no order of these {len(history)} operations explains their answers",
             f"    (milliseconds after {start:.3f}; everything else may be left out)"]
    for operation in sorted(history, key=lambda o: o.invoked_ms):
        end = "     never" if operation.completed_ms is None else f"{operation.completed_ms - start:10.3f}"
        lines.append(f"    {operation.invoked_ms - start:10.3f} .. {end}  {operation.client:<8} "
                     f"{_shortened(show(operation), ids)}")
    placed = {id(o) for o in order}
    lines.append("    The longest order that can be explained:")
    lines += [f"      {number}. {_shortened(show(o), ids)}" for number, o in enumerate(order, 1)]
    late = sorted((o for o in history if id(o) not in placed and o.answer is not None), key=lambda o: o.ends_ms)
    if late:
        lines.append(f"    and then not: {_shortened(show(late[0]), ids)}")
    return "\n".join(lines)


def show(operation: Operation) -> str:
    """``create(d, "x", "exclusive") -> NFS4_OK object=o``."""
    call, answer = operation.call, operation.answer
    arguments = ", ".join(repr(value) if isinstance(value, int) else str(value) for value in _values(call))
    text = f"{type(call).__name__.lower()}({arguments})"
    if answer is None:
        return f"{text} -> ?"
    details = [f"{field}={getattr(answer, field)}" for field in answer.__struct_fields__[1:]
               if getattr(answer, field) is not None]
    return " ".join([text, "->", status_name(answer.status), *details])


def _values(call: msgspec.Struct) -> list[object]:
    return [getattr(call, field) for field in call.__struct_fields__]


def _short_names(history: History) -> dict[str, str]:
    """Filehandles are long: objects by the order in which they appear, directories likewise."""
    found: dict[str, str] = {}
    for operation in sorted(history, key=lambda o: o.invoked_ms):
        call, answer = operation.call, operation.answer
        directories = [getattr(call, field) for field in ("directory", "to_directory") if hasattr(call, field)]
        objects = [getattr(call, field) for field in ("object", "file") if hasattr(call, field)]
        if answer is not None:
            objects += [answer.object, *(answer.entries or {}).values()]
        for prefix, ids in (("D", directories), ("#", objects)):
            for id_ in ids:
                if id_ is not None and len(id_) > 16:
                    found.setdefault(id_, f"{prefix}{len(found) + 1}")
    return found


def _shortened(text: str, ids: dict[str, str]) -> str:
    for long, short in ids.items():
        text = text.replace(long, short)
    return text


