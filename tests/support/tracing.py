"""What a test comes to, read from its module: it may do its work in helpers, and a name in a table proves nothing."""

from __future__ import annotations

import ast
from functools import cache

from tests.support.cluster import ROOT


@cache
def _module(place: str) -> ast.Module:
    return ast.parse((ROOT / place).read_text(encoding="utf-8"))


def functions(place: str) -> dict[str, ast.AST]:
    """Functions, classes and values at the top of a module, by name."""
    found: dict[str, ast.AST] = {}
    for node in _module(place).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found[node.name] = node
            case ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = node
    return found


@cache
def reached(test: str) -> str:
    """The code of a test (``tests/MODULE.py::NAME``) and of all in its module that it uses, directly or not: without
    comments, as ``ast`` writes it, strings in single quotes. AssertionError: there is no such test."""
    place, _, name = test.partition("::")
    known = functions(place)
    assert name.startswith("test_"), f"{test} is no test"
    assert name in known, f"there is no test {test}"
    todo, seen = [name], set[str]()
    while todo:
        if (each := todo.pop()) in known and each not in seen:
            seen.add(each)
            todo += [node.id for node in ast.walk(known[each]) if isinstance(node, ast.Name)]
            todo += [node.arg for node in ast.walk(known[each]) if isinstance(node, ast.arg)]  # fixtures
    return "\n".join(ast.unparse(node) for each, node in known.items() if each in seen)
