"""Long lists: a page after the other from one server, until enough has been seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import grpc
import typer

from mdscluster.adminclient import AdminClient, leader_of
from mdscluster.mdsctl.asking import ASK_AGAIN
from mdscluster.mdsctl.desk import STATUS_TIMEOUT_S, Desk, Failure
from mdscluster.mdsctl.view import Block, Grid
from mdsproto import admin_pb2
from mdsproto.callfailure import in_words

PAGE_TIMEOUT_S: Final = 15.0
"""A node without a quorum looks for one for a while before it tells what it knows."""
SHOWN: Final = 100

Limit = Annotated[int, typer.Option("--limit", metavar="N", min=0, help="Show at most so many; 0: all.")]
ClientId = Annotated[str, typer.Option("--client", metavar="ID", help="Only this client's (`mdsctl clients list`).")]
FileId = Annotated[str, typer.Option("--file", metavar="ID", help="Only of this file: its inode number, as stat says.")]


@dataclass
class Listing:
    """Rows of a list."""

    rows: list[Any] = field(default_factory=list)
    more: bool = False
    """There are further ones."""
    confirmed: bool = True
    """A quorum stood behind every page."""

    def notes(self) -> list[Block]:
        """What is to be known of it besides its rows."""
        notes: list[Block] = []
        if self.more:
            notes.append("there are more: --limit 0 shows all")
        if not self.confirmed:
            notes.append("NO QUORUM: this is old state")
        return notes

    def document(self, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {name: rows, "more": self.more, "confirmed": self.confirmed}

    def blocks(self, grid: Grid) -> list[Block]:
        return [*([grid] if grid.rows else ["none"]), *self.notes()]


def fetch(
    client: AdminClient, method: str, limit: int, request: admin_pb2.ListRequest | None = None
) -> Listing:
    """At most ``limit`` rows (0: all), as the leader, or else whoever answers, has them. ``Failure``: nobody does."""
    answers = client.status(STATUS_TIMEOUT_S)
    alive = [answer.target.id for answer in answers if answer.reply is not None]
    if not alive:
        raise Failure("no metadata server answers", "`mdsctl status` shows why")
    leader = leader_of(answers)
    node = leader if leader in alive else alive[0]
    call = getattr(client.stub(node), method)
    listing = Listing()
    try:
        for page in _pages(call, request or admin_pb2.ListRequest(), limit):
            listing.rows += page.rows
            listing.confirmed &= page.confirmed
            listing.more = bool(page.next)
    except grpc.RpcError as problem:
        if isinstance(problem, grpc.Call) and problem.code() is grpc.StatusCode.UNIMPLEMENTED:
            raise Failure(f"{node} runs a release without this list", "upgrade it") from problem
        raise Failure(f"{node}: {in_words(problem)}", ASK_AGAIN) from problem
    return listing


def _pages(call: Callable[..., Any], request: admin_pb2.ListRequest, limit: int) -> Iterator[Any]:
    left = limit
    while True:
        request.limit = left
        page = call(request, timeout=PAGE_TIMEOUT_S)
        yield page
        left -= len(page.rows)
        if not page.next or (limit and left <= 0):
            return
        left = max(left, 0)
        request.after = page.next


def client_id_of(text: str) -> int:
    """A client's ID as ``mdsctl clients list`` shows it; 0 for no text. ``Failure`` for what is none."""
    return _number(text, 16, "client ID", "`mdsctl clients list` shows them") if text else 0


def file_id_of(text: str) -> int:
    """A file's number; 0 for no text."""
    return _number(text, 10, "inode number", "`stat -c %i FILE` tells it on a client") if text else 0


def _number(text: str, base: int, what: str, advice: str) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = 0
    if not 0 < number < 1 << 64:
        raise Failure(f"{text!r} is no {what}", advice, code=2)
    return number


def open_listing(desk: Desk, method: str, limit: int, *, client: str = "", file: str = "") -> Listing:
    """A list of what is asked for on the command line."""
    request = admin_pb2.ListRequest(client_id=client_id_of(client), fileid=file_id_of(file))
    with desk.connect() as connection:
        return fetch(connection, method, limit, request)


def readable(name: bytes) -> str:
    """A name that a client made up: text where it is text."""
    text = name.decode("utf-8", "replace")
    return text if text.isprintable() and "\ufffd" not in text else name.hex()
