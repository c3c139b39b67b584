"""An inventory becomes a cluster that serves: rendered, installed by the commands of INSTALL.md, run by a real systemd.

Three machines of namespaces (tests/support/machine.py), each with a metadata and a data server, keepalived, the packet
filter rule, and every unit as it is rendered: what the sandbox forbids, the servers would miss here.
"""

from __future__ import annotations

import functools
import json
import shutil
import statistics
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import keepalived, units
from deploy.reading import load
from deploy.render import render
from tests.chaos.conftest import unavailable
from tests.support import runbook
from tests.support.cluster import OPERATOR
from tests.support.debian import Unavailable
from tests.support.installed import (
    NODES,
    Site,
    await_all_fit,
    carry_out,
    copy_rendered,
    health,
    installed,
    inventory,
    succeed,
    wait,
    waits_around,
)
from tests.support.machine import BIN_DIR

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

STALL_S = 2.0
"""What the service promises for any single fault."""
PLANNED_S = 0.2
"""The same for what is planned, at best: keepalived alone takes 0.06 to 0.12 s, and clients are served meanwhile."""
DEMOTED_S = 0.2
"""From kill -9 of the metadata server until keepalived has let go of the address: the median of several."""
DEMOTED_S_MAX = 1.0
"""One of them, on machines that share two processors with all else."""
_DEMOTED = """
import os, sys, time

def fit():
    with open(sys.argv[3]) as file:
        return file.read().strip() == "0"

def here():
    with open("/proc/net/fib_trie") as file:
        return f"-- {sys.argv[2]}\\n" in file.read()

assert fit() and here()
told = gone = None
began = time.monotonic()
os.kill(int(sys.argv[1]), 9)
while told is None or gone is None:
    if told is None and not fit():
        told = time.monotonic() - began
    if gone is None and not here():
        gone = time.monotonic() - began
    assert time.monotonic() - began < 5, (told, gone)
    time.sleep(0.001)
print(told, gone)
"""
_WRITER = """
import asyncio, sys
from nfsclient import Client
from nfswire import nfs4

async def main():
    async with await Client.connect([(sys.argv[1], 2049)]) as client:
        file = await client.open("/data", create=nfs4.UNCHECKED4)
        await file.write(0, b"x" * 5_000_000, nfs4.UNSTABLE4)
        await file.truncate(3_000_000)
        assert bytes(await file.read(0, 4_000_000)) == b"x" * 3_000_000
        await file.close()
        print(client.stats)

asyncio.run(main())
"""

_HOLDER = """
import asyncio, sys
from nfsclient import Client
from nfswire import nfs4

async def main():
    async with await Client.connect([(sys.argv[1], 2049)]) as client:
        await client.open("/held", create=nfs4.UNCHECKED4)
        print("it is open", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
_PRIORITIES = """
import os

def told(act):
    try:
        return act()
    except OSError as problem:
        return type(problem).__name__

acts = (lambda: os.nice(10), lambda: os.nice(-1), lambda: os.sched_setaffinity(0, {0}))
print("priorities:", *map(told, acts))
"""


_DELETER = """
import asyncio, sys
from nfsclient import Client

async def main():
    async with await Client.connect([(sys.argv[1], 2049)]) as client:
        await client.remove("/data")

asyncio.run(main())
"""
BACK_WITHIN_S = 5.0
"""A data server joins within a heartbeat or two of its start."""


class Moved:
    """How long the address takes to be on another machine, and on no other."""

    def __init__(self, site: Site, holder: str) -> None:
        self.site, self.holder = site, holder
        self.taken_s = 0.0

    def after(self, script: str) -> None:
        self.site.machines[self.holder].run(script)
        began = time.monotonic()
        wait("another machine has the address", lambda: self.site.holders() not in ([], [self.holder]), 5.0)
        self.taken_s = time.monotonic() - began


def answer(site: Site, *words: str) -> Any:
    """The JSON that a command answers."""
    done = site.mdsctl(*words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def clients(site: Site) -> set[str]:
    return {client["client_id"] for client in answer(site, "clients", "list")["clients"]}


def is_level_raised(node: dict[str, Any]) -> bool:
    return bool(node["feature_level"] == node["feature_level_known"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Rendered, installed and serving."""
    try:
        with installed(tmp_path_factory.mktemp("site"), "mdd", "[metrics]\nenabled = true\n") as made:
            yield made
    except Unavailable as reason:
        unavailable(reason)


