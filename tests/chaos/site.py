"""Where a cluster under test runs: in network namespaces (root), or as processes on loopback (anybody)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tests.chaos.ends import CRITICAL, SNAPSHOT_EVENT
from tests.chaos.evidence import Said
from tests.support.cluster import NFS_PORT, SERVICE_OCTET, Cluster
from tests.support.embedded import Embedded

END_TIMEOUT_S = 20
LEADS_EVENT = "this node leads"
CLOSED_EVENT, SENT_AWAY = "connection closed", ("no quorum", "this node has lost its quorum")
"""How a node logs that it closes a client's connection, and for which reasons if it sends it to one with a quorum."""


class Site(Protocol):
    """What scenarios need of a cluster, wherever it runs."""

    @property
    def mds_ids(self) -> list[str]:
        """Every metadata server's id."""

    @property
    def cluster_file(self) -> Path:
        """``cluster.json``, for mdsctl and the monitor."""

    @property
    def service_on(self) -> str:
        """Which node has the service address; empty when there is none."""

    def servers(self) -> list[tuple[str, int]]:
        """Where clients find the metadata servers, in the order of ``mds_ids``."""

    def known_to(self, number: int) -> list[tuple[str, int]]:
        """What the client host of this number knows of them, in the order in which it tries."""

    def wrap(self, host: str, command: Sequence[str]) -> list[str]:
        """The command, to be run on a client's or the operator's host."""

    def pid(self, name: str) -> int:
        """The node's consensus process."""

    def alive(self, name: str) -> bool:
        """Whether that runs."""

    def kill(self, *names: str) -> None:
        """``kill -9`` of all of them at the same moment; returns when they have ended."""

    def terminate(self, name: str) -> None:
        """SIGTERM, and wait for the end."""

    def start(self, name: str) -> None:
        """Start it again."""

    def start_replacement(self, name: str) -> None:
        """Start a node that has lost its state, under its old id."""

    def data_dir(self, name: str) -> Path:
        """Where the node keeps its state."""

    def logs(self) -> dict[str, Path]:
        """Every server's log."""

    def move_service(self, name: str, keeps: Collection[str] = ()) -> None:
        """Give the service address to a node; those of ``keeps`` have it too from now on."""

    def drop_service(self, name: str) -> None:
        """Take the address away from a node that has it no longer by right."""

    def digest(self) -> tuple[int, str]:
        """``mdsctl digest --json``: exit status and output."""


def rotated(servers: list[tuple[str, int]], number: int) -> list[tuple[str, int]]:
    """Every client begins at another node."""
    first = number % len(servers)
    return servers[first:] + servers[:first]


