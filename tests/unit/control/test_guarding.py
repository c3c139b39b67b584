"""A front end's words to its guard: what is said of which sight, and when; its address that leaves before it does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fencing.state import EVERYBODY
from mdscluster.config import Address, NodeConfig, RaftTimes
from mdscluster.control.guarding import Guarding
from mdscluster.fsm.commands import Maintenance, pack_internal
from mdscluster.guard.words import HEALTH_NAME, SOCKET_NAME, Word, unpack
from mdscluster.guardconfig import Guard
from mdscluster.leaving import ADDRESS_MS, MOVED_MS
from mdscluster.replica import FOLLOWER, ReplicaStatus
from tests.unit.nfs_frontend.nodes import Cluster

WELL = ReplicaStatus("mds1", FOLLOWER, 3, "mds2", 9, 9, 9, 1, True)


class Rig:
    """A front end without a listener, a consensus process that answers when told to, and the guard's socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cluster = Cluster(folder)
        self.answers = True
        self.owed: list[Callable[[ReplicaStatus], None]] = []
        self.cluster.replica.status = self.ask  # type: ignore[method-assign]
        self.now_ms = 50_000
        config = SimpleNamespace(
            node_id="mds1", raft=RaftTimes(), nfs=Address("127.0.0.1", 1),
            guard=Guard(run_dir=str(folder), vip_dir=str(folder)),
        )  # fmt: skip
        self.guarding = Guarding(
            cast(NodeConfig, config), 4711, self.cluster.replica, self.cluster.nodes[0].dispatcher.tables,
            lambda: "serving", lambda: self.now_ms,
        )  # fmt: skip
        self.socket: socket.socket | None = None

    def ask(self, done: Callable[[ReplicaStatus], None]) -> None:
        if self.answers:
            done(WELL)
        else:
            self.owed.append(done)

    def listen(self) -> None:
        if self.socket is not None:
            self.socket.close()
            (self.folder / SOCKET_NAME).unlink()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(self.folder / SOCKET_NAME))

    def pass_ms(self, ms: int, *, late_ms: int = 0) -> list[Word]:
        """So much later: what was said in a turn then. The listener's answer is given to it."""
        self.now_ms += ms
        self.guarding._probe.answered(self.now_ms)
        self.guarding.turn(late_ms)
        return self.heard()

    def heard(self) -> list[Word]:
        found: list[Word] = []
        assert self.socket is not None
        while True:
            try:
                found.append(unpack(self.socket.recv(4096)))
            except BlockingIOError:
                return found

    def maintain(self, node: str, on: bool) -> None:
        self.cluster.replica.apply_entry([pack_internal(Maintenance(node, on, "anna"))])


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Turns run without an event loop: nothing is asked of a listener."""
    monkeypatch.setattr("mdscluster.nfs_frontend.probe.Probe.ask", lambda self, now_ms: None)
    made = Rig(tmp_path)
    made.listen()
    yield made
    made.guarding.close()
    assert made.socket is not None
    made.socket.close()


def test_it_says_that_all_is_well(rig: Rig) -> None:
    (word,) = rig.pass_ms(50)
    assert (word.fit, word.node_pid, word.at_ms, word.spared) == (True, 4711, rig.now_ms, False)
    assert (word.consensus_silent_ms, word.quorum_lost_ms) == (0, -1)


def test_a_consensus_process_that_owes_an_answer(rig: Rig) -> None:
    """Counted from the last question that was answered: that it hangs shows 150 ms after it did, not after the next."""
    rig.pass_ms(50)
    rig.answers = False
    assert rig.pass_ms(50)[0].fit
    assert rig.pass_ms(99)[0].fit
    (word,) = rig.pass_ms(1)
    assert (word.reason, word.consensus_silent_ms) == ("its consensus process does not answer", 100)
    (word,) = rig.pass_ms(5_000)
    assert (word.weak, word.consensus_silent_ms) == (False, 5_100), "since the question that is not answered"
    assert len(rig.owed) == 1, "one question at a time: a process that hangs is not buried under more"
    rig.answers = True
    rig.owed.pop()(WELL)
    rig.pass_ms(50)
    assert rig.pass_ms(50)[0].fit


def test_an_answer_that_nobody_gave_is_none(rig: Rig) -> None:
    """What is asked while the connection to the consensus process is lost is answered with an empty status."""
    rig.pass_ms(50)
    rig.answers = False
    rig.pass_ms(50)
    rig.owed.pop()(ReplicaStatus("", "down", 0, "", 0, 0, 0, 0, False))
    assert rig.pass_ms(100)[0].reason == "its consensus process does not answer"


def test_a_late_answer_tells_how_it_was_when_it_was_asked_for(rig: Rig) -> None:
    rig.pass_ms(50)
    rig.answers = False
    rig.pass_ms(50)
    rig.now_ms += 100
    rig.owed.pop()(WELL)
    assert rig.pass_ms(49)[0].fit
    assert rig.pass_ms(1)[0].reason == "its consensus process does not answer"


@pytest.mark.parametrize("late_ms", [100, 125, 149])
def test_time_in_which_the_front_end_stood_still_is_not_the_consensus_process_s(rig: Rig, late_ms: int) -> None:
    """Its answer lies unread until then: a loop that is late, but not too late, makes nobody unfit."""
    rig.pass_ms(50)
    rig.answers = False
    assert rig.pass_ms(50)[0].fit
    assert rig.pass_ms(50 + late_ms, late_ms=late_ms)[0].fit
    rig.answers = True
    rig.owed.pop()(WELL)
    for _ in range(3):
        assert rig.pass_ms(50)[0].fit


def test_a_pause_of_all_processes_is_nobody_s_silence(rig: Rig) -> None:
    """The machine was paused for 6 s while a question was under way: nobody is to be ended for that."""
    rig.pass_ms(50)
    rig.answers = False
    rig.pass_ms(50)
    (word,) = rig.pass_ms(6_050, late_ms=6_000)
    assert (word.reason, word.consensus_silent_ms) == ("its front end stood still", 50)
    rig.answers = True
    rig.owed.pop()(WELL)
    (word,) = rig.pass_ms(50)
    assert (word.fit, word.consensus_silent_ms) == (True, 0)


def test_who_is_never_answered_is_still_found_out_by_a_late_front_end(rig: Rig) -> None:
    rig.pass_ms(50)
    rig.answers = False
    for _ in range(60):
        (word,) = rig.pass_ms(100, late_ms=50)
    assert word.reason == "its consensus process does not answer"
    assert word.consensus_silent_ms == 59 * 50


def test_a_late_loop_says_so_itself(rig: Rig) -> None:
    rig.pass_ms(50)
    (word,) = rig.pass_ms(250, late_ms=200)
    assert (word.reason, word.weak) == ("its front end stood still", True)
    assert rig.pass_ms(50)[0].fit


def test_maintenance_is_said_and_spares_the_node(rig: Rig) -> None:
    rig.maintain("mds1", True)
    (word,) = rig.pass_ms(50)
    assert (word.reason, word.spared) == ("it is in maintenance", True)
    rig.maintain("mds1", False)
    assert rig.pass_ms(50)[0].fit
    rig.maintain("mds2", True)
    assert rig.pass_ms(50)[0].fit, "another's"
    rig.maintain(EVERYBODY, True)
    (word,) = rig.pass_ms(50)
    assert (word.fit, word.spared) == (True, True), "fencing is suspended, and addresses stay"


def test_a_guard_that_comes_back_is_spoken_to_again(rig: Rig) -> None:
    """Also without one the front end goes on."""
    rig.pass_ms(50)
    rig.listen()
    rig.pass_ms(50)
    assert rig.pass_ms(50)[0].fit


def test_what_keepalived_is_told_is_what_the_operator_is_told(rig: Rig) -> None:
    rig.pass_ms(50)
    assert rig.guarding.standing() == ("its guard does not let it (yet)", False), "there is no file"
    health = rig.folder / HEALTH_NAME
    health.write_text("-254\n")
    assert rig.guarding.standing() == ("its guard does not let it (yet)", False)
    health.write_text("-150\n")
    assert rig.guarding.standing() == ("its guard does not let it (yet)", True)
    health.write_text("0\n")
    assert rig.guarding.standing() == ("", False)
    rig.maintain("mds1", True)
    rig.pass_ms(50)
    assert rig.guarding.standing() == ("it is in maintenance", False)


def test_a_node_that_stops_waits_for_its_addresses_to_leave_but_not_for_long(rig: Rig) -> None:
    """INV-7: clients are served until then, and until they are elsewhere."""
    state = rig.folder / "vip_192.0.2.101"
    state.write_text("MASTER 200 1.0\n")
    rig.pass_ms(50)

    async def stop() -> int:
        began_ms = rig.now_ms

        async def clock() -> None:
            while True:
                rig.now_ms += 1
                if rig.now_ms - began_ms == 120:
                    state.write_text(content)
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(clock())
        await rig.guarding.leave()
        ticking.cancel()
        return rig.now_ms - began_ms

    content = "FAULT 200 2.0\n"
    assert 120 + MOVED_MS - 20 <= asyncio.run(stop()) < ADDRESS_MS
    words = rig.heard()
    assert (words[0].reason, words[0].stopping) == ("it stops", True)
    content = "MASTER 200 2.0\n"
    state.write_text(content)
    assert asyncio.run(stop()) >= ADDRESS_MS
    state.unlink()
    assert asyncio.run(stop()) < MOVED_MS, "it had none"
