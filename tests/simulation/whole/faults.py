"""Faults at depth whole: those of consensus, and those of front ends, connections, data servers and clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.simulation.consensus.faults import FAULTS, Fault
from tests.simulation.whole.network import Stream

if TYPE_CHECKING:
    from tests.simulation.whole.clients import SimClient
    from tests.simulation.whole.data_server import SimDataServer
    from tests.simulation.whole.simulation import WholeSimulation

NODE_FAULT_MS: Final = 650.0
CLIENT_FAULT_MS: Final = 300.0
"""Mean pauses between faults: clients are to get something done in between."""
CLOCK_RATES: Final = (0.95, 0.99, 1.0, 1.01, 1.05)
"""From the slowest to the fastest."""


def _ms(world: WholeSimulation, *scales_ms: float) -> float:
    return world.rng.choice(scales_ms) * world.rng.random()


# Nodes.


def _freeze(world: Any) -> str | None:
    """The front end alone is stopped, its consensus goes on."""
    node_id = world.rng.choice(world.ids)
    front = world.whole(node_id).front
    if front is None or front.process.paused:
        return None
    ms = _ms(world, 200, 800, 3000)
    front.process.pause()
    world.at(ms, front.process.resume)
    return f"front end of {node_id} is frozen for {ms:.0f} ms"


def _alone(world: Any) -> str:
    """A node loses its peers and keeps its clients; or loses everybody."""
    node_id, ms = world.rng.choice(world.ids), _ms(world, 600, 1500, 4000)
    for a, b in world.network.lanes:
        if node_id in (a, b):
            world.network.hole(a, b, ms)
    everybody = world.rng.random() < 0.4
    if everybody:
        for name in [*world.data_servers, *(client.name for client in world.clients)]:
            _hole(world, node_id, name, ms)
    return f"{node_id} is cut off from {'everybody' if everybody else 'its peers'} for {ms:.0f} ms"


def _drift(world: Any) -> str:
    node_id, rate = world.rng.choice(world.ids), world.rng.choice(CLOCK_RATES)
    world.nodes[node_id].clock.set_rate(rate, world.now_ms)
    return f"clock of {node_id} runs at {rate}"


NODE_FAULTS: Final[dict[str, tuple[float, Fault]]] = {
    **FAULTS,
    "drift": (0.5, _drift),
    "freeze": (1.0, _freeze),
    "alone": (1.0, _alone),
}


# Connections.


def _hole(world: WholeSimulation, a: str, b: str, ms: float) -> None:
    """Both ways, outside of consensus."""
    for x, y in ((a, b), (b, a)):
        world.net.hole(x, y)
        world.at(ms, world.net.unhole, x, y)


def _some_client(world: WholeSimulation) -> SimClient:
    return world.rng.choice(world.clients)


def _reset(world: Any) -> str:
    """The client's connections to metadata servers break: it goes to the next node."""
    client = _some_client(world)

    def its(stream: Stream) -> bool:
        return stream.a.name == client.name and stream.b.name in world.ids

    for stream in [stream for stream in world.net.streams if its(stream)]:
        stream.reset()
    return f"connections of {client.name} break"


def _cut(world: Any) -> str:
    client, node_id, ms = _some_client(world), world.rng.choice(world.ids), _ms(world, 100, 600, 2500)
    _hole(world, client.name, node_id, ms)
    return f"{client.name} and {node_id} do not hear each other for {ms:.0f} ms"


# Clients.


def _pause(world: WholeSimulation, ms: float) -> str | None:
    generation = _some_client(world).generation
    if generation is None or generation.process.paused:
        return None
    generation.process.pause()
    world.at(ms, generation.process.resume)
    return f"{generation.name} pauses for {ms:.0f} ms"


def _client_pause(world: Any) -> str | None:
    return _pause(world, _ms(world, 100, 500, 2000))


def _silence(world: Any) -> str | None:
    """Longer than its lease lasts: it comes back to find its state gone."""
    return _pause(world, world.lease_ms * world.rng.uniform(1.1, 2.5))


def _client_crash(world: Any) -> str | None:
    client = _some_client(world)
    if client.generation is None:
        return None
    back_ms = _ms(world, 50, 500, 8000)
    client.remount(back_ms)
    return f"{client.name} crashes, back in {back_ms:.0f} ms"


# Data servers.


def _some_server(world: WholeSimulation) -> SimDataServer:
    return world.rng.choice(list(world.data_servers.values()))


def _ds_kill(world: Any) -> str | None:
    server = _some_server(world)
    if not server.process.alive:
        return None
    power, back_ms = world.rng.random() < 0.5, world.rng.uniform(50, 3500)
    server.kill(power_loss=power)
    world.at(back_ms, server.start_again)
    return f"{server.ds_id} {'loses power' if power else 'dies'}, back in {back_ms:.0f} ms"


def _ds_cut(world: Any) -> str:
    """A data server is cut off from some metadata nodes, or from all."""
    server, ms = _some_server(world), _ms(world, 500, 2000, 6000)
    nodes = world.ids if world.rng.random() < 0.6 else world.rng.sample(world.ids, 1)
    for node_id in nodes:
        _hole(world, server.ds_id, node_id, ms)
    return f"{server.ds_id} and {', '.join(nodes)} do not hear each other for {ms:.0f} ms"


def _ds_pause(world: Any) -> str | None:
    process = _some_server(world).process
    if not process.alive or process.paused:
        return None
    ms = _ms(world, 200, 1500, 4000)
    process.pause()
    world.at(ms, process.resume)
    return f"{process.name} pauses for {ms:.0f} ms"


CLIENT_FAULTS: Final[dict[str, tuple[float, Fault]]] = {
    "client reset": (8, _reset),
    "client cut": (4, _cut),
    "client pause": (3, _client_pause),
    "silence": (1, _silence),
    "client crash": (1, _client_crash),
    "data server killed": (2, _ds_kill),
    "data server cut": (3, _ds_cut),
    "data server pause": (1, _ds_pause),
}
