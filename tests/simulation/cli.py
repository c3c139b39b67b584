"""``./run sim``: seeds, the replay of one, and the mutation check."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from tests.simulation.result import DEFAULT_DEPTH, DEPTHS, DepthMissing
from tests.simulation.runner import Totals, run_one, run_seeds

_PROGRESS_S: Final = 10.0
_FAILURES_SHOWN: Final = 20
_SEEDS: Final = "0:100"


def parser() -> argparse.ArgumentParser:
    depths = "; ".join(f"{depth.name}: {depth.what}" for depth in DEPTHS.values())
    made = argparse.ArgumentParser(
        prog="./run sim",
        description="Runs production code on a simulated clock, network and disk, and checks the invariants.",
        epilog=f"Depths are {depths}. Exit status: 0 all held, 1 a violation, a vacuous run or a mutation not caught.",
    )
    made.add_argument("--depth", choices=list(DEPTHS), help=f"how much of the product runs (default: {DEFAULT_DEPTH})")
    made.add_argument("--seeds", type=_range, default=_range(_SEEDS), metavar="A:B", help=f"default: {_SEEDS}")
    made.add_argument("--nodes", type=int, choices=(3, 5), default=3, help="cluster size (default: 3)")
    made.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="worker processes")
    made.add_argument("--seed", type=int, metavar="S", help="this seed only")
    made.add_argument("--trace", action="store_true", help="tell what happens in it (with --seed)")
    made.add_argument("--mutate", action="store_true", help="switch off one rule at a time: the suite must notice")
    made.add_argument("--directed", action="store_true", help="with --mutate: directed tests only, no random seeds")
    made.add_argument("--only", default="", metavar="TEXT", help="with --mutate: rows whose name contains this")
    made.add_argument("--write-docs", action="store_true",
                      help="with --mutate: run nothing, and put the list of rows into docs/SIMULATION.md")  # fmt: skip
    return made


def _range(text: str) -> range:
    first, colon, end = text.partition(":")
    try:
        seeds = range(int(first), int(end)) if colon else range(int(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not A:B") from None
    if not seeds:
        raise argparse.ArgumentTypeError(f"there is no seed in {text!r}")
    return seeds


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Its exit status."""
    made = parser()
    options = made.parse_args(arguments)
    if options.trace and options.seed is None:
        made.error("--trace needs --seed")
    if options.write_docs and not options.mutate:
        made.error("--write-docs needs --mutate")
    logging.disable(logging.CRITICAL)
    try:
        if options.write_docs:
            from tests.simulation import docs

            docs.write()
            return 0
        if options.mutate:
            return mutate(options.depth, options.only, options.jobs, directed_only=options.directed)
        depth = options.depth or DEFAULT_DEPTH
        if options.seed is not None:
            return replay(depth, options.seed, options.nodes, trace=options.trace)
        return seeds(depth, options.seeds, options.nodes, options.jobs)
    except DepthMissing as error:
        made.error(str(error))


def replay(depth: str, seed: int, nodes: int, *, trace: bool) -> int:
    """One seed in this process."""
    result = run_one(depth, seed, nodes, print if trace else None)
    print(f"seed {seed}, {nodes} nodes: {'held' if result.ok else 'VIOLATED'}; digest {result.digest}")
    print(_told(dict(result.counts)))
    for violation in result.violations:
        print(f"  {violation}")
    return 0 if result.ok else 1


def seeds(depth: str, wanted: range, nodes: int, jobs: int) -> int:
    """Many seeds; one line of verdict, what happened in them, and how to replay those that failed."""
    totals = run_seeds(depth, wanted, nodes, jobs, _Progress(depth))
    vacuous = totals.below(DEPTHS[depth].floors())
    print(_told(totals.counts))
    for failure in totals.failures[:_FAILURES_SHOWN]:
        print(f"seed {failure.seed}: {failure.violations[0]}")
        print(f"    {replay_command(depth, nodes, failure.seed)}")
    if len(totals.failures) > _FAILURES_SHOWN:
        print(f"and {len(totals.failures) - _FAILURES_SHOWN} more")
    for line in vacuous:
        print(f"vacuous: {line}")
    ok = not totals.failures and not vacuous
    print(
        f"{'ok' if ok else 'FAILED'}: depth {depth}, {nodes} nodes, seeds {wanted.start}:{wanted.stop}: "
        f"{len(totals.failures)} of {totals.seeds} seeds violated{', vacuous' if vacuous else ''}; "
        f"{totals.seconds:.0f} s with {jobs} jobs, {totals.cpu_seconds:.0f} s of CPU"
    )
    return 0 if ok else 1


def replay_command(depth: str, nodes: int, seed: int) -> str:
    return f"./run sim --depth {depth} --nodes {nodes} --seed {seed} --trace"


def mutate(depth: str | None, only: str, jobs: int, *, directed_only: bool) -> int:
    """The mutation check, a row a process."""
    from tests.simulation.mutation_check import check_row, report
    from tests.simulation.mutations import MUTATIONS

    rows = [i for i, row in enumerate(MUTATIONS) if only in row.name and depth in (None, row.depth)]
    if not rows:
        print(f"no mutation is called {only!r}", file=sys.stderr)
        return 2
    context = multiprocessing.get_context("spawn")
    # A process for each row: what a mutation leaves behind in a module is gone with it.
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        futures = [pool.submit(check_row, row, 0 if directed_only else None) for row in rows]
        verdicts = []
        for future in futures:
            verdicts.append(future.result())
            print(report(verdicts[-1:]).rpartition("\n")[0], flush=True)
    print(report(verdicts).rpartition("\n")[2])
    return 0 if all(verdict.caught for verdict in verdicts) else 1


class _Progress:
    """A line now and then, on standard error, and one at once for a seed that failed."""

    def __init__(self, depth: str) -> None:
        self._depth = depth
        self._last_s = time.monotonic()
        self._told = 0

    def __call__(self, totals: Totals, of: int) -> None:
        for failure in totals.failures[self._told :]:
            print(f"violated: {replay_command(self._depth, totals.nodes, failure.seed)}", file=sys.stderr, flush=True)
        self._told = len(totals.failures)
        now_s = time.monotonic()
        if now_s - self._last_s >= _PROGRESS_S:
            self._last_s = now_s
            print(f"{totals.seeds} of {of} seeds, {len(totals.failures)} violated", file=sys.stderr, flush=True)


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
