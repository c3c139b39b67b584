"""What a cluster has decided about its nodes' power, as transitions over one value. Pure: for a replicated log.

Every replica makes the same transitions in the same order, so a rule is kept here or not at all (INV-9): a leader or an
executor that is wrong, late or restarted has its command refused. Times are milliseconds of the log's own clock, which
stands still while nobody leads and never runs faster than real time.

An *intent* says that a node's power is to be cut. It is opened once for a failure: a node is *armed* by saying that it
is there, or by being found well after all, and an intent takes that from it. An intent goes through two phases: OFF,
until the power was verified off or somebody vouches for it, and ON, where the power is to come back. In each, one
executor at a time holds a *claim*, which ends with its outcome, its time, or its holder's death.

A *ticket* is a leader's proof that it led a quorum a moment ago. What it decided goes with the ticket, so a decision
that was made before a partition and arrives after it counts for nothing.

Limits per hour are there against loops of power cuts. An intent counts from when it is opened, as an executor may try
at once. One that is taken back before anybody ever claimed it is *given back*: no power was cut, and a network that
comes and goes must not use up what a node that fails will need. Whoever applies the log says
with ``gives_back`` whether it is so yet: to earlier releases each of them counts for an hour.

A change of these rules changes what a log means: it needs a feature level (docs/adr/0014).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

HOUR_MS: Final = 3_600_000
TICKET_MS: Final = 2_000
"""A leader's decision older than this is not taken."""
CLAIM_MS_MAX: Final = 600_000
BACKOFF_MIN_MS: Final = 2_000
BACKOFF_MAX_MS: Final = 60_000
POWER_ON_ATTEMPTS: Final = 3
"""After so many the operator has to look: a node that stays off harms nobody."""
HISTORY_MAX: Final = 100
UNTRIED_MAX: Final = 50
"""So many lines of the history are about intents that were given back: no limit bounds those, and they must not push
out what was done."""
UNTRIED: Final = "; nobody had tried yet, so it does not count towards the limits"
"""The end of the line that closes an intent which was given back; by it such intents are known in the history."""
EVERYBODY: Final = ""
"""Maintenance of the whole cluster."""

PHASE_OFF: Final = "off"
PHASE_ON: Final = "on"


class Claim(msgspec.Struct, array_like=True):
    """Who carries an intent out, and until when nobody else may."""

    executor: str
    process: int
    """Which process of the executor: its agents do not outlive it."""
    attempt: int
    until_ms: int


class Intent(msgspec.Struct, array_like=True):
    """A committed decision to fence a node."""

    number: int
    node: str
    process: int
    """Which process of the node failed."""
    reason: str
    decided_by: str
    term: int
    begun_ns: int
    """Wall clock."""
    power_on: bool
    """Whether its power is to be restored afterwards."""
    phase: str = PHASE_OFF
    attempts: int = 0
    """In this phase."""
    not_before_ms: int = 0
    """The next attempt's."""
    failure: str = ""
    """Why the last attempt did not help."""
    claim: Claim | None = None


class Node(msgspec.Struct, array_like=True):
    """What is known of a node."""

    process: int
    """The one that said last that it is there."""
    armed: bool = True
    """It was well since it was last dealt with: its next failure is a new one."""
    down: bool = False
    """It was fenced, and has not been back."""
    intents_ms: list[int] = []
    """When intents against it were opened, in the last hour, but for those that were given back. One is open at a time,
    so the last is the open one's."""


class Watch(msgspec.Struct, array_like=True):
    """The last leader that proved itself."""

    node: str
    term: int
    ticket: int
    at_ms: int


class Event(msgspec.Struct, array_like=True):
    """A line of the history."""

    wall_ns: int
    kind: str
    """intent, failed, fenced, confirmed, powered on, still off, back, withdrawn, lied, maintenance."""
    node: str
    text: str
    intent: int = 0


class State(msgspec.Struct, array_like=True):
    """All of it."""

    nodes: dict[str, Node] = {}
    intents: dict[str, Intent] = {}
    """By the node that each is against: one at a time."""
    watch: Watch | None = None
    paused: dict[str, str] = {}
    """Under maintenance: node (or EVERYBODY) -> by whom."""
    last_number: int = 0
    history: list[Event] = []


class Limits(msgspec.Struct, array_like=True, frozen=True):
    """How often the operator lets nodes be fenced."""

    node_per_hour: int
    cluster_per_hour: int


