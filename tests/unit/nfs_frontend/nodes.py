"""Nodes with callbacks, a leader with data servers that need not exist, and clients with a back channel. One clock."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from mdscluster.control.leader import LeaderJobs
from mdscluster.control.mandates import Superseded
from mdscluster.control.registry import Heard, Registry
from mdscluster.fsm import lease_reports, recalls
from mdscluster.fsm.commands import DataServerUpdate, RenewLeases, pack_internal
from mdscluster.fsm.session_records import EVENT_SESSION_GONE
from mdscluster.fsm.settings import Settings
from mdscluster.nfs_frontend.callbacks import Callbacks
from mdscluster.nfs_frontend.dispatcher import Dispatcher
from mdscluster.nfs_frontend.exports import ExportRule, make_rule
from mdscluster.nfs_frontend.sessions import Session
from mdsproto.mandate import Mandate
from nfswire import dsfh, nfs4, rpc
from nfswire.attributes import pack_fattr
from tests.unit.nfs_frontend.support import Client, FakeConnection, World, putroot

WHOLE = 0xFFFFFFFFFFFFFFFF
CURRENT = nfs4.stateid4(1, bytes(12))
ANONYMOUS = nfs4.stateid4(0, bytes(12))
FILES = nfs4.LAYOUT4_NFSV4_1_FILES
READ, RW, ANY = nfs4.LAYOUTIOMODE4_READ, nfs4.LAYOUTIOMODE4_RW, nfs4.LAYOUTIOMODE4_ANY
SYSTEM = nfs4.authsys_parms(7, b"client", 0, 0, [])
LEASE_MS, RECALL_MS, DS_LEASE_MS, REPORT_MS = 90_000, 20_000, 6_000, 5_000


class Link(FakeConnection):
    """A connection to a node that can carry calls to the client."""

    def __init__(self, node: Node, rule: ExportRule) -> None:
        super().__init__(rule)
        self.node = node
        self.calls: list[bytes] = []

    def send(self, record: bytes) -> None:
        if record[8:12] == bytes(4):
            self.calls.append(record[4:])
        else:
            super().send(record)

    def bind_session(self, session: Session) -> None:
        super().bind_session(session)
        self.node.callbacks.session_bound(session)

    def lose(self) -> None:
        """The connection breaks."""
        for session in self.sessions:
            session.unbind(self)
        waiting, self.callback_replies = self.callback_replies, {}
        for lost in waiting.values():
            lost(b"")


class Node:
    """One front end."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self.dispatcher = Dispatcher(cluster.replica, cluster.deferred.append)
        self.callbacks = Callbacks(self.dispatcher, number, cluster.later)

    def on_event(self, event: bytes) -> None:
        """As in mdscluster.front_end."""
        if event[:1] == recalls.EVENT_RECALL:
            self.callbacks.recall(event[1:])
        elif event[:1] == recalls.EVENT_RETURNED:
            self.dispatcher.waiting.returned(int.from_bytes(event[1:], "big"))
        elif event[:1] == EVENT_SESSION_GONE:
            self.dispatcher.forget_session(event[1:])
            self.callbacks.session_gone(event[1:])


