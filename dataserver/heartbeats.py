"""Heartbeats to every MDS: they renew the lease, bring fences and deletions, and carry what is done.

One thread per MDS, so that one that hangs delays nobody. A lease is counted from when the heartbeat was *sent*, and
only by an answer that a quorum stands behind; fences that came with it are in force before it is counted (INV-6).
Answers under a mandate that is not the latest are as good as none (:mod:`dataserver.leadership`), and so are those to
what was asked in an earlier life of the cluster (:mod:`dataserver.life`): whether the fence list comes with an answer,
and which deletions it takes for done, hangs on what the question said.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import grpc
import msgspec
import structlog

from dataserver.leadership import NotObeyed
from dataserver.life import LifeOver
from mdsproto import certcheck, control_pb2, possession
from mdsproto.callfailure import in_words, is_of_certificates
from mdsproto.configfile import ConfigError
from mdsproto.mandate import Mandate
from nfswire.dsfh import Fence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dataserver.authority import Authority
    from dataserver.config import DsConfig
    from dataserver.deletions import Deletions
    from dataserver.leadership import Leadership
    from dataserver.life import Life
    from dataserver.objects import ObjectStore

log = structlog.get_logger()

CALL_TIMEOUT_S: Final = 2.0
DRAIN_TIMEOUT_S: Final = 1.5
"""Shorter than the MDS waits for a Fence call: it must hear that I/O is still under way, and asks again."""

_ANSWERS: Final = "answers"

Beat = Callable[[control_pb2.HeartbeatRequest, float], control_pb2.HeartbeatReply]
"""A blocking call to one MDS with a timeout in seconds; raises ``grpc.RpcError``."""


class Question(msgspec.Struct):
    """A heartbeat that was sent: what its answer, or that there is none, is judged by."""

    life: int
    """The cluster's, as this data server knew it before it asked."""
    sent_ns: int
    done: list[int]
    """Deletions that it told of."""


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
        leadership: Leadership,
        life: Life,
        on_members: Callable[[int, int, dict[str, str]], None] = lambda era, index, mds: None,
    ) -> None:
        """``on_members``: gets the metadata servers of every answer, and the era and the log entry that they come from;
        the life is held meanwhile."""
        self._config = config
        self._instance = instance
        self._proof = possession.prove(key, config.ds_id, store.directory.store_id, instance)
        self._beats = beats
        self._authority = authority
        self._store = store
        self._deletions = deletions
        self._leadership = leadership
        self._life = life
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

    def answers(self) -> dict[str, bool]:
        """Each metadata server, and whether its last answer renewed the lease."""
        return {mds_id: self._told.get(mds_id) == _ANSWERS for mds_id in list(self._beats)}

    def stop(self) -> None:
        self._stopping.set()

    def _run(self, mds_id: str) -> None:
        while not self._stopping.is_set() and mds_id in self._beats:
            self.beat(mds_id)
            self._stopping.wait(self._config.heartbeat_ms / 1000)
        self._running.discard(mds_id)

    def beat(self, mds_id: str) -> bool:
        """One heartbeat to one MDS; True when it renewed the lease."""
        beat = self._beats.get(mds_id)
        if beat is None:
            return False  # It is no metadata server any more.
        try:
            question, request = self.ask()
        except OSError as error:  # statvfs: the file system is gone, and so should we seem
            self._note(mds_id, False, str(error))
            return False
        try:
            reply = beat(request, CALL_TIMEOUT_S)
        except grpc.RpcError as error:
            self.unanswered(question)
            self._note(mds_id, False, *self._why(error))
            return False
        renewed = self.answered(mds_id, question, reply)
        if renewed:
            self._follow(question, reply)
        return renewed

    def ask(self) -> tuple[Question, control_pb2.HeartbeatRequest]:
        """A heartbeat: who we are, where, what is in force here and which deletions are done. ``OSError``.

        The order matters. The life comes first: when another one begins on the way, the answer does not count. Whom we
        obey comes before the deletions done and the fences in force: when another life begins in between, the question
        names the earlier one, and the metadata server knows that neither is of its own.
        """
        life = self._life.number
        obeys = self._leadership.known
        question = Question(life, self._authority.clock_ns(), self._deletions.take_done())
        try:
            return question, self._request(obeys, question.done)
        except OSError:
            self.unanswered(question)
            raise

    def unanswered(self, question: Question) -> None:
        """No answer came, or none that counts."""
        self._deletions.put_back(question.done, question.life)

    def answered(self, mds_id: str, question: Question, reply: control_pb2.HeartbeatReply) -> bool:
        """The answer to a heartbeat; True when it renewed the lease."""
        if (reply.refused or reply.quorum_backed) and not self._obeys(mds_id, reply):
            self.unanswered(question)
            return False
        if reply.refused:
            self.unanswered(question)
            self._authority.revoke_lease()
            self._note(mds_id, False, reply.refused, refusal=True)
            return False
        if not reply.quorum_backed:
            self.unanswered(question)
            self._note(mds_id, False, "it has no quorum")
            return False
        self._note(mds_id, True, "")
        try:
            return self._take(question, reply)
        except LifeOver:
            return False  # it answers what was said in an earlier life, and does not hold the whole list of fences

    def _take(self, question: Question, reply: control_pb2.HeartbeatReply) -> bool:
        """Do what an answer says; whether it renewed the lease. :class:`LifeOver`."""
        life = question.life
        self._deletions.acknowledged(question.done, life)
        self._settle()
        if reply.fence_version > self._authority.version_in_force:
            try:
                self._authority.fence(
                    reply.fence_version, fences_of(reply.fences), drain_timeout_s=DRAIN_TIMEOUT_S, life=life
                )
            except TimeoutError as error:
                log.warning("fences not in force yet", request=f"fence-{reply.fence_version}", reason=str(error))
                if not self._authority.version_in_force:
                    return False  # what is still under way is of an earlier life, and nobody in this one waits for it
        self._authority.renew(question.sent_ns, reply.lease_ms or self._config.lease_ms, life=life)
        self._deletions.request(reply.deletes, life)
        return True

    def _obeys(self, mds_id: str, reply: control_pb2.HeartbeatReply) -> bool:
        """Whether the answer is of the leader, or the cluster, that this data server obeys."""
        try:
            self._leadership.hear(Mandate.of(reply.mandate), quorum_backed=reply.quorum_backed)
            return True
        except NotObeyed as refusal:
            if reply.refused and self._leadership.known is None:
                return True  # whoever says so: nothing is to be served
            reason = str(refusal)
        except OSError as error:
            reason = f"its mandate cannot be remembered: {error}"
        self._note(mds_id, False, reason, disobeyed=True)
        return False

    def _settle(self) -> None:
        """A new store that was accepted is the registered one: the operator's word does not count for another."""
        try:
            self._store.directory.set_replaces(replaces=False)
        except OSError as error:
            log.error("the data directory cannot be written", reason=str(error))

    def _follow(self, question: Question, reply: control_pb2.HeartbeatReply) -> None:
        """Metadata servers come and go: a thread for each that came, and none for those that went."""
        with self._following:
            members = {peer.node_id: peer.control for peer in reply.mds}
            with suppress(LifeOver), self._life.held(question.life):
                self._on_members(reply.mandate.era, reply.membership_index, members)
            if not self._stopping.is_set():
                for thread in self.threads():
                    thread.start()

    def _request(self, obeys: Mandate | None, done: list[int]) -> control_pb2.HeartbeatRequest:
        config = self._config
        space = self._store.space()
        return control_pb2.HeartbeatRequest(
            ds_id=config.ds_id, instance=self._instance,
            nfs_host=config.nfs.host, nfs_port=config.nfs.port,
            control_host=config.control.host, control_port=config.control.port,
            capacity_bytes=space.capacity_bytes, free_bytes=space.free_bytes,
            fence_version=self._authority.version_in_force, deleted=done,
            store_id=self._store.directory.store_id, new_store=self._store.directory.replaces,
            proof=self._proof, obeys=control_pb2.Mandate() if obeys is None else obeys.wire(),
        )  # fmt: skip

    def _why(self, error: grpc.RpcError) -> tuple[str, bool]:
        """Why a metadata server did not answer, and whether a certificate is the reason. Who refuses this data server's
        own hangs up and says nothing."""
        words = in_words(error)
        if is_of_certificates(words):
            return words, True
        try:
            own, usable = certcheck.days(self._config.tls.ca, self._config.tls.certificate)
        except ConfigError:  # its files are being exchanged, or damaged: that is told by who looks at them
            return words, False
        return (words, False) if usable else (own, True)

    def _note(
        self, mds_id: str, answered: bool, reason: str, certificate: bool = False, *,
        refusal: bool = False, disobeyed: bool = False,
    ) -> None:  # fmt: skip
        """Log when an MDS begins or ceases to answer, refuses or is not obeyed, not each time. Why it does not answer
        may change as it starts or is cut off; that a certificate is the reason is told by itself."""
        refused = reason if refusal or disobeyed else ""
        unanswered = reason if certificate else ""
        said = _ANSWERS if answered else refused or unanswered
        if self._told.get(mds_id) == said:
            return
        self._told[mds_id] = said
        if answered:
            log.info("metadata server answers", mds=mds_id)
        elif disobeyed:
            log.warning("metadata server is not obeyed", mds=mds_id, reason=reason)
        elif refused:
            log.error("metadata server refuses this data server, which serves nothing", mds=mds_id, reason=refused)
        else:
            log.warning("metadata server does not answer", mds=mds_id, reason=reason)


def fences_of(entries: Iterable[control_pb2.FenceEntry]) -> list[Fence]:
    """The wire's fence list as the handles' one."""
    return [Fence(entry.fileid, entry.client_id, entry.min_epoch) for entry in entries]
