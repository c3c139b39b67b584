"""For each alert: series that must raise it, series near to them that must not, and when to look.

Series are promtool's: ``name{labels}`` -> values, a sample every five seconds, or every minute where an
alert takes hours; ``_`` is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Series = dict[str, str]
C = 'cluster="files"'
MDS1, MDS2, MDS3 = (f'{C},node="mds{n}"' for n in (1, 2, 3))
DS1 = f'{C},node="ds1"'
UP1, UP2 = (f'up{{job="mdscluster-mds",{node}}}' for node in (MDS1, MDS2))


@dataclass(frozen=True)
class Case:
    """One alert's."""

    fires: Series
    at: str
    """When it must be there, and when nothing may be in the quiet case."""
    labels: dict[str, str]
    """Of the alert, beside its name and severity."""
    quiet: list[Series]
    early: str = ""
    """When it must not be there yet."""
    moves: list[Series] = field(default_factory=list)
    """What is well, and only looks bad where each target is scraped at a time of its own, every 15 s: within two
    minutes it must never be there."""


def _histogram(name: str, labels: str, *, slow: bool) -> Series:
    """Ten a second; all below 0.033 s, or one in twenty above two seconds."""
    fast, all_ = ("9.5", "10") if slow else ("10", "10")
    step = {"9.5": "47.5", "10": "50"}
    return {
        f'{name}_bucket{{{labels},le="0.032768"}}': f"0+{step[fast]}x400",
        f'{name}_bucket{{{labels},le="2.097152"}}': f"0+{step[fast]}x400",
        f'{name}_bucket{{{labels},le="4.194304"}}': f"0+{step[all_]}x400",
        f'{name}_bucket{{{labels},le="+Inf"}}': f"0+{step[all_]}x400",
    }


def _ds(state: str, *, ready: int = 1) -> Series:
    states = {f'mdscluster_data_server_state{{{MDS1},data_server="ds1",state="{s}"}}': "0x200"
              for s in ("up", "down", "lost", "refused")}  # fmt: skip
    states[f'mdscluster_data_server_state{{{MDS1},data_server="ds1",state="{state}"}}'] = "1x200"
    return {**states, f"mdscluster_ready{{{MDS1}}}": f"{ready}x200"}


def _vip(holder: str, present1: int, present2: int) -> Series:
    return {
        f'mdscluster_vip_holder{{{MDS1},vip="192.0.2.101"}}': f"{int(holder == 'mds1')}x100",
        f'mdscluster_vip_holder{{{MDS2},vip="192.0.2.101"}}': f"{int(holder == 'mds2')}x100",
        f'mdscluster_vip_address_present{{{MDS1},vip="192.0.2.101"}}': f"{present1}x100",
        f'mdscluster_vip_address_present{{{MDS2},vip="192.0.2.101"}}': f"{present2}x100",
    }


def scraped(*values: int | None, at: int = 0, every: int = 4) -> str:
    """A sample every 15 s, each 5 s late by a slow scrape, the first after ``at`` times 5 s; the last value lasts.

    None: the target could not be scraped, and what it said before is gone.
    """
    told = ["_"] * at
    for value in values:
        told += ["stale" if value is None else str(value), *["_"] * (every - 1)]
    last = [told[-every], *["_"] * (every - 1)]
    return " ".join(told + last * 8)


def _vip_moves(first: str, second: str, *, present: bool = False) -> Series:
    """From mds1 to mds2, each as it is scraped."""
    name = "mdscluster_vip_address_present" if present else "mdscluster_vip_holder"
    return {f'{name}{{{MDS1},vip="192.0.2.101"}}': first, f'{name}{{{MDS2},vip="192.0.2.101"}}': second}


def _standby(state: str, *, ready: str = "1x100", maintenance: str = "") -> Series:
    """Of mds2, whose keepalived says so; mds1 tells who is in maintenance."""
    states = ("MASTER", "BACKUP", "FAULT", "STOP", "UNKNOWN")
    told = {
        f'mdscluster_vip_state{{{MDS2},vip="192.0.2.101",state="{each}"}}': f"{int(each == state)}x100"
        for each in states
    }
    told[f"mdscluster_ready{{{MDS2}}}"] = ready
    if maintenance:
        told[f'mdscluster_fencing_maintenance{{{MDS1},server="{maintenance}"}}'] = "1x100"
    return told


