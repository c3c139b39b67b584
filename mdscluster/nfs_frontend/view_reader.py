"""Reads on a view of this node's state: ahead of their barrier, as a guess, or behind it, in earnest. Sans-IO.

When a request may be run is :class:`~mdscluster.nfs_frontend.reads.Reads`' to say. Here it is run: over one read
transaction with all others whose turn it is. What turns out to change state or to move data goes back to the
dispatcher, which proposes it or has its I/O done; so does every answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from mdscluster.fsm.commands import REPLY_HEAD, RESULT_REPLY
from mdscluster.fsm.compound import COUNTS, NEED_CHANGE, NEED_IO, Compound, run
from mdscluster.fsm.machine import SLOT_HEAD, SLOT_KEY
from mdscluster.fsm.operations import DISPATCH
from mdscluster.fsm.tables import root_fileid
from mdscluster.nfs_frontend import scan
from mdscluster.nfs_frontend.quorum import SERVING, can_tell
from mdscluster.nfs_frontend.reads import Answer, Guess, State
from mdscluster.nfs_frontend.wire import U32, session_reply
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.settings import Settings
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.nfs_frontend.request import Request
    from mdscluster.nfs_frontend.sessions import Session

_GUESS_S: Final = 0.005
_GUESS_BYTES: Final = 1 << 20
"""How long, and how much, is guessed for one barrier: work and memory that may turn out to be for nothing."""
_ROOT: Final = root_fileid()


class ViewReader:
    """The :class:`~mdscluster.nfs_frontend.reads.Reader` of one node."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._env = dispatcher.env
        self._tables = dispatcher.tables
        self._clock_s = dispatcher.clock_s
        self._settings_loaded = 0  # how often
        self._counts = dispatcher.counters.run
        self._view = Compound(self._tables, dispatcher.settings)
        self._view.counts = self._counts
        self._guesser = Compound(self._tables, dispatcher.settings)
        self._session_records: dict[bytes, bytes | None] = {}  # as of the view that reads run on

    def use(self, settings: Settings) -> None:
        """The cluster's settings changed in the log."""
        self._view.settings = self._guesser.settings = settings
        self._settings_loaded += 1

    def state(self) -> State:
        """Names what a view opened now would show."""
        with self._env.begin() as txn:
            return txn.id(), self._settings_loaded

    # ------------------------------------------------------------ ahead of the barrier
    def guess(self, requests: list[Request]) -> Guess:
        """What they come to on a view opened now. Nothing is sent, and nothing else done."""
        view, clock_s = self._guesser, self._clock_s
        end_s, room = clock_s() + _GUESS_S, _GUESS_BYTES
        view.counts = [0] * COUNTS
        with self._env.begin() as txn:
            guess = Guess((txn.id(), self._settings_loaded), view.counts)
            view.bind_view(txn)
            try:
                asking = {request.session_id for request in requests if request.started}
                known = {session for session in asking if view.get(session, db=self._tables.session) is not None}
                for request in requests:
                    if not (request.session_id in known and request.started and not request.connection.congested
                            and room > 0 and clock_s() < end_s):  # fmt: skip
                        guess.others.append(request)
                        continue
                    prepare(view, request)
                    dispatch = DISPATCH[request.minor]
                    status = run(view, dispatch.handlers, dispatch.changes, dispatch.needs_fh)
                    if status < 0 or (status and scan.effects_left(view)):
                        guess.others.append(request)
                        continue
                    body = b"".join(view.res)
                    room -= len(body)
                    guess.answers.append(Answer(request, status, view.ops_done, body))
            finally:
                view.unbind()
        return guess

    def answer(self, guess: Guess) -> None:
        """Send what was guessed."""
        reply = self._dispatcher.reply
        for request, status, results, body in guess.answers:
            reply(request, status, results, body)
        counts = self._counts
        for op, count in enumerate(guess.counts):
            if count:
                counts[op] += count

    # ------------------------------------------------------------ behind it, or for want of a quorum without one
    def run(self, requests: Iterable[Request]) -> None:
        """Run them on one view, and answer."""
        with self._env.begin() as txn:
            self._session_records.clear()
            self._view.bind_view(txn)
            try:
                for request in requests:
                    self._read(request)
            finally:
                self._view.unbind()

    def _read(self, request: Request) -> None:
        """Run one request on the view; propose it when it turns out to change something."""
        view, dispatcher = self._view, self._dispatcher
        session_id = request.session_id
        record = self._session_records.get(session_id)
        if record is None:
            record = self._session_records[session_id] = view.get(session_id, db=self._tables.session)
        if record is None and dispatcher.service != SERVING:
            dispatcher.delay(request)
            return
        if record is None:
            dispatcher.forget_session(session_id)
            dispatcher.turn_away(request, nfs4.NFS4ERR_BADSESSION)
            return
        if not request.started and not self._admit(request, record):
            return
        prepare(view, request)
        dispatch = DISPATCH[request.minor]
        status = run(view, dispatch.handlers, dispatch.changes, dispatch.needs_fh)
        if dispatcher.service != SERVING:
            self._answer_read_only(request, status)
        elif status == NEED_CHANGE:
            dispatcher.propose(request)
        elif status > 0 and (effects := scan.effects_left(view)):
            if effects & scan.WRITES and dispatcher.run_io is not None:
                # Another node may be writing for its client: it is answered under a claim.
                dispatcher.run_io(dispatcher, request, None)
            else:
                dispatcher.propose(request)
        elif status >= 0:
            dispatcher.reply(request, status, view.ops_done, b"".join(view.res))
        elif status == NEED_IO and dispatcher.run_io is not None:
            dispatcher.run_io(dispatcher, request, None)
        else:
            dispatcher.give_up(request, f"view asked for {status}")

    def _answer_read_only(self, request: Request, status: int) -> None:
        """Answer from a state that others may have left behind; its silence is no answer, and neither is its doubt."""
        view, dispatcher = self._view, self._dispatcher
        op = U32.unpack_from(view.data, view.op_start)[0] if status > 0 and view.op_start + 4 <= view.end else 0
        if status < 0 or not can_tell(status, op) or (status and scan.effects_left(view)):
            dispatcher.delay(request)
            return
        dispatcher.counters.calls["read-only"] += 1
        dispatcher.reply(request, status, view.ops_done, b"".join(view.res))

    def _admit(self, request: Request, record: bytes) -> bool:
        """Admit a request on a session or slot that this node has not served, by what the log knows."""
        dispatcher = self._dispatcher
        session = dispatcher.sessions.get(request.session_id)
        if session is None:
            session = dispatcher.adopt_session(request.session_id, record, home=None)
        request.session = session
        slot = request.slot
        if slot < session.slots:
            cached = self._view.get(SLOT_KEY.pack(request.session_id, slot), db=self._tables.slot)
            if cached is None:
                session.learn(slot, 0, 0, 0, None)
            else:
                reply = _reply_of(request, session, cached[SLOT_HEAD.size :])
                sequence_id, user, digest = SLOT_HEAD.unpack_from(cached)
                session.learn(slot, sequence_id, user, digest, reply)
        if not dispatcher.admit(request, session, request.end - request.pos):
            return False
        session.start(request)
        return True

    def give_up(self, request: Request, reason: str) -> None:
        """Nothing can be answered."""
        self._dispatcher.give_up(request, reason)


def prepare(cx: Compound, request: Request) -> None:
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


def _reply_of(request: Request, session: Session, result: bytes) -> bytes | None:
    """A replicated result as a reply record (its xid is set when it is sent)."""
    if result[:1] != RESULT_REPLY:
        return None
    _, status, results = REPLY_HEAD.unpack_from(result)
    return session_reply(
        0, request.tag, status, results, request.session_id, request.sequence_id, request.slot,
        session.slots - 1, session.flags, result[REPLY_HEAD.size :],
    )  # fmt: skip
