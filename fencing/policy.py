"""What a leader decides about the others, and who carries it out. Pure: over replicated state and observations.

Nothing here is trusted: whatever is decided is judged again when the log applies it (:mod:`fencing.state`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from fencing.state import PHASE_OFF, PHASE_ON, Intent, Limits, State, why_not_claim, why_not_fence
from fencing.suspicion import Statement

TURN_MS: Final = 1_000
"""An executor that is not the first in turn leaves the ones before it so long each."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An intent to be taken back."""

    intent: Intent
    reason: str
    well: bool


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a leader with a quorum is to do."""

    fence: dict[str, str] = field(default_factory=dict)
    """Node -> reason."""
    withdraw: list[Withdrawal] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    """Nodes that are missing and will not be fenced -> why: for the operator."""
    unmet: list[str] = field(default_factory=list)
    """Nodes that could be fenced if another voter had met them: ask (:attr:`Observed.statements`)."""
    confirmed: list[int] = field(default_factory=list)
    """Inherited intents of which a witness says that they still hold: they may be carried out here."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What a leader has seen (:class:`fencing.suspicion.Suspicions`), and what others say."""

    suspected: Mapping[str, int]
    """Node -> for how many milliseconds."""
    well: Collection[str]
    never_met: Mapping[str, int] = field(default_factory=dict)
    """Missing as long, but this leader's process has not met it: node -> for how many milliseconds."""
    statements: Mapping[str, Statement] | None = None
    """Who answered -> what it says of others. It was asked for this decision, because of those in ``never_met``. None:
    nobody was asked."""
    inherited: Collection[int] = ()
    """Numbers of intents of before this process, or before it reached a majority again (:func:`claimable`)."""


def decide(
    leader: str, voters: Collection[str], members: Collection[str], state: State, seen: Observed, limits: Limits,
    now_ms: int,
) -> Decisions:  # fmt: skip
    """A leader's decisions; it has a quorum, and the membership is not being changed. ``now_ms``: the log's clock."""
    decisions = Decisions()
    for node, missed_ms in sorted({**seen.suspected, **seen.never_met}.items()):
        if node not in voters or node in state.intents:
            continue
        refused = why_not_fence(state, now_ms, leader, node, voters, limits)
        if refused:
            if node in state.nodes and state.nodes[node].armed:  # else it is known why it is away
                decisions.held[node] = refused
            continue
        reason = f"not heard for {missed_ms / 1000:.1f} s"
        if node in seen.suspected:
            decisions.fence[node] = reason
        elif seen.statements is None:
            decisions.unmet.append(node)
        elif word := _weigh(decisions, leader, node, witnesses(leader, voters, state), seen.statements):
            decisions.fence[node] = f"{reason}; {word}"
    for node, intent in sorted(state.intents.items()):
        if intent.phase != PHASE_OFF or (intent.claim is not None and now_ms <= intent.claim.until_ms):
            continue
        if node == leader or node in seen.well:
            decisions.withdraw.append(Withdrawal(intent, "it is heard again", well=True))
        elif members and node not in members:
            decisions.withdraw.append(Withdrawal(intent, "it is a member no more", well=False))
        elif node in seen.never_met and intent.number in seen.inherited:
            if seen.statements is None:
                decisions.unmet.append(node)
            elif _weigh(decisions, leader, node, witnesses(leader, voters, state), seen.statements):
                decisions.confirmed.append(intent.number)
    return decisions


def witnesses(leader: str, voters: Collection[str], state: State) -> set[str]:
    """Whose word counts for a leader: that of the other voters, unless they are to be fenced or were, themselves."""
    return {
        voter for voter in voters
        if voter != leader and voter not in state.intents and not (voter in state.nodes and state.nodes[voter].down)
    }  # fmt: skip


def _weigh(
    decisions: Decisions, leader: str, node: str, trusted: Collection[str], statements: Mapping[str, Statement]
) -> str:
    """The word by which a node that this leader misses and has not met may be fenced: a witness had met it and misses
    it, too. Empty: nobody's, and ``decisions.held`` tells why.

    Not if another witness hears it: then it runs, and a link is broken. (A leader that had met it itself asks nobody.)
    """
    said = {name: told for name, told in sorted(statements.items()) if name in trusted and name != node}
    hearing = [name for name, told in said.items() if node in told.heard]
    had_met = {name: told.missed_ms[node] for name, told in said.items() if node in told.missed_ms}
    if had_met and not hearing:
        witness = max(had_met, key=lambda name: had_met[name])
        return f"{witness} had met it, and misses it for {had_met[witness] / 1000:.1f} s"
    own = f"{leader} has not met it since it was started itself, or was without a majority"
    if hearing:
        decisions.held[node] = f"{own}, and {', '.join(hearing)} can hear it"
    elif said:
        decisions.held[node] = f"{own}, and none of {', '.join(said)} says that it had"
    else:
        decisions.held[node] = f"{own}, and nobody else answers who might have"
    return ""


def turn(intent: Intent, leader: str, voters: Collection[str], me: str) -> int:
    """How many others this node leaves the first chance to: the leader is asked first, and each attempt another one,
    as one node's way to a device may be broken where another's is not. -1: it is not this node's to do."""
    others = sorted(voter for voter in voters if voter not in (intent.node, leader))
    order = ([leader] if leader in voters and leader != intent.node else []) + others
    return (order.index(me) - intent.attempts) % len(order) if me in order else -1


def claimable(
    me: str, process: int, leader: str, voters: Collection[str], state: State, missing: Collection[str], now_ms: int,
    inherited: Collection[int] = (), met: Collection[str] = (),
) -> list[tuple[Intent, int]]:  # fmt: skip
    """The intents that this node may carry out, and how long it has to leave each to others first.

    It cuts nobody's power whom it hears itself, nor its leader's. ``now_ms``: the log's clock. ``inherited``: numbers
    of intents that were decided before this process could see what they rest on. They may be of before all power was
    lost, and their nodes be booting: only who has ``met`` a node since cuts its power for one of these.
    """
    found = []
    for node, intent in sorted(state.intents.items()):
        if intent.phase != PHASE_ON and (node not in missing or node == leader):
            continue
        if intent.phase != PHASE_ON and intent.number in inherited and node not in met:
            continue
        place = turn(intent, leader, voters, me)
        if place >= 0 and not why_not_claim(state, now_ms, node, intent.number, me, process):
            found.append((intent, place * TURN_MS))
    return found