class FakeLinks:
    """Data servers' control side. Those in ``dead`` do not answer; those in ``busy`` have older I/O under way; those in
    ``refusing`` obey somebody else."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.busy: set[str] = set()
        self.in_force: dict[str, list[dsfh.Fence]] = {}
        self.refusing: dict[str, str] = {}
        self.mandates: list[Mandate | None] = []
        self.cuts: list[tuple[str, int, int]] = []

    async def fence(
        self, heard: Heard, version: int, fences: list[tuple[int, int, int]], mandate: Mandate | None
    ) -> int:
        self.mandates.append(mandate)
        if heard.ds_id in self.refusing:
            raise Superseded(self.refusing[heard.ds_id])
        if heard.ds_id in self.dead | self.busy:
            return 0
        self.in_force[heard.ds_id] = [dsfh.Fence(*entry) for entry in fences]
        return version

    async def truncate(
        self, heard: Heard, fileid: int, size: int, serial: int, mandate: Mandate | None
    ) -> bool:
        self.mandates.append(mandate)
        if heard.ds_id in self.refusing:
            raise Superseded(self.refusing[heard.ds_id])
        if heard.ds_id in self.dead:
            return False
        self.cuts.append((heard.ds_id, fileid, size))
        return True

    def refuses(self, ds_id: str, handle: bytes) -> bool:
        capability = dsfh.unpack_ds_fh(bytes(32), handle)
        assert capability is not None
        return dsfh.refused(self.in_force.get(ds_id, []), capability)


class Cluster(World):
    """Some nodes over one state machine, a leader, three data servers, and the time."""

    def __init__(self, path: Path, nodes: int = 2, *, data_servers: int = 3, exclusive: bool = False) -> None:
        super().__init__(path)
        self.rule = make_rule(["0.0.0.0/0"], root_squash=False, exclusive_writers=exclusive)
        self.now_ms = 1_000
        self.reporting = {"mds1": 1}
        """Nodes whose front ends say every few seconds which clients they heard of: nobody; and as which process."""
        self._reported_ms = 0
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.nodes = [Node(self, number) for number in range(nodes)]
        self.replica.on_event = self._on_event
        self.registry = Registry()
        self.links = FakeLinks()
        self.leader = self.new_leader()
        self.data_servers = [f"ds{i + 1}" for i in range(data_servers)]
        self.heartbeats()
        self.lead()

    def new_leader(self) -> LeaderJobs:
        """Another node's jobs, which know of nothing yet but what data servers told every node."""
        wanted = Settings(cluster_id=0x1234567, name=b"test")
        return LeaderJobs(
            self.replica, self.nodes[0].dispatcher.tables, self.registry, self.links, lambda: self.now_ms,
            ds_lease_ms=DS_LEASE_MS, wanted=msgspec.structs.replace(wanted), draw_cluster_id=lambda: 1,
        )  # fmt: skip

    def _on_event(self, event: bytes) -> None:
        if event[:1] == lease_reports.EVENT_REPORTED:
            self.leader.reported(lease_reports.unpack_event(event))
        for node in self.nodes:
            node.on_event(event)

    def report(self, node_id: str, *client_ids: int) -> None:
        """A front end tells whom it heard of."""
        with self.replica.env.begin() as txn:
            heard_until_ms = lease_reports.lease_clock_ms(txn, self.nodes[0].dispatcher.tables)
        command = RenewLeases(list(client_ids), node_id, self.reporting.get(node_id, 1), heard_until_ms)
        self.replica.propose(pack_internal(command), lambda _: None)

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.now_ms + int(seconds * 1000), next(self._numbers), callback))

    def heartbeats(self) -> None:
        for ds_id in self.data_servers:
            if ds_id not in self.links.dead:
                known = self.registry.heard.get(ds_id)
                version = 0 if known is None else known.fence_version
                port = 20490 + int(ds_id[2:])
                if known is None:  # whoever takes a heartbeat registers it first (mdscluster.control.service)
                    store_id = ds_id.encode().ljust(16, b"-")
                    command = DataServerUpdate(ds_id, "127.0.0.1", port, True, 1 << 40, 1 << 39, 1, store_id)
                    self.replica.propose(pack_internal(command), lambda _: None)
                self.registry.note(
                    Heard(ds_id, 1, "127.0.0.1", port, "127.0.0.1", port + 300, 1 << 40, 1 << 39, version, self.now_ms)
                )

    def lead(self) -> None:
        """One pass of the leader's."""
        asyncio.run(self._pass())
        self.turn()

    async def _pass(self) -> None:
        await self.leader.turn()
        await self.leader.cuts_done()

    def advance(self, ms: int, *, step_ms: int = 250, lead: bool = True) -> None:
        """Let time pass, for everybody."""
        end = self.now_ms + ms
        while self.now_ms < end:
            step = min(step_ms, end - self.now_ms)
            self.now_ms += step
            self.replica.advance(step)
            self.heartbeats()
            if self.now_ms - self._reported_ms >= REPORT_MS:
                self._reported_ms = self.now_ms
                for node_id in self.reporting:
                    self.report(node_id)
            while self._timers and self._timers[0][0] <= self.now_ms:
                heapq.heappop(self._timers)[2]()
            for node in self.nodes:
                node.dispatcher.waiting.tick(self.now_ms)
            if lead:
                self.lead()
            self.turn()


