"""Layouts when data servers go, come back or move; and one log, one digest (INV-8)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import recalls
from mdscluster.fsm.commands import FLAG_EXCLUSIVE_WRITERS, StartRecall
from nfswire import nfs4
from tests.unit.fsm.support.compounds import Namespace, Who, putfh, setattr_
from tests.unit.fsm.support.layouts import (
    READ,
    again,
    attempt,
    device_of,
    get_layout,
    granted,
    layoutcommit,
    layoutget,
    layoutreturn,
    pending,
    server,
    servers,
)
from tests.unit.fsm.support.sessions import connect

SIZE = nfs4.FATTR4_SIZE
EXCLUSIVE = Who(flags=FLAG_EXCLUSIVE_WRITERS)


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    servers(namespace)
    yield namespace
    namespace.close()


def test_the_loss_of_a_data_server_recalls_what_lies_on_it_and_nothing_else(fs: Namespace) -> None:
    a = connect(fs, b"a")
    before, opened = a.create(b"f")
    on_three = get_layout(a, before, opened)
    server(fs, "ds4")
    server(fs, "ds1", up=False)
    assert pending(fs).stale, "noted with the loss itself: no leader can forget it"
    fs.internal(StartRecall(0, 0))
    assert [(other, record.changed) for other, record in pending(fs).recalls] == [(on_three.other, True)]
    assert not pending(fs).stale
    a.ok(putfh(before), layoutreturn(on_three))
    after, opened = a.create(b"g")
    get_layout(a, after, opened)
    server(fs, "ds1")
    server(fs, "ds1", up=False)
    fs.internal(StartRecall(0, 0))
    assert pending(fs).recalls == [], "the new file does not lie on it"


def test_a_data_server_that_moved_gets_its_layouts_back_and_a_new_device(fs: Namespace) -> None:
    a = connect(fs, b"a")
    handle, opened = a.create(b"f")
    layout, content = granted(a.ok(putfh(handle), layoutget(opened, READ)))
    server(fs, "ds2", port=40000)
    # Before the leader has come to it, the client asks for more: one stateid does not stand for two devices.
    assert a.status(putfh(handle), layoutget(layout)) == "NFS4ERR_RECALLCONFLICT"
    assert [other for other, _ in pending(fs).recalls] == [layout.other]
    fs.internal(StartRecall(0, 0))
    a.ok(putfh(handle), layoutreturn(layout))
    _, moved = granted(a.ok(putfh(handle), layoutget(opened)))
    assert device_of(moved) != device_of(content)
    server(fs, "ds2", port=40000)
    assert not pending(fs).stale, "nothing changed"


def test_many_layouts_are_looked_at_in_small_entries(fs: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recalls, "_LOOKED_AT_MAX", 3)
    a = connect(fs, b"a")
    for i in range(7):
        handle, opened = a.create(b"f%d" % i)
        get_layout(a, handle, opened)
    server(fs, "ds1", up=False)
    seen = []
    while pending(fs).stale:
        fs.internal(StartRecall(0, 0))
        seen.append(len(pending(fs).recalls))
    assert seen == [3, 6, 7]


# ---------------------------------------------------------------- INV-8
def test_two_machines_with_the_same_log_have_the_same_digest(tmp_path: Path) -> None:
    """INV-8: grants, recalls, cuts, reservations and lost data servers, in one log."""
    one, two = Namespace(tmp_path / "one"), Namespace(tmp_path / "two")
    log: list[list[bytes]] = []
    apply_entry = one.replica.apply_entry

    def recorded(payloads: list[bytes]) -> list[bytes]:
        log.append((one.replica.wall_ns, one.replica.lease_ms, payloads))  # type: ignore[arg-type]
        return apply_entry(payloads)

    one.replica.apply_entry = recorded  # type: ignore[method-assign, assignment]
    servers(one)
    clients = [connect(one, b"client %d" % i, who=dataclasses.replace(EXCLUSIVE)) for i in range(3)]
    for number, name in enumerate((b"f", b"g", b"h", b"i")):
        caller, other = clients[number % 3], clients[(number + 1) % 3]
        handle, opened = caller.create(name)
        layout = get_layout(caller, handle, opened)
        caller.ok(putfh(handle), layoutcommit(layout, 1000 * number + 10))
        assert attempt(other, putfh(handle), setattr_({SIZE: 5})) is None
        one.replica.advance(700)
        if number % 2:
            caller.ok(putfh(handle), layoutreturn(layout))
            assert again(other, putfh(handle), setattr_({SIZE: 5})) is not None
    server(one, "ds3", up=False)
    one.internal(StartRecall(0, 0))
    for wall_ns, lease_ms, payloads in log:
        two.replica.wall_ns, two.replica.lease_ms = wall_ns, lease_ms  # type: ignore[assignment]
        two.replica.apply_entry(payloads)
    assert one.replica.digest() == two.replica.digest()
    with one.env.begin() as txn:
        assert txn.stat(one.machine.tables.recall)["entries"] >= 4, "nothing was compared"
    for namespace in (one, two):
        namespace.close()
