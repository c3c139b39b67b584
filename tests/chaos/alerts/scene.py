"""A cluster in trouble, watched by a Prometheus that has the product's rules."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from deploy import monitoring
from tests.chaos.conftest import unavailable
from tests.chaos.shim import Shim
from tests.support.debian import Unavailable
from tests.support.prometheus import Prometheus, complete, hasty
from tests.support.troubled import Stage, staged, until
from tests.support.watched import Watched

WITHIN_S = 60.0
"""How long an alert may take to be raised, and to end."""


class Scene:
    """A cluster in trouble, and who watches it."""

    def __init__(self, stage: Stage, prometheus: Prometheus) -> None:
        self.stage, self.cluster, self.prometheus = stage, stage.cluster, prometheus

    @contextlib.contextmanager
    def raises(self, *names: str, within_s: float = WITHIN_S, **labels: str) -> Iterator[None]:
        """The trouble that is made inside raises these alerts, with these labels, which are not there before it."""
        until(f"{names} are there before their trouble", lambda: not self._told(names, labels))
        began_s = time.monotonic()
        yield
        deadline = time.monotonic() + within_s
        seen: dict[str, dict[str, Any]] = {}
        while missing := set(names) - seen.keys():
            seen = self._told(names, labels) | seen
            assert time.monotonic() < deadline, f"never raised: {missing}; firing: {self.prometheus.firing()}"
            time.sleep(0.5)
        complete(seen)
        print(f"{', '.join(names)}: after {time.monotonic() - began_s:.0f} s")

    def _told(self, names: tuple[str, ...], labels: dict[str, str]) -> dict[str, dict[str, Any]]:
        alerts = [alert for alert in self.prometheus.alerts() if labels.items() <= alert["labels"].items()]
        named = {alert["labels"]["alertname"].removeprefix("Mdscluster"): alert for alert in alerts}
        return {name: alert for name, alert in named.items() if name in names}

    def ends(self, name: str, within_s: float = WITHIN_S) -> None:
        """The alert goes when its trouble has gone."""
        self.prometheus.wait_until(lambda firing: name not in firing, f"{name} does not end", within_s)

    def page_of_leader(self) -> str:
        return self.stage.page(self.stage.leader())


@contextlib.contextmanager
def watching(stage: Stage) -> Iterator[Scene]:
    """Whoever watches asks once a second."""
    watched = stage.watched
    rules = hasty(monitoring.rules())
    try:
        prometheus = Prometheus.watching(watched.folder / "prometheus", "files", watched.mds, watched.ds, rules)
    except Unavailable as reason:
        unavailable(reason)
    with prometheus:
        yield Scene(stage, prometheus)


@contextlib.contextmanager
def scene(watched: Watched) -> Iterator[Scene]:
    """Nobody is fenced in it: who stands still for a while is to go on."""
    with staged(watched) as stage:
        assert stage.cluster.mdsctl("fence", "suspend").returncode == 0
        with watching(stage) as made:
            yield made


def restart(stage: Stage, server: str, kind: str, shim: Shim, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the library tells it how slow its disk and how wrong its clock is."""
    stage.cluster.kill(server)
    with monkeypatch.context() as environment:
        for name, value in shim.environment(server).items():
            environment.setenv(name, value)
        stage.cluster.start(server, kind)
