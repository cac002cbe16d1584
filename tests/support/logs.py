"""Session logs to test: in memory, the same one reached over the worker link, and in Redis."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.link.client import WorkerLink
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.log.base import LogOptions, SessionLog
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.log.redis.log import RedisSessionLog
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection, RedisOptions
from support.clock import VirtualClock, VirtualTimeLoop

MakeLog = Callable[..., Awaitable[SessionLog]]
BACKENDS = ("memory", "remote", "redis")
REDIS_UNIT_S = 0.3
"""What a unit of time takes where it really passes; in virtual time it is a second."""


@asynccontextmanager
async def opened_log(
    backend: str, options: LogOptions, *, redis_url: str = ""
) -> AsyncIterator[SessionLog]:
    """Open a log of the named backend: in virtual time, or in a queue of its own in a Redis."""
    if backend == "redis":
        async with opened_redis_log(redis_url, options) as redis_log:
            yield redis_log
        return
    log = MemorySessionLog(options, clock=VirtualClock())
    if backend == "memory":
        yield log
        return
    with TemporaryDirectory() as folder:
        server = LogServer(log, MemoryDesk(clock=VirtualClock()), Path(folder) / "link")
        await server.start()
        link = await WorkerLink.connect(server.path)
        yield link.log
        await link.close()
        await server.close()


@asynccontextmanager
async def opened_redis_log(
    url: str, options: LogOptions | None = None, *, queue: str | None = None
) -> AsyncIterator[RedisSessionLog]:
    """Open one process's log in Redis; a queue that is named is shared by all who name it."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualTimeLoop):
        loop.pass_time()
    name = queue or f"queue-{secrets.token_hex(4)}"
    connection = RedisConnection(RedisOptions(url=url, answer_timeout_s=1.0))
    channels = Channels(connection)
    log = RedisSessionLog(connection, channels, options, queue=name, responses=f"{name}-responses")
    try:
        yield log
    finally:
        await log.close()
        await channels.close()
        await connection.close()
