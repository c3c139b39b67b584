"""The cluster's own certificate authority: one CA, a certificate for every node, data server and operator.

``run up`` makes everything by itself; ``mdscluster pki`` does the same for a cluster set up by hand.
Certificates carry the node id and the role as DNS subject names (:mod:`mdsproto.credentials`) and the
addresses; both server and client side of every connection check them.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mdsproto.configfile import ConfigError, write_atomically
from mdsproto.credentials import ROLE_ADMIN, ROLES, role_name
from mdsproto.keyfile import KEY_BYTES

CA_DAYS: Final = 3650
NODE_DAYS: Final = 1825
RENEW_BEFORE: Final = timedelta(days=30)
"""A certificate that runs out sooner than this is made anew when it is asked for."""
NEVER: Final = timedelta.min
"""For whoever renews at no time, however soon the certificate runs out."""
CLOCK_SKEW: Final = timedelta(days=1)
"""Certificates count from a day before their making: a node's clock may be late."""
SECRET_MODE: Final = 0o600
_PLAIN_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class CertificatePaths:
    """Where a certificate and its private key lie."""

    certificate: Path
    key: Path


class ClusterPki:
    """The folder with the CA, the cluster key and all certificates. What is there already is kept."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca = directory / "ca.pem"
        self.ca_key = directory / "ca.key"
        self.cluster_key = directory / "cluster.key"

    def paths(self, name: str) -> CertificatePaths:
        """Where ``name``'s certificate and key are (or will be)."""
        return CertificatePaths(self.directory / f"{name}.pem", self.directory / f"{name}.key")

    def create(self, now: datetime | None = None) -> None:
        """Make the CA and the cluster key where they are missing."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.cluster_key.exists():
            _write(self.cluster_key, secrets.token_hex(KEY_BYTES).encode() + b"\n", SECRET_MODE)
        if self.ca.exists() and self.ca_key.exists():
            return
        if self.ca.exists():
            raise ConfigError(f"{self.ca} is there but its key {self.ca_key} is not: bring it back, or remove both")
        now = now or datetime.now(UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"mdscluster CA {secrets.token_hex(4)}")])
        _write_key(self.ca_key, key)
        _write_certificate(self.ca, _ca_certificate(name, key, now))

    def issue(
        self, name: str, role: str, addresses: list[str], now: datetime | None = None,
        renew_before: timedelta = RENEW_BEFORE,
    ) -> CertificatePaths:  # fmt: skip
        """A certificate for ``name``; a present one is kept while it fits role and addresses and does not run out.

        The key is kept in any case: a certificate is replaced by one rename, and whoever reads it meanwhile never finds
        a certificate and a key that do not belong together.
        """
        if role not in ROLES:
            raise ConfigError(f"there is no role {role!r}: it must be one of {', '.join(ROLES)}")
        now = now or datetime.now(UTC)
        paths = self.paths(name)
        wanted = {name, role_name(role), *(str(ipaddress.ip_address(address)) for address in addresses)}
        if paths.certificate.exists() and paths.key.exists():
            present = x509.load_pem_x509_certificate(paths.certificate.read_bytes())
            if wanted <= subject_names(present) and present.not_valid_after_utc - now > renew_before:
                return paths
        ca, ca_key = self._ca(now)
        key = _own_key(paths.key)
        alternative: list[x509.GeneralName] = [x509.DNSName(name), x509.DNSName(role_name(role))]
        alternative += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        ends = min(now + timedelta(days=NODE_DAYS), ca.not_valid_after_utc)
        certificate = (
            _builder(subject, ca.subject, key.public_key(), now, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(alternative), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        _write_certificate(paths.certificate, certificate)
        return paths

    def renew_ca(self, now: datetime | None = None) -> None:
        """Give the CA's certificate new days. Key and name stay, so every certificate of it stays good under either."""
        now = now or datetime.now(UTC)
        ca, key = self._ca(now)
        _write_certificate(self.ca, _ca_certificate(ca.subject, key, now))

    def _ca(self, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        try:
            ca = x509.load_pem_x509_certificate(self.ca.read_bytes())
            key = serialization.load_pem_private_key(self.ca_key.read_bytes(), password=None)
        except OSError as problem:
            raise ConfigError(f"cannot read the cluster's CA: {problem.filename}: {problem.strerror}") from problem
        except ValueError as problem:
            raise ConfigError(f"the cluster's CA in {self.directory} cannot be used: {problem}") from problem
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigError(f"{self.ca_key} is not an elliptic-curve key: it was not made by mdscluster")
        if key.public_key() != ca.public_key():
            raise ConfigError(f"{self.ca_key} is not the key of {self.ca}: bring back the one that belongs to it")
        return ca, key


def subject_names(certificate: x509.Certificate) -> frozenset[str]:
    """Every DNS name and address that the certificate is for."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return frozenset((*names.get_values_for_type(x509.DNSName), *addresses))


def _own_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key that is there, or a new one."""
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        _write_key(path, key)
        return key
    try:
        present = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as problem:
        raise ConfigError(f"{path} is no private key: {problem}") from problem
    if not isinstance(present, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} is not an elliptic-curve key: it was not made by mdscluster")
    return present


def _ca_certificate(name: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    return (
        _builder(name, name, key.public_key(), now, now + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem, SECRET_MODE)


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    _write(path, certificate.public_bytes(serialization.Encoding.PEM), _PLAIN_MODE)


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        write_atomically(path, content, mode=mode)
    except OSError as problem:
        raise ConfigError(f"cannot write {path}: {problem.strerror}") from problem


def parse_request(text: str) -> tuple[str, str, list[str]]:
    """``mds1=10.0.0.1,fd00::1`` as id, role and addresses; the role is the id's leading word (mds, ds, admin)."""
    name, _, addresses = text.partition("=")
    role = next((role for role in ROLES if name.rstrip("0123456789").rstrip("-") == role), None)
    if role is None:
        raise ConfigError(
            f"{text!r}: the id must be mds1, mds2, ..., ds1, ds2, ..., or admin, so that its role is clear"
        )
    listed = [address for address in addresses.split(",") if address]
    for address in listed:
        try:
            ipaddress.ip_address(address)
        except ValueError as problem:
            raise ConfigError(f"{text!r}: {problem}") from problem
    if not listed and role != ROLE_ADMIN:
        raise ConfigError(f"{text!r}: give the address (or addresses) it listens on, like {name}=10.0.0.1")
    return name, role, listed
