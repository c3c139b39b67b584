"""A dead server says nothing at a service address, and everything elsewhere: the packet filter, with real sockets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.chaos.conftest import unavailable
from tests.chaos.test_network import soon
from tests.support.cluster import NFS_PORT, ROOT
from tests.support.debian import Unavailable
from tests.support.hanet import Hanet

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

SERVICE_OCTET = 100
_SERVER = """
import selectors, socket, sys
from mdscluster import silence

listener = socket.create_server(("0.0.0.0", int(sys.argv[1])), reuse_port=False)
events = selectors.DefaultSelector()
events.register(listener, selectors.EVENT_READ)
print("listens", flush=True)
while True:
    for key, _ in events.select():
        if key.fileobj is listener:
            sock, _ = listener.accept()
            silence.end_by_reset(sock)
            events.register(sock, selectors.EVENT_READ)
            continue
        data = key.fileobj.recv(100)
        if data in (b"", b"reset"):
            events.unregister(key.fileobj)
            if data:
                silence.mark(key.fileobj)
            else:
                silence.end_in_order(key.fileobj)
            key.fileobj.close()
        else:
            key.fileobj.sendall(b"echo of " + data)
"""
_CLIENT = """
import socket, sys

sock = None
for line in sys.stdin:
    word, *rest = line.split()
    try:
        if word == "dial":  # ADDRESS PORT SECONDS OWN_PORT
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", int(rest[3])))
            sock.settimeout(float(rest[2]))
            sock.connect((rest[0], int(rest[1])))
            said = "connected"
        elif word == "close":
            sock.close()
            said = "closed"
        else:
            if word == "say":
                sock.sendall(rest[0].encode())
            sock.settimeout(float(rest[-1]))
            said = sock.recv(100).decode().replace(" ", "_") or "end"
    except TimeoutError:
        said = "silence"
    except ConnectionResetError:
        said = "reset"
    except ConnectionRefusedError:
        said = "refused"
    print(said, flush=True)
"""


class Scene:
    """A host with a service address beside its own, a server there, and a client elsewhere."""

    def __init__(self, net: Hanet) -> None:
        self.net = net
        self.own = net.add_host("host", 11)
        net.add_host("client", 31)
        net.silence_the_dead("host", SERVICE_OCTET, NFS_PORT)
        self.service = net.add_address("host", SERVICE_OCTET)
        self.server = self.serve()
        command = net.wrap("client", [sys.executable, "-c", _CLIENT])
        self.client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def serve(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _SERVER, str(NFS_PORT)]
        server = subprocess.Popen(self.net.wrap("host", command), stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert server.stdout is not None
        assert server.stdout.readline() == "listens\n"
        return server

    def ask(self, *words: object) -> str:
        assert self.client.stdin is not None
        assert self.client.stdout is not None
        self.client.stdin.write(" ".join(map(str, words)) + "\n")
        self.client.stdin.flush()
        return self.client.stdout.readline().strip()

    def dial(self, address: str, patience_s: float = 1.0, own_port: int = 801) -> str:
        return self.ask("dial", address, NFS_PORT, patience_s, own_port)

    def kill(self) -> None:
        self.server.kill()
        self.server.wait()
        assert self.server.stdout is not None
        self.server.stdout.close()

    def remains(self) -> str:
        return self.net.run("host", ["ss", "-H", "-t", "-n", "state", "connected"])

    def close(self) -> None:
        for process in (self.server, self.client):
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    try:
        with Hanet("mdq") as net:
            made = Scene(net)
            try:
                yield made
            finally:
                made.close()
    except Unavailable as reason:
        unavailable(reason)


def test_nobody_hears_of_the_end_of_a_server_at_a_service_address(scene: Scene) -> None:
    """INV-7: who did would come again too early, and wait for a second. Nothing stays that could answer later on."""
    assert scene.dial(scene.service) == "connected"
    assert scene.ask("say", "a", 1) == "echo_of_a"
    scene.kill()
    assert scene.ask("hear", 0.5) == "silence"
    assert scene.ask("say", "b", 0.5) == "silence", "a request to a host without a server"
    assert scene.remains() == ""
    assert scene.dial(scene.service, 0.5, own_port=802) == "silence", "a new connection"


def test_it_is_heard_at_once_at_the_hosts_own_address(scene: Scene) -> None:
    """Clients that know all servers go to another one."""
    assert scene.dial(scene.own) == "connected"
    assert scene.ask("say", "a", 1) == "echo_of_a"
    scene.kill()
    assert scene.ask("hear", 1) == "reset"
    assert scene.dial(scene.own) == "refused"


def test_what_a_living_server_resets_is_heard(scene: Scene) -> None:
    """INV-6: a server without a quorum sends its clients away, wherever they came."""
    assert scene.dial(scene.service) == "connected"
    assert scene.ask("say", "reset", 1) == "reset"


def test_whoever_asks_the_next_server_there_for_a_connection_of_the_last_one_is_told(scene: Scene) -> None:
    """INV-7: it comes again at once, from the same port if it wants to."""
    assert scene.dial(scene.service) == "connected"
    assert scene.ask("say", "a", 1) == "echo_of_a"
    scene.kill()
    assert scene.ask("say", "b", 0.1) == "silence"
    scene.server = scene.serve()
    assert scene.ask("hear", 3) == "reset"
    assert scene.dial(scene.service) == "connected"
    assert scene.ask("say", "c", 1) == "echo_of_c"


def test_a_client_that_ends_its_connection_leaves_nothing(scene: Scene) -> None:
    assert scene.dial(scene.service) == "connected"
    assert scene.ask("say", "a", 1) == "echo_of_a"
    assert scene.remains() != "", "vacuous"
    assert scene.ask("close") == "closed"
    assert soon(lambda: scene.remains() == "", 2.0)
