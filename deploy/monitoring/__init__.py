"""What Prometheus and Grafana get: whom to scrape, when to tell somebody, what to show (docs/MONITORING.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.inventory import Inventory
from deploy.monitoring import dashboard, scrape

FOLDER: Final = "monitoring"
RULES: Final = "mdscluster.rules.yml"
PROMETHEUS: Final = "prometheus.yml"
DASHBOARD: Final = "mdscluster.dashboard.json"


def rules() -> str:
    """The alert rules: the same for every cluster."""
    return (Path(__file__).parent / RULES).read_text(encoding="utf-8")


def files(inventory: Inventory) -> dict[str, str]:
    """By name in the folder; none when nothing is to be watched."""
    if not inventory.metrics.enabled:
        return {}
    return {RULES: rules(), PROMETHEUS: scrape.render(inventory, RULES), DASHBOARD: dashboard.render()}
