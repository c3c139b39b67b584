"""What data servers are told (proto: Control): nothing that a quorum does not stand behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from mdscluster.control.registry import Registry
from mdscluster.control.service import ControlService
from mdscluster.fsm import fences
from mdsproto import control_pb2, credentials
from nfswire import nfs4
from tests.unit.fsm.support.compounds import Namespace, at, remove
from tests.unit.fsm.support.layouts import fileid_of, get_layout, servers
from tests.unit.fsm.support.sessions import connect


class Refused(Exception):
    pass


class Context:
    """A gRPC call's context."""

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Refused(code, details)


@pytest.fixture
def fs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    monkeypatch.setattr(credentials, "caller_is", lambda context, node_id, role: node_id != "stranger")
    namespace = Namespace(tmp_path)
    servers(namespace)
    return namespace


def beat(fs: Namespace, registry: Registry | None = None, **request: Any) -> control_pb2.HeartbeatReply:
    service = ControlService(fs.replica, fs.machine.tables, registry or Registry(), lambda: 5, ds_lease_ms=6_000)
    fields = {"ds_id": "ds1", "nfs_host": "127.0.0.1", "nfs_port": 2049, **request}
    return asyncio.run(service.Heartbeat(control_pb2.HeartbeatRequest(**fields), Context()))  # type: ignore[arg-type]


def test_a_heartbeat_brings_the_whole_list_when_it_is_another(fs: Namespace) -> None:
    with fs.entry() as cx:
        version = fences.raise_fence(cx, 5, 77)
        version = fences.raise_fence(cx, 0, 78)
    registry = Registry()
    reply = beat(fs, registry, fence_version=version - 1)
    assert reply.quorum_backed
    assert (reply.fence_version, reply.lease_ms) == (version, 6_000)
    assert [(f.fileid, f.client_id, f.min_epoch) for f in reply.fences] == [(0, 78, version), (5, 77, version - 1)]
    assert registry.heard["ds1"].fence_version == version - 1
    assert not beat(fs, fence_version=version).fences


def test_without_a_quorum_it_renews_nothing(fs: Namespace) -> None:
    """INV-6: the data server's lease runs out unless another node stands behind it."""
    with fs.entry() as cx:
        fences.raise_fence(cx, 5, 77)
    fs.replica.available = False
    reply = beat(fs)
    assert not reply.quorum_backed
    assert not reply.fences
    assert not reply.fence_version


def test_deletions_are_asked_for_until_they_are_acknowledged(fs: Namespace) -> None:
    """INV-11."""
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    get_layout(caller, handle, opened)
    caller.close(handle, opened)
    fs.ok(*at(), remove(b"f"))
    (wanted,) = beat(fs).deletes
    assert wanted.fileid == fileid_of(handle)
    assert [one.sequence for one in beat(fs).deletes] == [wanted.sequence]
    assert not beat(fs, deleted=[wanted.sequence]).deletes
    assert len(beat(fs, ds_id="ds2").deletes) == 1


def test_stable_writes_are_committed_before_they_are_answered(fs: Namespace) -> None:
    """INV-10: several reports of a file are one command."""
    caller = connect(fs, b"me")
    handle, _ = caller.create(b"f")
    service = ControlService(fs.replica, fs.machine.tables, Registry(), lambda: 5, ds_lease_ms=6_000)

    def report(*ends: int) -> bool:
        writes = [control_pb2.WriteReport(fileid=fileid_of(handle), end_offset=end, mtime_ns=end) for end in ends]
        request = control_pb2.ReportWritesRequest(ds_id="ds1", writes=writes)
        reply = asyncio.run(service.ReportWrites(request, Context()))  # type: ignore[arg-type]
        return bool(reply.committed)

    before = fs.replica.index
    assert report(300, 100, 200)
    assert fs.replica.index == before + 1
    assert fs.attributes(b"f")[nfs4.FATTR4_SIZE] == 300
    fs.replica.available = False
    assert not report(500)


def test_only_the_data_server_itself_speaks_for_it(fs: Namespace) -> None:
    with pytest.raises(Refused):
        beat(fs, ds_id="stranger")
