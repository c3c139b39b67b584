"""What a server tells of fencing, and waiting until nobody switches anybody's power any more."""

from __future__ import annotations

import time
from typing import Final

from mdscluster.adminclient import AdminClient
from mdscluster.mdsctl.asking import asking
from mdscluster.mdsctl.desk import Desk, Failure
from mdsproto import fencing_pb2, fencing_pb2_grpc

CALL_TIMEOUT_S: Final = 15.0
_PATIENCE_S: Final = 20.0
"""An agent is ended after its device's ``timeout_ms``, 15 s by default; then its server says what came of it."""
_PAUSE_S: Final = 0.1
_NOT_YET: Final = "do not begin yet; `mdsctl fence list` shows when nobody is at it"


def stub_of(client: AdminClient, node: str) -> fencing_pb2_grpc.FencingStub:
    """To ask a server about fencing."""
    return fencing_pb2_grpc.FencingStub(client.channel(node))


def listed(client: AdminClient, node: str) -> fencing_pb2.ListReply:
    """What a server tells of fencing. ``Failure``: it does not answer."""
    with asking(node):
        return stub_of(client, node).List(fencing_pb2.ListRequest(), timeout=CALL_TIMEOUT_S)


def await_nobody_at_it(client: AdminClient, desk: Desk, asked: str, node: str) -> None:
    """Once maintenance of a server (empty: of all) is committed: until no agent that was begun before can switch its
    power. Nothing is begun any more then, but an agent that is under way is not called back. ``Failure``: it takes
    longer, or ``asked``, who is to tell, does not."""
    end_s = time.monotonic() + _PATIENCE_S
    told = ""
    done = f"{node or 'fencing of all'} is {'in maintenance' if node else 'suspended'}, but "
    while problem := _at_it(_told(client, asked, done), asked, node):
        if time.monotonic() >= end_s:
            raise Failure(done + problem, _NOT_YET)
        if problem != told:
            desk.progress(f"{problem}: waiting")
            told = problem
        time.sleep(_PAUSE_S)


def _told(client: AdminClient, asked: str, done: str) -> fencing_pb2.ListReply:
    try:
        return listed(client, asked)
    except Failure as problem:
        raise Failure(f"{done}it is not known whether an agent is under way: {problem}", _NOT_YET) from problem


def _at_it(shown: fencing_pb2.ListReply, asked: str, node: str) -> str:
    """Who may switch the power of a server (empty: anybody's) yet; empty: nobody. Whoever knows of the maintenance has
    seen every claim before it, and after it there is none."""
    if node not in shown.maintenance:
        return f"{asked} does not know of it yet"
    busy = [
        f"{intent.executor} may have an agent under way that switches {intent.node_id}'s power"
        for intent in shown.intents
        if intent.executor and node in ("", intent.node_id)
    ]
    return "; ".join(busy)
