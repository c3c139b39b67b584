"""docs/DEPLOY.md from its first command to its last, on bare hosts: what it says is enough, and true.

Every marked block is taken out of the document and carried out as it stands there, in its order, by whom the document
names: the operator, each host's root (with its own INSTALL.md), a client's root. The client is a real Linux kernel.

**What is not as it would be** (tests/support/premises.py): hosts are namespaces that share this system's kernel and
``/usr``, so ``apt-get install`` finds its packages installed; pip takes them from a folder instead of PyPI, with the
hashes of the lock file; the programs are set up on one host, and the others get a copy of what came of it; ``ssh`` is a
door into a namespace. The inventory is the example with BMCs that exist; on five nodes, with two nodes more. How a
cluster grows from three to five is test_growing.py's, another CA test_operator.py's.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.units import MDS_UNIT
from tests.chaos.conftest import unavailable
from tests.kernel.rig import images
from tests.kernel.rig.vm import Guest, GuestSpec, Job
from tests.support import bmc, installing, simulators
from tests.support.cluster import ROOT
from tests.support.debian import Unavailable
from tests.support.guide import ANOTHER_CA, GROWING, Guide
from tests.support.premises import NETWORK, Premises

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long, pytest.mark.usefixtures("root")]

GUIDE = ROOT / "docs" / "DEPLOY.md"
STALL_S = 2.0
"""What DEPLOY.md promises to the program that writes."""
UP_WITHIN_S = 60.0
BACK_WITHIN_S = 40.0
AT_ONCE = 2
"""Hosts that are installed at the same time."""
COPY = "root@$host:/root/mdscluster/"
ADMIN_OCTET, USER_OCTET = 31, 32
_NODE = """
[[nodes]]
id = "mds{number}"
addresses = ["{network}.{octet}/24"]
interface = "eth0"

[[nodes.fencing]]
agent = "fence_ipmilan"
password_file = "secrets/bmc-password"
parameters = {{ ip = "{bmc}", username = "{user}", lanplus = true }}

[[vips]]
address = "{network}.{vip}/24"
preferred = "mds{number}"
"""
_WORK = """
import fcntl, os, time
with open("/mnt/projects/notes", "ab") as notes:
    fcntl.lockf(notes, fcntl.LOCK_EX)
    number = 0
    while not os.path.exists("/rig/enough"):
        begun = time.monotonic()
        notes.write(b"%06d\\n" % number)
        notes.flush()
        os.fsync(notes.fileno())
        os.mkdir(f"/mnt/projects/{number:06d}")
        number += 1
        print(f"{time.monotonic() - begun:.3f}", flush=True)
        time.sleep(0.05)
