"""Data servers come and go, on real processes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nfsclient.client import Client
from nfswire import nfs4
from tests.support.embedded import Embedded
from tests.unit.mdsctl.commands import answer, await_level, text

pytestmark = pytest.mark.slow

DEADLINE_S = 20.0


def until(what: str, condition: Callable[[], Any]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, what
        time.sleep(0.2)


async def write(cluster: Embedded, name: str) -> list[str]:
    """A new file; the data servers that it lies on."""
    async with (
        await Client.connect(cluster.addresses()) as client,
        await client.open(name, create=nfs4.GUARDED4) as file,
    ):
        await file.write(0, os.urandom(3 << 20))
        await file.flush()
        number = (await file.getattr()).fileid
        found = await asyncio.to_thread(answer, cluster, "layouts", "--file", str(number))
        return sorted(found["layouts"][0]["data_servers"])


def written(cluster: Embedded, name: str) -> list[str]:
    return asyncio.run(write(cluster, name))


async def delete(cluster: Embedded, name: str) -> None:
    async with await Client.connect(cluster.addresses()) as client:
        await client.remove(name)


def state_of(cluster: Embedded, server: str) -> str:
    found = {one["id"]: one for one in answer(cluster, "ds", "list")["data_servers"]}
    return str(found[server]["state"]) if server in found else "none"


def test_drain_and_back(cluster: Embedded) -> None:
    await_level(cluster)
    assert written(cluster, "/before") == ["ds1", "ds2"]
    assert answer(cluster, "ds", "drain", "ds2")["files"] >= 1
    try:
        assert "up, drained" in text(cluster, "ds", "list")
        assert written(cluster, "/meanwhile") == ["ds1"]
        assert "nothing could be written" in answer(cluster, "ds", "drain", "ds1", code=1)["error"]
        refused = answer(cluster, "ds", "remove", "ds2", code=1)
        assert "which would be lost" in refused["error"]
        assert "find MOUNT -inum" in refused["advice"]
    finally:
        answer(cluster, "ds", "drain", "ds2", "--off")
    assert written(cluster, "/after") == ["ds1", "ds2"]
    refused = answer(cluster, "ds", "remove", "ds1", code=1)
    assert "not drained" in refused["error"]
    assert refused["advice"] == "`mdsctl ds drain ds1` first"
    assert "no such data server" in answer(cluster, "ds", "drain", "ds9", code=1)["error"]


def test_one_is_added_and_another_removed(tmp_path: Path) -> None:
    """INV-11: the removed one holds nothing of any file; and its ID is that of nobody then."""
    with Embedded(tmp_path / "c", ds=2) as cluster:
        await_level(cluster)
        assert written(cluster, "/old") == ["ds1", "ds2"]
        home = tmp_path / "c" / "ds3"
        (home / "log").mkdir(parents=True)
        like = cluster.nodes("ds")["ds1"]["config"]
        port = cluster.addresses()[0][1] + 60
        new = [
            "ds", "add", "ds3", "--nfs", f"127.0.0.1:{port}", "--control", f"127.0.0.1:{port + 300}",
            "--like", like, "--out", str(home / "ds3.toml"), "--data-dir", str(home),
        ]  # fmt: skip
        assert answer(cluster, *new)["start"].startswith("dataserver serve --config")
        assert "is a data server already" in answer(cluster, *new, code=1)["error"]
        cluster.start("ds3", "ds")
        until("ds3 did not join", lambda: state_of(cluster, "ds3") == "up")
        assert written(cluster, "/three") == ["ds1", "ds2", "ds3"]
        answer(cluster, "ds", "drain", "ds2")
        for name in ("/old", "/three"):
            asyncio.run(delete(cluster, name))
        until("files were left", lambda: answer(cluster, "ds", "drain", "ds2")["files"] == 0)
        refused = answer(cluster, "ds", "remove", "ds2", code=1)
        assert "it is up" in refused["error"]
        cluster.kill("ds2")
        until("ds2 was not noticed", lambda: state_of(cluster, "ds2") == "down")
        assert answer(cluster, "ds", "remove", "ds2")["removed"]
        assert state_of(cluster, "ds2") == "none"
        assert list(cluster.nodes("ds")) == ["ds1", "ds3"]
        assert written(cluster, "/new") == ["ds1", "ds3"]
        assert text(cluster, "digest").splitlines()[-1] == "equal"
