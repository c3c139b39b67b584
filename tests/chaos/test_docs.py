"""docs/CHAOS.md says what the table of scenarios says."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from tests.chaos import docs, test_drill
from tests.chaos import test_scenarios as played
from tests.chaos.scenarios import ANY, BY_NAME, FIVE, SCENARIOS


def test_the_document_describes_every_scenario_as_the_table_does() -> None:
    """Run ``./run chaos --write-docs`` after changing the table."""
    for document, drill in ((docs.DOCUMENT, False), (docs.DRILL, True)):
        text = document.read_text(encoding="utf-8")
        assert docs.replaced(text, "scenarios", docs.scenarios(drill=drill)) == text, document


def test_every_scenario_is_played_by_a_test() -> None:
    """With LONG=1 at the latest, the drill's apart (see below); the document names those that need no LONG."""
    marks = played.test_promises_hold_while_a_fault_lasts.pytestmark  # type: ignore[attr-defined]
    (cases,) = [mark.args[1] for mark in marks if mark.name == "parametrize"]
    names = [case.values[0] for case in cases]
    long = {case.values[0] for case in cases if any(mark.name == "long" for mark in case.marks)}
    assert sorted([*names, played.WITHOUT_ROOT]) == sorted(one.name for one in SCENARIOS if not one.deployed)
    assert set(names) - long == {*played.ALWAYS}
    told = re.search(r"`\./run test` plays one round(.*?)`LONG=1", docs.DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert told is not None
    assert BY_NAME.keys() & re.findall(r"[\w-]+", told.group(1)) == {*played.ALWAYS, played.WITHOUT_ROOT}


def test_the_document_names_the_parts_of_the_drill_that_tests_play() -> None:
    """Some of it, with LONG=1; the rest only ``./run drill`` plays."""
    words = {
        node.value for node in ast.walk(ast.parse(inspect.getsource(test_drill)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }  # fmt: skip
    told = re.search(r"`LONG=1 \./run test` plays(.*?)\. ", docs.DRILL.read_text(encoding="utf-8"), re.DOTALL)
    assert told is not None
    deployed = {one.name for one in SCENARIOS if one.deployed}
    assert deployed & words == deployed & {*re.findall(r"`([\w-]+)`", told.group(1))} != set()


def test_a_document_without_marks_is_refused() -> None:
    """A renamed mark must not end in a document that is never renewed."""
    with pytest.raises(ValueError, match="no part"):
        docs.replaced("nothing here", "scenarios", "text")


def test_the_table_is_fit_to_be_shown() -> None:
    """Names are unique; every text ends as a sentence; five nodes only where three cannot do."""
    assert len(BY_NAME) == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert scenario.story.endswith("."), scenario.name
        assert not scenario.summary.endswith("."), scenario.name
        assert scenario.nodes in (ANY, FIVE), scenario.name
