"""Data servers, and stores that are lost, are let go by the operator's word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.control import ds_changes
from mdscluster.fsm.commands import DataServerUpdate, EnsureStriping, RaiseFeatures, ReplaceStore
from mdscluster.fsm.settings import Settings
from mdscluster.monitoring import census
from mdsproto import admin_pb2
from tests.unit.fsm.support.compounds import Namespace, remove, root
from tests.unit.fsm.support.sessions import connect


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state", Settings(cluster_id=7))
    made.internal(RaiseFeatures(6))
    for number in (1, 2):
        registration = DataServerUpdate(f"ds{number}", "127.0.0.1", 2048, True, 1 << 40, 1 << 39, 1, b"%d" % number)
        made.internal(registration)
    yield made
    made.close()


def ask(fs: Namespace, kind: str, ds_id: str) -> admin_pb2.ChangeDataServerReply:
    request = admin_pb2.ChangeDataServerRequest(kind=kind, ds_id=ds_id)
    return asyncio.run(ds_changes.change(fs.replica, fs.machine.tables, request))


def watched(fs: Namespace) -> dict[str, bool]:
    """Data servers, as whoever watches is told of them; and whether each is lost, which raises the alert."""
    with fs.env.begin() as txn:
        return {server.ds_id: server.lost for server in census.look(txn, fs.machine.tables).data_servers}


def test_a_lost_store_is_let_go_when_no_file_had_data_there(fs: Namespace) -> None:
    """INV-10: whose data is lost is told as long as there is anybody whose it is, and not for ever."""
    client = connect(fs, b"client")
    handle, opened = client.create(b"file")
    client.close(handle, opened)
    fileid = int.from_bytes(handle[8:16], "big")
    fs.internal(EnsureStriping(fileid))
    fs.internal(ReplaceStore("ds2", b"another"))
    assert watched(fs) == {"ds1": False, "ds2": False, "ds2/lost-2": True}
    assert "not drained" in ask(fs, "remove", "ds2/lost-2").text
    assert ask(fs, "drain", "ds2/lost-2").files == 1
    left = ask(fs, "remove", "ds2/lost-2")
    assert (left.code, left.files, [*left.fileids]) == ("holds_files", 1, [fileid])
    assert watched(fs)["ds2/lost-2"], "the alert goes on"
    fs.ok(root(), remove(b"file"))
    assert ask(fs, "remove", "ds2/lost-2").code == "done"
    assert watched(fs) == {"ds1": False, "ds2": False}
    assert ask(fs, "remove", "ds2/lost-2").text == ask(fs, "drain", "ds2/lost-9").text == "there is no such data server"
