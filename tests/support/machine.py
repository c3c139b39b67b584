"""Machines with a systemd of their own: namespaces over this system's files, of which they change only copies.

A machine has its own processes, mounts, cgroups, host name, and the network namespace it is given. Its root is an
overlay: in memory, and whatever is installed, enabled or written there is gone with it; or on a disk of its own, which
it finds again when it boots anew, as a host does: what was enabled then starts by itself. The kernel's settings cannot
be changed from inside, but, where a test asks for that, those of its network, which are its own. Of this system's own
services only the journal runs (and, with a disk, what fills /run).
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from types import TracebackType

from tests.support.debian import Unavailable, is_root, need_tools

TOOLS = {"unshare": "util-linux", "nsenter": "util-linux", "systemctl": "systemd", "ip": "iproute2"}
ROOT = Path(__file__).resolve().parents[2]
BIN_DIR = "/opt/mdscluster/bin"
_BOOT_S = 60.0
_END_S = 5.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin", "LC_ALL": "C", "HOME": "/root"}
"""A root's folders as Debian has them; ``/usr/local/bin`` last, where this system may have a Python of its own."""
_NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
_GROUPS = r"""
set -eu
# Every hierarchy of control groups: those that are mounted, and the unified one.
mount --make-rprivate /
mkdir -p "$1/unified" && mount -t cgroup2 cgroup2 "$1/unified" || rmdir "$1/unified"
trees="$1/unified $(echo /sys/fs/cgroup/*)"
group=$2
"""
_ENTER = r"""
for tree in $trees; do
    [ -e "$tree/cgroup.procs" ] || continue
    mkdir -p "$tree/$group"
    for file in cpuset.cpus cpuset.mems; do
        [ ! -e "$tree/$group/$file" ] || cat "$tree/$file" >"$tree/$group/$file" 2>/dev/null || true
    done
    # A machine has CPUs of its own. Here it shares two with all others and with every client, and a whole group of
    # processes would get no more of them than any one of those.
    for file in cpu.shares:8192 cpu.weight:800; do
        [ ! -e "$tree/$group/${file%:*}" ] || echo "${file#*:}" >"$tree/$group/${file%:*}"
    done
    echo $$ >"$tree/$group/cgroup.procs"
done
shift 2
exec "$@"
"""
_LEAVE = r"""
for tree in $trees; do
    [ ! -d "$tree/$group" ] || find "$tree/$group" -depth -type d -exec rmdir {} +
done
"""
_INIT = r"""
set -eu
place=$1 name=$2 source=$3 packages=$4 shared=$5 python=$6 version=$7 disk=$8 network=$9
[ -n "$disk" ] || { mount -t tmpfs -o mode=0755 tmpfs "$place"; disk=$place; }
mkdir -p "$disk/up" "$disk/work" "$disk/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$disk/up,workdir=$disk/work" "$disk/root"
cd "$disk/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys && mount -o remount,ro,bind proc/sys
[ -z "$network" ] || { mount --bind proc/sys/net proc/sys/net && mount -o remount,rw,bind proc/sys/net; }
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=0755 tmpfs sys/fs/cgroup
mkdir sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd 2>/dev/null || {
    umount sys/fs/cgroup
    mount -t cgroup2 cgroup2 sys/fs/cgroup
}
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
for node in null zero full random urandom tty; do
    touch "dev/$node" && mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/shm dev/pts && mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts && ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
hostname "$name"
mkdir -p opt/python opt/source opt/packages shared mnt/before
for pair in "$python:python" "$source:source" "$packages:packages"; do
    mount --bind "${pair%%:*}" "opt/${pair##*:}" && mount -o remount,ro,bind "opt/${pair##*:}"
done
mount --bind "$shared" shared
if [ ! -e etc/systemd/system/machine.target ]; then
    echo "$name" >etc/hostname
    # Only what a test asks for: neither udev nor sysctl nor a clock's keeper belongs to one that shares its kernel.
    rm -rf usr/lib/systemd/system/*.target.wants etc/systemd/system/*.wants
    mkdir -p etc/systemd/system-generators
    ln -s /dev/null etc/systemd/system-generators/systemd-sysv-generator
    # A release as it would be installed: an environment of its own, readable by all users.
    mkdir -p opt/mdscluster/bin "opt/mdscluster/lib/$version/site-packages"
    ln -s /opt/python/bin/python3 opt/mdscluster/bin/python3
    printf 'home = /opt/python/bin\n' >opt/mdscluster/pyvenv.cfg
    printf '/opt/source\n/opt/packages\n' >"opt/mdscluster/lib/$version/site-packages/release.pth"
    for program in mdscluster:mdscluster.cli dataserver:dataserver.cli mdsctl:mdscluster.mdsctl; do
        file=opt/mdscluster/bin/${program%%:*}
        printf '#!/opt/mdscluster/bin/python3\nimport sys\nfrom %s import main\nsys.exit(main())\n' "${program##*:}" \
            >"$file"
        chmod 0755 "$file"
    done
    # An interpreter that is not Debian's own finds its library by a path that is hidden from services.
    [ "$python" = /usr ] || { echo /opt/python/lib >etc/ld.so.conf.d/000-python.conf && ldconfig -r .; }
    wants=systemd-journald.service
    [ "$disk" = "$place" ] || wants="$wants systemd-tmpfiles-setup.service multi-user.target"
    printf '[Unit]\nWants=%s\n' "$wants" >etc/systemd/system/machine.target
fi
chmod 0755 .
export container=mdscluster-test
# No chroot(2): in one, services could have no user namespace of their own.
pivot_root . mnt/before && cd / && umount --lazy mnt/before
exec /lib/systemd/systemd --system --unit=machine.target --log-target=journal --show-status=0
"""


