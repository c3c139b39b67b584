"""How many decisions to fence the log has taken: counted here, as the replicated state keeps no such number.

Its last number is no count of them: leaders' proofs take numbers, too (fencing.state.prove). What it keeps of a
decision is a line of the history, which has room for the last hundred lines of all kinds, fifty of them about decisions
that were taken back before anybody tried (two of each).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fencing.state import State

_INTENT: Final = "intent"


class Decisions:
    """One node's count, which never falls while it lives. One caller at a time."""

    def __init__(self) -> None:
        self._count = 0
        self._newest = 0

    def count(self, state: State) -> int:
        """With those of ``state`` that were not there at the last call; at the first one all of its history's count.

        Called at least once in 25 decisions, as whoever scrapes does, it misses none.
        """
        new = [event.intent for event in state.history if event.kind == _INTENT and event.intent > self._newest]
        self._count += len(new)
        self._newest = max(new, default=self._newest)
        return self._count
