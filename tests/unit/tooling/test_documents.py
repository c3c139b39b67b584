"""The documents tell the truth about what can be checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import invariants

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])


def test_invariants_names_only_tests_that_defend_them() -> None:
    """Fails? Run `python -m tests.support.invariants` and commit."""
    found = invariants.defenders()
    promised = invariants.promised()
    assert promised == [f"INV-{number}" for number in range(1, 12)]
    assert set(found) == set(promised), "an invariant that nobody defends, or that does not exist"
    text = invariants.DOCUMENT.read_text()
    assert invariants.written(text, found) == text


def test_a_range_of_invariants_names_all_between() -> None:
    inv = "INV-"  # apart: else this module would be taken for a defender
    text = f"{inv}9: as {inv}2 to\n    {inv}4 under faults, {inv}6, {inv}7."
    assert invariants.named(text) == [f"{inv}{number}" for number in (2, 3, 4, 6, 7, 9)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_tests_that_are_named_are_there(document: Path) -> None:
    """By the end of their path, as documents name them: who wants to know how something is defended looks there."""
    there = [file.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("test_*.py")]
    for named in re.findall(r"[\w/]*\btest_\w+\.py\b", document.read_text()):
        assert any(f"/{path}".endswith(f"/{named}") for path in there), named


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "adr"
    listed = re.findall(r"\]\((\d{4}-[^)]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(file.name for file in folder.glob("[0-9]*.md"))
