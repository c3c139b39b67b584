"""What keepalived is told of a node: one of three weights, and when a weakness counts how much. Sans-IO.

``UNFIT``        it lets go of its addresses, as long as it says so (VRRP's FAULT)
``LAST_RESORT``  it takes an address that nobody advertises, and keeps one that it has
``FIT``          nothing is taken off its priority

A node that is *unable* to serve is unfit. One that is merely *weak* (late, slow, behind) and has an address steps back
once: unfit for a moment, long enough for any fit node to take over, after which it takes nothing back (``nopreempt``).
If nobody did, all are weak, as nodes of one starved machine or of one shaken network are: then a weak one serves better
than none. So the address of a starved cluster is away once, for a second or two, and not for as long as that lasts.

A weak node that has no address has nothing to give away, and is a last resort at once: of two nodes that are late at
one moment the one with the address gives it to the other, not both to a third one that is worse.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FIT = 0
LAST_RESORT = -150
"""Below every fit node's priority, and above VRRP's least, for up to 10 nodes (deploy/keepalived.py)."""
UNFIT = -254
"""A weight below keepalived's least priority."""
APART_MS = 60_000
"""Nobody steps back twice within this: who is starved for long would be away again and again."""
SPREAD_MS = 2_500
SPREAD_STEPS = 8


class Footing:
    """One node's. Asked in the order of time, whenever something may have changed."""

    def __init__(self, node_id: str, step_back_ms: int, may_hold: Callable[[], bool]) -> None:
        """``step_back_ms``: how long others have to take over. ``may_hold``: whether it may have an address now."""
        self._step_back_ms = step_back_ms
        self._may_hold = may_hold
        # Nodes that are starved together do not step back together again.
        self._apart_ms = APART_MS + sum(node_id.encode()) % SPREAD_STEPS * SPREAD_MS
        self._until_ms = self._again_ms = self._excused_until_ms = 0
        self._weight = UNFIT

    def unable(self) -> int:
        """It cannot serve."""
        self._weight = UNFIT
        return self._weight

    def weak(self, now_ms: int) -> int:
        """It may serve badly. Who was away just before has stepped back already.

        And who takes an address while it is weak: nobody better wanted it. (Also who took it just before, of which
        keepalived's script has not told yet.)
        """
        if self._weight != UNFIT and now_ms >= self._again_ms:
            if not self._may_hold():
                self._excused_until_ms = now_ms + self._apart_ms
            elif now_ms >= self._excused_until_ms:
                self._until_ms, self._again_ms = now_ms + self._step_back_ms, now_ms + self._apart_ms
        return self.settling(now_ms)

    def settling(self, now_ms: int) -> int:
        """It is well, but not for long enough yet to be trusted."""
        self._weight = UNFIT if now_ms < self._until_ms else LAST_RESORT
        return self._weight

    def fit(self) -> int:
        """It is well."""
        self._excused_until_ms = 0
        self._weight = FIT
        return self._weight

    def due_ms(self, now_ms: int) -> int | None:
        """When it is back, if it has stepped back."""
        return self._until_ms if self._until_ms > now_ms else None
