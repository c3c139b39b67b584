"""Client IDs, sessions, slots, and the operations that a data server has not."""

from __future__ import annotations

import struct
import threading

import pytest

from nfswire import nfs4, rpc
from nfswire.attributes import bitmap
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import (
    STATEID,
    Wire,
    commit,
    compound,
    getattr_,
    handle,
    op,
    putfh,
    read,
    write,
)


def test_exchange_id_is_a_data_servers_and_stays_the_same(server: LocalServer) -> None:
    wire = server.connect()
    flags = nfs4.EXCHGID4_FLAG_USE_NON_PNFS | nfs4.EXCHGID4_FLAG_USE_PNFS_DS
    first = wire.exchange_id(flags=flags).last.eir_resok4
    assert first.eir_flags == nfs4.EXCHGID4_FLAG_USE_PNFS_DS
    assert first.eir_server_owner.so_major_id == b"test/ds/ds1"
    assert first.eir_server_scope == b"test/ds/ds1"
    wire.create_session(first.eir_clientid, first.eir_sequenceid)
    again = wire.exchange_id().last.eir_resok4
    assert again.eir_clientid == first.eir_clientid
    assert again.eir_flags & nfs4.EXCHGID4_FLAG_CONFIRMED_R
    assert again.eir_sequenceid == 2
    wire.close()


def test_a_rebooted_client_gets_a_new_id_and_loses_its_sessions(server: LocalServer, wire: Wire) -> None:
    other = server.connect()
    reborn = other.exchange_id(verifier=b"rebooted").last.eir_resok4
    assert reborn.eir_clientid != wire.client_id
    assert wire.do(putfh(handle()), read(0, 1)).status == 0, "until the new incarnation is confirmed"
    other.create_session(reborn.eir_clientid, reborn.eir_sequenceid)
    assert wire.do(putfh(handle()), read(0, 1)).status == nfs4.NFS4ERR_BADSESSION
    other.close()


def test_exchange_id_refusals(server: LocalServer) -> None:
    wire = server.connect()
    update = nfs4.EXCHGID4_FLAG_UPD_CONFIRMED_REC_A
    assert wire.exchange_id(flags=update).status == nfs4.NFS4ERR_NOENT
    assert wire.exchange_id(flags=nfs4.EXCHGID4_FLAG_CONFIRMED_R).status == nfs4.NFS4ERR_INVAL
    made = wire.exchange_id().last.eir_resok4
    wire.create_session(made.eir_clientid, made.eir_sequenceid)
    assert wire.exchange_id(verifier=b"another!", flags=update).status == nfs4.NFS4ERR_NOT_SAME
    assert wire.exchange_id(flags=update).status == 0
    other = nfs4.EXCHANGE_ID4args(
        nfs4.client_owner4(b"verifier", b"owner"), 0, nfs4.state_protect4_a(nfs4.SP4_NONE), []
    )
    stranger = rpc.pack_credential(rpc.AuthSys(1, b"x", 1000, 0, ()))
    wire.send(compound(5, op(nfs4.OP_EXCHANGE_ID, other), credential=stranger))
    assert struct.unpack_from(">I", wire.receive(), 24)[0] == nfs4.NFS4ERR_CLID_INUSE
    wire.close()


def test_create_session_sequence(server: LocalServer) -> None:
    """RFC 8881 §18.36.4: a retransmission gets the same session; anything out of order is refused."""
    wire = server.connect()
    made = wire.exchange_id().last.eir_resok4
    first = wire.create_session(made.eir_clientid, 1)
    again = wire.create_session(made.eir_clientid, 1)
    assert first.raw[4:] == again.raw[4:]
    assert len(server.core.registry.sessions) == 1
    assert wire.create_session(made.eir_clientid, 3).status == nfs4.NFS4ERR_SEQ_MISORDERED
    assert wire.create_session(made.eir_clientid, 2).status == 0
    assert wire.create_session(99, 1).status == nfs4.NFS4ERR_STALE_CLIENTID
    tiny = nfs4.channel_attrs4(0, 100, 100, 0, 8, 1, [])
    assert wire.create_session(made.eir_clientid, 3, tiny).status == nfs4.NFS4ERR_TOOSMALL
    assert wire.create_session(made.eir_clientid, 3, tiny).status == nfs4.NFS4ERR_TOOSMALL, "kept, too"
    wire.close()


