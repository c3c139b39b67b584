"""Which refusals are waited out, and for how long."""

from __future__ import annotations

import pytest

from nfsclient.retry import NOT_NOW, RetryPolicy
from nfswire import nfs4


@pytest.mark.parametrize("status", sorted(NOT_NOW))
def test_waits_grow_to_a_bound_and_end_with_the_patience(status: int) -> None:
    policy = RetryPolicy(first_ms=10, longest_ms=100, patience_ms=1000)
    assert [policy.wait_ms(status, attempt, 0) for attempt in range(6)] == [10, 20, 40, 80, 100, 100]
    assert policy.wait_ms(status, 1000, 0) == 100
    assert policy.wait_ms(status, 9, 950) == 50, "the last attempt is made when the patience ends"
    assert policy.wait_ms(status, 9, 1000) is None


@pytest.mark.parametrize("status", [nfs4.NFS4ERR_NOENT, nfs4.NFS4ERR_BADSESSION, nfs4.NFS4ERR_LAYOUTUNAVAILABLE])
def test_other_refusals_stand(status: int) -> None:
    assert RetryPolicy().wait_ms(status, 0, 0) is None
