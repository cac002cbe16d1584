"""Virtual time: a loop that jumps to its next timer instead of waiting for it.

Everything in one process, sockets included, runs as in real time and in the same order, only
without the waiting. What depends on other processes or threads needs a loop of the usual kind.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
RESOLUTION_S = 1e-9
EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits for a timer: it moves the time on instead."""

    now = 0.0

    def select(self, timeout: float | None = None):
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
    """An event loop whose time passes only while nothing else can happen."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


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
    """Let everything run that can run without time passing."""
    loop = asyncio.get_running_loop()
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
