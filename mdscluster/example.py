"""Example configuration files, written by the code that reads them, so that they cannot grow old."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dataserver.config import DsConfig, MdsPeer
from dataserver.config import TlsPaths as DsTlsPaths
from mdscluster.config import Address, Device, Export, Fencing, Guard, NodeConfig, Peer, TlsPaths
from mdsproto.configfile import dump

_ETC: Final = Path("/etc/mdscluster")
_LIB: Final = Path("/var/lib/mdscluster")
_MDS: Final = {f"mds{n}": f"192.0.2.{10 + n}" for n in (1, 2, 3)}


def _bmc(name: str) -> Device:
    """The way to a metadata server's power: its BMC, by IPMI."""
    options = (
        f"ip=198.51.100.{_MDS[name].rpartition('.')[2]}", "username=fencing", "privlvl=operator", "lanplus=1",
        "power_wait=0", "login_timeout=1", "shell_timeout=1", "power_timeout=5", "ipmitool_timeout=1",
    )  # fmt: skip
    return Device(f"bmc-{name}", name, "fence_ipmilan", options, (_ETC / f"bmc-{name}.secret",))


def mds_example() -> str:
    """A metadata server of three."""
    config = NodeConfig(
        node_id="mds1",
        data_dir=_LIB / "mds1",
        cluster_key_file=_ETC / "cluster.key",
        nfs=Address("0.0.0.0", 2049),
        tls=TlsPaths(_ETC / "ca.pem", _ETC / "mds1.pem", _ETC / "mds1.key"),
        peers=tuple(
            Peer(name, Address(host, 20590), Address(host, 20690), Address(host, 2049)) for name, host in _MDS.items()
        ),
        exports=(Export(networks=("192.0.2.0/24",)),),
        fencing=Fencing(devices=tuple(_bmc(name) for name in _MDS)),
        guard=Guard(run_dir="/run/mdscluster", vip_dir="/run/mdscluster-vip"),
        service_addresses=("192.0.2.101",),
    )
    config.validate()
    header = "A metadata server, one of three.\nCheck it: mdscluster check --config FILE"
    return dump(config, _ETC, header=header)


def ds_example() -> str:
    """A data server."""
    config = DsConfig(
        ds_id="ds1",
        data_dir=_LIB / "ds1",
        cluster_key_file=_ETC / "cluster.key",
        nfs=Address("192.0.2.21", 2049),
        control=Address("192.0.2.21", 20790),
        tls=DsTlsPaths(_ETC / "ca.pem", _ETC / "ds1.pem", _ETC / "ds1.key"),
        mds=tuple(MdsPeer(name, Address(host, 20690)) for name, host in _MDS.items()),
    )
    config.validate()
    return dump(config, _ETC, header="A data server.    Start it: dataserver serve --config FILE")


EXAMPLES: Final[dict[str, Callable[[], str]]] = {"mds.example.toml": mds_example, "ds.example.toml": ds_example}

if __name__ == "__main__":
    for name, example in EXAMPLES.items():
        (Path(sys.argv[1]) / name).write_text(example())