def test_a_client_writes_and_reads_by_the_service_address(site: Site) -> None:
    """INV-10: metadata by the address that keepalived holds, data striped over the data servers, a cut by control."""
    said, _ = site.client(_WRITER).communicate(timeout=60)
    assert "Stats" in said or "stats" in said.lower(), said
    for number in (1, 2, 3):
        assert site.machines[f"mds{number}"].unit(f"mdscluster-ds-ds{number}.service", "NRestarts") == "0"
        assert site.machines[f"mds{number}"].unit(units.MDS_UNIT, "NRestarts") == "0"


def test_servers_run_as_their_own_users_with_what_they_need_and_no_more(site: Site) -> None:
    machine = site.machines["mds1"]
    for unit, user, capabilities in (
        (units.MDS_UNIT, "mdscluster", 1 << 13),  # CAP_NET_RAW
        (units.GUARD_UNIT, "mdscluster", 0),
        ("mdscluster-ds-ds1.service", "mdscluster-ds", 0),
    ):
        pid = machine.unit(unit, "MainPID")
        status = machine.run(f"cat /proc/{pid}/status; stat -c %U /proc/{pid}").stdout
        found = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        assert status.splitlines()[-1] == user
        for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            assert int(found[kind], 16) == capabilities, (unit, kind)
        assert found["NoNewPrivs"].strip() == "1"
        assert found["Seccomp"].strip() == "2"
    assert "CAP_NET_RAW" not in machine.journal(units.MDS_UNIT), "it says so when it lacks the capability"
    log = machine.journal(units.MDS_UNIT)
    assert "Traceback" not in log, log


def test_secrets_are_readable_by_their_service_only(site: Site) -> None:
    machine = site.machines["mds1"]
    for name, user in (("mds1", "mdscluster"), ("ds1", "mdscluster-ds")):
        listed = machine.run(f"stat -c '%a %U' /etc/mdscluster/{name}/{name}.key /etc/mdscluster/{name}/cluster.key")
        assert listed.stdout.splitlines() == [f"600 {user}"] * 2
    other = machine.run("runuser -u mdscluster-ds -- cat /etc/mdscluster/mds1/mds1.pem", check=False)
    assert other.returncode != 0


