"""The statements of the timeline: one a kind, each in the order of an index, from a key on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import and_, or_, select

from livetranslate.storage.queries import Query
from livetranslate.storage.tables import (
    AudioFileRow,
    SessionEventRow,
    SessionRow,
    TranscriptRow,
    TranslationRow,
)

LONGEST_S = 3600.0
"""Nothing that begins longer before a window reaches into it; so no query reads all before it."""


@dataclass(frozen=True)
class Window:
    """A part of a session in its seconds; None is open. What overlaps it is in it."""

    from_s: float | None = None
    to_s: float | None = None

    @property
    def whole(self) -> bool:
        """Whether it is the whole session, with what has no time."""
        return self.from_s is None and self.to_s is None


@dataclass(frozen=True)
class Timed:
    """A kind of entries with seconds, and which columns tell their order.

    Attributes:
        columns: What is selected, with the names ``start``, ``end`` and ``key`` among them.
        session: Column of the session.
        start: Column of the begin; indexed behind the session.
        end: Column of the end.
        key: Column of the key.
        joined: Table joined, and how.
    """

    columns: tuple[Any, ...]
    session: Any
    start: Any
    end: Any
    key: Any
    joined: tuple[Any, Any] | None = None


AUDIO = Timed(
    columns=(
        AudioFileRow.audio_file_id.label("key"),
        AudioFileRow.start_time.label("start"),
        AudioFileRow.end_time.label("end"),
        AudioFileRow.chunk_id,
        AudioFileRow.codec,
        AudioFileRow.quality,
    ),
    session=AudioFileRow.session_id,
    start=AudioFileRow.start_time,
    end=AudioFileRow.end_time,
    key=AudioFileRow.audio_file_id,
)
TRANSCRIPTS = Timed(
    columns=(
        TranscriptRow.transcript_id.label("key"),
        TranscriptRow.start_time.label("start"),
        TranscriptRow.end_time.label("end"),
        TranscriptRow.segment_id,
        TranscriptRow.transcript_text,
        TranscriptRow.language,
        TranscriptRow.confidence_score,
        TranscriptRow.source,
        TranscriptRow.speaker_id,
        TranscriptRow.speaker_name,
        TranscriptRow.word_count,
    ),
    session=TranscriptRow.session_id,
    start=TranscriptRow.start_time,
    end=TranscriptRow.end_time,
    key=TranscriptRow.transcript_id,
)
TRANSLATIONS = Timed(
    columns=(
        TranslationRow.translation_id.label("key"),
        TranscriptRow.start_time.label("start"),
        TranscriptRow.end_time.label("end"),
        TranslationRow.segment_id,
        TranslationRow.translated_text,
        TranslationRow.source_language,
        TranslationRow.target_language,
        TranslationRow.engine,
        TranslationRow.confidence,
        TranslationRow.latency_ms,
        TranscriptRow.speaker_id,
        TranscriptRow.speaker_name,
    ),
    session=TranscriptRow.session_id,
    start=TranscriptRow.start_time,
    end=TranscriptRow.end_time,
    key=TranslationRow.translation_id,
    joined=(TranslationRow, TranslationRow.transcript_id == TranscriptRow.transcript_id),
)


def timed(
    kind: Timed, session_id: str, window: Window, after: tuple[float, Any] | None, limit: int
) -> Query:
    """Return the query of entries that have a time.

    Args:
        kind: Which ones.
        session_id: The session.
        window: In this part of it.
        after: Start and key of the last one before.
        limit: Entries at most.
    """
    query = _from(kind).where(kind.session == session_id, kind.start.is_not(None))
    if window.from_s is not None:
        reaching = or_(kind.start >= window.from_s, kind.end > window.from_s)
        query = query.where(kind.start > window.from_s - LONGEST_S, reaching)
    if window.to_s is not None:
        query = query.where(kind.start < window.to_s)
    if after is not None:
        start, key = after
        behind = or_(kind.start > start, and_(kind.start == start, kind.key > key))
        query = query.where(kind.start >= start, behind)
    return query.order_by(kind.start, kind.key).limit(limit)


def untimed(kind: Timed, session_id: str, after: Any | None, limit: int) -> Query:
    """Return the query of entries whose time is not known, in order of their keys."""
    if kind is TRANSLATIONS:
        query = cast(Query, select(*kind.columns).select_from(TranslationRow))
        query = query.outerjoin(
            TranscriptRow, TranscriptRow.transcript_id == TranslationRow.transcript_id
        ).where(TranslationRow.session_id == session_id)
    else:
        query = _from(kind).where(kind.session == session_id)
    query = query.where(kind.start.is_(None))
    if after is not None:
        query = query.where(kind.key > after)
    return query.order_by(kind.key).limit(limit)


def events_of(
    session_id: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    types: tuple[str, ...] = (),
    severity: str | None = None,
    after: tuple[datetime, int] | None = None,
    limit: int,
) -> Query:
    """Return the query of a session's events, in order.

    Args:
        session_id: The session.
        since: At this moment or later.
        until: Before this moment.
        types: Of one of these types; empty for all.
        severity: Of this severity.
        after: Time and key of the last one before.
        limit: Events at most.
    """
    table, at, key = SessionEventRow, SessionEventRow.occurred_at, SessionEventRow.session_event_id
    query = _select(
        key.label("key"), table.event_type, table.severity, table.source, table.data, at
    ).where(table.session_id == session_id)
    if since is not None:
        query = query.where(at >= since)
    if until is not None:
        query = query.where(at < until)
    if types:
        query = query.where(table.event_type.in_(types))
    if severity is not None:
        query = query.where(table.severity == severity)
    if after is not None:
        moment, number = after
        query = query.where(at >= moment, or_(at > moment, and_(at == moment, key > number)))
    return query.order_by(at, key).limit(limit)


def clocks_of(session_id: str) -> Query:
    """Return the query of what is known of a session's clocks."""
    return _select(
        SessionRow.first_sample_at, SessionRow.started_at, SessionRow.created_at, SessionRow.timing
    ).where(SessionRow.session_id == session_id)


def words_of_session(session_id: str, limit: int) -> Query:
    """Return the query of the words heard in a session, of its newest segments first."""
    query = _select(TranscriptRow.words, TranscriptRow.speaker_id, TranscriptRow.start_time,
                    TranscriptRow.end_time)  # fmt: skip
    query = query.where(
        TranscriptRow.session_id == session_id, TranscriptRow.start_time.is_not(None)
    )
    return query.order_by(TranscriptRow.start_time.desc()).limit(limit)


def _from(kind: Timed) -> Query:
    query = _select(*kind.columns).select_from(kind.session.class_)
    return query.join(*kind.joined) if kind.joined else query


def _select(*columns: Any) -> Query:
    return cast(Query, select(*columns))
