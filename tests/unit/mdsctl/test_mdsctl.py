"""What the operator is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mdscluster.adminclient import Answer, ClusterFile, Target, leader_of
from mdscluster.config import ConfigError
from mdscluster.mdsctl import digest, status, view
from mdscluster.mdsctl.digest import Comparison
from mdscluster.nfs_frontend import quorum
from mdsproto import admin_pb2

TARGETS = [Target(f"mds{n}", f"10.0.0.{n}:7002", f"10.0.0.{n}:2049") for n in (1, 2, 3)]
CLUSTER = ClusterFile(Path("cluster.json"), tuple(TARGETS), ({"id": "ds1", "host": "10.0.0.11", "nfs_port": 2049},))


def reply(number: int, leader: str = "mds1", *, quorum: bool = True, term: int = 4, applied: int = 90) -> Answer:
    role = "leader" if leader == f"mds{number}" else "follower"
    return Answer(
        TARGETS[number - 1],
        admin_pb2.StatusReply(
            node_id=f"mds{number}", role=role, term=term, leader_id=leader, has_quorum=quorum,
            commit_index=100, applied_index=applied, clients=2, sessions=3, statuses={"NFS4_OK": number},
            data_servers=[
                admin_pb2.DataServer(
                    ds_id="ds1", host="10.0.0.11", port=2049, state="up", capacity_bytes=4 << 30, free_bytes=3 << 30,
                    silent_ms=700 if number == 2 else -1, pending_deletes=5,
                )
            ],
        ),
    )  # fmt: skip


DOWN = Answer(TARGETS[2], None, "connection refused")


def test_a_healthy_cluster() -> None:
    lines = status.as_text(CLUSTER, [reply(1), reply(2), reply(3)])
    assert lines[0] == "quorum, led by mds1"
    assert lines[1] == "3 of 3 metadata servers and 1 of 1 data servers up"
    row = next(line for line in lines if line.startswith("ds1")).split()
    assert row == ["ds1", "up", "4.0", "GiB", "3.0", "GiB", "25", "%", "0.7", "s", "ago", "5", "10.0.0.11:2049"]


def test_a_node_that_is_down_has_its_line_and_reason() -> None:
    lines = status.as_text(CLUSTER, [reply(1), reply(2), DOWN])
    assert lines[1].startswith("2 of 3 metadata servers")
    row = next(line for line in lines if line.startswith("mds3"))
    assert "DOWN" in row
    assert row.endswith("10.0.0.3:2049  (connection refused)")


@pytest.mark.parametrize(
    "answers",
    [
        [reply(1, quorum=False), reply(2, quorum=False), DOWN],
        [Answer(target, None, "no answer in time") for target in TARGETS],
    ],
)
def test_no_quorum_is_said_loudly(answers: list[Answer]) -> None:
    """INV-6: a node without quorum acknowledges nothing, and the operator is told."""
    assert status.as_text(CLUSTER, answers)[0].startswith("NO QUORUM")
    shown = status.json_of(CLUSTER, answers)
    assert shown["quorum"] is False
    assert shown["leader"] is None


def test_the_service_in_effect_is_shown() -> None:
    """INV-6: whoever reads old state is told so."""
    lost = reply(1, quorum=False)
    assert lost.reply is not None
    lost.reply.service = "read-only"
    lines = status.as_text(CLUSTER, [lost, DOWN, DOWN])
    assert lines[0].endswith("old state can be read at mds1")
    assert "leader, no quorum, read-only" in next(line for line in lines if line.startswith("mds1"))
    assert status.json_of(CLUSTER, [lost])["mds"][0]["service"] == "read-only"


def test_the_words_are_the_servers() -> None:
    """mdsctl does not import what it names."""
    assert (status.SERVING, status.READ_ONLY) == (quorum.SERVING, quorum.READ_ONLY)


def test_an_upgrade_under_way_is_shown() -> None:
    """Who keeps the cluster from using what the new release knows; nothing, once all use it."""
    answers = [reply(1), reply(2), DOWN]
    for answer, known in zip(answers, (2, 1, 0), strict=True):
        if answer.reply is not None:
            answer.reply.feature_level, answer.reply.feature_level_known = 1, known
    assert "feature level 1; 2 waits for mds2, mds3" in status.as_text(CLUSTER, answers)
    for answer in answers[:2]:
        assert answer.reply is not None
        answer.reply.feature_level = answer.reply.feature_level_known = 2
    assert not any("feature level" in line for line in status.as_text(CLUSTER, answers[:2]))


def test_the_leader_is_that_of_the_newest_term() -> None:
    """A deposed leader that does not know it yet is not believed."""
    answers = [reply(1, "mds1", term=4), reply(2, "mds2", term=5), reply(3, "mds2", term=5)]
    assert leader_of(answers) == "mds2"


def test_json_is_complete_and_serialisable() -> None:
    shown = json.loads(json.dumps(status.json_of(CLUSTER, [reply(1), reply(2, applied=70), DOWN])))
    assert [node["reachable"] for node in shown["mds"]] == [True, True, False]
    assert shown["mds"][1]["lag_entries"] == 30
    assert shown["mds"][1]["statuses"] == {"NFS4_OK": 2}
    assert shown["mds"][2] == {
        "id": "mds3",
        "nfs": "10.0.0.3:2049",
        "admin": "10.0.0.3:7002",
        "reachable": False,
        "problem": "connection refused",
        "member": "voter",
    }
    assert shown["ds"][0]["silent_ms"] == 700


def test_verbose_counts_every_status_by_node() -> None:
    lines = status.as_text(CLUSTER, [reply(1), reply(2), DOWN], verbose=True)
    assert lines[-1].split() == ["NFS4_OK", "1", "2", "-"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is the cluster up?"),
        ("[]", "is not a cluster file"),
        ("{", "is not a cluster file"),
        ('{"mds": []}', "ds"),
    ],
)
def test_a_bad_cluster_file_is_refused(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "cluster.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=words):
        ClusterFile.load(file)


def test_digests_that_differ_are_called_different() -> None:
    """INV-8."""
    assert view.plain(digest.verdict(Comparison(7, {"mds1": b"a", "mds2": b"a"}, ())))[-1] == "equal"
    assert view.plain(digest.verdict(Comparison(7, {"mds1": b"a", "mds2": b"b"}, ())))[-1].startswith("DIFFERENT")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.31, "0.3 s"), (42, "42 s"), (90, "2 min"), (7200, "2 h"), (999_999, "12 d")]
)
def test_times_for_people(seconds: float, text: str) -> None:
    assert view.human_time(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1536, "1.5 KiB"), (15 << 30, "15 GiB"), (1 << 51, "2.0 PiB")])
def test_sizes_for_people(count: int, text: str) -> None:
    assert view.human_bytes(count) == text
