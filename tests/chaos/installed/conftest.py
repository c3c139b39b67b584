"""The cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.conftest import unavailable
from tests.support.debian import Unavailable
from tests.support.installed import Site, installed


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Rendered, installed and serving; one for all modules here."""
    try:
        with installed(tmp_path_factory.mktemp("site"), "mdd", "[metrics]\nenabled = true\n") as made:
            yield made
    except Unavailable as reason:
        unavailable(reason)
