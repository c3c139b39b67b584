"""What fencing's service answers, and to whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from mdscluster.control.stonith_service import FencingService
from mdscluster.fsm.commands import FenceClaim, FenceOutcome, Maintenance, pack_internal
from mdsproto import credentials, fencing_pb2
from tests.unit.control.bench import Bench


class Caller:
    """A gRPC call's context."""

    def __init__(self, role: str) -> None:
        self.role = role

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_subject_alternative_name": [b"anna", credentials.role_name(self.role).encode()]}

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise PermissionError(details)


def ask_service(call: Callable[..., object], request: object, role: str = credentials.ROLE_ADMIN) -> Any:
    context: Any = Caller(role)
    return asyncio.run(call(request, context))  # type: ignore[arg-type]


def test_an_operator_sees_and_says_what_there_is(bench: Bench) -> None:
    service = FencingService(bench.stonith)
    refused = ask_service(service.Confirm, fencing_pb2.ConfirmRequest(node_id="mds2"))
    assert (refused.code, "nothing to confirm" in refused.text) == ("refused", True)
    bench.replica.apply_entry([pack_internal(Maintenance("mds2", True, "anna"))])

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        await bench.passes(4_000)

    asyncio.run(run())
    shown = ask_service(service.List, fencing_pb2.ListRequest(), credentials.ROLE_MDS)
    assert shown.enabled
    assert [(server.node_id, server.armed, list(server.devices)) for server in shown.servers] == [
        ("mds1", True, []), ("mds2", True, ["bmc-2"]), ("mds3", True, []),
    ]  # fmt: skip
    assert dict(shown.maintenance) == {"mds2": "anna"}
    assert dict(shown.held) == {"mds2": "maintenance is on (by anna)"}
    assert [(event.kind, event.text) for event in shown.history] == [("maintenance", "on, by anna")]
    looked = ask_service(service.Test, fencing_pb2.TestRequest(node_id="mds2"))
    assert [(device.name, device.power) for device in looked.devices] == [("bmc-2", "on")]


def test_other_servers_are_told_whom_this_one_misses(bench: Bench) -> None:
    """INV-9: by what it has seen itself, since its own start."""
    service = FencingService(bench.stonith)

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        await bench.passes(2_500)

    asyncio.run(run())
    said = ask_service(service.Missed, fencing_pb2.MissedRequest(), credentials.ROLE_MDS)
    assert (dict(said.missed_ms), list(said.heard)) == ({"mds2": 2_290}, ["mds3"])
    bench.now_ms += 5_000
    said = ask_service(service.Missed, fencing_pb2.MissedRequest())
    assert (dict(said.missed_ms), list(said.heard)) == ({}, []), "it stood still"


def test_only_an_operator_says_anything(bench: Bench) -> None:
    service = FencingService(bench.stonith)
    for call, request in (
        (service.Confirm, fencing_pb2.ConfirmRequest(node_id="mds2")),
        (service.Test, fencing_pb2.TestRequest(node_id="mds2")),
        (service.List, fencing_pb2.ListRequest()),
        (service.Missed, fencing_pb2.MissedRequest()),
    ):
        with pytest.raises(PermissionError, match="has not the role"):
            ask_service(call, request, credentials.ROLE_DS)
    assert bench.state().paused == {}


def test_nobody_is_at_it_when_the_claim_is_over(bench: Bench) -> None:
    """INV-9: nobody claims under maintenance, so that a claim whose holder died would be shown for ever."""
    service = FencingService(bench.stonith)

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        bench.replica.hold = FenceOutcome
        while not bench.replica.of(FenceClaim):
            await bench.passes(500)
        await bench.stonith.close()

    def executor() -> str:
        bench.replica.apply_entry([pack_internal(Maintenance("mds2", True, "anna"))])
        (intent,) = ask_service(service.List, fencing_pb2.ListRequest()).intents
        return str(intent.executor)

    asyncio.run(run())
    assert executor() == "mds1"
    bench.replica.advance(50_000)
    assert bench.state().intents["mds2"].claim is not None
    assert executor() == ""
