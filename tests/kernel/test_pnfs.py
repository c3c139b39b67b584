"""pNFS is really in use: data goes straight to the data servers, and everybody reads the same bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.config import Export
from tests.kernel.conftest import Guests
from tests.support.cluster import Cluster, ClusterStatus
from tests.support.hanet import Hanet

FILE_MIB = 96
MDS_MIB_MAX = 16
"""What metadata, consensus and heartbeats may take while 288 MiB of data go by."""
REFUSED = 3
"""The guest whose network the export refuses layouts."""
WRITE_FILE = f"head -c {FILE_MIB}M /dev/urandom | tee $BIG | sha1sum; sync $BIG"


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


def mds_traffic(cluster: Cluster) -> float:
    """MiB to and from all metadata servers up to now."""
    return sum(cluster.net.traffic_bytes(name) for name in cluster.mds_ids) / (1 << 20)


@pytest.mark.parametrize("version", [pytest.param("4.1", marks=pytest.mark.long), "4.2"])
def test_data_goes_to_the_data_servers_in_thirds(cluster: Cluster, guests: Guests, version: str) -> None:
    """Files layout in use, no READ or WRITE at the metadata servers, stripes in thirds, checksums agree (INV-10).

    mountstats adds the I/O with data servers to the mount's READ and WRITE, and a LAYOUTGET that rides in an OPEN to
    OPEN: so it is measured what crosses the metadata servers' wires.
    """
    writer = guests.boot(cluster.service_address, 1, version=version)
    traffic = mds_traffic(cluster)
    stored = {name: cluster.stored_bytes(name) for name in cluster.ds_ids}
    path = f"/mnt/a/big-{version}"
    written = writer.run(f"BIG={path}; {WRITE_FILE}", 180).check().split()[0]
    stats = writer.mountstats()
    assert stats.pnfs == "LAYOUT_NFSV4_1_FILES"
    assert stats.count("GETDEVICEINFO") > 0
    for name in cluster.ds_ids:
        mib = (cluster.stored_bytes(name) - stored[name]) / (1 << 20)
        assert mib == pytest.approx(FILE_MIB / len(cluster.ds_ids), rel=0.06), f"{name} holds {mib:.1f} MiB"

    reader = guests.boot(cluster.service_address, 2, version=version)
    for guest in (writer, reader):
        guest.drop_caches()
        assert guest.run(f"sha1sum < {path}", 120).check().split()[0] == written
        assert guest.mountstats().pnfs == "LAYOUT_NFSV4_1_FILES"
    assert mds_traffic(cluster) - traffic < MDS_MIB_MAX, "data went through the metadata servers"
    writer.run(f"rm {path}").check()


def test_the_servers_count_what_they_answer(cluster: Cluster, guests: Guests) -> None:
    """The operator sees LAYOUTGET and GETDEVICEINFO go up, and no READ or WRITE, while a pNFS client works."""
    before = cluster.status()
    writer = guests.boot(cluster.service_address, 1)
    writer.run("head -c 20M /dev/zero > /mnt/a/counted; sync /mnt/a/counted", 60).check()
    writer.drop_caches()
    writer.run("cat /mnt/a/counted > /dev/null", 60).check()
    after = cluster.status()
    for operation in ("LAYOUTGET", "GETDEVICEINFO", "OPEN"):
        assert answered(after, operation) > answered(before, operation), f"no {operation} counted"
    for operation in ("READ", "READ_PLUS", "WRITE", "COMMIT"):
        assert answered(after, operation) == answered(before, operation), f"{operation} counted at a metadata server"


def test_a_recalled_layout_is_given_back_and_asked_for_again(cluster: Cluster, guests: Guests) -> None:
    """Shrinking a file recalls its layouts; the writer, whose file stays open, asks anew with a LAYOUTGET (INV-5)."""
    writer = guests.boot(cluster.service_address, 1)
    other = guests.boot(cluster.service_address, 2)
    script = "exec 7<>/mnt/a/shrunk; head -c 8M /dev/zero >&7; sync /mnt/a/shrunk; touch /rig/written; "
    script += "while [ ! -e /rig/go ]; do sleep 0.1; done; head -c 5M /dev/urandom >&7; sync /mnt/a/shrunk"
    job = writer.spawn(script)
    deadline = time.monotonic() + 60
    while not (writer.run_dir / "written").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    before = writer.mountstats()
    began = time.monotonic()
    other.run("truncate -s 1M /mnt/a/shrunk", 60).check()
    assert time.monotonic() - began < 10, "the recall was not answered: the layout had to be revoked"
    (writer.run_dir / "go").touch()
    job.wait(60).check()
    after = writer.mountstats()
    assert after.count("LAYOUTGET") > before.count("LAYOUTGET")
    digest = writer.run("sha1sum < /mnt/a/shrunk").check()
    assert other.run("sha1sum < /mnt/a/shrunk; stat -c %s /mnt/a/shrunk", 60).check() == f"{digest}{13 << 20}\n"


@pytest.mark.parametrize("how", [pytest.param("no layout driver", marks=pytest.mark.long), "layouts refused"])
def test_a_client_without_pnfs_reads_and_writes_through_the_metadata_server(
    cluster: Cluster, guests: Guests, how: str
) -> None:
    """The same bytes for clients with and without pNFS, both ways."""
    with_pnfs = guests.boot(cluster.service_address, 1)
    written = with_pnfs.run("head -c 40M /dev/urandom | tee /mnt/a/theirs | sha1sum; sync /mnt/a/theirs", 60).check()
    traffic = mds_traffic(cluster)
    driver = how == "layouts refused"
    without = guests.boot(cluster.service_address, REFUSED if driver else 4, pnfs=driver)
    assert without.run("sha1sum < /mnt/a/theirs", 60).check() == written
    assert mds_traffic(cluster) - traffic > 40, "the data did not come from the metadata server"
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
