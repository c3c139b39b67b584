"""Whoever was connected before a power loss is told when the data server is back, and by nothing but hints."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from dataserver import whereabouts
from dataserver.whereabouts import (
    AGAIN_S,
    FILE,
    FORGET_S,
    PERIOD_S,
    TELLINGS,
    WRITE_GAP_S,
    Ends,
    Whereabouts,
    ends_of,
    read,
)  # fmt: skip
from mdsproto import tickle

ONE, TWO = Ends("10.0.0.21", 2049, "10.0.0.31", 777), Ends("fd00::21", 2049, "fd00::31", 778)
THREE = ONE._replace(remote_port=779)


class World:
    """What a data server says of itself, and what it sent. Processes come and go; the file stays."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        self.now_s = 0.0
        self.serving = True
        self.present: set[Ends] = set()
        self.told: list[tuple[str, list[tickle.Path]]] = []
        self.refused: OSError | None = None
        self.start()

    def start(self) -> None:
        self.here = Whereabouts(self.file, lambda: self.serving, lambda: self.present, self.tell, lambda: self.now_s)

    def tell(self, address: str, paths: Iterable[tickle.Path]) -> int:
        if self.refused is not None:
            raise self.refused
        self.told.append((address, list(paths)))
        return len(self.told[-1][1])

    def wait(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += PERIOD_S
            self.here.turn()

    def noted(self) -> set[Ends]:
        return set(read(self.file))

    def lose_power(self) -> None:
        """With both connected; the next process has nobody yet."""
        self.present = {ONE, TWO}
        self.wait(2 * WRITE_GAP_S)
        assert self.noted() == {ONE, TWO}
        self.present = set()
        self.start()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_who_was_connected_is_told_once_the_server_serves(world: World) -> None:
    """Not before: who comes again must not be refused. Some times, as packets get lost; then it is forgotten."""
    world.lose_power()
    world.serving = False
    world.wait(5)
    assert not world.told
    world.serving = True
    world.wait(2 * PERIOD_S)
    assert sorted(world.told) == [(ONE.local, [ONE]), (TWO.local, [TWO])]
    assert world.noted() == {ONE, TWO}, "a second power loss finds it, too"
    world.wait(60)
    assert len(world.told) == 2 * TELLINGS
    assert world.noted() == set()


def test_who_gets_no_lease_tells_all_the_same(world: World) -> None:
    """Clients find out by the metadata servers, and not by their keepalive."""
    world.lose_power()
    world.serving = False
    world.wait(60)
    assert len(world.told) == 2 * TELLINGS
    assert world.noted() == {ONE, TWO}


@pytest.mark.parametrize("serving", [False, True])
def test_a_stop_forgets_nobody(world: World, serving: bool) -> None:
    """An address is not up yet after a power loss, and the process ends and starts again; or none is left to hear."""
    world.lose_power()
    world.serving = serving
    world.here.stop()
    world.here.run()
    assert world.noted() == {ONE, TWO}
    world.start()
    world.serving = True
    world.wait(1)
    assert {address for address, _ in world.told} == {ONE.local, TWO.local}


def test_those_of_before_stay_noted_until_they_were_told(world: World) -> None:
    """Power is lost again, a moment after it came back. Who is back is not told."""
    world.lose_power()
    world.present = {ONE, THREE}
    world.wait(2 * PERIOD_S)
    assert world.noted() == {ONE, TWO, THREE}
    assert world.told == [(TWO.local, [TWO])]
    world.wait(2 * FORGET_S)
    assert world.noted() == {ONE, THREE}


def test_who_comes_is_noted_at_once_and_who_goes_when_there_is_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scanners come and go all the time, on the disk of clients' data."""
    writes: list[float] = []
    write = whereabouts.write_atomically
    monkeypatch.setattr(
        whereabouts, "write_atomically", lambda *args, **more: (writes.append(world.now_s), write(*args, **more))
    )
    world.present = {ONE}
    world.wait(PERIOD_S)
    assert world.noted() == {ONE}
    for number in range(100):
        world.present = {ONE, THREE._replace(remote_port=1024 + number)}
        world.wait(PERIOD_S)
    assert len(writes) <= 2 + 100 * PERIOD_S / WRITE_GAP_S
    world.present = {ONE}
    count = len(writes)
    world.wait(3 * FORGET_S)
    assert len(writes) == count + 1
    assert world.noted() == {ONE}


def test_who_cannot_be_told_holds_nothing_up(world: World) -> None:
    """No CAP_NET_RAW, an address that is another's now: it is a hint."""
    world.lose_power()
    world.refused = PermissionError(1, "Operation not permitted")
    world.present = {ONE}
    world.wait(2 * FORGET_S)
    assert world.noted() == {ONE}
    assert not world.told


def test_a_full_disk_is_tried_again_and_told_of(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not five times a second."""
    tries: list[float] = []

    def full(*_: object, **__: object) -> None:
        tries.append(world.now_s)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(whereabouts, "write_atomically", full)
        world.present = {ONE}
        world.wait(4 * AGAIN_S)
        assert 3 <= len(tries) <= 5
    world.wait(AGAIN_S)
    assert world.noted() == {ONE}


def test_writes_that_were_cut_short_leave_nothing(world: World) -> None:
    (world.file.parent / f"{FILE}.x1y2z3").write_bytes(b"10.0.0.21 2049 10.0")
    world.lose_power()
    assert [path.name for path in world.file.parent.iterdir()] == [FILE]
    assert world.file.stat().st_mode & 0o777 == 0o600


def test_what_makes_no_sense_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / FILE
    assert read(file) == set()
    file.write_bytes(
        b"10.0.0.21 2049 10.0.0.31 777\n\n\xff\xfe 1 2 3\n10.0.0.21 2049 10.0.0.31\n10.0.0.21 0 10.0.0.31 777\n"
        b"10.0.0.21 2049 fd00::31 777\n10.0.0.21 2049 10.0.0.31 65536\nfd00::21 2049 fd00::31 778"
    )
    assert read(file) == {ONE, TWO}


def test_ends_are_those_that_the_client_knows() -> None:
    """Of IPv4 also where the socket is for both families."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port)) as client:
                accepted, _ = server.accept()
                with accepted:
                    assert ends_of(accepted) == Ends(host, port, host, client.getsockname()[1])
