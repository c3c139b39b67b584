"""The file that a backup is written to: the cluster's key is in it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mdscluster.mdsctl import backup
from tests.support.embedded import Embedded
from tests.unit.mdsctl.commands import answer


def test_what_an_earlier_backup_left_behind_lets_nobody_read_the_next_one(cluster: Embedded, tmp_path: Path) -> None:
    """INV-6: with the key whoever reads it signs handles himself. The rest may be open to others, and have readers."""
    file, rest = tmp_path / "backup", tmp_path / "backup.part"
    rest.write_bytes(b"rest")
    rest.chmod(0o644)
    with rest.open("rb") as reader:
        answer(cluster, "backup", "create", str(file))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert reader.read() == b"rest"
    assert [each.name for each in tmp_path.iterdir()] == ["backup"]


def test_a_link_in_its_place_leads_nowhere(cluster: Embedded, tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"kept")
    (tmp_path / "backup.part").symlink_to(elsewhere)
    answer(cluster, "backup", "create", str(file))
    assert elsewhere.read_bytes() == b"kept"
    assert not file.is_symlink()


def test_who_else_writes_there_just_now_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partial = tmp_path / "backup.part"
    partial.write_bytes(b"of another")
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # it came just after that
    with pytest.raises(FileExistsError):
        backup._open_anew(partial)
    assert partial.read_bytes() == b"of another"


def test_it_has_its_name_after_a_loss_of_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-2: it may be all that is left."""
    partial, file = tmp_path / "backup.part", tmp_path / "backup"
    partial.write_bytes(b"backup")
    durable: list[tuple[bool, bool]] = []
    monkeypatch.setattr(os, "fsync", lambda fd: durable.append((stat.S_ISDIR(os.fstat(fd).st_mode), file.exists())))
    backup._put_in_place(partial, file)
    assert durable == [(True, True)], "its folder, and not before"
