"""What production code logs while it is simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog


@contextmanager
def bugs_in_logs(note: Callable[[str], None]) -> Iterator[None]:
    """Nothing is printed. What the product logs as an error is a bug, and ``note`` is told of it."""

    def take(logger: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        if method in ("error", "critical", "exception"):
            note(f"logged: {event!r}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[take], wrapper_class=structlog.BoundLogger, cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)
