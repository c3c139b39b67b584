"""The Grafana dashboard: a table of panels, made into Grafana's JSON.

The first screen shows what a storage administrator asks first: operations a second, throughput of the data servers,
latencies, layouts. Rows below it go deeper.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

UID: Final = "mdscluster"
_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
_HEIGHT: Final = 8
_WIDTH: Final = 24


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph or number."""

    title: str
    expressions: dict[str, str]
    """Legend (``{{label}}`` is Grafana's) -> PromQL."""
    unit: str = "short"
    """Grafana's name of it: ops, Bps, s, bytes, ..."""
    width: int = 12
    kind: str = "timeseries"
    what: str = ""
    """Told where the mouse rests on the title."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


_C: Final = 'cluster="$cluster"'


def _rate(metric: str, by: str, more: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{_C}{more}}}[$__rate_interval]))"


def _quantile(q: float, metric: str, by: str) -> str:
    return f"histogram_quantile({q}, {_rate(metric + '_bucket', by + ', le' if by else 'le')})"


_REQUEST: Final = "mdscluster_nfs_request_duration_seconds"

ROWS: Final = (
    Row("At a glance", (
        Panel("Metadata operations", {"{{node}}": _rate("mdscluster_nfs_operations_total", "node")}, "ops",
              what="Operations within COMPOUNDs, by the node that answered."),
        Panel("Data servers' throughput", {
            "{{node}} read": _rate("mdscluster_ds_bytes_total", "node", ', direction="read"'),
            "{{node}} written": _rate("mdscluster_ds_bytes_total", "node", ', direction="written"'),
        }, "Bps", what="File data; it never passes through metadata servers."),
        Panel("Latency of metadata requests", {
            "median": _quantile(0.5, _REQUEST, ""), "95 %": _quantile(0.95, _REQUEST, ""),
            "99 %": _quantile(0.99, _REQUEST, ""),
        }, "s", what="From a COMPOUND's arrival to its reply."),
        Panel("Layouts", {
            "out": f"max(mdscluster_layouts{{{_C}}})", "being recalled": f"max(mdscluster_recalls{{{_C}}})",
        }, what="Who may do I/O to data servers without asking."),
        Panel("Ready", {"{{node}}": f"mdscluster_ready{{{_C}}}"}, width=4, kind="stat"),
        Panel("Leader", {"{{node}}": f'mdscluster_raft_role{{{_C}, role="leader"}}'}, width=4, kind="stat"),
        Panel("Service addresses", {
            "{{vip}} at {{node}}": f"mdscluster_vip_holder{{{_C}}} == 1",
        }, width=8, kind="stat"),
        Panel("Data servers up", {
            "{{data_server}}": f'max by (data_server) (mdscluster_data_server_state{{{_C}, state="up"}})',
        }, width=8, kind="stat"),
    )),
    Row("Clients and what they hold", (
        Panel("Clients, sessions, connections", {
            "clients": f"max(mdscluster_clients{{{_C}}})", "sessions": f"max(mdscluster_sessions{{{_C}}})",
            "connections": f"sum(mdscluster_nfs_connections{{{_C}}})",
        }),
        Panel("Opens and locks", {
            "opens": f"max(mdscluster_opens{{{_C}}})", "locks": f"max(mdscluster_locks{{{_C}}})",
        }),
        Panel("Operations by kind", {"{{operation}}": _rate("mdscluster_nfs_operations_total", "operation")}, "ops"),
        Panel("99 % latency by kind", {"{{operation}}": _quantile(0.99, _REQUEST, "operation")}, "s"),
        Panel("Statuses but NFS4_OK", {
            "{{status}}": _rate("mdscluster_nfs_statuses_total", "status", ', status!="NFS4_OK"'),
        }, "ops"),
        Panel("What befell requests", {"{{event}}": _rate("mdscluster_nfs_events_total", "event")}, "ops"),
        Panel("Proxied data", {
            "{{node}} {{direction}}": _rate("mdscluster_proxied_bytes_total", "node, direction"),
        }, "Bps", what="Moved by metadata servers for clients without layouts."),
        Panel("Oldest recall", {"seconds": f"max(mdscluster_recall_oldest_seconds{{{_C}}})"}, "s"),
    )),
    Row("Consensus", (
        Panel("Commit: append to majority", {
            "median": _quantile(0.5, "mdscluster_raft_commit_duration_seconds", ""),
            "99 %": _quantile(0.99, "mdscluster_raft_commit_duration_seconds", ""),
        }, "s"),
        Panel("Disk: 99 %", {"{{node}}": _quantile(0.99, "mdscluster_raft_fsync_duration_seconds", "node")}, "s"),
        Panel("Apply: 99 %", {"{{node}}": _quantile(0.99, "mdscluster_raft_apply_duration_seconds", "node")}, "s"),
        Panel("Loops' lag", {"{{node}} {{loop}}": f"mdscluster_loop_lag_worst_seconds{{{_C}}}"}, "s"),
        Panel("Entries applied", {"{{node}}": f"rate(mdscluster_raft_applied_index{{{_C}}}[$__rate_interval])"}, "ops"),
        Panel("Not yet applied", {
            "{{node}}": f"mdscluster_raft_commit_index{{{_C}}} - mdscluster_raft_applied_index{{{_C}}}",
        }),
        Panel("Term, leader changes", {
            "term": f"max(mdscluster_raft_term{{{_C}}})",
            "changes": f"max(mdscluster_raft_leader_changes_total{{{_C}}})",
        }),
        Panel("Queues", {"{{node}} {{queue}}": f"mdscluster_queue_depth{{{_C}}}"}),
    )),
    Row("Data servers", (
        Panel("Operations", {
            "{{node}} {{operation}}": _rate("mdscluster_ds_operations_total", "node, operation"),
        }, "ops"),
        Panel("Sync: 99 %", {"{{node}}": _quantile(0.99, "mdscluster_ds_sync_duration_seconds", "node")}, "s"),
        Panel("Free space", {
            "{{data_server}}":
                f"min by (data_server) (mdscluster_data_server_free_bytes{{{_C}}}"
                f" / mdscluster_data_server_size_bytes{{{_C}}})",
        }, "percentunit"),
        Panel("To be deleted", {
            "{{data_server}}": f"max by (data_server) (mdscluster_data_server_pending_deletes{{{_C}}})",
        }),
        Panel("Errors", {"{{node}} {{status}}": _rate("mdscluster_ds_statuses_total", "node, status")}, "ops"),
        Panel("Connections", {"{{node}}": f"mdscluster_ds_connections{{{_C}}}"}),
    )),
    Row("Hosts", (
        Panel("Processor of metadata servers", {
            "{{node}} front end": _rate("mdscluster_front_end_process_cpu_seconds_total", "node"),
            "{{node}} consensus": _rate("mdscluster_consensus_process_cpu_seconds_total", "node"),
        }, "percentunit"),
        Panel("Memory of metadata servers", {
            "{{node}} front end": f"mdscluster_front_end_process_resident_memory_bytes{{{_C}}}",
            "{{node}} consensus": f"mdscluster_consensus_process_resident_memory_bytes{{{_C}}}",
        }, "bytes"),
        Panel("Free room for metadata", {
            "{{node}}": f"mdscluster_data_dir_free_bytes{{{_C}}} / mdscluster_data_dir_size_bytes{{{_C}}}",
        }, "percentunit"),
        Panel("Certificates end in", {
            "{{node}} {{certificate}}": f"mdscluster_certificate_end_timestamp_seconds{{{_C}}} - time()",
        }, "s"),
        Panel("Servers fenced, or missing", {
            "down by fencing": f"max(mdscluster_fencing_server_down{{{_C}}}) or vector(0)",
            "missing, not fenced": f"max(mdscluster_fencing_held_servers{{{_C}}})",
        }),
        Panel("Clocks off by", {
            "{{node}}": f"mdscluster_time_seconds{{{_C}}} - timestamp(mdscluster_time_seconds{{{_C}}})",
        }, "s"),
    )),
)  # fmt: skip


def expressions() -> list[str]:
    """Every PromQL expression of it."""
    return [text for row in ROWS for panel in row.panels for text in panel.expressions.values()]


def render() -> str:
    """The dashboard as Grafana imports it."""
    return json.dumps(_dashboard(), indent=1, ensure_ascii=False) + "\n"


def _dashboard() -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    top = 0
    for row in ROWS:
        place = {"x": 0, "y": top, "w": _WIDTH, "h": 1}
        panels.append({"id": len(panels) + 1, "type": "row", "title": row.title, "gridPos": place, "panels": []})
        left, top = 0, top + 1
        for panel in row.panels:
            if left + panel.width > _WIDTH:
                left, top = 0, top + _HEIGHT
            panels.append(_panel(panel, len(panels) + 1, left, top))
            left += panel.width
        top += _HEIGHT
    return {
        "uid": UID,
        "title": "mdscluster",
        "tags": ["nfs", "mdscluster"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": panels,
    }


def _variables() -> list[dict[str, Any]]:
    cluster = "label_values(mdscluster_ready, cluster)"
    return [
        {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {
            "name": "cluster", "label": "Cluster", "type": "query", "datasource": _SOURCE, "definition": cluster,
            "query": {"query": cluster, "refId": "cluster"}, "refresh": 2,
        },
    ]  # fmt: skip


def _panel(panel: Panel, number: int, left: int, top: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.what,
        "datasource": _SOURCE,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0 if panel.unit != "s" else None}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": _SOURCE, "expr": text, "legendFormat": legend}
            for place, (legend, text) in enumerate(panel.expressions.items())
        ],
    }
    if panel.kind == "stat":
        made["options"] = {"colorMode": "background", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return made
