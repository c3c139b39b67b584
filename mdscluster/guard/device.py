"""The hardware watchdog: it resets the machine unless it hears from us again and again (kernel: watchdog-api).

Opened before the node may have addresses, petted only while the node's state can be told, and closed with the magic
``V`` when the guard stops in good order: "if a daemon closes the file without the magic character, the driver will
assume that the daemon died, and will not stop the watchdog". So a guard that was killed leaves it running, and the next
one takes it over.
"""

from __future__ import annotations

import fcntl
import os
import struct

_WDIOC_SETTIMEOUT = 0xC0045706  # _IOWR('W', 6, int)


class Watchdog:
    """An open device. Raises ``OSError`` when it cannot be had."""

    def __init__(self, path: str, timeout_s: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        self.timeout_s: int | None = timeout_s
        """What the driver made of it; None: it has a time-out of its own that cannot be set."""
        try:
            answer = fcntl.ioctl(self._file, _WDIOC_SETTIMEOUT, struct.pack("i", timeout_s))
            self.timeout_s = struct.unpack("i", answer)[0]
        except OSError:
            self.timeout_s = None

    def pet(self) -> None:
        """So much longer."""
        os.write(self._file, b"1")

    def disarm(self) -> None:
        """Stop it, and close it."""
        os.write(self._file, b"V")
        os.close(self._file)
