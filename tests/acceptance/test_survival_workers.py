"""Live sessions outlive their workers: killed, frozen, and drained, on the same host."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil

from support.distributed import Distributed
from support.survival import CLAIM_TTL_S, Rehearsed, disturbed, losses

LOCAL_S = 1.0


def busiest(platform: Distributed) -> tuple[int, list[str]]:
    """The worker with the most sessions, and these."""
    held = platform.held()
    pids = list(held.values())
    pid = max(pids, key=pids.count)
    return pid, [session for session, holder in held.items() if holder == pid]


async def test_the_sessions_of_a_killed_local_worker_go_on_within_a_second(
    distributed: Distributed, rehearsed: Rehearsed
):
    begun = killed = taken = 0.0

    async def kill() -> None:
        nonlocal begun, killed, taken
        begun = time.monotonic()
        await asyncio.sleep(5)
        pid, sessions = await asyncio.to_thread(busiest, distributed)
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        await distributed.until_held(sessions, not_by={pid})
        taken = time.monotonic()

    heard = await disturbed(distributed.websockets, rehearsed.audios, kill)
    assert losses(heard, rehearsed) == []
    assert taken - killed < LOCAL_S
    pause = max(captions.silence(begun + 1, killed) for captions in heard)
    assert max(captions.silence(killed, killed + 6) for captions in heard) < pause + LOCAL_S


async def test_a_frozen_worker_loses_its_sessions_and_writes_nothing_when_it_thaws(
    distributed: Distributed, rehearsed: Rehearsed
):
    frozen = 0.0

    async def freeze() -> None:
        nonlocal frozen
        await asyncio.sleep(4)
        pid, sessions = await asyncio.to_thread(busiest, distributed)
        frozen = time.monotonic()
        psutil.Process(pid).suspend()
        try:
            await distributed.until_held(sessions, not_by={pid})
        finally:
            psutil.Process(pid).resume()

    heard = await disturbed(distributed.websockets, rehearsed.audios, freeze)
    assert losses(heard, rehearsed) == []
    limit_s = 3 * CLAIM_TTL_S
    assert max(captions.silence(frozen, frozen + 2 * limit_s) for captions in heard) < limit_s
