"""Connections that are not what one wishes: slow ones, two at once, and those of another cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from mdscluster.raft import snapshot
from mdscluster.raft import transport as transport_module
from mdscluster.raft.config import RaftConfig, TlsConfig
from mdscluster.raft.errors import OtherCluster
from mdscluster.raft.link import Link
from mdscluster.raft.snapshot import SnapshotError
from mdscluster.raft.transport import Handler, Transport
from mdsproto.raft_pb2 import Hello
from tests.support.ports import free_ports
from tests.unit.raft.support.crossing import Crossing, Heard, PreviousRelease, all_orders
from tests.unit.raft.support.tls import make_tls


class FakeTransport(asyncio.Transport):
    aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_a_handshake_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """On a busy machine a TLS handshake took longer than the connection time-out: giving it up stopped the node."""

    async def test() -> None:
        config = RaftConfig(node_id="n1", peers={"n1": ("127.0.0.1", 1)}, state_dir=tmp_path, connection_timeout_ms=0)
        transport = Transport(config, cast(Handler, None), b"ping")
        link = transport._accept()
        link.received_s -= 1
        transport.tend()
        await transport.close()
        arrived = FakeTransport()
        link.connection_made(arrived)
        assert arrived.aborted

    asyncio.run(test())


def test_of_two_connections_dialled_both_ways_at_once_one_stands(tmp_path: Path) -> None:
    """INV-1: in whatever order their frames arrive, both sides keep the same one, and it is the only one that either of
    them ever had: what a peer told on the one is never followed by something older from the other."""

    async def test() -> None:
        orders, kept = 0, set()
        for crossing in all_orders(lambda: Crossing(tmp_path, Transport)):
            orders += 1
            first, second = crossing.standing()
            assert first is second is not None
            assert not first.lost
            assert [heard.events for heard in crossing.heard.values()] == [["connected"], ["connected"]]
            kept.add(first.link.dialled)
        assert orders > 50
        assert kept == {"n2", None}, "vacuous: it is decided by the order"

    asyncio.run(test())


def test_the_previous_release_keeps_the_same_one(tmp_path: Path) -> None:
    """A rolling upgrade: n1 still takes whatever is newer. Both keep the same connection, or both lose both, and then
    n1 dials alone, for n2 is patient."""

    async def test() -> None:
        stands = 0
        for crossing in all_orders(lambda: Crossing(tmp_path, PreviousRelease)):
            first, second = crossing.standing()
            assert first is second
            assert first is None or not first.lost
            stands += first is not None
        assert stands > 50, "vacuous: both were lost nearly always"

    asyncio.run(test())


@asynccontextmanager
async def two(
    directory: Path, tls: dict[str, TlsConfig] | None = None, **settings: int
) -> AsyncIterator[tuple[list[Transport], list[Heard]]]:
    """n1 and n2, which listen and know nobody."""
    addresses = {node_id: ("127.0.0.1", port) for node_id, port in zip(("n1", "n2"), free_ports(2), strict=True)}
    heard = [Heard(), Heard()]
    sides = [
        Transport(
            RaftConfig(node_id, addresses, directory, tls=tls[node_id] if tls else None, **settings), handler, b"ping"
        )
        for node_id, handler in zip(addresses, heard, strict=True)
    ]
    try:
        for side in sides:
            await side.start()
        yield sides, heard
    finally:
        for side in sides:
            await side.close()


def follow(side: Transport) -> None:
    side.follow({peer: address for peer, address in side.config.peers.items() if peer != side.config.node_id})


async def until(true: Callable[[], bool], limit_s: float = 10.0) -> None:
    async with asyncio.timeout(limit_s):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def connected(sides: list[Transport]) -> bool:
    return all(len(side._links) == 1 for side in sides)


def test_who_is_not_known_dials_though_its_id_is_larger(tmp_path: Path) -> None:
    """INV-2: n1's file does not name n2, which is a member all the same: only n2 can begin, and must, to object to what
    n1 might found."""

    async def test() -> None:
        async with two(tmp_path) as (sides, _):
            follow(sides[1])
            await until(lambda: connected(sides), RaftConfig("n1", {}, tmp_path).founding_wait_ms / 1000)

    asyncio.run(test())


def test_connections_that_cross_do_not_flap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real sockets, and nobody is patient: each time a connection is lost one takes its place, and stands."""
    monkeypatch.setattr(transport_module, "_PATIENCE_S", 0.0)

    async def test() -> None:
        async with two(tmp_path, dial_interval_ms=1) as (sides, heard):
            for side in sides:
                follow(side)
            for turn in range(50):
                await until(lambda: connected(sides))
                for seen in heard:
                    seen.events.clear()
                await asyncio.sleep(0.02)
                assert all(set(seen.events) <= {"connected"} for seen in heard)
                assert connected(sides)
                sides[turn % 2].drop(("n2", "n1")[turn % 2])
                await asyncio.sleep(0)

    asyncio.run(test())


