"""The model of the exactly-once workload: it must notice every operation that ran twice or not at all."""

from __future__ import annotations

import random

import pytest

from nfsclient.model import EXIST, NOENT, OK, Model, Step
from nfsclient.results import Attributes, DirEntry
from nfswire import nfs4


class Tree:
    """A file system in a few lines, written apart from the model: path -> (is a directory, file ID)."""

    def __init__(self) -> None:
        self.names: dict[str, tuple[bool, int]] = {}
        self.next_id = 1

    def execute(self, step: Step) -> int:
        here, there = self.names.get(step.path), self.names.get(step.other)
        if step.kind in ("mkdir", "create"):
            if here is not None:
                return EXIST
            self.names[step.path] = (step.kind == "mkdir", self.next_id)
            self.next_id += 1
        elif here is None:
            return NOENT
        elif step.kind == "remove":
            del self.names[step.path]
        elif step.kind == "link":
            if here[0]:
                return nfs4.NFS4ERR_ISDIR
            if there is not None:
                return EXIST
            self.names[step.other] = here
        elif there is not None and there[0] != here[0]:
            return EXIST
        elif there != here:
            self.names[step.other] = self.names.pop(step.path)
        return OK

    def listed(self, directories: list[str]) -> dict[str, list[DirEntry]]:
        found: dict[str, list[DirEntry]] = {directory: [] for directory in directories}
        ids = [fileid for _, fileid in self.names.values()]
        for path, (is_directory, fileid) in self.names.items():
            directory, name = path.rsplit("/", 1)
            kind = nfs4.NF4DIR if is_directory else nfs4.NF4REG
            attributes = Attributes(type=kind, fileid=fileid, numlinks=ids.count(fileid))
            found[directory].append(DirEntry(name.encode(), 1, attributes))
        return found


DIRECTORIES = ["/a", "/b"]


def run(seed: int, disturb_at: int = -1, executions: int = 1) -> tuple[list[str], list[str], str]:
    """Violations, differences, and the kind of the step that was run ``executions`` times."""
    rng, model, tree = random.Random(seed), Model(DIRECTORIES, 6), Tree()
    violations = []
    kind = ""
    for number in range(300):
        step = model.choose(rng)
        times = 1
        if number >= disturb_at >= 0 and not kind and step.expected == (OK,) and step.path != step.other:
            kind, times = step.kind, executions
        answer = OK
        for _ in range(times):
            answer = tree.execute(step)
        if answer == OK:
            model.apply(step)
        if answer not in step.expected:
            violations.append(f"{step} -> {answer}")
        if kind and times != 1:
            break
    return violations, model.differences(tree.listed(DIRECTORIES)), kind


@pytest.mark.parametrize("seed", range(20))
def test_single_executions_agree_with_the_model(seed: int) -> None:
    assert run(seed)[:2] == ([], [])


def test_every_kind_of_repetition_is_noticed_by_its_answer() -> None:
    """INV-3. A rename between two names of one file changes nothing, and may be repeated unseen."""
    noticed = set()
    for seed in range(150):
        violations, differences, kind = run(seed, 40, executions=2)
        if violations or differences:
            noticed.add(kind)
        else:
            assert kind == "rename"
    assert noticed == {"mkdir", "create", "rename", "link", "remove"}


def test_every_kind_of_loss_is_noticed_in_the_tree() -> None:
    """An operation that was answered NFS4_OK and never ran."""
    noticed = {kind for seed in range(150) for _, differences, kind in [run(seed, 40, executions=0)] if differences}
    assert noticed == {"mkdir", "create", "rename", "link", "remove"}
