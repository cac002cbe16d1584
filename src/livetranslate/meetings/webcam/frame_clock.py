"""When the frames are due: a rate without drift, as each deadline counts from the very first."""

from __future__ import annotations

import msgspec

CATCH_UP = 30
"""Frames made one right after the other when late; what is due beyond that is left out.

A frame in which nothing changed costs microseconds, so a second's worth is made up for at once."""


class Due(msgspec.Struct, frozen=True):
    """What is to be done now.

    Attributes:
        numbers: Frames to make, in order; empty when it is too early.
        wait_s: Seconds until the next one, when all of these are made at once.
    """

    numbers: range
    wait_s: float


class FrameClock:
    """Counts frames against a clock that the caller reads.

    Args:
        fps: Frames a second.
        start: The clock's time of frame 0, in seconds.

    Attributes:
        late: Frames made a whole period or more after they were due.
        skipped: Frames left out since more than ``CATCH_UP`` were due at once.
    """

    def __init__(self, fps: float, start: float) -> None:
        self._fps = fps
        self._start = start
        self._next = 0
        self.late = 0
        self.skipped = 0

    def time_of(self, number: int) -> float:
        """Return when a frame is due, in the clock's seconds."""
        return self._start + number / self._fps

    def due(self, now: float) -> Due:
        """Return the frames due by now; each is returned once."""
        end = max(self._next, int((now - self._start) * self._fps + 1e-6) + 1)
        first = max(self._next, end - CATCH_UP)
        self.skipped += first - self._next
        self.late += max(0, end - 1 - first)
        self._next = end
        return Due(range(first, end), max(0.0, self.time_of(end) - now))
