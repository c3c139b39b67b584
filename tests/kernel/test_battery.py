"""The first battery of file operations, on both kernels and both minor versions."""

from __future__ import annotations

import re

import pytest

from tests.kernel.conftest import HERE, Guests
from tests.kernel.rig.images import Engine
from tests.support.cluster import Cluster

NOT_YET = {"fallocate", "punch", "xattr"}
"""Optional in NFSv4.2 and answered NFS4ERR_NOTSUPP."""
LINES = 20
"""How many results the battery prints."""
LONG = pytest.mark.long
"""The short form has the newer kernel with the older minor version; the other tests have it the other way round."""


@pytest.mark.parametrize(
    ("engine", "version"),
    [
        pytest.param("uml", "4.2", id="linux-6.1-4.2", marks=LONG),
        pytest.param("tcg", "4.1", id="linux-6.12-4.1"),
        pytest.param("uml", "4.1", id="linux-6.1-4.1", marks=LONG),
        pytest.param("tcg", "4.2", id="linux-6.12-4.2", marks=LONG),
    ],
)
def test_file_operations_work_on_a_real_kernel(cluster: Cluster, guests: Guests, engine: Engine, version: str) -> None:
    """Every line of the battery passes but fallocate, punch and xattr."""
    guest = guests.boot(cluster.service_address, 1 if engine == "uml" else 2, engine, version)
    done = guest.run((HERE / "guest/battery.sh").read_text(), timeout_s=400)
    print(done.output)
    passed = set(re.findall(r"(?m)^ok +(\S+)", done.output))
    failed = set(re.findall(r"(?m)^FAIL +(\S+)", done.output))
    assert f"vers={version}" in done.output
    assert failed <= NOT_YET, f"{sorted(failed - NOT_YET)} failed:\n{done.output}\n{cluster.log_tails()}"
    assert len(passed | failed) == LINES, f"the battery ended early ({done.status}):\n{done.output}"
    assert guest.shutdown() == 0
