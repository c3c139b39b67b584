"""What every connection of a data server shares, and the I/O operations themselves.

READ, WRITE and COMMIT are here once; the straight-line path (:mod:`dataserver.fastpath`) and the table-driven one
(:mod:`dataserver.compound`) differ only in how they parse and pack. No socket, no clock of its own: ``wall_ns`` and the
authority's clock are passed in.

Stateids are not looked at. Linux sends the open's or lock's stateid with sequence ID 0 (RFC 8881 §13.9.1), but what a
client may do here is said by the capability in the filehandle, which the MDS issued against that very open, and takes
back with a fence. So a data server needs none of the MDS's state (RFC 8881 §13.9.2 leaves the means open).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from dataserver.authority import Authority, Grant
from dataserver.config import Limits
from dataserver.counters import Counters, Ledger
from dataserver.descriptors import OpenObject
from dataserver.objects import OFFSET_MAX, ObjectStore, status_of
from dataserver.sessions import Registry
from nfswire import dsfh, nfs4

REPLY_OVERHEAD: Final = 256
"""Room kept in a reply for everything but READ data: heads, SEQUENCE, PUTFH and a GETATTR."""


class ReportWrite(Protocol):
    """Tells the MDS of a stable write; True once a quorum has committed it. Blocks up to its deadline."""

    def __call__(self, fileid: int, client_id: int, stripe: int, end_offset: int, mtime_ns: int) -> bool: ...


class Identity(msgspec.Struct, frozen=True):
    """Who this server says it is in EXCHANGE_ID.

    Never the MDS's owner or scope: Linux would take both for one server and send the I/O back to the MDS. Nor
    anything that changes at a restart, or each one would look like another server.
    """

    major_id: bytes
    scope: bytes

    @classmethod
    def of(cls, cluster_name: str, ds_id: str) -> Identity:
        name = f"{cluster_name}/ds/{ds_id}".encode()
        return cls(name, name)


class Core:
    """The parts of one data server."""

    def __init__(
        self,
        *,
        authority: Authority,
        store: ObjectStore,
        registry: Registry,
        limits: Limits,
        identity: Identity,
        report_write: ReportWrite,
        wall_ns: Callable[[], int],
    ) -> None:
        self.authority = authority
        self.store = store
        self.registry = registry
        self.limits = limits
        self.identity = identity
        self.report_write = report_write
        self.wall_ns = wall_ns
        self.ledger = Ledger()

    def write(
        self, grant: Grant, offset: int, stable: int, data: bytes | memoryview, counters: Counters
    ) -> tuple[int, int, bytes]:
        """WRITE (RFC 8881 §18.32): status, count and the write verifier; the data is as stable as was asked for.

        ``committed`` in the reply is ``stable``, no more: for any but FILE_SYNC4 a LAYOUTCOMMIT follows, which
        brings size and time to the MDS. None follows a WRITE answered with FILE_SYNC4 (Linux:
        filelayout_set_layoutcommit returns early), so then we report to the MDS ourselves, and answer when a quorum
        has it. If that cannot be had in time the answer is NFS4ERR_DELAY: the WRITE may be repeated, and Linux does
        so here after 15 s. NFS4ERR_IO would make it shun this device for 120 s and turn to the MDS, which is what
        just did not answer. A metadata server that writes for a client commits the size itself.
        """
        length = len(data)
        if not grant.may_write:
            # "Sent without a layout that allows it" is what PNFS_NO_LAYOUT is for (RFC 8881 §15.1.10.10), and Linux
            # destroys the layout for it; OPENMODE would start a recovery of the open at the MDS.
            return nfs4.NFS4ERR_PNFS_NO_LAYOUT, 0, b""
        if offset + length > OFFSET_MAX:
            return nfs4.NFS4ERR_INVAL if offset + length >> 64 else nfs4.NFS4ERR_FBIG, 0, b""
        store = self.store
        # Before the write: if a failed sync drops it, the verifier has changed by the time of the client's COMMIT.
        verifier = store.verifier
        if not length:
            return 0, 0, verifier  # "the WRITE will succeed and return a count of zero"
        try:
            entry = store.get_or_create(grant.fileid, grant.stripe)
            count = store.write(entry, data, offset)
            if stable != nfs4.UNSTABLE4:
                self._sync(entry, counters)
        except OSError as error:
            return status_of(error), 0, b""
        if stable != nfs4.UNSTABLE4 and store.verifier != verifier:
            return nfs4.NFS4ERR_IO, 0, b""  # another thread's sync was told of the loss of what we wrote
        counters.writes += 1
        counters.written_bytes += count
        if stable == nfs4.FILE_SYNC4 and not dsfh.is_proxied(grant.client_id) and not self.report_write(
            grant.fileid, grant.client_id, grant.stripe, offset + count, self.wall_ns()
        ):
            return nfs4.NFS4ERR_DELAY, 0, b""
        return 0, count, verifier

    def commit(self, grant: Grant, offset: int, count: int, counters: Counters) -> tuple[int, bytes]:
        """COMMIT (RFC 8881 §18.3) of the whole object, whatever the range."""
        if offset + count >> 64:
            return nfs4.NFS4ERR_INVAL, b""
        if not grant.may_write:
            return nfs4.NFS4ERR_ACCESS, b""
        store = self.store
        try:
            entry = store.get(grant.fileid, grant.stripe)
            if entry is not None:
                self._sync(entry, counters)
        except OSError as error:
            return status_of(error), b""
        counters.commits += 1
        return 0, store.verifier  # after the sync, which may have changed it

    def _sync(self, entry: OpenObject, counters: Counters) -> None:
        """``OSError`` when what was written may be lost."""
        clock_ns = self.authority.clock_ns
        began_ns = clock_ns()
        self.store.sync(entry)
        counters.sync.note((clock_ns() - began_ns) / 1e9)

    def read(self, grant: Grant, offset: int, view: memoryview, counters: Counters) -> tuple[int, int]:
        """READ (RFC 8881 §18.22) into ``view``: status and bytes read; fewer than asked means eof.

        What an object does not hold may be a hole of the file, or not there yet, or lie beyond the file's end: only
        the MDS knows the file's size. So we answer short, with eof, and the client substitutes zeros up to the size
        that it knows, as RFC 8881 §13.10 demands of it ("the client will interpret such a response as a hole in the
        file"); Linux does. Short without eof would make Linux ask again, and fail with EIO when nothing comes at
        all. Full replies never say eof, though the object may end there: whether the file does is not known here.
        An object that does not exist is one of size zero: a client may read stripes that were never written.
        """
        if offset >= OFFSET_MAX:
            return 0, 0
        try:
            entry = self.store.get(grant.fileid, grant.stripe)
            count = 0 if entry is None else self.store.read(entry, view[: OFFSET_MAX - offset], offset)
        except OSError as error:
            return status_of(error), 0
        counters.reads += 1
        counters.read_bytes += count
        return 0, count

    def locate(
        self, grant: Grant, offset: int, wanted: int, counters: Counters
    ) -> tuple[int, int, OpenObject | None]:
        """READ without reading: status, how many bytes there are, and the object to send them from.

        No object where :meth:`read` is to be used: there is too little for sendfile to pay, or a read of the object
        has failed before. (Once the head of a reply is out a failure can only be told by closing the connection, so
        the retransmission must get a status.)

        The data is then sent after the request has left the authority's sight: a client that does not take its data
        must not hold up a fence. What it gets was admitted before the fence, and may be as new as the sending.
        """
        if offset >= OFFSET_MAX:
            return 0, 0, None
        try:
            entry = self.store.get(grant.fileid, grant.stripe)
            if entry is None or entry.suspect:
                return 0, 0, None
            count = min(wanted, max(0, self.store.size(entry) - offset))
        except OSError as error:
            return status_of(error), 0, None
        if count < wanted // 2:
            return 0, 0, None
        counters.reads += 1
        counters.read_bytes += count
        return 0, count, entry
