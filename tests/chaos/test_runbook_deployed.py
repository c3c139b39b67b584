"""docs/RUNBOOK.md on hosts with power devices: what needs BMCs, the inventory, or the INSTALL.md of a host.

Hosts and BMCs are those of test_guide.py (tests/support/premises.py), and what is not as it would be is told there; the
programs lie on all of them already. Where the page sends somebody to DEPLOY.md or to an INSTALL.md, the blocks there
are carried out as they stand.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy import monitoring
from deploy.reading import load
from deploy.render import render
from deploy.units import MDS_UNIT
from tests.chaos.conftest import unavailable
from tests.chaos.test_growing import CLIENT, CLIENT_OCTET, OLD, Operator, at_work, founded, wait
from tests.chaos.test_guide import GUIDE
from tests.support import installing
from tests.support.bmc import LIAR
from tests.support.cluster import OPERATOR
from tests.support.debian import Unavailable, need_tools
from tests.support.deployed import BMC_HOST
from tests.support.guide import Guide
from tests.support.premises import Premises
from tests.support.prometheus import values
from tests.support.runbook import OnMachines, install_blocks, row

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long, pytest.mark.usefixtures("root")]

REFUSED = "a BMC that refuses user or password"
FOREIGN = "a certificate of another CA, another server, or another key"
WHOLE = "a whole folder of another cluster: CA, certificate and key that fit together"
OTHER = "a server of another cluster"
LACKING = "a fence agent, what it calls, or a secret that is missing on a host"
READ = {
    FOREIGN: "it must name mds2", WHOLE: "shows a certificate of ANOTHER CA than",
    OTHER: "belongs to ANOTHER cluster: its configuration says ",
}  # fmt: skip
CHANGED = "changed-by-another"
"""What the BMCs take from when somebody has changed their password."""
DEAD, LIED, DAMAGED = "mds3", "mds2", "mds2"
"""Who dies, whose device lies, whose certificate is damaged: none of them has the address that a client mounted."""
METRICS_PORT, DS_METRICS_PORT = 20890, 20990
WITHIN_S, FENCED_WITHIN_S = 60.0, 120.0
"""An attempt comes up to 60 s after the last one."""
STAYS = f"/run/systemd/system/{MDS_UNIT}.d/zz-stays-dead.conf"
_USE = """
import asyncio, sys
from nfsclient import Client
from nfswire import nfs4

async def main():
    async with await Client.connect([(sys.argv[1], 2049)]) as client:
        file = await client.open(sys.argv[2], nfs4.OPEN4_SHARE_ACCESS_BOTH, create=nfs4.UNCHECKED4)
        await file.write(0, b"used" * 1_000_000, nfs4.UNSTABLE4)
        await file.flush()
        print("as it was written" if bytes(await file.read(0, 4_000_000)) == b"used" * 1_000_000 else "damaged")
        await file.close()

