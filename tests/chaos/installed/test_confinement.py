"""Servers as they were installed: they serve from their sandbox, which lets them do no more; who reads secrets."""

from __future__ import annotations

import pytest

from deploy import units
from tests.chaos.installed.programs import WRITER
from tests.support.installed import Site, wait
from tests.support.machine import BIN_DIR

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

_PRIORITIES = """
import os

def told(act):
    try:
        return act()
    except OSError as problem:
        return type(problem).__name__

acts = (lambda: os.nice(10), lambda: os.nice(-1), lambda: os.sched_setaffinity(0, {0}))
print("priorities:", *map(told, acts))
"""


def test_a_client_writes_and_reads_by_the_service_address(site: Site) -> None:
    """INV-10: metadata by the address that keepalived holds, data striped over the data servers, a cut by control."""
    said, _ = site.client(WRITER).communicate(timeout=60)
    assert "Stats" in said or "stats" in said.lower(), said
    for number in (1, 2, 3):
        assert site.machines[f"mds{number}"].unit(f"mdscluster-ds-ds{number}.service", "NRestarts") == "0"
        assert site.machines[f"mds{number}"].unit(units.MDS_UNIT, "NRestarts") == "0"


def test_servers_run_as_their_own_users_with_what_they_need_and_no_more(site: Site) -> None:
    machine = site.machines["mds1"]
    for unit, user, capabilities in (
        (units.MDS_UNIT, "mdscluster", 1 << 13),  # CAP_NET_RAW
        (units.GUARD_UNIT, "mdscluster", 0),
        ("mdscluster-ds-ds1.service", "mdscluster-ds", 1 << 13),
    ):
        pid = machine.unit(unit, "MainPID")
        status = machine.run(f"cat /proc/{pid}/status; stat -c %U /proc/{pid}").stdout
        found = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        assert status.splitlines()[-1] == user
        for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            assert int(found[kind], 16) == capabilities, (unit, kind)
        assert found["NoNewPrivs"].strip() == "1"
        assert found["Seccomp"].strip() == "2"
    for unit in (units.MDS_UNIT, "mdscluster-ds-ds1.service"):
        assert "CAP_NET_RAW" not in machine.journal(unit), "it says so when it lacks the capability"
    log = machine.journal(units.MDS_UNIT)
    assert "Traceback" not in log, log


def test_secrets_are_readable_by_their_service_only(site: Site) -> None:
    machine = site.machines["mds1"]
    for name, user in (("mds1", "mdscluster"), ("ds1", "mdscluster-ds")):
        listed = machine.run(f"stat -c '%a %U' /etc/mdscluster/{name}/{name}.key /etc/mdscluster/{name}/cluster.key")
        assert listed.stdout.splitlines() == [f"600 {user}"] * 2
    other = machine.run("runuser -u mdscluster-ds -- cat /etc/mdscluster/mds1/mds1.pem", check=False)
    assert other.returncode != 0


def test_a_backup_may_give_way_and_nobody_may_push_forward(site: Site) -> None:
    """What the metadata server's sandbox lets its processes do with priorities, as the kernel answers it."""
    machine = site.machines["mds1"]
    unit = machine.run(f"cat /etc/systemd/system/{units.MDS_UNIT}").stdout.splitlines()
    kinds = ("SystemCall", "NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "User", "Nice")
    sandbox = "\n".join(line for line in unit if line.startswith(kinds))
    (machine.folder / "probe.service").write_text(
        f"[Service]\nType=oneshot\n{sandbox}\nExecStart={BIN_DIR}/python3 /run/probe.py\n"
    )
    (machine.folder / "probe.py").write_text(_PRIORITIES)
    machine.run("install -m 0644 /shared/probe.py /run/ && install -m 0644 /shared/probe.service /run/systemd/system/")
    machine.run("systemctl start probe.service", check=False)
    wait("the probe has told", lambda: "priorities: " in machine.journal("probe.service"), 10.0)
    assert "priorities: 5 PermissionError PermissionError" in machine.journal("probe.service")
