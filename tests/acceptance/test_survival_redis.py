"""Live sessions outlive Redis' restart, death, absence, freeze and fullness."""

from __future__ import annotations

import asyncio
import time

import pytest

from support.distributed import Distributed
from support.survival import Rehearsed, Speaking, disturbed

FULL_S = 3.0
SETTLE_S = 0.5
"""Within it what Redis confirmed before it went may still be on its way to the client."""


async def test_redis_is_restarted_and_killed_and_full(
    distributed: Distributed, rehearsed: Rehearsed
):
    redis = distributed.redis

    async def disturb(speaking: Speaking) -> None:
        await asyncio.to_thread(redis.restart)
        await speaking.heard()
        redis.kill()
        await asyncio.to_thread(redis.start)
        await speaking.heard()
        redis.fill()
        await asyncio.sleep(FULL_S)
        redis.drain()

    await disturbed(distributed.websockets, rehearsed.first(4), disturb)


async def without_redis(
    distributed: Distributed, rehearsed: Rehearsed, seconds: float, *, frozen: bool = False
) -> None:
    """Take Redis away under live sessions; nothing may be acknowledged meanwhile."""
    gone = back = 0.0

    async def disturb(_: Speaking) -> None:
        nonlocal gone, back
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
    await without_redis(distributed, rehearsed, 6)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seconds", [7, 60])
@pytest.mark.parametrize("frozen", [False, True])
async def test_redis_is_away_for_longer_than_anybody_waits(
    distributed: Distributed, rehearsed: Rehearsed, seconds: float, frozen: bool
):
    await without_redis(distributed, rehearsed, seconds, frozen=frozen)
