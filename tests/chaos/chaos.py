"""``Chaos``: what a scenario's script may do to a running cluster, and how it waits for what should follow.

Every fault is made inside ``with chaos.fault(...)``, which notes when it began and ended and who led; every method
that breaks something also notes a proof that it did. A fault without proof fails the run.
"""

from __future__ import annotations

import contextlib
import functools
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.chaos import faults
from tests.chaos.ends import SNAPSHOT_EVENT
from tests.chaos.evidence import Fault, Spell, Withheld
from tests.chaos.loads import Load
from tests.chaos.monitor import Monitor, Sample, last_words
from tests.chaos.shim import Shim
from tests.chaos.site import Site, rotated
from tests.support.cluster import OPERATOR, SERVICE_OCTET
from tests.support.hanet import Hanet
from tests.support.power import Disk

FRESH_S = 1.5
"""A node that last answered longer ago than this is not answering."""
LAG_ENTRIES_MAX = 200
"""A node this close behind has caught up, as far as can be told while the others go on."""
NOTICE_DEAD_S, NOTICE_SILENT_S = 0.4, 0.7
"""After what time the service address leaves a node: whose server died (keepalived watches it) or that fell silent.
keepalived's medians in the drill are 0.26 to 0.45 s, and 0.64 to 0.7; on five hosts up to 0.82."""
NOTICE_BACK_S = 0.3
"""How long a node that is back keeps the address before it hears its successor (keepalived's advert_int is 0.2 s)."""
BUSY = 0.5
"""The share of its time that a node under load waits for a slow disk, at least. Usual is all of it: one fsync follows
the other, and each takes the delay."""
LOOKS_PER_S_MIN = 50
"""So often a node under load looks at its wall clock, at least. Usual is 300 to 1,700 times."""
RUSH_TIMEOUT_S = 15.0
LEADER_TIMEOUT_S = 60.0
"""All nodes may be starting, on a busy machine."""
MOVED_S = 1.5
"""After a move of the service address Linux clients have been at its new holder for a while."""
_POLL_S = 0.05


class ChaosError(RuntimeError):
    """Something that should have followed did not, within its time."""


@dataclass(frozen=True)
class _Cut:
    """Packets that are lost on purpose, until it is undone."""

    what: str
    swallowed: Callable[[], int]
    """How many of just these were dropped, by this cut or by earlier ones."""
    before: int
    """As many when it was made."""
    node: str = ""
    """Who is cut off from everybody by it; empty: nobody."""


