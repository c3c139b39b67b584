"""``mdsctl support-bundle``: all that whoever helps will ask for, in one file; no keys, nothing of files' content.

What the servers tell, and what lies here: the files of ``run up`` with their logs, or the folder that ``mdsctl deploy
render`` wrote. Logs of deployed servers are in the journals of their hosts, where nothing of ours may ask for them: the
answer says how they are taken along.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Annotated, Any, Final

import typer

from mdscluster.adminclient import AdminClient, ClusterFile, leader_of
from mdscluster.mdsctl import clients, digest, fence, member, nodes, state, status, vip
from mdscluster.mdsctl.desk import EXIT_OK, STATUS_TIMEOUT_S, Desk, Failure, Json, of_system
from mdscluster.mdsctl.paging import fetch
from mdscluster.mdsctl.power import listed
from mdscluster.mdsctl.view import Block, human_bytes, plain
from mdsproto.configfile import Address, ConfigError

LOG_BYTES: Final = 256 << 10
"""The end of each log."""
ROWS: Final = 1_000
"""Of each list."""
JOURNAL: Final = (
    "journalctl -u 'mdscluster-*' -u keepalived --since=-1d --no-pager | gzip >\"$(hostname).log.gz\""
)
"""Takes a host's log along. docs/RUNBOOK.md and docs/OPERATIONS.md have the same line."""
PAGE_BYTES_MAX: Final = 4 << 20
_PAGE_TIMEOUT_S: Final = 3.0
_RENDERED: Final = frozenset({".toml", ".service", ".conf", ".nft", ".rules", ".sysusers", ".tmpfiles"})
"""What is taken of a rendered host's folder. Keys, secrets and whatever a later release may add are not."""


