"""docs/RUNBOOK.md where a service address is in trouble: the very commands of the page, on machines as deployed.

A real systemd, a real keepalived, and the metrics by which the alerts are raised (``mdscluster-vips`` in
deploy/monitoring/mdscluster.rules.yml). On every host here any address can be bound (``ip_nonlocal_bind``): that must
fool nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy import units
from deploy.keepalived import VIP_STATE_DIR
from tests.chaos.conftest import unavailable
from tests.support.cluster import OPERATOR
from tests.support.debian import Unavailable, need_tools
from tests.support.installed import FIT, INTERFACE, NODES, Site, await_all_fit, installed, wait, waits_around
from tests.support.machine import Machine
from tests.support.prometheus import values
from tests.support.runbook import OnMachines

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

METRICS_PORT = 20890
AS_DEBIAN = "/run/systemd/system/keepalived.service.d/zz-as-debian.conf"
NOT_RUNNING = 3
"""``systemctl status`` of a unit that is dead."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Watched, too."""
    try:
        need_tools({"curl": "curl"})
        with installed(tmp_path_factory.mktemp("site"), "mdr", "[metrics]\nenabled = true\n") as made:
            yield made
    except Unavailable as reason:
        unavailable(reason)


@pytest.fixture
def operator(site: Site) -> Iterator[OnMachines]:
    """All is well before, and after."""
    await_all_fit(site)
    wait("nobody disagrees", lambda: is_well(site))
    yield OnMachines(
        site.net, site.machines, site.out / "cluster.json", {"ADDRESS": f"{site.vip}/24", "INTERFACE": INTERFACE}
    )
    wait("nobody disagrees", lambda: is_well(site))
    assert len(site.holders()) == 1


def page(site: Site, name: str) -> str:
    """All metrics of a node, as Prometheus would find them now."""
    url = f"http://{site.net.hosts[name]}:{METRICS_PORT}/metrics"
    return site.net.run(OPERATOR, ["curl", "-sS", "--max-time", "5", url])


def told(site: Site, what: str) -> dict[str, float]:
    """By node: a metric of the service address."""
    found = {}
    for name in NODES:
        (found[name],) = values(page(site, name), f"mdscluster_vip_{what}", vip=site.vip)
    return found


def is_well(site: Site) -> bool:
    """What none of the three alerts is raised by: one has it, and everybody's keepalived says what the kernel says."""
    holder, present = told(site, "holder"), told(site, "address_present")
    return max(holder.values()) == 1 and sum(present.values()) == 1 and holder == present


@contextmanager
def as_debian_has_it(machine: Machine) -> Iterator[None]:
    """keepalived's unit without what is deployed beside it: killed it stays dead, and its address where it was."""
    words = "\\n".join(("[Service]", "Restart=no", "ExecStartPre=", "ExecStopPost="))
    machine.run(f"mkdir -p {AS_DEBIAN.rpartition('/')[0]} && printf '{words}\\n' >{AS_DEBIAN}")
    machine.run("systemctl daemon-reload")
    try:
        yield
    finally:
        machine.run(f"rm -f {AS_DEBIAN} && systemctl daemon-reload")


def die_with_the_address(site: Site) -> str:
    """kill -9 of keepalived where the address is, and another host takes it; the one that is left with it."""
    (dead,) = site.holders()
    site.machines[dead].run("kill -9 $(pidof keepalived)")
    wait("another host has it, too", lambda: len(site.holders()) == 2)
    return dead


