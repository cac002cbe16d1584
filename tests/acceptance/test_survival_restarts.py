"""A rolling restart is noticed in no transcript, and sessions leave nothing behind."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from support.distributed import Distributed
from support.parts import Usage
from support.survival import Rehearsed, disturbed, in_peace, losses, rehearse, speeches

ROLL_S = 30.0
"""Seconds of speech, longer than a restart of everything takes."""
MEMORY = 24_000_000
"""Bytes by which a process may grow over a few sessions: buffers and caches of fixed bounds."""


@pytest.mark.timeout(240)
async def test_everything_is_restarted_one_after_the_other_during_live_sessions(
    distributed: Distributed,
):
    rehearsed = await rehearse(distributed.websockets[0], speeches(4, ROLL_S))
    done = 0.0

    async def roll() -> None:
        nonlocal done
        await asyncio.sleep(3)
        await distributed.roll()
        done = time.monotonic()

    heard = await disturbed(distributed.websockets, rehearsed.audios, roll)
    assert losses(heard, rehearsed) == []
    assert all(captions.received[-1].at > done for captions in heard), "they ended too early"


async def test_sessions_that_are_over_leave_nothing_behind(
    distributed: Distributed, rehearsed: Rehearsed
):
    async def round_of_sessions() -> tuple[set[str], dict[str, Usage]]:
        heard = await in_peace(distributed.websockets[0], rehearsed.audios)
        for captions in heard:
            path = f"/api/sessions/{captions.events[0].session_id}"
            await asyncio.to_thread(distributed.orchestrations[0].delete, path)
        await asyncio.to_thread(distributed.until, lambda status: status["total_sessions"] == 0)
        await asyncio.sleep(3)
        usage = {part.name: part.usage() for part in distributed.parts}
        return distributed.redis.keys(), usage

    keys, before = await round_of_sessions()
    again, after = await round_of_sessions()
    assert again == keys
    assert not [key for key in keys if "session-" in key]
    for name, usage in after.items():
        told = json.dumps({name: [str(before[name]), str(usage)]})
        assert usage.processes == before[name].processes, told
        assert usage.files <= before[name].files + 2, told
        assert usage.threads <= before[name].threads + 2, told
        assert usage.memory <= before[name].memory + MEMORY, told
