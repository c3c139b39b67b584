"""Clients of one address are spread over three hosts by the rendered packet filter, in network namespaces."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy import spreading
from deploy.inventory import Inventory, Node, Spread, Vip
from tests.chaos.conftest import unavailable
from tests.support.debian import Unavailable
from tests.support.hanet import Hanet

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

NODES = ("mds1", "mds2", "mds3")
CLIENTS = 300
PORT, SPREAD = 2049, 100
SERVER = """
import socket, sys, threading
def serve(link, peer):
    link.sendall(f"{sys.argv[1]} {peer[0]} {link.getsockname()[0]}\\n".encode())
    while link.recv(64):
        link.sendall(sys.argv[1].encode() + b"\\n")
listener = socket.create_server(("0.0.0.0", 2049), backlog=512, reuse_port=True)
while True:
    threading.Thread(target=serve, args=listener.accept(), daemon=True).start()
"""
CLIENT = """
import socket, sys
asked, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
links = []
for number in range(count):
    own = f"{asked.rsplit('.', 2)[0]}.{1 + number // 250}.{1 + number % 250}"
    links.append((own, socket.create_connection((asked, 2049), timeout=5, source_address=(own, 0))))
def line(link):
    return link.makefile("r").readline().split()
print("\\n".join(" ".join([own, *line(link)]) for own, link in links), flush=True)
for word in sys.stdin:
    answers = []
    for own, link in links:
        try:
            link.sendall(b"x")
            answers.append(f"{own} {link.recv(64).decode().strip() or 'ended'}")
        except OSError as problem:
            answers.append(f"{own} {type(problem).__name__}")
    print("\\n".join(answers), flush=True)
"""


class Rig:
    """Three hosts with a server each, and a client with many addresses."""

    def __init__(self, net: Hanet, folder: Path) -> None:
        self.net, self.processes = net, []
        nodes = tuple(Node(name, (f"{net.network}.{11 + n}/16",), "eth0") for n, name in enumerate(NODES))
        vips = tuple(Vip(f"{net.network}.{101 + n}/16", name) for n, name in enumerate(NODES))
        spread = Spread(f"{net.network}.{SPREAD}/16")
        self.inventory = Inventory("x", nodes, (), (), vips, spread=spread)
        for number, node in enumerate(nodes):
            net.add_host(node.id, 11 + number)
            self._widen(node.id, 11 + number)
            for name, make in ((spreading.NFT_FILE, spreading.nft), (spreading.SYSCTL_FILE, spreading.sysctl)):
                (folder / f"{node.id}.{name}").write_text(make(self.inventory, node))
            net.run(node.id, ["sysctl", "-qp", str(folder / f"{node.id}.{spreading.SYSCTL_FILE}")])
            net.run(node.id, ["nft", "-f", str(folder / f"{node.id}.{spreading.NFT_FILE}")])
            net.run(node.id, ["ip", "route", *f"replace local {net.network}.{SPREAD}/32 dev lo table local".split()])
            self.give(node.id, 101 + number)
            self._start(node.id, [sys.executable, "-c", SERVER, node.id])
        self.give("mds1", SPREAD)
        net.add_host("client", 200)
        self._widen("client", 200)
        place = net.network.rsplit(".", 1)[0]
        net.run("client", ["sysctl", "-qw", "net.ipv4.conf.all.arp_notify=0"])
        for third, most in ((1, 250), (2, 250)):
            batch = "\n".join(f"addr add {place}.{third}.{1 + n}/16 dev eth0" for n in range(most))
            subprocess.run(
                net.wrap("client", ["ip", "-batch", "-"]), input=batch, text=True, check=True, capture_output=True
            )

    def _widen(self, name: str, octet: int) -> None:
        """The network is a /16 here: the client needs hundreds of addresses."""
        address = f"{self.net.network}.{octet}"
        self.net.run(name, ["ip", "addr", "del", f"{address}/24", "dev", "eth0"])
        self.net.run(name, ["ip", "addr", "add", f"{address}/16", "dev", "eth0"])

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.net.wrap(name, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        return process

    def give(self, name: str, octet: int) -> None:
        """A service address arrives at a host, which tells everybody."""
        address = f"{self.net.network}.{octet}"
        self.net.run(name, ["ip", "addr", "add", f"{address}/16", "dev", "eth0"])
        self.net.announce(name, address)

    def take(self, name: str, octet: int) -> None:
        self.net.run(name, ["ip", "addr", "del", f"{self.net.network}.{octet}/16", "dev", "eth0"])

    def connect(self) -> tuple[subprocess.Popen[str], list[list[str]]]:
        """All clients connect; each with its address, its server, what that takes it and itself for."""
        asked = f"{self.net.network}.{SPREAD}"
        client = self._start("client", [sys.executable, "-c", CLIENT, asked, "1", str(CLIENTS)])
        return client, self.lines(client)

    @staticmethod
    def lines(client: subprocess.Popen[str]) -> list[list[str]]:
        assert client.stdout is not None
        return [client.stdout.readline().split() for _ in range(CLIENTS)]

    def ask(self, client: subprocess.Popen[str]) -> dict[str, str]:
        """Everybody says something more; who answered."""
        assert client.stdin is not None
        client.stdin.write("again\n")
        client.stdin.flush()
        return {own: " ".join(answer) for own, *answer in self.lines(client)}

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    try:
        with Hanet("spr", "10.78.0") as net:
            made = Rig(net, folder)
            try:
                time.sleep(0.5)
                yield made
            finally:
                made.close()
    except Unavailable as reason:
        unavailable(reason)


def test_clients_of_one_address_are_spread_and_stay_where_they_are(tmp_path: Path) -> None:
    """Servers see the clients' own addresses; a move of the spread address ends no connection; of a lost node's clients
    each finds another node, and nobody else's is disturbed."""
    with rig(tmp_path) as it:
        client, first = it.connect()
        servers = {own: server for own, server, *_ in first}
        shares = Counter(servers.values())
        print("shares:", dict(shares))
        assert set(shares) == set(NODES)
        assert min(shares.values()) > CLIENTS / 3 * 0.7
        assert all(own == seen for own, _, seen, _ in first), "a server takes a client for another"
        assert {asked for *_, asked in first} == {f"{it.net.network}.{SPREAD}"}

        it.take("mds1", SPREAD)
        it.give("mds3", SPREAD)
        assert it.ask(client) == servers, "the spread address moved"

        it.take("mds2", 102)  # as keepalived does when it is lost
        it.give("mds3", 102)
        after = it.ask(client)
        assert {own: "ConnectionResetError" if node == "mds2" else node for own, node in servers.items()} == after
        _, again = it.connect()
        assert {own: node for own, node, *_ in again} == {
            own: "mds3" if node == "mds2" else node for own, node in servers.items()
        }


def test_the_other_addresses_work_as_before(tmp_path: Path) -> None:
    """Who mounts one of them is served by its holder, at that address."""
    with rig(tmp_path) as it:
        for number, node in enumerate(NODES):
            asked = f"{it.net.network}.{101 + number}"
            place = asked, PORT
            program = f"import socket; print(socket.create_connection({place}, timeout=5).recv(99).decode())"
            told = it.net.run("client", [sys.executable, "-c", program]).split()
            assert (told[0], told[2]) == (node, asked)
