"""Starting simulated BMCs, and the devices by which real fence agents reach them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fencing.device import Device
from tests.support.lifeline import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "open-sesame"
TOOLS = {"fence_ipmilan": "fence-agents", "ipmitool": "ipmitool"}
"""What the real agents need: command -> Debian package."""
_QUICK = ("power_wait=0", "login_timeout=1", "shell_timeout=1", "power_timeout=2")
IPMI_OPTIONS = ("username=operator", "lanplus=1", "ipmitool_timeout=1", *_QUICK)

_NICE = -15
"""A BMC has a processor of its own. Here it shares two with all machines, each of which weighs as much as eight
processes: it would be slower than any BMC is."""

Wrap = Callable[[list[str]], list[str]]


def start_ipmi(
    machines: Path, machine: str, address: str, port: int, manner: str = "honest", wrap: Wrap = list,
    password: str = PASSWORD,
) -> subprocess.Popen[bytes]:  # fmt: skip
    """A BMC that speaks IPMI; ready when this returns. ``wrap`` puts it into a network namespace."""
    words = ["-m", "tests.support.bmc", "--manner", manner]
    return _start(words, machines, machine, address, port, wrap, password)


def start_redfish(machines: Path, machine: str, port: int, directory: Path) -> subprocess.Popen[bytes]:
    """One that speaks Redfish, on the loopback interface."""
    words = ["-m", "tests.support.redfish", "--directory", str(directory)]
    process = _start(words, machines, machine, "127.0.0.1", port, list)
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process
        except OSError:
            assert time.monotonic() < deadline, "the Redfish BMC does not listen"
            time.sleep(0.05)


def _start(
    words: list[str], machines: Path, machine: str, address: str, port: int, wrap: Wrap, password: str = PASSWORD
) -> subprocess.Popen[bytes]:
    command = [sys.executable, *words, "--machines", str(machines), "--machine", machine]
    command += ["--address", address, "--port", str(port), "--password", password]
    process = subprocess.Popen(wrap(command), stdout=subprocess.PIPE, cwd=ROOT, preexec_fn=die_with_parent)
    with suppress(PermissionError):  # only root may; machines need root anyway
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\n", "the BMC did not start"
    return process


def secret(directory: Path, password: str = PASSWORD) -> Path:
    """A secret file."""
    file = directory / f"bmc-{password}.secret"
    file.write_text(f"password={password}\n")
    file.chmod(0o600)
    return file


def ipmi_device(node: str, address: str, port: int, secret_file: Path, timeout_ms: int = 8_000) -> Device:
    """A device for the real fence_ipmilan, impatient as for tests."""
    options = (f"ip={address}", f"ipport={port}", *IPMI_OPTIONS)
    return Device(f"ipmi-{node}", node, "fence_ipmilan", options, (secret_file,), timeout_ms, attempts=1)


def redfish_device(node: str, port: int, secret_file: Path) -> Device:
    """The same for the real fence_redfish."""
    options = ("ip=127.0.0.1", f"ipport={port}", "username=operator", "ssl_insecure=1", *_QUICK)
    return Device(f"redfish-{node}", node, "fence_redfish", options, (secret_file,), 8_000, attempts=1)
