"""Virtual time: a loop that jumps to its next timer instead of waiting for it.

Everything in one process, sockets included, runs as in real time and in the same order, only
without the waiting. What depends on other processes or threads needs a loop of the usual kind.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
RESOLUTION_S = 1e-9
EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
REAL_MOMENT_S = 0.1
"""Enough for a few round trips to a server on this machine."""


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits for a timer: it moves the time on instead, unless time is to pass."""

    now = 0.0
    real = False

    def select(self, timeout: float | None = None):
        if self.real:
            return super().select(timeout)
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            return super().select(None)
        if timeout > 0:
            # A step too small to change the number would never reach the timer it is meant for.
            self.now += max(timeout, RESOLUTION_S)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while nothing else can happen.

    ``pass_time`` lets it really pass, for what another process has its part in.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    @property
    def real(self) -> bool:
        return self._jumping.real

    def pass_time(self) -> None:
        """Let time really pass from now on."""
        self._jumping.real = True

    def time(self) -> float:
        return time.monotonic() if self._jumping.real else self._jumping.now


class VirtualClock:
    """A ``sessions.clock.Clock`` that tells the running loop's time."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def utc(self) -> datetime:
        return EPOCH + timedelta(seconds=self.monotonic())


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time, for tests that are no coroutines themselves."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


async def settle() -> None:
    """Let everything run that can run without time passing; in real time, for a moment."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualTimeLoop) or loop.real:
        await asyncio.sleep(REAL_MOMENT_S)
        return
    before = loop.time()
    await asyncio.sleep(1e-6)
    assert loop.time() - before < 1e-3


async def until(met: Callable[[], bool]) -> None:
    """Let others run, step by step, until something is so; no time passes."""
    for _ in range(10_000):
        if met():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never was so")
