"""When a fence counts as being in force everywhere (INV-6)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mdscluster.control.fencing import MARGIN_MS, SILENT_MS, FencePusher
from mdscluster.control.mandates import Superseded
from mdscluster.control.registry import Heard, Registry
from mdscluster.fsm import fences
from mdsproto.mandate import Mandate
from tests.unit.fsm.support.compounds import Namespace
from tests.unit.fsm.support.layouts import servers

LEASE_MS = 6_000


class Links:
    """Data servers that answer, or do not."""

    def __init__(self) -> None:
        self.deaf: set[str] = set()
        self.refusing: set[str] = set()
        self.told: list[str] = []

    async def fence(
        self, heard: Heard, version: int, entries: list[tuple[int, int, int]], mandate: Mandate | None
    ) -> int:
        self.told.append(heard.ds_id)
        if heard.ds_id in self.refusing:
            raise Superseded("a later leader was heard")
        return 0 if heard.ds_id in self.deaf else version


class World:
    def __init__(self, path: Path) -> None:
        self.fs = Namespace(path)
        servers(self.fs)
        self.now_ms = 100_000
        self.registry = Registry()
        self.links = Links()
        self.answers: list[tuple[str, str]] = []
        self.silent: set[str] = set()
        self.pusher = self.new_pusher()
        self.advance(0)

    def new_pusher(self) -> FencePusher:
        return FencePusher(
            self.fs.replica, self.fs.machine.tables, self.registry, self.links, lambda: self.now_ms,
            lambda ds_id, reason: self.answers.append((ds_id, reason)), ds_lease_ms=LEASE_MS,
        )  # fmt: skip

    def advance(self, ms: int) -> None:
        self.now_ms += ms
        for name in ("ds1", "ds2", "ds3"):
            if name not in self.silent:
                known = self.registry.heard.get(name)
                version = 0 if known is None else known.fence_version
                self.registry.note(Heard(name, 1, "h", 1, "h", 2, 0, 0, version, self.now_ms))

    def raise_fence(self) -> int:
        with self.fs.entry() as cx:
            return fences.raise_fence(cx, 0, 77)

    def push(self) -> int:
        return asyncio.run(self.pusher.push(None))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_all_that_answer_have_it_at_once(world: World) -> None:
    version = world.raise_fence()
    assert world.push() == version
    assert sorted(world.links.told) == ["ds1", "ds2", "ds3"]
    assert world.push() == version
    assert len(world.links.told) == 3, "who has it is not told again"


def test_one_that_lives_and_does_not_confirm_is_waited_for(world: World) -> None:
    """INV-6: I/O of before is under way there, and no lease ends it."""
    before = world.raise_fence()
    assert world.push() == before
    version = world.raise_fence()
    world.links.deaf.add("ds2")
    for _ in range(60):
        world.advance(1_000)
        assert world.push() == before
    world.links.deaf.clear()
    assert world.push() == version


def test_a_silent_one_counts_when_its_lease_is_over_since_the_commit(world: World) -> None:
    """INV-6: however long it was silent before: another metadata node may have renewed its lease the moment before."""
    world.silent.add("ds2")
    world.advance(60_000)
    before = world.push()
    version = world.raise_fence()
    assert world.push() < version
    world.advance(LEASE_MS + MARGIN_MS)
    assert world.push() < version
    world.advance(1)
    assert world.push() == version
    assert before < version
    assert "ds2" not in world.links.told, "nobody waits for its answer"


def test_one_never_heard_of_counts_likewise(world: World) -> None:
    """After a change of leaders: this node may have been cut off from it all along."""
    version = world.raise_fence()
    world.registry.heard.pop("ds3")
    world.silent.add("ds3")
    world.pusher = world.new_pusher()
    assert world.push() < version
    world.advance(LEASE_MS + MARGIN_MS + 1)
    assert world.push() == version


def test_further_fences_do_not_put_off_the_earlier_ones(world: World) -> None:
    world.silent.add("ds2")
    world.advance(SILENT_MS + 1)
    first = world.raise_fence()
    world.push()
    reached = 0
    for _ in range(20):
        world.advance(1_000)
        latest = world.raise_fence()
        reached = world.push()
        assert reached < latest
    assert reached > first


def test_what_a_heartbeat_brought_counts(world: World) -> None:
    """A data server that the leader cannot reach got the list from another metadata node."""
    version = world.raise_fence()
    world.links.deaf.add("ds1")
    assert world.push() < version
    world.registry.heard["ds1"].fence_version = version
    assert world.push() == version


def test_without_data_servers_there_is_nobody_to_refuse(tmp_path: Path) -> None:
    fs = Namespace(tmp_path)
    with fs.entry() as cx:
        version = fences.raise_fence(cx, 0, 77)
    pusher = FencePusher(
        fs.replica, fs.machine.tables, Registry(), Links(), lambda: 0, lambda ds_id, reason: None, ds_lease_ms=LEASE_MS
    )
    assert asyncio.run(pusher.push(None)) == version


def test_one_that_refuses_has_nothing_in_force(world: World) -> None:
    """INV-6: whoever is superseded must not report a fence, and is told that it may be."""
    version = world.raise_fence()
    world.links.refusing.add("ds2")
    assert world.push() < version
    assert [one for one in world.answers if one[1]] == [("ds2", "a later leader was heard")]
    assert ("ds1", "") in world.answers
