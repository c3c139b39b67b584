"""What the log holds: the commands of the state machine, and the form of their results.

Byte 0 tells the kind. A COMPOUND's operations follow its identity in XDR, as the client sent them;
internal commands are msgpack arrays (msgspec), told apart by a tag.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

import msgspec

KIND_COMPOUND: Final = 1
"""Operations behind a SEQUENCE."""
KIND_SESSIONLESS: Final = 2
"""EXCHANGE_ID, CREATE_SESSION, DESTROY_SESSION, DESTROY_CLIENTID outside a session."""
KIND_INTERNAL: Final = 3
KIND_CONTINUED: Final = 4
"""A COMPOUND that goes on after I/O: head, groups, u32 length of its progress, progress, the operations left."""

#: kind, minor, flags, number of groups, slot, sequence ID, number of operations, uid, gid,
#: largest response in bytes, session ID; then the groups (u32 each), then the operations.
COMPOUND_HEAD: Final = Struct(">BBBBIIIIII16s")

FLAG_CACHE_THIS: Final = 1
FLAG_READ_ONLY: Final = 2  # the export is read-only to this client
FLAG_NO_LAYOUTS: Final = 4  # the export grants no layouts to this client
FLAG_EXCLUSIVE_WRITERS: Final = 8  # the export asks for exclusive writers
FLAG_PROXIED: Final = 16  # the front end has put a PROXY_WRITE in the place of a WRITE

NO_SESSION: Final = bytes(16)

# --- results: one byte that tells what follows
RESULT_REPLY: Final = b"\0"  # u32 status, u32 number of results, the results
RESULT_SEQUENCE: Final = b"\1"  # u32 status: SEQUENCE itself failed
RESULT_RECALL: Final = b"\2"  # + fileid: not run, its layouts are being recalled; propose again when they are back
RESULT_DONE: Final = b"\3"  # an internal command's own result follows
RESULT_PARTIAL: Final = b"\4"  # a progress follows: I/O is needed before the COMPOUND can go on
RESULT_UNCLAIMED: Final = b"\5"  # not run: another front end has claimed to write for this client
RESULT_REFUSED: Final = b"\6"  # an internal command of a feature level that the cluster is not at

REPLY_HEAD: Final = Struct(">BII")


class ConfigureCluster(msgspec.Struct, array_like=True, tag=1):
    """Commit the cluster's settings (a :class:`~mdscluster.fsm.settings.Settings`, encoded)."""

    settings: bytes


class RenewLeases(msgspec.Struct, array_like=True, tag=2):
    """Clients that a front end has heard of since its last report."""

    client_ids: list[int]
    node_id: str = ""
    """The front end's; empty: only the log's clock is to be moved, or an earlier release does not say."""
    process: int = 0
    """A number that this process of the front end drew; 0: an earlier release does not say."""
    heard_until_ms: int = 0
    """Whom it heard of until this time of the log's lease clock is told, here or in its earlier reports."""


class LeaderStarted(msgspec.Struct, array_like=True, tag=3):
    """A leader took office: no lease may run out for the time that nobody led, nor for renewals that only the lost
    leader had heard of (INV-7)."""

    node_id: str


class ExpireClients(msgspec.Struct, array_like=True, tag=4):
    """Drop the state of clients whose lease has run out by the log's time; others are left alone."""

    client_ids: list[int]
    judged_ms: int = 0
    """Whose lease had run out at this time of the log's lease clock: the command may come late. 0: now (level 4)."""


class DataServerUpdate(msgspec.Struct, array_like=True, tag=5):
    """A data server registered, changed its address, or went up or down."""

    ds_id: str
    host: str
    port: int
    up: bool
    capacity_bytes: int
    free_bytes: int
    instance: int = 0
    store_id: bytes = b""
    """The identity of its data directory; empty: as it is. Kept when it first registers, and not changed by this."""
    given_up: int = 0
    """The number under which that store was given up last, when the operator takes it in again; 0: it never was.
    Judged from feature level 9 on; earlier releases pass over it, and take in every store."""


class ReportWrite(msgspec.Struct, array_like=True, tag=6):
    """A data server made a stable write for which no LAYOUTCOMMIT will come."""

    fileid: int
    end_offset: int
    mtime_ns: int
    client_id: int = 0
    """Who wrote: it must still have a layout to write. 0: not told."""
    cuts: int = -1
    """How often the file had been cut when the report came in (``Inode.cuts``); -1: not told."""


REPORT_REFUSED: Final = b"\1"
"""A ReportWrite's own result: it came too late."""


class ObjectsDeleted(msgspec.Struct, array_like=True, tag=7):
    """A data server has deleted the objects of these queue entries."""

    ds_id: str
    sequences: list[int]


class RecallDone(msgspec.Struct, array_like=True, tag=8):
    """A recalled layout is gone without a LAYOUTRETURN: NOMATCHING_LAYOUT, or revoked and fenced.

    ``epoch``: every data server has in force the fence list of this version; 0: the client says it has no layout.
    """

    stateid_other: bytes
    epoch: int = 0


class StartRecall(msgspec.Struct, array_like=True, tag=9):
    """Recall every layout of a file (0: of a client); both 0: the next ones whose device has changed."""

    fileid: int
    client_id: int


class StartFence(msgspec.Struct, array_like=True, tag=10):
    """Raise the epoch of a client's layout that was not returned in time, or (stateid empty) of all that a lapsed or
    dead client has, so that data servers refuse it. Whether it is so is judged by the log's time."""

    client_id: int
    stateid_other: bytes
    judged_ms: int = 0
    """As in ExpireClients."""


