"""A data server's machine loses its power and is back: who waits for a reply that will never come is told at once.

The client's request was acknowledged by the machine's kernel, so its TCP has nothing to repeat and is silent; Linux
found out by its keepalive, 57 s later (power-loss-all, seed 233). A connection by which nothing is under way is as
silent as that. Real servers, on hosts of namespaces; their power is as ``Chaos.cut_power`` cuts it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dataserver.whereabouts import FILE, read
from tests.support.cluster import NFS_PORT, ROOT, Cluster
from tests.support.hanet import Hanet

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

CLIENT, LOST = "client1", "ds1"
TOLD_S = 1.5
"""From when it serves again: a look each 0.2 s, and a client answers a tickle ACK in half a second at most."""
_CLIENT = """
import socket, sys, time

sock = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
print("connected", flush=True)
sock.settimeout(60)
try:
    print("closed" if sock.recv(1) == b"" else "data", flush=True)
except OSError as problem:
    print(type(problem).__name__, flush=True)
"""


def test_clients_of_a_data_server_that_lost_its_power_are_told_when_it_is_back(tmp_path: Path) -> None:
    """INV-7: no call waits for a minute, where nothing is missing any more."""
    with Hanet("mbp") as net, Cluster(tmp_path, net, ds=1) as cluster:
        node = cluster.nodes[LOST]
        file = node.data_dir / FILE
        net.add_host(CLIENT, 31)
        command = net.wrap(CLIENT, [sys.executable, "-c", _CLIENT, node.address, str(NFS_PORT)])
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as client:
            try:
                assert client.stdout is not None
                assert client.stdout.readline() == "connected\n"
                client_address = net.hosts[CLIENT]
                until("it is noted", lambda: any(ends.remote == client_address for ends in read(file)))
                net.isolate(LOST)  # first of all: a machine without power says no goodbye
                cluster.kill(LOST)
                net.forget_connections(LOST)
                net.heal()
                cluster.start(LOST)
                until("it serves", lambda: serves(net, node.address))
                began_s = time.monotonic()
                assert client.stdout.readline() == "ConnectionResetError\n"
                told_s = time.monotonic() - began_s
                print(f"told {told_s:.2f} s after it was back")
                assert told_s < TOLD_S
                until("it is forgotten", lambda: all(ends.remote != client_address for ends in read(file)))
            finally:
                client.kill()


def serves(net: Hanet, address: str) -> bool:
    command = [sys.executable, "-c", f"import socket; socket.create_connection(('{address}', {NFS_PORT}), 1)"]
    return subprocess.run(net.wrap(LOST, command), stderr=subprocess.DEVNULL, check=False).returncode == 0


def until(what: str, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
