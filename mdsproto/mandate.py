"""A mandate: for whom a metadata server speaks, as the fencing token of what data servers are told (docs/adr/0026)."""

from __future__ import annotations

import datetime

import msgspec

from mdsproto import control_pb2


class Mandate(msgspec.Struct, frozen=True):
    """``proto: Mandate``, whose comments tell the fields."""

    cluster_id: int
    era: int
    term: int

    @property
    def rank(self) -> tuple[int, int]:
        """Orders mandates of one cluster: the greater is the later word."""
        return self.era, self.term

    @classmethod
    def of(cls, message: control_pb2.Mandate) -> Mandate | None:
        """What a message carries; None where it carries none (an absent field reads as zeros)."""
        return cls(message.cluster_id, message.era, message.term) if message.cluster_id else None

    def wire(self) -> control_pb2.Mandate:
        return control_pb2.Mandate(cluster_id=self.cluster_id, era=self.era, term=self.term)

    def __str__(self) -> str:
        begun = datetime.datetime.fromtimestamp(self.era // 1_000_000_000, datetime.UTC)
        return f"term {self.term} of cluster {self.cluster_id:08x}, begun {begun:%Y-%m-%d %H:%M:%S} UTC"


def wire(mandate: Mandate | None) -> control_pb2.Mandate | None:
    """For a message's field, which may stay absent."""
    return None if mandate is None else mandate.wire()
