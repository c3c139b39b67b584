"""When a node counts as lost, by one node's own observations."""

from __future__ import annotations

from collections.abc import Mapping

from fencing.suspicion import Sighting, Statement, Suspicions

INTERVAL_MS, SUSPECT_MS, PERIOD_MS = 500, 2_500, 250
HEARD, SILENT, CUT, NEVER = Sighting(True, 60), Sighting(True, 900), Sighting(False, 0), Sighting(False, -1)


class Watcher:
    def __init__(self, reaches_majority: bool = True) -> None:
        self.suspicions = Suspicions(INTERVAL_MS, SUSPECT_MS)
        self.now_ms = 10_000
        self.reaches_majority = reaches_majority

    def watch(self, sightings: Mapping[str, Sighting], for_ms: int) -> None:
        until_ms = self.now_ms + for_ms
        while self.now_ms < until_ms:
            self.now_ms += PERIOD_MS
            self.suspicions.observe(sightings, self.now_ms, reaches_majority=self.reaches_majority)

    def after(self, *seen: Mapping[str, Sighting], for_ms: int = 3_000) -> set[str]:
        for sightings in seen:
            self.watch(sightings, for_ms)
        return set(self.suspicions.suspected())


def test_a_node_that_falls_silent_is_suspected_after_its_time() -> None:
    watcher = Watcher()
    watcher.watch({"b": HEARD, "c": HEARD}, 5_000)
    watcher.watch({"b": CUT, "c": HEARD}, SUSPECT_MS)
    assert watcher.suspicions.suspected() == {}
    assert watcher.suspicions.missing() == {"b"}
    watcher.watch({"b": CUT, "c": HEARD}, PERIOD_MS)
    assert watcher.suspicions.suspected() == {"b": SUSPECT_MS}
    assert watcher.suspicions.well() == {"c"}


def test_a_silence_counts_from_when_it_began() -> None:
    """Its connection stands: it was noticed only after an interval."""
    watcher = Watcher()
    watcher.watch({"b": HEARD}, 5_000)
    watcher.watch({"b": Sighting(True, 600)}, PERIOD_MS)
    watcher.watch({"b": SILENT}, SUSPECT_MS - 750)
    assert watcher.suspicions.suspected() == {}
    watcher.watch({"b": SILENT}, PERIOD_MS)
    assert watcher.suspicions.suspected() == {"b": SUSPECT_MS + 100}


def test_so_is_one_whose_connection_is_gone() -> None:
    """INV-9, within 5 s: that it is gone is seen a pass later at worst, and is not counted from then."""
    watcher = Watcher()
    watcher.watch({"b": HEARD}, 5_000)
    watcher.watch({"b": Sighting(False, 240)}, SUSPECT_MS)
    assert watcher.suspicions.suspected() == {}
    watcher.watch({"b": Sighting(False, 240)}, PERIOD_MS)
    assert watcher.suspicions.suspected() == {"b": SUSPECT_MS + 240}


def test_any_sign_of_life_ends_it() -> None:
    watcher = Watcher()
    watcher.watch({"b": HEARD}, 5_000)
    for _ in range(10):
        watcher.watch({"b": CUT}, SUSPECT_MS)
        watcher.watch({"b": HEARD}, PERIOD_MS)
        assert not watcher.suspicions.suspected()
        assert not watcher.suspicions.well(), "nor is it well by that"


def test_one_that_has_not_been_well_since_this_process_began_is_not_suspected() -> None:
    """A cluster that starts as a whole: nodes come late, and one may come and go before it stays."""
    watcher = Watcher()
    assert watcher.after({"b": NEVER}, {"b": CUT}, for_ms=60_000) == set()
    assert set(watcher.suspicions.never_met()) == {"b"}
    watcher.watch({"b": HEARD}, SUSPECT_MS - PERIOD_MS)
    watcher.watch({"b": CUT}, 60_000)
    assert not watcher.suspicions.suspected()


