"""Who may do I/O now: lease, fences, deleted files and capability handles, checked without a lock.

Everything a request is judged by is one immutable :class:`Table`. A request publishes the table that it uses in its
thread's :class:`Ticket` and reads it back; whoever puts a new table in force waits until no ticket shows an older
one. After that no I/O admitted under the old rules is under way (INV-6), and no request ever took a lock: with the
interpreter's sequentially consistent stores this is the hazard-pointer scheme.

The clock is an argument of the class: nanoseconds that also count while the machine is suspended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from dataserver.life import Life
from nfswire import dsfh, nfs4
from nfswire.dsfh import Fence

KNOWN_HANDLES_MAX: Final = 65_536
"""Handles whose MAC was found good, remembered per table."""
DRAIN_POLL_S: Final = 0.001


class Grant(msgspec.Struct, frozen=True, gc=False):
    """What a genuine handle that no fence refuses allows."""

    fileid: int
    stripe: int
    client_id: int
    may_write: bool


class Table:
    """One state of the rules. Never changed once published, but for the memory of good handles."""

    __slots__ = ("deleted", "epoch_max", "fences", "fences_by_file", "key", "known", "serial", "version", "wide_fences")

    def __init__(
        self, key: bytes, serial: int, version: int, fences: tuple[Fence, ...], deleted: frozenset[int]
    ) -> None:
        self.key = key
        self.serial = serial
        self.version = version
        self.fences = fences
        self.deleted = deleted
        self.known: dict[bytes, Grant] = {}
        self.epoch_max = max((fence.epoch_min for fence in fences), default=0)
        self.fences_by_file: dict[int, list[Fence]] = {}
        self.wide_fences: list[Fence] = []
        for fence in fences:
            if fence.fileid:
                self.fences_by_file.setdefault(fence.fileid, []).append(fence)
            else:
                self.wide_fences.append(fence)

    def judge(self, handle: bytes) -> Grant | int:
        """What ``handle`` allows, or the status that refuses it.

        Both refusals are from Linux's list of "invalid layout errors" (fs/nfs/filelayout/filelayout.c,
        filelayout_async_handle_error): it destroys the layout, sends this I/O through the MDS, and asks for a new
        layout for the next. NFS4ERR_BADHANDLE: not a handle that this cluster issued. NFS4ERR_STALE: it was issued,
        but is revoked by a fence, or its file is deleted. Had we said NFS4ERR_IO, it would have shunned the whole
        device for 120 s; a stateid error would have sent it into the recovery of opens that are in good order.
        """
        known = self.known.get(handle)
        if known is not None:
            return known
        capability = dsfh.unpack_ds_fh(self.key, handle)
        if capability is None:
            return nfs4.NFS4ERR_BADHANDLE
        if capability.fileid in self.deleted:
            return nfs4.NFS4ERR_STALE
        if capability.epoch < self.epoch_max and (
            dsfh.refused(self.wide_fences, capability)
            or dsfh.refused(self.fences_by_file.get(capability.fileid, ()), capability)
        ):
            return nfs4.NFS4ERR_STALE
        grant = Grant(capability.fileid, capability.stripe_index, capability.clientid, capability.may_write)
        if len(self.known) >= KNOWN_HANDLES_MAX:
            self.known.clear()
        self.known[handle] = grant
        return grant


class Ticket:
    """One thread's announcement of the table it is doing I/O under; None between requests."""

    __slots__ = ("closed", "table")

    def __init__(self) -> None:
        self.table: Table | None = None
        self.closed = False
        """The connection was ended by us: whatever it still holds must not be run (see :meth:`Authority.enter`)."""


