"""Metadata servers in network namespaces are fenced by real fence agents: a machine is a server's processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fencing.state import State
from mdscluster.config import Fencing, Metrics, NodeConfig
from mdscluster.fsm import features, fencing_state
from mdscluster.fsm.tables import Tables
from mdscluster.raft.environment import open_environment
from tests.chaos.conftest import unavailable
from tests.support.cluster import OPERATOR, ROOT, Cluster
from tests.support.debian import Unavailable, need_tools
from tests.support.hanet import Hanet
from tests.support.lifeline import die_with_parent
from tests.support.machines import PowerSwitch
from tests.support.prometheus import values
from tests.support.simulators import PASSWORD, TOOLS, ipmi_device, secret, start_ipmi

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

PATCHES = Path(__file__).with_name("patches")
BMC_HOST = "bmcs"
"""All BMCs are in one namespace, a port each: the management network, which is never cut here."""
FENCED_S = 5.0
"""From the fault, for each server that is lost, as long as no more are than may be, and where its BMC answers."""
METRICS_PORT = 20890
SERVED_S = 2.0
"""What the service promises for any single fault."""
WRONG = "open-barley"
_GET = "import sys, urllib.request as ask; print(ask.urlopen(sys.argv[1], timeout=5).read().decode())"
CHANGES_MIN = 20
"""So many before the fault, and so many again once fencing has failed: fewer prove nothing."""
_WORK = """
import asyncio, itertools, os, sys, time
from nfsclient import ChannelSettings, Client, Settings

async def main():
    patient = Settings(channel=ChannelSettings(reply_timeout_ms=20_000.0))
    async with await Client.connect([(sys.argv[1], 2049)], settings=patient) as client:
        for number in itertools.count():
            over = os.path.exists(sys.argv[2])
            began = time.monotonic()
            await client.mkdir(f"/work{number}")
            print(f"{time.monotonic() - began:.3f}", flush=True)
            if over:
                break
            await asyncio.sleep(0.02)

