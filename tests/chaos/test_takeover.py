"""A node falls silent with its clients' connections: whoever takes its address over makes them notice at once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos.conftest import unavailable
from tests.support.cluster import NFS_PORT, ROOT, SERVICE_OCTET, Cluster
from tests.support.debian import Unavailable
from tests.support.hanet import Hanet

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

MOVES_AFTER_S = 1.0
"""Just after a repetition of the client's TCP: the next one comes after 1.7 s."""
NOTICED_S = 1.35
_CLIENT = """
import asyncio, sys, time
from nfsclient import ChannelSettings, Client, Settings

async def main():
    patient = Settings(channel=ChannelSettings(reply_timeout_ms=60_000.0))
    client = await Client.connect([(sys.argv[1], int(sys.argv[2]))], settings=patient)
    for number in range(int(sys.argv[3])):
        began = time.monotonic()
        await client.mkdir(f"/d{number}")
        print(f"{time.monotonic() - began:.3f} {client.stats.reconnects}", flush=True)
        await asyncio.sleep(0.05)

asyncio.run(main())
"""


def test_clients_of_a_silent_node_come_as_soon_as_its_address_has_moved(tmp_path: Path) -> None:
    """INV-2, INV-7: a pause of hardly more than the address takes, though the client itself waits for ever."""
    try:
        with Hanet("mdt") as net, Cluster(tmp_path / "cluster", net, mds=3, ds=1) as cluster:
            net.add_host("client1", 31)
            silent, heir = cluster.service_on, next(name for name in cluster.mds_ids if name != cluster.service_on)
            command = [sys.executable, "-c", _CLIENT, cluster.service_address, str(NFS_PORT), "60"]
            client = subprocess.Popen(net.wrap("client1", command), stdout=subprocess.PIPE, text=True, cwd=ROOT)
            try:
                assert client.stdout is not None
                before = [client.stdout.readline() for _ in range(10)]
                net.isolate(silent)
                time.sleep(MOVES_AFTER_S)
                cluster.move_service(heir, keeps=[silent])
                lines = before + client.communicate(timeout=60)[0].splitlines()
            finally:
                client.kill()
            net.heal()
    except Unavailable as reason:
        unavailable(reason)
    waits = [(float(line.split()[0]), int(line.split()[1])) for line in lines]
    assert len(waits) == 60, "a call failed"
    longest_s = max(wait for wait, _ in waits)
    print(f"longest wait {longest_s:.3f} s")
    assert waits[-1][1], "vacuous: its connection was not lost"
    assert longest_s > MOVES_AFTER_S / 2, "vacuous: it was not cut off"
    assert longest_s < NOTICED_S


def test_neighbours_learn_where_the_address_is_from_the_node_itself(tmp_path: Path) -> None:
    """INV-2: whoever moved it (an operator, by ip address add) may not think of gratuitous ARP."""
    try:
        with Hanet("mdt") as net, Cluster(tmp_path / "cluster", net, mds=3, ds=1) as cluster:
            net.add_host("client1", 31)
            heir = next(name for name in cluster.mds_ids if name != cluster.service_on)
            command = [sys.executable, "-c", _CLIENT, cluster.service_address, str(NFS_PORT), "1"]
            subprocess.run(net.wrap("client1", command), check=True, capture_output=True, cwd=ROOT)
            before = net.neighbour("client1", cluster.service_address)
            assert before == net.hardware_address(cluster.service_on)
            net.add_address_quietly(heir, SERVICE_OCTET)
            until = time.monotonic() + 2.0
            while net.neighbour("client1", cluster.service_address) == before and time.monotonic() < until:
                time.sleep(0.02)
            assert net.neighbour("client1", cluster.service_address) == net.hardware_address(heir)
    except Unavailable as reason:
        unavailable(reason)
