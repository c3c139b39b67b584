"""Who has a service address, and who may have one."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import cast

import pytest

from mdscluster.adminclient import AdminClient, Answer, Target
from mdscluster.mdsctl import main, status, vip
from mdscluster.mdsctl import node as nodectl
from mdscluster.mdsctl.desk import EXIT_NO_QUORUM, EXIT_OK, Desk, Failure
from mdscluster.mdsctl.node import without_heir
from mdscluster.mdsctl.view import plain
from mdsproto import admin_pb2

A, B = "192.0.2.101", "fd00:7::102"


def node(
    number: int, unfit: str = "", *, guarded: bool = True, last_resort: bool = False, **states: tuple[str, float]
) -> Answer:
    """``states``: of the addresses a and b, and since when."""
    vips = [
        admin_pb2.VipState(address={"a": A, "b": B}[name], state=state, priority=200, since_s=since_s)
        for name, (state, since_s) in states.items()
    ]
    reply = admin_pb2.StatusReply(
        node_id=f"mds{number}", role="follower", has_quorum=True, guarded=guarded, unfit=unfit, vips=vips,
        last_resort=last_resort,
    )
    return Answer(Target(f"mds{number}", "", ""), reply)


DOWN = Answer(Target("mds3", "", ""), None, "connection refused")


def test_each_address_is_where_its_keepalived_says() -> None:
    answers = [
        node(1, a=("MASTER", 50.0), b=("BACKUP", 40.0)),
        node(2, "it is in maintenance", a=("FAULT", 50.0), b=("MASTER", 41.0)),
        DOWN,
    ]
    found = vip.addresses_of(answers)
    assert [(each.address, each.holders) for each in found] == [(A, ("mds1",)), (B, ("mds2",))]
    lines = plain(vip.blocks_of(found, answers))
    assert lines[1].split()[:2] == [A, "mds1"]
    assert lines[1].split()[-3:] == ["MASTER", "FAULT", "-"]
    assert lines[-3:] == ["mds1  yes", "mds2  no: it is in maintenance", "mds3  DOWN (connection refused)"]
    document = vip.json_of(found, answers)
    assert [each["holder"] for each in document["vips"]] == ["mds1", "mds2"]
    assert [each["fit"] for each in document["nodes"]] == [True, False, None]


def test_of_two_that_claim_an_address_the_later_one_has_it() -> None:
    """A keepalived that was killed, or that is cut off, has not told of its loss."""
    answers = [node(1, a=("MASTER", 50.0)), node(2, a=("MASTER", 60.0)), node(3, a=("BACKUP", 10.0))]
    (found,) = vip.addresses_of(answers)
    assert found.holders == ("mds2", "mds1")
    assert "mds2 (also claimed by mds1)" in plain(vip.blocks_of([found], answers))[1]


def test_an_address_that_nobody_has_is_an_alarm() -> None:
    answers = [node(1, "it reaches no majority", a=("FAULT", 1.0)), node(2, a=("BACKUP", 1.0))]
    (found,) = vip.addresses_of(answers)
    assert found.holders == ()
    assert "NOBODY" in plain(vip.blocks_of([found], answers))[1]


@pytest.mark.parametrize(
    ("answers", "code", "holder"),
    [
        ([node(1, a=("UNKNOWN", 0.0)), node(2, a=("UNKNOWN", 0.0)), DOWN], EXIT_NO_QUORUM, None),
        ([node(1, a=("UNKNOWN", 0.0)), node(2, a=("MASTER", 5.0)), DOWN], EXIT_OK, "mds2"),
        ([node(1, a=("MASTER", 5.0), b=("UNKNOWN", 0.0)), node(2, a=("BACKUP", 5.0)), DOWN], EXIT_NO_QUORUM, "mds1"),
        ([node(1, a=("STOP", 1.0)), node(2, a=("STOP", 1.0)), DOWN], EXIT_NO_QUORUM, None),
        ([node(1), node(2), node(3)], EXIT_OK, None),
    ],
)
def test_the_exit_code_says_whether_an_address_is_nowhere(
    answers: list[Answer], code: int, holder: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """INV-7: also one of which keepalived told nothing on any host, as none of them runs."""
    monkeypatch.setattr(Desk, "connect", lambda _desk, _cluster=None: nullcontext(Scripted(answers)))
    words = ["--cluster", str(tmp_path / "cluster.json"), "vip"]
    assert main(words) == code
    shown = capsys.readouterr().out
    assert main([*words, "--json"]) == code
    found = {each["address"]: each for each in json.loads(capsys.readouterr().out)["vips"]}
    assert found.get(A, {}).get("holder") == holder
    assert ("NOBODY" in shown) == (code == EXIT_NO_QUORUM)
    for address, each in found.items():
        line = next(line for line in shown.splitlines() if line.startswith(address))
        assert set(each["states"].values()) <= {*line.split()}
        assert (each["since_s"] is None) == (each["holder"] is None)


def test_without_a_guard_nobody_may() -> None:
    assert vip.fitness_of(node(1, guarded=False)) == "no: it has no guard"


def test_the_last_server_that_may_have_an_address_keeps_it() -> None:
    """INV-7: `node maintenance` is refused before anything is changed."""
    holder, well, unfit = node(1, a=("MASTER", 1.0)), node(2, a=("BACKUP", 1.0)), node(2, "it has no quorum")
    assert without_heir([holder, well, DOWN], "mds1") == ""
    assert "no other server is fit for service addresses" in without_heir([holder, unfit, DOWN], "mds1")
    assert without_heir([holder, unfit, DOWN], "mds2") == "", "it has none"
    assert without_heir([node(1, guarded=False), DOWN], "mds1") == "", "there are none"


@pytest.mark.parametrize("state", ["STOP", "FAULT", "UNKNOWN", None])
def test_an_heir_is_one_whose_keepalived_stands_by(state: str | None) -> None:
    """INV-7: fit by its guard's word, and keepalived is dead there: `node maintenance` left the address nowhere."""
    holder = node(1, a=("MASTER", 1.0), b=("BACKUP", 1.0))
    dead = node(2) if state is None else node(2, a=(state, 1.0), b=("MASTER", 1.0))
    told = without_heir([holder, dead, DOWN], "mds1")
    assert told == (
        f"mds1 has {A}, and no other server that is fit stands by: keepalived of mds2 says "
        f"{state or 'UNKNOWN'}"
    )
    well = node(3, a=("BACKUP", 1.0))
    assert without_heir([holder, dead, well], "mds1") == ""
    both = node(1, a=("MASTER", 1.0), b=("MASTER", 1.0))
    assert f"mds1 has {B}, and" in without_heir([both, node(2, a=("BACKUP", 1.0), b=("FAULT", 1.0)), DOWN], "mds1")
    unfit = node(3, "it has no quorum", a=("BACKUP", 1.0))
    assert without_heir([holder, dead, unfit], "mds1") == told, "it stands by, and may not have one"