asyncio.run(main())
"""
"""It goes on until the file in its second argument is there, and makes one more change then."""


class Rig:
    """A cluster and the power of its machines."""

    def __init__(
        self, directory: Path, net: Hanet, mds: int, manner: str, suspect_ms: int, password: str
    ) -> None:
        """``password``: what the servers have of their BMCs'."""
        self.directory, self.net, self.suspect_ms = directory, net, suspect_ms
        self.bmc_address = net.add_host(BMC_HOST, 40)
        self.secret = secret(directory, password)
        self.cluster = Cluster(
            directory / "cluster", net, mds=mds, ds=1, tune=self._with_devices,
            environment=lambda name: {"PYTHONPATH": str(PATCHES), "PATCHED_BASE": str(directory)},
        )  # fmt: skip
        self.switch = PowerSwitch(directory / "switch", self)
        self.bmcs = [
            start_ipmi(
                self.switch.path, name, self.bmc_address, self._port(name), manner,
                wrap=lambda command: net.wrap(BMC_HOST, command),
            )
            for name in self.cluster.mds_ids
        ]  # fmt: skip

    @staticmethod
    def _port(name: str) -> int:
        return 6230 + int(name.removeprefix("mds"))

    def _with_devices(self, config: NodeConfig) -> NodeConfig:
        devices = tuple(
            ipmi_device(name, self.bmc_address, self._port(name), self.secret) for name in self.cluster.mds_ids
        )
        metrics = Metrics(f"{config.peer.admin.host}:{METRICS_PORT}")
        return replace(config, fencing=Fencing(devices=devices, suspect_ms=self.suspect_ms), metrics=metrics)

    # Power: a server's process, and with it the front end, which dies with it.

    def is_on(self, machine: str) -> bool:
        return self.cluster.nodes[machine].alive

    def cut(self, machine: str) -> None:
        self.cluster.kill(machine)

    def restore(self, machine: str) -> None:
        if not self.is_on(machine):
            self.cluster.start(machine)

    # The log.

    def state(self, name: str) -> tuple[State, int]:
        """What a server has applied, and its feature level."""
        env = open_environment(self.cluster.nodes[name].data_dir / "state", readonly=True)
        try:
            tables = Tables(env)
            with env.begin() as txn:
                return fencing_state.load(txn, tables), features.level(txn, tables)
        finally:
            env.close()

    def kinds(self, by: str, of: str) -> list[str]:
        """The history of ``of``, as ``by`` has applied it."""
        return [event.kind for event in self.state(by)[0].history if event.node == of]

    def fence(self, *words: str, code: int = 0) -> Any:
        """What ``mdsctl fence`` answers, in JSON."""
        status, output = self.cluster.mdsctl("fence", *words, "--json", timeout_s=60)
        assert status == code, output
        return json.loads(output)

    def told(self, by: str, metric: str, **labels: str) -> list[float]:
        """A metric of ``by``, as Prometheus would find it now."""
        url = f"http://{self.cluster.nodes[by].address}:{METRICS_PORT}/metrics"
        return values(self.net.run(OPERATOR, [sys.executable, "-c", _GET, url]), metric, **labels)

    def wait_alert(self, by: str, of: str) -> None:
        """Until ``by`` raises MdsclusterFencingFailed of ``of``: this metric is above 0, on any node."""
        self.wait_for(
            lambda: max(self.told(by, "mdscluster_fencing_failed_attempts", server=of, phase="off"), default=0) > 0,
            10, f"{by} raises no alert",
        )  # fmt: skip

    @contextmanager
    def served(self, by: str) -> Iterator[None]:
        """A client of ``by`` makes directories all the time, one after the other: none of them takes ``SERVED_S``.

        From before what happens inside until ``CHANGES_MIN`` more are made after it.
        """
        over, told = self.directory / "work.over", self.directory / "work.told"
        command = [sys.executable, "-c", _WORK, self.cluster.nodes[by].address, str(over)]
        with told.open("w") as file:
            client = subprocess.Popen(
                self.net.wrap(OPERATOR, command), stdout=file, cwd=ROOT, preexec_fn=die_with_parent
            )

        def changes() -> int:
            return told.read_text().count("\n")

        try:
            self.wait_for(lambda: changes() >= CHANGES_MIN, 20, "no client works")
            before = changes()
            yield
            enough = changes() + CHANGES_MIN
            self.wait_for(lambda: changes() >= enough, 20, "no client works any more")
            over.touch()
            client.wait(30)
        finally:
            client.kill()
            client.wait()
        assert client.returncode == 0, "a change failed: why is on standard error"
        waits = [float(line) for line in told.read_text().splitlines()][before:]
        print(f"{len(waits)} changes meanwhile, the longest took {max(waits):.3f} s")
        assert max(waits) < SERVED_S

    def wait_for(self, condition: Callable[[], bool], limit_s: float, what: str) -> float:
        """How long it took."""
        began_s = time.monotonic()
        while not condition():
            assert time.monotonic() - began_s < limit_s, f"{what}\n{self.cluster.log_tails(lines=25)}"
            time.sleep(0.02)
        return time.monotonic() - began_s

    def wait_watched(self) -> None:
        """Every server has said that it is there, and has been seen well for long enough."""
        names = set(self.cluster.mds_ids)
        first = self.cluster.mds_ids[0]
        self.wait_for(lambda: set(self.state(first)[0].nodes) == names, 20, "not every server has come")
        time.sleep(self.suspect_ms / 1000 + 2)

    def close(self) -> None:
        for bmc in self.bmcs:
            bmc.kill()
            bmc.wait()
        self.switch.__exit__(None, None, None)


@contextmanager
def rig(
    directory: Path, mds: int = 3, manner: str = "honest", suspect_ms: int = 2_000, password: str = PASSWORD
) -> Iterator[Rig]:
    try:
        need_tools(TOOLS)
        with Hanet("mdf") as net:
            made = Rig(directory, net, mds, manner, suspect_ms, password)
            try:
                with made.cluster:
                    made.wait_watched()
                    yield made
            finally:
                made.close()
            assert made.cluster.tracebacks() == []
    except Unavailable as reason:
        unavailable(reason)


