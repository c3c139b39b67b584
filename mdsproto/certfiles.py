"""A server's certificate on disk, looked at again and again: a renewed one is taken up without a restart.

Connections that stand stay as they are; new ones show the new certificate. A pair of files that do not belong together,
or that cannot be read, is told once and left alone: the last good one goes on being used.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger()

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
        self._refused: _Seen = ()

    def read(self) -> Pem:
        """The files as they are now. ``OSError`` (``ssl.SSLError`` is one) when they cannot be used."""
        before = self._look()
        pem = Pem(self.ca.read_bytes(), self.certificate.read_bytes(), self.key.read_bytes())
        trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trial.load_verify_locations(self.ca)
        trial.load_cert_chain(self.certificate, self.key)
        if self._look() != before:
            raise OSError("the certificate was exchanged while it was being read")
        self._seen = before
        return pem

    def renewed(self) -> Pem | None:
        """The files' content if they are others than :meth:`read` last saw, and can be used. Three calls of stat."""
        try:
            looks = self._look()
            if looks == self._seen:
                return None
            pem = self.read()
        except OSError as problem:
            self._tell(problem)
            return None
        self._refused = ()
        log.info("a renewed certificate is used from now on", certificate=str(self.certificate))
        return pem

    def forget(self) -> None:
        """What :meth:`read` saw last could not be used after all: :meth:`renewed` looks again."""
        self._seen = ()

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
        if looks != self._refused:
            self._refused = looks
            log.warning(
                "a changed certificate cannot be used, the last one goes on being used",
                certificate=str(self.certificate), reason=str(problem),
            )  # fmt: skip
