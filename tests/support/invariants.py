"""Which tests defend which invariant: read from the tests, written into docs/INVARIANTS.md."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
DOCUMENT = ROOT / "docs" / "INVARIANTS.md"
_PROMISE = re.compile(r"^\| (INV-\d+) \| .+ \|$", re.MULTILINE)
_NAMED = re.compile(r"\bINV-(\d+)(?:\s+to\s+INV-(\d+))?\b")
_BEGIN = "<!-- defenders: written by python -m tests.support.invariants -->\n"
_END = "<!-- end of defenders -->\n"
_WIDTH = 120


def promised() -> list[str]:
    """The invariants of the document, in its order."""
    return _PROMISE.findall(DOCUMENT.read_text())


def named(text: str) -> list[str]:
    """The invariants that a test's text names, in order; "INV-1 to INV-8" names eight."""
    numbers: set[int] = set()
    for first, last in _NAMED.findall(text):
        numbers.update(range(int(first), int(last or first) + 1))
    return [f"INV-{number}" for number in sorted(numbers)]


def defenders() -> dict[str, list[Path]]:
    """Invariant -> test modules that name it, as paths below ``tests/``."""
    found: dict[str, list[Path]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for number in named(file.read_text()):
            found.setdefault(number, []).append(file.relative_to(TESTS))
    return found


def written(text: str, found: dict[str, list[Path]]) -> str:
    """The document with its list of defenders made anew: a paragraph for each invariant, a part for each folder."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{''.join(_paragraph(number, found.get(number, [])) for number in promised())}{_END}{after}"


def _paragraph(number: str, files: list[Path]) -> str:
    folders: dict[str, list[str]] = {}
    for file in files:
        folders.setdefault(file.parent.as_posix(), []).append(file.stem.removeprefix("test_"))
    parts = "; ".join(f"`{folder}/` {', '.join(names)}" for folder, names in folders.items())
    text = f"**{number}**: {parts or 'nothing yet'}."
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False) + "\n\n"


def main() -> None:
    """Write the list anew."""
    DOCUMENT.write_text(written(DOCUMENT.read_text(), defenders()))


if __name__ == "__main__":
    main()