@dataclass(slots=True)
class Collection:
    """What there is, by name, and what there is not, with the reason."""

    found: dict[str, bytes] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def tell(self, name: str, document: Any, blocks: Iterable[Block] = ()) -> None:
        """The answer of a command: for programs, and for people if it is given."""
        self.found[f"{name}.json"] = json.dumps(document, indent=2).encode() + b"\n"
        if lines := plain(blocks):
            self.found[f"{name}.txt"] = "\n".join(lines).encode() + b"\n"

    def attempt(self, name: str, ask: Callable[[], None]) -> None:
        """Whatever fails is noted, for a bundle is wanted most when much fails."""
        try:
            ask()
        except Failure as failure:
            self.missing[name] = failure.problem

    def take(self, name: str, path: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> None:
        """A file of this host."""
        try:
            self.found[name] = read(path)
        except OSError as problem:
            self.missing[name] = f"{path}: {problem.strerror}"


def support_bundle(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .tar.gz that is not there yet.")],
    as_json: Json = False,
) -> int:
    """Collect what the servers tell, and the configurations and logs that lie on this host, into one file.

    Keys are not taken. Client names, addresses and paths are: look into it before you pass it on.
    """
    desk = Desk.of(context, as_json)
    if file.exists():
        raise Failure(f"{file} is there already", "name a file that is not", code=2)
    cluster = desk.cluster()
    collection = Collection()
    with desk.connect(cluster) as client:
        _ask(client, cluster, collection)
    collect_local(cluster, collection)
    collect_metrics(cluster, collection)
    found, missing = collection.found, collection.missing
    collection.tell("missing", missing)
    try:
        _write(file, found)
    except OSError as problem:
        refused = of_system(problem)
        raise Failure(f"cannot write {file}: {problem.strerror}", refused.advice) from problem
    told = [f"not in it: {name}: {reason}" for name, reason in sorted(missing.items())]
    desk.answer(
        {"file": str(file), "bytes": file.stat().st_size, "contents": sorted(found), "missing": missing},
        [*told, f"{file}: {human_bytes(file.stat().st_size)}, {len(found)} files; it holds no keys"],
    )
    return EXIT_OK


# ---------------------------------------------------------------------- what servers tell
def _ask(client: AdminClient, cluster: ClusterFile, collection: Collection) -> None:
    """What the commands that look would show."""
    answers = client.status(STATUS_TIMEOUT_S)
    tell = collection.tell
    tell("status", status.json_of(cluster, answers), status.blocks_of(cluster, answers, verbose=True))
    tell("nodes", nodes.json_of(answers), nodes.blocks_of(answers))
    tell("members", member.json_of(answers), [member.grid_of(answers)])
    addresses = vip.addresses_of(answers)
    tell("vip", vip.json_of(addresses, answers), vip.blocks_of(addresses, answers))
    collection.missing |= {
        f"status of {answer.target.id}": answer.problem for answer in answers if answer.reply is None
    }
    lists: tuple[tuple[str, str, Callable[[Any], dict[str, Any]]], ...] = (
        ("clients", "ListClients", clients.row_json), ("sessions", "ListSessions", state.session_json),
        ("layouts", "ListLayouts", state.layout_json), ("locks", "ListLocks", state.lock_json),
    )  # fmt: skip
    for name, method, row_json in lists:

        def ask_list(name: str = name, method: str = method, row_json: Callable[[Any], Any] = row_json) -> None:
            listing = fetch(client, method, ROWS)
            tell(name, listing.document(name, [row_json(row) for row in listing.rows]))

        collection.attempt(name, ask_list)

    def ask_fencing() -> None:
        leader = leader_of(answers)
        if not leader:
            raise Failure("there is no quorum", "see `mdsctl status`")
        shown = listed(client, leader)
        document = fence.json_of(shown) | {"enabled": shown.enabled, "history": fence.history_json(shown.history)}
        tell("fence", document, fence.blocks_of(shown))

    def ask_digests() -> None:
        compared = digest.compare(client)
        tell("digest", digest.json_of(compared), digest.verdict(compared))

    collection.attempt("fence", ask_fencing)
    collection.attempt("digest", ask_digests)


def collect_metrics(cluster: ClusterFile, collection: Collection) -> None:
    """The pages for Prometheus of all servers whose configuration is at hand, and says where."""
    hosts = {target.id: target.nfs.rpartition(":")[0].strip("[]") for target in cluster.mds}
    hosts |= {str(server["id"]): str(server["host"]) for server in cluster.ds}
    places = dict(
        place for name, content in collection.found.items() if name.endswith(".toml")
        for place in _metrics_places(content, hosts)
    )  # fmt: skip
    with ThreadPoolExecutor(max_workers=8) as pool:
        for server, page in zip(places, pool.map(_page, places.values()), strict=True):
            if isinstance(page, bytes):
                collection.found[f"{server}/metrics.txt"] = page
            else:
                collection.missing[f"metrics of {server}"] = page


def _metrics_places(config: bytes, hosts: dict[str, str]) -> Iterable[tuple[str, Address]]:
    try:
        table = tomllib.loads(config.decode())
        server = str(table.get("node_id") or table["ds_id"])
        place = Address.parse(table["metrics"]["listen"])
    except (ValueError, KeyError, TypeError, AttributeError):  # broken, or nothing listens: no metrics
        return
    yield server, Address(hosts.get(server, place.host), place.port) if place.is_any else place


def _page(place: Address) -> bytes | str:
    """The page, or why there is none."""
    from http.client import HTTPException
    from urllib.request import ProxyHandler, build_opener

    try:
        with build_opener(ProxyHandler({})).open(f"http://{place}/metrics", timeout=_PAGE_TIMEOUT_S) as answer:
            return bytes(answer.read(PAGE_BYTES_MAX))
    except (OSError, HTTPException) as problem:
        return f"http://{place}/metrics: {problem}"


# ---------------------------------------------------------------------- what lies here
def collect_local(cluster: ClusterFile, collection: Collection) -> None:
    """Files on this host that cluster.json leads to."""
    collection.take("cluster.json", cluster.path)
    rendered = _collect_rendered(cluster.path.resolve().parent, collection)
    elsewhere = []
    for server in json.loads(collection.found.get("cluster.json", b"{}")).get("mds", []) + list(cluster.ds):
        config = server.get("config")
        if not config:
            elsewhere.append(f"{server['id']} ({server['host']})")
            if f"{server['id']}.toml" not in rendered:
                collection.missing[f"configuration of {server['id']}"] = "cluster.json does not tell where it is"
            continue
        collection.take(f"{server['id']}/config.toml", Path(config))
        for log in sorted((Path(config).parent / "log").glob("*.log")):
            collection.take(f"{server['id']}/{log.name}", log, _end_of)
    if elsewhere:
        collection.missing[f"logs of {', '.join(elsewhere)}"] = f"on each host, as root: {JOURNAL}"


def _collect_rendered(folder: Path, collection: Collection) -> set[str]:
    """What ``mdsctl deploy render`` wrote beside cluster.json; the names of the files taken."""
    from deploy.writing import MANIFEST, manifest

    if not (folder / MANIFEST).exists():
        return set()
    try:
        paths = [PurePath(path) for path in manifest(folder)]
    except ConfigError as problem:
        collection.missing["rendered files"] = str(problem)
        return set()
    wanted = [path for path in paths if path.suffix in _RENDERED]
    for path in wanted:
        collection.take(f"rendered/{path}", folder / path)
    return {path.name for path in wanted}


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
