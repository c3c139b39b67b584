"""A run as one picture (SVG): faults, who led, how many answers clients got, how long they waited.

Nothing is told by colour alone: states differ in shape, weight or hatching and carry words, so the picture also reads
in print and to those who see colours differently (palette: Okabe and Ito).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from tests.chaos.report import BIN_S, STALL_BIN_S, FaultReport, RunReport

INK, PALE, GRID, WHITE = "#222222", "#c9d3dc", "#e3e3e3", "#ffffff"
BLUE, ORANGE, SHADE = "#0072b2", "#d55e00", "#fbe9d7"
WIDTH, LEFT, RIGHT = 980, 96, 16
LANE, GAP, PLOT = 22, 26, 92
LEAST_MS, MOST_MS = 1.0, 30_000.0
COLUMNS_MAX = 240
DEFS = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    f'<rect width="6" height="6" fill="{ORANGE}"/><line x1="0" y1="0" x2="0" y2="6" stroke="#fff" stroke-width="2"/>'
    '</pattern><pattern id="quiet" width="5" height="5" patternUnits="userSpaceOnUse">'
    f'<rect width="5" height="5" fill="#fff"/><circle cx="2" cy="2" r="0.9" fill="{INK}"/></pattern></defs>'
)


class _Sheet:
    """Elements, and the way from seconds to the right."""

    def __init__(self, from_s: float, to_s: float) -> None:
        self.from_s, self.to_s = from_s, max(to_s, from_s + 1)
        self.parts: list[str] = []
        self.y = 8.0

    def x(self, at_s: float) -> float:
        share = (min(max(at_s, self.from_s), self.to_s) - self.from_s) / (self.to_s - self.from_s)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def rect(self, from_s: float, to_s: float, y: float, height: float, fill: str, title: str = "", least: float = 1.5,
             more: str = "") -> None:  # fmt: skip
        x, end = self.x(from_s), self.x(to_s)
        inside = f"<title>{escape(title)}</title>" if title else ""
        width = max(end - x, least)
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}" {more}>'
            f"{inside}</rect>"
        )

    def text(self, x: float, y: float, words: str, anchor: str = "start", size: int = 11, fill: str = INK,
             weight: str = "normal") -> None:  # fmt: skip
        halo = "" if fill == WHITE else ' paint-order="stroke" stroke="#fff" stroke-width="3"'
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}" '
            f'font-weight="{weight}"{halo}>{escape(words)}</text>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = GRID, more: str = "") -> None:
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" {more}/>')


def picture(run: RunReport) -> str:
    """The SVG element."""
    first_s = min((fault.from_s for fault in run.faults), default=run.duration_s)
    sheet = _Sheet(max(0.0, first_s - 2.5), run.duration_s)
    top = sheet.y
    _faults(sheet, run)
    _nodes(sheet, run)
    _throughput(sheet, run)
    _stalls(sheet, run)
    bottom = sheet.y
    shades = _Sheet(sheet.from_s, sheet.to_s)
    for fault in run.faults:
        shades.rect(fault.from_s, fault.to_s, top, bottom - top, SHADE)
    _seconds(sheet, top, bottom)
    height = sheet.y + 6
    words = f"Time line of {run.scenario}: faults, leaders, answers per second and longest waits"
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(words)}" '
        f'font-family="system-ui, sans-serif">{DEFS}{"".join(shades.parts)}{"".join(sheet.parts)}</svg>'
    )


def _faults(sheet: _Sheet, run: RunReport) -> None:
    sheet.text(LEFT - 8, sheet.y + 15, "faults", "end", weight="bold")
    for number, fault in enumerate(run.faults, 1):
        sheet.rect(fault.from_s, fault.to_s, sheet.y + 2, LANE - 5, "url(#hatch)", fault.what)
        x = sheet.x(fault.from_s) + 9
        sheet.parts.append(f'<circle cx="{x:.1f}" cy="{sheet.y + 10.5:.1f}" r="8" fill="#fff" stroke="{INK}"/>')
        sheet.text(x, sheet.y + 14.5, str(number), "middle", weight="bold")
    sheet.y += LANE + 4


def _nodes(sheet: _Sheet, run: RunReport) -> None:
    """A thin bar while the node answers, dots while it does not, a thick bar with the term while it leads."""
    for node in run.node_names:
        middle = sheet.y + LANE / 2
        sheet.text(LEFT - 8, middle + 4, node, "end")
        sheet.rect(sheet.from_s, sheet.to_s, middle - 2, 4, PALE)
        for span in run.spans:
            if span.node != node or span.to_s < sheet.from_s:
                continue
            if span.what == "silent":
                about = f"{node} does not answer for {span.to_s - span.from_s:.1f} s"
                sheet.rect(span.from_s, span.to_s, middle - 5, 10, "url(#quiet)", about, more=f'stroke="{INK}"')
            else:
                about = f"{node} leads in term {span.term}"
                sheet.rect(span.from_s, span.to_s, middle - 8, 16, BLUE, about, least=3)
                if sheet.x(span.to_s) - sheet.x(span.from_s) > 44:
                    x = (sheet.x(span.from_s) + sheet.x(span.to_s)) / 2
                    sheet.text(x, middle + 4, f"term {span.term}", "middle", fill=WHITE, weight="bold")
        sheet.y += LANE
    sheet.y += GAP - 8


def _throughput(sheet: _Sheet, run: RunReport) -> None:
    rates = [count / BIN_S for count in run.answers_per_bin]
    shown = rates[int(sheet.from_s / BIN_S) :]
    top, base = sheet.y, sheet.y + PLOT
    most = _round_up(max(shown, default=1.0))
    sheet.text(LEFT - 8, top + 4, "answers/s", "end", weight="bold")
    for share in (0.5, 1.0):
        y = base - share * (PLOT - 14)
        sheet.line(LEFT, y, WIDTH - RIGHT, y)
        sheet.text(LEFT - 8, y + 4 + (10 if share == 1 else 0), f"{most * share:.0f}", "end", 10)
    points = [f"{sheet.x(sheet.from_s):.1f},{base:.1f}"]
    for number, rate in enumerate(rates):
        at_s = number * BIN_S
        if at_s >= sheet.from_s:
            y = base - rate / most * (PLOT - 14)
            points += [f"{sheet.x(at_s):.1f},{y:.1f}", f"{sheet.x(at_s + BIN_S):.1f},{y:.1f}"]
    points.append(f"{sheet.x(sheet.to_s):.1f},{base:.1f}")
    sheet.parts.append(
        f'<polygon points="{" ".join(points)}" fill="{BLUE}" fill-opacity="0.25" stroke="{BLUE}" stroke-width="1.2"/>'
    )
    sheet.line(LEFT, base, WIDTH - RIGHT, base, INK)
    sheet.y = base + GAP


def _stalls(sheet: _Sheet, run: RunReport) -> None:
    """The longest call begun in each tenth of a second, on a logarithmic scale, with the bound."""
    top, base = sheet.y, sheet.y + PLOT + 20

    def height(ms: float) -> float:
        share = math.log10(max(ms, LEAST_MS) / LEAST_MS) / math.log10(MOST_MS / LEAST_MS)
        return base - min(share, 1.0) * (base - top - 8)

    sheet.text(LEFT - 8, top + 4, "longest wait", "end", weight="bold")
    for mark, words in ((1, "1 ms"), (10, "10 ms"), (100, "100 ms"), (1_000, "1 s"), (10_000, "10 s")):
        sheet.line(LEFT, height(mark), WIDTH - RIGHT, height(mark), INK if mark == 1 else GRID)
        sheet.text(LEFT - 8, height(mark) + 4, words, "end", 10)
    good: list[str] = []
    for at_s, ms in _columns(run.stalls_ms, sheet.from_s, sheet.to_s):
        x = sheet.x(at_s)
        if ms < run.bound_longest_ms:
            good.append(f"M{x:.1f} {base:.0f}V{height(ms):.1f}")
        else:
            sheet.line(x, base, x, height(ms), ORANGE, 'stroke-width="3"')
            sheet.text(x, height(ms) - 3, "✗", "middle", 12, ORANGE, "bold")
    sheet.parts.append(f'<path d="{"".join(good)}" stroke="{INK}" stroke-width="1.6"/>')
    for fault, ms in _linux_stalls(run):
        x, y = sheet.x(fault.from_s) + 8, height(ms)
        diamond = f"M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"
        sheet.parts.append(f'<path d="{diamond}" fill="{BLUE}" stroke="#fff" stroke-width="1.5"/>')
        sheet.text(x + 9, y + 4, f"Linux {ms:.0f} ms", "start", 10, BLUE, "bold")
    y = height(run.bound_longest_ms)
    sheet.line(LEFT, y, WIDTH - RIGHT, y, ORANGE, 'stroke-width="1.5" stroke-dasharray="7 4"')
    sheet.text(WIDTH - RIGHT, y - 4, f"bound {run.bound_longest_ms / 1000:.0f} s", "end", 10, ORANGE, "bold")
    worst = max(run.stalls_ms[int(sheet.from_s / STALL_BIN_S) :], default=0.0)
    if worst:
        number = max(range(len(run.stalls_ms)), key=run.stalls_ms.__getitem__)
        sheet.text(sheet.x(number * STALL_BIN_S) + 4, height(worst) - 3, f"{worst:.0f} ms", "start", 10, INK, "bold")
    sheet.y = base


def _columns(stalls_ms: Sequence[float], from_s: float, to_s: float) -> Iterator[tuple[float, float]]:
    """Time and longest wait, in no more columns than the eye can tell apart; those without a call are left out."""
    first = int(from_s / STALL_BIN_S)
    each = max(1, math.ceil((to_s - from_s) / STALL_BIN_S / COLUMNS_MAX))
    for start in range(first, len(stalls_ms), each):
        longest = max(stalls_ms[start : start + each])
        if longest:
            yield start * STALL_BIN_S, longest


def _linux_stalls(run: RunReport) -> Iterator[tuple[FaultReport, float]]:
    """The longest call of Linux clients in each round, at the round's first fault."""
    per_round = max(1, len(run.faults) // max(run.rounds, 1))
    for client in run.linux:
        yield from zip(run.faults[::per_round], client.stalls_ms, strict=False)


def _seconds(sheet: _Sheet, top: float, bottom: float) -> None:
    length = sheet.to_s - sheet.from_s
    step = next((s for s in (1, 2, 5, 10, 20, 30, 60) if length / s <= 14), 120)
    for count in range(int(length / step) + 1):
        x = sheet.x(sheet.from_s + count * step)
        sheet.line(x, bottom, x, bottom + 4, INK)
        sheet.text(x, bottom + 16, f"{count * step} s", "middle", 10)
    sheet.y = bottom + 20


def _round_up(value: float) -> float:
    """1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(max(value, 1.0)))
    return float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value))


def bar(value: float, bound: float) -> str:
    """A small bar for a table's cell: how much of the bound was used."""
    share = min(value / bound, 1.0) if bound else 0.0
    fill = "url(#hatch)" if value >= bound else BLUE
    return (
        '<svg class="bar" viewBox="0 0 80 10" width="80" height="10" aria-hidden="true">'
        f'<rect x="0.5" y="0.5" width="79" height="9" fill="#fff" stroke="{INK}" stroke-width="0.7"/>'
        f'<rect x="0.5" y="0.5" width="{79 * share:.1f}" height="9" fill="{fill}"/></svg>'
    )
