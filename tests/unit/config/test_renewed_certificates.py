"""A renewed certificate is taken up by whoever is running, and a broken one is not."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mdscluster.control.links import DataServerLinks
from mdscluster.control.registry import Heard
from mdscluster.pki import ClusterPki
from mdscluster.raft.config import TlsConfig
from mdscluster.raft.tls import Contexts, client_context
from mdsproto import admin_pb2, admin_pb2_grpc, certfiles, control_pb2, control_pb2_grpc, credentials
from mdsproto.certfiles import AGAIN_S, CertificateFiles, Pem


@pytest.fixture
def pki(tmp_path: Path) -> ClusterPki:
    made = ClusterPki(tmp_path / "pki")
    made.create()
    made.issue("mds1", "mds", ["127.0.0.1"])
    made.issue("admin", "admin", [])
    return made


def renew(pki: ClusterPki, name: str = "mds1") -> int:
    """The serial number of the new certificate."""
    role = "mds" if name.startswith("mds") else "admin"
    pki.issue(name, role, ["127.0.0.1"] if role == "mds" else [], renew_before=timedelta.max)
    return serial(pki, name)


def serial(pki: ClusterPki, name: str) -> int:
    return x509.load_pem_x509_certificate(pki.paths(name).certificate.read_bytes()).serial_number


def tls(pki: ClusterPki, name: str = "mds1") -> TlsConfig:
    paths = pki.paths(name)
    return TlsConfig(pki.ca, paths.certificate, paths.key, "mds.role.mdscluster")


def files(pki: ClusterPki) -> CertificateFiles:
    return CertificateFiles(pki.ca, pki.paths("mds1").certificate, pki.paths("mds1").key)


# ---------------------------------------------------------------------- the files
def test_what_has_not_changed_is_not_read_again(pki: ClusterPki) -> None:
    watched = files(pki)
    first = watched.read()
    assert watched.renewed() is None
    renew(pki)
    found = watched.renewed()
    assert found is not None
    assert (found.ca, found.key) == (first.ca, first.key)
    assert found.certificate != first.certificate
    assert watched.renewed() is None


def test_a_renewed_ca_counts_too(pki: ClusterPki) -> None:
    watched = files(pki)
    watched.read()
    pki.renew_ca()
    found = watched.renewed()
    assert found is not None
    assert found.ca == pki.ca.read_bytes()


@pytest.mark.parametrize("content", [b"", b"no certificate", None], ids=["empty", "garbage", "missing"])
def test_what_cannot_be_used_is_left_alone_until_it_can(
    pki: ClusterPki, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = files(pki)
    watched.read()
    certificate = pki.paths("mds1").certificate
    good = certificate.read_bytes()
    certificate.unlink()
    if content is not None:
        certificate.write_bytes(content)
    for _ in range(3):
        assert watched.renewed() is None
    assert capsys.readouterr().out.count("cannot be used") == 1, "told once, not at each look"
    certificate.write_bytes(good)
    assert watched.renewed() is not None


def test_another_ones_certificate_is_not_used(pki: ClusterPki) -> None:
    """It does not belong to the key: half of an exchange, or a mistake."""
    watched = files(pki)
    watched.read()
    pki.paths("mds1").certificate.write_bytes(pki.paths("admin").certificate.read_bytes())
    assert watched.renewed() is None
    renew(pki)
    assert watched.renewed() is not None


YEARS = timedelta(days=3650)


def of_an_old_backup(pki: ClusterPki) -> str:
    pki.issue("mds1", "mds", ["127.0.0.1"], now=datetime.now(UTC) - 2 * YEARS, renew_before=timedelta.max)
    return "mds1.pem ended on"


def of_a_clock_that_is_ahead(pki: ClusterPki) -> str:
    pki.issue("mds1", "mds", ["127.0.0.1"], now=datetime.now(UTC) + timedelta(days=30), renew_before=timedelta.max)
    return "mds1.pem is good from"


def another_ca(pki: ClusterPki) -> ClusterPki:
    other = ClusterPki(pki.directory.parent / "other")
    other.create()
    shutil.copy(pki.paths("mds1").key, other.paths("mds1").key)
    other.issue("mds1", "mds", ["127.0.0.1"])
    return other


def of_another_ca_for_the_same_key(pki: ClusterPki) -> str:
    shutil.copy(another_ca(pki).paths("mds1").certificate, pki.paths("mds1").certificate)
    return "mds1.pem is of another CA than"


def with_another_ca_alone(pki: ClusterPki) -> str:
    shutil.copy(another_ca(pki).ca, pki.ca)
    return "ca.pem is another CA"


def with_all_files_of_another_cluster(pki: ClusterPki) -> str:
    other = another_ca(pki)
    shutil.copy(other.ca, pki.ca)
    shutil.copy(other.paths("mds1").certificate, pki.paths("mds1").certificate)
    return "ca.pem is another CA"


def with_a_ca_that_ended(pki: ClusterPki) -> str:
    pki.renew_ca(now=datetime.now(UTC) - 2 * YEARS)
    return "ca.pem ended on"


@pytest.mark.parametrize(
    "exchange",
    [
        of_an_old_backup, of_a_clock_that_is_ahead, of_another_ca_for_the_same_key, with_another_ca_alone,
        with_all_files_of_another_cluster, with_a_ca_that_ended,
    ],
)  # fmt: skip
def test_what_others_would_refuse_is_not_used_by_who_is_running(
    pki: ClusterPki, exchange: Callable[[ClusterPki], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """INV-4: it would go on until its next connection, and be out of the cluster then. What comes after is used."""
    watched, contexts = files(pki), Contexts(tls(pki))
    watched.read()
    client = contexts.client
    good = {path: path.read_bytes() for path in (pki.ca, pki.paths("mds1").certificate)}
    reason = exchange(pki)
    for _ in range(3):
        assert watched.renewed() is None
        contexts.refresh()
    told = capsys.readouterr().out
    assert told.count("the last one goes on being used") == 2, "once by each who looks"
    assert told.count(reason) == 2, told
    assert contexts.client is client
    for path, content in good.items():
        path.write_bytes(content)
    renew(pki)
    assert watched.renewed() is not None


def test_what_was_refused_is_judged_again_after_a_while_and_not_at_each_look(
    pki: ClusterPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate's days may begin; and consensus, whose loop looks ten times a second, has other work."""
    watched = files(pki)
    watched.read()
    now_s = time.monotonic()
    monkeypatch.setattr(certfiles.time, "monotonic", lambda: now_s)
    of_a_clock_that_is_ahead(pki)
    assert watched.renewed() is None
    judged: list[Pem] = []
    monkeypatch.setattr(watched, "_require_better", judged.append)  # it has begun
    now_s += AGAIN_S - 0.1
    assert watched.renewed() is None
    assert not judged
    now_s += 0.2
    assert watched.renewed() is not None
    assert len(judged) == 1


