"""docs/SIMULATION.md: its list of mutations comes from the table. ``./run sim --mutate --write-docs`` writes it.

What is wrong with a rule off is what the mutation's docstring says; which invariants that breaks, what this and its
directed tests' docstrings name. Whether a mutation is caught is no part of it: ``./run sim --mutate`` tells that.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

from tests.simulation.mutations import MUTATIONS, Mutation
from tests.support.invariants import ROOT, named

DOCUMENT: Final = ROOT / "docs" / "SIMULATION.md"
_BEGIN: Final = "<!-- mutations: written by ./run sim --mutate --write-docs -->\n"
_END: Final = "<!-- end of mutations -->\n"
_COLUMNS: Final = ("Rule", "Without it", "Invariant", "Directed tests", "Seeds")
_INVARIANTS: Final = re.compile(r" \(INV-[^)]*\)(?=\.$)")
"""At the end of a docstring: the row has them in a column of their own."""


def write() -> None:
    """Write the list anew."""
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


def written(text: str) -> str:
    """``text`` with the list that is in it made anew. ValueError when there is none."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError("no list of mutations in the document")
    return f"{before}{begin}{table()}{end}{after}"


def table() -> str:
    """A line for each row of the mutation check."""
    return f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|\n{''.join(map(_line, MUTATIONS))}"


def _line(row: Mutation) -> str:
    told = row.what()
    tests = [node_id.partition("::") for node_id in row.directed]
    docstrings = [_docstrings(path)[name.partition("[")[0]] for path, _, name in tests]
    cells = (
        row.name,
        _INVARIANTS.sub("", told),
        ", ".join(named(" ".join((told, *docstrings)))) or "none",
        ", ".join(f"`{Path(path).name}::{name}`" for path, _, name in tests) or "none",
        row.depth if row.seeds else "no",
    )
    return f"| {' | '.join(cells)} |\n"


@cache
def _docstrings(path: str) -> dict[str, str]:
    """What a module's tests say of themselves."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}
