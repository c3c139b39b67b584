"""Faults beyond those of consensus: of connections, front ends, data servers and the clients themselves."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from tests.simulation.consensus.cluster import SimNode
from tests.simulation.consensus.simulation import Simulation

if TYPE_CHECKING:
    from random import Random

    from tests.simulation.whole.clients import SimClient
    from tests.simulation.whole.data_server import SimDataServer
    from tests.simulation.whole.network import Network

CONSENSUS_FAULT_MS = 700.0
"""Mean pause between faults of nodes: clients are to get something done in between."""
CLIENT_FAULT_MS = 250.0


class Faults(Simulation):
    """Makes trouble around consensus too, in the same way: by events of the one seed."""

    network: Network
    clients: list[SimClient]
    data_servers: dict[str, SimDataServer]
    client_rng: Random
    frozen: set[str]
    lease_ms: int
    healed: bool

    def note(self, who: str, what: str) -> None:
        raise NotImplementedError

    # Those of the consensus depth, and what they mean for front ends.

    def _on_fault(self) -> None:
        if not self.trouble:
            return
        kind = self.rng.choice(["hole", "isolate", "reset", "kill", "power", "pause", "slow", "freeze"])
        self.counts[kind] += 1
        self.note("*", f"fault: {kind}")
        getattr(self, "_fault_" + kind)()
        self.at(self.rng.expovariate(1 / CONSENSUS_FAULT_MS), "fault")

    def _on_propose(self) -> None:
        """The clients propose enough."""

    def _on_start(self, node_id: str) -> None:
        self.note(node_id, "starts")
        super()._on_start(node_id)

    def _kill(self, node_id: str, back_ms: float, power_loss: int | None = None) -> None:
        self.note(node_id, f"dies{'' if power_loss is None else ' of power loss'}, back in {back_ms:.0f} ms")
        self.frozen.discard(node_id)
        super()._kill(node_id, back_ms, power_loss)

    def _snapshot(self, node: SimNode, leader: SimNode) -> None:
        self.note(node.id, f"installs a snapshot of {leader.id}")
        super()._snapshot(node, leader)

    def _hole(self, a: str, b: str, ms: float) -> None:
        """Between nodes; sometimes what goes between a node and the data servers is lost with it."""
        super()._hole(a, b, ms)

    def _fault_isolate(self) -> None:
        """Some nodes are cut off from the others, and at times from data servers or from everybody."""
        holes = self.holes.copy()
        super()._fault_isolate()
        cut = sorted({a for (a, b), count in self.holes.items() if count > holes[a, b]})
        group = cut[: len(cut) // 2]
        for node_id in group:
            for name in self._names_around():
                if self.rng.random() < 0.3:
                    self._net_hole(node_id, name, self.rng.choice([300, 1500]) * self.rng.random())

    def _names_around(self) -> list[str]:
        return [*self.data_servers, *(client.name for client in self.clients)]

    def _net_hole(self, a: str, b: str, ms: float) -> None:
        """Both ways, outside of consensus."""
        for x, y in ((a, b), (b, a)):
            self.network.hole(x, y)
            self.at(ms, "net_unhole", x, y)

    def _on_net_unhole(self, a: str, b: str) -> None:
        self.network.unhole(a, b)

    def _fault_freeze(self) -> None:
        """The front end alone is stopped, its consensus goes on."""
        node_id = self.rng.choice(self.ids)
        self.frozen.add(node_id)
        self.at(self.rng.choice([200, 800, 3000]) * self.rng.random(), "thaw", node_id)

    def _on_thaw(self, node_id: str) -> None:
        self.frozen.discard(node_id)

    # Those of clients and data servers.

    def _on_client_fault(self) -> None:
        if not self.trouble:
            return
        kind = self.rng.choices(
            ("reset", "cut_off", "client_pause", "silence", "client_crash", "ds_kill", "ds_cut", "ds_pause"),
            (8, 4, 3, 1, 1, 2, 3, 1),
        )[0]
        self.counts["client reset" if kind == "reset" else kind] += 1
        getattr(self, "_client_" + kind)()
        self.at(self.rng.expovariate(1 / CLIENT_FAULT_MS), "client_fault")

    def _some_client(self) -> SimClient:
        return self.rng.choice(self.clients)

    def _client_reset(self) -> None:
        """The client's connections to metadata servers break: it goes to the next node."""
        client = self._some_client()
        self.note(client.name, "its connections break")
        for stream in list(self.network.streams):
            if stream.a.name == client.name and stream.b.name in self.ids:
                stream.reset()

    def _client_cut_off(self) -> None:
        """Nothing gets through between a client and a node, in one direction or both."""
        client, node_id = self._some_client(), self.rng.choice(self.ids)
        ms = self.rng.choice([100, 600, 2500]) * self.rng.random()
        self.note(client.name, f"is cut off from {node_id} for {ms:.0f} ms")
        self._net_hole(client.name, node_id, ms)

    def _client_client_pause(self) -> None:
        self._pause_client(self.rng.choice([100, 500, 2000]) * self.rng.random())

    def _client_silence(self) -> None:
        """Paused for longer than its lease lasts: it comes back to find its state gone."""
        self._pause_client(self.lease_ms * self.rng.uniform(1.05, 1.6))

    def _pause_client(self, ms: float) -> None:
        generation = self._some_client().generation
        if generation is not None and not generation.process.paused:
            self.note(generation.name, f"is paused for {ms:.0f} ms")
            generation.process.pause()
            self.at(ms, "client_resume", generation)

    @staticmethod
    def _on_client_resume(generation: Any) -> None:
        generation.process.resume()

    def _client_client_crash(self) -> None:
        client = self._some_client()
        if client.generation is not None:
            self.note(client.name, "crashes")
            client.remount(self.rng.choice([50, 500, 8000]) * self.rng.random())

    def _some_server(self) -> SimDataServer:
        return self.rng.choice(list(self.data_servers.values()))

    def _client_ds_kill(self) -> None:
        server = self._some_server()
        if server.process.alive:
            self.note(server.ds_id, "dies")
            server.kill(power_loss=self.rng.random() < 0.5)
            self.at(self.rng.uniform(50, 3500), "ds_start", server)

    def _on_ds_start(self, server: SimDataServer) -> None:
        if not server.process.alive:
            self.note(server.ds_id, "starts")
            server.start()

    def _client_ds_cut(self) -> None:
        """A data server is cut off from some metadata nodes, or from all."""
        server = self._some_server()
        ms = self.rng.choice([500, 2000, 6000]) * self.rng.random()
        nodes = self.ids if self.rng.random() < 0.6 else self.rng.sample(self.ids, 1)
        self.note(server.ds_id, f"is cut off from {', '.join(nodes)} for {ms:.0f} ms")
        for node_id in nodes:
            self._net_hole(server.ds_id, node_id, ms)

    def _client_ds_pause(self) -> None:
        process = self._some_server().process
        if process.alive and not process.paused:
            process.pause()
            self.at(self.rng.choice([200, 1500, 4000]) * self.rng.random(), "process_resume", process)

    @staticmethod
    def _on_process_resume(process: Any) -> None:
        process.resume()

    # The end of it.

    def end_faults(self) -> None:
        """No more faults, and everything that they broke is mended at once."""
        self.note("*", "the faults end")
        self.trouble = False
        self.holes.clear()
        for pair in list(self.network.holes):
            while self.network.holes[pair] > 0:
                self.network.unhole(*pair)
        self.paused.clear()
        self.frozen.clear()
        for client in self.clients:
            if client.generation is not None:
                client.generation.process.resume()
        for server in self.data_servers.values():
            server.process.resume()
            self._on_ds_start(server)
        self.events = [event for event in self.events if event[2] in ("start", "connect", "kill", "unslow", "resume")]
        heapq.heapify(self.events)
        self.healed = True
