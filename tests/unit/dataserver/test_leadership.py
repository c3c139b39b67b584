"""Whom a data server obeys: the latest leader of its own cluster, also after a restart (docs/adr/0026)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dataserver.leadership import FILE, Leadership, MandateFile, NotObeyed, read
from dataserver.life import Life
from mdsproto.configfile import ConfigError
from mdsproto.mandate import Mandate

OURS, THEIRS = 0x1111, 0x2222


def mandate(term: int, *, era: int = 100, cluster_id: int = OURS) -> Mandate:
    return Mandate(cluster_id, era, term)


class Disk:
    """Keeps what it is given, or is broken."""

    def __init__(self) -> None:
        self.kept: list[Mandate] = []
        self.broken = False
        self.lives: list[tuple[int, bool]] = []

    def keep(self, one: Mandate) -> None:
        if self.broken:
            raise OSError("no")
        self.kept.append(one)

    def leadership(self) -> Leadership:
        """After a start."""
        self.life = Life()
        self.life.ends_with(lambda era, restored: self.lives.append((era, restored)))
        return Leadership(self.kept[-1] if self.kept else None, self.keep, self.life)


@pytest.fixture
def disk() -> Disk:
    return Disk()


def refusal(obeyed: Leadership, one: Mandate | None, *, quorum_backed: bool = False) -> str:
    """In what words it is not obeyed."""
    with pytest.raises(NotObeyed) as refused:
        obeyed.hear(one, quorum_backed=quorum_backed)
    return str(refused.value)


def test_the_later_leader_is_obeyed_and_no_earlier_one(disk: Disk) -> None:
    """INV-10."""
    obeyed = disk.leadership()
    obeyed.hear(mandate(5), quorum_backed=True)
    obeyed.hear(mandate(5))
    assert not obeyed.superseded(mandate(5))
    obeyed.hear(mandate(7))
    told = refusal(obeyed, mandate(5))
    assert "heard a later leader: term 7" in told
    assert "term 5" in told
    assert obeyed.superseded(mandate(5)) == told, "whoever was obeyed before and had to wait"
    assert refusal(obeyed, mandate(5), quorum_backed=True), "an answer to a heartbeat is no better"
    assert obeyed.known == mandate(7)
    assert disk.kept == [mandate(5), mandate(7)], "written when it changes, and only then"
    assert refusal(disk.leadership(), mandate(6)), "after a restart as before"
    assert not disk.lives


def test_another_cluster_is_not_obeyed_whatever_its_term(disk: Disk) -> None:
    """INV-11: its files have the same numbers."""
    obeyed = disk.leadership()
    obeyed.hear(mandate(5), quorum_backed=True)
    for other in (mandate(99, era=999, cluster_id=THEIRS), mandate(1, cluster_id=THEIRS)):
        assert "of another cluster" in refusal(obeyed, other, quorum_backed=True)
    assert obeyed.known == mandate(5)


def test_a_restored_clusters_terms_begin_anew(disk: Disk) -> None:
    """Its era is a later one, and the life before it is not obeyed any more."""
    obeyed = disk.leadership()
    first = obeyed.hear(mandate(500), quorum_backed=True)
    second = obeyed.hear(mandate(1, era=101))
    assert second != first
    assert disk.lives == [(101, True)]
    assert "later leader" in refusal(obeyed, mandate(501))
    assert obeyed.hear(mandate(2, era=101)) == second
    assert len(disk.lives) == 1


def test_who_has_heard_nobody_takes_no_orders_before_a_quorum_spoke(disk: Disk) -> None:
    """INV-10: it may have obeyed a later leader in a release that did not remember; and who sends no mandate is not
    known to lead either."""
    obeyed = disk.leadership()
    assert "has not heard yet" in refusal(obeyed, mandate(5))
    assert "has not heard yet" in refusal(obeyed, None)
    assert disk.kept == []
    obeyed.hear(mandate(6), quorum_backed=True)
    assert refusal(obeyed, mandate(5))
    assert not disk.lives, "nothing was said before"


def test_messages_of_earlier_releases_are_obeyed_until_the_first_mandate(disk: Disk) -> None:
    """The level that mandates need never goes back: who sends none from then on was overtaken. And of which of the
    cluster's lives the words before were nobody knows: none of them counts any more (INV-6)."""
    obeyed = disk.leadership()
    before = obeyed.hear(None, quorum_backed=True)
    assert obeyed.hear(None) == before
    assert "has not heard yet" in refusal(obeyed, mandate(1)), "an order, and no quorum has named anybody"
    assert obeyed.hear(mandate(1), quorum_backed=True) != before
    assert disk.lives == [(100, False)], "and not because the cluster was restored, as far as one can know"
    assert "earlier release" in refusal(obeyed, None)
    assert refusal(obeyed, None, quorum_backed=True)
    obeyed.hear(mandate(2))
    assert len(disk.lives) == 1


