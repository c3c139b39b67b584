"""CREATE_SESSION and what follows it: sequence, channels, confirmation, the end of sessions and clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mdscluster.fsm import clients, layout_states, session_records
from mdscluster.fsm.commands import FenceConfirmed, StartFence
from mdscluster.fsm.settings import Settings
from nfswire import nfs4
from tests.unit.fsm.support.compounds import Namespace, Who, operation, putfh, root
from tests.unit.fsm.support.sessions import (
    CHANNEL,
    OTHER_VERIFIER,
    STATE_TABLES,
    Caller,
    connect,
    create_session,
    destroy_clientid,
    destroy_session,
    exchange_id,
    expire,
    introduce,
    reclaim_complete,
    rows,
)

PERSIST, BACK, RDMA = (
    nfs4.CREATE_SESSION4_FLAG_PERSIST, nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN, nfs4.CREATE_SESSION4_FLAG_CONN_RDMA
)  # fmt: skip


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state")
    yield made
    made.close()


def channel(**changes: int) -> nfs4.channel_attrs4:
    return msgspec.structs.replace(CHANNEL, **changes)


def made_by(fs: Namespace, operation_: bytes) -> nfs4.CREATE_SESSION4resok:
    result: nfs4.CREATE_SESSION4resok = fs.ok(operation_)[nfs4.OP_CREATE_SESSION].csr_resok4
    return result


# ---------------------------------------------------------------- the sequence
def test_the_same_sequence_gives_the_same_reply_and_no_second_session(fs: Namespace) -> None:
    """INV-3: CREATE_SESSION has no slot; its own sequence makes it exactly once."""
    client_id = introduce(fs, b"me").eir_clientid
    first = fs.ok(create_session(client_id, 1))
    assert first[nfs4.OP_CREATE_SESSION].csr_resok4.csr_sequence == 1
    assert fs.ok(create_session(client_id, 1)).raw == first.raw
    assert rows(fs, "session") == 1
    second = fs.ok(create_session(client_id, 2))
    assert second.raw != first.raw
    assert rows(fs, "session") == 2


@pytest.mark.parametrize("sequence", [0, 2, 3, 0xFFFFFFFF])
def test_any_other_sequence_is_misordered(fs: Namespace, sequence: int) -> None:
    """0 before the first session: RFC 8881 §18.36.4's contrived reply."""
    client_id = introduce(fs, b"me").eir_clientid
    assert fs.fails(create_session(client_id, sequence)) == "NFS4ERR_SEQ_MISORDERED"


@pytest.mark.parametrize("sequence", [0, 3])
def test_misordered_after_the_first(fs: Namespace, sequence: int) -> None:
    client_id = introduce(fs, b"me").eir_clientid
    fs.ok(create_session(client_id, 1))
    assert fs.fails(create_session(client_id, sequence)) == "NFS4ERR_SEQ_MISORDERED"


