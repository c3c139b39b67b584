"""Who may mount, from where, and with which rights.

A rule is chosen once per connection, by the client's address; identities are squashed by it before
anything is proposed, so the log only ever holds identities that the state machine may trust.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

from mdscluster.fsm.commands import FLAG_EXCLUSIVE_WRITERS, FLAG_NO_LAYOUTS, FLAG_READ_ONLY

NOBODY: Final = 65534


class Identity(msgspec.Struct, frozen=True, gc=False):
    """A caller after squashing."""

    uid: int
    gid: int
    gids: tuple[int, ...]


class ExportRule(msgspec.Struct, frozen=True):
    """One rule of an export: the networks it is for and what it grants them."""

    networks: tuple[IPv4Network | IPv6Network, ...]
    read_only: bool = False
    root_squash: bool = True
    layouts: bool = True
    exclusive_writers: bool = False

    @property
    def command_flags(self) -> int:
        """The rule as flags of a COMPOUND command."""
        return (
            (FLAG_READ_ONLY if self.read_only else 0)
            | (0 if self.layouts else FLAG_NO_LAYOUTS)
            | (FLAG_EXCLUSIVE_WRITERS if self.exclusive_writers else 0)
        )

    def squash(self, uid: int, gid: int, gids: tuple[int, ...]) -> Identity:
        """Who the caller is here. ``root_squash``: neither user 0 nor a member of group 0, as with Linux knfsd."""
        if not self.root_squash:
            return Identity(uid, gid, gids)
        if uid == 0:
            return Identity(NOBODY, NOBODY, ())
        return Identity(uid, gid or NOBODY, tuple(member or NOBODY for member in gids))


def make_rule(networks: list[str], **rights: bool) -> ExportRule:
    return ExportRule(tuple(ip_network(network, strict=False) for network in networks), **rights)


def choose(rules: list[ExportRule], address: str) -> ExportRule | None:
    """The first rule whose networks hold ``address``; None: the client may not mount."""
    ip = ip_address(address.split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    for rule in rules:
        if any(ip.version == network.version and ip in network for network in rule.networks):
            return rule
    return None
