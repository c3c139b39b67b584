"""Cutting a node's power: devices in turn, and what each kind of failing device comes to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from fencing import procedure
from fencing.agents import Answer, Result
from fencing.budget import BUDGET_MS_MAX, READ_BACK_S, budget_ms, excess
from fencing.device import Device
from fencing.procedure import Outcome
from fencing.state import CLAIM_MS_MAX
from mdscluster.control.stonith import CLAIM_MARGIN_MS

ON, OFF, DONE, FAILED = (Answer(result, "") for result in (Result.ON, Result.OFF, Result.DONE, Result.FAILED))
TIMED_OUT = Answer(Result.TIMED_OUT, "no answer within 15 s")
IPMI = Device("ipmi", "mds2", "fence_ipmilan", attempts=1)
PDU = Device("pdu", "mds2", "fence_apc", attempts=1)

Script = dict[tuple[str, str], list[Answer]]


class Agents:
    """Answers from a script: (device, action) -> answers in turn, the last one for ever."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, device: Device, action: str, timeout_ms: int | None = None) -> Answer:
        assert timeout_ms is None or timeout_ms > 0
        self.asked.append((device.name, action))
        answers = self._script[device.name, action]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for what is only a pause."""
    for name in ("PAUSE_MIN_S", "_READ_AGAIN_S"):
        monkeypatch.setattr(procedure, name, 0.001)
    monkeypatch.setattr(procedure, "READ_BACK_S", 0.02)


def cut(agents: Agents, *devices: Device, left_ms: Callable[[], int] = lambda: 60_000) -> Outcome:
    return asyncio.run(procedure.cut(devices, left_ms, agents))


def test_off_is_read_back() -> None:
    """INV-9."""
    agents = Agents({("ipmi", "off"): [DONE], ("ipmi", "status"): [OFF]})
    assert cut(agents, IPMI, PDU) == Outcome(True, "ipmi")
    assert agents.asked == [("ipmi", "off"), ("ipmi", "status")]


def test_a_machine_may_take_a_moment_to_go_off() -> None:
    agents = Agents({("ipmi", "off"): [DONE], ("ipmi", "status"): [ON, FAILED, OFF]})
    assert cut(agents, IPMI).done


@pytest.mark.parametrize(
    ("off", "status", "words"),
    [
        (TIMED_OUT, OFF, "ipmi: no answer within 15 s"),
        (Answer(Result.FAILED, "password refused"), OFF, "ipmi: password refused"),
        (DONE, ON, "ipmi: it says that the power was switched off, and then that the power is on"),
        (DONE, TIMED_OUT, "ipmi: it says that the power was switched off, but that could not be read back: no answer"),
        (DONE, Answer(Result.FAILED, "exit status 2"), "could not be read back: exit status 2"),
        (DONE, DONE, "could not be read back"),
        (OFF, OFF, "ipmi: the power is off"),
    ],
    ids=["hangs", "refuses", "idle or liar", "hangs afterwards", "nonsense", "no state", "no answer to the question"],
)
def test_whatever_else_happens_it_is_not_fenced(off: Answer, status: Answer, words: str) -> None:
    """INV-9: and the reason is one that an operator understands."""
    outcome = cut(Agents({("ipmi", "off"): [off], ("ipmi", "status"): [status]}), IPMI)
    assert not outcome.done
    assert words in outcome.text


def test_the_next_device_is_tried() -> None:
    agents = Agents({("ipmi", "off"): [TIMED_OUT], ("pdu", "off"): [DONE], ("pdu", "status"): [OFF]})
    assert cut(agents, IPMI, PDU) == Outcome(True, "pdu")


def test_all_reasons_are_told() -> None:
    agents = Agents({("ipmi", "off"): [TIMED_OUT], ("pdu", "off"): [DONE], ("pdu", "status"): [ON]})
    outcome = cut(agents, IPMI, PDU)
    assert not outcome.done
    assert "ipmi: no answer within 15 s; pdu: it says" in outcome.text


def test_a_device_is_tried_again_as_often_as_it_says() -> None:
    agents = Agents({("twice", "off"): [FAILED, DONE], ("twice", "status"): [OFF]})
    assert cut(agents, Device("twice", "mds2", "a", attempts=2)).done
    agents = Agents({("twice", "off"): [FAILED, FAILED, DONE], ("twice", "status"): [OFF]})
    assert not cut(agents, Device("twice", "mds2", "a", attempts=2)).done


def test_nothing_is_begun_without_time() -> None:
    """INV-9: the claim is over, was lost, or fencing was suspended: others may be at it."""
    agents = Agents({("ipmi", "off"): [DONE]})
    outcome = cut(agents, IPMI, left_ms=lambda: 0)
    assert outcome == Outcome(False, "ipmi: not begun: its time was over, or it was called off")
    assert agents.asked == []


def test_time_that_ends_in_the_middle_ends_it() -> None:
    left = iter([1_000, 1_000, 1_000, 0, 0, 0])
    agents = Agents({("ipmi", "off"): [DONE], ("ipmi", "status"): [ON]})
    assert not cut(agents, IPMI, PDU, left_ms=lambda: next(left)).done
    assert agents.asked == [("ipmi", "off"), ("ipmi", "status")]


def test_without_a_device_there_is_no_fencing() -> None:
    assert cut(Agents({})) == Outcome(False, "no fencing device is configured for it here")


def test_power_comes_back_verified_too() -> None:
    agents = Agents({("ipmi", "on"): [DONE], ("ipmi", "status"): [OFF, ON]})
    assert asyncio.run(procedure.restore([IPMI], lambda: 60_000, agents)).done


def test_looking_switches_nothing() -> None:
    agents = Agents({("ipmi", "status"): [ON], ("pdu", "status"): [TIMED_OUT]})
    assert asyncio.run(procedure.look([IPMI, PDU], agents)) == [(IPMI, ON), (PDU, TIMED_OUT)]
    assert {action for _, action in agents.asked} == {"status"}


def test_its_time_is_bounded() -> None:
    """A claim that ends before its holder stops would let two act at once."""
    assert budget_ms([IPMI]) >= 2 * IPMI.timeout_ms + READ_BACK_S * 1000
    assert budget_ms([IPMI, PDU]) >= budget_ms([IPMI]) + budget_ms([PDU])


def test_a_claim_has_room_for_every_device_that_a_configuration_may_have() -> None:
    """INV-9: a first device that hangs would take the whole claim, each time, and the second never be tried."""
    assert BUDGET_MS_MAX + 2 * CLAIM_MARGIN_MS <= CLAIM_MS_MAX
    long = replace(PDU, timeout_ms=120_000, attempts=2)
    assert not excess("mds1", [replace(long, attempts=1)] * 2)
    assert excess("mds1", [long, long]).startswith("mds1's devices may take 996 s in all")
