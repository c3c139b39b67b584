"""This front end's claims to write for clients without layouts (docs/adr/0012, :mod:`mdscluster.fsm.io_claims`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from mdscluster import replica_async
from mdscluster.fsm import io_claims
from mdscluster.fsm.commands import ClaimIo, pack_internal
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.dispatcher import Dispatcher

log = structlog.get_logger()

_PATIENCE_S: Final = 20.0
"""As long as a data server is silent and its lease may still run, nobody can be sure of what it has on its way."""
_POLL_S: Final = 0.005
_REMEMBERED_MAX: Final = 65_536


class ClaimLost(Exception):
    """Another front end writes for the client by now, or nobody can be sure yet that none does: nothing may be
    answered here."""


class _Claim(msgspec.Struct):
    """A claim of this front end under which everything that it sent is accounted for."""

    epoch: int
    doubtful: set[int] = msgspec.field(default_factory=set)
    """Data servers that something is perhaps still on its way to, under this claim; a new one has none."""


class Claims:
    """The claims of one run of a front end: who is started anew has to claim anew."""

    def __init__(self, dispatcher: Dispatcher, holder: bytes) -> None:
        """``holder``: 8 random bytes, this run's and no other's."""
        self._dispatcher = dispatcher
        self._holder = holder
        self._claims: dict[int, _Claim] = {}
        """By client: its present claim. An earlier one is forgotten, its doubts with it."""
        self._taking: dict[int, asyncio.Task[int]] = {}

    def held(self, client_id: int) -> int:
        """The epoch of a claim in force; 0: there is none."""
        with self._dispatcher.env.begin() as txn:
            claim = io_claims.load(txn, self._dispatcher.tables, client_id)
        if claim is None or claim.holder != self._holder or not claim.in_force:
            return 0
        return claim.epoch if self._present(client_id, claim.epoch) else 0

    async def hold(self, client_id: int) -> int:
        """The same, claimed first where need be; WRITEs of one client that come together share a claim."""
        if epoch := self.held(client_id):
            return epoch
        taking = self._taking.get(client_id)
        if taking is None:
            taking = self._taking[client_id] = asyncio.get_running_loop().create_task(self._take(client_id))
            taking.add_done_callback(lambda _: self._taking.pop(client_id, None))
        return await asyncio.shield(taking)

    async def _take(self, client_id: int) -> int:
        dispatcher = self._dispatcher
        self._claims.pop(client_id, None)
        result = await replica_async.propose(dispatcher.replica, pack_internal(ClaimIo(client_id, self._holder)))
        if result is None or len(result) <= U64.size:
            raise ClaimLost
        epoch = int(U64.unpack_from(result, 1)[0])
        if len(self._claims) >= _REMEMBERED_MAX:
            self._claims.clear()  # they are claimed anew
        self._claims[client_id] = _Claim(epoch)
        deadline_s = dispatcher.clock_s() + _PATIENCE_S
        while not self.held(client_id):
            if not self._present(client_id, epoch) or dispatcher.clock_s() > deadline_s:
                raise ClaimLost
            await asyncio.sleep(_POLL_S)
        return epoch

    def _present(self, client_id: int, epoch: int) -> _Claim | None:
        """The claim of this epoch, if it is the present one."""
        claim = self._claims.get(client_id)
        return claim if claim is not None and claim.epoch == epoch else None

    def doubt(self, client_id: int) -> None:
        """What became of a command is not known: claim anew before anything else is sent, and so void it."""
        self._claims.pop(client_id, None)

    def lost(self, client_id: int, epoch: int) -> ClaimLost:
        """Claim anew before anything else is sent, unless that was done already; the exception to raise."""
        if self._present(client_id, epoch):
            self.doubt(client_id)
        return ClaimLost()

    def doubt_at(self, client_id: int, epoch: int, server: int) -> None:
        """What became of a WRITE at this data server is not known: the same, before anything else is sent *there*.

        Others are not concerned: a data server that died must not keep a client from writing to those that live.
        Neither is a later claim: nobody writes under it before every data server refuses this one.
        """
        if claim := self._present(client_id, epoch):
            claim.doubtful.add(server)

    def is_doubtful(self, client_id: int, epoch: int, server: int) -> bool:
        """Whether something sent under this claim may still be on its way to this data server.

        Of a claim that is not the present one nothing is known any more, so everything is in doubt.
        """
        claim = self._present(client_id, epoch)
        return claim is None or server in claim.doubtful
