"""What commands say when servers do not answer, nobody leads, or something does not come about in time."""

from __future__ import annotations

from typing import cast

import grpc
import pytest

from mdscluster.adminclient import AdminClient, Answer, Target
from mdscluster.mdsctl.asking import answers_of, asking, current_leader, looks
from mdscluster.mdsctl.desk import Failure
from mdsproto import admin_pb2

DOWN = Answer(Target("mds2", "", ""), None, "connection refused")


def says(leader: str, *, quorum: bool = True) -> Answer:
    return Answer(Target("mds1", "", ""), admin_pb2.StatusReply(leader_id=leader, has_quorum=quorum))


def client(*answers: Answer) -> AdminClient:
    class Scripted:
        asked = 0

        def status(self, timeout_s: float) -> list[Answer]:
            self.asked += 1
            return list(answers)

    return cast(AdminClient, Scripted())


def test_a_call_without_an_answer_names_the_server_and_the_advice() -> None:
    with pytest.raises(Failure) as failed, asking("mds1", "ask mds3"):
        raise grpc.RpcError("lost")
    assert (failed.value.problem, failed.value.advice) == ("mds1: lost", "ask mds3")


def test_a_bug_is_not_taken_for_a_silent_server() -> None:
    with pytest.raises(KeyError), asking("mds1"):
        raise KeyError


def test_one_server_that_answers_is_enough_to_tell_of_all() -> None:
    answers = [says("mds1"), DOWN]
    assert answers_of(client(*answers), 1.0) == answers
    with pytest.raises(Failure, match=r"no metadata server answers \(mds2: connection refused\)"):
        answers_of(client(DOWN), 1.0)


def test_a_leader_counts_that_a_quorum_follows() -> None:
    assert current_leader(client(says("mds3"), DOWN)) == "mds3"
    with pytest.raises(Failure, match="there is no leader"):
        current_leader(client(says("mds3", quorum=False)))
    with pytest.raises(Failure, match="not without one"):
        current_leader(client(DOWN), "not without one", "wait")


def test_looking_again_ends() -> None:
    asked = client(DOWN)
    assert len(list(looks(asked, 0.05, 0.01))) == asked.asked > 1  # type: ignore[attr-defined]
    assert not list(looks(client(DOWN), 0.0, 0.0))
