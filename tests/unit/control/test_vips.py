"""What the notify script leaves, and what else may lie there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deploy import keepalived
from deploy.inventory import Vip
from mdscluster import rtnetlink
from mdscluster.config import NodeConfig
from mdscluster.control import admin, vips
from mdscluster.guardconfig import Guard
from mdsproto import admin_pb2
from mdsproto.configfile import save
from tests.unit.config.test_node_config import config

ROOT = Path(__file__).resolve().parents[3]
OWN_NETWORK = """
import socket, sys
from mdscluster.control import vips

held, tried, elsewhere = sys.argv[1:]
with socket.socket(socket.AF_INET6 if ":" in elsewhere else socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.bind((elsewhere, 0))  # or the kernel refuses it, and this tells nothing
print(*[vips.is_here(address) for address in (held, tried, elsewhere)])
"""


def test_states_are_read_as_the_script_writes_them(tmp_path: Path) -> None:
    (tmp_path / "vip_192.0.2.101").write_text("BACKUP 190 1700000000.5\n")
    (tmp_path / "vip_fd00_7__102").write_text("MASTER 200 1700000001.25\n")
    (tmp_path / ".vip_192.0.2.101.XyZ").write_text("MASTER 1 1\n")
    assert vips.states(str(tmp_path)) == [
        vips.VipState("192.0.2.101", "BACKUP", 190, 1700000000.5),
        vips.VipState("fd00:7::102", "MASTER", 200, 1700000001.25),
    ]
    assert vips.has_any(str(tmp_path))
    (tmp_path / "vip_fd00_7__102").write_text("FAULT 200 1700000002.0\n")
    assert not vips.has_any(str(tmp_path))


@pytest.mark.parametrize("content", ["", "MASTER", "MASTER x 1.0", "MASTER 200 soon", "MASTER 1 2 3", "\xff"])
def test_nonsense_is_nobody_s_address(tmp_path: Path, content: str) -> None:
    (tmp_path / "vip_192.0.2.101").write_text(content, encoding="latin-1")
    assert vips.states(str(tmp_path)) == []


def test_no_folder_no_addresses(tmp_path: Path) -> None:
    assert vips.states("") == []
    assert vips.states(str(tmp_path / "missing")) == []


def notify(directory: Path, name: str, state: str) -> None:
    """As keepalived runs it."""
    script = keepalived.notify_script().replace(str(keepalived.VIP_STATE_DIR), str(directory))
    subprocess.run(["sh", "-c", script, "vip-notify", "INSTANCE", name, state, "200"], check=True, timeout=10)


def unit(directory: Path, word: str) -> None:
    """As keepalived's unit runs it."""
    script = keepalived.notify_script().replace(str(keepalived.VIP_STATE_DIR), str(directory))
    subprocess.run(["sh", "-c", script, "vip-notify", word], check=True, timeout=10)


def test_what_the_script_writes_is_understood(tmp_path: Path) -> None:
    notify(tmp_path, "vip_127.0.0.1", "MASTER")
    notify(tmp_path, "vip_203.0.113.7", "BACKUP")
    notify(tmp_path, "vip_2001_db8__7", "FAULT")
    found = {vip.address: vip for vip in vips.states(str(tmp_path))}
    assert {address: vip.state for address, vip in found.items()} == {
        "127.0.0.1": "MASTER", "203.0.113.7": "BACKUP", "2001:db8::7": "FAULT"
    }  # fmt: skip
    assert {address: vips.is_here(address) for address in found} == {
        "127.0.0.1": True, "203.0.113.7": False, "2001:db8::7": False
    }  # fmt: skip
    assert all(vip.since_s > 1.7e9 for vip in found.values())


def test_nothing_is_said_of_what_makes_no_sense(tmp_path: Path) -> None:
    (tmp_path / "vip_192.0.2.1").write_text("")
    (tmp_path / "vip_192.0.2.2").write_text("MASTER 200")
    (tmp_path / "vip_elsewhere").write_text("MASTER 200 1.0\n")
    (tmp_path / ".vip_192.0.2.3.Ab12Cd").write_text("MASTER 200 1.0\n")  # the script is at it
    (tmp_path / "vip_192.0.2.4").mkdir()
    assert vips.states(str(tmp_path)) == []


@pytest.mark.parametrize("vip_name", ["vip_192.0.2.100", "vip_fd00__64"])
def test_names_are_those_that_deploy_gives(vip_name: str, tmp_path: Path) -> None:
    """``keepalived.instance_name`` and ``vips.states`` are two halves of one convention."""
    address = {"vip_192.0.2.100": "192.0.2.100/24", "vip_fd00__64": "fd00::64/64"}[vip_name]
    assert keepalived.instance_name(Vip(address)) == vip_name
    notify(tmp_path, vip_name, "BACKUP")
    assert [vip.address for vip in vips.states(str(tmp_path))] == [address.split("/")[0]]


def test_an_address_that_was_taken_out_leaves_no_trace(tmp_path: Path) -> None:
    """Or `mdsctl vip` would tell for ever that it is nowhere."""
    notify(tmp_path, "vip_192.0.2.1", "MASTER")
    notify(tmp_path, "vip_192.0.2.2", "BACKUP")
    notify(tmp_path, "vip_192.0.2.1", "DELETED")
    assert [vip.address for vip in vips.states(str(tmp_path))] == ["192.0.2.2"]
    assert [file.name for file in tmp_path.glob("[!.]*")] == ["vip_192.0.2.2"]


def test_a_keepalived_that_was_killed_has_no_address(tmp_path: Path) -> None:
    """It told nobody; its unit does. That nobody has an address any more is told, too: it is an alarm."""
    for word in ("begins", "ended"):
        unit(tmp_path, word)
    assert list(tmp_path.glob("[!.]*")) == []
    notify(tmp_path, "vip_192.0.2.1", "MASTER")
    notify(tmp_path, "vip_192.0.2.2", "STOP")
    before = {vip.address: vip for vip in vips.states(str(tmp_path))}
    unit(tmp_path, "ended")
    after = {vip.address: vip for vip in vips.states(str(tmp_path))}
    assert {vip.state for vip in after.values()} == {"STOP"}
    assert after["192.0.2.2"] == before["192.0.2.2"], "since when"
    unit(tmp_path, "begins")
    assert vips.states(str(tmp_path)) == []


def test_a_script_of_an_earlier_keepalived_tells_nothing(tmp_path: Path) -> None:
    """keepalived waits for no script, and Debian's unit ends none with it: what it told of its end is out of date when
    the next one has begun, which may never tell anything."""
    script = tmp_path.parent / f"{tmp_path.name}-script"
    script.write_text(keepalived.notify_script().replace(str(keepalived.VIP_STATE_DIR), str(tmp_path)))
    late = subprocess.Popen(
        ["sh", "-c", f"kill -STOP $$; exec sh {script} INSTANCE vip_192.0.2.1 STOP 0"], stderr=subprocess.DEVNULL
    )
    os.waitpid(late.pid, os.WUNTRACED)  # it stands still
    time.sleep(0.02)  # its age is told by the hundredth of a second
    unit(tmp_path, "begins")
    late.send_signal(signal.SIGCONT)
    assert late.wait(10) == 0
    assert vips.states(str(tmp_path)) == []
    notify(tmp_path, "vip_192.0.2.1", "BACKUP")
    assert [vip.state for vip in vips.states(str(tmp_path))] == ["BACKUP"]


# ---------------------------------------------------------------------- what should be there
def known(folder: Path, *addresses: str) -> NodeConfig:
    """A node's configuration that names these."""
    return config(folder, guard=Guard(vip_dir=str(folder / "vips")), service_addresses=addresses)


def told(addresses: vips.ServiceAddresses) -> dict[str, str]:
    return {state.address: state.state for state in addresses.states()}


def test_an_address_of_which_keepalived_told_nothing_is_told_of(tmp_path: Path) -> None:
    """INV-7: a renamed interface or a bad file on every host, and no file is there: silence must not look well."""
    (tmp_path / "vips").mkdir()
    addresses = vips.ServiceAddresses(known(tmp_path, "192.0.2.101", "fd00:7::102"))
    assert addresses.states() == [
        vips.VipState("192.0.2.101", vips.UNKNOWN, 0, 0.0), vips.VipState("fd00:7::102", vips.UNKNOWN, 0, 0.0)
    ]  # fmt: skip
    notify(tmp_path / "vips", "vip_fd00_7__102", "MASTER")
    notify(tmp_path / "vips", "vip_192.0.2.100", "BACKUP")
    assert told(addresses) == {"192.0.2.100": "BACKUP", "192.0.2.101": vips.UNKNOWN, "fd00:7::102": "MASTER"}
    (tmp_path / "vips" / "vip_fd00_7__102").write_text("MASTER")
    assert told(addresses)["fd00:7::102"] == vips.UNKNOWN, "what makes no sense tells nothing"


def test_a_keepalived_that_starts_again_and_again_is_told_of(tmp_path: Path) -> None:
    """Its unit removes what its predecessor told, each time before it fails."""
    (tmp_path / "vips").mkdir()
    addresses = vips.ServiceAddresses(known(tmp_path, "192.0.2.101"))
    notify(tmp_path / "vips", "vip_192.0.2.101", "MASTER")
    assert told(addresses) == {"192.0.2.101": "MASTER"}
    for _ in range(2):
        unit(tmp_path / "vips", "begins")
        unit(tmp_path / "vips", "ended")
        assert told(addresses) == {"192.0.2.101": vips.UNKNOWN}


def test_a_keepalived_that_was_stopped_keeps_no_address(tmp_path: Path) -> None:
    """INV-4: a node without a quorum accepts nobody at a kept one; docs/GUARD.md gives it one by hand, and stops it."""
    (tmp_path / "vips").mkdir()
    addresses = vips.ServiceAddresses(known(tmp_path, "192.0.2.101", "fd00:7::102"))
    assert not addresses.kept("192.0.2.101"), "keepalived never ran"
    for state, kept in (("MASTER", True), ("BACKUP", True), ("FAULT", True), ("STOP", False)):
        notify(tmp_path / "vips", "vip_fd00_7__102", state)
        assert addresses.kept("fd00:7::102") is kept, state
        assert not addresses.kept("192.0.2.1"), "a node's own"


def test_without_a_vip_dir_or_a_name_nothing_is_missed(tmp_path: Path) -> None:
    """Configurations of earlier releases name none."""
    assert vips.ServiceAddresses(known(tmp_path)).states() == []
    assert vips.ServiceAddresses(config(tmp_path)).states() == []


def test_addresses_are_taken_up_without_a_restart(tmp_path: Path) -> None:
    """keepalived takes its file up while the node runs: one that was taken out would be missed until a restart."""
    file = tmp_path / "mds1.toml"
    before = known(tmp_path, "192.0.2.101", "192.0.2.102")
    save(before, file)
    addresses = vips.ServiceAddresses(before, file)
    assert {*told(addresses)} == {"192.0.2.101", "192.0.2.102"}
    save(replace(before, service_addresses=("192.0.2.102", "192.0.2.103")), file)
    assert {*told(addresses)} == {"192.0.2.102", "192.0.2.103"}
    for damage in (lambda: file.write_text("node_id = "), file.unlink):
        cast(Any, damage)()
        assert {*told(addresses)} == {"192.0.2.102", "192.0.2.103"}, "what was known stays"
    save(before, file)
    assert {*told(addresses)} == {"192.0.2.101", "192.0.2.102"}


def test_a_node_tells_mdsctl_of_an_address_of_which_keepalived_told_nothing(tmp_path: Path) -> None:
    reply = admin_pb2.StatusReply()
    front_end = SimpleNamespace(
        guarding=SimpleNamespace(standing=lambda: ("", False)),
        service_addresses=vips.ServiceAddresses(known(tmp_path, "192.0.2.101")),
    )  # fmt: skip
    admin._tell_of_addresses(reply, cast(admin.FrontEndView, front_end))
    assert [(vip.address, vip.state, vip.since_s) for vip in reply.vips] == [("192.0.2.101", "UNKNOWN", 0.0)]


# ---------------------------------------------------------------------- what the kernel has
def in_own_network(script: str, words: Sequence[str]) -> str:
    """What a shell prints in a network namespace of its own; skips, with the reason, where none can be made."""
    root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    unshare = ["unshare", *root, "--net", "sh", "-ec"]
    try:
        made = subprocess.run([*unshare, "ip link set lo up"], capture_output=True, text=True, timeout=30)
    except FileNotFoundError as problem:
        made = subprocess.CompletedProcess([], 1, "", str(problem))
    if made.returncode:
        reason = f"NOT tested whether an address that can be bound is here: no network namespace: {made.stderr}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        [*unshare, f"ip link set lo up\n{script}", "sh", *words], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("family", "held", "on_trial", "elsewhere"),
    [("ipv4", "192.0.2.7/32", "", "203.0.113.7"), ("ipv6", "2001:db8::7/128", "2001:db8::8/64", "2001:db8::9")],
)
def test_an_address_is_here_when_an_interface_has_it(family: str, held: str, on_trial: str, elsewhere: str) -> None:
    """A host that could bind an address (``ip_nonlocal_bind``) does not count as a second one that has it.

    Nor does one whose address is on trial (RFC 4862 §5.4); on an interface that is down it stays so.
    """
    script = f"""
        echo 1 >/proc/sys/net/{family}/ip_nonlocal_bind
        ip address add {held} dev lo
        {f"ip link add trial type veth peer name other && ip address add {on_trial} dev trial" if on_trial else ""}
        exec "$@"
    """
    asked = [address.partition("/")[0] for address in (held, on_trial or elsewhere, elsewhere)]
    assert in_own_network(script, [sys.executable, "-c", OWN_NETWORK, *asked]).split() == ["True", "False", "False"]


def test_an_address_is_the_same_however_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtnetlink, "addresses", lambda: frozenset({"2001:db8::7"}))
    assert vips.is_here("2001:0db8:0:0:0:0:0:7")
    assert not vips.is_here("2001:db8::8")


def test_no_word_of_the_kernel_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page with all other metrics is made all the same."""

    def refuse() -> frozenset[str]:
        raise PermissionError

    monkeypatch.setattr(rtnetlink, "addresses", refuse)
    assert not vips.is_here("127.0.0.1")
