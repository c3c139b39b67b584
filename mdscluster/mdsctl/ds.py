"""``mdsctl ds``: data servers come and go."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Final

import typer

from dataserver.config import DsConfig, MdsPeer, Metrics, TlsPaths
from deploy.writing import MANIFEST, was_rendered
from mdscluster.adminclient import Answer, members_of
from mdscluster.mdsctl import clusterfile
from mdscluster.mdsctl.asking import asking, current_leader
from mdscluster.mdsctl.desk import EXIT_OK, STATUS_TIMEOUT_S, Desk, Failure, Json, not_empty
from mdscluster.mdsctl.status import data_servers, server_grid
from mdscluster.pki import ClusterPki
from mdsproto import admin_pb2
from mdsproto.configfile import Address, save
from mdsproto.credentials import ROLE_DS

CALL_TIMEOUT_S: Final = 600.0
"""Looking for files on a data server reads the stripings of all files."""

app = typer.Typer(no_args_is_help=True)

ServerId = Annotated[str, typer.Argument(metavar="ID", callback=not_empty)]


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> int:
    """Every data server: its state, its room, and what it has yet to delete."""
    desk = Desk.of(context, as_json)
    cluster = desk.cluster()
    with desk.connect(cluster) as client:
        answers = client.status(STATUS_TIMEOUT_S)
    if not any(answer.reply for answer in answers):
        raise Failure("no metadata server answers", "`mdsctl status` shows why")
    servers = data_servers(cluster, answers)
    desk.answer({"data_servers": servers}, [server_grid(servers)])
    return EXIT_OK


@app.command()
def add(
    context: typer.Context,
    server: ServerId,
    nfs: Annotated[str, typer.Option("--nfs", metavar="HOST:PORT", help="Where clients reach it.")],
    control: Annotated[str, typer.Option("--control", metavar="HOST:PORT", help="Where metadata servers reach it.")],
    like: Annotated[Path, typer.Option("--like", metavar="FILE", help="A present data server's configuration.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Its configuration; must not be there yet.")],
    data_dir: Annotated[Path, typer.Option("--data-dir", metavar="DIR", help="Where its objects will lie.")],
    as_json: Json = False,
) -> int:
    """Write the configuration (and certificate) of a new data server. Started with it, it joins by itself.

    For a cluster that was set up by hand, or by `run up`. One that is rendered from an inventory gets it from there.
    """
    desk = Desk.of(context, as_json)
    if rendered := _rendered(desk.cluster_file, like):
        raise Failure(
            f"{rendered} was rendered from an inventory, and the next rendering would know nothing of {server}",
            "add the data server to the inventory, render, install it on its host (docs/DEPLOY.md, Changing it later)",
            code=2,
        )
    cluster = desk.cluster()
    with desk.connect(cluster) as client:
        answers = client.status(STATUS_TIMEOUT_S)
    if any(one["id"] == server for one in data_servers(cluster, answers)):
        raise Failure(f"{server} is a data server already", "give the new one an ID of its own: `mdsctl ds list`")
    if out.exists():
        raise Failure(f"{out} is there already", "name another file by --out", code=2)
    config, notes = _configuration(server, Address.parse(nfs, "--nfs"), Address.parse(control, "--control"), like,
                                   data_dir, answers)  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    start = f"dataserver serve --config {out}"
    save(config, out, header=f"Start it with: {start}")
    entry = {"id": server, "host": config.nfs.host, "nfs_port": config.nfs.port, "pid": 0}
    entry["config"] = str(out.absolute())
    note = clusterfile.edit(desk.cluster_file, "ds", lambda entries: clusterfile.with_entry(entries, entry))
    notes += [note] if note else []
    desk.answer(
        {"id": server, "config": str(out), "start": start, "notes": notes},
        [*notes, f"{out}: make {config.data_dir} (its file system mounted), then start it with", f"    {start}",
         "`mdsctl ds list` shows it as up once it has joined; new files are laid on it from then on"],
    )  # fmt: skip
    return EXIT_OK


def _configuration(
    server: str, nfs: Address, control: Address, like: Path, data_dir: Path, answers: list[Answer]
) -> tuple[DsConfig, list[str]]:
    present = DsConfig.load(like)
    pki = ClusterPki(present.tls.ca.parent)
    paths = pki.paths(server)
    members = [MdsPeer(member.node_id, Address.parse(member.admin)) for member in members_of(answers) if member.admin]
    metrics, notes = _metrics(present, nfs.host)
    config = dataclasses.replace(
        present, ds_id=server, nfs=nfs, control=control, data_dir=data_dir.absolute(), metrics=metrics,
        tls=TlsPaths(present.tls.ca, paths.certificate, paths.key), mds=tuple(members) or present.mds,
    )  # fmt: skip
    config.validate()
    if pki.ca_key.exists():
        pki.issue(server, ROLE_DS, sorted({nfs.host, control.host}))
        return config, notes
    if paths.certificate.exists():
        return config, notes
    return config, [
        *notes,
        f"note: its certificate {paths.certificate} is missing: where the CA's key is, make it with"
        f" `mdscluster pki --directory DIR {server}={nfs.host}`"
    ]


def _metrics(present: DsConfig, host: str) -> tuple[Metrics, list[str]]:
    """The model's port on the new server's own address: nobody can listen on another host's. On the same address that
    port is taken: nothing listens then, and the note says so."""
    where = present.metrics.address
    if where is None:
        return present.metrics, []
    if host not in (where.host, present.nfs.host):
        kept = where.host if where.host in ("0.0.0.0", "::") else host
        return dataclasses.replace(present.metrics, listen=str(Address(kept, where.port))), []
    note = f"note: it answers no Prometheus, as port {where.port} is {present.ds_id}'s there: set metrics.listen"
    return dataclasses.replace(present.metrics, listen=""), [note]


def _rendered(cluster_file: Path, like: Path) -> Path | None:
    """What of the two `mdsctl deploy render` has written."""
    if (cluster_file.resolve().parent / MANIFEST).exists():
        return cluster_file
    return like if was_rendered(like) else None


@app.command()
def drain(
    context: typer.Context,
    server: ServerId,
    off: Annotated[bool, typer.Option("--off", help="Lay new files on it again.")] = False,
    as_json: Json = False,
) -> int:
    """Lay no new files on a data server. Those that lie there stay, and are served."""
    desk = Desk.of(context, as_json)
    reply = _change(desk, "undrain" if off else "drain", server)
    shown: list[str] = [f"{server} takes new files" if off else f"{server} is drained: it takes no new files"]
    if not off:
        shown.append(_what_is_left(server, reply))
    desk.answer({"id": server, "drained": not off, "files": reply.files}, shown)
    return EXIT_OK


@app.command()
def remove(context: typer.Context, server: ServerId, as_json: Json = False) -> int:
    """Forget a data server that is drained, stopped, and holds no file's data any more; or a lost store, DS/lost-N."""
    desk = Desk.of(context, as_json)
    _change(desk, "remove", server)
    if _LOST in server:
        desk.answer({"id": server, "removed": True, "notes": []}, [f"{server} is removed: no file had data there"])
        return EXIT_OK
    note = clusterfile.edit(desk.cluster_file, "ds", lambda entries: clusterfile.without(entries, server))
    desk.answer(
        {"id": server, "removed": True, "notes": [note] if note else []},
        [*([note] if note else []), f"{server} is removed. What its disk holds belongs to no file: it can be wiped",
         _STAYS_AWAY],
    )  # fmt: skip
    return EXIT_OK


