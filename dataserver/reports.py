"""Reports of stable writes to the MDS, batched: whoever finds no call under way sends for all who wait.

A WRITE answered with FILE_SYNC4 is followed by no LAYOUTCOMMIT, so its thread waits here until a quorum has the new
size and time. Threads that come while a call is out put their reports down and share the next one (group commit).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Final

import grpc
import structlog
import tenacity

from mdsproto import control_pb2
from mdsproto.callfailure import in_words

log = structlog.get_logger()

BATCH_MAX: Final = 1000
CALL_TIMEOUT_S: Final = 2.0
"""After this long without an answer another MDS is asked, however long answers took; a report may be made twice."""
PATIENCE_MIN_S: Final = 0.3
"""After this long another one is asked at the earliest. While an election goes on (0.7 s) neither who was cut off
answers nor who waits for it: of three, each is asked before a client has waited much longer than that."""
PAUSE_S, PAUSE_MAX_S = 0.05, 0.2
"""At most so long nobody is asked, at random, when all have been: the first time, doubled each time, the longest."""

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


class _Patience:
    """How long an answer may take before another MDS is asked: by those of before, as TCP waits (RFC 6298, section 2).

    An MDS that is silent must cost a client little, and where all of them are slow nothing is gained by asking ever
    again: it would only make more of the same work for them.
    """

    def __init__(self) -> None:
        self._smoothed_s = 0.0
        self._variation_s = 0.0

    def answered(self, took_s: float) -> None:
        self._variation_s += (abs(took_s - self._smoothed_s) - self._variation_s) / 4
        self._smoothed_s += (took_s - self._smoothed_s) / 8

    def timeout_s(self, again: int) -> float:
        """``again``: how many calls were made in vain since everybody has been asked; 0 until then."""
        usual_s = self._smoothed_s + 4 * self._variation_s
        return float(min(CALL_TIMEOUT_S, max(PATIENCE_MIN_S, usual_s) * 2 ** min(again, 10)))


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
        self._patience = _Patience()
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
                wait=self._pause_s,
                stop=lambda _: self._clock_ns() >= deadline_ns,
                reraise=True,
            ):
                with attempt:
                    again = max(0, attempt.retry_state.attempt_number - len(self._senders))
                    self._attempt(deadline_ns, self._patience.timeout_s(again))
        except (grpc.RpcError, _NotCommitted) as error:
            log.warning("stable writes could not be reported", reason=in_words(error))

    def _rounds(self, state: tenacity.RetryCallState) -> int:
        """In which round of asking everybody this attempt is: 1, 2, ..."""
        return (state.attempt_number - 1) // len(self._senders) + 1

    def _pause_s(self, state: tenacity.RetryCallState) -> float:
        """The next one is asked at once; when all have been, after a pause: they may all refuse at once."""
        if state.attempt_number % len(self._senders):
            return 0.0
        return random.uniform(0, min(PAUSE_MAX_S, PAUSE_S * 2 ** min(self._rounds(state) - 1, 10)))

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
        began_ns = self._clock_ns()
        try:
            senders = self._senders
            reply = senders[self._preferred % len(senders)](request, timeout_s)
            if not reply.committed:
                raise _NotCommitted("no quorum")
        finally:
            if reply.committed:
                self._patience.answered((self._clock_ns() - began_ns) / 1e9)
                refused = frozenset(reply.refused)
                for number, report in enumerate(batch):
                    report.refused = number in refused
                    report.committed = True
            else:
                self._preferred += 1
                with self._lock:
                    self._waiting[:0] = batch
