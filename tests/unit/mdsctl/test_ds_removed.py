"""A data server that was removed is started again, on real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.embedded import ROOT, TIMEOUT_S, Embedded
from tests.unit.mdsctl.commands import answer, await_level, text
from tests.unit.mdsctl.test_ds import state_of, until, written

pytestmark = pytest.mark.slow


def test_a_removed_data_server_gets_no_files_before_the_operator_says_so(tmp_path: Path) -> None:
    """INV-10: it is refused, serves nothing and says what to do; by the word it comes back as a new and empty one."""
    with Embedded(tmp_path / "c", ds=2) as cluster:
        await_level(cluster)
        config = Path(cluster.nodes("ds")["ds2"]["config"])
        answer(cluster, "ds", "drain", "ds2")
        cluster.kill("ds2")
        until("ds2 was not noticed", lambda: state_of(cluster, "ds2") == "down")
        assert answer(cluster, "ds", "remove", "ds2")["removed"]
        assert state_of(cluster, "ds2") == "none"

        def serve() -> subprocess.Popen[bytes]:  # as its unit would, which the cluster knows nothing of
            with cluster.by_hand_log("ds2").open("ab") as out:
                return subprocess.Popen(
                    [sys.executable, "-m", "dataserver", "serve", "--config", str(config)],
                    stdout=out, stderr=out, cwd=ROOT, env=cluster._environment(ROOT),
                )  # fmt: skip

        again = serve()
        try:
            until("ds2 was not refused", lambda: state_of(cluster, "ds2") == "removed")
            assert "REMOVED" in text(cluster, "ds", "list")
            assert written(cluster, "/without") == ["ds1"]
            log = cluster.by_hand_log("ds2").read_text()
            assert "was removed from this cluster" in log
            assert "dataserver new-store" in log
            assert again.poll() is None, "it waits"
        finally:
            again.terminate()
            again.wait(20)
        done = subprocess.run(
            [sys.executable, "-m", "dataserver", "new-store", "--config", str(config)],
            cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr  # no file was ever written there
        again = serve()
        try:
            until("ds2 was not taken in", lambda: state_of(cluster, "ds2") == "up")
            assert written(cluster, "/with") == ["ds1", "ds2"]
            assert text(cluster, "digest").splitlines()[-1] == "equal"
        finally:
            again.terminate()
            again.wait(20)
