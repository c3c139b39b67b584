"""A session kept alive over a list of addresses: connecting, reconnecting, timeouts, retries.

When the connection ends, or a reply is overdue, the next address is tried at once, then all of them round robin with a
small backoff. The session goes along: every outstanding request is retransmitted byte for byte under its slot and
sequence ID (``session.SessionCore``), so an operation runs once whichever server answers it in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from nfsclient.callbacks import BackChannel
from nfsclient.compound import Compound, Reply
from nfsclient.errors import ConnectionClosed, NfsClientError, NfsError, ProtocolViolation, Unavailable, status_name
from nfsclient.handshake import Identity, Offer, establish
from nfsclient.retry import RetryPolicy
from nfsclient.runtime import Address, Connection, Future, Runtime, Task, Timer, within
from nfsclient.session import Call, Outcome, SessionCore, SessionParameters
from nfsclient.stats import Stats
from nfswire import nfs4, rpc
from nfswire.xdr import Payload, XdrError

CB_PATH_FLAGS = nfs4.SEQ4_STATUS_CB_PATH_DOWN | nfs4.SEQ4_STATUS_CB_PATH_DOWN_SESSION
CLOSE_PATIENCE_MS = 2000.0


class ChannelSettings(msgspec.Struct, frozen=True):
    """How long a channel waits for what."""

    connect_timeout_ms: float = 1000.0
    """A TCP connection must stand within this time."""
    reply_timeout_ms: float = 2000.0
    """A request not answered for so long means the connection is dead. Doubles while nothing is answered at all."""
    reply_timeout_max_ms: float = 16_000.0
    """Upper bound of the doubling."""
    give_up_ms: float = 120_000.0
    """Without any reply from any address for so long, calls end with ``Unavailable``."""
    reconnect: RetryPolicy = RetryPolicy(first_ms=20.0, longest_ms=200.0)
    """Pauses between rounds over the addresses; there is none within a round."""


class _Link:
    """The receiver of one connection; it falls silent when the channel has moved on."""

    def __init__(self, channel: Channel) -> None:
        self.channel: Channel | None = channel

    def record_received(self, record: Payload) -> None:
        if self.channel is not None:
            self.channel.record_received(record)

    def connection_lost(self, reason: str) -> None:
        if self.channel is not None:
            self.channel.drop(reason)


class Channel:
    """One session with one logical server, which may be reached at several addresses."""

    def __init__(
        self, runtime: Runtime, addresses: Sequence[Address], identity: Identity, offer: Offer, minor_version: int,
        credential: rpc.Credential, settings: ChannelSettings, retry: RetryPolicy, stats: Stats,
    ) -> None:
        assert addresses
        self.runtime = runtime
        self.addresses = list(addresses)
        self.identity = identity
        self.offer = offer
        self.settings = settings
        self.retry = retry
        self.stats = stats
        self.back: BackChannel | None = None
        self.on_session: Callable[[BackChannel], None] = lambda back: None
        first_xid = int.from_bytes(runtime.random_bytes(4), "big")
        self.core = SessionCore(minor_version, rpc.pack_credential(credential), first_xid, stats, retry)
        self._next = 0                                  # index of the address to try next, modulo their number
        self._failures = 0                              # connections failed or lost since the last reply
        self._outage_since_ms: float | None = None
        self._reply_timeout_ms = settings.reply_timeout_ms
        self._link = _Link(self)
        self._connection: Connection | None = None
        self._lost: Future[None] = runtime.future()
        self._connected: list[Future[None]] = []        # who waits for a connection
        self._keeper: Task[None] | None = None
        self._renewer: Task[None] | None = None
        self._timer: Timer | None = None
        self._timer_at_ms = 0.0
        self._bound_ms = float("-inf")                  # when BIND_CONN_TO_SESSION was last sent
        self._leaving = False                           # DESTROY_SESSION is sent: there may be no session any more
        self._closed = False

    # -- life

    @property
    def address(self) -> Address:
        """The address connected to, or tried next."""
        return self.addresses[self._next % len(self.addresses)]

    @property
    def session(self) -> SessionParameters:
        """What was agreed at ``open``."""
        assert self.core.session is not None
        return self.core.session

    async def open(self) -> SessionParameters:
        """Connect and establish a session. ``NfsError``: refused; ``Unavailable``: nobody answers."""
        self._keeper = self.runtime.spawn(self._keep_connected())
        steps = establish(self.identity, self.offer)
        compound = next(steps)
        while True:
            reply = await self.call_bare(compound)
            try:
                compound = steps.send(reply)
            except StopIteration as stop:
                session: SessionParameters = stop.value
                break
        minor = self.core.minor_version
        self.core.establish(session)
        self.back = BackChannel(
            session.session_id, self.offer.back_slots, minor, self.stats, self.core.slots.under_way
        )
        self.on_session(self.back)
        return session

    def renew_every(self, interval_ms: float) -> None:
        """Keep the lease: a SEQUENCE of its own whenever ``interval_ms`` pass without a request."""
        self._renewer = self.runtime.spawn(self._renew(interval_ms))

    async def close(self) -> None:
        """Take leave of the server, with a short patience, and disconnect."""
        session = self.core.session
        if session is not None and self.core.failure is None and self.core.connected:
            await within(self.runtime, self._take_leave(session), CLOSE_PATIENCE_MS)
        self.abandon()

    def abandon(self) -> None:
        """Disconnect without a word, as a crashed client does; calls under way end with ``Unavailable``."""
        self._closed = True
        self.core.fail(Unavailable("the client was closed"))
        self.drop("closed")
        for task in (self._keeper, self._renewer):
            if task is not None:
                task.cancel()
        if self._timer is not None:
            self._timer.cancel()

    async def _take_leave(self, session: SessionParameters) -> None:
        """Once only: on another connection there would be nothing to ask about a session that may be gone. Should the
        server not have heard it, the client's lease runs out."""
        self._leaving = True
        try:
            destroy = nfs4.DESTROY_SESSION4args(session.session_id)
            await self.call_bare(Compound().add(nfs4.OP_DESTROY_SESSION, destroy))
            forget = nfs4.DESTROY_CLIENTID4args(session.client_id)
            await self.call_bare(Compound().add(nfs4.OP_DESTROY_CLIENTID, forget))
        except NfsClientError as error:
            self.stats.notes[f"leaving: {error}"] += 1

    async def _renew(self, interval_ms: float) -> None:
        seen = -1
        while self.core.failure is None:
            await self.runtime.sleep(interval_ms)
            if self.core.executed == seen and self.core.failure is None:
                try:
                    await self.call(Compound())
                except NfsClientError as error:
                    self.stats.notes[f"lease renewal: {error}"] += 1
            seen = self.core.executed

    # -- calls

    async def call(self, compound: Compound, retry: RetryPolicy | None = None) -> Reply:
        """Run ``compound`` in the session. Refusals are in the reply, except those that mean "not now": they are waited
        out.

        Raises ``SessionLost``, ``Unavailable``, ``RpcRefused``, ``ProtocolViolation``; ``NfsError`` when SEQUENCE is
        refused.
        """
        policy = retry or self.retry
        started_ms: float | None = None
        attempt = 0
        while True:
            reply = await self._submit(compound, self.core.submit)
            if reply.status == nfs4.NFS4_OK or reply.failed is None or not compound.may_repeat_after(reply.failed):
                return reply
            now_ms = self.runtime.now_ms()
            started_ms = now_ms if started_ms is None else started_ms
            wait_ms = policy.wait_ms(reply.status, attempt, now_ms - started_ms)
            if wait_ms is None:
                return reply
            self.stats.retries += 1
            attempt += 1
            await self.runtime.sleep(wait_ms)

    async def call_bare(self, compound: Compound) -> Reply:
        """Run ``compound`` outside of a session; again, if the connection ends under it."""
        attempt = 0
        while True:
            await self._until_connected()
            try:
                reply = await self._submit(compound, self.core.submit_bare)
            except ConnectionClosed:
                continue
            wait_ms = self.retry.wait_ms(reply.status, attempt, 0.0)
            if wait_ms is None:
                return reply
            attempt += 1
            await self.runtime.sleep(wait_ms)

    def _submit(self, compound: Compound, submit: Callable[[Call, float], None]) -> Future[Reply]:
        future: Future[Reply] = self.runtime.future()

        def done(outcome: Outcome) -> None:
            if future.done():  # the caller was cancelled
                return
            if isinstance(outcome, Reply):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)

        submit(Call(compound, done), self.runtime.now_ms())
        self._flush()
        return future

    async def _until_connected(self) -> None:
        while self._connection is None:
            if self.core.failure is not None:
                raise self.core.failure
            turn: Future[None] = self.runtime.future()
            self._connected.append(turn)
            await turn

    # -- the connection

    async def _keep_connected(self) -> None:
        """Have a connection whenever there is none, until the channel fails or is closed."""
        while self.core.failure is None:
            count = len(self.addresses)
            if self._failures >= count and self._failures % count == 0:
                await self.runtime.sleep(self.settings.reconnect.backoff_ms(self._failures // count - 1))
            link = _Link(self)
            try:
                connection = await self.runtime.connect(self.address, link, self.settings.connect_timeout_ms)
            except OSError as error:
                self._failed(f"{self.address[0]}:{self.address[1]}: {error or type(error).__name__}")
                continue
            self._lost = self.runtime.future()
            self._adopt(connection, link)
            await self._lost

    def _adopt(self, connection: Connection, link: _Link) -> None:
        """Go on over a new connection: bind the back channel to it, then retransmit."""
        self._connection, self._link = connection, link
        self.stats.connections += 1
        self.core.connection_made()
        if self.core.session is not None:
            self.stats.reconnects += 1
            self._bind()
            self.core.retransmit(self.runtime.now_ms())
        waiting, self._connected = self._connected, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
        self._flush()

    def _failed(self, reason: str) -> None:
        """An address could not be reached, or ceased to answer: on to the next, or give up."""
        now_ms = self.runtime.now_ms()
        self._next += 1
        self._failures += 1
        if self._outage_since_ms is None:
            self._outage_since_ms = now_ms
        if now_ms - self._outage_since_ms >= self.settings.give_up_ms:
            self.fail(Unavailable(f"no answer for {(now_ms - self._outage_since_ms) / 1000:.1f} s, last: {reason}"))

    def fail(self, error: NfsClientError) -> None:
        """End all calls, now and to come."""
        self.core.fail(error)
        waiting, self._connected = self._connected, []
        for turn in waiting:
            if not turn.done():
                turn.set_exception(error)

    def drop(self, reason: str) -> None:
        """The connection is lost, or is given up as dead: the keeper makes another."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._link.channel = None
        connection.close()
        self.core.connection_lost()
        if not self._closed:
            self._failed(reason)
        if self._leaving:
            self.fail(Unavailable(f"the connection ended while the client took its leave: {reason}"))
        if not self._lost.done():
            self._lost.set_result(None)

    def _bind(self) -> None:
        """BIND_CONN_TO_SESSION for the back channel (RFC 8881 section 18.34); the fore channel needs none with
        SP4_NONE.
        """
        self._bound_ms = self.runtime.now_ms()
        self.core.needs_binding = False
        wanted = nfs4.CDFC4_FORE_OR_BOTH if self.session.back_channel else nfs4.CDFC4_FORE
        bind = nfs4.BIND_CONN_TO_SESSION4args(self.session.session_id, wanted, False)

        def done(outcome: Outcome) -> None:
            status = outcome.status if isinstance(outcome, Reply | NfsError) else None
            if status != nfs4.NFS4_OK:
                reason = str(outcome) if status is None else status_name(status)
                self.stats.notes[f"BIND_CONN_TO_SESSION: {reason}"] += 1

        self.core.submit_bare(Call(Compound().add(nfs4.OP_BIND_CONN_TO_SESSION, bind), done), self._bound_ms)

    # -- traffic and timers

    def record_received(self, record: Payload) -> None:
        """A record came in: a reply, or a call on the back channel."""
        try:
            _, kind = rpc.peek(record)
            if kind == rpc.CALL:
                self._called_back(record)
                return
            self.core.reply_received(record, self.runtime.now_ms())
        except (XdrError, ProtocolViolation) as error:
            self.stats.notes[f"unreadable record: {error}"] += 1
            self.drop(str(error))
            return
        self._failures = 0
        self._outage_since_ms = None
        self._reply_timeout_ms = self.settings.reply_timeout_ms
        if self.core.needs_binding or self.core.status_flags:
            self._heed_flags()
        self._flush()

    def _called_back(self, record: Payload) -> None:
        if self.back is not None and self._connection is not None:
            self._connection.send(self.back.answer(record))

    def _heed_flags(self) -> None:
        """sr_status_flags (RFC 8881 section 18.46.3): bind anew when the server misses its back channel; count the
        rest.
        """
        flags = self.core.status_flags
        self.core.status_flags = 0
        for name in ("RESTART_RECLAIM_NEEDED", "EXPIRED_ALL_STATE_REVOKED", "EXPIRED_SOME_STATE_REVOKED",
                     "ADMIN_STATE_REVOKED", "RECALLABLE_STATE_REVOKED", "BACKCHANNEL_FAULT", "LEASE_MOVED"):
            if flags & getattr(nfs4, f"SEQ4_STATUS_{name}"):
                self.stats.notes[f"SEQ4_STATUS_{name}"] += 1
        wanted = self.core.needs_binding or (flags & CB_PATH_FLAGS and self.session.back_channel)
        if wanted and self.runtime.now_ms() - self._bound_ms >= 1000 and self._connection is not None:
            self._bind()

    def _flush(self) -> None:
        """Send what the core has to send; see to it that somebody watches for the reply."""
        if self._connection is not None:
            for message in self.core.take_output():
                self._connection.send(message)
        resend_ms = self.core.next_resend_ms()
        if self._timer is None:
            if self.core.outstanding():
                oldest_ms = self.core.oldest_sent_ms()
                since_ms = self.runtime.now_ms() if oldest_ms is None else oldest_ms
                self._arm(since_ms + self._reply_timeout_ms)
        if resend_ms is not None and (self._timer is None or resend_ms < self._timer_at_ms):
            self._arm(resend_ms)

    def _arm(self, at_ms: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at_ms = at_ms
        self._timer = self.runtime.call_later(max(0.0, at_ms - self.runtime.now_ms()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now_ms = self.runtime.now_ms()
        oldest_ms = self.core.oldest_sent_ms()
        if oldest_ms is not None and now_ms - oldest_ms >= self._reply_timeout_ms:
            self.stats.reply_timeouts += 1
            if self._outage_since_ms is None:
                self._outage_since_ms = oldest_ms
            self._reply_timeout_ms = min(self._reply_timeout_ms * 2, self.settings.reply_timeout_max_ms)
            self.drop("no reply")
        else:
            self.core.tick(now_ms)
        self._flush()
