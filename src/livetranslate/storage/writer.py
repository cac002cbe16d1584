"""The writing of a session's events within one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.events import (
    SessionEnded,
    SessionError,
    SessionEvent,
    SessionStarted,
    SessionUpdated,
    SpeakerUpdate,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.storage.database import Database
from livetranslate.storage.rows import Row, clean, life_row, transcript_row, translation_row
from livetranslate.storage.statistics import write_statistics
from livetranslate.storage.tables import SessionEventRow, TranscriptRow, TranslationRow

SEGMENTS_AT_ONCE = 500
"""Segments named in one statement at most; SQLite bounds the number of parameters."""

_LIFE = (SessionStarted, SessionUpdated, SessionError)
"""Events that become one row each and touch no other."""


class SegmentWriter:
    """Writes events in their order, gathering rows so that each table is written at once.

    A row that is there already stays as it is: what is final does not change. A translation whose
    segment is not written yet is kept, and joined to it when the segment comes.

    Args:
        database: Knows the dialect.
        connection: In a writing transaction.
        session_id: The session of all events.
    """

    def __init__(self, database: Database, connection: AsyncConnection, session_id: str) -> None:
        self._database = database
        self._connection = connection
        self._session_id = session_id
        self._transcripts: list[Row] = []
        self._translations: list[TranslationResult] = []
        self._life: list[Row] = []

    @staticmethod
    def takes(event: SessionEvent) -> bool:
        """Whether there is anything to write for an event."""
        if isinstance(event, TranscriptionResult | TranslationResult):
            return event.is_final
        return isinstance(
            event, SpeakerUpdate | SessionStarted | SessionUpdated | SessionError | SessionEnded
        )

    async def write(self, event: SessionEvent) -> None:
        """Take an event; what is gathered goes in with the next flush."""
        match event:
            case TranscriptionResult(is_final=True):
                self._transcripts.append(transcript_row(event))
            case TranslationResult(is_final=True, error=None):
                self._translations.append(event)
            case TranslationResult(is_final=True):
                self._life.append(life_row(event))
            case SpeakerUpdate():
                await self.flush()
                await self._relabel(event)
                self._life.append(life_row(event))
            case SessionEnded():
                self._life.append(life_row(event))
                await self.flush()
                await write_statistics(self._database, self._connection, event)
            case SessionStarted() | SessionUpdated() | SessionError():  # as in _LIFE
                self._life.append(life_row(event))
            case _:
                pass

    async def flush(self) -> None:
        """Insert what is gathered: segments before their translations."""
        if self._transcripts:
            insert = self._database.insert_once(TranscriptRow)
            await self._connection.execute(insert, self._transcripts)
            await self._join_waiting([row["segment_id"] for row in self._transcripts])
        if self._translations:
            known = await self._known([event.segment_id for event in self._translations])
            rows = [
                translation_row(event, *known.get(event.segment_id, (None, None)))
                for event in self._translations
            ]
            insert = self._database.insert_once(TranslationRow)
            await self._connection.execute(insert, rows)
        if self._life:
            await self._connection.execute(self._database.insert_once(SessionEventRow), self._life)
        self._transcripts, self._translations, self._life = [], [], []

    async def _known(self, segment_ids: list[str]) -> dict[str, tuple[int, datetime]]:
        """Return key and time of the segments that are written."""
        known: dict[str, tuple[int, datetime]] = {}
        for some in _portions(segment_ids):
            query = select(
                TranscriptRow.segment_id, TranscriptRow.transcript_id, TranscriptRow.committed_at
            ).where(
                TranscriptRow.session_id == self._session_id, TranscriptRow.segment_id.in_(some)
            )
            for segment_id, transcript_id, committed_at in await self._connection.execute(query):
                known[segment_id] = (transcript_id, committed_at)
        return known

    async def _join_waiting(self, segment_ids: list[str]) -> None:
        """Join translations that came before their segments."""
        segment = (
            select(TranscriptRow.transcript_id)
            .where(
                TranscriptRow.session_id == TranslationRow.session_id,
                TranscriptRow.segment_id == TranslationRow.segment_id,
            )
            .scalar_subquery()
        )
        for some in _portions(segment_ids):
            waiting = update(TranslationRow).where(
                TranslationRow.session_id == self._session_id,
                TranslationRow.segment_id.in_(some),
                TranslationRow.transcript_id.is_(None),
            )
            await self._connection.execute(waiting.values(transcript_id=segment))

    async def _relabel(self, event: SpeakerUpdate) -> None:
        """Give past segments their new speaker, unless a later event gave them one already."""
        values: dict[str, object] = {
            "speaker_id": clean(event.speaker_id),
            "speaker_event_id": event.event_id,
        }
        if event.speaker_name is not None:
            values["speaker_name"] = clean(event.speaker_name)
        for some in _portions(list(event.segment_ids)):
            await self._connection.execute(
                update(TranscriptRow)
                .where(
                    TranscriptRow.session_id == self._session_id,
                    TranscriptRow.segment_id.in_(some),
                    TranscriptRow.speaker_event_id <= event.event_id,
                )
                .values(values)
            )


async def write_lives(
    database: Database,
    connection: AsyncConnection,
    records: Sequence[tuple[str, Sequence[SessionEvent]]],
) -> list[tuple[str, Sequence[SessionEvent]]]:
    """Write at once what tells only of sessions' lives; return the records with more in them."""
    rows: list[Row] = []
    left: list[tuple[str, Sequence[SessionEvent]]] = []
    for session_id, events in records:
        lives = [event for event in events if isinstance(event, _LIFE)]
        if len(lives) == len(events):
            rows += [life_row(event) for event in lives]
        else:
            left.append((session_id, events))
    if rows:
        await connection.execute(database.insert_once(SessionEventRow), rows)
    return left


def _portions(names: list[str]) -> list[list[str]]:
    unique = list(dict.fromkeys(names))
    return [unique[at : at + SEGMENTS_AT_ONCE] for at in range(0, len(unique), SEGMENTS_AT_ONCE)]
