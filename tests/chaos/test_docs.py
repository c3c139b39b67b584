"""docs/CHAOS.md says what the table of scenarios says."""

from __future__ import annotations

import pytest

from tests.chaos import docs
from tests.chaos.scenarios import ANY, BY_NAME, FIVE, SCENARIOS


def test_the_document_describes_every_scenario_as_the_table_does() -> None:
    """Run ``./run chaos --write-docs`` after changing the table."""
    for document, drill in ((docs.DOCUMENT, False), (docs.DRILL, True)):
        text = document.read_text(encoding="utf-8")
        assert docs.replaced(text, "scenarios", docs.scenarios(drill=drill)) == text, document


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
