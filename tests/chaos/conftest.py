"""What the chaos tests need is there, or they say loudly why not; with CI set they must run."""

from __future__ import annotations

import os

import pytest

from tests.support.debian import is_root

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