def _ready(*values: str) -> Series:
    """Of mds1, mds2, mds3, which all answer."""
    nodes = (MDS1, MDS2, MDS3)
    up = {f'up{{job="mdscluster-mds",{node}}}': "1x30" for node in nodes}
    return up | {f"mdscluster_ready{{{node}}}": told for node, told in zip(nodes, values, strict=True)}


def _build(node: str, version: str) -> Series:
    return {f'mdscluster_build_info{{{node},version="{version}",python="3.11.2"}}': "1x400"}


def _recall(oldest_s: int) -> Series:
    return {
        f"mdscluster_recall_oldest_seconds{{{MDS1}}}": f"{oldest_s}x40",
        f"mdscluster_recall_timeout_seconds{{{MDS1}}}": "20x40",
    }


def _ratio(one: str, other: str, labels: str, value: float) -> Series:
    return {f"{one}{{{labels}}}": f"{value}x100", f"{other}{{{labels}}}": "100x100"}


CLUSTER = {"cluster": "files"}
NODE = {"cluster": "files", "node": "mds1"}
DS = {"cluster": "files", "data_server": "ds1"}
STATUS = 'mdscluster_nfs_statuses_total{%s,status="%s"}'
DS_STATUS = 'mdscluster_ds_statuses_total{%s,status="%s"}'
SPACE = ("mdscluster_data_dir_free_bytes", "mdscluster_data_dir_size_bytes")
DS_SPACE = ("mdscluster_data_server_free_bytes", "mdscluster_data_server_size_bytes")
STATE = ("mdscluster_state_used_bytes", "mdscluster_state_size_bytes")
SNAPSHOTS = 'mdscluster_raft_snapshots_total{%s,outcome="%s"}'

