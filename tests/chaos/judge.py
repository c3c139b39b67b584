"""From the evidence of a run to a verdict on every promise. Pure: what is judged here can be judged again.

A promise that was not put to the test is not kept either: such a verdict says ``vacuous``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.chaos.drill_judge import judge_drill
from tests.chaos.ends import judge_ends
from tests.chaos.evidence import Evidence, Fault
from tests.chaos.load import Call, Hold
from tests.chaos.lookers import Wait
from tests.chaos.monitor import Sample, statuses_sent
from tests.chaos.scenarios import LINUX_ROUNDS_MIN, Scenario
from tests.chaos.site import SENT_AWAY
from tests.chaos.stalls import longest_per_fault_ms, measured, median, unmeasured
from tests.chaos.verdict import Verdict, told
from tests.support.cluster import FAILOVER_ERRORS

CALLS_MIN = 50
"""Fewer answered calls than this prove nothing."""
HOLDS_MIN, BLOCKS_MIN = 5, 20
WITHHELD_MIN_S, WITHHELD_LOOKS_MIN = 2.0, 5
"""More than three election time-outs at their longest; and so often the node was seen, in that time."""
OVERLAP_MIN_S = 0.2
"""So long two nodes must be in trouble together, or it is hardly more than one after the other."""
LOOKS_MIN = 30
"""At each node, by whoever looks at it alone. Usual is 16 a second."""
OPERATIONS_MIN = 200
"""On shared names, locks and opens, all clients together."""
CALM_SHARE = 0.5
"""Where an undisturbed call takes more than this share of a bound that is as short as that, it is the machine that
would be judged, and so much more is allowed. Usual is a fifth."""
CONTENTION_MIN = {"lock operations": 30, "locks refused": 3, "names refused": 5}
"""Clients that were never in each other's way would be answered alike by servers that know nothing of each other.
Opens that were refused are told, but not asked for: on a fast machine hardly any two of them overlap."""


def judge(scenario: Scenario, rounds: int, evidence: Evidence) -> list[Verdict]:
    """Every verdict, the most telling first. The run stands if all are kept."""
    return [
        _carried_out(rounds, evidence),
        _one_leader(evidence),
        *_in_office(scenario, evidence),
        *_handed_over(scenario, rounds, evidence),
        *_sent_away(scenario, evidence),
        *_overlapped(scenario, evidence),
        *_withheld(scenario, evidence),
        _nothing_lost(evidence),
        _exactly_once(scenario, evidence),
        _linearizable(scenario, evidence),
        _one_holder(evidence),
        _zero_grace(scenario, evidence),
        _equal(evidence),
        _no_exceptions(evidence),
        judge_ends(evidence),
        *(judge_drill(evidence.power, evidence.faults, scenario.bounds.fenced_ms) if evidence.power else []),
        *_stalls(scenario, evidence),
        *_linux(scenario, evidence),
    ]


def _carried_out(rounds: int, evidence: Evidence) -> Verdict:
    """A run in which nothing was broken, or nobody worked, must not look like a good one."""
    wrong = [evidence.broken] if evidence.broken else []
    if len(evidence.faults) < rounds:
        wrong.append(f"{len(evidence.faults)} of {rounds} faults were made")
    for fault in evidence.faults:
        if not fault.took_effect:
            failed = [what for what, shown in fault.proofs if not shown]
            wrong.append(f"{fault.what}: no effect ({'; '.join(failed) or 'nothing shows any'})")
        if fault.wants_new_leader and not (
            fault.term_after > fault.term_before and fault.leader_after != fault.leader_before
        ):
            wrong.append(f"{fault.what}: no other leader took over")
    answered = sum(1 for call in evidence.calls if call.status == "NFS4_OK")
    if answered < CALLS_MIN:
        wrong.append(f"clients got only {answered} answers")
    wrong += _vacuous(evidence)
    if len(evidence.holds) < HOLDS_MIN:
        wrong.append(f"clients held only {len(evidence.holds)} locks and opens")
    good = f"{len(evidence.faults)} faults took effect, {answered} calls succeeded, {len(evidence.holds)} locks held"
    return Verdict("run", "faults took effect while clients worked", not wrong, told(wrong, good))


def _vacuous(evidence: Evidence) -> list[str]:
    """Every fault needs a call of its own, before the next fault: else nothing is known of what clients felt of it."""
    return [f"vacuous: no call was under way during {what}" for what in unmeasured(evidence.calls, evidence.faults)]


def _one_leader(evidence: Evidence) -> Verdict:
    """Who was seen to lead, and who logged that it does: no look need have come just then."""
    leaders: dict[int, set[str]] = {}
    for sample in evidence.samples:
        if sample.role == "leader":
            leaders.setdefault(sample.term, set()).add(sample.node)
    seen = len(leaders)
    for line in evidence.said:
        if line.term:
            leaders.setdefault(line.term, set()).add(line.node)
    wrong = [f"term {term}: {' and '.join(sorted(names))}" for term, names in leaders.items() if len(names) > 1]
    if not seen:
        wrong.append("nobody was ever seen to lead")
    good = f"{len(leaders)} terms with a leader, each with one"
    return Verdict("INV-1", "at most one leader in a term", not wrong, told(wrong, good))


def _in_office(scenario: Scenario, evidence: Evidence) -> list[Verdict]:
    """Where a fault must not cost the leader its office, or not again and again."""
    if scenario.terms_max is None:
        return []
    began = list(zip((fault.what for fault in evidence.faults), _new_terms(evidence), strict=True))
    wrong = [f"{what}: {terms} new terms" for what, terms in began if terms > scenario.terms_max]
    wrong += [f"{one.what}: back to an older term" for one in evidence.faults if one.term_after < one.term_before]
    good = f"{max((terms for _, terms in began), default=0)} at most"
    return [Verdict("terms", f"at most {scenario.terms_max} new ones for a fault", not wrong, told(wrong, good))]


def _new_terms(evidence: Evidence) -> list[int]:
    """How many each fault cost. What follows a fault is its own, too."""
    newest = max((sample.term for sample in evidence.samples if sample.role == "leader"), default=0)
    ends = [*(fault.term_before for fault in evidence.faults[1:]), newest]
    return [max(fault.term_after, end) - fault.term_before for fault, end in zip(evidence.faults, ends, strict=False)]


def _handed_over(scenario: Scenario, rounds: int, evidence: Evidence) -> list[Verdict]:
    """An election costs one new term, too: that nobody waited for its time-out only the stall can tell. Less well where
    calls take long while nothing is broken: that much more is allowed then."""
    if scenario.hand_over_ms is None:
        return []
    wrong, late, longest_ms, restarts = [], [], 0.0, 0
    calm_ms = max((call.took_ms for call in calm(evidence)), default=0.0)
    bound_ms = scenario.hand_over_ms + (calm_ms if calm_ms >= scenario.hand_over_ms * CALM_SHARE else 0.0)
    stalls_ms = longest_per_fault_ms(evidence.calls, evidence.faults)
    for fault, terms, stall_ms in zip(evidence.faults, _new_terms(evidence), stalls_ms, strict=True):
        if fault.leader_before not in fault.nodes:
            continue
        restarts += 1
        longest_ms = max(longest_ms, stall_ms or 0.0)
        if fault.leader_after in ("", fault.leader_before):
            wrong.append(f"{fault.what}: no other leader took over")
        if terms != 1:
            wrong.append(f"{fault.what}: {terms} new terms")
        if stall_ms is None:
            late.append(f"vacuous: no call was under way during {fault.what}")
        elif stall_ms >= bound_ms:
            late.append(f"{fault.what}: a client waited {stall_ms:.0f} ms")
    if restarts < rounds:
        wrong.append(f"vacuous: the leader was restarted {restarts} times in {rounds} rounds")
    good = f"{longest_ms:.0f} ms at most"
    if bound_ms > scenario.hand_over_ms:
        good += f"; a call took {calm_ms:.0f} ms before anything was broken"
    return [
        Verdict("hand over", "another leads, one term later, when the leader is restarted", not wrong,
                told(wrong, f"{restarts} times")),
        Verdict("hand over stall", f"under {bound_ms:.0f} ms", not late, told(late, good)),
    ]  # fmt: skip


def calm(evidence: Evidence) -> list[Call]:
    """Those that ended before the first fault: what the machine gives when nothing is broken."""
    end_s = evidence.faults[0].begun_s if evidence.faults else evidence.ended_s
    return [c for c in evidence.calls if evidence.calm_from_s <= c.invoked_s and c.completed_s < end_s]


def _sent_away(scenario: Scenario, evidence: Evidence) -> list[Verdict]:
    """By the logs of the nodes themselves, on one machine with one clock."""
    if scenario.sent_away_ms is None:
        return []
    took = sent_away_ms(evidence)
    wrong = [f"{what}: {node} sent no client away" for what, node, ms in took if ms is None]
    late = [(what, node, ms) for what, node, ms in took if ms is not None and ms >= scenario.sent_away_ms]
    wrong += [f"{what}: {node} sent its clients away after {ms:.0f} ms" for what, node, ms in late]
    if not took:
        wrong.append("vacuous: no node was cut off")
    promise = f"whom a majority no longer hears sends its clients away within {scenario.sent_away_ms / 1000:.1f} s"
    good = f"{len(took)} times, after {max((ms or 0.0 for *_, ms in took), default=0.0):.0f} ms at most"
    return [Verdict("sent away", promise, not wrong, told(wrong, good))]


def sent_away_ms(evidence: Evidence) -> list[tuple[str, str, float | None]]:
    """Fault, node that it hit, and how long after the fault that closed the first client's connection because it had no
    quorum; None: it did not before the fault was over."""
    found: list[tuple[str, str, float | None]] = []
    for fault in evidence.faults:
        for node in fault.nodes:
            gone_s = sent_away_s(evidence, fault, node)
            found.append((fault.what, node, None if gone_s is None else (gone_s - fault.begun_s) * 1000))
    return found


def sent_away_s(evidence: Evidence, fault: Fault, node: str) -> float | None:
    """When a node first closed a client's connection in a fault, because it had no quorum."""
    return min(
        (
            line.at_s for line in evidence.said
            if line.reason in SENT_AWAY and line.node == node and fault.begun_s <= line.at_s <= fault.ended_s
        ),
        default=None,
    )  # fmt: skip


