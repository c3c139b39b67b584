"""The state machine as consensus sees it: commands in log order, inside the tick's write transaction."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final
from zlib import crc32

import msgspec

from mdscluster.fsm import digest, features, internal, io_claims, progress, session_records
from mdscluster.fsm.commands import (
    COMPOUND_HEAD,
    FLAG_CACHE_THIS,
    FLAG_EXCLUSIVE_WRITERS,
    FLAG_NO_LAYOUTS,
    FLAG_PROXIED,
    FLAG_READ_ONLY,
    KIND_COMPOUND,
    KIND_CONTINUED,
    KIND_SESSIONLESS,
    NO_SESSION,
    REPLY_HEAD,
    RESULT_PARTIAL,
    RESULT_RECALL,
    RESULT_REPLY,
    RESULT_SEQUENCE,
    RESULT_UNCLAIMED,
    unpack_internal,
)
from mdscluster.fsm.compound import NEED_IO, NEED_RECALL, Compound, run
from mdscluster.fsm.operations import DISPATCH
from mdscluster.fsm.progress import Progress
from mdscluster.fsm.settings import DEFAULT, Settings
from mdscluster.fsm.tables import U32, U64, Tables, root_fileid
from nfswire import nfs4

if TYPE_CHECKING:
    import lmdb

SLOT_KEY: Final = Struct(">16sI")
SLOT_HEAD: Final = Struct(">III")
"""In front of a slot's cached result: sequence ID, user, and :func:`fingerprint` of the request; 0: not known."""
_FINGERPRINT_BYTES: Final = 256
_SETTINGS: Final = b"settings"
_WALL: Final = b"wall_ns"
EVENT_SETTINGS: Final = b"C"  # the cluster's settings changed: read them again
_decode_settings = msgspec.msgpack.Decoder(Settings).decode


def load_settings(txn: lmdb.Transaction, tables: Tables) -> Settings:
    """The committed settings; the defaults before the first ``ConfigureCluster``."""
    raw = txn.get(_SETTINGS, db=tables.meta)
    return DEFAULT if raw is None else _decode_settings(raw)


def sequence_distance(new: int, old: int) -> int:
    """How far ``new`` lies ahead of ``old``; IDs wrap at 2**32 (RFC 8881 §2.10.6.1). Negative: behind."""
    distance = (new - old) & 0xFFFFFFFF
    return distance if distance < 0x80000000 else distance - 0x100000000


def fingerprint(data: bytes, pos: int, end: int) -> int:
    """Tells a COMPOUND's operations from others, well enough to notice a client that mixes up its slots."""
    return crc32(data[pos : min(end, pos + _FINGERPRINT_BYTES)]) or 1


def is_false_retry(user: int, request: int, kept_user: int, kept_request: int) -> bool:
    """Whether what comes under a sequence ID that was used is another user's, or another request (0: not known).

    "If the replier determines the users are different between the original request and a retry, then the replier MUST
    return NFS4ERR_SEQ_FALSE_RETRY"; of other differences it may say so (RFC 8881 §2.10.6.1.3.1). Users are compared
    after squashing.
    """
    return user != kept_user or (request != kept_request and bool(request) and bool(kept_request))


def slot_is_open(cached: bytes, sequence_id: int, part: int) -> bool:
    """Whether the slot's entry lets a COMPOUND be run of which the log has run ``part`` parts already."""
    ahead = sequence_distance(sequence_id, U32.unpack_from(cached)[0])
    return ahead > 0 or (ahead == 0 and _interrupted(cached, part))


def _interrupted(cached: bytes, part: int) -> bool:
    result = SLOT_HEAD.size
    return cached[result : result + 1] == RESULT_PARTIAL and progress.unpack(cached[result + 1 :]).part == part


