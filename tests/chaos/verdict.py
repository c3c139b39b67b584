"""One promise: kept or not, or not judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN = 5


@dataclass(frozen=True)
class Verdict:
    """One promise: kept or not, and what that is said by."""

    name: str
    """``INV-n``, or a word."""
    promise: str
    kept: bool
    text: str
    judged: bool = True
    """False: there was too little to judge it by, as ``text`` says; it counts as kept."""


def told(wrong: Sequence[str], good: str) -> str:
    """The first few things that are wrong; ``good`` when nothing is."""
    if not wrong:
        return good
    more = f" (and {len(wrong) - SHOWN} more)" if len(wrong) > SHOWN else ""
    return "; ".join(wrong[:SHOWN]) + more
