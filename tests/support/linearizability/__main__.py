"""``python -m tests.support.linearizability [--limit SECONDS] FILE...``: check histories that were kept."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.support.linearizability.checker import check
from tests.support.linearizability.history import History


def main() -> int:
    """0: all are linearizable; 1: one is not, or could not be decided."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.linearizability", description=__doc__)
    parser.add_argument("--limit", type=float, default=60.0, metavar="SECONDS", help="for each file (default 60)")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    words = parser.parse_args()
    bad = 0
    for file in words.files:
        report = check(History.load(file), limit_s=words.limit)
        print(f"{file}: {report}", flush=True)
        bad += not report.ok
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
