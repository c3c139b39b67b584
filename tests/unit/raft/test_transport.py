"""What the transport does with connections that do not stand."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.transport import Link, Transport


def test_a_connection_that_is_still_being_dialled_is_not_given_up_by_a_crash(tmp_path: Path) -> None:
    """Seen under load: dialling took longer than the time-out, and housekeeping ended the node."""

    async def run() -> None:
        config = RaftConfig(node_id="n1", peers=dict.fromkeys(("n1", "n2", "n3"), ("h", 1)), state_dir=tmp_path)
        transport = Transport(config, None, b"")  # type: ignore[arg-type]
        link = Link(transport, "n2")
        link.received_s -= 60
        transport._all.add(link)
        transport.tend()
        link.close()
        link.closed.cancel()

    asyncio.run(run())