# ---------------------------------------------------------------------- gRPC
class _Admin(admin_pb2_grpc.AdminServicer):
    def Status(self, request: admin_pb2.StatusRequest, context: grpc.ServicerContext) -> admin_pb2.StatusReply:  # type: ignore[override]
        names = credentials.caller_names(context)
        return admin_pb2.StatusReply(node_id=",".join(sorted(names)))


class _AsyncAdmin(admin_pb2_grpc.AdminServicer):
    async def Status(self, request: admin_pb2.StatusRequest, context: object) -> admin_pb2.StatusReply:  # type: ignore[override]
        return admin_pb2.StatusReply(node_id="async")


def shown(pki: ClusterPki, port: int) -> int:
    """The serial number of the certificate that a listener shows to a new connection."""
    context = client_context(tls(pki, "admin"))
    context.set_alpn_protocols(["h2"])
    return asyncio.run(_shown(context, port))


async def end(writer: asyncio.StreamWriter) -> None:
    """To its end: what a closing loop leaves open is told as a ResourceWarning, in whatever test comes next."""
    writer.close()
    with contextlib.suppress(OSError):  # ssl.SSLError is one: the other side ended first
        await writer.wait_closed()


async def _shown(context: ssl.SSLContext, port: int) -> int:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="mds1")
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    await end(writer)
    pem = ssl.DER_cert_to_PEM_cert(der)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def own(pki: ClusterPki) -> grpc.ServerCredentials:
    paths = pki.paths("mds1")
    return credentials.server_credentials(pki.ca, paths.certificate, paths.key)


def test_a_grpc_server_shows_the_renewed_certificate_and_keeps_its_connections(pki: ClusterPki) -> None:
    server = grpc.server(ThreadPoolExecutor(2), options=credentials.server_options())
    admin_pb2_grpc.add_AdminServicer_to_server(_Admin(), server)
    port = server.add_secure_port("127.0.0.1:0", own(pki))
    server.start()
    admin = pki.paths("admin")
    channel = grpc.secure_channel(
        f"127.0.0.1:{port}", credentials.channel_credentials(pki.ca, admin.certificate, admin.key),
        options=credentials.channel_options("mds1"),
    )  # fmt: skip
    with channel:
        stub = admin_pb2_grpc.AdminStub(channel)
        assert "admin" in stub.Status(admin_pb2.StatusRequest(), timeout=5).node_id
        first = shown(pki, port)
        assert first == serial(pki, "mds1")
        new = renew(pki)
        assert shown(pki, port) == new != first
        pki.paths("mds1").certificate.write_bytes(b"half a certif")
        assert shown(pki, port) == new, "a broken file ends nothing"
        assert "admin" in stub.Status(admin_pb2.StatusRequest(), timeout=5).node_id
    server.stop(None).wait()


