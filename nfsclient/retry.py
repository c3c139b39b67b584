"""Which refusals are waited out, for how long, and in what steps. Pure: time comes as arguments.

NFS4ERR_DELAY (RFC 8881 section 15.1.1.3), GRACE (15.1.9.2), LAYOUTTRYLATER and RECALLCONFLICT (15.1.10) mean "not now".
A server that promises zero grace must never send GRACE: it is waited out like the others, and the statistics count it.
"""

from __future__ import annotations

import msgspec

from nfswire import nfs4

NOT_NOW = frozenset({
    nfs4.NFS4ERR_DELAY, nfs4.NFS4ERR_GRACE, nfs4.NFS4ERR_LAYOUTTRYLATER, nfs4.NFS4ERR_RECALLCONFLICT,
    nfs4.NFS4ERR_RETURNCONFLICT,
})


class RetryPolicy(msgspec.Struct, frozen=True):
    """Waits double from ``first_ms`` to ``longest_ms`` until ``patience_ms`` have passed since the first attempt."""

    first_ms: float = 10.0
    longest_ms: float = 1000.0
    patience_ms: float = 120_000.0

    def backoff_ms(self, attempt: int) -> float:
        """Wait before attempt ``attempt`` + 1, where the first attempt is 0."""
        return min(self.longest_ms, self.first_ms * 2.0 ** min(attempt, 30))

    def wait_ms(self, status: int, attempt: int, elapsed_ms: float) -> float | None:
        """How long to wait before trying again; None: the refusal stands."""
        if status not in NOT_NOW:
            return None
        left_ms = self.patience_ms - elapsed_ms
        if left_ms <= 0:
            return None
        return min(self.backoff_ms(attempt), left_ms)
