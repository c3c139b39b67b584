"""Connections that are not what one wishes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.transport import Handler, Transport


class FakeTransport(asyncio.Transport):
    aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_a_handshake_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """On a busy machine a TLS handshake took longer than the connection time-out: giving it up stopped the node."""

    async def test() -> None:
        config = RaftConfig(node_id="n1", peers={"n1": ("127.0.0.1", 1)}, state_dir=tmp_path, connection_timeout_ms=0)
        transport = Transport(config, cast(Handler, None), b"ping")
        link = transport._accept()
        link.received_s -= 1
        transport.tend()
        await transport.close()
        arrived = FakeTransport()
        link.connection_made(arrived)
        assert arrived.aborted

    asyncio.run(test())
