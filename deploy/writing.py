"""A tree of files written as a whole or not at all, over one that may be there from before.

The new tree is made beside the old one, of hard links to what stays and of new files, and takes its place in one step
(``renameat2`` with RENAME_EXCHANGE). What has not changed is not touched. A list of what was written, with digests,
tells next time which files are ours: those that have no place any more are removed, those that somebody has edited are
not overwritten, and what others have put there stays.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mdsproto.configfile import ConfigError, write_atomically

MANIFEST: Final = ".rendered.json"
WRITTEN_BY: Final = "Written by `mdsctl deploy render`"
"""How configurations that were rendered begin."""
SECRET: Final = 0o600
PLAIN: Final = 0o644
PROGRAM: Final = 0o755
_FORMAT: Final = 1
_AT_FDCWD: Final = -100
_RENAME_NOREPLACE: Final = 1
_RENAME_EXCHANGE: Final = 2


@dataclass(frozen=True, slots=True)
class File:
    """A file to be written."""

    content: bytes
    mode: int = PLAIN


@dataclass(frozen=True, slots=True)
class Written:
    """What has changed, by path relative to the tree."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether anything has."""
        return bool(self.new or self.changed or self.removed)


Build = Callable[[Path], Mapping[str, File]]
"""Gets the new tree, where it may add to folders that are its own (the CA's), and says which files there are."""


def publish(
    directory: Path, build: Build, *, edits_allowed: frozenset[str] = frozenset(), discard_edits: bool = False
) -> Written:
    """Make ``directory`` what ``build`` says, or leave it as it is. :class:`ConfigError` when it cannot be done.

    ``edits_allowed``: files that others may change, and that are overwritten all the same.
    """
    directory = Path(os.path.realpath(directory))
    with locked(directory):
        known = manifest(directory)
        staging = Path(tempfile.mkdtemp(prefix=_prefix(directory), dir=directory.parent))
        try:
            if directory.exists():
                _link_tree(directory, staging)
            files = build(staging)
            if not discard_edits:
                _refuse_edits(directory, known, files, edits_allowed)
            _apply(staging, known, files)
            written = _difference(directory, staging)
            if written.any:
                _take_place(staging, directory)
            return written
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Nobody else writes ``directory`` meanwhile. Leftovers of writers that were killed are removed."""
    parent = directory.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as problem:
        raise ConfigError(f"cannot use {parent}: {problem.strerror}") from problem
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in parent.glob(_prefix(directory) + "*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    except OSError as problem:
        raise ConfigError(f"cannot write {directory}: {problem.strerror} ({problem.filename or parent})") from problem
    finally:
        os.close(lock)


def manifest(directory: Path) -> dict[str, str]:
    """Path -> digest of everything that was written; empty when there is no such tree yet.

    :class:`ConfigError` for a folder that holds something else.
    """
    try:
        found = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        files = {str(path): str(digest) for path, digest in found["files"].items()}
    except FileNotFoundError:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise ConfigError(
                f"{directory} is there, and was not written by `mdsctl deploy render`: name an empty or a new folder"
            ) from None
        return {}
    except (ValueError, KeyError, AttributeError) as problem:
        raise ConfigError(f"{directory / MANIFEST} is damaged: {problem!r}") from problem
    if found.get("format") != _FORMAT:
        raise ConfigError(f"{directory} was written by a release that is newer than this one")
    return files


def note(directory: Path, path: str, content: bytes) -> None:
    """Replace one file of the tree, which is ours, and say so in its list."""
    known = manifest(directory)
    write_atomically(directory / path, content, mode=(directory / path).stat().st_mode & 0o777)
    _write_manifest(directory, known | {path: digest(content)})


def digest(content: bytes) -> str:
    """What tells a file from an edited one."""
    return hashlib.sha256(content).hexdigest()


def was_rendered(file: Path) -> bool:
    """Whether a server's configuration was; False for what cannot be read."""
    try:
        return file.read_text(encoding="utf-8").startswith(f"# {WRITTEN_BY}")
    except (OSError, UnicodeDecodeError):
        return False


