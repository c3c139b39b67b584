"""From ``nfsclient``'s calls to a history.

Give ``recorder.of(name)`` to ``Client.connect`` as its ``history``. Recorded are the calls that the models know:

- on names given as ``(directory handle, name)``, in the directories told to ``watch`` (calls by path are not recorded:
  they look at several names at once);
- on objects given by their handle; of ``setattr`` the size;
- ``open`` by handle and with an ``owner``, and everything done with such an open but I/O. Locks must be its own
  owner's: only those are known to end with it.

Calls are told in the order in which they begin and end, so their times are made to differ where the clock does not.
A call that has not ended, or ended without an answer, is of unknown outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from nfsclient.client import Client
from nfsclient.errors import LockDenied, NfsError, Unavailable
from nfsclient.file import WHOLE, File
from nfsclient.results import Change, Handle, Held
from nfsclient.retry import NOT_NOW
from nfsclient.stats import Event
from nfswire import nfs4
from tests.support.linearizability.calls import (
    Answer,
    AnyCall,
    Close,
    Create,
    Downgrade,
    GetAttr,
    Holder,
    How,
    Kind,
    Link,
    Lock,
    Lookup,
    MkDir,
    Open,
    ReadDir,
    Remove,
    Rename,
    SetSize,
    TestLock,
    Unlock,
)  # fmt: skip
from tests.support.linearizability.history import History, Operation

LISTED = 1 << nfs4.FATTR4_FILEHANDLE | 1 << nfs4.FATTR4_TYPE
"""Attributes to ask ``readdir`` for: without its filehandle an entry does not say which object it is."""
ENTRIES_PER_REPLY = 100
"""A listing of no more entries came in one reply: each takes at most 4 + 8 + 260 + 150 bytes of READDIR's 64 KiB."""
TICK_MS = 1e-6
"""By so much the times of two events differ at least."""

_SIMPLE: dict[str, type[MkDir | Lookup | Remove]] = {"mkdir": MkDir, "lookup": Lookup, "remove": Remove}
_HOWS: dict[int, How] = {nfs4.UNCHECKED4: "unchecked", nfs4.GUARDED4: "guarded", nfs4.EXCLUSIVE4_1: "exclusive"}
_BEFORE_THE_CHANGE = (nfs4.OP_PUTFH, nfs4.OP_PUTROOTFH, nfs4.OP_SAVEFH, nfs4.OP_LOOKUP)
_MAIN = {
    "open": nfs4.OP_OPEN, "mkdir": nfs4.OP_CREATE, "lookup": nfs4.OP_LOOKUP, "readdir": nfs4.OP_READDIR,
    "rename": nfs4.OP_RENAME, "link": nfs4.OP_LINK, "remove": nfs4.OP_REMOVE, "setattr": nfs4.OP_SETATTR,
    "getattr": nfs4.OP_GETATTR, "lock": nfs4.OP_LOCK, "lockt": nfs4.OP_LOCKT, "locku": nfs4.OP_LOCKU,
    "open_downgrade": nfs4.OP_OPEN_DOWNGRADE, "close": nfs4.OP_CLOSE,
}


class _Pending:
    """A call under way."""

    def __init__(self, client: str, call: AnyCall, invoked_ms: float) -> None:
        self.client = client
        self.call = call
        self.invoked_ms = invoked_ms
        self.replica: tuple[str, int] | None = None


