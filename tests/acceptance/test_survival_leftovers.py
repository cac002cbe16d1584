"""Sessions that are over leave nothing behind, in any process and in Redis."""

from __future__ import annotations

import asyncio
import json

from support.distributed import Distributed
from support.parts import Usage
from support.survival import Rehearsed, in_peace

LEFT_S = 20.0
MEMORY = 24_000_000
"""Bytes by which a process may grow over a few sessions: buffers and caches of fixed bounds."""


def dump(platform: Distributed, key: str) -> str:
    """What is in a stream or a sorted set."""
    kind = platform.redis.command("type", key)
    command = {"stream": "xrange", "zset": "zrange", "none": "exists"}[kind]
    bounds = {"stream": ("-", "+"), "zset": ("0", "-1"), "none": ()}[kind]
    return platform.redis.command(command, key, *bounds)


async def test_sessions_that_are_over_leave_nothing_behind(
    distributed: Distributed, rehearsed: Rehearsed
):
    async def round_of_sessions() -> tuple[set[str], dict[str, Usage]]:
        heard = await in_peace(distributed.websockets[0], rehearsed.audios)
        for captions in heard:
            session_id = captions.events[0].session_id
            path = f"/api/sessions/{session_id}"
            await asyncio.to_thread(distributed.orchestrations[0].delete, path)
        ids = [captions.events[0].session_id for captions in heard]
        async with asyncio.timeout(LEFT_S):
            while any(one in key for key in distributed.redis.keys() for one in ids):  # noqa: ASYNC110 - Redis sets no event
                await asyncio.sleep(0.05)
        usage = {part.name: part.usage() for part in distributed.parts}
        for stream in ("voice_sessions", "{voice_sessions}:index", "{voice_sessions}:open"):
            assert not any(one in dump(distributed, stream) for one in ids), stream
        return {key for key in distributed.redis.keys() if "session-" not in key}, usage

    keys, before = await round_of_sessions()
    again, after = await round_of_sessions()
    assert again == keys
    for name, usage in after.items():
        told = json.dumps({name: [str(before[name]), str(usage)]})
        assert usage.processes == before[name].processes, told
        assert usage.files <= before[name].files + 2, told
        assert usage.threads <= before[name].threads + 2, told
        assert usage.memory <= before[name].memory + MEMORY, told
