"""The rig itself: what it reads out of the kernel's counters, and that a guest's result reaches the test."""

from __future__ import annotations

from tests.kernel.rig.mountstats import parse_mountstats
from tests.kernel.rig.vm import Guest, GuestSpec
from tests.support.hanet import Hanet

_STATS = """\
device rootfs mounted on / with fstype rootfs
device 10.77.0.100:/ mounted on /mnt/a with fstype nfs4 statvers=1.1
\topts:\trw,vers=4.2,rsize=1048576,clientaddr=10.77.0.101,local_lock=none
\tage:\t12
\tcaps:\tcaps=0xffbfffff,wtmult=512,dtsize=1048576,bsize=0,namlen=255
\tnfsv4:\tbm0=0xfdffafff,bm1=0x40f9be3e,bm2=0x40802,acl=0x1,sessions,pnfs=LAYOUT_NFSV4_1_FILES,lease_time=90
\tsec:\tflavor=1,pseudoflavor=1
\tevents:\t7 41 0 5 2
\tbytes:\t1 2 3 4 5 6 7 8
\tRPC iostats version: 1.1  p/v: 100003/4 (nfs)
\txprt:\ttcp 731 1 2 0 11 20 20 0 20 0 2 0 0
\tper-op statistics
\t        NULL: 1 1 0 44 24 0 0 0 0
\t        READ: 0 0 0 0 0 0 0 0 0
\t   LAYOUTGET: 3 4 1 900 700 0 2 2 1
"""


def test_mountstats_gives_layout_driver_and_counts_per_operation() -> None:
    """What the pNFS tests rely on is read from the right columns."""
    stats = parse_mountstats(_STATS)
    assert list(stats) == ["/mnt/a"]
    mount = stats["/mnt/a"]
    assert mount.pnfs == "LAYOUT_NFSV4_1_FILES"
    assert mount.count("READ") == 0
    assert mount.count("WRITE") == 0
    layoutget = mount.operations["LAYOUTGET"]
    assert (layoutget.operations, layoutget.transmissions, layoutget.timeouts, layoutget.errors) == (3, 4, 1, 1)
    assert mount.bytes["server_read"] == 5


def test_guest_reports_status_and_output_and_sees_its_neighbour(net: Hanet) -> None:
    """A command's status and output reach the test; the guest is on the switch."""
    neighbour = net.add_host("n1", 11)
    spec = GuestSpec(number=9, netns=net.switch, address=f"{net.network}.109/24")
    with Guest(spec) as guest:
        assert guest.run("uname -r").check().startswith("6.1.")
        failed = guest.run("echo to be seen; exit 7")
        assert (failed.status, failed.output) == (7, "to be seen\n")
        guest.run(f"ping -c1 -W2 {neighbour}").check()
        net.cut("n1", guest.tap)
        assert guest.run(f"ping -c1 -W1 {neighbour}").status == 1
        net.heal()
        guest.run(f"ping -c1 -W2 {neighbour}").check()
