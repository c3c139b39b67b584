"""What a node may take up from its configuration file while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdscluster import config as nodeconfig

if TYPE_CHECKING:
    from pathlib import Path

    from mdscluster.config import NodeConfig


class Filed:
    """A node's configuration as its file says now. Most of it counts from the next start on only: who asks, decides."""

    def __init__(self, config: NodeConfig, file: Path | None = None) -> None:
        """``file``: the one that ``config`` was read from. None: it stays as it is."""
        self._config = config
        self._file = file
        self._read_as: tuple[int, int, int] | None = None

    def now(self) -> NodeConfig:
        """Read again when the file was exchanged; what cannot be read or cannot work says nothing, and what was known
        stays."""
        if self._file is not None:
            try:
                found = self._file.stat()
                version = found.st_ino, found.st_mtime_ns, found.st_size
                if version != self._read_as:
                    self._read_as = version
                    self._config = nodeconfig.NodeConfig.load(self._file)
            except (OSError, nodeconfig.ConfigError):
                pass
        return self._config
