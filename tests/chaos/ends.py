"""Servers that end by themselves: whoever looks after them starts them again, and their clients hardly notice.

A front end that dies, a storage that fails, a stop that hangs, a guard that loses patience: each ends a node to which
nobody has done anything. Where it starts again at once (its unit does that) nothing else in a run tells of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.chaos.drill_judge import windows
from tests.chaos.evidence import Evidence, Fault
from tests.chaos.monitor import ENDED, Sample
from tests.chaos.verdict import Verdict, told

CRITICAL = "critical"
SNAPSHOT_EVENT = "snapshot installed"
"""How the line begins with which a node ends its process, to start it anew on the state that it got."""
SLACK_S = 0.5
"""Lines of logs have the wall clock's time, looks at a node that of their answer's arrival."""


@dataclass(frozen=True)
class Rebirth:
    """A node's process was another one than at the look before; time.monotonic()."""

    node: str
    seen_s: float
    """When the earlier process answered last."""
    again_s: float
    """When the later one answered first."""
    born_s: float
    """When that had started, or up to ``monitor.ANSWER_TIMEOUT_S`` earlier."""


def rebirths(samples: Iterable[Sample]) -> list[Rebirth]:
    """Of ``samples`` in the order of time.

    A process' age, by its own clock, never falls. So there is no jitter to allow for, as there would be in its time of
    birth: that is as late as the answer was. A process that was younger when it ended than its successor was when that
    answered first (a second, at most) is missed.
    """
    found = []
    before: dict[str, Sample] = {}
    for sample in samples:
        if not sample.role or sample.role == ENDED:  # silent; or counted by another clock, that of its whole service
            continue
        last = before.get(sample.node)
        if last is not None and sample.uptime_s < last.uptime_s:
            found.append(Rebirth(sample.node, last.at_s, sample.at_s, sample.born_s))
        before[sample.node] = sample
    return found


def judge_ends(evidence: Evidence) -> Verdict:
    """No process of a node starts anew, nor does a server say anything critical, but while a fault names that node.

    From the moment on in which everybody was there and at work: before, a cluster is put together and powered on. Until
    the end of the last round as far as lives are concerned: histories that are checked then leave servers little of the
    processor. A fault lasts until the next one; one that spans two of them may be either's. A snapshot that is
    installed ends a process rightly, whoever needed it.
    """
    calm_s = evidence.calm_from_s or float("inf")
    samples = [sample for sample in evidence.samples if calm_s <= sample.at_s <= evidence.ended_s]
    installs = [line for line in evidence.said if line.event.startswith(SNAPSHOT_EVENT)]
    wrong, ends = [], rebirths(samples)
    for end in ends:
        installed = any(
            line.node == end.node and end.seen_s - SLACK_S <= line.at_s <= end.again_s + SLACK_S for line in installs
        )
        if not installed and not _named(end.node, end.seen_s, end.again_s, evidence.faults):
            when_s = end.born_s - evidence.begun_s
            wrong.append(f"{end.node} ended by itself, and was started again {when_s:.1f} s into the run")
    for line in evidence.said:
        hit = _named(line.node, line.at_s - SLACK_S, line.at_s + SLACK_S, evidence.faults)
        if line.level == CRITICAL and line.at_s >= calm_s and not hit:
            wrong.append(f"{line.node} logged {line.event!r} {line.at_s - evidence.begun_s:.1f} s into the run")
    if not any(sample.role for sample in samples):
        wrong.append("vacuous: no server was seen while clients worked")
    good = f"processes ended {len(ends)} times, each where a fault or a snapshot says why; nothing critical elsewhere"
    return Verdict("ends", "no server ends to which nothing was done", not wrong, told(wrong, good))


def _named(node: str, from_s: float, until_s: float, faults: Sequence[Fault]) -> bool:
    """Whether a fault names the node that was in force at some moment of this span."""
    return any(
        node in (*fault.nodes, *fault.fences) and fault.begun_s <= until_s and from_s < end_s
        for fault, end_s in windows(faults)
    )