class PnfsClient(Client):
    """A client that keeps its slot's sequence ID, and answers callbacks as Linux does."""

    def __init__(
        self, cluster: Cluster, owner: bytes, node: int = 0, *, minor: int = 1, back_slots: int = 16,
        back_bytes: int = 4096, system: nfs4.authsys_parms = SYSTEM,
    ) -> None:  # fmt: skip
        """``back_bytes``: the largest callback that it takes, without its record mark. ``system``: the credential that
        it wants in callbacks."""
        super().__init__(cluster, owner)
        self.cluster = cluster
        self.minor = minor
        self.back_slots = back_slots
        self.back_bytes = back_bytes
        self.system = system
        self.sequences: dict[int, int] = {}
        self.back_sequences: dict[int, int] = {}
        self.verdict: Callable[[nfs4.CB_LAYOUTRECALL4args], int] = lambda args: 0
        self.recalls: list[nfs4.CB_LAYOUTRECALL4args] = []
        self.refused: list[str] = []
        self.waiting_for: set[tuple[int, int]] = set()
        """Slots and sequence IDs of requests whose replies have not reached it."""
        self.link = self.plug(node)
        self._start()

    def plug(self, node: int) -> Link:
        self.link = Link(self.cluster.nodes[node], self.cluster.rule)
        return self.link

    @property
    def dispatcher(self) -> Dispatcher:
        return self.link.node.dispatcher

    def _start(self) -> None:
        args = nfs4.EXCHANGE_ID4args(
            nfs4.client_owner4(b"verifier", self.owner), nfs4.EXCHGID4_FLAG_USE_PNFS_MDS,
            nfs4.state_protect4_a(nfs4.SP4_NONE), [],
        )  # fmt: skip
        known = self.one(nfs4.OP_EXCHANGE_ID, args).eir_resok4
        self.client_id = known.eir_clientid
        fore = nfs4.channel_attrs4(0, 2 << 20, 2 << 20, 8192, 32, 8, [])
        back = nfs4.channel_attrs4(0, self.back_bytes, 4096, 0, 2, self.back_slots, [])
        create = nfs4.CREATE_SESSION4args(
            self.client_id, known.eir_sequenceid, nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN, fore, back,
            0x40000000, [nfs4.callback_sec_parms4(nfs4.AUTH_SYS, self.system)],
        )  # fmt: skip
        self.session_id = self.one(nfs4.OP_CREATE_SESSION, create).csr_resok4.csr_sessionid
        done = self.run(nfs4.nfs_argop4(nfs4.OP_RECLAIM_COMPLETE, nfs4.RECLAIM_COMPLETE4args(False)))
        assert done is not None
        assert done.status == 0

    def one(self, op: int, args: Any) -> Any:
        """An operation outside of the session."""
        result = self.call(self.dispatcher, self.link, [nfs4.nfs_argop4(op, args)], self.minor)
        assert result.status == 0, nfs4.STATUS_NAMES.get(result.status)
        return result.resarray[0].arm

    def move(self, node: int) -> None:
        """The connection is lost, and another node answers at the address."""
        self.link.lose()
        self.plug(node)

    def bind(self) -> None:
        args = nfs4.BIND_CONN_TO_SESSION4args(self.session_id, nfs4.CDFC4_FORE_OR_BOTH, False)
        self.one(nfs4.OP_BIND_CONN_TO_SESSION, args)

    # ------------------------------------------------------------ COMPOUNDs
    def record(self, *operations: nfs4.nfs_argop4, slot: int = 0) -> bytes:
        self.sequences[slot] = self.sequences.get(slot, 0) + 1
        return self.compound(self.sequences[slot], list(operations), slot, True, self.minor)

    def run(self, *operations: nfs4.nfs_argop4, slot: int = 0) -> nfs4.COMPOUND4res | None:
        """A COMPOUND in the session; None: no answer yet (:meth:`answer`)."""
        reply = self.send(self.dispatcher, self.link, self.record(*operations, slot=slot))
        return None if reply is None else self.decode(reply)

    def ok(self, *operations: nfs4.nfs_argop4, slot: int = 0) -> nfs4.COMPOUND4res:
        result = self.run(*operations, slot=slot)
        assert result is not None, "no answer"
        assert result.status == 0, nfs4.STATUS_NAMES.get(result.status)
        return result

    def status(self, *operations: nfs4.nfs_argop4, slot: int = 0) -> str:
        result = self.run(*operations, slot=slot)
        return "no answer" if result is None else nfs4.STATUS_NAMES[result.status]

    def answers(self) -> int:
        return len(self.link.sent)

    def answer(self) -> nfs4.COMPOUND4res:
        """The last reply."""
        return self.decode(self.link.sent[-1])

    # ------------------------------------------------------------ files and layouts
    def open(self, name: bytes, access: int = 3, size: int | None = None) -> tuple[bytes, nfs4.stateid4]:
        result = self.ok(*opening(name, self.client_id, access, size), getfh())
        return handle_in(result), result.resarray[2].arm.resok4.stateid

    def layout(self, handle: bytes, stateid: nfs4.stateid4, iomode: int = RW) -> tuple[nfs4.stateid4, list[bytes]]:
        return granted(self.ok(putfh(handle), layoutget(stateid, iomode)))

    # ------------------------------------------------------------ the back channel
    def serve(self) -> int:
        """Answer the calls that have come; how many."""
        calls, self.link.calls = self.link.calls, []
        for record in calls:
            self.link.on_callback_reply(self._callback(record))
        self.cluster.turn()
        return len(calls)

    def _callback(self, record: bytes) -> bytes:
        """fs/nfs/callback.c and callback_proc.c, as far as it matters here."""
        call = rpc.unpack_call(record, 0, len(record))
        if not isinstance(call.credential, rpc.AuthSys):
            self.refused.append("AUTH_NONE")
            return rpc.reply_auth_error(call.xid, rpc.AUTH_BADCRED)
        compound, end = nfs4.unpack_CB_COMPOUND4args(record, call.args_pos)
        assert end == len(record)
        sequence = compound.argarray[0].arm
        status = self._sequence(compound.minorversion, sequence, len(record))
        replayed = status == nfs4.NFS4ERR_RETRY_UNCACHED_REP
        if status and not replayed:
            if status != nfs4.NFS4ERR_DELAY:
                self.refused.append(nfs4.STATUS_NAMES[status])
            results = [nfs4.nfs_cb_resop4(nfs4.OP_CB_SEQUENCE, nfs4.CB_SEQUENCE4res(status))]
        else:
            resok = nfs4.CB_SEQUENCE4resok(
                sequence.csa_sessionid, sequence.csa_sequenceid, sequence.csa_slotid, 15, 15
            )
            results = [nfs4.nfs_cb_resop4(nfs4.OP_CB_SEQUENCE, nfs4.CB_SEQUENCE4res(0, resok))]
            status = 0
            for operation in compound.argarray[1:]:
                assert operation.argop == nfs4.OP_CB_LAYOUTRECALL
                if replayed:
                    status = nfs4.NFS4ERR_RETRY_UNCACHED_REP
                else:
                    self.recalls.append(operation.arm)
                    status = self.verdict(operation.arm)
                results.append(nfs4.nfs_cb_resop4(operation.argop, nfs4.CB_LAYOUTRECALL4res(status)))
        return rpc.reply_success(call.xid) + nfs4.pack_CB_COMPOUND4res(nfs4.CB_COMPOUND4res(status, b"", results))

    def _sequence(self, minor: int, args: nfs4.CB_SEQUENCE4args, size: int) -> int:
        if size > self.back_bytes:
            return nfs4.NFS4ERR_REQ_TOO_BIG  # "... the state of the slot in the reply cache is unchanged" (§2.10.6.4)
        if minor != self.minor or args.csa_sessionid != self.session_id:
            return nfs4.NFS4ERR_BADSESSION
        if args.csa_slotid >= self.back_slots:
            return nfs4.NFS4ERR_BADSLOT
        last = self.back_sequences.get(args.csa_slotid, 0)
        if args.csa_sequenceid == last:
            return nfs4.NFS4ERR_RETRY_UNCACHED_REP
        if args.csa_sequenceid != last + 1:
            return nfs4.NFS4ERR_SEQ_MISORDERED
        for calls in args.csa_referring_call_lists:
            assert calls.rcl_sessionid == self.session_id
            if any((call.rc_slotid, call.rc_sequenceid) in self.waiting_for for call in calls.rcl_referring_calls):
                return nfs4.NFS4ERR_DELAY
        self.back_sequences[args.csa_slotid] = args.csa_sequenceid
        return 0


