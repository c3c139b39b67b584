"""Reports of stable writes: which metadata server is asked, and for how long (INV-10)."""

from __future__ import annotations

import grpc

from dataserver.reports import CALL_TIMEOUT_S, FIRST_TIMEOUT_S, Reporter, Send
from mdsproto import control_pb2


class Silent(grpc.RpcError):
    """No answer in time."""


class Cluster:
    """Metadata servers of which some are silent; time passes only in calls to those."""

    def __init__(self, nodes: int) -> None:
        self.now_s = 0.0
        self.silent: set[int] = set()
        self.asked: list[tuple[int, float]] = []
        self.reporter = Reporter(
            "ds1", [self._sender(node) for node in range(nodes)], lambda: int(self.now_s * 1e9), deadline_ms=20_000
        )

    def _sender(self, node: int) -> Send:
        def send(request: control_pb2.ReportWritesRequest, timeout_s: float) -> control_pb2.ReportWritesReply:
            self.asked.append((node, timeout_s))
            if node in self.silent:
                self.now_s += timeout_s
                raise Silent
            return control_pb2.ReportWritesReply(committed=True)

        return send

    def report(self) -> bool:
        return self.reporter(1, 2, 0, 100, 5)


def test_a_metadata_server_that_falls_silent_costs_a_client_no_more_than_an_election() -> None:
    """And costs it once: the next report goes to the one that answered.

    Found by chaos (isolate-leader): Linux waited 2.1 s in fsync, of which the data server's report took 2 s.
    """
    cluster = Cluster(3)
    assert cluster.report()
    cluster.silent.add(0)
    assert cluster.report()
    assert cluster.now_s <= 0.6
    assert cluster.report()
    assert [node for node, _ in cluster.asked] == [0, 0, 1, 1]


def test_slow_metadata_servers_are_given_ever_more_time() -> None:
    """Asking again and again would only make more of the same work for them."""
    cluster = Cluster(3)
    cluster.silent = {0, 1, 2}
    assert not cluster.report()
    timeouts = [timeout_s for _, timeout_s in cluster.asked]
    assert timeouts[:4] == [FIRST_TIMEOUT_S, 2 * FIRST_TIMEOUT_S, CALL_TIMEOUT_S, CALL_TIMEOUT_S]
    assert max(timeouts) == CALL_TIMEOUT_S
    assert cluster.now_s <= 20.5, "its deadline is passed by no more than a last call"
    assert [node for node, _ in cluster.asked[:4]] == [0, 1, 2, 0]
