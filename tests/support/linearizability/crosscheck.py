"""``python -m tests.support.linearizability.crosscheck [--porcupine DIR] [--seeds A:B] [FILE...]``: a second opinion.

Our checker and Porcupine (https://github.com/anishathalye/porcupine; Athalye 2017) judge the same histories: random
ones from seeds, valid and spoilt, or those that were kept. Porcupine knows nothing of ours: the Go program in
``porcupine/`` reads the history file, has sequential models of its own and coarser parts. What is compared is the
verdict of each model (namespace with renames, links, sizes and change attributes; locks; opens) on each history. Not
compared: counterexamples, the recorder, and what both models leave out, such as listings that are taken apart.

``go`` (Debian: golang-go) and a checkout of Porcupine are needed; ``PORCUPINE_DIR`` may name it. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from tests.support.linearizability.checker import MODELS, check
from tests.support.linearizability.generate import spoilt, valid_history
from tests.support.linearizability.history import History, merged
from tests.support.linearizability.reference import SMALL
from tests.support.linearizability.search import Verdict

SOURCE = Path(__file__).parent / "porcupine"
MODULE = "github.com/anishathalye/porcupine"
VARIABLE = "PORCUPINE_DIR"
OPERATIONS = (4, 30)
"""Of a random history, at least and at most."""
UNKNOWN = 0.15
"""Share of its calls without an answer."""

_VERDICTS = {
    "Ok": Verdict.LINEARIZABLE.value, "Illegal": Verdict.VIOLATION.value, "Unknown": Verdict.UNDECIDED.value}


class Unavailable(Exception):
    """Why Porcupine cannot be asked, and what to install."""


class Judged(msgspec.Struct):
    """What Porcupine says of one history and model: a line of the Go program."""

    file: str
    model: str
    verdict: str
    parts: int
    operations: int
    seconds: float


class Comparison(msgspec.Struct):
    """Of any number of histories. A history is accepted if all models accept it."""

    histories: int = 0
    accepted: int = 0
    rejected: int = 0
    undecided: list[str] = []
    disagreements: list[str] = []
    ours_s: float = 0.0
    porcupines_s: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.histories} histories: {self.accepted} accepted by both, {self.rejected} rejected by both, "
            f"{len(self.undecided)} undecided, {len(self.disagreements)} DISAGREEMENTS; our checker took "
            f"{self.ours_s:.1f} s, Porcupine {self.porcupines_s:.1f} s")


class Porcupine:
    """The Go program, built in ``folder`` against the ``checkout`` of Porcupine. Raises Unavailable."""

    def __init__(self, folder: Path, checkout: Path | None) -> None:
        if checkout is None or not (checkout / "go.mod").is_file():
            what = "not set" if checkout is None else f"{checkout}, which is no checkout of it"
            raise Unavailable(
                f"Porcupine is missing ({VARIABLE} is {what}): git clone https://{MODULE}, and name the directory")
        go = shutil.which("go")
        if go is None:
            raise Unavailable("there is no Go compiler: apt install golang-go")
        folder.mkdir(parents=True, exist_ok=True)
        for file in SOURCE.glob("*.go"):
            shutil.copy(file, folder)
        (folder / "go.mod").write_text(
            f"module crosscheck\n\ngo 1.16\n\nrequire {MODULE} v0.0.0\n\n"
            f'replace {MODULE} => "{checkout.resolve()}"\n')
        self.program = folder / "crosscheck"
        offline = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
        built = subprocess.run(
            [go, "build", "-o", str(self.program), "."], cwd=folder, env=offline, capture_output=True, text=True)
        if built.returncode:
            raise RuntimeError(f"the Go program does not compile against {checkout}:\n{built.stderr}")

    def judge(self, files: Iterable[Path], limit_s: float) -> Iterator[Judged]:
        """Each history by each model, within ``limit_s`` each."""
        ran = subprocess.run(
            [str(self.program), "-limit", f"{limit_s}s"], input="".join(f"{file}\n" for file in files),
            stdout=subprocess.PIPE, text=True)
        if ran.returncode:
            raise RuntimeError(f"the Go program ended with status {ran.returncode}")
        decoder = msgspec.json.Decoder(Judged)
        return map(decoder.decode, ran.stdout.splitlines())


def compare(histories: Mapping[Path, str], porcupine: Porcupine, limit_s: float = 60.0) -> dict[str, Comparison]:
    """Kept histories, by kind. Each model has ``limit_s`` seconds for each history, with either checker."""
    theirs: dict[tuple[str, str], Judged] = {}
    for judged in porcupine.judge(histories, limit_s):
        theirs[judged.file, judged.model] = judged
    found: dict[str, Comparison] = {}
    for file, kind in histories.items():
        into = found.setdefault(kind, Comparison())
        into.histories += 1
        history = History.load(file)
        pairs: set[tuple[str, str]] = set()
        for model in MODELS:
            began_s = time.monotonic()
            report = check(history, limit_s=limit_s, models=[model], shrinking_cpu_s=0)
            into.ours_s += time.monotonic() - began_s
            (name,) = report.parts
            judged = theirs[str(file), name]
            into.porcupines_s += judged.seconds
            ours, other = report.verdict.value, _VERDICTS[judged.verdict]
            pairs.add((ours, other))
            text = f"{file}: {name}: we say {ours}, Porcupine says {other}"
            if Verdict.UNDECIDED.value in (ours, other):
                into.undecided.append(text)
            elif ours != other:
                into.disagreements.append(text)
        both = {ours for ours, other in pairs if ours == other and ours != Verdict.UNDECIDED.value}
        if len(both) == len(pairs):
            into.rejected += Verdict.VIOLATION.value in both
            into.accepted += Verdict.VIOLATION.value not in both
    return found


def generate(folder: Path, seeds: range) -> dict[Path, str]:
    """For each seed one history of each kind, kept in ``folder``; its kind by file. Up to three answers are spoilt."""
    kept = {}
    for kind, make in SMALL.items():
        for seed in seeds:
            rng = random.Random(f"{kind} {seed}")
            history = valid_history(make(), rng, rng.randint(*OPERATIONS), rng.randint(2, 6), unknown=UNKNOWN)
            for _ in range(seed % 4):
                history = spoilt(history, rng)
            file = folder / f"{kind.replace(' ', '-')}-{seed}.jsonl.gz"
            history.save(file)
            kept[file] = kind
    return kept


def checkout_named() -> Path | None:
    """The checkout of Porcupine that the environment names."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def recorded(files: Sequence[Path], folder: Path, first: int | None, together: bool) -> dict[Path, str]:
    """Kept histories, each of its own kind; in ``folder`` those that are not judged as they are.

    ``first``: no more than was known when this many operations had begun. ``together``: all are one history.
    """
    if first is None and not together:
        return {file: str(file) for file in files}
    loaded = {str(file): History.load(file) for file in files}
    if together:
        loaded = {f"{files[0]} and {len(files) - 1} more": merged(loaded.values())}
    kept = {}
    for number, (kind, history) in enumerate(loaded.items()):
        if first is not None and first < len(history):
            history = history.until(sorted(o.invoked_ms for o in history)[first - 1])
        file = folder / f"recorded-{number}.jsonl.gz"
        history.save(file)
        kept[file] = kind
    return kept


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end))


