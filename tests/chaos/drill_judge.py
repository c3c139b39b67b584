"""What a drill promises beside what every run does: of the service address, of nodes that are cut off, of fencing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.chaos.evidence import Fault, Power, Switching
from tests.chaos.monitor import PowerEvent
from tests.chaos.verdict import Verdict, told
from tests.chaos.witness import Knock, served_by

ASKED_MIN = 3
"""Fewer changes that reached a node which is cut off prove nothing."""
LEAVE_OPEN = ("failed", "maintenance")
"""What the history tells of a node without an intent against it being opened, carried out or closed."""
OPEN_END = float("inf")
THERE_S = 1.5, 0.5
"""Who answers so long before it is decided to fence it was heard less than ``suspect_ms`` (2 s) before. Not earlier: an
answer may come late to the monitor. Not later: a decision takes its time to be committed."""
IN_TIME_S = 1.8
"""Whose next process is heard so soon after the fault is back within ``suspect_ms``: a silence counts from what was
heard last, which may be a moment before the fault (pings come ten times a second)."""


def judge_drill(power: Power, faults: Sequence[Fault], bound_ms: float | None) -> list[Verdict]:
    """Every verdict. ``bound_ms``: within what time of its fault a node must be fenced; None: that is not judged."""
    verdicts = [_one_server(power.knocks, faults), _fencing(power, faults)]
    if power.temptations:
        verdicts.append(_not_tempted(power))
    if bound_ms is not None and any(fault.fences for fault in faults):
        verdicts.append(_in_time(power.events, faults, bound_ms))
    return verdicts


def windows(faults: Sequence[Fault]) -> list[tuple[Fault, float]]:
    """Each fault, and when the next one began."""
    ends = [*(fault.begun_s for fault in faults[1:]), OPEN_END]
    return list(zip(faults, ends, strict=False))


def _one_server(knocks: Sequence[Knock], faults: Sequence[Fault]) -> Verdict:
    """Whoever has lost the service address does not serve by it again, until the next fault may give it back."""
    wrong, took_ms = [], []
    for (fault, end_s), ms in zip(windows(faults), moved_ms(knocks, faults), strict=True):
        names = [node for node, _ in served_by(knocks, fault.begun_s, end_s)]
        if names and names[0] not in fault.nodes:
            names = [*fault.nodes, *names]  # whoever had it, even if it was never heard again
        if len(set(names)) < len(names):
            wrong.append(f"{fault.what}: {' then '.join(names)} answered at the service address")
        if ms is None:
            wrong.append(f"{fault.what}: no other host ever answered at the service address")
        else:
            took_ms.append(ms)
    if not took_ms:
        wrong.append("nobody was ever seen to serve by the service address")
    good = f"answered from another host after {min(took_ms, default=0):.0f} to {max(took_ms, default=0):.0f} ms"
    return Verdict("service address", "exactly one host serves by it in effect", not wrong, told(wrong, good))


def moved_ms(knocks: Sequence[Knock], faults: Sequence[Fault]) -> list[float | None]:
    """For each fault: after how long another host than those it hit answered at the service address; None: never."""
    found: list[float | None] = []
    for fault, end_s in windows(faults):
        turns = served_by(knocks, fault.begun_s, end_s)
        times = [at_s for node, at_s in turns if node not in fault.nodes]
        found.append((times[0] - fault.begun_s) * 1000 if times else None)
    return found


def fenced_ms(events: Sequence[PowerEvent], faults: Sequence[Fault]) -> list[tuple[Fault, str, float | None]]:
    """Every node that had to be fenced, for which fault, and after how long it was; None: never."""
    found: list[tuple[Fault, str, float | None]] = []
    for fault, end_s in windows(faults):
        for node in fault.fences:
            times = [e.at_s for e in events if e.kind == "fenced" and e.node == node and fault.begun_s < e.at_s < end_s]
            found.append((fault, node, (min(times) - fault.begun_s) * 1000 if times else None))
    return found


def _not_tempted(power: Power) -> Verdict:
    """INV-6: a node without quorum acknowledges no change."""
    wrong = []
    for one in power.temptations:
        if one.given_in:
            wrong.append(f"{one.node} acknowledged {len(one.given_in)} changes while it was cut off")
        if one.missing:
            wrong.append(f"{len(one.missing)} changes that were acknowledged are not there, like {one.missing[0]}")
        if len(one.asked) < ASKED_MIN:
            reached = f"{len(one.asked)} of {len(one.tried)} changes"
            wrong.append(f"vacuous: {reached} that {one.node} was to be asked for while it was cut off reached it")
        if not one.acknowledged:
            wrong.append(f"vacuous: nothing that the client at {one.node} asked for was ever acknowledged")
    asked = [change for one in power.temptations for change in one.asked]
    places = Counter(change.place for change in asked)
    shown = ", ".join(f"{count} at the {place}" for place, count in sorted(places.items(), reverse=True))
    last_s = min((one.reached_until_s - one.from_s for one in power.temptations), default=0.0)
    good = (
        f"{len(asked)} changes reached nodes that were cut off ({shown}), up to {last_s:.1f} s after the cut at least; "
        "none was acknowledged"
    )
    return Verdict("INV-6", "a node without quorum acknowledges no change", not wrong, told(wrong, good))


def _fencing(power: Power, faults: Sequence[Fault]) -> Verdict:
    """INV-9: decided by a quorum first, verified then, and nobody who is well."""
    wrong = []
    for cut in (one for one in power.switched if one.word == "off"):
        last = _decided(power.events, cut)
        if last is None:
            wrong.append(f"{cut.machine} was switched off, and nobody had decided that")
        elif last.kind != "intent":
            since = f"{cut.at_s - last.at_s:.1f} s after {last.kind!r}"
            wrong.append(f"{cut.machine} was switched off {since}, and nobody had decided that anew")
    fenced = [event for event in power.events if event.kind == "fenced"]
    for event in fenced:
        if _is_on(power.switched, event.node, event.at_s):
            wrong.append(f"{event.node} counts as fenced, and had power")
        if not any(event.node in fault.nodes for fault in _during(faults, event)):
            wrong.append(f"{event.node} was fenced, and nothing had been done to it")
    wrong += [f"{fault.what}: {node} was fenced, and {why}" for fault, node, why in _unasked(power, faults) if why]
    good = f"{len(fenced)} times a node was fenced: decided before, without power then; nobody else was"
    if slow := too_slow(power, faults):
        good += f" ({', '.join(slow)}: away for longer than a suspicion takes, as a server is started again too slowly)"
    if spared := _spared_ms(power, faults):
        shown = f"{min(spared):.0f} to {max(spared):.0f} ms"
        good += f"; {len(spared)} times a server that had ended was heard again after {shown}, and left alone"
    return Verdict("INV-9", "fenced by a quorum's decision, and verified", not wrong, told(wrong, good))


def too_slow(power: Power, faults: Sequence[Fault]) -> list[str]:
    """Nodes, one for each time, that were fenced for a fault that asks for no fencing, and rightly: they were not heard
    again in time. A report shows them wherever it shows its verdict."""
    return [node for _, node, why in _unasked(power, faults) if not why]


def _unasked(power: Power, faults: Sequence[Fault]) -> list[tuple[Fault, str, str]]:
    """Every time a node was fenced for a fault that hit it and asks for no fencing: fault, node, and by what it should
    have been spared; empty: by nothing, it was away for too long."""
    found = []
    for event in (each for each in power.events if each.kind == "fenced"):
        hit = [fault for fault in _during(faults, event) if event.node in fault.nodes]
        if hit and not any(event.node in fault.fences for fault in hit):
            back_ms = _back_ms(power, hit[0], event.node, event.at_s)
            why = ""
            if back_ms is not None and back_ms < IN_TIME_S * 1000:
                why = f"had been heard again after {back_ms:.0f} ms"
            elif _was_there(power, event):
                why = "had answered before that was decided"
            found.append((hit[0], event.node, why))
    return found


def _spared_ms(power: Power, faults: Sequence[Fault]) -> list[float]:
    """After how long servers were heard again that had ended by a fault which asks for no fencing, and were spared."""
    fenced = [(fault, node) for fault, node, _ in _unasked(power, faults)]
    spared = [
        _back_ms(power, fault, node, end_s) for fault, end_s in windows(faults) for node in fault.nodes
        if node not in fault.fences and (fault, node) not in fenced
    ]  # fmt: skip
    return [ms for ms in spared if ms is not None]


def _during(faults: Sequence[Fault], event: PowerEvent) -> list[Fault]:
    """The fault that lasted, or was the last one, when something was committed; none before the first."""
    return [fault for fault, end_s in windows(faults) if fault.begun_s < event.at_s < end_s]


def _back_ms(power: Power, fault: Fault, node: str, until_s: float) -> float | None:
    """After how long another process of a node was heard than the one that a fault had hit; None: none was by then."""
    times = [at_s for at_s in power.returns.get(node, ()) if fault.begun_s < at_s < until_s]
    return (min(times) - fault.begun_s) * 1000 if times else None


def _was_there(power: Power, fenced: PowerEvent) -> bool:
    """Whether a node was back, or had never been away, when it was decided to fence it."""
    decided = [e.at_s for e in power.events if e.kind == "intent" and e.node == fenced.node and e.at_s < fenced.at_s]
    at_s, (from_s, until_s) = max(decided, default=fenced.at_s), THERE_S
    return any(at_s - from_s < answer < at_s - until_s for answer in power.answers.get(fenced.node, ()))


def _decided(events: Sequence[PowerEvent], cut: Switching) -> PowerEvent | None:
    """What had become of the latest intent against a machine when it was switched off; None: there had been none.

    There is one against a node at a time. It allows to cut its power, however often (device after device, executor
    after executor), until the power was seen off, or it is closed (fencing/state.py): what follows it tells which.
    """
    told = [e for e in events if e.node == cut.machine and e.at_s < cut.at_s and e.kind not in LEAVE_OPEN]
    return told[-1] if told else None


def _is_on(switched: Sequence[Switching], machine: str, at_s: float) -> bool:
    """Whether a machine had power: they all have, until it is cut."""
    words = [one.word for one in switched if one.machine == machine and one.at_s < at_s]
    return not words or words[-1] == "on"


def _in_time(events: Sequence[PowerEvent], faults: Sequence[Fault], bound_ms: float) -> Verdict:
    wrong, took_ms = [], []
    for fault, node, ms in fenced_ms(events, faults):
        if ms is None:
            wrong.append(f"{fault.what}: {node} was not fenced")
            continue
        took_ms.append(ms)
        if ms > bound_ms:
            wrong.append(f"{fault.what}: {node} was fenced after {ms:.0f} ms")
    good = f"after {min(took_ms, default=0):.0f} to {max(took_ms, default=0):.0f} ms, {len(took_ms)} times"
    return Verdict("fenced", f"within {bound_ms / 1000:.0f} s of the fault", not wrong, told(wrong, good))
