"""Simulated clients: the product's client through all its lives, and what it is told.

A *generation* is one mount: it ends when its process dies, or when its lease has run out and it mounts anew under the
same name.
"""

from __future__ import annotations

import random
from collections.abc import Coroutine
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nfsclient import (
    ChannelSettings,
    Client,
    NfsClientError,
    NfsError,
    Offer,
    RetryPolicy,
    SessionLost,
)
from nfsclient import Settings as ClientSettings
from nfsclient.compound import Compound
from nfsclient.file import File
from nfsclient.layouts import LayoutSettings
from nfsclient.runtime import Address
from nfsclient.stats import Event
from nfswire import nfs4, rpc
from tests.simulation.whole.network import NetRuntime
from tests.simulation.whole.oracle import Claim
from tests.support.linearizability import Operation
from tests.support.linearizability.calls import Close, Open
from tests.support.timeline import Process

if TYPE_CHECKING:
    from tests.simulation.whole.simulation import WholeSimulation
    from tests.simulation.whole.workload import Worker

SETTINGS: Final = ClientSettings(
    channel=ChannelSettings(connect_timeout_ms=300.0, reply_timeout_ms=1000.0, give_up_ms=1e12),
    retry=RetryPolicy(patience_ms=1e12),
    offer=Offer(slots=8, payload_bytes_max=1 << 16),
    layouts=LayoutSettings(unavailable_ms=1000.0),
)
REMOUNT_MS: Final = (20.0, 400.0)
_SEQUENCE: Final = Struct(">16sII")
"""How SEQUENCE's result begins: session ID, sequence ID, slot."""
WHOLE: Final = nfs4.NFS4_UINT64_MAX