# ---------------------------------------------------------------- operations
def putfh(handle: bytes) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_PUTFH, nfs4.PUTFH4args(handle))


def getfh() -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_GETFH)


def remove(name: bytes) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_REMOVE, nfs4.REMOVE4args(name))


def opening(name: bytes, client_id: int, access: int = 3, size: int | None = None) -> list[nfs4.nfs_argop4]:
    """Open a name in the root, made if it is not there; with size 0, emptied."""
    wanted = {nfs4.FATTR4_MODE: 0o644, **({} if size is None else {nfs4.FATTR4_SIZE: size})}
    how = nfs4.openflag4(nfs4.OPEN4_CREATE, nfs4.createhow4(nfs4.UNCHECKED4, createattrs=pack_fattr(wanted)))
    owner = nfs4.state_owner4(client_id, b"owner")
    args = nfs4.OPEN4args(0, access, 0, owner, how, nfs4.open_claim4(nfs4.CLAIM_NULL, file=name))
    return [putroot(), nfs4.nfs_argop4(nfs4.OP_OPEN, args)]


def setsize(size: int, stateid: nfs4.stateid4 = ANONYMOUS) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_SETATTR, nfs4.SETATTR4args(stateid, pack_fattr({nfs4.FATTR4_SIZE: size})))