@pytest.mark.parametrize("whom", ["leader", pytest.param("follower", marks=pytest.mark.long)])
def test_a_server_that_was_killed_is_fenced_and_comes_back(tmp_path: Path, whom: str) -> None:
    """INV-9: fenced within 5 s of the fault, its power restored, and a voter again; once."""
    with rig(tmp_path) as it:
        leader = it.cluster.wait_leader()
        lost = leader if whom == "leader" else next(name for name in it.cluster.mds_ids if name != leader)
        witness = next(name for name in it.cluster.mds_ids if name not in (lost, leader))
        began_s = time.monotonic()
        it.cluster.kill(lost)
        it.wait_for(lambda: "fenced" in it.kinds(witness, lost), 15, "it is not fenced")
        took_s = time.monotonic() - began_s
        print(f"{whom} killed: fenced after {took_s:.2f} s")
        assert took_s < FENCED_S
        it.wait_for(lambda: "back" in it.kinds(witness, lost), 20, "it is not back")
        it.cluster.wait_healthy()
        time.sleep(6)
        assert it.switch.log == [(lost, "on")], "it was off already, and is fenced no second time"
        state, level = it.state(witness)
        assert (state.intents, level) == ({}, features.SUPPORTED)
        assert state.nodes[lost].armed


@pytest.mark.long
def test_a_server_lost_while_its_successor_in_office_had_just_started_is_fenced(tmp_path: Path) -> None:
    """INV-9: two faults within seconds. The new leader has not met the dead one; the third server has, and says so over
    its admin address. Suspicion takes so long here that a server can be started within it."""
    with rig(tmp_path, suspect_ms=10_000) as it:
        lost = it.cluster.wait_leader()
        fresh, witness = (name for name in it.cluster.mds_ids if name != lost)
        before = it.state(witness)[0].nodes[fresh].process
        it.cluster.kill(fresh)
        it.cluster.start(fresh)
        it.wait_for(lambda: it.state(witness)[0].nodes[fresh].process != before, 9, "it does not start")
        it.cluster.kill(lost)
        began_s = time.monotonic()
        if it.cluster.wait_leader() != fresh:
            status, output = it.cluster.mdsctl("leader", "transfer", fresh)
            assert status == 0, output
        it.wait_for(lambda: "fenced" in it.kinds(witness, lost), 20, "it is not fenced")
        took_s = time.monotonic() - began_s
        print(f"fenced {took_s - it.suspect_ms / 1000:.2f} s after suspicion")
        intent = next(event for event in it.state(witness)[0].history if event.kind == "intent")
        assert intent.text.startswith(f"{fresh} (term "), "vacuous: the witness itself has decided"
        assert f"; {witness} had met it, and misses it for " in intent.text
        assert took_s < it.suspect_ms / 1000 + FENCED_S - 2
        it.wait_for(lambda: "back" in it.kinds(witness, lost), 20, "it is not back")
        assert it.switch.log == [(lost, "on")], "it was off already"


@pytest.mark.parametrize(("mds", "minority"), [(3, 1), pytest.param(5, 2, marks=pytest.mark.long)])
def test_of_both_halves_of_a_partition_only_the_majority_fences(tmp_path: Path, mds: int, minority: int) -> None:
    """INV-9: both halves reach all BMCs; the old leader is in the smaller one, alive. Each of the minority is fenced
    within 5 s of the fault: the second does not wait for the first."""
    with rig(tmp_path, mds) as it:
        leader = it.cluster.wait_leader()
        small = [leader, *[name for name in it.cluster.mds_ids if name != leader][: minority - 1]]
        large = [name for name in it.cluster.mds_ids if name not in small]
        pids = {name: it.cluster.nodes[name].process for name in large}
        began_s = time.monotonic()
        for one in small:
            for other in large:
                it.net.cut(one, other)
        cut_s = time.monotonic() - began_s
        it.wait_for(
            lambda: all("fenced" in it.kinds(large[0], name) for name in small), 20, "the minority is not fenced"
        )
        took_s = time.monotonic() - began_s
        print(f"partition {minority}|{mds - minority}: cut in {cut_s:.2f} s, fenced after {took_s:.2f} s")
        assert took_s < FENCED_S
        it.wait_for(lambda: (leader, "on") in it.switch.log, 20, "its power was not restored")
        time.sleep(6)  # the minority is back, still cut off, and knows nothing better
        it.net.heal()
        it.wait_for(lambda: all("back" in it.kinds(large[0], name) for name in small), 30, "they are not back")
        time.sleep(6)
        assert sorted(it.switch.log) == sorted((name, word) for name in small for word in ("off", "on"))
        assert {name: it.cluster.nodes[name].process for name in large} == pids, "one of the majority was fenced"
        assert it.state(large[0])[0].intents == {}


