"""Changing ``cluster.json``, where this and other tools look for the cluster."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from mdsproto.configfile import write_atomically

Entries = list[dict[str, Any]]


def edit(path: Path, kind: Literal["mds", "ds"], change: Callable[[Entries], Entries]) -> str:
    """Change the entries of a kind; empty when that is done, or why the file still is what it was."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = change(content[kind])
        if entries != content[kind]:
            write_atomically(path, json.dumps({**content, kind: entries}, indent=2).encode() + b"\n")
    except (OSError, ValueError, KeyError) as problem:
        return f"note: {path} still lists the servers of before: {problem}"
    return ""


def with_entry(entries: Entries, entry: dict[str, Any]) -> Entries:
    """The entries with this one, unless there is one of its id."""
    return entries if any(one["id"] == entry["id"] for one in entries) else [*entries, entry]


def without(entries: Entries, server_id: str) -> Entries:
    """The entries but for this server's."""
    return [one for one in entries if one["id"] != server_id]
