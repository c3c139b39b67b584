"""The report as one HTML page: no scripts, nothing from outside, good in print and without colours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.chaos.picture import bar, picture
from tests.chaos.report import Report, RunReport, fenced_as_slow
from tests.chaos.verdict import Verdict

KEPT, BROKEN, UNJUDGED = "✓ kept", "✗ broken", "– not judged"

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #222; background: #fff;
       max-width: 1020px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.25rem; margin: 0; }
h3 { font-size: 1rem; margin: 1.1rem 0 .3rem; }
.about { color: #555; margin: .7rem 0 1.2rem; }
.verdict { font-size: 1.1rem; font-weight: 600; border: 2px solid #222; border-left-width: 12px; padding: .6rem 1rem;
           margin: 1rem 0; }
.verdict.kept { border-color: #0072b2; } .verdict.broken { border-color: #d55e00; border-style: double solid; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; font-weight: 600; border-bottom: 2px solid #222; padding: .25rem .6rem .25rem 0; }
td { border-bottom: 1px solid #ddd; padding: .25rem .6rem .25rem 0; vertical-align: top; }
td.name { white-space: nowrap; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.mark { white-space: nowrap; font-weight: 600; } .broken td.mark, tr.broken td { color: #a03c00; font-weight: 600; }
tr.kept td.mark { color: #00527f; }
section { border-top: 3px solid #222; margin-top: 2.6rem; padding-top: .8rem; }
.head { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; }
.tag { font-weight: 700; border: 1.5px solid currentColor; border-radius: 4px; padding: 0 .5rem; white-space: nowrap; }
.tag.kept { color: #00527f; } .tag.broken { color: #a03c00; border-style: dashed; }
.summary { font-weight: 600; margin: .3rem 0; } .story { margin: .3rem 0 .8rem; max-width: 75ch; }
figure { margin: .6rem 0; } figcaption { font-size: .82rem; color: #555; }
code { font: .85rem ui-monospace, "DejaVu Sans Mono", monospace; background: #f3f3f3; padding: .1rem .3rem; }
a { color: #00527f; } svg { width: 100%; height: auto; } svg.bar { width: 80px; height: 10px; vertical-align: middle; }
ol { margin: .3rem 0; padding-left: 1.4rem; } li { margin: .15rem 0; }
@media print {
  body { max-width: none; margin: 0; font-size: 11px; } section { break-before: page; border: 0; }
  table, figure, .verdict { break-inside: avoid; } a { color: inherit; text-decoration: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def page(report: Report) -> str:
    """The whole document."""
    kept = sum(run.kept for run in report.runs)
    machine = report.machine
    sections = "".join(_section(number, run) for number, run in enumerate(report.runs, 1))
    if report.kept:
        verdict = f"{KEPT}: every promise, in all {len(report.runs)} runs"
    else:
        verdict = f"{BROKEN}: in {len(report.runs) - kept} of {len(report.runs)} runs a promise was not kept"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Chaos report</title><style>{_STYLE}</style></head><body>
<h1>Chaos report</h1>
<p class="about">Real metadata servers, killed, paused, cut off and starved while clients worked. Begun
{escape(report.began)}; commit {escape(report.commit)}; on_quorum_loss = "{escape(report.on_quorum_loss)}";
{machine.cpus} CPUs, Linux {escape(machine.kernel)}, Python {escape(machine.python)}, fsync {machine.fsync_ms:.2f} ms.
</p>
<p class="verdict {_class(report.kept)}">{verdict}</p>
{_summary(report.runs)}
<p class="about">Longest and median wait: of the longest call that a client felt in each fault, and the share of the
bound that it used. Linux: the longest call of a real Linux client. Every run was checked for: one leader a term,
nothing acknowledged lost, exactly once, linearizable, one holder a lock, zero grace, equal replicas, no exception,
no server that ended by itself.</p>
{sections}
</body></html>
"""


def _class(kept: bool) -> str:
    return "kept" if kept else "broken"


def _seconds(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.2f} s"