class Verdict(msgspec.Struct, array_like=True, frozen=True):
    """What became of a command: ``number`` 0 means refused, and ``text`` says why."""

    number: int
    text: str = ""

    def __bool__(self) -> bool:
        return self.number > 0


class Now(msgspec.Struct, frozen=True):
    """The log's time: of its clock, and of the wall for people to read."""

    ms: int
    wall_ns: int = 0


# ---------------------------------------------------------------------- nodes
def node_here(state: State, now: Now, node: str, process: int, *, gives_back: bool) -> Verdict:
    """A node says that it is well, and under which number its process goes. ``gives_back``: as in :func:`withdraw`."""
    _end_claims_of(state, now, node, but_process=process)
    known = state.nodes.get(node)
    intent = state.intents.get(node)
    if intent is not None and intent.phase == PHASE_OFF:
        if process == intent.process:
            return Verdict(0, "an intent against this process is open: the leader withdraws it when it hears it again")
        if _claimed(intent, now):
            if known is not None:
                known.process = process
            return Verdict(0, "its power is being cut: it is not out of it yet")
        _close_undone(state, now, intent, "back", "it was started anew before its power was cut", gives_back)
    elif intent is not None:
        _close(state, now, intent, *_return(process == intent.process))
    elif known is not None and known.down:
        kind, text = _return(process == known.process)
        _tell(state, now, kind, node, text)
    recent = [] if known is None else known.intents_ms
    state.nodes[node] = Node(process, intents_ms=recent)
    return Verdict(1)


def _return(lied: bool) -> tuple[str, str]:
    """The kind and the text of an event: a node that was fenced is there."""
    if lied:
        return "lied", "it was reported off, and goes on without a restart: a device lies"
    return "back", "it is back"


def node_leaves(state: State, now: Now, node: str, process: int) -> Verdict:
    """A node stops in good order, and has ended its agents: its silence is no failure."""
    known = state.nodes.get(node)
    if known is None or known.process != process:
        return Verdict(0, "another process of it has come since")
    known.armed = False
    _end_claims_of(state, now, node, but_process=0)
    return Verdict(1)


# ---------------------------------------------------------------------- the leader
def prove(state: State, now: Now, leader: str, term: int) -> Verdict:
    """A leader gets a ticket. That this was committed is the proof; a later leader's ticket ends it."""
    watch = state.watch
    if watch is not None and term < watch.term:
        return Verdict(0, f"{watch.node} leads since, in term {watch.term}")
    state.last_number += 1
    state.watch = Watch(leader, term, state.last_number, now.ms)
    return Verdict(state.last_number)


def why_not_fence(
    state: State, now_ms: int, leader: str, node: str, voters: Collection[str], limits: Limits
) -> str:
    """Why ``leader`` may not have ``node`` fenced; empty: it may, with a ticket."""
    if node == leader:
        return "a leader does not fence itself"
    if node not in voters or leader not in voters:
        return "only voters fence, and only voters"
    if node in state.intents:
        return "that is decided already"
    if leader in state.intents and state.intents[leader].phase == PHASE_OFF:
        return f"an intent against {leader} itself is open"
    known = state.nodes.get(node)
    if known is None:
        return "it has never said that it was there"
    if not known.armed:
        return "it has not been well since it was last dealt with, or it stopped in good order"
    for paused in (EVERYBODY, node):
        if paused in state.paused:
            return f"maintenance is on (by {state.paused[paused]})"
    gone = {other for other in voters if other in state.intents or (other in state.nodes and state.nodes[other].down)}
    if len(gone) + 1 > (len(voters) - 1) // 2:
        return f"{', '.join(sorted(gone)) or 'nobody'} is down by fencing already: with it no majority could be left"
    return _over_limit(state, now_ms, node, limits)


def _over_limit(state: State, now_ms: int, node: str, limits: Limits) -> str:
    own = [at for at in state.nodes[node].intents_ms if now_ms - at < HOUR_MS]
    if len(own) >= limits.node_per_hour:
        return f"it was to be fenced {len(own)} times within the hour: something is wrong with it"
    everybody = [at for other in state.nodes.values() for at in other.intents_ms if now_ms - at < HOUR_MS]
    if len(everybody) >= limits.cluster_per_hour:
        return f"nodes were to be fenced {len(everybody)} times within the hour: something is wrong with the cluster"
    return ""


