"""The scripts of the drill: each function is one round of a fault of the host that has the service address.

In every second round the leader is moved to that host first; in the others it is wherever it happened to be.
"""

from __future__ import annotations

from tests.chaos.drill import Drill

QUIET_S = 4.0
"""Longer than it takes to suspect a node: who is to be left alone has been left alone by then."""


def _holder(drill: Drill) -> str:
    return drill.holder(leads=drill.round % 2 == 0)


def kill_server(drill: Drill) -> None:
    holder = _holder(drill)
    with drill.strike(f"kill -9 of the metadata server on {holder}, which has the service address", [holder]):
        drill.kill_server(holder)
        drill.await_moved(holder)
        drill.rest(QUIET_S)  # whether it was fenced, and was to be, is judged (INV-9): it may be back too late
        drill.rejoin()


def kill_keepalived(drill: Drill) -> None:
    holder = _holder(drill)
    with drill.fault(f"kill -9 of keepalived on {holder}, which has the service address", [holder]):
        drill.kill_keepalived(holder)
        drill.await_moved(holder)
        drill.rest(QUIET_S)
        drill.not_fenced(holder)
        drill.rejoin()


def kill_host(drill: Drill) -> None:
    _crash(drill, _holder(drill))


def two_hosts(drill: Drill) -> None:
    holder = _holder(drill)
    _crash(drill, holder, drill.companion(holder))


def _crash(drill: Drill, *lost: str) -> None:
    with drill.strike(f"every process of {' and '.join(lost)} ends; the service address stays on", lost, fences=lost):
        drill.crash(*lost)
        drill.await_moved(*lost)
        drill.await_fenced(*lost)
        drill.rejoin()


def link_down(drill: Drill) -> None:
    holder = _holder(drill)
    with drill.strike(f"the link of {holder} goes down", [holder], fences=[holder]):
        drill.unplug(holder)
        drill.await_moved(holder)
        drill.await_fenced(holder)
        drill.plug(holder)
        drill.rejoin()


def isolate(drill: Drill) -> None:
    holder = _holder(drill)
    drill.tempt(holder)
    with drill.strike(f"{holder} falls silent, and lives and has the service address", [holder], fences=[holder]):
        drill.isolate_with_tempter(holder)
        drill.await_moved(holder)
        drill.await_fenced(holder)
        drill.heal()
        drill.rejoin()
        drill.end_temptation()


def cut_off_from_servers(drill: Drill) -> None:
    holder = _holder(drill)
    what = f"{holder} is cut off from the other servers; clients still reach it, and it has the service address"
    with drill.strike(what, [holder], fences=[holder]):
        drill.part([holder], [node for node in drill.nodes if node != holder])
        drill.await_moved(holder)
        drill.await_fenced(holder)
        drill.heal()
        drill.rejoin()


def freeze(drill: Drill) -> None:
    holder = _holder(drill)
    with drill.strike(f"SIGSTOP of the metadata server on {holder}, which has the service address", [holder],
                      fences=[holder]):  # fmt: skip
        drill.pause(holder)
        drill.await_moved(holder)
        drill.await_fenced(holder)
        drill.rejoin()


def medley(drill: Drill) -> None:
    """What a short test has time for."""
    for script in (kill_keepalived, kill_server, kill_host):
        script(drill)