def _overlapped(scenario: Scenario, evidence: Evidence) -> list[Verdict]:
    """Troubles one after the other prove less than they seem to, and of a majority more than is promised."""
    if not scenario.overlapping:
        return []
    nodes = {sample.node for sample in evidence.samples}
    spare, most = (len(nodes) - 1) // 2, 0
    wrong = []
    for number, fault in enumerate(evidence.faults, 1):
        if len(fault.spells) < 2:
            wrong.append(f"vacuous: {len(fault.spells)} troubles in fault {number}")
        for place, spell in enumerate(fault.spells):
            earlier = [other for other in fault.spells[:place] if other.node != spell.node]
            together = max((min(o.undone_s, spell.undone_s) - spell.begun_s for o in earlier), default=0.0)
            if place and together < OVERLAP_MIN_S:
                wrong.append(f"vacuous: fault {number}: {spell.what} {spell.node} overlaps nothing before it")
            hit = {spell.node} | {other.node for other in earlier if other.back_s > spell.begun_s}
            most = max(most, len(hit))
            if len(hit) > spare:
                wrong.append(f"fault {number}: {', '.join(sorted(hit))} of {len(nodes)} nodes in trouble at once")
    good = f"{sum(len(fault.spells) for fault in evidence.faults)} troubles, {most} nodes at once at most"
    return [Verdict("overlap", "troubles overlap, and hit a minority at most", not wrong, told(wrong, good))]


