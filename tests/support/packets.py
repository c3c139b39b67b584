"""The headers of packets, kept as they pass: what tells afterwards why a client waited."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.debian import need_tools
from tests.support.hanet import Hanet
from tests.support.lifeline import die_with_parent

TOOLS = {"tcpdump": "tcpdump"}
KEPT_BYTES = 128
"""Of each packet: Ethernet, IP and TCP with its options, and a little of what it carries."""
FILE_MB, FILES = 64, 4
"""A recording that grows beyond all of its files loses its oldest one. Ten rounds of a drill are 10 MB for a client."""
STOP_TIMEOUT_S = 5.0


@contextlib.contextmanager
def record(net: Hanet, ports: Sequence[str], folder: Path, wanted: str = "arp or tcp") -> Iterator[None]:
    """Keep what passes the switch's ports, each in a file of its own (``PORT.pcap0``, ...; pcap, for tcpdump -r).

    tcpdump stays root, as the folder is nobody else's. Raises Unavailable where tcpdump is neither here nor to be had,
    RuntimeError with its words where it does not start.
    """
    need_tools(TOOLS)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        for port in ports:
            command = ["tcpdump", "-i", port, "-n", "-s", str(KEPT_BYTES), "-Z", "root"]
            command += ["-C", str(FILE_MB), "-W", str(FILES), "-w", str(folder / f"{port}.pcap"), wanted]
            stack.callback(_end, _start(["ip", "netns", "exec", net.switch, *command]))
        yield


def _start(command: list[str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if line.startswith("tcpdump: listening on"):
            return process
        said.append(line.strip())
    raise RuntimeError(f"tcpdump ended with {process.wait()}: {' '.join(said)}")


def _end(process: subprocess.Popen[str]) -> None:
    """Whatever it still says at its end is a few lines, and fits into the pipe."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
