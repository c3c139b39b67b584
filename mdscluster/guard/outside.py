"""What the guard tells others: keepalived by a file, systemd by a socket, operators by log lines."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time

from mdscluster.guard.words import HEALTH_NAME


class HealthFile:
    """The file that keepalived tracks. Exchanged as a whole: what is empty for a moment says nothing to keepalived."""

    def __init__(self, run_dir: str) -> None:
        self._path = os.path.join(run_dir, HEALTH_NAME)
        self._beside = os.path.join(run_dir, f".{HEALTH_NAME}.new")
        self._content = b""

    def write(self, weight: int) -> None:
        """``OSError`` when it cannot be said: the guard has to end then, and its unit says it."""
        self._content = b"%d\n" % weight
        self._put()

    def mend(self) -> bool:
        """Say again what was said last, if somebody else has said something since; whether anybody had."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            found = b""  # to keepalived it is no news that a file is gone, or it means that all is well
        else:
            found = os.read(file, 32)
            os.close(file)
        if found == self._content:
            return False
        self._put()
        return True

    def _put(self) -> None:
        try:
            file = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            try:
                os.fchmod(file, 0o644)
                os.write(file, self._content)
            finally:
                os.close(file)
            os.replace(self._beside, self._path)
        except OSError:
            self._overwrite()

    def _overwrite(self) -> None:
        """Where there is no room for another file there is room in this one: its number comes first at every moment."""
        file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(file, self._content, 0)
            os.ftruncate(file, len(self._content))
        finally:
            os.close(file)


class ServiceManager:
    """sd_notify(3), if there is who wants to hear it."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        address = os.environ.get("NOTIFY_SOCKET", "")
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, *assignments: str) -> None:
        """``READY=1``, ``WATCHDOG=1``, ``STATUS=...``. Never waits: a service manager that hangs is not waited for."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto("\n".join(assignments).encode(), self._address)


class Log:
    """JSON lines on standard error with the keys of the other processes' logs, without what those need for them.

    Whoever collects them is not waited for: a line that cannot be taken at once is lost.
    """

    def __init__(self, node_id: str) -> None:
        self._writable = select.poll()
        self._writable.register(sys.stderr.fileno(), select.POLLOUT)
        self._node_id = node_id

    def __call__(self, level: str, event: str, **details: object) -> None:
        now_ns = time.time_ns()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ns // 1_000_000_000))
        pairs: dict[str, object] = {"node": self._node_id, "process": "guard", **details}
        pairs |= {"event": event, "level": level, "timestamp": f"{stamp}.{now_ns // 1000 % 1_000_000:06d}Z"}
        line = ", ".join(f"{_quoted(key)}: {_value(value)}" for key, value in pairs.items())
        with contextlib.suppress(OSError):  # who collects the log may be gone
            if self._writable.poll(0):
                os.write(sys.stderr.fileno(), f"{{{line}}}\n".encode())


def _value(value: object) -> str:
    return str(value) if type(value) is int else _quoted(str(value))


def _quoted(text: str) -> str:
    """A JSON string (RFC 8259 §7)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign if sign >= " " else f"\\u{ord(sign):04x}" for sign in escaped) + '"'
