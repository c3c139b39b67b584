"""A cluster whose nodes live in network namespaces of their own, to be killed, cut off and started again.

Configuration files are written by the project's own dataclasses, nodes are started by the public commands
(``mdscluster serve``, ``dataserver serve``) and looked at through ``mdsctl status --json``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from dataserver.config import DsConfig, MdsPeer
from dataserver.config import TlsPaths as DsTlsPaths
from mdscluster.config import ClusterConfig, Export, NodeConfig, Peer, TlsPaths
from mdscluster.pki import ClusterPki
from mdsproto.configfile import Address, save
from nfsclient.stats import LOST_STATE
from nfswire import nfs4
from tests.support.hanet import Hanet
from tests.support.lifeline import die_with_parent

ROOT = Path(__file__).resolve().parent.parent.parent
NFS_PORT, RAFT_PORT, ADMIN_PORT, DS_CONTROL_PORT = 2049, 7001, 7002, 7003
OPERATOR = "ops"
"""The host that mdsctl runs on: it never fails and is never cut off."""
SERVICE_OCTET = 100
FAILOVER_ERRORS = tuple(
    nfs4.STATUS_NAMES[status] for status in (*LOST_STATE, nfs4.NFS4ERR_SERVERFAULT, nfs4.NFS4ERR_IO)
)
"""What INV-7 forbids any server to send because a node was lost."""


class ClusterError(RuntimeError):
    """A node did not start, no leader was elected in time, or an answer makes no sense."""


@dataclass
class Node:
    """One server of the cluster."""

    id: str
    kind: Literal["mds", "ds"]
    address: str
    config: Path
    data_dir: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def alive(self) -> bool:
        """True while its process runs."""
        return self.process is not None and self.process.poll() is None


@dataclass(frozen=True)
class NodeStatus:
    """What one metadata server says of itself."""

    id: str
    reachable: bool
    role: str
    term: int
    applied_index: int
    statuses: dict[str, int]
    """COMPOUNDs answered, by NFS status name, since the node started."""
    operations: dict[str, int]
    """Operations answered, by name, since the node started."""


@dataclass(frozen=True)
class ClusterStatus:
    """All metadata servers' and data servers' states."""

    nodes: dict[str, NodeStatus]
    data_servers: dict[str, str]
    """``up`` or ``down`` by id."""
    raw: dict[str, Any]

    @property
    def leader(self) -> str:
        """The leader of the highest term; empty when there is none."""
        leaders = [n for n in self.nodes.values() if n.reachable and n.role == "leader"]
        return max(leaders, key=lambda n: n.term).id if leaders else ""


def parse_status(raw: dict[str, Any]) -> ClusterStatus:
    """The JSON of ``mdsctl status --json``; the only place that knows its shape."""
    nodes = {}
    for entry in raw["mds"]:
        nodes[entry["id"]] = NodeStatus(
            id=entry["id"],
            reachable=entry["reachable"],
            role=entry.get("role", ""),
            term=entry.get("term", 0),
            applied_index=entry.get("applied_index", 0),
            statuses=entry.get("statuses", {}),
            operations=entry.get("operations", {}),
        )
    return ClusterStatus(nodes, {entry["id"]: entry["state"] for entry in raw["ds"]}, raw)


class Cluster:
    """``with Cluster(base, net) as cluster``: everything up, a leader elected, the service address on the leader."""

    def __init__(
        self,
        base: Path,
        net: Hanet,
        mds: int = 3,
        ds: int = 3,
        settings: ClusterConfig | None = None,
        exports: tuple[Export, ...] | None = None,
        data_dir: Callable[[str], Path] | None = None,
        tune: Callable[[NodeConfig], NodeConfig] = lambda config: config,
        environment: Callable[[str], dict[str, str]] = lambda _: {},
    ) -> None:
        self.base, self.net = base, net
        self.settings = settings or ClusterConfig()
        self.tune, self.environment = tune, environment
        self.exports = exports or (Export(networks=(f"{net.network}.0/24",), root_squash=False),)
        self.nodes: dict[str, Node] = {}
        self.service_on = ""
        self.seen_statuses: Counter[str] = Counter()
        self._last_counts: dict[str, tuple[int, dict[str, int]]] = {}
        where = data_dir or (lambda name: base / name / "data")
        for kind, count, first in (("mds", mds, 11), ("ds", ds, 21)):
            for i in range(count):
                name = f"{kind}{i + 1}"
                address = f"{net.network}.{first + i}"
                config = base / name / f"{name}.toml"
                self.nodes[name] = Node(name, "mds" if kind == "mds" else "ds", address, config, where(name))

    @property
    def service_address(self) -> str:
        """Where clients mount."""
        return f"{self.net.network}.{SERVICE_OCTET}"

    @property
    def mds_ids(self) -> list[str]:
        """Every metadata server's id."""
        return [n.id for n in self.nodes.values() if n.kind == "mds"]

    @property
    def ds_ids(self) -> list[str]:
        """Every data server's id."""
        return [n.id for n in self.nodes.values() if n.kind == "ds"]

    @property
    def cluster_file(self) -> Path:
        """``cluster.json``, as ``./run up`` writes it."""
        return self.base / "cluster.json"

    def __enter__(self) -> Cluster:
        try:
            self.prepare()
            self.start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.stop()

    # ---- set-up

    def prepare(self) -> None:
        """Hosts, certificates and configuration files."""
        self.net.add_host(OPERATOR, 5)
        for node in self.nodes.values():
            self.net.add_host(node.id, int(node.address.rsplit(".", 1)[1]))
            if node.kind == "mds":
                self.net.silence_the_dead(node.id, SERVICE_OCTET, NFS_PORT)
        pki = ClusterPki(self.base / "pki")
        pki.create()
        pki.issue("admin", "admin", [])
        for node in self.nodes.values():
            node.config.parent.mkdir(parents=True, exist_ok=True)
            node.data_dir.mkdir(parents=True, exist_ok=True)
            paths = pki.issue(node.id, node.kind, [node.address])
            if node.kind == "mds":
                tls = TlsPaths(pki.ca, paths.certificate, paths.key)
                save(self._mds_config(node, pki.cluster_key, tls), node.config)
            else:
                ds_tls = DsTlsPaths(pki.ca, paths.certificate, paths.key)
                save(self._ds_config(node, pki.cluster_key, ds_tls), node.config)

    def _mds_config(self, node: Node, cluster_key: Path, tls: TlsPaths) -> NodeConfig:
        peers = []
        for name in self.mds_ids:
            host = self.nodes[name].address
            ports = (RAFT_PORT, ADMIN_PORT, NFS_PORT)
            peers.append(Peer(name, *(Address(host, port) for port in ports)))
        config = NodeConfig(
            node_id=node.id,
            data_dir=node.data_dir,
            cluster_key_file=cluster_key,
            nfs=Address("0.0.0.0", NFS_PORT),
            tls=tls,
            peers=tuple(peers),
            exports=self.exports,
            cluster=self.settings,
        )
        config = self.tune(config)
        config.validate()
        return config

    def rejoin(self, name: str) -> None:
        """Let a stopped metadata server that lost its disk join again, as its operator would."""
        command = [sys.executable, "-m", "mdscluster", "rejoin", "--config", str(self.nodes[name].config)]
        subprocess.run(command, check=True, cwd=ROOT, timeout=60)

    def _ds_config(self, node: Node, cluster_key: Path, tls: DsTlsPaths) -> DsConfig:
        peers = tuple(MdsPeer(n, Address(self.nodes[n].address, ADMIN_PORT)) for n in self.mds_ids)
        config = DsConfig(
            ds_id=node.id,
            data_dir=node.data_dir,
            cluster_key_file=cluster_key,
            nfs=Address(node.address, NFS_PORT),
            control=Address(node.address, DS_CONTROL_PORT),
            tls=tls,
            mds=peers,
            cluster_name=self.settings.name,
        )
        config.validate()
        return config

    # ---- life and death

    def start_all(self) -> None:
        """Start every node, wait for a leader and the data servers, give the leader the service address."""
        for name in self.nodes:
            self.start(name)
        self.wait_healthy()
        self.move_service(self.wait_leader())

    def start(self, name: str) -> None:
        """Start one node."""
        node = self.nodes[name]
        assert not node.alive, f"{name} runs already"
        package = "mdscluster" if node.kind == "mds" else "dataserver"
        program = f"import sys; from {package}.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", program, "serve", "--config", str(node.config)]
        with open(node.config.with_suffix(".log"), "ab") as log:
            node.process = subprocess.Popen(
                self.net.wrap(name, command),  # ip(8) executes the command in its own place: the pid is the node's
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                start_new_session=True,
                preexec_fn=die_with_parent,
                env={**os.environ, **self.environment(name)},
            )
        self._write_cluster_file()

    def kill(self, *names: str) -> None:
        """``kill -9`` of the nodes' processes: of all of them, before the first end is waited for."""
        processes = [self.nodes[name].process for name in names]
        for process in processes:
            assert process is not None
            process.kill()
        for process in processes:
            assert process is not None
            process.wait()

    def stop(self) -> None:
        """End everything."""
        for node in self.nodes.values():
            if node.process is not None and node.process.poll() is None:
                node.process.terminate()
        deadline = time.monotonic() + 10
        for node in self.nodes.values():
            if node.process is not None:
                try:
                    node.process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    self.kill(node.id)

    def move_service(self, to: str, keeps: Collection[str] = ()) -> None:
        """Move the address that clients mounted. Those of ``keeps`` have it too from then on: they cannot be told."""
        self.net.move_address(SERVICE_OCTET, to, keeps)
        self.service_on = to

    def _write_cluster_file(self) -> None:
        entries: dict[str, list[dict[str, Any]]] = {"mds": [], "ds": []}
        for node in self.nodes.values():
            entry: dict[str, Any] = {"id": node.id, "host": node.address, "nfs_port": NFS_PORT}
            entry |= {"pid": node.process.pid if node.process else 0, "config": str(node.config)}
            if node.kind == "mds":
                entry["admin"] = f"{node.address}:{ADMIN_PORT}"
            entries[node.kind].append(entry)
        partial = self.cluster_file.with_suffix(".tmp")
        partial.write_text(json.dumps({"export": "/", **entries}, indent=1))
        partial.rename(self.cluster_file)

    # ---- looking at it

    def mdsctl(self, *words: str, timeout_s: float = 90.0) -> tuple[int, str]:
        """Run mdsctl on the operator's host; exit status and output."""
        program = "import sys; from mdscluster.mdsctl import main; sys.exit(main())"
        command = [sys.executable, "-c", program, "--cluster", str(self.cluster_file), *words]
        wrapped = self.net.wrap(OPERATOR, command)
        done = subprocess.run(wrapped, capture_output=True, text=True, timeout=timeout_s, cwd=ROOT)
        if not done.stdout.strip():
            raise ClusterError(f"mdsctl {' '.join(words)} said nothing: {done.stderr.strip()[-600:]}")
        return done.returncode, done.stdout

    def status(self) -> ClusterStatus:
        """Ask every node; also adds up the statuses that servers sent, across their restarts."""
        status = parse_status(json.loads(self.mdsctl("status", "--json")[1]))
        for node in status.nodes.values():
            if node.reachable:
                process = self.nodes[node.id].process
                pid = process.pid if process else 0
                known_pid, known = self._last_counts.get(node.id, (0, {}))
                before = known if known_pid == pid else {}
                for name, count in node.statuses.items():
                    self.seen_statuses[name] += count - before.get(name, 0)
                self._last_counts[node.id] = (pid, node.statuses)
        return status

    def wait_leader(self, timeout_s: float = 20.0) -> str:
        """The leader's id, as soon as there is one."""
        return self.wait_for(lambda s: bool(s.leader), "no leader", timeout_s).leader

    def wait_healthy(self, timeout_s: float = 40.0) -> ClusterStatus:
        """Wait until every started node answers, has caught up, and every data server counts as up."""
        running = {n.id for n in self.nodes.values() if n.alive and n.kind == "mds"}
        servers = {n.id for n in self.nodes.values() if n.alive and n.kind == "ds"}

        def healthy(status: ClusterStatus) -> bool:
            nodes = [n for n in status.nodes.values() if n.id in running]
            if not status.leader or len(nodes) < len(running) or not all(n.reachable for n in nodes):
                return False
            lag = status.nodes[status.leader].applied_index - min(n.applied_index for n in nodes)
            return lag < 200 and all(status.data_servers.get(name) == "up" for name in servers)

        return self.wait_for(healthy, f"cluster of {sorted(running | servers)} is not healthy", timeout_s)

    def wait_for(self, good: Callable[[ClusterStatus], bool], what: str, timeout_s: float) -> ClusterStatus:
        """Poll the status until it is ``good``. ClusterError with logs when it never is, or a node died by itself."""
        deadline = time.monotonic() + timeout_s
        last: object = None
        while True:
            try:
                status = self.status()
                if good(status):
                    return status
                last = {n.id: (n.role, n.term, n.applied_index) for n in status.nodes.values()}, status.data_servers
            except (ClusterError, json.JSONDecodeError) as problem:
                last = problem
            if time.monotonic() > deadline:
                raise ClusterError(f"{what} after {timeout_s} s: {last}\n{self.log_tails()}")
            time.sleep(0.3)

    def log_tails(self, names: Iterable[str] = (), lines: int = 15) -> str:
        """The ends of the nodes' logs."""
        parts = []
        for name in names or self.nodes:
            path = self.nodes[name].config.with_suffix(".log")
            if path.exists():
                tail = path.read_text(errors="replace").splitlines()[-lines:]
                state = "running" if self.nodes[name].alive else "dead"
                parts.append(f"--- {name} ({state})\n" + "\n".join(tail))
        return "\n".join(parts)

    def tracebacks(self) -> list[str]:
        """Nodes whose log holds an exception."""
        logs = {name: node.config.with_suffix(".log") for name, node in self.nodes.items()}
        return [name for name, log in logs.items() if log.exists() and "Traceback" in log.read_text(errors="replace")]

    def stored_bytes(self, name: str) -> int:
        """Disk space that a data server's objects take."""
        return sum(f.stat().st_blocks * 512 for f in self.nodes[name].data_dir.rglob("*") if f.is_file())


def quick_lease(config: ClusterConfig | None = None) -> ClusterConfig:
    """Settings for tests that wait for a lease to run out."""
    return replace(config or ClusterConfig(), lease_ms=10_000)
