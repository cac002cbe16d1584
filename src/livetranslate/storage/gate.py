"""How many database operations run at once, and how long the others waited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import msgspec


class GateLoad(msgspec.Struct, frozen=True, kw_only=True):
    """A reading of the gate.

    Attributes:
        running: Operations at work.
        waiting: Operations that wait their turn.
        passed: Operations let in since the start.
        waited_s: Seconds that all of them together waited.
        longest_wait_s: Seconds that the unluckiest waited.
    """

    running: int
    waiting: int
    passed: int
    waited_s: float
    longest_wait_s: float


class Gate:
    """Lets in a bounded number of operations; overflow policy: the rest wait, first come first.

    Args:
        limit: Operations at once.
        clock: Monotonic seconds.
    """

    def __init__(self, limit: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._clock = clock
        self._running = 0
        self._waiting = 0
        self._passed = 0
        self._waited_s = 0.0
        self._longest_wait_s = 0.0

    @asynccontextmanager
    async def enter(self) -> AsyncGenerator[None, None]:
        """Wait for a slot and hold it."""
        came = self._clock()
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        waited = self._clock() - came
        self._waited_s += waited
        self._longest_wait_s = max(self._longest_wait_s, waited)
        self._passed += 1
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._slots.release()

    def load(self) -> GateLoad:
        """Return the present reading."""
        return GateLoad(
            running=self._running,
            waiting=self._waiting,
            passed=self._passed,
            waited_s=self._waited_s,
            longest_wait_s=self._longest_wait_s,
        )
