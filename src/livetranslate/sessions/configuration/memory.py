"""The shared configuration of an installation that is one process."""

from __future__ import annotations

from livetranslate.domain.errors import Conflict
from livetranslate.sessions.configuration.base import SharedConfiguration, outdated
from livetranslate.sessions.signal import Signal


class MemoryConfiguration:
    """A ``ConfigurationStore`` in one process; to be used from one event loop."""

    def __init__(self) -> None:
        self._now = SharedConfiguration()
        self._changed = Signal()

    async def read(self, after: int, *, wait_s: float = 0.0) -> SharedConfiguration | None:
        """See ConfigurationSource."""
        return await self._changed.poll(
            lambda: None if self._now.version == after else self._now, wait_s
        )

    async def publish(self, configuration: SharedConfiguration, *, expected: int) -> None:
        """See ConfigurationStore."""
        if self._now.version != expected:
            raise Conflict(outdated(expected), field="version")
        self._now = configuration
        self._changed.notify()
