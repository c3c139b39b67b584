"""A burst of large changes, until the log no longer reaches back to a node that is down.

``python -m tests.chaos.flood STOP HOST:PORT...`` works until the file STOP exists.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from nfsclient import Client
from tests.chaos.chaos import Chaos, ChaosError
from tests.support.cluster import ROOT
from tests.support.lifeline import die_with_parent

WORKERS, TEXT_BYTES = 32, 4000
FLOOD_TIMEOUT_S = 240.0
END_TIMEOUT_S = 10.0
"""Told to end, it ends once the changes that are under way are answered."""


async def write(stop: Path, servers: list[tuple[str, int]]) -> None:
    """Symbolic links with long texts, made and removed."""
    async with await Client.connect(servers) as client:
        await client.mkdir("/flood")

        async def work(number: int) -> None:
            while not stop.exists():  # noqa: ASYNC240 - a look at a folder in memory
                await client.symlink(f"/flood/{number}", "x" * TEXT_BYTES)
                await client.remove(f"/flood/{number}")

        await asyncio.gather(*map(work, range(WORKERS)))


def flood(chaos: Chaos, until_behind: str) -> None:
    """Run it until ``until_behind`` can only catch up by a snapshot, and end it. ChaosError when that takes too long,
    or when a change failed: a majority serves all the time."""
    stop = chaos.site.cluster_file.with_name("flood.stop")
    stop.unlink(missing_ok=True)
    servers = [f"{host}:{port}" for host, port in chaos.site.servers()]
    command = [sys.executable, "-m", "tests.chaos.flood", str(stop), *servers]
    process = subprocess.Popen(
        chaos.site.wrap(chaos.client_hosts[0], command), stdin=subprocess.DEVNULL, cwd=ROOT,
        start_new_session=True, preexec_fn=die_with_parent,
    )  # fmt: skip
    deadline = time.monotonic() + FLOOD_TIMEOUT_S
    try:
        while not chaos.behind_the_log(until_behind):
            if process.poll() is not None:
                break
            if time.monotonic() > deadline:
                raise ChaosError(f"the log still reaches back to {until_behind} after {FLOOD_TIMEOUT_S:.0f} s")
            time.sleep(0.2)
        end(process, stop)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def end(process: subprocess.Popen[bytes], stop: Path) -> None:
    """Tell it to end, and wait. ChaosError unless it does, and that well: by itself it never ends."""
    early = process.poll() is not None
    stop.touch()
    try:
        status = process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise ChaosError(f"the burst of changes does not end within {END_TIMEOUT_S:.0f} s") from None
    if early or status:
        raise ChaosError(f"the burst of changes ended {'by itself ' if early else ''}with exit status {status}")


if __name__ == "__main__":
    addresses = [(host, int(port)) for host, _, port in (word.rpartition(":") for word in sys.argv[2:])]
    asyncio.run(write(Path(sys.argv[1]), addresses))
