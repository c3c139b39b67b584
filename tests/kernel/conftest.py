"""Fixtures of the kernel tests: what they need is installed, or they say loudly why not; with CI set they must run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.rig import images
from tests.kernel.rig.vm import Guest, GuestSpec, Mount
from tests.support.cluster import Cluster
from tests.support.debian import Unavailable
from tests.support.hanet import Hanet

HERE = Path(__file__).resolve().parent
LONG = bool(os.environ.get("LONG"))
"""The long form: ten failovers instead of three."""
_reasons: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the marker, whether its author thought of it or not."""
    for item in items:
        if HERE in Path(str(item.path)).parents:
            item.add_marker(pytest.mark.kernel)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A skipped kernel client must not look like a passed one."""
    for reason in dict.fromkeys(_reasons):
        terminalreporter.write_sep("*", "KERNEL CLIENT TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.write_line(reason, red=True)


def unavailable(reason: object) -> None:
    """Skip, loudly; fail where a continuous-integration run must not pass without a kernel client."""
    text = f"no real kernel client here: {reason}"
    if os.environ.get("CI"):
        pytest.fail(text, pytrace=False)
    _reasons.append(text)
    pytest.skip(text)


@pytest.fixture(scope="session")
def rig() -> None:
    """Kernels and root file system are in place."""
    try:
        images.setup()
    except Unavailable as reason:
        unavailable(reason)


@pytest.fixture(scope="module")
def net(rig: None) -> Iterator[Hanet]:
    """An empty switch."""
    try:
        hanet = Hanet("mdk")
        hanet.up()
    except Unavailable as reason:
        unavailable(reason)
    try:
        yield hanet
    finally:
        hanet.down()


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """A folder for state and logs, kept when KERNEL_TESTS_KEEP is set."""
    folder = Path(tempfile.mkdtemp(prefix="mdk-"))
    yield folder
    if not os.environ.get("KERNEL_TESTS_KEEP"):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(net: Hanet, base: Path) -> Iterator[Cluster]:
    """Three metadata servers, three data servers, the service address on the leader."""
    with Cluster(base, net) as running:
        yield running
        broken = running.tracebacks()
    assert not broken, f"exceptions in the logs of {broken}:\n{running.log_tails(broken, 40)}"


class Guests:
    """Boots clients of a cluster and ends those that a test leaves behind."""

    def __init__(self, net: Hanet) -> None:
        self.net = net
        self.live: list[Guest] = []

    def boot(
        self,
        address: str,
        number: int,
        engine: images.Engine = "uml",
        version: str = "4.2",
        pnfs: bool = True,
        export: str = "/",
        port: int = 2049,
    ) -> Guest:
        """A client with the export mounted on /mnt/a."""
        spec = GuestSpec(
            number=number,
            netns=self.net.switch,
            address=f"{self.net.network}.{100 + number}/24",
            engine=engine,
            mounts=(Mount(f"{address}:{export}", "/mnt/a", f"vers={version},port={port}"),),
            pnfs=pnfs,
        )
        guest = Guest(spec)
        self.live.append(guest)
        guest.start()
        guest.wait_ready()
        return guest

    def end(self) -> None:
        """Power off what still runs."""
        for guest in self.live:
            guest.kill()
            if not os.environ.get("KERNEL_TESTS_KEEP"):
                shutil.rmtree(guest.run_dir, ignore_errors=True)


@pytest.fixture
def guests(net: Hanet) -> Iterator[Guests]:
    """Clients for one test."""
    factory = Guests(net)
    yield factory
    factory.end()
