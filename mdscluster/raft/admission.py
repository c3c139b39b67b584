"""Who may speak with this node's consensus: decided when a connection begins, by what the peer says of itself.

First the cluster: of one of the same name that other disks founded nothing is heard (docs/adr/0018). Then the
membership: who is in none that is known here is a stranger, whatever else it says. Then the feature level: a node that
knows less than the cluster uses is kept out (docs/adr/0014). Then founding (docs/adr/0013): until this node is a member
its engine hears of no connection, and so promises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from mdscluster.raft.engine import Engine
from mdscluster.raft.errors import PeerError
from mdscluster.raft.founding import Founding
from mdsproto.raft_pb2 import Hello, Message

log = structlog.get_logger()


class Admission:
    """One node's. ``disk_id`` becomes its disk's, if that has none yet."""

    def __init__(self, engine: Engine, disk_id: bytes) -> None:
        self._engine = engine
        config = engine.config
        self._knows = config.feature_level
        began = engine.journal.last_index == 1 or bool(engine.store.seed())
        empty = began and engine.core.term == 0
        asked = not config.replace and not config.join  # else it is meant to be empty, and in quarantine for it
        self._founding = Founding(config, engine.store, disk_id, empty=empty and asked)
        self._commit()
        self._early: set[str] = set()
        """Connections that the engine has not heard of, for this node was no member when they were made."""
        self.levels: dict[str, int] = {}
        """Highest feature level that each connected peer's release knows."""

    @property
    def member(self) -> bool:
        """Whether this node takes part."""
        return self._founding.done

    def introduce(self) -> Hello:
        """What this node says of itself."""
        engine = self._engine
        body = Hello(
            introduction=engine.introduction(),
            feature_level=self._knows,
            feature_level_committed=engine.machine.feature_level,
        )
        self._founding.introduce(body)
        return body

    def check(self, peer: str, body: Hello) -> None:
        """``OtherCluster`` when ``peer`` is of another cluster of this name: nothing else of it may be heard."""
        self._founding.check(peer, body)

    def meet(self, peer: str, body: Hello, now_ms: float) -> bool:
        """Hear what ``peer`` says of itself; whether it belongs here.

        ``PeerError`` refuses the connection; :class:`mdscluster.raft.founding.DiskLost` is the end of this node.
        """
        self.check(peer, body)
        if not self._engine.introduced(peer, body.introduction, now_ms):
            return False
        if body.refused:
            return True  # it says that this node does not belong to it: there will be no connection
        knows = body.feature_level or 1
        self._check_levels(peer, knows, body.feature_level_committed)
        if self._founding.meet(peer, body, now_ms):
            self._commit()
            log.info("this node's cluster is known", cluster=self._founding.cluster.hex(), told_by=peer)
        self.levels[peer] = knows
        return True

    def settle(self, now_ms: float) -> bool:
        """Whether this node becomes a member now, for nobody has objected. To be asked now and then."""
        if not self._founding.settle(now_ms):
            return False
        self._commit()
        log.info("every node was met; this cluster is new", cluster=self._founding.cluster.hex())
        return True

    def _commit(self) -> None:
        self._engine.store.commit()
        self._engine.guards.member = self.member

    def _check_levels(self, peer: str, knows: int, committed: int) -> None:
        uses = self._engine.machine.feature_level
        if knows < uses:
            raise PeerError(f"{peer}'s release knows features up to level {knows}, the cluster uses {uses}: upgrade it")
        if committed > self._knows:
            raise PeerError(
                f"{peer} says that the cluster uses features of level {committed}, this release "
                f"knows up to {self._knows}: upgrade this node"
            )

    # Connections.

    def connected(self, peer: str) -> bool:
        """A connection stands; whether the engine may hear of it."""
        if not self.member:
            self._early.add(peer)
            missing = self._founding.missing
            waits = "waits for all others" if missing else "has met all others, and waits for whoever objects"
            log.info(f"this node is empty: it {waits}", missing=missing)
        return self.member

    def disconnected(self, peer: str) -> bool:
        """A connection is gone; whether the engine had heard of it."""
        self.levels.pop(peer, None)
        self._founding.parted(peer)
        early = peer in self._early
        self._early.discard(peer)
        return self.member and not early

    @staticmethod
    def founded_since(frames: Sequence[bytes]) -> bool:
        """Whether these frames are a member's, who was none when it introduced itself: others only ping."""
        return any(Message.FromString(frame).WhichOneof("body") != "ping" for frame in frames)

    def take_early(self) -> list[str]:
        """Once this node is a member: the connections that its engine has not heard of. Nothing was lost on them."""
        if not self.member:
            return []
        early, self._early = self._early, set()
        return sorted(early)