def test_granted_channel(wire: Wire) -> None:
    granted = wire.granted
    assert granted is not None
    assert granted.ca_maxrequestsize >= (1 << 20) + 1024
    assert granted.ca_maxresponsesize >= (1 << 20) + 1024
    assert granted.ca_maxoperations == 8, "Linux gives up when it gets fewer than it asked for"
    assert granted.ca_maxrequests == 64


def test_destroy(server: LocalServer, wire: Wire) -> None:
    destroy_client = op(nfs4.OP_DESTROY_CLIENTID, nfs4.DESTROY_CLIENTID4args(wire.client_id))
    destroy_session = op(nfs4.OP_DESTROY_SESSION, nfs4.DESTROY_SESSION4args(wire.session))
    assert wire.call(destroy_client).status == nfs4.NFS4ERR_CLIENTID_BUSY
    assert wire.do(destroy_session, putfh(handle())).status == nfs4.NFS4ERR_NOT_ONLY_OP
    assert wire.call(destroy_session).status == 0
    assert wire.call(destroy_session).status == nfs4.NFS4ERR_BADSESSION
    assert wire.do(putfh(handle())).status == nfs4.NFS4ERR_BADSESSION
    assert wire.call(destroy_client).status == 0
    assert wire.call(destroy_client).status == nfs4.NFS4ERR_STALE_CLIENTID


def test_replay_of_a_write_is_the_first_reply(server: LocalServer, wire: Wire) -> None:
    first = wire.do(putfh(handle()), write(0, b"first"))
    again = wire.call(wire.sequence(step=0), putfh(handle()), write(0, b"first"))
    assert again.raw[4:] == first.raw[4:]
    assert server.core.ledger.total().writes == 1
    assert server.core.ledger.total().replays == 1
    assert wire.do(putfh(handle()), write(0, b"next")).status == 0


def test_replay_on_another_connection(server: LocalServer, wire: Wire) -> None:
    first = wire.do(putfh(handle()), write(0, b"first"))
    other = server.connect().share(wire)
    again = other.call(other.sequence(step=0), putfh(handle()), write(0, b"first"))
    assert again.raw[4:] == first.raw[4:]
    other.close()


def test_a_retransmission_waits_for_the_first_run(server: LocalServer, wire: Wire) -> None:
    """DELAY, which RFC 8881 §2.10.6.2 would have, would cost Linux 15 s."""
    started, go_on = threading.Event(), threading.Event()

    def answer(_: object) -> bool:
        started.set()
        return go_on.wait(5)

    server.report_answer = answer
    replies = []
    thread = threading.Thread(target=lambda: replies.append(wire.do(putfh(handle()), write(0, b"x", nfs4.FILE_SYNC4))))
    thread.start()
    assert started.wait(5)
    other = server.connect().share(wire)
    again = threading.Thread(
        target=lambda: replies.append(
            other.call(other.sequence(step=0), putfh(handle()), write(0, b"x", nfs4.FILE_SYNC4))
        )
    )
    again.start()
    again.join(0.1)
    assert again.is_alive()
    go_on.set()
    thread.join(5)
    again.join(5)
    assert replies[0].raw[4:] == replies[1].raw[4:]
    assert len(server.reports) == 1
    other.close()


