"""A progress line: rewritten in place on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from typing import TextIO

TERMINAL_INTERVAL_MS = 100.0
PLAIN_INTERVAL_MS = 2000.0
BAR_CELLS = 28


class Progress:
    """Shows how far ``label`` has come. Time is an argument."""

    def __init__(self, out: TextIO, label: str, total_bytes: int, now_ms: float) -> None:
        self._out = out
        self._label = label
        self._total_bytes = total_bytes
        self._started_ms = now_ms
        self._shown_ms = float("-inf")
        self._terminal = out.isatty()
        self._width = 0
        self._latest: tuple[int, float, str] | None = None      # what ``show`` was told last, shown or not

    def show(self, done_bytes: int, now_ms: float, note: str = "", last: bool = False) -> None:
        """Draw the line, if it is time to, or ``last``."""
        self._latest = (done_bytes, now_ms, note)
        interval_ms = TERMINAL_INTERVAL_MS if self._terminal else PLAIN_INTERVAL_MS
        if not last and now_ms - self._shown_ms < interval_ms:
            return
        self._shown_ms = now_ms
        line = self.line(done_bytes, now_ms, note)
        if self._terminal:
            self._out.write("\r" + line.ljust(self._width) + ("\n" if last else ""))
            self._width = len(line)
        else:
            self._out.write(line + "\n")
        self._out.flush()

    def say(self, text: str) -> None:
        """A line of its own, behind how far things have come."""
        if self._latest is not None and not self._terminal:
            self._out.write(self.line(*self._latest) + "\n")
        self._out.write(("\r" + text.ljust(self._width) if self._terminal else text) + "\n")
        self._out.flush()
        self._shown_ms = float("-inf")

    def line(self, done_bytes: int, now_ms: float, note: str) -> str:
        """The line's text."""
        elapsed_ms = max(now_ms - self._started_ms, 1.0)
        share = done_bytes / self._total_bytes if self._total_bytes else 1.0
        filled = int(share * BAR_CELLS)
        rate = done_bytes / 1e6 / (elapsed_ms / 1000)
        text = (f"{self._label:<8} [{'#' * filled}{'.' * (BAR_CELLS - filled)}] {share * 100:5.1f} %  "
                f"{done_bytes >> 20:5d} MiB  {rate:7.1f} MB/s")
        return f"{text}  {note}" if note else text