def test_the_status_tells_who_may_not_have_an_address() -> None:
    told = status.node_json(node(2, "it is in maintenance"), 0)
    assert (told["fit"], told["unfit"]) == (False, "it is in maintenance")
    assert status.node_json(node(2, guarded=False), 0)["fit"] is None
    assert "unfit" in status.role_of(node(2, "it is in maintenance"), "voter")
    assert "unfit" not in status.role_of(node(2), "voter")


def test_a_weak_server_may_have_an_address_as_a_last_resort() -> None:
    """It is told with its reason, and it is no heir: nobody is taken out of office for it to step in."""
    weak = node(2, "its front end stood still", last_resort=True, a=("BACKUP", 1.0))
    assert vip.fitness_of(weak) == "as a last resort: its front end stood still"
    assert vip.json_of([], [weak])["nodes"][0] | {"id": ""} == {
        "id": "", "reachable": True, "fit": False, "unfit": "its front end stood still", "last_resort": True
    }  # fmt: skip
    assert "no other server is fit" in without_heir([node(1, a=("MASTER", 1.0)), weak, DOWN], "mds1")
    assert status.node_json(weak, 0)["last_resort"] is True
    assert status.role_of(weak, "voter").endswith(", last resort")
    told = "mds2 may have service addresses as a last resort only: its front end stood still"
    assert told in status._unfit([weak])


class Scripted:
    """An AdminClient: what is answered, one look after the other; the last one for ever."""

    def __init__(self, *looks: list[Answer]) -> None:
        self.looks = list(looks)

    def status(self, timeout_s: float) -> list[Answer]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


def leads(answer: Answer, leader: str) -> Answer:
    assert answer.reply is not None
    answer.reply.leader_id, answer.reply.role = leader, "leader" if answer.reply.node_id == leader else "follower"
    return answer


def test_who_goes_into_maintenance_waits_for_its_own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was nowhere before, or was taken out of the inventory and left a trace, is another matter."""
    monkeypatch.setattr(nodectl, "_PATIENCE_S", 0.2)
    here = [leads(node(1, a=("MASTER", 1.0)), "mds2"), leads(node(2, a=("BACKUP", 1.0), b=("FAULT", 1.0)), "mds2")]
    gone = [leads(node(1, a=("FAULT", 2.0)), "mds2"), leads(node(2, a=("MASTER", 2.0), b=("FAULT", 1.0)), "mds2")]
    assert nodectl.held_by(here, "mds1") == [A]
    assert nodectl._await_out_of_office(cast(AdminClient, Scripted(here, gone)), "mds1", [A]) == "mds2"
    with pytest.raises(Failure, match=f"still has {A}"):
        nodectl._await_out_of_office(cast(AdminClient, Scripted(here)), "mds1", [A])
    nowhere = [leads(node(1, a=("FAULT", 2.0)), "mds2"), leads(node(2, a=("BACKUP", 2.0)), "mds2")]
    with pytest.raises(Failure, match=f"{A} is at no server"):
        nodectl._await_out_of_office(cast(AdminClient, Scripted(nowhere)), "mds1", [A])
