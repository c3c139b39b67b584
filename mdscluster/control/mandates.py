"""This node's mandate towards data servers, and what it means when one does not obey it (docs/adr/0026).

Whatever a data server is told goes with the mandate under which it was decided. A data server that has heard a later
one refuses: then this node leads no more, or the data server belongs elsewhere. Which of both says a quorum; until it
has, nothing is done here in the name of a leader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from mdscluster import replica_async
from mdscluster.fsm import eras
from mdscluster.fsm.machine import load_settings
from mdscluster.replica import LEADER
from mdsproto.mandate import Mandate

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica, ReplicaStatus

log = structlog.get_logger()


class Superseded(Exception):
    """A data server does not obey: it has heard a later mandate, or another cluster's. The text is its reason."""


def mandate(txn: lmdb.Transaction, tables: Tables, term: int) -> Mandate | None:
    """For the leader of ``term``, or who answers for it. None: the cluster has no era yet, and nobody is to be told."""
    era = eras.current(txn, tables)
    return Mandate(load_settings(txn, tables).cluster_id, era, term) if era else None


class Standing:
    """Whether this node, which takes itself for the leader, may act as one after a data server refused it."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._doubts: dict[str, str] = {}
        self._waits_for: dict[str, str] = {}
        """The doubts of which was said that no quorum settles them."""
        self._settled: dict[str, str] = {}
        """By data server: the reason for which it refused last, although a quorum stood behind this leader."""
        self._told: set[tuple[str, str]] = set()
        """Of these the operator knows."""

    def heard(self, ds_id: str, refusal: str) -> None:
        """A data server refused this node; empty: it obeyed. What it refused before is news when it comes again."""
        if refusal:
            self._doubts[ds_id] = refusal
        elif (reason := self._settled.pop(ds_id, "")) and (ds_id, reason) in self._told:
            self._told.discard((ds_id, reason))
            log.info("a data server obeys the leader again", ds=ds_id)

    async def is_sure(self, status: ReplicaStatus) -> bool:
        """Whether nobody refused this leader, or a quorum has said since that it still leads in this term.

        A data server that is wrong must not stop the cluster's leader: it is told of, and the leader goes on.
        """
        if not self._doubts:
            return True
        if status.role != LEADER:
            return self._stand_back(status)
        doubts = dict(self._doubts)
        confirmed = await replica_async.barrier(self._replica)
        now = await replica_async.status(self._replica)
        if (now.role, now.term) != (LEADER, status.term):
            return self._stand_back(now)
        if not confirmed:
            if self._waits_for != doubts:
                log.warning("a data server refuses this node, and no quorum says that it leads", refused_by=doubts)
            self._waits_for = doubts
            return False
        self._waits_for = {}
        for ds_id, reason in doubts.items():
            self._settle(ds_id, reason)
        return True

    def _settle(self, ds_id: str, reason: str) -> None:
        # Once may be a message that crossed another's on the way.
        if self._settled.get(ds_id) == reason and (ds_id, reason) not in self._told:
            self._told.add((ds_id, reason))
            log.error("a data server refuses the leader that a quorum stands behind", ds=ds_id, reason=reason)
        self._settled[ds_id] = reason
        if self._doubts.get(ds_id) == reason:
            del self._doubts[ds_id]

    def _stand_back(self, status: ReplicaStatus) -> bool:
        log.warning("a data server refused this node, which leads no more", term=status.term, refused_by=self._doubts)
        self._doubts, self._waits_for, self._settled, self._told = {}, {}, {}, set()
        return False
