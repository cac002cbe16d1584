"""Looking at data in Redis until there is something new, without a look in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import TypeVar

from livetranslate.sessions.redis.channels import Channel, Channels

T = TypeVar("T")

RELOOK_S = 5.0
"""After so long without a call it is looked again, in case one was lost."""
MANY_PLACES = 16


class Waiting:
    """Waits for the data behind one channel to change.

    It remembers up to which place the data was seen to the end, and at which call: a reader that
    comes back to that place with no call in between waits without asking Redis.

    Args:
        channels: Wake-up calls.
        name: The channel.
        relook_s: After so long without a call it is looked again: in case one was lost, and for
            what becomes due by the clock.
    """

    def __init__(self, channels: Channels, name: str, *, relook_s: float = RELOOK_S) -> None:
        self._channels = channels
        self._name = name
        self._relook_s = relook_s

    async def poll(
        self,
        look: Callable[[], Awaitable[T | None]],
        wait_s: float | None,
        *,
        place: Hashable = None,
        reached: Callable[[T], Hashable] | None = None,
    ) -> T | None:
        """Return what ``look`` gives as soon as it gives something.

        Args:
            look: Asks Redis; None means «not yet».
            wait_s: Seconds to wait at most, 0 to look once, None to wait for ever.
            place: Where the reader is; None if a look depends on more than the data.
            reached: Gives the place behind a value, if the value went to the data's end.

        Returns:
            The first value that was not None, or None when the time is over.
        """
        if wait_s is not None and wait_s <= 0:
            return await look()
        loop = asyncio.get_running_loop()
        deadline = None if wait_s is None else loop.time() + wait_s
        channel = self._channels.open(self._name)
        try:
            while True:
                heard = channel.heard
                if not self._seen(channel, place, heard):
                    value = await look()
                    if value is not None:
                        self._remember(channel, reached(value) if reached else None, heard)
                        return value
                    self._remember(channel, place, heard)
                left_s = self._relook_s if deadline is None else deadline - loop.time()
                if left_s <= 0:
                    return None
                await self._wait(channel, heard, min(left_s, self._relook_s))
        finally:
            self._channels.leave(channel)

    async def _wait(self, channel: Channel, heard: int, wait_s: float) -> None:
        if channel.ready.is_set():
            await channel.wait(heard, wait_s)
            if channel.heard == heard:
                channel.seen.clear()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await channel.ready.wait()

    def _seen(self, channel: Channel, place: Hashable, heard: int) -> bool:
        return place is not None and channel.ready.is_set() and channel.seen.get(place) == heard

    def _remember(self, channel: Channel, place: Hashable, heard: int) -> None:
        if place is None or not channel.ready.is_set():
            return
        if len(channel.seen) >= MANY_PLACES:
            channel.seen.clear()
        channel.seen[place] = heard
