"""Real tools: installed where they are missing, and without them nothing is said to be tested."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from tests.support.debian import Unavailable, need_tools

TOOLS = {"keepalived": "keepalived", "nft": "nftables", "systemd-analyze": "systemd", "unshare": "util-linux"}


@pytest.fixture(scope="session")
def tools() -> None:
    """keepalived, nft and systemd-analyze. Under CI they must be there; elsewhere their lack is said loudly."""
    _need(TOOLS)


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own judge of its files."""
    _need({"promtool": "prometheus"})
    return "promtool"


def _need(wanted: dict[str, str]) -> None:
    try:
        need_tools(wanted)
    except Unavailable as problem:
        unavailable(problem)


def unavailable(problem: Unavailable) -> NoReturn:
    """Under CI a failure, elsewhere a reason that is said loudly."""
    text = f"what is rendered is NOT checked by the tools that will read it: {problem}"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)
