"""The slot table of a session's fore channel (RFC 8881 section 2.10.6.1). Sans-IO.

A slot carries one request at a time. Its sequence ID grows by one with each request that the server has *executed*;
"If SEQUENCE returns an error, then the state of the slot (sequence ID, cached reply) MUST NOT change" (section
18.46.3), so the next request on the slot uses the same ID again.
"""

from __future__ import annotations

import heapq

SEQUENCE_ID_MASK = 0xFFFFFFFF


class Slot:
    """One slot; ``sequence_id`` is the ID of the request under way, or of the next one."""

    __slots__ = ("busy", "number", "sequence_id")

    def __init__(self, number: int) -> None:
        self.number = number
        self.sequence_id = 1
        self.busy = False


class SlotTable:
    """Slots of one session. The lowest free one is used first, so that the server can let go of high ones."""

    def __init__(self, count: int) -> None:
        assert count >= 1
        self.slots = [Slot(number) for number in range(count)]
        self._free = list(range(count))     # heap of free slot numbers
        self._busy: set[int] = set()
        self.limit = count                  # the server's target: slots from here on are not used

    @property
    def busy(self) -> int:
        """How many slots carry a request."""
        return len(self._busy)

    def acquire(self) -> Slot | None:
        """The lowest free slot, now busy; None when all that may be used are."""
        if not self._free or self._free[0] >= self.limit:
            return None
        slot = self.slots[heapq.heappop(self._free)]
        assert not slot.busy
        slot.busy = True
        self._busy.add(slot.number)
        return slot

    def release(self, slot: Slot, executed: bool) -> None:
        """The request on ``slot`` was answered; ``executed``: the server consumed its sequence ID."""
        assert slot.busy
        slot.busy = False
        if executed:
            slot.sequence_id = (slot.sequence_id + 1) & SEQUENCE_ID_MASK
        self._busy.discard(slot.number)
        heapq.heappush(self._free, slot.number)

    def retire(self, slot: Slot) -> None:
        """Never use ``slot`` again: what the server knows of its sequence ID is not known."""
        assert slot.busy
        self._busy.discard(slot.number)

    def under_way(self, number: int, sequence_id: int) -> bool:
        """Whether a slot carries this very request."""
        return number in self._busy and self.slots[number].sequence_id == sequence_id

    def highest_busy(self) -> int:
        """For sa_highest_slotid: "the highest slot ID for which the requester has a request outstanding"."""
        return max(self._busy, default=0)

    def set_target(self, highest: int) -> None:
        """The server's sr_target_highest_slotid; slot 0 always stays in use."""
        self.limit = max(1, min(highest + 1, len(self.slots)))
