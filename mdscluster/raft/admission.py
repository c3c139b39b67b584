"""Who may speak with this node's consensus: decided when a connection begins, by what the peer says of itself.

First the membership: who is in none that is known here is a stranger, whatever else it says. Then the feature level:
a node that knows less than the cluster uses is kept out (docs/adr/0014). Then founding (docs/adr/0013): until this node
is a member its engine hears of no connection, and so promises nothing.
"""

from __future__ import annotations

import structlog

from mdscluster.raft.engine import Engine
from mdscluster.raft.errors import PeerError
from mdscluster.raft.founding import Founding
from mdsproto.raft_pb2 import Hello

log = structlog.get_logger()


class Admission:
    """One node's. ``disk_id`` becomes its disk's, if that has none yet."""

    def __init__(self, engine: Engine, disk_id: bytes) -> None:
        self._engine = engine
        config = engine.config
        self._knows = config.feature_level
        empty = engine.journal.last_index == 1 and engine.core.term == 0
        asked = not config.replace and not config.join  # else it is meant to be empty, and in quarantine for it
        self._founding = Founding(config, engine.store, disk_id, empty=empty and asked)
        engine.store.commit()
        self._early: dict[str, bool] = {}
        """Connections made before this node was a member: whether frames were lost."""
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

    def meet(self, peer: str, body: Hello, now_ms: float) -> bool:
        """Hear what ``peer`` says of itself; whether it belongs here.

        ``PeerError`` refuses the connection; :class:`mdscluster.raft.founding.DiskLost` is the end of this node.
        """
        if not self._engine.introduced(peer, body.introduction, now_ms):
            return False
        if body.refused:
            return True  # it says that this node does not belong to it: there will be no connection
        knows = body.feature_level or 1
        self._check_levels(peer, knows, body.feature_level_committed)
        if self._founding.meet(peer, body):
            self._engine.store.commit()
            log.info("every node was met; this cluster is new", peers=sorted({*self.levels, peer}))
        self.levels[peer] = knows
        return True

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
            self._early[peer] = False
            log.info("this node is empty: it waits for all others", missing=self._founding.missing)
        return self.member

    def disconnected(self, peer: str) -> bool:
        """A connection is gone; whether the engine had heard of it."""
        self.levels.pop(peer, None)
        return self._early.pop(peer, None) is None and self.member

    def too_early(self, peer: str) -> bool:
        """Frames arrived; whether they came too early, and so are lost."""
        if not self.member:
            self._early[peer] = True
        return not self.member

    def take_early(self) -> dict[str, bool]:
        """Once this node is a member: the connections that its engine has not heard of, and whether frames were lost
        on them."""
        if not self.member:
            return {}
        early, self._early = self._early, {}
        return early

