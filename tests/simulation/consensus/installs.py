"""Snapshots between simulated nodes: the transfer, and a death or a failing disk at each step of putting the image in
force.

The image, its adoption and the switch to it are production code (``raft/snapshot.py``); what its sockets would do is
done here. The stream's own rules are tested on real frames in ``tests/unit/raft/test_snapshot_stream.py``.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from mdscluster.raft import snapshot
from mdscluster.raft.store import Store
from tests.simulation.consensus.node import keep_file
from tests.simulation.disk import Disk, FailingTransaction

if TYPE_CHECKING:
    from tests.simulation.consensus.node import SimNode
    from tests.simulation.consensus.simulation import Life, Simulation

STEPS: Final = (
    "the image's commit",
    "its own last commit",
    "the image's flush",
    "the rename",
    "the directory's flush",
    "its restart",
)
FAILING_STEPS: Final = STEPS[:-1]
"""Those that write."""
ERRORS: Final = (errno.ENOSPC, errno.EIO)
RENAMED: Final = STEPS.index("the directory's flush")
_RETRY_MS: Final = 200.0
_TRANSFER_MS: Final = (3.0, 120.0)


class Died(BaseException):
    """The node dies here."""


@contextmanager
def _instead_of(step: int, happens: Callable[..., Any]) -> Iterator[Callable[[], int]]:
    """``happens`` gets the call that is the ``step``-th of ``STEPS``, and its arguments. How many were done before."""
    begun = 0

    def watched(real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal begun
            begun += 1
            return happens(real, *arguments, **options) if begun == step + 1 else real(*arguments, **options)

        return call

    with (
        patch.object(Store, "commit", watched(Store.commit)),
        patch.object(snapshot, "_fsync", watched(snapshot._fsync)),
        patch.object(os, "rename", watched(os.rename)),
    ):
        yield lambda: begun


@contextmanager
def dying_before(step: int) -> Iterator[None]:
    """The ``step``-th of ``STEPS`` is not begun any more."""

    def die(*arguments: Any, **options: Any) -> None:
        raise Died

    with _instead_of(step, die) as begun:
        yield
        if begun() == step:
            raise Died


@contextmanager
def failing_at(step: int, disk: Disk, number: int) -> Iterator[None]:
    """The ``step``-th of ``FAILING_STEPS`` fails as ``disk`` would have it, with the error ``number``.

    Nothing of a commit that fails is in force. What a flush that fails has left, only a loss of power will tell.
    """
    text = os.strerror(number)

    def fail(real: Any, *arguments: Any, **options: Any) -> Any:
        disk.fails()
        if arguments and isinstance(store := arguments[0], Store):
            store._txn = FailingTransaction(store.txn, disk, text)  # type: ignore[assignment]
            return real(*arguments, **options)
        raise OSError(number, text)

    with _instead_of(step, fail):
        yield


@dataclass(frozen=True, slots=True)
class Transfer:
    """A snapshot of ``index`` under way from ``leader``, in that life of it."""

    leader: SimNode
    life: Life
    index: int


class Installs:
    """Who receives a snapshot from whom."""

    def __init__(self, world: Simulation, seed: int) -> None:
        self._world = world
        self._rng = Random(f"disks in installs {seed}")
        self._fetching: dict[str, Transfer] = {}
        self._again_ms: dict[str, float] = {}

    def died(self, node_id: str) -> None:
        """The process is gone, and its transfers with it."""
        self._ended(node_id)

    def _ended(self, node_id: str) -> None:
        """However a transfer ends, its leader keeps its log for it no longer."""
        transfer = self._fetching.pop(node_id, None)
        if transfer is None or world_life(self._world, transfer.leader) is not transfer.life:
            return
        if transfer.leader.up and transfer.leader.engine.pinned_index == transfer.index:
            transfer.leader.engine.pin_log(None)

    def check(self) -> None:
        """No log is kept for a transfer that is over: it would grow to several times what it is meant to hold."""
        for node in self._world.nodes.values():
            if not node.up or self._sends(node.id):
                continue
            if (pinned := node.engine.pinned_index) <= node.engine.journal.last_index:
                self._world.violated(f"{node.id} keeps its log from entry {pinned} on for no transfer")

    def _sends(self, node_id: str) -> bool:
        return any(transfer.leader.id == node_id for transfer in self._fetching.values())

    def wanted(self, node: SimNode, leader_id: str) -> None:
        """The leader says that the node needs one."""
        world = self._world
        if node.id in self._fetching or world.now_ms < self._again_ms.get(node.id, 0.0):
            return
        leader = world.nodes[leader_id]
        lanes = (world.network.lanes[leader_id, node.id], world.network.lanes[node.id, leader_id])
        refused = not (leader.up and world.listens(leader_id) and leader.engine.core.is_leader)
        if refused or any(lane.holes for lane in lanes) or self._sends(leader_id):
            self._failed(node, "refused")
            return
        world.note(node.id, f"receives a snapshot of entry {leader.engine.applied} from {leader_id}")
        directory = node.receive_image(leader)
        mine, theirs = world.lives[node.id], world.lives[leader_id]
        self._fetching[node.id] = Transfer(leader, theirs, leader.engine.applied)
        leader.engine.pin_log(leader.engine.applied)
        world.at(world.rng.uniform(*_TRANSFER_MS), self._received, node, leader, (mine, theirs), directory)

    def _failed(self, node: SimNode, why: str) -> None:
        world = self._world
        world.note(node.id, f"gets no snapshot: {why}")
        snapshot.discard_incoming(node.dir)
        self._ended(node.id)
        self._again_ms[node.id] = world.now_ms + _RETRY_MS

    def _received(self, node: SimNode, leader: SimNode, lives: tuple[Life, Life], directory: Path) -> None:
        world, life = self._world, world_life(self._world, node)
        if life is not lives[0] or not node.up:
            return
        if not world.listens(node.id):
            world.defer(node.id, self._received, node, leader, lives, directory)
            return
        if lives[1] is not world_life(world, leader) or (world.trouble and world.rng.random() < 0.1):
            self._failed(node, "the stream broke")
            return
        if node.disk.fault is not None and self._rng.random() < 0.5:
            self._failed(node, node.disk.fault[1])
            return
        life.halted = True
        step = world.rng.randrange(len(STEPS)) if world.trouble and world.rng.random() < 0.4 else None
        if step is not None:
            self._die(node, life, directory, step)
        elif world.trouble and self._rng.random() < 0.25:
            self._fail(node, life, directory, self._rng.randrange(len(FAILING_STEPS)))
        else:
            self._installed(node, life, world.guarded(node, node.adopt_image, directory))

    def _installed(self, node: SimNode, life: Life, accepted: bool | None) -> None:
        world = self._world
        if accepted is None:
            return  # Its storage failed, and the node has stopped.
        if accepted:
            world.counts["snapshots"] += 1
            world.note(node.id, "has installed the snapshot and restarts")
            world.end(node.id, world.rng.uniform(2, 40))
        else:
            life.halted = False
            self._failed(node, "it is not ahead of this node")
            world.wake(node.id)

    def _die(self, node: SimNode, life: Life, directory: Path, step: int) -> None:
        world = self._world
        kept = keep_file(node)
        power = world.rng.random() < 0.5
        back_ms = world.rng.uniform(20, 400)
        try:
            with dying_before(step):
                accepted = world.guarded(node, node.adopt_image, directory)
        except Died:
            world.counts["death in an install"] += 1
            world.note(node.id, f"{'loses power' if power else 'dies'} in the install, before {STEPS[step]}")
        else:
            kept.unlink()
            self._installed(node, life, accepted)
            return
        old = step < RENAMED or (step == RENAMED and power and world.rng.random() < 0.5)
        if old:
            os.replace(kept, node.dir / "data.mdb")
            world.end(node.id, back_ms, power=power, undo=world.rng.random() < 0.5)
        else:
            kept.unlink()
            world.end(node.id, back_ms)
            node.disk.replaced()

    def _fail(self, node: SimNode, life: Life, directory: Path, step: int) -> None:
        """The disk fails in a step. The process stops; its machine may lose power before it is started again."""
        world = self._world
        kept = keep_file(node)
        number = self._rng.choice(ERRORS)
        with failing_at(step, node.disk, number):
            accepted = world.guarded(node, node.adopt_image, directory)
        if accepted is not None:
            kept.unlink()
            self._installed(node, life, accepted)
            return
        world.counts["failure in an install"] += 1
        world.note(node.id, f"its disk failed in the install, at {STEPS[step]}: {os.strerror(number)}")
        power = self._rng.random() < 0.5
        if step == RENAMED and not (power and self._rng.random() < 0.5):
            kept.unlink()
            node.disk.replaced()
        else:
            os.replace(kept, node.dir / "data.mdb")
        if power:
            node.lose_power(undo=self._rng.random() < 0.5)


def world_life(world: Simulation, node: SimNode) -> Life:
    return world.lives[node.id]