def _withheld(scenario: Scenario, evidence: Evidence) -> list[Verdict]:
    """Only where its vote would have made a leader, and others lacked it, is there anything to say of a node that gave
    none. Whom it is connected to is asked of it; that they ask for its pre-vote follows from their having no leader.
    For its vote they do not ask: nobody stands who is refused the pre-vote."""
    if not scenario.withheld:
        return []
    wrong, looks = [], 0
    for number, fault in enumerate(evidence.faults, 1):
        span = fault.withheld
        if span is None or span.until_s - span.from_s < WITHHELD_MIN_S:
            wrong.append(f"vacuous: fault {number}: no vote was withheld for {WITHHELD_MIN_S:.0f} s")
            continue
        own = [s for s in evidence.samples if s.node == span.node and s.role and span.from_s <= s.at_s <= span.until_s]
        met = sum(1 for sample in own if sample.quarantined and sample.connected)
        looks += met
        if met < WITHHELD_LOOKS_MIN:
            wrong.append(f"vacuous: fault {number}: {span.node} was seen {met} times in quarantine and connected")
        if not all(sample.quarantined for sample in own):
            wrong.append(f"fault {number}: {span.node} left quarantine before it could have heard everybody")
        elected = {
            (s.node, s.term) for s in evidence.samples
            if s.role == "leader" and s.term > fault.term_before and fault.begun_s <= s.at_s <= span.until_s
        }  # fmt: skip
        wrong += [f"fault {number}: {node} was elected in term {term}" for node, term in sorted(elected)]
    return [Verdict("vote", "a node in quarantine elects nobody", not wrong, told(wrong, f"seen {looks} times"))]