class Machine:
    """``with Machine("mds1", folder, netns) as machine``: systemd is up. ``folder`` is ``/shared`` inside."""

    def __init__(
        self, name: str, folder: Path, netns: str, disk: Path | None = None, *, sets_network: bool = False
    ) -> None:
        """``netns``: the name of a network namespace that is there. ``disk``: a mounted file system for its root.
        ``sets_network``: sysctl(8) may change what is below ``net``."""
        self.name, self.folder, self.netns, self.disk = name, folder, netns, disk
        self._sets_network = sets_network
        self._outer: subprocess.Popen[bytes] | None = None
        self._followers: list[subprocess.Popen[bytes]] = []
        self._pid = 0
        self._group = f"machine-{os.getpid()}-{name}"
        self._is_littered = False

    def __enter__(self) -> Machine:
        if not is_root():
            raise Unavailable("machines of namespaces need root")
        need_tools(TOOLS)
        self.boot()
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether anything of it is there."""
        return self._outer is not None

    def boot(self) -> None:
        """Power on: the first time, or after ``stop``. Unavailable when it does not come up."""
        assert self._outer is None, f"{self.name} runs already"
        self._clear_away()
        self._pid = 0
        place = self.folder / "machine"
        place.mkdir(parents=True, exist_ok=True)
        packages = sysconfig.get_path("purelib")
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        network = "yes" if self._sets_network else ""
        given = (place, self.name, ROOT, packages, self.folder, sys.base_prefix, version, self.disk or "", network)
        init = ["sh", "-c", _INIT, "init", *map(str, given)]
        # ip(8) hides /sys/fs/cgroup, so that comes second.
        inside = ["ip", "netns", "exec", self.netns, "unshare", *_NAMESPACES, "--fork", "--kill-child", *init]
        enter = ["unshare", "--mount", "sh", "-c", _GROUPS + _ENTER, "enter", str(self.folder), self._group, *inside]
        with (self.folder / "boot.log").open("ab") as log:
            self._outer = subprocess.Popen(enter, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._await_boot()
        except BaseException:
            self.stop()
            raise

    def _await_boot(self) -> None:
        deadline = time.monotonic() + _BOOT_S
        assert self._outer is not None
        while True:
            if self._outer.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"{self.name} does not boot: {(self.folder / 'boot.log').read_text()[-600:]}")
            is_up = "systemctl is-active --quiet machine.target"
            if self._find_init() and self.run(is_up, check=False).returncode == 0:
                return
            time.sleep(0.1)

    def _find_init(self) -> bool:
        """Whether its systemd runs. Before it, children come and go while they are looked at."""
        assert self._outer is not None
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
                self._pid = int(children[0])
        return self._pid != 0

    def stop(self) -> None:
        """As if its power were cut: nothing of it is left, but for what is on its disk."""
        self.cut()
        self._clear_away()

    def cut(self) -> None:
        """The same, but what the kernel keeps of it is cleared away later: by ``stop``, or as it boots."""
        if self._outer is None:
            return
        self._outer.kill()  # unshare --kill-child: the kernel ends the machine's init, and with it all of it
        self._outer.wait()
        self._await_end()
        self._outer = None
        self._is_littered = True

    def _clear_away(self) -> None:
        if not self._is_littered:
            return
        leave = ["unshare", "--mount", "sh", "-c", _GROUPS + _LEAVE, "leave", str(self.folder), self._group]
        for _ in range(20):  # until the last process is gone
            if subprocess.run(leave, capture_output=True, timeout=30).returncode == 0:
                break
            time.sleep(0.1)
        while self._followers:
            self._followers.pop().wait()
        self._is_littered = False

    def _await_end(self) -> None:
        """The kernel lets an init go only when everything else in its process namespace is gone."""
        if not self._pid:  # it never came so far
            return
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self._pid)
            try:
                if not select.select([handle], [], [], _END_S)[0]:
                    raise TimeoutError(f"something of {self.name} runs on")
            finally:
                os.close(handle)

    def host_pid(self, pid: int) -> int:
        """What this system calls a process of the machine. LookupError when there is none."""
        space = os.readlink(f"/proc/{self._pid}/ns/pid")
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "ns/pid") == space:
                    numbers = (entry / "status").read_text().partition("NSpid:")[2].split("\n", 1)[0].split()
                    if int(numbers[-1]) == pid:
                        return int(entry.name)
        raise LookupError(f"{self.name} has no process {pid}")

    def follow_journal(self, file: Path) -> None:
        """Copy what it logs from this boot on to ``file``, for as long as it runs: its end may be sudden."""
        with file.open("ab") as out:
            command = [*self._nsenter(), "journalctl", "--follow", "--no-tail", "--boot", "--output=cat"]
            self._followers.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL, env=_ENVIRONMENT
                )
            )

    def enter(self) -> list[str]:
        """The words before a command that is to run inside, as root; until it is booted anew."""
        assert self._pid, f"{self.name} does not run"
        return [*self._nsenter(), "env", "-i", *(f"{key}={value}" for key, value in _ENVIRONMENT.items())]

    def _nsenter(self) -> list[str]:
        into = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--wdns=/")
        return ["nsenter", "--target", str(self._pid), *into]

    def run(self, script: str, *, check: bool = True, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """A shell script, as root, inside."""
        done = subprocess.run(
            [*self._nsenter(), "sh", "-ec", script],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, env=_ENVIRONMENT,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{self.name}: exit code {done.returncode} of:\n{script}\n{done.stdout}{done.stderr}")
        return done

    def unit(self, name: str, what: str) -> str:
        """One property of a unit, as systemd tells it."""
        return self.run(f"systemctl show --property={what} --value {name}").stdout.strip()

    def journal(self, unit: str) -> str:
        """What a unit has logged."""
        return self.run(f"journalctl --no-pager --output=cat --unit={unit}", check=False).stdout
