"""``mdsctl member`` against leaders that say this and that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from mdscluster.adminclient import AdminClient, Answer, Target
from mdscluster.control.admin import member_change
from mdscluster.mdsctl.member import Operator, Refused, as_rows
from mdscluster.replica import MemberChange
from mdsproto import admin_pb2
from mdsproto.configfile import ConfigError

Reply = admin_pb2.ChangeMembersReply
Request = admin_pb2.ChangeMembersRequest


class FakeCluster:
    """Answers as scripted, then "done"; its membership follows what it said was done."""

    def __init__(self, tmp_path: Path, *voters: str, script: list[tuple[str, str]] | None = None) -> None:
        self.voters = list(voters)
        self.learners: list[str] = []
        self.script = script or []
        self.leader = voters[0]
        self.now_s = 0.0
        self.asked: list[tuple[str, str, str]] = []
        self.said: list[str] = []
        self.file = tmp_path / "cluster.json"
        mds = [{"id": node_id, "host": "h", "nfs_port": 1, "admin": "h:2", "pid": 7} for node_id in voters]
        self.file.write_text(json.dumps({"export": "/", "mds": mds, "ds": []}))

    def operator(self) -> Operator:
        return Operator(cast(AdminClient, self), self.file, self.said.append, lambda: self.now_s, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def status(self, timeout_s: float) -> list[Answer]:
        members = [admin_pb2.Member(node_id=m, voter=m in self.voters) for m in sorted(self.voters + self.learners)]
        reply = admin_pb2.StatusReply(
            leader_id=self.leader, has_quorum=bool(self.leader), members=members, membership_applied=True
        )
        return [Answer(Target(self.voters[0], "h:2", "h:1"), reply)]

    def change_members(self, node_id: str, request: Request, timeout_s: float) -> Reply:
        self.asked.append((node_id, request.kind, request.node_id))
        if self.script:
            code, text = self.script.pop(0)
            if code != "done":
                return Reply(code=code, text=text)
        change = {"add": self._add, "promote": self._promote, "remove": self._remove}[request.kind]
        change(request.node_id)
        return Reply(code="done")

    def _add(self, node_id: str) -> None:
        self.learners.append(node_id)

    def _promote(self, node_id: str) -> None:
        self.learners.remove(node_id)
        self.voters.append(node_id)

    def _remove(self, node_id: str) -> None:
        (self.voters if node_id in self.voters else self.learners).remove(node_id)

    def listed(self) -> list[str]:
        return [node["id"] for node in json.loads(self.file.read_text())["mds"]]


ADDRESSES = ("10.0.0.4:7001", "10.0.0.4:7002", "10.0.0.4:2049")


def test_add_waits_until_the_server_keeps_up(tmp_path: Path) -> None:
    """As long as it takes: minutes behind are no failure. An even number is pointed out."""
    behind = [("done", "")] + [("behind", f"mds4 is catching up, {n} entries to go") for n in range(900, 0, -1)]
    cluster = FakeCluster(tmp_path, "mds1", "mds2", "mds3", script=behind)
    cluster.operator().add("mds4", *ADDRESSES, timeout_s=3600)
    assert cluster.voters == ["mds1", "mds2", "mds3", "mds4"]
    assert cluster.listed() == ["mds1", "mds2", "mds3", "mds4"]
    assert "mds4 is catching up, 450 entries to go" in cluster.said
    assert "4 voters survive no more failures than 3" in cluster.said[-1]


def test_what_does_not_keep_up_stays_a_learner(tmp_path: Path) -> None:
    cluster = FakeCluster(tmp_path, "mds1", script=[("done", "")] + [("behind", "far behind")] * 100)
    with pytest.raises(Refused, match="far behind"):
        cluster.operator().add("mds4", *ADDRESSES, timeout_s=5)
    assert (cluster.voters, cluster.learners, cluster.listed()) == (["mds1"], ["mds4"], ["mds1"])


@pytest.mark.parametrize("code", ["busy", "not_leader", "handing_over", "unknown", "no_majority"])
def test_what_may_pass_is_asked_again(tmp_path: Path, code: str) -> None:
    """An election, a hand-over or somebody else's change is no reason to give up; for ever is."""
    cluster = FakeCluster(tmp_path, "mds1", "mds2", "mds3", "mds4", script=[(code, "not now")] * 5)
    cluster.operator().remove("mds1", even_ok=False)
    assert cluster.voters == ["mds2", "mds3", "mds4"]
    assert cluster.listed() == ["mds2", "mds3", "mds4"]
    cluster.script = [(code, "not now")] * 1000
    with pytest.raises(Refused, match="not now") as refused:
        cluster.operator().remove("mds2", even_ok=True)
    assert "mdsctl" in refused.value.advice


