"""A look that waits is told of: at which node, and from when until when, however it ended (INV-4's trap)."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from nfsclient.errors import NfsClientError
from nfsclient.results import Handle
from tests.chaos import lookers
from tests.chaos.lookers import Looker
from tests.support.linearizability.recorder import Recorder


@pytest.mark.parametrize(("took_s", "fails", "waited"), [(0.0, False, 0), (0.1, False, 1), (0.1, True, 1)])
def test_a_look_that_waits_is_noted(monkeypatch: pytest.MonkeyPatch, took_s: float, fails: bool, waited: int) -> None:
    """Also one that is never answered: that is what a node without a quorum does."""
    monkeypatch.setattr(lookers, "LEFT_WAITING_S", 0.05)

    async def look(*_: object) -> None:
        await asyncio.sleep(took_s)
        if fails:
            raise NfsClientError("no answer")

    looker = Looker("owner", "mds2", ("10.0.0.2", 2049), 1, Recorder())
    looker._client = SimpleNamespace(lookup=look, readdir=look)  # type: ignore[assignment]
    begun_s = time.monotonic()
    asyncio.run(looker._look(Handle(b"d"), "n"))
    assert [wait.node for wait in looker.waits] == ["mds2"] * waited
    assert looker.answered == (not fails)
    for wait in looker.waits:
        assert begun_s <= wait.from_s < wait.until_s <= time.monotonic()
