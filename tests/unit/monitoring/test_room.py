"""What of a node's environment holds something, and what it once held."""

from __future__ import annotations

from pathlib import Path

from mdscluster.monitoring.room import Room
from mdscluster.raft.environment import open_environment
from mdscluster.raft.store import Store


def test_what_was_removed_is_not_in_use_and_the_file_stays_large(tmp_path: Path) -> None:
    """An alert on the file's size would never end, whatever the operator removes."""
    env = open_environment(tmp_path / "state", map_bytes=64 << 20)
    Store(env).commit()
    with env.begin(write=True) as txn:
        table = env.open_db(b"fsm_state", txn=txn)
    room = Room(env)
    empty = room.used_bytes()
    with env.begin(write=True) as txn:
        for number in range(20_000):
            txn.put(number.to_bytes(8, "big"), bytes(200), db=table)
    full, high_water = room.used_bytes(), room.high_water_bytes()
    assert full - empty > 20_000 * 200
    assert full <= high_water <= room.size_bytes() == 64 << 20
    with env.begin(write=True) as txn:
        txn.drop(table, delete=False)
    assert room.used_bytes() - empty < 1 << 16
    assert room.high_water_bytes() >= high_water
    env.close()


def test_the_log_counts_too(tmp_path: Path) -> None:
    """Its databases are none of the state machine's tables, and take room all the same."""
    env = open_environment(tmp_path / "state", map_bytes=64 << 20)
    store = Store(env)
    store.commit()
    room = Room(env)
    empty = room.used_bytes()
    with env.begin(write=True) as txn:
        for number in range(100):
            txn.put(number.to_bytes(8, "big"), bytes(1 << 14), db=store.log)
    assert room.used_bytes() - empty >= 100 << 14
    env.close()
