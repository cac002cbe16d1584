"""Waiting for a key to change: a subscription for each channel that somebody waits on."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from typing import Any

import structlog
from redis.exceptions import RedisError

from livetranslate.sessions.redis.connection import RedisConnection

_log = structlog.get_logger(__name__)

LINGER_S = 10.0
"""A channel that nobody waits on is heard for so much longer: whoever waited mostly comes back."""

CANCEL_AGAIN_S = 0.2
"""After so long a task that was cancelled and goes on is cancelled again."""
PING_S = 5.0
"""A connection over which nothing came for so long is asked whether it lives, and given as long."""


class Channel:
    """One channel as it is heard here.

    Attributes:
        heard: Calls so far; whoever looked at the data when it was the same has missed nothing.
        seen: Places up to which the data was seen to its end, with the calls heard until then.
        users: Those who use it now.
        left_at: When the last of them left.
        ready: Set while Redis sends calls.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard = 0
        self.seen: dict[Hashable, int] = {}
        self.users = 0
        self.left_at = 0.0
        self.ready = asyncio.Event()
        self._waiters: set[asyncio.Future[None]] = set()

    def call(self) -> None:
        """Wake everyone."""
        self.heard += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, heard: int, wait_s: float) -> None:
        """Return at a call beyond the first ``heard``, or after ``wait_s`` seconds."""
        if self.heard != heard:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await waiter
        finally:
            self._waiters.discard(waiter)


class Channels:
    """The channels that this process hears, over one connection.

    A lost connection wakes everyone, since calls may have been missed, and again once it is back.

    Args:
        connection: The way to Redis.
    """

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._channels: dict[str, Channel] = {}
        self._changed = asyncio.Event()
        self._lost = False
        self._task: asyncio.Task[None] | None = None

    def open(self, name: str) -> Channel:
        """Begin to use a channel; ``leave`` ends it. It is heard once it is ``ready``."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(name)
            self._changed.set()
        channel.users += 1
        if self._task is None:
            self._task = asyncio.create_task(self._hear_for_ever(), name="redis channels")
        return channel

    def leave(self, channel: Channel) -> None:
        """End a use of a channel."""
        channel.users -= 1
        channel.left_at = asyncio.get_running_loop().time()

    @property
    def count(self) -> int:
        """Channels that are heard."""
        return len(self._channels)

    async def close(self) -> None:
        """Hear nothing any more."""
        if self._task is not None:
            await _ended(self._task)

    async def _hear_for_ever(self) -> None:
        while True:
            pubsub = self._connection.pubsub()
            try:
                await self._hear(pubsub)
            except (RedisError, OSError, TimeoutError) as error:
                if not self._lost:
                    _log.info("redis_channels_lost", reason=str(error) or type(error).__name__)
                self._lost = True
            finally:
                for channel in self._channels.values():
                    channel.ready.clear()
                    channel.call()
                with suppress(RedisError, OSError, TimeoutError):
                    await pubsub.aclose()
            await asyncio.sleep(self._connection.reconnect_s)

    async def _hear(self, pubsub: Any) -> None:
        """Keep the subscriptions as they are wanted, and pass calls on."""
        subscribed: set[str] = set()
        reading: asyncio.Task[Any] | None = None
        changed: asyncio.Task[Any] | None = None
        try:
            while True:
                self._changed.clear()
                self._forget_left()
                wanted = set(self._channels)
                if new := wanted - subscribed:
                    await pubsub.subscribe(*new)
                if old := subscribed - wanted:
                    await pubsub.unsubscribe(*old)
                subscribed = wanted
                if subscribed and reading is None:
                    reading = asyncio.create_task(self._read(pubsub))
                changed = asyncio.create_task(self._changed.wait())
                waits = {changed, reading} if reading is not None else {changed}
                done, _ = await asyncio.wait(
                    waits, timeout=LINGER_S, return_when=asyncio.FIRST_COMPLETED
                )
                changed.cancel()
                if reading is not None and reading in done:
                    reading.result()
        finally:
            for task in (reading, changed):
                if task is not None:
                    await _ended(task)

    async def _read(self, pubsub: Any) -> None:
        """Pass calls on until the connection is lost, which raises; a silent one is asked."""
        asked = False
        while True:
            message = await pubsub.get_message(timeout=PING_S)
            if message is None:
                if asked:
                    raise TimeoutError(f"no answer for {PING_S} s")
                await pubsub.ping()
                asked = True
                continue
            asked = False
            if message["type"] not in ("subscribe", "message"):
                continue
            channel = self._channels.get(message["channel"].decode())
            if channel is None:
                continue
            if message["type"] == "subscribe":
                channel.ready.set()
                self._lost = False
            channel.call()

    def _forget_left(self) -> None:
        before = asyncio.get_running_loop().time() - LINGER_S
        for name, channel in list(self._channels.items()):
            if not channel.users and channel.left_at < before:
                del self._channels[name]


async def _ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it ends: the client library now and then drops a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
