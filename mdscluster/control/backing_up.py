"""Passing on a backup that a process of its own writes (proto: Admin.Backup; :mod:`mdscluster.backup`)."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from mdscluster import replica_async
from mdsproto.lifeline import PARENT_VARIABLE

if TYPE_CHECKING:
    from mdscluster.replica import Replica

log = structlog.get_logger()

PIECE_BYTES: Final = 256 << 10
STALLED_S: Final = 60.0
"""Nobody has taken a piece for so long: given up, as a state that is read from grows with every change."""
_ERROR_BYTES: Final = 2_000


class CannotBackUp(Exception):
    """There is no backup, or no whole one. The text is for the operator."""


class BackingUp:
    """One backup of this node at a time."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._current: object | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The backup, piece by piece. :class:`CannotBackUp`, perhaps in the middle."""
        if self._current is not None:
            raise CannotBackUp("a backup of this node is under way already")
        mine = self._current = object()

        def ended() -> None:
            if self._current is mine:
                self._current = None

        try:
            if not await replica_async.barrier(self._replica):
                raise CannotBackUp("no quorum: it could lack what others have acknowledged")
            node = (await replica_async.status(self._replica)).node_id
            async for piece in _written(self._replica.env.path(), node, ended):
                yield piece
        finally:
            ended()


async def _written(state_dir: str, node: str, ended: Callable[[], None]) -> AsyncIterator[bytes]:
    """``ended``: called when it is given up while whoever asked for it does not listen."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mdscluster.backup.dump", state_dir, node,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    complaint = asyncio.create_task(process.stderr.read())
    given_up = False

    def give_up() -> None:
        nonlocal given_up
        given_up = True
        log.warning("a backup is given up", reason=f"nobody has taken a piece of it for {STALLED_S:g} s")
        with suppress(ProcessLookupError):
            process.kill()
        ended()

    try:
        while piece := await process.stdout.read(PIECE_BYTES):
            timer = asyncio.get_running_loop().call_later(STALLED_S, give_up)
            try:
                yield piece
            finally:
                timer.cancel()
            if given_up:
                raise CannotBackUp(f"nobody has taken a piece of it for {STALLED_S:g} s")
        if await process.wait():
            text = (await complaint).decode("utf-8", "replace").strip()
            log.error("a backup failed", exit_code=process.returncode, error=text[-_ERROR_BYTES:])
            reason = text.splitlines()[-1] if text else "it told no reason"
            raise CannotBackUp(f"the process that writes it failed: {reason}")
    finally:
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
        await process.wait()
        complaint.cancel()
