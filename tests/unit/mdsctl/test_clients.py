"""What clients hold, and evicting one, on real processes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from nfsclient.client import Client
from nfsclient.errors import NfsClientError
from nfsclient.file import File
from nfswire import nfs4
from tests.support.embedded import Embedded
from tests.unit.mdsctl.commands import answer, await_level, text

pytestmark = pytest.mark.slow


async def asked(cluster: Embedded, *words: str, code: int = 0) -> Any:
    return await asyncio.to_thread(answer, cluster, *words, code=code)


async def holding(cluster: Embedded, owner: bytes, name: str) -> tuple[Client, File]:
    """A client with a file open, locked, and laid out."""
    client = await Client.connect(cluster.addresses(), owner=owner)
    file = await client.open(name, create=nfs4.UNCHECKED4, owner=b"program")
    await file.write(0, bytes(3 << 20))
    await file.flush()
    await file.lock(100, 50)
    return client, file


def test_lists(cluster: Embedded) -> None:
    async def run() -> None:
        client, file = await holding(cluster, b"lister", "/listed")
        listed = await asked(cluster, "clients", "list")
        own = next(row for row in listed["clients"] if row["name"] == "lister")
        assert (own["state"], own["opens"], own["locks"], own["layouts"]) == ("active", 1, 1, 1)
        assert (listed["more"], listed["confirmed"]) == (False, True)
        me = own["client_id"]
        (session,) = (await asked(cluster, "sessions", "--client", me))["sessions"]
        assert (session["client_id"], session["back_channel"]) == (me, True)
        (layout,) = (await asked(cluster, "layouts", "--client", me))["layouts"]
        assert sorted(layout["data_servers"]) == ["ds1", "ds2"]
        (lock,) = (await asked(cluster, "locks", "--file", str(layout["fileid"])))["locks"]
        assert lock["ranges"] == [{"kind": "write", "first": 100, "last": 149}]
        for words in (["clients", "list"], ["sessions"], ["layouts"], ["locks"]):
            assert me in await asyncio.to_thread(text, cluster, *words)
        assert (await asked(cluster, "clients", "list", "--limit", "1"))["clients"]
        await file.close()
        await client.close()

    asyncio.run(run())
    assert "is no client ID" in answer(cluster, "locks", "--client", "nobody", code=2)["error"]


def test_evict(cluster: Embedded) -> None:
    """INV-5, INV-6: all that it held is free afterwards, and what it writes under its layout is refused."""
    await_level(cluster)

    async def run() -> None:
        lost, file = await holding(cluster, b"lost", "/evicted")
        listed = (await asked(cluster, "clients", "list"))["clients"]
        me = next(row["client_id"] for row in listed if row["name"] == "lost")
        async with await Client.connect(cluster.addresses()) as other:
            mine = await other.open("/evicted", owner=b"other")
            with pytest.raises(NfsClientError):
                await mine.lock(100, 50)
            began_s = time.monotonic()
            assert await asked(cluster, "clients", "evict", me) == {"client_id": me, "evicted": True}
            print(f"evicted in {time.monotonic() - began_s:.2f} s, start of mdsctl included")
            await mine.lock(100, 50)
            with pytest.raises(NfsClientError):
                async with asyncio.timeout(20):
                    await file.write(0, b"x" * 4096)
                    await file.flush()
            assert await mine.read(0, 10) == bytes(10), "what was evicted went on writing"
            await mine.close()
        assert me not in {row["client_id"] for row in (await asked(cluster, "clients", "list"))["clients"]}
        assert "no such client" in (await asked(cluster, "clients", "evict", me, code=1))["error"]
        lost.abandon()

    asyncio.run(run())
