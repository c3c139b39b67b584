"""The guest's kernels, root file system and initramfs: made once, kept under one cache folder.

``setup()`` needs root and Debian's package servers the first time (about two minutes, 1.5 GB); later calls
find everything in place and cost a few milliseconds. The folder is ``NFSRIG_DIR`` or ``~/.cache/nfsrig``.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Literal

from tests.support.debian import Unavailable, apt_update, is_root, need_tools, say

Engine = Literal["uml", "tcg"]
ENGINES: tuple[Engine, ...] = ("uml", "tcg")
KERNEL_NAMES = {"uml": "6.1 (User-Mode Linux)", "tcg": "6.12 (QEMU)"}

CACHE = Path(os.environ.get("NFSRIG_DIR", os.path.expanduser("~/.cache/nfsrig")))
TCG_KERNEL = os.environ.get("NFSRIG_KERNEL", "linux-image-6.12-amd64")
HERE = Path(__file__).resolve().parent

HOST_TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "cpio": "cpio",
    "mke2fs": "e2fsprogs",
    "depmod": "kmod",
    "ip": "iproute2",
    "xz": "xz-utils",
    "busybox": "busybox-static",
}
GUEST_PACKAGES = (
    "nfs-common,nfs-kernel-server,netbase,kmod,iproute2,iputils-ping,procps,util-linux,ethtool,tcpdump,"
    "ncat,fio,git,python3,attr,acl,nfs4-acl-tools,strace,lsof,file,bc,xz-utils,bzip2,perl,dbench,"
    "gcc,libc6-dev,make,autoconf,automake,libtool,pkg-config,e2fsprogs,ca-certificates,busybox-static"
)
# What the initramfs has to load before it can assemble the root; ext4 wants a crc32c provider first.
BOOT_MODULES: dict[Engine, list[str]] = {
    "uml": ["overlay"],
    "tcg": ["crc32c_generic", "crc32c_intel", "virtio_blk", "virtio_net", "ext4", "9p", "9pnet_virtio", "overlay"],
}


def kernel_root(engine: Engine) -> Path:
    """The folder that the engine's kernel package was unpacked into."""
    return CACHE / ("uml" if engine == "uml" else "linux")


def modules_dir(engine: Engine) -> Path:
    """The ``lib/modules`` of the engine's kernel."""
    root = kernel_root(engine)
    for candidate in ("usr/lib/uml/modules", "lib/modules", "usr/lib/modules"):
        if (root / candidate).is_dir():
            return root / candidate
    raise Unavailable(f"no kernel modules under {root}; remove that folder and try again")


def kernel_version(engine: Engine) -> str:
    """The kernel's release, as ``uname -r`` says in the guest."""
    return sorted(os.listdir(modules_dir(engine)))[0]


def vmlinuz() -> Path:
    """The kernel that QEMU boots."""
    return Path(sorted(glob.glob(str(kernel_root("tcg") / "boot/vmlinuz-*")))[-1])


def setup() -> None:
    """Bring everything into place. Raises Unavailable, with the reason, when that is impossible here."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "setup.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several runs may start at once
        if not is_root():
            raise Unavailable("a kernel client needs root (network namespaces, mounts)")
        need_tools(HOST_TOOLS)
        (CACHE / "debs").mkdir(exist_ok=True)
        _unpack("user-mode-linux", kernel_root("uml"))
        if not kernel_root("tcg").is_dir():
            _unpack(_real_kernel_package(), kernel_root("tcg"))
        _rootfs()
        for engine in ENGINES:
            _depmod(engine)
            _initramfs(engine)


def _real_kernel_package() -> str:
    """The package that the kernel's meta package depends on."""
    apt_update()
    depends = subprocess.run(["apt-cache", "depends", TCG_KERNEL], capture_output=True, text=True).stdout
    real = re.search(r"Depends: (linux-image-\S+)", depends)
    return real.group(1) if real else TCG_KERNEL


def _unpack(package: str, target: Path) -> None:
    """Download a package and unpack it (not install it) into ``target``."""
    if target.is_dir():
        return
    apt_update()
    say("fetch", package)
    folder = CACHE / "debs" / package
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, capture_output=True, text=True)
    files = sorted(folder.glob("*.deb"))
    if done.returncode or not files:
        raise Unavailable(f"apt-get download {package} failed: {done.stderr.strip()[-400:]}")
    partial = target.with_name(target.name + ".tmp")
    subprocess.run(["dpkg", "-x", str(files[-1]), str(partial)], check=True)
    shutil.rmtree(folder)
    partial.rename(target)


