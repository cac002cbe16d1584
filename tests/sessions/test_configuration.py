"""The shared configuration: one contract in memory, over the worker link, and in Redis."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from livetranslate.domain.errors import BackendUnavailable, Conflict
from livetranslate.sessions.configuration.base import (
    MAX_KNOWN,
    ConfigurationSource,
    ConfigurationStore,
    SharedConfiguration,
    digest,
)
from livetranslate.sessions.configuration.following import ConfigurationFollower
from livetranslate.sessions.configuration.memory import MemoryConfiguration
from livetranslate.sessions.configuration.redis.store import RedisConfiguration
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.link.client import WorkerLink
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection, RedisOptions
from support.redis_server import RedisServer

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Ends:
    """Two processes' ends of one configuration."""

    def __init__(self, store: ConfigurationStore, far: ConfigurationSource) -> None:
        self.store = store
        self.far = far

    async def set(self, **values: object) -> SharedConfiguration:
        now = await self.store.read(-1)
        assert now is not None
        new = now.follow({**now.values, **values}, by="test", at=NOW)
        await self.store.publish(new, expected=now.version)
        return new


@pytest.fixture(params=["memory", "link", "redis"])
async def ends(
    request: pytest.FixtureRequest, tmp_path: Path, shared_redis: RedisServer
) -> AsyncIterator[Ends]:
    if request.param == "redis":
        queue = secrets.token_hex(4)
        parts = [RedisConnection(RedisOptions(url=shared_redis.url)) for _ in range(2)]
        channels = [Channels(one) for one in parts]
        near, far = (
            RedisConfiguration(one, heard, queue=queue)
            for one, heard in zip(parts, channels, strict=True)
        )
        yield Ends(near, far)
        for heard, one in zip(channels, parts, strict=True):
            await heard.close()
            await one.close()
        return
    store = MemoryConfiguration()
    if request.param == "memory":
        yield Ends(store, store)
        return
    server = LogServer(MemorySessionLog(), MemoryDesk(), tmp_path / "link", store)
    await server.start()
    link = await WorkerLink.connect(server.path)
    yield Ends(store, link.configuration)
    await link.close()
    await server.close()


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if met():
                return
            await asyncio.sleep(0.002)


async def test_nothing_is_set_at_first(ends: Ends) -> None:
    assert await ends.far.read(0) is None
    assert await ends.far.read(-1) == SharedConfiguration()


async def test_what_is_published_is_read_at_the_other_end(ends: Ends) -> None:
    set_to = {"audio.preset": "meeting", "gateway.timeout": 2.5, "audio.presets.mine": {}}
    new = await ends.set(**set_to)
    assert await ends.far.read(0) == new
    assert new.values == set_to
    assert (new.version, new.changed_by, new.changed_at) == (1, "test", NOW)
    assert await ends.far.read(1) is None


async def test_whoever_waits_is_woken(ends: Ends) -> None:
    waiting = asyncio.create_task(ends.far.read(0, wait_s=30))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    new = await ends.set(a=1)
    assert await asyncio.wait_for(waiting, 10) == new


async def test_of_two_changes_of_one_version_the_second_is_refused(ends: Ends) -> None:
    first = SharedConfiguration().follow({"a": 1}, by="one", at=NOW)
    second = SharedConfiguration().follow({"a": 2}, by="two", at=NOW)
    told = await asyncio.gather(
        *(ends.store.publish(one, expected=0) for one in (first, second)), return_exceptions=True
    )
    assert [type(one) for one in told if one is not None] == [Conflict]
    assert await ends.far.read(0) == first


async def test_a_follower_has_the_newest_and_those_who_came_late_too(ends: Ends) -> None:
    heard: list[int] = []
    early = ConfigurationFollower(ends.far, lambda new: heard.append(new.version))
    await early.start()
    assert early.now.version == 0
    await ends.set(a=1)
    await until(lambda: heard == [1])
    await ends.set(a=2)
    late = ConfigurationFollower(ends.far)
    await late.start()
    assert late.now.values == {"a": 2}
    await until(lambda: early.now.values == {"a": 2})
    assert heard == [1, 2]
    await early.close()
    await late.close()


async def test_a_follower_outlives_a_redis_that_is_away_and_one_that_forgot(
    redis: RedisServer,
) -> None:
    connection = RedisConnection(RedisOptions(url=redis.url))
    channels = Channels(connection)
    ends = Ends(*[RedisConfiguration(connection, channels)] * 2)
    await ends.set(a=1)
    follower = ConfigurationFollower(ends.far)
    await follower.start()
    redis.stop()
    with pytest.raises(BackendUnavailable):
        await ends.far.read(-1)
    redis.start()
    await ends.set(a=2)
    await until(lambda: follower.now.values == {"a": 2})
    redis.forget()
    found = await ends.far.read(2)
    assert found is not None and found.version == 0
    assert follower.now.values == {"a": 2}
    await follower.close()
    await channels.close()
    await connection.close()


def test_digests_tell_values_that_were_there_before() -> None:
    one = SharedConfiguration().follow({"b": 1, "a": 2}, by="x", at=NOW, known=("file",))
    two = one.follow({"a": 3}, by="x", at=NOW)
    assert {digest({"a": 2, "b": 1}), digest({"a": 3}), "file"} <= set(two.known)
    assert digest({"a": 4}) not in two.known
    for number in range(2 * MAX_KNOWN):
        two = two.follow({"a": number}, by="x", at=NOW)
    assert len(two.known) == MAX_KNOWN and digest({"a": 2 * MAX_KNOWN - 1}) in two.known
