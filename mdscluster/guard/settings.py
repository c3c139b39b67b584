"""The guard's settings, as they are handed from the process that read the configuration to the one that guards."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Settings:
    """What ``[guard]`` of a node's configuration says (:class:`mdscluster.guardconfig.Guard` tells what each means)."""

    def __init__(
        self, *, node_id: str, run_dir: str, lock_file: str, vip_dir: str = "", silence_ms: int = 200,
        step_back_ms: int = 1_000, settle_ms: int = 1_000, stall_ms: int = 5_000, start_ms: int = 60_000,
        quorum_ms: int = 0, watchdog: str = "", watchdog_timeout_s: int = 15, watchdog_required: bool = False,
    ) -> None:  # fmt: skip
        """``lock_file``: the one that a running node holds (:mod:`mdsproto.nodelock`)."""
        self.node_id = node_id
        self.run_dir = run_dir
        self.lock_file = lock_file
        self.vip_dir = vip_dir
        self.silence_ms = silence_ms
        self.step_back_ms = step_back_ms
        self.settle_ms = settle_ms
        self.stall_ms = stall_ms
        self.start_ms = start_ms
        self.quorum_ms = quorum_ms
        self.watchdog = watchdog
        self.watchdog_timeout_s = watchdog_timeout_s
        self.watchdog_required = watchdog_required

    def to_words(self) -> list[str]:
        """For a command line."""
        return [f"{name}={int(value) if isinstance(value, bool) else value}" for name, value in vars(self).items()]


def from_words(words: Iterable[str]) -> Settings:
    """What :meth:`Settings.to_words` gave."""
    texts = dict(word.split("=", 1) for word in words)
    names = ("node_id", "run_dir", "lock_file", "vip_dir", "watchdog")
    plain = {name: texts[name] for name in names}
    numbers = {name: int(text) for name, text in texts.items() if name not in (*names, "watchdog_required")}
    required = texts["watchdog_required"] == "1"
    return Settings(**plain, **numbers, watchdog_required=required)  # type: ignore[arg-type]
