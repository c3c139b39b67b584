"""The cluster's CA: who may talk to whom, proven by real gRPC connections."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from mdscluster.cli import main
from mdscluster.config import ConfigError
from mdscluster.pki import ClusterPki, parse_request, subject_names
from mdsproto import admin_pb2, admin_pb2_grpc, credentials


def test_what_the_system_refuses_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To people. A server that runs fails as it did, or its unit would take it for a wrong configuration (exit code 2)
    and not start it again."""
    (tmp_path / "file").touch()
    assert main(["pki", "--directory", str(tmp_path / "file" / "pki")]) == 2
    assert capsys.readouterr().err.startswith(f"mdscluster: cannot use {tmp_path / 'file'}")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mdscluster.server.serve", full)
        with pytest.raises(OSError, match="No space left"):
            main(["serve", "--config", "x"])


def full(config: Path) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def pki(tmp_path: Path) -> ClusterPki:
    made = ClusterPki(tmp_path / "pki")
    made.create()
    return made


def test_secrets_are_for_the_owner_only(pki: ClusterPki) -> None:
    pki.issue("mds1", "mds", ["127.0.0.1"])
    for secret in (pki.ca_key, pki.cluster_key, pki.paths("mds1").key):
        assert secret.stat().st_mode & 0o777 == 0o600
    assert pki.directory.stat().st_mode & 0o077 == 0
    assert len(bytes.fromhex(pki.cluster_key.read_text())) == 32


def test_a_certificate_names_node_role_and_addresses(pki: ClusterPki) -> None:
    paths = pki.issue("mds1", "mds", ["127.0.0.1", "fd00::1"])
    certificate = x509.load_pem_x509_certificate(paths.certificate.read_bytes())
    assert subject_names(certificate) == {"mds1", "mds.role.mdscluster", "127.0.0.1", "fd00::1"}
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(pki.ca.read_bytes()))


def test_what_is_there_is_kept_until_it_no_longer_fits(pki: ClusterPki) -> None:
    files = [pki.ca, pki.ca_key, pki.cluster_key]
    before = [file.read_bytes() for file in files]
    pki.create()
    assert [file.read_bytes() for file in files] == before
    first = pki.issue("mds1", "mds", ["127.0.0.1"]).certificate.read_bytes()
    assert pki.issue("mds1", "mds", ["127.0.0.1"]).certificate.read_bytes() == first
    moved = pki.issue("mds1", "mds", ["10.0.0.1"]).certificate.read_bytes()
    assert moved != first
    later = datetime.now(UTC) + timedelta(days=1825 - 10)
    assert pki.issue("mds1", "mds", ["10.0.0.1"], now=later).certificate.read_bytes() != moved


def test_a_lost_ca_key_is_not_replaced_behind_the_operators_back(pki: ClusterPki) -> None:
    pki.ca_key.unlink()
    with pytest.raises(ConfigError, match="bring it back, or remove both"):
        pki.create()


@pytest.mark.parametrize("bad", ["web1=10.0.0.1", "mds1", "mds1=ten", "=10.0.0.1"])
def test_a_request_that_makes_no_sense_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError):
        parse_request(bad)


def test_requests_are_understood() -> None:
    assert parse_request("mds12=10.0.0.1,fd00::1") == ("mds12", "mds", ["10.0.0.1", "fd00::1"])
    assert parse_request("ds-3=10.0.0.1") == ("ds-3", "ds", ["10.0.0.1"])
    assert parse_request("admin") == ("admin", "admin", [])


class _Admin(admin_pb2_grpc.AdminServicer):
    """Answers with what it knows of its caller."""

    def Status(self, request: admin_pb2.StatusRequest, context: grpc.ServicerContext) -> admin_pb2.StatusReply:  # type: ignore[override]
        admin = credentials.caller_has_role(context, credentials.ROLE_ADMIN, credentials.ROLE_MDS)
        itself = credentials.caller_is(context, "ds1", credentials.ROLE_DS)
        return admin_pb2.StatusReply(role="admin" if admin else "other", node_id="ds1" if itself else "?")


@pytest.fixture
def port(pki: ClusterPki) -> Iterator[int]:
    paths = pki.issue("mds1", "mds", ["127.0.0.1"])
    server = grpc.server(ThreadPoolExecutor(2), options=credentials.server_options())
    admin_pb2_grpc.add_AdminServicer_to_server(_Admin(), server)
    bound = server.add_secure_port("127.0.0.1:0", credentials.server_credentials(pki.ca, paths.certificate, paths.key))
    server.start()
    yield bound
    server.stop(None).wait()


def ask(
    port: int, pki: ClusterPki, caller: str, expected: str, trusted: ClusterPki | None = None
) -> admin_pb2.StatusReply:
    paths = pki.paths(caller)
    channel = grpc.secure_channel(
        f"127.0.0.1:{port}",
        credentials.channel_credentials((trusted or pki).ca, paths.certificate, paths.key),
        options=credentials.channel_options(expected),
    )
    with channel:
        return admin_pb2_grpc.AdminStub(channel).Status(admin_pb2.StatusRequest(), timeout=5)


def test_the_callers_role_and_id_are_seen(port: int, pki: ClusterPki) -> None:
    pki.issue("admin", "admin", [])
    pki.issue("ds1", "ds", ["127.0.0.1"])
    pki.issue("ds2", "ds", ["127.0.0.1"])
    assert ask(port, pki, "admin", "mds1").role == "admin"
    assert ask(port, pki, "ds1", "mds1") == admin_pb2.StatusReply(role="other", node_id="ds1")
    assert ask(port, pki, "ds2", "mds1") == admin_pb2.StatusReply(role="other", node_id="?")
    assert ask(port, pki, "ds2", credentials.role_name("mds")).role == "other"


def test_another_node_at_the_address_is_not_talked_to(port: int, pki: ClusterPki) -> None:
    pki.issue("admin", "admin", [])
    with pytest.raises(grpc.RpcError):
        ask(port, pki, "admin", "mds2")


def test_a_certificate_of_another_ca_is_not_let_in(port: int, pki: ClusterPki, tmp_path: Path) -> None:
    stranger = ClusterPki(tmp_path / "stranger")
    stranger.create()
    stranger.issue("admin", "admin", [])
    with pytest.raises(grpc.RpcError):
        ask(port, stranger, "admin", "mds1", trusted=pki)
