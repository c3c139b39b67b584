"""What a call of this client can end with besides a result.

Three families (docs: STYLE): a refusal by the server (``NfsError``), unavailability, where the outcome of a change is
not known (``Unavailable``), and a peer that breaks the protocol or loses our state (``SessionLost``,
``ProtocolViolation``).
"""

from __future__ import annotations

from nfswire import nfs4


class NfsClientError(Exception):
    """Base of everything this client raises by itself."""


def status_name(status: int) -> str:
    """``NFS4ERR_NOENT`` for 2; the number for one that no RFC names."""
    return nfs4.STATUS_NAMES.get(status, str(status))


def op_name(op: int | None) -> str:
    """``LOOKUP`` for 15."""
    return "COMPOUND" if op is None else nfs4.OP_NAMES.get(op, str(op))


class NfsError(NfsClientError):
    """The server refused: ``status`` is the nfsstat4, ``op`` the number of the operation that got it."""

    def __init__(self, status: int, op: int | None, detail: str = "") -> None:
        super().__init__(f"{op_name(op)}: {status_name(status)}{': ' if detail else ''}{detail}")
        self.status = status
        self.op = op


class LockDenied(NfsError):
    """A conflicting byte-range lock is held (RFC 8881 section 18.10): ``denied`` says whose and where."""

    def __init__(self, denied: nfs4.LOCK4denied, op: int) -> None:
        super().__init__(nfs4.NFS4ERR_DENIED, op, f"{denied.offset}+{denied.length} of owner {denied.owner.owner!r}")
        self.denied = denied


class SessionLost(NfsClientError):
    """The server does not know, or misorders, a session that it granted. Counted, and never repaired in silence."""

    def __init__(self, status: int, op: int = nfs4.OP_SEQUENCE) -> None:
        super().__init__(f"{op_name(op)}: {status_name(status)}")
        self.status = status
        self.op = op


class Unavailable(NfsClientError):
    """No server answered within the patience that was set. ``sent``: the request had left, so it may have run."""

    def __init__(self, reason: str, sent: bool = False) -> None:
        super().__init__(reason)
        self.sent = sent


class ConnectionClosed(NfsClientError):
    """The connection ended under a request that has no slot (session handshake): the caller sends it again."""


class RpcRefused(NfsClientError):
    """The reply is an RPC-level refusal (RFC 5531): wrong program, garbage arguments, authentication."""


class ProtocolViolation(NfsClientError):
    """The peer sent what the protocol does not allow."""