def test_a_snapshot_is_not_for_another_cluster(tmp_path: Path) -> None:
    """INV-2, INV-8: whoever fetches one says of which cluster it is, and is refused before anything is sent."""

    class Refusing(Heard):
        def check_cluster(self, peer: str, body: Hello) -> None:
            if body.cluster != b"ours":
                raise OtherCluster(peer, f"{peer} belongs to ANOTHER cluster")

        def on_snapshot_wanted(self, link: Link) -> None:
            self.events.append("snapshot")
            link.close()

    async def test() -> None:
        async with two(tmp_path) as (sides, _):
            sides[0]._handler = heard = Refusing()
            sides[0].follow({"n2": ("127.0.0.1", 1)})
            config = replace(sides[1].config, state_dir=tmp_path / "state")
            for cluster, served in ((b"theirs", []), (b"ours", ["snapshot"])):
                with pytest.raises(SnapshotError):
                    await snapshot.fetch(config, "n1", config.peers["n1"], Hello(cluster=cluster))
                assert heard.events == served

    asyncio.run(test())


def test_both_sides_of_two_clusters_with_names_tell_them(tmp_path: Path) -> None:
    """INV-2: whoever of the two dialled; and nothing of the other is heard."""

    async def test(dialling: int) -> None:
        async with two(tmp_path) as (sides, heard):
            sides[1].config = replace(sides[1].config, cluster_id="theirs")
            ours = sides[0].config.cluster_id
            with capture_logs() as logs:
                follow(sides[dialling])
                await until(lambda: len(logs) == 2)
            told = {entry["peer"]: entry["reason"] for entry in logs}
            assert f"n2 belongs to ANOTHER cluster: its configuration says 'theirs', this node's {ours!r}" in told["n2"]
            assert f"n1 belongs to ANOTHER cluster: its configuration says {ours!r}, this node's 'theirs'" in told["n1"]
            assert all("mend the name or the addresses" in reason for reason in told.values())
            assert not any(side._links for side in sides)
            assert not any(seen.events for seen in heard)

    for dialling in (0, 1):
        asyncio.run(test(dialling))


def test_both_sides_of_two_clusters_tell_their_operators(tmp_path: Path) -> None:
    """INV-2: whoever of the two dialled; and nothing of the other is heard."""

    class Refusing(Heard):
        def check_cluster(self, peer: str, body: Hello) -> None:
            raise OtherCluster(peer, f"{peer} belongs to ANOTHER cluster")

    async def test(dialling: int) -> None:
        async with two(tmp_path) as (sides, heard):
            for side in sides:
                side._handler = Refusing()
            with capture_logs() as logs:
                follow(sides[dialling])
                await until(lambda: len(logs) == 2)
            assert {(entry["log_level"], entry["reason"]) for entry in logs} == {
                ("warning", "n1 belongs to ANOTHER cluster"),
                ("warning", "n2 belongs to ANOTHER cluster"),
            }
            assert not any(side._links for side in sides)
            assert not any(seen.events for seen in heard)

    for dialling in (0, 1):
        asyncio.run(test(dialling))


def of_two_cas(directory: Path) -> dict[str, TlsConfig]:
    """Each node's files are in order, and of another cluster than the other's. Both CAs have one name."""
    return {name: make_tls(directory / name, [name], ca="the CA")[name] for name in ("n1", "n2")}


@pytest.mark.parametrize("dialling", [(0,), (1,), (0, 1)])
def test_who_meets_another_ca_says_so_once(tmp_path: Path, dialling: tuple[int, ...]) -> None:
    """INV-2: in the operator's words, however often it dials; nothing of the other is heard."""

    async def test() -> None:
        async with two(tmp_path, of_two_cas(tmp_path), dial_interval_ms=1) as (sides, heard):
            with capture_logs() as logs:
                for number in dialling:
                    follow(sides[number])
                await until(lambda: len(logs) == len(dialling))
                await asyncio.sleep(0.3)
            told = {entry["peer"]: (entry["log_level"], entry["reason"]) for entry in logs}
            assert len(logs) == len(told) == len(dialling), logs
            for number in dialling:
                peer, ca = ("n2", "n1")[number], tmp_path / ("n1", "n2")[number] / "ca.pem"
                level, reason = told[peer]
                assert level == "warning"
                assert reason.startswith(f"{peer} shows a certificate of ANOTHER CA than {ca}: ")
            assert not any(side._links for side in sides)
            assert not any(seen.events for seen in heard)

    asyncio.run(test())


def test_another_server_of_this_cluster_is_not_called_foreign(tmp_path: Path) -> None:
    """At a wrong address there may be a server of this CA: nobody is to look for another cluster's files then."""

    async def test() -> None:
        own = make_tls(tmp_path, ["n1", "n9"])
        async with two(tmp_path, {"n1": own["n1"], "n2": own["n9"]}, dial_interval_ms=1) as (sides, _):
            with capture_logs() as logs:
                follow(sides[0])
                await until(lambda: bool(logs))
                await asyncio.sleep(0.1)
            assert [(entry["log_level"], entry["event"]) for entry in logs] == [("info", "raft peer not reached")]

    asyncio.run(test())


def test_handshakes_that_fail_leave_nothing_behind(tmp_path: Path) -> None:
    """A server with another cluster's files dials ten times a second, for as long as nobody mends it."""

    async def test() -> None:
        async with two(tmp_path, of_two_cas(tmp_path), dial_interval_ms=1, connection_timeout_ms=200) as (sides, _):
            follow(sides[0])
            await until(lambda: len(sides[1]._all) > 20)
            await sides[0].close()
            await asyncio.sleep(0.25)
            sides[1].tend()
            assert not sides[1]._all

    asyncio.run(test())
