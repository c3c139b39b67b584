"""What the simulated disk leaves of an LMDB environment when the power goes."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import lmdb
import pytest

from tests.simulation.consensus.node import open_env
from tests.simulation.disk import COMMIT_FAILS, SYNC_FAILS, Disk


class Machine:
    """An environment on a disk, whose power can be cut."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.disk = Disk(directory)
        self.boot()

    def boot(self) -> None:
        (self.directory / "lock.mdb").unlink(missing_ok=True)
        self.real = open_env(self.directory)
        self.env: Any = self.disk.attach(self.real)

    def write(self, value: int) -> None:
        txn = self.env.begin(write=True)
        for i in range(40):
            txn.put(b"%d" % i, b"%d" % value * 100)
        txn.commit()

    def read(self) -> int:
        with self.env.begin() as txn:
            values = {txn.get(b"%d" % i) for i in range(40)}
        assert len(values) == 1, "a state of no commit"
        value = values.pop()
        return -1 if value is None else int(value[: len(value) // 100])

    def lose_power(self, *, undo: bool) -> None:
        self.disk.detach()
        self.real.close()
        self.disk.lose_power(undo=undo)
        self.boot()


@pytest.fixture
def machine(fast_dir: Path) -> Machine:
    return Machine(fast_dir / "m")


def test_the_newest_commit_may_be_undone_and_no_other(machine: Machine) -> None:
    for value in (1, 2, 3):
        machine.write(value)
    assert machine.disk.may_undo
    machine.lose_power(undo=False)
    assert machine.read() == 3
    machine.write(4)
    machine.lose_power(undo=True)
    assert machine.read() == 3
    machine.lose_power(undo=True)
    assert machine.read() == 3


def test_a_flush_makes_it_certain(machine: Machine) -> None:
    machine.write(1)
    machine.env.sync(True)
    assert not machine.disk.may_undo
    machine.lose_power(undo=True)
    assert machine.read() == 1


def test_a_process_that_ends_flushes_nothing(machine: Machine) -> None:
    """kill -9 and a new process, and only then the power."""
    machine.write(1)
    machine.env.sync(True)
    machine.write(2)
    machine.disk.detach()
    machine.real.close()
    machine.boot()
    assert machine.read() == 2
    machine.lose_power(undo=True)
    assert machine.read() == 1


@pytest.mark.parametrize("seed", range(20))
def test_a_torn_commit_is_no_commit(machine: Machine, seed: int) -> None:
    """Whatever pages of it are there, one of the two states before it is in force, whole, and can be written on."""
    for value in range(1, 6):
        machine.write(value)
        if value == 4 and seed % 2:
            machine.env.sync(True)
    machine.disk.remember()
    machine.write(6)
    machine.real.close()
    machine.disk.tear(Random(seed))
    machine.boot()
    assert machine.read() in (4, 5)
    machine.write(7)
    machine.env.sync(True)
    machine.lose_power(undo=True)
    assert machine.read() == 7


def test_failures_are_lmdbs_own(machine: Machine) -> None:
    machine.write(1)
    machine.env.sync(True)
    machine.disk.fault = (COMMIT_FAILS, "No space left on device")
    with pytest.raises(lmdb.Error, match="No space"):
        machine.write(2)
    machine.disk.fault = (SYNC_FAILS, "Input/output error")
    assert machine.read() == 1
    machine.write(3)
    with pytest.raises(lmdb.Error, match="Input/output"):
        machine.env.sync(True)
    assert machine.read() == 3
    machine.lose_power(undo=True)
    assert machine.read() == 1
