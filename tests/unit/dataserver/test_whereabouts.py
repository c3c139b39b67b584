"""Whoever was connected before a power loss is told when the data server is back, and by nothing but hints."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dataserver import whereabouts
from dataserver.whereabouts import FILE, TELLINGS, Ends, Whereabouts, ends_of, read
from mdsproto import tickle

ONE, TWO = Ends("10.0.0.21", 2049, "10.0.0.31", 777), Ends("fd00::21", 2049, "fd00::31", 778)


class World:
    """What a data server says of itself, and what it sent."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        self.serving = True
        self.present: set[Ends] = set()
        self.told: list[tuple[str, set[tickle.Path]]] = []
        self.refused: OSError | None = None

    def tell(self, address: str, paths: Iterable[tickle.Path]) -> int:
        if self.refused is not None:
            raise self.refused
        self.told.append((address, set(paths)))
        return len(self.told[-1][1])

    @contextmanager
    def running(self) -> Iterator[None]:
        here = Whereabouts(self.file, lambda: self.serving, lambda: self.present, self.tell)
        thread = threading.Thread(target=here.run)
        thread.start()
        try:
            yield
        finally:
            here.stop()
            thread.join(5)
            assert not thread.is_alive()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(whereabouts, "PERIOD_S", 0.01)
    monkeypatch.setattr(whereabouts, "_TELLING_GAP_S", 0.05)
    return World(tmp_path)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def lose_power(world: World) -> bytes:
    """What is on disk while it runs, which is all that is left."""
    world.serving = True
    world.present = {ONE, TWO}
    with world.running():
        until(lambda: read(world.file) == {ONE, TWO})
        left = world.file.read_bytes()
    world.file.write_bytes(left)
    world.present = set()
    return left


def test_who_was_connected_is_told_once_the_server_serves(world: World) -> None:
    """Not before: who comes again must not be refused. Some times, as packets get lost; then it is forgotten."""
    lose_power(world)
    world.serving = False
    with world.running():
        time.sleep(0.1)
        assert not world.told
        assert read(world.file) == {ONE, TWO}, "a second power loss finds it, too"
        world.serving = True
        until(lambda: len(world.told) == 2 * TELLINGS)
        until(lambda: read(world.file) == set())
        time.sleep(0.1)
    assert sorted((address, *paths) for address, paths in world.told) == sorted(
        [(ONE.local, ONE), (TWO.local, TWO)] * TELLINGS
    )


def test_a_server_that_is_stopped_leaves_nobody_to_be_told(world: World) -> None:
    """It has closed all connections itself; so it is when they have ended before."""
    world.present = {ONE}
    with world.running():
        until(lambda: read(world.file) == {ONE})
        world.present = {TWO}
        until(lambda: read(world.file) == {TWO})
    assert read(world.file) == set()
    assert world.file.stat().st_mode & 0o777 == 0o600


def test_those_of_before_stay_noted_until_they_were_told(world: World) -> None:
    """Power is lost again, a moment after it came back."""
    lose_power(world)
    three = ONE._replace(remote_port=779)
    world.present = {three}
    with world.running():
        until(lambda: read(world.file) == {ONE, TWO, three})
        until(lambda: read(world.file) == {three})


def test_who_cannot_be_told_holds_nothing_up(world: World) -> None:
    """No CAP_NET_RAW, an address that is another's now, a full disk: it is a hint."""
    lose_power(world)
    world.refused = PermissionError(1, "Operation not permitted")
    world.present = {ONE}
    with world.running():
        until(lambda: read(world.file) == {ONE})
    assert not world.told


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
