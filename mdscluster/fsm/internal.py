"""Dispatch of internal commands: what the cluster does to its own state, without an NFS client."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from mdscluster.fsm import (
    client_connections,
    clients,
    commands,
    cuts,
    data_servers,
    draining,
    eras,
    features,
    fencing_state,
    files,
    lost_stores,
    recalls,
    revocation,
)
from mdscluster.fsm.commands import RESULT_DONE, RESULT_REFUSED

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.machine import StateMachine

#: ``handler(cx, command) -> bytes``: the command's own result.
_HANDLERS: Final[dict[type, Callable[[Compound, Any], bytes]]] = {
    commands.RenewLeases: clients.renew_leases,
    commands.LeaderStarted: clients.leader_started,
    commands.ExpireClients: clients.expire_clients,
    commands.ReportWrite: files.report_write,
    commands.ObjectsDeleted: files.objects_deleted,
    commands.DataServerUpdate: data_servers.update,
    commands.ReplaceStore: lost_stores.replace,
    commands.EnsureStriping: data_servers.ensure,
    commands.RecallDone: revocation.recall_done,
    commands.StartRecall: recalls.start_recall,
    commands.StartFence: revocation.start_fence,
    commands.FenceConfirmed: revocation.fence_confirmed,
    commands.Truncated: cuts.truncated,
    commands.ClaimIo: revocation.claim_io,
    commands.IoClaimsInForce: revocation.io_claims_in_force,
    commands.EvictClient: clients.evict,
    commands.DrainDataServer: draining.drain,
    commands.RetireDataServer: draining.retire,
    commands.NoteConnections: client_connections.note,
    commands.NodePresence: fencing_state.presence,
    commands.FenceProof: fencing_state.prove,
    commands.FenceIntent: fencing_state.intend,
    commands.FenceWithdrawal: fencing_state.withdraw,
    commands.FenceClaim: fencing_state.claim,
    commands.FenceOutcome: fencing_state.outcome,
    commands.FenceConfirm: fencing_state.confirm,
    commands.Maintenance: fencing_state.maintain,
    commands.BeginEra: eras.begin,
}


def apply(cx: Compound, command: commands.Internal, machine: StateMachine) -> bytes:
    """Run an internal command; settings and feature level are the machine's own, so it adopts those itself."""
    if not features.permitted(command, machine.feature_level):
        return RESULT_REFUSED
    if isinstance(command, commands.RaiseFeatures):
        machine.raise_features(command.level)
        return RESULT_DONE
    if isinstance(command, commands.ConfigureCluster):
        machine.use_settings(command.settings)
        files.create_root(cx)
        return RESULT_DONE
    return RESULT_DONE + _HANDLERS[type(command)](cx, command)
