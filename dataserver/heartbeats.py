"""Heartbeats to every MDS: they renew the lease, bring fences and deletions, and carry what is done.

One thread per MDS, so that one that hangs delays nobody. A lease is counted from when the heartbeat was *sent*, and
only by an answer that a quorum stands behind; fences that came with it are in force before it is counted (INV-6).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import grpc
import structlog

from dataserver.reports import reason_of
from mdsproto import control_pb2, possession
from nfswire.dsfh import Fence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dataserver.authority import Authority
    from dataserver.config import DsConfig
    from dataserver.deletions import Deletions
    from dataserver.objects import ObjectStore

log = structlog.get_logger()

CALL_TIMEOUT_S: Final = 2.0
DRAIN_TIMEOUT_S: Final = 1.5
"""Shorter than the MDS waits for a Fence call: it must hear that I/O is still under way, and asks again."""

Beat = Callable[[control_pb2.HeartbeatRequest, float], control_pb2.HeartbeatReply]
"""A blocking call to one MDS with a timeout in seconds; raises ``grpc.RpcError``."""


class Heartbeats:
    """Speaks to every MDS until stopped."""

    def __init__(
        self,
        config: DsConfig,
        instance: int,
        key: bytes,
        beats: dict[str, Beat],
        authority: Authority,
        store: ObjectStore,
        deletions: Deletions,
        on_members: Callable[[int, dict[str, str]], None] = lambda index, mds: None,
    ) -> None:
        """``on_members``: gets the metadata servers of every answer, and the log entry that they come from."""
        self._config = config
        self._instance = instance
        self._proof = possession.prove(key, config.ds_id, store.directory.store_id, instance)
        self._beats = beats
        self._authority = authority
        self._store = store
        self._deletions = deletions
        self._stopping = threading.Event()
        self._on_members = on_members
        self._told: dict[str, str] = {}
        self._running: set[str] = set()
        self._following = threading.Lock()

    def threads(self) -> list[threading.Thread]:
        """One thread for each MDS that has none yet, not started."""
        new = [mds_id for mds_id in list(self._beats) if mds_id not in self._running]
        self._running.update(new)
        return [
            threading.Thread(target=self._run, args=(mds_id,), name=f"heartbeat-{mds_id}", daemon=True)
            for mds_id in new
        ]

    def stop(self) -> None:
        self._stopping.set()

    def _run(self, mds_id: str) -> None:
        while not self._stopping.is_set() and mds_id in self._beats:
            self.beat(mds_id)
            self._stopping.wait(self._config.heartbeat_ms / 1000)
        self._running.discard(mds_id)

    def beat(self, mds_id: str) -> bool:
        """One heartbeat to one MDS; True when it renewed the lease."""
        if mds_id not in self._beats:
            return False  # It is no metadata server any more.
        done = self._deletions.take_done()
        sent_ns = self._authority.clock_ns()
        try:
            reply = self._beats[mds_id](self.request(done), CALL_TIMEOUT_S)
        except grpc.RpcError as error:
            self._deletions.put_back(done)
            self._note(mds_id, False, reason_of(error))
            return False
        except OSError as error:  # statvfs: the file system is gone, and so should we seem
            self._deletions.put_back(done)
            self._note(mds_id, False, str(error))
            return False
        renewed = self.answered(mds_id, done, sent_ns, reply)
        if renewed:
            self._follow(reply)
        return renewed

    def answered(self, mds_id: str, done: list[int], sent_ns: int, reply: control_pb2.HeartbeatReply) -> bool:
        """The answer to a heartbeat that was sent at ``sent_ns`` with ``done``; True when it renewed the lease."""
        if reply.refused:
            self._deletions.put_back(done)
            self._authority.revoke_lease()
            self._note(mds_id, False, reply.refused, refusal=True)
            return False
        if not reply.quorum_backed:
            self._deletions.put_back(done)
            self._note(mds_id, False, "it has no quorum")
            return False
        self._note(mds_id, True, "")
        self._deletions.acknowledged(done)
        self._settle()
        if reply.fence_version > self._authority.version_in_force:
            try:
                self._authority.fence(
                    reply.fence_version, fences_of(reply.fences), drain_timeout_s=DRAIN_TIMEOUT_S
                )
            except TimeoutError as error:
                log.warning("fences not in force yet", version=reply.fence_version, reason=str(error))
        self._authority.renew(sent_ns, reply.lease_ms or self._config.lease_ms)
        self._deletions.request(reply.deletes)
        return True

    def _settle(self) -> None:
        """A new store that was accepted is the registered one: the operator's word does not count for another."""
        try:
            self._store.directory.set_replaces(replaces=False)
        except OSError as error:
            log.error("the data directory cannot be written", reason=str(error))

    def _follow(self, reply: control_pb2.HeartbeatReply) -> None:
        """Metadata servers come and go: a thread for each that came, and none for those that went."""
        with self._following:
            self._on_members(reply.membership_index, {peer.node_id: peer.control for peer in reply.mds})
            if not self._stopping.is_set():
                for thread in self.threads():
                    thread.start()

    def request(self, done: list[int]) -> control_pb2.HeartbeatRequest:
        """What a heartbeat says: who we are, where, and which deletions are ``done``."""
        config = self._config
        space = self._store.space()
        return control_pb2.HeartbeatRequest(
            ds_id=config.ds_id, instance=self._instance,
            nfs_host=config.nfs.host, nfs_port=config.nfs.port,
            control_host=config.control.host, control_port=config.control.port,
            capacity_bytes=space.capacity_bytes, free_bytes=space.free_bytes,
            fence_version=self._authority.version_in_force, deleted=done,
            store_id=self._store.directory.store_id, new_store=self._store.directory.replaces,
            proof=self._proof,
        )  # fmt: skip

    def _note(self, mds_id: str, answered: bool, reason: str, *, refusal: bool = False) -> None:
        """Log when an MDS begins or ceases to answer, or refuses, not each time."""
        refused = reason if refusal else ""
        said = "answers" if answered else refused
        if self._told.get(mds_id) == said:
            return
        self._told[mds_id] = said
        if answered:
            log.info("metadata server answers", mds=mds_id)
        elif refused:
            log.error("metadata server refuses this data server, which serves nothing", mds=mds_id, reason=refused)
        else:
            log.warning("metadata server does not answer", mds=mds_id, reason=reason)


def fences_of(entries: Iterable[control_pb2.FenceEntry]) -> list[Fence]:
    """The wire's fence list as the handles' one."""
    return [Fence(entry.fileid, entry.client_id, entry.min_epoch) for entry in entries]
