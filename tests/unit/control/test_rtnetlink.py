"""All addresses of a host, as the kernel tells them: in several parts, not at all, or while they change."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from types import SimpleNamespace, TracebackType

import pytest

from mdscluster import rtnetlink

MULTI, INTERRUPTED = 0x2, 0x12  # NLM_F_MULTI; the same with NLM_F_DUMP_INTR
NEWADDR, DONE, ERROR = 20, 3, 2


def message(kind: int, body: bytes, flags: int = MULTI) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


def held(address: str, flags: int = MULTI) -> bytes:
    """An interface has it."""
    raw = ipaddress.ip_address(address).packed
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    body = struct.pack("=BBBBI", family, 32, 0, 0, 1) + struct.pack("=HH", 4 + len(raw), 1) + raw
    return message(NEWADDR, body, flags)


def done(flags: int = MULTI, code: int = 0) -> bytes:
    return message(DONE, struct.pack("=i", code), flags)


def of_another_family() -> bytes:
    """An address of MCTP (45): one byte."""
    body = struct.pack("=BBBBI", 45, 0, 0, 0, 1) + struct.pack("=HHB3x", 5, 2, 8)
    return message(NEWADDR, body)


class Kernel:
    """A netlink socket that answers each request with the next of these answers, read by read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[bytes]) -> None:
        self._answers = list(answers)
        self._reads: list[bytes] = []
        stand_in = dict.fromkeys(("AF_NETLINK", "SOCK_RAW", "NETLINK_ROUTE"), 0)
        monkeypatch.setattr(rtnetlink, "socket", SimpleNamespace(socket=lambda *_: self, **stand_in))

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        return

    def settimeout(self, _seconds: float) -> None:
        return

    def bind(self, _address: tuple[int, int]) -> None:
        return

    def send(self, request: bytes) -> None:
        assert request == rtnetlink.EVERY_ADDRESS
        self._reads = self._answers.pop(0)

    def recv(self, _size: int) -> bytes:
        if not self._reads:
            raise TimeoutError
        return self._reads.pop(0)


def test_an_answer_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left out that comes in a later read, and nobody waits for more than the last one."""
    Kernel(monkeypatch, [held("127.0.0.1") + held("192.0.2.1"), held("::1"), held("fd00::64") + done()])
    assert rtnetlink.addresses() == {"127.0.0.1", "192.0.2.1", "::1", "fd00::64"}


def test_addresses_of_other_families_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told of, too, where every family is asked for."""
    Kernel(monkeypatch, [of_another_family() + held("127.0.0.1") + done()])
    assert rtnetlink.addresses() == {"127.0.0.1"}


def test_an_answer_during_which_addresses_changed_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """netlink(7): the dump was interrupted, and may lack an address that was there all the time."""
    Kernel(monkeypatch, [held("127.0.0.1", INTERRUPTED), done()], [held("127.0.0.1") + held("192.0.2.1"), done()])
    assert rtnetlink.addresses() == {"127.0.0.1", "192.0.2.1"}
    Kernel(monkeypatch, *[[held("127.0.0.1"), done(INTERRUPTED)] for _ in range(99)])
    with pytest.raises(BlockingIOError):
        rtnetlink.addresses()


@pytest.mark.parametrize(
    ("reads", "error"),
    [
        ([message(ERROR, struct.pack("=i", -errno.EPERM), 0)], PermissionError),
        ([message(ERROR, b"", 0)], OSError),
        ([held("127.0.0.1")], TimeoutError),
        ([held("127.0.0.1"), done(code=-errno.EPERM)], PermissionError),
    ],
)  # fmt: skip
def test_a_kernel_that_does_not_answer_has_said_nothing(
    monkeypatch: pytest.MonkeyPatch, reads: list[bytes], error: type[OSError]
) -> None:
    """A part is not taken for the whole."""
    Kernel(monkeypatch, reads)
    with pytest.raises(error):
        rtnetlink.addresses()


def test_this_host_has_its_loopback_address() -> None:
    """The real kernel."""
    assert "127.0.0.1" in rtnetlink.addresses()
