"""Which tests defend which invariant: read from the tests, written into docs/INVARIANTS.md."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "INVARIANTS.md"
_ROW = re.compile(r"^\| (INV-\d+) \| (.*?) \|(.*)\|$")


def defenders() -> dict[str, list[str]]:
    """Invariant -> test modules that name it, as paths from the root."""
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for number in sorted(set(re.findall(r"\bINV-\d+\b", file.read_text()))):
            found.setdefault(number, []).append(file.relative_to(ROOT).as_posix())
    return found


def claimed() -> dict[str, list[str]]:
    """Invariant -> test modules that the document names."""
    rows = [match for line in DOCUMENT.read_text().splitlines() if (match := _ROW.match(line))]
    return {match[1]: re.findall(r"`([^`]+)`", match[3]) for match in rows}


def main() -> None:
    """Write the last column anew."""
    found = defenders()
    lines = []
    for line in DOCUMENT.read_text().splitlines():
        if match := _ROW.match(line):
            names = ", ".join(f"`{name}`" for name in found.get(match[1], []))
            line = f"| {match[1]} | {match[2]} | {names or 'nothing yet'} |"
        lines.append(line)
    DOCUMENT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
