"""Our packet filter rules beside Debian's own nftables.service, which flushes everybody's: by a real systemd.

One machine of namespaces (tests/support/machine.py) with the units of one host of a rendered inventory; no servers.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy import clearing, packetfilter, spreading, units
from deploy.reading import load
from deploy.render import render
from tests.chaos.conftest import unavailable
from tests.support.debian import Unavailable, need_tools
from tests.support.hanet import Hanet
from tests.support.installed import NODES, VIP, inventory, wait
from tests.support.installing import TOOLS
from tests.support.machine import Machine

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

OURS = {f"table inet {packetfilter.TABLE}", f"table ip {spreading.TABLE}"}
THEIRS = "table inet filter"
"""Of Debian's /etc/nftables.conf."""
NAME = "mds1"
RIGHT = f"""
cat >/etc/nftables.conf <<'END'
flush ruleset
{THEIRS} {{ }}
END
"""
_SET_UP = f"""{RIGHT}
mkdir -p /etc/mdscluster
install -m 0644 /shared/rendered/vip.nft /shared/rendered/{spreading.NFT_FILE} /etc/mdscluster/
install -m 0644 /shared/rendered/{units.NFT_UNIT} /shared/rendered/{spreading.UNIT} /etc/systemd/system/
install -D -m 0644 /shared/rendered/{units.NFTABLES_DROP_IN} {clearing.NFTABLES_DROP_IN}
systemctl daemon-reload
systemctl enable --now nftables.service {units.NFT_UNIT} {spreading.UNIT}
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("filtered")
    try:
        need_tools(TOOLS)
        with Hanet("mdf") as net:
            for name, octet in NODES.items():
                net.add_host(name, octet)
            (folder / "cluster.toml").write_text(inventory(net, spread=True))
            render(load(folder / "cluster.toml"), folder / "out")
            with Machine(NAME, folder / NAME, net.netns(NAME)) as made:
                (folder / "out" / NAME).rename(made.folder / "rendered")
                made.run(_SET_UP)
                yield made
    except Unavailable as reason:
        unavailable(reason)


def tables(machine: Machine) -> set[str]:
    return {*machine.run("nft list tables").stdout.splitlines()}


def route(machine: Machine) -> str:
    """How this host has the spread address."""
    return machine.run("ip route show table local type local").stdout


@pytest.mark.parametrize(("word", "times"), [("reload", 5), ("restart", 2), ("stop-start", 2)])
def test_whatever_is_done_to_nftables_our_rules_are_there_after_it(machine: Machine, word: str, times: int) -> None:
    """INV-7: without the first table a dead server's kernel refuses clients, which then wait for seconds; without the
    second nobody reaches the spread address."""
    assert tables(machine) == {*OURS, THEIRS}
    units_here = f"nftables.service {units.NFT_UNIT} {spreading.UNIT}"
    machine.run(f"systemctl reset-failed {units_here}")  # five starts in ten seconds are too many for systemd
    for _ in range(times):
        for each in word.split("-"):
            machine.run(f"systemctl {each} nftables.service")
            if each == "stop":
                assert not OURS & tables(machine), "vacuous: nothing was flushed"
        # Jobs that another one brought about are waited for by nobody.
        wait("no job is left", lambda: "No jobs" in machine.run("systemctl list-jobs").stdout)
        assert tables(machine) == {*OURS, THEIRS}, word
        for unit in (units.NFT_UNIT, spreading.UNIT):
            assert machine.unit(unit, "ActiveState") == "active"
        assert f".{VIP} " in route(machine)


@pytest.mark.parametrize("before", ["it was not there", "its file was wrong"])
def test_nftables_may_be_started_while_our_units_are_active(machine: Machine, before: str) -> None:
    """INV-7: an operator enables it later, or has mended its file: it flushes, and our units are not started again."""
    ours = f"{units.NFT_UNIT} {spreading.UNIT}"
    machine.run(f"systemctl reset-failed nftables.service {ours}")
    if before == "it was not there":
        machine.run(f"systemctl stop nftables.service && systemctl start {ours}")
    else:
        machine.run("echo nonsense >/etc/nftables.conf; systemctl restart nftables.service || true")
    idle = "no job is left", lambda: "No jobs" in machine.run("systemctl list-jobs").stdout
    wait(*idle)
    assert tables(machine) == OURS, "vacuous: our units are not active"
    assert machine.unit("nftables.service", "ActiveState") != "active", "vacuous: it runs"
    machine.run(f"{RIGHT}systemctl start nftables.service")
    wait(*idle)
    assert tables(machine) == {*OURS, THEIRS}
    assert f".{VIP} " in route(machine)


def test_they_are_wanted_by_nftables_and_no_order_is_broken(machine: Machine) -> None:
    """A cycle of units systemd breaks by leaving one of them out."""
    wants = machine.run("ls /etc/systemd/system/nftables.service.wants").stdout.split()
    assert {*wants} == {units.NFT_UNIT, spreading.UNIT}
    told = machine.run("journalctl --no-pager -o cat -b | grep -i 'ordering cycle' || true").stdout
    assert told == ""
