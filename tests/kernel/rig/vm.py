"""One guest: boot, mounts, commands while it runs, power off."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.kernel.rig import images
from tests.kernel.rig.mountstats import MountStats, parse_mountstats
from tests.support.debian import Unavailable
from tests.support.lifeline import die_with_parent

MOUNT_FAILED, TIMED_OUT, VM_DIED = 126, 124, 125
_POLL_S = 0.03


class GuestError(RuntimeError):
    """The guest did not do what it was asked to: not booted, not mounted, command failed or too slow."""


@dataclass(frozen=True)
class Mount:
    """One NFS mount that the guest makes before anything else."""

    source: str
    """``ADDRESS:/EXPORT``."""
    target: str = "/mnt/a"
    """Where in the guest."""
    options: str = "vers=4.2,port=2049"
    """As after ``mount -o``."""


@dataclass(frozen=True)
class GuestSpec:
    """What to boot."""

    number: int
    """1 to 250, unique among live guests: it makes the client's name and the MAC address."""
    netns: str
    """Network namespace with the bridge that the guest is plugged into."""
    address: str
    """The guest's ``IPv4/prefix``."""
    engine: images.Engine = "uml"
    """``uml``: Linux 6.1, boots in 2 s; ``tcg``: Linux 6.12, boots in 10 s."""
    bridge: str = "br0"
    """The bridge's name within ``netns``."""
    mounts: tuple[Mount, ...] = ()
    """Mounted in this order."""
    shares: tuple[tuple[str, str], ...] = ()
    """(host folder, guest folder), read-only."""
    routes: tuple[str, ...] = ()
    """``DESTINATION=VIA``."""
    env: dict[str, str] = field(default_factory=dict)
    """Environment of the commands."""
    pnfs: bool = True
    """False keeps the layout drivers out of the guest: the kernel then asks for no layouts."""
    keep_going: bool = False
    """Run commands even where a mount failed."""
    memory_mib: int = 1024
    """Guest memory."""
    cpus: int = 1
    """Virtual CPUs (QEMU only). With two, software emulation sometimes runs a kernel function while another CPU is
    patching it (static keys, urandom_read_iter for one), and the guest panics."""
    mtu: int = 1500
    """Of the guest's interface."""

    @property
    def name(self) -> str:
        """The guest's host name, which is also its NFS client's unique string."""
        return f"c{self.number}"


@dataclass(frozen=True)
class Completed:
    """A command that ran in the guest."""

    status: int
    output: str

    def check(self) -> str:
        """The output; GuestError when the command's status was not 0."""
        if self.status:
            raise GuestError(f"guest command ended with {self.status}:\n{self.output[-4000:]}")
        return self.output


class Job:
    """A command running in the guest."""

    def __init__(self, guest: Guest, number: int) -> None:
        self._guest, self._number = guest, number

    def _path(self, suffix: str) -> Path:
        return self._guest.run_dir / "jobs" / f"{self._number}.{suffix}"

    def output(self) -> str:
        """What it has printed up to now."""
        try:
            return self._path("out").read_text(errors="replace")
        except OSError:
            return ""

    def done(self) -> bool:
        """True when it has ended."""
        return self._path("rc").exists()

    def wait(self, timeout_s: float = 60.0) -> Completed:
        """Wait for its end. GuestError when it takes longer or the guest dies."""
        deadline = time.monotonic() + timeout_s
        while not self.done():
            if not self._guest.alive():
                raise GuestError(f"guest died during a command:\n{self._guest.console_tail()}")
            if time.monotonic() > deadline:
                raise GuestError(f"guest command took over {timeout_s} s; output so far:\n{self.output()[-3000:]}")
            time.sleep(_POLL_S)
        return Completed(int(self._path("rc").read_text()), self.output())


