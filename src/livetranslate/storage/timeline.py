"""A session on one axis: audio, segments, translations, events and speakers' turns."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.errors import InvalidInput, NotFound
from livetranslate.storage.database import Database
from livetranslate.storage.found import TranslatedText
from livetranslate.storage.queries import translations_of
from livetranslate.storage.timeline_found import (
    AudioEntry,
    LifeEntry,
    LifeEvent,
    LifeEventPage,
    TimelineEntry,
    TimelineKind,
    TimelinePage,
    TranscriptEntry,
    TranslationEntry,
)
from livetranslate.storage.timeline_queries import (
    AUDIO,
    TRANSCRIPTS,
    TRANSLATIONS,
    Timed,
    Window,
    clocks_of,
    events_of,
    timed,
    untimed,
    words_of_session,
)
from livetranslate.storage.turns import MOST, TurnFolder

MAX_ENTRIES = 1000
WORDS_OF = 2000
"""Segments whose words are read for the matching with captions, the newest ones."""
EPOCH = datetime.fromtimestamp(0, UTC)
_TIMED = {
    TimelineKind.AUDIO: AUDIO,
    TimelineKind.TRANSCRIPT: TRANSCRIPTS,
    TimelineKind.TRANSLATION: TRANSLATIONS,
}
_ORDER = {kind: rank for rank, kind in enumerate(TimelineKind)}

Key = tuple[float | None, int | str]
"""Start (for an event: microseconds since 1970) and key of an entry; start None without time."""
Found = tuple[Key, TimelineEntry]
T = TypeVar("T")


class Axis(Protocol):
    """Turns seconds of the session into times of day, and back."""

    def to_wall(self, session_s: float) -> datetime:
        """Return the time of day of a moment of the session."""
        ...

    def to_session(self, moment: datetime) -> float:
        """Return a time of day as seconds from the session's first sample."""
        ...


