"""Everything that a host gets, from an inventory: DIR/HOST/, the CA in DIR/pki/, mdsctl's DIR/cluster.json,
and DIR/monitoring/ for Prometheus and Grafana.

What depends on the inventory alone is written anew each time, to the same bytes. Keys and certificates are made once
and kept; a certificate is made anew only when a name or an address was added (``certs renew`` minds its days).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from deploy import (
    clearing,
    fencing_devices,
    install,
    keepalived,
    monitoring,
    packetfilter,
    previous,
    spreading,
    tuning,
    units,
)
from deploy.inventory import DataServer, Inventory, Node
from deploy.reading import LoadedInventory
from deploy.servers import Host, ds_config, hosts, node_config
from deploy.writing import PROGRAM, SECRET, WRITTEN_BY, File, Written, manifest, publish
from mdscluster.pki import NEVER, ClusterPki
from mdscluster.plan import ADMIN_ID
from mdsproto.configfile import dump
from mdsproto.credentials import ROLE_ADMIN, ROLE_DS, ROLE_MDS

PKI: Final = "pki"
CLUSTER_FILE: Final = "cluster.json"
WARN_BEFORE: Final = timedelta(days=90)
_HEADER: Final = f"{WRITTEN_BY}: change the inventory, not this."


@dataclass(frozen=True, slots=True)
class Rendered:
    """What came of it."""

    written: Written
    notes: tuple[str, ...]


def render(
    loaded: LoadedInventory, directory: Path, *, discard_edits: bool = False, new_ca: bool = False
) -> Rendered:
    """Bring ``directory`` up to the inventory, as a whole or not at all. :class:`ConfigError` when that cannot be.

    ``new_ca``: where the CA is missing that the hosts of an earlier rendering have, they get a new one.
    """
    inventory, base = loaded.inventory, loaded.path.resolve().parent
    notes: list[str] = []

    def build(tree: Path) -> dict[str, File]:
        pki = ClusterPki(tree / PKI)
        before = previous.read(tree, manifest(tree))
        previous.keep_authority(before, pki, new_ca=new_ca)
        _certificates(inventory, pki)
        notes.extend((*previous.notes(before, inventory), *_soon_over(inventory, pki)))
        made: dict[str, File] = {CLUSTER_FILE: File(_cluster_file(inventory))}
        made |= {f"{monitoring.FOLDER}/{name}": _file(text) for name, text in monitoring.files(inventory).items()}
        for host in hosts(inventory):
            for path, file in host_files(inventory, host, pki, base).items():
                made[f"{host.name}/{path}"] = file
        return made

    written = publish(
        directory, build, edits_allowed=frozenset({CLUSTER_FILE}), discard_edits=discard_edits
    )
    return Rendered(written, (*loaded.notes, *notes))


def host_files(inventory: Inventory, host: Host, pki: ClusterPki, base: Path) -> dict[str, File]:
    """One host's files, by path below its folder."""
    made = {
        "INSTALL.md": File(install.guide(inventory, host).encode()),
        clearing.SCRIPT: File(clearing.script(inventory).encode(), PROGRAM),
        units.SYSUSERS: _file(units.sysusers(inventory, mds=host.node is not None, ds=bool(host.data_servers))),
    }
    made |= {path: _file(text) for path, text in tuning.FILES.items()}
    for server in host.data_servers:
        made |= _server_files(server, pki, _ds_toml(inventory, server))
        made[units.ds_unit_name(server)] = _file(units.ds_unit(inventory, server))
    node = host.node
    if node is None:
        return made
    made |= _server_files(node, pki, _mds_toml(inventory, node))
    made |= {f"{node.id}/{path}": file for path, file in fencing_devices.secrets(inventory, base).items()}
    made[units.MDS_UNIT] = _file(units.mds_unit(inventory, node))
    made[units.GUARD_UNIT] = _file(units.guard_unit(inventory, node))
    made[units.TMPFILES] = _file(units.tmpfiles(inventory))
    if inventory.install.watchdog:
        made[units.WATCHDOG_RULE] = _file(units.watchdog_rule(inventory))
    if inventory.service_addresses:
        made[clearing.KEEPALIVED_CONF] = _file(keepalived.render(inventory, node))
        made[units.KEEPALIVED_DROP_IN] = _file(units.keepalived_drop_in(inventory, node))
        made[keepalived.NOTIFY_SCRIPT] = File(keepalived.notify_script().encode(), PROGRAM)
        made[install.NFT_FILE] = _file(packetfilter.render(inventory))
        made[units.NFT_UNIT] = _file(units.nft_unit(inventory))
        made[units.NFTABLES_DROP_IN] = _file(units.nftables_drop_in(inventory))
    if inventory.spread.address:
        made[spreading.UNIT] = _file(units.spread_unit(inventory))
        made[spreading.SYSCTL_FILE] = _file(spreading.sysctl(inventory, node))
        if inventory.spread.by == "nft":
            made[spreading.NFT_FILE] = _file(spreading.nft(inventory, node))
    return made


