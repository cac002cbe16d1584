"""How busy the machine is, measured in one place: no caller disturbs what another one reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

import psutil

SHORTEST_S = 0.5
"""Seconds that a measurement covers at least."""
PERIOD_S = 2.0
"""Seconds between two measurements where nothing else sets the pace."""


class Machine:
    """CPU and memory of this machine; ``sample`` is called by one loop, regularly.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._at = clock()
        self._busy_s, self._total_s = _cpu_times()
        self._memory_percent = psutil.virtual_memory().percent
        # Until a first measurement: as many processes as wanted to run in the last minute.
        self._cpu_percent = min(100.0, 100.0 * psutil.getloadavg()[0] / (psutil.cpu_count() or 1))

    @property
    def cpu_percent(self) -> float:
        """Share of all cores that was in use between the last two samples."""
        return round(self._cpu_percent, 1)

    @property
    def memory_percent(self) -> float:
        """Share of the memory that was in use at the last sample."""
        return self._memory_percent

    def sample(self) -> None:
        """Measure; a call that comes too soon after the last one leaves the CPU's figure."""
        self._memory_percent = psutil.virtual_memory().percent
        if self._clock() - self._at < SHORTEST_S:
            return
        busy_s, total_s = _cpu_times()
        if total_s > self._total_s:
            share = (busy_s - self._busy_s) / (total_s - self._total_s)
            self._cpu_percent = min(100.0, max(0.0, 100.0 * share))
        self._at, self._busy_s, self._total_s = self._clock(), busy_s, total_s

    async def keep_sampling(self) -> None:
        """Be the one loop that measures, until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_S)
            self.sample()


def _cpu_times() -> tuple[float, float]:
    """Return the seconds that all cores were in use, and all their seconds."""
    times = psutil.cpu_times()
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    # Linux counts guests' time in user and nice already.
    guests_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    total_s = sum(times) - guests_s
    return total_s - idle_s, total_s
