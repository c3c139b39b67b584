"""Reading ``cluster.json``, which ``./run up`` writes: who serves where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from nfsclient.runtime import Address


class ClusterFileError(ValueError):
    """The file is not what ``./run up`` writes."""


class ClusterFile(msgspec.Struct, frozen=True):
    """What a client needs of it."""

    export: str
    metadata_servers: dict[str, Address]    # by node ID, in the file's order
    data_servers: dict[str, Address]

    @property
    def addresses(self) -> list[Address]:
        """Where to mount."""
        return list(self.metadata_servers.values())


def read_cluster_file(path: str | Path) -> ClusterFile:
    """Parse ``cluster.json``; ``OSError``, ``ClusterFileError``."""
    try:
        raw: dict[str, Any] = json.loads(Path(path).read_text())
        servers = [{node["id"]: (str(node["host"]), int(node["nfs_port"])) for node in raw[kind]}
                   for kind in ("mds", "ds")]
        if not servers[0]:
            raise ClusterFileError(f"{path}: no metadata server in it")
        return ClusterFile(str(raw.get("export", "/")), *servers)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ClusterFileError(f"{path} is no cluster file: {error!r}") from error
