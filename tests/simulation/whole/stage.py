"""A quiet cluster for directed scenarios: nothing happens but what the test does."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from nfsclient import Client
from nfsclient.file import File
from nfswire import nfs4
from tests.simulation.whole.clients import Generation, SimClient
from tests.simulation.whole.simulation import WholeSimulation

T = TypeVar("T")


class Stage:
    """The world, set up, with clients that do nothing by themselves."""

    def __init__(self, directory: Path, *, clients: int = 2, seed: int = 1, **options: Any) -> None:
        self.world = WholeSimulation(directory, seed, clients=clients, **options)
        for client in self.world.clients:  # as Linux, whatever the seed says
            client.hasty, client.heedless = True, False
        self.world.set_up()
        self.check()

    def check(self) -> None:
        assert not self.world.violations, self.world.violations

    def leader(self) -> str:
        """The node that leads with a quorum behind it."""

        def found() -> list[str]:
            nodes = [node for node in self.world.nodes.values() if node.up and node.engine.core.is_leader]
            return [node.id for node in nodes if node.engine.guards.has_quorum()]

        self.world.wait_for(lambda: len(found()) == 1, 5_000, lambda: "nobody leads")
        self.check()
        return found()[0]

    def others(self, node_id: str) -> list[str]:
        return [other for other in self.world.ids if other != node_id]

    def mount(self, number: int, *nodes: str, minor: int = 2) -> Generation:
        """Client ``number`` mounts; it knows these nodes, in this order (all, from the first, where none is named)."""
        client: SimClient = self.world.clients[number]
        client.generations += 1
        generation = client.generation = Generation(client, client.generations)
        addresses = [self.world.nfs_address(node) for node in nodes or self.world.ids]
        self.run(generation, generation.mount(addresses, minor))
        return generation

    def start(self, generation: Generation, work: Coroutine[Any, Any, T]) -> list[T]:
        """Begin something in a client; the list gets its result."""
        results: list[T] = []

        async def run() -> None:
            results.append(await work)

        generation.runtime.spawn(run())
        return results

    def run(self, generation: Generation, work: Coroutine[Any, Any, T], limit_ms: float = 30_000) -> T:
        """Do something in a client; its result."""
        return self.result(generation, self.start(generation, work), limit_ms)

    def result(self, generation: Generation, results: list[T], limit_ms: float = 30_000) -> T:
        """What something begun in a client comes to."""

        def over() -> bool:
            return bool(results or generation.runtime.task_errors)

        self.world.wait_for(over, limit_ms, lambda: f"{generation.name} has no answer")
        self.check()
        if generation.runtime.task_errors:
            raise generation.runtime.task_errors.pop()
        return results[0]

    def wait(self, ms: float) -> None:
        self.world.run_for(ms)
        self.check()

    @staticmethod
    def client(generation: Generation) -> Client:
        assert generation.client is not None
        return generation.client

    def open(self, generation: Generation, path: str) -> File:
        """A client opens a file, to read and to write; nobody is denied anything."""
        return self.run(generation, self.client(generation).open(path, nfs4.OPEN4_SHARE_ACCESS_BOTH))

    def node_of(self, generation: Generation) -> str:
        """Where it is connected."""
        return self.world.nfs_ids[self.client(generation).mds.address]

    def lose_replies(self, node_id: str, generation: Generation) -> None:
        """What the node sends to the client is lost from now on."""
        self.world.net.hole(node_id, generation.owner.name)

    def close(self) -> None:
        self.world.close()


MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(fast_dir: Path) -> Iterator[MakeStage]:
    """Build a stage; further arguments are ``Stage``'s."""
    made: list[Stage] = []

    def make(**options: Any) -> Stage:
        made.append(Stage(fast_dir / str(len(made)), **options))
        return made[-1]

    yield make
    for stage in made:
        stage.close()
