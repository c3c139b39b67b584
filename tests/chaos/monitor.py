"""Who leads, in which term, who answers: every node asked a few times a second, from a host that no fault touches.

``python -m tests.chaos.monitor CLUSTER_FILE OUT [fencing]`` runs until it is killed and appends one JSON line an answer
to OUT. ``Monitor`` is the harness's side. A node that does not answer is a line too. With ``fencing``, what the cluster
has decided about its nodes' power is asked for as well.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import grpc

from mdscluster.adminclient import ADMIN_ID, ClusterFile, Target
from mdscluster.pki import ClusterPki
from mdsproto import admin_pb2, admin_pb2_grpc, credentials, fencing_pb2, fencing_pb2_grpc
from tests.support.cluster import ROOT
from tests.support.lifeline import die_with_parent

PERIOD_S = 0.15
ANSWER_TIMEOUT_S = 1.0
ENDED_EVENT, ENDED = "NFS service ended", "ended"
"""What a server logs last when it stops in good order, and the ``role`` of the sample that is made of it."""
FENCING_TURNS = 2
"""In every second turn a node is asked for the history of fencing."""


@dataclass(frozen=True)
class Sample:
    """What one node said of itself, or that it said nothing (``role`` is then empty)."""

    at_s: float
    """time.monotonic()."""
    node: str
    role: str = ""
    term: int = 0
    has_quorum: bool = False
    applied_index: int = 0
    first_log_index: int = 0
    quarantined: bool = False
    uptime_s: float = 0.0
    consensus_lag_ms: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    connected: list[str] = field(default_factory=list)
    """Other metadata servers that it has a connection of consensus with."""

    @property
    def born_s(self) -> float:
        """When the node's process started."""
        return self.at_s - self.uptime_s


@dataclass(frozen=True)
class PowerEvent:
    """A line of the history of fencing, as committed (``mdsctl fence history``)."""

    at_s: float
    """time.monotonic(), from the wall clock of the log's entry."""
    kind: str
    node: str
    text: str = ""


# ---------------------------------------------------------------------- the process that asks
def _ask_for_ever(target: Target, pki: ClusterPki, out: TextIO, turn: threading.Lock, fencing: bool) -> None:
    paths = pki.paths(ADMIN_ID)
    creds = credentials.channel_credentials(pki.ca, paths.certificate, paths.key)
    options = [*credentials.channel_options(target.id), ("grpc.max_reconnect_backoff_ms", 200)]
    channel = grpc.secure_channel(target.admin, creds, options=options)
    stub, power = admin_pb2_grpc.AdminStub(channel), fencing_pb2_grpc.FencingStub(channel)
    known: set[tuple[int, str, str]] = set()
    for number in itertools.count():
        begun = time.monotonic()
        line: dict[str, object] = {"node": target.id}
        try:
            reply = stub.Status(admin_pb2.StatusRequest(), timeout=ANSWER_TIMEOUT_S)
        except grpc.RpcError:
            pass
        else:
            line |= {
                "role": reply.role, "term": reply.term, "has_quorum": reply.has_quorum,
                "applied_index": reply.applied_index, "first_log_index": reply.first_log_index,
                "quarantined": reply.quarantined, "uptime_s": reply.uptime_s,
                "consensus_lag_ms": reply.consensus_lag_ms, "statuses": dict(reply.statuses),
                "connected": [peer.node_id for peer in reply.peers if peer.connected],
            }  # fmt: skip
        line["at_s"] = time.monotonic()
        events = _news(power, known) if fencing and "role" in line and number % FENCING_TURNS == 0 else []
        with turn:
            out.write("".join(json.dumps(each) + "\n" for each in (line, *events)))
            out.flush()
        time.sleep(max(0.02, PERIOD_S - (time.monotonic() - begun)))


def _news(power: fencing_pb2_grpc.FencingStub, known: set[tuple[int, str, str]]) -> list[dict[str, object]]:
    """What a node's history has that ``known`` has not; the latter gets it."""
    try:
        history = power.List(fencing_pb2.ListRequest(), timeout=ANSWER_TIMEOUT_S).history
    except grpc.RpcError:
        return []
    ahead_s = time.time() - time.monotonic()
    lines: list[dict[str, object]] = []
    for event in history:
        key = (event.wall_ns, event.kind, event.node_id)
        if key not in known:
            known.add(key)
            at_s = event.wall_ns / 1e9 - ahead_s
            lines.append({"event": key, "at_s": at_s, "kind": event.kind, "node": event.node_id, "text": event.text})
    return lines


