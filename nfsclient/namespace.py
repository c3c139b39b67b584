"""Operations on the namespace, each one COMPOUND (RFC 8881 chapter 18). Base class of ``Client``.

Every call takes a ``Location``: a path from the mounted root, walked by LOOKUP in the same request, or a handle.
Refusals raise ``NfsError``. Each call is timed and told to the history hook under its name.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from nfsclient.channel import Channel
from nfsclient.compound import Compound, Reply
from nfsclient.errors import NfsError
from nfsclient.results import STAT, Access, Attributes, Change, Created, DirEntry, Handle, Location, components
from nfsclient.stats import Recorder
from nfswire import nfs4
from nfswire.attributes import pack_fattr

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="HasRecorder")

OPERATIONS_LEFT = 10
"""Operations of a compound that are not LOOKUPs of its path; longer paths are walked in several requests."""
READDIR_BYTES = 65536
ANONYMOUS = nfs4.stateid4(0, bytes(12))


class HasRecorder:
    """An object whose calls are recorded."""

    recorder: Recorder


def recorded(method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]]) -> (
        Callable[Concatenate[S, P], Coroutine[Any, Any, T]]):
    """Time the call and tell the history of it, under the method's name."""

    async def run(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        told = (*args, *kwargs.items()) if kwargs else args
        return await self.recorder.run(method.__name__, told, self, method(self, *args, **kwargs))

    update_wrapper(run, method)
    return run


class Namespace(HasRecorder):
    """Namespace operations of a client."""

    def __init__(self, mds: Channel, recorder: Recorder, root: list[bytes]) -> None:
        self.mds = mds
        self.recorder = recorder
        self.root = root

    # -- where

    async def begin(self, location: Location) -> Compound:
        """A compound whose current filehandle is the object at ``location``."""
        if isinstance(location, Handle):
            return Compound().putfh(location.fh)
        if isinstance(location, tuple):
            compound, names = Compound().putfh(location[0].fh), components(location[1])
        else:
            compound, names = Compound().putroot(), self.root + components(location)
        step = max(1, self.mds.session.operations_max - OPERATIONS_LEFT)
        while len(names) > step:
            for name in names[:step]:
                compound.lookup(name)
            compound = Compound().putfh((await self.run(compound.getfh())).handle())
            names = names[step:]
        for name in names:
            compound.lookup(name)
        return compound

    async def begin_parent(self, location: Location) -> tuple[Compound, bytes]:
        """A compound at the directory that holds ``location``, and the name in it. ``ValueError`` for a bare handle."""
        if isinstance(location, Handle):
            raise ValueError("a handle has no name: give (directory handle, name)")
        base, path = location if isinstance(location, tuple) else (None, location)
        names = components(path)
        if not names:
            raise ValueError("the root has no name")
        above = b"/".join(names[:-1])
        return await self.begin(above if base is None else (base, above)), names[-1]

    async def run(self, compound: Compound) -> Reply:
        """Run it in the session; ``NfsError`` when an operation is refused."""
        return (await self.mds.call(compound)).check()

    # -- looking

    @recorded
    async def lookup(self, location: Location) -> Handle:
        """The object's handle."""
        return Handle((await self.run((await self.begin(location)).getfh())).handle())

    @recorded
    async def getattr(self, location: Location, attributes: int = STAT) -> Attributes:
        """The object's attributes; ``attributes`` is a bitmap."""
        reply = await self.run((await self.begin(location)).getattr(attributes))
        return Attributes.decode(reply.result(nfs4.OP_GETATTR).resok4.obj_attributes)

    @recorded
    async def access(self, location: Location, wanted: int = 0x3F) -> Access:
        """Which of the ACCESS4_* bits ``wanted`` are granted."""
        compound = (await self.begin(location)).add(nfs4.OP_ACCESS, nfs4.ACCESS4args(wanted))
        found = (await self.run(compound)).result(nfs4.OP_ACCESS).resok4
        return Access(found.supported, found.access)

    @recorded
    async def readlink(self, location: Location) -> bytes:
        """The text of a symbolic link."""
        compound = (await self.begin(location)).add(nfs4.OP_READLINK)
        text: bytes = (await self.run(compound)).result(nfs4.OP_READLINK).resok4.link
        return text

    @recorded
    async def readdir(self, location: Location, attributes: int = 1 << nfs4.FATTR4_FILEID | 1 << nfs4.FATTR4_TYPE,
                      bytes_max: int = READDIR_BYTES) -> list[DirEntry]:
        """The whole directory, in as many requests of ``bytes_max`` as it takes."""
        handle: Location = location
        entries: list[DirEntry] = []
        cookie, verifier = 0, bytes(8)
        while True:
            compound = await self.begin(handle)
            if not isinstance(handle, Handle):
                compound.getfh()
            args = nfs4.READDIR4args(cookie, verifier, bytes_max, bytes_max, attributes)
            reply = await self.run(compound.add(nfs4.OP_READDIR, args))
            if not isinstance(handle, Handle):
                handle = Handle(reply.handle())
            page = reply.result(nfs4.OP_READDIR).resok4
            for entry in page.reply.entries:
                entries.append(DirEntry(entry.name, entry.cookie, Attributes.decode(entry.attrs)))
                cookie = entry.cookie
            verifier = page.cookieverf
            if page.reply.eof:
                return entries
            if not page.reply.entries:
                raise NfsError(nfs4.NFS4ERR_TOOSMALL, nfs4.OP_READDIR, "neither an entry nor the end")

    # -- changing

    @recorded
    async def setattr(self, location: Location, attributes: dict[int, Any],
                      stateid: nfs4.stateid4 = ANONYMOUS) -> int:
        """Set attributes by number; returns the bitmap of those set."""
        args = nfs4.SETATTR4args(stateid, pack_fattr(attributes))
        compound = (await self.begin(location)).add(nfs4.OP_SETATTR, args)
        done: int = (await self.run(compound)).result(nfs4.OP_SETATTR).attrsset
        return done

    @recorded
    async def mkdir(self, location: Location, mode: int = 0o755) -> Created:
        """Create a directory."""
        return await self._create(location, nfs4.createtype4(nfs4.NF4DIR), {nfs4.FATTR4_MODE: mode})

    @recorded
    async def symlink(self, location: Location, text: bytes | str) -> Created:
        """Create a symbolic link that says ``text``."""
        raw = text.encode() if isinstance(text, str) else text
        return await self._create(location, nfs4.createtype4(nfs4.NF4LNK, linkdata=raw), {})

    @recorded
    async def mknod(self, location: Location, kind: int, device: tuple[int, int] = (0, 0),
                    mode: int = 0o644) -> Created:
        """Create a FIFO, socket or device: ``kind`` is nfs4.NF4FIFO, NF4SOCK, NF4BLK or NF4CHR."""
        is_device = kind in (nfs4.NF4BLK, nfs4.NF4CHR)
        made = nfs4.createtype4(kind, devdata=nfs4.specdata4(*device) if is_device else None)
        return await self._create(location, made, {nfs4.FATTR4_MODE: mode})

    async def _create(self, location: Location, kind: nfs4.createtype4, attributes: dict[int, Any]) -> Created:
        compound, name = await self.begin_parent(location)
        compound.add(nfs4.OP_CREATE, nfs4.CREATE4args(kind, name, pack_fattr(attributes))).getfh()
        reply = await self.run(compound)
        return Created(Handle(reply.handle()), Change.decode(reply.result(nfs4.OP_CREATE).resok4.cinfo))

    @recorded
    async def link(self, existing: Location, location: Location) -> Change:
        """Give ``existing`` one more name."""
        source = await self.begin(existing)
        target, name = await self.begin_parent(location)
        compound = _then(source.savefh(), target).add(nfs4.OP_LINK, nfs4.LINK4args(name))
        return Change.decode((await self.run(compound)).result(nfs4.OP_LINK).resok4.cinfo)

    @recorded
    async def rename(self, old: Location, new: Location) -> tuple[Change, Change]:
        """Rename; returns the changes of the directory left and of the one entered."""
        source, old_name = await self.begin_parent(old)
        target, new_name = await self.begin_parent(new)
        compound = _then(source.savefh(), target).add(nfs4.OP_RENAME, nfs4.RENAME4args(old_name, new_name))
        done = (await self.run(compound)).result(nfs4.OP_RENAME).resok4
        return Change.decode(done.source_cinfo), Change.decode(done.target_cinfo)

    @recorded
    async def remove(self, location: Location) -> Change:
        """Remove a file's name, or an empty directory."""
        compound, name = await self.begin_parent(location)
        compound.add(nfs4.OP_REMOVE, nfs4.REMOVE4args(name))
        return Change.decode((await self.run(compound)).result(nfs4.OP_REMOVE).resok4.cinfo)


def _then(first: Compound, second: Compound) -> Compound:
    """Both in one; neither has an operation that changes anything yet."""
    first.ops.extend(second.ops)
    first.parts.extend(second.parts)
    return first
