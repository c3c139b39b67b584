"""Whom Prometheus asks, and how often: a configuration that is whole, and may be taken apart."""

from __future__ import annotations

import json
from typing import Final

from deploy import servers
from deploy.inventory import Inventory

MDS_JOB: Final = "mdscluster-mds"
DS_JOB: Final = "mdscluster-ds"
"""The alert rules and the dashboard count on these names, and on the labels ``cluster`` and ``node``."""


def render(inventory: Inventory, rules: str) -> str:
    """The file for an inventory; ``rules``: the alert rules' one, beside it."""
    mds = {node.id: servers.node_config(inventory, node).metrics.listen for node in inventory.nodes}
    ds = {server.id: servers.ds_config(inventory, server).metrics.listen for server in inventory.data_servers}
    return configuration(inventory.name, mds, ds, rules, inventory.metrics.scrape_interval_s)


def configuration(cluster: str, mds: dict[str, str], ds: dict[str, str], rules: str, interval_s: int) -> str:
    """For servers by id, each with where it listens. Texts are quoted as JSON, which YAML understands."""
    lines = [
        "# Written by `mdsctl deploy render`: change the inventory, not this.",
        "# A Prometheus that watches other things, too, gets the rules and the two jobs into its own configuration.",
        "global:",
        f"  evaluation_interval: {min(interval_s, 5)}s",
        f"rule_files: [{rules}]",
        "# alerting: where your Alertmanager is",
        "scrape_configs:",
    ]
    for job, targets in ((MDS_JOB, mds), (DS_JOB, ds)):
        lines += [
            f"  - job_name: {job}",
            f"    scrape_interval: {interval_s}s",
            f"    scrape_timeout: {min(interval_s, 10)}s",
            "    static_configs:",
        ]
        for name, address in targets.items():
            labels = f"{{ cluster: {json.dumps(cluster)}, node: {json.dumps(name)} }}"
            lines += [f"      - targets: [{json.dumps(address)}]", f"        labels: {labels}"]
    return "\n".join(lines) + "\n"
