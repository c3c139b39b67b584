"""What a node's front end says to its guard: one datagram on a Unix socket, twenty times a second. Sans-IO.

Both ends are one release on one machine. Times are milliseconds of CLOCK_MONOTONIC, which all processes share: a word
that was long on its way is known to be old.
"""

from __future__ import annotations

from struct import Struct, error

SOCKET_NAME = "guard.sock"
HEALTH_NAME = "vip-health"
NODE_NAME = "node"
"""A node that starts leaves its process id here, before it has a front end that could say a word."""
WORD_BYTES_MAX = 1024
_MAGIC = b"mdG1"
_HEAD = Struct("<4sQIqqB")
_FIT, _SPARED, _STOPPING, _WEAK = 1, 2, 4, 8


class Word:
    """One statement of a front end about its node.

    ``at_ms``: when it was said. ``node_pid``: the consensus process, which is the node. ``reason``: why it is not fit,
    in words that stay the same while the reason does. ``weak``: for that reason it serves badly, but it serves.
    ``consensus_silent_ms``: since when the consensus process owes an answer. ``quorum_lost_ms``: since when a quorum is
    lost that this process has had; -1: none is lost. ``spared``: an operator works on the node, so nothing that happens
    to it is a failure. ``stopping``: it was asked to stop.
    """

    __slots__ = (
        "at_ms", "consensus_silent_ms", "fit", "node_pid", "quorum_lost_ms", "reason", "spared", "stopping", "weak",
    )  # fmt: skip

    def __init__(
        self, at_ms: int, node_pid: int, reason: str = "", *, weak: bool = False, consensus_silent_ms: int = 0,
        quorum_lost_ms: int = -1, spared: bool = False, stopping: bool = False,
    ) -> None:  # fmt: skip
        self.at_ms = at_ms
        self.node_pid = node_pid
        self.fit = not reason
        self.reason = reason
        self.weak = weak
        self.consensus_silent_ms = consensus_silent_ms
        self.quorum_lost_ms = quorum_lost_ms
        self.spared = spared
        self.stopping = stopping


def pack(word: Word) -> bytes:
    """At most ``WORD_BYTES_MAX`` bytes; a longer reason is cut."""
    flags = _FIT * word.fit | _SPARED * word.spared | _STOPPING * word.stopping | _WEAK * word.weak
    head = _HEAD.pack(
        _MAGIC, word.at_ms, word.node_pid, word.consensus_silent_ms, word.quorum_lost_ms, flags
    )
    return (head + word.reason.encode())[:WORD_BYTES_MAX]


def unpack(data: bytes) -> Word:
    """``ValueError`` for what no front end of this release says."""
    try:
        magic, at_ms, node_pid, silent_ms, lost_ms, flags = _HEAD.unpack_from(data)
    except error as problem:
        raise ValueError(f"a word of {len(data)} bytes") from problem
    reason = data[_HEAD.size :].decode(errors="replace")
    if magic != _MAGIC or bool(flags & _FIT) == bool(reason) or (flags & _WEAK and not reason):
        raise ValueError("not a word of this release")
    return Word(
        at_ms, node_pid, reason, weak=bool(flags & _WEAK), consensus_silent_ms=silent_ms, quorum_lost_ms=lost_ms,
        spared=bool(flags & _SPARED), stopping=bool(flags & _STOPPING),
    )  # fmt: skip