def test_what_cannot_be_remembered_is_not_obeyed(disk: Disk) -> None:
    """INV-10: or it would be forgotten at the next start. What was said before a life that could not begin counts no
    more, either: parts of it are forgotten (INV-6)."""
    obeyed = disk.leadership()
    first = obeyed.hear(mandate(5), quorum_backed=True)
    disk.broken = True
    with pytest.raises(OSError, match="no"):
        obeyed.hear(mandate(6))
    assert obeyed.known == mandate(5)
    assert obeyed.hear(mandate(5)) == first
    with pytest.raises(OSError, match="no"):
        obeyed.hear(mandate(1, era=101))
    assert obeyed.known == mandate(5)
    assert obeyed.hear(mandate(5)) != first


def test_the_file_outlives_restarts(tmp_path: Path) -> None:
    """INV-10."""
    assert read(tmp_path) is None
    file = MandateFile(tmp_path)
    assert file.known is None
    for term in range(1, 6):
        file.keep(mandate(term))
    file.close()
    assert MandateFile(tmp_path).known == mandate(5)
    assert read(tmp_path) == mandate(5)


def test_a_closed_file_keeps_nothing(tmp_path: Path) -> None:
    """INV-10: a thread that is late would write into whatever file has the descriptor by then."""
    file = MandateFile(tmp_path)
    file.close()
    file.close()
    with (tmp_path / "other").open("w+b") as other:
        with pytest.raises(OSError, match="ends"):
            file.keep(mandate(1))
        assert other.read() == b""
    assert MandateFile(tmp_path).known is None


def test_a_write_that_is_torn_costs_nothing_that_was_acted_upon(tmp_path: Path) -> None:
    """The power fails while either copy is written, also of the very first mandate; and a copy that rots is made good
    by the other. Without any, the operator has to say what to do."""
    file = MandateFile(tmp_path)
    blank = (tmp_path / FILE).read_bytes()
    file.keep(mandate(6))
    before = (tmp_path / FILE).read_bytes()
    file.keep(mandate(7))
    after = (tmp_path / FILE).read_bytes()
    torn, second = b"mandate1\xff\xff", 4096

    def found(raw: bytes) -> Mandate | None:
        (tmp_path / FILE).write_bytes(raw)
        return MandateFile(tmp_path).known

    assert found(torn + before[len(torn) :]) == mandate(6)
    assert found(after[:second] + torn + after[second + len(torn) :]) == mandate(7)
    assert found(torn + blank[len(torn) :]) is None
    assert found(blank[:100]) is None, "a crash before the file was whole"
    with pytest.raises(ConfigError, match="obey-anew"):
        found(torn + after[len(torn) : second] + torn + after[second + len(torn) :])
    assert read(tmp_path) is None


def test_it_takes_no_new_block_of_a_full_disk(tmp_path: Path) -> None:
    """Cuts and deletions make room: they must not wait for some."""
    file = MandateFile(tmp_path)
    size = os.stat(tmp_path / FILE).st_size
    for term in range(1, 9):
        file.keep(mandate(term))
    assert os.stat(tmp_path / FILE).st_size == size