asyncio.run(main())
"""
_CLUSTER = "/srv/files/rendered/cluster.json"


class Follower:
    """Somebody who follows the page, on a cluster that serves."""

    def __init__(self, premises: Premises) -> None:
        self.premises, self.growing = premises, Operator(premises)
        founded(self.growing)
        self._render = Guide(GUIDE, only="2. Render").take("deploy render")
        self._copy = Guide(GUIDE, only="4. Install each host's folder").take("rsync")
        self.page = OnMachines(premises.net, premises.machines, premises.srv / "files/rendered/cluster.json", {})

    def until_well(self, within_s: float = FENCED_WITHIN_S) -> None:
        """Everybody serves, and whoever booted meanwhile is let in again."""
        self.growing.until_well(len(OLD), within_s)
        for name in OLD:
            self.premises.open_door(name)

    def render(self) -> None:
        """"Render", as DEPLOY.md says."""
        self.growing.give(self._render)

    def copy(self) -> None:
        """"Copy", as DEPLOY.md says: every folder to its host."""
        self.growing.give(self._copy)

    def install(self, name: str, heading: str) -> None:
        """A block of a host's INSTALL.md, by the heading above it."""
        guide = self.premises.srv / "files/rendered" / name / "INSTALL.md"
        for block in installing.chapter(guide, heading):
            self.premises.host(name, f"cd /root/mdscluster\n{block}")

    def run_install(self, name: str) -> None:
        """"Run its INSTALL.md": from the first block to the start."""
        for mark in ("sh", "sh start"):
            self.growing.follow((name,), mark)

    def mdsctl(self, words: str) -> subprocess.CompletedProcess[str]:
        """Whatever comes of it."""
        return self.premises.operator(f"./run shell -c 'mdsctl --cluster {_CLUSTER} {words}'\n")

    def kinds(self, of: str) -> list[str]:
        """What the history tells of a server; nothing while nobody leads."""
        answered = self.mdsctl("fence history --json")
        history = json.loads(answered.stdout)["history"] if answered.returncode == 0 else []
        return [event["kind"] for event in history if event["node"] == of]

    def told(self, name: str, metric: str, **labels: str) -> list[float]:
        """A metric of a server, as Prometheus would find it now."""
        port = METRICS_PORT if name in OLD else DS_METRICS_PORT
        url = f"http://{self.premises.net.hosts[name]}:{port}/metrics"
        return values(self.premises.net.run(OPERATOR, ["curl", "-sS", "--max-time", "5", url]), metric, **labels)

    def use(self, name: str, file: str) -> None:
        """A client that knows this server alone writes a file to data servers, and reads it."""
        net = self.premises.net
        if CLIENT not in net.hosts:
            net.add_host(CLIENT, CLIENT_OCTET)
        told = net.run(CLIENT, [sys.executable, "-c", _USE, net.hosts[name], file])
        assert told == "as it was written\n", told

    def is_on(self, name: str) -> bool:
        return self.premises.outlets.is_on(name)


@pytest.fixture(scope="module")
def follower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follower]:
    """One cluster for all; each test leaves it whole."""
    with ExitStack() as stack:
        try:
            need_tools({"curl": "curl"})
            premises = stack.enter_context(Premises(tmp_path_factory.mktemp("premises"), len(OLD), bare=False))
        except Unavailable as reason:
            unavailable(reason)
        yield Follower(premises)


@pytest.fixture
def it(follower: Follower) -> Follower:
    """All is well before, whatever another test has left."""
    follower.until_well()
    return follower


def test_a_bmc_refuses_its_password_until_the_secret_is_mended(it: Follower, tmp_path: Path) -> None:
    """INV-9: a server that is dead is not fenced, the service goes on, and the operator reads what the page quotes. By
    the page's own steps its devices answer again, it is fenced, and comes back. No server is started anew for it."""
    premises, said = it.premises, row(REFUSED).told()[-1]
    for node in OLD:
        premises.set_bmc(node, password=CHANGED)
    switched = list(premises.switch.log)
    with at_work(premises, tmp_path / "client.log") as waits:
        refused = it.mdsctl(f"fence test {DEAD}")
        assert refused.returncode == 1, refused.stdout
        assert refused.stdout.count(said) == len(OLD) - 1, refused.stdout
        stay_dead(it, DEAD)
        wait("MdsclusterFencingFailed has a reason", lambda: failed_attempts(it) > 0, WITHIN_S)
        assert said in it.mdsctl("fence history").stdout
        served = len(waits())
        wait("the service goes on", lambda: len(waits()) > served + 20, WITHIN_S)
        assert (it.is_on(DEAD), premises.switch.log) == (True, switched), "it counts as not fenced, rightly"
        pids = processes(it)

        (premises.srv / "files/secrets/bmc-password").write_text(CHANGED + "\n")
        it.render()
        it.copy()
        for heading in install_blocks(REFUSED):
            for name in OLD:
                it.install(name, heading)
        premises.sync()
        tested = it.mdsctl(f"fence test {DEAD}")
        assert tested.returncode == 0, tested.stdout + tested.stderr
        wait("it is fenced", lambda: "fenced" in it.kinds(DEAD), FENCED_WITHIN_S)
    it.until_well()
    wait("it is back", lambda: it.kinds(DEAD)[-1:] == ["back"], WITHIN_S)
    assert failed_attempts(it) == 0, "the alert goes"
    assert premises.switch.log == [*switched, (DEAD, "off"), (DEAD, "on")]
    assert processes(it) == pids


def stay_dead(it: Follower, name: str) -> None:
    """kill -9 of a metadata server whose unit is not started again, until its machine boots."""
    it.premises.machines[name].run(
        f"mkdir -p {STAYS.rpartition('/')[0]} && printf '[Service]\\nRestart=no\\n' >{STAYS}\n"
        f"systemctl daemon-reload && systemctl kill --signal=KILL {MDS_UNIT}"
    )


