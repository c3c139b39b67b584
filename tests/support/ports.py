"""Ports for servers of a test: of blocks that this process has to itself, so that several can run tests at once.

All lie below the range from which the system takes ports for outgoing connections: none of those is in the way.
"""

from __future__ import annotations

import functools
import itertools
import socket
from collections.abc import Iterator
from typing import Final

SIZE: Final = 400
"""What ``mdscluster up`` spreads over, from its ``--port``."""
_BLOCKS: Final = range(12_800, 32_000, SIZE)
_OF_A_CLUSTER: Final = (*range(8), *range(100, 108), *range(200, 208), *range(300, 308))
_LOOPBACK: Final = "127.0.0.1"

_claims: list[socket.socket] = []
_clusters: list[int] = []


def free_base_port() -> int:
    """The first port of a block in which a cluster finds every port free."""
    for base in itertools.chain(_clusters, _claimed()):
        if all(_is_free(base + offset) for offset in _OF_A_CLUSTER):
            if base not in _clusters:
                _clusters.append(base)
            return base
    raise AssertionError("no free ports")


def free_port() -> int:
    """A port that is free, and that this process was not given for a while."""
    return next(port for port in itertools.islice(_singles(), SIZE) if _is_free(port))


def free_ports(count: int) -> list[int]:
    """Different ones."""
    return [free_port() for _ in range(count)]


@functools.cache
def _singles() -> Iterator[int]:
    base = next(_claimed())
    return itertools.cycle(range(base, base + SIZE))


def _claimed() -> Iterator[int]:
    """Blocks that nobody had. An abstract address stands for each; the kernel frees it when this process ends."""
    for base in _BLOCKS:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0mdscluster-tests-ports-{base}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        yield base


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True
