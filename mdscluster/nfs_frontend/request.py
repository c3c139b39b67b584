"""One COMPOUND on its way through the front end, and the connection it came by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.exports import ExportRule, Identity
    from mdscluster.nfs_frontend.sessions import Session


class Connection(Protocol):
    """What the front end's core needs of a client's connection."""

    rule: ExportRule | None
    """The export rule for the client's address; None: it may not mount."""
    peer: str
    identities: dict[bytes, Identity]
    """Callers by their raw credential."""
    callback_replies: dict[int, Callable[[bytes], None]]
    """By xid: what to do with the reply to a call of ours; with b"" when the connection is lost first."""

    congested: bool
    """The client does not read its replies: nothing more is to be read for it."""
    in_session: bool
    """A request in a session came by it."""

    def note_session(self) -> None: ...
    def ticket(self, size_bytes: int) -> object:
        """Counts a request of this size as under way, for as long as the object lives."""

    @property
    def closed(self) -> bool: ...
    def send(self, record: bytes) -> None: ...
    def abort(self, reason: str) -> None: ...
    def on_callback_reply(self, record: bytes) -> None: ...
    def bind_session(self, session: Session) -> None: ...


class Request:
    """A COMPOUND that began with SEQUENCE, from its arrival to its reply."""

    __slots__ = (
        "asked_s", "cache_this", "came_s", "connection", "data", "end", "identity", "minor", "op", "ops_left",
        "payload", "pos", "sequence_id", "session", "session_id", "slot", "started", "tag", "ticket",
        "waiting_since_ms", "xid",
    )  # fmt: skip

    connection: Connection
    ticket: object
    """Kept for as long as the request is."""
    identity: Identity
    xid: int
    tag: bytes
    minor: int
    data: bytes
    """The record; its operations behind SEQUENCE lie in ``data[pos:end]``."""
    pos: int
    end: int
    ops_left: int
    session_id: bytes
    sequence_id: int
    slot: int
    cache_this: int
    session: Session | None
    """None until a session that this node does not know was looked up."""
    payload: bytes | None
    """The command, once it was made."""
    started: bool
    """It was admitted to its slot."""
    came_s: float
    """When the turn of the event loop began in which it was taken in."""
    op: int
    """What it is for (:func:`~mdscluster.nfs_frontend.scan.principal`)."""
    asked_s: float
    """When the barrier or proposal was asked for that its state is as of."""
    waiting_since_ms: int | None
    """When it began to wait for a layout; None: it does not."""

    @property
    def name(self) -> str:
        """Its ID in logs: session, slot, sequence ID. It stays the same on whichever node the request is sent again,
        and stands in the log that all of them apply."""
        return f"{self.session_id.hex()}-{self.slot}-{self.sequence_id}"
