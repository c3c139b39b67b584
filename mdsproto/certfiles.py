"""A server's certificate on disk, looked at again and again: a renewed one is taken up without a restart.

Connections that stand stay as they are; new ones show the new certificate. A pair of files that do not belong together,
or that cannot be read, is told once and left alone: the last good one goes on being used. So does one that others would
refuse: whose days are over or have not begun, or that the CA beside it did not issue. And a running server keeps to its
CA: who trusts another one leaves the cluster with its next connection (docs/DEPLOY.md, "Another CA").
"""

from __future__ import annotations

import os
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature

log = structlog.get_logger()

AGAIN_S: Final = 5.0
"""After which files that were refused are judged again, though they have not changed: a certificate's days may begin.
They are looked at several times a second, by event loops, and judging them takes milliseconds."""

_Seen = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Pem:
    """What belongs together, as it stands in the files."""

    ca: bytes
    certificate: bytes
    key: bytes


class CertificateFiles:
    """The CA's certificate, one's own and its key. Not for several threads at once."""

    def __init__(self, ca: Path, certificate: Path, key: Path) -> None:
        """Reads nothing yet."""
        self.ca, self.certificate, self.key = ca, certificate, key
        self._seen: _Seen = ()
        self._used: Pem | None = None
        self._refused: _Seen = ()
        self._refused_s = 0.0

    def read(self) -> Pem:
        """The files as they are now. ``OSError`` (``ssl.SSLError`` is one) when they cannot be used. Whether others
        will take them is the caller's to ask (:mod:`mdsproto.certcheck`): a clock may not be set yet at the start."""
        self._seen, self._used = self._load()
        return self._used

    def _load(self) -> tuple[_Seen, Pem]:
        before = self._look()
        pem = Pem(self.ca.read_bytes(), self.certificate.read_bytes(), self.key.read_bytes())
        trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trial.load_verify_locations(self.ca)
        trial.load_cert_chain(self.certificate, self.key)
        if self._look() != before:
            raise OSError("the certificate was exchanged while it was being read")
        return before, pem

    def renewed(self) -> Pem | None:
        """The files' content if they are others than were last seen, and better. Three calls of stat if not."""
        try:
            looks = self._look()
            if looks == self._seen or (looks == self._refused and time.monotonic() < self._refused_s + AGAIN_S):
                return None
            looks, pem = self._load()
            self._require_better(pem)
        except OSError as problem:
            self._tell(problem)
            return None
        self._seen, self._used, self._refused = looks, pem, ()
        log.info("a renewed certificate is used from now on", certificate=str(self.certificate))
        return pem

    def forget(self) -> None:
        """What :meth:`read` saw last could not be used after all: :meth:`renewed` looks again."""
        self._seen = ()

    def _require_better(self, pem: Pem) -> None:
        """``OSError`` when whoever is talked to would refuse it."""
        try:
            ca, own = map(x509.load_pem_x509_certificate, (pem.ca, pem.certificate))
        except ValueError as problem:
            raise OSError(f"{self.certificate} or {self.ca} is no certificate: {problem}") from problem
        if self._used is not None and x509.load_pem_x509_certificate(self._used.ca).public_key() != ca.public_key():
            raise OSError(f"{self.ca} is another CA: that is taken up at a start, by all servers at once")
        try:
            own.verify_directly_issued_by(ca)
        except (InvalidSignature, ValueError, TypeError) as problem:
            raise OSError(f"{self.certificate} is of another CA than {self.ca}") from problem
        now = datetime.now(UTC)
        for path, present in (self.ca, ca), (self.certificate, own):
            if now >= present.not_valid_after_utc:
                raise OSError(f"{path} ended on {present.not_valid_after_utc:%Y-%m-%d}")
            if now < present.not_valid_before_utc:
                raise OSError(f"{path} is good from {present.not_valid_before_utc:%Y-%m-%d} on")

    def _look(self) -> _Seen:
        return tuple((seen.st_ino, seen.st_mtime_ns, seen.st_size) for seen in map(os.stat, self._paths()))

    def _paths(self) -> tuple[Path, Path, Path]:
        return self.ca, self.certificate, self.key

    def _tell(self, problem: OSError) -> None:
        """Once for each state of the files: they are looked at several times a second."""
        try:
            looks = self._look()
        except OSError:
            looks = ((0, 0, 0),)
        self._refused_s = time.monotonic()
        if looks != self._refused:
            self._refused = looks
            log.warning(
                "a changed certificate cannot be used, the last one goes on being used",
                certificate=str(self.certificate), reason=str(problem),
            )  # fmt: skip
