"""A fencing device's configuration: what is refused, and in which words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fencing.device import Device, DeviceError

GOOD = Device("ipmi-mds2", "mds2", "fence_ipmilan", ("ip=10.0.0.1", "lanplus=1", "username=op"))


def test_what_is_right_is_taken() -> None:
    GOOD.validate()
    replace(GOOD, agent="/usr/local/sbin/our-pdu").validate()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(name=""), "a fencing device needs a name"),
        (dict(agent="fence ipmilan"), "neither the name of a fence agent nor the path"),
        (dict(agent="./agent"), "neither the name of a fence agent nor the path"),
        (dict(options=("ip",)), "'ip' is not key=value"),
        (dict(options=("ip=1\naction=on",)), "is not key=value"),
        (dict(options=("action=on",)), "action is not for you to set"),
        (dict(options=("password=x",)), "password belongs into a file of its own (secret_files), mode 0600"),
        (dict(options=("snmp-priv-passwd=x",)), "snmp_priv_passwd belongs into a file of its own"),
        (dict(timeout_ms=10), "timeout_ms must be 500 to 120000"),
        (dict(attempts=0), "attempts must be 1 to 5"),
    ],
)
def test_what_cannot_work_is_refused_in_the_operators_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(DeviceError) as refusal:
        replace(GOOD, **changes).validate()  # type: ignore[arg-type]
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"hunter2\n", "entry 1 is not key=value"), (b"action=on\n", "action is not for you"), (b"\xff", "no UTF-8 text")],
)
def test_a_broken_secret_file_is_told_of_without_the_secret(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(DeviceError) as refusal:
        replace(GOOD, secret_files=(file,)).secrets()
    assert words in str(refusal.value)
    assert "hunter2" not in str(refusal.value)
