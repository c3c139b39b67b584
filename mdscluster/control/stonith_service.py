"""What an operator and other servers may ask about fencing of metadata servers (proto: Fencing)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from fencing.agents import Result
from mdscluster.fsm.commands import FenceConfirm, Internal
from mdsproto import credentials, fencing_pb2, fencing_pb2_grpc

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from fencing.state import Intent
    from mdscluster.control.stonith import Stonith

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_POWER = {Result.ON: "on", Result.OFF: "off"}


class FencingService(fencing_pb2_grpc.FencingServicer):
    """This node's view, its devices, and the operator's word to the log."""

    def __init__(self, stonith: Stonith) -> None:
        self._stonith = stonith

    async def List(
        self, request: fencing_pb2.ListRequest, context: Context
    ) -> fencing_pb2.ListReply:
        await _require(context, credentials.ROLE_ADMIN, credentials.ROLE_MDS)
        state = self._stonith.state()
        known = sorted(state.nodes.keys() | self._stonith.devices.keys())
        return fencing_pb2.ListReply(
            enabled=self._stonith.enabled,
            servers=[
                fencing_pb2.Server(
                    node_id=node, armed=node in state.nodes and state.nodes[node].armed,
                    down=node in state.nodes and state.nodes[node].down, devices=self._stonith.devices.get(node, []),
                )
                for node in known
            ],
            intents=[_shown(intent, self._stonith.at_it(intent)) for _, intent in sorted(state.intents.items())],
            maintenance=state.paused,
            held=self._stonith.held,
            history=[
                fencing_pb2.Event(
                    wall_ns=event.wall_ns, kind=event.kind, node_id=event.node, text=event.text, intent=event.intent
                )
                for event in state.history
            ],
        )  # fmt: skip

    async def Test(
        self, request: fencing_pb2.TestRequest, context: Context
    ) -> fencing_pb2.TestReply:
        await _require(context, credentials.ROLE_ADMIN)
        looked = await self._stonith.test(request.node_id)
        return fencing_pb2.TestReply(
            devices=[
                fencing_pb2.Device(
                    name=device.name, agent=device.agent, power=_POWER.get(answer.result, ""), text=str(answer)
                )
                for device, answer in looked
            ]
        )

    async def Confirm(
        self, request: fencing_pb2.ConfirmRequest, context: Context
    ) -> fencing_pb2.Outcome:
        await _require(context, credentials.ROLE_ADMIN)
        return await self._commit(FenceConfirm(request.node_id, credentials.caller_name(context)))

    async def Missed(
        self, request: fencing_pb2.MissedRequest, context: Context
    ) -> fencing_pb2.MissedReply:
        await _require(context, credentials.ROLE_ADMIN, credentials.ROLE_MDS)
        said = self._stonith.statement()
        return fencing_pb2.MissedReply(missed_ms=said.missed_ms, heard=sorted(said.heard))

    async def _commit(self, command: Internal) -> fencing_pb2.Outcome:
        verdict = await self._stonith.propose(command)
        if verdict is None:
            text = "no outcome: there is no quorum, or a member runs a release that does not know fencing"
            return fencing_pb2.Outcome(code="unknown", text=text)
        return fencing_pb2.Outcome(code="done" if verdict else "refused", text=verdict.text)


def _shown(intent: Intent, executor: str) -> fencing_pb2.Intent:
    return fencing_pb2.Intent(
        number=intent.number, node_id=intent.node, reason=intent.reason, decided_by=intent.decided_by, term=intent.term,
        begun_ns=intent.begun_ns, phase=intent.phase, attempts=intent.attempts, failure=intent.failure,
        executor=executor,
    )  # fmt: skip


async def _require(context: Context, *roles: str) -> None:
    if not credentials.caller_has_role(context, *roles):
        await context.abort(
            grpc.StatusCode.PERMISSION_DENIED, f"the caller's certificate has not the role {' or '.join(roles)}"
        )
