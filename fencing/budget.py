"""How long a procedure over a node's devices may take. Apart from it: configurations are checked without asyncio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import Protocol

    class Timed(Protocol):
        """A device, or an inventory's."""

        @property
        def timeout_ms(self) -> int: ...

        @property
        def attempts(self) -> int: ...


PAUSE_MAX_S: Final = 4.0
"""Between two tries of a device, growing."""
READ_BACK_S: Final = 5.0
"""A machine whose power was cut is off by then."""
BUDGET_MS_MAX: Final = 590_000
"""What the longest claim (:data:`fencing.state.CLAIM_MS_MAX`) leaves between its holder's margins."""


def budget_ms(devices: Sequence[Timed]) -> int:
    """The longest that :func:`fencing.procedure.switch` takes for these devices."""
    total_s = 0.0
    for device in devices:
        # the command, then a last reading that begins just before the time for reading back is over
        total_s += device.attempts * (2 * device.timeout_ms / 1000 + READ_BACK_S + PAUSE_MAX_S)
    return int(total_s * 1000)


def excess(node: str, devices: Sequence[Timed]) -> str:
    """Why these times cannot be, or nothing: a claim ends before the last device could have had its turn."""
    needed_ms = budget_ms(devices)
    if needed_ms <= BUDGET_MS_MAX:
        return ""
    return (
        f"{node}'s devices may take {needed_ms // 1000} s in all (for each attempt two timeout_ms and 9 s): with more "
        f"than {BUDGET_MS_MAX // 1000} s the last one would never have its turn behind one that hangs. Give fewer "
        "attempts or a shorter timeout_ms"
    )
