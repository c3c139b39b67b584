"""EXCHANGE_ID: every row of RFC 8881 §18.35.5, as events and the state they lead to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import clients
from mdscluster.fsm.settings import Settings
from nfswire import nfs4
from tests.unit.fsm.support.compounds import Namespace, Who, operation
from tests.unit.fsm.support.sessions import (
    OTHER_VERIFIER,
    STATE_TABLES,
    VERIFIER,
    Caller,
    connect,
    create_session,
    destroy_session,
    exchange_id,
    guarded,
    introduce,
    reclaim_complete,
    rows,
)

UPDATE = nfs4.EXCHGID4_FLAG_UPD_CONFIRMED_REC_A
CONFIRMED = nfs4.EXCHGID4_FLAG_CONFIRMED_R
FIRST, SECOND = Who(4321), Who(1234)


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state")
    yield made
    made.close()


def confirm(fs: Namespace, who: Who = FIRST) -> Caller:
    return connect(fs, b"me", who=who)


def test_case_1_a_new_owner_gets_an_unconfirmed_record(fs: Namespace) -> None:
    made = introduce(fs, b"me")
    assert made.eir_clientid >> 32 == 0x11223344, "client IDs carry the cluster's"
    assert made.eir_flags == nfs4.EXCHGID4_FLAG_USE_PNFS_MDS
    assert made.eir_sequenceid == 1
    assert introduce(fs, b"you").eir_clientid != made.eir_clientid


def test_case_2_the_same_again_changes_nothing(fs: Namespace) -> None:
    caller = confirm(fs)
    for _ in range(2):
        again = introduce(fs, b"me", who=FIRST)
        assert again.eir_clientid == caller.client_id
        assert again.eir_flags & CONFIRMED
        assert again.eir_sequenceid == 2, "the next CREATE_SESSION's"
    caller.ok()


@pytest.mark.parametrize("verifier", [VERIFIER, OTHER_VERIFIER])
def test_case_3_another_principal_is_refused_while_there_is_state(fs: Namespace, verifier: bytes) -> None:
    caller = confirm(fs)
    assert fs.fails(exchange_id(b"me", verifier), who=SECOND) == "NFS4ERR_CLID_INUSE"
    caller.ok()


@pytest.mark.parametrize("verifier", [VERIFIER, OTHER_VERIFIER])
def test_case_3_another_principal_takes_an_idle_name_over(fs: Namespace, verifier: bytes) -> None:
    caller = confirm(fs)
    fs.ok(destroy_session(caller.session_id))
    made = introduce(fs, b"me", verifier, SECOND)
    assert made.eir_clientid != caller.client_id
    assert not made.eir_flags & CONFIRMED
    assert fs.fails(create_session(caller.client_id, 2), who=FIRST) == "NFS4ERR_STALE_CLIENTID"


def test_case_3_a_lapsed_lease_gives_the_name_away(fs: Namespace) -> None:
    caller = confirm(fs)
    fs.replica.advance(90_001)
    assert introduce(fs, b"me", who=SECOND).eir_clientid != caller.client_id
    assert caller.status() == "NFS4ERR_BADSESSION"


@pytest.mark.parametrize("verifier", [VERIFIER, OTHER_VERIFIER])
@pytest.mark.parametrize("who", [FIRST, SECOND])
def test_case_4_an_unconfirmed_record_is_replaced(fs: Namespace, verifier: bytes, who: Who) -> None:
    before = introduce(fs, b"me", who=FIRST)
    after = introduce(fs, b"me", verifier, who)
    assert after.eir_clientid != before.eir_clientid
    assert fs.fails(create_session(before.eir_clientid, 1), who=FIRST) == "NFS4ERR_STALE_CLIENTID"
    assert rows(fs, "client") == 2, "one record, one lease"


def test_case_5_a_restarted_client_keeps_its_old_state_until_it_confirms(fs: Namespace) -> None:
    old = confirm(fs)
    old.open(b"file", how=guarded(), who=Who())
    made = introduce(fs, b"me", OTHER_VERIFIER, FIRST)
    assert made.eir_clientid != old.client_id
    assert not made.eir_flags & CONFIRMED
    old.ok()
    reply = fs.ok(create_session(made.eir_clientid, 1), who=FIRST)
    assert old.status() == "NFS4ERR_BADSESSION"
    session = Caller(fs, made.eir_clientid, reply[nfs4.OP_CREATE_SESSION].csr_resok4.csr_sessionid, FIRST)
    session.ok(reclaim_complete())
    assert rows(fs, "state", "state_file", "state_client") == 0, "its opens went with it"


def test_case_5_a_second_restart_replaces_the_first(fs: Namespace) -> None:
    old = confirm(fs)
    first = introduce(fs, b"me", OTHER_VERIFIER, FIRST)
    second = introduce(fs, b"me", b"boot 3!!", FIRST)
    assert len({old.client_id, first.eir_clientid, second.eir_clientid}) == 3
    assert fs.fails(create_session(first.eir_clientid, 1), who=FIRST) == "NFS4ERR_STALE_CLIENTID"
    fs.ok(create_session(second.eir_clientid, 1), who=FIRST)
    assert old.status() == "NFS4ERR_BADSESSION"


def test_case_6_an_update_keeps_the_client(fs: Namespace) -> None:
    caller = confirm(fs)
    reply = fs.ok(exchange_id(b"me", VERIFIER, UPDATE), who=FIRST)[nfs4.OP_EXCHANGE_ID].eir_resok4
    assert reply.eir_clientid == caller.client_id
    assert reply.eir_flags & CONFIRMED


@pytest.mark.parametrize("verifier", [VERIFIER, OTHER_VERIFIER])
@pytest.mark.parametrize("who", [FIRST, SECOND])
@pytest.mark.parametrize("unconfirmed", [False, True])
def test_case_7_an_update_needs_a_confirmed_record(
    fs: Namespace, verifier: bytes, who: Who, unconfirmed: bool
) -> None:
    if unconfirmed:
        introduce(fs, b"me", who=FIRST)
    assert fs.fails(exchange_id(b"me", verifier, UPDATE), who=who) == "NFS4ERR_NOENT"


def test_case_8_an_update_with_another_verifier(fs: Namespace) -> None:
    confirm(fs)
    assert fs.fails(exchange_id(b"me", OTHER_VERIFIER, UPDATE), who=FIRST) == "NFS4ERR_NOT_SAME"
    assert fs.fails(exchange_id(b"me", OTHER_VERIFIER, UPDATE), who=SECOND) == "NFS4ERR_NOT_SAME"


def test_case_9_an_update_by_another_principal(fs: Namespace) -> None:
    confirm(fs)
    assert fs.fails(exchange_id(b"me", VERIFIER, UPDATE), who=SECOND) == "NFS4ERR_PERM"


@pytest.mark.parametrize("flags", [CONFIRMED, 8, 4, 1 << 20])
def test_unknown_flags_are_invalid(fs: Namespace, flags: int) -> None:
    assert fs.fails(exchange_id(b"me", flags=flags)) == "NFS4ERR_INVAL"


def test_fence_ops_came_with_minor_version_2(fs: Namespace) -> None:
    fs.ok(exchange_id(b"me", flags=nfs4.EXCHGID4_FLAG_SUPP_FENCE_OPS), who=Who(minor=2))


def test_state_protection_needs_what_we_lack(fs: Namespace) -> None:
    operations = nfs4.state_protect_ops4(0, 0)
    machine = nfs4.state_protect4_a(nfs4.SP4_MACH_CRED, spa_mach_ops=operations)
    ssv = nfs4.state_protect4_a(nfs4.SP4_SSV, spa_ssv_parms=nfs4.ssv_sp_parms4(operations, [], [], 1, 1))
    assert fs.fails(exchange_id(b"me", protect=machine)) == "NFS4ERR_INVAL"
    assert fs.fails(exchange_id(b"me", protect=ssv)) == "NFS4ERR_ENCR_ALG_UNSUPP"


def test_the_server_is_the_same_everywhere_and_another_in_another_cluster(tmp_path: Path) -> None:
    """INV-7: Linux takes a changed owner or scope for another server, and loses its locks."""
    seen = []
    for i, cluster in enumerate((1, 1, 2)):
        fs = Namespace(tmp_path / str(i), Settings(cluster_id=cluster))
        made = introduce(fs, b"me")
        seen.append((made.eir_server_owner.so_major_id, made.eir_server_owner.so_minor_id, made.eir_server_scope))
        fs.close()
    assert seen[0] == seen[1] != seen[2]


def test_a_client_id_of_another_cluster_is_stale(tmp_path: Path) -> None:
    ours, theirs = (Namespace(tmp_path / str(i), Settings(cluster_id=i)) for i in (1, 2))
    foreign = introduce(theirs, b"me").eir_clientid
    introduce(ours, b"me")
    assert ours.fails(create_session(foreign, 1)) == "NFS4ERR_STALE_CLIENTID"
    ours.close()
    theirs.close()


def test_it_must_be_alone_outside_a_session(fs: Namespace) -> None:
    reply = fs.send(exchange_id(b"me"), operation(nfs4.OP_PUTROOTFH))
    assert reply is not None
    assert reply.status == nfs4.NFS4ERR_NOT_ONLY_OP
    assert rows(fs, *STATE_TABLES) == 0


def test_inside_a_session_it_need_not_be(fs: Namespace) -> None:
    caller = confirm(fs)
    caller.ok(exchange_id(b"you", flags=nfs4.EXCHGID4_FLAG_USE_PNFS_DS), operation(nfs4.OP_PUTROOTFH))


def test_there_is_a_limit_to_clients(tmp_path: Path) -> None:
    fs = Namespace(tmp_path / "few", Settings(cluster_id=1, max_clients=3))
    for i in range(3):
        introduce(fs, b"client %d" % i)
    assert fs.fails(exchange_id(b"one more")) == "NFS4ERR_DELAY"
    introduce(fs, b"client 0", OTHER_VERIFIER)  # replaces its own record
    fs.close()


def test_a_client_records_flags_lie_where_they_are_read(fs: Namespace) -> None:
    """reclaim_is_complete() and clients_dead() read one byte of the record."""
    caller = confirm(fs)
    with fs.entry() as cx:
        cx.client_id = caller.client_id
        assert clients.reclaim_is_complete(cx)
        client = clients.load(cx, caller.client_id)
        assert client is not None
        assert client.flags == clients.CONFIRMED | clients.RECLAIM_COMPLETE