def main() -> int:
    """0: both agree on all; 1: they do not; 2: one was undecided, or nothing could be compared."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.linearizability.crosscheck", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--porcupine", type=Path, default=checkout_named(), metavar="DIR",
                        help=f"a checkout of Porcupine (default: ${VARIABLE})")
    parser.add_argument("--seeds", type=_seeds, default=range(400), metavar="A:B",
                        help="random histories of seeds A to B-1 (default 0:400); not if files are named")
    parser.add_argument("--limit", type=float, default=60.0, metavar="SECONDS",
                        help="for each history, model and checker (default 60)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep there what was judged")
    parser.add_argument("--merged", action="store_true", help="the files are one history, of several hosts of one run")
    parser.add_argument("--first", type=int, metavar="N",
                        help="of the files, only what was known when N operations had begun: Porcupine takes much more "
                             "time and memory than our checker where many are under way")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a history that was kept")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crosscheck-") as temporary:
        try:
            porcupine = Porcupine(Path(temporary) / "go", words.porcupine)
        except Unavailable as error:
            print(f"nothing is compared: {error}", file=sys.stderr)
            return 2
        folder = words.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if words.files:
            histories = recorded(words.files, folder, words.first, words.merged)
        else:
            histories = generate(folder, words.seeds)
        found = compare(histories, porcupine, words.limit)
    for kind, comparison in found.items():
        print(f"{kind}: {comparison}")
        for line in comparison.disagreements + comparison.undecided:
            print(f"  {line}")
    if any(comparison.disagreements for comparison in found.values()):
        return 1
    return 2 if not found or any(comparison.undecided for comparison in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