def test_a_backup_may_give_way_and_nobody_may_push_forward(site: Site) -> None:
    """What the metadata server's sandbox lets its processes do with priorities, as the kernel answers it."""
    machine = site.machines["mds1"]
    unit = machine.run(f"cat /etc/systemd/system/{units.MDS_UNIT}").stdout.splitlines()
    kinds = ("SystemCall", "NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "User", "Nice")
    sandbox = "\n".join(line for line in unit if line.startswith(kinds))
    (machine.folder / "probe.service").write_text(
        f"[Service]\nType=oneshot\n{sandbox}\nExecStart={BIN_DIR}/python3 /run/probe.py\n"
    )
    (machine.folder / "probe.py").write_text(_PRIORITIES)
    machine.run("install -m 0644 /shared/probe.py /run/ && install -m 0644 /shared/probe.service /run/systemd/system/")
    machine.run("systemctl start probe.service", check=False)
    wait("the probe has told", lambda: "priorities: " in machine.journal("probe.service"), 10.0)
    assert "priorities: 5 PermissionError PermissionError" in machine.journal("probe.service")


def test_what_an_operator_asks_of_servers_in_their_sandbox(site: Site, tmp_path: Path) -> None:
    """INV-8: a backup whose digest is right; members, data servers, a client that has to go."""
    assert [member["id"] for member in answer(site, "member", "list")["members"]] == list(NODES)
    backup = str(tmp_path / "backup")
    made = answer(site, "backup", "create", backup)
    assert answer(site, "backup", "verify", backup)["digest"] == made["digest"]
    wait("all that this release knows is in use", lambda: all(map(is_level_raised, answer(site, "nodes")["nodes"])))
    for off in (False, True):
        answer(site, "ds", "drain", "ds2", *(["--off"] if off else []))
        drained = {each["id"]: each["drained"] for each in answer(site, "ds", "list")["data_servers"]}
        assert drained == {"ds1": False, "ds2": not off, "ds3": False}
    before = clients(site)
    holder = site.client(_HOLDER)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "it is open\n"
        (client,) = clients(site) - before
        assert answer(site, "clients", "evict", client) == {"client_id": client, "evicted": True}
        assert client not in clients(site)
    finally:
        holder.kill()
        holder.communicate()


def test_a_support_bundle_and_the_logs_of_the_hosts(site: Site, tmp_path: Path) -> None:
    """What docs/RUNBOOK.md has collected, by its own lines: all of it is there, and no secret."""
    bundle, line = tmp_path / "bundle.tar.gz", runbook.commands()["MdsclusterForbiddenStatusSent"][-1]
    found = answer(site, "support-bundle", str(bundle))
    assert [name.split()[0] for name in found["missing"]] == ["logs"], found["missing"]
    assert line in "".join(found["missing"].values()), "the command says how they are taken along"
    told = {"status", "nodes", "members", "vip", "fence", "digest", "clients", "sessions", "layouts", "locks"}
    assert {f"{each}.json" for each in told} | {"cluster.json", "missing.json"} <= {*found["contents"]}
    for name in NODES:
        server = name.replace("mds", "ds")
        rendered = {f"{name}/{name}.toml", f"{server}/{server}.toml", units.MDS_UNIT, "keepalived.conf"}
        wanted = {f"rendered/{name}/{file}" for file in rendered} | {f"{name}/metrics.txt", f"{server}/metrics.txt"}
        assert wanted <= {*found["contents"]}
    secrets = [path.read_bytes().strip() for path in site.out.rglob("*.key")]
    assert len(secrets) > 10
    with tarfile.open(bundle) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            assert content is not None
            text = content.read()
            assert text
            assert not any(secret in text for secret in (*secrets, b"PRIVATE KEY")), entry.name
    for name, machine in site.machines.items():
        told_there = machine.run(f"cd /tmp && {line} && zcat {name}.log.gz").stdout
        ds_unit = f"mdscluster-ds-{name.replace('mds', 'ds')}.service"
        for unit in (units.MDS_UNIT, units.GUARD_UNIT, ds_unit, "keepalived.service"):
            logged = machine.journal(unit).splitlines()
            assert logged, unit
            assert logged[0] in told_there, unit


def test_a_killed_server_gives_the_address_away_and_comes_back(site: Site) -> None:
    """INV-2, INV-7: kill -9 of the metadata server that has the address; the unit says so to keepalived at once."""
    holder = site.holders()[0]
    machine = site.machines[holder]
    before = machine.unit(units.MDS_UNIT, "MainPID")
    moved = Moved(site, holder)
    waits = waits_around(site, "killed", lambda: moved.after(f"kill -9 {before}"))
    print(f"kill -9: address moved after {moved.taken_s:.2f} s, longest wait {max(waits):.3f} s")
    assert max(waits) < STALL_S
    assert site.holders() != [holder]
    assert len(site.holders()) == 1, "the killed server's machine let go of it"
    wait("systemd has started it again", lambda: machine.unit(units.MDS_UNIT, "MainPID") not in ("0", before))
    await_all_fit(site)


def test_a_killed_server_is_demoted_within_its_time(site: Site) -> None:
    """INV-7: kill -9 where the address is: the file says so, and keepalived has taken the address off."""
    told: list[float] = []
    gone: list[float] = []
    for _ in range(5):
        (holder,) = site.holders()
        machine = site.machines[holder]
        (machine.folder / "demoted.py").write_text(_DEMOTED)
        pid = machine.unit(units.MDS_UNIT, "MainPID")
        done = machine.run(f"{BIN_DIR}/python3 /shared/demoted.py {pid} {site.vip} {keepalived.HEALTH_FILE}")
        for times, text in zip((told, gone), done.stdout.split(), strict=True):
            times.append(float(text))
        wait("systemd has started it again", lambda m=machine, p=pid: m.unit(units.MDS_UNIT, "MainPID") not in ("0", p))  # type: ignore[misc]
        await_all_fit(site)
    for what, times in (("the file says so", told), ("the address is off", gone)):
        print(f"kill -9: {what} after {', '.join(f'{each * 1000:.0f}' for each in sorted(times))} ms")
        assert statistics.median(times) < DEMOTED_S, what
        assert max(times) < DEMOTED_S_MAX, what


@pytest.mark.parametrize("whom", ["all", "main"])
def test_a_frozen_server_gives_the_address_away_and_is_started_anew(site: Site, whom: str) -> None:
    """INV-2, INV-7: SIGSTOP of the metadata server that has the address, of all its processes or of consensus alone.

    keepalived goes on, and so does the guard: it takes the address, then ends what stands still, and systemd starts it.
    """
    holder = site.holders()[0]
    machine = site.machines[holder]
    before = machine.unit(units.MDS_UNIT, "MainPID")
    guard = machine.unit(units.GUARD_UNIT, "MainPID")
    moved = Moved(site, holder)
    stop = f"systemctl kill --kill-whom={whom} --signal=STOP {units.MDS_UNIT}"
    waits = waits_around(site, f"frozen-{whom}", lambda: moved.after(stop))
    print(f"SIGSTOP of {whom}: address moved after {moved.taken_s:.2f} s, longest wait {max(waits):.3f} s")
    assert max(waits) < STALL_S
    assert len(site.holders()) == 1, "the frozen server's machine let go of it"
    wait("systemd has started it again", lambda: machine.unit(units.MDS_UNIT, "MainPID") not in ("0", before))
    assert "the node is ended" in machine.journal(units.GUARD_UNIT)
    assert machine.unit(units.GUARD_UNIT, "MainPID") == guard, "it is another unit's business"
    await_all_fit(site)


def test_a_killed_guard_takes_the_address_with_it_and_nothing_else(site: Site) -> None:
    """Nobody vouches for the node then; its clients' requests are answered at another one, and it goes on serving."""
    holder = site.holders()[0]
    machine = site.machines[holder]
    server, guard = (machine.unit(unit, "MainPID") for unit in (units.MDS_UNIT, units.GUARD_UNIT))
    moved = Moved(site, holder)
    waits = waits_around(site, "unguarded", lambda: moved.after(f"kill -9 {guard}"))
    print(f"guard killed: address moved after {moved.taken_s:.2f} s, longest wait {max(waits):.3f} s")
    assert max(waits) < STALL_S
    assert machine.unit(units.MDS_UNIT, "MainPID") == server
    wait("a new guard runs", lambda: machine.unit(units.GUARD_UNIT, "MainPID") not in ("0", guard))
    await_all_fit(site)


def test_a_frozen_guard_is_killed_by_its_own_watchdog(site: Site) -> None:
    """While it is frozen its file says what it said last: for no longer than WatchdogSec."""
    machine = next(machine for name, machine in site.machines.items() if name not in site.holders())
    guard = machine.unit(units.GUARD_UNIT, "MainPID")
    machine.run(f"kill -STOP {guard}")
    wait("a new guard runs", lambda: machine.unit(units.GUARD_UNIT, "MainPID") not in ("0", guard), 8.0)
    await_all_fit(site)


def test_maintenance_moves_address_and_leadership_and_hardly_anybody_notices(site: Site) -> None:
    """INV-7: of the node that has both; the address goes first.

    The best of three rounds: what the rest of the machine is at may cost the others more. All are printed.
    """
    longest = []
    for number in range(3):
        holder = site.holders()[0]
        succeed(site, "leader", "transfer", holder)
        assert site.mdsctl("vip").stdout.splitlines()[1].split()[:2] == [site.vip, holder]
        maintain = functools.partial(succeed, site, "node", "maintenance", holder, "on")
        waits = waits_around(site, f"maintained-{number}-", maintain)
        assert site.holders() not in ([], [holder])
        print(f"maintenance: longest wait {max(waits):.3f} s")
        longest.append(max(waits))
        succeed(site, "node", "maintenance", holder, "off")
        await_all_fit(site)
    assert min(longest) < PLANNED_S, longest
    assert statistics.median(longest) < STALL_S, longest


def test_a_server_that_is_stopped_gives_the_address_away_first(site: Site) -> None:
    """INV-7: systemctl stop. Clients are served until the address has left."""
    holder = site.holders()[0]
    machine = site.machines[holder]
    moved = Moved(site, holder)
    waits = waits_around(site, "stopped", lambda: moved.after(f"systemctl stop {units.MDS_UNIT}"))
    print(f"systemctl stop: longest wait {max(waits):.3f} s")
    assert max(waits) < STALL_S
    assert site.holders() not in ([], [holder])
    machine.run(f"systemctl start {units.MDS_UNIT}")
    await_all_fit(site)


def test_a_killed_keepalived_leaves_no_address_behind(site: Site) -> None:
    """INV-6: of two machines with the address only one is reached. Here the other one does not keep it."""
    holder = site.holders()[0]
    machine = site.machines[holder]
    machine.run("kill -9 $(pidof keepalived)")
    wait("one other machine has the address", lambda: len(found := site.holders()) == 1 and found != [holder], 5.0)
    wait("keepalived runs again", lambda: machine.unit("keepalived.service", "ActiveState") == "active")
    assert site.holders() != [holder], "with a single address nobody takes it back (nopreempt)"


def test_the_notify_script_tells_who_has_the_address(site: Site) -> None:
    name = f"vip_{site.vip}"
    holder = site.holders()[0]
    for machine in site.machines.values():
        state = machine.run(f"cat {keepalived.VIP_STATE_DIR}/{name}").stdout.split()[0]
        assert (state == "MASTER") == (machine.name == holder), machine.name
    logged = site.machines[holder].run("journalctl --no-pager -t mdscluster-vip -o cat").stdout
    assert f"{name} is MASTER" in logged


def test_renewed_certificates_reach_running_servers(site: Site) -> None:
    """By the commands of INSTALL.md; nothing is restarted, and the next connection finds the new certificate."""
    pids = {name: machine.unit(units.MDS_UNIT, "MainPID") for name, machine in site.machines.items()}
    assert site.mdsctl("certs", "renew", "--out", str(site.out), "--all").returncode == 0
    copy_rendered(site)
    for name in NODES:
        carry_out(site, name, "sh renew")
    wanted = {name: (site.out / name / name / f"{name}.pem").read_text() for name in NODES}
    for name, machine in site.machines.items():
        assert machine.run(f"cat /etc/mdscluster/{name}/{name}.pem").stdout == wanted[name]
        where = f"-connect {site.net.network}.{NODES[name]}:20690 -CAfile {site.out}/pki/ca.pem"
        own = f"-cert {site.out}/pki/admin.pem -key {site.out}/pki/admin.key"
        look = f"openssl s_client {where} {own} -alpn h2 </dev/null 2>/dev/null | openssl x509"
        assert site.net.run(OPERATOR, ["sh", "-c", look]) == wanted[name]
    assert pids == {name: machine.unit(units.MDS_UNIT, "MainPID") for name, machine in site.machines.items()}


def test_a_configuration_that_cannot_work_is_not_tried_again_and_again(site: Site) -> None:
    """Exit code 2 ends it; the reason is in its log, and the address is not on that machine."""
    machine = next(machine for name, machine in site.machines.items() if name not in site.holders())
    file = f"/etc/mdscluster/{machine.name}/{machine.name}.toml"
    machine.run(f"cp {file} {file}.good && sed -i 's/^log_level.*/log_level = \"loud\"/' {file}")
    machine.run(f"systemctl restart {units.MDS_UNIT}", check=False)
    wait("it has failed", lambda: machine.unit(units.MDS_UNIT, "ActiveState") == "failed", 15.0)
    time.sleep(1.5)
    assert machine.unit(units.MDS_UNIT, "ExecMainStatus") == "2"
    assert machine.unit(units.MDS_UNIT, "NRestarts") in ("0", "1")
    assert "log_level is 'loud': it must be one of" in machine.journal(units.MDS_UNIT)
    assert health(machine) == str(keepalived.UNFIT)
    machine.run(f"mv {file}.good {file} && systemctl restart {units.MDS_UNIT}")
    wait("all are back", lambda: site.mdsctl("status").stdout.count("DOWN") == 0)


def test_servers_whose_address_is_not_up_yet_wait_for_it(site: Site) -> None:
    """As at a boot where the switch is slower than the servers. Each is started again, not faster than about
    every second, and serves when the address is there."""
    name = next(name for name in site.machines if name not in site.holders())
    machine, address = site.machines[name], f"{site.net.network}.{NODES[name]}/24"
    both = [units.MDS_UNIT, f"mdscluster-ds-ds{[*NODES].index(name) + 1}.service"]
    machine.run(f"systemctl stop {' '.join(both)}")
    site.net.run(name, ["sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=0"])
    site.net.run(name, ["ip", "address", "del", address, "dev", "eth0"])
    try:
        machine.run(f"systemctl start {' '.join(both)}")
        began = time.monotonic()
        time.sleep(6.0)
        for unit in both:
            tries, waited_s = int(machine.unit(unit, "NRestarts")), time.monotonic() - began
            assert 1 <= tries <= waited_s / 0.9, unit
            assert machine.unit(unit, "ExecMainStatus") in ("0", "71"), unit  # 0: it runs in this moment
            assert machine.unit(unit, "ActiveState") != "failed", unit
            assert "its unit starts it again until it serves" in machine.journal(unit)
        assert health(machine) == str(keepalived.UNFIT)
    finally:
        site.net.run(name, ["ip", "address", "add", address, "brd", "+", "dev", "eth0"])
        site.net.run(name, ["sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1"])
    wait("all are back", lambda: site.mdsctl("status").stdout.count("DOWN") == 0)
    wait("its servers stay", lambda: all(machine.unit(unit, "ActiveState") == "active" for unit in both))
    await_all_fit(site)


def test_a_new_cluster_of_a_backup_by_nobody_but_the_service_user(site: Site, tmp_path: Path) -> None:
    """INV-8: as docs/OPERATIONS.md says. What root would make the servers could not open: it is refused, and nothing
    has changed."""
    backup = tmp_path / "backup"
    answer(site, "backup", "create", str(backup))
    for machine in site.machines.values():
        machine.run(f"systemctl stop {units.MDS_UNIT}")
    for name, machine in site.machines.items():
        shutil.copy(backup, machine.folder / "backup")
        machine.run("install -m 0600 -o mdscluster -g mdscluster /shared/backup /tmp/backup")
        config = f"/etc/mdscluster/{name}/{name}.toml"
        restore = f"{BIN_DIR}/python3 -m mdscluster.mdsctl backup restore /tmp/backup --config {config} --set-aside"
        rejoin = f"{BIN_DIR}/mdscluster rejoin --config {config} --set-aside"
        listing = f"find /var/lib/mdscluster/{name} -printf '%p %U %s %T@\\n' | sort"
        before = machine.run(listing).stdout
        for command in (restore, rejoin):
            refused = machine.run(command, check=False)
            assert refused.returncode == 2, refused.stdout + refused.stderr
            assert "runuser -u mdscluster -- " in refused.stderr
        assert machine.run(listing).stdout == before
        machine.run(f"runuser -u mdscluster -- {restore}")
    for machine in site.machines.values():
        machine.run(f"systemctl start {units.MDS_UNIT}")
    wait("it serves again", lambda: site.mdsctl("status").stdout.count(" up ") >= len(NODES), 60.0)
    await_all_fit(site)


def test_a_data_server_that_was_taken_away_does_not_come_back_with_the_next_boot(site: Site, tmp_path: Path) -> None:
    """INV-10: by the commands of DEPLOY.md. Were its unit still enabled, it would join as a new one, and get files."""
    unit = "mdscluster-ds-ds3.service"
    machine = site.machines["mds3"]
    told, _ = site.client(_DELETER).communicate(timeout=60)
    assert told == "", told
    succeed(site, "ds", "drain", "ds3")
    wait("no file is left there", lambda: "no file has data there" in site.mdsctl("ds", "drain", "ds3").stdout)
    text = inventory(site.net)
    third = text.index('[[data_servers]]\nid = "ds3"')
    (tmp_path / "cluster.toml").write_text(text[:third] + text[text.index("[[vips]]") :])
    render(load(tmp_path / "cluster.toml"), site.out)
    copy_rendered(site)
    carry_out(site, "mds3", "sh clear")
    assert machine.unit(unit, "LoadState") == "not-found"
    assert machine.unit(unit, "ActiveState") == "inactive"
    wait("it counts as down, and is removed", lambda: site.mdsctl("ds", "remove", "ds3").returncode == 0)
    machine.run("systemctl daemon-reload; systemctl start multi-user.target")  # what a boot starts
    time.sleep(BACK_WITHIN_S)
    listed = site.mdsctl("ds", "list").stdout
    assert "ds2" in listed
    assert "ds3" not in listed
    assert machine.unit(units.MDS_UNIT, "ActiveState") == "active", "the metadata server there goes on"


def test_after_all_that_the_replicas_agree(site: Site) -> None:
    """INV-8."""
    digests = site.mdsctl("digest")
    assert (digests.returncode, digests.stdout.splitlines()[-1]) == (0, "equal"), digests.stdout
