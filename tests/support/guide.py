"""A document whose marked blocks of commands a test carries out, in the order in which they stand there."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"^```(sh\b[^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Guide:
    """Blocks marked ``sh``, or ``sh WHERE``. Each is to be taken, and nothing may be left at the end."""

    def __init__(self, document: Path) -> None:
        self._name = document.name
        self._blocks = _BLOCK.findall(document.read_text(encoding="utf-8"))

    def take(self, word: str, mark: str = "sh") -> str:
        """The next block, which must have this mark, and this word in it. AssertionError: the document has changed."""
        assert self._blocks, f"{self._name} has no block with {word!r} any more"
        found, commands = self._blocks.pop(0)
        assert found == mark, f"{self._name}: expected a block {mark!r} with {word!r}, found {found!r}:\n{commands}"
        assert word in commands, f"{self._name}: expected {word!r} in:\n{commands}"
        return str(commands)

    def left(self) -> list[str]:
        """What nobody has taken."""
        return [commands for _, commands in self._blocks]
