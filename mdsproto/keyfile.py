"""The cluster key: 32 secret bytes shared by metadata and data servers (the MAC of data-server filehandles)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mdsproto.configfile import ConfigError

KEY_BYTES: Final = 32


def read_cluster_key(path: Path) -> bytes:
    """The key in ``path``: 64 hexadecimal digits. Raises :class:`ConfigError` when it is not one."""
    try:
        text = path.read_text(encoding="ascii").strip()
        key = bytes.fromhex(text)
    except OSError as problem:
        raise ConfigError(f"cannot read the cluster key {path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise ConfigError(f"the cluster key {path} is not hexadecimal") from problem
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"the cluster key {path} has {len(key)} bytes; it must have {KEY_BYTES} (64 hexadecimal digits)"
        )
    return key
