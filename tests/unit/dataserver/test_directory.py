"""Which metadata servers a data server knows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dataserver.config import MdsPeer
from dataserver.directory import Directory
from dataserver.reports import Reporter
from mdsproto import control_pb2
from mdsproto.configfile import Address, ConfigError


def config(tmp_path: Path) -> Any:
    return SimpleNamespace(data_dir=tmp_path, mds=(MdsPeer("mds1", Address("10.0.0.1", 7002)),))


def test_the_newest_membership_counts_also_after_a_restart(tmp_path: Path) -> None:
    """Its own file is the oldest word there is; an answer that was late on its way is older than one that was not."""
    directory = Directory(config(tmp_path))
    assert directory.mds == {"mds1": "10.0.0.1:7002"}
    assert not directory.follow(0, 0, {})
    assert directory.follow(0, 9, {"mds2": "a:1", "mds3": "b:1"})
    assert not directory.follow(0, 8, {"mds1": "10.0.0.1:7002"})
    assert not directory.follow(0, 9, {"mds2": "a:1", "mds3": "b:1"})
    assert Directory(config(tmp_path)).mds == {"mds2": "a:1", "mds3": "b:1"}


def test_a_damaged_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "metadata-servers.json").write_text("{")
    with pytest.raises(ConfigError, match=r"metadata-servers\.json.*remove it"):
        Directory(config(tmp_path))


def test_reports_go_to_whoever_is_there_now() -> None:
    """INV-10: the list shrinks under the reporter's hands, and the next report still finds somebody."""
    asked: list[str] = []

    def sender(name: str, committed: bool) -> Any:
        def send(request: control_pb2.ReportWritesRequest, timeout_s: float) -> control_pb2.ReportWritesReply:
            asked.append(name)
            return control_pb2.ReportWritesReply(committed=committed)

        return send

    senders = [sender("gone", False), sender("mds2", True), sender("mds3", True)]
    reporter = Reporter("ds1", senders, lambda: 0, deadline_ms=1_000)
    assert reporter(1, 1, 0, 10, 0)
    senders[:] = [sender("mds4", True)]
    assert reporter(1, 1, 0, 20, 0)
    assert asked == ["gone", "mds2", "mds4"]