def failed_attempts(it: Follower) -> float:
    """What raises the alert: on any server that is left."""
    return max(
        (each for name in OLD if name != DEAD
         for each in it.told(name, "mdscluster_fencing_failed_attempts", server=DEAD)), default=0.0,
    )  # fmt: skip


def processes(it: Follower) -> list[str]:
    """Of the metadata servers that did not die."""
    return [it.premises.machines[name].unit(MDS_UNIT, "MainPID") for name in OLD if name != DEAD]


def test_a_device_that_lied_is_tried_by_hand(it: Follower) -> None:
    """INV-9: it said that a server was off which was only cut off. With an honest one in its place the page's own lines
    switch the machine off, which somebody sees, and on again; nobody fences it meanwhile."""
    premises = it.premises
    premises.set_bmc(LIED, LIAR)
    premises.net.isolate(LIED, keep=[BMC_HOST])
    wait("the device is believed", lambda: "fenced" in it.kinds(LIED), WITHIN_S)
    assert it.is_on(LIED)
    premises.net.heal()
    wait("it is found out", lambda: it.kinds(LIED)[-1:] == ["lied"], WITHIN_S)
    (at_s,) = it.told(OLD[0], "mdscluster_fencing_event_timestamp_seconds", server=LIED, kind="lied")
    assert at_s > 0, "MdsclusterFencingDeviceLied has a reason"
    it.until_well()
    premises.set_bmc(LIED)
    switched, decided = list(premises.switch.log), it.kinds(LIED).count("intent")

    def look() -> None:
        assert not it.is_on(LIED), "it is seen that the machine is off"
        assert premises.switch.log == [*switched, (LIED, "off")]

    def is_back() -> bool:
        return f"{len(OLD)} of {len(OLD)} metadata servers" in it.mdsctl("status").stdout

    history, tested, _, _, asked, *_ = it.page.follow(
        "MdsclusterFencingDeviceLied", may_fail=("(echo action=status",), NODE=LIED,
        before={"(echo action=status": look, "mdsctl node maintenance mds2 off": lambda: wait("up", is_back, WITHIN_S)},
        after={"(echo action=status": look},
    )  # fmt: skip
    assert re.search(rf"{LIED} +lied", history.told), history.told
    assert tested.told.count(" on ") == len(OLD) - 1, tested.told
    assert (asked.code, asked.told.splitlines()[0]) == (2, "Status: OFF")
    it.until_well()
    assert premises.switch.log == [*switched, (LIED, "off"), (LIED, "on")]
    assert it.kinds(LIED).count("intent") == decided, "in maintenance it is nobody's failure"


def test_a_damaged_certificate_is_copied_anew(it: Follower) -> None:
    """INV-7: a server's own is damaged, and a data server's copy of the CA's is gone, under running servers. What the
    alert's expression reads says so, and no more when the page was followed; nothing is restarted."""
    machines = it.premises.machines
    mine, theirs = expression("MdsclusterCertificateUnreadable")
    files = {(DAMAGED, mine, "own"): f"{DAMAGED}.pem", ("ds1", theirs, "ca"): "ca.pem"}
    units = {DAMAGED: MDS_UNIT, "ds1": "mdscluster-ds-ds1.service"}

    def unreadable() -> list[str]:
        """Where NaN is told, and where nothing is."""
        return [
            f"{server}: {label}" for server, metric, label in files
            if any(map(math.isnan, it.told(server, metric, certificate=label) or [math.nan]))
        ]  # fmt: skip

    it.copy()
    assert unreadable() == []
    pids = {server: machines[server].unit(unit, "MainPID") for server, unit in units.items()}
    good = {}
    for (server, _, _), file in files.items():
        path = f"/etc/mdscluster/{server}/{file}"
        good[path] = machines[server].run(f"cat {path}").stdout
        machines[server].run(f"echo damaged >{path}" if server == DAMAGED else f"rm {path}")
    wait("it is told", lambda: len(unreadable()) == len(files), WITHIN_S)
    it.until_well()

    it.copy()
    for server in units:
        for heading in install_blocks("MdsclusterCertificateUnreadable"):
            it.install(server, heading)
    wait("it is told no more", lambda: unreadable() == [], WITHIN_S)
    for (server, _, _), file in files.items():
        path = f"/etc/mdscluster/{server}/{file}"
        assert machines[server].run(f"cat {path}").stdout == good[path]
        assert machines[server].unit(units[server], "MainPID") == pids[server]
    it.until_well()


