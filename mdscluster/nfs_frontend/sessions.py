"""What this node knows of sessions: slots it serves, connections, back channels.

The replicated slot table (in the state machine) holds the reply of every COMPOUND that changed
something. Here lives only what this node adds: sequence IDs of COMPOUNDs that merely read, which are
not replicated because to repeat them is harmless. So after a failover a node may know less of a slot
than the client does, and must take that into account (:meth:`Session.admit`).
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from mdscluster.fsm.machine import fingerprint, is_false_retry, sequence_distance
from mdscluster.nfs_frontend.wire import SESSION_REPLY
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.request import Connection, Request

RUN: Final = 0
"""The request is new on its slot, or harmless to repeat: run it."""
REPLAY: Final = 1
"""The slot's cached reply is the answer."""
IN_PROGRESS: Final = 2
"""The same request is being run: its answer goes to the connection it came by last."""
REFUSED: Final = 3
"""NFS4ERR_SEQ_MISORDERED."""

_UNKNOWN: Final = -1


class Session:
    """One session as this node sees it."""

    __slots__ = (
        "back_channel_wanted", "busy", "client_id", "connections", "flags", "home", "last_connection",
        "max_cached_bytes", "max_operations", "max_request_bytes", "max_response_bytes", "minor", "most_room",
        "replies", "requests", "sequence_ids", "session_id", "slots", "users",
    )  # fmt: skip

    def __init__(self, session_id: bytes, client_id: int, slots: int, *, home: Connection | None) -> None:
        self.session_id = session_id
        self.client_id = client_id
        self.slots = slots
        self.home = home
        """The connection that this node made the session on; None: another node made it."""
        self.minor = 1
        """The minor version that its back channel was bound in: calls to the client must be of the same."""
        self.max_operations = 64
        self.max_request_bytes = self.max_response_bytes = 1 << 20
        self.max_cached_bytes = 8192
        self.most_room = self.room_for_results(0, b"")
        """For results without a tag that need not be cached."""
        self.flags = 0
        """SEQ4_STATUS flags of the next SEQUENCE reply."""
        self.back_channel_wanted = False
        self.connections: list[Connection] = []
        """Connections bound to the back channel, newest last."""
        # -1: this node has not seen the slot; what the state machine has of it decides.
        self.sequence_ids = array("q", [_UNKNOWN if home is None else 0] * slots)
        self.last_connection: list[Connection | None] = [None] * slots
        self.replies: list[bytes | None] = [None] * slots
        self.busy: list[Request | None] = [None] * slots
        """What runs here under the slot's sequence ID."""
        self.users = array("q", bytes(8 * slots))
        """Whose the request under the slot's sequence ID was."""
        self.requests = array("q", bytes(8 * slots))
        """And what it was (:func:`~mdscluster.fsm.machine.fingerprint`); 0: not known."""

    def admit(self, slot: int, sequence_id: int, connection: Connection) -> int:
        """Judge a request by its slot and sequence ID (RFC 8881 §2.10.6.1): RUN, REPLAY, ...

        "If the sequence ID is greater than the slot's by two or more, or less, the server MUST return
        NFS4ERR_SEQ_MISORDERED." We hold to it where we know: on the connection that used the slot last,
        and on a session that was made here. Elsewhere (the client came from another node) a later ID is
        accepted: this node merely lacks knowledge, and Linux retries SEQ_MISORDERED for ever.
        """
        have = self.sequence_ids[slot]
        if have == _UNKNOWN:
            return RUN
        ahead = sequence_distance(sequence_id, have)
        if ahead == 1:
            return RUN
        if ahead == 0:
            if self.busy[slot] is not None:
                return IN_PROGRESS
            if self.replies[slot] is not None:
                return REPLAY
            return RUN if have or self.home is not connection else REFUSED
        if ahead < 0:
            return REFUSED
        return REFUSED if self.knows(slot, connection) else RUN

    def room_for_results(self, cache_this: int, tag: bytes) -> int:
        """How large the results behind SEQUENCE's may become, in bytes (RFC 8881 §18.36.3)."""
        most = min(self.max_response_bytes, self.max_cached_bytes) if cache_this else self.max_response_bytes
        return max(0, most - SESSION_REPLY.size - ((len(tag) + 3) & ~3))

    def knows(self, slot: int, connection: Connection) -> bool:
        """Whether nobody else can have served the slot since this node did.

        True on the connection that used it last, and for a slot not used yet on the connection that the session was
        made on. By any other connection the client may have come from another node, and have used the slot there.
        """
        last = self.last_connection[slot]
        return last is connection or (last is None and self.home is connection)

    def is_false_retry(self, request: Request) -> bool:
        """Whether it comes under the slot's sequence ID, of which another request is known."""
        slot = request.slot
        if self.sequence_ids[slot] != request.sequence_id or not self.requests[slot]:
            return False
        digest = fingerprint(request.data, request.pos, request.end)
        return is_false_retry(request.identity.uid, digest, self.users[slot], self.requests[slot])

    def learn(self, slot: int, sequence_id: int, user: int, request: int, reply: bytes | None) -> None:
        """Take over what the state machine has of a slot, if it is ahead of what this node has seen."""
        have = self.sequence_ids[slot]
        if have == _UNKNOWN or sequence_distance(sequence_id, have) > 0:
            self.sequence_ids[slot] = sequence_id
            self.users[slot] = user
            self.requests[slot] = request
            self.replies[slot] = reply
            self.busy[slot] = None  # what still runs here was answered elsewhere: nobody asks for it any more

    def forget(self, slot: int) -> None:
        """What this node thought of the slot was wrong: the state machine knows better."""
        self.sequence_ids[slot] = _UNKNOWN
        self.last_connection[slot] = None
        self.replies[slot] = None
        self.busy[slot] = None

    def start(self, request: Request) -> None:
        """The request is admitted to its slot, and runs from now on."""
        slot = request.slot
        self.sequence_ids[slot] = request.sequence_id
        self.users[slot] = request.identity.uid
        self.requests[slot] = fingerprint(request.data, request.pos, request.end)
        self.last_connection[slot] = request.connection
        self.replies[slot] = None
        self.busy[slot] = request
        request.started = True

    def finish(self, slot: int, reply: bytes | None) -> None:
        self.busy[slot] = None
        self.replies[slot] = reply

    def bind_back_channel(self, connection: Connection) -> None:
        """Calls to the client may go by this connection (§2.10.3.1)."""
        if connection not in self.connections:
            self.connections.append(connection)
        self.flags &= ~nfs4.SEQ4_STATUS_CB_PATH_DOWN

    def unbind(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
        if self.back_channel_wanted and not self.connections:
            self.flags |= nfs4.SEQ4_STATUS_CB_PATH_DOWN
