"""Reads of sessions: lists, one session, its transcript, search."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.errors import InvalidInput, NotFound
from livetranslate.storage.database import Database
from livetranslate.storage.found import (
    SearchHit,
    SearchPage,
    SessionDetail,
    SessionFilter,
    SessionPage,
    SessionSummary,
    Transcript,
)
from livetranslate.storage.loading import load_segments, summary_fields
from livetranslate.storage.queries import (
    ended_before,
    list_sessions,
    one_session,
    open_sessions,
    search_segments,
    segments_of,
    spoken_in,
    statistics_of,
)

MAX_PAGE = 200
MAX_OPEN = 10_000
MAX_DIGITS = 19
"""Digits of a key of 64 bits, less one."""


class SessionHistory:
    """What the database knows of sessions; every method raises BackendUnavailable if it is away.

    Args:
        database: Where to read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sessions(
        self, wanted: SessionFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> SessionPage:
        """Return a page of sessions, newest first.

        Args:
            wanted: Which ones.
            limit: Sessions at most, 1-200.
            cursor: ``next_cursor`` of the page before.

        Raises:
            InvalidInput: A limit or cursor out of range, or ``q`` without a word.
        """
        _check_limit(limit)
        wanted = wanted or SessionFilter()
        for field in ("kind", "language", "q"):
            _check_text(field, getattr(wanted, field))
        _check_text("cursor", cursor)
        after = _session_cursor(cursor) if cursor else None
        query = list_sessions(wanted, after, sqlite=self._database.is_sqlite)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).mappings().all()
            summaries = await summary_fields(connection, rows[:limit])
        more = len(rows) > limit
        return SessionPage(
            sessions=[SessionSummary(**fields) for fields in summaries],
            next_cursor=_cursor_behind(rows[limit - 1]) if more else None,
        )

    async def open_sessions(self) -> dict[str, datetime]:
        """Return when each session was created that is ``initializing`` or ``active``.

        The oldest ``MAX_OPEN`` of them, should there be more.
        """
        async with self._database.read() as connection:
            rows = (await connection.execute(open_sessions().limit(MAX_OPEN))).all()
        return {session_id: created_at for session_id, created_at in rows}

    async def ended_before(self, moment: datetime, limit: int) -> list[str]:
        """Return sessions that ended before a moment (UTC), the oldest first."""
        async with self._database.read() as connection:
            found = await connection.execute(ended_before(moment).limit(limit))
            return list(found.scalars())

    async def session(self, session_id: str) -> SessionDetail:
        """Return one session; raises NotFound."""
        async with self._database.read() as connection:
            row = await _one(connection, session_id)
            [summary] = await summary_fields(connection, [row])
            totals = (await connection.execute(statistics_of(session_id))).mappings().one_or_none()
            spoken = (await connection.execute(spoken_in(session_id))).scalars().all()
        return SessionDetail(
            **summary,
            config=row["bot_config"],
            metadata=row["metadata"],
            spoken_languages=list(spoken),
            statistics=_without(totals, "session_id") if totals else None,
        )

    async def transcript(self, session_id: str) -> Transcript:
        """Return the final segments with every translation, in order; raises NotFound."""
        async with self._database.read() as connection:
            row = await _one(connection, session_id)
            found = await connection.execute(segments_of(session_id))
            segments = await load_segments(
                connection, found.mappings().all(), session_id=session_id
            )
        return Transcript(
            session_id=session_id,
            title=row["title"],
            created_at=row["created_at"],
            segments=segments,
        )

    async def search(
        self,
        q: str,
        *,
        session_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> SearchPage:
        """Return segments in which, or in whose translations, all words of ``q`` are.

        The last word may be the beginning of one. Newest segments come first.

        Raises:
            InvalidInput: There is no word in ``q``, or a limit or cursor out of range.
        """
        _check_limit(limit)
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < MAX_DIGITS):
            raise _bad_cursor()
        query = search_segments(
            q,
            session_id=session_id,
            before=int(cursor) if cursor else None,
            sqlite=self._database.is_sqlite,
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).mappings().all()
            segments = await load_segments(connection, rows[:limit])
        hits = [
            SearchHit(
                session_id=row["session_id"],
                title=row["title"],
                created_at=row["created_at"],
                segment=segment,
            )
            for row, segment in zip(rows, segments, strict=False)
        ]
        more = len(rows) > limit
        return SearchPage(
            hits=hits, next_cursor=str(rows[limit - 1]["transcript_id"]) if more else None
        )


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput(f"limit must be 1-{MAX_PAGE}", field="limit")


def _check_text(field: str, text: str | None) -> None:
    """Refuse the sign that PostgreSQL has no place for."""
    if text is not None and "\x00" in text:
        raise InvalidInput("a NUL character is no text", field=field)


def _cursor_behind(row: RowMapping) -> str:
    """Return the cursor behind a session: microseconds of its creation and its id."""
    created: datetime = row["created_at"]
    microseconds = (created - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    return f"{microseconds}.{row['session_id']}"


def _session_cursor(cursor: str) -> tuple[datetime, str]:
    microseconds, _, session_id = cursor.partition(".")
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(microseconds))
    except (ValueError, OverflowError) as error:
        raise _bad_cursor() from error
    return moment, session_id


def _bad_cursor() -> InvalidInput:
    return InvalidInput("this is not the next_cursor of a page before", field="cursor")


def _without(row: RowMapping, name: str) -> dict[str, Any]:
    return {str(key): value for key, value in row.items() if key != name}


async def _one(connection: AsyncConnection, session_id: str) -> RowMapping:
    row = (await connection.execute(one_session(session_id))).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no session {session_id}", field="session_id")
    return row
