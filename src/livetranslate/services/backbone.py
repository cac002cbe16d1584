"""What the sessions of an installation stand on: log, workers' desk, and shared configuration.

Without Redis they live in this process. With it, every process that is told the same ``REDIS_URL``
shares them, and sessions outlive any of these processes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from livetranslate.domain.errors import InvalidInput
from livetranslate.sessions.configuration.memory import MemoryConfiguration
from livetranslate.sessions.configuration.redis.store import RedisConfiguration
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.desk.redis.desk import RedisDesk
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.log.redis.log import RedisSessionLog
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection, RedisOptions
from livetranslate.settings import Settings


class OwnBackbone:
    """Log and desk of this process alone.

    Attributes:
        log: Log of the live sessions.
        desk: Jobs and reports of the workers.
        configuration: What is configured for all processes.
    """

    def __init__(self, settings: Settings) -> None:
        self.log = MemorySessionLog(settings.log_options())
        self.desk = MemoryDesk()
        self.configuration = MemoryConfiguration()

    async def start(self) -> None:
        """There is nothing to begin with."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    def problem(self) -> str | None:
        """Nothing can be out of reach."""
        return None

    def state(self) -> dict[str, Any] | None:
        """There is nothing to tell."""
        return None


class SharedBackbone:
    """Log and desk in Redis, which may come and go.

    Args:
        settings: With ``redis_url``.

    Attributes:
        log: Log of the live sessions.
        desk: Jobs and reports of the workers.
        configuration: What is configured for all processes.
        connection: This process's way to Redis.

    Raises:
        InvalidInput: Redis is not configured.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.redis_url is None:
            raise InvalidInput(
                "no Redis is configured; set REDIS_URL, such as redis://localhost:6379",
                field="REDIS_URL",
            )
        url = settings.redis_url.get_secret_value()
        queue = settings.redis_session_queue
        self._place = redis_place(url)
        self.connection = RedisConnection(RedisOptions(url=url))
        self._channels = Channels(self.connection)
        self.log = RedisSessionLog(
            self.connection,
            self._channels,
            settings.log_options(),
            queue=queue,
            responses=settings.redis_worker_response_queue,
        )
        self.desk = RedisDesk(self.connection, self._channels, queue=queue)
        self.configuration = RedisConfiguration(self.connection, self._channels, queue=queue)

    async def start(self) -> None:
        """Begin to look at the workers; Redis may come later."""
        await self.desk.start()

    async def close(self) -> None:
        """Let go of Redis; what is in it stays."""
        await self.desk.close()
        await self.log.close()
        await self._channels.close()
        await self.connection.close()

    def problem(self) -> str | None:
        """Return why Redis is out of reach, with its address but no password, or None."""
        failure = self.connection.failure
        return None if failure is None else f"cannot be reached at {self._place}: {failure}"

    def state(self) -> dict[str, Any] | None:
        """Return what ``/api/health`` says of Redis."""
        problem = self.problem()
        return {"address": self._place, "reachable": problem is None, "problem": problem}


Backbone = OwnBackbone | SharedBackbone


def make_backbone(settings: Settings) -> Backbone:
    """Return log and desk in Redis if one is configured, else in this process."""
    return OwnBackbone(settings) if settings.redis_url is None else SharedBackbone(settings)


def redis_place(url: str) -> str:
    """Return where Redis is, for people: without name and password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
