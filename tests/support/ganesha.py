"""NFS-Ganesha (Debian's package) as a peer to measure against, and as a stand-in server for the rig's own tests."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.support.debian import Unavailable, need_tools
from tests.support.lifeline import die_with_parent

TOOLS = {"ganesha.nfsd": "nfs-ganesha"}
_PLUGINS = Path("/usr/lib/x86_64-linux-gnu/ganesha")
_CONFIG = """
NFS_CORE_PARAM {{ Protocols = 4; NFS_Port = {port}; MNT_Port = {mount_port}; NLM_Port = {nlm_port};
  Bind_addr = {address}; Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; Plugins_Dir = "{plugins}"; }}
NFSv4 {{ Graceless = true; Lease_Lifetime = 60; Grace_Period = 60; Minor_Versions = 0,1,2; Delegations = true;
  RecoveryBackend = fs; RecoveryRoot = "{folder}/recov"; Only_Numeric_Owners = true; Allow_Numeric_Owners = true; }}
EXPORT_DEFAULTS {{ SecType = sys; Access_Type = RW; Squash = no_root_squash; Protocols = 4; Transports = TCP;
  PrivilegedPort = false; }}
EXPORT {{ Export_Id = 1; Path = "{folder}/export"; Pseudo = /vfs; Delegations = RW; FSAL {{ Name = VFS; }} }}
LOG {{ Default_Log_Level = EVENT; }}
"""


class Ganesha:
    """One daemon exporting ``FOLDER/export`` as ``/vfs``; in a network namespace when ``netns`` is given."""

    export = "/vfs"

    def __init__(self, folder: Path, address: str = "127.0.0.1", port: int = 12049, netns: str = "") -> None:
        self.folder, self.address, self.port, self.netns = folder, address, port, netns
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The daemon's process id."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Ganesha:
        self.start()
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.stop()

    def start(self, timeout_s: float = 20.0) -> None:
        """Install if needed, start, and wait until the port answers. Raises Unavailable."""
        need_tools(TOOLS)
        if not list(_PLUGINS.glob("libfsalvfs*")):
            need_tools({"ganesha-fsal-vfs-is-missing": "nfs-ganesha-vfs"})
        for name in ("export", "recov"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        config = self.folder / "ganesha.conf"
        ports = {"port": self.port, "mount_port": self.port + 1, "nlm_port": self.port + 3}
        config.write_text(_CONFIG.format(address=self.address, folder=self.folder, plugins=_PLUGINS, **ports))
        command = [*self._enter(), "ganesha.nfsd", "-F", "-f", str(config), "-N", "EVENT"]
        command += ["-L", str(self.folder / "ganesha.log"), "-p", str(self.folder / "ganesha.pid")]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_before_exec,
        )
        deadline = time.monotonic() + timeout_s
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Unavailable(f"Ganesha does not start, see {self.folder}/ganesha.log")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the daemon."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _enter(self) -> list[str]:
        return ["ip", "netns", "exec", self.netns] if self.netns else []

    def _answers(self) -> bool:
        if self.netns:
            listening = subprocess.run([*self._enter(), "ss", "-Hltn"], capture_output=True, text=True).stdout
            return f":{self.port} " in listening
        try:
            socket.create_connection((self.address, self.port), 1).close()
        except OSError:
            return False
        return True


def _before_exec() -> None:
    """Ganesha sizes its caches by the file limit; it ends with the test."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.umask(0o022)
    die_with_parent()
