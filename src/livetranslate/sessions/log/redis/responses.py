"""The stream that tells what workers do with sessions, for whoever watches an installation."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.sessions.redis.connection import RedisConnection

KEPT = 10_000
"""Notes in the stream, about."""


class Responses:
    """Tells claims, releases and ends; nobody waits for it, and nothing depends on it.

    Args:
        connection: The way to Redis.
        name: The stream's key.
    """

    def __init__(self, connection: RedisConnection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._telling: set[asyncio.Task[None]] = set()

    def tell(self, what: str, session_id: str, worker_id: str, epoch: int) -> None:
        """Add a note: ``claimed``, ``released`` or ``ended``."""
        task = asyncio.create_task(self._tell(what, session_id, worker_id, epoch))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def close(self) -> None:
        """Wait for the last notes."""
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def _tell(self, what: str, session_id: str, worker_id: str, epoch: int) -> None:
        with suppress(BackendUnavailable):
            await self._connection.run(
                *("XADD", self._name, "MAXLEN", "~", KEPT, "*"),
                *("event", what, "session_id", session_id),
                *("worker_id", worker_id, "epoch", epoch),
            )
