"""A front end tells the log whom it heard of, and answers nobody while that is overdue (INV-7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mdscluster.fsm.commands import KIND_COMPOUND, RenewLeases, unpack_internal
from mdscluster.fsm.lease_reports import hold_ms, lease_clock_ms
from mdscluster.nfs_frontend.dispatcher import Dispatcher
from mdscluster.nfs_frontend.lease_reports import Reporter
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

    def told(self) -> list[list[int]]:
        """Whom the reports named, so far."""
        log, self.log = self.log, []
        return [command.client_ids for command in log if isinstance(command, RenewLeases)]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_a_read_waits_for_a_report_that_is_overdue(node: Node) -> None:
    """The node stood still: by now nobody waits for its reports, and leases run out without it."""
    node.quorum = False
    assert not node.ask(getattr_size())
    assert node.told() == [[node.client.client_id]]
    assert not node.ask(getattr_size())
    assert node.told() == [], "one is under way"
    answers = len(node.connection.sent)
    node.restore_quorum()
    assert len(node.connection.sent) == answers + 2


def test_while_the_last_report_is_young_nothing_waits(node: Node) -> None:
    assert node.ask(getattr_size())
    assert node.told() == [[node.client.client_id]]
    node.now_s += HOLD_S
    node.quorum = False  # of which reads alone would not know: the replica's barrier is the test's
    assert node.ask(getattr_size())
    assert node.told() == []
    node.now_s += 0.001
    assert not node.ask(getattr_size())
    assert node.told() == [[node.client.client_id]]


def test_a_change_has_a_young_report_before_it_in_the_log(node: Node) -> None:
    """It waits for none: a node's proposals are applied in their order."""
    node.quorum = False
    node.ask(mkdir(b"a"))
    report, change = node.log
    assert isinstance(report, RenewLeases)
    assert report.process == 99
    assert change == "change"
    node.log.clear()
    node.restore_quorum()
    node.now_s += HOLD_S
    assert node.ask(mkdir(b"b"))
    assert node.log == ["change"]


def test_a_report_that_came_too_late_itself_is_none(node: Node) -> None:
    """It was in line for longer than it holds: what is answered now is told by another one."""
    node.quorum = False
    assert not node.ask(getattr_size())
    node.now_s += HOLD_S + 0.001
    answers = len(node.connection.sent)
    node.restore_quorum()
    assert len(node.told()) == 2
    assert len(node.connection.sent) == answers + 1


def test_whom_a_lost_report_told_of_is_told_again(node: Node) -> None:
    """The log refused it (its backlog was full). Then reads cannot be answered; and nobody is forgotten."""
    node.refusing = True
    assert not node.ask(getattr_size())
    assert node.connection.aborted
    node.refusing = False
    node.connection.aborted = None
    assert node.told() == [[node.client.client_id]]
    node.dispatcher.reports.report()
    assert node.told() == [[node.client.client_id]]
    node.dispatcher.reports.report()
    assert node.told() == [[]]


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


def test_a_report_says_until_when_all_is_told(node: Node) -> None:
    """By the log's lease clock as this node knows it, which is never ahead."""
    node.world.replica.advance(5_000)
    node.dispatcher.reports.report()
    node.world.replica.advance(7_000)
    with node.world.replica.env.begin() as txn:
        before_ms = lease_clock_ms(txn, node.dispatcher.tables)
    node.log.clear()
    node.dispatcher.reports.report()
    (report,) = node.log
    assert isinstance(report, RenewLeases)
    assert report.heard_until_ms == before_ms > 0
