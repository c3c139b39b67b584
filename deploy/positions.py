"""In which line of a TOML file a value stands.

``tomllib`` tells the line of a syntax error only. What is wrong with the *meaning* of a file is found later, by the
value's path, such as ``("nodes", 1, "addresses", 0)``. This walks the text once more and notes the line of every path.
The text has been accepted by ``tomllib``, so nothing here checks the grammar (TOML 1.0).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Final

TomlPath = tuple[str | int, ...]
_BARE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_SPACE: Final = frozenset(" \t")
_BLANK: Final = frozenset(" \t\r\n")
_SCALAR_END: Final = frozenset(",]}#\r\n")


def positions(text: str) -> dict[TomlPath, int]:
    """The line, counted from 1, of every table, key and list element of ``text``, which must be valid TOML."""
    return _Walk(text).run()


def nearest(lines: Mapping[TomlPath, int], path: TomlPath) -> int:
    """The line of ``path``, or of what it would stand in; 1 for the file itself."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


class _Walk:
    """One pass over the text. ``_at`` is where it is, ``_line`` in which line that is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._found: dict[TomlPath, int] = {}
        self._arrays: dict[TomlPath, int] = {}  # arrays of tables: how many there are so far

    def run(self) -> dict[TomlPath, int]:
        table: TomlPath = ()
        while self._skip(_BLANK):
            if self._peek(2) == "[[":
                table = self._header(2)
            elif self._peek() == "[":
                table = self._header(1)
            else:
                self._pair(table)
        return self._found

    # ------------------------------------------------------------ statements
    def _header(self, brackets: int) -> TomlPath:
        line = self._line
        self._step(brackets)
        *parents, last = self._key()
        self._step(brackets)
        path: TomlPath = ()
        for part in parents:
            path = self._inside((*path, part))
            self._found.setdefault(path, line)
        path = (*path, last)
        self._found.setdefault(path, line)
        if brackets == 2:
            number = self._arrays.get(path, 0)
            self._arrays[path] = number + 1
            path = (*path, number)
            self._found[path] = line
            return path
        self._found[path] = line  # a table that its children had made before
        return path

    def _inside(self, path: TomlPath) -> TomlPath:
        """``path``, or its last element so far if it is an array of tables."""
        self._found.setdefault(path, self._line)
        return (*path, self._arrays[path] - 1) if path in self._arrays else path

    def _pair(self, table: TomlPath) -> None:
        line = self._line
        path = table
        for part in self._key():
            path = (*path, part)
            self._found.setdefault(path, line)
        self._step(1)  # the equals sign
        self._value(path)

    def _key(self) -> list[str]:
        """A key, dotted or not; stops behind the blanks that follow it."""
        parts = []
        while True:
            self._skip(_SPACE)
            start = self._at
            if self._peek() in ('"', "'"):
                self._string()
                parts.append(str(next(iter(tomllib.loads(f"{self._text[start:self._at]} = 0")))))
            else:
                while self._peek() in _BARE:
                    self._step(1)
                parts.append(self._text[start : self._at])
            self._skip(_SPACE)
            if self._peek() != ".":
                return parts
            self._step(1)

    # ------------------------------------------------------------ values
    def _value(self, path: TomlPath) -> None:
        self._skip(_SPACE)
        first = self._peek()
        if first in ('"', "'"):
            self._string()
        elif first == "[":
            self._list(path)
        elif first == "{":
            self._inline_table(path)
        else:
            while (mark := self._peek()) and mark not in _SCALAR_END:
                self._step(1)

    def _list(self, path: TomlPath) -> None:
        self._step(1)
        number = 0
        while self._skip(_BLANK) and self._peek() != "]":
            if self._peek() == ",":
                self._step(1)
                continue
            self._found[(*path, number)] = self._line
            self._value((*path, number))
            number += 1
        self._step(1)

    def _inline_table(self, path: TomlPath) -> None:
        self._step(1)
        while self._skip(_BLANK) and self._peek() != "}":
            if self._peek() == ",":
                self._step(1)
                continue
            self._pair(path)
        self._step(1)

    def _string(self) -> None:
        quote = self._peek()
        if self._peek(3) == quote * 3:
            self._step(3)
            while self._peek(3) != quote * 3:
                self._step(2 if quote == '"' and self._peek() == "\\" else 1)
            self._step(3)
            while self._peek() == quote:  # up to two quotes may stand before the closing three
                self._step(1)
            return
        self._step(1)
        while self._peek() != quote:
            self._step(2 if quote == '"' and self._peek() == "\\" else 1)
        self._step(1)

    # ------------------------------------------------------------ moving on
    def _peek(self, count: int = 1) -> str:
        return self._text[self._at : self._at + count]

    def _step(self, count: int) -> None:
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def _skip(self, blanks: frozenset[str]) -> bool:
        """Over blanks, and over comments where a line may end; whether there is anything left."""
        while (mark := self._peek()) and (mark in blanks or (mark == "#" and "\n" in blanks)):
            if mark == "#":
                end = self._text.find("\n", self._at)
                self._step((end if end >= 0 else len(self._text)) - self._at)
            else:
                self._step(1)
        return bool(self._peek())
