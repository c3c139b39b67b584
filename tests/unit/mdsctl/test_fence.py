"""``mdsctl fence`` where there is no device, and how it tells what there is."""

from __future__ import annotations

from mdscluster.mdsctl import fence
from mdscluster.mdsctl.view import plain
from mdsproto import fencing_pb2
from tests.support.embedded import Embedded
from tests.unit.mdsctl.commands import answer, text


def test_a_cluster_without_devices_says_so(cluster: Embedded) -> None:
    assert "nobody is fenced" in answer(cluster, "fence", "list", code=1)["error"]
    assert "no server has a fencing device for mds2" in answer(cluster, "fence", "test", "mds2", code=1)["error"]
    assert text(cluster, "fence", "history") == "nothing has happened yet\n"


def test_every_state_of_a_server_is_told() -> None:
    """What an operator must act upon (missing and held back, suspended) is not told as if all were well."""
    server = fencing_pb2.Server
    shown = fencing_pb2.ListReply(
        enabled=True,
        servers=[
            server(node_id="mds1", armed=True, devices=["bmc-1", "pdu"]),
            server(node_id="mds2", armed=True),
            server(node_id="mds3", down=True),
            server(node_id="mds4", armed=True),
            server(node_id="mds5", armed=True),
            server(node_id="mds6"),
            server(node_id="mds7"),
        ],
        intents=[
            fencing_pb2.Intent(
                number=7, node_id="mds2", reason="missed for 2.1 s", decided_by="mds1", term=3, phase="off", attempts=2,
                failure="bmc-2: it hangs", executor="mds3",
            ),
            fencing_pb2.Intent(number=8, node_id="mds7", decided_by="mds1", phase="on"),
        ],
        held={"mds4": "too many at once"},
        maintenance={"mds5": "anna"},
    )  # fmt: skip
    states = {row["node"]: row["state"] for row in fence.json_of(shown)["servers"]}
    assert states == {
        "mds1": "watched",
        "mds2": "to be fenced",
        "mds3": "fenced, not back yet",
        "mds4": "missing, not fenced: too many at once",
        "mds5": "suspended by anna",
        "mds6": "not watched: it was never here, or stopped in good order",
        "mds7": "fenced, to be powered on",
    }
    lines = plain(fence.blocks_of(shown))
    assert "bmc-1, pdu" in lines[1]
    assert any("(missed for 2.1 s); attempts 2, mds3 is at it; last: bmc-2: it hangs" in line for line in lines)
    shown.maintenance[""] = "bob"
    states = {row["node"]: row["state"] for row in fence.json_of(shown)["servers"]}
    assert (states["mds1"], states["mds4"]) == ("suspended by bob", "missing, not fenced: too many at once")
    assert fence.json_of(shown)["suspended_by"] == "bob"
