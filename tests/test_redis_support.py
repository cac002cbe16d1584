"""The tests' own Redis does what the tests of outages rely on."""

from __future__ import annotations

import asyncio

import pytest

from support.redis_server import RedisServer


async def ping(server: RedisServer, timeout_s: float) -> bytes:
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            writer.write(b"PING\r\n")
            return await reader.readline()
        finally:
            writer.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_what_it_acknowledged_outlives_its_death_at_the_same_port(
    redis: RedisServer, end: str
):
    url = redis.url
    redis.command("set", "here", "1")
    getattr(redis, end)()
    with pytest.raises(ConnectionRefusedError):
        await ping(redis, 5)
    redis.start()
    assert (redis.url, redis.command("get", "here")) == (url, "1")


async def test_frozen_it_accepts_connections_and_answers_nothing(redis: RedisServer):
    redis.pause()
    with pytest.raises(TimeoutError):
        await ping(redis, 0.2)
    redis.resume()
    assert await ping(redis, 5) == b"+PONG\r\n"


def test_full_it_refuses_to_take_more_and_keeps_what_it_has(redis: RedisServer):
    redis.command("set", "here", "1")
    redis.fill()
    with pytest.raises(RuntimeError, match="OOM"):
        redis.command("set", "more", "1")
    assert redis.command("get", "here") == "1"
    redis.drain()
    redis.command("set", "more", "1")
    assert redis.keys() == {"here", "more"}


def test_each_test_finds_it_as_new(redis: RedisServer):
    redis.command("set", "here", "1")
    redis.fill()
    redis.stop()
    redis.forget()
    assert redis.keys() == set()
    redis.command("set", "more", "1")
