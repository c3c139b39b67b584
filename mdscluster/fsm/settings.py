"""Settings that shape replies or state, and so must be the same in every replica.

They are not read from a node's own configuration file inside ``apply``: two nodes whose files
differ would diverge. Each leader commits its own file's as it takes office, where the log says
otherwise (``ConfigureCluster``); every replica uses what the log says.
"""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True, array_like=True):
    """The cluster's settings, as last committed."""

    cluster_id: int = 0
    """32 random bits drawn when the cluster was made: tells its client IDs and stateids from another's."""
    name: bytes = b"mdscluster"
    """Server owner (major ID) and scope: the same on every node."""
    capability_key: bytes = bytes(32)
    """Key of the MAC on data-server filehandles."""
    lease_ms: int = 90_000
    """How long a client's state outlives its last renewal."""
    stripe_unit_bytes: int = 1 << 20
    """Bytes that go to one data server before the next one's turn."""
    max_sessions_per_client: int = 64
    max_slots: int = 64
    """Slots granted to a session's fore channel."""
    max_request_bytes: int = (1 << 20) + (1 << 16)
    max_response_bytes: int = (1 << 20) + (1 << 16)
    max_cached_reply_bytes: int = 8192
    max_operations: int = 64
    max_io_bytes: int = 1 << 20
    """maxread and maxwrite."""
    recall_timeout_ms: int = 20_000
    """How long a client may keep a recalled layout before it is revoked and fenced."""
    max_clients: int = 20_000
    """Client records, confirmed or not; EXCHANGE_ID of a further one is answered NFS4ERR_DELAY."""
    stripe_width: int = 0
    """Data servers that a new file is striped over; 0: all that are up."""


DEFAULT = Settings()
