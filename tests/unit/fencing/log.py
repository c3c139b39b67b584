"""A log that decides about nodes' power, as tests of its rules propose to it."""

from __future__ import annotations

from fencing import state as rules
from fencing.state import Limits, Now, State, Verdict

THREE, FIVE = ["mds1", "mds2", "mds3"], ["mds1", "mds2", "mds3", "mds4", "mds5"]
LIMITS = Limits(3, 6)
LASTS_MS = 30_000


class Log:
    """A log that applies commands to one state."""

    def __init__(self, voters: list[str] = THREE, *, gives_back: bool = True) -> None:
        self.state = State()
        self.gives_back = gives_back
        self.voters = voters
        self.ms = 1_000
        for number, node in enumerate(voters, 1):
            assert self.here(node, number)

    @property
    def now(self) -> Now:
        return Now(self.ms, self.ms * 1_000_000)

    def here(self, node: str, process: int) -> Verdict:
        return rules.node_here(self.state, self.now, node, process, gives_back=self.gives_back)

    def process(self, node: str) -> int:
        return self.state.nodes[node].process

    def ticket(self, leader: str = "mds1", term: int = 7) -> int:
        return rules.prove(self.state, self.now, leader, term).number

    def intend(self, node: str, ticket: int | None = None, limits: Limits = LIMITS, power_on: bool = True) -> Verdict:
        proof = self.ticket() if ticket is None else ticket
        return rules.intend(self.state, self.now, proof, node, self.voters, limits, "not heard", power_on)

    def claim(self, node: str, executor: str = "mds1", process: int | None = None) -> Verdict:
        number = self.state.intents[node].number if node in self.state.intents else 99
        own = self.process(executor) if process is None else process
        return rules.claim(self.state, self.now, node, number, executor, own, LASTS_MS)

    def outcome(self, node: str, done: bool, executor: str = "mds1", attempt: int = 1, text: str = "ipmi") -> Verdict:
        number = self.state.intents[node].number if node in self.state.intents else 99
        own = self.process(executor)
        return rules.outcome(self.state, self.now, node, number, executor, own, attempt, done, text)

    def withdraw(self, node: str, well: bool = True) -> Verdict:
        number = self.state.intents[node].number if node in self.state.intents else 99
        return rules.withdraw(
            self.state, self.now, self.ticket(), node, number, "heard again", well, gives_back=self.gives_back
        )

    def kinds(self) -> list[str]:
        return [event.kind for event in self.state.history]


def fenced(log: Log, node: str = "mds2") -> None:
    """Through the whole of it, up to the power being off."""
    assert log.intend(node)
    assert log.claim(node)
    assert log.outcome(node, done=True)
