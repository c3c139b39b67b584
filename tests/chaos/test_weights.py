"""What the three weights of a guard do to a service address: real keepalived on three hosts, as it is rendered.

No metadata servers here: each host's health file is written by the test, as its guard would write it.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy import keepalived
from deploy.inventory import Inventory, Node, Vip
from mdscluster.control import vips
from mdscluster.guard.footing import FIT, LAST_RESORT, UNFIT
from tests.chaos.conftest import unavailable
from tests.support.debian import Unavailable, need_tools
from tests.support.hanet import Hanet
from tests.support.lifeline import die_with_parent

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

NODES = {"mds1": 11, "mds2": 12, "mds3": 13}
DOWN_S = 3 * 0.2 + 0.2
"""What a backup waits for at most: three adverts, and less than one more (RFC 5798 §6.1)."""
SKEW_S = 0.2
"""The same where the holder says that it lets go (RFC 5798 §6.4.2): less than an advert's interval."""
LET_GO_S = 0.1
"""From the health file to an interface without the address: the median of several."""
BUSY_S = 1.0
"""What a machine that has other work may add."""


class Rig:
    """Three hosts with one service address, and a second one that may be taken out again."""

    def __init__(self, net: Hanet, folder: Path) -> None:
        self.net, self.folder = net, folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        nodes = tuple(Node(name, (f"{net.network}.{octet}/24",), "eth0") for name, octet in NODES.items())
        self.vip = f"{net.network}.100"
        self.one = Inventory("x", nodes, (), (), (Vip(f"{self.vip}/24"),))
        self.two = Inventory("x", nodes, (), (), (Vip(f"{self.vip}/24"), Vip(f"{net.network}.101/24")))

    def render(self, name: str, inventory: Inventory) -> Path:
        """With the paths of this host."""
        node = next(node for node in inventory.nodes if node.id == name)
        home = self.folder / name
        text = keepalived.render(inventory, node)
        text = text.replace(str(keepalived.HEALTH_FILE), str(home / "vip-health")).replace("/etc/mdscluster/", "/opt/")
        (home / "keepalived.conf").write_text(text)
        return home

    def start(self, name: str, inventory: Inventory) -> None:
        (self.folder / name / "vips").mkdir(parents=True, exist_ok=True)
        home = self.render(name, inventory)
        script = keepalived.notify_script().replace(str(keepalived.VIP_STATE_DIR), str(home / "vips"))
        (home / "vip-notify").write_text(script)
        # keepalived runs no script from a folder that others may write to, and /tmp is one.
        run = (
            f"mount -t tmpfs none /opt && install -m 0755 {home}/vip-notify /opt/ && exec keepalived --dont-fork "
            f"--log-console --log-detail --vrrp -f {home}/keepalived.conf --pid {home}/pid --vrrp_pid {home}/vrrp.pid"
        )
        with (home / "log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.net.wrap(name, ["sh", "-c", run]), stdout=log, stderr=log, preexec_fn=die_with_parent
            )

    def say(self, **weights: int) -> None:
        """Each guard's word, exchanged as a whole."""
        for name, weight in weights.items():
            new = self.folder / name / ".new"
            new.write_text(f"{weight}\n")
            new.replace(self.folder / name / "vip-health")

    def holders(self) -> list[str]:
        return [name for name in NODES if self.vip in self.net.addresses(name)]

    def bar_all(self) -> None:
        """And wait until each of them knows: one that does not yet would keep its priority."""
        self.say(mds1=UNFIT, mds2=UNFIT, mds3=UNFIT)
        self.until("all are barred", lambda: all(self.states(name)[self.vip] == "FAULT" for name in NODES), 5.0)
        assert not self.holders()

    def states(self, name: str) -> dict[str, str]:
        return {state.address: state.state for state in vips.states(str(self.folder / name / "vips"))}

    def priority(self, name: str) -> int:
        """The one that keepalived said last that it goes by."""
        said = re.findall(r"effective priority (?:from \d+ )?to (\d+)", (self.folder / name / "log").read_text())
        return int(said[-1])

    def until(self, what: str, condition: Callable[[], object], timeout_s: float) -> float:
        """Seconds until it is so."""
        began = time.monotonic()
        while not condition():
            logs = {name: (self.folder / name / "log").read_text()[-1500:] for name in NODES}
            assert time.monotonic() - began < timeout_s, f"{what}: {self.holders()} {logs}"
            time.sleep(0.01)
        return time.monotonic() - began

    def never(self, condition: Callable[[], object], for_s: float) -> None:
        end = time.monotonic() + for_s
        while time.monotonic() < end:
            assert not condition(), self.holders()
            time.sleep(0.02)

    def reload(self, name: str, inventory: Inventory) -> None:
        self.render(name, inventory)
        os.kill(int((self.folder / name / "pid").read_text()), signal.SIGHUP)

    def close(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(10)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with ExitStack() as stack:
        try:
            need_tools({"keepalived": "keepalived", "logger": "bsdutils"})
            net = stack.enter_context(Hanet("mdw"))
        except Unavailable as reason:
            unavailable(reason)
        for name, octet in NODES.items():
            net.add_host(name, octet)
        made = Rig(net, tmp_path_factory.mktemp("weights"))
        stack.callback(made.close)
        for name in NODES:
            (made.folder / name).mkdir()
        made.say(mds1=UNFIT, mds2=UNFIT, mds3=UNFIT)
        for name in NODES:
            made.start(name, made.one)
        made.until("they run", lambda: all(made.states(name) for name in NODES), 20.0)
        yield made


@pytest.fixture(autouse=True)
def _well(rig: Rig) -> None:
    mds1_has_it(rig)


def mds1_has_it(rig: Rig) -> None:
    """All are fit, and the first one has the address."""
    rig.say(mds1=FIT, mds2=UNFIT, mds3=UNFIT)
    rig.until("mds1 has it", lambda: rig.holders() == ["mds1"], 10.0)
    rig.say(mds2=FIT, mds3=FIT)
    time.sleep(0.3)


def test_a_weak_holder_keeps_what_it_has(rig: Rig) -> None:
    """``nopreempt``: nobody takes what is advertised, which is why a weak node steps back first."""
    rig.say(mds1=LAST_RESORT)
    rig.never(lambda: rig.holders() != ["mds1"], 2.0)


def test_who_may_have_none_lets_go_at_once(rig: Rig) -> None:
    """INV-7: keepalived's part of the 0.2 s within which a server that was killed has no address any more."""
    taken = []
    for _ in range(5):
        rig.say(mds1=UNFIT)
        taken.append(rig.until("mds1 lets go", lambda: rig.vip not in rig.net.addresses("mds1"), LET_GO_S + BUSY_S))
        mds1_has_it(rig)
    print(f"off after {', '.join(f'{each * 1000:.0f}' for each in sorted(taken))} ms")
    assert statistics.median(taken) < LET_GO_S


def test_who_steps_back_gives_it_to_a_fit_one_and_takes_nothing_back(rig: Rig) -> None:
    """INV-7: long before it is back: in a fraction of the second that it steps back for."""
    rig.say(mds1=UNFIT)
    taken_s = rig.until("another one has it", lambda: rig.holders() not in ([], ["mds1"]), DOWN_S + BUSY_S)
    print(f"a fit one has it after {taken_s:.2f} s")
    (holder,) = rig.holders()
    for weight in (LAST_RESORT, FIT):
        rig.say(mds1=weight)
        rig.until("it is in its backup state", lambda: rig.states("mds1")[rig.vip] == "BACKUP", 5.0)
        rig.never(lambda: rig.holders() != [holder], 1.5)


def test_of_weak_ones_the_one_that_has_it_gives_it_to_another(rig: Rig) -> None:
    """INV-7: only the holder steps back. Seen in the drill: all did, for a second, and a fresh one came first then."""
    rig.say(mds3=LAST_RESORT, mds2=LAST_RESORT)
    time.sleep(0.3)
    rig.say(mds1=UNFIT)
    taken_s = rig.until("another one has it", lambda: rig.holders() not in ([], ["mds1"]), SKEW_S + BUSY_S)
    print(f"a weak one has it after {taken_s:.2f} s")
    (holder,) = rig.holders()
    rig.say(mds1=LAST_RESORT)
    rig.never(lambda: rig.holders() != [holder], 1.5)


def test_of_weak_ones_only_the_first_has_it(rig: Rig) -> None:
    """All step back at once, and are back at once: the address is back a moment later, at one of them."""
    rig.bar_all()
    rig.say(mds1=LAST_RESORT, mds2=LAST_RESORT, mds3=LAST_RESORT)
    taken_s = rig.until("one has it", rig.holders, DOWN_S + BUSY_S)
    print(f"a weak one has it after {taken_s:.2f} s")
    time.sleep(0.5)
    rig.never(lambda: len(rig.holders()) != 1, 1.5)


def test_a_fit_one_is_preferred_to_a_weak_one_where_both_could(rig: Rig) -> None:
    """Whatever their own priorities: mds1's is the highest."""
    rig.bar_all()
    rig.say(mds1=LAST_RESORT, mds2=LAST_RESORT, mds3=FIT)
    rig.until("the fit one has it", lambda: rig.holders() == ["mds3"], DOWN_S + BUSY_S)
    rig.never(lambda: rig.holders() != ["mds3"], 1.5)


def test_weights_do_not_add_up(rig: Rig) -> None:
    """After a hundred changes a fit node's priority is what it was, and that of a weak one."""
    for _ in range(25):
        rig.say(mds1=UNFIT)
        time.sleep(0.02)
        for weight in (LAST_RESORT, FIT, LAST_RESORT):
            rig.say(mds1=weight)
            time.sleep(0.02)
    rig.bar_all()
    rig.say(mds1=LAST_RESORT, mds3=FIT)
    rig.until("the fit one has it", lambda: rig.holders() == ["mds3"], DOWN_S + BUSY_S)
    fit = keepalived.priority(rig.one, rig.one.nodes[0], rig.one.vips[0])
    for weight in (FIT, LAST_RESORT):
        rig.say(mds1=weight)
        rig.until(f"{weight} is told", lambda weight=weight: rig.priority("mds1") == fit + weight, BUSY_S)  # type: ignore[misc]


def test_an_address_that_is_taken_out_leaves_no_trace(rig: Rig) -> None:
    """``notify_deleted``: or `mdsctl vip` would tell of it, and `node maintenance` wait for it, for ever."""
    other = f"{rig.net.network}.101"
    rig.reload("mds1", rig.two)
    rig.until("it tells of both", lambda: {rig.vip, other} <= rig.states("mds1").keys(), 10.0)
    rig.reload("mds1", rig.one)
    rig.until("it tells of one", lambda: rig.states("mds1").keys() == {rig.vip}, 10.0)


@pytest.mark.parametrize("nodes", [3, 10])
def test_no_weak_node_comes_before_a_fit_one(nodes: int) -> None:
    """Nor does its priority fall out of VRRP's range, where it would be like another's."""
    listed = tuple(Node(f"mds{n}", (f"192.0.2.{n}/24",), "eth0") for n in range(1, nodes + 1))
    inventory = Inventory("x", listed, (), (), (Vip("192.0.2.100/24"),))
    own = [keepalived.priority(inventory, node, inventory.vips[0]) for node in listed]
    assert min(own) > max(own) + LAST_RESORT
    assert min(own) + LAST_RESORT >= 1
