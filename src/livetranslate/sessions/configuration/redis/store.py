"""The shared configuration in Redis: one hash, and a channel that says that it has changed."""

from __future__ import annotations

import msgspec
import structlog

from livetranslate.domain.errors import Conflict
from livetranslate.sessions.configuration.base import SharedConfiguration, outdated
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection
from livetranslate.sessions.redis.scripts import Script
from livetranslate.sessions.redis.waiting import Waiting

_log = structlog.get_logger(__name__)

_PUBLISH = Script(__package__ or "", "publish")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(SharedConfiguration).decode


class RedisConfiguration:
    """A ``ConfigurationStore`` over Redis; to be used from one event loop.

    A Redis that has lost its data is at version 0.

    Args:
        connection: The way to Redis.
        channels: What wakes those who follow.
        queue: Name of the installation's queue, with which every key begins.
    """

    def __init__(
        self, connection: RedisConnection, channels: Channels, *, queue: str = "voice_sessions"
    ) -> None:
        self._connection = connection
        self._key = f"{queue}:{{configuration}}"
        self._changes = Waiting(channels, self._key)

    async def read(self, after: int, *, wait_s: float = 0.0) -> SharedConfiguration | None:
        """See ConfigurationSource."""

        async def look() -> SharedConfiguration | None:
            found = await self._now(after)
            return None if found.version == after else found

        return await self._changes.poll(look, wait_s, place=after)

    async def publish(self, configuration: SharedConfiguration, *, expected: int) -> None:
        """See ConfigurationStore."""
        told = await self._connection.script(
            _PUBLISH, [self._key], [expected, configuration.version, _encode(configuration)]
        )
        if told != b"ok":
            raise Conflict(outdated(expected), field="version")

    async def _now(self, after: int) -> SharedConfiguration:
        version, text = await self._connection.run("HMGET", self._key, "version", "text")
        if version is None or int(version) == after:
            return SharedConfiguration(version=int(version or 0))
        try:
            return _decode(text)
        except msgspec.ValidationError as error:
            # Written by a later version of the platform: what is known here stays in force.
            _log.warning("configuration_not_understood", version=int(version), reason=str(error))
            return SharedConfiguration(version=after)