def getsize() -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_GETATTR, nfs4.GETATTR4args(1 << nfs4.FATTR4_SIZE))


def layoutget(stateid: nfs4.stateid4, iomode: int = RW) -> nfs4.nfs_argop4:
    args = nfs4.LAYOUTGET4args(False, FILES, iomode, 0, WHOLE, 4096, stateid, 4096)
    return nfs4.nfs_argop4(nfs4.OP_LAYOUTGET, args)


def layoutcommit(stateid: nfs4.stateid4, last: int) -> nfs4.nfs_argop4:
    args = nfs4.LAYOUTCOMMIT4args(
        0, WHOLE, False, stateid, nfs4.newoffset4(True, last), nfs4.newtime4(False), nfs4.layoutupdate4(FILES, b"")
    )
    return nfs4.nfs_argop4(nfs4.OP_LAYOUTCOMMIT, args)


def layoutreturn(stateid: nfs4.stateid4) -> nfs4.nfs_argop4:
    what = nfs4.layoutreturn4(nfs4.LAYOUTRETURN4_FILE, nfs4.layoutreturn_file4(0, WHOLE, stateid, b""))
    return nfs4.nfs_argop4(nfs4.OP_LAYOUTRETURN, nfs4.LAYOUTRETURN4args(False, FILES, ANY, what))


def getdeviceinfo(device: bytes) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_GETDEVICEINFO, nfs4.GETDEVICEINFO4args(device, FILES, 4096, 0))


# ---------------------------------------------------------------- results
def result_of(result: nfs4.COMPOUND4res, op: int) -> Any:
    return next(one.arm for one in reversed(result.resarray) if one.resop == op)


def handle_in(result: nfs4.COMPOUND4res) -> bytes:
    handle: bytes = result_of(result, nfs4.OP_GETFH).resok4.object
    return handle


def size_in(result: nfs4.COMPOUND4res) -> int:
    return int.from_bytes(result_of(result, nfs4.OP_GETATTR).resok4.obj_attributes.attr_vals, "big")


def granted(result: nfs4.COMPOUND4res) -> tuple[nfs4.stateid4, list[bytes]]:
    """A layout's stateid and the filehandles in it."""
    resok = result_of(result, nfs4.OP_LAYOUTGET).logr_resok4
    content, _ = nfs4.unpack_nfsv4_1_file_layout4(resok.logr_layout[0].lo_content.loc_body, 0)
    return resok.logr_stateid, content.nfl_fh_list
