"""docs/DEPLOY.md, "From 3 to 5 metadata servers": its commands, in their order, on a cluster that is at work.

Hosts are those of test_guide.py (tests/support/premises.py), and what is not as it would be is told there; the programs
lie on all of them already. Somebody looks all the time who has each service address, and a client makes folders.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import pytest

from deploy.units import GUARD_UNIT, MDS_UNIT
from tests.chaos.conftest import unavailable
from tests.chaos.test_guide import GUIDE, all_is_well, another, edited
from tests.support import installing, simulators
from tests.support.cluster import ROOT
from tests.support.debian import Unavailable
from tests.support.guide import GROWING, Guide
from tests.support.installed import PATIENT_CLIENT
from tests.support.lifeline import die_with_parent
from tests.support.premises import NETWORK, Premises

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long, pytest.mark.usefixtures("root")]

OLD, NEW = ("mds1", "mds2", "mds3"), ("mds4", "mds5")
ADDRESSES = {f"{NETWORK}.{100 + number}": f"mds{number}" for number in range(1, 6)}
"""Each service address, and who shall have it."""
CLIENT, CLIENT_OCTET = "client1", 31
TWO_S = 0.5
"""For so long two hosts may have an address that moves: one tells the other, and both are looked at one after the
other."""
NOBODY_S = STALL_S = 2.0
"""What the service promises for any single fault."""
WITHIN_S = 60.0
BACK_WITHIN_S = 60.0
_JOIN = "join = true\n"
_CLUSTER = "/srv/files/rendered/cluster.json"


class Holders(threading.Thread):
    """Looks all the time who has each address, from when somebody has had it first."""

    def __init__(self, premises: Premises) -> None:
        super().__init__(name="holders", daemon=True)
        self._premises = premises
        self._enough = threading.Event()
        self._since: dict[str, tuple[str, float]] = {}
        self.now: dict[str, list[str]] = {}
        self.longest: dict[tuple[str, str], float] = {}
        """(address, "two" or "nobody") -> for how many seconds on end."""
        self.looks = 0

    def run(self) -> None:
        while not self._enough.wait(0.02):
            began = time.monotonic()
            here = {name: self._premises.net.addresses(name) for name in self._premises.mds_ids}
            self.now = {address: [name for name in here if address in here[name]] for address in ADDRESSES}
            self.looks += 1
            for address, holders in self.now.items():
                if holders or address in self._since:
                    self._note(address, {0: "nobody", 1: "one"}.get(len(holders), "two"), began)

    def _note(self, address: str, what: str, now: float) -> None:
        before, since = self._since.get(address, (what, now))
        if before != "one":
            key = address, before
            self.longest[key] = max(self.longest.get(key, 0.0), now - since)
        if what != before or address not in self._since:
            self._since[address] = what, now

    def __enter__(self) -> Holders:
        self.start()
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._enough.set()
        self.join()
        print(f"{self.looks} looks; longest, s: {self.longest}; at last: {self._since}")

    def wrong(self) -> list[str]:
        """Each address that too many had, or nobody, for too long."""
        limits = {"two": TWO_S, "nobody": NOBODY_S}
        return [
            f"{address}: {what} had it for {seconds:.1f} s"
            for (address, what), seconds in sorted(self.longest.items()) if seconds > limits[what]
        ]  # fmt: skip


class Operator:
    """Somebody who lets a cluster grow by the document."""

    def __init__(self, premises: Premises) -> None:
        self.premises, self.guide = premises, Guide(GUIDE, only=GROWING)
        self._begun = time.monotonic()
        self._publish = ""

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self._begun:6.1f} s  {what}", flush=True)

    def give(self, block: str) -> str:
        done = self.premises.operator(block)
        assert done.returncode == 0, f"{block}{done.stdout}{done.stderr}"
        return done.stdout

    def write(self, text: str) -> None:
        """The inventory."""
        (self.premises.srv / "files/cluster.toml").write_text(text)

    def publish(self) -> None:
        """Render, and copy the folders."""
        self._publish = self._publish or self.guide.take("deploy render")
        self.give(self._publish)

    def follow(self, names: tuple[str, ...], mark: str = "sh") -> None:
        """The blocks of this mark in the INSTALL.md of hosts, there."""
        for name in names:
            for block in installing.commands(self.premises.srv / "files/rendered" / name / "INSTALL.md", mark):
                self.premises.host(name, f"cd /root/mdscluster\n{block}")

    def mdsctl(self, words: str) -> str:
        return self.give(f"./run shell -c 'mdsctl --cluster {_CLUSTER} {words}'\n")

    def until_well(self, nodes: int, within_s: float = WITHIN_S) -> None:
        told = all_is_well(self.premises, nodes)
        command = f"mdsctl --cluster {_CLUSTER} status; mdsctl --cluster {_CLUSTER} vip"
        wait("all is well", lambda: told(self.premises.operator(f"./run shell -c '{command}'\n").stdout), within_s)

    def servers(self) -> dict[str, tuple[str, str]]:
        """The processes of those that were there before."""
        machines = self.premises.machines
        return {name: (machines[name].unit(MDS_UNIT, "MainPID"), machines[name].unit(GUARD_UNIT, "MainPID"))
                for name in OLD}  # fmt: skip


def wait(what: str, condition: Callable[[], bool], within_s: float) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.05)


@pytest.fixture
def premises(tmp_path: Path) -> Iterator[Premises]:
    with ExitStack() as stack:
        try:
            made = stack.enter_context(Premises(tmp_path, len(OLD) + len(NEW), bare=False))
        except Unavailable as reason:
            unavailable(reason)
        yield made


@contextmanager
def at_work(premises: Premises, log: Path) -> Iterator[Callable[[], list[float]]]:
    """A client; what each of its calls took up to now."""
    if CLIENT not in premises.net.hosts:
        premises.net.add_host(CLIENT, CLIENT_OCTET)
    command = [sys.executable, "-c", PATIENT_CLIENT, next(iter(ADDRESSES)), "1000000", "d"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            premises.net.wrap(CLIENT, command), stdout=out, stderr=out, cwd=ROOT, preexec_fn=die_with_parent
        )

    def waits() -> list[float]:
        said = log.read_text()
        assert process.poll() is None, said[-1500:]
        return [float(line) for line in said.splitlines() if line.count(".") == 1]

    try:
        yield waits
    finally:
        process.kill()
        process.wait()


def founded(operator: Operator) -> str:
    """A cluster of three, which serves; its inventory."""
    files = operator.premises.srv / "files"
    (files / "secrets").mkdir(parents=True)
    for name, text in (("bmc-password", simulators.PASSWORD), ("pdu-password", "x"), ("pdu-privacy", "x")):
        (files / "secrets" / name).write_text(text + "\n")
        (files / "secrets" / name).chmod(0o600)
    text = edited((ROOT / "deploy/cluster.example.toml").read_text(), operator.premises, len(OLD))
    operator.write(text)
    operator.publish()
    hosts = (*OLD, "ds1", "ds2", "ds3")
    operator.follow(hosts)
    for name in hosts:
        operator.follow((name,), "sh start")
    operator.until_well(len(OLD))
    operator.premises.sync()
    return text


def test_a_cluster_grows_by_the_guide_while_it_serves(premises: Premises, tmp_path: Path) -> None:
    """INV-6, INV-7, INV-9: each service address has one holder all the time, the old servers know the new ones' power
    without a restart, and a new one that has lost its own gives its address away and is fenced."""
    operator = Operator(premises)
    text = founded(operator)
    operator.say("three serve")
    before = operator.servers()
    with at_work(premises, tmp_path / "client.log") as waits, Holders(premises) as holders:
        wait("the client is at work", lambda: len(waits()) > 20, WITHIN_S)
        grow(operator, text)
        assert operator.servers() == before, "nothing was restarted"
        assert operator.guide.left() == [], "this test knows nothing of these commands"
        done = len(waits())
        wait("the client goes on", lambda: len(waits()) > done + 20, WITHIN_S)
        assert holders.wrong() == []
        print(f"longest call while it grew: {max(waits()):.2f} s")
        assert max(waits()) < STALL_S

        lose_power(operator, holders, NEW[0])
        print(f"longest call: {max(waits()):.2f} s")
        assert holders.wrong() == []
        assert max(waits()) < STALL_S
    assert operator.mdsctl("digest").splitlines()[-1] == "equal"


def grow(operator: Operator, text: str) -> None:
    """The chapter."""
    premises = operator.premises
    more = [another(premises, int(name[-1])) for name in NEW]
    joining = [node.replace('interface = "eth0"\n', 'interface = "eth0"\n' + _JOIN) for node in more]
    operator.write(text + "".join(joining))
    operator.publish()
    reload = operator.guide.take("systemctl reload keepalived", "sh host")
    for name in OLD:
        operator.follow((name,))
        premises.host(name, reload)
    operator.say("the old hosts know the new ones")
    operator.follow(NEW)
    for name in NEW:
        operator.follow((name,), "sh start")
    operator.say("the new hosts have started")
    said = operator.give(operator.guide.take("member add"))
    for name in NEW:
        asked = [line.split()[0] for line in said.splitlines() if f"{name}-1-fence_ipmilan" in line and " on " in line]
        assert {*OLD} <= {*asked}, said
    operator.say("they were added")
    operator.until_well(len(OLD) + len(NEW))
    operator.write(text + more[0] + joining[1])
    refused = premises.operator("./run shell -c 'mdsctl deploy check --inventory /srv/files/cluster.toml'\n")
    assert refused.returncode == 2, "one alone"
    operator.write(text + "".join(more))
    operator.publish()
    operator.follow((*OLD, *NEW, "ds1", "ds2", "ds3"))
    premises.sync()
    operator.until_well(len(OLD) + len(NEW))
    operator.say("five serve, and the files say so")


def lose_power(operator: Operator, holders: Holders, name: str) -> None:
    """A new server's host: its address moves, it is fenced by one of the others, boots, and has its address again."""
    (address,) = (each for each, preferred in ADDRESSES.items() if preferred == name)
    assert holders.now[address] == [name]
    operator.premises.outlets.cut(name)
    began = time.monotonic()
    wait("its address is elsewhere", lambda: holders.now[address] not in ([], [name]), NOBODY_S)
    operator.say(f"{name} lost its power: {address} was elsewhere after {time.monotonic() - began:.2f} s")
    wait("it is fenced", lambda: (name, "on") in operator.premises.switch.log, WITHIN_S)
    history = operator.mdsctl("fence history")
    assert any(name in line and "fenced" in line for line in history.splitlines()), history
    operator.say(f"{name} was fenced")
    operator.until_well(len(OLD) + len(NEW), BACK_WITHIN_S)
