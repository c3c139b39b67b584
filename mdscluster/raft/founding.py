"""How an empty disk is told from a lost one: a new cluster is founded by all its nodes together, once (docs/adr/0013).

A disk gets an identity when it is first used. An empty node takes no part in anything, and so promises nothing, until
it has met every other node, each of them as empty as itself, or founded with this very disk already. Then it notes the
disks that it met, durably, and is a member for good. Whoever comes empty later meets a member that does not know its
disk: the cluster has run, an earlier self may have voted in it and acknowledged entries, and only ``mdscluster rejoin``
lets it in, in quarantine. Two of three nodes that lost their disks cannot make a new cluster behind the third's back.
"""

from __future__ import annotations

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.store import Store
from mdsproto.raft_pb2 import Hello


class DiskLost(Exception):
    """This node's disk is empty, but its cluster has run. The text is for the operator."""


class Founding:
    """Whether this node is a member yet. ``empty``: nothing on its disk but the beginning of a log."""

    def __init__(self, config: RaftConfig, store: Store, disk_id: bytes, *, empty: bool) -> None:
        """``disk_id`` becomes the disk's, if it has none. The caller commits."""
        self._config = config
        self._store = store
        self._met: dict[str, bytes] = {}
        self.disk = store.disk_id() or disk_id
        store.set_disk_id(self.disk)
        known = store.founders()
        if known is None and (not empty or not config.other_ids):
            known = {}  # it ran under a release that did not ask, or there is nobody to be asked
            store.set_founders(known)
        self._founders = known

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
        if self._founders is not None:
            body.member = True
            body.founders.update(self._founders)

    def meet(self, peer: str, body: Hello) -> bool:
        """Hear what ``peer`` says of its disk; whether that made this node a member, which is to be committed.

        :class:`DiskLost` when the peer has been a member without this disk.
        """
        if self.done:
            return False
        if body.founders.get(self._config.node_id) != self.disk and (body.member or not body.disk):
            raise DiskLost(
                f"the disk of {self._config.node_id} is empty ({self._config.state_dir}), but {peer} belongs to a "
                "cluster that has run. If this node lost its disk, let it join again with: "
                "mdscluster rejoin --config FILE (and then start it as usual). If its file system is merely not "
                "mounted, mount it. If it is to be added to the cluster, set join = true in FILE. If the cluster is "
                "new, empty the data directories of all its nodes"
            )
        self._met[peer] = body.disk
        if self.missing:
            return False
        self._founders = dict(self._met)
        self._store.set_founders(self._founders)
        return True