def test_no_keepalived_tells_of_the_address(site: Site, operator: OnMachines) -> None:
    """INV-7: its interface has another name, on every host: keepalived starts and tells nothing, and nothing is left
    of what it told before. `mdsctl vip` fails, and the alert has series to be raised by."""
    file, machines = "/etc/keepalived/keepalived.conf", site.machines.values()
    for machine in machines:
        machine.run(f"cp {file} {file}.good && sed -i 's/interface {INTERFACE}/interface renamed0/' {file}")
        machine.run("systemctl restart keepalived", check=False)
    try:
        wait("nobody tells", lambda: all(not m.run(f"ls {VIP_STATE_DIR}").stdout for m in machines))
        assert site.holders() == []
        assert told(site, "holder") == told(site, "address_present") == dict.fromkeys(NODES, 0.0)
        shown, document = site.mdsctl("vip"), site.mdsctl("vip", "--json")
        assert (shown.returncode, document.returncode) == (1, 1), shown.stdout
        assert shown.stdout.splitlines()[1].split() == [site.vip, "NOBODY", "-", *["UNKNOWN"] * len(NODES)]
        (found,) = json.loads(document.stdout)["vips"]
        assert (found["address"], found["holder"], found["since_s"]) == (site.vip, None, None)
        assert found["states"] == dict.fromkeys(NODES, "UNKNOWN")
    finally:
        for machine in machines:
            machine.run(f"mv {file}.good {file} && systemctl reset-failed keepalived && systemctl restart keepalived")
    wait("one has the address", lambda: is_well(site))
    assert site.mdsctl("vip").returncode == 0


def test_a_server_takes_up_which_addresses_there_are_without_a_restart(site: Site, operator: OnMachines) -> None:
    """As keepalived does when it is told to: one that was taken out is missed no more, and one more is."""
    name, more = "mds2", f"{site.net.network}.109"
    machine, file = site.machines[name], f"/etc/mdscluster/{name}/{name}.toml"
    pid = machine.unit(units.MDS_UNIT, "MainPID")

    def alone() -> list[float]:
        return values(page(site, name), "mdscluster_vip_holder", vip=more)

    assert alone() == []
    machine.run(f"cp -p {file} {file}.good && sed -i 's/^service_addresses = \\[/&\"{more}\", /' {file}")
    try:
        wait("the other one is missed", lambda: alone() == [0.0])
        assert more in site.mdsctl("vip").stdout
        assert site.mdsctl("vip").returncode == 1
    finally:
        machine.run(f"mv {file}.good {file}")
    wait("it is missed no more", lambda: alone() == [])
    assert site.mdsctl("vip").returncode == 0
    assert machine.unit(units.MDS_UNIT, "MainPID") == pid


@pytest.mark.long
def test_no_host_has_the_address(site: Site, operator: OnMachines) -> None:
    """INV-7: keepalived is stopped on every host. A client waits, and is served again as if nothing had been."""

    def trouble() -> None:
        for machine in site.machines.values():
            machine.run("systemctl stop keepalived")
        wait("nobody has it", lambda: max(told(site, "holder").values()) == 0)
        assert site.holders() == []
        assert max(told(site, "address_present").values()) == 0
        assert site.mdsctl("vip").returncode == 1
        for name in NODES:
            shown, weight, status, _ = operator.follow(
                "MdsclusterVipNoHolder", may_fail=("mdsctl vip", "systemctl status"), NODE=name
            )
            assert site.vip in shown.told
            assert weight.told.strip() == FIT
            assert status.code == NOT_RUNNING, status.told
            wait("one has the address", lambda: len(site.holders()) == 1)
            assert site.holders() == [next(iter(NODES))], "where keepalived was started first"

    waits_around(site, "without", trouble)


def test_two_hosts_have_the_address(site: Site, operator: OnMachines) -> None:
    """INV-7: keepalived died on one and left it there, while another one took it. A client notices a pause at most."""

    def trouble() -> None:
        dead = die_with_the_address(site)
        wait("two have it", lambda: sum(told(site, "address_present").values()) == 2)
        taken_by = next(name for name in site.holders() if name != dead)

        def taken_off() -> None:
            assert site.holders() == [taken_by], "at once, before keepalived is started"

        shown, status, *_ = operator.follow(
            "MdsclusterVipTwoHolders", may_fail=("systemctl status",), after={"ip address del": taken_off}, NODE=dead
        )
        assert f" {site.vip}/24 " in shown.told
        assert status.code == NOT_RUNNING, status.told
        wait("one has it", lambda: is_well(site))
        assert site.holders() == [taken_by], "where keepalived runs it has not moved"

    with as_debian_has_it(site.machines[site.holders()[0]]):
        waits_around(site, "twice", trouble)


