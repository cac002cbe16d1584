"""Live sessions outlive Redis' restart, death, absence, freeze and fullness."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from support.distributed import Distributed
from support.redis_server import RedisServer
from support.survival import Rehearsed, disturbed

SETTLE_S = 0.5
"""Within it what Redis confirmed before it went may still be on its way to the client."""


async def restarted(redis: RedisServer) -> None:
    await asyncio.to_thread(redis.restart)


async def killed(redis: RedisServer) -> None:
    redis.kill()
    await asyncio.to_thread(redis.start)


@pytest.mark.parametrize("end", [restarted, killed])
async def test_redis_comes_back_at_once(
    distributed: Distributed, rehearsed: Rehearsed, end: Callable[[RedisServer], Awaitable[None]]
):
    async def disturb() -> None:
        await asyncio.sleep(4)
        await end(distributed.redis)

    quick = rehearsed.first(4)
    await disturbed(distributed.websockets, quick, disturb)


async def without_redis(
    distributed: Distributed, rehearsed: Rehearsed, seconds: float, *, frozen: bool = False
) -> None:
    """Take Redis away under live sessions; nothing may be acknowledged meanwhile."""
    gone = back = 0.0

    async def disturb() -> None:
        nonlocal gone, back
        await asyncio.sleep(4)
        redis = distributed.redis
        await asyncio.to_thread(redis.pause if frozen else redis.stop)
        gone = time.monotonic()
        await asyncio.sleep(seconds)
        back = time.monotonic()
        await asyncio.to_thread(redis.resume if frozen else redis.start)

    heard = await disturbed(distributed.websockets, rehearsed, disturb)
    for captions in heard:
        assert captions.acknowledged_between(gone + SETTLE_S, back) == []


async def test_while_redis_is_away_nothing_is_acknowledged_and_nothing_is_lost(
    distributed: Distributed, rehearsed: Rehearsed
):
    await without_redis(distributed, rehearsed, 8)


async def test_redis_freezes(distributed: Distributed, rehearsed: Rehearsed):
    await without_redis(distributed, rehearsed.first(3), 6, frozen=True)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("frozen", [False, True])
async def test_redis_is_away_for_a_minute(
    distributed: Distributed, rehearsed: Rehearsed, frozen: bool
):
    await without_redis(distributed, rehearsed, 60, frozen=frozen)


async def test_redis_is_full_for_a_while(distributed: Distributed, rehearsed: Rehearsed):
    async def disturb() -> None:
        await asyncio.sleep(4)
        distributed.redis.fill()
        try:
            await asyncio.sleep(5)
        finally:
            distributed.redis.drain()

    quick = rehearsed.first(3)
    await disturbed(distributed.websockets, quick, disturb)
