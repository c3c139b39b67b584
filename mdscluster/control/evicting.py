"""Sending a client away by the operator's word (proto: Admin.EvictClient).

The command in the log takes its sessions; the leader's jobs then fence what it holds and end it, as they do with a
lease that ran out. "Done" is told when its record is gone from this node's tables: so the fence is in force (INV-6).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mdscluster import replica_async
from mdscluster.fsm import features, inspection
from mdscluster.fsm.commands import RESULT_REFUSED, EvictClient, pack_internal
from mdsproto import admin_pb2

if TYPE_CHECKING:
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

_LOOK_S: Final = 0.05


async def evict(replica: Replica, tables: Tables, client_id: int, patience_s: float) -> admin_pb2.EvictClientReply:
    """Evict; waits for the end of it for at most ``patience_s``."""
    command = EvictClient(client_id)
    with replica.env.begin() as txn:
        level = features.level(txn, tables)
    if too_early := features.shortfall(command, level):
        return _reply("refused", too_early)
    if not await replica_async.barrier(replica):
        return _reply("unknown", "no quorum: nothing was changed")
    if not _is_known(replica, tables, client_id):
        return _reply("no_client", "there is no such client")
    result = await replica_async.propose(replica, pack_internal(command))
    if result is None:
        return _reply("unknown", "no quorum confirmed it: it may still happen")
    if result == RESULT_REFUSED:
        return _reply("refused", "the cluster's feature level does not allow it")
    # Not b"\1": evicted or dead already, and this waits for the end of that.
    for _ in range(int(patience_s / _LOOK_S) + 1):
        if not _is_known(replica, tables, client_id):
            return _reply("done", "")
        await asyncio.sleep(_LOOK_S)
    return _reply("under_way", "it can do nothing any more; its layouts are being fenced at the data servers")


def _is_known(replica: Replica, tables: Tables, client_id: int) -> bool:
    with replica.env.begin() as txn:
        return inspection.one_client(txn, tables, client_id) is not None


def _reply(code: str, text: str) -> admin_pb2.EvictClientReply:
    return admin_pb2.EvictClientReply(code=code, text=text)
