"""``mdscluster guard``: reads the node's configuration, and becomes the guard.

Reading it takes twice the guard's own memory, and modules that it had better do without; so the process that has done
it starts a bare interpreter in its own place, and hands over what is needed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from mdscluster import guard as guard_package
from mdscluster.config import ConfigError, NodeConfig
from mdscluster.guard.settings import Settings
from mdsproto.nodelock import LOCK_FILE


def settings_of(config: NodeConfig) -> Settings:
    """``ConfigError`` when this node is to have no guard."""
    guard = config.guard
    if not guard.run_dir:
        raise ConfigError(f"guard.run_dir is empty: {config.node_id} is configured without a guard")
    return Settings(
        node_id=config.node_id, run_dir=guard.run_dir, lock_file=str(config.data_dir / LOCK_FILE),
        vip_dir=guard.vip_dir, silence_ms=guard.silence_ms, step_back_ms=guard.step_back_ms, settle_ms=guard.settle_ms,
        stall_ms=guard.stall_ms, start_ms=guard.start_ms, quorum_ms=guard.quorum_ms, watchdog=guard.watchdog,
        watchdog_timeout_s=guard.watchdog_timeout_s, watchdog_required=guard.watchdog_required,
    )  # fmt: skip


def guard(config_path: Path) -> NoReturn:
    """Never returns. ``ConfigError`` for what the operator must mend."""
    settings = settings_of(NodeConfig.load(config_path))
    if not Path(settings.run_dir).is_dir():
        raise ConfigError(f"guard.run_dir {settings.run_dir} is no folder: the guard's unit makes it")
    script = str(Path(next(iter(guard_package.__path__)), "__main__.py"))
    os.execv(sys.executable, [sys.executable, "-I", "-S", script, *settings.to_words()])
