"""What a node may take up from its configuration file while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from mdscluster import config as nodeconfig

if TYPE_CHECKING:
    from pathlib import Path

    from mdscluster.config import NodeConfig

log = structlog.get_logger()


class Filed:
    """A node's configuration as its file says now. Most of it counts from the next start on only: who asks, decides."""

    def __init__(self, config: NodeConfig, file: Path | None = None) -> None:
        """``file``: the one that ``config`` was read from. None: it stays as it is."""
        self._config = config
        self._file = file
        self._read_as: tuple[int, int, int] | None = None
        self._told = ""

    def now(self) -> NodeConfig:
        """Read again when the file was exchanged. What cannot be read or cannot work is logged once, and what was known
        stays. The former is tried again though the file be the same: ``install`` writes it, then lets others read it.
        """
        if self._file is not None:
            version = None
            try:
                found = self._file.stat()
                version = found.st_ino, found.st_mtime_ns, found.st_size
                if version != self._read_as:
                    self._config = nodeconfig.NodeConfig.load(self._file)
                    self._read_as, self._told = version, ""
            except (OSError, nodeconfig.ConfigError) as problem:
                if isinstance(problem, nodeconfig.ConfigError) and not isinstance(problem.__cause__, OSError):
                    self._read_as = version
                self._tell(str(problem))
        return self._config

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            log.warning("the configuration file is not taken up", file=str(self._file), reason=reason)
