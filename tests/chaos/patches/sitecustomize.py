"""Loaded by every process of a test's cluster, by way of PYTHONPATH: makes a front end do what good ones do rarely.

``PATCHED_BASE`` is a folder in which files say what a node (its configuration file's stem) is to do:

``NODE.hold``: a cut that it would send to a data server waits, at the last moment before it leaves, until the file is
gone; ``NODE.held`` appears when one does. So a node can be stopped exactly there.

``NODE.deluded``: its part in fencing takes itself for a leader with a quorum behind it that has lost everybody else, in
the term in which it was when the file came (``NODE.term``), and for good: no two lead in one term, whatever they
believe, so a process that is started later must not believe in the term that it finds then. ``NODE.wanted`` appears,
and grows, when it asks the log to prove that.

``NODE.hung``: whatever a data server would sync waits until the file is gone; ``NODE.hanging`` appears when it does.

``map_bytes``, for all nodes: how large a node's environment may become, instead of what the release says.
"""

import asyncio
import dataclasses
import importlib.abc
import importlib.machinery
import os
import sys
import time
from pathlib import Path

_BASE = Path(os.environ.get("PATCHED_BASE", "/nonexistent"))


def _file(kind):
    return _BASE / f"{Path(sys.argv[sys.argv.index('--config') + 1]).stem}.{kind}"


def _hold_cuts(links):
    send = links.DataServerLinks.truncate

    async def held(self, *arguments):
        while _file("hold").exists():
            _file("held").touch()
            await asyncio.sleep(0.02)
        return await send(self, *arguments)

    links.DataServerLinks.truncate = held


def _delude(stonith):
    original = stonith.replica_async
    propose = stonith.Stonith.propose
    suspected = stonith.Suspicions.suspected

    async def status(replica):
        found = await original.status(replica)
        if not _file("deluded").exists():
            return found
        if not _file("term").exists():
            _file("term").write_text(str(found.term))
        term = int(_file("term").read_text())
        return dataclasses.replace(
            found, role=stonith.LEADER, term=term, has_quorum=True, reaches_majority=True, leader_id=found.node_id
        )

    async def proposed(self, command):
        if isinstance(command, stonith.FenceProof) and _file("deluded").exists():
            with _file("wanted").open("a") as wanted:
                wanted.write("proof\n")
        return await propose(self, command)

    def all_lost(self):
        return dict.fromkeys(self._nodes, 60_000) if _file("deluded").exists() else suspected(self)

    class Replicas:
        """``replica_async`` as that module alone sees it."""

        def __getattr__(self, name):
            return status if name == "status" else getattr(original, name)

    stonith.replica_async = Replicas()
    stonith.Stonith.propose = proposed
    stonith.Suspicions.suspected = all_lost


def _hang_syncs(objects):
    sync = objects.ObjectStore.sync

    def hung(self, entry):
        while _file("hung").exists():
            _file("hanging").touch()
            time.sleep(0.02)
        sync(self, entry)

    objects.ObjectStore.sync = hung


def _limit_state(environment):
    limit = _BASE / "map_bytes"
    if limit.exists():
        environment.open_environment.__kwdefaults__["map_bytes"] = int(limit.read_text())


_PATCHES = {
    "mdscluster.control.links": _hold_cuts, "mdscluster.control.stonith": _delude,
    "mdscluster.raft.environment": _limit_state, "dataserver.objects": _hang_syncs,
}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds these modules as everybody does, and patches them when they have been run."""

    def __init__(self):
        self._loaders = {}

    def find_spec(self, name, path, target=None):
        found = importlib.machinery.PathFinder.find_spec(name, path) if name in _PATCHES else None
        if found is not None:
            self._loaders[name] = found.loader
            found.loader = self
        return found

    def create_module(self, spec):
        return self._loaders[spec.name].create_module(spec)

    def exec_module(self, module):
        self._loaders[module.__name__].exec_module(module)
        _PATCHES[module.__name__](module)


sys.meta_path.insert(0, _Finder())