def _summary(runs: Sequence[RunReport]) -> str:
    head = (
        '<table><thead><tr><th>scenario</th><th class="n">nodes</th><th class="n">faults</th>'
        '<th class="n">longest wait</th><th>of its bound</th><th class="n">median</th><th class="n">Linux</th>'
        '<th class="n">load</th><th>verdict</th></tr></thead><tbody>'
    )
    rows = []
    for number, run in enumerate(runs, 1):
        linux = max((ms for client in run.linux for ms in client.stalls_ms), default=0.0)
        verdict = KEPT if run.kept else f"{BROKEN}: {', '.join(run.broken)}"
        verdict += f"; not judged: {', '.join(run.unjudged)}" if run.unjudged else ""
        verdict += f"; {fenced_as_slow(run.too_slow)}" if run.too_slow else ""
        bound = f'{bar(run.longest_ms, run.bound_longest_ms)} {run.bound_longest_ms / 1000:.0f} s'
        rows.append(
            f'<tr class="{_class(run.kept)}"><td><a href="#run{number}">{escape(run.scenario)}</a></td>'
            f'<td class="n">{run.nodes}</td><td class="n">{len(run.faults)}</td>'
            f'<td class="n">{_seconds(run.longest_ms)}</td><td>{bound}</td><td class="n">{_seconds(run.median_ms)}</td>'
            f'<td class="n">{_seconds(linux) if linux else "–"}</td><td class="n">{run.load_average:.1f}</td>'
            f'<td class="mark">{escape(verdict)}</td></tr>'
        )
    return f"{head}{''.join(rows)}</tbody></table>"


def _section(number: int, run: RunReport) -> str:
    return f"""<section id="run{number}"><div class="head"><h2>{escape(run.scenario)}, {run.nodes} nodes</h2>
<span class="tag {_class(run.kept)}">{KEPT if run.kept else BROKEN}</span></div>
<p class="summary">{escape(run.summary)}</p><p class="story">{escape(run.story)}</p>
<figure>{picture(run)}<figcaption>Shaded: a fault lasts (hatched bar; numbers as below). Thick bar: this node leads;
thin: it answers; dotted: it does not. Longest wait: of the calls that began in each moment, on a logarithmic scale;
diamond: the longest call of a real Linux client in that round; dashed: the bound.</figcaption></figure>
<h3>Promises</h3>{_verdicts(run)}
<h3>Faults</h3>{_faults(run)}
<h3>How long calls took</h3>{_operations(run)}
<p class="about">{escape(run.began)}, {run.duration_s:.0f} s; load average of the machine up to {run.load_average:.1f};
client processes late by up to {run.client_late_ms:.0f} ms themselves. Repeat: <code>{escape(run.command)}</code></p>
</section>"""


def _verdicts(run: RunReport) -> str:
    rows = "".join(
        f'<tr class="{_class(v.kept)}"><td class="mark">{_mark(v)}</td>'
        f'<td class="name">{escape(v.name)}</td>'
        f"<td>{escape(v.promise)}</td><td>{escape(v.text)}</td></tr>"
        for v in run.verdicts
    )
    return (
        "<table><thead><tr><th></th><th>promise</th><th></th><th>what was seen</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _mark(verdict: Verdict) -> str:
    return (KEPT if verdict.kept else BROKEN) if verdict.judged else UNJUDGED


def _faults(run: RunReport) -> str:
    rows = []
    for number, fault in enumerate(run.faults, 1):
        moved = fault.leader_after != fault.leader_before or fault.term_after != fault.term_before
        leader = f"{fault.leader_before or '–'} (term {fault.term_before})"
        if moved:
            leader += f" → {fault.leader_after or '–'} (term {fault.term_after})"
        proofs = "; ".join(f"{'✓' if shown else '✗'} {what}" for what, shown in fault.proofs)
        longest = "no call" if fault.longest_ms is None else _seconds(fault.longest_ms)
        rows.append(
            f'<tr><td class="n">{number}</td><td>{escape(fault.what)}<br><small>{escape(proofs)}</small></td>'
            f'<td>{escape(leader)}</td><td class="n">{fault.to_s - fault.from_s:.1f} s</td>'
            f'<td class="n">{longest}</td></tr>'
        )
    return (
        '<table><thead><tr><th class="n">#</th><th>fault</th><th>leader</th><th class="n">lasted</th>'
        f'<th class="n">longest wait</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _operations(run: RunReport) -> str:
    table = {"all, before the first fault": run.calm, **run.operations} if run.calm else run.operations
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="n">{d.count}</td><td class="n">{d.p50_ms:.1f}</td>'
        f'<td class="n">{d.p99_ms:.1f}</td><td class="n">{d.max_ms:.1f}</td></tr>'
        for name, d in table.items()
        if d is not None
    )
    return (
        '<table><thead><tr><th>operation</th><th class="n">calls</th><th class="n">p50, ms</th>'
        f'<th class="n">p99, ms</th><th class="n">max, ms</th></tr></thead><tbody>{rows}</tbody></table>'
    )
