"""An inventory file read whole: every mistake is found, and told with the line it stands in."""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy import checks
from deploy.inventory import Inventory
from deploy.positions import TomlPath, nearest, positions
from mdsproto.configfile import ConfigError

_WORDS: Final[dict[object, str]] = {int: "a whole number", bool: "true or false", str: "a text in quotes"}
_MISSING: Final = object()
"""Stands for a value that could not be read: its table is not made, and the checks do not run."""


class InventoryError(ConfigError):
    """The inventory cannot work. One line for each mistake: FILE:LINE: what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class LoadedInventory:
    """A cluster that can work."""

    path: Path
    inventory: Inventory
    notes: tuple[str, ...]
    """What works but may not be meant, one line each, like the mistakes."""


def load(path: Path) -> LoadedInventory:
    """Read and check the file. Raises :class:`InventoryError` with all that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise InventoryError(f"cannot read {path}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        line = problem.object[: problem.start].count(b"\n") + 1
        raise InventoryError(f"{path}:{line}: this is no UTF-8 text") from problem
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise InventoryError(_syntax(path, text, str(problem))) from problem
    lines = positions(text)
    reader = _Reader()
    inventory = reader.table(Inventory, table, ())
    found = reader.mistakes
    notes: list[checks.Finding] = []
    if isinstance(inventory, Inventory) and not found:
        found, notes = checks.check(inventory, path.resolve().parent)
    if found:
        raise InventoryError("\n".join(_told(path, lines, found)))
    assert isinstance(inventory, Inventory)
    return LoadedInventory(path, inventory, tuple(_told(path, lines, notes)))


def _told(path: Path, lines: dict[TomlPath, int], found: Iterable[checks.Finding]) -> list[str]:
    told = sorted((nearest(lines, at), text) for at, text in found)
    return [f"{path}:{line}: {text}" for line, text in dict.fromkeys(told)]


def _syntax(path: Path, text: str, words: str) -> str:
    """tomllib's words with the line in front."""
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", words)
    if place is None:
        return f"{path}:1: this is not valid TOML: {words}"
    line = place[1] or text.rstrip("\n").count("\n") + 1
    column = f", column {place[2]}" if place[2] else ", at the end"
    return f"{path}:{line}: this is not valid TOML: {words[: place.start()]}{column}"


class _Reader:
    """Makes dataclasses of tables, and notes what does not fit."""

    def __init__(self) -> None:
        self.mistakes: list[checks.Finding] = []

    def table(self, cls: type, table: dict[str, Any], path: TomlPath) -> Any:
        """A ``cls``, or ``_MISSING`` when a mistake was noted in it."""
        hints = typing.get_type_hints(cls)
        known = {each.name: hints[each.name] for each in dataclasses.fields(cls)}
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key in known:
                values[key] = self.value(known[key], value, (*path, key))
                continue
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
            self.mistakes.append(((*path, key), f"there is no key {_name((*path, key))!r}; {hint}"))
        for each in dataclasses.fields(cls):
            has_default = each.default is not dataclasses.MISSING or each.default_factory is not dataclasses.MISSING
            if not has_default and each.name not in values:
                self.mistakes.append((path, _missing(path, each.name, known[each.name])))
                values[each.name] = _MISSING
        return _MISSING if any(value is _MISSING for value in values.values()) else cls(**values)

    def value(self, hint: Any, value: Any, path: TomlPath) -> Any:
        """``value`` as ``hint`` says, or ``_MISSING``."""
        origin = typing.get_origin(hint)
        if origin is tuple:
            return self._tuple(typing.get_args(hint)[0], value, path)
        if origin is dict:
            return self._parameters(value, path)
        if dataclasses.is_dataclass(hint):
            if isinstance(value, dict):
                return self.table(typing.cast(type, hint), value, path)
            return self._wrong(path, f"a table, like [{_name(path)}]", value)
        if type(value) is not hint:  # bool is an int to isinstance
            return self._wrong(path, _WORDS[hint], value)
        return value

    def _tuple(self, inner: Any, value: Any, path: TomlPath) -> Any:
        if not isinstance(value, list):
            kind = f"tables, like [[{_name(path)}]]" if dataclasses.is_dataclass(inner) else 'a list, like ["..."]'
            return self._wrong(path, kind, value)
        items = [self.value(inner, item, (*path, number)) for number, item in enumerate(value)]
        return _MISSING if any(item is _MISSING for item in items) else tuple(items)

    def _parameters(self, value: Any, path: TomlPath) -> Any:
        """Names and values for a fence agent, which wants texts."""
        if not isinstance(value, dict):
            return self._wrong(path, f"a table, like [{_name(path)}]", value)
        made: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(item, str | int):
                made[key] = self._wrong((*path, key), "a text, a whole number, true or false", item)
            else:
                made[key] = str(int(item)) if isinstance(item, int) else item
        return _MISSING if any(item is _MISSING for item in made.values()) else made

    def _wrong(self, path: TomlPath, wanted: str, value: Any) -> Any:
        shown = repr(value) if not isinstance(value, dict | list) else f"a {type(value).__name__}"
        if isinstance(value, bool):
            shown = str(value).lower()
        elif "fencing" in path and not isinstance(value, dict | list):
            shown = "a text" if isinstance(value, str) else "a number or date"  # it may be meant for a password
        self.mistakes.append((path, f"{_name(path)} must be {wanted}, not {shown}"))
        return _MISSING


def _missing(path: TomlPath, key: str, hint: Any) -> str:
    where = _name(path) or "the inventory"
    inner = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else None
    if inner is not None and dataclasses.is_dataclass(inner):
        return f"{where} has no [[{key}]] table"
    return f"{where} lacks {key!r}"


def _name(path: TomlPath) -> str:
    """``nodes[1].addresses``, as the operator would write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text
