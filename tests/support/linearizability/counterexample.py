"""Making a violation small, and printing it.

Only what keeps a violation a violation is left out: answers after some time (every prefix of a linearizable history is
linearizable), operations that only looked (so is a history without them), and details of answers. What is left still
proves that the whole history is wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from nfsclient.errors import status_name
from nfswire import nfs4
from tests.support.linearizability.calls import GetAttr, Lookup, ReadDir, TestLock
from tests.support.linearizability.history import History, Operation


class Violation(msgspec.Struct):
    """A history that no order explains, and the longest order that explains answers of it, as far as it goes."""

    history: History
    order: list[Operation]


Judge: TypeAlias = Callable[[History], "Violation | None"]
"""The violating part of a history; None when there is none, or that cannot be told in time."""


class TimeIsUp(Exception):
    """Raised by a judge that has no time left."""


class Shrinker:
    """A small violation out of a large one: ``small``, at any moment. It ends early when the judge has no more time."""

    def __init__(self, large: Violation, judge: Judge) -> None:
        self.small = large
        self.finished = False
        self._judge = judge

    def run(self) -> None:
        """Everything that is known to help. ``finished`` tells whether there was time for it."""
        with contextlib.suppress(TimeIsUp):
            self._shortest_prefix()
            for simplify in (_without_changes, _without_listings):
                if self._try(simplify(self.small.history)):
                    self._shortest_prefix()
            self._without_looks()
            self.finished = True

    def _try(self, history: History) -> bool:
        """Whether that is a violation, too; then it is the one to go on with."""
        found = self._judge(history)
        if found is not None:
            self.small = found
        return found is not None

    def _shortest_prefix(self) -> None:
        """Up to the first answer that cannot be explained any more."""
        history = self.small.history
        times = sorted({o.completed_ms for o in history if o.completed_ms is not None})
        low, high = 0, len(times) - 1       # times[high] is known to be enough
        while low < high:
            middle = (low + high) // 2
            if self._try(history.until(times[middle])):
                high = middle
            else:
                low = middle + 1
        if times:
            self._try(self.small.history.until(times[high]))

    def _without_looks(self) -> None:
        """Leave out operations that only looked, in ever smaller groups (Zeller's ddmin)."""
        size = max(1, len(self.small.history) // 2)
        while True:
            small = self.small.history
            looks = [n for n, o in enumerate(small.operations) if only_looks(o)]
            for start in range(0, len(looks), size):
                drop = set(looks[start:start + size])
                kept = [o for n, o in enumerate(small.operations) if n not in drop]
                if self._try(History(kept, small.directories)):
                    break
            if len(self.small.history) == len(small):
                if size == 1:
                    return
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
def describe(name: str, violation: Violation, note: str) -> str:
    """The operations by time, and the order that explains the most of them. ``note``: of how small it was made."""
    history, order = violation.history, violation.order
    start = min((o.invoked_ms for o in history), default=0.0)
    ids = _short_names(history)
    lines = [f"*** VIOLATION of {name}: no order of these {len(history)} operations explains their answers",
             f"    (milliseconds after {start:.3f}; {note})"]
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


