"""Which data servers are up: what is committed of the heartbeats."""

from __future__ import annotations

import pytest

from mdscluster.control.liveness import DS_DOWN_MS, judge
from mdscluster.control.registry import Heard
from mdscluster.fsm.commands import DataServerUpdate
from mdscluster.fsm.data_servers import DataServer

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
        (None, None, 0, None),
        (None, heard(), 0, update()),
        (None, heard(ago_ms=DS_DOWN_MS), 0, None),
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
    ],
)
def test_what_is_committed(
    server: DataServer | None, heartbeat: Heard | None, since_ms: int, expected: DataServerUpdate | None
) -> None:
    assert judge(server, heartbeat, NOW, since_ms) == expected
