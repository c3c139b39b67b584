"""The layouts this client holds (RFC 8881 chapter 12): getting, sharing, committing and returning them; devices;
recalls.

One grant per file, whole-file or not used at all. A grant is *used* by I/O under way; a recall lets no new I/O in,
waits for what is under way, has written data committed, and then returns the layout.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from nfsclient import striping
from nfsclient.channel import Channel
from nfsclient.compound import Compound
from nfsclient.errors import NfsClientError, NfsError, ProtocolViolation, status_name
from nfsclient.retry import NOT_NOW, RetryPolicy
from nfsclient.runtime import Future, Lock, Runtime
from nfsclient.stats import Stats
from nfswire import nfs4
from nfswire.xdr import XdrError

WHOLE = nfs4.NFS4_UINT64_MAX
FILES = nfs4.LAYOUT4_NFSV4_1_FILES
ONCE = RetryPolicy(patience_ms=0.0)
NOTIFY_CHANGE_AND_DELETE = 1 << nfs4.NOTIFY_DEVICEID4_CHANGE | 1 << nfs4.NOTIFY_DEVICEID4_DELETE
STATE_REFUSED = frozenset({nfs4.NFS4ERR_BAD_STATEID, nfs4.NFS4ERR_OLD_STATEID, nfs4.NFS4ERR_STALE_STATEID})


class LayoutSettings(msgspec.Struct, frozen=True):
    """How layouts are asked for."""

    retry: RetryPolicy = RetryPolicy(first_ms=10.0, longest_ms=500.0, patience_ms=30_000.0)
    """For LAYOUTTRYLATER, RECALLCONFLICT, DELAY; then I/O goes through the MDS."""
    unavailable_ms: float = 10_000.0
    """After a layout was refused for good, the file's I/O goes through the MDS for so long before the next LAYOUTGET.
    """
    reply_bytes_max: int = 65536


class Grant:
    """The layout held for one file. ``users`` counts I/O under way; ``recalled`` lets no more in."""

    def __init__(self, filehandle: bytes, gone: Future[None]) -> None:
        self.filehandle = filehandle
        self.gone = gone
        self.stateid = nfs4.stateid4(0, bytes(12))
        self.layout: striping.FilesLayout
        self.device: striping.Device
        self.return_on_close = False
        self.users = 0
        self.recalled = False
        self.idle: Future[None] | None = None


class _FileState:
    """What is known of layouts of one file."""

    def __init__(self, runtime: Runtime) -> None:
        self.lock = Lock(runtime)       # one LAYOUTGET at a time
        self.grant: Grant | None = None
        self.asking = False             # a LAYOUTGET is on the wire, or what it granted is being taken up
        self.refused_ms = float("-inf")


class Layouts:
    """All layouts of one client."""

    def __init__(self, mds: Channel, runtime: Runtime, settings: LayoutSettings, stats: Stats,
                 flush: Callable[[bytes], Awaitable[None]]) -> None:
        self._mds = mds
        self._runtime = runtime
        self._settings = settings
        self._stats = stats
        self._flush = flush
        self._files: dict[bytes, _FileState] = {}
        self._devices: dict[bytes, striping.Device] = {}
        self.enabled = True

    # -- using

    def current(self, filehandle: bytes) -> Grant | None:
        """The grant held for a file, if any, recalled or not."""
        state = self._files.get(filehandle)
        return None if state is None else state.grant

    async def use(self, filehandle: bytes, open_stateid: nfs4.stateid4, iomode: int) -> Grant | None:
        """The file's layout, to be handed back with ``done``; None: do the I/O through the MDS."""
        if not self.enabled:
            return None
        state = self._files.setdefault(filehandle, _FileState(self._runtime))
        grant = state.grant
        if grant is not None and not grant.recalled and _suffices(grant, iomode):
            grant.users += 1
            return grant
        if self._runtime.now_ms() - state.refused_ms < self._settings.unavailable_ms:
            return None
        async with state.lock:
            return await self._obtain(state, filehandle, open_stateid, iomode)

    def done(self, grant: Grant) -> None:
        """I/O that used ``grant`` has ended."""
        grant.users -= 1
        assert grant.users >= 0
        if not grant.users and grant.idle is not None and not grant.idle.done():
            grant.idle.set_result(None)

    async def _obtain(self, state: _FileState, filehandle: bytes, open_stateid: nfs4.stateid4,
                      iomode: int) -> Grant | None:
        started_ms, attempt = self._runtime.now_ms(), 0
        while True:
            grant = state.grant
            if grant is not None and grant.recalled:
                await grant.gone
                continue
            if grant is not None and _suffices(grant, iomode):
                grant.users += 1
                return grant
            state.asking = True
            try:
                status, granted = await self._ask(filehandle, grant.stateid if grant else open_stateid, iomode)
                usable = granted is None or await self._adopt(state, filehandle, granted)
            finally:
                state.asking = False
            if not usable and state.grant is not None:
                await self.give_back(state.grant)
            if granted is not None:
                if usable:
                    continue
                return None
            if status in STATE_REFUSED and grant is not None:  # "again, from the open stateid"
                self._forget(state, grant)
                continue
            now_ms = self._runtime.now_ms()
            wait_ms = self._settings.retry.wait_ms(status, attempt, now_ms - started_ms)
            if wait_ms is None:
                self._stats.notes[f"no layout: {status_name(status)}"] += 1
                state.refused_ms = float("-inf") if status in NOT_NOW else now_ms
                return None
            attempt += 1
            self._stats.retries += 1
            await self._runtime.sleep(wait_ms)

    async def _ask(self, filehandle: bytes, stateid: nfs4.stateid4,
                   iomode: int) -> tuple[int, nfs4.LAYOUTGET4resok | None]:
        """LAYOUTGET (RFC 8881 section 18.43) of the whole file, once."""
        compound = Compound().putfh(filehandle).add(nfs4.OP_LAYOUTGET, nfs4.LAYOUTGET4args(
            False, FILES, iomode, 0, WHOLE, 4096, stateid, self._settings.reply_bytes_max))
        reply = await self._mds.call(compound, ONCE)
        if reply.status != nfs4.NFS4_OK:
            return reply.status, None
        return nfs4.NFS4_OK, reply.result(nfs4.OP_LAYOUTGET).logr_resok4

    async def _adopt(self, state: _FileState, filehandle: bytes, granted: nfs4.LAYOUTGET4resok) -> bool:
        """Take up what LAYOUTGET granted; False when it is of no use: then it is to be given back."""
        grant = state.grant or Grant(filehandle, self._runtime.future())
        grant.stateid = granted.logr_stateid
        grant.return_on_close |= granted.logr_return_on_close
        self._stats.layouts_granted += 1
        try:
            layout = striping.parse_layout(granted.logr_layout[0])
            if layout.offset != 0 or layout.length != WHOLE or layout.pattern_offset != 0:
                raise ProtocolViolation(f"layout of {layout.offset}+{layout.length}, not of the whole file")
            device = await self._device(layout.device_id)
            striping.check(layout, device)
        except (NfsError, ProtocolViolation, IndexError) as error:
            self._stats.notes[f"layout not usable: {error}"] += 1
            state.refused_ms = self._runtime.now_ms()
            state.grant = grant
            return False
        grant.layout, grant.device = layout, device
        state.grant = grant
        return True

    # -- devices

    async def _device(self, device_id: bytes) -> striping.Device:
        """GETDEVICEINFO (RFC 8881 section 18.40), cached by device ID for as long as the server does not recall it."""
        known = self._devices.get(device_id)
        if known is not None:
            return known
        count_max = self._settings.reply_bytes_max
        args = nfs4.GETDEVICEINFO4args(device_id, FILES, count_max, NOTIFY_CHANGE_AND_DELETE)
        reply = (await self._mds.call(Compound().add(nfs4.OP_GETDEVICEINFO, args))).check()
        found = reply.result(nfs4.OP_GETDEVICEINFO).gdir_resok4.gdir_device_addr
        if found.da_layout_type != FILES:
            raise ProtocolViolation(f"device of layout type {found.da_layout_type}")
        device = striping.parse_device(device_id, found.da_addr_body)
        self._devices[device_id] = device
        return device

    def device_notified(self, args: nfs4.CB_NOTIFY_DEVICEID4args) -> int:
        """CB_NOTIFY_DEVICEID (RFC 8881 section 20.12): forget the device, and give back layouts that stand on it."""
        for change in args.cnda_changes:
            try:
                if change.notify_mask >> nfs4.NOTIFY_DEVICEID4_CHANGE & 1:
                    changed, _ = nfs4.unpack_notify_deviceid_change4(change.notify_vals, 0)
                    device_id = changed.ndc_deviceid
                else:
                    deleted, _ = nfs4.unpack_notify_deviceid_delete4(change.notify_vals, 0)
                    device_id = deleted.ndd_deviceid
            except XdrError:
                return nfs4.NFS4ERR_BADXDR
            self._devices.pop(device_id, None)
            for grant in self._grants():
                if not grant.recalled and grant.device.device_id == device_id:
                    self._runtime.spawn(self.give_back(grant))
        return nfs4.NFS4_OK

    # -- returning

    def recalled(self, args: nfs4.CB_LAYOUTRECALL4args) -> int:
        """CB_LAYOUTRECALL (RFC 8881 sections 12.5.5 and 20.3)."""
        if args.clora_type != FILES:
            return nfs4.NFS4ERR_NOMATCHING_LAYOUT
        recall = args.clora_recall
        if recall.lor_recalltype == nfs4.LAYOUT4_RET_REC_FILE and recall.lor_layout is not None:
            return self._file_recalled(recall.lor_layout, args.clora_iomode)
        if any(state.asking for state in self._files.values()):
            return nfs4.NFS4ERR_DELAY
        grants = self._grants()
        if not grants:
            return nfs4.NFS4ERR_NOMATCHING_LAYOUT
        self._stats.layouts_recalled += len(grants)
        self._runtime.spawn(self._give_back_all(grants, recall.lor_recalltype))
        return nfs4.NFS4_OK

    def _file_recalled(self, recall: nfs4.layoutrecall_file4, iomode: int) -> int:
        state = self._files.get(recall.lor_fh)
        if state is None or (state.grant is None and not state.asking):
            return nfs4.NFS4ERR_NOMATCHING_LAYOUT
        grant = state.grant
        if grant is None or state.asking:
            return nfs4.NFS4ERR_DELAY  # the reply that grants or changes it is on its way
        if grant.stateid.other != recall.lor_stateid.other:
            return nfs4.NFS4ERR_NOMATCHING_LAYOUT
        if not grant.recalled and iomode not in (nfs4.LAYOUTIOMODE4_ANY, grant.layout.iomode):
            return nfs4.NFS4ERR_NOMATCHING_LAYOUT
        ahead = recall.lor_stateid.seqid - grant.stateid.seqid
        if ahead != 1:
            if grant.recalled and ahead == 0:
                return nfs4.NFS4_OK  # the same recall again, from another node
            return nfs4.NFS4ERR_DELAY if ahead > 1 else nfs4.NFS4ERR_OLD_STATEID
        grant.stateid = recall.lor_stateid
        self._stats.layouts_recalled += 1
        if not grant.recalled:
            self._runtime.spawn(self.give_back(grant))
        return nfs4.NFS4_OK

    def _grants(self) -> list[Grant]:
        return [state.grant for state in self._files.values() if state.grant is not None]

    async def _give_back_all(self, grants: list[Grant], kind: int) -> None:
        """Return every layout, and then say so for the file system or for all (RFC 8881 section 18.44.3)."""
        for grant in grants:
            await self.give_back(grant)
        compound = Compound().add(nfs4.OP_PUTROOTFH) if kind == nfs4.LAYOUT4_RET_REC_ALL else (
            Compound().putfh(grants[0].filehandle))
        await self._return(compound, nfs4.layoutreturn4(kind))

    async def give_back(self, grant: Grant) -> None:
        """Let no new I/O in, wait for what is under way, commit what was written, LAYOUTRETURN. Never fails."""
        if grant.recalled:
            await grant.gone
            return
        grant.recalled = True
        if grant.users:
            grant.idle = self._runtime.future()
            await grant.idle
        state = self._files[grant.filehandle]
        try:
            await self._flush(grant.filehandle)
            await self._return(Compound().putfh(grant.filehandle), nfs4.layoutreturn4(
                nfs4.LAYOUTRETURN4_FILE, nfs4.layoutreturn_file4(0, WHOLE, grant.stateid, b"")))
        except NfsClientError as error:
            self._stats.notes[f"returning a layout: {error}"] += 1
        finally:
            self._forget(state, grant)

    async def _return(self, compound: Compound, what: nfs4.layoutreturn4) -> None:
        args = nfs4.LAYOUTRETURN4args(False, FILES, nfs4.LAYOUTIOMODE4_ANY, what)
        reply = await self._mds.call(compound.add(nfs4.OP_LAYOUTRETURN, args))
        if reply.status != nfs4.NFS4_OK:
            self._stats.notes[f"LAYOUTRETURN: {status_name(reply.status)}"] += 1

    def _forget(self, state: _FileState, grant: Grant) -> None:
        if state.grant is grant:
            state.grant = None
        if not grant.gone.done():
            grant.gone.set_result(None)

    async def release(self, filehandle: bytes) -> None:
        """The file is not open any more: its layout goes back before the CLOSE."""
        state = self._files.get(filehandle)
        if state is None:
            return
        if state.grant is not None:
            await self.give_back(state.grant)
        if not state.asking and state.grant is None:
            self._files.pop(filehandle, None)

    # -- committing

    async def commit(self, grant: Grant, end: int) -> int:
        """LAYOUTCOMMIT (RFC 8881 section 18.42) of what was written up to offset ``end``; returns the status."""
        args = nfs4.LAYOUTCOMMIT4args(
            0, end, False, grant.stateid, nfs4.newoffset4(True, end - 1), nfs4.newtime4(False),
            nfs4.layoutupdate4(FILES, b""))
        reply = await self._mds.call(Compound().putfh(grant.filehandle).add(nfs4.OP_LAYOUTCOMMIT, args))
        return reply.status


def _suffices(grant: Grant, iomode: int) -> bool:
    return grant.layout.iomode == nfs4.LAYOUTIOMODE4_RW or iomode == nfs4.LAYOUTIOMODE4_READ
