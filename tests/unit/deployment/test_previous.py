"""A new rendering says what hosts that run cannot simply be given."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.reading import load
from deploy.render import render
from mdscluster.mdsctl import main
from tests.unit.deployment.support import deploy_render, write_inventory

VIP_1 = '[[vips]]\naddress = "192.0.2.101/24"\npreferred = "mds1"\n'
SPREAD = ("[install]", '[spread]\naddress = "192.0.2.100/24"\n[install]')


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The example, rendered."""
    deploy_render(write_inventory(tmp_path), tmp_path / "out")
    return tmp_path / "out"


def noted(tmp_path: Path, *changes: tuple[str, str]) -> tuple[str, ...]:
    return render(load(write_inventory(tmp_path, *changes)), tmp_path / "out").notes


def test_an_address_that_gets_another_router_id_is_noted(out: Path, tmp_path: Path) -> None:
    """INV-7: two keepalived with different ids for one address both have it. Ids go by the inventory's order."""
    notes = noted(tmp_path, (VIP_1, ""))
    assert [note.split(",")[0] for note in notes] == [
        "192.0.2.102 changes its virtual router id from 52 to 51",
        "192.0.2.103 changes its virtual router id from 53 to 52",
    ]
    assert "write `router_id = 52` into its [[vips]] table and render again" in notes[0]


def test_ids_that_are_written_out_and_addresses_at_the_end_are_not_noted(out: Path, tmp_path: Path) -> None:
    more = ("[[data_servers]]", '[[vips]]\naddress = "192.0.2.104/24"\n\n[[data_servers]]')
    assert noted(tmp_path, more, SPREAD) == ()
    written_out = [(f'"192.0.2.10{n}/24"', f'"192.0.2.10{n}/24"\nrouter_id = {50 + n}') for n in (2, 3)]
    assert noted(tmp_path, (VIP_1, ""), *written_out) == ()


def test_a_spread_address_with_another_id_is_noted_with_its_table(out: Path, tmp_path: Path) -> None:
    noted(tmp_path, SPREAD)
    (note,) = noted(tmp_path, (SPREAD[0], SPREAD[1].replace("[install]", "router_id = 9\n[install]")))
    assert note.startswith("192.0.2.100 changes its virtual router id from 50 to 9,")
    assert "into its [spread] table" in note


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (('addresses = ["192.0.2.12/24"]', 'addresses = ["192.0.2.19/24"]'), ["mds2"]),
        (("[install]", "[ports]\nraft = 7\n[install]"), ["mds1", "mds2", "mds3"]),
        (("[install]", "[ports]\nadmin = 7\n[install]"), ["mds1", "mds2", "mds3"]),
        (("[install]", "[ports]\nnfs = 2050\n[install]"), []),
    ],
)
def test_a_member_at_another_address_is_noted(
    out: Path, tmp_path: Path, change: tuple[str, str], names: list[str]
) -> None:
    """INV-4: the others go on dialling the address that the log has; the new file alone takes a server away."""
    notes = noted(tmp_path, change)
    assert [note.split(" was reached at ")[0] for note in notes] == names
    for note in notes:
        assert "192.0.2.1" in note
        assert note.endswith("docs/MEMBERSHIP.md, Another address")
    assert noted(tmp_path, change) == (), "said once: the hosts' folders have it now"


def test_the_command_tells_notes(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_inventory(tmp_path, (VIP_1, ""))
    assert main(["deploy", "render", "--inventory", str(path), "--out", str(out)]) == 0
    assert "192.0.2.102 changes its virtual router id from 52 to 51" in "".join(capsys.readouterr())
