"""The scripts of the scenarios: each function is one round of a fault."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator

from tests.chaos.chaos import Chaos
from tests.chaos.flood import flood

OUTAGE_S = 1.5
"""How long a fault lasts beyond the moment in which its first effect is over."""
PAUSE_S = 2.0
"""More than three election time-outs."""
RESTART_S = 0.1
"""When a unit starts a server again that died (RestartSec in deploy/units.py)."""
HOUR_S = 3600.0
LOSS_PERCENT, LOSS_S = 2, 10.0
FLAPS, DOWN_S, UP_S = 6, 0.7, 0.5
WITHHELD_S = 3.0
"""Five election time-outs: whoever could be elected would be."""
SLOW_FSYNC_MS, SLOW_S = 150, 6.0
SWIZZLED, SWIZZLED_BUSY = 4, 0.15
"""How many nodes get into trouble in one round, and what share of its time one with a slow disk waits for it, at least:
less than elsewhere, since there is little to write while a leader is elected."""


def _kill(chaos: Chaos, victims: list[str], *, new_leader: bool) -> None:
    with chaos.fault(f"kill -9 of {' and '.join(victims)}", victims, new_leader=new_leader):
        if new_leader:
            chaos.prove_linux_hit(victims)
        chaos.kill(*victims)
        if new_leader:
            chaos.await_new_leader(*victims)
        chaos.await_progress()
        chaos.rest(OUTAGE_S)
        chaos.start(*victims)
        chaos.settle()


def _leader_of_linux(chaos: Chaos) -> str:
    """The leader, by which Linux clients are served from now on: else they would feel an election only."""
    leader = chaos.leader()
    chaos.serve_linux_by(leader)
    return chaos.leader()


def kill_leader(chaos: Chaos) -> None:
    _kill(chaos, [_leader_of_linux(chaos)], new_leader=True)


def kill_follower(chaos: Chaos) -> None:
    _kill(chaos, chaos.followers()[:1], new_leader=False)


def kill_two(chaos: Chaos) -> None:
    _kill(chaos, [chaos.leader(), chaos.followers()[0]], new_leader=True)


def kill_all(chaos: Chaos) -> None:
    with chaos.fault("kill -9 of every metadata server", chaos.nodes):
        chaos.kill(*chaos.nodes)
        chaos.rest(RESTART_S)
        chaos.start(*chaos.nodes)
        chaos.restore_service()
        chaos.settle()


def rolling_restart(chaos: Chaos) -> None:
    for name in [*chaos.followers(), chaos.leader()]:
        with chaos.fault(f"orderly restart of {name}", [name]):
            chaos.stop(name)
            chaos.start(name)
            chaos.settle()


def pause_leader(chaos: Chaos) -> None:
    leader = _leader_of_linux(chaos)
    with chaos.fault(f"SIGSTOP of {leader} for {PAUSE_S:.0f} s, then SIGCONT", [leader], new_leader=True):
        chaos.prove_linux_hit([leader])
        chaos.pause(leader)
        chaos.await_new_leader(leader)
        chaos.await_progress()
        chaos.rest(PAUSE_S)
        chaos.resume(leader)
        chaos.settle()


def isolate_leader(chaos: Chaos) -> None:
    leader = _leader_of_linux(chaos)
    with chaos.fault(f"{leader} loses its network", [leader], new_leader=True):
        chaos.prove_linux_hit([leader])
        chaos.isolate(leader)
        _outlast(chaos, leader)


def isolate_leader_with_clients(chaos: Chaos) -> None:
    leader = _leader_of_linux(chaos)
    with chaos.fault(f"{leader} is cut off from the other servers; clients still reach it", [leader], new_leader=True):
        chaos.prove_linux_hit([leader])
        chaos.isolate(leader, keep=chaos.client_ports())
        _outlast(chaos, leader)


def isolate_minority(chaos: Chaos) -> None:
    leader = chaos.leader()
    friend, *majority = chaos.followers()
    with chaos.fault(f"{leader} and {friend} are cut off from {', '.join(majority)}", [leader, friend],
                     new_leader=True):  # fmt: skip
        chaos.part([leader, friend], majority)
        _outlast(chaos, leader, friend)


def mute_leader(chaos: Chaos) -> None:
    leader, others = chaos.leader(), chaos.followers()
    with chaos.fault(f"nothing that {leader} sends reaches the other metadata servers", [leader], new_leader=True):
        chaos.part([leader], others, one_way=True)
        _outlast(chaos, leader)


def deaf_leader(chaos: Chaos) -> None:
    leader, others = chaos.leader(), chaos.followers()
    with chaos.fault(f"nothing that the other metadata servers send reaches {leader}", [leader], new_leader=True):
        chaos.part(others, [leader], one_way=True)
        _outlast(chaos, leader)


def _outlast(chaos: Chaos, *cut_off: str) -> None:
    chaos.await_new_leader(*cut_off)
    chaos.await_progress()
    chaos.rest(OUTAGE_S)
    chaos.heal()
    chaos.settle()


def bridge(chaos: Chaos) -> None:
    """The follower is named first: where the leader is not heard a client is to make changes (INV-3)."""
    leader, other = chaos.leader(), chaos.followers()[0]
    with chaos.fault(f"{leader} and {other} do not reach each other; both reach the rest", [other, leader]):
        chaos.part([leader], [other])
        chaos.await_progress()
        chaos.rest(2 * OUTAGE_S)
        chaos.await_progress()
        chaos.heal()
        chaos.settle()


def flapping_link(chaos: Chaos) -> None:
    victim = chaos.followers()[0]
    with chaos.fault(f"the link of {victim} goes down and up {FLAPS} times", [victim]):
        for _ in range(FLAPS):
            chaos.isolate(victim)
            chaos.rest(DOWN_S)
            chaos.heal()
            chaos.rest(UP_S)
        chaos.settle()


def lossy_network(chaos: Chaos) -> None:
    with chaos.fault(f"{LOSS_PERCENT} % of what metadata servers and clients send is lost for {LOSS_S:.0f} s"):
        chaos.lose(LOSS_PERCENT)
        chaos.rest(LOSS_S)
        chaos.heal()
        chaos.settle()


def clock_forward(chaos: Chaos) -> None:
    _jump(chaos, chaos.leader(), HOUR_S)


def clock_back(chaos: Chaos) -> None:
    _jump(chaos, chaos.leader() if chaos.round % 2 == 0 else chaos.followers()[0], -HOUR_S)


def _jump(chaos: Chaos, node: str, offset_s: float) -> None:
    """The return is a jump, too: the fault lasts until whoever it might unseat has been seen to lead on."""
    way = "ahead" if offset_s > 0 else "back"
    with chaos.fault(f"the wall clock of {node} jumps {abs(offset_s) / 60:.0f} min {way}, and later returns", [node]):
        with chaos.wrong_clock(node, offset_s):
            chaos.await_progress()
            chaos.rest(3 * OUTAGE_S)
        chaos.rest(OUTAGE_S)
        chaos.settle()


def full_disk_follower(chaos: Chaos) -> None:
    _fill(chaos, chaos.followers()[0], new_leader=False)


def full_disk_leader(chaos: Chaos) -> None:
    _fill(chaos, chaos.leader(), new_leader=True)


def _fill(chaos: Chaos, node: str, *, new_leader: bool) -> None:
    with chaos.fault(f"the disk of {node} is full", [node], new_leader=new_leader):
        chaos.fill_disk(node)
        if new_leader:
            chaos.await_new_leader(node)
        chaos.await_progress()
        chaos.rest(OUTAGE_S)
        chaos.free_disk(node)
        chaos.start(node)
        chaos.settle()


def power_loss_leader(chaos: Chaos) -> None:
    leader = chaos.leader()
    with chaos.fault(f"{leader} loses power", [leader], new_leader=True):
        chaos.cut_power(leader)
        chaos.await_new_leader(leader)
        chaos.await_progress()
        chaos.rest(OUTAGE_S)
        chaos.restore_power(leader)
        chaos.settle()


def power_loss_all(chaos: Chaos) -> None:
    with chaos.fault("every node loses power at once", chaos.powered_nodes()):
        chaos.cut_power(*chaos.powered_nodes())
        chaos.restore_power(*chaos.powered_nodes())
        chaos.restore_service()
        chaos.settle()


def slow_disk_leader(chaos: Chaos) -> None:
    leader = chaos.leader()
    with chaos.fault(f"every fsync of {leader} takes {SLOW_FSYNC_MS} ms longer for {SLOW_S:.0f} s", [leader]):
        with chaos.slow_disk(leader, SLOW_FSYNC_MS):
            chaos.rest(SLOW_S)
            chaos.await_progress()
        chaos.settle()


def wiped_follower(chaos: Chaos) -> None:
    victim = chaos.followers()[0]
    with chaos.fault(f"{victim} loses its disk and comes back empty", [victim]):
        chaos.kill(victim)
        chaos.wipe(victim)
        chaos.rest(OUTAGE_S)
        chaos.start_replacement(victim)
        chaos.settle()


def wiped_follower_vote(chaos: Chaos) -> None:
    """So many others are killed that a majority lacks one vote, and only a node in quarantine could give it."""
    victim, *others = chaos.followers()
    lost = [chaos.leader(), *others[: (len(chaos.nodes) - 1) // 2 - 1]]
    what = f"{victim} comes back empty, and without {' and '.join(lost)} a majority lacks its vote"
    with chaos.fault(what, [*lost, victim]):
        chaos.kill(victim)
        chaos.wipe(victim)
        chaos.kill(*lost)
        chaos.start_replacement(victim)
        chaos.withhold(victim, WITHHELD_S)
        chaos.start(*lost)
        chaos.settle()


def far_behind_follower(chaos: Chaos) -> None:
    victim = chaos.followers()[0]
    with chaos.fault(f"{victim} is down until the log no longer reaches back to where it was", [victim]):
        chaos.kill(victim)
        before = chaos.snapshots_installed(victim)
        flood(chaos, until_behind=victim)
        chaos.start(victim)
        chaos.settle(timeout_s=90)
        chaos.prove(f"{victim} installed a snapshot", chaos.snapshots_installed(victim) > before)


SLOW = "slow disk"
SUDDEN: dict[str, tuple[Callable[[Chaos, str], None], Callable[[Chaos, str], None]]] = {
    "kill": (Chaos.kill, Chaos.start),
    "pause": (Chaos.pause, Chaos.resume),
    "isolate": (Chaos.isolate, Chaos.reconnect),
}
"""What is done to a node of a swizzle, and what undoes it. Each takes replies away."""


def swizzle(chaos: Chaos) -> None:
    """Trouble for one node after the other, of a kind drawn for each, which begins before the last is over.

    As many are in trouble at once as the cluster can spare: the first is undone, and its node back, before one more.
    """
    spare = (len(chaos.nodes) - 1) // 2
    victims = chaos.random.sample(chaos.nodes, SWIZZLED)
    kinds = [chaos.random.choice([*SUDDEN]), *chaos.random.choices([*SUDDEN, SLOW], k=SWIZZLED - 1)]
    what = ", ".join(f"{kind} {victim}" for kind, victim in zip(kinds, victims, strict=True))
    with chaos.fault(f"overlapping: {what}", victims):
        lasting: deque[contextlib.ExitStack] = deque()
        for kind, victim in zip(kinds, victims, strict=True):
            if len(lasting) == spare:
                lasting.popleft().close()
            lasting.append(contextlib.ExitStack())
            lasting[-1].enter_context(_trouble(chaos, kind, victim))
            chaos.rest(chaos.random.uniform(0.3, 1.5))
        while lasting:
            lasting.popleft().close()
        chaos.settle()


@contextlib.contextmanager
def _trouble(chaos: Chaos, kind: str, victim: str) -> Iterator[None]:
    slow = contextlib.ExitStack()

    def make() -> None:
        if kind == SLOW:
            slow.enter_context(chaos.slow_disk(victim, SLOW_FSYNC_MS, SWIZZLED_BUSY))
        else:
            SUDDEN[kind][0](chaos, victim)

    def undo() -> None:
        if kind == SLOW:
            slow.close()
        else:
            SUDDEN[kind][1](chaos, victim)

    with chaos.spell(kind, victim, make, undo):
        yield
