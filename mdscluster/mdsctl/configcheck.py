"""``mdsctl config check``: what is wrong with a server's configuration file, before the server is started with it."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from dataserver.config import DsConfig
from fencing.needs import fault
from mdscluster.config import ConfigError, NodeConfig
from mdscluster.mdsctl.desk import EXIT_OK, Desk, Json
from mdsproto import certcheck
from mdsproto.credentials import ROLE_DS, ROLE_MDS

app = typer.Typer(no_args_is_help=True)


@app.command()
def check(
    context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: Json = False
) -> int:
    """Read a metadata or data server's file, its keys and certificates; exit code 2 when it cannot work."""
    desk = Desk.of(context, as_json)
    found = examine(file)
    notes = [f"note: {text}" for text in found["notes"]]
    desk.answer(found, [*notes, f"{file}: {found['id']}, {found['kind']}: no fault found"])
    return EXIT_OK


def examine(file: Path) -> dict[str, Any]:
    """Kind and id of the server, and notes on what works today but deserves a look. ``ConfigError``: it cannot work."""
    config = _load(file)
    own, role, kind = (
        (config.node_id, ROLE_MDS, f"one of {len(config.peers)} metadata servers")
        if isinstance(config, NodeConfig)
        else (config.ds_id, ROLE_DS, "a data server")
    )
    config.cluster_key()
    certcheck.require_own(config.tls.ca, config.tls.certificate, config.tls.key, own, role)
    told, usable = certcheck.days(config.tls.ca, config.tls.certificate)
    if not usable:
        raise ConfigError(told)
    notes = [told] if told else []
    for secret in (config.tls.key, config.cluster_key_file):
        if stat.S_IMODE(secret.stat().st_mode) & 0o077:
            notes.append(f"{secret} can be read by others than its owner: chmod 600 {secret}")
    if isinstance(config, NodeConfig):
        reader = config.tls.key.stat().st_uid
        notes += filter(None, (fault(device, reader) for device in config.fencing.devices))
    notes += _about_directory(config.data_dir)
    return {"file": str(file), "id": own, "kind": kind, "notes": notes}


def _load(file: Path) -> NodeConfig | DsConfig:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return NodeConfig.load(file)  # which says what is wrong with it
    if "ds_id" in table:
        return DsConfig.load(file)
    if "node_id" in table:
        return NodeConfig.load(file)
    raise ConfigError(
        f"{file} has neither node_id (a metadata server's file) nor ds_id (a data server's): "
        "is it the file that the server is started with?"
    )


def _about_directory(directory: Path) -> list[str]:
    if directory.is_dir():
        if os.access(directory, os.W_OK):
            return []
        raise ConfigError(f"data_dir {directory} cannot be written by this user: run the check as the server's user")
    if directory.exists():
        raise ConfigError(f"data_dir {directory} is no directory")
    return [f"data_dir {directory} is not there: for a new server it must be made; else, is its file system mounted?"]