def _what_is_left(server: str, reply: admin_pb2.ChangeDataServerReply) -> str:
    if _LOST in server:
        return f"{reply.files} files had data there" + (_RESTORE if reply.files else f": `mdsctl ds remove {server}`")
    if not reply.files:
        return f"no file has data there: stop it, then `mdsctl ds remove {server}`"
    return f"{reply.files} files have data there. Nothing moves them: they go when they are deleted (or copied first)"


_LOST: Final = "/lost-"
"""In the name of a store that was given up."""
_RESTORE: Final = ": restore them under new names, and delete these"
_STAYS_AWAY: Final = (
    "See that it is not started again, also by the next boot (systemctl disable): with its present store it would be"
    " refused, with an empty data_dir it would join as a new data server"
)
_ADVICE: Final = {
    "there is no such": "`mdsctl ds list` shows them",
    "it is not drained": "`mdsctl ds drain {0}` first",
    "it is up": "then give the command again: within 4 s it counts as down",
    "no other data server": "add another one first (`mdsctl ds add`), or bring one back that is down",
}


def _change(desk: Desk, kind: str, server: str) -> admin_pb2.ChangeDataServerReply:
    with desk.connect() as client:
        leader = current_leader(
            client, "there is no quorum: nothing can be changed", "`mdsctl status` shows who is missing"
        )
        request = admin_pb2.ChangeDataServerRequest(kind=kind, ds_id=server)
        with asking(leader, "give the command again"):
            reply = client.stub(leader).ChangeDataServer(request, timeout=CALL_TIMEOUT_S)
    if reply.code == "holds_files":
        some = ", ".join(str(fileid) for fileid in reply.fileids)
        some += ", ..." if reply.files > len(reply.fileids) else ""
        if _LOST in server:
            raise Failure(
                f"{server}: {reply.files} files had data there, and are not deleted (inode numbers {some})",
                "`find MOUNT -inum N` tells a file's name" + _RESTORE,
            )
        raise Failure(
            f"{server}: {reply.files} files have data there, which would be lost (inode numbers {some})",
            "copy them to new names, which lay their data elsewhere, and delete the old ones:"
            " `find MOUNT -inum N` tells the name",
        )
    if reply.code != "done":
        advice = next((text for start, text in _ADVICE.items() if reply.text.startswith(start)), "give it again")
        raise Failure(f"{server}: {reply.text}", advice.format(server))
    return reply
