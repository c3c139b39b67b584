"""A fencing device's configuration: what is refused, and in which words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fencing.device import SECRET_KEYS, Device, DeviceError, same_outlet

GOOD = Device("ipmi-mds2", "mds2", "fence_ipmilan", ("ip=10.0.0.1", "lanplus=1", "username=op"))


def test_what_is_right_is_taken() -> None:
    GOOD.validate()
    replace(GOOD, agent="/usr/local/sbin/our-pdu").validate()


@pytest.mark.parametrize(
    "changes", [dict(agent="fence_ipmilan -p hunter2"), dict(agent="/usr/sbin/fence_ipmilan -p hunter2"),
                dict(secret_files=(Path("/etc/password=hunter2"),))],
)  # fmt: skip
def test_nor_does_what_is_said_when_it_is_used(changes: dict[str, object]) -> None:
    device = replace(GOOD, **changes)  # type: ignore[arg-type]
    with pytest.raises(DeviceError) as refusal:
        device.validate()
        device.program()
        device.secrets()
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("option", ["password=hunter2", " password=hunter2", "password: hunter2", "hunter2"])
def test_no_refusal_shows_a_password(option: str) -> None:
    """It goes to terminals and logs."""
    with pytest.raises(DeviceError) as refusal:
        replace(GOOD, options=(*GOOD.options, option)).validate()
    assert "hunter2" not in str(refusal.value)


def test_an_outlet_is_told_without_what_may_be_a_password() -> None:
    """And two of them are one, whatever password each was given."""
    one, two = (replace(GOOD, options=("ip=198.51.100.12", f"password={word}", "pasword=hunter2")) for word in "ab")
    assert one.outlet == two.outlet
    assert one.place == "fence_ipmilan ip=198.51.100.12 pasword=..."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(name=""), "a fencing device needs a name"),
        (dict(agent="fence ipmilan"), "neither the name of a fence agent nor the path"),
        (dict(agent="./agent"), "neither the name of a fence agent nor the path"),
        (dict(options=("ip",)), "entry 1 of options is not key=value"),
        (dict(options=("ip=1", "ip=1\naction=on")), "entry 2 of options is not key=value"),
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


@pytest.mark.parametrize("key", sorted(SECRET_KEYS))
def test_no_secret_is_taken_from_an_option(key: str) -> None:
    """Configurations can be read by others. In every spelling that an agent would understand."""
    for spelt in (key, key.replace("_", "-"), key.upper()):
        with pytest.raises(DeviceError, match=f"{key} belongs into a file of its own"):
            replace(GOOD, options=(f"{spelt}=x",)).validate()


def test_the_secrets_that_agents_take_are_known() -> None:
    """SNMP communities and clouds' keys, too (fence_apc_snmp, fence_aws, fence_ibm_vpc)."""
    assert {"password", "passwd", "snmp_priv_passwd", "hexadecimal_kg", "community", "apikey", "access_key",
            "secret_key", "token", "api_token"} <= SECRET_KEYS  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        (dict(), True),
        (dict(options=("username=op", "ipaddr=10.0.0.1", "power-wait=3", "login_timeout=9", "privlvl=operator")), True),
        (dict(options=("ip=10.0.0.2", "lanplus=1", "username=op")), False),
        (dict(options=(*GOOD.options, "ipport=6230")), False),
        (dict(options=(*GOOD.options, "plug=2")), False),
        (dict(agent="fence_apc"), False),
    ],
)
def test_a_copied_line_is_the_same_outlet(changes: dict[str, object], same: bool) -> None:
    """INV-9: of two nodes on one outlet the wrong one is switched off. How it is asked makes no other device of it."""
    other = replace(GOOD, name="ipmi-mds3", node="mds3", **changes)  # type: ignore[arg-type]
    assert [(a.name, b.name) for a, b in same_outlet((GOOD, other))] == [("ipmi-mds2", "ipmi-mds3")] * same
    assert list(same_outlet((GOOD, replace(other, node="mds2")))) == [], "twice for one node: merely useless"


def test_what_stands_in_secret_files_may_tell_devices_apart() -> None:
    """An address may be given there; only where none is among the options."""
    one, two = (
        Device(f"pdu-{node}", node, "fence_x", ("plug=1",), (Path(f"/{node}"),)) for node in ("mds1", "mds2")
    )
    assert list(same_outlet((one, two))) == []
    assert list(same_outlet((one, replace(two, secret_files=one.secret_files)))) != []


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
