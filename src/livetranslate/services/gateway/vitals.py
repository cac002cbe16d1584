"""What is known of an instance's health. Pure: answers and times are passed in."""

from __future__ import annotations

from enum import Enum
from typing import Any

DOWN_AFTER = 2
"""Health requests in a row without a good answer after which an instance is down."""


class Health(str, Enum):
    """What an instance's answer to the question for its health was."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    """It answered with an error."""
    UNREACHABLE = "unreachable"
    """It did not answer."""


class Vitals:
    """The health of one instance over time.

    Attributes:
        status: By the last answer.
        latency_s: How long the last answer took, or None.
        details: What the instance says of itself.
        reason: Why it is not healthy.
        checked_at: When it was asked last, or None.
        checks: How often it was asked.
        failed_checks: How often the answer was bad or missing.
    """

    def __init__(self) -> None:
        self.status = Health.UNKNOWN
        self.latency_s: float | None = None
        self.details: dict[str, Any] = {}
        self.reason: str | None = None
        self.checked_at: float | None = None
        self.checks = 0
        self.failed_checks = 0
        self._bad_in_a_row = 0
        self._since: float | None = None

    @property
    def rank(self) -> int:
        """Return where it stands in the choice: 0 first, 1 up but not ready, 2 down."""
        if self._bad_in_a_row >= DOWN_AFTER:
            return 2
        return 1 if self.details.get("ready") is False else 0

    def same_status_s(self, now: float) -> float | None:
        """Return for how long the status has been what it is."""
        return None if self._since is None else now - self._since

    def note(
        self,
        status: Health,
        *,
        now: float,
        latency_s: float,
        details: dict[str, Any] | None = None,
        reason: str | None = None,
    ) -> Health:
        """Keep the outcome of a check and return the status before."""
        before = self.status
        good = status is Health.HEALTHY
        self._bad_in_a_row = 0 if good else self._bad_in_a_row + 1
        self.status = status
        self.latency_s = latency_s
        self.details = details or {}
        self.reason = reason
        self.checked_at = now
        self.checks += 1
        self.failed_checks += not good
        if before is not status:
            self._since = now
        return before
