"""Which commit the rolling upgrade test takes for the previous one, and what it says of a clone that lacks it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import releases


class Repository:
    """A repository in which every commit writes one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str) -> str:
        author = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(self.folder), *author, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def commit(self, name: str, text: str) -> str:
        """The commit's name."""
        self.write(name, text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository(tmp_path / "repository")
    monkeypatch.setattr(releases, "ROOT", made.folder)
    return made


def test_it_is_the_commit_before_the_last_that_changed_a_server(repository: Repository) -> None:
    """Documents and tests make no other node. A merge counts as one step: what it brought in was never released."""
    repository.commit("mdscluster/node.py", "first")
    second = repository.commit("mdscluster/node.py", "second")
    repository.git("checkout", "--quiet", "-b", "side")
    repository.commit("nfswire/wire.py", "a step of a branch")
    repository.commit("nfswire/wire.py", "another one")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message", "merge", "side")
    repository.commit("docs/page.md", "a page")
    assert releases.previous_revision() == second


def test_it_is_head_while_a_server_is_being_changed(repository: Repository) -> None:
    repository.commit("mdscluster/node.py", "first")
    head = repository.commit("mdscluster/node.py", "second")
    repository.write("mdscluster/node.py", "not committed yet")
    assert releases.previous_revision() == head


def test_a_clone_without_it_is_told_loudly(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A skip that says what to do; a failure under CI; also where there is no repository at all."""
    repository.commit("mdscluster/node.py", "first")
    repository.commit("mdscluster/node.py", "second")
    shallow, unpacked = tmp_path / "shallow", tmp_path / "unpacked"
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.folder}", str(shallow))
    unpacked.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for clone in (shallow, unpacked):
        monkeypatch.setattr(releases, "ROOT", clone)
        monkeypatch.delenv("CI", raising=False)
        with pytest.raises(pytest.skip.Exception, match="NOT TESTED: a rolling upgrade from the previous commit"):
            releases.previous_revision()
        monkeypatch.setenv("CI", "1")
        with pytest.raises(pytest.fail.Exception, match="git fetch --unshallow"):
            releases.previous_revision()
