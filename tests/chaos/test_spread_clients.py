"""One address for all clients, on machines installed from an inventory: NFS clients are spread, and outlive a server.

Everything is as deployed, on machines of namespaces (tests/support/machine.py): rendered, installed by the commands of
INSTALL.md, which set the kernel, and run by systemd: ``spread.nft``, keepalived, guard, metadata and data servers. No
IPVS, and no power devices. How evenly hundreds of clients are spread is test_spreading.py's.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy import spreading, units
from tests.chaos.conftest import unavailable
from tests.support.cluster import ROOT
from tests.support.debian import Unavailable
from tests.support.installed import NODES, VIP, Site, await_all_fit, installed, wait
from tests.support.lifeline import die_with_parent

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long, pytest.mark.usefixtures("root")]

FIRST_OCTET, CLIENTS = 32, 6
PORT = 2049
ROUNDS = 10
STALL_S = 2.0
"""What the service promises for any single fault."""
_CLIENT = """
import asyncio, os, sys, time
from nfsclient import Client
from nfswire import nfs4

BLOCK = 1 << 16

async def main(address, name, enough):
    async with await Client.connect([(address, 2049)]) as client:
        file = await client.open(f"/{name}", create=nfs4.UNCHECKED4)
        await file.lock()
        number = 0
        while not os.path.exists(enough):
            began = time.monotonic()
            await file.write(number * BLOCK, number.to_bytes(2, "big") * (BLOCK // 2))
            await file.flush()
            await client.mkdir(f"/{name}-{number}")
            number += 1
            print(f"{time.monotonic() - began:.3f}", flush=True)
            await asyncio.sleep(0.1)
        for done in range(number):
            assert await file.read(done * BLOCK, BLOCK) == done.to_bytes(2, "big") * (BLOCK // 2), done
            assert (await client.getattr(f"/{name}-{done}")).fileid
        await file.locku()
        await file.close()
        assert not client.stats.failover_statuses(), client.stats.failover_statuses()
        print("done", number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
_IDLE = """
import asyncio, sys
from nfsclient import Client

async def main(address, name, enough):
    async with await Client.connect([(address, 2049)]) as client:
        await client.getattr("/")
        await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""
TOLD_S = 2.0


class Served(NamedTuple):
    """Where a client's connection is."""

    node: str
    port: int
    """The client's own: another one is another connection."""


class Clients:
    """Programs, each on a host of its own."""

    def __init__(self, site: Site, folder: Path, program: str, prefix: str, first_octet: int) -> None:
        self._site, self._folder = site, folder
        self._enough = folder / "enough"
        self.hosts = [f"{prefix}{number + 1}" for number in range(CLIENTS)]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for octet, name in enumerate(self.hosts, first_octet):
            site.net.add_host(name, octet)
            command = [sys.executable, "-c", program, site.vip, name, str(self._enough)]
            with self._log(name).open("wb") as log:
                self._processes[name] = subprocess.Popen(
                    site.net.wrap(name, command), stdout=log, stderr=log, cwd=ROOT, preexec_fn=die_with_parent
                )

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def rounds(self) -> dict[str, list[float]]:
        """What each round of each client took, in seconds, up to now."""
        found = {}
        for name, process in self._processes.items():
            said = self._log(name).read_text()
            assert process.poll() is None, f"{name} has ended: {said[-1500:]}"
            found[name] = [float(line) for line in said.splitlines() if line.count(".") == 1]
        return found

    def go_on(self) -> None:
        """Until each has made some rounds more."""
        wanted = {name: len(took) + ROUNDS for name, took in self.rounds().items()}
        wait("every client goes on", lambda: all(len(self.rounds()[name]) >= wanted[name] for name in wanted), 60.0)

    def finish(self) -> dict[str, list[float]]:
        """Each looks whether all that it did is there, and unlocks; what its rounds took."""
        took = self.rounds()
        self._enough.touch()
        for name, process in self._processes.items():
            code, said = process.wait(60), self._log(name).read_text()
            assert code == 0, f"{name}: {said[-1500:]}"
            assert said.splitlines()[-1].startswith("done "), name
        return took

    def served(self) -> dict[str, Served]:
        """By host: which node's kernel has the connection to the spread address that the client's kernel has, too.

        A node to which a client came for a while only is told nothing when it leaves, and keeps its end for a minute.
        """
        site = self._site
        at_nodes: dict[tuple[str, int], str] = {}
        for node, machine in site.machines.items():
            said = machine.run(f"ss -Htn state established '( sport = :{PORT} )'").stdout
            at_nodes |= {_place(line.split()[-1]): node for line in said.splitlines()}
        own = {name: self._connections(name) for name in self.hosts}
        return {
            name: Served(at_nodes[place], place[1]) for name in own for place in own[name] if place in at_nodes
        }

    def _connections(self, name: str) -> list[tuple[str, int]]:
        """A host's ends of its connections to the spread address, as its own kernel has them."""
        said = self._site.net.run(name, ["ss", "-Htn", "state", "established", f"( dport = :{PORT} )"])
        ends = [line.split()[-2:] for line in said.splitlines()]
        return [_place(own) for own, peer in ends if _place(peer) == (self._site.vip, PORT)]

    def ended(self, places: dict[str, Served]) -> set[str]:
        """Whose connection its own kernel has no more."""
        return {name for name, place in places.items() if place.port not in {n for _, n in self._connections(name)}}

    def close(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    try:
        with installed(tmp_path, "msp", spread=True) as made:
            yield made
    except Unavailable as reason:
        unavailable(reason)


def _place(text: str) -> tuple[str, int]:
    """Address and port, as ss(8) writes them: of a socket for both families, too."""
    address, _, port = text.rpartition(":")
    return address.strip("[]").removeprefix("::ffff:"), int(port)


def all_at_home(site: Site) -> bool:
    """Every node has the service address that it prefers, to which its clients are passed on."""
    said = site.mdsctl("vip").stdout
    rows = {line.split()[0]: line.split()[1] for line in said.splitlines() if line.startswith(site.net.network)}
    return all(
        rows.get(f"{site.net.network}.{number}") == name for number, name in enumerate(NODES, VIP + 1)
    )


def test_clients_of_one_address_are_served_by_several_nodes_and_outlive_each_of_them(
    site: Site, tmp_path: Path
) -> None:
    """INV-2, INV-5, INV-7: kill -9 of the server that has some of the clients, and of the one with the spread address.

    Locks, files, directories of all of them outlive both; nobody who is served by others is disturbed by the first. Who
    sends nothing, as nothing is under way or all of that was received, is told as soon as others.
    """
    for machine in site.machines.values():
        assert machine.unit(spreading.UNIT, "ActiveState") == "active"
    wait("every address is where it belongs", lambda: all_at_home(site), 60.0)
    clients = Clients(site, tmp_path, _CLIENT, "nfs", FIRST_OCTET)
    idle = Clients(site, tmp_path, _IDLE, "idle", FIRST_OCTET + CLIENTS)
    try:
        wait("every client is at work", lambda: min(map(len, clients.rounds().values())) >= ROUNDS, 60.0)
        first = clients.served()
        print("served by:", {name: place.node for name, place in first.items()}, "spread address:", site.holders())
        assert first.keys() == set(clients.hosts)
        assert {place.node for place in first.values()} == set(NODES), "vacuous: they are not spread over all"

        (holder,) = site.holders()
        lost = next(name for name in NODES if name != holder)
        wait("everybody who is idle is connected", lambda: idle.served().keys() == set(idle.hosts), 30.0)
        resting = idle.served()
        kill(site, lost)
        told_in_time(idle, resting, lost)
        wait("its clients are elsewhere", lambda: moved(clients, first, lost), 30.0)
        clients.go_on()
        assert site.holders() == [holder], "the spread address did not move"
        come_back(site)
        wait("its clients are back", lambda: nodes_of(clients) == nodes_of_places(first), 60.0)
        undisturbed = {name for name, place in first.items() if place.node != lost}
        after, resting = clients.served(), idle.served()
        assert {name: after[name] for name in undisturbed} == {name: first[name] for name in undisturbed}

        kill(site, holder)
        told_in_time(idle, resting, holder)
        wait("the spread address is elsewhere", lambda: site.holders() not in ([], [holder]), 10.0)
        wait("its clients are elsewhere", lambda: moved(clients, after, holder), 30.0)
        clients.go_on()
        come_back(site)
        wait("everybody is back", lambda: nodes_of(clients) == nodes_of_places(first), 60.0)
        clients.go_on()
        longest = {name: max(took) for name, took in clients.finish().items()}
        print("longest round of each client, s:", longest)
        assert max(longest.values()) < STALL_S
    finally:
        clients.close()
        idle.close()
    digests = site.mdsctl("digest")
    assert (digests.returncode, digests.stdout.splitlines()[-1]) == (0, "equal"), digests.stdout


def kill(site: Site, name: str) -> None:
    """kill -9 of its metadata server; its unit tells keepalived, and starts it again."""
    machine = site.machines[name]
    machine.run(f"kill -9 {machine.unit(units.MDS_UNIT, 'MainPID')}")
    print(f"killed: the metadata server of {name}")


def told_in_time(idle: Clients, before: dict[str, Served], lost: str) -> None:
    """Clients that send nothing are told of the end of their server, and no other's connection ends."""
    mine = {name for name, place in before.items() if place.node == lost}
    assert mine, "vacuous: no idle client was served by it"
    wait("its idle clients are told", lambda: mine <= idle.ended(before), TOLD_S)
    assert idle.ended(before) == mine


def come_back(site: Site) -> None:
    await_all_fit(site)
    wait("every address is where it belongs", lambda: all_at_home(site), 60.0)
    time.sleep(1)


def moved(clients: Clients, before: dict[str, Served], lost: str) -> bool:
    """Whoever was served by the lost node is served by another one, or by it over a new connection."""
    now = clients.served()
    mine = [name for name, place in before.items() if place.node == lost]
    return all(name in now and now[name] != before[name] for name in mine)


def nodes_of(clients: Clients) -> dict[str, str]:
    return nodes_of_places(clients.served())


def nodes_of_places(places: dict[str, Served]) -> dict[str, str]:
    return {name: place.node for name, place in places.items()}
