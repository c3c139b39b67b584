"""The command line itself: exit codes, and what is told where."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from mdscluster import mdsctl
from mdscluster.mdsctl.app import app
from mdscluster.mdsctl.desk import Desk

NOBODY = pwd.getpwnam("nobody").pw_uid


def every_command() -> list[list[str]]:
    """The words of each command."""

    def below(group: typer.Typer, words: list[str]) -> list[list[str]]:
        found = [
            [*words, command.name or (command.callback.__name__ if command.callback else "")]
            for command in group.registered_commands
        ]
        for inner in group.registered_groups:
            assert inner.typer_instance is not None
            found += below(inner.typer_instance, [*words, str(inner.name)])
        return found

    return below(app, [])


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_json_and_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert mdsctl.main([*words, "--help"]) == 0
    assert "--json" in capsys.readouterr().out


def test_without_a_cluster_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cluster.json"
    assert mdsctl.main(["--cluster", str(file), "status"]) == 2
    told = capsys.readouterr()
    assert (told.out, "is the cluster up?" in told.err, "--cluster FILE" in told.err) == ("", True, True)
    assert mdsctl.main(["--cluster", str(file), "status", "--json"]) == 2
    failure = json.loads(capsys.readouterr().out)
    assert "is the cluster up?" in failure["error"]
    assert failure["advice"]


@pytest.mark.parametrize(
    "words",
    [
        ["node", "maintenance", "", "on"], ["fence", "test", ""], ["fence", "confirm", ""], ["leader", "transfer", ""],
        ["ds", "drain", ""], ["ds", "remove", ""], ["clients", "evict", ""], ["member", "remove", ""],
        ["member", "replace", "", "mds4"], ["member", "replace", "mds1", ""],
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_empty_name_is_nobody(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A script's variable that was not set takes nobody out of office, and everybody least of all."""
    assert mdsctl.main(words) == 2
    assert "it is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [[], ["statsu"], ["status", "--timeout", "soon"], ["member", "add", "mds4"], ["--nonsense", "status"]]
)
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert mdsctl.main(words) == 2
    capsys.readouterr()
    assert mdsctl.main([*words, "--json"]) == 2
    failure = json.loads(capsys.readouterr().out)
    assert failure["error"]
    assert "--help" in failure["advice"]


@contextlib.contextmanager
def shut_out(folder: Path) -> Iterator[None]:
    """The folder is closed to this user; root is somebody else meanwhile."""
    (folder / "pki").mkdir(parents=True)
    (folder / "pki" / "ca.pem").touch()
    me = os.geteuid()
    folder.chmod(0o700 if me == 0 else 0)
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if me == 0:
            os.seteuid(me)
        folder.chmod(0o700)


@pytest.mark.parametrize(
    "words",
    [
        ["certs", "renew", "--out", "{}"], ["backup", "create", "{}/file"], ["support-bundle", "{}/file"],
        ["backup", "verify", "{}/file"], ["config", "check", "{}/file"], ["deploy", "check", "--inventory", "{}/file"],
        ["node", "rejoin", "--config", "{}/file"], ["status"],
    ],
    ids=lambda words: " ".join(words[:2]),
)  # fmt: skip
def test_what_the_system_refuses_is_told_with_what_to_do(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, whoever gives the command."""
    folder = tmp_path / "closed"
    typed = ["--cluster", str(folder / "cluster.json"), *(word.format(folder) for word in words)]
    assert mdsctl.main(typed) in (1, 2, 3), "nothing is there yet; and its code is loaded, which nobody may read"
    with shut_out(folder):
        capsys.readouterr()
        assert mdsctl.main(typed) in (1, 2, 3)
        assert "Permission denied" in capsys.readouterr().err
        assert mdsctl.main([*typed, "--json"]) in (1, 2, 3)
    failure = json.loads(capsys.readouterr().out)
    assert "Permission denied" in failure["error"]
    assert "user" in failure["advice"]


def test_whatever_the_system_refuses_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where no command has thought of it."""
    for number, words in ((errno.ENOSPC, "make room"), (errno.EIO, "then give the command again")):
        with pytest.MonkeyPatch.context() as patched:

            def refuse(desk: Desk, number: int = number) -> None:
                raise OSError(number, os.strerror(number), "/somewhere")

            patched.setattr(Desk, "cluster", refuse)
            assert mdsctl.main(["status", "--json"]) == 2
        failure = json.loads(capsys.readouterr().out)
        assert failure["error"] == f"cannot use /somewhere: {os.strerror(number)}"
        assert words in failure["advice"]
