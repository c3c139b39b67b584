"""From a record to its reply: parse, admit to a slot, run on a view or propose (DESIGN: the path of a request).

Sans-IO: connections, the replica and deferral to the end of the event loop's turn are passed in, so a
server, the simulator and a unit test all drive the same code. Requests that came in one turn share one
read barrier and one read transaction; changes of one turn share one Raft entry.
"""

from __future__ import annotations

from collections.abc import Callable
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
from mdscluster.fsm.compound import NEED_CHANGE, NEED_IO, Compound, run
from mdscluster.fsm.machine import SLOT_HEAD, SLOT_KEY, load_settings
from mdscluster.fsm.operations import DISPATCH
from mdscluster.fsm.progress import Progress
from mdscluster.fsm.tables import U64, Tables, root_fileid
from mdscluster.nfs_frontend import loggable, scan, sessionless
from mdscluster.nfs_frontend.counters import Counters
from mdscluster.nfs_frontend.exports import NOBODY, Identity
from mdscluster.nfs_frontend.quorum import SERVING, can_tell
from mdscluster.nfs_frontend.request import Connection, Request
from mdscluster.nfs_frontend.sessions import IN_PROGRESS, REFUSED, REPLAY, Session
from mdscluster.nfs_frontend.turns import Turns
from mdscluster.nfs_frontend.waiting import WaitingRoom
from mdscluster.nfs_frontend.wire import (
    CALL_HEAD,
    COMPOUND_START,
    SEQUENCE_ARGS,
    SESSION_REPLY,
    U32,
    U32x2,
    failed_first,
    plain_reply,
    session_reply,
)
from mdscluster.replica import PAYLOAD_BYTES_MAX
from nfswire import nfs4, rpc
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from mdscluster.replica import Replica

log = structlog.get_logger()

