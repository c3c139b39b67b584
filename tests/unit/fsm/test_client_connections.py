"""Where clients are connected, as the log has it: hints for whoever takes an address over."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from mdscluster.fsm import client_connections, digest, features
from mdscluster.fsm.client_connections import pack
from mdscluster.fsm.commands import NoteConnections, RaiseFeatures
from mdscluster.fsm.tables import SINCE_LEVEL_3, TABLE_NAMES
from tests.unit.fsm.support.compounds import Namespace

SERVICE, OTHER = "10.0.0.100", "10.0.0.11"


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    yield namespace
    namespace.close()


def path(local: str, port: int) -> bytes:
    return pack(client_connections.Path(local, 2049, "10.0.0.31", port))


def known(
    fs: Namespace, node_id: str, addresses: Collection[str], standing: Collection[bytes] = ()
) -> dict[str, list[bytes]]:
    with fs.replica.env.begin() as txn:
        return client_connections.lost_to(
            txn, fs.replica.machine.tables, node_id, addresses.__contains__, standing
        )


def test_a_path_survives_its_form(fs: Namespace) -> None:
    """Both families; IPv4 clients of a listener for both are IPv4 clients."""
    for each in (
        client_connections.Path("10.0.0.100", 2049, "10.0.0.31", 1023),
        client_connections.Path("fd00::64", 2049, "fd00::1f", 65535),
    ):
        assert client_connections.unpack(pack(each)) == each
    mapped = client_connections.Path("::ffff:10.0.0.100", 2049, "::ffff:10.0.0.31", 1023)
    assert client_connections.unpack(pack(mapped)).local == "10.0.0.100"
    scoped = client_connections.Path("fe80::1%eth0", 2049, "fe80::2%eth0", 1023)
    assert client_connections.unpack(pack(scoped)).remote == "fe80::2"


def test_whoever_takes_an_address_over_learns_of_the_clients_of_others_there(fs: Namespace) -> None:
    """Of the other nodes', and of what ends here only."""
    fs.internal(RaiseFeatures(3))
    fs.internal(NoteConnections("mds1", [path(SERVICE, 1), path(SERVICE, 2), path(OTHER, 3)], []))
    fs.internal(NoteConnections("mds10", [path(SERVICE, 4)], []))
    fs.internal(NoteConnections("mds2", [path(SERVICE, 5)], []))
    others = [path(SERVICE, 1), path(SERVICE, 2), path(SERVICE, 4)]
    assert known(fs, "mds2", [SERVICE], {path(SERVICE, 5)}) == {SERVICE: others}
    assert known(fs, "mds2", [SERVICE]) == {SERVICE: [*others, path(SERVICE, 5)]}, "of an earlier self"
    assert known(fs, "mds2", [SERVICE, OTHER]) == {SERVICE: [*others, path(SERVICE, 5)], OTHER: [path(OTHER, 3)]}
    fs.internal(NoteConnections("mds1", [], [path(SERVICE, 1), path(SERVICE, 99)]))
    assert known(fs, "mds2", [SERVICE], {path(SERVICE, 5)}) == {SERVICE: [path(SERVICE, 2), path(SERVICE, 4)]}
    with fs.replica.env.begin() as txn:
        assert client_connections.nodes(txn, fs.replica.machine.tables) == ["mds1", "mds10", "mds2"]


def test_a_node_that_begins_anew_forgets_its_own_and_no_others(fs: Namespace) -> None:
    fs.internal(RaiseFeatures(3))
    fs.internal(NoteConnections("mds1", [path(SERVICE, 1)], []))
    fs.internal(NoteConnections("mds10", [path(SERVICE, 2)], []))
    fs.internal(NoteConnections("mds1", [path(SERVICE, 3)], [], anew=True))
    assert known(fs, "", [SERVICE]) == {SERVICE: [path(SERVICE, 3), path(SERVICE, 2)]}


def test_releases_that_do_not_know_the_table_have_the_same_digest(
    fs: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-8: as long as nothing is in it; and what is in it counts."""

    def taken(names: Any) -> bytes:
        monkeypatch.setattr(digest, "TABLE_NAMES", names)
        with fs.replica.env.begin() as txn:
            return digest.digest(txn, fs.replica.machine.tables)[1]

    earlier = tuple(name for name in TABLE_NAMES if name not in SINCE_LEVEL_3)
    assert len(earlier) == len(TABLE_NAMES) - 1
    fs.internal(RaiseFeatures(3))
    assert taken(earlier) == taken(TABLE_NAMES)
    fs.internal(NoteConnections("mds1", [path(SERVICE, 1)], []))
    assert taken(earlier) != taken(TABLE_NAMES)


def test_it_waits_until_every_node_knows_it() -> None:
    """INV-8: the log holds no command that a member does not know (docs/adr/0014)."""
    command = NoteConnections("mds1", [], [])
    assert not features.permitted(command, 2)
    assert features.permitted(command, 3)
