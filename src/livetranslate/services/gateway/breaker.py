"""A circuit breaker: an instance that fails again and again is left alone for a while.

Pure: the time is passed in, in seconds of any steady clock.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec

from livetranslate.domain.errors import Conflict


class BreakerState(str, Enum):
    """What a breaker does with calls."""

    CLOSED = "closed"
    """Lets all through."""
    OPEN = "open"
    """Lets none through."""
    HALF_OPEN = "half_open"
    """Lets a few through, to see."""


_NEXT = {
    BreakerState.CLOSED: {BreakerState.OPEN},
    BreakerState.OPEN: {BreakerState.HALF_OPEN},
    BreakerState.HALF_OPEN: {BreakerState.CLOSED, BreakerState.OPEN},
}

OnTransition = Callable[[BreakerState, BreakerState], None]


class BreakerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """When a breaker opens and closes.

    Attributes:
        threshold: Failures in a row that open it.
        open_s: How long it stays open the first time; doubled each time a probe fails.
        longest_open_s: The longest time.
        probes: Calls let through at once while it is half open.
        successes: Successful probes that close it.
    """

    threshold: int = 5
    open_s: float = 2.0
    longest_open_s: float = 30.0
    probes: int = 1
    successes: int = 1


class CircuitBreaker:
    """The breaker of one instance.

    ``admit`` gives a ticket, and each ticket gets one verdict. A verdict about a call that began
    before the last transition says nothing about now and is ignored.

    Args:
        options: When it opens and closes.
        on_transition: Told of each change of state.
    """

    def __init__(
        self, options: BreakerOptions | None = None, on_transition: OnTransition | None = None
    ) -> None:
        self._options = options or BreakerOptions()
        self._on_transition = on_transition
        self._state = BreakerState.CLOSED
        self._period = 0
        self._failures = 0
        self._openings = 0
        self._open_until = 0.0
        self._probing = 0
        self._proven = 0

    def configure(self, options: BreakerOptions) -> None:
        """Open and close by other options from now on."""
        self._options = options

    @property
    def failures(self) -> int:
        """Failures in a row."""
        return self._failures

    def state(self, now: float) -> BreakerState:
        """Return the state; an open breaker whose time is over is half open."""
        if self._state is BreakerState.OPEN and now >= self._open_until:
            self._to(BreakerState.HALF_OPEN)
        return self._state

    def admits(self, now: float) -> bool:
        """Return whether a call would be let through."""
        state = self.state(now)
        if state is BreakerState.HALF_OPEN:
            return self._probing < self._options.probes
        return state is BreakerState.CLOSED

    def retry_after_s(self, now: float) -> float:
        """Return after how long a call may be let through; 0 if one is now."""
        if self.admits(now):
            return 0.0
        return max(self._open_until - now, 0.1)

    def admit(self, now: float) -> int:
        """Let a call through and return its ticket.

        Raises:
            Conflict: The breaker lets none through; ask ``admits`` first.
        """
        if not self.admits(now):
            raise Conflict("the breaker lets no call through")
        if self._state is BreakerState.HALF_OPEN:
            self._probing += 1
        return self._period

    def succeeded(self, ticket: int) -> None:
        """Note that a call went well."""
        if ticket != self._period:
            return
        self._failures = 0
        if self._state is BreakerState.HALF_OPEN:
            self._probing -= 1
            self._proven += 1
            if self._proven >= self._options.successes:
                self._openings = 0
                self._to(BreakerState.CLOSED)

    def failed(self, ticket: int, now: float) -> None:
        """Note that a call failed by the instance's fault."""
        if ticket != self._period:
            return
        self._failures += 1
        half_open = self._state is BreakerState.HALF_OPEN
        if half_open or self._failures >= self._options.threshold:
            pause = self._options.open_s * 2.0 ** min(self._openings, 30)
            self._open_until = now + min(pause, self._options.longest_open_s)
            self._openings += 1
            self._to(BreakerState.OPEN)

    def abandoned(self, ticket: int) -> None:
        """Note that a call ended without a verdict; the caller left, say."""
        if ticket == self._period and self._state is BreakerState.HALF_OPEN:
            self._probing -= 1

    def _to(self, state: BreakerState) -> None:
        if state not in _NEXT[self._state]:
            raise Conflict(f"a {self._state.value} breaker cannot become {state.value}")
        before, self._state = self._state, state
        self._period += 1
        self._probing = self._proven = 0
        if self._on_transition is not None:
            self._on_transition(before, state)
