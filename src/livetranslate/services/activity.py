"""The activity log: the newest log lines of this process, for people who look at a page.

What was said never goes into a log line. Here, on top of that, only short values are kept, and of
an exception its kind alone, for a trace may show what was at work.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, MutableMapping
from itertools import count
from typing import Any

import msgspec

MAX_LINES = 2000
MAX_CHARS = 300
"""Characters of a value; what follows is left out."""

_OWN = frozenset({"event", "level", "timestamp", "exc_info", "exception", "stack_info"})


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One line.

    Attributes:
        id: Grows by one with each line of the process.
        timestamp: UTC.
        level: ``debug`` to ``critical``.
        event: What happened.
        fields: With what; texts and numbers.
    """

    id: int
    timestamp: str
    level: str
    event: str
    fields: dict[str, str | int | float | bool | None]


class ActivityPage(msgspec.Struct, frozen=True, kw_only=True):
    """Lines, newest first; ``next_cursor`` leads to older ones."""

    logs: list[Activity]
    next_cursor: str | None


class ActivityLog:
    """Keeps the newest lines; the oldest ones give way."""

    def __init__(self, max_lines: int = MAX_LINES) -> None:
        self._lines: deque[Activity] = deque(maxlen=max_lines)
        self._ids = count(1)

    def note(
        self, logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Keep a line; a processor of structlog."""
        fault = event.get("exc_info")
        fields = {name: _short(value) for name, value in event.items() if name not in _OWN}
        if isinstance(fault, BaseException):
            fields["error"] = type(fault).__name__
        self._lines.append(
            Activity(
                id=next(self._ids),
                timestamp=str(event.get("timestamp", "")),
                level=str(event.get("level", method)),
                event=str(_short(event.get("event"))),
                fields=fields,
            )
        )
        return event

    def page(self, *, level: str, limit: int, before: int | None = None) -> ActivityPage:
        """Return lines of a level and those above it.

        Args:
            level: The least one.
            limit: Lines at most.
            before: Only lines older than the one of this id.
        """
        names: Mapping[str, int] = logging.getLevelNamesMapping()
        least = names[level.upper()]
        found = [
            line
            for line in reversed(self._lines)
            if names.get(line.level.upper(), least) >= least
            and (before is None or line.id < before)
        ]
        page = found[:limit]
        return ActivityPage(logs=page, next_cursor=str(page[-1].id) if len(found) > limit else None)


def _short(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "…"
