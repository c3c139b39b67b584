"""A cut is proved by packets of its own; who loses power falls silent first; who dies together is not waited for.

No process, network or disk is touched here: ``Told`` writes down what would have been done to them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.chaos import chaos as module
from tests.chaos.chaos import Chaos
from tests.chaos.evidence import Fault
from tests.support.cluster import Cluster
from tests.support.hanet import Hanet

NODES = ["mds1", "mds2", "mds3"]
LISTED = """table bridge p {
  set cut {
    typeof meta iifname . meta oifname
    counter
    elements = { "mds1" . "mds2" counter packets 0 bytes 0, "mds2" . "mds1" counter packets 3 bytes 186,
           "mds1" . "rig-c1" counter packets 12 bytes 1104 }
  }
}
"""
"""As nft(8) lists it; test_network.py asks it."""


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for in a real network."""
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: None))


class Told:
    """A site, its network and its disks."""

    service_on = ""
    mds_ids = NODES

    def __init__(self) -> None:
        self.words: list[str] = []
        self.swallowed: Counter[tuple[str, str]] = Counter()
        self.lost = 0
        self.chaos = Chaos(
            cast(Any, self), cast(Any, None), [], 1, net=cast(Any, self),
            disks={name: cast(Any, self._disk(name)) for name in NODES},
        )  # fmt: skip
        self.chaos._fault = self.fault = Fault("a fault", ("mds1",), 100.0, 1)

    def _disk(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(
            cut_power=lambda: self.words.append(f"{name}: not on disk, gone"),
            power_cycle=lambda: self.words.append(f"{name}: disk mounted"),
        )

    # the site
    def kill(self, *names: str) -> None:
        self.words.append(f"{' '.join(names)}: killed")

    def alive(self, name: str) -> bool:
        return False

    def start(self, name: str) -> None:
        self.words.append(f"{name}: started")

    # the network
    def isolate(self, *names: str, keep: Iterable[str] = ()) -> None:
        self.words.append(f"{' '.join(names)}: silent but for {' '.join(keep)}")

    def cut(self, one: str, other: str, one_way: bool) -> None:
        self.words.append(f"{one} {other}: cut")

    def lose(self, names: Iterable[str], percent: int) -> None:
        self.words.append(f"{' '.join(names)}: {percent} % lost")

    def heal(self, but: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        self.words.append(f"healed but for {' '.join(sorted(but)) or 'nobody'}")

    def forget_connections(self, name: str) -> None:
        self.words.append(f"{name}: knows nobody")

    def remove_address(self, name: str, last_octet: int) -> None:
        self.words.append(f"{name}: has no .{last_octet}")

    def cut_packets(self) -> Counter[tuple[str, str]]:
        return Counter(self.swallowed)

    def lost_packets(self) -> int:
        return self.lost

    @property
    def proofs(self) -> list[bool]:
        return [shown for _, shown in self.fault.proofs]


@pytest.mark.parametrize("way", [("mds1", "mds3"), ("mds3", "mds1")])
def test_one_isolation_does_not_prove_another(way: tuple[str, str]) -> None:
    """Two nodes of a swizzle are cut off at a time; from or to the second nothing was on its way."""
    told = Told()
    told.chaos.isolate("mds1")
    told.chaos.isolate("mds2")
    told.swallowed[way] += 1
    told.chaos.reconnect("mds1")
    assert told.words[-1] == "healed but for mds2"
    told.chaos.reconnect("mds2")
    assert told.fault.proofs == [
        ("packets from or to mds1 are dropped", True), ("packets from or to mds2 are dropped", False),
    ]  # fmt: skip
    assert not told.fault.took_effect


def test_of_two_nodes_that_are_cut_off_together_each_is_proved() -> None:
    """What one of them does not hear from a third says nothing of the other."""
    told = Told()
    told.chaos.isolate("mds1", "mds2")
    told.swallowed["mds3", "mds2"] += 1
    told.chaos.heal()
    assert told.proofs == [False, True]


def test_an_earlier_cut_does_not_prove_a_later_one() -> None:
    """A link that flaps is down each time."""
    told = Told()
    told.chaos.isolate("mds1")
    told.swallowed["mds1", "mds2"] += 5
    told.chaos.heal()
    told.chaos.isolate("mds1")
    told.chaos.heal()
    assert told.proofs == [True, False]


@pytest.mark.parametrize(
    ("way", "one_way", "shown"),
    [
        (("mds1", "mds2"), True, True),
        (("mds2", "mds1"), True, False),
        (("mds2", "mds1"), False, True),
        (("mds2", "mds3"), False, False),
    ],
)
def test_a_partition_is_proved_by_what_was_to_cross_it(way: tuple[str, str], one_way: bool, shown: bool) -> None:
    """One way only, if it is cut in one only."""
    told = Told()
    told.chaos.part(["mds1"], ["mds2", "mds3"], one_way=one_way)
    told.swallowed[way] += 1
    told.chaos.heal()
    assert told.proofs == [shown]


@pytest.mark.parametrize(("lost", "shown"), [(1, True), (0, False)])
def test_loss_is_proved_by_what_was_lost(lost: int, shown: bool) -> None:
    """What a cut has swallowed is not lost by chance."""
    told = Told()
    told.chaos.lose(2)
    told.lost += lost
    told.swallowed["mds1", "mds2"] += 1
    told.chaos.heal()
    assert told.proofs == [shown]


def test_who_loses_power_falls_silent_before_anything_ends() -> None:
    """Nobody may learn of a power loss from connections that are closed; and all lose it at once."""
    told = Told()
    told.chaos.cut_power("mds1", "mds2")
    assert told.words == [
        "mds1 mds2: silent but for ops", "mds1: not on disk, gone", "mds2: not on disk, gone", "mds1 mds2: killed",
    ]  # fmt: skip
    told.words.clear()
    told.swallowed["mds3", "mds1"] += 1
    told.chaos.restore_power("mds1", "mds2")
    assert told.words == [
        "mds1: disk mounted", "mds2: disk mounted", "mds1: knows nobody", "mds1: has no .100",
        "mds2: knows nobody", "mds2: has no .100", "healed but for nobody", "mds1: started", "mds2: started",
    ]  # fmt: skip
    assert dict(told.fault.proofs) == {
        "mds1 is off": True, "mds2 is off": True,
        "packets from or to mds1 are dropped": True, "packets from or to mds2 are dropped": False,
    }  # fmt: skip


def test_all_are_killed_before_the_first_end_is_waited_for(tmp_path: Path) -> None:
    """Else the second lives on while the first one's memory is given back."""
    words: list[str] = []
    cluster = Cluster(tmp_path, Hanet("none"), mds=3, ds=0)
    for name, node in cluster.nodes.items():
        said = SimpleNamespace(
            kill=lambda name=name: words.append(f"kill {name}"), wait=lambda name=name: words.append(f"wait {name}")
        )
        node.process = cast(Any, said)
    cluster.kill("mds3", "mds1")
    assert words == ["kill mds3", "kill mds1", "wait mds3", "wait mds1"]
    told = Told()
    told.chaos.kill("mds3", "mds1")
    assert told.words == ["mds3 mds1: killed"]


def test_what_cuts_have_swallowed_is_counted_by_way_and_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an element of the set its counter goes, when the cut is undone."""
    net, listed = Hanet("none"), [LISTED, LISTED, "", LISTED]
    monkeypatch.setattr(net, "_list", lambda *words: listed.pop(0))
    monkeypatch.setattr(net, "_nft", lambda *words: None)
    once = {("mds2", "mds1"): 3, ("mds1", "rig-c1"): 12}
    assert net.cut_packets() == once
    net.heal()
    assert net.cut_packets() == once
    assert net.cut_packets() == {way: 2 * packets for way, packets in once.items()}


def test_a_snapshot_of_an_earlier_round_is_told_from_a_later_one(tmp_path: Path) -> None:
    """The log is that of all rounds."""
    log = tmp_path / "mds1.log"
    site = SimpleNamespace(logs=lambda: {"mds1": log})
    chaos = Chaos(cast(Any, site), cast(Any, None), [], 1)
    log.write_text("")
    assert chaos.snapshots_installed("mds1") == 0
    log.write_text('{"event": "snapshot installed; restarting"}\n' * 2)
    assert chaos.snapshots_installed("mds1") == 2
