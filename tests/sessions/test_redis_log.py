"""The log in Redis beyond the contract of all logs: several processes, faults, nothing left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from livetranslate.domain.errors import BackendUnavailable, ClaimLost
from livetranslate.domain.events import TranscriptionResult
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig
from livetranslate.sessions.log.base import AudioEntry, Checkpoint, LogOptions
from livetranslate.sessions.log.redis import sweeping
from livetranslate.sessions.log.redis.log import RedisSessionLog
from support.logs import opened_redis_log
from support.redis_server import RedisServer
from support.sessions import ended, pcm, started, text

QUEUE = "voice_sessions"
PATIENCE_S = 20.0


class Processes:
    """Logs of several processes on one Redis, each with a connection of its own."""

    def __init__(self, stack: AsyncExitStack, url: str) -> None:
        self._stack = stack
        self._url = url

    async def log(self, **options: float) -> RedisSessionLog:
        return await self._stack.enter_async_context(
            opened_redis_log(self._url, LogOptions(**options), queue=QUEUE)
        )


@pytest.fixture
async def processes(redis: RedisServer) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as stack:
        yield Processes(stack, redis.url)


async def insisting(log: RedisSessionLog, seq: int, session_id: str = "a") -> int:
    """Append one chunk as an edge does: again and again until it is acknowledged."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return (await log.append_audio(session_id, seq, pcm(0.1, seq), feeder="me")).seq
            except BackendUnavailable:
                await asyncio.sleep(0.05)


async def heard(log: RedisSessionLog, session_id: str = "a") -> list[int]:
    entries = await log.read_entries(session_id, -1, limit=10_000)
    found = [entry.chunk for entry in entries if isinstance(entry, AudioEntry)]
    assert all(chunk.pcm == pcm(0.1, chunk.seq) for chunk in found)
    return [chunk.seq for chunk in found]


async def test_what_one_process_writes_wakes_another(processes: Processes):
    edge, worker, viewer = [await processes.log() for _ in range(3)]
    claiming = asyncio.create_task(worker.claim("w1", wait_s=PATIENCE_S))
    await asyncio.sleep(0.2)
    await edge.create("a", SessionConfig(language="de"), feeder="me")
    claim = await claiming
    assert claim is not None and claim.config.language == "de"
    reading = asyncio.create_task(worker.read_entries("a", -1, wait_s=PATIENCE_S))
    watching = asyncio.create_task(viewer.read_events("a", 0, wait_s=PATIENCE_S))
    await asyncio.sleep(0.2)
    await edge.append_audio("a", 0, pcm(0.1), feeder="me")
    assert len(await reading) == 1
    await worker.append_events(claim, [started("a")], processed=0)
    assert [event.event_id for event in await watching] == [1]


async def test_a_waiting_reader_misses_nothing_whatever_comes_in_between(processes: Processes):
    edge, worker = [await processes.log() for _ in range(2)]
    await edge.create("a", SessionConfig(), feeder="me")
    seen: list[int] = []

    async def read() -> None:
        position = -1
        while len(seen) < 300:
            for entry in await worker.read_entries("a", position, wait_s=PATIENCE_S, limit=7):
                assert isinstance(entry, AudioEntry)
                position = entry.position
                seen.append(entry.chunk.seq)

    reading = asyncio.create_task(read())
    for seq in range(300):
        await edge.append_audio("a", seq, pcm(0.1, seq), feeder="me")
        if seq % 50 == 0:
            await asyncio.sleep(0.02)
    async with asyncio.timeout(PATIENCE_S / 2):
        await reading
    assert seen == list(range(300))


async def test_a_dead_workers_session_is_taken_without_anybody_sweeping(processes: Processes):
    edge, dead, alive = [await processes.log(claim_ttl_s=0.6) for _ in range(3)]
    await edge.create("a", SessionConfig(), feeder="me")
    old = await dead.claim("dead")
    assert old is not None
    await dead.append_events(old, [text("a", "so far", final=True)], checkpoint=None)
    new = await alive.claim("alive", wait_s=PATIENCE_S)
    assert new is not None and (new.session_id, new.epoch) == ("a", 2)
    with pytest.raises(ClaimLost):
        await dead.append_events(old, [text("a", "again", final=True)])
    with pytest.raises(ClaimLost):
        await dead.touch(old)
    await dead.release(old)
    await alive.touch(new)
    assert (await edge.state("a")).worker_id == "alive"


@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_what_is_acknowledged_outlives_redis(
    processes: Processes, redis: RedisServer, how: str
):
    edge, worker = [await processes.log(claim_ttl_s=60) for _ in range(2)]
    await edge.create("a", SessionConfig(), feeder="me")
    claim = await worker.claim("w1")
    assert claim is not None
    await worker.append_events(claim, [started("a")])
    waiting = asyncio.create_task(worker.read_entries("a", 19, wait_s=PATIENCE_S))
    for seq in range(10):
        await insisting(edge, seq)
    await asyncio.to_thread(redis.stop if how == "restart" else redis.kill)
    with pytest.raises(BackendUnavailable, match="Redis"):
        await edge.append_audio("a", 10, pcm(0.1, 10), feeder="me")
    with pytest.raises(BackendUnavailable):
        await waiting
    feeding = asyncio.create_task(insisting(edge, 10))
    await asyncio.to_thread(redis.start)
    assert await feeding == 10
    for seq in range(11, 21):
        await insisting(edge, seq)
    assert len(await worker.read_entries("a", 19, wait_s=PATIENCE_S)) == 1
    assert await heard(worker) == list(range(21))
    assert await worker.append_events(claim, [text("a", "on", final=True)]) == 2


