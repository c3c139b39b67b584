"""The three families of what can go wrong: a peer's fault, lost storage, our own bug."""

from __future__ import annotations


class PeerError(Exception):
    """A peer sent what no correct node sends. Its connection is closed; nothing was changed."""


class OtherCluster(PeerError):
    """A peer of another cluster, of another name or the same. The text is for the operator."""

    def __init__(self, peer: str, text: str) -> None:
        super().__init__(text)
        self.peer = peer


class StorageError(Exception):
    """The log or its environment failed. Fail-stop: what is on disk is unknown, so nothing more may be promised."""


class FormatError(Exception):
    """What is on disk was written by a release that this one cannot read. The text is for the operator."""


class ConsensusBug(AssertionError):
    """An invariant of ours does not hold. The node stops rather than diverge."""
