"""The ClusterLabs fence agents that an inventory may name.

The list is Debian 12's (package fence-agents 4.12.1); an agent that is installed on the machine
that renders counts, too.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Final

from fencing.device import agent_told

_DEBIAN: Final = """
ack_manual aliyun alom amt apc apc_snmp aws azure_arm bladecenter brocade cdu cisco_mds cisco_ucs compute
crosslink cyberpower_ssh docker drac drac5 dummy eaton_snmp ecloud emerson eps evacuate gce hds_cb
heuristics_ping hpblade ibm_powervs ibm_vpc ibmblade ibmz idrac ifmib ilo ilo2 ilo3 ilo3_ssh ilo4 ilo4_ssh
ilo5 ilo5_ssh ilo_moonshot ilo_mp ilo_ssh imm intelmodular ipdu ipmilan ipmilanplus ironic kdump kubevirt ldom
lindypdu lpar mpath netio openstack ovh powerman pve raritan raritan_px3 rcd_serial redfish rhevm rsa rsb
sanbox2 sbd scsi skalar tripplite_snmp vbox virsh vmware vmware_rest vmware_soap vmware_vcloud wti xenapi
zvmip
"""
AGENTS: Final = frozenset(f"fence_{name}" for name in _DEBIAN.split())
_NAME: Final = re.compile(r"fence_[a-z0-9_]+")
_FOLDERS: Final = (Path("/usr/sbin"), Path("/sbin"))
UNFIT: Final = {
    "fence_ack_manual": "it asks a person: `mdsctl fence confirm` is there for that",
    "fence_dummy": "it turns nothing off, and says that it did",
    "fence_heuristics_ping": "it turns nothing off",
    "fence_kdump": "it turns nothing off: it waits for a message of the crashed kernel",
    "fence_crosslink": "it turns nothing off: it takes a node that does not answer by a second cable for dead",
    "fence_scsi": "it cuts no power: it takes away the node's reservation of a shared disk",
    "fence_mpath": "it cuts no power: it takes away the node's reservation of a shared disk",
    "fence_sbd": "it cuts no power: it leaves word on a shared disk, which a node that hangs does not read",
    "fence_brocade": "it cuts no power: it closes a port of a storage switch",
    "fence_cisco_mds": "it cuts no power: it closes a port of a storage switch",
    "fence_sanbox2": "it cuts no power: it closes a port of a storage switch",
    "fence_ifmib": "it cuts no power: it closes a port of a switch",
    "fence_compute": "it cuts no power: it tells OpenStack that the node is down",
    "fence_evacuate": "it cuts no power: it has OpenStack start instances elsewhere",
}
"""Agents after which nobody may call a node off."""


def refusal(agent: str) -> str:
    """Why the agent cannot be used, in the operator's words; empty when it can."""
    if agent.startswith("/"):
        return "" if ".." not in agent.split("/") and agent.isprintable() else f"{agent!r} is no path of a program"
    if agent in UNFIT:
        return f"{agent} cannot fence: {UNFIT[agent]}"
    if agent in AGENTS or (_NAME.fullmatch(agent) and any((folder / agent).exists() for folder in _FOLDERS)):
        return ""
    close = difflib.get_close_matches(agent, AGENTS, n=1) or difflib.get_close_matches(f"fence_{agent}", AGENTS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "fence-agents has fence_ipmilan, fence_redfish, fence_apc, ..."
    return f"there is no fence agent {agent_told(agent)!r}; {hint}"
