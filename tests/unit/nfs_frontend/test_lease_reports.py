"""A front end tells the log whom it heard of, and answers nobody while that is overdue (INV-7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mdscluster.fsm.commands import KIND_COMPOUND, RenewLeases, pack_internal, unpack_internal
from mdscluster.fsm.lease_reports import hold_ms, lease_clock_ms
from mdscluster.nfs_frontend.dispatcher import Dispatcher
from mdscluster.nfs_frontend.lease_reports import WAIT_S_MAX, Reporter
from mdscluster.nfs_frontend.quorum import REFUSING
from nfswire import nfs4
from tests.unit.nfs_frontend.support import Client, World, getattr_size, mkdir, putroot

LEASE_MS = 90_000
HOLD_S = hold_ms(LEASE_MS) / 1_000
Done = Callable[[bytes | None], None]


class Node:
    """A node whose clock is the test's; while it has no quorum its proposals have no outcome."""

    def __init__(self, path: Path) -> None:
        self.world = World(path)
        self.now_s = 100.0
        self.quorum = True
        self.refusing = False
        self.log: list[RenewLeases | str] = []
        """What was proposed: reports, and changes by their sequence ID."""
        self._held: list[tuple[bytes, Done]] = []
        self._propose = self.world.replica.propose
        self.dispatcher = Dispatcher(
            self.world.replica, self.world.deferred.append, clock_s=lambda: self.now_s,
            reporter=Reporter("mds1", 99, LEASE_MS),
        )  # fmt: skip
        self.client = Client(self.world)
        self.connection = self.world.connect()
        self.client.start(self.dispatcher, self.connection)
        self.world.replica.propose = self._take  # type: ignore[method-assign]
        self.sequence_id = 0
        self.now_s += 2 * HOLD_S

    def _take(self, payload: bytes, done: Done) -> None:
        command = None if payload[0] == KIND_COMPOUND else unpack_internal(payload)
        assert command is None or isinstance(command, RenewLeases)
        self.log.append(command or "change")
        if self.refusing and command:
            done(None)
        elif self.quorum:
            self._propose(payload, done)
        else:
            self._held.append((payload, done))

    def restore_quorum(self) -> None:
        self.quorum = True
        held, self._held = self._held, []
        for payload, done in held:
            self._propose(payload, done)
        self.world.turn()

    def ask(self, *ops: nfs4.nfs_argop4) -> bool:
        """Send the next COMPOUND; whether it was answered at once."""
        self.sequence_id += 1
        return self.send(self.client.compound(self.sequence_id, [putroot(), *ops]))

    def send(self, record: bytes) -> bool:
        return self.client.send(self.dispatcher, self.connection, record) is not None

    def later(self) -> list[bool]:
        """Something else that is to be answered; how that went, once it has."""
        outcomes: list[bool] = []
        self.dispatcher.reports.when_settled(outcomes.append)
        return outcomes

    def told(self) -> list[list[int]]:
        """Whom the reports named, so far."""
        log, self.log = self.log, []
        return [command.client_ids for command in log if isinstance(command, RenewLeases)]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.parametrize("what", [getattr_size(), mkdir(b"a")], ids=["read", "change"])
def test_who_asks_waits_for_a_report_that_is_overdue(node: Node, what: nfs4.nfs_argop4) -> None:
    """The node stood still for long: by now nobody waits for its reports, and leases run out without it.

    The answer comes behind a report that was gathered after the request came, and so tells of it.
    """
    node.quorum = False
    assert not node.ask(what)
    assert node.told() == [[node.client.client_id]]
    assert "change" not in node.log
    node.dispatcher.reports.touched.add(7)  # it came when the report was on its way
    other = node.later()
    answers = len(node.connection.sent)
    node.restore_quorum()
    assert node.told() == [[7]]
    assert len(node.connection.sent) == answers + 1
    assert other == [True]


def test_while_the_last_report_is_young_nothing_waits(node: Node) -> None:
    assert node.ask(getattr_size())
    assert node.told() == [[node.client.client_id]]
    node.now_s += HOLD_S
    node.quorum = False  # of which reads alone would not know: the replica's barrier is the test's
    assert node.ask(getattr_size())
    node.ask(mkdir(b"a"))
    assert node.log == ["change"]
    node.log.clear()
    node.now_s += 0.001
    assert not node.ask(getattr_size())
    assert len(node.told()) == 1