def intend(
    state: State, now: Now, ticket: int, node: str, voters: Collection[str], limits: Limits, reason: str, power_on: bool
) -> Verdict:
    """Decide that a node is to be fenced."""
    watch = _ticket(state, now, ticket)
    if watch is None:
        return Verdict(0, "the decision is too old, or another node leads since")
    refused = why_not_fence(state, now.ms, watch.node, node, voters, limits)
    if refused:
        return Verdict(0, refused)
    state.last_number += 1
    known = state.nodes[node]
    known.armed = False
    known.intents_ms = [at for at in known.intents_ms if now.ms - at < HOUR_MS] + [now.ms]
    intent = Intent(state.last_number, node, known.process, reason, watch.node, watch.term, now.wall_ns, power_on)
    intent.not_before_ms = now.ms
    state.intents[node] = intent
    _tell(state, now, "intent", node, f"{watch.node} (term {watch.term}): {reason}", intent.number)
    return Verdict(intent.number)


def withdraw(
    state: State, now: Now, ticket: int, node: str, number: int, reason: str, well: bool, *, gives_back: bool
) -> Verdict:
    """A leader takes an intent back, as nobody has cut the power yet. ``well``: it hears the node again; if not, the
    node is a member no more. ``gives_back``: one that nobody has ever claimed does not count towards the limits."""
    if _ticket(state, now, ticket) is None:
        return Verdict(0, "the decision is too old, or another node leads since")
    intent = state.intents.get(node)
    if intent is None or intent.number != number:
        return Verdict(0, "there is no such intent any more")
    if intent.phase != PHASE_OFF:
        return Verdict(0, "its power is off")
    if _claimed(intent, now):
        return Verdict(0, "its power is being cut")
    _close_undone(state, now, intent, "withdrawn", reason, gives_back)
    if well:
        state.nodes[node].armed = True
    else:
        del state.nodes[node]
    return Verdict(number)


def _ticket(state: State, now: Now, ticket: int) -> Watch | None:
    watch = state.watch
    return watch if watch is not None and watch.ticket == ticket and now.ms - watch.at_ms <= TICKET_MS else None


# ---------------------------------------------------------------------- executors
def why_not_claim(state: State, now_ms: int, node: str, number: int, executor: str, process: int) -> str:
    """Why ``executor`` may not carry an intent out now; empty: it may."""
    intent = state.intents.get(node)
    if intent is None or intent.number != number:
        return "there is no such intent any more"
    if executor == node:
        return "no node fences itself"
    own = state.nodes.get(executor)
    if own is None or own.process != process:
        return f"{executor} has not said that it is there, or was restarted since"
    if own.down or (executor in state.intents and state.intents[executor].phase == PHASE_OFF):
        return f"{executor} is to be fenced itself"
    for paused in (EVERYBODY, node):
        if paused in state.paused:
            return f"maintenance is on (by {state.paused[paused]})"
    if intent.claim is not None and now_ms <= intent.claim.until_ms:
        return f"{intent.claim.executor} is at it"
    if now_ms < intent.not_before_ms:
        return "it is too early for another attempt"
    return ""


def claim(
    state: State, now: Now, node: str, number: int, executor: str, process: int, lasts_ms: int
) -> Verdict:
    """Become the one that carries an intent out, for a while. The verdict's number is the attempt's."""
    refused = why_not_claim(state, now.ms, node, number, executor, process)
    if refused:
        return Verdict(0, refused)
    intent = state.intents[node]
    if intent.claim is not None:
        intent.failure = f"{intent.claim.executor} was not heard of any more"
    intent.attempts += 1
    until_ms = now.ms + max(1, min(lasts_ms, CLAIM_MS_MAX))
    intent.claim = Claim(executor, process, intent.attempts, until_ms)
    return Verdict(intent.attempts)


def holds_claim(state: State, node: str, number: int, executor: str, process: int, attempt: int) -> bool:
    """Whether this is still the one that carries the intent out, and is not told to stop."""
    intent = state.intents.get(node)
    if intent is None or intent.number != number or intent.claim is None:
        return False
    mine = (intent.claim.executor, intent.claim.process, intent.claim.attempt) == (executor, process, attempt)
    return mine and EVERYBODY not in state.paused and node not in state.paused


def outcome(
    state: State, now: Now, node: str, number: int, executor: str, process: int, attempt: int, done: bool, text: str
) -> Verdict:
    """What came of an attempt. ``done``: the executor has read the power back, and it is as it should be (INV-9)."""
    intent = state.intents.get(node)
    if intent is None or intent.number != number or intent.claim is None:
        return Verdict(0, "there is no such intent any more, or nobody is at it")
    if (intent.claim.executor, intent.claim.process, intent.claim.attempt) != (executor, process, attempt):
        return Verdict(0, f"{intent.claim.executor} is at it now")
    intent.claim = None
    if done:
        _succeeded(state, now, intent, f"by {executor}, {text}")
    else:
        _failed(state, now, intent, executor, text)
    return Verdict(number)


