"""Real processes, TLS, Unix sockets: what the shell adds to the engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from struct import Struct

import pytest
import uvloop

from mdscluster.raft import localwire
from mdscluster.raft.config import ConfigError, RaftConfig, TlsConfig
from mdscluster.raft.local import LocalReplica
from mdscluster.raft.tls import client_context
from mdscluster.raft.transport import hello
from mdscluster.replica import FOUNDING
from mdsproto.raft_pb2 import Hello
from tests.unit.raft.support.processes import Processes, add, await_status, barrier, propose, status
from tests.unit.raft.support.tls import make_tls

MakeProcesses = Callable[..., Processes]


@pytest.fixture(scope="module")
def make_processes() -> Iterator[MakeProcesses]:
    made: list[Processes] = []
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    # A short path, for a Unix socket's is limited; in memory, for the disk is not what is tested.
    with tempfile.TemporaryDirectory(dir=parent, prefix="raft-") as name:

        def make(**settings: object) -> Processes:
            made.append(Processes(Path(name) / str(len(made)), **settings))  # type: ignore[arg-type]
            made[-1].start()
            return made[-1]

        yield make
        for cluster in made:
            cluster.close()


@pytest.fixture(scope="module")
def shared(make_processes: MakeProcesses) -> Processes:
    """One cluster for the tests that leave it whole."""
    return make_processes()


def run(cluster: Processes, test: Callable[[], Awaitable[None]]) -> None:
    """Within a limit that a busy machine does not reach."""

    async def limited() -> None:
        try:
            await asyncio.wait_for(test(), 120)
        finally:
            await cluster.disconnect()

    uvloop.run(limited())


def history(cluster: Processes, node_id: str) -> list[bytes]:
    env = cluster.envs[node_id]
    db = env.open_db(b"append", create=False)
    with env.begin(db=db) as txn, txn.cursor() as cursor:
        return [bytes(value) for key, value in cursor if len(key) == 8]


def test_a_cluster_loses_its_leader_and_nothing_else(shared: Processes) -> None:
    """INV-2, INV-4: kill -9 of the leader; the proposals under way come through, once; barriers show them."""
    cluster = shared

    async def test() -> None:
        replicas = {node_id: await cluster.replica(node_id) for node_id in cluster.ids}
        seen = await await_status(replicas["n1"], lambda s: s.has_quorum)
        leader = seen.leader_id
        rest = [node_id for node_id in cluster.ids if node_id != leader]
        events: list[bytes] = []
        replicas[rest[1]].on_event = events.append
        first = await propose(replicas[rest[0]], b"event 0")
        assert first == b"1", "the shared cluster's first test"
        under_way = [propose(replicas[rest[0]], b"%d" % i) for i in range(1, 40)]
        tasks = [asyncio.ensure_future(work) for work in under_way]
        await asyncio.sleep(0)
        cluster.kill(leader)
        results = await asyncio.gather(*tasks)
        assert results == [b"%d" % (i + 1) for i in range(1, 40)]
        for node_id in rest:
            assert await barrier(replicas[node_id])
            assert history(cluster, node_id) == [b"event 0", *(b"%d" % i for i in range(1, 40))]
        assert events == [b"event 0"]
        cluster.start(leader)
        replicas[leader] = await cluster.replica(leader)
        assert await barrier(replicas[leader])
        assert len(history(cluster, leader)) == 40

    run(cluster, test)


def test_a_stopped_leader_names_its_successor(shared: Processes) -> None:
    cluster = shared

    async def test() -> None:
        replicas = {node_id: await cluster.replica(node_id) for node_id in cluster.ids}
        seen = await await_status(replicas["n1"], lambda s: s.has_quorum)
        other = next(node_id for node_id in cluster.ids if node_id != seen.leader_id)
        assert await propose(replicas[other], b"x") is not None
        await asyncio.to_thread(cluster.kill, seen.leader_id, signal.SIGTERM)
        assert cluster.children[seen.leader_id].returncode == 0
        after = await status(replicas[other])
        assert after.leader_id not in ("", seen.leader_id)
        assert await propose(replicas[other], b"y") is not None
        cluster.start(seen.leader_id)

    run(cluster, test)


def test_a_node_that_dials_in_vain_stops_when_told(make_processes: MakeProcesses) -> None:
    """A cancellation that meets a refused connection must not be lost: seen once as a process that would not end."""
    cluster = make_processes(dial_interval_ms=1)

    async def test() -> None:
        await cluster.replica("n1")
        for node_id in ("n2", "n3"):
            cluster.kill(node_id)
        for _ in range(8):
            await asyncio.to_thread(cluster.kill, "n1", signal.SIGTERM)
            assert cluster.children["n1"].returncode == 0
            cluster.start("n1")
            await cluster.replica("n1")
            await asyncio.sleep(0.05)

    run(cluster, test)


def test_a_node_far_behind_installs_a_snapshot_and_starts_itself_again(make_processes: MakeProcesses) -> None:
    cluster = make_processes(log_keep_entries=64)

    async def test() -> None:
        replicas = {node_id: await cluster.replica(node_id) for node_id in cluster.ids}
        seen = await await_status(replicas["n1"], lambda s: s.has_quorum)
        leader = seen.leader_id
        away = next(node_id for node_id in cluster.ids if node_id != leader)
        assert await propose(replicas[leader], b"before") is not None
        await replicas[away].close()
        cluster.kill(away)
        cluster.envs.pop(away).close()
        for i in range(300):
            assert await propose(replicas[leader], b"missed %d" % i) is not None
        assert (await status(replicas[leader])).first_log_index > 10
        pid = cluster.children[away].pid
        cluster.start(away)
        assert cluster.children[away].pid != pid
        # The front end may open the environment only in the life after the installation.
        while "snapshot installed" not in (cluster.dir / away / "log").read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        replica = await cluster.replica(away)
        await await_status(replica, lambda s: s.applied_index >= 300)
        assert cluster.children[away].poll() is None
        assert await barrier(replica)
        assert len(history(cluster, away)) == 301
        assert await propose(replica, b"after") == b"302"

    run(cluster, test)


def test_a_leader_dies_while_it_sends_a_snapshot(make_processes: MakeProcesses) -> None:
    """INV-2: half an image is nothing; the next leader sends one anew, and needs this node's vote to commit at all."""
    cluster = make_processes(log_keep_entries=16, log_keep_bytes=1 << 20, snapshot_bytes_per_s_max=8 << 20)

    async def test() -> None:
        replicas = {node_id: await cluster.replica(node_id) for node_id in cluster.ids}
        leader = (await await_status(replicas["n1"], lambda s: s.has_quorum)).leader_id
        away, other = [node_id for node_id in cluster.ids if node_id != leader]
        await replicas[away].close()
        cluster.kill(away)
        cluster.envs.pop(away).close()
        for number in range(50):
            assert await propose(replicas[leader], b"%4d" % number + bytes(900_000)) is not None
        cluster.start(away)
        log = cluster.dir / away / "log"
        while "receiving a snapshot" not in log.read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        cluster.kill(leader)
        assert "snapshot installed" not in log.read_text(), "vacuous: it was through already"
        assert await propose(replicas[other], b"after") is not None
        assert "snapshot not installed" in log.read_text()
        replica = await cluster.replica(away)
        assert await barrier(replica)
        assert [entry[:5] for entry in history(cluster, away)] == [
            *(b"%4d\0" % number for number in range(50)), b"after",
        ]  # fmt: skip
        assert not (cluster.dir / away / "state.incoming").exists()

    run(cluster, test)