def test_slot_rules(wire: Wire) -> None:
    """RFC 8881 §18.46: strict."""
    assert wire.do(putfh(handle()), read(0, 1)).status == 0
    uncached = wire.call(wire.sequence(step=0), putfh(handle()), read(0, 1))
    assert uncached.status == nfs4.NFS4ERR_RETRY_UNCACHED_REP
    other = wire.call(wire.sequence(step=0), putfh(handle()), read(0, 2))
    assert other.status == nfs4.NFS4ERR_SEQ_FALSE_RETRY
    wire.sequences[0] += 1
    assert wire.do(putfh(handle()), read(0, 1)).status == nfs4.NFS4ERR_SEQ_MISORDERED
    wire.sequences[0] -= 2
    assert wire.do(putfh(handle()), read(0, 1)).status == 0
    wire.sequences[3] = -1
    assert wire.do(putfh(handle()), read(0, 1), slot=3).status == nfs4.NFS4ERR_SEQ_MISORDERED, "a slot begins at 1"
    assert wire.do(putfh(handle()), slot=64).status == nfs4.NFS4ERR_BADSLOT
    high = op(nfs4.OP_SEQUENCE, nfs4.SEQUENCE4args(wire.session, 1, 5, 64, False))
    assert wire.call(high, putfh(handle())).status == nfs4.NFS4ERR_BAD_HIGH_SLOT
    many = [putfh(handle())] * 8
    assert wire.do(*many, slot=6).status == nfs4.NFS4ERR_TOO_MANY_OPS


def test_sequence_ids_wrap(server: LocalServer, wire: Wire) -> None:
    session = server.core.registry.sessions[wire.session]
    wire.do(putfh(handle()), write(0, b"x"))
    session.sequences[0] = 0xFFFFFFFF
    wire.sequences[0] = -1
    first = wire.do(putfh(handle()), write(0, b"y"))
    assert first.status == 0
    again = wire.call(wire.sequence(step=0), putfh(handle()), write(0, b"y"))
    assert again.raw[4:] == first.raw[4:]
    assert wire.do(putfh(handle()), write(0, b"z")).status == 0


def test_cached_reads(wire: Wire) -> None:
    """A READ that asks to be kept is, or is refused before it runs."""
    wire.do(putfh(handle()), write(0, b"x" * 5000))
    first = wire.do(putfh(handle()), read(0, 500), cache=True)
    again = wire.call(wire.sequence(step=0, cache=True), putfh(handle()), read(0, 500))
    assert again.raw[4:] == first.raw[4:]
    assert wire.do(putfh(handle()), read(0, 5000), cache=True).status == nfs4.NFS4ERR_REP_TOO_BIG_TO_CACHE


def test_small_channels(server: LocalServer) -> None:
    """A session's own sizes bind both ways."""
    wire = server.connect().open_session(wanted=nfs4.channel_attrs4(0, 2000, 2000, 0, 4, 2, []))
    assert wire.do(putfh(handle()), write(0, bytes(1000))).status == 0
    assert wire.do(putfh(handle()), write(0, bytes(3000))).status == nfs4.NFS4ERR_REQ_TOO_BIG
    wire.sequences[0] -= 1
    wire.do(putfh(handle()), write(1000, bytes(1000)))
    wire.do(putfh(handle()), write(2000, bytes(1000)))
    got = wire.do(putfh(handle()), read(0, 3000))
    assert 0 < len(got.data) < 2000
    assert len(got.raw) <= 2000
    assert not got.last.resok4.eof
    assert wire.do(putfh(handle()), read(0, 3000), read(0, 3000)).status == nfs4.NFS4ERR_REP_TOO_BIG
    wire.close()


def test_operations_of_a_data_server(wire: Wire) -> None:
    """RFC 8881 §13.6: all others are NFS4ERR_NOTSUPP; unknown ones illegal."""
    served = {5, 9, 10, 22, 24, 25, 38, 41, 42, 43, 44, 52, 53, 57, 58}
    for number in range(3, 76):
        for minor in (1, 2):
            if number in served:
                continue
            result = wire.call(wire.sequence(), struct.pack(">I", number), bytes(256), minor=minor)
            illegal = minor == 1 and number > 58
            expected = (nfs4.OP_ILLEGAL, nfs4.NFS4ERR_OP_ILLEGAL) if illegal else (number, nfs4.NFS4ERR_NOTSUPP)
            assert result.ops[-1][:2] == expected, minor
    for number in (0, 1, 2, 76, 10044, 0xFFFFFFFF):
        result = wire.call(wire.sequence(), struct.pack(">I", number), minor=2)
        assert result.ops[-1][:2] == (nfs4.OP_ILLEGAL, nfs4.NFS4ERR_OP_ILLEGAL)


