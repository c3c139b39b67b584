"""Cutting a node's power for certain: every device in turn, and never believed before the power was read back.

Time-out, hang, error, refusal, and a device that takes the command and leaves the power on all come to the same: not
fenced, with a reason for the operator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from fencing import agents
from fencing.agents import Answer, Result
from fencing.budget import PAUSE_MAX_S, READ_BACK_S

if TYPE_CHECKING:
    from fencing.device import Device

PAUSE_MIN_S: Final = 0.5
"""Before the second try of a device; it grows."""
_READ_AGAIN_S: Final = 0.3
REASON_MAX: Final = 600


class Ask(Protocol):
    """:func:`fencing.agents.ask`."""

    def __call__(self, device: Device, action: str, timeout_ms: int | None = None) -> Awaitable[Answer]: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a procedure."""

    done: bool
    """The power was read back, and is as it should be."""
    text: str
    """Which device it was, or why it is not done."""
    taken_s: float = field(default=0.0, compare=False)
    """When the device that did it had taken the command, by the event loop's clock; the power was read back since."""


async def cut(devices: Sequence[Device], left_ms: Callable[[], int], ask: Ask = agents.ask) -> Outcome:
    """Power off, verified. ``left_ms``: how much time there is left; nothing is begun without any."""
    return await switch(devices, "off", left_ms, ask)


async def restore(devices: Sequence[Device], left_ms: Callable[[], int], ask: Ask = agents.ask) -> Outcome:
    """Power on, verified."""
    return await switch(devices, "on", left_ms, ask)


async def switch(devices: Sequence[Device], action: str, left_ms: Callable[[], int], ask: Ask) -> Outcome:
    """``off`` or ``on``, by the first device that can show that it is so."""
    if not devices:
        return Outcome(False, "no fencing device is configured for it here")
    reasons: list[str] = []
    for device in devices:
        reason = ""
        pause_s = PAUSE_MIN_S
        for attempt in range(device.attempts):
            if attempt:
                await asyncio.sleep(min(pause_s, max(0, left_ms()) / 1000))
                pause_s = min(2 * pause_s, PAUSE_MAX_S)
            if left_ms() <= 0:
                reason = reason or "not begun: its time was over, or it was called off"
                break
            taken_s, reason = await _try(device, action, left_ms, ask)
            if not reason:
                return Outcome(True, device.name, taken_s)
        reasons.append(f"{device.name}: {reason}")
    return Outcome(False, "; ".join(reasons)[:REASON_MAX])


async def _try(device: Device, action: str, left_ms: Callable[[], int], ask: Ask) -> tuple[float, str]:
    """When it had taken the command, and nothing: done and verified. Else why not."""
    wanted = Result.OFF if action == "off" else Result.ON
    answer = await ask(device, action, left_ms())
    loop = asyncio.get_running_loop()
    taken_s = loop.time()
    if answer.result is not Result.DONE:
        return taken_s, str(answer)
    until_s = taken_s + READ_BACK_S
    while True:
        seen = await ask(device, "status", left_ms())
        if seen.result is wanted:
            return taken_s, ""
        if loop.time() >= until_s or left_ms() <= 0:
            break
        await asyncio.sleep(_READ_AGAIN_S)
    if seen.result in (Result.ON, Result.OFF):
        return taken_s, f"it says that the power was switched {action}, and then that {seen.result.value}"
    return taken_s, f"it says that the power was switched {action}, but that could not be read back: {seen}"


async def look(devices: Sequence[Device], ask: Ask = agents.ask) -> list[tuple[Device, Answer]]:
    """The power state by each device, without changing anything: the operator's test."""
    return [(device, await ask(device, "status")) for device in devices]
