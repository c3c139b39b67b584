"""Reports of stable writes to the MDS, batched: whoever finds no call under way sends for all who wait.

A WRITE answered with FILE_SYNC4 is followed by no LAYOUTCOMMIT, so its thread waits here until a quorum has the new
size and time. Threads that come while a call is out put their reports down and share the next one (group commit).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

import grpc
import structlog
import tenacity

from mdsproto import control_pb2

log = structlog.get_logger()

BATCH_MAX: Final = 1000
CALL_TIMEOUT_S: Final = 2.0
"""After this long without an answer another MDS is asked; a report may be made twice."""
FIRST_TIMEOUT_S: Final = 0.5
"""The same for the first one asked, doubled for each that follows: an MDS that fell silent must not cost the client
more than the election does, and where all of them are slow nothing is gained by asking ever again."""

Send = Callable[[control_pb2.ReportWritesRequest, float], control_pb2.ReportWritesReply]
"""A blocking call to one MDS with a timeout in seconds; raises ``grpc.RpcError``."""


class _NotCommitted(Exception):
    """The MDS answered, and has no quorum."""


class _Report:
    __slots__ = ("committed", "given_up", "refused", "write")

    def __init__(self, write: control_pb2.WriteReport) -> None:
        self.write = write
        self.committed = False
        self.given_up = False
        self.refused = False


class Reporter:
    """Callable from any thread. The MDS nodes are asked in turn, beginning with the one that answered last.

    ``senders`` is never empty, and may be replaced item by item while calls are under way.
    """

    def __init__(self, ds_id: str, senders: Sequence[Send], clock_ns: Callable[[], int], *, deadline_ms: int) -> None:
        self._ds_id = ds_id
        self._senders = senders
        self._clock_ns = clock_ns
        self._deadline_ms = deadline_ms
        self._preferred = 0
        self._waiting: list[_Report] = []
        self._lock = threading.Lock()
        self._sending = threading.Lock()

    def __call__(self, fileid: int, client_id: int, stripe: int, end_offset: int, mtime_ns: int) -> bool:
        """True: committed by a quorum. False: it came too late, or had no outcome within the deadline (but may yet)."""
        report = _Report(
            control_pb2.WriteReport(
                fileid=fileid, client_id=client_id, stripe=stripe, end_offset=end_offset, mtime_ns=mtime_ns
            )
        )
        deadline_ns = self._clock_ns() + self._deadline_ms * 1_000_000
        with self._lock:
            self._waiting.append(report)
        while not report.committed:
            left_s = (deadline_ns - self._clock_ns()) / 1e9
            if left_s <= 0 or not self._sending.acquire(timeout=left_s):
                break
            try:
                if not report.committed:
                    self._send(deadline_ns)
            finally:
                self._sending.release()
        report.given_up = True
        return report.committed and not report.refused

    def _send(self, deadline_ns: int) -> None:
        """Try to have all that wait committed, until ``deadline_ns``, at any MDS."""
        try:
            for attempt in tenacity.Retrying(
                retry=tenacity.retry_if_exception_type((grpc.RpcError, _NotCommitted)),
                wait=tenacity.wait_random_exponential(multiplier=0.05, max=0.5),
                stop=lambda _: self._clock_ns() >= deadline_ns,
                reraise=True,
            ):
                with attempt:
                    self._attempt(deadline_ns, FIRST_TIMEOUT_S * 2 ** (attempt.retry_state.attempt_number - 1))
        except (grpc.RpcError, _NotCommitted) as error:
            log.warning("stable writes could not be reported", reason=reason_of(error))

    def _attempt(self, deadline_ns: int, timeout_s: float) -> None:
        """One call with everything that waits by now; the next attempt goes to the next MDS."""
        with self._lock:
            batch = [report for report in self._waiting if not report.given_up][:BATCH_MAX]
            self._waiting = [report for report in self._waiting if not report.given_up][BATCH_MAX:]
        if not batch:
            return
        request = control_pb2.ReportWritesRequest(ds_id=self._ds_id, writes=[report.write for report in batch])
        timeout_s = min(timeout_s, CALL_TIMEOUT_S, max(0.05, (deadline_ns - self._clock_ns()) / 1e9))
        reply = control_pb2.ReportWritesReply()
        try:
            senders = self._senders
            reply = senders[self._preferred % len(senders)](request, timeout_s)
            if not reply.committed:
                raise _NotCommitted("no quorum")
        finally:
            if reply.committed:
                refused = frozenset(reply.refused)
                for number, report in enumerate(batch):
                    report.refused = number in refused
                    report.committed = True
            else:
                self._preferred += 1
                with self._lock:
                    self._waiting[:0] = batch


def reason_of(error: BaseException) -> str:
    """A gRPC error in a few words."""
    if isinstance(error, grpc.RpcError):
        code, details = getattr(error, "code", None), getattr(error, "details", None)
        if callable(code) and callable(details):
            return f"{code().name}: {details()}"
    return str(error) or type(error).__name__