def test_of_two_halves_that_both_mean_to_only_the_majority_fences(tmp_path: Path) -> None:
    """INV-9: the old leader, cut off, takes itself for a leader with a quorum, and everybody else for lost: it goes on
    trying to have them fenced, also when it is back. Nothing but the log is in its way, and that is enough."""
    with rig(tmp_path) as it:
        leader = it.cluster.wait_leader()
        large = [name for name in it.cluster.mds_ids if name != leader]
        pids = {name: it.cluster.nodes[name].process for name in large}
        wanted = tmp_path / f"{leader}.wanted"
        (tmp_path / f"{leader}.deluded").touch()
        it.net.isolate(leader, keep=[BMC_HOST])
        both_s = it.wait_for(wanted.exists, 10, "it never wanted to")
        took_s = it.wait_for(lambda: "fenced" in it.kinds(large[0], leader), 20, "the minority is not fenced")
        print(f"the minority wanted it after {both_s:.2f} s; it was fenced after {both_s + took_s:.2f} s")
        it.wait_for(lambda: (leader, "on") in it.switch.log, 20, "its power was not restored")
        it.net.heal()
        it.wait_for(lambda: "back" in it.kinds(large[0], leader), 30, "it is not back")
        time.sleep(6)
        assert sorted(it.switch.log) == sorted((leader, word) for word in ("off", "on"))
        assert {name: it.cluster.nodes[name].process for name in large} == pids, "one of the majority was fenced"
        assert [it.kinds(large[0], name) for name in large] == [[], []]


UNREACHABLE = "unreachable"
"""A BMC to which nothing leads. The other manners are the simulator's."""


@pytest.mark.long
@pytest.mark.parametrize(
    ("manner", "whom", "words"),
    [
        ("idle", "follower", "it took the command, and the power stayed on"),
        ("stuck", "leader", "it cannot be reached, or does not answer"),
        (UNREACHABLE, "leader", "it cannot be reached, or does not answer"),
    ],
)
def test_with_a_bad_bmc_it_is_not_fenced_and_the_service_goes_on(
    tmp_path: Path, manner: str, whom: str, words: str
) -> None:
    """INV-9: a BMC that does nothing, hangs, or cannot be reached. The servers that are left raise the alert, and serve
    all the time, also where they have to elect a leader first: nothing waits for fencing. When the server is there
    again, nobody tries any more."""
    with rig(tmp_path, manner="honest" if manner == UNREACHABLE else manner) as it:
        leader = it.cluster.wait_leader()
        lost = leader if whom == "leader" else next(name for name in it.cluster.mds_ids if name != leader)
        others = [name for name in it.cluster.mds_ids if name != lost]
        if manner == UNREACHABLE:
            it.net.isolate(BMC_HOST)
        with it.served(others[-1]):
            it.net.isolate(lost, keep=[] if manner == UNREACHABLE else [BMC_HOST])
            it.wait_for(lambda: "failed" in it.kinds(others[0], lost), 30, "nothing was tried")
            assert words in it.state(others[0])[0].intents[lost].failure
            for name in others:
                it.wait_alert(name, lost)
            assert it.cluster.wait_leader() in ([leader] if whom == "follower" else others)
        it.net.heal(but=[BMC_HOST] if manner == UNREACHABLE else [])
        it.wait_for(lambda: it.kinds(others[0], lost)[-1] == "withdrawn", 60, "it is not withdrawn")
        assert it.switch.log == []
        assert it.cluster.nodes[lost].alive
        assert [name for name in others if "fenced" in it.kinds(name, lost)] == []


