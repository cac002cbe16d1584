"""The writing of sessions' events within one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from sqlalchemy import case, select, update
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
from livetranslate.storage.inserting import RowInsert
from livetranslate.storage.rows import (
    LIFE_COLUMNS,
    TRANSCRIPT_COLUMNS,
    TRANSLATION_COLUMNS,
    Row,
    clean,
    life_row,
    transcript_row,
    translation_row,
)
from livetranslate.storage.statistics import write_statistics
from livetranslate.storage.stored_audio import link_stored_audio
from livetranslate.storage.tables import SessionEventRow, TranscriptRow, TranslationRow
from livetranslate.storage.voices import correlation_of, count_speech, write_correlation

Name = TypeVar("Name")

NAMES_AT_ONCE = 500
"""Sessions and segments named in one statement at most; SQLite bounds the parameters."""

SegmentKey = tuple[str, str]
"""Session and segment."""

_INSERT_SEGMENTS = RowInsert(TranscriptRow, TRANSCRIPT_COLUMNS)
_INSERT_TRANSLATIONS = RowInsert(TranslationRow, TRANSLATION_COLUMNS)
_INSERT_EVENTS = RowInsert(SessionEventRow, LIFE_COLUMNS)


class EventWriter:
    """Writes events of any sessions, each session's in its order; rows gather per table.

    A row that is there already stays as it is: what is final does not change. A translation whose
    segment is not written yet is kept, and joined to it when the segment comes.

    Args:
        database: Knows the dialect.
        connection: In a writing transaction.
    """

    def __init__(self, database: Database, connection: AsyncConnection) -> None:
        self._database = database
        self._connection = connection
        self._segments: list[Row] = []
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
                self._segments.append(transcript_row(event))
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
                await count_speech(self._connection, event.session_id)
                await link_stored_audio(self._connection, event.session_id)
                await write_statistics(self._database, self._connection, event)
            case SessionStarted() | SessionUpdated() | SessionError():
                self._life.append(life_row(event))
            case _:
                pass

    async def flush(self) -> None:
        """Insert what is gathered: segments before their translations."""
        if self._segments:
            await _INSERT_SEGMENTS.run(self._connection, self._segments)
            await self._join_waiting({row["session_id"] for row in self._segments})
        if self._translations:
            known = await self._known(self._translations)
            rows = [
                translation_row(event, *known.get(_segment_of(event), (None, None)))
                for event in self._translations
            ]
            await _INSERT_TRANSLATIONS.run(self._connection, rows)
        if self._life:
            await _INSERT_EVENTS.run(self._connection, self._life)
        self._segments, self._translations, self._life = [], [], []

    async def _known(
        self, events: list[TranslationResult]
    ) -> dict[SegmentKey, tuple[int, datetime]]:
        """Return key and time of the segments that are written."""
        known: dict[SegmentKey, tuple[int, datetime]] = {}
        for some in portions(_segment_of(event) for event in events):
            query = select(
                TranscriptRow.session_id,
                TranscriptRow.segment_id,
                TranscriptRow.transcript_id,
                TranscriptRow.committed_at,
            ).where(
                TranscriptRow.session_id.in_({session_id for session_id, _ in some}),
                TranscriptRow.segment_id.in_({segment_id for _, segment_id in some}),
            )
            for session_id, segment_id, key, at in await self._connection.execute(query):
                known[session_id, segment_id] = (key, at)
        return known

    async def _join_waiting(self, session_ids: Iterable[str]) -> None:
        """Join translations that came before their segments; hardly ever are there any."""
        segment = (
            select(TranscriptRow.transcript_id)
            .where(
                TranscriptRow.session_id == TranslationRow.session_id,
                TranscriptRow.segment_id == TranslationRow.segment_id,
            )
            .scalar_subquery()
        )
        for some in portions(sorted(session_ids)):
            waiting = update(TranslationRow).where(
                TranslationRow.session_id.in_(some), TranslationRow.transcript_id.is_(None)
            )
            await self._connection.execute(waiting.values(transcript_id=segment))

    async def _relabel(self, event: SpeakerUpdate) -> None:
        """Give past segments their new speaker, unless a later event gave them one already.

        With it goes what the name rests on.
        """
        await write_correlation(
            self._database,
            self._connection,
            event.session_id,
            correlation_of(event),
            at=event.timestamp,
            event_id=event.event_id,
        )
        values: dict[str, object] = {
            "speaker_id": clean(event.speaker_id),
            "speaker_event_id": event.event_id,
        }
        if event.speaker_name is not None:
            values["speaker_name"] = clean(event.speaker_name)
        else:
            same = TranscriptRow.speaker_id == values["speaker_id"]
            values["speaker_name"] = case((same, TranscriptRow.speaker_name), else_=None)
        for some in portions(event.segment_ids):
            await self._connection.execute(
                update(TranscriptRow)
                .where(
                    TranscriptRow.session_id == event.session_id,
                    TranscriptRow.segment_id.in_(some),
                    TranscriptRow.speaker_event_id <= event.event_id,
                )
                .values(values)
            )


def _segment_of(event: TranslationResult) -> SegmentKey:
    return event.session_id, event.segment_id


def portions(names: Iterable[Name]) -> Iterator[list[Name]]:
    """Yield names in parts that one statement may hold, each name once."""
    unique = list(dict.fromkeys(names))
    for at in range(0, len(unique), NAMES_AT_ONCE):
        yield unique[at : at + NAMES_AT_ONCE]
