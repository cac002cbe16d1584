"""The two clocks of live sessions, in one place so that tests can bring their own.

Waiting is done by the event loop's timers alone; this clock only tells the time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells durations and dates."""

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        ...

    def utc(self) -> datetime:
        """Return the time of day, with zone UTC."""
        ...


class SystemClock:
    """The clocks of the machine."""

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    def utc(self) -> datetime:
        """Return the machine's time of day in UTC."""
        return datetime.now(UTC)
