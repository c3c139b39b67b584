"""Clients that only look, each at one node and for ever at that node: the ones that a stale read would fool (INV-4).

Whoever changes things is soon stuck at a node without a quorum and goes elsewhere; a client that only reads is content
with whatever it is told. So one looks at every node, patiently, and asks anew without waiting for earlier answers:
when a node that was paused wakes up, questions lie in its sockets that were asked after its successor had changed
things. What lookers are told goes into the history for the checker; how long they waited counts for no stall.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

import msgspec

from nfsclient import Client
from nfsclient.channel import ChannelSettings
from nfsclient.client import Settings
from nfsclient.errors import NfsClientError, NfsError
from nfsclient.results import Handle
from nfsclient.stats import Event, Stats
from tests.support.linearizability.recorder import LISTED, Recorder

PATIENCE = ChannelSettings(connect_timeout_ms=400.0, reply_timeout_ms=10_000.0)
PAUSE_S = 0.06
UNDER_WAY_MAX = 48
LISTINGS = 0.2
"""Share of READDIRs among the looks."""
END_S = 15.0
LEFT_WAITING_S = 0.5
"""A look that takes longer lay at a node that could not answer: usual are milliseconds."""


class Wait(msgspec.Struct, frozen=True, array_like=True):
    """A look that took longer than ``LEFT_WAITING_S``, however it ended; time.monotonic()."""

    node: str
    from_s: float
    until_s: float


class Looker:
    """One client that looks at one node."""

    def __init__(self, owner: str, node: str, server: tuple[str, int], seed: int, recorder: Recorder) -> None:
        self.owner, self.node, self.server, self.recorder = owner, node, server, recorder
        self.random = random.Random(f"looker-{seed}-{owner}")
        self._client: Client
        self._tell: Callable[[Event], None] = lambda event: None
        self._under_way: set[asyncio.Task[None]] = set()
        self.answered = 0
        self.waits: list[Wait] = []

    async def prepare(self) -> None:
        """Mount."""
        self._client = client = await Client.connect(
            [self.server], settings=Settings(channel=PATIENCE), history=lambda event: self._tell(event),
            owner=self.owner.encode(),
        )  # fmt: skip
        self._tell = self.recorder.of(f"client {client.mds.session.client_id:#x}")

    async def run(self, directories: Sequence[Handle], names: Sequence[str], stopping: Callable[[], bool]) -> None:
        """Ask and ask until it is time to stop, then wait a while for what is still unanswered."""
        while not stopping():
            if len(self._under_way) < UNDER_WAY_MAX:
                task = asyncio.create_task(self._look(self.random.choice(directories), self.random.choice(names)))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            await asyncio.sleep(PAUSE_S)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=END_S)

    async def _look(self, directory: Handle, name: str) -> None:
        began_s = time.monotonic()
        try:
            if self.random.random() < LISTINGS:
                await self._client.readdir(directory, LISTED)
            else:
                await self._client.lookup((directory, name))
            self.answered += 1
        except NfsError:  # refused: the history has it
            self.answered += 1
        except NfsClientError:  # unanswered: the history has it
            pass
        finally:
            ended_s = time.monotonic()
            if ended_s - began_s > LEFT_WAITING_S:
                self.waits.append(Wait(self.node, began_s, ended_s))

    async def close(self) -> Stats:
        """Leave; its counters."""
        await self._client.close()
        return self._client.stats
