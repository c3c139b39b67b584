"""The cluster's lives, as this data server comes to know them, and what ends with each of them (docs/adr/0026).

A cluster that is restored from a backup begins another life: its terms, its fence lists and its deletion queue are
numbered anew, and files that were deleted may be there again. So nothing that was said in one life may count in the
next, however late it is carried out. What that concerns is kept in several places: the lease and the fences in force
(:mod:`dataserver.authority`), deletions asked for and done (:mod:`dataserver.deletions`), the cuts carried out
(:mod:`dataserver.control`), the tombstones and the list of metadata servers. All of it belongs to one :class:`Life`.

- Lives are numbered, from this process's start on. Whoever asks or is told something notes the number *before* he asks,
  or with the mandate that he obeys (:meth:`dataserver.leadership.Leadership.hear`), and passes it on to whatever is
  done about it.
- What is done about it is done while the life is :meth:`Life.held`: then it belongs to that life, whole. Of a life that
  is over nothing can be held any more (:class:`LifeOver`).
- A life ends when nobody holds it: every part then forgets what belongs to it, and only after that the next one has a
  number that can be held.

**Order of locks**, from the outermost: ``Leadership`` (one thread at a time changes whom it obeys); then what gives
cuts and deletions their turn; then the life; then the locks of its parts, each of which guards its own memory. Who
holds a life must not call ``Leadership.hear``: that may have to end the life, and would wait for him. Whatever waits
for others (I/O of before that has to end, a turn) waits *without* holding the life, and looks afterwards whether it is
still the same one. What is done to the disk, cuts and deletions, is done holding it: so a disk that hangs delays the
next life, which could not be served from that disk either.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

End = Callable[[int, bool], None]
"""Gets the era that begins (nanoseconds since 1970), and whether the cluster was restored: then files that were deleted
may be there again, and their number alone tells nothing. Otherwise it is the same cluster that begins to name its
leaders. May raise ``OSError``; what of the earlier life is on disk must not be left there then."""


class LifeOver(Exception):
    """What was to be done belongs to a life of the cluster that is over."""

    def __init__(self) -> None:
        super().__init__("the cluster begins another life: ask again")


class Life:
    """The present one. Called from many threads."""

    def __init__(self) -> None:
        self._number = 0
        self._ending = False
        self._holders = 0
        self._changed = threading.Condition()
        self._parts: list[End] = []

    @property
    def number(self) -> int:
        """Of the present life, since this process began: 0 for the first."""
        return self._number

    def ends_with(self, part: End) -> None:
        """Call ``part`` when a life ends and before the next one begins, in the order in which they were named."""
        self._parts.append(part)

    @contextmanager
    def held(self, number: int) -> Iterator[None]:
        """Let this life not end before the block is left. :class:`LifeOver` when it has ended, or is about to."""
        with self._changed:
            if self._ending or number != self._number:
                raise LifeOver
            self._holders += 1
        try:
            yield
        finally:
            with self._changed:
                self._holders -= 1
                self._changed.notify_all()

    def begin(self, era: int, *, restored: bool, remember: Callable[[], None]) -> None:
        """End the present life and begin another. One thread at a time, and none that holds the present one.

        Its parts forget before ``remember`` makes durable whose life begins: a crash in between leaves the earlier life
        with less than it had, and that one is over. The other way round the next start would find the earlier life's
        memory under the new one's name. ``OSError`` when a part or ``remember`` fails: nothing of the new life is
        obeyed then, and nothing counts that was said before.
        """
        with self._changed:
            self._ending = True
            while self._holders:
                self._changed.wait()
        try:
            for part in self._parts:
                part(era, restored)
            remember()
        finally:
            with self._changed:
                self._number += 1
                self._ending = False
