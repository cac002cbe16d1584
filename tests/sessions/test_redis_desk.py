"""What only a desk over Redis has to bear: an absent Redis, lost answers, callers that die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.sessions.desk.base import DeskOptions
from livetranslate.sessions.desk.redis.desk import RedisDesk
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection, RedisOptions
from livetranslate.sessions.work import JobKind
from support.redis_desk import redis_desk
from support.redis_server import RedisServer
from support.reports import worker_report

PREFIX = "voice_sessions:{desk}:"
FILE = bytes(range(256)) * 12_000
"""About three megabytes, which travel in pieces."""


@pytest.fixture
async def near(redis: RedisServer) -> AsyncIterator[RedisDesk]:
    """The desk of a process that has callers."""
    async with redis_desk(redis) as desk:
        yield desk


@pytest.fixture
async def far(redis: RedisServer) -> AsyncIterator[RedisDesk]:
    """The desk of a process that has a worker."""
    async with redis_desk(redis) as desk:
        yield desk


async def until(met: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await met():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


async def queued(desk: RedisDesk, number: int) -> None:
    async def seen() -> bool:
        await desk.look()
        return desk.queued == number

    await until(seen)


async def test_a_file_arrives_as_it_was_and_nothing_stays_behind(
    near: RedisDesk, far: RedisDesk, redis: RedisServer
):
    caller = asyncio.create_task(near.submit(JobKind.TRANSCRIBE, FILE))
    job = await far.take_job("w1", wait_s=20)
    assert job is not None and job.payload == FILE
    await far.finish_job(job.job_id, FILE[::-1])
    assert await caller == FILE[::-1]
    assert redis.keys() == {f"{PREFIX}heard"}
    await far.worker_gone("w1")
    assert redis.keys() == set()


async def test_a_cancelled_caller_leaves_nothing_behind(near: RedisDesk, redis: RedisServer):
    caller = asyncio.create_task(near.submit(JobKind.TRANSCRIBE, FILE))
    await queued(near, 1)
    caller.cancel()
    await queued(near, 0)
    assert redis.keys() == set()


async def test_a_job_given_in_an_answer_that_was_lost_is_given_again(
    near: RedisDesk, far: RedisDesk, redis: RedisServer
):
    caller = asyncio.create_task(near.submit(JobKind.TRANSCRIBE, b"x"))
    await queued(near, 1)
    # Another process under the worker's name takes the job and never hears of it.
    async with redis_desk(redis) as deaf:
        assert await deaf.take_job("w1", wait_s=0) is not None
    await queued(near, 0)
    job = await far.take_job("w1", wait_s=0)
    assert job is not None
    assert redis.command("hget", f"{PREFIX}job:{job.job_id}", "attempts") == "1"
    await far.finish_job(job.job_id, b"done")
    assert await caller == b"done"


async def test_a_worker_that_asks_for_more_keeps_what_it_is_at(near: RedisDesk, far: RedisDesk):
    first = asyncio.create_task(near.submit(JobKind.TRANSCRIBE, b"1"))
    job = await far.take_job("w1", wait_s=20)
    assert await far.take_job("w1", wait_s=0) is None
    second = asyncio.create_task(near.submit(JobKind.TRANSCRIBE, b"2"))
    other = await far.take_job("w1", wait_s=20)
    assert job is not None and other is not None and other.payload == b"2"
    for taken in (job, other):
        await far.finish_job(taken.job_id, taken.payload)
    assert (await first, await second) == (b"1", b"2")


async def test_a_job_whose_caller_died_is_forgotten(
    near: RedisDesk, far: RedisDesk, redis: RedisServer
):
    caller = asyncio.create_task(near.submit(JobKind.TRANSCRIBE, b"x"))
    await queued(near, 1)
    job_id = redis.command("zrange", f"{PREFIX}queue", "0", "0")
    assert 0 < int(redis.command("ttl", f"{PREFIX}job:{job_id}")) <= 180
    assert 0 < int(redis.command("ttl", f"{PREFIX}payload:{job_id}")) <= 180
    redis.command("del", f"{PREFIX}job:{job_id}")  # as its time to live does
    assert await far.take_job("w1", wait_s=0) is None
    await queued(near, 0)
    caller.cancel()


async def test_a_result_waits_for_redis_to_come_back(
    near: RedisDesk, far: RedisDesk, redis: RedisServer
):
    caller = asyncio.create_task(near.submit(JobKind.TRANSCRIBE, b"x"))
    job = await far.take_job("w1", wait_s=20)
    assert job is not None
    await asyncio.to_thread(redis.stop)
    finishing = asyncio.create_task(far.finish_job(job.job_id, b"done"))
    with pytest.raises(BackendUnavailable, match="Redis cannot be reached"):
        await near.submit(JobKind.TRANSCRIBE, b"y")
    with pytest.raises(BackendUnavailable, match="Redis cannot be reached"):
        await far.take_job("w1", wait_s=0)
    assert not finishing.done() and not caller.done()
    await asyncio.to_thread(redis.start)
    await finishing
    assert await caller == b"done"


async def test_reports_only_grow_older_while_redis_is_away(redis: RedisServer):
    options = DeskOptions(worker_timeout_s=1.5)
    async with redis_desk(redis, options) as near, redis_desk(redis, options) as far:
        await far.report(worker_report("w1"))
        await near.look()
        assert [one.report.worker_id for one in near.reports()] == ["w1"]
        assert near.steady_s > 0
        await asyncio.to_thread(redis.stop)
        with pytest.raises(BackendUnavailable):
            await near.look()
        assert near.steady_s == 0
        assert near.reports()[0].age_s > 0
        async with asyncio.timeout(20):
            while near.reports():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.05)
        await asyncio.to_thread(redis.start)
        await far.report(worker_report("w1"))
        await until(_reported(near))


async def test_channels_close_at_any_moment_of_their_connecting(redis: RedisServer):
    for turns in range(30):
        connection = RedisConnection(RedisOptions(url=redis.url))
        channels = Channels(connection)
        channels.open("some")
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await channels.close()
        await connection.close()


def _reported(desk: RedisDesk) -> Callable[[], Awaitable[bool]]:
    """Whether the desk has seen a report in its own looking."""

    async def seen() -> bool:
        return bool(desk.reports())

    return seen