def _server_files(server: Node | DataServer, pki: ClusterPki, config: str) -> dict[str, File]:
    """A server's own folder: configuration, certificate and keys."""
    paths = pki.paths(server.id)
    return {
        f"{server.id}/{server.id}.toml": _file(config),
        f"{server.id}/ca.pem": File(pki.ca.read_bytes()),
        f"{server.id}/{server.id}.pem": File(paths.certificate.read_bytes()),
        f"{server.id}/{server.id}.key": File(paths.key.read_bytes(), SECRET),
        f"{server.id}/cluster.key": File(pki.cluster_key.read_bytes(), SECRET),
    }


def _mds_toml(inventory: Inventory, node: Node) -> str:
    header = f"{_HEADER}\nCheck it: mdscluster check --config FILE"
    return dump(node_config(inventory, node), Path(inventory.install.config_dir) / node.id, header=header)


def _ds_toml(inventory: Inventory, server: DataServer) -> str:
    header = f"{_HEADER}\nCheck it: dataserver check --config FILE"
    return dump(ds_config(inventory, server), Path(inventory.install.config_dir) / server.id, header=header)


def _certificates(inventory: Inventory, pki: ClusterPki) -> None:
    pki.create()
    pki.issue(ADMIN_ID, ROLE_ADMIN, [], renew_before=NEVER)
    for server in inventory.servers:
        role = ROLE_MDS if isinstance(server, Node) else ROLE_DS
        pki.issue(server.id, role, [text.split("/")[0] for text in server.addresses], renew_before=NEVER)


def _soon_over(inventory: Inventory, pki: ClusterPki) -> list[str]:
    """Certificates that somebody should renew."""
    now = datetime.now(UTC)
    found = []
    names = (ADMIN_ID, *(server.id for server in inventory.servers))
    for file in (pki.ca, *(pki.paths(name).certificate for name in names)):
        ends = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
        if ends - now < WARN_BEFORE:
            found.append(f"{PKI}/{file.name} is good until {ends:%Y-%m-%d} only: `mdsctl certs renew`")
    return found


def _cluster_file(inventory: Inventory) -> bytes:
    """What mdsctl reads, as ``run up`` writes it."""
    ports = inventory.ports
    mds = [
        {
            "id": node.id,
            "host": str(node.address),
            "nfs_port": ports.nfs,
            "admin": str(node_config(inventory, node).peer.admin),
        }
        for node in inventory.nodes
    ]
    ds = [
        {"id": server.id, "host": str(server.address), "nfs_port": inventory.ds_nfs_port(server)}
        for server in inventory.data_servers
    ]
    return json.dumps({"export": "/", "mds": mds, "ds": ds}, indent=2).encode() + b"\n"


def _file(text: str) -> File:
    return File(text.encode())
