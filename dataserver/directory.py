"""Which metadata servers there are: those of the configuration file, until the cluster tells otherwise.

A cluster's membership changes (docs/MEMBERSHIP.md). Every quorum-backed answer to a heartbeat brings the present one
and the number of the log entry that it comes from; the newest is kept beside the objects, so that a data server finds
a cluster of which not one of the machines in its file is left.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from mdsproto.configfile import ConfigError, write_atomically

if TYPE_CHECKING:
    from dataserver.config import DsConfig

log = structlog.get_logger()

_FILE: Final = "metadata-servers.json"


class _Kept(msgspec.Struct):
    membership_index: int
    """The log entry's index; 0: the configuration file's word."""
    mds: dict[str, str]
    """Node id -> ``host:port`` of its control listener."""


class Directory:
    """``mds`` is replaced, never changed: readers on other threads may hold it."""

    def __init__(self, config: DsConfig) -> None:
        """:class:`ConfigError` when what was kept cannot be read."""
        self._file: Path = config.data_dir / _FILE
        self._kept = _Kept(0, {peer.id: str(peer.control) for peer in config.mds})
        if self._file.exists():
            try:
                self._kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
            except (OSError, msgspec.MsgspecError) as problem:
                raise ConfigError(
                    f"{self._file}: {problem}; remove it, and the configuration's mds count again"
                ) from problem

    @property
    def mds(self) -> dict[str, str]:
        """Node id -> ``host:port`` of its control listener."""
        return self._kept.mds

    def follow(self, membership_index: int, mds: dict[str, str]) -> bool:
        """What a metadata server told with a quorum behind it; whether it is news."""
        if not mds or membership_index <= self._kept.membership_index:
            return False
        self._kept = _Kept(membership_index, dict(mds))
        try:
            write_atomically(self._file, msgspec.json.encode(self._kept))
        except OSError as problem:
            log.error("cannot keep the list of metadata servers", file=str(self._file), reason=str(problem))
        log.info("metadata servers", membership_index=membership_index, mds=sorted(mds))
        return True