async def test_a_reader_is_woken_after_redis_was_away(processes: Processes, redis: RedisServer):
    edge, worker = [await processes.log(claim_ttl_s=60) for _ in range(2)]
    await edge.create("a", SessionConfig(), feeder="me")
    assert await worker.read_entries("a", -1, wait_s=0.3) == []
    await asyncio.to_thread(redis.restart)
    await insisting(edge, 0)

    async def read() -> list[int]:
        while True:
            try:
                entries = await worker.read_entries("a", -1, wait_s=PATIENCE_S)
                return [entry.position for entry in entries]
            except BackendUnavailable:
                await asyncio.sleep(0.05)

    assert await read() == [0]
    reading = asyncio.create_task(worker.read_entries("a", 0, wait_s=PATIENCE_S))
    await asyncio.sleep(0.3)
    await insisting(edge, 1)
    async with asyncio.timeout(PATIENCE_S / 2):
        assert [entry.position for entry in await reading] == [1]


async def test_a_frozen_redis_acknowledges_nothing_and_doubles_nothing(
    processes: Processes, redis: RedisServer
):
    log = await processes.log()
    await log.create("a", SessionConfig(), feeder="me")
    await insisting(log, 0)
    redis.pause()
    with pytest.raises(BackendUnavailable):
        await log.append_audio("a", 1, pcm(0.1, 1), feeder="me")
    redis.resume()
    assert await insisting(log, 1) == 1
    assert await insisting(log, 2) == 2
    assert await heard(log) == [0, 1, 2]


async def test_a_full_redis_is_away_until_it_has_room(processes: Processes, redis: RedisServer):
    log = await processes.log()
    await log.create("a", SessionConfig(), feeder="me")
    await insisting(log, 0)
    redis.fill()
    with pytest.raises(BackendUnavailable, match="maxmemory"):
        await log.append_audio("a", 1, pcm(0.1, 1), feeder="me")
    assert await heard(log) == [0]
    redis.drain()
    assert await insisting(log, 1) == 1


async def test_a_lost_queue_is_made_again(
    processes: Processes, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    log = await processes.log()
    await log.create("a", SessionConfig())
    redis.command("del", QUEUE)
    assert await log.claim("w1") is None
    monkeypatch.setattr(sweeping, "REPAIR_S", 0.0)
    await log.sweep()
    claim = await log.claim("w1")
    assert claim is not None and claim.session_id == "a"
    await log.sweep()
    assert await log.claim("w2") is None


async def test_a_queue_that_knows_a_session_no_more_lets_it_go(
    processes: Processes, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    log = await processes.log(max_sessions=1)
    await log.create("a", SessionConfig())
    redis.command("del", f"{QUEUE}:{{a}}:state")
    monkeypatch.setattr(sweeping, "REPAIR_S", 0.0)
    await log.sweep()
    await log.create("b", SessionConfig())
    claim = await log.claim("w1")
    assert claim is not None and claim.session_id == "b"


@pytest.mark.parametrize("how", ["deleted", "kept for a while"])
async def test_nothing_is_left_in_redis(processes: Processes, redis: RedisServer, how: str):
    log = await processes.log(event_retention_s=0.2)
    await log.start()
    before = redis.keys()
    await log.create("a", SessionConfig(), feeder="me")
    await log.append_audio("a", 0, pcm(0.1), feeder="me")
    await log.append_update("a", ConfigUpdate(language="de"))
    claim = await log.claim("w1")
    assert claim is not None
    await log.append_events(
        claim, [text("a", "x")], checkpoint=Checkpoint(0, b"state"), processed=1
    )
    assert any("{a}" in key for key in redis.keys())
    if how == "deleted":
        await log.delete("a")
    else:
        await log.append_end("a", EndReason.CLIENT_ENDED)
        await log.append_events(claim, [text("a", "x", final=True), ended("a")])
        await asyncio.sleep(0.3)
        await log.sweep()
    await log.close()
    assert redis.keys() - before == {f"{QUEUE}-responses", f"{{{QUEUE}}}:order"}
    assert redis.command("xlen", QUEUE) == "0"
    assert redis.command("xpending", QUEUE, "workers").split("\n")[0] == "0"


async def test_previews_take_no_room(processes: Processes, redis: RedisServer):
    log = await processes.log()
    await log.create("a", SessionConfig())
    claim = await log.claim("w1")
    assert claim is not None
    for number in range(500):
        await log.append_events(claim, [text("a", f"word {number}")])
    assert redis.command("exists", f"{QUEUE}:{{a}}:events") == "0"
    (shown,) = await log.read_events("a", 0)
    assert isinstance(shown, TranscriptionResult) and shown.text == "word 499"


async def test_what_workers_do_is_told_in_a_stream(processes: Processes, redis: RedisServer):
    log = await processes.log()
    await log.create("a", SessionConfig())
    claim = await log.claim("w1")
    assert claim is not None
    await log.release(claim)
    claim = await log.claim("w2")
    assert claim is not None
    await log.append_events(claim, [ended("a")])
    await log.close()
    told = redis.command("xrange", f"{QUEUE}-responses", "-", "+").split("\n")
    assert [word for word in told if word in ("claimed", "released", "ended", "w1", "w2")] == [
        *("claimed", "w1", "released", "w1"),
        *("claimed", "w2", "ended", "w2"),
    ]
