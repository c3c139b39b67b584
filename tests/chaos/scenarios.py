"""The table of scenarios: what is done to a cluster, and what is promised meanwhile and afterwards.

A scenario's script is one round of its fault, over a ``Chaos``; a run repeats it. Texts are for the administrator who
decides whether to trust the cluster: ``./run chaos --list``, the report and docs/CHAOS.md show them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos import drill_scripts, scripts

ANY, FIVE = (3, 5), (5,)


@dataclass(frozen=True)
class Bounds:
    """How long a client may be kept waiting, per fault: its longest call between this fault and the next."""

    longest_ms: float
    """For the longest of all rounds."""
    median_ms: float | None = None
    """For the median over the rounds; None: not bounded."""
    linux_ms: float | None = None
    """For the longest call of a real Linux client; None: as ``longest_ms``."""
    linux_median_ms: float | None = None
    """For the median over the rounds of a real Linux client's longest calls; None: not bounded."""
    median_on: tuple[int, ...] = ANY
    """Cluster sizes that ``median_ms`` is promised for."""
    fenced_ms: float | None = None
    """From a fault that calls for it until the cluster has committed that a node is fenced; None: not looked at."""

    @property
    def linux_longest_ms(self) -> float:
        return self.longest_ms if self.linux_ms is None else self.linux_ms


LINUX_ROUNDS_MIN = 5
"""The median over fewer rounds is not judged for Linux clients: one call that takes longer would be half of it."""
FAIL_OVER = Bounds(longest_ms=2_000, median_ms=1_000, linux_median_ms=1_000)
"""The product's promise when nodes are killed or cut off and a majority lives."""
NO_FAIL_OVER = Bounds(longest_ms=2_000, median_ms=1_000)
START = Bounds(longest_ms=2_000, median_ms=1_000, median_on=(3,))
"""Nobody can answer before enough servers have started again, for which each needs a third of a second of a processor.
Here all of them load their code at once, and of 5 nodes that is more than two processors can do in a second."""
POWER_ON = Bounds(longest_ms=10_000)
"""Nobody can answer before enough nodes are back. Not more than this: a client whom nobody tells finds out by itself in
up to a minute, and with 30 s one that took 23 s passed."""
DEGRADED = Bounds(longest_ms=5_000)
"""The fault slows everything down for as long as it lasts; service goes on."""
HAND_OVER_MS = 300.0
"""A leader that stops names its successor, who need not wait for the least election time-out (``election_min_ms``)."""
SENT_AWAY_MS = 1_500.0
"""A node that is cut off from a majority gives up hope for it, and closes its clients' connections."""
DRILLED = Bounds(longest_ms=2_000, median_ms=1_000, linux_median_ms=1_000, fenced_ms=5_000)
"""Whole machines are lost, or fall silent."""


