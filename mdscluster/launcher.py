"""``run up``: an embedded cluster in the foreground, every node a process of its own that may be killed.

The launcher starts, watches, tells and stops. It never restarts a node: whoever killed it wants to see
the others go on, and starts it again with the command that the launcher prints.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from mdscluster.adminclient import AdminClient, Answer, Target, has_quorum, members_of
from mdscluster.config import ConfigError
from mdscluster.plan import ClusterPlan, PlannedNode
from mdsproto.lifeline import PARENT_VARIABLE
from mdsproto.nodelock import NodeLock, running_pid
from nfsclient import Client
from nfswire import nfs4
from nfswire.rpc import AuthSys

SERVING_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
_GIVE_TIMEOUT_S: Final = 20.0
_LOOK_S: Final = 0.25
_LOG_LINES: Final = 15


def default_base_dir() -> Path:
    """Where ``up`` keeps its cluster when it is not told."""
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share") / "mdscluster"


def say(text: str) -> None:
    """Tell the operator; at once, also through a pipe."""
    print(text, flush=True)


def up(
    base_dir: Path | None = None, mds: int | None = None, ds: int | None = None, address: str | None = None,
    port: int | None = None,
) -> int:  # fmt: skip
    """Run the cluster until SIGTERM or SIGINT; the exit code. Raises :class:`ConfigError`."""
    directory = base_dir or default_base_dir()
    with ExitStack() as stack:
        with usable(directory):
            plan = ClusterPlan.open(directory, mds, ds, address, port)
            cluster = stack.enter_context(Cluster(plan))
            stop = StopSignal()
            cluster.start(stop.is_set)
        if not stop.is_set():
            say(introduction(plan))
        while not stop.is_set():
            stop.wait(_LOOK_S)
            for line in cluster.look():
                say(line)
        say("\nstopping ...")
    say("stopped. The next `up` comes back with all data.")
    return 0


@contextmanager
def usable(directory: Path) -> Iterator[None]:
    """Make a refusal of the operating system to use ``directory`` a :class:`ConfigError` in the operator's words."""
    try:
        yield
    except OSError as problem:
        if problem.filename is None:
            raise  # not about a file
        raise ConfigError(
            f"cannot use {directory}: {problem.strerror} ({problem.filename}); --base-dir DIR names another place"
        ) from problem


