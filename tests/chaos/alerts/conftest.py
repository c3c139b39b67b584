"""The library that makes disks slow and clocks wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.conftest import unavailable
from tests.chaos.shim import Shim
from tests.support.debian import Unavailable


@pytest.fixture
def shim(tmp_path: Path) -> Shim:
    made = Shim(tmp_path / "shim")
    try:
        made.build()
    except Unavailable as reason:
        unavailable(reason)
    return made
