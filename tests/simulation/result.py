"""What a seed tells, and the depths there are: the interface between the command line and what it runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

Trace = Callable[[str], None]
"""Takes one line of a seed's trace: time in ms, node, what happened. The same seed gives the same lines."""


@dataclass(frozen=True, slots=True)
class SeedResult:
    """One seed's end. It crosses process borders, so it holds plain values only."""

    seed: int
    nodes: int
    violations: tuple[str, ...]
    """What does not hold; each begins with the invariant's name, or with "liveness", "vacuous" or "bug"."""
    counts: Mapping[str, int]
    """What happened, by kind: faults, acknowledged commands, barriers, snapshots, elections."""
    digest: str
    """A hash of the seed's whole course: equal for equal seeds, whatever process or machine ran them."""

    @property
    def ok(self) -> bool:
        return not self.violations


class RunSeed(Protocol):
    """Runs one seed. ``directory`` is empty and belongs to it; ``trace`` costs time and changes nothing."""

    def __call__(self, seed: int, nodes: int, directory: Path, trace: Trace | None) -> SeedResult: ...


class DepthMissing(Exception):
    """The depth asked for is not in this tree."""


@dataclass(frozen=True, slots=True)
class Depth:
    """One depth of the simulation. ``module`` is imported when it is first run.

    It has ``run_seed`` (``RunSeed``) and may have ``FLOORS``: kind of event -> how often it must have happened in the
    mean of the seeds. A run of enough seeds that falls below one of them proved nothing, and fails as vacuous.
    """

    name: str
    module: str
    what: str

    def run_seed(self) -> RunSeed:
        return cast(RunSeed, self._module().run_seed)  # type: ignore[attr-defined]

    def floors(self) -> Mapping[str, float]:
        return cast(Mapping[str, float], getattr(self._module(), "FLOORS", {}))

    def _module(self) -> object:
        try:
            return importlib.import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name is not None and (self.module + ".").startswith(error.name + "."):
                raise DepthMissing(f"depth {self.name!r} is not in this tree: there is no {self.module}") from error
            raise


DEPTHS: Final[Mapping[str, Depth]] = {
    depth.name: depth
    for depth in (
        Depth(
            "whole",
            "tests.simulation.whole.run",
            "everything: consensus, state machine, sessions, operations, and simulated NFS clients",
        ),
        Depth(
            "consensus",
            "tests.simulation.consensus.run",
            "engine, journal, guards and snapshots, with a small state machine",
        ),
        Depth(
            "membership",
            "tests.simulation.consensus.membership",
            "the same, while an operator adds, promotes, removes and replaces members (--nodes founders)",
        ),
    )
}
DEFAULT_DEPTH: Final = "whole"
