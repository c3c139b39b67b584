"""``python -m nfsclient``: look at a cluster through the user-space client: ls, stat, cat, get, put, mkdir, rm."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from nfsclient.client import Client, Settings
from nfsclient.cluster_file import ClusterFileError, read_cluster_file
from nfsclient.errors import NfsClientError
from nfsclient.progress import Progress
from nfsclient.results import STAT, Attributes
from nfsclient.runtime import Address
from nfswire import nfs4

BLOCK_BYTES = 8 << 20
TYPES = {
    nfs4.NF4REG: "-", nfs4.NF4DIR: "d", nfs4.NF4LNK: "l", nfs4.NF4BLK: "b", nfs4.NF4CHR: "c", nfs4.NF4SOCK: "s",
    nfs4.NF4FIFO: "p",
}


def long_line(name: str, attributes: Attributes) -> str:
    """One object as ``ls -l`` shows it."""
    mode = attributes.mode or 0
    bits = "".join(letter if mode >> shift & 1 else "-" for shift, letter in zip(range(8, -1, -1), "rwxrwxrwx",
                                                                                 strict=True))
    modified = time.strftime("%Y-%m-%d %H:%M", time.localtime((attributes.time_modify or (0, 0))[0]))
    owner, group = ((who or b"?").decode(errors="replace") for who in (attributes.owner, attributes.group))
    kind = TYPES.get(attributes.type or 0, "?")
    links, size = attributes.numlinks or 0, attributes.size or 0
    return f"{kind}{bits} {links:3d} {owner:>8} {group:>8} {size:12d} {modified} {name}"


async def list_directory(client: Client, args: argparse.Namespace) -> None:
    """ls: a directory's entries, or one file."""
    found = await client.getattr(args.path)
    if found.type != nfs4.NF4DIR:
        print(long_line(args.path, found))
        return
    for entry in sorted(await client.readdir(args.path, STAT), key=lambda entry: entry.name):
        print(long_line(entry.name.decode(errors="replace"), entry.attributes))


async def stat(client: Client, args: argparse.Namespace) -> None:
    """stat: every attribute that is known."""
    found = await client.getattr(args.path)
    for name in found.__struct_fields__:
        value = getattr(found, name)
        if name != "others" and value is not None:
            print(f"{name:<14} {oct(value) if name == 'mode' else value}")


async def cat(client: Client, args: argparse.Namespace) -> None:
    """cat: the file to standard output."""
    await _receive(client, args.path, sys.stdout.buffer.write)


async def get(client: Client, args: argparse.Namespace) -> None:
    """get: the file into a local one."""
    with Path(args.local or os.path.basename(args.path)).open("wb") as local:  # noqa: ASYNC230 - nothing else runs
        await _receive(client, args.path, local.write, sys.stderr.isatty())


async def _receive(client: Client, path: str, write: Callable[[bytes | memoryview], object],
                   progress: bool = False) -> None:
    async with await client.open(path, nfs4.OPEN4_SHARE_ACCESS_READ) as file:
        size, now_ms = (await file.getattr()).size or 0, client.runtime.now_ms
        shown = Progress(sys.stderr, "get", size, now_ms())
        offset = 0
        while parts := await file.read_parts(offset, BLOCK_BYTES):
            for part in parts:
                write(part)
                offset += len(part)
            if progress:
                shown.show(offset, now_ms(), last=offset >= size)


async def put(client: Client, args: argparse.Namespace) -> None:
    """put: a local file to the server; replaces what is there."""
    empty = {nfs4.FATTR4_SIZE: 0}
    with Path(args.local).open("rb") as local:  # noqa: ASYNC230 - nothing else runs
        size, now_ms = os.fstat(local.fileno()).st_size, client.runtime.now_ms
        async with await client.open(args.path, create=nfs4.UNCHECKED4, attributes=empty) as file:
            shown = Progress(sys.stderr, "put", size, now_ms())
            offset = 0
            while block := local.read(BLOCK_BYTES):
                offset += await file.write(offset, block)
                if sys.stderr.isatty():
                    shown.show(offset, now_ms(), last=offset >= size)


async def make_directory(client: Client, args: argparse.Namespace) -> None:
    """mkdir: a directory."""
    await client.mkdir(args.path)


async def remove(client: Client, args: argparse.Namespace) -> None:
    """rm: a file or an empty directory."""
    await client.remove(args.path)


COMMANDS: dict[str, Callable[[Client, argparse.Namespace], Awaitable[None]]] = {
    "ls": list_directory, "stat": stat, "cat": cat, "get": get, "put": put, "mkdir": make_directory, "rm": remove,
}


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m nfsclient", description=__doc__)
    parser.add_argument("--cluster", metavar="FILE", help="cluster.json, as ./run up writes it")
    parser.add_argument("--server", action="append", metavar="HOST:PORT", default=[], help="instead; may be repeated")
    parser.add_argument("--root", default=None, help="export to mount (default: the cluster's)")
    parser.add_argument("--minor", type=int, choices=(1, 2), default=2, help="minor version (default 2)")
    parser.add_argument("--no-pnfs", action="store_true", help="all I/O through the metadata server")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in COMMANDS.items():
        command = commands.add_parser(name, help=(function.__doc__ or "").partition(": ")[2].rstrip("."))
        if name == "put":
            command.add_argument("local")
        command.add_argument("path", nargs="?" if name == "ls" else None, default="/")
        if name == "get":
            command.add_argument("local", nargs="?")
    args = parser.parse_args(arguments)
    if not args.server and not args.cluster:
        parser.error("--cluster FILE or --server HOST:PORT is needed")
    return args


def addresses(args: argparse.Namespace) -> tuple[list[Address], str]:
    """Where to connect, and which export to mount."""
    if args.server:
        split = (server.rpartition(":") for server in args.server)
        return [(host, int(port)) for host, _, port in split], args.root or "/"
    cluster = read_cluster_file(args.cluster)
    return cluster.addresses, args.root or cluster.export


async def run(args: argparse.Namespace) -> None:
    """Mount, run one command, leave."""
    where, root = addresses(args)
    async with await Client.connect(where, args.minor, root=root, settings=Settings(pnfs=not args.no_pnfs)) as client:
        await COMMANDS[args.command](client, args)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 1 with the reason on standard error."""
    args = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        asyncio.run(run(args))
    except (NfsClientError, OSError, ClusterFileError) as error:
        print(f"nfsclient: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
