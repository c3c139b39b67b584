"""A cluster of real processes whose servers answer Prometheus, with a power device for each, and a client at work."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import threading
import time
from pathlib import Path

import dataserver.config
import mdscluster.config
from dataserver.config import DsConfig
from fencing.device import Device
from mdscluster.config import Fencing, Guard, NodeConfig
from mdscluster.plan import ClusterPlan
from mdsproto.configfile import save
from nfsclient.client import Client
from nfsclient.cluster_file import read_cluster_file
from nfsclient.errors import NfsClientError
from nfswire import nfs4
from tests.support.embedded import Embedded
from tests.support.ports import free_base_port, free_port

NODES = ("mds1", "mds2", "mds3")
ADDRESS = "127.0.0.1"
DEVICE = """#!/bin/sh
# A power device that does what the file "manner" says: fails, or switches nothing and says that it did.
while IFS='=' read -r key value; do
    case $key in action) action=$value ;; esac
done
[ "$(cat {manner})" = well ] || {{ echo "the device is broken" >&2; exit 1; }}
case $action in
on | off) echo "$action" >{power} ;;
status) if [ "$(cat {power})" = on ]; then echo "Status: ON"; else echo "Status: OFF"; exit 2; fi ;;
esac
"""


class Watched:
    """A cluster whose servers tell Prometheus of themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = ClusterPlan.open(folder / "cluster", 3, 2, None, free_base_port())
        self.plan.prepare()
        self.victim = ""
        self.mds: dict[str, str] = {}
        self.ds: dict[str, str] = {}
        self.manner, power, self.device = folder / "manner", folder / "power", folder / "device"
        self.manner.write_text("broken")
        power.write_text("on")
        self.device.write_text(DEVICE.format(manner=self.manner, power=power))
        self.device.chmod(0o755)
        for node in self.plan.mds:
            self._watch_mds(node.id, node.config)
        for node in self.plan.ds:
            self._watch_ds(node.id, node.config)

    def vips(self, node_id: str) -> Path:
        """Where keepalived's script would write on that host."""
        return self.folder / f"vips-{node_id}"

    def tell_vip(self, node_id: str, address: str, state: str) -> None:
        """As the script would."""
        partial = self.vips(node_id) / ".new"
        partial.write_text(f"{state} 200 {time.time():.9f}\n")
        partial.rename(self.vips(node_id) / f"vip_{address}")

    def forget_vip(self, node_id: str, address: str) -> None:
        """As the host's start does: keepalived there has told nothing since."""
        (self.vips(node_id) / f"vip_{address}").unlink()

    def name_vips(self, *addresses: str) -> None:
        """Have every metadata server miss these service addresses where keepalived tells nothing of them."""
        for node in self.plan.mds:
            save(dataclasses.replace(NodeConfig.load(node.config), service_addresses=addresses), node.config)

    def _watch_mds(self, node_id: str, file: Path) -> None:
        config = NodeConfig.load(file)
        self.mds[node_id] = f"{ADDRESS}:{free_port()}"
        self.vips(node_id).mkdir()
        metrics = mdscluster.config.Metrics(self.mds[node_id], slow_ms=200)
        guard = Guard(vip_dir=str(self.vips(node_id)))
        devices = tuple(
            Device(f"power-{name}", name, str(self.device), (f"plug={name}",), timeout_ms=3_000) for name in NODES
        )
        config = dataclasses.replace(config, metrics=metrics, guard=guard, fencing=Fencing(devices=devices))
        config.validate()
        save(config, file)

    def _watch_ds(self, ds_id: str, file: Path) -> None:
        config = DsConfig.load(file)
        self.ds[ds_id] = f"{ADDRESS}:{free_port()}"
        config = dataclasses.replace(config, metrics=dataserver.config.Metrics(self.ds[ds_id]))
        config.validate()
        save(config, file)


class Load(threading.Thread):
    """A client at work: files made, written, read, until it is told to stop. Its errors do not matter here."""

    def __init__(self, cluster: Embedded) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._stop_it = threading.Event()
        self.rounds = 0

    def run(self) -> None:
        asyncio.run(self._work())

    def stop(self) -> None:
        self._stop_it.set()
        self.join(60)

    async def _work(self) -> None:
        found = read_cluster_file(self._cluster.file)
        async with await Client.connect(found.addresses, root=found.export) as client:
            while not self._stop_it.is_set():
                with contextlib.suppress(NfsClientError):
                    await self._round(client)
                    self.rounds += 1
                await asyncio.sleep(0.02)

    async def _round(self, client: Client) -> None:
        name = f"/file{self.rounds % 8}"
        async with await client.open(name, create=nfs4.UNCHECKED4) as file:
            await file.write(0, os.urandom(1 << 16))
            await file.commit()
            await file.read(0, 1 << 16)
        await client.getattr(name)
