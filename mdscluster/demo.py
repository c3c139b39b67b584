"""``run demo``: what the cluster is for, in half a minute, on this machine, with numbers.

Here an embedded cluster in a folder that is thrown away, the hand that kills its leader, and the proof that the dead
node comes back; what the client does meanwhile, and what it felt, is :mod:`nfsclient.demo`.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from mdscluster.adminclient import leader_of
from mdscluster.launcher import Cluster, say
from mdscluster.plan import ClusterPlan
from nfsclient.demo import run_demo
from nfsclient.errors import NfsClientError

PORT: Final = 21490
"""Not ``up``'s, so that both can run."""
CATCH_UP_S: Final = 30.0


def demo(
    mds: int | None = None, ds: int | None = None, address: str | None = None, port: int | None = None,
    size_mib: int = 256,
) -> int:  # fmt: skip
    """Run it; 0 when everything was as promised, 1 when not. Raises ``ConfigError``."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mdscluster-demo-") as folder:
        plan = ClusterPlan.open(Path(folder), mds, ds, address, port or PORT)
        try:
            with Cluster(plan) as cluster:
                cluster.start()
                return _play(cluster, size_mib << 20)
        except KeyboardInterrupt:
            say("\nstopped")
            return 130


def _play(cluster: Cluster, size_bytes: int) -> int:
    def kill_leader() -> str | None:
        leader = _leader(cluster)
        if leader is not None:
            os.kill(cluster.pids[leader], signal.SIGKILL)
        return leader

    say("serving; writing a striped file, with metadata operations beside it\n")
    try:
        result = run_demo(
            str(cluster.plan.cluster_file), kill_leader, sys.stdout, size_bytes, mount_from=_leader(cluster)
        )
    except NfsClientError as problem:
        say(f"\nNOT as promised: the service failed its client: {problem}")
        return 1
    back = _start_again(cluster, result.killed)
    say("\nTry it with your own kernel: ./run up")
    return 0 if result.ok and back else 1


def _leader(cluster: Cluster) -> str | None:
    with cluster.admin_client() as admin:
        return leader_of(admin.status(timeout_s=2.0)) or None


def _start_again(cluster: Cluster, killed: str) -> bool:
    """Start the killed node; whether it comes to know all that the others know."""
    node = next((node for node in cluster.plan.mds if node.id == killed), None)
    if node is None:
        return False
    cluster.look()
    cluster.spawn(node)
    started_s = time.monotonic()
    with cluster.admin_client() as admin:
        while (waited_s := time.monotonic() - started_s) < CATCH_UP_S:
            replies = [answer.reply for answer in admin.status(timeout_s=2.0)]
            if len({reply.applied_index if reply else None for reply in replies}) == 1 and None not in replies:
                say(f"{killed} was started again and knows all that the others know after {waited_s:.1f} s.")
                return True
            time.sleep(0.2)
    say(f"NOT as promised: {killed} was started again and has not caught up within {CATCH_UP_S:.0f} s.")
    return False