class SessionClocks(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a session's clocks.

    Attributes:
        first_sample_at: When its first sample was taken, UTC.
        begun_at: When it started, or else was made, UTC.
        timing: Observations of its clocks, by the clock's name.
    """

    first_sample_at: datetime | None
    begun_at: datetime
    timing: dict[str, Any]


class SessionTimeline:
    """Reads of a session by time; every method raises BackendUnavailable if the database is away.

    Args:
        database: Where to read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def clocks(self, session_id: str) -> SessionClocks:
        """Return what is known of a session's clocks; raises NotFound."""
        async with self._database.read() as connection:
            row = (await connection.execute(clocks_of(session_id))).one_or_none()
        if row is None:
            raise NotFound(f"there is no session {session_id}", field="session_id")
        return SessionClocks(
            first_sample_at=row.first_sample_at,
            begun_at=row.started_at or row.created_at,
            timing=row.timing or {},
        )

    async def heard(self, session_id: str) -> list[RowMapping]:
        """Return words, speaker, begin and end of the newest segments, in order of speech."""
        async with self._database.read() as connection:
            rows = await connection.execute(words_of_session(session_id, WORDS_OF))
            return list(reversed(rows.mappings().all()))

    async def page(
        self,
        session_id: str,
        clocks: SessionClocks,
        axis: Axis,
        *,
        window: Window | None = None,
        kinds: Collection[TimelineKind] = tuple(TimelineKind),
        limit: int = 200,
        cursor: str | None = None,
    ) -> TimelinePage:
        """Return a page of what there is between two moments, in order.

        Args:
            session_id: The session.
            clocks: What ``clocks`` returned.
            axis: The session's seconds as times of day.
            window: What overlaps it; the whole session by default, with what has no time.
            kinds: Which kinds of entries.
            limit: Entries at most, 1-1000.
            cursor: ``next_cursor`` of the page before.

        Raises:
            InvalidInput: A limit or cursor out of range.
        """
        if not 1 <= limit <= MAX_ENTRIES:
            raise InvalidInput(f"limit must be 1-{MAX_ENTRIES}", field="limit")
        keys = _keys(cursor)
        window = window or Window()
        found: list[tuple[TimelineKind, Found]] = []
        async with self._database.read() as connection:
            reader = _Reader(connection, session_id, window, axis, limit + 1)
            for kind in kinds:
                after = keys.get(kind.value)
                found += [(kind, one) for one in await reader.read(kind, after)]
            found.sort(key=lambda one: _place(one[0], one[1]))
            shown = found[:limit]
            entries = await _translated(connection, [entry for _, entry in shown])
        keys |= {kind.value: key for kind, (key, _) in shown}
        return TimelinePage(
            session_id=session_id,
            first_sample_at=clocks.first_sample_at,
            entries=[_dated(entry, axis) for entry in entries],
            next_cursor=_cursor(keys) if len(found) > limit else None,
        )

    async def events(
        self,
        session_id: str,
        *,
        types: tuple[str, ...] = (),
        severity: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> LifeEventPage:
        """Return a page of what happened to a session, in order.

        Args:
            session_id: The session.
            types: Only events of these types; empty for all.
            severity: Only events of this severity.
            limit: Events at most, 1-1000.
            cursor: ``next_cursor`` of the page before.

        Raises:
            NotFound: There is no such session.
            InvalidInput: A limit or cursor out of range.
        """
        if not 1 <= limit <= MAX_ENTRIES:
            raise InvalidInput(f"limit must be 1-{MAX_ENTRIES}", field="limit")
        after = _event_key(_keys(cursor).get("event"))
        await self.clocks(session_id)
        query = events_of(session_id, types=types, severity=severity, after=after, limit=limit + 1)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        last = rows[limit - 1] if len(rows) > limit else None
        return LifeEventPage(
            events=[LifeEvent(**_fields(row, LifeEvent)) for row in rows[:limit]],
            next_cursor=_cursor({"event": _key_of_event(last)}) if last else None,
        )


class _Reader:
    """Reads the entries of each kind behind a key."""

    def __init__(
        self, connection: AsyncConnection, session_id: str, window: Window, axis: Axis, limit: int
    ) -> None:
        self._connection = connection
        self._session_id = session_id
        self._window = window
        self._axis = axis
        self._limit = limit

    async def read(self, kind: TimelineKind, after: Key | None) -> list[Found]:
        """Return at most ``limit`` entries behind a key, in order."""
        if kind is TimelineKind.EVENT:
            return await self._events(after)
        if kind is TimelineKind.SPEAKER_TURN:
            return await self._turns(after)
        made = _MAKERS[kind]
        return [(_key_of(row), made(row)) for row in await self._rows(_TIMED[kind], after)]

    async def _rows(self, kind: Timed, after: Key | None) -> list[RowMapping]:
        rows: list[RowMapping] = []
        if after is None or after[0] is not None:
            behind = None if after is None or after[0] is None else (after[0], after[1])
            query = timed(kind, self._session_id, self._window, behind, self._limit)
            rows += (await self._connection.execute(query)).mappings().all()
            after = None
        left = self._limit - len(rows)
        if left > 0 and self._window.whole:
            query = untimed(kind, self._session_id, None if after is None else after[1], left)
            rows += (await self._connection.execute(query)).mappings().all()
        return rows

    async def _events(self, after: Key | None) -> list[Found]:
        window = self._window
        query = events_of(
            self._session_id,
            since=None if window.from_s is None else self._axis.to_wall(window.from_s),
            until=None if window.to_s is None else self._axis.to_wall(window.to_s),
            after=_event_key(after),
            limit=self._limit,
        )
        found: list[Found] = []
        for row in (await self._connection.execute(query)).mappings():
            start = self._axis.to_session(row["occurred_at"])
            fields = _fields(row, LifeEntry)
            entry = LifeEntry(start=start, end=None, at=row["occurred_at"], **fields)
            found.append((_key_of_event(row), entry))
        return found

    async def _turns(self, after: Key | None) -> list[Found]:
        """Fold segments from the first one of the last turn told, which is then left out."""
        folder = TurnFolder()
        found: list[Found] = []
        at = None
        if after is not None and after[0] is not None:
            at = (after[0], int(after[1]) - 1)
        wanted = self._limit + (0 if at is None else 1)
        while len(found) < wanted:
            query = timed(TRANSCRIPTS, self._session_id, self._window, at, MOST)
            rows = (await self._connection.execute(query)).mappings().all()
            turns = folder.fold(rows)
            if len(rows) < MOST:
                turns += folder.close()
            found += [((turn.start, key), turn) for key, turn in turns]
            if len(rows) < MOST:
                break
            at = (rows[-1]["start"], rows[-1]["key"])
        return [one for one in found if one[0] != after][: self._limit]


def _audio(row: RowMapping) -> TimelineEntry:
    return AudioEntry(audio_file_id=row["key"], **_fields(row, AudioEntry))


def _transcript(row: RowMapping) -> TimelineEntry:
    return TranscriptEntry(
        text=row["transcript_text"],
        confidence=row["confidence_score"],
        translations={},
        **_fields(row, TranscriptEntry),
    )


def _translation(row: RowMapping) -> TimelineEntry:
    return TranslationEntry(**_fields(row, TranslationEntry))


_MAKERS: dict[TimelineKind, Callable[[RowMapping], TimelineEntry]] = {
    TimelineKind.AUDIO: _audio,
    TimelineKind.TRANSCRIPT: _transcript,
    TimelineKind.TRANSLATION: _translation,
}


async def _translated(connection: AsyncConnection, found: list[Found]) -> list[TimelineEntry]:
    """Return the entries, those of segments with every translation."""
    keys = [int(key[1]) for key, entry in found if isinstance(entry, TranscriptEntry)]
    texts: dict[int, dict[str, TranslatedText]] = {}
    if keys:
        for row in (await connection.execute(translations_of(keys))).mappings():
            text = TranslatedText(**_fields(row, TranslatedText))
            texts.setdefault(row["transcript_id"], {})[row["target_language"]] = text
    return [
        msgspec.structs.replace(entry, translations=texts.get(int(key[1]), {}))
        if isinstance(entry, TranscriptEntry)
        else entry
        for key, entry in found
    ]


def _dated(entry: TimelineEntry, axis: Axis) -> TimelineEntry:
    if entry.start is None:
        return entry
    if entry.at is not None:
        return msgspec.structs.replace(entry, start=round(entry.start, 3))
    return msgspec.structs.replace(entry, at=axis.to_wall(entry.start))


def _fields(row: RowMapping, kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {name: row[name] for name in kind.__struct_fields__ if name in row}


def _place(kind: TimelineKind, found: Found) -> tuple[bool, float, int, float, int | str]:
    """Return what entries are sorted by; events of the same second keep their own order."""
    (first, key), entry = found
    own = first if kind is TimelineKind.EVENT else None
    return entry.start is None, entry.start or 0.0, _ORDER[kind], own or 0.0, key


def _key_of(row: RowMapping) -> Key:
    return row["start"], row["key"]


def _key_of_event(row: RowMapping) -> Key:
    return (row["occurred_at"] - EPOCH) // timedelta(microseconds=1), row["key"]


def _event_key(key: Key | None) -> tuple[datetime, int] | None:
    if key is None or key[0] is None:
        return None
    return EPOCH + timedelta(microseconds=int(key[0])), int(key[1])


def _cursor(keys: dict[str, Key]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(keys)).decode().rstrip("=")


def _keys(cursor: str | None) -> dict[str, Key]:
    if not cursor:
        return {}
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        keys = msgspec.json.decode(data, type=dict[str, Key])
        for name, key in keys.items():
            whole = isinstance(key[1], int) and abs(key[1]) < 2**63
            if not (whole or TimelineKind(name) is TimelineKind.AUDIO):
                raise ValueError(name)
            _event_key(key if name == "event" else None)
    except (ValueError, OverflowError, msgspec.DecodeError) as error:
        message = "this is not the next_cursor of a page before"
        raise InvalidInput(message, field="cursor") from error
    return keys
