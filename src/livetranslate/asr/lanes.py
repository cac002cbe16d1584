"""Where incremental streams compute: so many at the same time, the others wait and are counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager


class Lanes:
    """One model's use of the lanes that all incremental models share.

    Args:
        free: Shared by all models; as many as compute at the same time.
        number: How many that are.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        free: asyncio.Semaphore,
        number: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free = free
        self._number = number
        self._clock = clock
        self._busy_s = 0.0
        self._live_s = 0.0
        self.queued = 0
        self.in_flight = 0

    @property
    def busy_s(self) -> float:
        """Seconds computed so far, as a share of all lanes."""
        return self._busy_s / self._number

    @property
    def live_s(self) -> float:
        """Seconds of these that live sessions took."""
        return self._live_s / self._number

    @asynccontextmanager
    async def lane(self, *, live: bool) -> AsyncGenerator[None]:
        """Wait for a lane and hold it, for a live session or a file."""
        self.queued += 1
        try:
            await self._free.acquire()
        finally:
            self.queued -= 1
        self.in_flight += 1
        begin = self._clock()
        try:
            yield
        finally:
            spent_s = self._clock() - begin
            self._busy_s += spent_s
            self._live_s += spent_s if live else 0.0
            self.in_flight -= 1
            self._free.release()