NFS_PROGRAM: Final = 100003
_BARRIERS_IN_FLIGHT: Final = 2
_SLICE_S: Final = 0.005
"""How long reads are run before others have their turn: what sits in the sockets, and what consensus has to say."""
_LONGEST_CREDENTIAL: Final = 400  # bytes (RFC 5531 §8.2)


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
        self.touched: set[int] = set()
        """Clients heard of since the last report of leases."""
        self.reads: list[Request] = []
        self.turns = Turns()
        self._slice_scheduled = False
        self.waiting = WaitingRoom(self.propose, self._put_off)
        self._batches: list[list[Request]] = []  # reads by the barrier that they wait for
        self._delayed: list[Connection] = []
        self._read_scheduled = False
        self.tables = Tables(self.env)
        with self.env.begin() as txn:
            self.settings = load_settings(txn, self.tables)
        self.view = Compound(self.tables, self.settings)

    def reload_settings(self) -> None:
        """The cluster's settings changed in the log."""
        with self.env.begin() as txn:
            self.settings = self.view.settings = load_settings(txn, self.tables)

    # ------------------------------------------------------------ without a quorum
    def change_service(self, service: str) -> None:
        """The quorum was lost, or is back. What waits for it is given up: clients ask again, here or elsewhere.

        Proposals stay under way, and their slots busy, until they have an outcome.
        """
        self.service = service
        self._delayed.clear()
        if service != SERVING:
            waiting, self.reads = [*self.reads, *self.turns.take_all(), *self.waiting.take_all()], []
            for batch in self._batches:
                waiting += batch
                batch.clear()
            self._batches.clear()
            for request in waiting:
                self.give_up(request, "no quorum")

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
        self._send_first(request.connection, request.xid, request.tag, nfs4.OP_SEQUENCE, nfs4.NFS4ERR_DELAY)
        self.note_delayed(request.connection)

    # ------------------------------------------------------------ records
    def receive(self, connection: Connection, data: bytes, pos: int, end: int) -> None:
        """Handle one whole RPC record, ``data[pos:end]`` (without its mark).

        Decoders stop where their buffer does: what follows the record is another request's, and cut off first.
        """
        if end != len(data):
            data, pos, end = data[pos:end], 0, end - pos
        if end - pos < CALL_HEAD.size + 8:
            if end - pos >= 8 and U32x2.unpack_from(data, pos)[1] == 1:
                connection.on_callback_reply(data[pos:end])
            else:
                connection.abort("RPC record too short")
            return
        xid, kind, rpc_version, program, version, procedure, _, length = CALL_HEAD.unpack_from(data, pos)
        if kind != 0:
            if kind == 1:
                connection.on_callback_reply(data[pos:end])
            else:
                connection.abort("neither call nor reply")
            return
        body = pos + CALL_HEAD.size + ((length + 3) & ~3)
        if rpc_version != 2 or length > _LONGEST_CREDENTIAL or body + 8 > end:
            self._refuse_call(connection, data, pos, end)
            return
        credential = data[pos + 24 : body]
        identity = connection.identities.get(credential)
        if identity is None:
            try:
                identity = self._identify(connection, rpc.unpack_call(data, pos, end), credential)
            except rpc.RpcReject as refusal:
                if procedure == 0:
                    identity = Identity(NOBODY, NOBODY, ())  # NULL is answered to everybody
                else:
                    self._send_rpc(connection, refusal.reply)
                    return
            except XdrError as error:
                connection.abort(f"malformed RPC header: {error}")
                return
        if procedure == 1 and program == NFS_PROGRAM and version == 4:
            self._compound(connection, identity, data, body, end, xid)
        elif program != NFS_PROGRAM:
            self._send_rpc(connection, rpc.reply_prog_unavail(xid))
        elif version != 4:
            self._send_rpc(connection, rpc.reply_prog_mismatch(xid, 4, 4))
        elif procedure == 0:
            self._send_rpc(connection, rpc.reply_success(xid))
        else:
            self._send_rpc(connection, rpc.reply_proc_unavail(xid))

    def _identify(self, connection: Connection, call: rpc.Call, credential: bytes) -> Identity:
        """The caller behind a credential, squashed by the export's rule, and remembered for its next call.

        ``RpcReject`` where no export is for the client's address.
        """
        parsed, xid = call.credential, call.xid
        rule = connection.rule
        if rule is None:
            # As knfsd does, for every procedure but NULL: nothing is kept, in no log, for who may not mount.
            raise rpc.RpcReject("no export is for this address", rpc.reply_auth_error(xid, rpc.AUTH_TOOWEAK))
        if isinstance(parsed, rpc.AuthSys):
            identity = rule.squash(parsed.uid, parsed.gid, parsed.gids)
        else:
            identity = Identity(NOBODY, NOBODY, ())
        known = connection.identities
        if len(known) >= 1024:  # a client may send a new stamp with every call
            known.clear()
        known[credential] = identity
        return identity

    def _refuse_call(self, connection: Connection, data: bytes, pos: int, end: int) -> None:
        """Answer a call whose header is not acceptable with the RPC error that RFC 5531 §9 prescribes."""
        try:
            rpc.unpack_call(data, pos, end)
        except rpc.RpcReject as refusal:
            self._send_rpc(connection, refusal.reply)
        except XdrError as error:
            connection.abort(f"malformed RPC header: {error}")

    def _send_rpc(self, connection: Connection, message: bytes) -> None:
        connection.send(rpc.record_mark(len(message)) + message)

    # ------------------------------------------------------------ COMPOUND
    def _compound(
        self, connection: Connection, identity: Identity, data: bytes, pos: int, end: int, xid: int
    ) -> None:
        if pos + COMPOUND_START.size > end:
            self._short_compound(connection, data, pos, end, xid)
            return
        _, verifier_length, tag_length, minor, count, op = COMPOUND_START.unpack_from(data, pos)
        tag = b""
        after = pos + COMPOUND_START.size
        if tag_length or verifier_length:
            try:
                tag, minor, count, op, after = self._tagged(data, pos, end)
            except XdrError:
                self._send_rpc(connection, rpc.reply_garbage_args(xid))
                return
        if not 1 <= minor <= 2:
            mismatch = nfs4.NFS4ERR_MINOR_VERS_MISMATCH
            self._send(connection, plain_reply(xid, tag, mismatch, 0, b""), mismatch)
            return
        if count == 0:
            self._send(connection, plain_reply(xid, tag, 0, 0, b""), 0)
            return
        if after > end:
            self._send_rpc(connection, rpc.reply_garbage_args(xid))  # it announces operations, and holds none
            return
        if op != nfs4.OP_SEQUENCE:
            sessionless.start(self, connection, identity, data, after, end, xid, tag, minor, count, op)
            return
        if after + SEQUENCE_ARGS.size > end:
            self._send_first(connection, xid, tag, op, nfs4.NFS4ERR_BADXDR)
            return
        request = Request()
        request.connection = connection
        request.ticket = connection.ticket(end - pos)
        request.identity = identity
        request.xid = xid
        request.tag = tag
        request.minor = minor
        request.data = data
        request.end = end
        request.pos = after + SEQUENCE_ARGS.size
        request.ops_left = count - 1
        session_id, sequence_id, slot, _, cache_this = SEQUENCE_ARGS.unpack_from(data, after)
        request.session_id = session_id
        request.sequence_id = sequence_id
        request.slot = slot
        request.cache_this = cache_this
        request.payload = None
        request.started = False
        request.waiting_since_ms = None
        request.asked_s = 0.0
        session = request.session = self.sessions.get(session_id)
        if session is None:
            self._read_later(request)  # known to another node, perhaps: look behind a barrier
        elif self._admit(request, session, end - pos):
            self._start(request)

    def _tagged(self, data: bytes, pos: int, end: int) -> tuple[bytes, int, int, int, int]:
        """The COMPOUND header when it has a tag or a verifier: tag, minor, count, first operation, offset behind it.

        That offset lies behind ``end`` where the first operation is announced and is not there.
        """
        _, verifier_length = U32x2.unpack_from(data, pos)
        pos += 8 + ((verifier_length + 3) & ~3)
        if verifier_length > _LONGEST_CREDENTIAL or pos + 4 > end:
            raise XdrError("verifier")
        tag_length = U32.unpack_from(data, pos)[0]
        after_tag = pos + 4 + ((tag_length + 3) & ~3)
        if tag_length > 1024 or after_tag + 8 > end:
            raise XdrError("tag")
        tag = data[pos + 4 : pos + 4 + tag_length]
        minor, count = U32x2.unpack_from(data, after_tag)
        if count == 0:
            return tag, minor, 0, 0, after_tag + 8
        if after_tag + 12 > end:
            return tag, minor, count, 0, after_tag + 12
        return tag, minor, count, U32.unpack_from(data, after_tag + 8)[0], after_tag + 12

    def _short_compound(self, connection: Connection, data: bytes, pos: int, end: int, xid: int) -> None:
        """A COMPOUND header that ends before its first operation: fine when it announces none (RFC 5531 §9)."""
        try:
            tag, minor, count, _, _ = self._tagged(data, pos, end)
        except XdrError:
            self._send_rpc(connection, rpc.reply_garbage_args(xid))
            return
        if count:
            self._send_rpc(connection, rpc.reply_garbage_args(xid))
            return
        status = 0 if minor in DISPATCH else nfs4.NFS4ERR_MINOR_VERS_MISMATCH
        self._send(connection, plain_reply(xid, tag, status, 0, b""), status)

    def _admit(self, request: Request, session: Session, length: int) -> bool:
        """Apply SEQUENCE's rules; answer and return False when the request is not to be run."""
        slot = request.slot
        refusal = 0
        if slot >= session.slots:
            refusal = nfs4.NFS4ERR_BADSLOT
        elif length > session.max_request_bytes:
            refusal = nfs4.NFS4ERR_REQ_TOO_BIG
        elif request.ops_left >= session.max_operations:
            refusal = nfs4.NFS4ERR_TOO_MANY_OPS
        elif request.cache_this and session.max_cached_bytes < SESSION_REPLY.size:
            refusal = nfs4.NFS4ERR_REP_TOO_BIG_TO_CACHE
        elif session.is_false_retry(request):
            refusal = nfs4.NFS4ERR_SEQ_FALSE_RETRY
        if refusal:
            self._send_first(request.connection, request.xid, request.tag, nfs4.OP_SEQUENCE, refusal)
            return False
        verdict = session.admit(slot, request.sequence_id, request.connection)
        if verdict == REPLAY:
            reply = session.replies[slot]
            assert reply is not None
            request.connection.send(reply[:4] + U32.pack(request.xid) + reply[8:])
            self.counters.calls["replayed"] += 1
            return False
        if verdict == IN_PROGRESS:
            running = session.busy[slot]
            assert running is not None
            if self.service != SERVING:
                # "The replier ... MAY return NFS4ERR_DELAY" to the retry of what is still under way (§2.10.6.2).
                self._send_first(
                    request.connection, request.xid, request.tag, nfs4.OP_SEQUENCE, nfs4.NFS4ERR_DELAY
                )
                self.note_delayed(request.connection)
                return False
            running.connection = request.connection
            running.xid = request.xid
            return False
        if verdict == REFUSED:
            self._send_first(
                request.connection, request.xid, request.tag, nfs4.OP_SEQUENCE, nfs4.NFS4ERR_SEQ_MISORDERED
            )
            return False
        self.touched.add(session.client_id)
        if not request.connection.in_session:
            request.connection.note_session()
        return True

    def _start(self, request: Request) -> None:
        """Run an admitted request: propose at once when its first telling operation changes state."""
        session = request.session
        assert session is not None
        changes = scan.begins_with_change(request.data, request.pos, request.end, request.ops_left, request.minor)
        if changes or session.knows(request.slot, request.connection):
            # What changes state is judged again in ``apply``, by the replicated slot.
            session.start(request.slot, request.sequence_id, request.connection, request)
            request.started = True
        if changes:
            self.propose(request)
        else:
            self._read_later(request)

    # ------------------------------------------------------------ reads
    def _read_later(self, request: Request) -> None:
        self.reads.append(request)
        if len(self._batches) < _BARRIERS_IN_FLIGHT and not self._read_scheduled:
            self._read_scheduled = True
            self.defer(self._ask_barrier)

    def _ask_barrier(self) -> None:
        """One barrier for every read that waits; those that come while it is out share the next one."""
        self._read_scheduled = False
        if self.service != SERVING:
            batch, self.reads = self.reads, []
            self._run_reads(batch)
            return
        if not self.reads or len(self._batches) >= _BARRIERS_IN_FLIGHT:
            return
        batch, self.reads = self.reads, []
        asked_s = self.clock_s()
        for request in batch:
            request.asked_s = asked_s
        self._batches.append(batch)
        self.replica.barrier(lambda confirmed: self._barrier_done(batch, confirmed))

    def _barrier_done(self, batch: list[Request], confirmed: bool) -> None:
        self._batches = [other for other in self._batches if other is not batch]
        if self.reads and not self._read_scheduled:
            self._read_scheduled = True
            self.defer(self._ask_barrier)
        if not confirmed:
            for request in batch:
                self.give_up(request, "no quorum for a read")
            return
        self._run_reads(batch)

    def _run_reads(self, batch: list[Request]) -> None:
        """Run what a confirmed barrier, or the want of a quorum, allows to be answered from this node's state."""
        for request in batch:
            self.turns.add(request)
        if not self._slice_scheduled:
            self._run_slice()

    def _run_slice(self) -> None:
        """Run reads for a few milliseconds; the rest in the loop's next turn.

        A later state than the barrier's is as good: it holds all that was acknowledged before the request came.
        """
        self._slice_scheduled = False
        turns = self.turns
        until_s = self.clock_s() + _SLICE_S
        with self.env.begin() as txn:
            self.view.bind_view(txn)
            while (request := turns.next()) is not None:
                self._read(request)
                if turns and self.clock_s() > until_s:
                    break
            self.view.unbind()
        self._continue_reads()

    def _continue_reads(self) -> None:
        if self.turns and not self._slice_scheduled:
            self._slice_scheduled = True
            self.defer(self._run_slice)

    def drained(self, connection: Connection) -> None:
        """The client takes its replies again: go on with what it asked."""
        self.turns.drained(connection)
        self._continue_reads()

    def lost(self, connection: Connection) -> None:
        """The connection is gone: nobody waits for what was read next for it."""
        for request in self.turns.take(connection):
            self.give_up(request, "connection lost")

    def _read(self, request: Request) -> None:
        """Run one request on the view; propose it when it turns out to change something."""
        view = self.view
        record = view.get(request.session_id, db=self.tables.session)
        if record is None and self.service != SERVING:
            self._delay(request)
            return
        if record is None:
            self.forget_session(request.session_id)
            self._send_first(
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
        session.start(slot, request.sequence_id, request.connection, request)
        request.started = True
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
        cx.root = root_fileid()
        cx.limit_reply(session.room_for_results(request.cache_this, request.tag), cache_this=bool(request.cache_this))
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
        self.replica.propose(payload, lambda result: self._proposed(request, result))

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
        self._send(request.connection, record, status)

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

    def _send_first(self, connection: Connection, xid: int, tag: bytes, op: int, status: int) -> None:
        self._send(connection, failed_first(xid, tag, op, status), status)

    def _send(self, connection: Connection, record: bytes, status: int) -> None:
        if not connection.closed:  # else the client has gone elsewhere, and nobody hears this
            self.counters.statuses[status] += 1
            connection.send(record)