def test_a_replay_may_come_by_another_session_and_the_other_way_round(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    direct = made_by(fs, create_session(caller.client_id, 2))
    assert caller.ok(create_session(caller.client_id, 2))[nfs4.OP_CREATE_SESSION].csr_resok4 == direct
    inside = caller.ok(create_session(caller.client_id, 3))[nfs4.OP_CREATE_SESSION].csr_resok4
    assert made_by(fs, create_session(caller.client_id, 3)) == inside


def test_refusals_do_not_use_the_sequence_up(fs: Namespace) -> None:
    client_id = introduce(fs, b"me").eir_clientid
    for _ in range(3):
        assert fs.fails(create_session(client_id, 1, back=channel(ca_maxrequestsize=10))) == "NFS4ERR_TOOSMALL"
    fs.ok(create_session(client_id, 1))


def test_an_unknown_client_is_stale(fs: Namespace) -> None:
    for client_id in (0, 1, 0x11223344 << 32 | 77, 0xFFFFFFFFFFFFFFFF):
        assert fs.fails(create_session(client_id, 1)) == "NFS4ERR_STALE_CLIENTID"


def test_the_principal_must_be_the_same_until_the_client_is_confirmed(fs: Namespace) -> None:
    client_id = introduce(fs, b"me", who=Who(1)).eir_clientid
    for _ in range(2):
        assert fs.fails(create_session(client_id, 1), who=Who(2)) == "NFS4ERR_CLID_INUSE"
    fs.ok(create_session(client_id, 1), who=Who(1))
    fs.ok(create_session(client_id, 2), who=Who(2))


def test_an_unconfirmed_record_lasts_for_one_lease(fs: Namespace) -> None:
    client_id = introduce(fs, b"me").eir_clientid
    other_id = introduce(fs, b"you").eir_clientid
    fs.replica.advance(90_000)
    fs.ok(create_session(client_id, 1))
    fs.replica.advance(1)
    assert fs.fails(create_session(other_id, 1)) == "NFS4ERR_STALE_CLIENTID"


# ---------------------------------------------------------------- what is negotiated
def test_channels_are_cut_to_our_limits_and_never_widened(fs: Namespace) -> None:
    client_id = introduce(fs, b"me").eir_clientid
    huge = nfs4.channel_attrs4(64, 1 << 30, 1 << 30, 1 << 30, 5000, 5000, [57])
    small = nfs4.channel_attrs4(0, 512, 400, 10, 4, 1, [])
    back = nfs4.channel_attrs4(0, 4096, 4096, 0, 2, 3, [])
    limits = Settings()
    granted = made_by(fs, create_session(client_id, 1, fore=huge, back=back))
    assert granted.csr_fore_chan_attrs == nfs4.channel_attrs4(
        0, limits.max_request_bytes, limits.max_response_bytes, limits.max_cached_reply_bytes, limits.max_operations,
        limits.max_slots, [],
    )  # fmt: skip
    assert granted.csr_back_chan_attrs == back
    assert made_by(fs, create_session(client_id, 2, fore=small)).csr_fore_chan_attrs == small


@pytest.mark.parametrize(
    ("fore", "status"),
    [
        ({"ca_maxrequestsize": 20}, "NFS4ERR_TOOSMALL"),
        ({"ca_maxresponsesize": 0}, "NFS4ERR_TOOSMALL"),
        ({"ca_maxoperations": 0}, "NFS4ERR_TOOSMALL"),
        ({"ca_maxrequests": 0}, "NFS4ERR_INVAL"),
    ],
)
def test_a_fore_channel_that_nothing_fits_through(fs: Namespace, fore: dict[str, int], status: str) -> None:
    client_id = introduce(fs, b"me").eir_clientid
    assert fs.fails(create_session(client_id, 1, fore=channel(**fore))) == status
    assert rows(fs, "session") == 0


@pytest.mark.parametrize(
    ("back", "status"),
    [
        ({"ca_maxrequestsize": 100}, "NFS4ERR_TOOSMALL"),
        ({"ca_maxresponsesize": 10}, "NFS4ERR_TOOSMALL"),
        ({"ca_maxoperations": 1}, "NFS4ERR_TOOSMALL"),
        ({"ca_maxrequests": 0}, "NFS4ERR_INVAL"),
    ],
)
def test_a_back_channel_that_no_recall_fits_through(fs: Namespace, back: dict[str, int], status: str) -> None:
    client_id = introduce(fs, b"me").eir_clientid
    assert fs.fails(create_session(client_id, 1, back=channel(**back))) == status


@pytest.mark.parametrize(("asked", "granted"), [(0, 0), (PERSIST, PERSIST), (PERSIST | BACK | RDMA, PERSIST | BACK)])
def test_flags(fs: Namespace, asked: int, granted: int) -> None:
    """PERSIST is granted because it is true: the reply cache is in the log (INV-3)."""
    client_id = introduce(fs, b"me").eir_clientid
    assert made_by(fs, create_session(client_id, 1, asked)).csr_flags == granted


def test_unknown_flags_are_invalid(fs: Namespace) -> None:
    client_id = introduce(fs, b"me").eir_clientid
    assert fs.fails(create_session(client_id, 1, 0xF)) == "NFS4ERR_INVAL"


def test_the_front_end_reads_a_session(fs: Namespace) -> None:
    security = [
        nfs4.callback_sec_parms4(0),
        nfs4.callback_sec_parms4(1, cbsp_sys_cred=nfs4.authsys_parms(5, b"machine", 7, 11, [13, 17])),
    ]
    client_id = introduce(fs, b"me").eir_clientid
    fore, back = channel(ca_maxrequests=5), channel(ca_maxrequests=3)
    session_id = made_by(fs, create_session(client_id, 1, BACK, fore, back, security)).csr_sessionid
    assert session_id[:8] == client_id.to_bytes(8, "big")
    caller = Caller(fs, client_id, session_id)
    view = clients.SessionView(_record(fs, session_id))
    assert (view.client_id, view.slots, view.back_slots, view.back_channel) == (client_id, 5, 3, True)
    assert (view.max_operations, view.max_cached_bytes, view.cb_program) == (16, 8192, 0x40000000)
    assert (view.max_request_bytes, view.max_response_bytes) == (1 << 20, 1 << 20)
    assert view.security == security
    assert clients.session_client_id(_record(fs, session_id)) == client_id

    control = nfs4.BACKCHANNEL_CTL4args(0x40000009, security[1:])
    caller.ok(operation(nfs4.OP_BACKCHANNEL_CTL, control))
    view = clients.SessionView(_record(fs, session_id))
    assert (view.cb_program, view.security, view.slots) == (0x40000009, security[1:], 5)


def _record(fs: Namespace, session_id: bytes) -> bytes:
    with fs.env.begin() as txn:
        record = txn.get(session_id, db=fs.machine.tables.session)
    assert record is not None
    return record


def test_there_is_a_limit_to_sessions(tmp_path: Path) -> None:
    fs = Namespace(tmp_path / "few", Settings(cluster_id=1, max_sessions_per_client=2))
    client_id = introduce(fs, b"me").eir_clientid
    fs.ok(create_session(client_id, 1))
    fs.ok(create_session(client_id, 2))
    assert fs.fails(create_session(client_id, 3)) == "NFS4ERR_NOSPC"
    fs.close()


# ---------------------------------------------------------------- the end of sessions
def test_a_destroyed_session_is_gone_with_its_slots(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    assert rows(fs, "slot") == 1
    fs.ok(destroy_session(caller.session_id))
    assert rows(fs, "session", "slot") == 0
    assert caller.status() == "NFS4ERR_BADSESSION"
    assert fs.fails(destroy_session(caller.session_id)) == "NFS4ERR_BADSESSION"
    assert session_records.EVENT_SESSION_GONE + caller.session_id in fs.events


def test_a_session_that_ends_itself_must_do_so_last_and_leaves_no_slot(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    assert caller.status(destroy_session(caller.session_id), root()) == "NFS4ERR_NOT_ONLY_OP"
    caller.ok(root(), destroy_session(caller.session_id))
    assert rows(fs, "session", "slot") == 0


def test_one_session_may_end_another(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    session_id = made_by(fs, create_session(caller.client_id, 2)).csr_sessionid
    caller.ok(destroy_session(session_id), root())
    caller.ok()


@pytest.mark.parametrize(
    "operation_", [create_session(1, 1), destroy_session(bytes(16)), destroy_clientid(0), exchange_id(b"me")]
)
def test_alone_outside_a_session(fs: Namespace, operation_: bytes) -> None:
    assert fs.send(operation_, root()).status == nfs4.NFS4ERR_NOT_ONLY_OP  # type: ignore[union-attr]


# ---------------------------------------------------------------- the end of clients
def test_a_client_that_holds_something_is_busy(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    assert fs.fails(destroy_clientid(caller.client_id)) == "NFS4ERR_CLIENTID_BUSY"
    assert caller.status(destroy_clientid(caller.client_id)) == "NFS4ERR_CLIENTID_BUSY"
    caller.create(b"file")
    fs.ok(destroy_session(caller.session_id))
    assert fs.fails(destroy_clientid(caller.client_id)) == "NFS4ERR_CLIENTID_BUSY", "it has a file open"


def test_an_idle_client_goes_without_a_trace(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    fs.ok(destroy_session(caller.session_id))
    fs.ok(destroy_clientid(caller.client_id))
    assert rows(fs, *STATE_TABLES) == 0
    assert fs.fails(destroy_clientid(caller.client_id)) == "NFS4ERR_STALE_CLIENTID"
    assert fs.fails(destroy_clientid(0)) == "NFS4ERR_STALE_CLIENTID"


def test_an_unconfirmed_client_can_be_destroyed(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    for send in (fs.ok, caller.ok):
        send(destroy_clientid(introduce(fs, b"you").eir_clientid))
    introduce(fs, b"me", OTHER_VERIFIER)
    caller.ok()


# ---------------------------------------------------------------- RECLAIM_COMPLETE
def test_reclaim_complete_once(fs: Namespace) -> None:
    client_id = introduce(fs, b"me").eir_clientid
    caller = Caller(fs, client_id, made_by(fs, create_session(client_id, 1)).csr_sessionid)
    assert caller.status(reclaim_complete(True)) == "NFS4ERR_NOFILEHANDLE"
    caller.ok(root(), reclaim_complete(True))
    caller.ok(reclaim_complete())
    assert caller.status(reclaim_complete()) == "NFS4ERR_COMPLETE_ALREADY"


# ---------------------------------------------------------------- a client with layouts
def give_layout(fs: Namespace, client_id: int, fileid: int) -> bytes:
    """A layout as LAYOUTGET leaves it."""
    with fs.entry() as cx:
        other, state = layout_states.create(cx, client_id, fileid)
        layout_states.save(cx, other, state)
    return other


def test_a_restarted_client_with_layouts_is_dead_until_it_is_fenced(fs: Namespace) -> None:
    """INV-6: its record stays, so that the leader fences the old layouts; nothing else of it does."""
    old = connect(fs, b"me")
    handle, _ = old.create(b"file")
    give_layout(fs, old.client_id, int.from_bytes(handle[8:16], "big"))
    new = connect(fs, b"me", OTHER_VERIFIER)
    assert old.status() == "NFS4ERR_BADSESSION"
    assert fs.fails(create_session(old.client_id, 2)) == "NFS4ERR_STALE_CLIENTID"
    assert rows(fs, "state_file") == 0, "its opens are gone at once"
    assert _expired(fs) == [old.client_id]
    assert expire(fs, old.client_id, new.client_id) == clients.Expired([], [old.client_id])
    fs.internal(StartFence(old.client_id, b""))
    fs.internal(FenceConfirmed(old.client_id, 2))
    assert expire(fs, old.client_id, new.client_id) == clients.Expired([old.client_id], [])
    assert rows(fs, "client") == 2
    new.ok(putfh(handle))


def _expired(fs: Namespace) -> list[int]:
    with fs.env.begin() as txn:
        tables = fs.machine.tables
        return clients.clients_lapsed(txn, tables, fs.replica.lease_ms) + clients.clients_dead(txn, tables)


def test_what_the_front_end_runs_is_refused_elsewhere(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    again = operation(nfs4.OP_SEQUENCE, nfs4.SEQUENCE4args(caller.session_id, 9, 0, 0, False))
    bind = operation(nfs4.OP_BIND_CONN_TO_SESSION, nfs4.BIND_CONN_TO_SESSION4args(caller.session_id, 3, False))
    assert caller.status(root(), again) == "NFS4ERR_SEQUENCE_POS"
    assert caller.status(bind) == "NFS4ERR_NOT_ONLY_OP"
