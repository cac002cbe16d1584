"""Logs of every role: one line an event, to standard error, for people or as JSON."""

from __future__ import annotations

import logging
import os
import sys

import structlog

from livetranslate.services.activity import ActivityLog

ACTIVITY = ActivityLog()
"""The newest lines of this process; logging is one a process, and so is this."""


def configure_logs(level: str) -> None:
    """Set up structlog and the libraries' loggers.

    Args:
        level: Least level shown, such as ``INFO``. ``LOG_FORMAT=json`` writes JSON lines.
    """
    as_json = os.environ.get("LOG_FORMAT") == "json"
    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # Other formatters show local variables, and what was said is among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            ACTIVITY.note,
            *([structlog.processors.format_exc_info] if as_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(level=max(logging.getLevelNamesMapping()[level], logging.WARNING))
