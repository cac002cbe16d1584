"""Leaving a failed engine alone for a while. Pure: the time is passed in."""

from __future__ import annotations

from enum import Enum


class CircuitState(str, Enum):
    """Whether an engine is tried."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Circuit:
    """Opens after failures in a row; after ``retry_s`` one call tries whether it works again.

    Args:
        failures_to_open: Failures in a row that open it.
        retry_s: Seconds it stays open before the next try.
    """

    def __init__(self, *, failures_to_open: int, retry_s: float) -> None:
        self._failures_to_open = failures_to_open
        self._retry_s = retry_s
        self._failures = 0
        self._opened_at = 0.0
        self.state = CircuitState.CLOSED
        self.last_error = ""

    def try_acquire(self, now: float) -> bool:
        """Return whether a call may go out at ``now`` (seconds of any steady clock).

        Of the calls behind an open circuit only one gets through, until it has reported.
        """
        if self.state is CircuitState.OPEN and now - self._opened_at >= self._retry_s:
            self.state = CircuitState.HALF_OPEN
            self._opened_at = now
            return True
        if self.state is CircuitState.HALF_OPEN and now - self._opened_at >= self._retry_s:
            self._opened_at = now  # the call that was let through never reported
            return True
        return self.state is CircuitState.CLOSED

    def succeeded(self) -> None:
        """Note that a call worked."""
        self._failures = 0
        self.state = CircuitState.CLOSED

    def failed(self, error: str, now: float) -> None:
        """Note that a call failed."""
        self._failures += 1
        self.last_error = error
        if self.state is CircuitState.HALF_OPEN or self._failures >= self._failures_to_open:
            self.state = CircuitState.OPEN
            self._opened_at = now

    def retry_in(self, now: float) -> float:
        """Return the seconds until the next try; 0 if it is not open."""
        if self.state is CircuitState.CLOSED:
            return 0.0
        return max(0.0, self._opened_at + self._retry_s - now)