"""
_TRY_LOCK = """
import fcntl
try:
    fcntl.lockf(open("/mnt/projects/notes", "ab"), fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("granted")
except BlockingIOError:
    print("refused")
"""
MOUNTED = f"{NETWORK}.101"
AS_USER = "setpriv --reuid=1000 --regid=1000 --clear-groups"


class Reader:
    """Somebody who sets a cluster up by the document."""

    def __init__(self, premises: Premises) -> None:
        self.premises, self.guide = premises, Guide(GUIDE, but=(GROWING, ANOTHER_CA))
        self._begun = time.monotonic()
        self._copy = ""

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self._begun:6.1f} s  {what}", flush=True)

    def run(self, word: str) -> str:
        """The next block, on the operator's machine; what it was."""
        block = self.guide.take(word)
        done = self.premises.operator(block)
        assert done.returncode == 0, f"{block}{done.stdout}{done.stderr}"
        return block

    def look_until(self, word: str, within_s: float, holds: Callable[[str], bool]) -> None:
        """The next block, again until it ends with exit code 0 and says what it should."""
        block, end_s = self.guide.take(word), time.monotonic() + within_s
        while True:
            done = self.premises.operator(block)
            if done.returncode == 0 and holds(done.stdout):
                return
            assert time.monotonic() < end_s, f"not within {within_s:.0f} s:\n{block}{done.stdout}{done.stderr}"
            time.sleep(0.5)

    # ---- the chapters

    def write_inventory(self) -> None:
        self.run("cluster.example.toml")
        check = self.guide.take("deploy check")
        early = self.premises.operator(check)
        assert early.returncode == 2
        assert "must hold one line, the secret itself" in early.stderr, "the passwords have not been written yet"
        files = self.premises.srv / "files"
        (files / "secrets/bmc-password").write_text(simulators.PASSWORD + "\n")
        text = (files / "cluster.toml").read_text()
        (files / "cluster.toml").write_text(edited(text, self.premises))
        done = self.premises.operator(check)
        assert done.returncode == 0, done.stderr
        assert f"{len(self.premises.mds_ids)} metadata servers, 3 data servers" in done.stdout

    def install(self) -> None:
        """Chapters 2 to 4."""
        premises, first = self.premises, self.premises.mds_ids[0]
        self.run("deploy render")
        assert (premises.srv / "files/rendered").stat().st_mode & 0o077 == 0
        self.run("/opt/mdscluster/source/")
        block = self.guide.take("pip install", "sh host")
        premises.supply(first, block)
        self.say("packages are at hand")
        premises.host(first, block)
        premises.copy_programs(first)
        self.say("programs are installed")
        self._copy = self.run(COPY)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda name: self.follow(name, "sh"), premises.machines))
        for name in premises.machines:
            self.follow(name, "sh start")
        premises.sync()
        self.say("every host is installed")

    def follow(self, name: str, mark: str) -> None:
        """The blocks of this mark in the INSTALL.md of a host, there."""
        for block in installing.commands(self.premises.srv / "files/rendered" / name / "INSTALL.md", mark):
            self.premises.host(name, f"cd /root/mdscluster\n{block}")

    def renew_certificates(self) -> None:
        self.run("certs renew")
        done = self.premises.operator(self._copy)
        assert done.returncode == 0, done.stderr
        for name in self.premises.machines:
            self.follow(name, "sh renew")


def edited(text: str, premises: Premises, nodes: int = 0) -> str:
    """The example with what the document says is not the example's: the BMCs, no outlet, and more nodes (``nodes`` in
    all; 0: those of the premises)."""
    known = re.findall(r'ip = "(198\.51\.100\.\d+)"\nusername = "fence"', text)
    assert len(known) == 3, "the example has changed"
    for node, address in zip(premises.mds_ids, known, strict=False):
        text = text.replace(f'"{address}"\nusername = "fence"', f'"{premises.bmc(node)}"\nusername = "{bmc.USER}"')
    outlet = text.rindex("[[nodes.fencing]]")
    text = text[:outlet] + text[text.index("# -----", outlet) :]
    return text + "".join(another(premises, number) for number in range(4, (nodes or len(premises.mds_ids)) + 1))


def another(premises: Premises, number: int) -> str:
    """One node more, with its BMC and its service address."""
    return _NODE.format(
        number=number, network=NETWORK, octet=10 + number, bmc=premises.bmc(f"mds{number}"), user=bmc.USER,
        vip=100 + number,
    )  # fmt: skip


def all_is_well(premises: Premises, nodes: int = 0) -> Callable[[str], bool]:
    """Whether `mdsctl status` and `mdsctl vip` say that all servers are up and every address is at its node. ``nodes``:
    the metadata servers; 0: all of the premises."""
    ids = premises.mds_ids[: nodes or None]
    up = f"{len(ids)} of {len(ids)} metadata servers and 3 of 3 data servers up"
    preferred = {f"{NETWORK}.{101 + number}": name for number, name in enumerate(ids)}

    def told(said: str) -> bool:
        rows = [line.split() for line in said.splitlines() if line.startswith(f"{NETWORK}.")]
        return up in said and {row[0]: row[1] for row in rows} == preferred

    return told


@contextmanager
def guests(premises: Premises) -> Iterator[tuple[Guest, Guest]]:
    """A client whose root is root, and one whose root is nobody: real kernels with nothing mounted."""
    made = []
    try:
        for octet in (ADMIN_OCTET, USER_OCTET):
            guest = Guest(GuestSpec(octet, premises.net.switch, f"{NETWORK}.{octet}/24"))
            made.append(guest)
            guest.start()
            guest.wait_ready()
        yield made[0], made[1]
    finally:
        for guest in made:
            guest.kill()
            shutil.rmtree(guest.run_dir, ignore_errors=True)


