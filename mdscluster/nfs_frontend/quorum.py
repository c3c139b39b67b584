"""What a node does for its clients while it has no quorum (``on_quorum_loss``, docs/adr/0011). Sans-IO.

An election must not be noticed: a node without quorum goes on waiting for one, requests and all, for a patience that
covers an election which failed once. A node that hears from no majority waits for no election, as none can succeed
there: only until the service address, if it is elsewhere now, has surely moved. Then every client connection is closed
once, so that clients look for a node with a quorum, and the node

- ``refuse``: accepts no connection; or
- ``read-only``: answers those who come back what reads the last applied state, a consistent prefix of the log; but
  nobody at a service address, which is to be where a quorum is. It proposes nothing. What would change state or move
  data gets NFS4ERR_DELAY on its SEQUENCE ("the request is retried in full with the SEQUENCE operation containing the
  same slot and sequence values", RFC 8881 §15.1.1.3), so it runs at most once however often, and wherever, it is sent
  again (INV-3); and its connection is closed soon after.

Back to linearizable: a confirmed read barrier, nothing less, ends either. From then on every read takes its own again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from mdscluster.replica import FOUNDING
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.nfs_frontend.request import Connection
    from mdscluster.replica import Replica, ReplicaStatus

log = structlog.get_logger()

SERVING: Final = "serving"
READ_ONLY: Final = "read-only"
REFUSING: Final = "refusing"
SERVICE_OF: Final = {"read-only": READ_ONLY, "refuse": REFUSING}
"""``on_quorum_loss`` -> what the node then does."""

CLOSE_AFTER_MS: Final = 1_000
"""How long a client that was told NFS4ERR_DELAY keeps its connection: a moment for the quorum to come back, then it is
better served elsewhere."""
LOOKS_PER_LEASE: Final = 4
"""How often in a lease clients are made to look for a node with quorum: one that only reads here is renewed nowhere."""

#: What a node that lacks the newest changes cannot tell: it may merely not know yet. None of these is answered then.
_UNSURE: Final = frozenset(
    (
        nfs4.NFS4ERR_STALE, nfs4.NFS4ERR_BADHANDLE, nfs4.NFS4ERR_FHEXPIRED, nfs4.NFS4ERR_BAD_STATEID,
        nfs4.NFS4ERR_OLD_STATEID, nfs4.NFS4ERR_STALE_STATEID, nfs4.NFS4ERR_EXPIRED, nfs4.NFS4ERR_ADMIN_REVOKED,
        nfs4.NFS4ERR_DELEG_REVOKED, nfs4.NFS4ERR_STALE_CLIENTID, nfs4.NFS4ERR_BADSESSION, nfs4.NFS4ERR_DEADSESSION,
        nfs4.NFS4ERR_GRACE, nfs4.NFS4ERR_NO_GRACE,
    )
)  # fmt: skip


def can_tell(status: int, op: int) -> bool:
    """Whether a node that may lack the newest changes can give this answer, that of operation ``op``.

    NFS4ERR_NOENT to LOOKUP is what a reader of a prefix may see; to GETDEVICEINFO it would end the client's I/O.
    """
    return status not in _UNSURE and not (status == nfs4.NFS4ERR_NOENT and op == nfs4.OP_GETDEVICEINFO)


class QuorumWatch:
    """Decides which service a node gives. Time is passed in by :meth:`tick`, several times a second."""

    def __init__(
        self,
        replica: Replica,
        dispatcher: Dispatcher,
        close_clients: Callable[[str], None],
        on_quorum_loss: str,
        *,
        patience_ms: int,
        hopeless_ms: int,
    ) -> None:
        self._replica = replica
        self._dispatcher = dispatcher
        self._close_clients = close_clients
        self._service_without = SERVICE_OF[on_quorum_loss]
        self._patience_ms = patience_ms
        self._hopeless_ms = hopeless_ms
        self._lost_since_ms: int | None = None
        self._looked_ms = 0
        self._probing = False
        self._delayed_since_ms: dict[Connection, int] = {}

    @property
    def service(self) -> str:
        """``serving``, ``read-only`` or ``refusing``."""
        return self._dispatcher.service

    def slept(self, late_ms: int) -> None:
        """A short sleep of this process took ``late_ms`` longer: the node was frozen, or starved of its processor.

        Others have taken over meanwhile, the service address perhaps with them. What clients asked before lies
        acknowledged in this machine's sockets, so nothing tells them that it moved; and once the address is gone from
        here no reply can leave. Closing their connections first thing sends them to whoever has it now.
        """
        if late_ms >= self._patience_ms:
            log.warning("this node stood still", late_ms=late_ms)
            self._close_clients("this node stood still")

    def tick(self, status: ReplicaStatus, now_ms: int) -> None:
        """What consensus says of itself now. A node that lost its disk has nothing to show until it has caught up."""
        empty = status.quarantined or status.role == FOUNDING
        if self.service != SERVING:
            self._without_quorum(now_ms)
        elif status.has_quorum and status.reaches_majority and not empty:
            self._lost_since_ms = None
        else:
            if self._lost_since_ms is None:
                self._lost_since_ms = now_ms
            patience_ms = self._patience_ms if status.reaches_majority else self._hopeless_ms
            if now_ms - self._lost_since_ms >= patience_ms:
                self._lose(REFUSING if empty else self._service_without, now_ms)

    def _lose(self, service: str, now_ms: int) -> None:
        log.warning("this node has no quorum", service=service)
        self._looked_ms = now_ms
        self._dispatcher.change_service(service)
        self._close_clients("this node has lost its quorum")
        self._probe()

    def _without_quorum(self, now_ms: int) -> None:
        self._probe()
        if self.service != READ_ONLY:
            return
        since_ms = self._delayed_since_ms
        for connection in self._dispatcher.take_delayed():
            since_ms.setdefault(connection, now_ms)
        for connection, delayed_ms in list(since_ms.items()):
            if connection.closed or now_ms - delayed_ms >= CLOSE_AFTER_MS:
                del since_ms[connection]
                connection.abort("a change was asked of a node without quorum")
        if now_ms - self._looked_ms >= self._dispatcher.settings.lease_ms // LOOKS_PER_LEASE:
            self._looked_ms = now_ms
            self._close_clients("this node has no quorum yet; another may have")

    def _probe(self) -> None:
        """Keep one barrier out: it is confirmed as soon as there is a quorum again."""
        if not self._probing:
            self._probing = True
            self._replica.barrier(self._probed)

    def _probed(self, confirmed: bool) -> None:
        self._probing = False
        if confirmed and self.service != SERVING:
            log.info("this node has a quorum again")
            self._lost_since_ms = None
            self._delayed_since_ms.clear()
            self._dispatcher.change_service(SERVING)