class Chaos:
    """One cluster under test. Methods block; scripts read from top to bottom."""

    def __init__(
        self, site: Site, monitor: Monitor, loads: Sequence[Load], seed: int, *, net: Hanet | None = None,
        shim: Shim | None = None, disks: dict[str, Disk] | None = None, clients: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.site, self.monitor, self.loads = site, monitor, loads
        self.random = random.Random(seed)
        self.client_hosts = tuple(clients)
        self.linux_ports: list[str] = []
        self.faults: list[Fault] = []
        self.ends: list[Sample] = []
        """What servers that stopped in good order had sent by then (INV-7)."""
        self.round = 0
        self._net, self._shim, self._disks = net, shim, disks or {}
        self._paused: dict[str, list[int]] = {}
        self._deposed: set[str] = set()
        self._cut_off: set[str] = set()
        self._cuts: list[_Cut] = []
        self._fault: Fault | None = None

    # ---- who is who

    @property
    def nodes(self) -> list[str]:
        """Every metadata server."""
        return self.site.mds_ids

    @property
    def net(self) -> Hanet:
        assert self._net is not None, "this scenario needs network namespaces"
        return self._net

    @property
    def shim(self) -> Shim:
        assert self._shim is not None, "this scenario must say that it needs the fault library (shim=True)"
        return self._shim

    def leader(self) -> str:
        """The leader; waits for one."""
        self._until(lambda: bool(self._leader_now()), LEADER_TIMEOUT_S, "no leader")
        return self._leader_now()

    def followers(self) -> list[str]:
        """The others, in an order that the seed decides."""
        leader = self.leader()
        others = [name for name in self.nodes if name != leader]
        self.random.shuffle(others)
        return others

    # ---- faults are made and undone in here

    @contextlib.contextmanager
    def fault(self, what: str, nodes: Iterable[str] = (), *, new_leader: bool = False) -> Iterator[Fault]:
        """Note a fault. ``new_leader``: another leader must take over before it ends.

        Before it begins, a client makes changes without a pause at the first of the nodes: few others have one under
        way there at the moment of a kill, or none, and then nobody needs to repeat anything (INV-3).
        """
        nodes = tuple(nodes)
        self._rush_at(nodes)
        fault = Fault(what, nodes, time.monotonic(), self.monitor.term(), new_leader)
        fault.leader_before = self.monitor.leader()
        self.faults.append(fault)
        self._fault = fault
        try:
            yield fault
        finally:
            fault.ended_s = time.monotonic()
            fault.term_after, fault.leader_after = self.monitor.term(), self.monitor.leader()
            self._fault = None

    def _rush_at(self, nodes: Sequence[str]) -> None:
        hit = [name for name in nodes if name in self.nodes]
        if hit:
            at_work = self.loads[0].rush(rotated(self.site.servers(), self.nodes.index(hit[0])))
            self._until(at_work, RUSH_TIMEOUT_S, f"no client works at {hit[0]}")

    def _prove(self, what: str, shown: bool) -> None:
        assert self._fault is not None, "faults are made inside `with chaos.fault(...)`"
        self._fault.proofs.append((what, shown))

    # ---- processes

    def kill(self, *names: str) -> None:
        """``kill -9``, all of them at once."""
        self.site.kill(*names)
        for name in names:
            self._prove(f"the process of {name} is gone", not self.site.alive(name))
        self._leave(names, NOTICE_DEAD_S)

    def stop(self, name: str) -> None:
        """An orderly stop, as before an upgrade."""
        log = self.site.logs()[name]
        earlier = len(log.read_text(errors="replace"))
        self.site.terminate(name)
        self._prove(f"{name} has stopped", not self.site.alive(name))
        self._leave([name], NOTICE_DEAD_S)
        said = last_words(name, log.read_text(errors="replace")[earlier:], time.monotonic())
        self._prove(f"{name} told which statuses it had sent", said is not None)
        if said is not None:
            self.ends.append(said)

    def start(self, *names: str) -> None:
        """Start nodes again."""
        for name in names:
            self.site.start(name)

    def behind_the_log(self, name: str) -> bool:
        """Whether no other node's log reaches back to what ``name`` had applied when it was last seen."""
        latest = self.monitor.latest()
        others = [sample for sample in latest.values() if sample.node != name and sample.role]
        last = max((s.applied_index for s in self.monitor.samples if s.node == name), default=0)
        return bool(others) and min(sample.first_log_index for sample in others) > last + 1

    def pause(self, name: str) -> None:
        """SIGSTOP both processes of the node."""
        stopped = faults.freeze(self.site.pid(name))
        self._paused[name] = stopped
        time.sleep(0.01)
        self._prove(f"both processes of {name} stand still", len(stopped) == 2 and faults.frozen(stopped))
        self._leave([name], NOTICE_SILENT_S, keeps=True)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        faults.thaw(self._paused.pop(name))
        self._demote([name])

    # ---- network

    def isolate(self, *names: str, keep: Iterable[str] = ()) -> None:
        """Cut each of the nodes off from everybody but ``keep`` and the operator's host."""
        self._silence(names, keep)
        self._leave(names, NOTICE_SILENT_S, keeps=True)
        time.sleep(0.1)

    def _silence(self, names: Sequence[str], keep: Iterable[str] = ()) -> None:
        for name in names:
            self._note_cut(f"packets from or to {name} are dropped", functools.partial(self._dropped_at, name), name)
        self._cut_off.update(names)
        self.net.isolate(*names, keep=[OPERATOR, *keep])

    def _dropped_at(self, name: str) -> int:
        return sum(packets for ends, packets in self.net.cut_packets().items() if name in ends)

    def part(self, group: Sequence[str], rest: Sequence[str], *, one_way: bool = False) -> None:
        """Drop what goes from ``group`` to ``rest`` and, unless one_way, back; clients still reach everybody."""
        ways = {(one, other) for one in group for other in rest}
        if one_way:
            what = f"packets from {', '.join(group)} to {', '.join(rest)} are dropped"
        else:
            what = f"packets between {', '.join(group)} and {', '.join(rest)} are dropped"
            ways |= {(other, one) for one, other in ways}

        def dropped() -> int:
            swallowed = self.net.cut_packets()
            return sum(swallowed[way] for way in ways)

        self._note_cut(what, dropped)
        for one in group:
            for other in rest:
                self.net.cut(one, other, one_way)
        time.sleep(0.3)

    def lose(self, percent: int) -> None:
        """Drop a share of the packets that metadata servers and clients' hosts send."""
        self._note_cut(f"{percent} % of what metadata servers and clients send is dropped", self.net.lost_packets)
        self.net.lose([*self.nodes, *self.client_hosts], percent)
        time.sleep(0.5)

    def heal(self) -> None:
        """Undo every cut and all loss; each must have swallowed something by now."""
        self._prove_cuts(self._cuts)
        self._cuts = []
        self.net.heal()
        back, self._cut_off = self._cut_off, set()
        self._demote(back)

    def reconnect(self, *names: str) -> None:
        """Undo what ``isolate`` did to these nodes, and to them alone: others stay cut off."""
        self._prove_cuts(cut for cut in self._cuts if cut.node in names)
        self._cuts = [cut for cut in self._cuts if cut.node not in names]
        self._cut_off.difference_update(names)
        self.net.heal(but=self._cut_off, keep=[OPERATOR])
        self._demote(names)

    def _note_cut(self, what: str, swallowed: Callable[[], int], node: str = "") -> None:
        """Just before it is made."""
        self._cuts.append(_Cut(what, swallowed, swallowed(), node))

    def _prove_cuts(self, cuts: Iterable[_Cut]) -> None:
        """Just before they are undone. Each by its own packets: one cut does not prove another."""
        for cut in cuts:
            self._prove(cut.what, cut.swallowed() > cut.before)

    def client_ports(self) -> list[str]:
        """What clients' hosts, Linux clients among them, are called in the network."""
        return [*self.client_hosts, *self.linux_ports]

    def restore_service(self) -> None:
        """The service address goes to the leader, as VRRP gives it to the first node that is up."""
        if self.site.service_on:
            self.site.move_service(self.leader())

    def serve_linux_by(self, name: str) -> None:
        """The service address goes to the node that is about to be hit, and Linux clients with it."""
        if self.linux_ports and self.site.service_on != name:
            self.site.move_service(name)
            time.sleep(MOVED_S)

    def prove_linux_hit(self, nodes: Sequence[str]) -> None:
        """Where there are Linux clients: just before the fault is made."""
        if self.linux_ports:
            self._prove("Linux clients are served by a node that is hit", self.site.service_on in nodes)

    def _leave(self, names: Iterable[str], notice_s: float, keeps: bool = False) -> None:
        """What VRRP does for the service address of a node that is gone, after the time it takes to notice.

        ``keeps``: that node cannot be told. It keeps the address too, until it hears of its successor.
        """
        gone, holder = set(names), self.site.service_on
        unfit = gone | self._paused.keys() | self._cut_off
        fit = [name for name in self.nodes if name not in unfit and self.site.alive(name)]
        if holder in gone and fit:
            time.sleep(notice_s)
            if keeps:
                self._deposed.add(holder)
            self.site.move_service(fit[0], keeps=self._deposed)

    def _demote(self, back: Iterable[str]) -> None:
        """Nodes that are back hear of their successors, and give the service address up."""
        told = self._deposed.intersection(back)
        if told:
            time.sleep(NOTICE_BACK_S)
        for name in told:
            self._deposed.remove(name)
            self.site.drop_service(name)

    # ---- storage and clock

    def fill_disk(self, name: str, timeout_s: float = 30.0) -> None:
        """Fill the node's disk, and wait until the node finds out: it must stop at once (fail-stop)."""
        deadline = time.monotonic() + timeout_s
        while self.site.alive(name) and time.monotonic() < deadline:
            faults.fill(self._disks[name])
            time.sleep(0.1)
        self._prove(f"{name} found its disk full and stopped by itself", not self.site.alive(name))
        self._leave([name], NOTICE_DEAD_S)

    def free_disk(self, name: str) -> None:
        """Give the space back."""
        faults.free(self._disks[name])

    def cut_power(self, *names: str) -> None:
        """Power loss: silence, what was not fsynced is lost, and processes end, on all of the nodes at once.

        In this order: a machine without power says no goodbye, while the kernel of a process that was killed closes
        its connections. They stay silent until their power is restored.
        """
        self._silence(names)
        for name in names:
            self._disks[name].cut_power()
        self.site.kill(*names)
        for name in names:
            self._prove(f"{name} is off", not self.site.alive(name))
        self._leave(names, NOTICE_SILENT_S)

    def powered_nodes(self) -> list[str]:
        """Every server with a disk of its own: metadata and data servers."""
        return list(self._disks)

    def restore_power(self, *names: str) -> None:
        """The disks are mounted anew with what was durable, the hosts are heard again, then the nodes start.

        As after a boot, a host knows no connection of before: to whoever still holds one it answers with a reset. Nor
        has it the service address, before keepalived gives it to one that is fit: a server without a quorum would take
        Linux clients in there only to send them away, and after 3, 6 and 12 s they try again.
        """
        for name in names:
            self._disks[name].power_cycle()
        for name in names:
            self.net.forget_connections(name)
            self.net.remove_address(name, SERVICE_OCTET)
        self.reconnect(*names)
        self.start(*names)

    @contextlib.contextmanager
    def slow_disk(self, name: str, delay_ms: int, busy: float = BUSY) -> Iterator[None]:
        """Every fsync of the node takes this much longer meanwhile; it must wait for one for this share of the time."""
        before, begun_s = self.shim.struck(name)[0], time.monotonic()
        self.shim.delay_syncs(name, delay_ms)
        try:
            yield
        finally:
            self.shim.delay_syncs(name, 0)
            syncs = self.shim.struck(name)[0] - before
            least = max(1, int((time.monotonic() - begun_s) * 1000 / delay_ms * busy))
            self._prove(f"{syncs} fsyncs of {name} took {delay_ms} ms longer (of {least} at least)", syncs >= least)

    @contextlib.contextmanager
    def wrong_clock(self, name: str, offset_s: float) -> Iterator[None]:
        """The node's wall clock jumps by ``offset_s``, and back at the end."""
        before, begun_s = self.shim.struck(name)[1], time.monotonic()
        self.shim.shift_clock(name, offset_s)
        try:
            yield
        finally:
            self.shim.shift_clock(name, 0)
            looks = self.shim.struck(name)[1] - before
            least = max(1, int((time.monotonic() - begun_s) * LOOKS_PER_S_MIN))
            self._prove(f"{name} looked at its wrong clock {looks} times (of {least} at least)", looks >= least)

    def wipe(self, name: str) -> None:
        """Delete everything that a stopped node had stored; it will come back as the replacement of itself."""
        faults.wipe(self.site.data_dir(name))
        self._prove(f"the data directory of {name} is empty", not any(self.site.data_dir(name).iterdir()))

    def start_replacement(self, name: str) -> None:
        """Start a wiped node so that it may not vote until it is safe."""
        self.site.start_replacement(name)

    def withhold(self, name: str, seconds: float) -> None:
        """Once the node is in quarantine, and connected to whoever might want its vote, let this time pass."""
        def there() -> bool:
            sample = self.monitor.latest().get(name)
            fresh = sample is not None and sample.at_s > asked_s
            return fresh and sample.quarantined and bool(sample.connected)  # type: ignore[union-attr]

        assert self._fault is not None
        asked_s = time.monotonic()
        self._until(there, LEADER_TIMEOUT_S, f"{name} is not seen in quarantine")
        from_s = time.monotonic()
        time.sleep(seconds)
        self._fault.withheld = Withheld(name, from_s, time.monotonic())

    def snapshots_installed(self, name: str) -> int:
        """How often the node has said in its log, in all rounds, that it got the state as a snapshot."""
        return self.site.logs()[name].read_text(errors="replace").count(SNAPSHOT_EVENT)

    @contextlib.contextmanager
    def spell(self, what: str, node: str, make: Callable[[], None], undo: Callable[[], None]) -> Iterator[None]:
        """One node's part in a fault of several nodes: made, lasting, undone; ends when the node is back."""
        assert self._fault is not None
        spell = Spell(what, node, time.monotonic())
        self._fault.spells.append(spell)
        make()
        yield
        spell.undone_s = time.monotonic()
        undo()
        self.await_back(node)
        spell.back_s = time.monotonic()

    def prove(self, what: str, shown: bool) -> None:
        """A scenario's own proof that its fault took effect."""
        self._prove(what, shown)

    # ---- waiting

    def rest(self, seconds: float) -> None:
        """Let everybody go on."""
        time.sleep(seconds)

    def await_new_leader(self, *not_these: str, timeout_s: float = 15.0) -> str:
        """Another leader in a newer term than before the fault; its name."""
        assert self._fault is not None
        before = self._fault.term_before

        def found() -> bool:
            leader = self._leader_now()
            return bool(leader) and leader not in not_these and self.monitor.term() > before

        self._until(found, timeout_s, f"no leader but {', '.join(not_these)} after term {before}")
        return self._leader_now()

    def await_progress(self, calls: int = 5, timeout_s: float = 30.0) -> None:
        """Until every client has had this many further answers."""
        wanted = {load.name: load.calls_done() + calls for load in self.loads}
        self._until(
            lambda: all(load.calls_done() >= wanted[load.name] for load in self.loads), timeout_s,
            lambda: f"clients hang: {[load.name for load in self.loads if load.calls_done() < wanted[load.name]]}",
        )  # fmt: skip

    def await_back(self, name: str, timeout_s: float = 45.0) -> None:
        """Until this node follows (or is) the leader, and has caught up, whatever the others do."""
        asked_s = time.monotonic()
        self._until(
            lambda: self._follows(name, asked_s), timeout_s, lambda: f"{name} does not come back: {self._views()}"
        )

    def _follows(self, name: str, since_s: float) -> bool:
        leader = self._leader_now()
        latest = self.monitor.latest()
        if not leader or name not in latest:
            return False
        own, leads = latest[name], latest[leader]
        fresh = own.at_s > max(since_s, time.monotonic() - FRESH_S) and bool(own.role)
        good = own.has_quorum and not own.quarantined and own.term == leads.term
        return fresh and good and leads.applied_index - own.applied_index <= LAG_ENTRIES_MAX

    def settle(self, timeout_s: float = 45.0) -> None:
        """Until every node answers, follows one leader and has caught up, and every client goes on.

        What a node said before this was asked does not count: it may have been stopped and started since.
        """
        asked_s = time.monotonic()
        self._until(
            lambda: self._settled(asked_s), timeout_s, lambda: f"the cluster does not come together: {self._views()}"
        )
        self.await_progress()

    def _settled(self, since_s: float) -> bool:
        oldest_s = max(since_s, time.monotonic() - FRESH_S)
        latest = [sample for sample in self.monitor.latest().values() if sample.at_s > oldest_s and sample.role]
        if len(latest) < len(self.nodes) or not self._leader_now():
            return False
        good = all(sample.has_quorum and not sample.quarantined for sample in latest)
        applied = [sample.applied_index for sample in latest]
        one_term = len({sample.term for sample in latest}) == 1
        return good and one_term and max(applied) - min(applied) <= LAG_ENTRIES_MAX

    def _leader_now(self) -> str:
        """Who says it leads with a quorum, in the newest term; old samples do not count."""
        now = time.monotonic()
        fresh = [s for s in self.monitor.latest().values() if now - s.at_s < FRESH_S]
        leading = [s for s in fresh if s.role == "leader" and s.has_quorum]
        return max(leading, key=lambda sample: sample.term).node if leading else ""

    def _views(self) -> dict[str, str]:
        def view(sample: Sample) -> str:
            return f"{sample.role or 'silent'} term {sample.term} applied {sample.applied_index}"

        return {name: view(sample) for name, sample in self.monitor.latest().items()}

    def _until(self, good: Callable[[], bool], timeout_s: float, otherwise: str | Callable[[], str]) -> None:
        deadline = time.monotonic() + timeout_s
        while not good():
            if time.monotonic() > deadline:
                text = otherwise if isinstance(otherwise, str) else otherwise()
                raise ChaosError(f"{text}, after {timeout_s:.0f} s")
            time.sleep(_POLL_S)
