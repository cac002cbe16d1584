"""What the log holds in the end is what was sent: every sample, once, at its place.

No worker takes the audio from the log here, so all of it can be read again.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from livetranslate.domain.session import SessionConfig
from livetranslate.services.client import CaptionClient
from livetranslate.sessions.log.base import AudioEntry
from livetranslate.sessions.log.redis.log import RedisSessionLog
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection, RedisOptions
from support.distributed import Distributed
from support.redis_server import RedisServer
from support.survival import PATIENT, SETTINGS, rotated

SESSIONS = 4
SAMPLES = 160
PACE_S = 0.01


@pytest.fixture
def edges(redis: RedisServer, database: str, tmp_path: Path) -> Iterator[Distributed]:
    """Two instances of orchestration and nobody who recognises."""
    platform = Distributed(tmp_path, redis, database, SETTINGS)
    platform.orchestration(ready="/api/health/live")
    platform.orchestration(ready="/api/health/live")
    try:
        yield platform.start()
    finally:
        platform.stop()


def numbered(seq: int) -> bytes:
    return struct.pack("<h", seq) * SAMPLES


async def feed(urls: str, over: asyncio.Event) -> tuple[str, int]:
    """Send numbered chunks until it is over; return the session and how many were acknowledged."""
    async with CaptionClient(urls, SessionConfig(), options=PATIENT) as client:
        for seq in itertools.count():
            await client.send(numbered(seq))
            await asyncio.sleep(PACE_S)
            if over.is_set():
                break
        async with asyncio.timeout(30):
            while client.acknowledged < seq:  # noqa: ASYNC110 - acknowledgements set no event
                await asyncio.sleep(0.05)
        return client.session_id, seq + 1


async def trouble(edges: Distributed) -> None:
    redis = edges.redis
    await asyncio.sleep(1)
    await redis.frozen(6)  # longer than an answer is waited for
    await asyncio.sleep(1)
    await redis.away(1)
    await asyncio.sleep(0.5)
    edges.orchestrations[0].kill()
    await asyncio.sleep(1)
    redis.fill()
    await asyncio.sleep(1)
    redis.drain()
    redis.kill()
    await asyncio.to_thread(redis.start)
    await asyncio.sleep(1)


async def logged(redis: RedisServer, session_id: str) -> list[bytes]:
    """The audio of a session as the log holds it."""
    connection = RedisConnection(RedisOptions(url=redis.url))
    channels = Channels(connection)
    log = RedisSessionLog(connection, channels)
    try:
        entries = await log.read_entries(session_id, -1, limit=100_000)
        return [entry.chunk.pcm for entry in entries if isinstance(entry, AudioEntry)]
    finally:
        await log.close()
        await channels.close()
        await connection.close()


@pytest.mark.slow
async def test_the_log_holds_every_chunk_once_and_in_order(edges: Distributed):
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        feeding = [
            group.create_task(feed(",".join(rotated(edges.websockets, place)), over))
            for place in range(SESSIONS)
        ]
        await trouble(edges)
        over.set()
    for session_id, sent in (task.result() for task in feeding):
        held = await logged(edges.redis, session_id)
        wrong = [seq for seq, pcm in enumerate(held) if pcm != numbered(seq)]
        assert (wrong[:10], len(held)) == ([], sent)
