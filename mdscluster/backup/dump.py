"""``python -m mdscluster.backup.dump STATE_DIR NODE``: a backup on standard output, of a node that goes on serving.

A process of its own, of low priority, that opens the environment for reading: the front end, which starts it, only
passes on what it writes.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from mdscluster.backup import stream
from mdscluster.raft.environment import open_environment
from mdsproto.lifeline import die_with_parent


def main() -> None:
    die_with_parent()
    with suppress(OSError):  # a courtesy, which a sandbox may refuse; the rendered unit allows it
        os.nice(10)
    state_dir, node = sys.argv[1:]
    env = open_environment(Path(state_dir), readonly=True)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=1 << 18) as out:
        stream.write(env, out, node=node, created_s=int(time.time()))


if __name__ == "__main__":
    main()
