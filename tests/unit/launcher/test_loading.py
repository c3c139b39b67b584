"""What a metadata server loads before it serves: clients wait for that when all servers have died."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from tests.support.cluster import ROOT

NEVER: Final = {"rich", "pygments", "typer"}
"""What is for terminals."""
LATER: Final = {"mdscluster.monitoring.service", "prometheus_client", "h11"}
"""What is for metrics, which come when NFS is served."""


def loaded(code: str) -> tuple[set[str], Any]:
    """The modules that are there after ``code``, and what it left in ``told``."""
    code = f"import json, sys\ntold = None\n{code}\nprint(json.dumps([list(sys.modules), told]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules, told = json.loads(done.stdout)
    return set(modules), told


def test_a_server_loads_nothing_that_is_for_people_or_metrics_before_it_serves() -> None:
    modules, told = loaded(
        "import gc\nfrom mdscluster import cli\nwith cli._loading_fast():\n    import mdscluster.server\n"
        "told = gc.isenabled()\nimport mdscluster.front_end"
    )
    assert {"mdscluster.server", "mdscluster.front_end", "structlog"} <= modules
    assert not (NEVER | LATER) & modules
    assert told is True, "the garbage collector is at work again"


def test_whoever_wants_rich_afterwards_finds_it() -> None:
    modules, told = loaded(
        "from mdscluster import cli\nwith cli._loading_fast():\n    import mdscluster.server\n"
        "import rich\ntold = rich.__name__"
    )
    assert told == "rich"
    assert "rich" in modules
