"""A leader that was overtaken goes on with a control message in its hands: data servers refuse it (docs/adr/0026). And
one that obeys another cluster altogether is given to this one by the steps of docs/OPERATIONS.md."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dataserver import leadership
from nfsclient.client import Client
from nfswire import nfs4
from tests.support.cluster import ROOT
from tests.support.embedded import Embedded
from tests.support.runbook import row

pytestmark = [pytest.mark.slow, pytest.mark.alone]

PATCHES = Path(__file__).with_name("patches")
OLD, NEW = b"old" * 100_000, b"new" * 100_000
REFUSED = "refused: the caller is superseded"
STOOD_BACK = "a data server refused this node, which leads no more"


def processes(cluster: Embedded, node_id: str) -> list[int]:
    """The node's consensus process and its front end."""
    parent = cluster.pid(node_id)
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *map(int, children)]


def logs(cluster: Embedded, node_id: str) -> str:
    return "".join(path.read_text(errors="replace") for path in (cluster.base_dir / node_id / "log").iterdir())


async def until(what: str, condition: Callable[[], bool], timeout_s: float = 20.0) -> float:
    """How long it took."""
    began_s = time.monotonic()
    while not await asyncio.to_thread(condition):
        assert time.monotonic() - began_s < timeout_s, what
        await asyncio.sleep(0.05)
    return time.monotonic() - began_s


def test_a_stopped_leaders_cut_is_refused_when_it_goes_on(tmp_path: Path) -> None:
    """INV-10: SIGSTOP before it leaves. The next leader has it carried out, the file is written again, the data server
    is killed and started: it has forgotten that cut, and not whom it obeys. Then the old leader goes on."""
    with Embedded(tmp_path / "cluster", ds=1, patches=PATCHES) as cluster:
        leader = str(cluster.await_all()["leader"])
        hold = cluster.base_dir / f"{leader}.hold"
        home = [(node["host"], node["nfs_port"]) for name, node in cluster.nodes().items() if name != leader]

        async def run() -> None:
            async with await Client.connect(home) as client:
                file = await client.open("/f", nfs4.OPEN4_SHARE_ACCESS_BOTH, create=nfs4.UNCHECKED4)
                await file.write(0, OLD)
                await file.flush()
                hold.touch()
                await file.truncate(9)
                await until("no cut was held", hold.with_suffix(".held").exists)
                stopped = processes(cluster, leader)
                assert len(stopped) == 2
                for pid in stopped:
                    os.kill(pid, signal.SIGSTOP)
                try:
                    await until("nobody else leads", lambda: cluster.status()["leader"] not in ("", leader))
                    await file.write(0, NEW)
                    await file.flush()
                    await asyncio.to_thread(cluster.kill, "ds1")
                    await asyncio.to_thread(cluster.start, "ds1", "ds")
                    again = cluster.by_hand_log("ds1")
                    await until("it does not start", lambda: "data server started" in again.read_text())
                    hold.unlink()
                finally:
                    for pid in stopped:
                        os.kill(pid, signal.SIGCONT)
                took_s = await until("nothing was refused", lambda: REFUSED in logs(cluster, "ds1"))
                print(f"the cut came and was refused {took_s:.2f} s after the old leader went on")
                await until("it does not say so", lambda: STOOD_BACK in logs(cluster, leader))
                await until("the cluster is not whole", lambda: bool(cluster.await_all()["quorum"]))
                assert processes(cluster, leader) == stopped, "it was to live on"
                assert await file.read(0, len(NEW)) == NEW
                await file.close()

        asyncio.run(run())
        assert "Traceback" not in "".join(logs(cluster, name) for name in (*cluster.nodes(), "ds1"))


THEIRS = "ANOTHER CLUSTER'S"


def test_a_data_server_of_another_cluster_is_told_of_and_taken_in_empty(tmp_path: Path) -> None:
    """INV-10: its disk is of a cluster that was there before. It gets nothing from this one and gives nothing; by the
    steps of docs/OPERATIONS.md it is one of this cluster, and what it had is kept beside it."""
    with Embedded(tmp_path / "before") as before:
        before.await_all()
        home = before.base_dir / "ds1"
        asyncio.run(until("it obeys nobody", lambda: leadership.read(home) is not None))
        before.kill("ds1")
        move(home, tmp_path / "theirs")
    with Embedded(tmp_path / "cluster") as cluster:
        cluster.await_all()
        home = cluster.base_dir / "ds1"
        asyncio.run(until("it is not up", lambda: state(cluster) == "up"))
        cluster.kill("ds1")
        move(home, tmp_path / "mine")
        move(tmp_path / "theirs", home)
        cluster.start("ds1", "ds")
        assert THEIRS in row("a data server of another cluster").told()[-1]
        asyncio.run(until("it is not told of", lambda: THEIRS in cluster.mdsctl("ds", "list").stdout))

        operations = (ROOT / "docs" / "OPERATIONS.md").read_text().splitlines()
        (advice,) = [line for line in operations if line.startswith(f"| `{THEIRS}` ")]
        assert "stop it; give it an empty `data_dir`, and start it" in advice
        cluster.kill("ds1")
        move(home, tmp_path / "kept")
        cluster.start("ds1", "ds")
        asyncio.run(until("it is not FOREIGN STORE", lambda: state(cluster) == "foreign store"))
        assert "it says `FOREIGN STORE` next" in advice
        cluster.kill("ds1")
        words = [sys.executable, "-m", "dataserver", "new-store", "--config", cluster.nodes("ds")["ds1"]["config"]]
        made = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
        assert made.returncode == 0, made.stderr
        assert "dataserver new-store --config FILE" in advice
        cluster.start("ds1", "ds")
        asyncio.run(until("it is not up", lambda: state(cluster) == "up"))
        assert leadership.read(tmp_path / "kept") is not None, "moving it away keeps it"


def state(cluster: Embedded) -> str:
    """What the cluster says of its data server."""
    listed = json.loads(cluster.mdsctl("ds", "list", "--json").stdout)["data_servers"]
    return next(str(one["state"]) for one in listed if one["id"] == "ds1")


def move(folder: Path, to: Path) -> None:
    """All that is a data server's store; its configuration and its log stay."""
    to.mkdir(exist_ok=True)
    for entry in folder.iterdir():
        if entry.name not in ("log", "node.pid") and entry.suffix != ".toml":
            shutil.move(entry, to / entry.name)
