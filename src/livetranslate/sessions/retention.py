"""Removes ended sessions once they have been kept for as long as they are to be, and leftovers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.sessions.clock import Clock

_log = structlog.get_logger(__name__)


class RetentionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How long ended sessions are kept.

    Attributes:
        days: Days from a session's end to its removal; None for never.
        pause_s: Time between two looks.
        retry_s: Time to the next look after one that failed, or that this process left to another.
        portion: Sessions looked up at once.
    """

    days: int | None
    pause_s: float = 3600.0
    retry_s: float = 60.0
    portion: int = 100


class EndedSessions(Protocol):
    """What retention reads of the database."""

    async def ended_before(self, moment: datetime, limit: int) -> Sequence[str]:
        """Return sessions that ended before a moment, the oldest first."""
        ...


class Retention:
    """Looks for sessions that are due and removes each wholly; others are not touched.

    Args:
        ended: Reads of the database.
        remove: Removes a session with everything of it; may be repeated.
        leftovers: Removes what belongs to no session; returns how much it was.
        leads: Whether this process is the one to look after all sessions.
        clock: Tells the time.
        options: How long they are kept.
    """

    def __init__(
        self,
        ended: EndedSessions,
        remove: Callable[[str], Awaitable[None]],
        leftovers: Callable[[], Awaitable[int]],
        leads: Callable[[], bool],
        *,
        clock: Clock,
        options: RetentionOptions,
    ) -> None:
        self._ended = ended
        self._remove = remove
        self._leftovers = leftovers
        self._leads = leads
        self._clock = clock
        self._options = options

    async def run(self) -> None:
        """Look every now and then until cancelled."""
        while True:
            pause_s = self._options.retry_s
            if self._leads():
                try:
                    await self.sweep()
                    await self._leftovers()
                    pause_s = self._options.pause_s
                except LiveTranslateError as error:
                    _log.warning("retention waits", reason=error.message)
                except Exception:  # noqa: BLE001 - a fault over one session must not end retention
                    _log.exception("retention failed")
            await asyncio.sleep(pause_s)

    async def sweep(self) -> int:
        """Remove all sessions that are due; return how many.

        Raises:
            BackendUnavailable: The database or the log cannot be reached; the next look goes on.
        """
        if self._options.days is None:
            return 0
        due = self._clock.utc() - timedelta(days=self._options.days)
        removed, refused = 0, set[str]()
        while True:
            found = await self._ended.ended_before(due, self._options.portion + len(refused))
            session_ids = [session_id for session_id in found if session_id not in refused]
            if not session_ids:
                break
            for session_id in session_ids:
                if await self._removed(session_id):
                    removed += 1
                else:
                    refused.add(session_id)
        if removed:
            _log.info("old sessions removed", sessions=removed, days=self._options.days)
        return removed

    async def _removed(self, session_id: str) -> bool:
        """Remove a session; False if that is refused, which must not hold up the others."""
        try:
            await self._remove(session_id)
        except LiveTranslateError as error:
            if error.retryable:
                raise
            _log.warning("old session stays", session_id=session_id, reason=error.message)
            return False
        return True
