"""How an empty disk is told from a lost one, and a cluster from another of its name (docs/adr/0013, 0018).

A disk gets an identity when it is first used. An empty node takes part in nothing, and so promises nothing, until it
has been connected with every other node of its file for ``founding_wait_ms``, each of them as empty as itself. Then it
notes the disks that it met, durably, and is a member for good. The wait is for members that its file does not name:
they dial whoever is in their membership, and one that does not know this disk tells that the cluster has run. An
earlier self may have voted in it and acknowledged entries; only ``mdscluster rejoin`` lets it in, in quarantine. A
member that founded the cluster with this very disk makes it a member at once.

The disks that founded it are a cluster's identity, as a digest. Whoever is added later learns it from the first member
that it meets. Should there be a second founding all the same, because those who would have objected could not be
reached, members of the one refuse every word of the other's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.errors import OtherCluster, PeerError
from mdscluster.raft.store import Store
from mdsproto.raft_pb2 import Hello

_IDENTITY_BYTES: Final = 16


class DiskLost(Exception):
    """This node's disk is empty, but its cluster has run. The text is for the operator."""


def identity_of(founders: Mapping[str, bytes]) -> bytes:
    """Of the cluster that ``founders`` (node id -> disk), all of them, founded."""
    packed = msgspec.msgpack.encode(sorted(founders.items()))
    return hashlib.blake2b(packed, digest_size=_IDENTITY_BYTES).digest()


class Founding:
    """Whether this node is a member yet, and of which cluster. ``empty``: nothing on its disk but the beginning of a
    log."""

    def __init__(self, config: RaftConfig, store: Store, disk_id: bytes, *, empty: bool) -> None:
        """``disk_id`` becomes the disk's, if it has none. The caller commits."""
        self._config = config
        self._store = store
        self._met: dict[str, bytes] = {}
        self._met_ms: float | None = None
        """When a disk was met last that was not known here; before the first, when somebody first asked."""
        self.disk = store.disk_id() or disk_id
        store.set_disk_id(self.disk)
        self._seed = store.seed()
        self._founders = store.founders()
        self.cluster = store.cluster()
        """Identity of this node's cluster; empty: this node is no member, or has met nobody yet who could tell."""
        if self._founders is None and not empty:
            self._store.set_founders({})  # it ran under a release that did not ask, or is to be added
            self._founders = {}
        elif self._founders and not self.cluster:
            self._found(self._founders)  # by a release that drew no identity from it

    @property
    def done(self) -> bool:
        """This node is a member."""
        return self._founders is not None

    @property
    def missing(self) -> list[str]:
        """Nodes that have to be met first."""
        return [] if self.done else [peer for peer in self._config.other_ids if peer not in self._met]

    def introduce(self, body: Hello) -> None:
        """Say of this node's disk what the others have to know."""
        body.disk = self.disk
        body.seed = self._seed
        if self._founders is not None:
            body.member = True
            body.founders.update(self._founders)
            body.cluster = self.cluster

    def check(self, peer: str, body: Hello) -> None:
        """:class:`OtherCluster` when ``peer`` is a member of another one, whose introduction means nothing here."""
        theirs = _cluster_of(peer, body)
        if self.cluster and theirs and self.cluster != theirs:
            raise OtherCluster(
                peer,
                f"{peer} belongs to ANOTHER cluster that is called {self._config.cluster_id!r} too (founded as "
                f"{theirs.hex()[:8]}, this one as {self.cluster.hex()[:8]}): neither takes anything from the other. "
                "A cluster was founded on empty disks while servers of an older one could not be reached. Decide which "
                "of the two holds the data, and stop every server of the other; if they are members of the one that is "
                "kept, let them join it with: mdscluster rejoin --set-aside --config FILE",
            )

    def meet(self, peer: str, body: Hello, now_ms: float) -> bool:
        """Hear what ``peer`` says of its disk; whether something came of it that is to be committed.

        :class:`DiskLost` when the peer has been a member without this disk. ``PeerError`` when it is as new as this
        node, but began with another state: they would never be alike.
        """
        if self.done:
            return self._learn(_cluster_of(peer, body))
        if body.member and body.founders.get(self._config.node_id) == self.disk:
            others = {**body.founders, peer: body.disk}
            del others[self._config.node_id]
            self._found(others)
            return True
        if body.member or not body.disk:
            raise DiskLost(
                f"the disk of {self._config.node_id} is empty ({self._config.state_dir}), but {peer} belongs to a "
                "cluster that has run. If this node lost its disk, let it join again with: "
                "mdscluster rejoin --config FILE (and then start it as usual). If its file system is merely not "
                "mounted, mount it. If it is to be added to the cluster, set join = true in FILE. If the cluster is "
                "new, empty the data directories of all its nodes"
            )
        if body.seed != self._seed:
            raise PeerError(
                f"{peer} begins with {_what(body.seed)}, {self._config.node_id} with {_what(self._seed)}: restore "
                "every metadata server of a new cluster from the same backup (mdsctl backup restore)"
            )
        if self._met.get(peer) != body.disk:
            self._met[peer] = body.disk
            self._met_ms = now_ms
        return False

    def parted(self, peer: str) -> None:
        """The connection to ``peer`` is gone: it may come back on another disk, or because it knows better now."""
        self._met.pop(peer, None)

    def settle(self, now_ms: float) -> bool:
        """Whether this node becomes a member now, which is to be committed: all were there long enough, and nobody has
        objected."""
        if self.done or self.missing:
            return False
        if self._met_ms is None:
            self._met_ms = now_ms
        if now_ms - self._met_ms < self._config.founding_wait_ms:
            return False
        self._found(self._met)
        return True

    def _found(self, others: Mapping[str, bytes]) -> None:
        self._founders = dict(others)
        self._store.set_founders(self._founders)
        self._learn(identity_of({**others, self._config.node_id: self.disk}))

    def _learn(self, cluster: bytes) -> bool:
        if self.cluster or not cluster:
            return False
        self.cluster = cluster
        self._store.set_cluster(cluster)
        return True


def _what(seed: bytes) -> str:
    return f"the state of backup {seed.hex()[:8]}" if seed else "an empty state"


def _cluster_of(peer: str, body: Hello) -> bytes:
    """Identity of the cluster that ``peer`` is a member of; empty when it is of none, or does not know."""
    if not body.member or body.cluster or not body.founders:
        return bytes(body.cluster)
    return identity_of({**body.founders, peer: body.disk})  # a founder, of a release that did not say
