"""What is counted in the tables, by every way that rows come to be there."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from mdscluster.fsm import recalls
from mdscluster.fsm.tables import Tables, U64x2
from mdscluster.monitoring import census
from mdscluster.monitoring.census import Census, Counted
from mdscluster.raft.environment import open_environment
from tests.unit.nfs_frontend.nodes import RECALL_MS, Cluster, PnfsClient, layoutreturn, putfh, setsize

PIECE = census._PIECE_ROWS


@pytest.fixture
def tables(tmp_path: Path) -> Any:
    env = open_environment(tmp_path / "state", map_bytes=64 << 20)
    with env.begin(write=True) as txn:
        made = Tables(env, txn)
    yield env, made
    env.close()


def fill(env: Any, made: Tables, rows: dict[int, int]) -> None:
    """So many states of each type."""
    with env.begin(write=True) as txn:
        for type_, count in rows.items():
            for number in range(count):
                txn.put(bytes((type_, 0, 0, 0)) + number.to_bytes(8, "big"), b"", db=made.state)


@pytest.mark.parametrize("count", [0, 1, PIECE - 1, PIECE, 3 * PIECE + 7])
def test_every_state_is_counted_once_whatever_the_pieces(tables: Any, count: int) -> None:
    env, made = tables
    fill(env, made, {1: count, 2: 5, 3: count + 1})
    found = Census(env, made).count()
    assert (found.opens, found.locks, found.layouts) == (count, 5, count + 1)


@pytest.mark.parametrize("count", [0, 1, PIECE, 2 * PIECE + 3])
def test_every_deletion_is_counted_for_who_owes_it(tables: Any, count: int) -> None:
    env, made = tables
    with env.begin(write=True) as txn:
        for number, owed in ((1, count), (2, 3), (300, 1)):
            for sequence in range(owed):
                txn.put(U64x2.pack(number, sequence), bytes(8), db=made.deletion)
    found = Census(env, made).count()
    assert {number: found.deletions[number] for number in (1, 2, 3, 300)} == {1: count, 2: 3, 3: 0, 300: 1}


def test_others_get_their_turn_between_two_pieces(tables: Any) -> None:
    """No transaction is open meanwhile: one that stood long would keep LMDB from using freed pages again."""
    env, made = tables
    fill(env, made, {1: 2 * PIECE})
    with env.begin(write=True) as txn:
        for sequence in range(2 * PIECE):
            txn.put(U64x2.pack(1, sequence), bytes(8), db=made.deletion)
    standing: list[list[str]] = []

    def pause(_: float) -> None:
        standing.append([line for line in env.readers().splitlines() if line.split()[-1].isdigit()])

    Census(env, made, sleep=pause).count()
    assert len(standing) >= 5
    assert not any(standing)


def test_a_count_is_used_until_it_is_old(tables: Any) -> None:
    env, made = tables
    now_s = [1000.0]

    async def look() -> list[int | None]:
        counting = Census(env, made, lambda: now_s[0])

        async def opens() -> int | None:
            found = await counting.counted()
            return None if found is None else found.opens

        seen = [await opens()]
        fill(env, made, {1: 3})
        seen.append(await opens())
        now_s[0] += census.FRESH_S
        seen.append(await opens())
        await counting.close()
        return seen

    assert asyncio.run(look()) == [0, 0, 3]


def test_a_scrape_does_not_wait_for_a_long_count(tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With millions of rows a count takes long: scrapes go on with the last one, of which there may be none yet, and no
    other begins beside it."""
    env, made = tables
    fill(env, made, {1: 2})
    monkeypatch.setattr(census, "PATIENCE_S", 0.02)
    goes_on = threading.Event()
    begun: list[threading.Thread] = []
    count = Census.count

    def note(counting: Census) -> Counted:
        begun.append(threading.current_thread())
        return count(counting)

    def pause(_: float) -> None:
        goes_on.wait(10)

    monkeypatch.setattr(Census, "count", note)

    async def look() -> None:
        counting = Census(env, made, sleep=pause)
        for _ in range(3):
            assert await counting.counted() is None
        goes_on.set()
        assert counting._counting is not None
        await counting._counting
        found = await counting.counted()
        assert found is not None
        assert found.opens == 2
        await counting.close()

    asyncio.run(look())
    assert len(begun) == 1


def of(client: PnfsClient) -> tuple[census.Rows, Counted]:
    """What is found at the client's node."""
    node = client.dispatcher
    with node.env.begin() as txn:
        return census.look(txn, node.tables), Census(node.env, node.tables).count()


def test_a_look_at_a_cluster_at_work(tmp_path: Path) -> None:
    """Clients, sessions, layouts, recalls and deletions as the protocol makes them."""
    cluster = Cluster(tmp_path / "state")
    client = PnfsClient(cluster, b"a")
    handle, stateid = client.open(b"file")
    layout, _ = client.layout(handle, stateid)
    rows, counted = of(client)
    assert (rows.clients, rows.sessions, rows.inodes) == (1, 1, 2)
    assert (counted.opens, counted.locks, counted.layouts, counted.recalls, counted.oldest_recall_s) == (1, 0, 1, 0, 0)
    assert [(server.ds_id, server.up) for server in rows.data_servers] == [("ds1", True), ("ds2", True), ("ds3", True)]
    assert not counted.deletions
    client.run(putfh(handle), setsize(1), slot=1)  # which has to wait for the layout
    cluster.advance(3_000)
    rows, counted = of(client)
    assert counted.recalls == 1
    assert counted.oldest_recall_s == pytest.approx(3.0, abs=1.0)  # by the log's clock, which moves with its entries
    client.ok(putfh(handle), layoutreturn(layout))
    _, counted = of(client)
    assert (counted.layouts, counted.recalls, counted.oldest_recall_s) == (0, 0, 0)


def test_a_recall_whose_fence_nobody_confirms_is_old_and_grows_older(tmp_path: Path) -> None:
    """What MdsclusterRecallOverdue waits for: its layout is fenced, and a data server does not put that in force."""
    cluster = Cluster(tmp_path / "state")
    client, other = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b")
    handle, stateid = client.open(b"file")
    client.layout(handle, stateid)
    cluster.links.busy.add("ds2")
    other.run(putfh(handle), setsize(1))
    cluster.advance(RECALL_MS + 20_000)
    node = client.dispatcher
    with node.env.begin() as txn:
        ((_, record),) = recalls.pending(txn, node.tables).recalls
    assert record.fence_epoch
    _, counted = of(client)
    assert counted.recalls == 1
    assert counted.oldest_recall_s > RECALL_MS / 1000 + 10
    cluster.links.busy.clear()
    cluster.advance(1_000)
    _, counted = of(client)
    assert (counted.recalls, counted.oldest_recall_s) == (0, 0.0), "revoked: nothing is overdue any more"
