"""Notes of a session's life and clocks, written behind its back.

What is noted here helps to understand a session and is not part of what was said in it. So nothing
waits for a note: they are written one after the other, and when too many wait because the database
is away, the oldest are dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec
import structlog

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.sessions.clocks import Timing

_log = structlog.get_logger(__name__)

Write = Callable[[], Awaitable[object]]


class SessionNotes(Protocol):
    """Writes beside the events; every one may be repeated without a second effect."""

    async def first_sample(self, session_id: str, at: datetime) -> None:
        """Note the wall-clock time of the session's first sample, unless one is known; UTC."""
        ...

    async def change_timing(self, session_id: str, change: Callable[[Timing], Timing]) -> Timing:
        """Change what is known of the session's clocks, in one step; raises NotFound."""
        ...

    async def note(
        self,
        session_id: str,
        event_type: str,
        *,
        severity: str,
        source: str,
        data: dict[str, Any],
        at: datetime,
    ) -> None:
        """Add to the session's events; raises NotFound."""
        ...


class NotebookOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How notes wait.

    Attributes:
        most: Notes that wait at most; then the oldest is dropped.
        first_retry_s: Pause after a failed write; it doubles with each further one.
        longest_retry_s: The longest pause.
    """

    most: int = 5000
    first_retry_s: float = 0.25
    longest_retry_s: float = 15.0


class Notebook:
    """Writes notes in their order; overflow policy: drop the oldest.

    Args:
        options: How many may wait, and pauses.
    """

    def __init__(self, options: NotebookOptions | None = None) -> None:
        self._options = options or NotebookOptions()
        self._waiting: deque[tuple[str, Write]] = deque(maxlen=self._options.most)
        self._work: asyncio.Task[None] | None = None

    def add(self, session_id: str, write: Write) -> None:
        """Have a note written; never blocks nor raises."""
        self._waiting.append((session_id, write))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run(), name="notes of sessions")

    async def close(self, grace_s: float) -> None:
        """Write what waits, for at most so many seconds, then stop."""
        if self._work is not None:
            await asyncio.wait([self._work], timeout=grace_s)
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _run(self) -> None:
        pause_s = self._options.first_retry_s
        while self._waiting:
            session_id, write = self._waiting.popleft()
            try:
                await write()
            except LiveTranslateError as error:
                if not error.retryable:
                    _log.debug("note refused", session_id=session_id, code=error.code)
                    continue
                if len(self._waiting) < self._options.most:
                    self._waiting.appendleft((session_id, write))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, self._options.longest_retry_s)
            except Exception as error:  # noqa: BLE001 - a fault in one note must not stop the others
                _log.error("note failed", session_id=session_id, kind=type(error).__name__)
            else:
                pause_s = self._options.first_retry_s
