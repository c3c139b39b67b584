"""What a data server logs of metadata servers that do not answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest

from dataserver.heartbeats import Heartbeats
from mdscluster.pki import ClusterPki
from mdsproto.callfailure import in_words, is_of_certificates

EXPIRED = "failed to connect: Ssl handshake failed: CERTIFICATE_VERIFY_FAILED: certificate has expired"
FOREIGN = "failed to connect: Ssl handshake failed: CERTIFICATE_VERIFY_FAILED: self signed certificate"


class _Failed(grpc.RpcError, grpc.Call):
    """A call that has failed, as far as it is read."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    initial_metadata = trailing_metadata = is_active = time_remaining = cancel = add_callback = None


_Failed.__abstractmethods__ = frozenset()


def unavailable(details: str) -> str:
    return in_words(_Failed(grpc.StatusCode.UNAVAILABLE, details))


def test_a_failure_is_told_in_words() -> None:
    assert unavailable("ipv4:1.2.3.4:5: Connection refused") == "connection refused"
    assert unavailable(EXPIRED).startswith("its certificate has ended")
    assert unavailable(FOREIGN) == "its certificate is not of this cluster"
    assert unavailable("of its own") == "unavailable: of its own"
    assert in_words(_Failed(grpc.StatusCode.DEADLINE_EXCEEDED, "")) == "no answer in time"
    assert in_words(OSError(5, "I/O")) == "[Errno 5] I/O"
    assert in_words(OSError()) == "OSError"
    assert is_of_certificates(unavailable(EXPIRED))
    assert is_of_certificates(unavailable(FOREIGN))
    assert not is_of_certificates(unavailable("Connection refused"))


def test_a_certificate_is_told_of_though_the_server_was_out_of_reach_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, not with each heartbeat; and other reasons of one that does not answer come and go untold."""
    beats = object.__new__(Heartbeats)
    beats._told = {}
    pki = ClusterPki(tmp_path)
    pki.create()
    own = pki.issue("ds1", "ds", [])
    beats._config = SimpleNamespace(tls=SimpleNamespace(ca=pki.ca, certificate=own.certificate))  # type: ignore[assignment]

    def fail(*failures: str) -> None:
        for details in failures:
            beats._note("mds1", False, *beats._why(_Failed(grpc.StatusCode.UNAVAILABLE, details)))

    fail("Connection refused", "No route to host", EXPIRED, EXPIRED)
    told = [line for line in capsys.readouterr().out.splitlines() if "does not answer" in line]
    assert len(told) == 2
    assert "connection refused" in told[0]
    assert "its certificate has ended" in told[1]

    fail("Socket closed")
    assert "connection lost" in capsys.readouterr().out
    pki.issue("ds1", "ds", [], now=datetime.now(UTC) - timedelta(days=7300), renew_before=timedelta.max)
    fail("Socket closed", "Socket closed")
    assert capsys.readouterr().out.count("ds1.pem ended on") == 1, "its own, of which those who refuse it say nothing"
    own.certificate.write_text("half a certif")
    fail("Socket closed")
    assert "connection lost" in capsys.readouterr().out
    beats._note("mds1", True, "")
    assert "metadata server answers" in capsys.readouterr().out