def test_a_new_cluster_waits_for_all_its_nodes(make_processes: MakeProcesses) -> None:
    """INV-1, INV-2: two empty nodes of three do nothing; one that lost its disk later ends, and says why."""
    cluster = make_processes()
    for node_id in cluster.ids:
        cluster.kill(node_id)
        shutil.rmtree(cluster.dir / node_id / "state", ignore_errors=True)  # killed before it was made, perhaps
    cluster.start("n1", "n2")

    async def test() -> None:
        replicas = {node_id: await cluster.replica(node_id) for node_id in ("n1", "n2")}
        await asyncio.sleep(3.0)
        for replica in replicas.values():
            seen = await status(replica)
            assert (seen.role, seen.term, seen.has_quorum) == (FOUNDING, 0, False)
        cluster.start("n3")
        await await_status(replicas["n1"], lambda s: s.has_quorum)
        assert await propose(replicas["n2"], b"first") == b"1"
        cluster.kill("n3")
        shutil.rmtree(cluster.dir / "n3" / "state")
        cluster.start("n3")
        assert await asyncio.to_thread(cluster.children["n3"].wait, 20) != 0
        assert "mdscluster rejoin" in (cluster.dir / "n3" / "log").read_text()
        assert await propose(replicas["n2"], b"second") == b"2"

    run(cluster, test)


