"""What a live session needs of the database: its row first, its final events once, its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from livetranslate.domain.events import SessionEvent
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatus


class SessionRecords(Protocol):
    """Writes of live sessions; every one may be repeated without a second effect."""

    async def create(
        self, session_id: str, *, kind: str, config: SessionConfig, created_at: datetime
    ) -> None:
        """Insert the session's row with status ``initializing``; before its first audio.

        Args:
            session_id: The session.
            kind: ``browser``, ``api``, ``bot`` or ``telephony``.
            config: As the client asked.
            created_at: UTC.

        Raises:
            Conflict: There is such a session already.
        """
        ...

    async def set_status(
        self,
        session_id: str,
        status: SessionStatus,
        *,
        at: datetime,
        reason: EndReason | None = None,
        error: str | None = None,
    ) -> None:
        """Move the session's row to ``status``; a final state stays."""
        ...

    async def record(self, session_id: str, events: Sequence[SessionEvent]) -> None:
        """Write what is final in these events: segments, translations, statistics, life events."""
        ...

    async def delete(self, session_id: str) -> None:
        """Remove the session's rows, and nothing of another's."""
        ...
