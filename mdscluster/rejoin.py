"""``mdscluster rejoin``: a metadata server that lost its disk comes back under its own id (docs/OPERATIONS.md).

It makes an empty state that is in quarantine, durably: whoever starts the node then, and however often, it promises
nothing of what its earlier self may have promised otherwise, until it has caught up with a leader. Nothing has to be
set in a file, and so nothing can be forgotten there.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import lmdb

from mdscluster.config import ConfigError, NodeConfig
from mdscluster.raft.environment import open_environment, sync_directory, words
from mdscluster.raft.errors import FormatError, StorageError
from mdscluster.raft.snapshot import discard_incoming
from mdscluster.raft.store import Store
from mdsproto.nodelock import NodeLock
from mdsproto.serveruser import require_server_user


def rejoin(config: NodeConfig, *, set_aside: bool = False) -> str:
    """Prepare an empty node; what to tell the operator. :class:`ConfigError` when it is not empty, or runs.

    ``set_aside``: state that is there is moved, never deleted.
    """
    require_server_user(config.node_id, config.data_dir, config.tls.key, "mdscluster rejoin --config FILE")
    if len(config.peers) == 1:
        raise ConfigError(f"{config.node_id} is the only metadata server: there is nobody to learn the state from")
    lock = NodeLock(config.data_dir, config.node_id)
    try:
        moved = make_room(config.state_dir, config.node_id, set_aside=set_aside)
        try:
            discard_incoming(config.state_dir)
            _make_empty(config.state_dir)
            sync_directory(config.data_dir)
        except (StorageError, lmdb.Error, OSError) as problem:
            shutil.rmtree(config.state_dir, ignore_errors=True)
            if moved is not None:
                moved.rename(config.state_dir)
            told = words(config.data_dir, problem)
            raise ConfigError(f"cannot make a state in {config.state_dir}: {told}; nothing has changed") from problem
    finally:
        lock.release()
    told = f"{config.node_id} is empty and in quarantine: it takes part again once it has caught up with a leader."
    if moved is not None:
        told += f"\nIts old state lies in {moved}."
    return told + "\nStart it as usual. `mdsctl status` shows it as \"catching up\" until it has."


def _make_empty(state_dir: Path) -> None:
    """A durable state that holds nothing, in quarantine."""
    env = open_environment(state_dir)
    try:
        store = Store(env)
        store.set_disk_id(os.urandom(16))
        store.set_founders({})
        store.set_quarantine(True)
        store.commit()
        env.sync(True)
    finally:
        env.close()
    sync_directory(state_dir)


def make_room(state_dir: Path, node_id: str, *, set_aside: bool) -> Path | None:
    """Make sure that there is no state: where what was there went; None when there was nothing. ``ConfigError`` for
    state that belonged to a member, unless it may be moved."""
    try:
        if not state_dir.exists() or not any(state_dir.iterdir()):
            return None
        if (state_dir / "data.mdb").exists() and _is_unused(state_dir):
            shutil.rmtree(state_dir)  # a start without this command left it, and was refused
            return None
        if not set_aside:
            raise ConfigError(
                f"{state_dir} is not empty: {node_id} did not lose its disk, so start it as usual. If its state is "
                "damaged, --set-aside moves it out of the way (and only then: it may hold what no other node holds)"
            )
        aside = state_dir.with_name(f"{state_dir.name}.aside-{time.strftime('%Y%m%d-%H%M%S')}")
        state_dir.rename(aside)
    except OSError as problem:
        raise ConfigError(f"cannot use {state_dir}: {problem.strerror}") from problem
    return aside


def _is_unused(state_dir: Path) -> bool:
    """Whether the state never belonged to a member. What cannot be read may have."""
    try:
        env = open_environment(state_dir)
        try:
            store = Store(env)
            unused = store.unused()
            store.abandon()
        finally:
            env.close()
    except (lmdb.Error, FormatError, StorageError):
        return False
    return unused
