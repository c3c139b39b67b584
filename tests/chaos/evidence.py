"""What a run leaves behind for the judge: faults as they were made, and everything that was seen meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.load import Call, ClientReport, Hold
from tests.chaos.monitor import PowerEvent, Sample
from tests.chaos.tempter import Temptation
from tests.chaos.witness import Knock


@dataclass
class Spell:
    """One node's part in a fault of several nodes, each in trouble for a time of its own; time.monotonic()."""

    what: str
    node: str
    begun_s: float
    """When it was about to be made."""
    undone_s: float = 0.0
    """When it was about to be undone."""
    back_s: float = 0.0
    """When the node was seen to take part again."""


@dataclass(frozen=True)
class Withheld:
    """From when to when a node was in quarantine while its vote was all that a majority lacked; time.monotonic()."""

    node: str
    from_s: float
    until_s: float


@dataclass
class Fault:
    """One fault: from the moment it was made until it was undone."""

    what: str
    """In the administrator's words."""
    nodes: tuple[str, ...]
    """The nodes it was aimed at; empty for the network as a whole."""
    begun_s: float
    """time.monotonic()."""
    term_before: int
    wants_new_leader: bool = False
    """The scenario promises that another leader takes over while this lasts."""
    ended_s: float = 0.0
    term_after: int = 0
    leader_before: str = ""
    leader_after: str = ""
    fences: tuple[str, ...] = ()
    """Nodes that the cluster must fence because of it."""
    proofs: list[tuple[str, bool]] = field(default_factory=list)
    """What shows that it took effect, and whether it did."""
    withheld: Withheld | None = None
    spells: list[Spell] = field(default_factory=list)
    """Of a fault that is made of several, in the order in which they began."""

    @property
    def took_effect(self) -> bool:
        return bool(self.proofs) and all(shown for _, shown in self.proofs)


@dataclass(frozen=True)
class Said:
    """A line of a server's log that bears on its end, on its clients', or on who led."""

    at_s: float
    """time.monotonic(), from the wall clock of the line."""
    node: str
    level: str
    event: str
    reason: str = ""
    """Why a client's connection was closed."""
    term: int = 0
    """In which it leads."""


@dataclass
class LinuxClient:
    """What a real Linux client went through."""

    name: str
    stalls_ms: list[float] = field(default_factory=list)
    """The longest call of each round."""
    turns: int = 0
    problems: list[str] = field(default_factory=list)
    """Calls that failed, data that differed, locks lost."""
    slowest: str = ""
    """The slowest calls, for people."""


@dataclass
class Check:
    """What was found out about one promise by some other program: the linearizability checker, mdsctl digest."""

    ok: bool
    text: str
    count: int = 0
    """How much was checked: operations, nodes."""
    met: dict[str, int] = field(default_factory=dict)
    """How often there was what makes the check worth while (``judge.CONTENTION_MIN``)."""
    missing: list[str] = field(default_factory=list)
    """Of whom nothing could be checked: nodes without a digest."""


@dataclass(frozen=True)
class Switching:
    """A machine's power was switched by its BMC."""

    at_s: float
    """time.monotonic(), when it was done."""
    machine: str
    word: str
    """``on`` or ``off``."""


@dataclass
class Power:
    """What a drill has seen of the service address and of the machines' power, beside what every run sees."""

    knocks: list[Knock] = field(default_factory=list)
    events: list[PowerEvent] = field(default_factory=list)
    """In the log's order."""
    switched: list[Switching] = field(default_factory=list)
    temptations: list[Temptation] = field(default_factory=list)
    answers: dict[str, list[float]] = field(default_factory=dict)
    """Node -> when it answered the monitor."""
    returns: dict[str, list[float]] = field(default_factory=dict)
    """Node -> when each of its processes was first seen to have a quorum (``monitor.returns``)."""


@dataclass
class Evidence:
    """Everything of one run."""

    begun_s: float
    calm_from_s: float = 0.0
    """Clients work and nothing has been broken yet."""
    ended_s: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    clients: list[ClientReport] = field(default_factory=list)
    linux: list[LinuxClient] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    """What servers logged that is critical, what ended their processes rightly, whom they sent away, and in which terms
    they led (``site.said``)."""
    digest: Check | None = None
    linearizable: Check | None = None
    power: Power | None = None
    """Of a drill."""
    load_averages: list[float] = field(default_factory=list)
    broken: str = ""
    """Why the run could not be carried to its end; empty when it was."""
