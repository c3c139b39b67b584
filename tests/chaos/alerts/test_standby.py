"""An alert for a host that could not take a service address over: of real servers, by a real Prometheus.

Of the product's rules only `for` is cut. What keepalived's script would write is written;
keepalived itself, and the guard, are in chaos/test_runbook_vips.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mdscluster.control.vips import UNKNOWN
from tests.chaos.alerts.scene import scene
from tests.support.watched import ADDRESS, NODES, Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long]


def test_a_standby_could_not_take_an_address_over(tmp_path: Path) -> None:
    """INV-7: nothing else tells of it before the address has to move. Under maintenance it is meant to be so."""
    watched = Watched(tmp_path)
    watched.name_vips(ADDRESS)
    holder, standby, other = NODES
    for node in NODES:
        watched.tell_vip(node, ADDRESS, "MASTER" if node == holder else "BACKUP")
    with scene(watched) as it:
        for state in ("STOP", "FAULT", UNKNOWN):
            with it.raises("VipStandbyNotReady", node=standby, cluster="files", vip=ADDRESS):
                if state == UNKNOWN:
                    watched.forget_vip(standby, ADDRESS)
                else:
                    watched.tell_vip(standby, ADDRESS, state)
            raised = [each["labels"]["node"] for each in it.prometheus.alerts() if "Standby" in str(each["labels"])]
            assert raised == [standby]
            watched.tell_vip(standby, ADDRESS, "BACKUP")
            it.ends("VipStandbyNotReady")
        with it.raises("VipStandbyNotReady", node=other, cluster="files", vip=ADDRESS):
            watched.tell_vip(other, ADDRESS, "FAULT")
        assert it.cluster.mdsctl("node", "maintenance", other, "on").returncode == 0
        it.ends("VipStandbyNotReady")
        with it.raises("VipStandbyNotReady", node=other, cluster="files", vip=ADDRESS):
            assert it.cluster.mdsctl("node", "maintenance", other, "off").returncode == 0