class Guest:
    """A booted guest; use it as a context manager. ``run`` and ``spawn`` execute bash in it."""

    def __init__(self, spec: GuestSpec, run_root: Path | None = None) -> None:
        self.spec = spec
        root = run_root or images.CACHE / "runs"
        self.run_dir = root / f"{spec.name}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self.tap = f"rig-{spec.name}"
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs = 0

    def __enter__(self) -> Guest:
        self.start()
        self.wait_ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        if kind is None:
            self.shutdown()
        else:
            self.kill()

    def start(self) -> None:
        """Begin to boot; ``wait_ready`` waits until the mounts are there."""
        images.setup()
        self.run_dir.mkdir(parents=True)
        (self.run_dir / "jobs").mkdir()
        shares = self._write_run_folder()
        _plug_tap(self.spec.netns, self.spec.bridge, self.tap)
        command = ["ip", "netns", "exec", self.spec.netns]
        with open(self.run_dir / "console.log", "w") as console, open(self.run_dir / "out", "a") as out:
            command += self._uml(out.fileno()) if self.spec.engine == "uml" else self._qemu(shares)
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                pass_fds=[out.fileno()],
                start_new_session=True,
                preexec_fn=die_with_parent,
                env={**os.environ, "TMPDIR": "/dev/shm"},  # User-Mode Linux keeps guest memory in a file there
            )

    def wait_ready(self, timeout_s: float = 120.0) -> None:
        """Wait for boot and mounts. GuestError with the mount's own words when one failed."""
        deadline = time.monotonic() + timeout_s
        while not (self.run_dir / "ready").exists():
            if (self.run_dir / "rc").exists():
                raise self._failure("mount failed")
            if not self.alive():
                raise self._failure("guest died while booting")
            if time.monotonic() > deadline:
                raise self._failure(f"guest not ready after {timeout_s} s")
            time.sleep(_POLL_S)

    def _failure(self, what: str) -> GuestError:
        text = f"{self.spec.name} ({self.spec.engine}): {what}\n{self.printed()}\n{self.console_tail()}"
        self.kill()
        return GuestError(text)

    def alive(self) -> bool:
        """True while the virtual machine's process runs."""
        return self._process is not None and self._process.poll() is None

    def printed(self) -> str:
        """What mounts and the main command printed."""
        return (self.run_dir / "out").read_text(errors="replace")

    def console_tail(self, lines: int = 30) -> str:
        """The end of the kernel's console."""
        path = self.run_dir / "console.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def spawn(self, script: str) -> Job:
        """Start a bash script in the guest and return at once."""
        self._jobs += 1
        folder = self.run_dir / "jobs"
        exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in self.spec.env.items())
        (folder / f"{self._jobs}.sh").write_text(exports + script + "\n")
        (folder / f"{self._jobs}.go").touch()
        return Job(self, self._jobs)

    def run(self, script: str, timeout_s: float = 60.0) -> Completed:
        """Run a bash script in the guest to its end."""
        return self.spawn(script).wait(timeout_s)

    def mountstats(self, target: str = "/mnt/a") -> MountStats:
        """The client's own counters of one mount."""
        return parse_mountstats(self.run("cat /proc/self/mountstats").check())[target]

    def drop_caches(self) -> None:
        """Write back what is dirty and forget what is cached."""
        self.run("sync; echo 3 > /proc/sys/vm/drop_caches", 120).check()

    def shutdown(self, timeout_s: float = 60.0) -> int:
        """Unmount and power off; the guest's status (124 too slow, 125 died, 126 a mount failed)."""
        assert self._process is not None
        (self.run_dir / "jobs/stop").touch()
        try:
            self._process.wait(timeout_s)
            status = _read_status(self.run_dir / "rc")
        except subprocess.TimeoutExpired:
            status = TIMED_OUT
        self.kill()
        if status == 0:
            shutil.rmtree(self.run_dir, ignore_errors=True)
        return status

    def kill(self) -> None:
        """End the virtual machine at once, like pulling its power."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # the session that start() made, nothing else
            self._process.wait()
        subprocess.run(["ip", "-n", self.spec.netns, "link", "del", self.tap], capture_output=True)

    def _write_run_folder(self) -> list[tuple[str, str, str]]:
        """conf, mounts, shares and the scripts that stage 1 and 2 read; returns (host, tag, guest) of the shares."""
        spec, put = self.spec, self._put
        mac = f"02:77:00:00:{spec.number >> 8:02x}:{spec.number & 255:02x}"
        conf = {
            "NAME": spec.name,
            "ENGINE": spec.engine,
            "MAC": mac,
            "IP": spec.address,
            "MTU": str(spec.mtu),
            "ROUTES": " ".join(spec.routes),
            "KEEP_GOING": "1" if spec.keep_going else "",
            "PNFS": "1" if spec.pnfs else "0",
        }
        put("conf", "".join(f"{key}={shlex.quote(value)}\n" for key, value in conf.items()))
        put("mounts", "".join(f"{m.source} {m.target} {m.options}\n" for m in spec.mounts))
        shares = [(os.path.abspath(host), f"sh{i}", guest) for i, (host, guest) in enumerate(spec.shares)]
        put("shares", "".join(f"{h if spec.engine == 'uml' else tag} {guest} ro\n" for h, tag, guest in shares))
        put("cmd.sh", (images.HERE / "agent.sh").read_text())
        put("init2", (images.HERE / "stage2.sh").read_text())
        put("out", "")
        return shares

    def _put(self, name: str, text: str) -> None:
        (self.run_dir / name).write_text(text)

    def _uml(self, out_fd: int) -> list[str]:
        work = str(self.run_dir)
        return [
            str(images.kernel_root("uml") / "usr/bin/linux.uml"),
            f"mem={self.spec.memory_mib}M",
            f"initrd={images.initramfs('uml')}",
            "quiet",
            f"umid={self.run_dir.name}",
            f"uml_dir={work}/",
            "con=null",
            "con0=null,fd:1",
            f"con1=null,fd:{out_fd}",
            "ssl=null",
            f"vec0:transport=tap,ifname={self.tap},depth=128,gro=1",
            f"rig.root={images.CACHE / 'rootfs'}",
            f"rig.work={work}",
            f"rig.mods={images.modules_dir('uml')}",
            "rig.engine=uml",
        ]

    def _qemu(self, shares: list[tuple[str, str, str]]) -> list[str]:
        spec = self.spec
        mac = f"02:77:00:00:{spec.number >> 8:02x}:{spec.number & 255:02x}"
        folders = [(str(self.run_dir), "work", ""), (str(images.modules_dir("tcg")), "mods", ",readonly=on")]
        folders += [(host, tag, ",readonly=on") for host, tag, _guest in shares]
        kernel_args = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on rig.engine=tcg"
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem-v1"]
        command += ["-smp", str(spec.cpus), "-m", str(spec.memory_mib), "-nodefaults", "-no-user-config"]
        command += ["-display", "none", "-no-reboot", "-serial", "stdio"]
        command += ["-kernel", str(images.vmlinuz()), "-initrd", str(images.initramfs("tcg")), "-append", kernel_args]
        command += ["-drive", f"if=none,id=d0,format=raw,readonly=on,file={images.CACHE / 'rootfs.ext4'}"]
        command += ["-device", "virtio-blk-pci,drive=d0"]
        command += ["-netdev", f"tap,id=n0,ifname={self.tap},script=no,downscript=no"]
        command += ["-device", f"virtio-net-pci,netdev=n0,romfile=,mac={mac}", "-device", "virtio-rng-pci"]
        command += ["-device", "virtio-serial-pci", "-chardev", f"file,id=out,path={self.run_dir / 'out'}"]
        command += ["-device", "virtserialport,chardev=out"]
        for host, tag, extra in folders:
            command += ["-virtfs", f"local,path={host},mount_tag={tag},security_model=none{extra}"]
        return command


def _plug_tap(netns: str, bridge: str, tap: str) -> None:
    """A tap on the bridge, for the guest's network card."""
    subprocess.run(["ip", "-n", netns, "link", "del", tap], capture_output=True)
    for command in (["tuntap", "add", "dev", tap, "mode", "tap"], ["link", "set", tap, "master", bridge, "up"]):
        done = subprocess.run(["ip", "-n", netns, *command], capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"cannot make a tap in {netns}: {done.stderr.strip()}")


def _read_status(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return VM_DIED