def test_a_refusal_ends_it_at_once(tmp_path: Path) -> None:
    cluster = FakeCluster(tmp_path, "mds1", "mds2", "mds3", script=[("refused", "2 voters would be left")])
    with pytest.raises(Refused, match="2 voters") as refused:
        cluster.operator().remove("mds3", even_ok=False)
    assert len(cluster.asked) == 1
    assert "mdsctl member list" in refused.value.advice
    with pytest.raises(Refused, match="no member"):
        cluster.operator().remove("mds9", even_ok=False)
    assert len(cluster.asked) == 1


def test_replace_adds_before_it_removes(tmp_path: Path) -> None:
    """Never fewer voters than before; an interrupted one goes on where it was."""
    cluster = FakeCluster(tmp_path, "mds1", "mds2", "mds3")
    cluster.operator().replace("mds2", "mds4", *ADDRESSES, timeout_s=60)
    assert [kind for _, kind, _ in cluster.asked] == ["add", "promote", "remove"]
    assert cluster.voters == ["mds1", "mds3", "mds4"]
    with pytest.raises(Refused, match="no member"):
        cluster.operator().replace("mds2", "mds9", *ADDRESSES, timeout_s=60)


def test_without_quorum_nothing_is_asked(tmp_path: Path) -> None:
    """INV-6: a membership is never changed without a majority."""
    cluster = FakeCluster(tmp_path, "mds1", "mds2", "mds3")
    cluster.leader = ""
    with pytest.raises(Refused, match="no quorum"):
        cluster.operator().remove("mds3", even_ok=True)
    assert cluster.asked == []


def test_the_list_names_roles() -> None:
    members = [
        admin_pb2.Member(node_id=f"mds{n}", number=n, voter=n < 3, raft="r", admin="a", nfs="n") for n in (1, 2, 3)
    ]
    peers = [
        admin_pb2.Peer(node_id="mds2", connected=False, lag_entries=9),
        admin_pb2.Peer(node_id="mds3", connected=True, lag_entries=5),
    ]
    reply = admin_pb2.StatusReply(
        leader_id="mds1", has_quorum=True, members=members, membership_applied=True, peers=peers
    )
    rows = [row.split() for row in as_rows([Answer(Target("mds1", "a", "n"), reply)])]
    assert [row[:4] for row in rows[1:]] == [
        ["mds1", "1", "leader", "-"],
        ["mds2", "2", "voter", "not"],
        ["mds3", "3", "learner", "5"],
    ]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (Request(kind="grow", node_id="mds4"), "no change"),
        (Request(kind="add", node_id="mds/4"), "no node id"),
        (Request(kind="add", node_id="mds4", raft="h", admin="h:2", nfs="h:3"), "HOST:PORT"),
        (Request(kind="add", node_id="mds4", raft="h:1", admin="h:1", nfs="h:3"), "three different"),
    ],
)
def test_what_cannot_be_meant_is_refused(request_: Request, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        member_change(request_)


def test_a_request_is_taken_as_it_is_meant() -> None:
    request = Request(kind="add", node_id="mds4", raft="[fd00::4]:7001", admin="h:2", nfs="h:3")
    assert member_change(request) == MemberChange("add", "mds4", "fd00::4", 7001, "h:2", "h:3")
    assert member_change(Request(kind="remove", node_id="mds4", even_ok=True)).even_ok