class StateMachine:
    """Applies commands to the tables (INV-3, INV-8). One instance per node, in the consensus process."""

    def __init__(self, env: lmdb.Environment) -> None:
        self._env = env
        self._cx: Compound = None  # type: ignore[assignment]  # set by open(), before anything else is called
        self._continued: Progress | None = None
        self.feature_level = features.BASE
        """The cluster's, as applied here."""

    def open(self, txn: lmdb.Transaction) -> None:
        """Open the tables, made where missing. Called once, before the first entry. ``features.TooNew``: a newer
        release must read this state."""
        tables = Tables(self._env, txn)
        self.feature_level = features.level(txn, tables)
        self._cx = Compound(tables, load_settings(txn, tables))

    @property
    def tables(self) -> Tables:
        return self._cx.tables

    def begin_entry(self, txn: lmdb.Transaction, index: int, wall_ns: int, lease_ms: int) -> None:
        """The commands that follow belong to the entry at ``index``, stamped by its leader.

        File times never go back, though the next leader's wall clock may be behind: the latest stamp counts.
        """
        meta = self._cx.tables.meta
        raw = txn.get(_WALL, db=meta)
        if raw is not None:
            wall_ns = max(wall_ns, U64.unpack(raw)[0])
        txn.put(_WALL, U64.pack(wall_ns), db=meta)
        self._cx.bind_batch(txn, wall_ns, lease_ms)
        txn.put(b"lease_ms", U64.pack(lease_ms), db=self._cx.tables.meta)
        txn.put(digest.APPLIED_INDEX, U64.pack(index), db=self._cx.tables.meta)

    def end_entry(self) -> None:
        """Nothing is kept between entries but what lies in the tables."""

    def take_events(self) -> list[bytes]:
        events = self._cx.events
        items, events.items = events.items, []
        return items

    def apply(self, payload: bytes) -> bytes:
        """Run one command and return its result. Deterministic; a refusal is a value."""
        kind = payload[0]
        if kind in (KIND_COMPOUND, KIND_CONTINUED):
            return self._compound(payload)
        if kind == KIND_SESSIONLESS:
            self._decode(payload)
            return self._run()
        self._cx.reset()  # nothing of the last COMPOUND may be taken for current
        return internal.apply(self._cx, unpack_internal(payload), self)

    def use_settings(self, raw: bytes) -> None:
        """Adopt settings that ``ConfigureCluster`` just committed."""
        self._cx.put(_SETTINGS, raw, db=self._cx.tables.meta)
        self._cx.settings = _decode_settings(raw)
        self._cx.events.items.append(EVENT_SETTINGS)

    def raise_features(self, level: int) -> None:
        """Use what a feature level brings, from the next command on. ``features.TooNew`` stops this node, no other."""
        cx = self._cx
        self.feature_level = features.raise_to(cx.txn, cx.tables, level)

    def _compound(self, payload: bytes) -> bytes:
        """SEQUENCE's part in the log: exactly once per (session, slot, sequence ID), INV-3."""
        cx = self._cx
        self._decode(payload)
        session = cx.get(cx.session_id, db=cx.tables.session)
        if session is None:
            return RESULT_SEQUENCE + U32.pack(nfs4.NFS4ERR_BADSESSION)
        cx.client_id = session_records.session_client_id(session)
        slot_key = SLOT_KEY.pack(cx.session_id, cx.slot)
        cached = cx.get(slot_key, db=cx.tables.slot)
        request = 0 if self._continued is not None else fingerprint(cx.data, cx.pos, cx.end)
        if cached is not None:
            sequence_id, user, kept = SLOT_HEAD.unpack_from(cached)
            ahead = sequence_distance(cx.sequence_id, sequence_id)
            if ahead == 0:
                if is_false_retry(cx.uid, request, user, kept):
                    return RESULT_SEQUENCE + U32.pack(nfs4.NFS4ERR_SEQ_FALSE_RETRY)
                if not self._continues(cached):
                    return bytes(cached[SLOT_HEAD.size :])
                request = kept
            if ahead < 0:
                return RESULT_SEQUENCE + U32.pack(nfs4.NFS4ERR_SEQ_MISORDERED)
        if self._continued is not None:
            if self._continued.claim and not io_claims.is_current(cx, cx.client_id, self._continued.claim):
                return RESULT_UNCLAIMED
            progress.restore(cx, self._continued)
        result = self._run()
        # A COMPOUND that ended its own session has no session ID any more, and no slot to keep its reply in.
        if result[:1] != RESULT_RECALL and cx.session_id:
            head = SLOT_HEAD.pack(cx.sequence_id, cx.uid, request)
            cx.put(slot_key, head + result, db=cx.tables.slot)
        return result

    def _continues(self, cached: bytes) -> bool:
        """Whether the command goes on exactly where the slot's interrupted COMPOUND stopped."""
        return self._continued is not None and _interrupted(cached, self._continued.part)

    def _decode(self, payload: bytes) -> None:
        cx = self._cx
        cx.reset()
        head = COMPOUND_HEAD.unpack_from(payload)
        kind, minor, flags, groups, slot, sequence_id, count, uid, gid, most, session_id = head
        pos = COMPOUND_HEAD.size
        cx.minor = minor
        cx.slot = slot
        cx.sequence_id = sequence_id
        cx.ops_left = count
        cx.uid = uid
        cx.gid = gid
        cx.limit_reply(most, cache_this=bool(flags & FLAG_CACHE_THIS))
        cx.proxied = bool(flags & FLAG_PROXIED)
        cx.session_id = session_id if session_id != NO_SESSION else b""
        cx.gids = tuple(U32.unpack_from(payload, pos + 4 * i)[0] for i in range(groups)) if groups else ()
        cx.read_only = bool(flags & FLAG_READ_ONLY)
        cx.layouts_allowed = not flags & FLAG_NO_LAYOUTS
        cx.exclusive_writers = bool(flags & FLAG_EXCLUSIVE_WRITERS)
        cx.root = root_fileid()
        cx.data = payload
        cx.pos = pos + 4 * groups
        cx.end = len(payload)
        self._continued = None
        if kind == KIND_CONTINUED:
            length = U32.unpack_from(payload, cx.pos)[0]
            self._continued = progress.unpack(payload[cx.pos + 4 : cx.pos + 4 + length])
            cx.pos += 4 + length

    def _run(self) -> bytes:
        cx = self._cx
        continued = self._continued
        if continued is not None and continued.status:
            return REPLY_HEAD.pack(RESULT_REPLY[0], continued.status, continued.ops_done) + continued.results
        dispatch = DISPATCH[cx.minor]
        status = run(cx, dispatch.handlers, dispatch.changes, dispatch.needs_fh)
        if status == NEED_RECALL:
            return RESULT_RECALL + U64.pack(cx.waits_for)
        if status == NEED_IO:
            part = 0 if continued is None else continued.part
            return RESULT_PARTIAL + progress.pack(progress.take(cx, part + 1))
        assert status >= 0, f"operation at {cx.op_start} asked for {status} inside apply"
        return REPLY_HEAD.pack(RESULT_REPLY[0], status, cx.ops_done) + b"".join(cx.res)

    def digest(self, txn: lmdb.Transaction) -> bytes:
        """A hash over every table: equal on all replicas at an equal applied index (INV-8)."""
        return digest.digest(txn, self._cx.tables)[1]
