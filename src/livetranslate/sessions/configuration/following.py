"""Following the shared configuration: the newest one is at hand, without asking for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.sessions.configuration.base import ConfigurationSource, SharedConfiguration

_log = structlog.get_logger(__name__)

WAIT_S = 5.0
"""Seconds that one question waits for a change."""
AGAIN_S = 1.0
"""Pause before a source that could not be reached is asked again."""


class ConfigurationFollower:
    """Keeps the newest shared configuration of a source that may come and go.

    Args:
        source: Where it comes from.
        on_change: Called with each new one, in the loop's thread.
        on_lost: Called when the source has lost its data, which changes nothing here.

    Attributes:
        now: The newest one known.
    """

    def __init__(
        self,
        source: ConfigurationSource,
        on_change: Callable[[SharedConfiguration], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self._source = source
        self._on_change = on_change
        self._on_lost = on_lost
        self._following: asyncio.Task[None] | None = None
        self._lost = False
        self.now = SharedConfiguration()

    async def start(self) -> None:
        """Read it once, and follow from then on; the source need not be there yet."""
        if self._following is None:
            try:
                self.take(await self._source.read(0))
            except LiveTranslateError as error:
                _log.info("configuration_not_read", reason=error.message)
            self._following = asyncio.create_task(self._follow(), name="configuration")

    async def close(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            known = 0 if self._lost else self.now.version
            try:
                self.take(await self._source.read(known, wait_s=WAIT_S))
            except LiveTranslateError:
                await asyncio.sleep(AGAIN_S)

    def take(self, found: SharedConfiguration | None) -> None:
        """Take in what the source said, or what was published there."""
        if found is None:
            return
        self._lost = found.version == 0 and self.now.version > 0
        if found.version == self.now.version:
            return
        if self._lost:
            if self._on_lost is not None:
                self._on_lost()
            return
        self.now = found
        _log.info("configuration_followed", version=found.version, changed_by=found.changed_by)
        if self._on_change is not None:
            self._on_change(found)
