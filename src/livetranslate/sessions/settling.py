"""How far a live session's row is: its version for caches, and the wait for its last state."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from livetranslate.domain.errors import BackendUnavailable, NotFound
from livetranslate.sessions.log.base import SessionLog, SessionState

PATIENCE_S = 1.0
LOOK_S = 0.02


class RecordedVersions:
    """Tells which version of a live session is in the database.

    The log is what all processes share, and it knows how far a session is recorded: that number
    is the version. Of a session that has just ended, the last events may still be on their way to
    the database; who asks then waits for them a moment, so that nobody who was told of the end
    reads that it lasts.

    Args:
        log: The sessions' logs.
        patience_s: The longest wait; after it the database's own state counts.
    """

    def __init__(self, log: SessionLog, *, patience_s: float = PATIENCE_S) -> None:
        self._source = log
        self._patience_s = patience_s

    async def version(self, session_id: str) -> Hashable | None:
        """Return the version, or None for a session that the log does not have to record."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        try:
            state = await self._source.state(session_id)
            while _on_its_way(state) and loop.time() < deadline:
                await asyncio.sleep(LOOK_S)
                state = await self._source.state(session_id)
        except (NotFound, BackendUnavailable):
            return None
        if state.recorded < 0:
            return None
        return (state.created_at, state.recorded)


def _on_its_way(state: SessionState) -> bool:
    return state.ended and 0 <= state.recorded < state.last_event_id
