"""The ``mdscluster`` command: ``serve`` a node, ``guard`` it, let one ``rejoin``, bring an embedded cluster ``up``,
make certificates (``pki``)."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gc
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mdscluster.config import ConfigError
from mdsproto.configfile import SYSTEM_EXIT_CODE, SystemRefusal

if TYPE_CHECKING:
    from mdscluster.config import NodeConfig


def main(argv: list[str] | None = None) -> int:
    """Parse and run; the exit code. A :class:`ConfigError` becomes one line and exit code 2.

    Of a server, what the system refused becomes SYSTEM_EXIT_CODE, which its unit answers with another start.
    What the system refuses to a command for people is exit code 2, too.
    """
    arguments = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except ConfigError as problem:
        print(f"mdscluster: {problem}", file=sys.stderr)
        if run is not _serve or not isinstance(problem, SystemRefusal):
            return 2
        print("mdscluster: this may pass by itself: its unit starts it again until it serves", file=sys.stderr)
        from mdscluster.server import PAUSE_S

        time.sleep(PAUSE_S)
        return SYSTEM_EXIT_CODE
    except OSError as problem:
        if run not in (_rejoin, _check, _new_node, _pki):
            raise
        print(f"mdscluster: cannot use {problem.filename}: {problem.strerror}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="mdscluster", description="A replicated pNFS metadata server.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run one metadata server in the foreground")
    serve.add_argument("--config", type=Path, required=True, metavar="FILE", help="its TOML file")
    serve.set_defaults(run=_serve)

    guard = commands.add_parser("guard", help="judge a metadata server from outside, for keepalived and its unit")
    guard.add_argument("--config", type=Path, required=True, metavar="FILE", help="the metadata server's TOML file")
    guard.set_defaults(run=_guard)

    rejoin = commands.add_parser(
        "rejoin",
        help="let a metadata server that lost its disk join again: makes an empty, quarantined state; as its own user",
    )
    rejoin.add_argument("--config", type=Path, required=True, metavar="FILE", help="its TOML file")
    rejoin.add_argument("--set-aside", action="store_true", help="move state that is there (damaged) out of the way")
    rejoin.set_defaults(run=_rejoin)

    check = commands.add_parser("check", help="read a metadata server's configuration and say what is wrong with it")
    check.add_argument("--config", type=Path, required=True, metavar="FILE")
    check.set_defaults(run=_check)

    new = commands.add_parser("new-node", help="write the configuration of a metadata server that is to be added")
    new.add_argument("id", metavar="ID")
    new.add_argument("--like", type=Path, required=True, metavar="FILE", help="a present metadata server's")
    new.add_argument("--out", type=Path, required=True, metavar="FILE", help="must not be there yet")
    new.add_argument("--data-dir", type=Path, required=True, metavar="DIR", help="empty, or not there yet")
    for name, what in (("raft", "consensus"), ("admin", "control and admin"), ("nfs", "NFS")):
        new.add_argument(f"--{name}", required=True, metavar="HOST:PORT", help=f"its {what} listener")
    new.set_defaults(run=_new_node)

    up = commands.add_parser("up", help="an embedded cluster in the foreground, for trying and testing")
    add_cluster_options(up)
    up.set_defaults(run=_up)

    demo = commands.add_parser("demo", help="bring a cluster up, use it, kill its leader, and tell what a client felt")
    demo.add_argument("--mds", type=int, metavar="N", help="metadata servers, an odd number (3)")
    demo.add_argument("--ds", type=int, metavar="N", help="data servers (3)")
    demo.add_argument("--address", metavar="ADDR", help="the IP address that everything listens on (127.0.0.1)")
    demo.add_argument("--port", type=int, metavar="BASE", help="first NFS port (21490)")
    demo.add_argument("--size-mib", type=int, default=256, metavar="N", help="size of the striped file (%(default)s)")
    demo.set_defaults(run=_demo)

    pki = commands.add_parser("pki", help="make the cluster's CA, key and certificates, for a cluster set up by hand")
    pki.add_argument("--directory", type=Path, required=True, metavar="DIR", help="what is there already is kept")
    pki.add_argument(
        "certificates", nargs="*", metavar="ID=ADDRESS[,ADDRESS...]",
        help="mds1=10.0.0.1, ds1=10.0.0.11, ...; 'admin' alone is mdsctl's",
    )  # fmt: skip
    pki.set_defaults(run=_pki)
    return top


def add_cluster_options(up: argparse.ArgumentParser) -> None:
    """The options of ``up``."""
    up.add_argument("--mds", type=int, metavar="N", help="metadata servers, an odd number (3)")
    up.add_argument("--ds", type=int, metavar="N", help="data servers (3)")
    up.add_argument(
        "--base-dir", type=Path, metavar="DIR",
        help="where state, configuration and logs live; a second 'up' there comes back with all data"
        " ($XDG_DATA_HOME/mdscluster or ~/.local/share/mdscluster)",
    )  # fmt: skip
    up.add_argument("--address", metavar="ADDR", help="the IP address that everything listens on (127.0.0.1)")
    up.add_argument(
        "--port", type=int, metavar="BASE",
        help="first NFS port: metadata servers from here, then data servers; BASE+100 to BASE+399 are used too (20490)",
    )  # fmt: skip


def _serve(arguments: argparse.Namespace) -> int:
    with _loading_fast():
        from mdscluster.server import serve  # the other commands do without consensus
    return serve(arguments.config)


@contextlib.contextmanager
def _loading_fast() -> Iterator[None]:
    """Most of a server's start is loading code, and clients wait for it when all servers have died.

    structlog loads rich, for tracebacks in colours, wherever that is installed: a sixth of it. What is loaded stays, so
    the garbage collector would look at it in vain, time and again.
    """
    gc.disable()
    blocked = sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # "not to be found", to the import system
    try:
        yield
    finally:
        if blocked is None:
            del sys.modules["rich"]
        gc.enable()


def _guard(arguments: argparse.Namespace) -> int:
    from mdscluster.guardcommand import guard

    guard(arguments.config)


def _rejoin(arguments: argparse.Namespace) -> int:
    from mdscluster.config import NodeConfig
    from mdscluster.rejoin import rejoin

    print(rejoin(NodeConfig.load(arguments.config), set_aside=arguments.set_aside))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    """Also what a server starts without, and misses when another one fails: the fence agents with what they call."""
    from fencing.needs import fault
    from mdscluster.config import NodeConfig
    from mdsproto import certcheck
    from mdsproto.credentials import ROLE_MDS

    config = NodeConfig.load(arguments.config)
    config.cluster_key()
    tls = config.tls
    certcheck.require_own(tls.ca, tls.certificate, tls.key, config.node_id, ROLE_MDS)
    told, usable = certcheck.days(tls.ca, tls.certificate)
    if not usable:
        raise ConfigError(told)
    reader = tls.key.stat().st_uid
    for missing in filter(None, (fault(device, reader) for device in config.fencing.devices)):
        raise ConfigError(missing)
    print(f"{arguments.config}: {config.node_id}, one of {len(config.peers)} metadata servers: no fault found")
    return 0


def _new_node(arguments: argparse.Namespace) -> int:
    """The certificate is expected beside the present node's: ``mdscluster pki`` makes it."""
    from deploy.writing import was_rendered
    from mdscluster.config import NodeConfig, Peer, TlsPaths
    from mdsproto.configfile import Address, save

    if was_rendered(arguments.like):
        raise ConfigError(
            f"{arguments.like} was rendered from an inventory: its paths are that host's, and the next rendering would "
            f"know nothing of {arguments.id}. Add it to the inventory with join = true, render, install it on its host "
            "(docs/MEMBERSHIP.md)"
        )
    like = NodeConfig.load(arguments.like)
    if arguments.out.exists():
        raise ConfigError(f"{arguments.out} is there already")
    if any(peer.id == arguments.id for peer in like.peers):
        raise ConfigError(f"{arguments.id} is one of the peers in {arguments.like}: give the new node an id of its own")
    raft, admin, nfs = (
        Address.parse(getattr(arguments, name), f"--{name}") for name in ("raft", "admin", "nfs")
    )
    pki = like.tls.certificate.parent
    wildcard = like.nfs.host in ("0.0.0.0", "::")
    config = dataclasses.replace(
        like,
        node_id=arguments.id,
        data_dir=arguments.data_dir.absolute(),
        nfs=Address(like.nfs.host, nfs.port) if wildcard else nfs,
        tls=TlsPaths(like.tls.ca, pki / f"{arguments.id}.pem", pki / f"{arguments.id}.key"),
        peers=(*like.peers, Peer(arguments.id, raft, admin, nfs)),
        join=True,
        metrics=dataclasses.replace(like.metrics, listen=_metrics_of(like, raft.host)),
    )
    config.validate()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save(config, arguments.out, header=f"Start it with: mdscluster serve --config {arguments.out}")
    print(f"{arguments.out}: start it with `mdscluster serve --config {arguments.out}`, then add it with")
    print(f"    mdsctl member add {arguments.id} --raft {raft} --admin {admin} --nfs {nfs}")
    if not config.tls.certificate.exists():
        print(f"its certificate {config.tls.certificate} is missing: make it with")
        print(f"    mdscluster pki --directory {pki} {arguments.id}={raft.host}")
    return 0


def _metrics_of(like: NodeConfig, host: str) -> str:
    """Where a node made like another one answers Prometheus: its port, not its address; nowhere on the same one."""
    where = like.metrics.address
    if where is None or host in (where.host, like.peer.raft.host):
        return ""
    return like.metrics.listen if where.host in ("0.0.0.0", "::") else str(type(where)(host, where.port))


def _up(arguments: argparse.Namespace) -> int:
    from mdscluster.launcher import up

    return up(arguments.base_dir, arguments.mds, arguments.ds, arguments.address, arguments.port)


def _demo(arguments: argparse.Namespace) -> int:
    from mdscluster.demo import demo

    return demo(arguments.mds, arguments.ds, arguments.address, arguments.port, arguments.size_mib)


def _pki(arguments: argparse.Namespace) -> int:
    from mdscluster.pki import ClusterPki, parse_request

    pki = ClusterPki(arguments.directory)
    requests = [parse_request(text) for text in arguments.certificates]
    pki.create()
    print(f"{pki.ca}\n{pki.cluster_key}")
    for name, role, addresses in requests:
        print(pki.issue(name, role, addresses).certificate)
    return 0