def _succeeded(state: State, now: Now, intent: Intent, text: str) -> None:
    if intent.phase == PHASE_ON:
        _close(state, now, intent, "powered on", text)
        return
    _fenced(state, now, intent, "fenced", text)


def _fenced(state: State, now: Now, intent: Intent, kind: str, text: str) -> None:
    state.nodes[intent.node].down = True
    _end_claims_of(state, now, intent.node, but_process=0)
    if not intent.power_on or kind == "confirmed":
        _close(state, now, intent, kind, text)
        return
    _tell(state, now, kind, intent.node, text, intent.number)
    intent.phase, intent.attempts, intent.not_before_ms, intent.failure = PHASE_ON, 0, now.ms, ""


def _failed(state: State, now: Now, intent: Intent, executor: str, text: str) -> None:
    if text != intent.failure:  # the same again and again would push the rest out of the history
        _tell(state, now, "failed", intent.node, f"not {_aim(intent)} by {executor}: {text}", intent.number)
    intent.failure = text
    intent.not_before_ms = now.ms + backoff_ms(intent.attempts)
    if intent.phase == PHASE_ON and intent.attempts >= POWER_ON_ATTEMPTS:
        _close(state, now, intent, "still off", f"its power could not be restored: {text}")


def _aim(intent: Intent) -> str:
    return "fenced" if intent.phase == PHASE_OFF else "powered on"


def backoff_ms(attempts: int) -> int:
    """How long after so many attempts the next one waits."""
    return min(BACKOFF_MIN_MS << min(attempts - 1, 16), BACKOFF_MAX_MS)


# ---------------------------------------------------------------------- the operator
def confirm(state: State, now: Now, node: str, by: str) -> Verdict:
    """The operator's word that a node has no power: it counts as verified."""
    intent = state.intents.get(node)
    if intent is None or intent.phase != PHASE_OFF:
        return Verdict(0, f"{node} does not wait to be fenced: there is nothing to confirm")
    intent.claim = None
    _fenced(state, now, intent, "confirmed", f"{by} says that its power is off")
    return Verdict(intent.number)


def maintain(state: State, now: Now, node: str, on: bool, by: str) -> Verdict:
    """Suspend fencing of a node, or of :data:`EVERYBODY`, or take it up again."""
    if on == (node in state.paused):
        return Verdict(1)
    if on:
        state.paused[node] = by
    else:
        del state.paused[node]
    _tell(state, now, "maintenance", node, f"{'on' if on else 'off'}, by {by}")
    return Verdict(1)


# ---------------------------------------------------------------------- common
def _claimed(intent: Intent, now: Now) -> bool:
    return intent.claim is not None and now.ms <= intent.claim.until_ms


def _end_claims_of(state: State, now: Now, executor: str, but_process: int) -> None:
    """The executor is dead, or another process: what it carried out ended with it."""
    for intent in state.intents.values():
        held = intent.claim
        if held is not None and held.executor == executor and held.process != but_process:
            intent.claim = None
            intent.failure = f"{executor} died over it"
            intent.not_before_ms = now.ms


def _close(state: State, now: Now, intent: Intent, kind: str, text: str) -> None:
    del state.intents[intent.node]
    _tell(state, now, kind, intent.node, text, intent.number)


def _close_undone(state: State, now: Now, intent: Intent, kind: str, text: str, gives_back: bool) -> None:
    """Close an intent whose node's power is not known to be off."""
    if not gives_back or not _untried(intent):
        _close(state, now, intent, kind, text)
        return
    state.nodes[intent.node].intents_ms.pop()
    _close(state, now, intent, kind, text + UNTRIED)
    given_back = {event.intent for event in state.history if event.text.endswith(UNTRIED)}
    lines = [place for place, event in enumerate(state.history) if event.intent in given_back]
    for place in reversed(lines[:-UNTRIED_MAX]):
        del state.history[place]


def _untried(intent: Intent) -> bool:
    """Whether no executor has ever claimed it."""
    return intent.phase == PHASE_OFF and intent.attempts == 0


def _tell(state: State, now: Now, kind: str, node: str, text: str, intent: int = 0) -> None:
    state.history.append(Event(now.wall_ns, kind, node, text, intent))
    del state.history[:-HISTORY_MAX]
