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
            file = os.open(os.path.join(vip_dir, name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return True
        try:
            if os.read(file, len(_MASTER)) == _MASTER:
                return True
        finally:
            os.close(file)
        told = True
    return not told