async def grow(cluster: Processes) -> LocalReplica:
    """From the first three to five; n4's front end."""
    first = await cluster.replica("n1")
    leader = (await await_status(first, lambda s: s.has_quorum)).leader_id
    replica = first if leader == "n1" else await cluster.replica(leader)
    for node_id in ("n4", "n5"):
        await add(replica, node_id, cluster.ports[node_id])
    assert await propose(first, b"older") == b"1"
    grown = await cluster.replica("n4")
    assert await barrier(grown)
    await first.close()
    return grown


def lose_disk(cluster: Processes, *ids: str) -> None:
    for node_id in ids:
        cluster.kill(node_id)
        if node_id in cluster.envs:
            cluster.envs.pop(node_id).close()
        shutil.rmtree(cluster.dir / node_id / "state")


def test_lost_disks_found_no_cluster_beside_members_that_they_do_not_know(make_processes: MakeProcesses) -> None:
    """INV-2: a cluster grew from 3 to 5, its first three lose their disks, and their files name only each other. The
    other two tell them that the cluster has run, and stand as they were: without a quorum, and with what they know."""
    cluster = make_processes(size=5, founders=3, barrier_deadline_ms=2_000)

    async def test() -> None:
        grown = await grow(cluster)
        lose_disk(cluster, "n1", "n2", "n3")
        await await_status(grown, lambda s: not s.has_quorum)
        cluster.start("n1", "n2", "n3")
        for node_id in ("n1", "n2", "n3"):
            assert await asyncio.to_thread(cluster.children[node_id].wait, 20) != 0
            said = (cluster.dir / node_id / "log").read_text()
            assert re.search(rf"DiskLost: the disk of {node_id} is empty .*, but n[45] belongs to a cluster", said)
        seen = await status(grown)
        assert not seen.has_quorum
        assert not await barrier(grown)
        assert history(cluster, "n4") == [b"older"]
        assert [cluster.children[node_id].poll() for node_id in ("n4", "n5")] == [None, None]

    run(cluster, test)


def test_a_cluster_that_grew_from_one_is_not_founded_again(make_processes: MakeProcesses) -> None:
    """INV-2: the first server's file names only itself, and it loses its disk."""
    cluster = make_processes(size=2, founders=1)

    async def test() -> None:
        first = await cluster.replica("n1")
        await await_status(first, lambda s: s.has_quorum)
        await add(first, "n2", cluster.ports["n2"])
        assert await propose(first, b"older") == b"1"
        await first.close()
        lose_disk(cluster, "n1")
        cluster.start("n1")
        assert await asyncio.to_thread(cluster.children["n1"].wait, 20) != 0
        assert "but n2 belongs to a cluster that has run" in (cluster.dir / "n1" / "log").read_text()

    run(cluster, test)