def test_order_of_operations(wire: Wire) -> None:
    assert wire.call(putfh(handle())).status == nfs4.NFS4ERR_OP_NOT_IN_SESSION
    assert wire.do(wire.sequence(slot=1)).status == nfs4.NFS4ERR_SEQUENCE_POS
    exchange = op(
        nfs4.OP_EXCHANGE_ID,
        nfs4.EXCHANGE_ID4args(nfs4.client_owner4(b"verifier", b"o"), 0, nfs4.state_protect4_a(0), []),
    )
    assert wire.call(exchange, putfh(handle())).status == nfs4.NFS4ERR_NOT_ONLY_OP
    assert wire.do(exchange).status == 0
    for io in (read(0, 1), write(0, b"x"), commit(), getattr_(2), op(nfs4.OP_GETFH)):
        assert wire.do(io).status == nfs4.NFS4ERR_NOFILEHANDLE
    root = op(nfs4.OP_PUTROOTFH)
    for io in (read(0, 1), write(0, b"x"), commit()):
        assert wire.do(root, io).status == nfs4.NFS4ERR_ISDIR
    got = wire.do(root, op(nfs4.OP_GETFH)).last.resok4.object
    assert wire.do(putfh(got), getattr_(bitmap(nfs4.FATTR4_LEASE_TIME))).status == 0
    assert wire.do(putfh(handle()), op(nfs4.OP_GETFH)).last.resok4.object == handle()
    bind = nfs4.BIND_CONN_TO_SESSION4args(wire.session, nfs4.CDFC4_FORE_OR_BOTH, False)
    assert wire.call(op(nfs4.OP_BIND_CONN_TO_SESSION, bind)).last.bctsr_resok4.bctsr_dir == nfs4.CDFS4_FORE
    assert wire.do(op(nfs4.OP_RECLAIM_COMPLETE, nfs4.RECLAIM_COMPLETE4args(False))).status == 0
    secinfo = op(nfs4.OP_SECINFO_NO_NAME, nfs4.SECINFO_STYLE4_CURRENT_FH)
    assert wire.do(root, secinfo).status == 0
    assert wire.do(root, secinfo, getattr_(2)).status == nfs4.NFS4ERR_NOFILEHANDLE
    assert wire.call().status == 0, "an empty COMPOUND is fine"
    assert wire.call(tag=b"hello").tag == b"hello"
    assert wire.call(wire.sequence(), minor=3).status == nfs4.NFS4ERR_MINOR_VERS_MISMATCH
    wire.sequences[0] -= 1
    assert wire.call(wire.sequence(), minor=0).status == nfs4.NFS4ERR_MINOR_VERS_MISMATCH


@pytest.mark.parametrize("minor", [1, 2])
def test_both_minor_versions(wire: Wire, minor: int) -> None:
    assert wire.do(putfh(handle()), write(0, b"abc"), minor=minor).status == 0
    assert wire.do(putfh(handle()), read(0, 3), minor=minor).data == b"abc"


def test_sessions_are_bounded(server: LocalServer) -> None:
    object.__setattr__(server.core.registry, "_sessions_max", 3)
    wires = []
    for number in range(6):
        wires.append(server.session(b"owner%d" % number))
        assert wires[0].do(putfh(handle()), read(0, 1)).status == 0, "the one in use is not the one to go"
    assert len(server.core.registry.sessions) == 3
    assert wires[1].do(putfh(handle()), read(0, 1)).status == nfs4.NFS4ERR_BADSESSION
    strangers = server.connect()
    for number in range(50):
        strangers.exchange_id(b"stranger%d" % number)
    assert len(server.core.registry._clients) <= 6
    for wire in (*wires, strangers):
        wire.close()


def test_stateids_are_not_looked_at(wire: Wire) -> None:
    assert STATEID.seqid == 0
    anonymous = op(nfs4.OP_READ, nfs4.READ4args(nfs4.stateid4(0, bytes(12)), 0, 1))
    assert wire.do(putfh(handle()), anonymous).status == 0