@pytest.mark.parametrize("unit", ["keepalived.service", units.GUARD_UNIT])
def test_a_standby_could_not_take_the_address_over(site: Site, operator: OnMachines, unit: str) -> None:
    """INV-7: keepalived, or the guard, is stopped on both hosts that have not the address. Nobody would notice, but for
    the metrics of the alert; and the holder's maintenance, which would leave the address nowhere, is refused."""
    (holder,) = site.holders()
    standbys = [name for name in NODES if name != holder]
    for name in standbys:
        site.machines[name].run(f"systemctl stop {unit}")
    wait("they say so", lambda: all(not stands_by(site, name) for name in standbys))
    for name in standbys:
        assert values(page(site, name), "mdscluster_ready") == [1.0], "vacuous: it does not even serve"
    refused = site.mdsctl("node", "maintenance", holder, "on")
    assert refused.returncode == 1, refused.stdout
    assert "no other server" in refused.stderr, refused.stderr
    assert site.holders() == [holder], "nothing was changed"
    for name in standbys:
        shown, *_ = operator.follow("MdsclusterVipStandbyNotReady", may_fail=("systemctl status",), NODE=name)
        assert site.vip in shown.told
        wait("it stands by", lambda name=name: stands_by(site, name))  # type: ignore[misc]
    assert site.holders() == [holder], "it has not moved"


def stands_by(site: Site, name: str) -> bool:
    """What the alert goes by."""
    found = page(site, name)
    return not any(
        max(values(found, "mdscluster_vip_state", vip=site.vip, state=state)) for state in ("STOP", "FAULT", "UNKNOWN")
    )


@pytest.mark.long
def test_an_address_was_added_by_hand(site: Site, operator: OnMachines) -> None:
    """The kernel has it, keepalived knows nothing of it: whoever asks by ARP may be sent there."""
    (holder,) = site.holders()
    victim = next(name for name in NODES if name != holder)
    site.machines[victim].run(f"ip address add {site.vip}/24 dev {INTERFACE}")
    wait("the kernel has it", lambda: told(site, "address_present")[victim] == 1)
    assert told(site, "holder")[victim] == 0

    def taken_off() -> None:
        wait("the kernel has it no more, and keepalived was not started anew", lambda: is_well(site))

    status, shown, *_ = operator.follow("MdsclusterVipStateWrong", after={"ip address del": taken_off}, NODE=victim)
    assert status.code == 0
    assert f" {site.vip}/24 " in shown.told
    wait("one has it", lambda: is_well(site))
    assert site.holders() == [holder]


@pytest.mark.long
def test_keepaliveds_last_word_is_a_dead_ones(site: Site, operator: OnMachines) -> None:
    """It said that it had the address and died; somebody took the address off, and nobody started it again."""
    with as_debian_has_it(site.machines[site.holders()[0]]):
        dead = die_with_the_address(site)
        site.machines[dead].run(f"ip address del {site.vip}/24 dev {INTERFACE}")
        wait("the kernel has it no more", lambda: told(site, "address_present")[dead] == 0)
        assert told(site, "holder")[dead] == 1
        status, shown, *_ = operator.follow(
            "MdsclusterVipStateWrong", may_fail=("systemctl status", "ip address del"), NODE=dead
        )
        assert status.code == NOT_RUNNING, status.told
        assert f" {site.vip}/24 " not in shown.told
        wait("it says that it has not", lambda: is_well(site))
        assert dead not in site.holders()
