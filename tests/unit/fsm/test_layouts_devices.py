"""GETDEVICEINFO: devices and their data servers (RFC 8881 §18.40, §13.5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import data_servers
from nfswire import nfs4
from tests.unit.fsm.support.compounds import Namespace, name_of, putfh
from tests.unit.fsm.support.layouts import (
    device_of,
    fileid_of,
    getdeviceinfo,
    granted,
    layoutget,
    layoutreturn,
    server,
    servers,
)
from tests.unit.fsm.support.sessions import connect


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    servers(namespace)
    yield namespace
    namespace.close()


def test_a_device_lists_its_data_servers_in_stripe_order(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    _, content = granted(caller.ok(putfh(handle), layoutget(opened)))
    info = caller.ok(getdeviceinfo(device_of(content)))[nfs4.OP_GETDEVICEINFO].gdir_resok4
    assert info.gdir_notification == 1 << nfs4.NOTIFY_DEVICEID4_CHANGE | 1 << nfs4.NOTIFY_DEVICEID4_DELETE
    body, _ = nfs4.unpack_nfsv4_1_file_layout_ds_addr4(info.gdir_device_addr.da_addr_body, 0)
    assert body.nflda_stripe_indices == [0, 1, 2]
    ports = [address.na_r_addr for (address,) in body.nflda_multipath_ds_list]
    assert sorted(ports) == [f"127.0.0.1.{20490 + i >> 8}.{20490 + i & 255}".encode() for i in (1, 2, 3)]


def test_getdeviceinfo_refusals(fs: Namespace) -> None:
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    _, content = granted(caller.ok(putfh(handle), layoutget(opened)))
    device = device_of(content)
    reply = caller.send(getdeviceinfo(device, maxcount=20))
    assert name_of(reply.status) == "NFS4ERR_TOOSMALL"
    needed = reply.results[-1][2].gdir_mincount
    caller.ok(getdeviceinfo(device, maxcount=needed))
    assert name_of(caller.send(getdeviceinfo(device, maxcount=needed - 1)).status) == "NFS4ERR_TOOSMALL"
    only_notifications = caller.ok(getdeviceinfo(device, maxcount=0))[nfs4.OP_GETDEVICEINFO].gdir_resok4
    assert only_notifications.gdir_device_addr.da_addr_body == b""
    assert caller.status(getdeviceinfo(bytes(16))) == "NFS4ERR_NOENT"
    assert caller.status(getdeviceinfo(device[:8] + b"\xff" * 8)) == "NFS4ERR_NOENT"
    assert caller.status(getdeviceinfo(device, kind=nfs4.LAYOUT4_FLEX_FILES)) == "NFS4ERR_UNKNOWN_LAYOUTTYPE"


def test_a_new_address_is_a_new_device_and_the_old_id_keeps_its_meaning(fs: Namespace) -> None:
    """Device IDs are never reused: with many data servers too, where only the last of them moves."""
    servers(fs, 60)
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    stateid, content = granted(caller.ok(putfh(handle), layoutget(opened)))
    before = caller.ok(getdeviceinfo(device_of(content))).raw
    caller.ok(putfh(handle), layoutreturn(stateid))
    last = len(content.nfl_fh_list) - 1
    with fs.entry() as cx:
        striping = data_servers.striping_of(cx.txn, cx.tables, fileid_of(handle))
        assert striping is not None
        names = {s.number: s.ds_id for s in data_servers.all_servers(cx.txn, cx.tables)}
    server(fs, names[striping.numbers[last]], port=40000)
    _, moved = granted(caller.ok(putfh(handle), layoutget(opened)))
    assert device_of(moved) != device_of(content)
    assert caller.ok(getdeviceinfo(device_of(content))).raw == before
