"""What other servers say of those whom a leader has not met, over real gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from fencing.suspicion import Statement
from mdscluster.control import witnesses
from mdscluster.control.stonith_service import FencingService
from mdscluster.control.witnesses import VoterLinks
from mdscluster.pki import ClusterPki
from mdscluster.replica import MemberStatus
from mdsproto import credentials, fencing_pb2_grpc

SAID = Statement({"mds3": 2_400}, frozenset({"mds1", "mds4"}))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> ClusterPki:
    made = ClusterPki(tmp_path_factory.mktemp("pki"))
    made.create()
    for name, role in (("mds1", "mds"), ("mds2", "mds"), ("ds1", "ds")):
        made.issue(name, role, ["127.0.0.1"])
    return made


@asynccontextmanager
async def served(pki: ClusterPki, service: fencing_pb2_grpc.FencingServicer | None) -> AsyncIterator[str]:
    """mds2, with that service or none; its address."""
    server = grpc.aio.server(options=credentials.server_options())
    if service is not None:
        fencing_pb2_grpc.add_FencingServicer_to_server(service, server)
    paths = pki.paths("mds2")
    port = server.add_secure_port(
        "127.0.0.1:0", credentials.server_credentials(pki.ca, paths.certificate, paths.key)
    )
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def linked(pki: ClusterPki, name: str = "mds1") -> AsyncIterator[VoterLinks]:
    links = VoterLinks(pki.ca, pki.paths(name).certificate, pki.paths(name).key)
    try:
        yield links
    finally:
        await links.close()


def member(node_id: str, admin: str, voter: bool = True) -> MemberStatus:
    return MemberStatus(node_id, 2, voter, "", admin, "")


def service(said: Statement = SAID) -> FencingService:
    stonith: Any = SimpleNamespace(statement=lambda: said)
    return FencingService(stonith)


@pytest.mark.asyncio
async def test_a_server_says_whom_it_misses_and_hears_by_one_kept_channel(pki: ClusterPki) -> None:
    """INV-9."""
    async with served(pki, service()) as address, linked(pki) as links:
        assert [await links.ask(member("mds2", address)) for _ in range(3)] == [SAID] * 3
        assert len(links._channels._channels) == 1


@pytest.mark.asyncio
async def test_who_cannot_say_anything_is_no_evidence(pki: ClusterPki, capsys: pytest.CaptureFixture[str]) -> None:
    """INV-9: an older release, another server at that address, a caller that is no metadata server, nobody there. The
    reason is logged once."""
    async with served(pki, None) as older, linked(pki) as links:
        assert [await links.ask(member("mds2", older)) for _ in range(3)] == [None] * 3
    assert capsys.readouterr().out.count("does not say whom it misses") == 1
    async with served(pki, service()) as address, linked(pki) as links, linked(pki, "ds1") as stranger:
        assert await links.ask(member("mds9", address)) is None
        assert await stranger.ask(member("mds2", address)) is None
        assert await links.ask(member("mds2", "")) is None
    async with linked(pki) as links:
        assert await links.ask(member("mds2", address)) is None, "it has ended"


@pytest.mark.asyncio
async def test_answers_are_gathered_from_voters_within_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-9: all are asked at once; who has not answered when it is over says nothing, and is waited for no more."""
    monkeypatch.setattr(witnesses, "CALL_TIMEOUT_S", 0.2)
    asked: list[str] = []
    ended: list[str] = []

    async def ask(voter: MemberStatus) -> Statement | None:
        asked.append(voter.id)
        try:
            if voter.id == "slow":
                await asyncio.sleep(60)
        finally:
            ended.append(voter.id)
        return None if voter.id == "older" else SAID

    members = [member(name, "", voter=name != "learner") for name in ("me", "older", "slow", "learner", "mds2", "away")]
    evidence = await witnesses.gather(ask, members, {"me", "away"}, lambda: 7_000)
    await asyncio.sleep(0)
    assert sorted(asked) == sorted(ended) == ["mds2", "older", "slow"]
    assert evidence.statements == {"mds2": SAID}
    assert evidence.fresh(7_000 + witnesses.EVIDENCE_MS)
    assert not evidence.fresh(7_001 + witnesses.EVIDENCE_MS)
    assert (await witnesses.gather(ask, [], {}, lambda: 7_000)).statements == {}
