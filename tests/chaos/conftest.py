"""What the chaos tests need is there, or they say loudly why not; with CI set they must run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.debian import Unavailable, is_root
from tests.support.power import Disk, Small

MakeSmall = Callable[[Path, int], Small]
MakeDisk = Callable[[Path, Path, int], Disk]

_reasons: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Faults that were not made must not look like faults survived."""
    for reason in dict.fromkeys(_reasons):
        terminalreporter.write_sep("*", "CHAOS TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.write_line(reason, red=True)


def unavailable(reason: object) -> None:
    """Skip, loudly; fail where a continuous-integration run must not pass without."""
    text = f"no faults on networks, disks and clocks here: {reason}"
    if os.environ.get("CI"):
        pytest.fail(text, pytrace=False)
    _reasons.append(text)
    pytest.skip(text)


@pytest.fixture
def root() -> None:
    """Network namespaces and disks can be made."""
    if not is_root():
        unavailable("they need root. Run them with: sudo ./run test")


@pytest.fixture
def make_small(root: None) -> Iterator[MakeSmall]:
    """Makes ``Small`` file systems, of its arguments; they end with the test."""
    made: list[Small] = []

    def make(folder: Path, size_mib: int) -> Small:
        try:
            made.append(Small(folder, size_mib))
        except Unavailable as reason:
            unavailable(reason)
        return made[-1]

    yield make
    for small in made:
        small.remove()


@pytest.fixture
def make_disk(root: None) -> Iterator[MakeDisk]:
    """Makes ``Disk``s, of its arguments, and mounts them; they end with the test."""
    made: list[Disk] = []

    def make(image: Path, folder: Path, size_mib: int) -> Disk:
        made.append(Disk(image, folder, size_mib))
        try:
            made[-1].create()
        except Unavailable as reason:
            unavailable(reason)
        return made[-1]

    yield make
    for disk in made:
        disk.remove()
