"""Client IDs and sessions of this data server: its own space, in memory only (RFC 8881 §13.6, §18.35, §18.36).

Nothing here needs to survive: I/O is authorised by the capability in the filehandle and not by a client's state. A
client that finds its session or client ID unknown after a restart makes new ones (NFS4ERR_BADSESSION,
NFS4ERR_STALE_CLIENTID), which Linux does for a data server without disturbing anything at the MDS.

Making and destroying take one lock; the data path takes none but a slot's own, which says that a request is under way.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from nfswire import nfs4

SEQUENCE_MASK: Final = 0xFFFFFFFF
FINGERPRINT_BYTES: Final = 192
"""How much of a request's arguments is remembered to tell a retransmission from another request on the slot."""


class Session:
    """A session's fore channel. Slot ``n`` is ``sequences[n]``, ``replies[n]`` and so on; ``busy[n]`` guards them."""

    __slots__ = (
        "busy", "client_id", "max_operations", "max_request_bytes", "max_response_bytes", "max_response_cached",
        "prints", "replies", "sequences", "session_id", "slots", "used_ns",
    )  # fmt: skip

    def __init__(self, session_id: bytes, client_id: int, granted: nfs4.channel_attrs4) -> None:
        self.session_id = session_id
        self.client_id = client_id
        self.slots = granted.ca_maxrequests
        self.max_request_bytes = granted.ca_maxrequestsize
        self.max_response_bytes = granted.ca_maxresponsesize
        self.max_response_cached = granted.ca_maxresponsesize_cached
        self.max_operations = granted.ca_maxoperations
        self.sequences = array("I", bytes(4 * self.slots))
        self.replies: list[bytes | None] = [None] * self.slots
        self.prints: list[bytes] = [b""] * self.slots
        self.busy = [threading.Lock() for _ in range(self.slots)]
        self.used_ns = 0


class Client(msgspec.Struct):
    """A client owner's record (RFC 8881 §18.35)."""

    client_id: int
    owner: bytes
    verifier: bytes
    principal: object
    sequence: int = 1
    """The csa_sequence that the next CREATE_SESSION must have."""
    confirmed: bool = False
    last_create: bytes | None = None
    """The result of the last CREATE_SESSION, for its retransmission."""
    sessions: set[bytes] = msgspec.field(default_factory=set)


class Registry:
    """Clients and sessions, bounded: the longest unused gives way."""

    def __init__(self, *, sessions_max: int, draw_id: Callable[[int], bytes]) -> None:
        """``draw_id(n)`` gives n unguessable bytes that no earlier call or process has given."""
        self.sessions: dict[bytes, Session] = {}
        self._sessions_max = sessions_max
        self._draw_id = draw_id
        self._clients: OrderedDict[int, Client] = OrderedDict()
        self._confirmed: dict[bytes, Client] = {}
        self._unconfirmed: dict[bytes, Client] = {}
        self._lock = threading.RLock()

    # ------------------------------------------------------------ client IDs
    def exchange_id(
        self, owner: bytes, verifier: bytes, principal: object, *, update: bool
    ) -> tuple[int, Client | None]:
        """EXCHANGE_ID's cases (RFC 8881 §18.35.5): a status, and the record where it is NFS4_OK."""
        with self._lock:
            confirmed = self._confirmed.get(owner)
            if update:
                if confirmed is None:
                    return nfs4.NFS4ERR_NOENT, None
                if confirmed.verifier != verifier:
                    return nfs4.NFS4ERR_NOT_SAME, None
                if confirmed.principal != principal:
                    return nfs4.NFS4ERR_PERM, None
                return 0, confirmed
            if confirmed is not None:
                if confirmed.principal != principal and confirmed.sessions:
                    return nfs4.NFS4ERR_CLID_INUSE, None
                if confirmed.principal == principal and confirmed.verifier == verifier:
                    self._clients.move_to_end(confirmed.client_id)
                    return 0, confirmed
            earlier = self._unconfirmed.pop(owner, None)
            if earlier is not None:
                self._clients.pop(earlier.client_id, None)
            client = Client(int.from_bytes(self._draw_id(8), "big"), owner, verifier, principal)
            self._unconfirmed[owner] = client
            self._clients[client.client_id] = client
            self._shed_clients()
            return 0, client

    def client(self, client_id: int) -> Client | None:
        return self._clients.get(client_id)

    def destroy_client(self, client_id: int) -> int:
        """DESTROY_CLIENTID (RFC 8881 §18.50)."""
        with self._lock:
            client = self._clients.get(client_id)
            if client is None:
                return nfs4.NFS4ERR_STALE_CLIENTID
            if client.sessions:
                return nfs4.NFS4ERR_CLIENTID_BUSY
            self._drop_client(client)
            return 0

    def _drop_client(self, client: Client) -> None:
        for session_id in client.sessions:
            self.sessions.pop(session_id, None)
        client.sessions.clear()
        self._clients.pop(client.client_id, None)
        for table in (self._confirmed, self._unconfirmed):
            if table.get(client.owner) is client:
                del table[client.owner]

    def _shed_clients(self) -> None:
        """Room for new clients: those without a session, oldest first, are forgotten."""
        surplus = len(self._clients) - 2 * self._sessions_max
        if surplus <= 0:
            return
        for client in [c for c in self._clients.values() if not c.sessions][:surplus]:
            self._drop_client(client)

    # ------------------------------------------------------------ sessions
    def create_session(
        self, client: Client, sequence: int, make: Callable[[Client], tuple[bytes, Session | None]]
    ) -> bytes:
        """CREATE_SESSION's sequencing (RFC 8881 §18.36.4): ``make`` runs once for each sequence ID.

        ``make`` returns the result's bytes and the session if there is one; the bytes are kept and given again to a
        retransmission. Linux, too, moves on by one after an error of its own making.
        """
        with self._lock:
            if sequence == (client.sequence - 1) & SEQUENCE_MASK and client.last_create is not None:
                return client.last_create
            if sequence != client.sequence:
                return nfs4.pack_op_status(nfs4.OP_CREATE_SESSION, nfs4.NFS4ERR_SEQ_MISORDERED)
            result, session = make(client)
            client.sequence = (client.sequence + 1) & SEQUENCE_MASK
            client.last_create = result
            if session is not None:
                self._confirm(client)
                self._shed_sessions()
                client.sessions.add(session.session_id)
                self._clients.move_to_end(client.client_id)
                self.sessions[session.session_id] = session
            return result

    def _confirm(self, client: Client) -> None:
        """The first session confirms a client ID; an earlier incarnation of the same owner ends with it."""
        if client.confirmed:
            return
        earlier = self._confirmed.get(client.owner)
        if earlier is not None:
            self._drop_client(earlier)
        self._unconfirmed.pop(client.owner, None)
        client.confirmed = True
        self._confirmed[client.owner] = client

    def _shed_sessions(self) -> None:
        while len(self.sessions) >= self._sessions_max:
            self.destroy_session(min(self.sessions.values(), key=lambda session: session.used_ns).session_id)

    def destroy_session(self, session_id: bytes) -> int:
        """DESTROY_SESSION (RFC 8881 §18.37)."""
        with self._lock:
            session = self.sessions.pop(session_id, None)
            if session is None:
                return nfs4.NFS4ERR_BADSESSION
            client = self._clients.get(session.client_id)
            if client is not None:
                client.sessions.discard(session_id)
            return 0

    def new_session_id(self) -> bytes:
        return self._draw_id(16)
