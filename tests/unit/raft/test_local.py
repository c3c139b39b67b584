"""The front end's end of the door to its consensus process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mdscluster.raft import localwire as wire
from mdscluster.raft.local import LocalReplica


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nobody reads it."""

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.asyncio
async def test_who_listens_hears_of_the_loss_before_those_who_wait(tmp_path: Path) -> None:
    """INV-7: those who wait close their clients' connections; who came anew then to a process that ends would be taken
    in, and never told."""
    replica = LocalReplica(tmp_path / "none.sock", None)  # type: ignore[arg-type]
    heard: list[str] = []
    replica.on_lost = lambda: heard.append("listener")
    replica._barriers[1] = [lambda ok: heard.append("waiting")]
    replica.connection_lost(None)
    assert heard == ["listener", "waiting"]


@pytest.mark.asyncio
async def test_an_answer_that_cannot_be_handled_stops_the_node_and_says_why(tmp_path: Path) -> None:
    """INV-2: our own bug is no lost connection that might be made again."""
    replica = LocalReplica(tmp_path / "none.sock", None)  # type: ignore[arg-type]
    stopped: list[bool] = []
    replica.on_lost = lambda: stopped.append(True)
    transport = _Transport()
    replica.connection_made(transport)

    def bug(confirmed: bool) -> None:
        raise KeyError("a bug")

    replica.barrier(bug)
    await asyncio.sleep(0)
    replica.data_received(wire.pack_numbered(wire.BARRIER_DONE, 1, b"\1"))
    assert isinstance(replica.failure, KeyError)
    assert transport.aborted
    replica.connection_lost(None)
    assert stopped == [True]


@pytest.mark.asyncio
async def test_what_counts_in_one_term_keeps_its_place_among_proposals(tmp_path: Path) -> None:
    """INV-3: results are told apart by their numbers only."""
    replica = LocalReplica(tmp_path / "none.sock", None)  # type: ignore[arg-type]
    transport, told = _Transport(), []
    written: list[bytes] = []
    transport.write = written.append  # type: ignore[method-assign, assignment]
    replica.connection_made(transport)
    replica.propose(b"first", lambda result: told.append(("first", result)))
    replica.propose_in_term(7, b"word", b"nothing", lambda result: told.append(("word", result)))
    replica.propose(b"last", lambda result: told.append(("last", result)))
    await asyncio.sleep(0)
    first, word, last = wire.FrameReader().feed(b"".join(written))
    assert wire.unpack_propose(first) == (1, [b"first"])
    assert wire.unpack_bound(word) == (2, 7, b"word", b"nothing")
    assert wire.unpack_propose(last) == (3, [b"last"])
    replica.data_received(wire.pack_results([(3, b"c"), (2, None), (1, b"a")]))
    assert told == [("last", b"c"), ("word", None), ("first", b"a")]
    with pytest.raises(ValueError, match="cut off"):
        wire.unpack_bound(word[:23])
