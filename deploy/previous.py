"""What the last rendering of a folder told its hosts: for what a new one must not change without a word."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.inventory import Inventory
from deploy.keepalived import instance_name
from deploy.servers import node_config
from mdscluster.pki import SECRET_MODE, ClusterPki
from mdsproto.configfile import ConfigError, write_atomically

CLUSTER_KEY: Final = "cluster.key"
NEW_CA: Final = "--new-ca"
_INSTANCE: Final = re.compile(r"^vrrp_instance (\S+) \{.*?^\s*virtual_router_id (\d+)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Previous:
    """Empty where nothing was rendered yet."""

    cluster_keys: dict[str, bytes] = field(default_factory=dict)
    """Each host's file -> its content."""
    router_ids: dict[str, int] = field(default_factory=dict)
    """keepalived's instance -> virtual router id."""
    listeners: dict[str, tuple[str, str]] = field(default_factory=dict)
    """A metadata server's id -> where the others reach it: raft, admin."""


def read(tree: Path, known: Iterable[str]) -> Previous:
    """``known``: the paths below ``tree`` that were rendered. One that somebody has removed or spoilt tells nothing."""
    found = Previous()
    for path in sorted(known):
        file, parts = tree / path, path.split("/")
        if not file.is_file():
            continue
        if len(parts) == 3 and parts[2] == CLUSTER_KEY:
            found.cluster_keys[path] = file.read_bytes()
        elif parts[1:] == ["keepalived.conf"]:
            found.router_ids.update((name, int(number)) for name, number in _INSTANCE.findall(file.read_text("utf-8")))
        elif len(parts) == 3 and parts[2] == f"{parts[1]}.toml":
            found.listeners.update(_peers(file))
    return found


def _peers(file: Path) -> dict[str, tuple[str, str]]:
    """Of a data server's configuration: none."""
    try:
        peers = tomllib.loads(file.read_text(encoding="utf-8")).get("peers", [])
        return {str(peer["id"]): (str(peer["raft"]), str(peer["admin"])) for peer in peers}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError):
        return {}


def keep_authority(previous: Previous, pki: ClusterPki, *, new_ca: bool) -> None:
    """See to it that hosts which have a CA and a cluster key get no others unasked. :class:`ConfigError` otherwise.

    With ``new_ca`` they get a new CA, where theirs is missing, and keep their cluster key.
    """
    if not previous.cluster_keys:
        return
    missing = [file for file in (pki.ca, pki.cluster_key) if not file.exists()]
    if missing and not new_ca:
        raise ConfigError(
            f"pki/{' and pki/'.join(file.name for file in missing)} missing, and the hosts have them: bring pki/ back "
            f"from its copy. Lost for good (docs/DEPLOY.md, A lost pki/): {NEW_CA} makes a new CA and takes "
            f"{CLUSTER_KEY} from the hosts' folders"
        )
    if pki.cluster_key in missing:
        contents = sorted(set(previous.cluster_keys.values()))
        if len(contents) > 1:
            raise ConfigError(
                f"{', '.join(previous.cluster_keys)} differ: put the one that the cluster has into pki/{CLUSTER_KEY}"
            )
        pki.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(pki.cluster_key, contents[0], mode=SECRET_MODE)
    if pki.ca in missing:  # what the lost one has signed is worth nothing under another
        for certificate in pki.directory.glob("*.pem"):
            certificate.unlink()


def notes(previous: Previous, inventory: Inventory) -> list[str]:
    """What hosts that run cannot simply be given."""
    return [*_renumbered(previous, inventory), *_moved(previous, inventory)]


def _renumbered(previous: Previous, inventory: Inventory) -> list[str]:
    found = []
    for vip in inventory.service_addresses:
        now = inventory.router_id(vip)
        before = previous.router_ids.get(instance_name(vip), now)
        if before != now:
            table = "[[vips]]" if vip in inventory.vips else "[spread]"
            found.append(
                f"{vip.interface.ip} changes its virtual router id from {before} to {now}, and would be on two hosts "
                f"until each keepalived was told: write `router_id = {before}` into its {table} table and render again"
            )
    return found


def _moved(previous: Previous, inventory: Inventory) -> list[str]:
    found = []
    for node in inventory.nodes:
        peer = node_config(inventory, node).peer
        now = (str(peer.raft), str(peer.admin))
        before = previous.listeners.get(node.id, now)
        if before != now:
            found.append(
                f"{node.id} was reached at {before[0]} (admin {before[1]}) and is to be at {now[0]} (admin {now[1]}): "
                "a running cluster goes on dialling the addresses that it was told. Do not install this before you "
                "have read docs/MEMBERSHIP.md, Another address"
            )
    return found
