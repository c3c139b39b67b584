"""What a node takes up from its configuration file while it runs."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from fencing.device import Device
from mdscluster.config import Fencing, NodeConfig
from mdscluster.control.filed import Filed
from mdsproto.configfile import save
from tests.unit.config.test_node_config import config


@pytest.fixture
def before(tmp_path: Path) -> NodeConfig:
    """As the node was started with; its file says the same."""
    made = config(tmp_path, fencing=Fencing())
    save(made, tmp_path / "mds1.toml")
    return made


def with_device(before: NodeConfig) -> NodeConfig:
    return replace(before, fencing=Fencing(devices=(Device("bmc-4", "mds4", "fence_ipmilan", ("ip=198.51.100.4",)),)))


def test_a_file_that_could_not_be_read_for_a_moment_is_read_again(before: NodeConfig, tmp_path: Path) -> None:
    """INV-9: `install` makes it readable at last, and changes neither its content nor its time: a new server's device
    would be known after the next restart only."""
    file = tmp_path / "mds1.toml"
    filed = Filed(before, file)
    assert filed.now() == before
    save(with_device(before), file)

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with pytest.MonkeyPatch.context() as patched, capture_logs() as logs:
        patched.setattr(Path, "read_text", refuse)
        for _ in range(3):
            assert filed.now() == before
    assert [entry["reason"] for entry in logs] == [f"cannot read {file}: Permission denied"], "told, and once"
    assert filed.now() == with_device(before)


def test_a_mistake_is_told_once_and_not_read_again(
    before: NodeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times a second it is asked for."""
    file = tmp_path / "mds1.toml"
    filed, read, reads = Filed(before, file), Path.read_text, list[Path]()

    def noted(path: Path, encoding: str | None = None) -> str:
        reads.append(path)
        return read(path, encoding)

    monkeypatch.setattr(Path, "read_text", noted)
    with capture_logs() as logs:
        for wrong in ("node_id = ", "nodeid = 7"):
            file.write_text(wrong)
            for _ in range(3):
                assert filed.now() == before
        file.unlink()
        assert filed.now() == before
    assert reads == [file, file]
    assert [entry["event"] for entry in logs] == ["the configuration file is not taken up"] * 3
    save(with_device(before), file)
    assert filed.now() == with_device(before)
