"""``mdsctl deploy`` and ``mdsctl certs``: from an inventory to the files of every host (docs/DEPLOY.md).

Nothing here asks a server anything. What it needs is loaded when it is called: other commands should not wait for it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from mdscluster.mdsctl.desk import EXIT_OK, Desk, Json

RENEW_DAYS: Final = 60
"""A certificate with fewer days left is renewed."""

app = typer.Typer(no_args_is_help=True)
certs = typer.Typer(no_args_is_help=True)

Inventory = Annotated[Path, typer.Option("--inventory", metavar="FILE", help="The cluster.toml.")]


@app.command()
def render(
    context: typer.Context,
    inventory: Inventory,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The CA's keys are kept there, too.")],
    discard_edits: Annotated[
        bool, typer.Option("--discard-edits", help="Overwrite files that were edited by hand.")
    ] = False,
    new_ca: Annotated[
        bool, typer.Option("--new-ca", help="Make another CA where the hosts' one is missing in DIR/pki.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Write a folder for each host; what has not changed stays as it is."""
    from deploy.reading import load
    from deploy.render import render as write
    from deploy.writing import MANIFEST

    desk = Desk.of(context, as_json)
    done = write(load(inventory), out, discard_edits=discard_edits, new_ca=new_ca)
    changes = {
        what: [path for path in paths if path != MANIFEST]
        for what, paths in (
            ("new", done.written.new), ("changed", done.written.changed), ("removed", done.written.removed)
        )
    }  # fmt: skip
    told = [f"{what:8} {out / path}" for what, paths in changes.items() for path in paths]
    desk.answer(changes | {"notes": done.notes}, told or [f"{out}: nothing has changed"])
    desk.note(done.notes)
    return EXIT_OK


@app.command()
def check(context: typer.Context, inventory: Inventory, as_json: Json = False) -> int:
    """Say what is wrong with an inventory, and write nothing."""
    from deploy.reading import load

    desk = Desk.of(context, as_json)
    loaded = load(inventory)
    cluster = loaded.inventory
    counts = {
        "nodes": len(cluster.nodes), "data_servers": len(cluster.data_servers), "vips": len(cluster.service_addresses)
    }  # fmt: skip
    told = (
        f"{inventory}: cluster {cluster.name}, {counts['nodes']} metadata servers, {counts['data_servers']} data "
        f"servers, {counts['vips']} service addresses: no fault found"
    )
    desk.answer({"cluster": cluster.name} | counts | {"notes": loaded.notes}, [told])
    desk.note(loaded.notes)
    return EXIT_OK


@certs.command()
def renew(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder with the CA in pki/.")],
    days: Annotated[int, typer.Option("--days", metavar="N", help="Those with fewer days left.")] = RENEW_DAYS,
    every: Annotated[bool, typer.Option("--all", help="Every certificate.")] = False,
    ca: Annotated[bool, typer.Option("--ca", help="The CA's own certificate, too (its key stays).")] = False,
    as_json: Json = False,
) -> int:
    """Make certificates anew that run out soon, keeping their keys; running servers take them up by themselves."""
    from deploy import renewal

    desk = Desk.of(context, as_json)
    done = renewal.renew(out, renewal.ALL if every else timedelta(days=days), ca=ca)
    told = [
        f"{'renewed' if each.renewed else 'kept':8} {each.name:12} until {each.ends:%Y-%m-%d}"
        for each in done.certificates
    ]
    told += [f"{'changed':8} {path}" for path in done.copied]
    if done.copied:
        told.append("Bring them to their hosts (INSTALL.md, Renewed certificates); nothing needs to be restarted.")
    document = {
        "certificates": [
            {"name": each.name, "renewed": each.renewed, "ends": each.ends.isoformat()} for each in done.certificates
        ],
        "changed": [str(path) for path in done.copied],
        "notes": done.notes,
    }
    desk.answer(document, told)
    desk.note(done.notes)
    return EXIT_OK
