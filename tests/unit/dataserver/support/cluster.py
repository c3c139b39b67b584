"""Fake metadata servers over mutual TLS, and the data server as a process of its own that can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import grpc

from dataserver.config import DsConfig, MdsPeer, TlsPaths
from mdscluster.pki import ClusterPki
from mdsproto import control_pb2, control_pb2_grpc, credentials
from mdsproto.configfile import Address, save
from mdsproto.mandate import Mandate, wire
from nfswire.dsfh import FLAG_WRITE, pack_ds_fh
from tests.support.ports import free_port
from tests.unit.dataserver.support.wire import Wire

REPO = Path(__file__).resolve().parents[4]
LEASE_MS = 1_000
HEARTBEAT_MS = 100


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


class FakeMds(control_pb2_grpc.ControlServicer):
    """One MDS: what it answers is set by the test, what it was told is kept."""

    def __init__(self, pki: ClusterPki, mds_id: str) -> None:
        self.mds_id = mds_id
        self.quorum = True
        self.refused = ""
        self.mandate: Mandate | None = None
        self.fence_version = 0
        self.fences: list[control_pb2.FenceEntry] = []
        self.deletes: list[control_pb2.DeleteRequest] = []
        self.deleted: list[int] = []
        self.beats: list[control_pb2.HeartbeatRequest] = []
        self.reports: list[list[control_pb2.WriteReport]] = []
        self.commits = True
        self.report_gate = threading.Event()
        self.report_gate.set()
        paths = pki.issue(mds_id, credentials.ROLE_MDS, ["127.0.0.1"])
        self.address = Address("127.0.0.1", free_port())
        self._own = credentials.server_credentials(pki.ca, paths.certificate, paths.key)
        self._client = credentials.channel_credentials(pki.ca, paths.certificate, paths.key)
        self._server: grpc.Server | None = None

    def start(self) -> None:
        server = grpc.server(ThreadPoolExecutor(8), options=credentials.server_options())
        control_pb2_grpc.add_ControlServicer_to_server(self, server)
        server.add_secure_port(str(self.address), self._own)
        server.start()
        self._server = server

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def channel(self, address: Address, ds_id: str = "ds1") -> grpc.Channel:
        return grpc.secure_channel(str(address), self._client, options=credentials.channel_options(ds_id))

    def Heartbeat(
        self, request: control_pb2.HeartbeatRequest, context: grpc.ServicerContext
    ) -> control_pb2.HeartbeatReply:
        assert credentials.caller_is(context, request.ds_id, credentials.ROLE_DS)
        self.beats.append(request)
        if self.refused or not self.quorum:
            own = wire(self.mandate if self.refused else None)
            return control_pb2.HeartbeatReply(quorum_backed=False, refused=self.refused, mandate=own)
        own, obeyed = self.mandate, Mandate.of(request.obeys)
        of_our_life = own is None or (obeyed is not None and obeyed.era == own.era)
        deleted = request.deleted if of_our_life else []
        self.deleted += deleted
        self.deletes = [entry for entry in self.deletes if entry.sequence not in deleted]
        fences = [] if of_our_life and request.fence_version == self.fence_version else self.fences
        return control_pb2.HeartbeatReply(
            quorum_backed=True, fence_version=self.fence_version, fences=fences, deletes=self.deletes,
            lease_ms=LEASE_MS, mandate=wire(self.mandate),
        )  # fmt: skip

    def ReportWrites(
        self, request: control_pb2.ReportWritesRequest, context: grpc.ServicerContext
    ) -> control_pb2.ReportWritesReply:
        self.report_gate.wait(5)
        self.reports.append(list(request.writes))
        return control_pb2.ReportWritesReply(committed=self.commits and self.quorum)


class Cluster:
    """Fake metadata servers and one data server process, all on loopback."""

    def __init__(self, path: Path, *, mds: int = 2) -> None:
        self.path = path
        self.pki = ClusterPki(path / "pki")
        self.pki.create()
        self.key = bytes.fromhex(self.pki.cluster_key.read_text())
        self.mds = [FakeMds(self.pki, f"mds{number + 1}") for number in range(mds)]
        paths = self.pki.issue("ds1", credentials.ROLE_DS, ["127.0.0.1"])
        self.config = DsConfig(
            ds_id="ds1", data_dir=path / "ds1", cluster_key_file=self.pki.cluster_key,
            nfs=Address("127.0.0.1", free_port()), control=Address("127.0.0.1", free_port()),
            tls=TlsPaths(self.pki.ca, paths.certificate, paths.key),
            mds=tuple(MdsPeer(one.mds_id, one.address) for one in self.mds),
            lease_ms=LEASE_MS, heartbeat_ms=HEARTBEAT_MS,
        )  # fmt: skip
        self.file = path / "ds1.toml"
        save(self.config, self.file)
        self.process: subprocess.Popen[bytes] | None = None
        self._wires: list[Wire] = []
        self._channel: grpc.Channel | None = None

    def start_mds(self) -> None:
        for one in self.mds:
            one.start()

    def configure(self, **changes: object) -> None:
        self.config = replace(self.config, **changes)  # type: ignore[arg-type]
        save(self.config, self.file)

    def start(self, *, serving: bool = True) -> None:
        log = (self.path / "ds1.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dataserver", "serve", "--config", str(self.file)],
            cwd=REPO, env=os.environ | {"PYTHONPATH": str(REPO)}, stderr=log, stdout=log,
        )  # fmt: skip
        log.close()
        if serving:
            wait_until(self.accepts)

    def accepts(self) -> bool:
        try:
            socket.create_connection((self.config.nfs.host, self.config.nfs.port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(10)
        self.process = None
        return code

    def session(self) -> Wire:
        wire = Wire((self.config.nfs.host, self.config.nfs.port)).open_session()
        self._wires.append(wire)
        return wire

    def handle(self, fileid: int = 77, *, client_id: int = 5, epoch: int = 1, stripe: int = 0) -> bytes:
        return pack_ds_fh(self.key, FLAG_WRITE, stripe, fileid, client_id, epoch)

    def stub(self) -> control_pb2_grpc.DataServerControlStub:
        if self._channel is None:
            self._channel = self.mds[0].channel(self.config.control)
        return control_pb2_grpc.DataServerControlStub(self._channel)

    def log(self) -> str:
        return (self.path / "ds1.log").read_text()

    def close(self) -> None:
        for one in self._wires:
            one.close()
        if self._channel is not None:
            self._channel.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
        for mds in self.mds:
            mds.report_gate.set()
            mds.stop()
