"""What the guard concludes from what it hears, and from what it does not hear. Sans-IO: the time is passed in.

Three questions, each with its own bound, since each wrong answer costs something else:

======================  ======================================================  ===================================
May the node have       A word that it is fit, not older than ``silence_ms``,   A wrong no: the address moves,
service addresses?      and nothing else for ``settle_ms``. Weak or unable:     clients connect anew
                        :mod:`.footing`
Must it be ended?       No word, or no answer of its consensus process, for     A wrong yes: the node is away for a
                        ``stall_ms``; no word since its start for ``start_ms``; restart
                        no quorum any more for ``quorum_ms``, if that is set
May the watchdog be     The node's state can be told                            A wrong no: the machine is reset
petted?
======================  ======================================================  ===================================

Time in which the guard itself stood still is nobody's silence: it is taken off before a node is ended for it. It is not
taken off where addresses are concerned, for whether the node is well is not known then.
"""

from __future__ import annotations

from mdscluster.guard.footing import Footing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mdscluster.guard.settings import Settings
    from mdscluster.guard.words import Word

TOLD_MS = 1_000
"""A word so old still tells the node's state, as far as the watchdog is concerned."""
STARTS_MAX = 16
"""Times ``start_ms`` that a start may take at last, where the ones before were ended for taking long."""
NO_NODE = "no node is running"
NO_WORD_YET = "the node has not said a word yet"
SILENT = "no word comes from the node"
SETTLING = "it is fit, but not for long enough yet"


class Judge:
    """One node, as its guard sees it."""

    def __init__(self, settings: Settings, may_hold: Callable[[], bool]) -> None:
        """``may_hold``: whether this machine may have a service address now."""
        self._settings = settings
        self._since_ms: int | None = None
        self._word: Word | None = None
        self._fit_since_ms: int | None = None
        self._forgiven_ms = self._slept_until_ms = 0
        self._sentenced = False
        self._spared = False
        self._start_ms = settings.start_ms
        self._footing = Footing(settings.node_id, settings.step_back_ms, may_hold)

    # ------------------------------------------------------------ what happens
    def node_here(self, now_ms: int) -> None:
        """A node's process is there, of which no front end has been heard yet."""
        self._since_ms = now_ms
        self._forgiven_ms = 0
        self._sentenced = False
        self._forget()

    def node_gone(self) -> None:
        """It has ended, however it ended."""
        self._since_ms = None
        self._sentenced = False
        self._forget()

    def front_end_gone(self, now_ms: int) -> None:
        """The node is there, but who spoke for it is not: it ends too, or it starts anew on a snapshot."""
        self._since_ms = now_ms
        self._forgiven_ms = 0
        self._forget()

    def _forget(self) -> None:
        self._word = self._fit_since_ms = None

    def heard(self, word: Word) -> None:
        """A word of the node's front end."""
        before, self._word = self._word, word
        self._spared, self._start_ms = word.spared, self._settings.start_ms
        # What was said before the guard fell asleep is as old as it was then, however late it is read.
        self._forgiven_ms = min(self._forgiven_ms, max(self._slept_until_ms - word.at_ms, 0))
        broken = before is None or word.at_ms - before.at_ms >= self._settings.silence_ms
        if not word.fit:
            self._fit_since_ms = None
        elif self._fit_since_ms is None or broken:
            self._fit_since_ms = word.at_ms

    def slept(self, late_ms: int, now_ms: int) -> None:
        """The guard itself stood still for so long, until now."""
        self._forgiven_ms += late_ms
        self._slept_until_ms = now_ms

    # ------------------------------------------------------------ what follows
    def standing(self, now_ms: int) -> tuple[int, str]:
        """The weight that keepalived is told (:mod:`.footing`), and why it is not 0. Asked in the order of time."""
        footing, word, settings = self._footing, self._word, self._settings
        if self._since_ms is None:
            return footing.unable(), NO_NODE
        if word is None:
            return footing.unable(), NO_WORD_YET
        silent_ms = now_ms - word.at_ms
        if silent_ms >= settings.silence_ms + settings.step_back_ms:  # by then who had an address has stepped back
            return footing.unable(), SILENT
        if word.reason and not word.weak:
            return footing.unable(), word.reason
        if silent_ms >= settings.silence_ms:
            return footing.weak(now_ms), SILENT
        if self._fit_since_ms is None:
            return footing.weak(now_ms), word.reason
        if now_ms - self._fit_since_ms < settings.settle_ms:
            return footing.settling(now_ms), SETTLING
        return footing.fit(), ""

    def sentence(self, now_ms: int) -> str:
        """Why the node must be ended now; empty: it need not. Once :meth:`executed`, it is not said again."""
        since_ms, word, settings = self._since_ms, self._word, self._settings
        if since_ms is None or self._sentenced or self._spared:
            return ""
        if word is None:
            if now_ms - since_ms - self._forgiven_ms >= self._start_ms:
                return f"it has not said a word within {self._start_ms} ms of its start"
            return ""
        patience_ms = settings.start_ms if word.stopping else settings.stall_ms
        if now_ms - word.at_ms - self._forgiven_ms >= patience_ms:
            return f"its front end has not said a word for {patience_ms} ms"
        if word.stopping:
            return ""
        if word.consensus_silent_ms >= settings.stall_ms:
            return f"its consensus process has not answered for {settings.stall_ms} ms"
        if 0 < settings.quorum_ms <= word.quorum_lost_ms:
            return f"it has lost its quorum for {settings.quorum_ms} ms"
        return ""

    def executed(self) -> None:
        """It has been done what :meth:`sentence` said: the node's end is awaited."""
        self._sentenced = True
        if self._word is None:  # a start that takes so long takes it again: it is not to be ended for ever
            self._start_ms = min(2 * self._start_ms, STARTS_MAX * self._settings.start_ms)

    def can_be_told(self, now_ms: int) -> bool:
        """Whether the watchdog may be petted: the node's state is known, or an operator works on it."""
        since_ms, word = self._since_ms, self._word
        if since_ms is None:
            return True
        if self._sentenced:
            return False
        if word is None:
            return self._spared or now_ms - since_ms - self._forgiven_ms < self._start_ms
        return self._spared or max(now_ms - word.at_ms, word.consensus_silent_ms) < TOLD_MS

    def due_ms(self, now_ms: int) -> int | None:
        """When an answer changes if nothing happens; None: never."""
        settings, word = self._settings, self._word
        if self._since_ms is None:
            return None
        if word is None:
            times = [self._since_ms + self._forgiven_ms + self._start_ms]
        else:
            silent_ms = settings.start_ms if word.stopping else settings.stall_ms
            quiet_ms = word.at_ms + settings.silence_ms
            times = [quiet_ms, quiet_ms + settings.step_back_ms, word.at_ms + self._forgiven_ms + silent_ms]
            if self._fit_since_ms is not None:
                times.append(self._fit_since_ms + settings.settle_ms)
        back_ms = self._footing.due_ms(now_ms)
        times += [] if back_ms is None else [back_ms]
        return min((time for time in times if time > now_ms), default=None)
