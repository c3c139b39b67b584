"""Debian's fence agents, asked what they take; where they are not installed, that is said loudly."""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.support.debian import Unavailable, need_tools

FOLDER: Final = Path("/usr/sbin")
ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "PYTHONWARNINGS": "ignore"}
"""Nothing of this project's: they have a module ``fencing`` of their own."""
_AT_ONCE: Final = 4
_NO_METADATA: Final = frozenset(("fence_ack_manual",))
"""It asks a person, and answers no ``-o metadata``."""


def need_agents() -> None:
    """fence_ipmilan and the others. Under CI they must be there; elsewhere their lack is said loudly."""
    try:
        need_tools({"fence_ipmilan": "fence-agents"})
    except Unavailable as problem:
        _unavailable(problem)


def metadata(agent: str) -> dict[str, str]:
    """Each parameter on the agent's standard input -> its default (empty: none)."""
    need_agents()
    return {} if agent in _NO_METADATA else _ask(agent)


def metadata_of(agents: Iterable[str]) -> dict[str, dict[str, str]]:
    """The same of several: agent -> parameter -> default."""
    need_agents()
    names = list(agents)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(metadata, names), strict=True))


@cache
def _ask(agent: str) -> dict[str, str]:
    done = subprocess.run(
        [str(FOLDER / agent), "-o", "metadata"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
        env=ENVIRONMENT, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {}
    for parameter in ElementTree.fromstring(done.stdout).iter("parameter"):
        content = parameter.find("content")
        found[parameter.attrib["name"].replace("-", "_")] = "" if content is None else content.get("default", "")
    return found


def _unavailable(problem: Unavailable) -> NoReturn:
    text = f"what is said of fence agents is NOT compared with the agents: {problem}"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)