# ---------------------------------------------------------------------- steps
def _prefix(directory: Path) -> str:
    return f".{directory.name}.render-"


def _link_tree(source: Path, target: Path) -> None:
    """All of ``source`` in ``target``, by hard links; folders keep their mode."""
    for folder, folders, names in os.walk(source):
        into = target / Path(folder).relative_to(source)
        for name in folders:
            if Path(folder, name).is_symlink():
                names.append(name)
                continue
            (into / name).mkdir()
        for name in names:
            os.link(Path(folder, name), into / name, follow_symlinks=False)
    for folder, _, _ in os.walk(source):
        (target / Path(folder).relative_to(source)).chmod(Path(folder).stat().st_mode & 0o777)


def _refuse_edits(
    directory: Path, known: Mapping[str, str], files: Mapping[str, File], edits_allowed: frozenset[str]
) -> None:
    edited = []
    for path, before in known.items():
        file = directory / path
        if path in edits_allowed or not file.exists():
            continue
        content = file.read_bytes()
        if digest(content) != before and (path not in files or files[path].content != content):
            edited.append(path)
    edited += [path for path in files if path not in known and (directory / path).exists()]
    if edited:
        raise ConfigError(
            f"edited by hand since it was rendered, and not overwritten: {', '.join(sorted(edited))} (in {directory}). "
            "Put the change into the inventory, or give --discard-edits"
        )


def _apply(staging: Path, known: Mapping[str, str], files: Mapping[str, File]) -> None:
    """Write what differs, remove what has no place any more."""
    for path, file in sorted(files.items()):
        target = staging / path
        if target.exists() and target.read_bytes() == file.content and target.stat().st_mode & 0o777 == file.mode:
            continue
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(target, file.content, mode=file.mode)
    for path in known.keys() - files.keys():
        (staging / path).unlink(missing_ok=True)
        for folder in (staging / path).parents:
            if folder == staging or (folder.exists() and any(folder.iterdir())):
                break
            if folder.exists():
                folder.rmdir()
    digests = {path: digest(file.content) for path, file in files.items()}
    if digests != dict(known):
        _write_manifest(staging, digests)


def _write_manifest(directory: Path, digests: Mapping[str, str]) -> None:
    content = {"format": _FORMAT, "files": dict(sorted(digests.items()))}
    write_atomically(directory / MANIFEST, json.dumps(content, indent=1).encode() + b"\n", mode=SECRET)


def _difference(directory: Path, staging: Path) -> Written:
    """What the new tree has that is not the very file of the old one."""
    before, after = _inodes(directory), _inodes(staging)
    return Written(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(path for path in after.keys() & before.keys() if after[path] != before[path])),
        tuple(sorted(before.keys() - after.keys())),
    )


def _inodes(tree: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for folder, folders, names in os.walk(tree):
        for name in (*names, *(each for each in folders if Path(folder, each).is_symlink())):
            file = Path(folder, name)
            found[str(file.relative_to(tree))] = file.lstat().st_ino
    return found


def _take_place(staging: Path, directory: Path) -> None:
    """In one step; what was there before is at ``staging`` then."""
    for folder, _, _ in os.walk(staging):
        _sync(Path(folder))
    flags = _RENAME_EXCHANGE if directory.exists() else _RENAME_NOREPLACE
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(staging), _AT_FDCWD, os.fsencode(directory), flags) != 0:
        error = ctypes.get_errno()
        if error in (errno.EINVAL, errno.ENOSYS, errno.EBUSY, errno.EXDEV):
            raise ConfigError(
                f"{directory} cannot be exchanged in one step ({os.strerror(error)}): it must be no mount point, and "
                "on a local file system such as ext4, XFS, Btrfs or tmpfs"
            )
        raise OSError(error, os.strerror(error), str(directory))
    _sync(directory.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
