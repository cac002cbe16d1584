"""The log over Redis under workers that die, freeze and come back, while Redis does so too.

Feeders send numbered chunks and send again what was not acknowledged. Workers say one word a chunk,
with a checkpoint behind it, and forget their sessions at random without a word. In the end each
session has every word once, in order, whoever said it.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from livetranslate.domain.errors import BackendUnavailable, ClaimLost, NotFound
from livetranslate.domain.events import SessionEnded, SessionEvent, TranscriptionResult
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatistics
from livetranslate.sessions.log.base import (
    AudioEntry,
    Checkpoint,
    Claim,
    EndEntry,
    LogEntry,
    LogOptions,
)
from livetranslate.sessions.log.redis.log import RedisSessionLog
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection, RedisOptions
from support.redis_server import RedisServer

CHUNKS = 150
SESSIONS = 6
WORKERS = 4
OPTIONS = LogOptions(claim_ttl_s=0.5)
PACE_S = 0.01
DIES = 0.01
"""Share of a worker's turns at which it drops everything, as if its process were killed."""


@asynccontextmanager
async def log_of(redis: RedisServer) -> AsyncIterator[RedisSessionLog]:
    connection = RedisConnection(RedisOptions(url=redis.url, answer_timeout_s=1.0))
    channels = Channels(connection)
    log = RedisSessionLog(connection, channels, OPTIONS)
    try:
        yield log
    finally:
        await log.close()
        await channels.close()
        await connection.close()


async def insist(call: Callable[[], Awaitable[object]]) -> None:
    """Do something that can be done twice until Redis has taken it."""
    while True:
        try:
            await call()
        except BackendUnavailable:
            await asyncio.sleep(0.05)
        else:
            return


async def feed(log: RedisSessionLog, session_id: str) -> None:
    """Send every chunk until it is acknowledged; its samples are its number."""
    for seq in range(CHUNKS):
        pcm = struct.pack("<h", seq) * 160
        await insist(lambda seq=seq, pcm=pcm: log.append_audio(session_id, seq, pcm))
        await asyncio.sleep(PACE_S)
    await insist(lambda: log.append_end(session_id, EndReason.CLIENT_ENDED))


class Mayfly:
    """A worker that serves one session at a time and dies at random."""

    def __init__(self, log: RedisSessionLog, name: str, chance: random.Random) -> None:
        self._log = log
        self._name = name
        self._chance = chance
        self.lives = 0

    async def live(self) -> None:
        while True:
            self.lives += 1
            with suppress(BackendUnavailable, ClaimLost, NotFound):
                claim = await self._log.claim(f"{self._name}-{self.lives}", wait_s=1)
                if claim is not None:
                    await self._serve(claim)
            await asyncio.sleep(0.01)

    async def _serve(self, claim: Claim) -> None:
        position = claim.checkpoint.position if claim.checkpoint else -1
        while True:
            entries = await self._log.read_entries(claim.session_id, position, wait_s=0.1, limit=5)
            if self._chance.random() < DIES:
                return
            if self._chance.random() < DIES:
                await asyncio.sleep(2 * OPTIONS.claim_ttl_s)
            if not entries:
                await self._log.touch(claim)
                continue
            position = entries[-1].position
            events = [_said(claim, entry) for entry in entries]
            await self._log.append_events(
                claim, events, checkpoint=Checkpoint(position, b""), processed=position
            )
            if isinstance(entries[-1], EndEntry):
                return


def _said(claim: Claim, entry: LogEntry) -> SessionEvent:
    known = {"session_id": claim.session_id, "event_id": 0, "timestamp": datetime.now(UTC)}
    if not isinstance(entry, AudioEntry):
        statistics = SessionStatistics()
        return SessionEnded(reason=EndReason.CLIENT_ENDED, statistics=statistics, **known)
    (number,) = struct.unpack_from("<h", entry.chunk.pcm)
    return TranscriptionResult(
        segment_id=f"s{number}",
        text=str(number),
        language="en",
        confidence=None,
        start=float(number),
        end=float(number + 1),
        is_final=True,
        words=(),
        **known,
    )


async def hear(log: RedisSessionLog, session_id: str) -> list[SessionEvent]:
    heard: list[SessionEvent] = []
    while not heard or not isinstance(heard[-1], SessionEnded):
        after = heard[-1].event_id if heard else 0
        with suppress(BackendUnavailable):
            heard += await log.read_events(session_id, after, wait_s=1)
            continue
        await asyncio.sleep(0.05)
    return heard


async def sweep(log: RedisSessionLog) -> None:
    while True:
        with suppress(BackendUnavailable):
            await log.sweep()
        await asyncio.sleep(0.2)


async def kills(redis: RedisServer) -> None:
    for _ in range(3):
        await asyncio.sleep(0.7)
        redis.kill()
        await asyncio.sleep(0.2)
        await asyncio.to_thread(redis.start)


async def freezes(redis: RedisServer) -> None:
    await asyncio.sleep(0.7)
    await redis.frozen(1.5)


async def fills(redis: RedisServer) -> None:
    for _ in range(3):
        await asyncio.sleep(0.5)
        redis.fill()
        await asyncio.sleep(0.5)
        redis.drain()


@pytest.mark.parametrize(
    "trouble", [kills, *(pytest.param(each, marks=pytest.mark.slow) for each in (freezes, fills))]
)
async def test_every_acknowledged_chunk_is_told_once_and_in_order(
    redis: RedisServer, trouble: Callable[[RedisServer], Awaitable[None]]
):
    chance = random.Random(trouble.__name__)
    sessions = [f"session-{number}" for number in range(SESSIONS)]
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        edge, listener, upkeep, *pool = [
            await stack.enter_async_context(log_of(redis)) for _ in range(3 + WORKERS)
        ]
        for session_id in sessions:
            await edge.create(session_id, SessionConfig())
        workers = [Mayfly(log, f"worker-{n}", chance) for n, log in enumerate(pool)]
        async with asyncio.TaskGroup() as group:
            lives = [group.create_task(worker.live()) for worker in workers]
            lives.append(group.create_task(sweep(upkeep)))
            heard, *_ = await asyncio.gather(
                asyncio.gather(*(hear(listener, session_id) for session_id in sessions)),
                trouble(redis),
                *(feed(edge, session_id) for session_id in sessions),
            )
            for life in lives:
                life.cancel()
    for events in heard:
        words = [event.text for event in events if isinstance(event, TranscriptionResult)]
        assert words == [str(number) for number in range(CHUNKS)]
        assert [event.event_id for event in events] == list(range(1, CHUNKS + 2))
    assert sum(worker.lives for worker in workers) > 2 * WORKERS
