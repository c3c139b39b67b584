"""A document whose marked blocks of commands a test carries out, in the order in which they stand there."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection
from pathlib import Path

GROWING = "From 3 to 5 metadata servers"
ANOTHER_CA = "Another CA"
"""Chapters of docs/DEPLOY.md that are for a cluster which is there."""
_BLOCK = re.compile(r"^ *```(sh\b[^\n]*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
"""Below a step it is indented."""


class Guide:
    """Blocks marked ``sh``, or ``sh WHERE``. Each is to be taken, and nothing may be left at the end."""

    def __init__(self, document: Path, *, only: str = "", but: Collection[str] = ()) -> None:
        """``only``, ``but``: this chapter alone, or all but these, by their headings (``## HEADING``)."""
        self._name = document.name
        chapters = re.split(r"^## ", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
        headings = [chapter.partition("\n")[0] for chapter in chapters]
        assert {only, *but} <= {*headings, ""}, f"{self._name} has no chapter {only or but!r}"
        kept = [
            chapter for heading, chapter in zip(headings, chapters, strict=True)
            if (not only or heading == only) and heading not in but
        ]  # fmt: skip
        self._blocks = [(mark, textwrap.dedent(block)) for mark, block in _BLOCK.findall("".join(kept))]

    def take(self, word: str, mark: str = "sh") -> str:
        """The next block, which must have this mark, and this word in it. AssertionError: the document has changed."""
        assert self._blocks, f"{self._name} has no block with {word!r} any more"
        found, commands = self._blocks.pop(0)
        assert found == mark, f"{self._name}: expected a block {mark!r} with {word!r}, found {found!r}:\n{commands}"
        assert word in commands, f"{self._name}: expected {word!r} in:\n{commands}"
        return commands

    def left(self) -> list[str]:
        """What nobody has taken."""
        return [commands for _, commands in self._blocks]
