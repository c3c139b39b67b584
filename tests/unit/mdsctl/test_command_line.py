"""The command line itself: exit codes, and what is told where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from mdscluster import mdsctl
from mdscluster.mdsctl.app import app


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
    assert "is the cluster up?" in json.loads(capsys.readouterr().out)["error"]


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
    assert json.loads(capsys.readouterr().out)["error"]
