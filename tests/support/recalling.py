"""Clients that write through layouts, and others that cut their files short: on every node of a cluster layouts are
granted, recalled, returned and fenced."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from types import TracebackType
from typing import Final, NamedTuple

from nfsclient.client import Client
from nfsclient.file import File
from nfsclient.runtime import Address
from nfswire import nfs4

DATA: Final = bytes(range(256)) * 512
LEFT: Final = 1_000
"""Bytes of a file that was cut short."""
_RETURNED_S: Final = 10.0


class Holder(NamedTuple):
    """A client with a layout of a file."""

    client: Client
    path: str
    file: File


class Recalls:
    """``async with Recalls(addresses) as recalls``, and :meth:`turn` whenever the cluster has become another one.

    In a turn each node serves a client that writes through layouts, and one whose SETATTR recalls the layout of the
    client at the node before (RFC 8881 §12.5.5): each takes back what others have granted. One layout of each client is
    recalled in the turn, one in the next turn, and one is kept to the end.
    """

    def __init__(self, addresses: list[Address]) -> None:
        """``addresses``: the nodes'."""
        self._addresses = addresses
        self._holders: list[Client] = []
        self._left: list[Holder] = []
        """To be recalled in the next turn."""
        self.seen: list[Counter[str]] = []
        """Of each turn: layouts ``granted``, ``recalled`` and ``returned``, bytes ``written`` to data servers, and
        requests of a client whose layout was ``fenced`` that a data server refused."""
        self.lost: Counter[str] = Counter()
        """Statuses that tell of lost state, and went to clients that had done nothing wrong."""

    @property
    def nodes(self) -> int:
        """How many there are."""
        return len(self._addresses)

    async def __aenter__(self) -> Recalls:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._holders:
            if error is None:
                await client.close()
            else:
                client.abandon()
            self.lost.update(client.stats.failover_statuses())

    async def turn(self) -> None:
        """Recall what the last turn has left, and have layouts granted, recalled, returned and fenced."""
        number, before = len(self.seen), self._counted()
        left, self._left = self._left, []
        for at, holder in enumerate(left):
            await self._cut(at + 1, holder)
        for at in range(self.nodes):
            client = await self._connect(at)
            self._holders.append(client)
            holder = await _hold(client, f"/cut-{number}-{at}")
            await self._cut(at + 1, holder)
            await holder.file.write(0, DATA)
            self._left.append(holder)
            await _hold(client, f"/kept-{number}-{at}")
        found = self._counted()
        found.subtract(before)
        found["fenced"] = await self._deny(number)
        self.seen.append(found)

    def _counted(self) -> Counter[str]:
        """Of all that hold layouts, since the beginning."""
        counted: Counter[str] = Counter()
        for stats in (client.stats for client in self._holders):
            counted["granted"] += stats.layouts_granted
            counted["recalled"] += stats.layouts_recalled
            counted["returned"] += stats.statuses[nfs4.OP_LAYOUTRETURN, nfs4.NFS4_OK]
            counted["written"] += stats.bytes_written_ds
        return counted

    async def _connect(self, at: int) -> Client:
        """A client that is served by one node, and goes on to the next when it loses that."""
        first = at % self.nodes
        addresses = [*self._addresses[first:], *self._addresses[:first]]
        client = await Client.connect(addresses)
        assert client.mds.address == addresses[0], "vacuous: another node serves"
        return client

    async def _cut(self, at: int, holder: Holder) -> None:
        """Another client, at node ``at``, cuts the file short; it is answered when the layout is back."""
        await self._truncate(at, holder.path)
        deadline_s = time.monotonic() + _RETURNED_S
        while holder.client.layouts.current(holder.file.handle.fh) is not None:
            assert time.monotonic() < deadline_s, f"the layout of {holder.path} was not asked back"
            await asyncio.sleep(0.01)

    async def _truncate(self, at: int, path: str) -> None:
        async with await self._connect(at) as client:
            async with await client.open(path) as file:
                await file.truncate(LEFT)
                assert await file.read(0, len(DATA)) == DATA[:LEFT], path
            self.lost.update(client.stats.failover_statuses())

    async def _deny(self, number: int) -> int:
        """A client says that it has no such layout, and goes on writing through it; how often it was refused then."""
        async with await self._connect(number) as client:
            back = client.mds.back
            assert back is not None
            back.handlers[nfs4.OP_CB_LAYOUTRECALL] = lambda args: nfs4.NFS4ERR_NOMATCHING_LAYOUT
            holder = await _hold(client, f"/denied-{number}")
            await holder.file.flush()  # or what it wrote lies behind the end, and is cut off with its layout
            await self._truncate(number + 1, holder.path)
            assert client.stats.callbacks["CB_LAYOUTRECALL"], "vacuous: it was not asked"
            await holder.file.write(0, DATA)
            return client.stats.status_count(nfs4.NFS4ERR_STALE)


async def _hold(client: Client, path: str) -> Holder:
    """Write a new file through a layout, which the client keeps."""
    file = await client.open(path, create=nfs4.GUARDED4)
    await file.write(0, DATA)
    return Holder(client, path, file)