class Recorder:
    """Collects what any number of clients of this process do."""

    def __init__(self) -> None:
        self._directories: list[str] = []
        self._done: list[Operation] = []
        self._pending: dict[tuple[str, int], _Pending] = {}
        self._opens: set[tuple[str, str]] = set()   # files and owners of recorded opens
        self._names: dict[int, str] = {}        # client ID given by the server -> client
        self._last_ms = float("-inf")
        self._shown: Counter[tuple[str, str]] = Counter()   # by client and replica: answers without a quorum

    def watch(self, directory: Handle) -> None:
        """Names in this directory, which is empty now, belong to the history."""
        self._directories.append(directory.fh.hex())

    def of(self, client: str) -> Callable[[Event], None]:
        """The history hook of a client. Every client has a name of its own."""
        return lambda event: self._told(client, event)

    def answered_from(self, client: str, since_ms: float, replica: str = "") -> None:
        """What ``client`` is being told shows some state since then, perhaps none of after it asked.

        For the looks that it has under way; whoever is told so relies on nothing newer. ``replica``: one life of the
        node that tells it, if it is known to be the only one that this client asks, one thing after another. Then what
        it is told there does not go back, either.
        """
        looks = [
            pending
            for pending in self._pending.values()
            if pending.client == client and isinstance(pending.call, (GetAttr, Lookup, ReadDir, TestLock))
        ]
        for pending in looks:
            pending.invoked_ms = min(pending.invoked_ms, since_ms)
            if replica and len(looks) == 1:
                self._shown[client, replica] += 1
                pending.replica = f"{replica} to {client}", self._shown[client, replica]

    def history(self) -> History:
        """Everything so far."""
        open_ends = [Operation(p.client, p.call, p.invoked_ms) for p in self._pending.values()]
        return History([*self._done, *open_ends], list(self._directories))

    # -- events

    def _told(self, client: str, event: Event) -> None:
        if event.completed_ms is None:
            call = self._call(client, event)
            if call is not None:
                self._pending[client, event.number] = _Pending(client, call, self._time(event.invoked_ms))
            return
        pending = self._pending.get((client, event.number))
        if pending is None:
            return
        time_ms = self._time(event.completed_ms)
        happened, answer = self._answer(event, pending.call)
        if not happened:
            del self._pending[client, event.number]
        elif answer is not None:
            del self._pending[client, event.number]
            call = pending.call
            if pending.replica is not None:
                answer = msgspec.structs.replace(answer, replica=pending.replica)
            if isinstance(call, Open):
                self._opens.add((call.file, call.owner))
            if isinstance(call, ReadDir) and len(answer.entries or ()) > ENTRIES_PER_REPLY:
                call = ReadDir(call.directory, whole=False)
            self._done.append(Operation(client, call, pending.invoked_ms, time_ms, answer))

    def _time(self, now_ms: float) -> float:
        self._last_ms = max(now_ms, self._last_ms + TICK_MS)
        return self._last_ms

    # -- what was asked

    def _call(self, client: str, event: Event) -> AnyCall | None:
        if isinstance(event.subject, File):
            self._names[event.subject.client.mds.session.client_id] = client
            call = _file_call(client, event)
            recorded = call is None or isinstance(call, GetAttr) or (call.file, call.owner) in self._opens
            return call if recorded else None
        assert isinstance(event.subject, Client)
        return self._namespace_call(client, event)

    def _namespace_call(self, client: str, event: Event) -> AnyCall | None:
        positional = [a for a in event.args if not _by_name(a)]
        named = dict(a for a in event.args if _by_name(a))
        first = positional[0] if positional else None
        place = self._place(first)
        if event.op in _SIMPLE:
            return None if place is None else _SIMPLE[event.op](*place)
        if event.op == "open":
            if place is not None and named.get("create") is not None:
                return Create(*place, _HOWS[named["create"]])
            if isinstance(first, Handle) and named.get("owner") is not None:
                access, deny = _filled(positional[1:], named, access=nfs4.OPEN4_SHARE_ACCESS_BOTH, deny=0)
                return Open(first.fh.hex(), _owner(client, named["owner"]), access, deny)
            return None
        if event.op == "rename":
            target = self._place(positional[1])
            return None if place is None or target is None else Rename(*place, *target)
        if event.op == "link":
            target = self._place(positional[1])
            return None if target is None or not isinstance(first, Handle) else Link(first.fh.hex(), *target)
        if not isinstance(first, Handle):
            return None
        if event.op == "readdir" and first.fh.hex() in self._directories:
            return ReadDir(first.fh.hex())
        if event.op == "getattr":
            return GetAttr(first.fh.hex())
        if event.op == "setattr" and nfs4.FATTR4_SIZE in positional[1]:
            return SetSize(first.fh.hex(), positional[1][nfs4.FATTR4_SIZE])
        return None

    def _place(self, location: Any) -> tuple[str, str] | None:
        """Directory and name, if it is watched."""
        if not isinstance(location, tuple) or not isinstance(location[0], Handle):
            return None
        directory, text = location[0].fh.hex(), _text(location[1])
        return (directory, text) if directory in self._directories and "/" not in text else None

    # -- what was answered

    def _answer(self, event: Event, call: AnyCall) -> tuple[bool, Answer | None]:
        """Whether the call may have happened at all, and its answer; None: nobody knows."""
        result = event.result
        if isinstance(result, NfsError):
            if result.status in NOT_NOW:
                return False, None
            if result.op not in (*_BEFORE_THE_CHANGE, _MAIN[event.op]):
                return True, None  # a later operation of the same call was refused
            return True, Answer(result.status, holder=self._holder(result))
        if isinstance(result, Unavailable) and not result.sent:
            return False, None
        if isinstance(result, BaseException):
            return True, None
        if isinstance(result, Held):
            held = self._held(result.offset, result.length, result.locktype, result.client_id, result.owner)
            return True, Answer(nfs4.NFS4ERR_DENIED, holder=held)
        return True, _result(call, result)

    def _holder(self, error: NfsError) -> Holder | None:
        if not isinstance(error, LockDenied):
            return None
        denied = error.denied
        return self._held(denied.offset, denied.length, denied.locktype, denied.owner.clientid, denied.owner.owner)

    def _held(self, offset: int, length: int, locktype: int, client_id: int, owner: bytes) -> Holder:
        client = self._names.get(client_id, f"client {client_id:#x}")
        return Holder(_owner(client, owner), offset, length, _kind(locktype))


