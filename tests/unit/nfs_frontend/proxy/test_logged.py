"""What the log holds of a COMPOUND with READ or WRITE in it (docs/adr/0008)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from mdscluster.nfs_frontend import loggable
from nfswire import nfs4
from nfswire.attributes import pack_fattr
from tests.unit.nfs_frontend.nodes import (
    ANONYMOUS,
    CURRENT,
    getsize,
    layoutget,
    opening,
    putfh,
    result_of,
    setsize,
    size_in,
)
from tests.unit.nfs_frontend.proxies import (
    UNIT,
    FakeServers,
    IoClient,
    ProxyWorld,
    read,
    write,
    written,
)


def setmode(mode: int) -> nfs4.nfs_argop4:
    wanted = pack_fattr({nfs4.FATTR4_MODE: mode})
    return nfs4.nfs_argop4(nfs4.OP_SETATTR, nfs4.SETATTR4args(ANONYMOUS, wanted))


@pytest.mark.asyncio
async def test_what_changed_state_before_its_io_is_not_put_off_as_a_whole(io: IoClient, world: ProxyWorld) -> None:
    """INV-3: its first part is in the log, so what has to wait behind the I/O is NFS4ERR_DELAY in its place."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"o" * 100))
    other = await IoClient(world, b"b", io.node).started()
    opened = result_of(await other.ok(*opening(b"f", other.client_id)), nfs4.OP_OPEN).resok4.stateid
    await other.ok(putfh(handle), layoutget(opened))
    result = await io.run(*opening(b"f", io.client_id), read(0, 5, CURRENT), setsize(5))
    assert result.status == nfs4.NFS4ERR_DELAY
    assert [one.resop for one in result.resarray[1:]] == [
        nfs4.OP_PUTROOTFH, nfs4.OP_OPEN, nfs4.OP_READ, nfs4.OP_SETATTR,
    ]  # fmt: skip


@pytest.mark.asyncio
async def test_data_behind_a_change_is_not_in_the_log(
    io: IoClient, world: ProxyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-3: whatever the session's limits allow is answered: a command never holds a WRITE's data, however large."""
    commands: list[int] = []
    propose = world.replica.propose

    def watched(payload: bytes, done: Callable[[bytes | None], None]) -> None:
        commands.append(len(payload))
        propose(payload, done)

    monkeypatch.setattr(world.replica, "propose", watched)
    handle = await io.create(b"f")
    large = bytes(range(256)) * (1 << 12)
    result = await io.ok(putfh(handle), setmode(0o600), write(0, large), write(len(large) // 2, large[:99]), getsize())
    assert written(result).count == 99
    assert size_in(result) == len(large)
    data = large[: len(large) // 2] + large[:99] + large[len(large) // 2 + 99 :]
    assert await io.read(handle, 0, len(large)) == data
    assert max(commands) < 4096


@pytest.mark.asyncio
async def test_a_cut_command_is_gone_on_with_on_another_node(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """INV-3: the progress in the slot counts what was left away, so that any node goes on at the right operation."""
    handle = await io.create(b"f")
    record = io.record(putfh(handle), setmode(0o600), write(0, b"x" * 3 * UNIT), setmode(0o640), getsize())
    io.node.run_io = lambda dispatcher, request, done: None  # this node dies at the I/O
    io.node.receive(io.link, record, 0, len(record))
    await asyncio.sleep(0.1)
    other = world.front_end(servers)
    result = await io.deliver(record, other, world.connect())
    assert result is not None
    assert result.status == 0
    assert size_in(result) == 3 * UNIT
    assert written(result).count == 3 * UNIT


@pytest.mark.asyncio
async def test_a_read_beside_a_change_is_short(io: IoClient, world: ProxyWorld) -> None:
    """What it returned goes into the log with the reply; alone it is as long as the session allows."""
    handle = await io.create(b"f")
    large = bytes(range(256)) * (1 << 12)
    await io.ok(putfh(handle), write(0, large))
    for operations in ((setmode(0o600), read(0, len(large))), (read(0, len(large)), setmode(0o600))):
        resok = result_of(await io.ok(putfh(handle), *operations), nfs4.OP_READ).resok4
        assert not resok.eof
        assert loggable.RESULTS_BYTES_MAX - 200 < len(resok.data) <= loggable.RESULTS_BYTES_MAX
        assert bytes(resok.data) == large[: len(resok.data)]
    assert await io.read(handle, 0, len(large)) == large


@pytest.mark.asyncio
async def test_what_is_too_large_for_the_log_is_told(io: IoClient, world: ProxyWorld) -> None:
    """A client that gets no answer asks for ever."""
    handle = await io.create(b"f")
    blob = nfs4.LAYOUTCOMMIT4args(
        0, 1, False, ANONYMOUS, nfs4.newoffset4(False), nfs4.newtime4(False), nfs4.layoutupdate4(1, bytes(1 << 16))
    )
    operations = [nfs4.nfs_argop4(nfs4.OP_LAYOUTCOMMIT, blob)] * 17
    assert await io.status(putfh(handle), *operations) == "NFS4ERR_REQ_TOO_BIG"
    io.sequence -= 1  # SEQUENCE failed: the slot is as it was
    assert await io.status(putfh(handle), getsize()) == "NFS4_OK"