@pytest.mark.asyncio
async def test_an_asyncio_grpc_server_does_so_too(pki: ClusterPki) -> None:
    server = grpc.aio.server(options=credentials.server_options())
    admin_pb2_grpc.add_AdminServicer_to_server(_AsyncAdmin(), server)
    port = server.add_secure_port("127.0.0.1:0", own(pki))
    await server.start()
    context = client_context(tls(pki, "admin"))
    context.set_alpn_protocols(["h2"])
    assert await _shown(context, port) == serial(pki, "mds1")
    new = renew(pki)
    assert await _shown(context, port) == new
    await server.stop(None)


def test_a_client_makes_its_credentials_anew(pki: ClusterPki) -> None:
    paths = pki.paths("admin")
    held = credentials.RenewedCredentials(pki.ca, paths.certificate, paths.key)
    before = held.current
    assert not held.refresh()
    renew(pki, "admin")
    assert held.refresh()
    assert held.generation == 1
    assert held.current is not before
    assert not held.refresh()


# ---------------------------------------------------------------------- consensus
@pytest.mark.asyncio
async def test_a_nodes_streams_use_the_renewed_certificate_both_ways(pki: ClusterPki) -> None:
    """The listener keeps its context; the next connection is dialled with the new one."""
    contexts = Contexts(tls(pki))
    callers: asyncio.Queue[int] = asyncio.Queue()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        callers.put_nowait(x509.load_der_x509_certificate(der).serial_number)
        await end(writer)

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=contexts.server)
    port = server.sockets[0].getsockname()[1]
    for change in (False, True):
        wanted = renew(pki) if change else serial(pki, "mds1")
        contexts.refresh()
        assert await _shown(contexts.client, port) == wanted
        assert await asyncio.wait_for(callers.get(), 5) == wanted
    server.close()
    await server.wait_closed()


def test_a_renewed_ca_is_trusted_beside_the_old_one(pki: ClusterPki) -> None:
    contexts = Contexts(tls(pki))
    before = contexts.server.get_ca_certs(binary_form=True)
    pki.renew_ca()
    contexts.refresh()
    new = x509.load_pem_x509_certificate(pki.ca.read_bytes()).public_bytes(Encoding.DER)
    assert set(contexts.server.get_ca_certs(binary_form=True)) == {*before, new}
    assert contexts.client.get_ca_certs(binary_form=True) == [new]


# ---------------------------------------------------------------------- calls to data servers
class _DataServer(control_pb2_grpc.DataServerControlServicer):
    """Notes the certificate that each call came with."""

    def __init__(self) -> None:
        self.callers: list[int] = []

    async def Fence(  # type: ignore[override]
        self, request: control_pb2.FenceRequest, context: grpc.aio.ServicerContext
    ) -> control_pb2.FenceReply:
        pem = context.auth_context()["x509_pem_cert"][0]
        self.callers.append(x509.load_pem_x509_certificate(pem).serial_number)
        return control_pb2.FenceReply(version=request.version)


@pytest.mark.asyncio
async def test_a_metadata_server_calls_data_servers_with_the_renewed_certificate(pki: ClusterPki) -> None:
    """INV-6: a fence that a data server refuses because the caller's certificate has ended would never be in force."""
    paths = pki.issue("ds1", "ds", ["127.0.0.1"])
    server, data_server = grpc.aio.server(options=credentials.server_options()), _DataServer()
    control_pb2_grpc.add_DataServerControlServicer_to_server(data_server, server)
    own_credentials = credentials.server_credentials(pki.ca, paths.certificate, paths.key)
    port = server.add_secure_port("127.0.0.1:0", own_credentials)
    await server.start()
    links = DataServerLinks(pki.ca, pki.paths("mds1").certificate, pki.paths("mds1").key)
    heard = Heard("ds1", 1, "127.0.0.1", 2049, "127.0.0.1", port, 0, 0, 0, 0)
    first = serial(pki, "mds1")
    assert [await links.fence(heard, version, [], None) for version in (1, 2)] == [1, 2]
    new = renew(pki)
    assert [await links.fence(heard, version, [], None) for version in (3, 4)] == [3, 4]
    assert data_server.callers == [first, first, new, new]
    await links.close()
    await server.stop(None)