def waits(job: Job) -> list[float]:
    """What each turn of the program has taken up to now."""
    return [float(line) for line in job.output().splitlines() if line.count(".") == 1]


def await_turns(job: Job, more: int, within_s: float = 60.0) -> int:
    """Until the program has done so many turns more; how many it has done."""
    wanted, end_s = len(waits(job)) + more, time.monotonic() + within_s
    while len(waits(job)) < wanted:
        assert not job.done(), job.output()
        assert time.monotonic() < end_s, f"the program stands still after {len(waits(job))} turns"
        time.sleep(0.05)
    return len(waits(job))


@pytest.fixture(params=[3, 5])
def premises(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Premises]:
    with ExitStack() as stack:
        try:
            images.setup()
            made = stack.enter_context(Premises(tmp_path, request.param))
        except Unavailable as reason:
            unavailable(reason)
        yield made


def test_the_guide_leads_from_bare_hosts_to_a_mounted_cluster_that_fails_over(premises: Premises) -> None:
    """INV-2, INV-5, INV-7: what a program wrote and locked outlives kill -9 of the server at the address it mounted."""
    reader = Reader(premises)
    reader.write_inventory()
    try:
        reader.install()
    except Unavailable as reason:
        unavailable(reason)
    nodes, told = len(premises.mds_ids), all_is_well(premises)
    reader.look_until("status", UP_WITHIN_S, lambda said: told(said) and said.count(" on ") >= nodes - 1)
    reader.say("the cluster serves")
    with guests(premises) as (admin, user):
        mount = reader.guide.take("mount -t nfs4", "sh client")
        admin.run(mount).check()
        admin.run(reader.guide.take("mkdir -p /mnt/projects", "sh client")).check()
        user.run(mount).check()
        assert user.run("mkdir /mnt/mine").status != 0, "nobody's root"
        turns = fail_over(reader, admin, user)
        reader.renew_certificates()
        written = user.run("cat /mnt/projects/notes").check().split()
        assert written == [f"{number:06d}" for number in range(turns)]
        made = user.run("cd /mnt/projects && ls -d [0-9]*").check().split()
        assert made == written
    premises.host("ds3", reader.guide.take("no-longer-wanted all", "sh host"))
    state = premises.host("ds3", "systemctl show --value -p ActiveState,UnitFileState mdscluster-ds-ds3.service")
    assert state.split() == ["inactive"], "stopped, and there is no unit any more that a boot would start"
    assert reader.guide.left() == [], "this test knows nothing of these commands"


def fail_over(reader: Reader, worker: Guest, watcher: Guest) -> int:
    """Chapter 6 while a program writes and holds a lock; how many turns it did."""
    premises = reader.premises
    for guest, name, program in ((worker, "work.py", _WORK), (watcher, "try.py", _TRY_LOCK)):
        (guest.run_dir / name).write_text(program)
    job = worker.spawn(f"{AS_USER} python3 /rig/work.py")
    reached = await_turns(job, 20)
    holder = premises.holders(MOUNTED)[0]
    before = premises.machines[holder].unit(MDS_UNIT, "MainPID")
    premises.host(holder, reader.guide.take("KILL", "sh host"))
    begun = time.monotonic()
    while premises.holders(MOUNTED) in ([], [holder]):
        assert time.monotonic() < begun + STALL_S, "the address does not move"
        time.sleep(0.01)
    moved_s = time.monotonic() - begun
    await_turns(job, 20)
    first = max(waits(job)[reached:])
    try_lock = f"{AS_USER} python3 /rig/try.py"
    assert watcher.run(try_lock).check().strip() == "refused"
    reader.look_until("status", BACK_WITHIN_S, all_is_well(premises))
    assert premises.machines[holder].unit(MDS_UNIT, "MainPID") not in ("0", before)
    await_turns(job, 20)
    (worker.run_dir / "enough").touch()
    job.wait().check()
    took = waits(job)
    reader.say(
        f"kill -9 of {holder}: its address was elsewhere after {moved_s:.2f} s; the program waited {first:.2f} s then, "
        f"{max(took):.2f} s at most"
    )
    assert max(took) < STALL_S
    assert watcher.run(try_lock).check().strip() == "granted"
    return len(took)
