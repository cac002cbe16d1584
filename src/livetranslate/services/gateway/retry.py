"""Which failed calls are sent again, and after which pause. Pure."""

from __future__ import annotations

from enum import Enum

import msgspec

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be received twice (RFC 9110, section 9.2.2)."""
RETRIED_STATUSES = frozenset({502, 503, 504})
"""Answers that say that another try may do."""


class Sent(Enum):
    """How far a call had got when it failed."""

    NOTHING = "nothing"
    """No byte was written."""
    HEAD = "head"
    """The head was written; there is no body, or none of it was read from the caller."""
    BODY = "body"
    """Parts of the body were read, and cannot be had again."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Retries of one request.

    Attributes:
        attempts: Further tries.
        first_pause_s: Upper bound of the first pause; it doubles with each try.
        longest_pause_s: The longest bound.
    """

    attempts: int = 3
    first_pause_s: float = 0.05
    longest_pause_s: float = 1.0

    def again(self, method: str, sent: Sent, retries: int) -> bool:
        """Return whether a call may be sent again.

        Args:
            method: Its method.
            sent: How far it had got.
            retries: How often it was sent again already.
        """
        if retries >= self.attempts or sent is Sent.BODY:
            return False
        return sent is Sent.NOTHING or method in IDEMPOTENT

    def pause_s(self, retries: int, chance: float) -> float:
        """Return the pause before the next try: full jitter.

        Source: M. Brooker, «Exponential Backoff And Jitter», AWS Architecture Blog, 2015.

        Args:
            retries: How often the call was sent again already.
            chance: Evenly distributed between 0 and 1.
        """
        return chance * min(self.longest_pause_s, self.first_pause_s * 2.0**retries)
