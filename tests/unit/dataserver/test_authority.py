"""Capabilities, fences and leases (INV-6)."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from dataserver.authority import Authority
from dataserver.connection import Connection
from nfswire import nfs4
from nfswire.dsfh import Fence
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import KEY, Wire, compound, handle, putfh, read, write


@pytest.mark.parametrize(
    "bad",
    [b"", b"x", b"x" * 40, b"x" * 128, handle(key=bytes(32)), handle()[:-1] + b"\0", b"\2" + handle()[1:]],
)
def test_forged_handles_are_refused(wire: Wire, bad: bytes) -> None:
    """BADHANDLE makes Linux destroy the layout and turn to the MDS."""
    for io in (read(0, 1), write(0, b"x")):
        refused = wire.do(putfh(bad), io)
        assert refused.ops[-1][:2] == (nfs4.OP_PUTFH, nfs4.NFS4ERR_BADHANDLE)


def test_every_bit_of_a_handle_counts(wire: Wire) -> None:
    good = handle()
    for bit in range(8 * len(good)):
        forged = bytearray(good)
        forged[bit // 8] ^= 1 << bit % 8
        assert wire.do(putfh(bytes(forged)), write(0, b"x")).status == nfs4.NFS4ERR_BADHANDLE


def test_fences(server: LocalServer, wire: Wire) -> None:
    """INV-6: by file, by client, by both, by everything; newer epochs pass."""
    fences = [Fence(10, 0, 5), Fence(0, 20, 7), Fence(11, 21, 9)]
    assert server.authority.fence(3, fences, drain_timeout_s=1) == 3
    stale, good = nfs4.NFS4ERR_STALE, 0
    for fileid, client_id, epoch, expected in (
        (10, 1, 4, stale), (10, 1, 5, good), (12, 20, 6, stale), (12, 20, 7, good), (11, 21, 8, stale),
        (11, 22, 8, good), (12, 21, 8, good), (11, 21, 9, good),
    ):  # fmt: skip
        fh = handle(fileid, client_id=client_id, epoch=epoch)
        assert wire.do(putfh(fh), write(0, b"x")).status == expected, (fileid, client_id, epoch)
    assert server.authority.fence(2, [], drain_timeout_s=1) == 3, "an older list does not undo a newer one"
    assert wire.do(putfh(handle(10, epoch=4)), read(0, 1)).status == stale
    server.authority.fence(4, [Fence(0, 0, 100)], drain_timeout_s=1)
    assert wire.do(putfh(handle(10, epoch=99)), read(0, 1)).status == stale
    assert wire.do(putfh(handle(10, epoch=100)), read(0, 1)).status == good


def test_a_fence_waits_for_io_under_way(server: LocalServer, wire: Wire) -> None:
    """INV-6: while a WRITE under the old rules runs, the fence is not reported as in force."""
    writing, go_on = threading.Event(), threading.Event()

    def answer(_: object) -> bool:
        writing.set()
        return go_on.wait(10)

    server.report_answer = answer
    thread = threading.Thread(target=lambda: wire.do(putfh(handle(epoch=1)), write(0, b"x", nfs4.FILE_SYNC4)))
    thread.start()
    assert writing.wait(5)
    with pytest.raises(TimeoutError):
        server.authority.fence(1, [Fence(77, 0, 2)], drain_timeout_s=0.1)
    assert server.authority.version_in_force == 0
    other = server.session(b"other")
    assert other.do(putfh(handle(epoch=1)), write(0, b"y")).status == nfs4.NFS4ERR_STALE, "obeyed at once"
    other.close()
    done = threading.Thread(target=lambda: server.authority.fence(1, [Fence(77, 0, 2)], drain_timeout_s=5))
    done.start()
    time.sleep(0.05)
    assert done.is_alive()
    go_on.set()
    done.join(5)
    thread.join(5)
    assert server.authority.version_in_force == 1


def test_no_write_lands_after_its_fence_is_reported(server: LocalServer) -> None:
    """INV-6 under load: once ``fence`` has returned, the object does not change any more."""
    wires = [server.session(b"w%d" % n) for n in range(4)]
    stop = threading.Event()
    seen: list[int] = []

    def work(wire: Wire, epoch: int, number: int) -> None:
        count = 0
        while not stop.is_set():
            count += 1
            status = wire.do(putfh(handle(epoch=epoch)), write(8 * number, count.to_bytes(8, "big"))).status
            if status:
                seen.append(status)
                return

    for round_ in range(1, 11):
        threads = [threading.Thread(target=work, args=(wire, round_, n)) for n, wire in enumerate(wires)]
        for thread in threads:
            thread.start()
        time.sleep(0.03)
        server.authority.fence(round_, [Fence(77, 0, round_ + 1)], drain_timeout_s=5)
        entry = server.store.get(77, 0)
        assert entry is not None
        before = bytearray(64)
        server.store.read(entry, memoryview(before), 0)
        time.sleep(0.02)
        after = bytearray(64)
        server.store.read(entry, memoryview(after), 0)
        stop.set()
        for thread in threads:
            thread.join(5)
        stop.clear()
        assert before == after
    assert seen
    assert set(seen) == {nfs4.NFS4ERR_STALE}
    for wire in wires:
        wire.close()


def test_lease_lost_and_found(tmp_path: Path) -> None:
    """INV-6: no quorum heard within the lease, no I/O: DELAY, until one is heard again."""
    now = [10**12]
    with LocalServer(tmp_path / "data", clock_ns=lambda: now[0], lease_ms=6_000) as server:
        wire = server.session()
        assert wire.do(putfh(handle()), write(0, b"x")).status == 0
        now[0] += 6_000_000_000
        for io in (read(0, 1), write(0, b"y")):
            assert wire.do(putfh(handle()), io).status == nfs4.NFS4ERR_DELAY
        server.authority.renew(now[0] - 6_000_000_000, 6_000)
        assert wire.do(putfh(handle()), read(0, 1)).status == nfs4.NFS4ERR_DELAY, "counted from the sending"
        server.authority.renew(now[0], 6_000)
        assert wire.do(putfh(handle()), read(0, 1)).data == b"x"
        wire.close()


def test_a_short_lapse_is_waited_out(tmp_path: Path) -> None:
    """DELAY would cost a Linux client 15 s."""
    with LocalServer(tmp_path / "data", lease_ms=0, lease_wait_ms=5_000) as server:
        wire = server.session()
        timer = threading.Timer(0.2, lambda: server.authority.renew(time.monotonic_ns(), 60_000))
        timer.start()
        assert wire.do(putfh(handle()), write(0, b"x")).status == 0
        timer.join()
        wire.close()


def test_no_io_before_the_first_lease(tmp_path: Path) -> None:
    with LocalServer(tmp_path / "data", lease_ms=0) as server:
        wire = server.session()
        assert wire.do(putfh(handle()), read(0, 1)).status == nfs4.NFS4ERR_DELAY
        wire.close()


def test_known_handles_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataserver.authority.KNOWN_HANDLES_MAX", 10)
    authority = Authority(KEY, time.monotonic_ns, lease_wait_ms=0)
    for fileid in range(100):
        assert not isinstance(authority.table.judge(handle(fileid)), int)
        assert len(authority.table.known) <= 10


def test_buried_files_stay_buried_across_fences() -> None:
    """INV-11: a handle of a deleted file is stale whatever fences come later."""
    authority = Authority(KEY, time.monotonic_ns, lease_wait_ms=0, deleted=[1])
    authority.bury([2, 3], drain_timeout_s=1)
    authority.fence(5, [], drain_timeout_s=1)
    authority.bury([4], forget=[3], drain_timeout_s=1)
    judged = [authority.table.judge(handle(fileid)) for fileid in (1, 2, 3, 4)]
    assert [judgement == nfs4.NFS4ERR_STALE for judgement in judged] == [True, True, False, True]


def test_what_waited_for_a_lease_does_not_run_once_the_connection_is_closed(tmp_path: Path) -> None:
    """Its client has gone to the MDS and may have written newer data since."""
    with LocalServer(tmp_path / "data", lease_ms=0, lease_wait_ms=60_000) as server:
        wire = server.session()
        wire.send(compound(1, wire.sequence(), putfh(handle()), write(0, b"old")))
        time.sleep(0.2)
        server.listener.close()
        server.authority.renew(time.monotonic_ns(), 60_000)
        time.sleep(0.2)
        assert server.store.stat(77) == []
        assert not server.listener._connections
        wire.close()


@pytest.mark.parametrize("stable", [nfs4.UNSTABLE4, nfs4.DATA_SYNC4], ids=["connection", "lane"])
def test_what_waited_for_a_lease_is_not_answered_once_the_connection_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stable: int
) -> None:
    """NFS4ERR_DELAY would hold a Linux client up for 15 s that the closed connection sends to the MDS at once."""
    shut_down = Connection._shut_down

    def late(connection: Connection) -> None:
        time.sleep(0.3)  # long enough for whoever was woken by the closing to answer
        shut_down(connection)

    monkeypatch.setattr(Connection, "_shut_down", late)
    with (
        LocalServer(tmp_path / "data", lease_ms=60_000, lease_wait_ms=60_000) as server,
        closing(server.session()) as wire,
    ):
        server.authority.revoke_lease()
        wire.send(compound(1, wire.sequence(), putfh(handle()), write(0, b"old", stable)))
        time.sleep(0.2)
        server.listener.close()
        with pytest.raises(ConnectionError):
            wire.receive()
