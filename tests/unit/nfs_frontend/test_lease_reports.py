"""A front end tells the log which clients it heard of, one report after the other (INV-7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mdscluster.front_end import FrontEnd
from mdscluster.fsm.commands import RenewLeases, unpack_internal
from mdscluster.fsm.settings import Settings
from mdscluster.nfs_frontend.quorum import SERVING
from tests.unit.nfs_frontend.support import World

LEASE_MS = 100
Done = Callable[[bytes | None], None]


class Reporting:
    """A front end of which only the reports run; its proposals wait for the test."""

    def __init__(self, path: Path) -> None:
        world = World(path)
        self.dispatcher = SimpleNamespace(
            settings=Settings(lease_ms=LEASE_MS), service=SERVING, touched={7}, tables=world.replica.machine.tables
        )
        self.front: FrontEnd = FrontEnd.__new__(FrontEnd)
        self.front.dispatcher = self.dispatcher  # type: ignore[assignment]
        self.front.config = SimpleNamespace(node_id="mds1", cluster=SimpleNamespace(lease_ms=LEASE_MS))  # type: ignore[assignment]
        self.front._process = 99
        self.front.replica = SimpleNamespace(propose=self._propose, env=world.replica.env)  # type: ignore[assignment]
        self.proposed: list[tuple[RenewLeases, Done]] = []

    def _propose(self, payload: bytes, done: Done) -> None:
        command = unpack_internal(payload)
        assert isinstance(command, RenewLeases)
        self.proposed.append((command, done))

    async def next(self) -> tuple[RenewLeases, Done]:
        """The one proposal that is under way."""
        async with asyncio.timeout(5):
            while not self.proposed:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(LEASE_MS / 10_000)
        await asyncio.sleep(3 * LEASE_MS / 10_000)
        (only,) = self.proposed
        self.proposed.clear()
        return only


@pytest.mark.asyncio
async def test_a_report_is_gathered_behind_the_outcome_of_the_one_before(tmp_path: Path) -> None:
    """So the leader knows until when it has heard of everybody. A report whose outcome is unknown may still come: what
    it said is said again, but only behind another proposal of which the outcome is known."""
    node = Reporting(tmp_path)
    reports = asyncio.create_task(node.front.report_leases())
    first, done = await node.next()
    assert first == RenewLeases([7], "mds1", 99)
    node.dispatcher.touched.add(8)
    done(None)
    for outcome in (None, b"\0"):
        probe, done = await node.next()
        assert probe == RenewLeases([])
        done(outcome)
    again, done = await node.next()
    assert again == RenewLeases([7, 8], "mds1", 99)
    node.dispatcher.touched.add(9)
    done(b"\0")
    assert (await node.next())[0] == RenewLeases([9], "mds1", 99)
    reports.cancel()