def test_a_report_that_came_too_late_itself_is_none(node: Node) -> None:
    """It was in line for longer than it holds: what is answered now is told by another one."""
    node.quorum = False
    assert not node.ask(getattr_size())
    node.now_s += HOLD_S + 0.001
    answers = len(node.connection.sent)
    node.restore_quorum()
    assert len(node.told()) == 2
    assert len(node.connection.sent) == answers + 1


def test_nobody_waits_for_ever_and_reports_do_not_pile_up(node: Node) -> None:
    """Reports are refused, as the log's backlog is full: one is tried a tick, and in the end all is given up."""
    node.refusing = True
    assert not node.ask(getattr_size())
    for _ in range(3):
        node.now_s += WAIT_S_MAX / 4
        node.dispatcher.reports.tick()
    assert not node.connection.aborted
    assert node.told() == [[node.client.client_id]] * 4
    node.now_s += WAIT_S_MAX / 2
    node.dispatcher.reports.tick()
    assert node.connection.aborted
    node.dispatcher.reports.tick()
    assert node.told() == []
    node.refusing = False
    node.dispatcher.reports.report()
    assert node.told() == [[node.client.client_id]], "who was told of in vain is told again"


def test_what_waits_for_a_report_is_given_up_with_the_quorum(node: Node) -> None:
    """Clients find another node; and nothing is left here that would report again and again."""
    node.quorum = False
    node.ask(mkdir(b"a"))
    node.dispatcher.change_service(REFUSING)
    assert node.connection.aborted
    node.told()
    node.restore_quorum()
    assert node.log == []


def test_whom_reports_without_an_outcome_told_of_the_next_tells_too(node: Node) -> None:
    """It says that all is told which was heard until it was gathered, and the one before may turn out to be refused."""
    node.quorum = False
    node.dispatcher.reports.touched.add(7)
    node.dispatcher.reports.report()
    node.dispatcher.reports.touched.add(8)
    node.dispatcher.reports.report()
    assert node.told() == [[7], [7, 8]]
    node.restore_quorum()
    node.dispatcher.reports.report()
    assert node.told() == [[]]


def test_a_repeated_answer_waits_too(node: Node) -> None:
    """It renews the lease as the first one did."""
    node.sequence_id = 1
    again = node.client.compound(1, [putroot(), mkdir(b"a")])
    assert node.send(again)
    node.now_s += HOLD_S + 0.001
    node.log.clear()
    node.quorum = False
    assert not node.send(again)
    assert node.told() == [[node.client.client_id]]
    answers = len(node.connection.sent)
    node.restore_quorum()
    assert len(node.connection.sent) == answers + 1
    assert node.connection.sent[-1][4:] == node.connection.sent[-2][4:]


def test_the_retry_of_what_is_under_way_renews_too(node: Node) -> None:
    """It gets the answer, wherever the first copy came from, and however long ago."""
    assert node.ask(getattr_size())
    node.told()
    node.quorum = False
    node.sequence_id += 1
    record = node.client.compound(node.sequence_id, [putroot(), mkdir(b"a")])
    assert not node.send(record)
    node.quorum = True  # for what comes from now on
    node.dispatcher.reports.report()
    assert not node.send(record)
    node.log.clear()
    node.dispatcher.reports.report()
    assert node.told() == [[node.client.client_id]]


def test_who_uses_a_session_that_this_node_does_not_know_is_heard_of_at_once(node: Node) -> None:
    """And not when its request has its turn: a report in between says that everybody is told of."""
    node.dispatcher.reports.report()
    node.told()
    node.dispatcher.sessions.clear()
    node.sequence_id += 1
    record = node.client.compound(node.sequence_id, [putroot(), getattr_size()])
    node.dispatcher.receive(node.connection, record, 0, len(record))
    node.dispatcher.reports.report()
    assert node.told() == [[node.client.client_id]]


def test_a_report_says_until_when_all_is_told(node: Node) -> None:
    """What came while the node stood still is in its sockets when it reports: not heard of, and older than now.

    Two ticks back everything had come that has been read since; and the log's clock as it is here is never ahead.
    """
    reports, said = node.dispatcher.reports, []
    for _ in range(4):
        with node.world.replica.env.begin() as txn:
            said.append(lease_clock_ms(txn, node.dispatcher.tables))
        reports.tick()
        node.world.replica.advance(1_000)
        node.world.replica.propose(pack_internal(RenewLeases([])), lambda _: None)
    node.log.clear()
    reports.report()
    (report,) = node.log
    assert isinstance(report, RenewLeases)
    assert report.process == 99
    assert report.heard_until_ms == said[-3] > 0
