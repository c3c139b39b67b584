"""What must be installed on a metadata server so that a device can be asked: programs, and their packages.

Debian's ``fence-agents`` has all agents, and none of the programs that some of them call: it does not name ipmitool at
all, and recommends snmp and openssh-client only. The lists are of version 4.12.1 (each agent's metadata: ``..._path``).
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fencing.device import Device, DeviceError, plain_key

AGENTS_PACKAGE: Final = "fence-agents"


@dataclass(frozen=True, slots=True)
class Program:
    """One that an agent calls."""

    parameter: str
    """The agent's parameter that names another place for it."""
    path: str
    package: str


_IPMITOOL: Final = Program("ipmitool_path", "/usr/bin/ipmitool", "ipmitool")
_SNMP: Final = tuple(Program(f"snmp{word}_path", f"/usr/bin/snmp{word}", "snmp") for word in ("get", "set", "walk"))
_SSH: Final = Program("ssh_path", "/usr/bin/ssh", "openssh-client")
_TELNET: Final = Program("telnet_path", "/usr/bin/telnet", "telnet")
_GNUTLS: Final = Program("gnutlscli_path", "/usr/bin/gnutls-cli", "gnutls-bin")
_CALLED_BY: Final[dict[str, tuple[Program, ...]]] = {
    "idrac ilo3 ilo4 ilo5 imm ipmilan ipmilanplus": (_IPMITOOL,),
    "apc_snmp eaton_snmp emerson ibmblade intelmodular ipdu lindypdu tripplite_snmp": _SNMP,
    "alom cyberpower_ssh ilo_moonshot ldom lpar vbox virsh vmware": (_SSH,),
    "cdu drac netio raritan": (_TELNET,),
    "ilo ilo2": (_GNUTLS,),
    "amt": (Program("amttool_path", "/usr/bin/amttool", "amtterm"),),
    "powerman": (Program("powerman_path", "/usr/bin/powerman", "powerman"),),
    "ironic": (Program("openstack_path", "/usr/bin/openstack", "python3-openstackclient"),),
}
_CALLS: Final = {f"fence_{name}": called for names, called in _CALLED_BY.items() for name in names.split()}
_SSH_OR_TELNET: Final = """
apc bladecenter drac5 hds_cb hpblade ilo3_ssh ilo4_ssh ilo5_ssh ilo_mp ilo_ssh raritan_px3 rsa rsb wti
"""
_BY_SSH_OR_TELNET: Final = frozenset(f"fence_{name}" for name in _SSH_OR_TELNET.split())
_YES: Final = frozenset(("1", "yes", "on", "true"))


def programs(device: Device) -> tuple[Program, ...]:
    """What its agent calls, where its options say that it is. Of a program of the operator's own: nothing is known."""
    told = dict(_pair(option) for option in device.options)
    called = _CALLS.get(device.agent, ())
    if device.agent in _BY_SSH_OR_TELNET:
        called = (_SSH,) if {told.get("ssh"), told.get("secure")} & _YES else (_TELNET,)
    return tuple(Program(each.parameter, told.get(each.parameter, each.path), each.package) for each in called)


def packages(device: Device) -> tuple[str, ...]:
    """The Debian packages that a metadata server needs for it."""
    if Path(device.agent).is_absolute():
        return ()
    return (AGENTS_PACKAGE, *dict.fromkeys(each.package for each in programs(device)))


def fault(device: Device, reader: int) -> str:
    """Why it could not be asked on this host, in the operator's words; empty: nothing is missing.

    ``reader``: the user (uid) that the service runs as, which has to read the secrets.
    """
    where = f"fencing device {device.name!r} of {device.node}"
    try:
        program = device.program()
        device.secrets()
    except DeviceError as problem:
        return f"{where}: {problem}"
    if not os.access(program, os.X_OK):
        return f"{where}: {program} is no program that can be run: chmod 755 {program}"
    for called in programs(device):
        if not os.access(called.path, os.X_OK):
            return (
                f"{where}: {device.agent} calls {called.path}, and that is not there: install it (on Debian: apt "
                f"install {called.package})"
            )
    for path in device.secret_files:
        if (owner := path.stat().st_uid) != reader:
            return f"{where}: {path} belongs to {_user(owner)}, and the service runs as {_user(reader)}: chown it"
    return ""


def _pair(option: str) -> tuple[str, str]:
    key, _, value = option.partition("=")
    return plain_key(key), value.strip().lower() if plain_key(key) in ("ssh", "secure") else value.strip()


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
