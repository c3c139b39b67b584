"""Which data servers are up: what is committed of the heartbeats."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.control.liveness import DS_DOWN_MS, Liveness, judge
from mdscluster.control.registry import Heard, Registry
from mdscluster.fsm.commands import DataServerUpdate, Internal
from mdscluster.fsm.data_servers import DataServer
from tests.unit.fsm.support.compounds import Namespace

NOW = 1_000_000


def heard(*, ago_ms: int = 0, port: int = 2049, free: int = 500, instance: int = 1) -> Heard:
    return Heard("ds1", instance, "10.0.0.1", port, "10.0.0.1", 9, 1000, free, 1, NOW - ago_ms)


def known(*, up: bool = True) -> DataServer:
    return DataServer("ds1", 1, "10.0.0.1", 2049, up, 1000, 500, 1)


def update(*, up: bool = True, port: int = 2049, free: int = 500, instance: int = 1) -> DataServerUpdate:
    return DataServerUpdate("ds1", "10.0.0.1", port, up, 1000, free, instance)


@pytest.mark.parametrize(
    ("server", "heartbeat", "since_ms", "expected"),
    [
        (known(), heard(), 0, None),
        (known(), heard(ago_ms=DS_DOWN_MS - 1), 0, None),
        (known(), heard(ago_ms=DS_DOWN_MS), 0, update(up=False)),
        (known(up=False), heard(ago_ms=DS_DOWN_MS), 0, None),
        (known(up=False), heard(), 0, update()),
        (known(), heard(port=2050), 0, update(port=2050)),
        (known(), heard(instance=2), 0, update(instance=2)),
        (known(), heard(free=490), 0, None),
        (known(), heard(free=400), 0, update(free=400)),
        # A new leader gives those that it has not heard yet the same time.
        (known(), None, NOW - DS_DOWN_MS, None),
        (known(), None, NOW - DS_DOWN_MS - 1, update(up=False)),
        (known(up=False), None, 0, None),
        # Nor does it count that a node which was cut off heard nobody: others led, and heard them.
        (known(), heard(ago_ms=60_000), NOW, None),
        (known(), heard(ago_ms=60_000), NOW - DS_DOWN_MS, None),
        (known(), heard(ago_ms=60_000), NOW - DS_DOWN_MS - 1, update(up=False)),
        (known(up=False), heard(ago_ms=60_000), NOW, None),
    ],
)
def test_what_is_committed(
    server: DataServer, heartbeat: Heard | None, since_ms: int, expected: DataServerUpdate | None
) -> None:
    assert judge(server, heartbeat, NOW, since_ms) == expected


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    yield namespace
    namespace.close()


def watching(fs: Namespace) -> tuple[Liveness, list[Internal]]:
    """What judges ds1, which was heard at NOW; and what it proposes, and so commits."""
    registry, proposed = Registry(), list[Internal]()

    async def propose(command: Internal) -> bytes:
        proposed.append(command)
        return fs.internal(command)

    registry.note(heard())
    return Liveness(fs.replica, fs.machine.tables, registry, propose), proposed


def test_a_leader_that_stood_still_gives_data_servers_time_to_be_heard(fs: Namespace) -> None:
    """INV-7: their heartbeats are there, and wait to be read."""
    fs.internal(DataServerUpdate("ds1", "10.0.0.1", 2049, True, 1000, 500, 1, b"store"))
    liveness, proposed = watching(fs)
    asyncio.run(liveness.judge(NOW, 0))
    later = NOW + DS_DOWN_MS + 1_000
    asyncio.run(liveness.judge(later, 0))
    assert proposed == []
    for after_ms in range(250, DS_DOWN_MS + 1, 250):
        asyncio.run(liveness.judge(later + after_ms, 0))
    assert proposed == []
    asyncio.run(liveness.judge(later + DS_DOWN_MS + 250, 0))
    assert proposed == [update(up=False)]


def test_who_is_heard_but_not_registered_is_not_taken_in(fs: Namespace) -> None:
    """INV-10: its heartbeat was noted while it was registered, and it was removed since. What the leader proposes of
    those it hears names no store, and would make a new data server of it."""
    liveness, proposed = watching(fs)
    asyncio.run(liveness.judge(NOW, 0))
    assert proposed == []
    fs.internal(DataServerUpdate("ds1", "10.0.0.1", 2049, False, 1000, 500, 1, b"store"))
    asyncio.run(liveness.judge(NOW, 0))
    assert proposed == [update()], "it is registered"