def test_two_clusters_of_one_name_never_mix(make_processes: MakeProcesses) -> None:
    """INV-2, INV-8: those who would have objected were away when the three lost disks founded a cluster. When they are
    back neither takes an entry of the other, both say why, and the new one goes on."""
    cluster = make_processes(size=5, founders=3, barrier_deadline_ms=2_000)

    async def test() -> None:
        grown = await grow(cluster)
        lose_disk(cluster, "n1", "n2", "n3")
        await await_status(grown, lambda s: not s.has_quorum)
        for node_id in ("n4", "n5"):
            cluster.kill(node_id)
        cluster.start("n1", "n2", "n3")
        newer = await cluster.replica("n1")
        await await_status(newer, lambda s: s.has_quorum)
        term = (await status(newer)).term
        assert [await propose(newer, b"newer %d" % number) for number in range(3)] == [b"1", b"2", b"3"]
        cluster.start("n4", "n5")
        grown = await cluster.replica("n4")
        for node_id, others in (("n4", "[123]"), ("n1", "[45]")):
            log = cluster.dir / node_id / "log"
            wanted = re.compile(rf"refused.*n{others} belongs to ANOTHER cluster that is called 'mds' too")
            while not wanted.search(log.read_text()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(3.0)  # several elections, and both have dialled again
        seen = await status(grown)
        assert not seen.has_quorum
        assert {peer for peer, state in seen.peers.items() if state.connected} == {"n5"}
        assert await propose(newer, b"newer 3") == b"4"
        assert (await status(newer)).term == term
        assert history(cluster, "n4") == [b"older"]
        assert history(cluster, "n1") == [b"newer %d" % number for number in range(4)]

    run(cluster, test)


def test_a_paused_leader_answers_no_read(shared: Processes) -> None:
    """INV-4: SIGSTOP of the leader; another is elected and acknowledges; the old one wakes and shows it."""
    cluster = shared

    async def test() -> None:
        replicas = {node_id: await cluster.replica(node_id) for node_id in cluster.ids}
        seen = await await_status(replicas["n1"], lambda s: s.has_quorum)
        old = seen.leader_id
        other = next(node_id for node_id in cluster.ids if node_id != old)
        assert await propose(replicas[other], b"first") is not None
        cluster.kill(old, signal.SIGSTOP)
        try:
            assert await propose(replicas[other], b"second") is not None
            asked = asyncio.ensure_future(barrier(replicas[old]))
            await asyncio.sleep(0.05)
        finally:
            cluster.kill(old, signal.SIGCONT)
        assert await asked
        assert history(cluster, old)[-2:] == [b"first", b"second"]

    run(cluster, test)


def test_when_the_process_dies_the_front_end_hears_unknown(shared: Processes) -> None:
    cluster = shared

    async def test() -> None:
        replicas = {node_id: await cluster.replica(node_id) for node_id in cluster.ids}
        await await_status(replicas["n1"], lambda s: s.has_quorum)
        lost = asyncio.Event()
        replicas["n1"].on_lost = lost.set
        for node_id in ("n2", "n3"):
            cluster.kill(node_id)
        unanswered = asyncio.ensure_future(propose(replicas["n1"], b"x"))
        await asyncio.sleep(0.1)
        assert not unanswered.done()
        cluster.kill("n1")
        assert await unanswered is None
        await asyncio.wait_for(lost.wait(), 5)
        assert await barrier(replicas["n1"]) is False
        assert (await status(replicas["n1"])).role == "down"
        cluster.start()
        for replica in replicas.values():
            await replica.connect(10)
        await await_status(replicas["n1"], lambda s: s.has_quorum)
        assert await propose(replicas["n1"], b"y") is not None

    run(cluster, test)


def test_strangers_are_not_heard(shared: Processes, tmp_path: Path) -> None:
    """Fault K: who has no certificate of this cluster, or another node's, gets no message through."""
    cluster = shared
    config = RaftConfig(node_id="n2", peers=dict.fromkeys(cluster.ids, ("127.0.0.1", 1)), state_dir=tmp_path)

    async def attempt(port: int, context: ssl.SSLContext | None, data: bytes) -> bytes:
        """What comes back before the connection ends."""
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="n1" if context else None
            )
            writer.write(data)
            answer = await asyncio.wait_for(reader.read(1000), 5)
            writer.close()
            return answer
        except (OSError, ssl.SSLError):
            return b""

    async def test() -> None:
        replica = await cluster.replica("n1")
        await await_status(replica, lambda s: s.has_quorum)
        term = (await status(replica)).term
        port = cluster_port(cluster, "n1")
        good = tls_of(cluster, "n3")
        foreign = make_tls(tmp_path / "foreign", ["n2"])["n2"]
        greeting = hello(config, Hello.RAFT, Hello(feature_level=config.feature_level, disk=b"disk"))
        assert await attempt(port, None, greeting) == b""
        assert await attempt(port, client_context(foreign), greeting) == b""
        assert await attempt(port, client_context(good), greeting) == b""  # n3's certificate, n2's name.
        assert await attempt(port, client_context(good), os.urandom(200)) == b""
        assert await attempt(port, client_context(good), Struct(">I").pack(1 << 31)) == b""
        assert (await status(replica)).term == term
        assert await propose(replica, b"still here") is not None

    run(cluster, test)