def test_a_process_that_stood_still_knows_nothing_of_others() -> None:
    """A pause of this process: everybody seems silent, and is not."""
    watcher = Watcher()
    watcher.watch({"b": HEARD}, 5_000)
    watcher.watch({"b": SILENT}, 1_250)
    watcher.now_ms += 30_000
    watcher.watch({"b": Sighting(True, 30_900)}, SUSPECT_MS)
    assert not watcher.suspicions.suspected()
    watcher.watch({"b": Sighting(True, 33_000)}, PERIOD_MS)
    assert set(watcher.suspicions.suspected()) == {"b"}


def test_one_that_was_cut_off_itself_suspects_nobody() -> None:
    """INV-9: the minority's view of a partition; nor does it take it along when the partition heals bit by bit."""
    watcher = Watcher()
    watcher.watch({"b": HEARD, "c": HEARD}, 5_000)
    watcher.reaches_majority = False
    watcher.watch({"b": SILENT, "c": SILENT}, 60_000)
    assert not watcher.suspicions.suspected()
    watcher.reaches_majority = True
    watcher.watch({"b": HEARD, "c": Sighting(True, 61_000)}, SUSPECT_MS - PERIOD_MS)
    assert not watcher.suspicions.suspected(), "c may be connected a moment later"


def test_after_an_outage_of_the_quorum_those_that_come_back_late_are_not_suspected() -> None:
    """INV-9: two of three lost power, or a switch failed. One is back, which makes a majority; the other one boots, or
    its port is slower: nobody knows that it is lost. Once it was met again it is a node like others."""
    watcher = Watcher()
    watcher.watch({"b": HEARD, "c": HEARD}, 5_000)
    watcher.reaches_majority = False
    watcher.watch({"b": CUT, "c": CUT}, 20_000)
    watcher.reaches_majority = True
    assert watcher.after({"b": HEARD, "c": CUT}, for_ms=60_000) == set()
    assert watcher.suspicions.never_met().keys() == {"c"}
    assert watcher.suspicions.statement(watcher.now_ms).missed_ms == {}, "nor does it witness against it"
    assert watcher.after({"b": HEARD, "c": HEARD}, {"b": HEARD, "c": CUT}) == {"c"}


def test_a_short_loss_of_the_majority_costs_no_suspicion() -> None:
    """A busy host misses its peers for a moment while one of them is lost for good: that one is fenced, if later."""
    watcher = Watcher()
    watcher.watch({"b": HEARD, "c": HEARD}, 5_000)
    watcher.reaches_majority = False
    watcher.watch({"b": CUT, "c": CUT}, SUSPECT_MS)
    watcher.reaches_majority = True
    assert watcher.after({"b": HEARD, "c": CUT}) == {"c"}


def test_a_pause_of_this_process_is_no_loss_of_the_majority() -> None:
    """It looked just twice, and what its peers had said meanwhile was not read yet: a lost one is still fenced."""
    watcher = Watcher()
    watcher.watch({"b": HEARD, "c": HEARD}, 5_000)
    watcher.reaches_majority = False
    watcher.watch({"b": CUT, "c": CUT}, PERIOD_MS)
    watcher.now_ms += 30_000
    watcher.watch({"b": CUT, "c": CUT}, PERIOD_MS)
    watcher.reaches_majority = True
    assert watcher.after({"b": HEARD, "c": CUT}) == {"c"}


def test_a_node_that_is_no_peer_any_more_is_forgotten() -> None:
    assert Watcher().after({"b": HEARD}, {"b": CUT}, {}) == set()


