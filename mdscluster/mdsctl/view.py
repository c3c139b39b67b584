"""How answers look: tables and lines, coloured on a terminal, plain text everywhere else."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. Columns in ``right`` are aligned to the right."""

    head: list[str]
    rows: list[list[str]]
    right: Collection[int] = ()
    spare: tuple[str, ...] = ()
    """Columns that may be left out where there is no room, in this order."""

    def fitted(self, width: int) -> Grid:
        """This table in at most ``width`` columns of text, if leaving out what is spare is enough for it."""
        grid = self
        for name in self.spare:
            if max(map(len, grid.lines())) <= width:
                break
            gone = grid.head.index(name)
            grid = Grid(
                _without(grid.head, gone),
                [_without(row, gone) for row in grid.rows],
                [number - (number > gone) for number in grid.right if number != gone],
            )
        return grid

    def lines(self) -> list[str]:
        """Plain text: columns as wide as they need to be."""
        rows = [self.head, *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.head))]
        lines = []
        for row in rows:
            cells = [
                cell.rjust(width) if column in self.right else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        return lines


def _without(row: list[str], column: int) -> list[str]:
    return row[:column] + row[column + 1 :]


Block: TypeAlias = Grid | str
"""A part of an answer: a table, or a line of text."""


def plain(blocks: Iterable[Block]) -> list[str]:
    """Lines without any colour, for pipes, logs and tests."""
    lines: list[str] = []
    for block in blocks:
        lines += block.lines() if isinstance(block, Grid) else [block]
    return lines


def print_blocks(blocks: Iterable[Block]) -> None:
    """To standard output, as suits it. What is wider than the terminal stays in plain lines, where nothing is cut."""
    blocks = list(blocks)
    lines = plain(blocks)
    if not sys.stdout.isatty() or max(map(len, lines), default=0) > shutil.get_terminal_size().columns:
        print("\n".join(lines), flush=True)
        return
    from rich.console import Console

    Console(highlight=False).print(styled(blocks))


def styled(blocks: Iterable[Block], width: int = 0) -> RenderableType:
    """The same for a terminal; tables leave out what is spare to fit into ``width`` (0: all is shown)."""
    from rich.console import Group

    return Group(
        *(
            _table(block.fitted(width) if width else block) if isinstance(block, Grid) else _text(block)
            for block in blocks
        )
    )


def _table(grid: Grid) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold cyan")
    for number, name in enumerate(grid.head):
        table.add_column(name, justify="right" if number in grid.right else "left", no_wrap=True)
    for row in grid.rows:
        table.add_row(*map(_text, row))
    return table


_ALARMS = ("DOWN", "LOST", "FOREIGN", "NO QUORUM", "DIFFERENT", "REFUSED", "NOBODY", "not connected")
_WARNINGS = ("no quorum", "read-only", "refusing", "catching up", "candidate", "founding", "no member",
             "maintenance", "drained", "REMOVED", "evicted", "unfit", "may not have", "last resort", "no: ",
             "also claimed")  # fmt: skip
_GOOD = ("quorum, led by", "equal")
_SOBER = ("leader", "up", "current", "yes", "MASTER")


def _text(text: str) -> RenderableType:
    """Coloured by what it says."""
    from rich.text import Text

    if any(word in text for word in _ALARMS):
        return Text(text, "bold red")
    if text.startswith(_GOOD) or text in _SOBER:
        return Text(text, "green")
    if any(word in text for word in _WARNINGS):
        return Text(text, "yellow")
    return Text(text)


def human_bytes(count: int) -> str:
    """``1.5 GiB``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} PiB"


def human_time(seconds: float) -> str:
    """``0.3 s``, ``42 s``, ``7 min``, ``3 h``, ``12 d``."""
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
