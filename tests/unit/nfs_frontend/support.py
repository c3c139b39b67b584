"""Two front ends over one state machine, and a client that speaks XDR to them, without a socket."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import msgspec

from mdscluster.fsm.commands import ConfigureCluster, pack_internal
from mdscluster.fsm.machine import StateMachine
from mdscluster.fsm.settings import Settings
from mdscluster.nfs_frontend.dispatcher import Dispatcher
from mdscluster.nfs_frontend.exports import ExportRule, Identity, make_rule
from mdscluster.nfs_frontend.sessions import Session
from mdscluster.raft.environment import open_environment
from mdscluster.raft.solo import SoloReplica
from nfswire import nfs4, rpc

ROOT = rpc.AuthSys(0, b"test", 0, 0, ())


class FakeConnection:
    """A client's connection that keeps what is sent to it."""

    def __init__(self, rule: ExportRule | None) -> None:
        self.rule = rule
        self.peer = "127.0.0.1"
        self.identities: dict[bytes, Identity] = {}
        self.callback_replies: dict[int, Callable[[bytes], None]] = {}
        self.sent: list[bytes] = []
        self.aborted: str | None = None
        self.sessions: list[Session] = []
        self.congested = False
        self.in_session = False

    def note_session(self) -> None:
        self.in_session = True

    def ticket(self, size_bytes: int) -> object:
        return None

    @property
    def closed(self) -> bool:
        return self.aborted is not None

    def send(self, record: bytes) -> None:
        mark = struct.unpack_from(">I", record)[0]
        assert mark == 0x80000000 | len(record) - 4, "the record mark does not fit the record"
        self.sent.append(record[4:])

    def abort(self, reason: str) -> None:
        self.aborted = reason

    def on_callback_reply(self, record: bytes) -> None:
        waiting = self.callback_replies.pop(struct.unpack_from(">I", record)[0], None)
        if waiting is not None:
            waiting(record)

    def bind_session(self, session: Session) -> None:
        session.bind_back_channel(self)
        self.sessions.append(session)


class World:
    """One replicated state, and front ends that share it as nodes share a log."""

    def __init__(self, path: Path) -> None:
        self.replica = SoloReplica(open_environment(path, map_bytes=64 << 20), StateMachine)
        settings = Settings(cluster_id=0x1234567, name=b"test")
        self.replica.propose(pack_internal(ConfigureCluster(msgspec.msgpack.encode(settings))), lambda _: None)
        self.deferred: list[Callable[[], None]] = []
        self.rule = make_rule(["0.0.0.0/0"], root_squash=False)

    def node(self) -> Dispatcher:
        return Dispatcher(self.replica, self.deferred.append)

    def connect(self) -> FakeConnection:
        return FakeConnection(self.rule)

    def turn(self) -> None:
        """Let the event loop's turn end."""
        while self.deferred:
            self.deferred.pop(0)()


class Client:
    """A client with at most one session; it says where (which node, which connection) each COMPOUND goes."""

    def __init__(self, world: World, owner: bytes = b"client") -> None:
        self.world = world
        self.owner = owner
        self.xid = 100
        self.client_id = 0
        self.session_id = b""

    def raw(self, body: bytes, uid: int = 0) -> bytes:
        """A call of COMPOUND with these arguments, as a record without its mark."""
        self.xid += 1
        return b"".join(rpc.pack_call(self.xid, 100003, 4, 1, rpc.AuthSys(0, b"test", uid, 0, ()), [body]))

    def send(self, node: Dispatcher, connection: FakeConnection, record: bytes) -> bytes | None:
        """Deliver a record; the reply to it, None when there was none."""
        before = len(connection.sent)
        node.receive(connection, record, 0, len(record))
        self.world.turn()
        return connection.sent[-1] if len(connection.sent) > before else None

    def call(
        self, node: Dispatcher, connection: FakeConnection, ops: list[nfs4.nfs_argop4], minor: int = 1
    ) -> nfs4.COMPOUND4res:
        record = self.raw(nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", minor, ops)))
        return self.decode(self.send(node, connection, record))

    @staticmethod
    def decode(reply: bytes | None) -> nfs4.COMPOUND4res:
        assert reply is not None, "no reply"
        head = rpc.unpack_reply(reply, 0, len(reply))
        assert head.accepted
        assert head.status == 0
        result, end = nfs4.unpack_COMPOUND4res(reply, head.results_pos)
        assert end == len(reply)
        return result

    def start(self, node: Dispatcher, connection: FakeConnection, slots: int = 4) -> None:
        """EXCHANGE_ID, CREATE_SESSION, RECLAIM_COMPLETE."""
        args = nfs4.EXCHANGE_ID4args(
            nfs4.client_owner4(b"verifier", self.owner),
            nfs4.EXCHGID4_FLAG_USE_PNFS_MDS,
            nfs4.state_protect4_a(nfs4.SP4_NONE),
            [],
        )
        result = self.call(node, connection, [nfs4.nfs_argop4(nfs4.OP_EXCHANGE_ID, args)])
        assert result.status == 0
        known = result.resarray[0].arm.eir_resok4
        self.client_id = known.eir_clientid
        channel = nfs4.channel_attrs4(0, 1 << 20, 1 << 20, 8192, 32, slots, [])
        create = nfs4.CREATE_SESSION4args(
            self.client_id, known.eir_sequenceid, nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN, channel, channel,
            0x40000000, [nfs4.callback_sec_parms4(nfs4.AUTH_NONE)],
        )  # fmt: skip
        result = self.call(node, connection, [nfs4.nfs_argop4(nfs4.OP_CREATE_SESSION, create)])
        assert result.status == 0
        self.session_id = result.resarray[0].arm.csr_resok4.csr_sessionid

    def create_session(
        self, node: Dispatcher, connection: FakeConnection, sequence: int, largest: int, cached: int
    ) -> bytes:
        """Another session, whose replies are bounded so."""
        fore = nfs4.channel_attrs4(0, 1 << 20, largest, cached, 64, 4, [])
        back = nfs4.channel_attrs4(0, 4096, 4096, 0, 4, 4, [])
        create = nfs4.CREATE_SESSION4args(self.client_id, sequence, 0, fore, back, 0x40000000, [])
        made = self.call(node, connection, [nfs4.nfs_argop4(nfs4.OP_CREATE_SESSION, create)])
        assert made.status == 0
        session_id: bytes = made.resarray[0].arm.csr_resok4.csr_sessionid
        return session_id

    def compound(
        self,
        sequence_id: int,
        ops: list[nfs4.nfs_argop4],
        slot: int = 0,
        cache: bool = True,
        minor: int = 1,
        uid: int = 0,
    ) -> bytes:
        """A record of a COMPOUND in the session; sent twice, it is a retransmission."""
        sequence = nfs4.SEQUENCE4args(self.session_id, sequence_id, slot, 3, cache)
        all_ops = [nfs4.nfs_argop4(nfs4.OP_SEQUENCE, sequence), *ops]
        return self.raw(nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", minor, all_ops)), uid)


def putroot() -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_PUTROOTFH)


def getattr_size() -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_GETATTR, nfs4.GETATTR4args(1 << nfs4.FATTR4_CHANGE))


def mkdir(name: bytes) -> nfs4.nfs_argop4:
    args = nfs4.CREATE4args(nfs4.createtype4(nfs4.NF4DIR), name, nfs4.fattr4(0, b""))
    return nfs4.nfs_argop4(nfs4.OP_CREATE, args)
