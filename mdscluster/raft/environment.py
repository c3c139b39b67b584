"""The node's one LMDB environment: raft's sub-databases beside the state machine's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import lmdb

MAP_BYTES: Final = 256 << 30
"""Address space reserved, not disk. So large that the map never has to grow under running readers."""
DATABASES_MAX: Final = 64
READERS_MAX: Final = 512


def open_environment(
    path: str | os.PathLike[str], *, readonly: bool = False, map_bytes: int = MAP_BYTES
) -> lmdb.Environment:
    """Open the environment at directory ``path``; only the consensus process opens it for writing.

    ``metasync`` is off: a commit makes its pages durable and leaves the switch to them (the meta page)
    to the next commit or to ``env.sync(True)``. The log calls the latter whenever it promised something.
    """
    if not readonly:
        Path(path).mkdir(parents=True, exist_ok=True)
    return lmdb.open(
        os.fspath(path),
        map_size=map_bytes,
        max_dbs=DATABASES_MAX,
        max_readers=READERS_MAX,
        readonly=readonly,
        create=not readonly,
        metasync=False,
        meminit=False,
        readahead=False,
    )
