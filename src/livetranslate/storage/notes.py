"""What happens to a session beside what is said in it: its clocks, and notes of its life."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from livetranslate.domain.errors import NotFound
from livetranslate.storage.database import Database
from livetranslate.storage.tables import SessionEventRow, SessionRow

UNNUMBERED = 0
"""Event id of notes, which are no events of the session's log."""

Timing = dict[str, Any]


class SqlSessionNotes:
    """``SessionNotes`` on SQLite and PostgreSQL; every write may be repeated.

    Every method raises BackendUnavailable while the database cannot be reached.

    Args:
        database: Where to write.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def first_sample(self, session_id: str, at: datetime) -> None:
        """Note the wall-clock time of the first sample, unless one is known; UTC."""
        unknown = SessionRow.first_sample_at.is_(None)
        change = update(SessionRow).where(SessionRow.session_id == session_id, unknown)
        async with self._database.write() as connection:
            await connection.execute(change.values(first_sample_at=at))

    async def change_timing(self, session_id: str, change: Callable[[Timing], Timing]) -> Timing:
        """Change what is known of the session's clocks, one process after the other.

        Args:
            session_id: The session.
            change: Returns the new state for the present one, which is empty at first.

        Returns:
            The new state. Raises NotFound.
        """
        mine = SessionRow.session_id == session_id
        async with self._database.write() as connection:
            # SQLite lets one writer in at a time; PostgreSQL locks the row.
            query = select(SessionRow.timing).where(mine).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                raise _unknown(session_id)
            new = change(row.timing or {})
            if new != row.timing:
                await connection.execute(update(SessionRow).where(mine).values(timing=new))
        return new

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
        """Add to the session's events; the same type and time once. Raises NotFound."""
        row = {
            "session_id": session_id,
            "event_id": UNNUMBERED,
            "event_type": event_type,
            "severity": severity,
            "source": source,
            "data": data,
            "occurred_at": at,
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(self._database.insert_once(SessionEventRow), [row])
        except IntegrityError as error:
            raise _unknown(session_id) from error


def _unknown(session_id: str) -> NotFound:
    return NotFound(f"there is no session {session_id}", field="session_id")
