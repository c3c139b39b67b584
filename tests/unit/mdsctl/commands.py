"""Running ``mdsctl`` against a cluster."""

from __future__ import annotations

import json
import time
from typing import Any

from mdscluster.fsm import features
from tests.support.embedded import Embedded


def answer(cluster: Embedded, *words: str, code: int = 0) -> Any:
    """The JSON that a command answers."""
    done = cluster.mdsctl(*words, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def await_level(cluster: Embedded) -> None:
    """Wait until the cluster uses all that this release knows."""
    deadline = time.monotonic() + 20
    while cluster.status()["mds"][0]["feature_level"] < features.SUPPORTED:
        assert time.monotonic() < deadline, "the feature level was not raised"
        time.sleep(0.2)


def text(cluster: Embedded, *words: str) -> str:
    """What a person is told."""
    done = cluster.mdsctl(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
