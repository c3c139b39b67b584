"""Exports: which rule is a client's, and who a caller is under it."""

from __future__ import annotations

from mdscluster.nfs_frontend.exports import NOBODY, choose, make_rule


def test_root_squash_maps_user_and_group_0_to_nobody() -> None:
    """As Linux knfsd's: whoever is trusted with no root must not have what root's group may do either."""
    squashed = make_rule(["0.0.0.0/0"]).squash
    assert squashed(0, 0, (0, 5)).gids == ()
    assert (squashed(0, 5, ()).uid, squashed(0, 5, ()).gid) == (NOBODY, NOBODY)
    user = squashed(1000, 0, (0, 5))
    assert (user.uid, user.gid, user.gids) == (1000, NOBODY, (NOBODY, 5))
    assert squashed(1000, 7, (8,)).gids == (8,)
    trusted = make_rule(["0.0.0.0/0"], root_squash=False).squash(1000, 0, (0,))
    assert (trusted.gid, trusted.gids) == (0, (0,))


def test_the_first_rule_that_holds_the_address_counts() -> None:
    rules = [make_rule(["10.0.0.0/8"], read_only=True), make_rule(["10.1.0.0/16", "::1/128"])]
    assert choose(rules, "10.1.2.3") is rules[0]
    assert choose(rules, "::ffff:10.1.2.3") is rules[0]
    assert choose(rules, "::1") is rules[1]
    assert choose(rules, "192.0.2.1") is None
