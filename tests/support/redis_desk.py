"""A desk over a real Redis, with the connection of a process of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from livetranslate.sessions.desk.base import DeskOptions
from livetranslate.sessions.desk.redis.desk import RedisDesk
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection, RedisOptions
from support.redis_server import RedisServer


@asynccontextmanager
async def redis_desk(
    server: RedisServer, options: DeskOptions | None = None
) -> AsyncGenerator[RedisDesk]:
    """Open a desk as one process of an installation has it."""
    connection = RedisConnection(RedisOptions(url=server.url))
    channels = Channels(connection)
    desk = RedisDesk(connection, channels, options)
    await desk.start()
    try:
        yield desk
    finally:
        await desk.close()
        await channels.close()
        await connection.close()
