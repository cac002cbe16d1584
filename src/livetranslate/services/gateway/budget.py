"""Token buckets: how often something may happen. Pure: time and numbers are passed in."""

from __future__ import annotations


class TokenBucket:
    """So many a second, and so many at once.

    Args:
        rate: Tokens that come back a second; above 0.
        burst: Most tokens there can be; it begins full.
        now: The present, in seconds of any steady clock.
    """

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token; False if there is none."""
        self._refill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def remaining(self, now: float) -> int:
        """Return how many may be taken at once."""
        self._refill(now)
        return int(self._tokens)

    def wait_s(self, now: float) -> float:
        """Return after how long there is a token."""
        self._refill(now)
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def full(self, now: float) -> bool:
        """Return whether nothing was taken for so long that the bucket may be forgotten."""
        self._refill(now)
        return self._tokens >= self._burst

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now


class RetryBudget:
    """Retries as a share of the requests, so that they never multiply an outage.

    Args:
        share: Retries a request earns.
        reserve: Retries that can be saved up, and that are there in the beginning.
    """

    def __init__(self, share: float = 0.2, reserve: float = 10.0) -> None:
        self._share = share
        self._reserve = reserve
        self._saved = reserve

    def earn(self) -> None:
        """Note a request."""
        self._saved = min(self._reserve, self._saved + self._share)

    def spend(self) -> bool:
        """Take a retry; False if too many requests fail already."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