def test_with_a_password_that_the_bmc_refuses_it_is_not_fenced_and_the_service_goes_on(tmp_path: Path) -> None:
    """INV-9: of a server that is dead, too. The operator is told by alert and history, and is not told the password."""
    with rig(tmp_path, password=WRONG) as it:
        leader = it.cluster.wait_leader()
        lost, other = (name for name in it.cluster.mds_ids if name != leader)
        with it.served(other):
            it.cluster.kill(lost)
            it.wait_for(lambda: "failed" in it.kinds(other, lost), 20, "nothing was tried")
            for name in (leader, other):
                it.wait_alert(name, lost)
                assert it.told(name, "mdscluster_fencing_server_down", server=lost) == [0]
                assert it.told(name, "mdscluster_fencing_intents_total") == [1]
        listed = it.fence("list")
        assert {row["node"]: row["state"] for row in listed["servers"]}[lost] == "to be fenced"
        history = it.fence("history")["history"]
        texts = [event["text"] for event in history if (event["node"], event["kind"]) == (lost, "failed")]
        assert texts
        assert all("user name, password or plug may be wrong" in text for text in texts)
        (row,) = it.fence("test", lost, "--from", other, code=1)["devices"]
        assert (row["power"], "password or plug may be wrong" in row["text"]) == ("?", True)
        it.cluster.start(lost)
        # A leader that hears its consensus for 2 s before it serves and says that it is back withdraws the intent.
        it.wait_for(lambda: it.kinds(other, lost)[-1] in ("back", "withdrawn"), 30, "it is not back")
        it.cluster.wait_healthy()
        assert it.cluster.wait_leader() == leader
        for name in (leader, other):
            assert "fenced" not in it.kinds(name, lost)
            assert it.told(name, "mdscluster_fencing_failed_attempts") == [], "the alert goes"
        assert it.switch.log == []
        seen = json.dumps([history, listed, row]) + "".join(
            node.config.with_suffix(".log").read_text(errors="replace") for node in it.cluster.nodes.values()
        )
        assert "not fenced" in seen
        assert WRONG not in seen
        assert PASSWORD not in seen


@pytest.mark.long
def test_a_bmc_that_lies_is_found_out_when_the_server_is_back(tmp_path: Path) -> None:
    """INV-9: of a server that is cut off nothing but its device can tell; it counts as fenced until it is heard again.
    Nothing depends on that but its own return: data servers and consensus refuse it by rules of their own."""
    with rig(tmp_path, manner="liar") as it:
        leader = it.cluster.wait_leader()
        witness, lost = (name for name in it.cluster.mds_ids if name != leader)
        with it.served(witness):
            it.net.isolate(lost, keep=[BMC_HOST])
            it.wait_for(lambda: "fenced" in it.kinds(leader, lost), 20, "the device was not believed")
            assert it.cluster.nodes[lost].alive
            assert it.cluster.wait_leader() == leader
            it.net.heal()
            it.wait_for(lambda: "lied" in it.kinds(witness, lost), 30, "the lie was not found out")
        it.cluster.wait_healthy()
        for name in (leader, witness):  # MdsclusterFencingDeviceLied, for a day
            assert len(it.told(name, "mdscluster_fencing_event_timestamp_seconds", server=lost, kind="lied")) == 1
        assert "off" not in [word for _, word in it.switch.log]


