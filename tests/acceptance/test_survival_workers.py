"""Live sessions outlive their workers: killed, frozen, and drained, on the same host."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil

from support.distributed import Distributed
from support.survival import CLAIM_TTL_S, Rehearsed, Speaking, disturbed

LOCAL_S = 1.0
PEACE_S, LOOKED_AT_S = 3.0, 6.0
"""For how long the pauses between words are looked at, before a death and after it."""


async def test_a_local_worker_is_killed_and_another_freezes(
    distributed: Distributed, rehearsed: Rehearsed
):
    """Within a second, and within three times the life of a claim; what thaws writes nothing."""
    begun = killed = taken_s = frozen = 0.0

    async def kill() -> None:
        nonlocal killed, taken_s
        holder = await asyncio.to_thread(distributed.busiest)
        killed, at = time.monotonic(), time.time()
        os.kill(holder.pid, signal.SIGKILL)
        taken_s = await distributed.taken_from(holder) - at

    async def freeze() -> None:
        nonlocal frozen
        holder = await asyncio.to_thread(distributed.busiest)
        frozen = time.monotonic()
        psutil.Process(holder.pid).suspend()
        try:
            await distributed.taken_from(holder)
        finally:
            psutil.Process(holder.pid).resume()

    async def disturb(speaking: Speaking) -> None:
        nonlocal begun
        begun = time.monotonic()
        await asyncio.sleep(PEACE_S)
        await kill()
        await asyncio.sleep(LOOKED_AT_S)
        await speaking.heard()
        await freeze()

    heard = await disturbed(distributed.websockets, rehearsed, disturb)
    assert taken_s < LOCAL_S
    pause = max(captions.silence_at(begun, killed - begun) for captions in heard)
    assert max(captions.silence_at(killed, LOOKED_AT_S) for captions in heard) < pause + LOCAL_S
    limit_s = 3 * CLAIM_TTL_S
    assert max(captions.silence_at(frozen, 2 * limit_s) for captions in heard) < limit_s
