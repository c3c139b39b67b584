"""Two transports whose connections cross: every order in which what they send may arrive, without a socket."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.link import Link
from mdscluster.raft.transport import Transport
from mdsproto.raft_pb2 import Hello


class Heard:
    """A handler that welcomes everybody, and notes what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def introduce(self) -> Hello:
        return Hello()

    def check_cluster(self, peer: str, body: Hello) -> None:
        pass

    def on_introduced(self, peer: str, body: Hello) -> bool:
        return True

    def on_connected(self, peer: str) -> None:
        self.events.append("connected")

    def on_disconnected(self, peer: str) -> None:
        self.events.append("disconnected")

    def on_frames(self, peer: str, frames: list[bytes]) -> None:
        self.events.append("frames")

    def on_snapshot_wanted(self, link: Link) -> None:
        raise AssertionError("nobody asks for one")


class PreviousRelease(Transport):
    """Said Hello on every connection, and took the newer of two."""

    def reached(self, link: Link, peer: str) -> None:
        link.write(self.greeting())

    def _give_way(self, link: Link, peer: str) -> None:
        pass


class _End(asyncio.Transport):
    """One side's end of a connection; what it sends waits until the schedule delivers it."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link
        self.other: _End
        self.inbox: deque[bytes | None] = deque()
        self.lost = False
        self.told = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.lost:
            self.other.inbox.append(bytes(data))

    def close(self) -> None:
        if not self.lost:
            self.lost = True
            self.other.inbox.append(None)

    def abort(self) -> None:
        self.close()

    def steps(self) -> Iterator[Callable[[], None]]:
        if self.lost and not self.told:
            yield self._tell
        elif self.inbox and not self.told:
            yield self._deliver

    def _deliver(self) -> None:
        data = self.inbox.popleft()
        if data is None:
            self.close()
            self._tell()
        else:
            self.link.data_received(data)

    def _tell(self) -> None:
        self.told = True
        self.link.connection_lost(None)


class Crossing:
    """n1 and n2 have dialled each other at the same time."""

    def __init__(self, directory: Path, smaller: type[Transport]) -> None:
        self.sides: dict[str, Transport] = {}
        self.heard: dict[str, Heard] = {}
        for node_id, release in (("n1", smaller), ("n2", Transport)):
            config = RaftConfig(node_id, dict.fromkeys(("n1", "n2"), ("h", 1)), directory)
            self.heard[node_id] = Heard()
            self.sides[node_id] = release(config, self.heard[node_id], b"ping")
        self._ends: list[_End] = []
        self._handshakes = [self._dial("n1", "n2"), self._dial("n2", "n1")]

    def _dial(self, dialler: str, peer: str) -> Callable[[], None]:
        ours, theirs = _End(Link(self.sides[dialler], peer)), _End(self.sides[peer]._accept())
        ours.other, theirs.other = theirs, ours
        self._ends += [ours, theirs]
        theirs.link.connection_made(theirs)
        return lambda: ours.link.connection_made(ours)

    def steps(self) -> list[Callable[[], None]]:
        """What may happen next."""
        pending = [*self._handshakes]
        for end in self._ends:
            pending += end.steps()
        return pending

    def run(self, choices: list[int]) -> list[int]:
        """Follow ``choices``, then always the first step; how many there were to choose from each time."""
        numbers = []
        while steps := self.steps():
            at = choices[len(numbers)] if len(numbers) < len(choices) else 0
            numbers.append(len(steps))
            if steps[at] in self._handshakes:
                self._handshakes.remove(steps[at])
            steps[at]()
        return numbers

    def standing(self) -> tuple[_End | None, _End | None]:
        """The end of the connection that n1 keeps, and the other end of the one that n2 keeps."""
        first, second = self.sides["n1"]._links.get("n2"), self.sides["n2"]._links.get("n1")
        by_link = {end.link: end for end in self._ends}
        return by_link[first] if first else None, by_link[second].other if second else None


def all_orders(make: Callable[[], Crossing]) -> Iterator[Crossing]:
    """One crossing for each order."""
    choices: list[int] = []
    while True:
        crossing = make()
        numbers = crossing.run(choices)
        yield crossing
        choices += [0] * (len(numbers) - len(choices))
        while choices and choices[-1] + 1 == numbers[len(choices) - 1]:
            choices.pop()
        if not choices:
            return
        choices[-1] += 1