class Namespaces:
    """A cluster in network namespaces."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @property
    def mds_ids(self) -> list[str]:
        return self.cluster.mds_ids

    @property
    def cluster_file(self) -> Path:
        return self.cluster.cluster_file

    @property
    def service_on(self) -> str:
        return self.cluster.service_on

    def servers(self) -> list[tuple[str, int]]:
        return [(self.cluster.nodes[name].address, NFS_PORT) for name in self.mds_ids]

    def known_to(self, number: int) -> list[tuple[str, int]]:
        return rotated(self.servers(), number)

    def wrap(self, host: str, command: Sequence[str]) -> list[str]:
        return self.cluster.net.wrap(host, command)

    def pid(self, name: str) -> int:
        process = self.cluster.nodes[name].process
        assert process is not None
        return process.pid

    def alive(self, name: str) -> bool:
        return self.cluster.nodes[name].alive

    def kill(self, *names: str) -> None:
        self.cluster.kill(*names)

    def terminate(self, name: str) -> None:
        process = self.cluster.nodes[name].process
        assert process is not None
        process.terminate()
        process.wait(END_TIMEOUT_S)

    def start(self, name: str) -> None:
        self.cluster.start(name)

    def start_replacement(self, name: str) -> None:
        self.cluster.rejoin(name)
        self.cluster.start(name)

    def data_dir(self, name: str) -> Path:
        return self.cluster.nodes[name].data_dir

    def logs(self) -> dict[str, Path]:
        return {name: node.config.with_suffix(".log") for name, node in self.cluster.nodes.items()}

    def move_service(self, name: str, keeps: Collection[str] = ()) -> None:
        self.cluster.move_service(name, keeps)

    def drop_service(self, name: str) -> None:
        if name != self.cluster.service_on:
            self.cluster.net.remove_address(name, SERVICE_OCTET)

    def digest(self) -> tuple[int, str]:
        return self.cluster.mdsctl("digest", "--json")


class Loopback:
    """``mdscluster up`` on 127.0.0.1: nodes can be killed, but nothing of the network or the disks can break."""

    service_on = ""

    def __init__(self, embedded: Embedded) -> None:
        self.embedded = embedded

    @property
    def mds_ids(self) -> list[str]:
        return sorted(self.embedded.nodes())

    @property
    def cluster_file(self) -> Path:
        return self.embedded.file

    def servers(self) -> list[tuple[str, int]]:
        return self.embedded.addresses()

    def known_to(self, number: int) -> list[tuple[str, int]]:
        return rotated(self.servers(), number)

    def wrap(self, host: str, command: Sequence[str]) -> list[str]:
        return list(command)

    def pid(self, name: str) -> int:
        return self.embedded.pid(name)

    def alive(self, name: str) -> bool:
        with contextlib.suppress(OSError, ValueError):
            status = Path(f"/proc/{self.pid(name)}/stat").read_text()
            return status.rpartition(") ")[2][0] not in "ZX"
        return False

    def kill(self, *names: str) -> None:
        self.embedded.kill(*names)
        for name in names:
            self._await_end(name)

    def terminate(self, name: str) -> None:
        os.kill(self.pid(name), signal.SIGTERM)
        self._await_end(name)

    def _await_end(self, name: str) -> None:
        deadline = time.monotonic() + END_TIMEOUT_S
        while self.alive(name):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} does not end")
            time.sleep(0.01)

    def start(self, name: str) -> None:
        self.embedded.start(name)

    def start_replacement(self, name: str) -> None:
        done = self.embedded.command("rejoin", "--config", self.embedded.nodes()[name]["config"])
        assert done.returncode == 0, done.stderr
        self.embedded.start(name)

    def data_dir(self, name: str) -> Path:
        return self.embedded.base_dir / name

    def logs(self) -> dict[str, Path]:
        return {path.parent.parent.name + "/" + path.stem: path for path in self.embedded.base_dir.glob("*/log/*.log")}

    def drop_service(self, name: str) -> None:
        raise NotImplementedError("there is no service address on loopback")

    def move_service(self, name: str, keeps: Collection[str] = ()) -> None:
        raise NotImplementedError("there is no service address on loopback")

    def digest(self) -> tuple[int, str]:
        done: subprocess.CompletedProcess[str] = self.embedded.mdsctl("digest", "--json")
        return done.returncode, done.stdout + done.stderr


def tracebacks(site: Site) -> list[str]:
    """Servers whose log holds an exception."""
    logs = {name: log.read_text(errors="replace") for name, log in site.logs().items() if log.exists()}
    return [name for name, text in logs.items() if "Traceback" in text]


def said(site: Site) -> list[Said]:
    """What servers have logged by now that is critical, or tells of an installed snapshot, of clients sent away or of a
    term in which it leads.

    Of a node whose wall clock was wrong the times are, too: the scenarios that put one wrong end no process.
    """
    ahead_s = time.time() - time.monotonic()
    texts = [log.read_text(errors="replace") for log in site.logs().values() if log.exists()]
    return [line for text in texts for line in telling(text, ahead_s)]


def telling(log: str, ahead_s: float) -> list[Said]:
    """Those of a log's lines. ``ahead_s``: the wall clock, less time.monotonic()."""
    found = []
    for line in log.splitlines():
        if not any(sign in line for sign in (f'"{CRITICAL}"', SNAPSHOT_EVENT, CLOSED_EVENT, LEADS_EVENT)):
            continue
        try:
            words = json.loads(line)
            at_s = datetime.fromisoformat(words["timestamp"]).timestamp() - ahead_s
            reason = words["reason"] if words["event"] == CLOSED_EVENT else ""
            term = words["term"] if words["event"] == LEADS_EVENT else 0
            one = Said(at_s, words["node"], words["level"], words["event"], reason, term)
        except (ValueError, KeyError, TypeError):  # half a line of a process that was killed; another program's
            continue
        if one.level == CRITICAL or one.event.startswith(SNAPSHOT_EVENT) or one.reason in SENT_AWAY or one.term:
            found.append(one)
    return found
