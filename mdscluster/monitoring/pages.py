"""A metadata node's metrics: what each part of it knows, as families on a page (docs/MONITORING.md).

Functions of what was gathered before: no clock, no table, no file is read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from fencing.state import EVERYBODY, PHASE_OFF, PHASE_ON, State
from mdscluster.control.vips import MASTER, STATES, UNKNOWN
from mdscluster.fsm import features
from mdscluster.fsm.compound import COUNTS
from mdscluster.nfs_frontend.counters import Counters, name_of
from mdscluster.nfs_frontend.quorum import READ_ONLY, REFUSING, SERVING
from mdscluster.replica import CANDIDATE, FOLLOWER, FOUNDING, LEADER
from nfsclient.stats import LOST_STATE
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.control.vips import VipState
    from mdscluster.monitoring.census import Counted, Rows
    from mdscluster.replica import ReplicaStatus
    from telemetry.exposition import Page
    from telemetry.histogram import Histogram

_ROLES: Final = (LEADER, CANDIDATE, FOLLOWER, FOUNDING)
_SERVICES: Final = (SERVING, READ_ONLY, REFUSING)
NEVER_SENT: Final = tuple(nfs4.STATUS_NAMES[status] for status in LOST_STATE)
"""What no client may see because of a failure (INV-7). On the page from the start: Prometheus' ``increase`` does not
see a series begin."""
_DS_STATES: Final = ("up", "down", "lost", "refused")


def about_raft(page: Page, status: ReplicaStatus) -> None:
    """Consensus, as its process has told it."""
    page.gauge("mdscluster_raft_term", "The Raft term.", status.term)
    page.states("mdscluster_raft_role", "What this node is in consensus.", _ROLES, status.role, "role")
    page.gauge("mdscluster_raft_has_leader", "1: this node knows a leader.", bool(status.leader_id))
    page.gauge("mdscluster_raft_has_quorum", "1: a majority stands behind what this node answers.", status.has_quorum)
    page.gauge(
        "mdscluster_raft_commit_index",
        "The newest entry that this node knows to be committed, by a leader's word too: it may lack it yet.",
        status.newest_commit_index,
    )  # fmt: skip
    page.gauge("mdscluster_raft_applied_index", "The last entry applied here.", status.applied_index)
    page.gauge("mdscluster_raft_last_log_index", "The last entry in this node's log.", status.last_log_index)
    page.gauge("mdscluster_raft_first_log_index", "The first entry that this node's log holds.", status.first_log_index)
    page.gauge("mdscluster_raft_quarantined", "1: came back empty, and has no vote yet.", status.quarantined)
    voters = sum(member.voter for member in status.members)
    help = "Members of the cluster, by whether they vote."
    page.gauge("mdscluster_raft_members", help, voters, kind="voter")
    page.gauge("mdscluster_raft_members", help, len(status.members) - voters, kind="learner")
    measured = status.measured
    page.counter(
        "mdscluster_raft_leader_changes_total",
        "Other leaders, or the same in another term, seen since this node's start.", measured.leader_changes,
    )  # fmt: skip
    page.histogram(
        "mdscluster_raft_commit_duration_seconds",
        "Leader: from an entry's append until a majority holds it.", measured.commit,
    )  # fmt: skip
    page.histogram(
        "mdscluster_raft_apply_duration_seconds", "What was committed in a turn, applied.", measured.apply
    )
    page.histogram(
        "mdscluster_raft_fsync_duration_seconds", "A turn's transaction, made durable.", measured.fsync
    )
    help = "Snapshots for nodes that were too far behind."
    page.counters("mdscluster_raft_snapshots_total", help, measured.snapshots, "outcome")
    for peer, seen in sorted(status.peers.items()):
        page.gauge("mdscluster_raft_peer_connected", "1: there is a connection.", seen.connected, peer=peer)
        silent = seen.silent_ms / 1000 if seen.silent_ms >= 0 else float("inf")
        page.gauge("mdscluster_raft_peer_silent_seconds", "Since it was last heard.", silent, peer=peer)
        if seen.lag_entries >= 0:
            help = "Leader: entries that it lacks."
            page.gauge("mdscluster_raft_peer_lag_entries", help, seen.lag_entries, peer=peer)
        if seen.connected:
            help = "The highest feature level that its release knows."
            page.gauge("mdscluster_peer_feature_level", help, seen.feature_level, peer=peer)


def about_loops(page: Page, status: ReplicaStatus, front_end: Histogram, front_end_worst_ms: float) -> None:
    """How late the two event loops are."""
    name, help = "mdscluster_loop_lag_seconds", "How late timers of the event loop came."
    page.histogram(name, help, status.measured.lag, loop="consensus")
    page.histogram(name, help, front_end, loop="front_end")
    name, help = "mdscluster_loop_lag_worst_seconds", "The latest that a timer came in the last seconds."
    page.gauge(name, help, status.loop_lag_ms / 1000, loop="consensus")
    page.gauge(name, help, front_end_worst_ms / 1000, loop="front_end")


def about_nfs(
    page: Page, counters: Counters, service: str, statuses: Mapping[str, int], calls: Mapping[str, int]
) -> None:
    """What clients asked and were answered."""
    page.states("mdscluster_service", "What this node does for clients.", _SERVICES, service, "service")
    page.counters(
        "mdscluster_nfs_operations_total", "Operations answered.", counters.operations(), "operation"
    )
    told = {**dict.fromkeys(NEVER_SENT, 0), **statuses}
    page.counters("mdscluster_nfs_statuses_total", "COMPOUNDs answered, by status.", told, "status")
    page.counters(
        "mdscluster_nfs_events_total", "What befell requests: given up, replayed, put off, ...",
        {name.replace(" ", "_").replace("-", "_"): n for name, n in calls.items()}, "event",
    )  # fmt: skip
    for op in range(COUNTS):
        histogram = counters.duration(op)
        if histogram.count:
            page.histogram(
                "mdscluster_nfs_request_duration_seconds",
                "From a COMPOUND's arrival to its reply, by the operation that it was for.",
                histogram, operation=name_of(op),
            )  # fmt: skip


def about_queues(page: Page, depths: Mapping[str, int]) -> None:
    """What waits."""
    for queue, depth in depths.items():
        page.gauge("mdscluster_queue_depth", "What waits in this node, by what for.", depth, queue=queue)


def about_state(page: Page, rows: Rows, counted: Counted | None, recall_timeout_s: float) -> None:
    """What clients hold, in the replicated state. What was never counted yet is left out: 0 would be a lie."""
    page.gauge("mdscluster_clients", "Clients.", rows.clients)
    page.gauge("mdscluster_sessions", "Sessions.", rows.sessions)
    if counted is not None:
        page.gauge("mdscluster_opens", "Open states.", counted.opens)
        page.gauge("mdscluster_locks", "Lock-owners' states on files.", counted.locks)
        page.gauge("mdscluster_layouts", "Layouts that are out.", counted.layouts)
        page.gauge("mdscluster_recalls", "Layouts that are being recalled.", counted.recalls)
        help = "How long ago the oldest recall began whose layout is neither returned nor revoked."
        page.gauge("mdscluster_recall_oldest_seconds", help, counted.oldest_recall_s)
        page.gauge("mdscluster_cuts", "Truncations that data servers have yet to carry out.", counted.cuts)
    help = "After so long a recalled layout is revoked."
    page.gauge("mdscluster_recall_timeout_seconds", help, recall_timeout_s)
    page.gauge("mdscluster_client_fences", "Entries of the list of void layouts.", rows.fences)
    page.gauge("mdscluster_inodes", "Files, directories and links.", rows.inodes)
    page.gauge("mdscluster_feature_level", "What the cluster has committed to use.", rows.feature_level)
    page.gauge("mdscluster_feature_level_supported", "What this node's release knows.", features.SUPPORTED)


def about_data_servers(
    page: Page, rows: Rows, counted: Counted | None, refused: Mapping[str, str], silent_ms: Mapping[str, int]
) -> None:
    """Data servers, as the cluster knows them. ``refused``: by id, those that are not what they say."""
    for server in rows.data_servers:
        ds = server.ds_id
        state = "lost" if server.lost else "up" if server.up else "refused" if ds in refused else "down"
        page.states("mdscluster_data_server_state", "Its state.", _DS_STATES, state, "state", data_server=ds)
        drained = server.number in rows.drained
        page.gauge("mdscluster_data_server_drained", "1: gets no new files.", drained, data_server=ds)
        page.gauge("mdscluster_data_server_size_bytes", "Its space.", server.capacity_bytes, data_server=ds)
        help = "What clients may still fill of it."
        page.gauge("mdscluster_data_server_free_bytes", help, server.free_bytes, data_server=ds)
        if counted is not None:
            help = "Files whose objects it has to delete yet."
            owed = counted.deletions[server.number]
            page.gauge("mdscluster_data_server_pending_deletes", help, owed, data_server=ds)
        if ds in silent_ms:
            help = "Since this node heard its last heartbeat."
            page.gauge("mdscluster_data_server_silent_seconds", help, silent_ms[ds] / 1000, data_server=ds)


def about_proxy(page: Page, moved: Mapping[str, int]) -> None:
    """Data that this node moved for clients without layouts; ``read`` and ``written`` -> bytes."""
    help = "File data moved for clients without layouts."
    page.counters("mdscluster_proxied_bytes_total", help, moved, "direction")


def about_fencing(
    page: Page, state: State, *, enabled: bool, held: Mapping[str, str], outcomes: Mapping[str, int], decided: int
) -> None:
    """Cutting the power of metadata servers. ``decided``: how often to fence one (:class:`.decisions.Decisions`)."""
    page.gauge("mdscluster_fencing_enabled", "1: this node knows power devices.", enabled)
    for node, known in sorted(state.nodes.items()):
        help = "1: it was fenced, and has not been back."
        page.gauge("mdscluster_fencing_server_down", help, known.down, server=node)
    help = "Decisions to fence: those in the history at this node's start (at most 100 lines), and all since."
    page.counter("mdscluster_fencing_intents_total", help, decided)
    by_phase = {phase: [i for i in state.intents.values() if i.phase == phase] for phase in (PHASE_OFF, PHASE_ON)}
    for phase, intents in by_phase.items():
        help = "Servers that are to be switched, by what to."
        page.gauge("mdscluster_fencing_open_intents", help, len(intents), phase=phase)
    for intent in state.intents.values():
        help = "Failed attempts so far, of an open intent."
        failed = intent.attempts - (intent.claim is not None)
        page.gauge("mdscluster_fencing_failed_attempts", help, failed, server=intent.node, phase=intent.phase)
    help = "Servers that this leader misses and does not have fenced."
    page.gauge("mdscluster_fencing_held_servers", help, len(held))
    help = "1: fencing of it (or of everybody) is suspended."
    for name in sorted(state.paused):
        page.gauge("mdscluster_fencing_maintenance", help, 1.0, server="*" if name == EVERYBODY else name)
    page.counters("mdscluster_fencing_outcomes_total", "Attempts of this node, by outcome.", outcomes, "outcome")
    newest = {(event.node, event.kind): event.wall_ns for event in state.history}
    for (node, kind), wall_ns in sorted(newest.items()):
        help = "The last event of a kind, Unix time."
        page.gauge("mdscluster_fencing_event_timestamp_seconds", help, wall_ns / 1e9, server=node, kind=kind)


def about_vips(page: Page, found: Sequence[tuple[VipState, bool]]) -> None:
    """Service addresses: what keepalived said last, and whether the kernel has them (:func:`.vips.is_here`)."""
    for vip, present in found:
        state = vip.state if vip.state in STATES else "FAULT"
        help = "VRRP's state; UNKNOWN: keepalived has told of no other."
        page.states("mdscluster_vip_state", help, STATES, state, "state", vip=vip.address)
        help = "1: keepalived has it here."
        page.gauge("mdscluster_vip_holder", help, vip.state == MASTER, vip=vip.address)
        help = "1: this host's kernel has the address."
        page.gauge("mdscluster_vip_address_present", help, present, vip=vip.address)
        if state != UNKNOWN:
            help = "When VRRP's state changed last, Unix time."
            page.gauge("mdscluster_vip_changed_timestamp_seconds", help, vip.since_s, vip=vip.address)
