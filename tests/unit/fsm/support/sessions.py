"""Clients with sessions over a state machine: every COMPOUND goes through the slot, as a front end proposes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mdscluster.fsm import clients
from mdscluster.fsm.commands import (
    COMPOUND_HEAD,
    KIND_COMPOUND,
    RESULT_RECALL,
    RESULT_SEQUENCE,
    ExpireClients,
    RenewLeases,
    pack_internal,
)
from nfswire import nfs4
from nfswire.attributes import pack_fattr
from tests.unit.fsm.support.compounds import (
    CURRENT,
    Namespace,
    Reply,
    Who,
    at,
    getfh,
    name_of,
    operation,
    putfh,
    unpack_reply,
)

CHANNEL = nfs4.channel_attrs4(0, 1 << 20, 1 << 20, 8192, 16, 8, [])
VERIFIER = b"boot one"
OTHER_VERIFIER = b"boot two"
END = 0xFFFFFFFFFFFFFFFF
READ, WRITE, BOTH = 1, 2, 3


# ---------------------------------------------------------------- operations
def exchange_id(
    owner: bytes, verifier: bytes = VERIFIER, flags: int = 0, protect: nfs4.state_protect4_a | None = None
) -> bytes:
    return operation(
        nfs4.OP_EXCHANGE_ID,
        nfs4.EXCHANGE_ID4args(nfs4.client_owner4(verifier, owner), flags, protect or nfs4.state_protect4_a(0), []),
    )


def create_session(
    client_id: int, sequence: int, flags: int = 0, fore: nfs4.channel_attrs4 = CHANNEL,
    back: nfs4.channel_attrs4 = CHANNEL, security: list[nfs4.callback_sec_parms4] | None = None,
) -> bytes:  # fmt: skip
    arguments = nfs4.CREATE_SESSION4args(client_id, sequence, flags, fore, back, 0x40000000, security or [])
    return operation(nfs4.OP_CREATE_SESSION, arguments)


def destroy_session(session_id: bytes) -> bytes:
    return operation(nfs4.OP_DESTROY_SESSION, nfs4.DESTROY_SESSION4args(session_id))


def destroy_clientid(client_id: int) -> bytes:
    return operation(nfs4.OP_DESTROY_CLIENTID, nfs4.DESTROY_CLIENTID4args(client_id))


def reclaim_complete(one_fs: bool = False) -> bytes:
    return operation(nfs4.OP_RECLAIM_COMPLETE, nfs4.RECLAIM_COMPLETE4args(one_fs))


def open_(
    name: bytes | None, access: int = BOTH, deny: int = 0, owner: bytes = b"owner", how: nfs4.createhow4 | None = None,
    claim: int = nfs4.CLAIM_NULL,
) -> bytes:  # fmt: skip
    claims = {
        nfs4.CLAIM_NULL: nfs4.open_claim4(0, file=name),
        nfs4.CLAIM_PREVIOUS: nfs4.open_claim4(1, delegate_type=0),
        nfs4.CLAIM_DELEGATE_CUR: nfs4.open_claim4(2, delegate_cur_info=nfs4.open_claim_delegate_cur4(CURRENT, b"f")),
        nfs4.CLAIM_DELEGATE_PREV: nfs4.open_claim4(3, file_delegate_prev=b"f"),
        nfs4.CLAIM_FH: nfs4.open_claim4(4),
        nfs4.CLAIM_DELEG_CUR_FH: nfs4.open_claim4(5, oc_delegate_stateid=CURRENT),
        nfs4.CLAIM_DELEG_PREV_FH: nfs4.open_claim4(6),
    }
    openhow = nfs4.openflag4(0) if how is None else nfs4.openflag4(1, how)
    arguments = nfs4.OPEN4args(0, access, deny, nfs4.state_owner4(0, owner), openhow, claims[claim])
    return operation(nfs4.OP_OPEN, arguments)


def unchecked(values: dict[int, Any] | None = None) -> nfs4.createhow4:
    return nfs4.createhow4(nfs4.UNCHECKED4, createattrs=pack_fattr({nfs4.FATTR4_MODE: 0o644, **(values or {})}))


def guarded(mode: int = 0o644) -> nfs4.createhow4:
    return nfs4.createhow4(nfs4.GUARDED4, createattrs=pack_fattr({nfs4.FATTR4_MODE: mode}))


def exclusive(verifier: bytes) -> nfs4.createhow4:
    return nfs4.createhow4(nfs4.EXCLUSIVE4, createverf=verifier)


def exclusive_1(verifier: bytes, mode: int = 0o640) -> nfs4.createhow4:
    both = nfs4.creatverfattr(verifier, pack_fattr({nfs4.FATTR4_MODE: mode}))
    return nfs4.createhow4(nfs4.EXCLUSIVE4_1, ch_createboth=both)


def close(stateid: nfs4.stateid4) -> bytes:
    return operation(nfs4.OP_CLOSE, nfs4.CLOSE4args(0, stateid))


def downgrade(stateid: nfs4.stateid4, access: int, deny: int = 0) -> bytes:
    return operation(nfs4.OP_OPEN_DOWNGRADE, nfs4.OPEN_DOWNGRADE4args(stateid, 0, access, deny))


def lock(
    stateid: nfs4.stateid4, offset: int, length: int, kind: int = nfs4.WRITE_LT, *, owner: bytes | None = None,
    reclaim: bool = False,
) -> bytes:  # fmt: skip
    """With ``owner``: a new lock owner under an open stateid. Without: under a lock stateid."""
    if owner is not None:
        opened = nfs4.open_to_lock_owner4(0, stateid, 0, nfs4.state_owner4(0, owner))
        locker = nfs4.locker4(True, open_owner=opened)
    else:
        locker = nfs4.locker4(False, lock_owner=nfs4.exist_lock_owner4(stateid, 0))
    return operation(nfs4.OP_LOCK, nfs4.LOCK4args(kind, reclaim, offset, length, locker))


def lockt(offset: int, length: int, kind: int = nfs4.WRITE_LT, owner: bytes = b"tester") -> bytes:
    return operation(nfs4.OP_LOCKT, nfs4.LOCKT4args(kind, offset, length, nfs4.state_owner4(0, owner)))


def locku(stateid: nfs4.stateid4, offset: int, length: int) -> bytes:
    return operation(nfs4.OP_LOCKU, nfs4.LOCKU4args(nfs4.WRITE_LT, 0, stateid, offset, length))


def test_stateid(*stateids: nfs4.stateid4) -> bytes:
    return operation(nfs4.OP_TEST_STATEID, nfs4.TEST_STATEID4args(list(stateids)))


def free_stateid(stateid: nfs4.stateid4) -> bytes:
    return operation(nfs4.OP_FREE_STATEID, nfs4.FREE_STATEID4args(stateid))


test_stateid.__test__ = False  # type: ignore[attr-defined]  # pytest: an operation, not a test


# ---------------------------------------------------------------- clients
@dataclass
class Caller:
    """One client: its session, and the sequence ID of its slot 0."""

    fs: Namespace
    client_id: int
    session_id: bytes
    who: Who = field(default_factory=Who)
    sequence: int = 0

    def payload(self, *operations: bytes, sequence: int | None = None, slot: int = 0, who: Who | None = None) -> bytes:
        who = who or self.who
        if sequence is None:
            self.sequence = sequence = self.sequence + 1
        return (
            COMPOUND_HEAD.pack(
                KIND_COMPOUND, who.minor, who.flags, 0, slot, sequence, len(operations), who.uid, who.gid, 1 << 20,
                self.session_id,
            )
            + b"".join(operations)
        )  # fmt: skip

    def send(self, *operations: bytes, who: Who | None = None) -> Reply:
        return reply_of(self.fs.replica.apply_entry([self.payload(*operations, who=who)])[0])

    def ok(self, *operations: bytes, who: Who | None = None) -> Reply:
        reply = self.send(*operations, who=who)
        assert reply.status == nfs4.NFS4_OK, (name_of(reply.status), reply.results)
        return reply

    def status(self, *operations: bytes, who: Who | None = None) -> str:
        return name_of(self.send(*operations, who=who).status)

    def open(
        self, name: bytes, access: int = BOTH, deny: int = 0, owner: bytes = b"owner",
        how: nfs4.createhow4 | None = None, who: Who | None = None,
    ) -> tuple[bytes, nfs4.stateid4]:  # fmt: skip
        """Open a name in the root; its handle and stateid."""
        reply = self.ok(*at(), open_(name, access, deny, owner, how), getfh(), who=who)
        return reply.handle, reply[nfs4.OP_OPEN].resok4.stateid

    def create(self, name: bytes, access: int = BOTH, deny: int = 0, owner: bytes = b"owner") -> tuple[
        bytes, nfs4.stateid4
    ]:
        return self.open(name, access, deny, owner, guarded())

    def close(self, handle: bytes, stateid: nfs4.stateid4) -> Reply:
        return self.ok(putfh(handle), close(stateid))

    def lock(
        self, handle: bytes, stateid: nfs4.stateid4, offset: int, length: int, kind: int = nfs4.WRITE_LT,
        owner: bytes | None = None,
    ) -> nfs4.stateid4:  # fmt: skip
        reply = self.ok(putfh(handle), lock(stateid, offset, length, kind, owner=owner))
        taken: nfs4.stateid4 = reply[nfs4.OP_LOCK].resok4.lock_stateid
        return taken


def reply_of(result: bytes) -> Reply:
    assert result[:1] != RESULT_RECALL
    if result[:1] == RESULT_SEQUENCE:
        return Reply(int.from_bytes(result[1:5], "big"), [], result)
    return unpack_reply(result)


def introduce(fs: Namespace, owner: bytes, verifier: bytes = VERIFIER, who: Who | None = None) -> Any:
    """EXCHANGE_ID that succeeds: its result."""
    return fs.ok(exchange_id(owner, verifier), who=who or Who())[nfs4.OP_EXCHANGE_ID].eir_resok4


def connect(fs: Namespace, owner: bytes, verifier: bytes = VERIFIER, who: Who | None = None) -> Caller:
    """A client with a session, ready to open files."""
    who = who or Who()
    made = introduce(fs, owner, verifier, who)
    reply = fs.ok(create_session(made.eir_clientid, made.eir_sequenceid), who=who)
    session_id = reply[nfs4.OP_CREATE_SESSION].csr_resok4.csr_sessionid
    caller = Caller(fs, made.eir_clientid, session_id, who)
    caller.ok(reclaim_complete())
    return caller


def expire(fs: Namespace, *client_ids: int) -> clients.Expired:
    """The leader proposes to expire these clients."""
    result = fs.replica.apply_entry([pack_internal(ExpireClients(list(client_ids)))])[0]
    return clients.decode_expired(result[1:])


def renew(fs: Namespace, *client_ids: int) -> None:
    fs.replica.apply_entry([pack_internal(RenewLeases(list(client_ids)))])


def rows(fs: Namespace, *tables: str) -> int:
    """How many rows these tables have."""
    with fs.env.begin() as txn:
        return sum(int(txn.stat(getattr(fs.machine.tables, table))["entries"]) for table in tables)


STATE_TABLES = ("client", "client_owner", "session", "slot", "state", "state_file", "state_client", "lock")