class FenceConfirmed(msgspec.Struct, array_like=True, tag=11):
    """Every data server has the fence list of version ``epoch`` in force: what it voids of this client is gone."""

    client_id: int
    epoch: int


class Truncated(msgspec.Struct, array_like=True, tag=12):
    """These data servers (by number) have carried out the cut ``serial`` of a file."""

    fileid: int
    serial: int
    numbers: list[int]


class EnsureStriping(msgspec.Struct, array_like=True, tag=13):
    """Choose a file's data servers now, because a front end is about to write it by proxy."""

    fileid: int


class ClaimIo(msgspec.Struct, array_like=True, tag=14):
    """A front end is about to write for a client that has no layout. Result: the claim's epoch, 8 bytes; none where
    there is no such client."""

    client_id: int
    holder: bytes


class IoClaimsInForce(msgspec.Struct, array_like=True, tag=15):
    """Every data server has in force the fence list of version ``epoch``: so are these clients' claims."""

    client_ids: list[int]
    epoch: int


class ReplaceStore(msgspec.Struct, array_like=True, tag=20):
    """The operator's word: a data server's registered store is lost, and this new one takes its place."""

    ds_id: str
    store_id: bytes
    number: int = 0
    """Of the registration whose store is lost, as it was known when the word was passed on: one that comes late gives
    no other up. Judged from feature level 9 on; earlier releases pass over it."""


class RaiseFeatures(msgspec.Struct, array_like=True, tag=21):
    """Every metadata server runs a release that knows this feature level: use it (:mod:`mdscluster.fsm.features`)."""

    level: int


class NoteConnections(msgspec.Struct, array_like=True, tag=22):
    """TCP connections of clients that a node has got, and has lost (:mod:`mdscluster.fsm.client_connections`)."""

    node_id: str
    opened: list[bytes]
    closed: list[bytes]
    anew: bool = False
    """Forget first what was known of the node's connections."""


class NodePresence(msgspec.Struct, array_like=True, tag=23):
    """A node says that it is well, or stops in good order (:mod:`mdscluster.fsm.fencing_state`, as all that follow)."""

    node_id: str
    process: int
    """A number that this process of the front end drew."""
    here: bool = True


class FenceProof(msgspec.Struct, array_like=True, tag=24):
    """A leader shows that it leads a quorum. Result: the ticket that its decisions go with."""

    node_id: str
    term: int


class FenceIntent(msgspec.Struct, array_like=True, tag=25):
    """A leader decides that a node's power is to be cut."""

    node_id: str
    ticket: int
    reason: str
    voters: list[str]
    node_per_hour: int
    cluster_per_hour: int
    power_on: bool


class FenceWithdrawal(msgspec.Struct, array_like=True, tag=26):
    """A leader takes that back: the node is well after all, or a member no more."""

    node_id: str
    number: int
    ticket: int
    reason: str
    well: bool


class FenceClaim(msgspec.Struct, array_like=True, tag=27):
    """A node is about to carry an intent out. Result: the number of the attempt."""

    node_id: str
    number: int
    executor: str
    process: int
    lasts_ms: int


class FenceOutcome(msgspec.Struct, array_like=True, tag=28):
    """What came of the attempt."""

    node_id: str
    number: int
    executor: str
    process: int
    attempt: int
    done: bool
    """The power was read back, and is as it should be (INV-9)."""
    text: str


class FenceConfirm(msgspec.Struct, array_like=True, tag=29):
    """The operator's word that a node which waits to be fenced has no power."""

    node_id: str
    by: str


class Maintenance(msgspec.Struct, array_like=True, tag=30):
    """The operator's word: a node is being worked on (so it is not fenced, and does not lead), or no more. Of the empty
    name: nobody is fenced."""

    node_id: str
    on: bool
    by: str


class EvictClient(msgspec.Struct, array_like=True, tag=40):
    """The operator's word: a client loses everything, as if its lease had run out, though it may be alive."""

    client_id: int


class DrainDataServer(msgspec.Struct, array_like=True, tag=41):
    """The operator's word: no file gets its data there from now on, or again. Result: a
    :class:`~mdscluster.fsm.draining.Verdict`, one byte."""

    ds_id: str
    on: bool


class RetireDataServer(msgspec.Struct, array_like=True, tag=42):
    """A drained data server, on which no file has data, is no part of the cluster any more. Result likewise."""

    ds_id: str
    serial: int
    """Of the drain under which it was found empty."""


class BeginEra(msgspec.Struct, array_like=True, tag=43):
    """A life of the cluster begins, unless it has (:mod:`mdscluster.fsm.eras`)."""


Internal = (
    ConfigureCluster
    | RenewLeases
    | LeaderStarted
    | ExpireClients
    | DataServerUpdate
    | ReportWrite
    | ObjectsDeleted
    | RecallDone
    | StartRecall
    | StartFence
    | FenceConfirmed
    | Truncated
    | EnsureStriping
    | ClaimIo
    | IoClaimsInForce
    | ReplaceStore
    | RaiseFeatures
    | NoteConnections
    | NodePresence
    | FenceProof
    | FenceIntent
    | FenceWithdrawal
    | FenceClaim
    | FenceOutcome
    | FenceConfirm
    | Maintenance
    | EvictClient
    | DrainDataServer
    | RetireDataServer
    | BeginEra
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Internal)


def pack_internal(command: Internal) -> bytes:
    return bytes([KIND_INTERNAL]) + _encoder.encode(command)


NOTHING: Final = pack_internal(RecallDone(bytes(12)))
"""A command of the first release that changes nothing: no layout has this stateid."""


def unpack_internal(payload: bytes) -> Internal:
    command: Internal = _decoder.decode(memoryview(payload)[1:])
    return command