def _depmod(engine: Engine) -> None:
    """Write modules.dep, which the unpacked package lacks."""
    folder, version = modules_dir(engine), kernel_version(engine)
    if (folder / version / "modules.dep").exists():
        return
    base = CACHE / "depmod.tmp"
    shutil.rmtree(base, ignore_errors=True)
    (base / "lib").mkdir(parents=True)
    (base / "lib/modules").symlink_to(folder.resolve())
    subprocess.run(["depmod", "-b", str(base), version], check=True)
    shutil.rmtree(base)


def _apt_source() -> str:
    """A mirror, or the host's own sources, for the guest's packages."""
    mirror = os.environ.get("NFSRIG_MIRROR")
    if mirror:
        return mirror
    for path in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"):
        if os.path.exists(path):
            return path
    raise Unavailable("no apt sources found for the guest's packages (set NFSRIG_MIRROR)")


def _rootfs() -> None:
    """The guest's root: a folder for User-Mode Linux, the same as an ext4 image for QEMU."""
    stamp, root, image = CACHE / "rootfs.pkgs", CACHE / "rootfs", CACHE / "rootfs.ext4"
    if not stamp.exists() or stamp.read_text() != GUEST_PACKAGES:
        say("building the guest's root file system (about a minute)")
        for path in (stamp, image):
            path.unlink(missing_ok=True)
        shutil.rmtree(root, ignore_errors=True)
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=" + GUEST_PACKAGES]
        done = subprocess.run([*command, "bookworm", str(root), _apt_source()], capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"mmdebstrap failed: {done.stderr.strip()[-400:]}")
        for folder in ("rig", "usr/lib/modules", "mnt"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        stamp.write_text(GUEST_PACKAGES)
    if not image.exists():
        say("packing it as an ext4 image for QEMU")
        used_kib = int(subprocess.check_output(["du", "-sk", str(root)]).split()[0])
        partial = image.with_name("rootfs.ext4.tmp")
        options = ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", str(root)]
        subprocess.run(["mke2fs", *options, str(partial), f"{used_kib * 5 // 4 + 65536}k"], check=True)
        partial.rename(image)


def initramfs(engine: Engine) -> Path:
    """The initramfs, named after what it was made from, so that two checkouts do not fight over one file."""
    made_from = (HERE / "stage1.sh").read_bytes() + " ".join(BOOT_MODULES[engine]).encode()
    digest = hashlib.sha256(made_from + kernel_version(engine).encode()).hexdigest()[:12]
    return CACHE / f"initrd-{engine}-{digest}"


def _initramfs(engine: Engine) -> None:
    """busybox, the boot modules in loading order, and stage1.sh as /init."""
    target = initramfs(engine)
    if target.exists():
        return
    say("initramfs for", engine)
    folder = CACHE / f"ird-{engine}"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("bin", "proc", "sys", "dev", "lower", "ov", "new", "work", "kmods", "mods"):
        (folder / name).mkdir(parents=True)
    release = modules_dir(engine) / kernel_version(engine)
    names = []
    for module in _load_order(release, BOOT_MODULES[engine]):
        name = re.sub(r"\.(xz|zst|gz)$", "", Path(module).name)
        (folder / "mods" / name).write_bytes(_decompressed(release / module))
        names.append(name)
    (folder / "mods.list").write_text("\n".join(names) + "\n")
    busybox = shutil.which("busybox")
    assert busybox, "setup() installed busybox"
    shutil.copy(busybox, folder / "bin/busybox")
    (folder / "bin/sh").symlink_to("busybox")
    shutil.copy(HERE / "stage1.sh", folder / "init")
    (folder / "init").chmod(0o755)
    partial = target.with_name(target.name + ".tmp")
    script = f"cd {shlex.quote(str(folder))} && find . | cpio -o -H newc --quiet > {shlex.quote(str(partial))}"
    subprocess.run(["sh", "-c", script], check=True)
    partial.rename(target)
    shutil.rmtree(folder)


def _module_key(path: str) -> str:
    return re.sub(r"\.ko.*", "", os.path.basename(path)).replace("-", "_")


def _load_order(release: Path, wanted: list[str]) -> list[str]:
    """Module files, each after what it depends on; a module that is built into the kernel is left out."""
    depends: dict[str, tuple[str, list[str]]] = {}
    for line in (release / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        depends[_module_key(path)] = (path, rest.split())
    order: list[str] = []

    def add(path: str) -> None:
        if path not in order:
            for needed in reversed(depends[_module_key(path)][1]):
                add(needed)
            order.append(path)

    for module in wanted:
        if module in depends:
            add(depends[module][0])
    return order


def _decompressed(path: Path) -> bytes:
    raw = path.read_bytes()
    tool = {".xz": "xz", ".zst": "zstd", ".gz": "gzip"}.get(path.suffix)
    if tool is None:
        return raw
    return subprocess.run([tool, "-dc"], input=raw, capture_output=True, check=True).stdout
