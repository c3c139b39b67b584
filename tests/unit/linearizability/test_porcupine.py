"""INV-4: Porcupine and our checker say the same of the same histories.

Porcupine is not part of this repository: without a checkout of it (``PORCUPINE_DIR``) and a Go compiler nothing is
compared here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.linearizability import History, Operation, crosscheck
from tests.support.linearizability.calls import Answer, GetAttr
from tests.support.linearizability.crosscheck import Comparison, Porcupine, Unavailable
from tests.support.linearizability.locks import LockModel
from tests.support.linearizability.namespace import NamespaceModel
from tests.support.linearizability.opens import OpenModel
from tests.support.linearizability.reference import SMALL
from tests.unit.linearizability.histories import history
from tests.unit.linearizability.test_anomalies import CASES

SEEDS = range(80)


@pytest.fixture(scope="module")
def porcupine(tmp_path_factory: pytest.TempPathFactory) -> Porcupine:
    try:
        return Porcupine(tmp_path_factory.mktemp("go"), crosscheck.checkout_named())
    except Unavailable as error:
        pytest.skip(f"our linearizability checker is NOT compared with Porcupine: {error}")


def agreed(found: Comparison) -> None:
    assert not found.disagreements, "\n".join(found.disagreements)
    assert not found.undecided, "\n".join(found.undecided)
    assert found.accepted + found.rejected == found.histories


def test_both_agree_on_random_histories(porcupine: Porcupine, tmp_path: Path) -> None:
    """INV-4: of each kind, and of each kind both accept some and refuse some."""
    found = crosscheck.compare(crosscheck.generate(tmp_path, SEEDS), porcupine)
    assert set(found) == set(SMALL)
    for comparison in found.values():
        agreed(comparison)
        assert comparison.accepted >= 10 <= comparison.rejected, str(comparison)


def test_both_refuse_the_anomalies_and_accept_their_twins(porcupine: Porcupine, tmp_path: Path) -> None:
    """INV-4: the histories by hand of test_anomalies."""
    kept = {}
    for number, (right, wrong) in enumerate(CASES.values()):
        for kind, operations in (("right", right), ("wrong", wrong)):
            file = tmp_path / f"{number}-{kind}.jsonl"
            history(*operations).save(file)
            kept[file] = kind
    found = crosscheck.compare(kept, porcupine)
    for comparison in found.values():
        agreed(comparison)
    assert (found["right"].accepted, found["wrong"].rejected) == (len(CASES), len(CASES))


def test_a_disagreement_is_told(porcupine: Porcupine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-4: a model of ours that judges nothing accepts what Porcupine refuses."""

    class Blind(NamespaceModel):
        def operations(self) -> list[Operation]:
            return []

    file = tmp_path / "wrong.jsonl.gz"
    History([Operation("c0", GetAttr("o1"), 0, 1, Answer(size=7))], ["d0"]).save(file)
    agreed(crosscheck.compare({file: "wrong"}, porcupine)["wrong"])
    monkeypatch.setattr(crosscheck, "MODELS", (Blind, LockModel, OpenModel))
    found = crosscheck.compare({file: "wrong"}, porcupine)["wrong"]
    assert found.disagreements == [f"{file}: namespace: we say linearizable, Porcupine says violation"]
    assert (found.accepted, found.rejected) == (0, 0)
