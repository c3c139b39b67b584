"""Hosts and clients as network namespaces on one bridge, with a service address that moves between hosts.

The bridge lives in a namespace of its own (``PREFIX<pid>-sw``: several runs do not meet). Partitions are nftables
rules of the *bridge* family there, so they cut ARP and IP, one way or both, and nothing changes inside the hosts.
"""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import re
import socket
import struct
import subprocess
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from types import TracebackType

from deploy import packetfilter
from tests.support.debian import Unavailable, is_root, need_tools
from tests.support.lifeline import alive

TOOLS = {"ip": "iproute2", "nft": "nftables", "sysctl": "procps"}
_RULES = """
table bridge p {
 set cut { typeof meta iifname . meta oifname; counter; }
 set lossy { typeof meta iifname; }
 counter lost { }
 chain loss { }
 chain f {
  type filter hook forward priority 0;
  meta iifname . meta oifname @cut drop
  meta iifname @lossy jump loss
 }
}
"""
_SWALLOWED = re.compile(r'"([^"]+)" \. "([^"]+)" counter packets (\d+)')
"""An element of the set ``cut`` as nft(8) lists it: each counts by itself what was dropped for it."""


class Hanet:
    """One bridge and its hosts; ``with Hanet("ha") as net`` removes everything at the end."""

    def __init__(self, prefix: str = "ha", network: str = "10.77.0") -> None:
        self.family, self.network = prefix, network
        self.prefix = f"{prefix}{os.getpid()}"
        self.switch = f"{self.prefix}-sw"
        self.hosts: dict[str, str] = {}
        self._swallowed: Counter[tuple[str, str]] = Counter()
        """By cuts that were undone since."""

    def __enter__(self) -> Hanet:
        self.up()
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.down()

    def up(self) -> None:
        """Make the bridge. Raises Unavailable, with the reason, where namespaces cannot be made."""
        if not is_root():
            raise Unavailable("network namespaces need root")
        need_tools(TOOLS)
        self._sweep()
        _ip("netns", "add", self.switch)
        _ip("-n", self.switch, "link", "set", "lo", "up")
        options = ["forward_delay", "0", "stp_state", "0", "mcast_snooping", "0"]
        _ip("-n", self.switch, "link", "add", "br0", "type", "bridge", *options)
        _ip("-n", self.switch, "link", "set", "br0", "up")
        self._nft(_RULES)

    def down(self) -> None:
        """Remove every namespace of this network."""
        for name in _namespaces():
            if name.startswith(self.prefix + "-"):
                subprocess.run(["ip", "netns", "del", name], capture_output=True)
        self.hosts.clear()

    def _sweep(self) -> None:
        """Remove what earlier runs left behind that were killed; other runs that live keep theirs."""
        for name in _namespaces():
            made = re.fullmatch(rf"{re.escape(self.family)}(\d+)-.+", name)
            if made and (int(made.group(1)) == os.getpid() or not alive(int(made.group(1)))):
                subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def add_host(self, name: str, last_octet: int) -> str:
        """A namespace ``PREFIX<pid>-name`` with one interface; returns its address."""
        space, address = self.netns(name), f"{self.network}.{last_octet}"
        _ip("netns", "add", space)
        _ip("link", "add", name, "netns", self.switch, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("-n", self.switch, "link", "set", name, "master", "br0", "up")
        _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", space, "addr", "add", f"{address}/24", "brd", "+", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")
        settings = ["net.ipv4.ip_nonlocal_bind=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.all.arp_notify=1"]
        self.run(name, ["sysctl", "-qw", *settings])
        self.hosts[name] = address
        return address

    def netns(self, name: str) -> str:
        """The namespace of a host."""
        return f"{self.prefix}-{name}"

    def wrap(self, name: str, command: Sequence[str]) -> list[str]:
        """The command, to be run inside a host."""
        return ["ip", "netns", "exec", self.netns(name), *command]

    def run(self, name: str, command: Sequence[str], timeout_s: float = 30.0) -> str:
        """Run a command inside a host; its output."""
        done = subprocess.run(self.wrap(name, command), capture_output=True, text=True, timeout=timeout_s)
        if done.returncode:
            raise RuntimeError(f"{name}: {' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def traffic_bytes(self, name: str) -> int:
        """All that went to and from a host up to now."""
        shown = json.loads(_ip("-n", self.switch, "-s", "-j", "link", "show", "dev", name))
        counts = shown[0]["stats64"]
        return int(counts["rx"]["bytes"]) + int(counts["tx"]["bytes"])

    def addresses(self, name: str) -> list[str]:
        """All addresses on a host's interface."""
        shown = json.loads(_ip("-n", self.netns(name), "-4", "-j", "address", "show", "dev", "eth0") or "[]")
        return [entry["local"] for interface in shown for entry in interface.get("addr_info", [])]

    # ---- the service address

    def add_address(self, name: str, last_octet: int) -> str:
        """Give a host a further address and tell the neighbours at once (gratuitous ARP)."""
        address = self.add_address_quietly(name, last_octet)
        self.announce(name, address)
        return address

    def add_address_quietly(self, name: str, last_octet: int) -> str:
        """Give a host a further address. Neighbours that know it elsewhere are told by nobody here."""
        address = f"{self.network}.{last_octet}"
        _ip("-n", self.netns(name), "addr", "replace", f"{address}/24", "dev", "eth0")
        return address

    def neighbour(self, name: str, address: str) -> str:
        """Where a host believes an address to be: a link-layer address, empty if it has no idea."""
        known = json.loads(_ip("-n", self.netns(name), "-j", "neigh", "show", "to", address, "dev", "eth0") or "[]")
        return str(known[0].get("lladdr", "")) if known else ""

    def hardware_address(self, name: str) -> str:
        """The link-layer address of a host."""
        return str(json.loads(_ip("-n", self.netns(name), "-j", "link", "show", "dev", "eth0"))[0]["address"])

    def remove_address(self, name: str, last_octet: int) -> None:
        """Take a further address away from a host; fine when it has none."""
        address = f"{self.network}.{last_octet}/24"
        subprocess.run(["ip", "-n", self.netns(name), "addr", "del", address, "dev", "eth0"], capture_output=True)

    def move_address(self, last_octet: int, to: str, keeps: Collection[str] = ()) -> str:
        """Move the service address onto ``to``, announced, and then away from every other host but ``keeps``.

        In this order, as VRRP does it: a dead node keeps the address until somebody takes it away, and clients go by
        the last announcement. What follows it costs them no time.
        """
        address = self.add_address(to, last_octet)
        for name in self.hosts:
            if name != to and name not in keeps:
                self.remove_address(name, last_octet)
        return address

    def silence_the_dead(self, name: str, last_octet: int, port: int) -> None:
        """A host whose server is dead says nothing at the service address: the product's own rules."""
        address = ipaddress.IPv4Address(f"{self.network}.{last_octet}")
        self._nft(packetfilter.rules([address], port), self.netns(name))

    def announce(self, name: str, address: str) -> None:
        """Gratuitous ARP: a request and a reply, as keepalived sends both (some listeners take only one)."""
        failure: list[OSError] = []

        def send() -> None:
            try:
                _gratuitous_arp(self.netns(name), "eth0", address)
            except OSError as error:
                failure.append(error)

        thread = threading.Thread(target=send)  # setns moves only the thread that calls it
        thread.start()
        thread.join()
        if failure:
            raise RuntimeError(f"gratuitous ARP for {address} on {name}: {failure[0]}")

    # ---- faults

    def cut(self, a: str, b: str, one_way: bool = False) -> None:
        """Drop what goes from ``a`` to ``b`` and, unless one_way, back. Guests are named by their tap."""
        pairs = [(a, b)] if one_way else [(a, b), (b, a)]
        self._nft(_cut(pairs))

    def isolate(self, *names: str, keep: Iterable[str] = ()) -> None:
        """Cut each of the hosts off from everybody but ``keep``, all at the same moment."""
        kept = set(keep)
        self._nft(_cut([pair for name in names for pair in self._around(name, kept)]))

    def unplug(self, name: str) -> None:
        """Link down, as when a cable is pulled: the host sees it."""
        _ip("-n", self.switch, "link", "set", name, "down")

    def plug(self, name: str) -> None:
        """Link up again."""
        _ip("-n", self.switch, "link", "set", name, "up")

    def lose_power(self, name: str) -> None:
        """What a host without power does not do: send, keep addresses, filter packets."""
        space = self.netns(name)
        _ip("-n", space, "link", "set", "eth0", "down")
        _ip("-n", space, "address", "flush", "dev", "eth0")
        self._nft("flush ruleset\n", space)

    def regain_power(self, name: str) -> None:
        """Its own address again, as its network configuration says at boot; it knows no connection of before."""
        self.forget_connections(name)
        space = self.netns(name)
        _ip("-n", space, "address", "replace", f"{self.hosts[name]}/24", "brd", "+", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")

    def forget_connections(self, name: str) -> None:
        """What a host that lost power does not know when it is back, where the kernel can be told to (ss(8), -K).

        The kernel of a namespace outlives its processes: it would repeat their FINs until somebody acknowledges them.
        Call it while the host is cut off: each connection ends with a reset.
        """
        self.run(name, ["ss", "-H", "-K", "-t", "state", "connected"])

    def lose(self, names: Iterable[str], percent: int) -> None:
        """Drop this share, at random, of the packets that come from the hosts."""
        elements = ", ".join(f'"{name}"' for name in names)
        rule = f"numgen random mod 100 < {percent} counter name lost drop"
        script = f"add rule bridge p loss {rule}\nadd element bridge p lossy {{ {elements} }}\n"
        self._nft("flush chain bridge p loss\n" + script)

    def heal(self, but: Iterable[str] = (), keep: Iterable[str] = ()) -> None:
        """Undo every cut and all loss. Those of ``but`` stay cut off from everybody but ``keep``, without a gap."""
        kept = set(keep)
        pairs = [pair for name in but for pair in self._around(name, kept)]
        self._swallowed = self.cut_packets()  # with their elements the counters go
        self._nft("flush set bridge p cut\nflush set bridge p lossy\nflush chain bridge p loss\n" + _cut(pairs))

    def cut_packets(self) -> Counter[tuple[str, str]]:
        """How many packets cuts have swallowed up to now: (who sent them, who did not get them) -> number."""
        found = _SWALLOWED.findall(self._list("set", "cut"))
        return self._swallowed + Counter({(sender, receiver): int(packets) for sender, receiver, packets in found})

    def lost_packets(self) -> int:
        """How many packets loss has swallowed up to now."""
        shown = json.loads(self._list("counter", "lost", "-j"))
        return sum(int(entry["counter"]["packets"]) for entry in shown["nftables"] if "counter" in entry)

    def _list(self, kind: str, name: str, *options: str) -> str:
        command = ["ip", "netns", "exec", self.switch, "nft", *options, "list", kind, "bridge", "p", name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def _ports(self) -> list[str]:
        listed = _ip("-n", self.switch, "-br", "link", "show", "master", "br0")
        return [line.split()[0].split("@")[0] for line in listed.splitlines() if line.strip()]

    def _around(self, name: str, keep: Collection[str]) -> list[tuple[str, str]]:
        """Both ways between a host and everybody but ``keep``."""
        others = [port for port in self._ports() if port != name and port not in keep]
        return [(name, other) for other in others] + [(other, name) for other in others]

    def _nft(self, script: str, netns: str = "") -> None:
        command = ["ip", "netns", "exec", netns or self.switch, "nft", "-f", "-"]
        done = subprocess.run(command, input=script, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"nft: {done.stderr.strip()}")


def _cut(pairs: Collection[tuple[str, str]]) -> str:
    """What nft is told to drop all that goes from the first to the second of each pair."""
    elements = ", ".join(f'"{a}" . "{b}"' for a, b in dict.fromkeys(pairs))
    return f"add element bridge p cut {{ {elements} }}\n" if elements else ""


def _namespaces() -> list[str]:
    """The names of all network namespaces."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def _ip(*words: str) -> str:
    """Run ip(8). Raises Unavailable with its own words."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


_SETNS_NETWORK = 0x40000000


def _gratuitous_arp(netns: str, interface: str, address: str) -> None:
    """Send from inside the namespace (call it in a thread of its own: the thread stays there)."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(f"/run/netns/{netns}", os.O_RDONLY)
    if libc.setns(handle, _SETNS_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(handle)
    ether_arp, everybody = 0x0806, b"\xff" * 6
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ether_arp)) as raw:
        raw.bind((interface, ether_arp))
        mac, ip = raw.getsockname()[4][:6], socket.inet_aton(address)
        header = everybody + mac + struct.pack(">H", ether_arp)
        for operation, target in ((1, b"\x00" * 6), (2, everybody)):
            body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + mac + ip + target + ip
            raw.send(header + body)
