"""What docs/FENCING.md shows works."""

from __future__ import annotations

import asyncio
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from fencing import procedure
from fencing.agents import Result, ask
from fencing.device import SECRET_KEYS, Device
from fencing.procedure import Outcome

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "FENCING.md").read_text()
PDUCTL = """#!/bin/sh
case $2 in
state) cat "$0.$1" ;;
*) echo "$2" > "$0.$1" ;;
esac
"""


def block(language: str, beginning: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return next(found for found in blocks if found.startswith(beginning))


def test_the_configuration_can_be_read() -> None:
    shown = tomllib.loads(block("toml", "[fencing]"))["fencing"]["devices"]
    devices = [
        Device(**{key: tuple(value) if isinstance(value, list) else value for key, value in device.items()})
        for device in shown
    ]
    assert [device.node for device in devices] == ["mds1", "mds1"]
    for device in devices:
        device.validate()


def test_every_secret_is_named() -> None:
    """What is refused among the options, an operator can read."""
    assert {key for key in SECRET_KEYS if f"`{key}`" not in TEXT} == set()


@pytest.fixture
def pdu(tmp_path: Path) -> Device:
    """The program of one's own, with a PDU."""
    program, pductl = tmp_path / "our-pdu", tmp_path / "pductl"
    program.write_text(block("sh", "#!/bin/sh").replace("pductl", str(pductl)))
    pductl.write_text(PDUCTL)
    for file in (program, pductl):
        file.chmod(0o755)
    (tmp_path / "pductl.7").write_text("on\n")
    return Device("pdu", "mds1", str(program), ("plug=7", "unknown=1"), attempts=1)


def test_the_program_of_ones_own_keeps_the_contract(pdu: Device) -> None:
    """INV-9."""
    assert asyncio.run(ask(pdu, "status")).result is Result.ON
    assert asyncio.run(ask(pdu, "monitor")).result is Result.DONE
    assert asyncio.run(procedure.cut([pdu], lambda: 60_000)) == Outcome(True, "pdu")
    assert asyncio.run(procedure.restore([pdu], lambda: 60_000)) == Outcome(True, "pdu")


def test_and_fails_where_its_device_does(pdu: Device) -> None:
    """INV-9: a plug that there is not."""
    other = replace(pdu, options=("plug=9",))
    assert asyncio.run(ask(other, "status")).result is Result.FAILED
    assert asyncio.run(ask(pdu, "reset")).result is Result.FAILED