class Authority:
    """The data server's permission to serve, in one life of the cluster. ``clock_ns`` counts nanoseconds and never
    stands still."""

    def __init__(
        self,
        key: bytes,
        clock_ns: Callable[[], int],
        life: Life | None = None,
        *,
        lease_wait_ms: int,
        deleted: Iterable[int] = (),
    ) -> None:
        self.clock_ns = clock_ns
        self.lease_wait_ms = lease_wait_ms
        self.table = Table(key, 1, 0, (), frozenset(deleted))
        self.lease_until_ns = 0
        self._life = Life() if life is None else life
        self._version_in_force = 0
        self._key = key
        self._tickets: set[Ticket] = set()
        self._lock = threading.Lock()
        self._renewed = threading.Condition()
        self._life.ends_with(self._begin_anew)

    # ------------------------------------------------------------ the request's side
    def ticket(self) -> Ticket:
        """A ticket for a new thread; give it back with :meth:`drop`."""
        ticket = Ticket()
        with self._lock:
            self._tickets.add(ticket)
        return ticket

    def drop(self, ticket: Ticket) -> None:
        """The thread ends."""
        ticket.table = None
        with self._lock:
            self._tickets.discard(ticket)

    def enter(self, ticket: Ticket) -> Table | None:
        """The rules for one request, which must set ``ticket.table = None`` when its I/O is done.

        None: no quorum-backed MDS was heard within the lease, answer NFS4ERR_DELAY. Linux sleeps 15 s on a DELAY
        from a data server, so a lapsed lease is waited out for ``lease_wait_ms`` first: an election takes less.

        None, too, for a closed ticket, also when the lease comes back: its client has been told to go to the MDS, may
        have written newer data by now, and an older WRITE that had waited here must not come after it.
        """
        while True:
            table = ticket.table = self.table
            if self.table is not table:
                continue  # replaced between the two loads: whoever did so may not have seen this ticket
            if self.clock_ns() < self.lease_until_ns and not ticket.closed:
                return table
            ticket.table = None
            if ticket.closed or not self._await_lease(ticket):
                return None

    def _await_lease(self, ticket: Ticket) -> bool:
        deadline_ns = self.clock_ns() + self.lease_wait_ms * 1_000_000
        with self._renewed:
            while (now_ns := self.clock_ns()) >= self.lease_until_ns:
                if now_ns >= deadline_ns or ticket.closed:
                    return False
                self._renewed.wait((deadline_ns - now_ns) / 1e9)
        return True

    def close(self, ticket: Ticket) -> None:
        """Run nothing more under this ticket; may be called from another thread."""
        ticket.closed = True
        with self._renewed:
            self._renewed.notify_all()

    # ------------------------------------------------------------ the control plane's side
    @property
    def version_in_force(self) -> int:
        """The fence list's version that every I/O under way obeys; 0: none yet."""
        return self._version_in_force

    def has_lease(self) -> bool:
        """Whether I/O is served now."""
        return self.clock_ns() < self.lease_until_ns

    def _begin_anew(self, era: int, restored: bool) -> None:
        """Another life of the cluster begins: as at a start, nothing is served until a quorum has told the whole list.

        In a restored cluster files that were deleted may live again; what the handles of before are worth is told by
        its fence over everything. What waits for a lease goes on waiting, and is judged by the new list.
        """
        with self._renewed:
            self.lease_until_ns = min(self.lease_until_ns, self.clock_ns())  # first: nobody may run without fences
        with self._lock:
            deleted = frozenset[int]() if restored else self.table.deleted
            self.table = Table(self._key, self.table.serial + 1, 0, (), deleted)
            self._version_in_force = 0

    def renew(self, sent_ns: int, lease_ms: int, *, life: int = 0) -> None:
        """A quorum-backed MDS answered a heartbeat that was *sent* at ``sent_ns``: the lease counts from there.
        :class:`LifeOver`."""
        until_ns = sent_ns + lease_ms * 1_000_000
        with self._life.held(life), self._renewed:
            if until_ns > self.lease_until_ns:
                self.lease_until_ns = until_ns
                self._renewed.notify_all()

    def revoke_lease(self) -> None:
        """Serve nothing until the next quorum-backed heartbeat."""
        with self._renewed:
            self.lease_until_ns = 0

    def fence(self, version: int, fences: Iterable[Fence], *, drain_timeout_s: float, life: int = 0) -> int:
        """Put the list in force unless a later one is, wait out older I/O, return the version in force.

        ``TimeoutError`` when I/O of before did not end in time: the list is obeyed by all new requests, but must not
        be reported as in force. An older version than the one known is ignored; lists only move forward, within one
        ``life`` of the cluster (:class:`LifeOver`).
        """
        with self._life.held(life), self._lock:
            old = self.table
            if version > old.version:
                self.table = Table(self._key, old.serial + 1, version, tuple(fences), old.deleted)
            table = self.table
        self._drain(table.serial, drain_timeout_s)
        with self._life.held(life), self._lock:
            self._version_in_force = max(self._version_in_force, table.version)
            return self._version_in_force

    def bury(
        self, fileids: Iterable[int], *, forget: Iterable[int] = (), drain_timeout_s: float, life: int = 0
    ) -> None:
        """From now on these files' handles are stale, and no I/O on them is under way. ``TimeoutError`` and
        :class:`LifeOver` as above."""
        with self._life.held(life), self._lock:
            old = self.table
            deleted = (old.deleted - frozenset(forget)) | frozenset(fileids)
            if deleted != old.deleted:
                self.table = Table(self._key, old.serial + 1, old.version, old.fences, deleted)
            table = self.table
        self._drain(table.serial, drain_timeout_s)

    def _drain(self, serial: int, timeout_s: float) -> None:
        """Wait until no request runs under a table older than ``serial``."""
        deadline_ns = self.clock_ns() + int(timeout_s * 1e9)
        with self._lock:
            waiting = list(self._tickets)
        while waiting:
            waiting = [t for t in waiting if (table := t.table) is not None and table.serial < serial]
            if not waiting:
                return
            if self.clock_ns() > deadline_ns:
                raise TimeoutError(f"{len(waiting)} requests of before are still under way")
            time.sleep(DRAIN_POLL_S)
