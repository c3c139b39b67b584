"""Install Debian packages that a test needs: once, loudly, and only as root."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

_APT = ("apt-get", "-o", "DPkg::Lock::Timeout=600", "-o", "Acquire::Retries=3")
_LOCK = Path(tempfile.gettempdir(), "mdscluster-tests-apt.lock")
_state = {"updated": False}


class Unavailable(RuntimeError):
    """What a test needs is not here and cannot be installed; the text tells the operator why."""


def say(*words: object) -> None:
    """Tell the person at the terminal what takes so long."""
    print("[rig]", *words, file=sys.stderr, flush=True)


def is_root() -> bool:
    """True when we may make namespaces, mount and install packages."""
    return os.geteuid() == 0


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Tests may run in several processes, and ``apt-get update`` waits for no other one."""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def apt_update() -> None:
    """``apt-get update``, once in the life of this process. Raises Unavailable when no index can be fetched."""
    if _state["updated"]:
        return
    if not shutil.which("apt-get"):
        raise Unavailable("this is no Debian: apt-get is missing")
    with _one_at_a_time():
        done = subprocess.run([*_APT, "update", "-qq"], capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise Unavailable(f"apt-get update failed: {done.stderr.strip()[-400:]}")
    _state["updated"] = True


def apt_install(packages: list[str]) -> None:
    """Install ``packages``. Raises Unavailable with apt's own words when that fails."""
    if not packages:
        return
    if not is_root():
        raise Unavailable(f"packages {' '.join(packages)} are missing and only root can install them")
    apt_update()
    say("apt-get install", *packages)
    with _one_at_a_time():
        done = subprocess.run(
            [*_APT, "install", "-y", "-qq", "--no-install-recommends", *packages],
            capture_output=True,
            text=True,
            timeout=1200,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    if done.returncode:
        raise Unavailable(f"apt-get install {' '.join(packages)} failed: {done.stderr.strip()[-400:]}")


def need_tools(tools: Mapping[str, str]) -> None:
    """Make every command of ``tools`` (command to Debian package) available, installing what is missing."""
    missing = sorted({package for command, package in tools.items() if not _which(command)})
    apt_install(missing)


def _which(command: str) -> str | None:
    """Like shutil.which, also where an ordinary user's PATH does not look."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return shutil.which(command, path=path)
