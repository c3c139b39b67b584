"""The command line: which commands there are, and what becomes of their failures."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mdscluster.config import ConfigError
from mdscluster.mdsctl import (
    backup,
    bundle,
    clients,
    configcheck,
    deployment,
    digest,
    ds,
    fence,
    leader,
    member,
    node,
    nodes,
    state,
    status,
    vip,
    watch,
)
from mdscluster.mdsctl.desk import EXIT_OK, Desk, Failure, of_config, of_system

_WrongUsage: Final[Any] = typer.BadParameter.mro()[2]
"""What click raises for all that it refuses. typer carries a click of its own, with no public name for this."""

app = typer.Typer(
    name="mdsctl",
    help="Look at an mdscluster, and change it.",
    epilog="Exit code: 0 all is well, 1 no quorum or refused, 2 wrong usage or no such cluster, 3 digests differ.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(status.status)
app.command()(watch.watch)
app.command()(nodes.nodes)
app.command()(vip.vip)
app.command()(digest.digest)
app.add_typer(member.app, name="member", help="Metadata servers: add, remove, replace.")
app.add_typer(leader.app, name="leader", help="Who leads the metadata servers.")
app.add_typer(node.app, name="node", help="A metadata server's maintenance, and its return without its disk.")
app.add_typer(fence.app, name="fence", help="Metadata servers that failed are cut from power.")
app.add_typer(ds.app, name="ds", help="Data servers: add, drain, remove.")
app.add_typer(backup.app, name="backup", help="The metadata in a file, and a new cluster from it.")
app.add_typer(clients.app, name="clients", help="NFS clients, and what they hold.")
app.command()(state.sessions)
app.command()(state.layouts)
app.command()(state.locks)
app.command("support-bundle")(bundle.support_bundle)
app.add_typer(configcheck.app, name="config", help="Servers' configuration files.")
app.add_typer(deployment.app, name="deploy", help="From an inventory to the files of every host.")
app.add_typer(deployment.certs, name="certs", help="Certificates of the cluster's CA.")


@app.callback()
def _options(
    context: typer.Context,
    cluster: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", envvar="MDSCTL_CLUSTER", show_default=False,
            help="cluster.json as `run up` writes it, with pki/ beside it"
            " (default: $XDG_DATA_HOME/mdscluster/cluster.json or ~/.local/share/mdscluster/cluster.json)",
        ),
    ] = None,
) -> None:
    desk = context.find_object(Desk)
    assert desk is not None, "run() makes it"
    if cluster is not None:
        desk.cluster_file = cluster


def run(argv: list[str] | None = None) -> int:
    """Parse and run; the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    desk = Desk()
    try:
        code = typer.main.get_command(app).main(words, prog_name="mdsctl", standalone_mode=False, obj=desk)
    except Failure as failure:
        return _failed(desk, failure)
    except ConfigError as problem:
        return _failed(desk, of_config(problem))
    except _WrongUsage as problem:
        problem.show()
        if "--json" in words:
            command = problem.ctx.command_path if problem.ctx else "mdsctl"
            document = {"error": problem.format_message(), "advice": f"`{command} --help` tells what it takes"}
            print(json.dumps(document, indent=2), flush=True)
        return int(problem.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _failed(desk, Failure("stopped", "give the command again to go on"))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor may the interpreter's last flush complain
        return EXIT_OK
    except OSError as problem:
        return _failed(desk, of_system(problem))
    return code if isinstance(code, int) else EXIT_OK


def _failed(desk: Desk, failure: Failure) -> int:
    desk.fail(failure)
    return failure.code
