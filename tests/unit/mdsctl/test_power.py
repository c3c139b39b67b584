"""Who begins work on a machine: no fence agent may switch its power any more."""

from __future__ import annotations

from typing import Any, cast

import pytest

from mdscluster.adminclient import AdminClient
from mdscluster.mdsctl import power
from mdscluster.mdsctl.desk import Desk, Failure
from mdscluster.mdsctl.power import await_nobody_at_it
from mdsproto import fencing_pb2
from mdsproto.fencing_pb2 import Intent


class Told:
    """A desk that only notes what is going on."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def progress(self, text: str) -> None:
        self.lines.append(text)


def says(*paused: str, at_it: dict[str, str] | None = None) -> fencing_pb2.ListReply:
    """``at_it``: server -> who carries the intent against it out."""
    return fencing_pb2.ListReply(
        maintenance=dict.fromkeys(paused, "anna"),
        intents=[Intent(node_id=node, executor=executor) for node, executor in (at_it or {}).items()],
    )


def wait_for(monkeypatch: pytest.MonkeyPatch, node: str, *said: fencing_pb2.ListReply) -> tuple[int, list[str]]:
    """How often the leader was asked, the last word being that for ever; and what the operator was told."""
    left, asked, desk = [*said], 0, Told()

    def listed(client: Any, leader: str) -> fencing_pb2.ListReply:
        nonlocal asked
        asked += 1
        return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(power, "listed", listed)
    monkeypatch.setattr(power, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(power, "_PAUSE_S", 0.01)
    await_nobody_at_it(cast(AdminClient, None), cast(Desk, desk), "mds1", node)
    return asked, desk.lines


@pytest.mark.parametrize("node", ["mds2", ""])
def test_an_agent_that_is_under_way_is_waited_for(monkeypatch: pytest.MonkeyPatch, node: str) -> None:
    """INV-9: it is not called back, and the machine would lose its power with somebody at work in it."""
    busy, done = says(node, at_it={"mds2": "mds3"}), says(node, at_it={"mds2": ""})
    asked, told = wait_for(monkeypatch, node, busy, busy, done)
    assert (asked, len(told)) == (3, 1)
    with pytest.raises(Failure, match="mds3 may have an agent under way that switches mds2's power"):
        wait_for(monkeypatch, node, busy)


def test_who_does_not_know_of_the_maintenance_does_not_know_who_is_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-9: a leader that was only just elected may not have applied the last claim yet."""
    assert wait_for(monkeypatch, "mds2", says(), says("mds3"), says("mds2"))[0] == 3
    with pytest.raises(Failure, match="mds1 does not know of it yet"):
        wait_for(monkeypatch, "mds2", says())


def test_others_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wait_for(monkeypatch, "mds2", says("mds2", at_it={"mds3": "mds1"})) == (1, [])
