"""Asking metadata servers: who answers, who leads, again and again for a while. What fails is a ``Failure``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc

from mdscluster.adminclient import AdminClient, Answer, leader_of
from mdscluster.mdsctl.desk import STATUS_TIMEOUT_S, Failure
from mdsproto.callfailure import in_words

ASK_AGAIN: Final = "give the command again; see `mdsctl status`"


@contextmanager
def asking(node: str, advice: str = ASK_AGAIN) -> Iterator[None]:
    """A call to ``node`` in this block. ``Failure``: it got no answer; why, and what to do about it."""
    try:
        yield
    except grpc.RpcError as problem:
        raise Failure(f"{node}: {in_words(problem)}", advice) from problem


def answers_of(client: AdminClient, timeout_s: float) -> list[Answer]:
    """How every server is, those among them that do not say. ``Failure``: none does."""
    answers = client.status(timeout_s)
    if not any(answer.reply for answer in answers):
        reasons = "; ".join(f"{answer.target.id}: {answer.problem}" for answer in answers)
        raise Failure(f"no metadata server answers ({reasons})", "is one running, and is this host let through to it?")
    return answers


def current_leader(
    client: AdminClient,
    problem: str = "there is no leader: no quorum, or an election is under way",
    advice: str = "see `mdsctl status`, ask again",
) -> str:
    """Who leads. ``Failure``: nobody; with ``problem`` and ``advice`` in the words of what was to be done."""
    leader = leader_of(client.status(STATUS_TIMEOUT_S))
    if not leader:
        raise Failure(problem, advice)
    return leader


def looks(client: AdminClient, patience_s: float, pause_s: float) -> Iterator[list[Answer]]:
    """How every server is, again and again, until ``patience_s`` have passed."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        yield client.status(STATUS_TIMEOUT_S)
        time.sleep(pause_s)