class StopSignal:
    """SIGTERM and SIGINT as something to wait for, so that a signal never interrupts a half-done step."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._reader, selectors.EVENT_READ)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and background jobs have their reasons
                signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def is_set(self) -> bool:
        """Whether a signal has come."""
        return bool(self._selector.select(0))

    def wait(self, timeout_s: float) -> None:
        """Until a signal has come or the time is over."""
        self._selector.select(timeout_s)


class Cluster:
    """The running nodes of a plan. Leaving the ``with`` block stops them all and waits."""

    def __init__(self, plan: ClusterPlan) -> None:
        self.plan = plan
        self.nodes: list[PlannedNode] = [*plan.mds, *plan.ds]
        self.pids: dict[str, int] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._dead: set[str] = set()
        self._lock: NodeLock | None = None

    def __enter__(self) -> Cluster:
        self.plan.base_dir.mkdir(parents=True, exist_ok=True)
        self._lock = NodeLock(self.plan.base_dir, f"the cluster of {self.plan.base_dir}")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._lock is not None:
            self._lock.release()

    # ------------------------------------------------------------ starting
    def start(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Start every node and return when the cluster serves. Raises :class:`ConfigError` when it will not."""
        self.plan.cluster_file.unlink(missing_ok=True)
        self.plan.prepare()
        self._check_free()
        for node in self.nodes:
            self.spawn(node)
        say(f"started {len(self.plan.mds)} metadata and {len(self.plan.ds)} data servers in {self.plan.base_dir} ...")
        self._await_serving(cancelled)
        if not cancelled():
            if os.getuid() != 0:
                asyncio.run(give_root_directory(self.plan))
            self.plan.write_cluster_file(self.pids)

    def _check_free(self) -> None:
        for node in self.nodes:
            pid = running_pid(node.data_dir)
            if pid is not None:
                raise ConfigError(f"{node.id} runs already, as process {pid}: stop it first (kill {pid})")
            for address in (node.nfs, node.admin):
                with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    try:
                        probe.bind((address.host, address.port))
                    except OSError as problem:
                        raise ConfigError(
                            f"{node.id} cannot listen on {address}: {problem.strerror}. "
                            "Another cluster? --port BASE and --base-dir DIR make room for a second one"
                        ) from problem

    def spawn(self, node: PlannedNode) -> None:
        """Start one node in a process group of its own; its log goes to its own file."""
        node.log.parent.mkdir(parents=True, exist_ok=True)
        with node.log.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", node.module, "serve", "--config", str(node.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
            )  # fmt: skip
        self._children[node.id] = child
        self.pids[node.id] = child.pid
        self._dead.discard(node.id)

    def _await_serving(self, cancelled: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + SERVING_TIMEOUT_S
        missing = "no metadata server answers"
        with self.admin_client() as client:
            while not cancelled():
                for node in self.nodes:
                    code = self._children[node.id].poll()
                    if code is not None:
                        raise ConfigError(f"{node.id} {_how(code)} at start. The end of {node.log}:\n{_tail(node.log)}")
                missing = self.what_is_missing(client.status(timeout_s=1.0))
                if not missing:
                    return
                if time.monotonic() > deadline_s:
                    raise ConfigError(f"not serving after {SERVING_TIMEOUT_S:.0f} s: {missing}. "
                                      f"Logs are in {self.plan.base_dir}/*/log")  # fmt: skip
                time.sleep(_LOOK_S)

    def admin_client(self) -> AdminClient:
        """For asking this cluster's metadata servers."""
        targets = [Target(node.id, str(node.admin), str(node.nfs)) for node in self.plan.mds]
        return AdminClient(targets, self.plan.pki)

    def what_is_missing(self, answers: list[Answer]) -> str:
        """Why the cluster does not serve yet; empty when every node does."""
        # Members that were added later are not this launcher's to start, and one that was removed serves nobody.
        members = {member.node_id for member in members_of(answers)}
        planned = {node.id for node in self.plan.mds}
        answers = [answer for answer in answers if answer.target.id in planned & (members or planned)]
        silent = [answer.target.id for answer in answers if answer.reply is None]
        if silent:
            return f"no answer from {', '.join(silent)}"
        if not has_quorum(answers):
            return "no leader yet"
        behind = [answer.target.id for answer in answers if answer.reply and not answer.reply.has_quorum]
        if behind:
            return f"{', '.join(behind)} found no leader yet"
        for answer in answers:
            assert answer.reply is not None
            alive = {server.ds_id for server in answer.reply.data_servers if server.state == "up"}
            absent = [node.id for node in self.plan.ds if node.id not in alive]
            if absent:
                return f"{', '.join(absent)} not registered yet at {answer.target.id}"
        return ""

    # ------------------------------------------------------------ watching
    def look(self) -> list[str]:
        """What happened to the nodes since the last look, for the operator."""
        news = []
        for node in self.nodes:
            code = self._children[node.id].poll()
            if node.id not in self._dead:
                if code is not None:
                    self._dead.add(node.id)
                    news.append(f"{node.id} {_how(code)}. Start it again with:\n    {_command(node)}")
                continue
            pid = running_pid(node.data_dir)
            if pid is not None and pid != self.pids[node.id]:
                self.pids[node.id] = pid
                self.plan.write_cluster_file(self.pids)
                news.append(f"{node.id} is back, as process {pid}")
            elif pid is None and self.pids[node.id] != self._children[node.id].pid:
                self.pids[node.id] = self._children[node.id].pid
                news.append(f"{node.id} is gone again")
        return news

    # ------------------------------------------------------------ stopping
    def stop(self) -> None:
        """Stop every node, also those started again by hand, and wait until they are gone."""
        self.plan.cluster_file.unlink(missing_ok=True)
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        strangers = [pid for node in self.nodes if node.id in self._dead and (pid := running_pid(node.data_dir))]
        for pid in strangers:
            os.kill(pid, signal.SIGTERM)
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        for node_id, child in self._children.items():
            try:
                child.wait(max(0.1, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                say(f"{node_id} did not stop within {STOP_TIMEOUT_S:.0f} s: killed")
                child.kill()
                child.wait()
        while any(running_pid(node.data_dir) for node in self.nodes if node.id in self._dead):
            if time.monotonic() > deadline_s:
                say(f"still running: {', '.join(map(str, strangers))}")
                return
            time.sleep(_LOOK_S)


async def give_root_directory(plan: ClusterPlan) -> None:
    """The file system of an ordinary user's cluster belongs to that user, who could write nothing to root's."""
    addresses = [(node.nfs.host, node.nfs.port) for node in plan.mds]
    async with (
        asyncio.timeout(_GIVE_TIMEOUT_S),
        await Client.connect(addresses, credential=AuthSys(0, b"up", 0, 0, ())) as client,
    ):
        if (await client.getattr("/")).owner == b"0":
            owner, group = str(os.getuid()).encode(), str(os.getgid()).encode()
            await client.setattr("/", {nfs4.FATTR4_OWNER: owner, nfs4.FATTR4_OWNER_GROUP: group})


def introduction(plan: ClusterPlan) -> str:
    """What a newcomer wants to know once the cluster serves."""
    first = plan.mds[0]
    script = Path(sys.executable).with_name("mdsctl")
    host = f"[{first.nfs.host}]" if ":" in first.nfs.host else first.nfs.host
    lines = [
        f"serving {', '.join(f'{node.id} {node.nfs}' for node in plan.mds)}",
        "",
        "mount it (as root, at any metadata server's port):",
        f"    mount -t nfs4 -o vers=4.2,port={first.nfs.port} {host}:/ /mnt",
        "look at it:",
        f"    {script} --cluster {plan.cluster_file} status",
        "kill a node and see it go on (the pids are in cluster.json):",
        f"    kill -9 $(cat {plan.base_dir}/mds1/node.pid)",
        f"logs: {plan.base_dir}/*/log      Ctrl-C stops all",
    ]
    if not ipaddress.ip_address(plan.settings.address).is_loopback:
        lines.append(
            "note: everybody who reaches this address may mount it as root ([[exports]] in the mds*.toml files)"
        )
    return "\n".join(lines)


def _command(node: PlannedNode) -> str:
    script = Path(sys.executable).with_name(node.module)
    return f"{script if script.exists() else node.module} serve --config {node.config}"


def _how(code: int) -> str:
    if code < 0:
        return f"died of {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as problem:
        return str(problem)
    return "\n".join("    " + line for line in lines[-_LOG_LINES:])
