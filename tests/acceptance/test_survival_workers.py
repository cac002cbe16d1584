"""Live sessions outlive their workers: killed, frozen, and drained, on the same host."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil

from support.distributed import Distributed
from support.survival import CLAIM_TTL_S, Rehearsed, disturbed

LOCAL_S = 1.0


async def test_the_sessions_of_a_killed_local_worker_go_on_within_a_second(
    distributed: Distributed, rehearsed: Rehearsed
):
    begun = killed = taken_s = 0.0

    async def kill() -> None:
        nonlocal begun, killed, taken_s
        begun = time.monotonic()
        await asyncio.sleep(5)
        holder = await asyncio.to_thread(distributed.busiest)
        killed, at = time.monotonic(), time.time()
        os.kill(holder.pid, signal.SIGKILL)
        taken_s = await distributed.taken_from(holder) - at

    heard = await disturbed(distributed.websockets, rehearsed, kill)
    assert taken_s < LOCAL_S
    pause = max(captions.silence_at(begun + 1, killed - begun - 1) for captions in heard)
    assert max(captions.silence_at(killed, 6) for captions in heard) < pause + LOCAL_S


async def test_a_frozen_worker_loses_its_sessions_and_writes_nothing_when_it_thaws(
    distributed: Distributed, rehearsed: Rehearsed
):
    frozen = 0.0

    async def freeze() -> None:
        nonlocal frozen
        await asyncio.sleep(4)
        holder = await asyncio.to_thread(distributed.busiest)
        frozen = time.monotonic()
        psutil.Process(holder.pid).suspend()
        try:
            await distributed.taken_from(holder)
        finally:
            psutil.Process(holder.pid).resume()

    heard = await disturbed(distributed.websockets, rehearsed, freeze)
    limit_s = 3 * CLAIM_TTL_S
    assert max(captions.silence_at(frozen, 2 * limit_s) for captions in heard) < limit_s
