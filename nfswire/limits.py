"""Limits on what a peer may send. Those of single types stand in ``nfs4.x`` (LIMIT_*); these are the operator's."""

from __future__ import annotations

from dataclasses import dataclass

from nfswire import nfs4


@dataclass(frozen=True)
class WireLimits:
    """Bounds held before memory is taken; past them the connection is closed or the request refused."""

    record_bytes_max: int = 2 * 1024 * 1024 + 65536
    """Longest RPC record in bytes: the largest WRITE plus room for its COMPOUND. A longer one closes the connection."""

    fragments_max: int = 64
    """Most fragments of one record; every client in use sends one."""

    compound_ops_max: int = 64
    """Most operations of one COMPOUND, as CREATE_SESSION grants them; more get NFS4ERR_TOO_MANY_OPS."""

    tag_bytes_max: int = 1024
    """Longest tag of a COMPOUND; a longer one gets NFS4ERR_INVAL."""

    def validate(self) -> None:
        """``ValueError`` in the operator's words."""
        if not 4096 <= self.record_bytes_max <= nfs4.LIMIT_PAYLOAD + 65536:
            raise ValueError(f"record_bytes_max must lie between 4096 and {nfs4.LIMIT_PAYLOAD + 65536} bytes")
        if not 1 <= self.fragments_max <= 65536:
            raise ValueError("fragments_max must lie between 1 and 65536")
        if not 2 <= self.compound_ops_max <= nfs4.LIMIT_OPS:
            raise ValueError(f"compound_ops_max must lie between 2 and {nfs4.LIMIT_OPS}")
        if not 0 <= self.tag_bytes_max <= nfs4.LIMIT_UTF8:
            raise ValueError(f"tag_bytes_max must lie between 0 and {nfs4.LIMIT_UTF8} bytes")