def _nothing_lost(evidence: Evidence) -> Verdict:
    wrong = [f"{client.client}: {text}" for client in evidence.clients for text in client.failures]
    wrong += [f"{client.client}: {text}" for client in evidence.clients for text in client.problems]
    calls = sum(client.exactly_once_calls for client in evidence.clients)
    if not calls:
        wrong.append("no client compared its tree with its model")
    blocks = sum(client.blocks for client in evidence.clients)
    if blocks < BLOCKS_MIN:
        wrong.append(f"vacuous: {blocks} blocks of data were written")
    good = f"{calls} changes and {blocks} blocks of data of {len(evidence.clients)} clients are there, and nothing else"
    return Verdict("INV-2", "an acknowledged change is never lost", not wrong, told(wrong, good))


def _exactly_once(scenario: Scenario, evidence: Evidence) -> Verdict:
    """Only a change that is sent again in doubt can run twice: looks may, and NFS4ERR_DELAY says that nothing ran."""
    wrong = [f"{client.client}: {text}" for client in evidence.clients for text in client.problems]
    again = sum(client.retransmissions for client in evidence.clients)
    doubt = sum(client.changes_in_doubt for client in evidence.clients)
    lost = sum(client.reconnects for client in evidence.clients)
    good = (
        f"{doubt} times a change was sent again because its connection was lost before the reply came "
        f"({again} requests of any kind, {lost} new connections); each ran once"
    )
    if not evidence.clients:
        wrong.append("no client reported")
    elif scenario.in_doubt and not doubt:
        wrong.append(
            f"vacuous: no change was sent again whose outcome its client did not know "
            f"({again} requests of other kinds, {lost} new connections)"
        )
    return Verdict("INV-3", "a repeated request runs once", not wrong, told(wrong, good))


def _linearizable(scenario: Scenario, evidence: Evidence) -> Verdict:
    check = evidence.linearizable
    promise = "reads and changes form one order in real time"
    if check is None:
        return Verdict("INV-4", promise, False, "no history was checked")
    if not check.ok:
        return Verdict("INV-4", promise, False, check.text)
    met = {"operations": check.count, **check.met}
    asked = {"operations": OPERATIONS_MIN, **CONTENTION_MIN}
    wrong = [
        f"vacuous: {met.get(what, 0)} {what}, fewer than {least}" for what, least in asked.items()
        if met.get(what, 0) < least
    ]  # fmt: skip
    looks = {node: count for client in evidence.clients for node, count in client.looks.items()}
    wrong += [
        f"vacuous: who looks at {node} was answered {count} times" for node, count in looks.items() if count < LOOKS_MIN
    ]
    waits = [wait for client in evidence.clients for wait in client.waits]
    good = f"{check.text}; {sum(looks.values())} answers to whoever looks at one node, {len(waits)} looks left waiting"
    if scenario.trap and looks:
        trapped = _trapped(evidence, waits)
        empty = [f"{what}: no look lay at {node} while another led" for what, node, met in trapped if not met]
        # A node that sends its clients away 0.1 to 0.5 s after another's election may well be asked nothing in between.
        if scenario.sent_away_ms is None or len(empty) == len(trapped):
            wrong += [f"vacuous: {problem}" for problem in empty]
        lay, laid = sum(met for *_, met in trapped), len(trapped) - len(empty)
        good += f", {lay} at nodes that were hit, asked while another led ({laid} of {len(trapped)})"
    return Verdict("INV-4", promise, not wrong, told(wrong, good if looks else check.text))