def cluster_port(cluster: Processes, node_id: str) -> int:
    raw = json.loads(cluster.config_path(node_id).read_text())
    return int(raw["peers"][node_id][1])


def tls_of(cluster: Processes, node_id: str) -> TlsConfig:
    raw = json.loads(cluster.config_path(node_id).read_text())
    return TlsConfig(*map(Path, raw["tls"]))


def test_nonsense_on_the_local_socket_ends_only_that_connection(shared: Processes) -> None:
    cluster = shared

    async def test() -> None:
        replica = await cluster.replica("n1")
        await await_status(replica, lambda s: s.has_quorum)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(cluster.dir / "n1" / "raft.sock"))
            sock.sendall(b"\x05\x00\x00\x00Zabcd")
            sock.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(10) == b""
        assert await propose(replica, b"x") is not None

    run(cluster, test)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"node_id": "n9"}, "not among the peers"),
        ({"peers": {"n1": ("h", 1), "n2": ("h", 2)}}, "odd number"),
        ({"heartbeat_ms": 100}, "three heartbeats"),
        ({"election_max_ms": 300}, "collide"),
        ({"payload_bytes_max": 1 << 21}, "1 MiB"),
        ({"log_keep_entries": 1}, "snapshot"),
    ],
)
def test_the_configuration_explains_itself(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    settings: dict[str, object] = {"node_id": "n1", "peers": {"n1": ("h", 1)}, "state_dir": tmp_path, **change}
    with pytest.raises(ConfigError, match=reason):
        RaftConfig(**settings).validate()  # type: ignore[arg-type]


def test_local_frames_come_back_as_they_were() -> None:
    results = [(1, b"abc"), (7, None), (8, b"")]
    events = [b"", b"x" * 1000]
    stream = b"".join(
        [
            localwire.pack_propose(5, [b"a", b"", b"bb"]),
            localwire.pack_results(results),
            localwire.pack_events(events),
            localwire.pack_numbered(localwire.BARRIER, 9),
        ]
    )
    reader = localwire.FrameReader()
    frames = [frame for i in range(0, len(stream), 7) for frame in reader.feed(stream[i : i + 7])]
    assert [frame[0] for frame in frames] == [
        localwire.PROPOSE,
        localwire.RESULTS,
        localwire.EVENTS,
        localwire.BARRIER,
    ]
    assert localwire.unpack_propose(frames[0]) == (5, [b"a", b"", b"bb"])
    assert localwire.unpack_results(frames[1]) == results
    assert localwire.unpack_events(frames[2]) == events
    assert localwire.unpack_numbered(frames[3]) == (9, b"")
    with pytest.raises(ValueError, match="frame of 0 bytes"):
        localwire.FrameReader().feed(bytes(4))
