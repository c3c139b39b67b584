"""From a request to its reply: admit to a slot, run on a view or propose (DESIGN: the path of a request).

Sans-IO: connections, the replica and deferral to the end of the event loop's turn are passed in, so a
server, the simulator and a unit test all drive the same code. Requests that came in one turn share one
read barrier and one read transaction; changes of one turn share one Raft entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from mdscluster.fsm import progress, session_records
from mdscluster.fsm.commands import (
    COMPOUND_HEAD,
    FLAG_CACHE_THIS,
    FLAG_PROXIED,
    KIND_COMPOUND,
    KIND_CONTINUED,
    REPLY_HEAD,
    RESULT_PARTIAL,
    RESULT_RECALL,
    RESULT_REPLY,
    RESULT_UNCLAIMED,
)
from mdscluster.fsm.compound import COUNTS, NEED_CHANGE, NEED_IO, Compound, run
from mdscluster.fsm.machine import SLOT_HEAD, SLOT_KEY, load_settings
from mdscluster.fsm.operations import DISPATCH
from mdscluster.fsm.progress import Progress
from mdscluster.fsm.tables import U64, Tables, root_fileid
from mdscluster.nfs_frontend import loggable, scan
from mdscluster.nfs_frontend.counters import Counters
from mdscluster.nfs_frontend.lease_reports import LeaseReports, Reporter
from mdscluster.nfs_frontend.quorum import SERVING, can_tell
from mdscluster.nfs_frontend.reads import Answer, Guess, Reads, State
from mdscluster.nfs_frontend.reception import Reception
from mdscluster.nfs_frontend.request import Connection, Request
from mdscluster.nfs_frontend.sessions import IN_PROGRESS, REPLAY, RUN, Session
from mdscluster.nfs_frontend.waiting import WaitingRoom
from mdscluster.nfs_frontend.wire import (
    SESSION_REPLY,
    U32,
    U32x2,
    failed_first,
    session_reply,
)
from mdscluster.replica import PAYLOAD_BYTES_MAX
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.replica import Replica

log = structlog.get_logger()
_GUESS_S: Final = 0.005
_GUESS_BYTES: Final = 1 << 20
"""How long, and how much, is guessed for one barrier: work and memory that may turn out to be for nothing."""
_ROOT: Final = root_fileid()


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
        self.service = SERVING
        """What this node does for clients; without a quorum, less (:mod:`mdscluster.nfs_frontend.quorum`)."""
        self.env = replica.env
        self.sessions: dict[bytes, Session] = {}
        self.counters = Counters()
        self.receive = Reception(self).receive
        """Takes a whole RPC record of a connection."""
        self.waiting = WaitingRoom(self.propose, self._put_off)
        self._delayed: list[Connection] = []
        self._session_records: dict[bytes, bytes | None] = {}  # as of the view that reads run on
        self.tables = Tables(self.env)
        with self.env.begin() as txn:
            self.settings = load_settings(txn, self.tables)
        self._settings_loaded = 0  # how often
        self.reports = LeaseReports(replica, self.tables, clock_s, lambda: self.settings.lease_ms, reporter)
        self.reads = Reads(self, self.reports.barrier, defer, clock_s)
        self.view = Compound(self.tables, self.settings)
        self._guesser = Compound(self.tables, self.settings)

    def reload_settings(self) -> None:
        """The cluster's settings changed in the log."""
        with self.env.begin() as txn:
            self.settings = self.view.settings = self._guesser.settings = load_settings(txn, self.tables)
        self._settings_loaded += 1

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

    def _delay(self, request: Request) -> None:
        """Without a quorum: NFS4ERR_DELAY on SEQUENCE, the slot untouched, as if the request had never come."""
        session = request.session
        if session is not None and request.started and session.busy[request.slot] is request:
            session.finish(request.slot, None)
            session.forget(request.slot)
        self.send_first(request.connection, request.xid, request.tag, nfs4.OP_SEQUENCE, nfs4.NFS4ERR_DELAY)
        self.note_delayed(request.connection)

    # ------------------------------------------------------------ slots
    def begin(self, request: Request, length: int) -> None:
        """Take a request of ``length`` bytes whose operations behind SEQUENCE are not looked at yet."""
        session = request.session = self.sessions.get(request.session_id)
        if session is None:
            self._touch_client_of(request.session_id)
            self.reads.wait(request)  # known to another node, perhaps: look behind a barrier
        elif self._admit(request, session, length):
            self._start(request)

    def _touch_client_of(self, session_id: bytes) -> None:
        """It was heard of as it came, whenever its session is looked at. One that is not known here yet is new."""
        with self.env.begin() as txn:
            record = txn.get(session_id, db=self.tables.session)
        if record is not None:
            self.reports.touched.add(session_records.SessionView(record).client_id)

    def _admit(self, request: Request, session: Session, length: int) -> bool:
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
            self.send_first(request.connection, request.xid, request.tag, nfs4.OP_SEQUENCE, refusal)
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
            self.send_first(request.connection, request.xid, request.tag, nfs4.OP_SEQUENCE, nfs4.NFS4ERR_DELAY)
            self.note_delayed(request.connection)
        else:
            self.send_first(
                request.connection, request.xid, request.tag, nfs4.OP_SEQUENCE, nfs4.NFS4ERR_SEQ_MISORDERED
            )

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
                self.counters.calls["replayed"] += 1

        self.reports.touched.add(session.client_id)
        if self.service == SERVING:
            self.reports.when_settled(send)
        else:
            send(True)

    def _start(self, request: Request) -> None:
        """Run an admitted request: propose at once when its first telling operation changes state."""
        session = request.session
        assert session is not None
        changes = scan.begins_with_change(request.data, request.pos, request.end, request.ops_left, request.minor)
        if changes or session.knows(request.slot, request.connection):
            # What changes state is judged again in ``apply``, by the replicated slot.
            session.start(request)
        if changes:
            self.propose(request)
        else:
            self.reads.wait(request)

    # ------------------------------------------------------------ reads
    def state(self) -> State:
        """Names what a view opened now would show (:class:`~.reads.Reader`)."""
        with self.env.begin() as txn:
            return txn.id(), self._settings_loaded

    def guess(self, requests: list[Request]) -> Guess:
        """What they come to on a view opened now. Nothing is sent, and nothing else done (:class:`~.reads.Reader`)."""
        view, end_s, room = self._guesser, self.clock_s() + _GUESS_S, _GUESS_BYTES
        view.counts = [0] * COUNTS
        with self.env.begin() as txn:
            guess = Guess((txn.id(), self._settings_loaded), view.counts)
            view.bind_view(txn)
            try:
                asking = {request.session_id for request in requests if request.started}
                known = {session for session in asking if view.get(session, db=self.tables.session) is not None}
                for request in requests:
                    if not (request.session_id in known and request.started and not request.connection.congested
                            and room > 0 and self.clock_s() < end_s):  # fmt: skip
                        guess.others.append(request)
                        continue
                    self.prepare(view, request)
                    dispatch = DISPATCH[request.minor]
                    status = run(view, dispatch.handlers, dispatch.changes, dispatch.needs_fh)
                    if status < 0 or (status and self.effects_left(request, view)):
                        guess.others.append(request)
                        continue
                    body = b"".join(view.res)
                    room -= len(body)
                    guess.answers.append(Answer(request, status, view.ops_done, body))
            finally:
                view.unbind()
        return guess

    def answer(self, guess: Guess) -> None:
        """Send what was guessed (:class:`~.reads.Reader`)."""
        for request, status, results, body in guess.answers:
            self.reply(request, status, results, body)
        counts = self.view.counts
        for op, count in enumerate(guess.counts):
            if count:
                counts[op] += count

    def run(self, requests: Iterable[Request]) -> None:
        """Run them on one view, and answer (:class:`~.reads.Reader`)."""
        with self.env.begin() as txn:
            self._session_records.clear()
            self.view.bind_view(txn)
            try:
                for request in requests:
                    self._read(request)
            finally:
                self.view.unbind()

    def _read(self, request: Request) -> None:
        """Run one request on the view; propose it when it turns out to change something."""
        view = self.view
        session_id = request.session_id
        record = self._session_records.get(session_id)
        if record is None:
            record = self._session_records[session_id] = view.get(session_id, db=self.tables.session)
        if record is None and self.service != SERVING:
            self._delay(request)
            return
        if record is None:
            self.forget_session(session_id)
            self.send_first(
                request.connection, request.xid, request.tag, nfs4.OP_SEQUENCE, nfs4.NFS4ERR_BADSESSION
            )
            return
        if not request.started and not self._admit_from_view(request, record):
            return
        self.prepare(view, request)
        dispatch = DISPATCH[request.minor]
        status = run(view, dispatch.handlers, dispatch.changes, dispatch.needs_fh)
        if self.service != SERVING:
            self._answer_read_only(request, status)
        elif status == NEED_CHANGE:
            self.propose(request)
        elif status > 0 and (effects := self.effects_left(request, view)):
            if effects & scan.WRITES and self.run_io is not None:
                self.run_io(self, request, None)  # another node may be writing for it: it is answered under a claim
            else:
                self.propose(request)
        elif status >= 0:
            self.reply(request, status, view.ops_done, b"".join(view.res))
        elif status == NEED_IO and self.run_io is not None:
            self.run_io(self, request, None)
        else:
            self.give_up(request, f"view asked for {status}")

    def effects_left(self, request: Request, cx: Compound) -> int:
        """Which effects a COMPOUND that failed would have had behind where it failed (:func:`scan.effects`).

        Where there are any the failure is an answer that only the log may give: it uses the slot's sequence ID up on
        every node, so that no copy of the request that comes late, anywhere, can have those effects (INV-3).
        """
        if cx.ops_left < 1:
            return 0
        return scan.effects(request.data, cx.op_start, request.end, cx.ops_left, request.minor)

    def _answer_read_only(self, request: Request, status: int) -> None:
        """Answer from a state that others may have left behind; its silence is no answer, and neither is its doubt."""
        view = self.view
        op = U32.unpack_from(view.data, view.op_start)[0] if status > 0 and view.op_start + 4 <= view.end else 0
        if status < 0 or not can_tell(status, op) or (status and self.effects_left(request, view)):
            self._delay(request)
            return
        self.counters.calls["read-only"] += 1
        self.reply(request, status, view.ops_done, b"".join(view.res))

    def _admit_from_view(self, request: Request, record: bytes) -> bool:
        """Admit a request on a session or slot that this node has not served, by what the log knows."""
        session = self.sessions.get(request.session_id)
        if session is None:
            session = self.adopt_session(request.session_id, record, home=None)
        request.session = session
        slot = request.slot
        if slot < session.slots:
            cached = self.view.get(SLOT_KEY.pack(request.session_id, slot), db=self.tables.slot)
            if cached is None:
                session.learn(slot, 0, 0, 0, None)
            else:
                reply = self._record_of(request, session, cached[SLOT_HEAD.size :])
                sequence_id, user, digest = SLOT_HEAD.unpack_from(cached)
                session.learn(slot, sequence_id, user, digest, reply)
        if not self._admit(request, session, request.end - request.pos):
            return False
        session.start(request)
        return True

    def prepare(self, cx: Compound, request: Request) -> None:
        """Set a COMPOUND up from a request: identity and input."""
        cx.reset()
        session = request.session
        assert session is not None
        identity = request.identity
        rule = request.connection.rule
        cx.minor = request.minor
        cx.data = request.data
        cx.pos = request.pos
        cx.end = request.end
        cx.ops_left = request.ops_left
        cx.uid = identity.uid
        cx.gid = identity.gid
        cx.gids = identity.gids
        cx.client_id = session.client_id
        cx.session_id = request.session_id
        cx.slot = request.slot
        cx.sequence_id = request.sequence_id
        cx.root = _ROOT
        if request.cache_this or request.tag:
            room = session.room_for_results(request.cache_this, request.tag)
        else:
            room = session.most_room
        cx.limit_reply(room, cache_this=bool(request.cache_this))
        if rule is not None:
            cx.read_only = rule.read_only
            cx.layouts_allowed = rule.layouts
            cx.exclusive_writers = rule.exclusive_writers

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
            self._delay(request)
            return
        request.asked_s = self.clock_s()
        payload = request.payload
        if payload is None:
            self.counters.count_proposed(request.data, request.pos, request.end, request.ops_left)
            payload = request.payload = self.command(request, request.data[request.pos : request.end])
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
            self._delay(request)
        else:
            assert request.payload is not None
            self.replica.propose(request.payload, lambda result: self._proposed(request, result))

    def command(
        self, request: Request, operations: bytes, *, continued: Progress | None = None, proxied: bool = False
    ) -> bytes:
        """The log's form of a COMPOUND: its identity, then the operations as the client sent them.

        ``continued``: it goes on from there, after I/O. ``proxied``: the first of ``operations`` is a PROXY_WRITE.
        """
        identity = request.identity
        session = request.session
        assert session is not None
        rule = request.connection.rule
        flags = (FLAG_PROXIED if proxied else 0) | (FLAG_CACHE_THIS if request.cache_this else 0)
        if rule is not None:
            flags |= rule.command_flags
        count = request.ops_left if continued is None else continued.ops_left
        operations, left_away = loggable.shorten(operations, count, proxied=proxied)
        if left_away:
            continued = msgspec.structs.replace(continued or progress.begin(count), cut_bytes=left_away)
        kind = KIND_COMPOUND if continued is None else KIND_CONTINUED
        room = session.room_for_results(request.cache_this, request.tag)
        head = COMPOUND_HEAD.pack(
            kind, request.minor, flags, len(identity.gids), request.slot, request.sequence_id, request.ops_left,
            identity.uid, identity.gid, room, request.session_id,
        )  # fmt: skip
        if identity.gids:
            head += b"".join(map(U32.pack, identity.gids))
        if continued is not None:
            packed = progress.pack(continued)
            head += U32.pack(len(packed)) + packed
        return head + operations

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
        request.payload = self.command(request, b"", continued=said)
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
            self.counters.statuses[status] += 1
            connection.send(record)

    def give_up(self, request: Request, reason: str) -> None:
        """No answer can be given: close the connection, so that the client asks again, here or elsewhere."""
        session = request.session
        if session is not None and request.started and session.busy[request.slot] is request:
            session.finish(request.slot, None)
        self.counters.calls["given up"] += 1
        request.connection.abort(reason)

    def _record_of(self, request: Request, session: Session, result: bytes) -> bytes | None:
        """A replicated result as a reply record (its xid is set when it is sent)."""
        if result[:1] != RESULT_REPLY:
            return None
        _, status, results = REPLY_HEAD.unpack_from(result)
        return session_reply(
            0, request.tag, status, results, request.session_id, request.sequence_id, request.slot,
            session.slots - 1, session.flags, result[REPLY_HEAD.size :],
        )  # fmt: skip

    def send_first(self, connection: Connection, xid: int, tag: bytes, op: int, status: int) -> None:
        self.send(connection, failed_first(xid, tag, op, status), status)

    def send(self, connection: Connection, record: bytes, status: int) -> None:
        if not connection.closed:  # else the client has gone elsewhere, and nobody hears this
            self.counters.statuses[status] += 1
            connection.send(record)