@pytest.mark.long
def test_an_operator_sees_what_goes_on_and_has_the_last_word(tmp_path: Path) -> None:
    """INV-9: a server whose BMC nobody reaches is not fenced until somebody who has looked says that it is off."""
    with rig(tmp_path) as it:
        leader = it.cluster.wait_leader()
        lost, other = (name for name in it.cluster.mds_ids if name != leader)
        looked = it.fence("test", lost)["devices"]
        assert sorted((row["asked_by"], row["power"]) for row in looked) == sorted([(leader, "on"), (other, "on")])
        assert {row["node"]: row["state"] for row in it.fence("list")["servers"]}[lost] == "watched"
        assert "nothing to confirm" in it.fence("confirm", lost, "--i-have-seen-that-it-is-off", code=1)["error"]

        it.net.isolate(BMC_HOST)
        it.cluster.kill(lost)
        it.wait_for(lambda: "failed" in it.kinds(leader, lost), 30, "nothing was tried")
        listed = it.fence("list")
        assert {row["node"]: row["state"] for row in listed["servers"]}[lost] == "to be fenced"
        assert "it cannot be reached" in listed["intents"][0]["failure"]
        assert [row["power"] for row in it.fence("test", lost, "--from", other, code=1)["devices"]] == ["?"]
        assert "was not said" in it.fence("confirm", lost, code=1)["error"]
        assert "confirmed" not in it.kinds(other, lost)
        it.fence("confirm", lost, "--i-have-seen-that-it-is-off")
        told = [(event["kind"], event["text"]) for event in it.fence("history")["history"] if event["node"] == lost]
        assert ("confirmed", "admin says that its power is off") in told

        it.net.heal()
        assert it.switch.log == [], "whoever said that it is off may be working on it: nobody switches it on"
        it.cluster.start(lost)
        it.wait_for(lambda: "back" in it.kinds(leader, lost), 30, "it is not back")
        it.cluster.wait_healthy()
        it.fence("suspend")
        assert it.fence("list")["suspended_by"] == "admin"
        it.fence("resume")
        assert it.fence("list")["suspended_by"] is None


@pytest.mark.long
def test_a_server_that_is_stopped_in_good_order_is_not_fenced(tmp_path: Path) -> None:
    """As for an upgrade of it; the leader, too. A whole cluster that stops and starts fences nobody."""
    with rig(tmp_path) as it:
        for lost in (it.cluster.wait_leader(), it.cluster.wait_leader()):
            process = it.cluster.nodes[lost].process
            assert process is not None
            began_s = time.monotonic()
            process.terminate()
            assert process.wait(10) == 0
            print(f"stopped in {time.monotonic() - began_s:.2f} s")
            time.sleep(5)
            it.cluster.start(lost)
            it.cluster.wait_healthy()
        for node in it.cluster.mds_ids:
            it.cluster.kill(node)
        first, second, late = it.cluster.mds_ids
        it.cluster.start(first)
        it.cluster.start(second)
        it.cluster.wait_leader()
        time.sleep(8)
        it.cluster.start(late)
        it.cluster.wait_healthy()
        assert it.state(first)[0].history == []
        assert it.switch.log == []


@pytest.mark.long
def test_no_secret_is_to_be_seen(tmp_path: Path) -> None:
    """Neither in the logs of the servers nor, while it is being used, on a command line of ours."""
    with rig(tmp_path, manner="stuck") as it:
        leader = it.cluster.wait_leader()
        lost = next(name for name in it.cluster.mds_ids if name != leader)
        it.net.isolate(lost, keep=[BMC_HOST])
        it.wait_for(lambda: lost in it.state(leader)[0].intents, 15, "nothing was decided")
        lines: list[str] = []
        deadline = time.monotonic() + 6
        while not any("fence_ipmilan" in line for line in lines):
            assert time.monotonic() < deadline, "vacuous: no agent was seen"
            listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
            lines = [line for line in listed.stdout.splitlines() if "guard.py" in line or "fence_ipmilan" in line]
        assert not any("open-sesame" in line for line in lines)
        it.wait_for(lambda: "failed" in it.kinds(leader, lost), 30, "it never failed")
        logs = "".join(
            node.config.with_suffix(".log").read_text(errors="replace") for node in it.cluster.nodes.values()
        )
        it.net.heal()
        assert "not fenced" in logs
        assert "open-sesame" not in logs
