"""Several service addresses, one at home on each node, as the example inventory has them: hosts that fail silently.

Everything is as deployed (tests/support/installed.py); the drill has one address. Here each loss moves one address to a
host that has its own already, and the host that is back takes its own again (VRRP preempts): two takeovers, of which no
client may feel more than the service promises for one. Clients know one address only, and ask again when they are told,
not when they are tired of waiting.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from deploy import units
from tests.chaos.conftest import unavailable
from tests.support.cluster import ROOT
from tests.support.debian import Unavailable
from tests.support.installed import NODES, PATIENT_CLIENT, VIP, Site, await_all_fit, health, installed, wait
from tests.support.lifeline import die_with_parent

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long, pytest.mark.usefixtures("root")]

FIRST_OCTET = 32
CALLS = 30
"""So many more calls of a client show that it goes on."""
STALL_S = 2.0
"""What the service promises for any single fault."""
AWAY_S = 3.0
"""How long a host stays lost: long enough for anybody to be told twice."""
LOST = "mds1"
HOMES = {name: octet for octet, name in enumerate(NODES, VIP + 1)}


class Clients:
    """One program for each address, on a host of its own, that makes directories all the time."""

    def __init__(self, site: Site, folder: Path) -> None:
        self._site = site
        self._enough = folder / "enough"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: dict[str, Path] = {}
        for number, (node, octet) in enumerate(HOMES.items()):
            host = f"nfs{number + 1}"
            site.net.add_host(host, FIRST_OCTET + number)
            self._logs[node] = folder / f"{host}.log"
            command = [sys.executable, "-c", PATIENT_CLIENT, f"{site.net.network}.{octet}", str(self._enough), host]
            with self._logs[node].open("wb") as log:
                self._processes[node] = subprocess.Popen(
                    site.net.wrap(host, command), stdout=log, stderr=log, cwd=ROOT, preexec_fn=die_with_parent
                )

    def calls(self) -> dict[str, list[float]]:
        """What each call took, in seconds, up to now; by the node at which the client's address is at home."""
        for node, process in self._processes.items():
            assert process.poll() is None, f"the client of {node}'s address has ended: {self._said(node)[-1500:]}"
        return {node: [float(line) for line in self._said(node).splitlines()] for node in self._processes}

    def _said(self, node: str) -> str:
        whole, _, _ = self._logs[node].read_text().rpartition("\n")
        return whole

    def go_on(self) -> None:
        """Until each was answered some times more."""
        wanted = {node: len(took) + CALLS for node, took in self.calls().items()}
        wait("every client goes on", lambda: all(len(self.calls()[node]) >= wanted[node] for node in wanted), 30.0)

    def finish(self) -> None:
        self._enough.touch()
        for node, process in self._processes.items():
            assert process.wait(60) == 0, self._said(node)[-1500:]

    def close(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    try:
        with installed(tmp_path, "mvs", several=True) as made:
            yield made
    except Unavailable as reason:
        unavailable(reason)


def holders(site: Site, node: str) -> list[str]:
    """Machines that have the address which is at home on a node."""
    address = f"{site.net.network}.{HOMES[node]}"
    return [name for name in NODES if address in site.net.addresses(name)]


def everybody_at_home(site: Site) -> bool:
    return all(holders(site, node) == [node] for node in NODES)


# ---------------------------------------------------------------------- what happens to a host
@contextmanager
def cut_off(site: Site) -> Iterator[None]:
    """From everybody: its keepalived and its server run on, and it keeps all addresses that it had."""
    site.net.isolate(LOST)
    yield
    site.net.heal()


@contextmanager
def unplugged(site: Site) -> Iterator[None]:
    """Its link is down: keepalived sees that, and gives up."""
    site.net.unplug(LOST)
    yield
    site.net.plug(LOST)


@contextmanager
def frozen(site: Site) -> Iterator[None]:
    """Its metadata server stands still, and the kernel answers for it: the guard sees that."""
    machine = site.machines[LOST]
    machine.run(f"systemctl kill --signal=STOP {units.MDS_UNIT}")
    yield
    machine.run(f"systemctl kill --signal=CONT {units.MDS_UNIT}")  # or who was started since: the guard ended this one


@contextmanager
def without_keepalived(site: Site) -> Iterator[None]:
    """keepalived is killed: its unit takes the addresses away, and starts it again."""
    machine = site.machines[LOST]
    machine.run(f"kill -9 {machine.unit('keepalived.service', 'MainPID')}")
    yield


@contextmanager
def hung_keepalived(site: Site) -> Iterator[None]:
    """keepalived stands still, and takes nothing away; then the server loses its quorum, and clients still reach it."""
    machine = site.machines[LOST]
    machine.run("systemctl kill --signal=STOP keepalived.service")
    for name in NODES:
        if name != LOST:
            site.net.cut(LOST, name)
    wait("its guard knows that it has no quorum", lambda: health(machine) not in ("0", "-150"))
    assert LOST in holders(site, LOST), "vacuous: the address has left all the same"
    yield
    site.net.heal()
    machine.run("systemctl kill --signal=CONT keepalived.service")


FAULTS: list[Callable[[Site], AbstractContextManager[None]]] = [
    cut_off, unplugged, frozen, without_keepalived, hung_keepalived,
]  # fmt: skip


def test_a_lost_host_costs_no_client_more_than_one_pause_each_way(site: Site, tmp_path: Path) -> None:
    """INV-2, INV-7: each address finds another host, and goes home again; nobody waits long, nothing is lost."""
    wait("every address is at home", lambda: everybody_at_home(site), 60.0)
    clients = Clients(site, tmp_path)
    try:
        clients.go_on()
        for fault in FAULTS:
            before = {node: len(took) for node, took in clients.calls().items()}
            with fault(site):
                if fault is not without_keepalived:  # which may be back before anybody looks
                    wait("its address is elsewhere", lambda: holders(site, LOST) not in ([], [LOST]), 10.0)
                clients.go_on()
                time.sleep(AWAY_S)
                clients.go_on()
            longest_away = longest(clients, before)
            before = {node: len(took) for node, took in clients.calls().items()}
            await_all_fit(site)
            wait("every address is at home again", lambda: everybody_at_home(site), 60.0)
            clients.go_on()
            longest_back = longest(clients, before)
            print(f"{fault.__name__}: longest call, s, by address: lost {longest_away}, back {longest_back}")
            assert max(longest_away.values()) < STALL_S, fault.__name__
            assert max(longest_back.values()) < STALL_S, fault.__name__
        clients.finish()
    finally:
        clients.close()
    digests = site.mdsctl("digest")
    assert (digests.returncode, digests.stdout.splitlines()[-1]) == (0, "equal"), digests.stdout


def longest(clients: Clients, since: dict[str, int]) -> dict[str, float]:
    return {node: max(took[since[node] :]) for node, took in clients.calls().items()}