class Generation:
    """One mount."""

    def __init__(self, owner: SimClient, number: int) -> None:
        world = owner.world
        self.owner = owner
        self.name = f"{owner.name}.{number}"
        self.process = Process(world.timeline, owner.name, rate=world.client_rng.uniform(0.98, 1.02))
        self.runtime = NetRuntime(self.process, world.client_rng, world.net, self._heard)
        self.client: Client | None = None
        self.lost = False
        """Its state has ended at the servers, or it has died: what it hears counts no more."""
        self.stale_is_right = False
        """It works on objects that others may remove."""
        self.revoked: set[bytes] = set()
        """Layouts (``other`` of their stateids) that were taken from it."""
        self.unconfirmed = 0
        """How often it was answered without a quorum."""
        self.at_one_node = False
        """It knows one node only, and asks it one thing after another."""
        self.renewed_ms = world.now_ms
        """When the newest of its requests that were answered in the session was sent."""
        self.late_ms = -1e12
        """The same, of the newest one that came when its lease had run out already."""
        self._tell = world.recorder.of(self.name)

    def _heard(self, address: Address, record: bytes, sent_ms: float | None) -> None:
        """A record from a server reached this client."""
        if address not in self.owner.world.nfs_ids or rpc.peek(record)[1] != rpc.REPLY:
            return
        status = int.from_bytes(record[24:28], "big")
        oracle = self.owner.world.oracle
        oracle.heard(self, status, int.from_bytes(record[-8:-4], "big"))
        first_op = int.from_bytes(record[36:40], "big") if len(record) >= 44 else 0
        if first_op != nfs4.OP_SEQUENCE or record[40:44] != b"\0\0\0\0":
            return
        session_id, sequence_id, slot = _SEQUENCE.unpack_from(record, 44)
        unconfirmed = oracle.unconfirmed.pop((session_id, slot, sequence_id), None)
        if unconfirmed is not None:  # which renews no lease
            since_ms, life = unconfirmed
            self.unconfirmed += 1
            oracle.counts["read without quorum"] += 1
            self.owner.world.recorder.answered_from(self.name, since_ms, life if self.at_one_node else "")
        elif sent_ms is not None:
            if sent_ms - self.renewed_ms > self.owner.world.lease_ms:
                self.late_ms = sent_ms
            self.renewed_ms = max(self.renewed_ms, sent_ms)

    def bury(self) -> None:
        """End its coroutines, for the interpreter's sake."""
        self.runtime.drop_tasks()

    async def mount(self, addresses: list[Address], minor_version: int) -> Client:
        """Become known to the service; a client of this name that lived before loses what it had."""
        self.at_one_node = len(addresses) == 1
        client = await Client.connect(
            addresses, minor_version, settings=SETTINGS, owner=self.owner.name.encode(),
            credential=rpc.AuthSys(0, self.owner.name.encode(), 0, 0, ()), runtime=self.runtime, history=self._record,
        )  # fmt: skip
        self.client = client
        self._watch_layouts(client)
        return client

    def _record(self, event: Event) -> None:
        """For the history, at the world's time: clients' clocks differ."""
        now_ms = self.owner.world.now_ms
        completed_ms = None if event.completed_ms is None else now_ms
        self._tell(msgspec.structs.replace(event, invoked_ms=now_ms, completed_ms=completed_ms))

    def give_up_opens(self) -> None:
        """From now on its opens, with their locks, may end at any time, and nobody is told when."""
        world, began_ms = self.owner.world, max(0.0, self.owner.world.now_ms - 1_000)
        opens = [file for files in self.client._files.values() for file in files] if self.client is not None else []
        ends = [Close(file.handle.fh.hex(), f"{self.name}/{file.owner.decode()}") for file in opens
                if file.owner.startswith(self.name.encode())]  # fmt: skip
        ends += [
            Close(pending.call.file, pending.call.owner)
            for pending in world.recorder._pending.values()
            if pending.client == self.name and isinstance(pending.call, Open)
        ]
        world.lost_opens += [Operation(self.name, end, began_ms) for end in ends]

    def _watch_layouts(self, client: Client) -> None:
        """Tell the oracle which layouts the client takes for granted, and when it gives them up."""
        layouts, oracle = client.layouts, self.owner.world.oracle
        adopt, give_back = layouts._adopt, layouts._return

        async def adopted(state: Any, filehandle: bytes, granted: nfs4.LAYOUTGET4resok) -> bool:
            writes = granted.logr_layout[0].lo_iomode == nfs4.LAYOUTIOMODE4_RW
            claim = Claim("layout", self, filehandle.hex(), 0, 0, 3 if writes else 2, 2 if writes else 1)
            oracle.told(("layout", granted.logr_stateid.other), claim)
            return await adopt(state, filehandle, granted)

        async def given_back(compound: Compound, what: nfs4.layoutreturn4) -> None:
            if what.lr_layout is not None:
                oracle.released(("layout", what.lr_layout.lrf_stateid.other))
            else:
                oracle.released_layouts(self)
            await give_back(compound, what)

        if self.owner.world.exclusive_writers:
            layouts._adopt = adopted  # type: ignore[method-assign]
            layouts._return = given_back  # type: ignore[method-assign]
        if self.owner.hasty:
            self._make_hasty(client)

    def _make_hasty(self, client: Client) -> None:
        layouts, asking, ask, recalled = client.layouts, set(), client.layouts._ask, client.layouts._file_recalled

        async def asked(filehandle: bytes, stateid: nfs4.stateid4, iomode: int) -> Any:
            asking.add(filehandle)
            try:
                return await ask(filehandle, stateid, iomode)
            finally:
                asking.discard(filehandle)

        def judged(recall: nfs4.layoutrecall_file4, iomode: int) -> int:
            if recall.lor_fh in asking and layouts.current(recall.lor_fh) is None:
                self.owner.world.oracle.counts["recall before its grant"] += 1
                return nfs4.NFS4ERR_NOMATCHING_LAYOUT
            return recalled(recall, iomode)

        layouts._ask, layouts._file_recalled = asked, judged  # type: ignore[method-assign]
        if self.owner.heedless and client.mds.back is not None:
            client.mds.back.under_way = lambda slot, sequence_id: False

    def knows_revoked_layout(self) -> bool:
        """Whether it takes a layout for its own that was taken from it."""
        files = [] if self.client is None else self.client.layouts._files.values()
        return any(file.grant is not None and file.grant.stateid.other in self.revoked for file in files)


