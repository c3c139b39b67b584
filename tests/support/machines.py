"""Machines whose power can be cut: real processes, dead or alive, and the door by which simulated BMCs reach them.

The power state that a BMC reports is asked here, of the process itself, each time.
"""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

ON, OFF = "on", "off"
_TIMEOUT_S = 30.0


class Power(Protocol):
    """The power of some machines."""

    def is_on(self, machine: str) -> bool: ...
    def cut(self, machine: str) -> None:
        """Power off, at once; returns when it is."""

    def restore(self, machine: str) -> None:
        """Power on."""


class Sleepers:
    """The simplest machines: each a process that sleeps."""

    def __init__(self, names: Iterable[str]) -> None:
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in names:
            self.restore(name)

    def pid(self, machine: str) -> int:
        """Its process, alive or not."""
        return self._processes[machine].pid

    def is_on(self, machine: str) -> bool:
        return self._processes[machine].poll() is None

    def cut(self, machine: str) -> None:
        self._processes[machine].kill()
        self._processes[machine].wait()

    def restore(self, machine: str) -> None:
        if machine not in self._processes or not self.is_on(machine):
            self._processes[machine] = subprocess.Popen(["sleep", "600"])  # not tied to the thread

    def close(self) -> None:
        """End them all."""
        for machine in self._processes:
            self.cut(machine)


class PowerSwitch:
    """Answers BMCs: ``MACHINE on|off|status`` by a Unix socket, a line each.

    All in one thread that lives as long as the switch: what it starts may be tied to the thread that did.
    """

    def __init__(self, path: Path, power: Power) -> None:
        self.path = path
        self.log: list[tuple[str, str]] = []
        """What was switched: (machine, on or off), in order."""
        self.at_s: list[float] = []
        """When, for each of these: time.monotonic()."""
        self._power = power
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(16)
        threading.Thread(target=self._serve, name="power switch", daemon=True).start()

    def __enter__(self) -> PowerSwitch:
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            machine, word = connection.recv(256).decode().split()
            if word == OFF:
                self._power.cut(machine)
            elif word == ON:
                self._power.restore(machine)
            if word in (ON, OFF):
                self.at_s.append(time.monotonic())
                self.log.append((machine, word))
            state = ON if self._power.is_on(machine) else OFF
            connection.sendall(state.encode())


class Keeper:
    """The other end: a BMC's."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, machine: str) -> str:
        """``on`` or ``off``. RuntimeError when nobody knows."""
        return self._tell(machine, "status")

    def switch(self, machine: str, state: str) -> bool:
        """Switch it; whether it is as it should be."""
        return self._tell(machine, state) == state

    def _tell(self, machine: str, word: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(str(self._path))
            connection.sendall(f"{machine} {word}".encode())
            state = connection.recv(16).decode()
        if state not in (ON, OFF):
            raise RuntimeError(f"nobody knows whether {machine} is on")
        return state
