"""pNFS is really in use: data goes straight to the data servers, and everybody reads the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.config import Export
from tests.kernel.conftest import Guests
from tests.support.cluster import Cluster, ClusterStatus
from tests.support.hanet import Hanet

FILE_MIB = 256
REFUSED = 3
"""The guest whose network the export refuses layouts."""
WRITE_FILE = f"head -c {FILE_MIB}M /dev/urandom | tee /mnt/a/big | sha1sum; sync /mnt/a/big"


@pytest.fixture(scope="module")
def cluster(net: Hanet, base: Path) -> Iterator[Cluster]:
    """Like everybody's, with one client that is refused layouts."""
    refused = Export(networks=(f"{net.network}.{100 + REFUSED}/32",), root_squash=False, layouts=False)
    others = Export(networks=(f"{net.network}.0/24",), root_squash=False)
    with Cluster(base, net, exports=(refused, others)) as running:
        yield running
        broken = running.tracebacks()
    assert not broken, f"exceptions in the logs of {broken}:\n{running.log_tails(broken, 40)}"


def answered(status: ClusterStatus, operation: str) -> int:
    """How often the metadata servers answered an operation."""
    return sum(node.operations.get(operation, 0) for node in status.nodes.values())


@pytest.mark.parametrize("version", ["4.1", "4.2"])
def test_data_goes_to_the_data_servers_in_thirds(cluster: Cluster, guests: Guests, version: str) -> None:
    """Files layout in use, no READ or WRITE at the metadata servers, stripes in thirds, checksums agree (INV-10)."""
    before = cluster.status()
    stored = {name: cluster.stored_bytes(name) for name in cluster.ds_ids}
    writer = guests.boot(cluster.service_address, 1, version=version)
    written = writer.run(WRITE_FILE, 180).check().split()[0]

    stats = writer.mountstats()
    assert stats.pnfs == "LAYOUT_NFSV4_1_FILES"
    assert stats.count("LAYOUTGET") > 0
    assert stats.count("GETDEVICEINFO") > 0
    assert (stats.count("READ"), stats.count("WRITE")) == (0, 0), "data went through the metadata server"
    for name in cluster.ds_ids:
        mib = (cluster.stored_bytes(name) - stored[name]) / (1 << 20)
        assert mib == pytest.approx(FILE_MIB / len(cluster.ds_ids), rel=0.06), f"{name} holds {mib:.1f} MiB"

    reader = guests.boot(cluster.service_address, 2, version=version)
    for guest in (writer, reader):
        guest.drop_caches()
        assert guest.run("sha1sum < /mnt/a/big", 120).check().split()[0] == written
    stats = reader.mountstats()
    assert stats.pnfs == "LAYOUT_NFSV4_1_FILES"
    assert stats.count("READ") == 0, "the second client read through the metadata server"
    after = cluster.status()
    for operation in ("READ", "READ_PLUS", "WRITE"):
        assert answered(after, operation) == answered(before, operation), f"{operation} counted at a metadata server"
    writer.run("rm /mnt/a/big").check()


@pytest.mark.parametrize("how", ["no layout driver", "layouts refused"])
def test_a_client_without_pnfs_reads_and_writes_through_the_metadata_server(
    cluster: Cluster, guests: Guests, how: str
) -> None:
    """The same bytes for clients with and without pNFS, both ways."""
    with_pnfs = guests.boot(cluster.service_address, 1)
    written = with_pnfs.run("head -c 40M /dev/urandom | tee /mnt/a/theirs | sha1sum; sync /mnt/a/theirs", 60).check()
    driver = how == "layouts refused"
    without = guests.boot(cluster.service_address, REFUSED if driver else 4, pnfs=driver)
    assert without.run("sha1sum < /mnt/a/theirs", 60).check() == written
    stats = without.mountstats()
    assert stats.count("READ") + stats.count("READ_PLUS") > 0
    if not driver:
        assert stats.pnfs == "not configured"

    ours = without.run("head -c 9000001 /dev/urandom | tee /mnt/a/ours | sha1sum; sync /mnt/a/ours", 60).check()
    assert without.mountstats().count("WRITE") > 0
    assert with_pnfs.run("sha1sum < /mnt/a/ours", 60).check() == ours
    assert with_pnfs.run("stat -c %s /mnt/a/ours").check() == "9000001\n"
    with_pnfs.run("rm /mnt/a/theirs /mnt/a/ours").check()


def test_size_is_seen_by_others_without_close(cluster: Cluster, guests: Guests) -> None:
    """A file that is synced but still open for writing does not look empty to another client."""
    writer = guests.boot(cluster.service_address, 1)
    reader = guests.boot(cluster.service_address, 4, pnfs=False)
    writer.run("exec 7>/mnt/a/open; head -c 3000000 /dev/zero >&7; sync /mnt/a/open; sleep 300 & disown", 60).check()
    assert reader.run("stat -c %s /mnt/a/open").check() == "3000000\n"
    assert reader.run("tail -c 1000000 /mnt/a/open | wc -c").check() == "1000000\n"
