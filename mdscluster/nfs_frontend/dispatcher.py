"""From a request to its reply: admit it to its slot, have it read or propose it, answer.

Sans-IO: connections, the replica and deferral to the end of the event loop's turn are passed in, so a
server, the simulator and a unit test all drive the same code. Requests that came in one turn share one
read barrier and one read transaction; changes of one turn share one Raft entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mdscluster.fsm import progress, session_records
from mdscluster.fsm.commands import REPLY_HEAD, RESULT_PARTIAL, RESULT_RECALL, RESULT_REPLY, RESULT_UNCLAIMED
from mdscluster.fsm.machine import load_settings
from mdscluster.fsm.progress import Progress
from mdscluster.fsm.tables import U64, Tables
from mdscluster.nfs_frontend import loggable, scan
from mdscluster.nfs_frontend.counters import Counters
from mdscluster.nfs_frontend.lease_reports import LeaseReports, Reporter
from mdscluster.nfs_frontend.quorum import SERVING
from mdscluster.nfs_frontend.reads import Reads
from mdscluster.nfs_frontend.reception import Reception
from mdscluster.nfs_frontend.request import Connection, Request
from mdscluster.nfs_frontend.sessions import IN_PROGRESS, REPLAY, RUN, Session
from mdscluster.nfs_frontend.view_reader import ViewReader
from mdscluster.nfs_frontend.waiting import WaitingRoom
from mdscluster.nfs_frontend.wire import (
    SESSION_REPLY,
    STATUS_POS,
    U32,
    U32x2,
    failed_first,
    session_reply,
)
from mdscluster.replica import PAYLOAD_BYTES_MAX
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.replica import Replica


class Dispatcher:
    """Serves every connection of one node."""

    def __init__(
        self,
        replica: Replica,
        defer: Callable[[Callable[[], None]], Any],
        *,
        max_operations: int = 64,
        run_io: Callable[[Dispatcher, Request, Progress | None], None] | None = None,
        clock_s: Callable[[], float] = lambda: 0.0,
        reporter: Reporter | None = None,
    ) -> None:
        self.replica = replica
        self.defer = defer
        self.max_operations = max_operations
        self.run_io = run_io
        self.clock_s = clock_s
        self.on_unknown: Callable[[int], None] = lambda client_id: None
        """Gets the client of a proposal of which nobody knows what became of it."""
        self.turn_s = 0.0
        """When the present turn of the event loop began to take requests in."""
        self.service = SERVING
        """What this node does for clients; without a quorum, less (:mod:`mdscluster.nfs_frontend.quorum`)."""
        self.env = replica.env
        self.sessions: dict[bytes, Session] = {}
        self.counters = Counters()
        self.receive = Reception(self).receive
        """Takes a whole RPC record of a connection."""
        self.waiting = WaitingRoom(self.propose, self._put_off)
        self._delayed: list[Connection] = []
        self.tables = Tables(self.env)
        with self.env.begin() as txn:
            self.settings = load_settings(txn, self.tables)
        self.reports = LeaseReports(replica, self.tables, clock_s, lambda: self.settings.lease_ms, reporter)
        self.reader = ViewReader(self)
        self.reads = Reads(self.reader, self.reports.barrier, defer, clock_s)

    def reload_settings(self) -> None:
        """The cluster's settings changed in the log."""
        with self.env.begin() as txn:
            self.settings = load_settings(txn, self.tables)
        self.reader.use(self.settings)

    # ------------------------------------------------------------ without a quorum
    def change_service(self, service: str) -> None:
        """The quorum was lost, or is back. What waits for it is given up: clients ask again, here or elsewhere.

        Proposals stay under way, and their slots busy, until they have an outcome.
        """
        self.service = service
        self._delayed.clear()
        waiting = self.reads.take_all()
        self.reads.unconfirmed = service != SERVING
        if service == SERVING:
            for request in waiting:  # what was to be answered unconfirmed is not any more
                self.reads.wait(request)
        else:
            for request in waiting + self.waiting.take_all():
                self.give_up(request, "no quorum")
            self.reports.give_up_waiting()

    def take_delayed(self) -> list[Connection]:
        """Connections on which something was answered NFS4ERR_DELAY for want of a quorum, since the last call."""
        delayed, self._delayed = self._delayed, []
        return delayed

    def note_delayed(self, connection: Connection) -> None:
        self.counters.calls["delayed without quorum"] += 1
        self._delayed.append(connection)

    def delay(self, request: Request) -> None:
        """Without a quorum: NFS4ERR_DELAY on SEQUENCE, the slot untouched, as if the request had never come."""
        session = request.session
        if session is not None and request.started and session.busy[request.slot] is request:
            session.finish(request.slot, None)
            session.forget(request.slot)
        self.turn_away(request, nfs4.NFS4ERR_DELAY)
        self.note_delayed(request.connection)

    # ------------------------------------------------------------ slots
    def begin(self, request: Request, length: int) -> None:
        """Take a request of ``length`` bytes whose operations behind SEQUENCE are not looked at yet."""
        session = request.session = self.sessions.get(request.session_id)
        if session is None:
            self._touch_client_of(request.session_id)
            self.reads.wait(request)  # known to another node, perhaps: look behind a barrier
        elif self.admit(request, session, length):
            self._start(request)

    def _touch_client_of(self, session_id: bytes) -> None:
        """It was heard of as it came, whenever its session is looked at. One that is not known here yet is new."""
        with self.env.begin() as txn:
            record = txn.get(session_id, db=self.tables.session)
        if record is not None:
            self.reports.touched.add(session_records.SessionView(record).client_id)

    def admit(self, request: Request, session: Session, length: int) -> bool:
        """Apply SEQUENCE's rules; answer and return False when the request is not to be run."""
        slot, sequence_id = request.slot, request.sequence_id
        refusal = 0
        if slot >= session.slots:
            refusal = nfs4.NFS4ERR_BADSLOT
        elif length > session.max_request_bytes:
            refusal = nfs4.NFS4ERR_REQ_TOO_BIG
        elif request.ops_left >= session.max_operations:
            refusal = nfs4.NFS4ERR_TOO_MANY_OPS
        elif request.cache_this and session.max_cached_bytes < SESSION_REPLY.size:
            refusal = nfs4.NFS4ERR_REP_TOO_BIG_TO_CACHE
        elif session.sequence_ids[slot] == sequence_id and session.is_false_retry(request):
            refusal = nfs4.NFS4ERR_SEQ_FALSE_RETRY
        if refusal:
            self.turn_away(request, refusal)
            return False
        if sequence_id != session.sequence_ids[slot] + 1:
            verdict = session.admit(slot, sequence_id, request.connection)
            if verdict != RUN:
                self._answer_repeated(request, session, verdict)
                return False
        self.reports.touched.add(session.client_id)
        if not request.connection.in_session:
            request.connection.note_session()
        return True

    def _answer_repeated(self, request: Request, session: Session, verdict: int) -> None:
        """Answer, now or later, what its slot knows already, or does not accept."""
        slot = request.slot
        if verdict == REPLAY:
            self._replay(request, session)
        elif verdict == IN_PROGRESS and self.service == SERVING:
            running = session.busy[slot]
            assert running is not None
            running.connection = request.connection
            running.xid = request.xid
            self.reports.touched.add(session.client_id)
        elif verdict == IN_PROGRESS:
            # "The replier ... MAY return NFS4ERR_DELAY" to the retry of what is still under way (§2.10.6.2).
            self.turn_away(request, nfs4.NFS4ERR_DELAY)
            self.note_delayed(request.connection)
        else:
            self.turn_away(request, nfs4.NFS4ERR_SEQ_MISORDERED)

    def _replay(self, request: Request, session: Session) -> None:
        """Answer a request once more."""
        reply = session.replies[request.slot]
        assert reply is not None
        record = reply[:4] + U32.pack(request.xid) + reply[8:]

        def send(settled: bool) -> None:
            if not settled or request.session_id not in self.sessions:
                self.give_up(request, "a repeated answer cannot be given")
            elif not request.connection.closed:
                request.connection.send(record)
                self.counters.answered_again(request, U32.unpack_from(record, STATUS_POS)[0])

        self.reports.touched.add(session.client_id)
        if self.service == SERVING:
            self.reports.when_settled(send)
        else:
            send(True)

    def _start(self, request: Request) -> None:
        """Run an admitted request: propose at once when its first telling operation changes state."""
        session = request.session
        assert session is not None
        changes = scan.begins_with_change(request.op, request.minor)
        if changes or session.knows(request.slot, request.connection):
            # What changes state is judged again in ``apply``, by the replicated slot.
            session.start(request)
        if changes:
            self.propose(request)
        else:
            self.reads.wait(request)

    # ------------------------------------------------------------ sessions
    def adopt_session(self, session_id: bytes, record: bytes, *, home: Connection | None) -> Session:
        """Take a session of the state machine into this node's memory."""
        view = session_records.SessionView(record)
        session = Session(session_id, view.client_id, view.slots, home=home)
        session.max_operations = view.max_operations
        session.max_request_bytes = view.max_request_bytes
        session.max_response_bytes = view.max_response_bytes
        session.most_room = session.room_for_results(0, b"")
        session.max_cached_bytes = view.max_cached_bytes
        session.back_channel_wanted = view.back_channel
        if view.back_channel:
            session.flags |= nfs4.SEQ4_STATUS_CB_PATH_DOWN
        self.sessions[session_id] = session
        return session

    def forget_session(self, session_id: bytes) -> None:
        self.sessions.pop(session_id, None)

    # ------------------------------------------------------------ changes
    def propose(self, request: Request) -> None:
        """Propose the COMPOUND under its identity; the replica repeats it until there is an outcome."""
        if self.service != SERVING:
            self.delay(request)
            return
        request.asked_s = self.clock_s()
        payload = request.payload
        if payload is None:
            self.counters.count_proposed(request.data, request.pos, request.end, request.ops_left)
            payload = request.payload = loggable.command(request, request.data[request.pos : request.end])
        if len(payload) > PAYLOAD_BYTES_MAX:
            self._refuse_sequence(request, nfs4.NFS4ERR_REQ_TOO_BIG)
            return
        if self.reports.settled:
            self.replica.propose(payload, lambda result: self._proposed(request, result))
        else:
            self.reports.when_settled(lambda settled: self._propose_later(request, settled=settled))

    def _propose_later(self, request: Request, *, settled: bool) -> None:
        if not settled:
            self.give_up(request, "whom this node heard of could not be told")
        elif self.service != SERVING:
            self.delay(request)
        else:
            assert request.payload is not None
            self.replica.propose(request.payload, lambda result: self._proposed(request, result))

    def _proposed(self, request: Request, result: bytes | None) -> None:
        if result is None:
            if request.session is not None:
                self.on_unknown(request.session.client_id)
            self.give_up(request, "no outcome within the deadline")
            return
        if result == RESULT_UNCLAIMED:
            self.give_up(request, "another node writes for this client")
            return
        if result[:1] == RESULT_RECALL:
            self.waiting.park(request, U64.unpack_from(result, 1)[0])
            return
        if result[:1] == RESULT_PARTIAL and self.run_io is not None:
            self.run_io(self, request, progress.unpack(result[1:]))
            return
        if result[0] != RESULT_REPLY[0]:
            status = U32.unpack_from(result, 1)[0]
            if status == nfs4.NFS4ERR_BADSESSION:
                self.forget_session(request.session_id)
            self._refuse_sequence(request, status)
            return
        _, status, results = REPLY_HEAD.unpack_from(result)
        self.reply(request, status, results, result[REPLY_HEAD.size :])

    def turn_away(self, request: Request, status: int) -> None:
        """SEQUENCE fails before anything of the request was begun."""
        if not request.connection.closed:
            self.send(request.connection, failed_first(request.xid, request.tag, nfs4.OP_SEQUENCE, status), status)
            self.counters.turned_away(request, status, self.clock_s())

    def _refuse_sequence(self, request: Request, status: int) -> None:
        """SEQUENCE itself fails: the slot stays as it was."""
        if request.session is not None:
            request.session.forget(request.slot)
        self._finish(request, failed_first(request.xid, request.tag, nfs4.OP_SEQUENCE, status), status)

    def _put_off(self, request: Request) -> None:
        """Nothing of it was run, and what it waits for takes long: its first operation is NFS4ERR_DELAY.

        The log says so, lest another node run a copy of it after this answer.
        """
        self.counters.calls["put off"] += 1
        op = U32.unpack_from(request.data, request.pos)[0]
        said = progress.ended(nfs4.NFS4ERR_DELAY, 1, U32x2.pack(op, nfs4.NFS4ERR_DELAY))
        request.payload = loggable.command(request, b"", continued=said)
        self.propose(request)

    # ------------------------------------------------------------ replies
    def reply(self, request: Request, status: int, results: int, body: bytes) -> None:
        """Send a COMPOUND's reply, and keep it on its slot for a retransmission."""
        session = request.session
        assert session is not None
        record = session_reply(
            request.xid, request.tag, status, results, request.session_id, request.sequence_id, request.slot,
            session.slots - 1, session.flags, body,
        )  # fmt: skip
        self._finish(request, record, status)

    def _finish(self, request: Request, record: bytes, status: int) -> None:
        session = request.session
        if session is not None and request.started and session.busy[request.slot] is request:
            # Without a quorum nothing is kept: once there is one, a retransmission is to be read anew.
            keep = self.service == SERVING and (request.cache_this or len(record) <= 4096)
            session.finish(request.slot, record if keep else None)
        connection = request.connection
        if not connection.closed:  # else the client has gone elsewhere, and nobody hears this
            self.counters.answered(request, status, self.clock_s())
            connection.send(record)

    def give_up(self, request: Request, reason: str) -> None:
        """No answer can be given: close the connection, so that the client asks again, here or elsewhere."""
        session = request.session
        if session is not None and request.started and session.busy[request.slot] is request:
            session.finish(request.slot, None)
        self.counters.given_up(request, reason, self.clock_s())
        request.connection.abort(reason)

    def send_first(self, connection: Connection, xid: int, tag: bytes, op: int, status: int) -> None:
        """Refuse a COMPOUND of which no request was made."""
        self.send(connection, failed_first(xid, tag, op, status), status)
        now_s = self.clock_s()
        self.counters.answered_outside(connection.peer, op, status, now_s - self.turn_s, now_s)

    def send(self, connection: Connection, record: bytes, status: int) -> None:
        if not connection.closed:  # else the client has gone elsewhere, and nobody hears this
            self.counters.statuses[status] += 1
            connection.send(record)
