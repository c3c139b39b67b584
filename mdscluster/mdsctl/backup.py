"""``mdsctl backup``: the metadata in a file, and a new cluster from it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Final

import typer

from mdscluster.adminclient import AdminClient, leader_of, members_of
from mdscluster.config import NodeConfig
from mdscluster.mdsctl.asking import asking
from mdscluster.mdsctl.desk import EXIT_DIFFERENT, EXIT_OK, STATUS_TIMEOUT_S, Desk, Failure, Json, of_system
from mdscluster.mdsctl.view import human_bytes
from mdsproto import admin_pb2

if TYPE_CHECKING:
    from mdscluster.backup.restore import Restored
    from mdscluster.backup.stream import CorruptBackup

# The backup's own modules bring the state machine along: imported only by commands that need them.

SILENCE_MAX_S: Final = 24 * 3600.0
"""The longest that a backup may take."""
_ROOM: Final = "make room there, as much as the metadata take once more, or take FILE to where there is some"
_UNREADABLE: Final = "as root, give this user a copy: `install -m 0600 -o USER FILE COPY`"
_DAMAGED: Final = "use another backup; `mdsctl backup verify FILE` tells whether one is whole"

app = typer.Typer(no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE")]


@app.command()
def create(
    context: typer.Context,
    file: File,
    node: Annotated[
        str, typer.Option("--node", metavar="ID", help="Who writes it; by default a server that does not lead.")
    ] = "",
    as_json: Json = False,
) -> int:
    """Write a backup of the metadata while the cluster serves, and verify it. FILE must not be there yet."""
    from mdscluster.backup.restore import Unverified, verify
    from mdscluster.backup.stream import CorruptBackup

    desk = Desk.of(context, as_json)
    if file.exists():
        raise Failure(f"{file} is there already", "name a file that is not", code=2)
    partial = file.with_name(file.name + ".part")
    with desk.connect() as client:
        source = node or _spare_node(client)
        desk.progress(f"{source} writes it")
        try:
            handle = _open_anew(partial)
            try:
                with os.fdopen(handle, "wb") as out:
                    _receive(client, source, out)
                found = verify(partial, partial.parent)
                _put_in_place(partial, file)
            finally:
                partial.unlink(missing_ok=True)
        except OSError as problem:
            raise Failure(f"cannot write {partial}: {problem.strerror}", "is there room, and may you write there?") \
                from problem
        except Unverified as problem:
            raise Failure(str(problem), _ROOM) from problem
        except CorruptBackup as problem:
            raise Failure(str(problem), "give the command again; if it stays so, by another --node") from problem
    size = file.stat().st_size
    desk.answer(
        _document(file, found) | {"bytes": size},
        [f"{file}: {human_bytes(size)}, {found.rows} rows, verified", *_about(found)],
    )
    return EXIT_OK


@app.command("verify")
def verify_(context: typer.Context, file: File, as_json: Json = False) -> int:
    """Read a backup whole and compare its digest; exit code 3 when it is damaged. Needs room beside it for a while."""
    from mdscluster.backup.restore import Unverified, verify
    from mdscluster.backup.stream import CorruptBackup

    desk = Desk.of(context, as_json)
    try:
        found = verify(file, file.parent)
    except Unverified as problem:
        raise Failure(str(problem), _ROOM) from problem
    except CorruptBackup as problem:
        raise Failure(str(problem), _what_now(problem), code=EXIT_DIFFERENT) from problem
    desk.answer(_document(file, found), [f"{file}: whole, {found.rows} rows", *_about(found)])
    return EXIT_OK


@app.command("restore")
def restore_(
    context: typer.Context,
    file: File,
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The metadata server's TOML file.")],
    set_aside: Annotated[bool, typer.Option("--set-aside", help="Move a state that is there out of the way.")] = False,
    as_json: Json = False,
) -> int:
    """Make the state of one metadata server of a new cluster. Give it on every one of them, then start all.

    As the service's user, who must be able to read FILE: the state is to be its. Another user is refused.
    """
    from mdscluster.backup.restore import restore
    from mdscluster.backup.stream import CorruptBackup

    desk = Desk.of(context, as_json)
    chosen = NodeConfig.load(config)
    try:
        found = restore(file, chosen, set_aside=set_aside)
    except CorruptBackup as problem:
        raise Failure(str(problem), _what_now(problem), code=EXIT_DIFFERENT) from problem
    desk.answer(
        _document(file, found) | {"node": chosen.node_id},
        [
            f"{chosen.node_id} has the state of the backup: {found.rows} rows, digest equal", *_about(found),
            f"{found.clients} clients that it knew have to mount, or take up their work, anew",
            "restore every other metadata server from the same file, then start all of them",
        ],
    )  # fmt: skip
    return EXIT_OK


def _what_now(problem: CorruptBackup) -> str:
    """Advice on a backup that is of no use here."""
    match problem.__cause__:
        case PermissionError():
            return _UNREADABLE
        case FileNotFoundError() as cause:
            return of_system(cause).advice
    return _DAMAGED


def _spare_node(client: AdminClient) -> str:
    """A member that keeps up and does not lead; else the leader."""
    answers = client.status(STATUS_TIMEOUT_S)
    leader = leader_of(answers)
    if not leader:
        raise Failure("there is no quorum: a backup could lack what was acknowledged", "see `mdsctl status`")
    members = {member.node_id for member in members_of(answers)}
    others = [
        (-answer.reply.applied_index, answer.target.id)
        for answer in answers
        if answer.reply and answer.reply.has_quorum and answer.target.id in members - {leader}
    ]
    return min(others)[1] if others else leader


def _receive(client: AdminClient, node: str, out: IO[bytes]) -> None:
    try:
        stub = client.stub(node)
    except KeyError as problem:
        raise Failure(f"{node} is no metadata server of this cluster", "`mdsctl nodes` shows them") from problem
    with asking(node, "give the command again, or name another server by --node"):
        for piece in stub.Backup(admin_pb2.BackupRequest(), timeout=SILENCE_MAX_S):
            out.write(piece.data)
    out.flush()
    os.fsync(out.fileno())


def _open_anew(partial: Path) -> int:
    """For writing, by nobody else: the cluster's key comes into it. One that was left behind would keep its mode, and
    whoever has it open; and a link would lead elsewhere."""
    partial.unlink(missing_ok=True)
    return os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _put_in_place(partial: Path, file: Path) -> None:
    """A backup that was reported is there after a loss of power, under its name. Where one may write and not look, the
    folder cannot be opened: it is as durable as the file system makes it."""
    partial.rename(file)
    try:
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _document(file: Path, found: Restored) -> dict[str, Any]:
    head = found.head
    return {
        "file": str(file), "cluster": head.cluster, "node": head.node, "created_s": head.created_s,
        "applied_index": head.applied_index, "digest": head.digest, "feature_level": head.feature_level,
        "rows": found.rows,
    }  # fmt: skip


def _about(found: Restored) -> list[str]:
    head = found.head
    when = datetime.fromtimestamp(head.created_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return [
        f"cluster {head.cluster}, written by {head.node} at {when}",
        f"digest {head.digest} at entry {head.applied_index}",
    ]
