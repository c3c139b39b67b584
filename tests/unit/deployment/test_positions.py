"""The line of every value in a TOML file, which tomllib does not tell."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.positions import TomlPath, nearest, positions

TEXT = '''# a comment with [brackets] = and "quotes
name = "x # no comment"   # [no.table]

[a."b.c"]
d.e = 1
'f g' = 'no \\ escape'
long = """
two "" lines \\""" and [[no table]]
k = 1"""""
literal = \'\'\'
\\\'\'\'

[[list]]
numbers = [
    1, # [
    [2, 3],
    { x = "}", y = [4,
       5] },
]
[list.inner]
z = 1
[[list]]
z = 1979-05-27 07:32:00
[[list.deep]]
u = true
[[list.deep]]
u = false
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("a",), 4),
        (("a", "b.c"), 4),
        (("a", "b.c", "d"), 5),
        (("a", "b.c", "d", "e"), 5),
        (("a", "b.c", "f g"), 6),
        (("a", "b.c", "long"), 7),
        (("a", "b.c", "literal"), 10),
        (("list",), 13),
        (("list", 0), 13),
        (("list", 0, "numbers", 0), 15),
        (("list", 0, "numbers", 1, 1), 16),
        (("list", 0, "numbers", 2, "x"), 17),
        (("list", 0, "numbers", 2, "y", 1), 18),
        (("list", 0, "inner"), 20),
        (("list", 0, "inner", "z"), 21),
        (("list", 1), 22),
        (("list", 1, "z"), 23),
        (("list", 1, "deep", 1, "u"), 27),
    ],
)
def test_every_form_of_a_value_is_found(path: TomlPath, line: int) -> None:
    assert positions(TEXT)[path] == line


def test_nothing_is_found_that_is_not_there_and_nothing_is_missing() -> None:
    assert set(positions(TEXT)) == set(paths(tomllib.loads(TEXT), ()))


def test_what_has_no_line_has_that_of_its_table() -> None:
    lines = positions(TEXT)
    assert nearest(lines, ("list", 1, "deep", 0, "missing")) == 24
    assert nearest(lines, ("missing",)) == 1


def paths(value: Any, at: TomlPath) -> list[TomlPath]:
    """Every path in what tomllib made."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path for key, item in inner for path in ((*at, key), *paths(item, (*at, key)))]


KEYS = st.text("ab.\"'# [=é\\", min_size=1, max_size=4)
SCALARS = st.one_of(st.integers(), st.booleans(), st.text("ab#[]{}\"'\\,=\n", max_size=8))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def quoted(text: str) -> str:
    for raw, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        text = text.replace(raw, escaped)
    return f'"{text}"'


def literal(value: Any, newline: str) -> str:
    """A value on one line, or its list elements each on a line of its own."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"""\n{quoted(value)[1:-1]}"""' if newline and "\n" in value else quoted(value)
    if isinstance(value, list):
        end = f", # ]{newline}" if newline else ","
        return f"[{newline}{''.join(literal(item, newline) + end for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {literal(item, '')}" for key, item in value.items()) + "}"
    return str(value)


@given(st.lists(st.tuples(st.booleans(), st.dictionaries(KEYS, VALUES, max_size=3)), max_size=4), st.booleans())
def test_the_paths_are_those_of_tomllib_whatever_the_file(
    tables: list[tuple[bool, dict[str, Any]]], spread: bool
) -> None:
    """Each table's keys stand in lines below its header, in their order."""
    text = ""
    for number, (listed, table) in enumerate(tables):
        text += "\n[[t]]\n" if listed else f"\n[n{number}.'m.m']  # x\n"
        text += "".join(f"{quoted(key)} = {literal(value, chr(10) * spread)}\n" for key, value in table.items())
    lines = positions(text)
    assert set(lines) == set(paths(tomllib.loads(text), ()))
    for path, line in lines.items():
        if len(path) > 1:
            assert line >= lines[path[:-1]]
        shown = text.splitlines()[line - 1]
        if isinstance(path[-1], str) and path[-1] not in ("t", "m.m") and not path[-1].startswith("n"):
            assert quoted(path[-1]) in shown
