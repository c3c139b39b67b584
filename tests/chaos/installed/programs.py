"""What clients do that a test runs beside the cluster (:meth:`tests.support.installed.Site.client`)."""

from __future__ import annotations

WRITER = """
import asyncio, sys
from nfsclient import Client
from nfswire import nfs4

async def main():
    async with await Client.connect([(sys.argv[1], 2049)]) as client:
        file = await client.open("/data", create=nfs4.UNCHECKED4)
        await file.write(0, b"x" * 5_000_000, nfs4.UNSTABLE4)
        await file.truncate(3_000_000)
        assert bytes(await file.read(0, 4_000_000)) == b"x" * 3_000_000
        await file.close()
        print(client.stats)

asyncio.run(main())
"""
"""Data on every data server, a file that is cut; then its statistics are told."""
DELETER = """
import asyncio, sys
from nfsclient import Client

async def main():
    async with await Client.connect([(sys.argv[1], 2049)]) as client:
        await client.remove("/data")

asyncio.run(main())
"""
"""The writer's file is deleted; nothing is told."""
HOLDER = """
import asyncio, sys
from nfsclient import Client
from nfswire import nfs4

async def main():
    async with await Client.connect([(sys.argv[1], 2049)]) as client:
        await client.open("/held", create=nfs4.UNCHECKED4)
        print("it is open", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
"""A file is open, and a client's state with it, for a minute."""
