"""One simulated node: a real engine on a real LMDB environment, whose process, disk and clocks are the test's."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lmdb

from mdscluster.raft import snapshot
from mdscluster.raft.engine import Engine, Output
from tests.simulation.consensus.machine import AppendMachine
from tests.simulation.disk import Disk

if TYPE_CHECKING:
    from tests.simulation.consensus.cluster import Cluster

MAP_BYTES = 64 << 20
WALL_EPOCH_NS = 1_700_000_000_000_000_000


def open_env(path: Path) -> lmdb.Environment:
    """As the product opens it, but small. That it flushes the directory (``open_environment``) is taken for granted."""
    path.mkdir(parents=True, exist_ok=True)
    return lmdb.open(str(path), map_size=MAP_BYTES, max_dbs=64, metasync=False, meminit=False)


class Clock:
    """A machine's clocks: a monotonic one that runs at a rate of its own, and a wall clock that may jump."""

    def __init__(self) -> None:
        self.rate = 1.0
        self.jump_ms = 0.0
        """How far the wall clock is off."""
        self._since_ms = 0.0
        self._local_ms = 0.0

    def local_ms(self, now_ms: float) -> float:
        return self._local_ms + (now_ms - self._since_ms) * self.rate

    def true_ms(self, local_ms: float) -> float:
        """When the monotonic clock will show ``local_ms`` if its rate stays."""
        return self._since_ms + (local_ms - self._local_ms) / self.rate

    def set_rate(self, rate: float, now_ms: float) -> None:
        self._since_ms, self._local_ms = now_ms, self.local_ms(now_ms)
        self.rate = rate

    def wall_ns(self, now_ms: float) -> int:
        return int((now_ms + self.jump_ms) * 1_000_000) + WALL_EPOCH_NS


class SimNode:
    """A node that can be killed, lose its disk's newest writes, and come back."""

    def __init__(self, cluster: Cluster, node_id: str, directory: Path) -> None:
        self.cluster = cluster
        self.id = node_id
        self.dir = directory
        self.clock = Clock()
        self.disk = Disk(directory)
        self.up = False
        self.wiped = False
        """It lost its disk, and has not been told yet that it is a replacement."""
        self.engine: Engine = None  # type: ignore[assignment]  # while down
        self.env: lmdb.Environment = None  # type: ignore[assignment]
        self.machine: Any = None
        """An ``AppendMachine``, unless ``make_machine`` makes another."""
        self.results: dict[object, bytes | None] = {}
        self.barriers: dict[object, bool] = {}
        self.events: list[bytes] = []
        self.snapshot_from: str | None = None
        self.checked = 0
        """Up to which entry ``Cluster.observe`` has compared what this process applied."""

    @property
    def now_ms(self) -> float:
        return self.clock.local_ms(self.cluster.now_ms)

    @property
    def wall_ns(self) -> int:
        return self.clock.wall_ns(self.cluster.now_ms)

    # Life and death.

    def start(self, **changes: object) -> None:
        """Begin a process. What the storage refuses is raised, and the node stays down."""
        cluster = self.cluster
        config = cluster.config(self.id, self.dir, **changes)
        snapshot.discard_incoming(self.dir)
        self.env = open_env(self.dir)
        env: Any = self.disk.attach(self.env)
        try:
            self.machine = self.make_machine(env)
            self.engine = Engine(config, env, self.machine, now_ms=self.now_ms, wall_ns=self.wall_ns, rng=cluster.rng)
        except BaseException:
            self.disk.detach()
            self.env.close()
            raise
        self.up = True
        self.wiped = False
        self.snapshot_from = None
        self.checked = 0

    def make_machine(self, env: lmdb.Environment) -> Any:
        """The state machine of a process that starts."""
        return AppendMachine(env, partial(self.cluster.note_run, self))

    def kill(self, power_loss: int | None = None) -> None:
        """kill -9; with ``power_loss`` the disk is left as the given one of ``power_states``, the oldest first."""
        undo = power_loss is not None and self.power_states - 1 - power_loss > 0
        self.stop()
        if power_loss is not None:
            self.lose_power(undo=undo)

    def stop(self) -> None:
        """The process is gone, its open transaction with it."""
        self.engine.store.abandon()
        self.disk.detach()
        self.env.close()
        self.up = False

    def lose_power(self, *, undo: bool) -> None:
        """The machine of a stopped process loses power."""
        self.disk.lose_power(undo=undo)
        (self.dir / "lock.mdb").unlink(missing_ok=True)

    @property
    def power_states(self) -> int:
        """How many states of the disk a loss of power now may leave."""
        return 2 if self.disk.may_undo else 1

    def wipe(self) -> None:
        """A new machine in place of the old one."""
        shutil.rmtree(self.dir)
        self.disk.replaced()
        self.wiped = True

    # Snapshots.

    def receive_image(self, leader: SimNode) -> Path:
        """The leader's environment of now, beside this node's; not in force."""
        directory = snapshot.incoming_dir(self.dir)
        snapshot.discard_incoming(self.dir)
        directory.mkdir()
        leader.env.copy(str(directory), compact=True)
        return directory

    def adopt_image(self, directory: Path) -> bool:
        """What the process does between the image's end and its restart; False when the image was refused."""
        try:
            snapshot.adopt(directory, self.engine.store, self.engine.applied)
        except snapshot.SnapshotError:
            self.engine.store.commit()
            return False
        self.engine.store.commit()
        snapshot.switch(directory, self.dir)
        self.disk.replaced()
        return True

    def install_snapshot(self, leader: SimNode) -> bool:
        return self.adopt_image(self.receive_image(leader))

    # The turn.

    def turn(self) -> Output:
        """One turn at the cluster's time; messages go to the network's queues."""
        self.post(self.begin_turn())
        return self.finish_turn()

    def begin_turn(self) -> list[tuple[str, bytes]]:
        return self.engine.begin_turn(self.now_ms, self.wall_ns)

    def finish_turn(self) -> Output:
        output = self.engine.finish_turn(self.now_ms)
        self.release(output)
        return output

    def release(self, output: Output) -> None:
        """The turn is durable: what it brought leaves the node."""
        cluster = self.cluster
        cluster.observe(self)
        self.post(output.messages)
        for token, result in output.results:
            assert token not in self.results, f"two results for {token!r}"
            self.results[token] = result
            cluster.note_result(self, token, result)
        for token, ok in output.barriers:
            assert token not in self.barriers, f"two answers for {token!r}"
            self.barriers[token] = ok
            cluster.note_barrier(self, token, ok)
        for change, outcome in output.changes:
            cluster.note_change(self, change, outcome)
        self.events += output.events
        self.snapshot_from = output.snapshot_from or self.snapshot_from

    def post(self, messages: list[tuple[str, bytes]]) -> None:
        for peer, data in messages:
            self.cluster.post(self.id, peer, data)

    # What is in LMDB.

    def history(self) -> list[bytes]:
        with self.env.begin() as txn:
            history: list[bytes] = self.machine.history(txn)
        return history

    def count(self) -> int:
        """How many commands have run here, as committed."""
        with self.env.begin() as txn:
            count: int = self.machine.count(txn)
        return count


def keep_file(node: SimNode) -> Path:
    """Another name for the node's present data file, which survives a rename over it."""
    kept = node.dir / "data.kept"
    kept.unlink(missing_ok=True)
    os.link(node.dir / "data.mdb", kept)
    return kept
