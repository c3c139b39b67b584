"""Logs: structured events on stderr, JSON for a collector, coloured lines for a terminal."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs(level: str, ds_id: str) -> None:
    """Set up structlog for this process; every event of every thread carries the data server's id."""
    threshold = logging.getLevelNamesMapping()[level.upper()]

    def bind_id(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["ds"] = ds_id
        return event

    processors: list[structlog.typing.Processor] = [
        bind_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if sys.stderr.isatty():
        processors.append(structlog.dev.ConsoleRenderer())
    else:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
