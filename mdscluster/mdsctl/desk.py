"""What every command works with: which cluster, how its operator is told, and what it means to fail."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mdscluster.adminclient import AdminClient, ClusterFile
from mdscluster.config import ConfigError
from mdscluster.mdsctl.view import Block, print_blocks
from mdscluster.pki import ClusterPki

EXIT_OK: Final = 0
EXIT_NO_QUORUM: Final = 1
"""There is no quorum, or what was asked for is refused."""
EXIT_USAGE: Final = 2
"""Wrong usage, or no such cluster."""
EXIT_DIFFERENT: Final = 3
"""What should be equal is not."""

STATUS_TIMEOUT_S: Final = 3.0

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for programs.")]
"""The option that every command has."""


def not_empty(value: str | None) -> str | None:
    """For a typer callback. An empty name stands for everybody, or for the best, in the protocol; typed, it is a
    variable of a script that was not set."""
    if value == "":
        raise typer.BadParameter("it is empty")
    return value


class Failure(Exception):
    """A command ends without having done what it should. ``problem`` says why, ``advice`` what to do about it."""

    def __init__(self, problem: str, advice: str, *, code: int = EXIT_NO_QUORUM) -> None:
        super().__init__(problem)
        self.problem = problem
        self.advice = advice
        self.code = code


_MEND: Final = "mend what it names, then give the command again"
_SYSTEM_ADVICE: Final = {
    errno.EACCES: "give the command as a user who may: root, or whom the file belongs to",
    errno.EPERM: "give the command as a user who may: root, or whom the file belongs to",
    errno.ENOENT: "is the path right, and of this host?",
    errno.ENOTDIR: "is the path right, and of this host?",
    errno.ENOSPC: "make room there, then give the command again",
    errno.EDQUOT: "make room there, then give the command again",
    errno.EROFS: "name a place that can be written",
}


def of_system(problem: OSError) -> Failure:
    """What the system refuses."""
    what = f"cannot use {problem.filename}: " if problem.filename else ""
    return Failure(f"{what}{problem.strerror or problem}", _system_advice(problem), code=EXIT_USAGE)


def of_config(problem: ConfigError) -> Failure:
    """What cannot work as it is written, and says itself what would be right."""
    cause = problem.__cause__
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    return Failure(str(problem), _system_advice(cause) if cause else _MEND, code=EXIT_USAGE)


def _system_advice(problem: OSError) -> str:
    return _SYSTEM_ADVICE.get(problem.errno or 0, _MEND)


class Desk:
    """One run of ``mdsctl``. Commands get it by :meth:`of`."""

    def __init__(self, cluster_file: Path | None = None) -> None:
        self._cluster_file = cluster_file
        self.json = False

    @classmethod
    def of(cls, context: typer.Context, as_json: bool) -> Desk:
        """The desk of this run, which from now on tells in JSON or in text."""
        desk = context.find_object(cls)
        assert desk is not None, "main() makes it"
        desk.json = as_json
        return desk

    @property
    def cluster_file(self) -> Path:
        """``cluster.json``, given or where ``run up`` writes it."""
        if self._cluster_file is None:
            from mdscluster.launcher import default_base_dir

            self._cluster_file = default_base_dir() / "cluster.json"
        return self._cluster_file

    @cluster_file.setter
    def cluster_file(self, path: Path) -> None:
        self._cluster_file = path

    def cluster(self) -> ClusterFile:
        """What ``cluster.json`` says. ``ConfigError`` in the operator's words."""
        return ClusterFile.load(self.cluster_file)

    def connect(self, cluster: ClusterFile | None = None) -> AdminClient:
        """Channels to every metadata server, with the operator's certificate from ``pki/`` beside ``cluster.json``."""
        known = cluster or self.cluster()
        return AdminClient(known.mds, ClusterPki(self.cluster_file.resolve().parent / "pki"))

    # ---- telling

    def progress(self, text: str) -> None:
        """What is going on; not part of the answer, and so not on standard output when that is JSON."""
        print(text, file=sys.stderr if self.json else sys.stdout, flush=True)

    def answer(self, document: Any, blocks: Iterable[Block]) -> None:
        """The command's answer: ``document`` for programs, ``blocks`` for people."""
        if self.json:
            print(json.dumps(document, indent=2), flush=True)
        else:
            print_blocks(blocks)

    def note(self, notes: Iterable[str]) -> None:
        """What works today but deserves a look, for people; a document has its own notes."""
        if not self.json:
            for note in notes:
                print(f"note: {note}", file=sys.stderr, flush=True)

    def stream(self, document: Any) -> None:
        """One of several answers, for programs: each on a line."""
        print(json.dumps(document), flush=True)

    def fail(self, failure: Failure) -> None:
        """Say why the command ends."""
        print(f"mdsctl: {failure.problem}\n  {failure.advice}", file=sys.stderr, flush=True)
        if self.json:
            print(json.dumps({"error": failure.problem, "advice": failure.advice}, indent=2), flush=True)
