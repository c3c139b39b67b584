"""Whom this data server obeys: the latest mandate that it has heard, for good (docs/adr/0026).

A metadata server that led once may say something late: it stood still, or what it sent did. It cannot know better, so
it is the receiver that has to. Everything that a data server is told carries a mandate, and a data server remembers the
latest one, on disk before it acts on it. It obeys no earlier one, and no other cluster's. With a later era another life
of the cluster begins (:mod:`dataserver.life`).

For most of what it is told that is a second line: fence lists carry a version, deletions stay true. Not for cuts. That
a cut was carried out already is known only until the data server's next start, and a leader that is overtaken in the
middle of one would cut what was written since (INV-10). So this must outlive a restart.

A data server that has heard nobody yet takes no orders before a quorum-backed answer to a heartbeat, asked for since
its start, has told it who leads: it may have obeyed a later leader in a release that did not remember. Messages without
a mandate come from metadata servers below feature level 7. That never comes back, so they are obeyed only until the
first mandate, and what they said is void then: nobody knows of which life that was.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from dataserver.datadir import sync_directory
from dataserver.life import Life
from mdsproto.configfile import ConfigError
from mdsproto.mandate import Mandate

log = structlog.get_logger()

FILE: Final = "mandate"
_RECORD: Final = struct.Struct(">8sIQQ")
_CHECKSUM: Final = struct.Struct(">I")
_RECORD_BYTES: Final = _RECORD.size + _CHECKSUM.size
_MAGIC: Final = b"mandate1"
_PLACES: Final = (0, 4096)
"""Of the two copies: one failed write never tears both."""
_FILE_BYTES: Final = _PLACES[1] + _RECORD_BYTES
_CLOSED: Final = -1


class NotObeyed(Exception):
    """A message is not of whom this data server obeys. The text says why."""


class Leadership:
    """The rule. Called from many threads, none of which holds the life."""

    def __init__(self, known: Mandate | None, keep: Callable[[Mandate], None], life: Life) -> None:
        """``known``: from before this start. ``keep`` remembers a mandate durably, or raises ``OSError``."""
        self._known = known
        self._keep = keep
        self._life = life
        self._answered = False
        """A quorum has answered since this start."""
        self._nameless = False
        """So far without saying who leads."""
        self._changing = threading.Lock()

    @property
    def known(self) -> Mandate | None:
        """The latest that was heard."""
        return self._known

    def hear(self, mandate: Mandate | None, *, quorum_backed: bool = False) -> int:
        """The number of the life in which what a message says counts; its mandate is remembered. :class:`NotObeyed`.

        ``quorum_backed``: an answer to a heartbeat of ours, which a quorum stood behind after that was sent.
        ``OSError`` when the mandate cannot be remembered: then nothing under it may be done.
        """
        number = self._life.number  # before the look at what is known: a life that begins names its mandate first
        if mandate is not None and mandate == self._known:
            return number
        with self._changing:
            if reason := self._refusal(mandate, quorum_backed=quorum_backed):
                raise NotObeyed(reason)
            if mandate is None:
                self._answered = self._nameless = True
            elif mandate != self._known:
                self._follow(mandate)
            return self._life.number

    def superseded(self, mandate: Mandate | None) -> str:
        """Why whoever was obeyed under this mandate is to be obeyed no more; empty: he still is. Changes nothing."""
        known = self._known
        return "" if mandate == known or known is None else _earlier(mandate, known)

    def _follow(self, mandate: Mandate) -> None:
        known = self._known
        restored = known is not None and mandate.era != known.era
        if not restored and not self._nameless:
            self._remember(mandate)
            return
        if restored:
            log.warning("the cluster was restored: its new life is obeyed", now=str(mandate), before=str(known))
        self._life.begin(mandate.era, restored=restored, remember=lambda: self._remember(mandate))
        self._nameless = False

    def _remember(self, mandate: Mandate) -> None:
        self._keep(mandate)
        self._known = mandate

    def _refusal(self, mandate: Mandate | None, *, quorum_backed: bool) -> str:
        known = self._known
        if known is None:
            if quorum_backed or (mandate is None and self._answered):
                return ""
            return "this data server has not heard yet who leads: ask again"
        if mandate is not None and mandate.cluster_id == known.cluster_id and mandate.rank >= known.rank:
            return ""
        return _earlier(mandate, known)


def _earlier(mandate: Mandate | None, known: Mandate) -> str:
    """In what words ``mandate`` is refused by who obeys ``known``."""
    if mandate is None:
        return f"this data server obeys {known}, and this message names no leader: it is of an earlier release"
    if mandate.cluster_id != known.cluster_id:
        return f"this data server obeys {known}, and this message is of another cluster: {mandate}"
    return f"this data server has heard a later leader: {known}, and this message is of {mandate}"


class MandateFile:
    """The mandate on disk: two copies, written one after the other and in place, so that neither a torn write nor a
    full disk is an obstacle."""

    def __init__(self, data_dir: Path) -> None:
        """``OSError``; :class:`ConfigError` when there is a file and neither copy can be read."""
        path = data_dir / FILE
        made = not path.exists()
        self._using = threading.Lock()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if made or os.fstat(self._fd).st_size < _FILE_BYTES:  # or a crash came in between
                os.pwrite(self._fd, bytes(_FILE_BYTES), 0)
                os.fsync(self._fd)
                sync_directory(data_dir)
            copies = [os.pread(self._fd, _RECORD_BYTES, place) for place in _PLACES]
            self.known = _latest(copies)
            # Was only the first copy ever written, and torn, nobody has acted upon it.
            if self.known is None and any(copies[1]):
                raise ConfigError(
                    f"{path} is damaged: which cluster and leader this data server obeyed is not known any more. If no "
                    "other cluster is left that it may have belonged to: 'dataserver obey-anew --config FILE'"
                )
        except BaseException:
            self.close()
            raise

    def keep(self, mandate: Mandate) -> None:
        """Remember it durably. ``OSError``: it may or may not be remembered, or the file is closed."""
        record = _RECORD.pack(_MAGIC, mandate.cluster_id, mandate.era, mandate.term)
        with self._using:
            if self._fd == _CLOSED:  # its number may be another file's by now
                raise OSError("this data server ends")
            for place in _PLACES:
                os.pwrite(self._fd, record + _CHECKSUM.pack(zlib.crc32(record)), place)
                os.fdatasync(self._fd)

    def close(self) -> None:
        """No mandate is kept any more. Threads that answer somebody may still be at work."""
        with self._using:
            if self._fd != _CLOSED:
                os.close(self._fd)
                self._fd = _CLOSED


def read(data_dir: Path) -> Mandate | None:
    """The mandate that is kept in a data directory; None: none, or none that can be read. ``OSError``."""
    try:
        raw = (data_dir / FILE).read_bytes()
    except FileNotFoundError:
        return None
    return _latest([raw[place : place + _RECORD_BYTES] for place in _PLACES])


def _latest(copies: list[bytes]) -> Mandate | None:
    found = [mandate for mandate in map(_unpack, copies) if mandate is not None]
    return max(found, key=lambda mandate: mandate.rank, default=None)


def _unpack(raw: bytes) -> Mandate | None:
    """None: nothing was written there, or not to the end."""
    if len(raw) < _RECORD_BYTES:
        return None
    magic, cluster_id, era, term = _RECORD.unpack_from(raw)
    (checksum,) = _CHECKSUM.unpack_from(raw, _RECORD.size)
    whole = magic == _MAGIC and zlib.crc32(raw[: _RECORD.size]) == checksum
    return Mandate(cluster_id, era, term) if whole else None
