"""``mdsctl support-bundle``: all that whoever helps will ask for, in one file; no keys, nothing of files' content."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mdscluster.adminclient import ClusterFile
from mdscluster.mdsctl import clients, member, nodes, status
from mdscluster.mdsctl.desk import EXIT_OK, STATUS_TIMEOUT_S, Desk, Failure, Json
from mdscluster.mdsctl.paging import fetch
from mdscluster.mdsctl.view import human_bytes, plain

LOG_BYTES: Final = 256 << 10
"""The end of each log."""
CLIENTS: Final = 1_000


def support_bundle(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .tar.gz that is not there yet.")],
    as_json: Json = False,
) -> int:
    """Collect status, membership, clients, and the configurations and logs that lie on this host, into one file.

    Keys are not taken. Client names, addresses and paths are: look into it before you pass it on.
    """
    desk = Desk.of(context, as_json)
    if file.exists():
        raise Failure(f"{file} is there already", "name a file that is not", code=2)
    cluster = desk.cluster()
    found: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    _ask(desk, cluster, found, missing)
    _collect_local(cluster, found, missing)
    found["missing.json"] = _json(missing)
    try:
        _write(file, found)
    except OSError as problem:
        raise Failure(f"cannot write {file}: {problem.strerror}", "is there room for it there?") from problem
    told = [f"not in it: {name}: {reason}" for name, reason in sorted(missing.items())]
    desk.answer(
        {"file": str(file), "bytes": file.stat().st_size, "contents": sorted(found), "missing": missing},
        [*told, f"{file}: {human_bytes(file.stat().st_size)}, {len(found)} files; it holds no keys"],
    )
    return EXIT_OK


def _ask(desk: Desk, cluster: ClusterFile, found: dict[str, bytes], missing: dict[str, str]) -> None:
    """What the servers tell. Whatever fails is noted, for a bundle is wanted most when much fails."""
    with desk.connect(cluster) as client:
        answers = client.status(STATUS_TIMEOUT_S)
        found["status.json"] = _json(status.json_of(cluster, answers))
        found["status.txt"] = "\n".join(status.as_text(cluster, answers, verbose=True)).encode() + b"\n"
        found["nodes.txt"] = "\n".join(plain(nodes.blocks_of(answers))).encode() + b"\n"
        found["members.json"] = _json(member.json_of(answers))
        missing |= {f"status of {answer.target.id}": answer.problem for answer in answers if answer.reply is None}
        try:
            listing = fetch(client, "ListClients", CLIENTS)
            found["clients.json"] = _json(listing.document("clients", [clients.row_json(row) for row in listing.rows]))
        except Failure as failure:
            missing["clients"] = failure.problem


def _collect_local(cluster: ClusterFile, found: dict[str, bytes], missing: dict[str, str]) -> None:
    """Files on this host that cluster.json leads to."""

    def take(name: str, path: Path, read: Callable[[Path], bytes]) -> None:
        try:
            found[name] = read(path)
        except OSError as problem:
            missing[name] = f"{path}: {problem.strerror}"

    take("cluster.json", cluster.path, Path.read_bytes)
    for server in json.loads(found.get("cluster.json", b"{}")).get("mds", []) + list(cluster.ds):
        config = server.get("config")
        if not config:
            missing[f"configuration of {server['id']}"] = "cluster.json does not tell where it is"
            continue
        take(f"{server['id']}/config.toml", Path(config), Path.read_bytes)
        for log in sorted((Path(config).parent / "log").glob("*.log")):
            take(f"{server['id']}/{log.name}", log, _end_of)


def _end_of(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        return file.read(LOG_BYTES)


def _write(file: Path, found: dict[str, bytes]) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, content in sorted(found.items()):
                entry = tarfile.TarInfo(f"{file.name.split('.')[0]}/{name}")
                entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
                archive.addfile(entry, io.BytesIO(content))
    except BaseException:
        file.unlink()
        raise


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=2).encode() + b"\n"