def test_a_witness_tells_whom_it_had_met_and_whom_it_hears() -> None:
    """INV-9: nothing of one that never came, nor of one that fell silent a moment ago."""
    watcher = Watcher()
    watcher.watch({"b": HEARD, "c": HEARD, "d": NEVER, "e": HEARD}, 5_000)
    watcher.watch({"b": CUT, "c": HEARD, "d": NEVER, "e": HEARD}, SUSPECT_MS)
    watcher.watch({"b": CUT, "c": HEARD, "d": NEVER, "e": CUT}, PERIOD_MS)
    said = watcher.suspicions.statement(watcher.now_ms)
    assert said.missed_ms == {"b": SUSPECT_MS}
    assert set(said.heard) == {"c"}
    assert set(watcher.suspicions.never_met()) == {"d"}


def test_a_witness_that_stood_still_has_nothing_to_tell() -> None:
    """INV-9: it is asked before it has looked again; nor afterwards, until it has watched long enough."""
    watcher = Watcher()
    assert watcher.suspicions.statement(watcher.now_ms) == Statement({}, ()), "it has not looked yet"
    watcher.watch({"b": HEARD, "c": HEARD}, 5_000)
    watcher.watch({"b": CUT, "c": HEARD}, 5_000)
    assert set(watcher.suspicions.statement(watcher.now_ms + 2 * INTERVAL_MS).missed_ms) == {"b"}
    watcher.now_ms += 2 * INTERVAL_MS + 1
    assert watcher.suspicions.statement(watcher.now_ms) == Statement({}, ())
    watcher.watch({"b": CUT, "c": HEARD}, SUSPECT_MS)
    assert watcher.suspicions.statement(watcher.now_ms).missed_ms == {}
    watcher.watch({"b": CUT, "c": HEARD}, PERIOD_MS)
    assert set(watcher.suspicions.statement(watcher.now_ms).missed_ms) == {"b"}


def test_a_witness_that_was_cut_off_itself_has_nothing_to_tell() -> None:
    """INV-9."""
    watcher = Watcher()
    watcher.watch({"b": HEARD}, 5_000)
    watcher.reaches_majority = False
    watcher.watch({"b": CUT}, 60_000)
    assert watcher.suspicions.statement(watcher.now_ms).missed_ms == {}


def test_who_reaches_no_majority_for_long_has_met_nobody_any_more() -> None:
    """INV-9: what was decided before that is looked at anew."""
    watcher = Watcher()
    watcher.watch({"b": HEARD, "c": HEARD}, 5_000)
    assert (watcher.suspicions.met(), watcher.suspicions.has_forgotten) == ({"b", "c"}, False)
    watcher.reaches_majority = False
    watcher.watch({"b": CUT, "c": CUT}, SUSPECT_MS)
    assert (watcher.suspicions.met(), watcher.suspicions.has_forgotten) == ({"b", "c"}, False)
    watcher.watch({"b": CUT, "c": CUT}, PERIOD_MS)
    assert (watcher.suspicions.met(), watcher.suspicions.has_forgotten) == (set(), True)
    watcher.reaches_majority = True
    watcher.watch({"b": CUT, "c": HEARD}, 2 * SUSPECT_MS)
    assert (watcher.suspicions.met(), watcher.suspicions.has_forgotten) == ({"c"}, False)


def test_it_tells_when_the_next_suspicion_is_due() -> None:
    """A look then, and not up to a period later: fencing has seconds."""
    watcher = Watcher()
    watcher.watch({"b": HEARD, "c": HEARD}, 5_000)
    assert watcher.suspicions.next_ms() is None
    watcher.watch({"b": CUT, "c": HEARD}, PERIOD_MS)
    watcher.watch({"b": CUT, "c": Sighting(True, 600)}, 2 * PERIOD_MS)
    assert watcher.suspicions.next_ms() == SUSPECT_MS - PERIOD_MS - 600, "of whose silence began first"
    watcher.watch({"b": CUT, "c": SILENT}, SUSPECT_MS - PERIOD_MS)
    assert set(watcher.suspicions.suspected()) == {"b", "c"}
    assert watcher.suspicions.next_ms() is None, "both are suspected already"
