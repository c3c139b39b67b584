"""What is wrong with a server's own certificate, before others refuse it without saying so.

A certificate of another CA, of another server, or of another key can never work: :class:`ConfigError`. One whose days
are over, or have not begun, may be the fault of a clock that is not set yet: that is told, and the server goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from mdsproto.configfile import ConfigError
from mdsproto.credentials import role_name

WARN_BEFORE: Final = timedelta(days=30)


def require_own(ca: Path, certificate: Path, key: Path, name: str, role: str) -> None:
    """Raise :class:`ConfigError` unless it is ``name``'s certificate in this role, of this CA and for this key."""
    authority, own = _load(ca), _load(certificate)
    try:
        own.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError) as problem:
        raise ConfigError(f"{certificate} is of another CA than {ca}: every other server would refuse it") from problem
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    for wanted in (name, role_name(role)):
        if wanted not in names:
            raise ConfigError(f"{certificate} is made for {', '.join(names)}: it must name {wanted}")
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except OSError as problem:
        raise ConfigError(f"cannot read the key {key}: {problem.strerror}") from problem
    except (ValueError, TypeError) as problem:
        raise ConfigError(f"{key} is no private key that can be used: {problem}") from problem
    if private.public_key() != own.public_key():
        raise ConfigError(f"{key} is not the key of {certificate}")


def days(ca: Path, certificate: Path, now: datetime | None = None) -> tuple[str, bool]:
    """What the operator should know of the days of both, empty if nothing; and whether they can be used now."""
    now = now or datetime.now(UTC)
    for path in (ca, certificate):
        present = _load(path)
        if now >= present.not_valid_after_utc:
            return f"{path} ended on {present.not_valid_after_utc:%Y-%m-%d}: renew it (mdsctl certs renew)", False
        if now < present.not_valid_before_utc:
            begins = present.not_valid_before_utc
            return f"{path} is good from {begins:%Y-%m-%d} on: is the clock of this host right?", False
        if present.not_valid_after_utc - now < WARN_BEFORE:
            return f"{path} ends on {present.not_valid_after_utc:%Y-%m-%d}: renew it (mdsctl certs renew)", True
    return "", True


def end_of(path: Path) -> datetime:
    """Until when a certificate is good. :class:`ConfigError` when it cannot be read."""
    return _load(path).not_valid_after_utc


def _load(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as problem:
        raise ConfigError(f"cannot read the certificate {path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise ConfigError(f"{path} is no certificate: {problem}") from problem
