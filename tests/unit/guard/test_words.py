"""What front ends say, and the settings that a guard is started with: both come back as they were."""

from __future__ import annotations

import pytest

from mdscluster.guard.settings import Settings, from_words
from mdscluster.guard.words import WORD_BYTES_MAX, Word, pack, unpack


def content(word: Word) -> dict[str, object]:
    return {name: getattr(word, name) for name in Word.__slots__}


@pytest.mark.parametrize(
    "word",
    [
        Word(1, 2),
        Word(1 << 40, 4_000_000, "it is behind the cluster's log", weak=True),
        Word(5, 6, "größer", consensus_silent_ms=150, quorum_lost_ms=0, spared=True),
        Word(5, 6, "it stops", quorum_lost_ms=70_000, stopping=True),
    ],
)
def test_a_word_is_heard_as_it_was_said(word: Word) -> None:
    assert content(unpack(pack(word))) == content(word)


def test_a_long_reason_is_cut_and_still_means_unfit() -> None:
    said = pack(Word(1, 2, "ü" * WORD_BYTES_MAX))
    assert len(said) == WORD_BYTES_MAX
    assert not unpack(said).fit


@pytest.mark.parametrize(
    "data",
    [b"", b"mdG1", pack(Word(1, 2))[:-1], b"mdG2" + pack(Word(1, 2))[4:], pack(Word(1, 2)) + b"well",
     pack(Word(1, 2, "x"))[:-1], pack(Word(1, 2, "x", weak=True))[:-1], pack(Word(1, 2, weak=True))],
)  # fmt: skip
def test_nonsense_is_no_word(data: bytes) -> None:
    """Above all, nothing that is damaged counts as "fit"."""
    with pytest.raises(ValueError, match="word"):
        unpack(data)


def test_settings_survive_a_command_line() -> None:
    settings = Settings(
        node_id="mds1", run_dir="/run/with=sign", lock_file="/var/lib/x y/node.pid", stall_ms=1,
        watchdog="/dev/watchdog", watchdog_required=True,
    )  # fmt: skip
    assert vars(from_words(settings.to_words())) == vars(settings)
    plain = Settings(node_id="mds1", run_dir="/run/mdscluster", lock_file="/l")
    assert vars(from_words(plain.to_words())) == vars(plain)