def expression(alert: str) -> list[str]:
    """The metrics that an alert's expression reads, each once, in order."""
    (found,) = re.findall(rf"- alert: {alert}\n(.*?)\n +for:", monitoring.rules(), re.DOTALL)
    return list(dict.fromkeys(re.findall(r"\bmdscluster_\w+", found.partition("expr:")[2])))


@pytest.mark.parametrize("what", [FOREIGN, WHOLE, OTHER])
def test_a_server_with_others_files_is_back_by_the_pages_steps(it: Follower, tmp_path: Path, what: str) -> None:
    """INV-2: one certificate of another server's, with which it does not start; all of another cluster's, or its name,
    with which it starts and follows nobody. Afterwards it serves data, too, and nothing is lost."""
    machine, etc = it.premises.machines[DAMAGED], f"/etc/mdscluster/{DAMAGED}"
    if what == OTHER:
        machine.run(f"sed -i 's/^name = \"files\"/name = \"other\"/' {etc}/{DAMAGED}.toml")
    for file, there in misplaced(it, tmp_path, what).items():
        (machine.folder / "misplaced").write_bytes(file.read_bytes())
        machine.run(f"cat /shared/misplaced >{etc}/{there}")  # owner and mode stay
    machine.run(f"systemctl restart {MDS_UNIT}", check=False)
    words = READ[what]
    assert words.replace(DAMAGED, "mds1") in row(what).says, "the page quotes it"
    wait("its log says what the page quotes", lambda: words in machine.journal(MDS_UNIT), WITHIN_S)
    if what == WHOLE:
        wait("so does mdsctl", lambda: "its certificate is not of this cluster" in it.mdsctl("status").stdout, WITHIN_S)

    do = row(what).do
    systemctl = dict(re.findall(r"`systemctl (\w+) ([^`]+)`", do))
    if "stop" in systemctl:
        machine.run(f"systemctl stop {systemctl['stop']}")
    if what == OTHER:
        assert do.startswith("mend the name or the addresses")
        machine.run(f"sed -i 's/^name = \"other\"/name = \"files\"/' {etc}/{DAMAGED}.toml")
    else:
        assert "copy the right host's folder again, run its INSTALL.md" in do
        it.copy()
        it.run_install(DAMAGED)
    if "restart" in systemctl:
        machine.run(f"systemctl restart {systemctl['restart']}")
    it.until_well()
    it.growing.mdsctl(f"leader transfer {DAMAGED}")  # from now on all go by what it has of the cluster's key
    for name in OLD[:2]:
        it.use(name, f"/{tmp_path.name}-{name}")
    it.until_well()
    assert it.growing.mdsctl("digest").splitlines()[-1] == "equal"


def misplaced(it: Follower, folder: Path, what: str) -> dict[Path, str]:
    """Each file that is not its server's, and where it is put."""
    if what == FOREIGN:
        return {it.premises.srv / "files/rendered" / OLD[0] / OLD[0] / f"{OLD[0]}.pem": f"{DAMAGED}.pem"}
    if what == OTHER:
        return {}
    render(load(it.premises.srv / "files/cluster.toml"), folder / "other")
    names = ("ca.pem", f"{DAMAGED}.pem", f"{DAMAGED}.key", "cluster.key")
    return {folder / "other" / DAMAGED / DAMAGED / name: name for name in names}


def test_what_a_fence_agent_calls_is_missing_until_it_is_installed(it: Follower) -> None:
    """The checks of INSTALL.md say what the page quotes. No package comes from Debian here: the program is put back."""
    machine, name = it.premises.machines[DAMAGED], DAMAGED
    machine.run("mv /usr/bin/ipmitool /usr/bin/ipmitool.away")
    with pytest.raises(AssertionError, match="fence_ipmilan calls /usr/bin/ipmitool, and that is not there: install"):
        it.install(name, "Checks")
    machine.run("mv /usr/bin/ipmitool.away /usr/bin/ipmitool")
    assert row(LACKING).do == "install it, run INSTALL.md"
    it.run_install(name)