CASES: dict[str, Case] = {
    "MdsclusterNoQuorum": Case(
        {UP1: "1x20", UP2: "0x20", f"mdscluster_ready{{{MDS1}}}": "0x20"}, "35s", CLUSTER,
        [{UP1: "1x20", UP2: "0x20", f"mdscluster_ready{{{MDS1}}}": "1x20"}], early="25s",
        # An election of a second, in which all of them happen to be scraped; mds1, the old leader, may be dead.
        moves=[
            _ready(scraped(1, 0, 1), scraped(1, 0, 1), scraped(1, 0, 1)),
            _ready(scraped(1, 0, 1), scraped(1, 1, at=1), scraped(1, 0, 1, at=2)),
            _ready(scraped(1, None, None), scraped(1, 0, 1), scraped(1, 0, 1)),
        ],
    ),
    "MdsclusterNodeDown": Case(
        {UP1: "1 1 0x20", UP2: "1x20"}, "45s", {**NODE, "job": "mdscluster-mds"},
        [{UP1: "1 0 1 0 1 0 1x20"}], early="35s", moves=[{UP1: scraped(1, 0, 1)}],
    ),
    "MdsclusterNodeNotReady": Case(
        {f"mdscluster_ready{{{MDS1}}}": "1 0x20", f"mdscluster_ready{{{MDS2}}}": "1x20"}, "40s", NODE,
        [{f"mdscluster_ready{{{MDS1}}}": "1 0 0 0 0 1x20", f"mdscluster_ready{{{MDS2}}}": "1x20"}], early="30s",
    ),
    "MdsclusterNodeRestarts": Case(
        {f"mdscluster_start_time_seconds{{{MDS1}}}": "1 1 2 2 3 3 4x20"}, "1m", NODE,
        [{f"mdscluster_start_time_seconds{{{MDS1}}}": "1 1 2 2 3x20"}],
    ),
    "MdsclusterForbiddenStatusSent": Case(
        {STATUS % (MDS1, "NFS4ERR_GRACE"): "0 0 1x20"}, "30s", {**NODE, "status": "NFS4ERR_GRACE"},
        [{STATUS % (MDS1, "NFS4ERR_GRACE"): "5x20", STATUS % (MDS1, "NFS4ERR_NOENT"): "0+1x20"}],
    ),
    "MdsclusterSlowOperations": Case(
        _histogram("mdscluster_nfs_request_duration_seconds", MDS1, slow=True), "5m", NODE,
        [_histogram("mdscluster_nfs_request_duration_seconds", MDS1, slow=False)], early="1m",
    ),
    "MdsclusterLeaderFlapping": Case(
        {f"mdscluster_raft_leader_changes_total{{{MDS1}}}": "0 1 2 3 4 5 6x200"}, "1m", CLUSTER,
        [{f"mdscluster_raft_leader_changes_total{{{MDS1}}}": "0 0 1 1 2x200"}],
    ),
    "MdsclusterApplyLag": Case(
        {f"mdscluster_raft_commit_index{{{MDS1}}}": "5000x20", f"mdscluster_raft_applied_index{{{MDS1}}}": "3999x20"},
        "35s", NODE,
        [{f"mdscluster_raft_commit_index{{{MDS1}}}": "5000x20", f"mdscluster_raft_applied_index{{{MDS1}}}": "4000x20"}],
        early="25s",
        moves=[{f"mdscluster_raft_commit_index{{{MDS1}}}": scraped(0, 5000, 5000),
                f"mdscluster_raft_applied_index{{{MDS1}}}": scraped(0, 0, 5000)}],
    ),
    "MdsclusterFollowerLag": Case(
        {f'mdscluster_raft_peer_lag_entries{{{MDS1},peer="mds2"}}': "10001x40"}, "70s", {**NODE, "peer": "mds2"},
        [{f'mdscluster_raft_peer_lag_entries{{{MDS1},peer="mds2"}}': "10000x40"}], early="50s",
    ),
    "MdsclusterFsyncSlow": Case(
        _histogram("mdscluster_raft_fsync_duration_seconds", MDS1, slow=True), "4m", NODE,
        [_histogram("mdscluster_raft_fsync_duration_seconds", MDS1, slow=False)], early="30s",
    ),
    "MdsclusterLoopLag": Case(
        {f'mdscluster_loop_lag_worst_seconds{{{MDS1},loop="consensus"}}': "0.2x40"}, "40s",
        {**NODE, "loop": "consensus"},
        [{f'mdscluster_loop_lag_worst_seconds{{{MDS1},loop="consensus"}}': "0.2 0.2 0.05 0.2 0.2 0.1x40"}],
        early="20s",
    ),
    "MdsclusterQueueDepth": Case(
        {f'mdscluster_queue_depth{{{MDS1},queue="proposals"}}': "2001x40"}, "70s", {**NODE, "queue": "proposals"},
        [{f'mdscluster_queue_depth{{{MDS1},queue="proposals"}}': "2000x40",
          f'mdscluster_queue_depth{{{MDS1},queue="layout_returns"}}': "9000x40"}], early="50s",
    ),
    "MdsclusterSnapshotsFail": Case(
        {SNAPSHOTS % (MDS1, "not sent"): "0 1 2 3 4x40", SNAPSHOTS % (MDS1, "sent"): "0x40"}, "1m", NODE,
        [{SNAPSHOTS % (MDS1, "not sent"): "0 1x40", SNAPSHOTS % (MDS1, "sent"): "0 1 2 3 4x40"}],
    ),
    "MdsclusterClockWrong": Case(
        # The time of promtool's samples begins at 0.
        {f"mdscluster_time_seconds{{{MDS1}}}": "2+5x40"}, "70s", NODE,
        [{f"mdscluster_time_seconds{{{MDS1}}}": "0.5+5x40", f"mdscluster_ds_time_seconds{{{DS1}}}": "0+5x40"}],
        early="50s",
    ),
    "MdsclusterDiskNearlyFull": Case(
        _ratio(*SPACE, MDS1, 9.9), "70s", NODE, [_ratio(*SPACE, MDS1, 10.1)], early="50s"
    ),
    "MdsclusterStateNearlyFull": Case(
        _ratio(*STATE, MDS1, 80.1), "70s", NODE, [_ratio(*STATE, MDS1, 79.9)], early="50s"
    ),
    "MdsclusterCertificateEndsSoon": Case(
        {f'mdscluster_certificate_end_timestamp_seconds{{{MDS1},certificate="own"}}': "2500000x40"}, "70s",
        {**NODE, "certificate": "own"},
        [{f'mdscluster_certificate_end_timestamp_seconds{{{MDS1},certificate="own"}}': "2600000x40"}], early="50s",
    ),
    "MdsclusterCertificateUnreadable": Case(
        {f'mdscluster_certificate_end_timestamp_seconds{{{MDS1},certificate="own"}}': "NaN " * 40}, "70s",
        {**NODE, "certificate": "own"},
        [{f'mdscluster_certificate_end_timestamp_seconds{{{MDS1},certificate="own"}}': "100x40"}], early="50s",
    ),
    "MdsclusterFeatureLevelLag": Case(
        {f"mdscluster_feature_level_supported{{{MDS1}}}": "7x200", f"mdscluster_feature_level{{{MDS1}}}": "6x200"},
        "11m", CLUSTER,
        [{f"mdscluster_feature_level_supported{{{MDS1}}}": "7x200", f"mdscluster_feature_level{{{MDS1}}}": "6x200",
          f"mdscluster_feature_level_supported{{{MDS2}}}": "6x200", f"mdscluster_feature_level{{{MDS2}}}": "6x200"}],
        early="9m",
    ),
    "MdsclusterReleasesMixed": Case(
        # Two releases may know the same feature level.
        _build(MDS1, "1.4.0") | _build(MDS2, "1.4.1") | _build(MDS3, "1.4.1"), "6h1m", CLUSTER,
        [_build(MDS1, "1.4.1") | _build(MDS2, "1.4.1")], early="5h59m",
    ),
    "MdsclusterDataServerDown": Case(
        _ds("down"), "35s", DS, [_ds("up"), _ds("down", ready=0), _ds("lost")], early="25s",
        moves=[{f"mdscluster_ready{{{MDS1}}}": "1x40",
                f'mdscluster_data_server_state{{{MDS1},data_server="ds1",state="down"}}': scraped(0, 1, 0)}],
    ),
    "MdsclusterDataServerLost": Case(_ds("lost"), "15s", DS, [_ds("up"), _ds("down")]),
    "MdsclusterDataServerSpace": Case(
        _ratio(*DS_SPACE, f'{MDS1},data_server="ds1"', 9.9), "70s", DS,
        [_ratio(*DS_SPACE, f'{MDS1},data_server="ds1"', 10.1)], early="50s",
    ),
    "MdsclusterDataServerNotReady": Case(
        {f"mdscluster_ds_ready{{{DS1}}}": "0x40"}, "35s", {"cluster": "files", "node": "ds1"},
        [{f"mdscluster_ds_ready{{{DS1}}}": "0 0 1x40"}], early="25s",
        moves=[{f"mdscluster_ds_ready{{{DS1}}}": scraped(1, 0, 1)}],
    ),
    "MdsclusterDataServerUnreachable": Case(
        {f'up{{job="mdscluster-ds",{DS1}}}': "0x40"}, "35s",
        {"cluster": "files", "node": "ds1", "job": "mdscluster-ds"},
        [{f'up{{job="mdscluster-ds",{DS1}}}': "0 0 1x40"}], early="25s",
    ),
    "MdsclusterDataServerErrors": Case(
        {DS_STATUS % (DS1, "NFS4ERR_ROFS"): "0 0 2x40"}, "30s",
        {"cluster": "files", "node": "ds1", "status": "NFS4ERR_ROFS"},
        [{DS_STATUS % (DS1, "NFS4ERR_IO"): "7x40", DS_STATUS % (DS1, "NFS4ERR_STALE"): "0+1x40"}],
    ),
    "MdsclusterRecallOverdue": Case(
        _recall(31), "10s", CLUSTER, [_recall(29)]
    ),
    "MdsclusterFencingFailed": Case(
        {f'mdscluster_fencing_failed_attempts{{{MDS1},server="mds3",phase="off"}}': "0 1x40"}, "10s",
        {"cluster": "files", "server": "mds3", "phase": "off"},
        [{f'mdscluster_fencing_failed_attempts{{{MDS1},server="mds3",phase="off"}}': "0x40"}],
    ),
    "MdsclusterFencingDeviceLied": Case(
        # In the future, as it may be by another host's clock; to promtool it is 1970.
        {f'mdscluster_fencing_event_timestamp_seconds{{{MDS1},server="mds3",kind="lied"}}': "9999999999x40"}, "10s",
        {"cluster": "files", "server": "mds3"},
        [{f'mdscluster_fencing_event_timestamp_seconds{{{MDS1},server="mds3",kind="lied"}}': "-90000x40",
          f'mdscluster_fencing_event_timestamp_seconds{{{MDS1},server="mds3",kind="fenced"}}': "0x40"}],
    ),
    "MdsclusterServerMissing": Case(
        {f"mdscluster_fencing_held_servers{{{MDS1}}}": "1x40", f"mdscluster_fencing_held_servers{{{MDS2}}}": "0x40"},
        "35s", CLUSTER, [{f"mdscluster_fencing_held_servers{{{MDS1}}}": "1 0x40"}], early="25s",
        moves=[{f"mdscluster_fencing_held_servers{{{MDS1}}}": scraped(0, 1, 0)}],
    ),
    "MdsclusterServerFenced": Case(
        {f'mdscluster_fencing_server_down{{{MDS1},server="mds3"}}': "1x40"}, "70s",
        {"cluster": "files", "server": "mds3"},
        [{f'mdscluster_fencing_server_down{{{MDS1},server="mds3"}}': "1 1 1 0x40"}], early="50s",
    ),
    "MdsclusterFencingSuspended": Case(
        {f'mdscluster_fencing_maintenance{{{MDS1},server="*"}}': "1x300"}, "4h1m", {"cluster": "files", "server": "*"},
        [{f'mdscluster_fencing_maintenance{{{MDS1},server="*"}}': "1x100"}], early="3h59m",
    ),
    "MdsclusterVipNoHolder": Case(
        _vip("", 0, 0), "35s", {**CLUSTER, "vip": "192.0.2.101"}, [_vip("mds1", 1, 0)], early="25s",
        # mds1 is asked just after it gave the address away, mds2 had been asked just before it got it.
        moves=[_vip_moves(scraped(1, 0), scraped(0, 0, 1)), _vip_moves(scraped(1, 0, at=1), scraped(0, 1, at=2)),
               _vip_moves(scraped(1, None), scraped(0, 0, 1))],
    ),
    "MdsclusterVipTwoHolders": Case(
        _vip("mds1", 1, 1), "45s", {**CLUSTER, "vip": "192.0.2.101"}, [_vip("mds2", 0, 1)], early="35s",
        # mds2 is asked just after it got the address, mds1 had been asked just before it gave it away, or died.
        moves=[_vip_moves(scraped(1, 1, 0), scraped(0, 1), present=True),
               _vip_moves(scraped(1, 0, at=2), scraped(0, 1, at=1), present=True),
               _vip_moves("1 _ _ 1 _ _ _ _ stale " + "_ " * 20, scraped(0, 1), present=True)],
    ),
    "MdsclusterVipStandbyNotReady": Case(
        # That of fencing of all, or of another one's power: neither gives an address of mds2 away.
        _standby("STOP") | {f'mdscluster_fencing_maintenance{{{MDS1},server="{each}"}}': "1x100" for each in "*3"},
        "2m10s", {**CLUSTER, "node": "mds2", "vip": "192.0.2.101"},
        [_standby("BACKUP"), _standby("MASTER"), _standby("FAULT", ready="0x100"),
         _standby("FAULT", maintenance="mds2")],
        early="1m50s",
        moves=[{f'mdscluster_vip_state{{{MDS2},vip="192.0.2.101",state="STOP"}}': scraped(0, 1, 0),
                f"mdscluster_ready{{{MDS2}}}": "1x40"}],
    ),
    "MdsclusterVipStateWrong": Case(
        _vip("mds1", 0, 0), "35s", {**NODE, "vip": "192.0.2.101"}, [_vip("mds1", 1, 0)], early="25s",
        moves=[_vip_moves(scraped(0, 1), scraped(0, 0)) | _vip_moves(scraped(0, 0, 1), scraped(0, 0), present=True)],
    ),
}  # fmt: skip