class SimClient:
    """A machine that mounts the service and works on it, whatever happens to it."""

    def __init__(self, world: WholeSimulation, name: str, addresses: list[Address] | None = None) -> None:
        """``addresses``: the nodes that it knows; None: all."""
        self.world = world
        self.name = name
        self.addresses = addresses
        self.workers: list[Worker] = []
        manner = random.Random(f"manner {world.seed} {name}").randrange(3)
        self.hasty = manner > 0
        """It says of a layout that it has none while the reply that grants it is on its way, as Linux does."""
        self.heedless = manner > 1
        """Nor does it look at the calls that a callback refers to, as Linux would."""
        self.generations = 0
        self.generation: Generation | None = None
        self.stopping = False
        self.idle = 0
        """Workers that have nothing more to do."""

    @property
    def process(self) -> Process | None:
        return None if self.generation is None else self.generation.process

    def start(self) -> None:
        """Boot, mount, work."""
        self.generations += 1
        self.idle = 0
        generation = self.generation = Generation(self, self.generations)
        self.world.note(generation.name, "starts")
        self._spawn(generation, self._live(generation))

    def _spawn(self, generation: Generation, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except NfsClientError as error:
                self._failed(generation, error)
            except Exception as error:  # a bug of the client or of the workload
                self.world.note_bug(f"{generation.name}: {error!r}")
                raise

        generation.runtime.spawn(guarded())

    async def _live(self, generation: Generation) -> None:
        rng = self.world.client_rng
        addresses = list(self.addresses or self.world.nfs_ids)
        rng.shuffle(addresses)
        client = await generation.mount(addresses, rng.choice([1, 2]))
        self.world.note(generation.name, f"mounted, client ID {client.mds.session.client_id:x}")
        for worker in self.workers:
            self._spawn(generation, self._work(generation, worker, client))

    async def _work(self, generation: Generation, worker: Worker, client: Client) -> None:
        await worker.run(generation, client)
        self.idle += 1

    def _failed(self, generation: Generation, error: NfsClientError) -> None:
        """A worker cannot go on. With the session lost the client mounts anew; anything else is a violation."""
        if generation is not self.generation:
            return
        lost = isinstance(error, SessionLost) or (isinstance(error, NfsError) and generation.lost)
        if not lost:
            self.world.note_violation(f"INV-7: {generation.name} failed: {error!r}")
            return
        if not generation.lost:
            self.world.note_violation(f"INV-7: {generation.name} lost its session: {error}")
        self.remount(self.world.client_rng.uniform(*REMOUNT_MS))

    def remount(self, after_ms: float) -> None:
        """End this generation without a word, and come back as the next one."""
        self.end()
        self.world.timeline.at(self.world.timeline.now_ms + after_ms, self.start)

    def end(self) -> None:
        """The process dies."""
        generation, self.generation = self.generation, None
        if generation is not None:
            if not generation.lost:
                generation.give_up_opens()
            generation.lost = True
            self.world.oracle.lost_all(generation)
            generation.process.die()
            self.world.graveyard.append(generation)


def holds_open(generation: Generation, file: File, where: str) -> tuple[object, Claim]:
    """The claim of an open with share reservations."""
    return ("open", file), Claim("open", generation, where, 0, 0, file.deny, file.access)


def holds_lock(generation: Generation, where: str, first: int, last: int, *, write: bool) -> tuple[object, Claim]:
    """The claim of a byte-range lock: a reader's excludes writers, a writer's everybody."""
    claim = Claim("lock", generation, where, first, last, 3 if write else 2, 2 if write else 1)
    return ("lock", generation, where, first, last), claim


