"""How a server that cannot start ends: its unit starts it again, or leaves it to its operator (exit code 2).

After a power loss of the whole site servers may be up before their network is, and no operator is there.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from dataserver import server as ds
from dataserver.config import DsConfig
from mdscluster import server as mds
from mdscluster.config import NodeConfig
from mdscluster.plan import ClusterPlan
from mdscluster.server import PAUSE_S
from mdsproto.configfile import SYSTEM_EXIT_CODE, Address, ConfigError, SystemRefusal, refused, save
from mdsproto.nodelock import NodeLock
from tests.support.cluster import ROOT

NOT_OURS = Address("127.0.0.1", 99)
NOWHERE = "192.0.2.1"
"""Nobody's (RFC 5737): what listens there finds the address not up."""
TRIES_AGAIN = "its unit starts it again until it serves"


def refuse(number: int) -> Callable[..., NoReturn]:
    """What the system says no to."""

    def refused(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return refused


def plan(base: Path, port: int, address: str = "127.0.0.1") -> ClusterPlan:
    made = ClusterPlan.open(base / "c", 3, 1, address, port)
    made.prepare()
    return made


def serve(program: str, file: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """``before``: a command that runs it."""
    words = [*before, sys.executable, "-m", program, "serve", "--config", str(file)]
    return subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def tries_again(done: subprocess.CompletedProcess[str], reason: str) -> None:
    said = done.stdout + done.stderr
    assert done.returncode == SYSTEM_EXIT_CODE, said
    assert reason in said.lower()
    assert "Traceback" not in said


def nonlocal_bind() -> bool:
    return Path("/proc/sys/net/ipv4/ip_nonlocal_bind").read_text().strip() != "0"


@pytest.mark.parametrize("kind", ["mdscluster", "dataserver"])
def test_an_address_that_is_not_up_is_waited_for(tmp_path: Path, kind: str) -> None:
    """A site whose switches are slower than its servers comes up by itself, and not faster than each second."""
    if nonlocal_bind():
        pytest.skip("net.ipv4.ip_nonlocal_bind is set here: every address can be listened on")
    made = plan(tmp_path, 24100, NOWHERE)
    began = time.monotonic()
    done = serve(kind, (made.mds if kind == "mdscluster" else made.ds)[0].config)
    tries_again(done, "cannot assign requested address" if kind == "mdscluster" else f"cannot listen on {NOWHERE}")
    assert TRIES_AGAIN in done.stderr
    if kind == "mdscluster":  # its unit's RestartSec= is next to nothing; a data server's is a second
        assert time.monotonic() - began > PAUSE_S


@pytest.mark.parametrize("which", ["raft", "admin", "nfs"])
def test_an_address_that_another_process_has_is_waited_for(tmp_path: Path, which: str) -> None:
    """Whichever of a metadata server's it is; two of them are its front end's."""
    made = plan(tmp_path, 24500)
    config = NodeConfig.load(made.mds[0].config)
    address = {"raft": config.peer.raft, "admin": config.peer.admin, "nfs": config.nfs}[which]
    with closing(socket.create_server((address.host, address.port))):
        done = serve("mdscluster", made.mds[0].config)
    tries_again(done, "address already in use" if which != "admin" else "cannot listen on")



def test_a_data_server_whose_address_another_process_has_waits_for_it(tmp_path: Path) -> None:
    made = plan(tmp_path, 24900)
    control = DsConfig.load(made.ds[0].config).control
    with closing(socket.create_server((control.host, control.port))):
        tries_again(serve("dataserver", made.ds[0].config), f"cannot listen on {control}")


@pytest.mark.parametrize("kind", ["mdscluster", "dataserver"])
def test_a_mistake_in_the_configuration_is_not_tried_again(tmp_path: Path, kind: str) -> None:
    made = plan(tmp_path, 25300)
    file, inside = made.base_dir / "wrong.toml", made.mds[0].config / "inside"  # a file is no folder
    if kind == "mdscluster":
        save(dataclasses.replace(NodeConfig.load(made.mds[0].config), data_dir=inside), file)
    else:
        save(dataclasses.replace(DsConfig.load(made.ds[0].config), data_dir=inside), file)
    done = serve(kind, file)
    assert done.returncode == 2, done.stdout + done.stderr
    assert TRIES_AGAIN not in done.stderr


def test_a_state_that_is_no_folder_is_not_tried_again(tmp_path: Path) -> None:
    made = plan(tmp_path, 25700)
    state = NodeConfig.load(made.mds[0].config).state_dir
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text("")
    done = serve("mdscluster", made.mds[0].config)
    assert (done.returncode, TRIES_AGAIN in done.stderr) == (2, False), done.stdout + done.stderr
    assert "File exists" in done.stderr


@pytest.mark.parametrize("which", ["raft", "nfs"])
def test_a_port_that_a_server_may_not_have_is_not_tried_again(tmp_path: Path, which: str) -> None:
    """Consensus listens on the one, the front end on the other. Without CAP_NET_BIND_SERVICE, at each start."""
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= NOT_OURS.port:
        pytest.skip("net.ipv4.ip_unprivileged_port_start is lowered here: everybody may have every port")
    made = plan(tmp_path, 26100)
    config, file = NodeConfig.load(made.mds[0].config), made.mds[0].config.with_name("not-ours.toml")
    if which == "nfs":
        config = dataclasses.replace(config, nfs=NOT_OURS)
    else:
        own = dataclasses.replace(config.peer, raft=NOT_OURS)
        config = dataclasses.replace(config, peers=(own, *(peer for peer in config.peers if peer.id != own.id)))
    save(config, file)
    done = serve("mdscluster", file, *(["setpriv", "--bounding-set=-net_bind_service"] if os.geteuid() == 0 else []))
    assert (done.returncode, TRIES_AGAIN in done.stderr) == (2, False), done.stdout + done.stderr
    assert "permission denied" in (done.stdout + done.stderr).lower()


@pytest.mark.parametrize(("begun", "kind"), [(False, ConfigError), (True, SystemRefusal)])
def test_a_metadata_server_that_has_run_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bool, kind: type
) -> None:
    """It could start with its configuration; whether it still can the next start tells."""
    front_end = SimpleNamespace(stop=lambda: None, begun=begun)
    monkeypatch.setattr(mds, "FrontEnd", lambda *_: front_end)
    for name in ("die_with_parent", "configure_logs", "_run"):
        monkeypatch.setattr(mds, name, lambda *_, **__: None)
    monkeypatch.setattr(mds.uvloop, "run", refuse(errno.ENOENT))
    with pytest.raises(ConfigError) as raised:
        mds.serve(plan(tmp_path, 26500).mds[0].config)
    assert type(raised.value) is kind


@pytest.mark.parametrize(("number", "kind"), [(errno.EACCES, ConfigError), (errno.EADDRNOTAVAIL, SystemRefusal)])
def test_a_data_server_that_cannot_listen(monkeypatch: pytest.MonkeyPatch, number: int, kind: type) -> None:
    made: Any = SimpleNamespace(run=refuse(number), stop=lambda: None)
    monkeypatch.setattr(ds, "Server", lambda _: made)
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    monkeypatch.setattr(ds.signal, "signal", lambda *_: None)
    with pytest.raises(ConfigError) as raised:
        ds.serve(made)
    assert type(raised.value) is kind


def test_what_no_other_start_mends() -> None:
    """Paths and permissions are the operator's; everything else that the system says may pass."""
    for number in (errno.EACCES, errno.ENOENT, errno.ENOTDIR):
        assert type(refused("text", OSError(number, os.strerror(number)))) is ConfigError
    for number in (errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EADDRNOTAVAIL, errno.EROFS):
        assert type(refused("text", OSError(number, os.strerror(number)))) is SystemRefusal


def test_a_lock_file_that_finds_no_room_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(SystemRefusal, match="No space left on device"):
        NodeLock(tmp_path, "mds1")