def _trapped(evidence: Evidence, waits: Iterable[Wait]) -> list[tuple[str, str, int]]:
    """Fault, node that it hit, and how many looks were left waiting there that had begun while another leader served:
    only what was asked since then can be answered by what is no longer true. And only before the node sent its clients
    away: since then nothing that they ask is read by anybody."""
    found = []
    for fault in evidence.faults:
        served_s = [
            sample.at_s for sample in evidence.samples
            if sample.role == "leader" and sample.has_quorum and sample.node not in fault.nodes
            and sample.term > fault.term_before and fault.begun_s <= sample.at_s <= fault.ended_s
        ]  # fmt: skip
        for node in fault.nodes:
            gone_s = sent_away_s(evidence, fault, node)
            met = [
                w for w in waits if w.node == node and served_s and served_s[0] <= w.from_s <= served_s[-1]
                and (gone_s is None or w.from_s < gone_s)
            ]  # fmt: skip
            found.append((fault.what, node, len(met)))
    return found


def _one_holder(evidence: Evidence) -> Verdict:
    wrong = [
        f"{one.what} held by {one.client} and {other.client} at once, "
        f"for {(min(one.until_s, other.until_s) - other.from_s) * 1000:.1f} ms"
        for one, other in overlaps(evidence.holds)
    ]
    good = f"{len(evidence.holds)} locks and exclusive opens, never two holders"
    return Verdict("INV-5", "no two holders of one lock or open", not wrong, told(wrong, good))


def overlaps(holds: Iterable[Hold]) -> list[tuple[Hold, Hold]]:
    """Pairs of clients that were both certain to hold the same thing at the same time."""
    latest: dict[tuple[str, str], Hold] = {}
    found = []
    for hold in sorted(holds, key=lambda hold: hold.from_s):
        for (what, client), before in latest.items():
            if what == hold.what and client != hold.client and hold.from_s < before.until_s:
                found.append((before, hold))
        own = latest.get((hold.what, hold.client))
        if own is None or own.until_s < hold.until_s:
            latest[hold.what, hold.client] = hold
    return found


def _zero_grace(scenario: Scenario, evidence: Evidence) -> Verdict:
    """What servers count includes what Linux clients are told, and replies that nobody hears; what our own clients
    receive includes statuses that only they can judge (``nfsclient.stats.FAILOVER_STATUSES``). None of them is silent
    for a lease (90 s), and no administrator evicts one.
    """
    sent = statuses_sent(evidence.samples)
    forbidden = [name for name in FAILOVER_ERRORS if name not in scenario.statuses_right]
    wrong = [f"servers sent {sent[name]} {name}" for name in forbidden if sent[name]]
    for client in evidence.clients:
        wrong += [
            f"{client.client} received {count} {name}" for name, count in client.failover_statuses.items()
            if name not in scenario.received_right
        ]  # fmt: skip
    short = [name.removeprefix("NFS4ERR_") for name in forbidden]
    good = f"none of {sum(sent.values())} replies said {', '.join(short[:-1])} or {short[-1]}"
    if not sent:
        wrong.append("no server was ever asked what it sent")
    return Verdict("INV-7", "no error that a failover would explain", not wrong, told(wrong, good))


