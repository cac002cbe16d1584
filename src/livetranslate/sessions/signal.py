"""Waiting for a change, with no wake-up lost and no lock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Signal:
    """Wakes everyone who waits for a piece of state of one event loop to change.

    ``poll`` looks at the state and begins to wait without giving up control in between, and whoever
    changes the state calls ``notify`` in the same step: so no change falls between the two. Waiters
    wake in the order in which they came, each looks again, and nothing is taken by one that was
    cancelled.
    """

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}

    def notify(self) -> None:
        """Let every waiter look again."""
        for waiter in self._waiting:
            _resolve(waiter)

    async def poll(self, take: Callable[[], T | None], wait_s: float | None) -> T | None:
        """Return what ``take`` gives as soon as it gives something.

        Args:
            take: Looks at the state; None means «not yet». Its errors end the wait.
            wait_s: Seconds to wait at most, 0 to look once, or None to wait for ever.

        Returns:
            The first value that was not None, or None when the time is over.
        """
        value = take()
        if value is not None or (wait_s is not None and wait_s <= 0):
            return value
        loop = asyncio.get_running_loop()
        deadline = None if wait_s is None else loop.time() + wait_s
        while value is None and (deadline is None or loop.time() < deadline):
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiting[waiter] = None
            timer = None if deadline is None else loop.call_at(deadline, _resolve, waiter)
            try:
                await waiter
            finally:
                self._waiting.pop(waiter, None)
                if timer is not None:
                    timer.cancel()
            value = take()
        return value


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