def _by_name(argument: Any) -> bool:
    return isinstance(argument, tuple) and bool(argument) and isinstance(argument[0], str)


def _filled(given: list[Any], named: dict[str, Any], **defaults: int) -> list[int]:
    """A call's parameters in order: given by place, by name, or not at all."""
    return [*given, *(named.get(name, default) for name, default in list(defaults.items())[len(given):])]


def _owner(client: str, owner: bytes) -> str:
    return f"{client}/{_text(owner)}"


def _text(name: bytes | str) -> str:
    return name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")


def _kind(locktype: int) -> Kind:
    return "read" if locktype in (nfs4.READ_LT, nfs4.READW_LT) else "write"


def _file_call(client: str, event: Event) -> Lock | TestLock | Unlock | Downgrade | Close | GetAttr | None:
    file: File = event.subject
    named = dict(a for a in event.args if _by_name(a))
    given = [a for a in event.args if not _by_name(a)]
    id_, owner = file.handle.fh.hex(), _owner(client, named.get("owner") or file.owner)
    if event.op in ("lock", "lockt", "locku"):
        offset, length, locktype = _filled(given, named, offset=0, length=WHOLE, locktype=nfs4.WRITE_LT)
        if event.op == "locku":
            return Unlock(id_, owner, offset, length)
        return (Lock if event.op == "lock" else TestLock)(id_, owner, offset, length, _kind(locktype))
    if event.op == "open_downgrade":
        access, deny = _filled(given, named, access=0, deny=0)
        return Downgrade(id_, owner, access, deny)
    if event.op == "close":
        return Close(id_, owner)
    return GetAttr(id_) if event.op == "getattr" else None


def _moved(change: Change | None) -> tuple[int, int] | None:
    return (change.before, change.after) if change is not None and change.atomic else None


def _result(call: AnyCall, result: Any) -> Answer:
    """What the models look at of a successful call's result."""
    if isinstance(call, Create):
        return Answer(object=result.handle.fh.hex(), moved=_moved(result.directory_change))
    if isinstance(call, MkDir):
        return Answer(object=result.handle.fh.hex(), moved=_moved(result.change))
    if isinstance(call, Lookup):
        return Answer(object=result.fh.hex())
    if isinstance(call, ReadDir):
        return Answer(entries={_text(e.name): e.attributes.others[nfs4.FATTR4_FILEHANDLE].hex() for e in result})
    if isinstance(call, Rename):
        return Answer(moved=_moved(result[0]), moved_target=_moved(result[1]))
    if isinstance(call, Link | Remove):
        return Answer(moved=_moved(result))
    if isinstance(call, GetAttr):
        return Answer(size=result.size, nlink=result.numlinks, change=result.change)
    return Answer()
