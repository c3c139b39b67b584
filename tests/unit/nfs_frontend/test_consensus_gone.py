"""A front end that serves, whole, and what its clients meet when the consensus process beside it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import uvloop

from mdscluster import front_end, silence
from mdscluster.config import NodeConfig, Peer, TlsPaths
from mdscluster.fsm.commands import KIND_SESSIONLESS
from mdscluster.nfs_frontend.connection import ClientConnection
from mdscluster.pki import ClusterPki
from mdscluster.raft.local import LocalServer, Token
from mdscluster.replica import FOLLOWER, MemberChange, ReplicaStatus
from mdsproto.configfile import Address
from nfswire import nfs4, rpc
from tests.support.ports import free_ports
from tests.unit.nfs_frontend.support import Client, World

HOST = "127.0.0.1"
PATIENCE_S = 30.0


class Silent:
    """The ``Consensus`` of a node that follows a leader, as long as nothing that is asked has an outcome."""

    def __init__(self) -> None:
        self.proposed: list[bytes] = []

    def propose(self, tokens_and_payloads: Iterable[tuple[Token, bytes]]) -> None:
        self.proposed += [payload for _, payload in tokens_and_payloads]

    def barrier(self, token: Token) -> None:
        """Not confirmed yet."""

    def status(self) -> ReplicaStatus:
        return ReplicaStatus("mds1", FOLLOWER, 1, "mds2", 2, 2, 2, 1, has_quorum=True)

    def change_members(self, token: Token, change: MemberChange) -> None:
        raise NotImplementedError


def node_config(folder: Path) -> NodeConfig:
    """One node's, with certificates; its state is in ``folder`` as well."""
    pki = ClusterPki(folder / "pki")
    pki.create()
    own = pki.issue("mds1", "mds", [HOST])
    raft, admin, nfs = (Address(HOST, port) for port in free_ports(3))
    tls = TlsPaths(pki.ca, own.certificate, own.key)
    return NodeConfig("mds1", folder, pki.cluster_key, nfs, tls, (Peer("mds1", raft, admin, nfs),))


def takes_in(address: tuple[str, int]) -> bool:
    """Whether the kernel takes a client in that dials now; nobody has to accept it for that."""
    try:
        socket.create_connection(address, 5).close()
    except ConnectionRefusedError:
        return False
    return True


async def until(what: str, condition: Callable[[], bool], serving: asyncio.Task[None]) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + PATIENCE_S
    while not condition():
        assert not serving.done(), f"{what}: the front end has ended: {serving.exception()!r}"
        assert loop.time() < deadline_s, what
        await asyncio.sleep(0.02)


def test_a_front_end_listens_no_more_before_it_sends_its_first_client_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-7: who comes back at once must be refused. The kernel of a process that ends would take it in, and it never
    hears of that where the service address is gone with the process: Linux then waits for its keepalive, 30 s.

    And none is told at a service address, by a reset that is meant: its SYN would come before the address has moved.
    Found by a drill (kill -9 of both processes, packets kept: the first one's end was noticed by the other one, which
    sent its clients away within 1 ms; Linux waited 1,248 ms)."""
    config = node_config(tmp_path)
    world = World(config.state_dir)
    world.replica.env.close()  # as its consensus process has left it; LMDB is opened once in a process
    address = config.nfs.host, config.nfs.port
    exchange = nfs4.EXCHANGE_ID4args(
        nfs4.client_owner4(b"verifier", b"client"), 0, nfs4.state_protect4_a(nfs4.SP4_NONE), []
    )
    operation = nfs4.nfs_argop4(nfs4.OP_EXCHANGE_ID, exchange)
    record = Client(world).raw(nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", 1, [operation])))
    taken_in: list[bool] = []
    meant: list[socket.socket] = []
    abort = ClientConnection.abort

    def dial_first(connection: ClientConnection, reason: str) -> None:
        if not connection.closed:
            taken_in.append(takes_in(address))
        abort(connection, reason)

    async def run() -> None:
        consensus = Silent()
        local = LocalServer(config.socket_path, consensus)
        await local.start()
        serving = asyncio.create_task(front_end.serve(config, tmp_path / "mds.toml"))
        await until("it does not listen", lambda: takes_in(address), serving)
        reader, writer = await asyncio.open_connection(*address)
        idle, idle_writer = await asyncio.open_connection(*address)
        writer.write(rpc.record_mark(len(record)) + record)
        asked = consensus.proposed
        await until("nothing was proposed", lambda: any(one[0] == KIND_SESSIONLESS for one in asked), serving)
        monkeypatch.setattr(ClientConnection, "abort", dial_first)
        monkeypatch.setattr(silence, "mark", meant.append)
        assert takes_in(address), "vacuous: it listened no more before"
        await local.close()
        for session in list(local.sessions):
            assert session._transport is not None
            session._transport.abort()
        for stream in (reader, idle):
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(stream.read(), PATIENCE_S) == b"", "it was to be sent away, not answered"
        await asyncio.wait_for(serving, PATIENCE_S)
        for each in (writer, idle_writer):
            each.close()

    try:
        uvloop.run(run())
    finally:
        gc.unfreeze()  # what the front end had frozen as a process of its own
    assert len(taken_in) >= 2, "vacuous: no client was sent away"
    assert not taken_in[0], "a client that comes back at once is taken in"
    assert not any(taken_in)
    assert not meant