def _equal(evidence: Evidence) -> Verdict:
    check = evidence.digest
    promise = "all replicas hold the same state"
    if check is None:
        return Verdict("INV-8", promise, False, "digests were not compared")
    last = check.text.splitlines()[-1] if check.text else ""
    wrong = [f"no digest of {', '.join(check.missing)}"] if check.missing else []
    if last != "equal":
        wrong.append(last or "mdsctl digest said nothing")
    elif not check.ok and not wrong:
        wrong.append("mdsctl digest failed")
    return Verdict("INV-8", promise, not wrong, told(wrong, f"{check.count} nodes, equal digests"))


def _no_exceptions(evidence: Evidence) -> Verdict:
    wrong = [f"an exception in the log of {name}" for name in evidence.tracebacks]
    return Verdict("logs", "no server met an exception", not wrong, told(wrong, "no traceback in any log"))


def _stalls(scenario: Scenario, evidence: Evidence) -> list[Verdict]:
    stalls = measured(longest_per_fault_ms(evidence.calls, evidence.faults))
    vacuous, bounds = _vacuous(evidence), scenario.bounds
    worst, middle = max(stalls, default=0.0), median(stalls)
    verdicts = [
        Verdict("longest stall", f"under {bounds.longest_ms / 1000:.0f} s",
                0 < worst < bounds.longest_ms and not vacuous,
                "; ".join([f"{worst:.0f} ms in {len(stalls)} faults", *vacuous])),
    ]  # fmt: skip
    if bounds.median_ms is not None:
        nodes = len({sample.node for sample in evidence.samples})
        judged = nodes <= max(bounds.median_on)  # a node may never have been seen
        told_besides = vacuous if judged else [f"not judged on {nodes} nodes", *vacuous]
        verdicts.append(
            Verdict("median stall", f"under {bounds.median_ms / 1000:.0f} s",
                    (0 < middle < bounds.median_ms or not judged) and not vacuous,
                    "; ".join([f"{middle:.0f} ms", *told_besides]), judged)
        )  # fmt: skip
    return verdicts


def _linux(scenario: Scenario, evidence: Evidence) -> list[Verdict]:
    verdicts = []
    for client in evidence.linux:
        worst = max(client.stalls_ms, default=0.0)
        in_time = bool(client.stalls_ms) and worst < scenario.bounds.linux_longest_ms
        good = f"{client.turns} turns of work, files and locks intact"
        verdicts += [
            Verdict("Linux client", "no call fails, data and locks intact", not client.problems and client.turns > 0,
                    told(client.problems, good)),
            Verdict("Linux longest stall", f"under {scenario.bounds.linux_longest_ms / 1000:.0f} s", in_time,
                    f"{worst:.0f} ms; slowest calls of the run: {client.slowest or 'none over 500 ms'}"),
        ]  # fmt: skip
        bound_ms, middle = scenario.bounds.linux_median_ms, median(client.stalls_ms)
        if bound_ms is not None:
            rounds, judged = len(client.stalls_ms), len(client.stalls_ms) >= LINUX_ROUNDS_MIN
            verdicts.append(
                Verdict("Linux median stall", f"under {bound_ms / 1000:.0f} s", not judged or 0 < middle < bound_ms,
                        f"{middle:.0f} ms over {rounds} rounds" if judged else f"not judged ({rounds} rounds)", judged)
            )  # fmt: skip
    return verdicts


def stood(verdicts: Iterable[Verdict]) -> bool:
    """Whether every promise was kept."""
    return all(verdict.kept for verdict in verdicts)


def leaderships(samples: Sequence[Sample]) -> list[tuple[str, int, float, float]]:
    """Who was seen to lead in which term, from and until when (time.monotonic())."""
    spans: dict[tuple[str, int], tuple[float, float]] = {}
    for sample in samples:
        if sample.role == "leader":
            first, _ = spans.get((sample.node, sample.term), (sample.at_s, sample.at_s))
            spans[sample.node, sample.term] = (first, sample.at_s)
    return [(node, term, *span) for (node, term), span in sorted(spans.items(), key=lambda item: item[1])]
