"""Mutual TLS for gRPC: who the other side is, and whether it may call.

Every certificate of a cluster names, as DNS subject names, its owner's node id (``mds1``) and role
(``mds.role.mdscluster``, ``ds.role.mdscluster``, ``admin.role.mdscluster``). A name of its own for the
role, so that no node id can be mistaken for one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

import grpc

from mdsproto.certfiles import CertificateFiles, Pem

ROLE_MDS: Final = "mds"
ROLE_DS: Final = "ds"
ROLE_ADMIN: Final = "admin"
ROLES: Final = (ROLE_MDS, ROLE_DS, ROLE_ADMIN)
ROLE_SUFFIX: Final = ".role.mdscluster"

MESSAGE_BYTES_MAX: Final = 4 << 20

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    # A dead peer is noticed within seconds, also when nothing is being said.
    ("grpc.keepalive_time_ms", 2_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Never through an HTTP proxy that happens to be in the environment.
    ("grpc.enable_http_proxy", 0),
)


class _Context(Protocol):
    """The part of a gRPC servicer context, blocking or asyncio, that tells the caller."""

    def auth_context(self) -> object: ...


def role_name(role: str) -> str:
    """The DNS subject name that stands for a role."""
    return role + ROLE_SUFFIX


def server_credentials(ca: Path, certificate: Path, key: Path) -> grpc.ServerCredentials:
    """Credentials of a server that talks only to holders of a certificate of the cluster's CA.

    The files are looked at before each handshake: a renewed certificate is taken up without a restart. ``OSError`` when
    they cannot be used now.
    """
    files = CertificateFiles(ca, certificate, key)

    def configuration(pem: Pem) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([(pem.key, pem.certificate)], root_certificates=pem.ca)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        pem = files.renewed()
        return configuration(pem) if pem is not None else None

    return grpc.dynamic_ssl_server_credentials(
        configuration(files.read()), fetch, require_client_authentication=True  # type: ignore[arg-type]  # None: no change
    )


def server_options() -> list[tuple[str, int]]:
    """Options for ``grpc.server`` and ``grpc.aio.server``: bounded messages, tolerant of our clients' keepalive."""
    return [*_OPTIONS, ("grpc.http2.min_recv_ping_interval_without_data_ms", 500), ("grpc.so_reuseport", 0)]


def channel_credentials(ca: Path, certificate: Path, key: Path) -> grpc.ChannelCredentials:
    """Credentials of a client that shows its own certificate and trusts the cluster's CA alone."""
    return grpc.ssl_channel_credentials(ca.read_bytes(), key.read_bytes(), certificate.read_bytes())


class RenewedCredentials:
    """A client's credentials, made anew when its certificate is. A channel keeps what it was made with: see
    ``generation``."""

    def __init__(self, ca: Path, certificate: Path, key: Path) -> None:
        """``OSError`` when they cannot be used."""
        self._files = CertificateFiles(ca, certificate, key)
        self.current = _of(self._files.read())
        """For channels that are made now."""
        self.generation = 0
        """How often they were made anew: a channel of an earlier one should be replaced."""

    def refresh(self) -> bool:
        """Look at the files; whether there are new credentials. Three calls of stat."""
        pem = self._files.renewed()
        if pem is not None:
            self.current = _of(pem)
            self.generation += 1
        return pem is not None


def _of(pem: Pem) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(pem.ca, pem.key, pem.certificate)


def channel_options(peer_id: str) -> list[tuple[str, int | str]]:
    """Options for a channel that must reach ``peer_id`` and nobody else, at whatever address.

    Use ``role_name(role)`` as the id where any node of a role will do.
    """
    return [*_OPTIONS, ("grpc.ssl_target_name_override", peer_id)]


def caller_names(context: _Context) -> frozenset[str]:
    """All names in the caller's verified certificate; empty for a caller without one."""
    auth = context.auth_context()
    if not isinstance(auth, dict):
        return frozenset()
    values: Iterable[bytes] = auth.get("x509_subject_alternative_name", ())
    return frozenset(value.decode("utf-8", "replace") for value in values)


def caller_name(context: _Context) -> str:
    """The caller's own name, beside its roles, for what people read."""
    return min(caller_names(context) - {role_name(role) for role in ROLES}, default="an operator")


def caller_has_role(context: _Context, *roles: str) -> bool:
    """Whether the caller's certificate carries one of the roles."""
    names = caller_names(context)
    return any(role_name(role) in names for role in roles)


def caller_is(context: _Context, node_id: str, role: str) -> bool:
    """Whether the caller is this node in this role: what a request claims is checked against its certificate."""
    names = caller_names(context)
    return node_id in names and role_name(role) in names
