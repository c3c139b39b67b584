"""Whether this machine may have a service address now, as keepalived's notify script leaves it (deploy/keepalived.py).

:mod:`mdscluster.control.vips` reads the same files for people; the guard imports nothing of the node.
"""

from __future__ import annotations

import os

_PREFIX = "vip_"
_MASTER = b"MASTER "


def may_have_one(vip_dir: str) -> bool:
    """False only where keepalived has told of its addresses, and that all of them are elsewhere."""
    told = False
    try:
        names = os.listdir(vip_dir) if vip_dir else []
    except OSError:
        names = []
    for name in names:
        if not name.startswith(_PREFIX):
            continue
        try:
            if _begins(os.path.join(vip_dir, name)) == _MASTER:
                return True
        except OSError:
            return True
        told = True
    return not told


def _begins(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, len(_MASTER))
    finally:
        os.close(file)
