"""What the lines of a log are about, for as long as a task works on it. Its text is made when a line is written."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, Protocol


class Named(Protocol):
    """Something with a name for logs, which may cost something to make."""

    @property
    def name(self) -> str: ...


_subject: ContextVar[Named | None] = ContextVar("subject", default=None)


def work_on(subject: Named) -> None:
    """From here on, whatever this task logs is about ``subject``: and whatever the tasks log that it begins."""
    _subject.set(subject)


def name_request(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's processor: ``request`` of a line that does not name one itself."""
    subject = _subject.get()
    if subject is not None and "request" not in event:
        event["request"] = subject.name
    return event
