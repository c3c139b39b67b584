"""A :class:`~mdscluster.replica.Replica` for coroutines.

The hot path of the front end uses callbacks; what runs a few times a second may rather wait for an answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from mdscluster.replica import ChangeOutcome, MemberChange, Replica, ReplicaStatus

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def _settle(answer: asyncio.Future[T]) -> Callable[[T], None]:
    """A callback that settles ``answer``, unless who waited for it has gone."""

    def settle(value: T) -> None:
        if not answer.done():
            answer.set_result(value)

    return settle


async def propose(replica: Replica, payload: bytes) -> bytes | None:
    """The command's result; None when there was no outcome within the deadline."""
    answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    replica.propose(payload, _settle(answer))
    return await answer


async def propose_in_term(replica: Replica, term: int, payload: bytes, otherwise: bytes) -> bytes | None:
    """The command's result; None when there was none within the deadline, or the term had passed."""
    answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    replica.propose_in_term(term, payload, otherwise, _settle(answer))
    return await answer


async def barrier(replica: Replica) -> bool:
    """Whether this node's tables now show every change that was acknowledged before the call."""
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    replica.barrier(_settle(answer))
    return await answer


async def status(replica: Replica) -> ReplicaStatus:
    """This node's view of the cluster."""
    answer: asyncio.Future[ReplicaStatus] = asyncio.get_running_loop().create_future()
    replica.status(_settle(answer))
    return await answer


async def change_members(replica: Replica, change: MemberChange) -> ChangeOutcome:
    """What became of a change of the membership."""
    answer: asyncio.Future[ChangeOutcome] = asyncio.get_running_loop().create_future()
    replica.change_members(change, _settle(answer))
    return await answer