@dataclass(frozen=True)
class Scenario:
    """One row of the table."""

    name: str
    summary: str
    """One line: what is done."""
    story: str
    """What happens, and what is promised."""
    script: Callable[..., None]
    """One round, over a ``Chaos`` (or, if ``deployed``, a ``Drill``)."""
    bounds: Bounds
    nodes: tuple[int, ...] = ANY
    """Cluster sizes that it makes sense on."""
    new_leader: bool = False
    """Each round must bring another leader, or the run was vacuous."""
    terms_max: int | None = None
    """How many new terms a round may cost; None: not bounded."""
    in_doubt: bool = False
    """The fault takes replies away: some client must have sent changes again without knowing whether they had run, or
    exactly once (INV-3) was not put to the test."""
    trap: bool = False
    """In each fault every node that it hits must be asked what it cannot answer while another leads, or the stale-read
    trap was not laid."""
    sent_away_ms: float | None = None
    """So long after a fault the nodes that it hits have sent their clients away, at most; None: not looked at."""
    hand_over_ms: float | None = None
    """How long a client may wait when the leader is restarted, which must cost one new term; None: not looked at."""
    withheld: bool = False
    """In each round a node must be seen in quarantine while its vote would elect somebody, and nobody be elected."""
    overlapping: bool = False
    """Each round is made of several nodes' troubles that must overlap, and never hit more than a minority."""
    statuses_right: tuple[str, ...] = ()
    """What servers may say of what the fault has cost, though INV-7 forbids it of the loss of a minority."""
    received_right: tuple[str, ...] = ()
    """What clients may be told besides, of sessions with data servers, which keep nothing over a loss of power; what
    metadata servers send is counted there."""
    linux: bool = False
    """Real Linux clients take part."""
    shim: bool = False
    """Nodes run with the fault library (slow fsync, wrong clock)."""
    disk_mib: int = 0
    """Nodes keep their state on disks of this size of their own; 0: in a folder."""
    unprivileged: bool = False
    """Also runs without root, as processes on loopback."""
    rounds: int = 3
    """How often the fault is made, unless asked otherwise."""
    deployed: bool = False
    """A part of the drill: on machines installed from an inventory, with keepalived and fencing (docs/DRILL.md)."""


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "kill-leader", "kill -9 of the leader while clients work",
        "The leader's processes die at once, as in a crash. The others notice the closed connections, elect, and take "
        "over what was under way. Clients must feel a pause under 2 s (the median under 1 s) and nothing else: no "
        "error, no lost lock, no change lost or made twice. The node is then started again and catches up.",
        scripts.kill_leader, FAIL_OVER, new_leader=True, linux=True, unprivileged=True, in_doubt=True,
        rounds=LINUX_ROUNDS_MIN,
    ),
    Scenario(
        "kill-follower", "kill -9 of a node that does not lead",
        "Clients of the dead node go on at another; the leader goes on leading. The node is started again.",
        scripts.kill_follower, FAIL_OVER, terms_max=0, unprivileged=True, in_doubt=True,
    ),
    Scenario(
        "kill-two-of-five", "kill -9 of the leader and a follower at the same moment",
        "Five nodes survive the loss of any two. The three left elect a leader and go on with every session, lock and "
        "open of the clients. Both are started again.",
        scripts.kill_two, FAIL_OVER, nodes=FIVE, new_leader=True, in_doubt=True,
    ),
    Scenario(
        "kill-all", "kill -9 of every metadata server at once",
        "Nothing serves until a majority has started again. Then every acknowledged change must be there, and clients "
        "go on in their old sessions, without grace period or reclaim. Their calls wait meanwhile; none fails.",
        scripts.kill_all, START, unprivileged=True, in_doubt=True,
    ),
    Scenario(
        "rolling-restart", "an orderly restart of one node after the other, under load",
        "As for an upgrade: SIGTERM, start, wait until it has caught up, next. A leader that stops names its "
        "successor first, so the pause is shorter than an election.",
        scripts.rolling_restart, FAIL_OVER, linux=True, rounds=LINUX_ROUNDS_MIN, hand_over_ms=HAND_OVER_MS,
    ),
    Scenario(
        "pause-leader", "SIGSTOP of the leader for longer than an election, then SIGCONT",
        "The classic stale-read trap (a suspended virtual machine, a swap storm): the old leader wakes up, still "
        "believes that it leads, and still holds its clients' connections. It must answer nothing from its old state: "
        "neither reads nor changes. Its kernel still acknowledges what clients send; so whoever takes its address over "
        "must tell them. Two guards are under test, and only together: a process that stood still ends its clients' "
        "connections as soon as it wakes, perhaps before it has read what lay in them, and whatever it does read waits "
        "for a majority's word (ReadIndex) before it is answered.",
        scripts.pause_leader, FAIL_OVER, new_leader=True, linux=True, in_doubt=True, rounds=LINUX_ROUNDS_MIN,
        trap=True,
    ),
    Scenario(
        "isolate-leader", "the leader loses its network altogether",
        "As when its cable is pulled: neither the other nodes nor its clients reach it. The others elect; its clients "
        "find another node. When it comes back it must follow.",
        scripts.isolate_leader, FAIL_OVER, new_leader=True, linux=True, in_doubt=True, rounds=LINUX_ROUNDS_MIN,
    ),
    Scenario(
        "isolate-leader-with-clients", "the leader is cut off from the other nodes, but not from its clients",
        "The split-brain trap: the old leader still hears its clients and nobody else. It must neither acknowledge a "
        "change nor answer a read that the new leader could contradict, and must send its clients away.",
        scripts.isolate_leader_with_clients, FAIL_OVER, new_leader=True, linux=True, in_doubt=True, trap=True,
        rounds=LINUX_ROUNDS_MIN, sent_away_ms=SENT_AWAY_MS,
    ),
    Scenario(
        "isolate-minority", "two of five nodes, the leader among them, are cut off from the other three",
        "The two still see each other and their clients. The three elect and go on; the two must serve nothing.",
        scripts.isolate_minority, FAIL_OVER, nodes=FIVE, new_leader=True, in_doubt=True, trap=True,
        sent_away_ms=SENT_AWAY_MS,
    ),
    Scenario(
        "mute-leader", "one-way cut: nothing that the leader sends reaches the other nodes",
        "A half-broken switch port or firewall rule. The leader still hears the others; they do not hear it, and must "
        "elect another. Its clients must find that one.",
        scripts.mute_leader, FAIL_OVER, new_leader=True, in_doubt=True, trap=True, sent_away_ms=SENT_AWAY_MS,
    ),
    Scenario(
        "deaf-leader", "one-way cut: nothing that the other nodes send reaches the leader",
        "The other direction: its heartbeats may still arrive, their acknowledgements do not. It must not go on "
        "leading on the strength of being heard: it steps down once no majority has acknowledged for an election "
        "time-out, and names a successor, as it is still heard.",
        scripts.deaf_leader, FAIL_OVER, new_leader=True, in_doubt=True, trap=True, sent_away_ms=SENT_AWAY_MS,
    ),
    Scenario(
        "bridge-partition", "the leader and one follower do not reach each other; both reach the rest",
        "A partition that is not transitive: A-B and B-C work, A-C does not. The cluster must not fall into endless "
        "elections. Clients of the node that does not hear the leader must be served elsewhere.",
        scripts.bridge, FAIL_OVER, terms_max=1, in_doubt=True,
    ),
    Scenario(
        "flapping-link", "a follower's link goes down and up, again and again",
        "Each time it comes back it might disturb the leader with a higher term. It must not: the others keep working "
        "with the leader that they have.",
        scripts.flapping_link, FAIL_OVER, terms_max=0,
    ),
    Scenario(
        "lossy-network", "2 % of the packets that metadata servers and clients send are lost for 10 s",
        "TCP repairs loss at the price of pauses. Elections may happen; nothing may be lost, doubled or stale.",
        scripts.lossy_network, DEGRADED,
    ),
    Scenario(
        "clock-forward", "the leader's wall clock jumps one hour ahead, then back",
        "A wrong NTP step. Leases and elections run on a clock of their own: no client may lose its session, lock or "
        "open, nor the leader its office. Only file times show the wrong hour.",
        scripts.clock_forward, NO_FAIL_OVER, terms_max=0, shim=True,
    ),
    Scenario(
        "clock-back", "a node's wall clock jumps one hour back, then forward again",
        "The leader's in one round, a follower's in the next. No election, no lost lease, nothing stale.",
        scripts.clock_back, NO_FAIL_OVER, terms_max=0, shim=True,
    ),
    Scenario(
        "full-disk-follower", "a follower's disk fills up under load",
        "A node that cannot write its log stops at once rather than guess what is on disk. The others go on. With "
        "space again it is started, and catches up.",
        scripts.full_disk_follower, FAIL_OVER, disk_mib=192, in_doubt=True,
    ),
    Scenario(
        "full-disk-leader", "the leader's disk fills up under load",
        "The same on the leader: it stops, another takes over, and what it had acknowledged is there.",
        scripts.full_disk_leader, FAIL_OVER, disk_mib=192, new_leader=True, in_doubt=True,
    ),
    Scenario(
        "power-loss-leader", "the leader loses power: what it had not fsynced is gone",
        "A machine without power says no goodbye, unlike the kernel of a process that is killed, which closes its "
        "connections: the host falls silent first, and whoever is connected to it must find out. Its disk comes back "
        "as of the last fsync, and the host knows no connection of before. It may have voted and acknowledged: neither "
        "may be forgotten.",
        scripts.power_loss_leader, FAIL_OVER, disk_mib=512, new_leader=True, in_doubt=True,
    ),
    Scenario(
        "power-loss-all", "every node loses power at the same moment",
        "Data servers, too. All fall silent first, so that no connection is closed; then all disks come back as of "
        "their last fsync, on hosts that know no connection of before. Every change that a client was told of must be "
        "there, and so must every session, open and lock.",
        scripts.power_loss_all, POWER_ON, disk_mib=512, linux=True, in_doubt=True,
        statuses_right=("NFS4ERR_IO",), received_right=("NFS4ERR_BADSESSION",),  # data servers are off, too
    ),
    Scenario(
        "slow-disk-leader", "every fsync of the leader takes 150 ms for 6 s",
        "A disk that is about to fail. Changes become slower; the leader must not lose its office over and over, and "
        "no call may fail.",
        scripts.slow_disk_leader, DEGRADED, terms_max=3, shim=True,
    ),
    Scenario(
        "wiped-follower", "a follower loses its disk and rejoins, empty, under load",
        "It comes back in a durable quarantine, and gets the whole state from the others while clients go on.",
        scripts.wiped_follower, FAIL_OVER, rounds=2, in_doubt=True,
    ),
    Scenario(
        "wiped-follower-vote", "a follower comes back empty while a majority lacks nothing but its vote",
        "It may not vote until it knows what its earlier self had promised, or two might lead one term (INV-1). The "
        "leader (of five nodes one more) is killed before it is started: whoever is left asks for its pre-vote, over "
        "and over, and must not get it, so that nobody stands and nobody is elected. With those who were killed there "
        "is a majority without it; then it hears everybody, and takes part again. Nobody serves meanwhile; clients' "
        "calls wait.",
        scripts.wiped_follower_vote, POWER_ON, rounds=2, in_doubt=True, withheld=True,
    ),
    Scenario(
        "far-behind-follower", "a follower is down for so long that the log no longer reaches back; it gets a snapshot",
        "The leader streams its state while it serves; the follower installs it atomically and starts anew on it.",
        scripts.far_behind_follower, DEGRADED, rounds=1, in_doubt=True,
    ),
    Scenario(
        "swizzle", "a random mix of kills, pauses, cuts and slow disks, overlapping, by seed",
        "Four of five nodes get into trouble, one after the other, each before the last one's is over, and never more "
        "than two at once: a node is back before a third is hit. The leader may be among them. So combinations come "
        "about that nobody thought of. The seed that the report names repeats the choice.",
        scripts.swizzle, DEGRADED, nodes=FIVE, shim=True, linux=True, in_doubt=True, overlapping=True,
    ),
    Scenario(
        "drill-kill-server", "kill -9 of the metadata server on the host that has the service address",
        "Its unit tells keepalived at once, and starts it again; another host takes the address over, "
        "and clients go on there. Nobody may fence it if it is back before it is suspected (2 s).",
        drill_scripts.kill_server, FAIL_OVER, linux=True, deployed=True, in_doubt=True,
    ),
    Scenario(
        "drill-kill-keepalived", "kill -9 of keepalived alone on the host that has the service address",
        "keepalived leaves the address on the interface; its unit takes it off and starts it again. Another host takes "
        "it over. The metadata server there is well: nobody may fence it.",
        drill_scripts.kill_keepalived, FAIL_OVER, linux=True, deployed=True,
    ),
    Scenario(
        "drill-kill-host", "every process of the host that has the service address ends",
        "keepalived's, too: the kernel of a dead host goes on answering for the address. Another host takes it over, "
        "the cluster has the dead one's power cut and restored by its BMC, and it boots and rejoins by itself.",
        drill_scripts.kill_host, DRILLED, linux=True, deployed=True, in_doubt=True,
    ),
    Scenario(
        "drill-link-down", "the link of the host that has the service address goes down",
        "The host sees it and gives the address up; the others only notice that it is silent. It is fenced, and "
        "rejoins when the cable is back.",
        drill_scripts.link_down, DRILLED, linux=True, deployed=True, in_doubt=True,
    ),
    Scenario(
        "drill-isolate", "the host that has the service address falls silent, together with one client",
        "Two hosts have the address. The old one lives, has a client that reaches nobody else, and reaches all BMCs. "
        "It must acknowledge nothing to that client, and fence nobody; it is fenced itself, boots, and is still cut "
        "off; it rejoins when the network is whole.",
        drill_scripts.isolate, DRILLED, linux=True, deployed=True, in_doubt=True,
    ),
    Scenario(
        "drill-cut-off", "the host that has the service address is cut off from the other servers, not from clients",
        "Two hosts have the address, and clients reach both. The old one has no quorum: it must give the address up, "
        "and send its clients away. It is fenced.",
        drill_scripts.cut_off_from_servers, DRILLED, linux=True, deployed=True, in_doubt=True,
    ),
    Scenario(
        "drill-freeze", "SIGSTOP of the metadata server on the host that has the service address",
        "keepalived there is well, and the kernel answers for the address: only that the server is silent can tell. "
        "The address must leave it, and the host is fenced.",
        drill_scripts.freeze, DRILLED, linux=True, deployed=True, in_doubt=True,
    ),
    Scenario(
        "drill-two-hosts", "every process of two of five hosts ends, the one with the service address among them",
        "Three are a quorum. Both lost hosts are fenced, boot and rejoin.",
        drill_scripts.two_hosts, DRILLED, nodes=FIVE, linux=True, deployed=True, in_doubt=True,
    ),
    Scenario(
        "drill-medley", "keepalived, then the metadata server, then the whole host: killed one after the other",
        "Each on the host that has the service address by then, all on one cluster: the short form of the drill.",
        drill_scripts.medley, DRILLED, linux=True, deployed=True, rounds=1, in_doubt=True,
    ),
)  # fmt: skip

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
