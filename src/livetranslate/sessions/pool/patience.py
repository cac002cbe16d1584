"""Patience with a log or desk that is out of reach for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

import structlog

from livetranslate.domain.errors import BackendUnavailable

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

PAUSE_S = 0.5
"""Pause before it is asked again."""


class Patience:
    """How long a worker waits for its log and desk to come back.

    Args:
        longest_s: Seconds after which it gives up; 0 gives up at once.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._away_since: float | None = None

    async def ask(self, question: Callable[[], Awaitable[_T]], instead: _T) -> _T:
        """Return the answer; while they are out of reach ``instead``, after a pause.

        Raises:
            BackendUnavailable: They have been so for too long.
        """
        try:
            answer = await question()
        except BackendUnavailable as error:
            now = monotonic()
            if self._away_since is None:
                self._away_since = now
                _log.warning("out of reach", reason=error.message)
            if now - self._away_since >= self._longest_s:
                raise
            await asyncio.sleep(PAUSE_S)
            return instead
        self._away_since = None
        return answer