def watch(cluster_file: Path, out: Path, fencing: bool) -> None:
    """Ask every node from a thread of its own: one that is paused does not hold up the others."""
    cluster = ClusterFile.load(cluster_file)
    pki = ClusterPki(cluster_file.resolve().parent / "pki")
    turn = threading.Lock()
    with out.open("a", encoding="utf-8") as file:
        threads = [
            threading.Thread(target=_ask_for_ever, args=(target, pki, file, turn, fencing), daemon=True)
            for target in cluster.mds
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


# ---------------------------------------------------------------------- the harness's side
class Monitor:
    """Starts that process and knows all it has seen."""

    def __init__(
        self, cluster_file: Path, out: Path, wrap: Callable[[Sequence[str]], list[str]], *, fencing: bool = False
    ) -> None:
        out.touch()
        self.samples: list[Sample] = []
        self.events: list[PowerEvent] = []
        """In the order in which they were heard of: the log's, as whoever tells one has told what precedes it."""
        self._heard: set[tuple[object, ...]] = set()
        self._latest: dict[str, Sample] = {}
        self._file = out.open(encoding="utf-8")
        self._rest = ""
        command = [sys.executable, "-m", "tests.chaos.monitor", str(cluster_file), str(out), *["fencing"] * fencing]
        with out.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(
                wrap(command),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
                preexec_fn=die_with_parent,
            )  # fmt: skip

    def latest(self) -> dict[str, Sample]:
        """Each node's newest sample."""
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            heard = json.loads(line)
            if "event" in heard:
                self._note(tuple(heard.pop("event")), PowerEvent(**heard))
                continue
            sample = Sample(**heard)
            self.samples.append(sample)
            self._latest[sample.node] = sample
        return self._latest

    def _note(self, key: tuple[object, ...], event: PowerEvent) -> None:
        """Every node tells it; once is enough."""
        if key not in self._heard:
            self._heard.add(key)
            self.events.append(event)

    def leader(self) -> str:
        """The leader of the newest term that was heard of; empty when nobody says it leads."""
        leading = [sample for sample in self.latest().values() if sample.role == "leader"]
        return max(leading, key=lambda sample: sample.term).node if leading else ""

    def term(self) -> int:
        """The newest term in which somebody said that it led."""
        self.latest()
        return max((sample.term for sample in self.samples if sample.role == "leader"), default=0)

    def stop(self) -> None:
        """End the asking; everything seen is in ``samples``. Again: nothing happens."""
        if self._file.closed:
            return
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self.latest()
        self._file.close()


def statuses_sent(samples: Sequence[Sample]) -> Counter[str]:
    """NFS statuses that all nodes sent, added up over their lives (INV-7)."""
    sent: Counter[str] = Counter()
    known: dict[str, Sample] = {}
    for sample in samples:
        if not sample.role:
            continue
        before = known.get(sample.node)
        same_life = before is not None and sample.uptime_s >= before.uptime_s
        for name, count in sample.statuses.items():
            sent[name] += count - (before.statuses.get(name, 0) if before is not None and same_life else 0)
        known[sample.node] = sample
    return sent


def returns(samples: Sequence[Sample]) -> dict[str, list[float]]:
    """Node -> when each of its processes was first seen to have a quorum, time.monotonic(): since then at the latest it
    and the leader hear each other. Processes are told apart as in ``ends.rebirths``."""
    found: dict[str, list[float]] = {}
    uptimes_s: dict[str, float] = {}
    awaited: set[str] = set()
    for sample in samples:
        if not sample.role or sample.role == ENDED:
            continue
        if sample.uptime_s < uptimes_s.get(sample.node, float("inf")):
            awaited.add(sample.node)
        uptimes_s[sample.node] = sample.uptime_s
        if sample.has_quorum and sample.node in awaited:
            awaited.remove(sample.node)
            found.setdefault(sample.node, []).append(sample.at_s)
    return found


def last_words(node: str, log: str, at_s: float) -> Sample | None:
    """The counters of a server that stopped in good order, from the end of its log: the monitor's last look at them was
    up to ``PERIOD_S`` earlier. None where it did not say them."""
    for line in reversed(log.splitlines()):
        if ENDED_EVENT in line:
            said = json.loads(line)
            return Sample(at_s, node, ENDED, uptime_s=said["uptime_s"], statuses=said["statuses"])
    return None


if __name__ == "__main__":
    watch(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] == ["fencing"])
