"""Which metadata servers there are: those of the configuration file, until the cluster tells otherwise.

A cluster's membership changes (docs/MEMBERSHIP.md). Every quorum-backed answer to a heartbeat brings the present one
and the number of the log entry that it comes from, which counts anew in each life of the cluster; the newest is kept
beside the objects, so that a data server finds a cluster of which not one of the machines in its file is left.
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

FILE: Final = "metadata-servers.json"


class _Kept(msgspec.Struct):
    membership_index: int
    """The log entry's index; 0: nobody has told yet in this life, and the configuration file's word counts first."""
    mds: dict[str, str]
    """Node id -> ``host:port`` of its control listener."""
    era: int = 0
    """The life of the cluster whose log that is (:class:`mdsproto.mandate.Mandate`); 0: not told."""


class Directory:
    """``mds`` is replaced, never changed: readers on other threads may hold it. Who changes it holds the life
    (:mod:`dataserver.life`), and is the only one to do so."""

    def __init__(self, config: DsConfig, era: int = 0) -> None:
        """``era``: of the cluster's life that this data server obeyed last; 0: none. :class:`ConfigError` when what was
        kept cannot be read."""
        self._file: Path = config.data_dir / FILE
        self._configured = {peer.id: str(peer.control) for peer in config.mds}
        self._kept = _Kept(0, self._configured)
        if not self._file.exists():
            return
        try:
            self._kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
        except (OSError, msgspec.MsgspecError) as problem:
            raise ConfigError(
                f"{self._file}: {problem}; remove it, and the configuration's mds count again"
            ) from problem
        if 0 < self._kept.era < era:
            self.begin_anew(era)  # it ended before it could be kept that another life had begun
        elif not self._kept.membership_index:
            self._kept.mds = self._kept.mds | self._configured

    @property
    def mds(self) -> dict[str, str]:
        """Node id -> ``host:port`` of its control listener."""
        return self._kept.mds

    def follow(self, era: int, membership_index: int, mds: dict[str, str]) -> bool:
        """What a metadata server told with a quorum behind it; whether it is news."""
        kept = self._kept
        if not mds or (era, membership_index) <= (kept.era, kept.membership_index):
            return False
        self._keep(_Kept(membership_index, dict(mds), era))
        return mds != kept.mds

    def begin_anew(self, era: int) -> None:
        """The cluster was restored, and its membership begins anew with the configuration files: they say where a node
        is now. Nobody is dropped who may have told so: the cluster tells who belongs to it once that changes."""
        self._keep(_Kept(0, self._kept.mds | self._configured, era))

    def _keep(self, kept: _Kept) -> None:
        self._kept = kept
        try:
            write_atomically(self._file, msgspec.json.encode(kept))
        except OSError as problem:
            log.error("cannot keep the list of metadata servers", file=str(self._file), reason=str(problem))
        log.info("metadata servers", membership_index=kept.membership_index, mds=sorted(kept.mds))
