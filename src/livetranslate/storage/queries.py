"""The statements of all reads, apart from what runs them, so that their plans can be read too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_, union

from livetranslate.domain.session import SessionStatus
from livetranslate.storage.found import SessionFilter
from livetranslate.storage.search import transcripts_hold, translations_hold, words_of
from livetranslate.storage.tables import (
    SessionRow,
    SessionStatisticsRow,
    TranscriptRow,
    TranslationRow,
)

Query = Select[*tuple[Any, ...]]
"""A SELECT whose columns are told by name."""

_SESSION: tuple[Any, ...] = (
    SessionRow.session_id,
    SessionRow.kind,
    SessionRow.title,
    SessionRow.meeting_url,
    SessionRow.status,
    SessionRow.language,
    SessionRow.target_languages,
    SessionRow.created_at,
    SessionRow.started_at,
    SessionRow.ended_at,
    SessionRow.end_reason,
    SessionRow.error,
    SessionStatisticsRow.segments,
    SessionStatisticsRow.words,
    SessionStatisticsRow.translations,
)
_SEGMENT: tuple[Any, ...] = (
    TranscriptRow.transcript_id,
    TranscriptRow.session_id,
    TranscriptRow.segment_id,
    TranscriptRow.transcript_text,
    TranscriptRow.language,
    TranscriptRow.confidence_score,
    TranscriptRow.start_time,
    TranscriptRow.end_time,
    TranscriptRow.speaker_id,
    TranscriptRow.speaker_name,
    TranscriptRow.words,
)
_STATISTICS = SessionStatisticsRow.session_id == SessionRow.session_id


def open_sessions() -> Query:
    """Return the query of sessions that have not ended, oldest first, with their creation."""
    states = [SessionStatus.INITIALIZING.value, SessionStatus.ACTIVE.value]
    query = _select(SessionRow.session_id, SessionRow.created_at)
    return query.where(SessionRow.status.in_(states)).order_by(SessionRow.created_at)


def ended_before(moment: datetime) -> Query:
    """Return the query of sessions that ended before a moment, the oldest first."""
    ended = [SessionStatus.COMPLETED.value, SessionStatus.FAILED.value]
    query = _select(SessionRow.session_id).where(SessionRow.ended_at < moment)
    return query.where(SessionRow.status.in_(ended)).order_by(SessionRow.ended_at)


def list_sessions(
    wanted: SessionFilter, after: tuple[datetime, str] | None, *, sqlite: bool
) -> Query:
    """Return the query of sessions, newest first.

    Args:
        wanted: Which ones.
        after: Creation and id of the last one of the page before.
        sqlite: Which database it is for.
    """
    key = tuple_(SessionRow.created_at, SessionRow.session_id)
    query = _select(*_SESSION).outerjoin(SessionStatisticsRow, _STATISTICS)
    query = query.order_by(SessionRow.created_at.desc(), SessionRow.session_id.desc())
    if wanted.status is not None:
        query = query.where(SessionRow.status == wanted.status.value)
    if wanted.kind is not None:
        query = query.where(SessionRow.kind == wanted.kind)
    if wanted.since is not None:
        query = query.where(SessionRow.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(SessionRow.created_at < wanted.until)
    if wanted.language is not None:
        query = query.where(_in_language(wanted.language))
    if wanted.q is not None:
        query = query.where(_about(wanted.q, sqlite=sqlite))
    return query if after is None else query.where(key < after)


def one_session(session_id: str) -> Query:
    """Return the query of one session with its configuration."""
    columns = (*_SESSION, SessionRow.bot_config, SessionRow.metadata_.label("metadata"))
    query = _select(*columns).outerjoin(SessionStatisticsRow, _STATISTICS)
    return query.where(SessionRow.session_id == session_id)


def statistics_of(session_id: str) -> Query:
    """Return the query of a session's totals."""
    query = _select(*SessionStatisticsRow.__table__.c)
    return query.where(SessionStatisticsRow.session_id == session_id)


def spoken_in(session_id: str) -> Query:
    """Return the query of the languages spoken in a session."""
    query = _select(TranscriptRow.language).distinct().order_by(TranscriptRow.language)
    return query.where(TranscriptRow.session_id == session_id, TranscriptRow.language.is_not(None))


def counts_of_segments(session_ids: Sequence[str]) -> Query:
    """Return the query of segments and words of each session."""
    query = _select(TranscriptRow.session_id, func.count(), func.sum(TranscriptRow.word_count))
    query = query.where(TranscriptRow.session_id.in_(session_ids))
    return query.group_by(TranscriptRow.session_id)


def counts_of_translations(session_ids: Sequence[str]) -> Query:
    """Return the query of translations of each session."""
    query = _select(TranslationRow.session_id, func.count())
    query = query.where(TranslationRow.session_id.in_(session_ids))
    return query.group_by(TranslationRow.session_id)


def segments_of(session_id: str) -> Query:
    """Return the query of a session's segments in order of speech, those without a time last."""
    query = _select(*_SEGMENT).where(TranscriptRow.session_id == session_id)
    return query.order_by(TranscriptRow.start_time.nulls_last(), TranscriptRow.transcript_id)


def translations_of_session(session_id: str) -> Query:
    """Return the query of a session's translations."""
    return _translations().where(TranslationRow.session_id == session_id)


def translations_of(transcript_ids: Sequence[int]) -> Query:
    """Return the query of the translations of some segments."""
    return _translations().where(TranslationRow.transcript_id.in_(transcript_ids))


def search_segments(q: str, *, session_id: str | None, before: int | None, sqlite: bool) -> Query:
    """Return the query of segments in which all words of ``q`` are, or in a translation of which.

    Args:
        q: The words; raises InvalidInput if there are none.
        session_id: Only in this session.
        before: Key of the last segment of the page before.
        sqlite: Which database it is for.
    """
    words = words_of(q)
    own = select(TranscriptRow.transcript_id).where(transcripts_hold(words, sqlite=sqlite))
    translated = select(TranslationRow.transcript_id).where(
        TranslationRow.transcript_id.is_not(None), translations_hold(words, sqlite=sqlite)
    )
    if session_id is not None:
        own = own.where(TranscriptRow.session_id == session_id)
        translated = translated.where(TranslationRow.session_id == session_id)
    found = union(own, translated).subquery()
    query = (
        _select(*_SEGMENT, SessionRow.title, SessionRow.created_at)
        .join(SessionRow, SessionRow.session_id == TranscriptRow.session_id)
        .where(TranscriptRow.transcript_id.in_(select(found.c.transcript_id)))
        .order_by(TranscriptRow.transcript_id.desc())
    )
    return query if before is None else query.where(TranscriptRow.transcript_id < before)


def _select(*columns: Any) -> Query:
    return cast(Query, select(*columns))


def _translations() -> Query:
    return _select(
        TranslationRow.transcript_id,
        TranslationRow.target_language,
        TranslationRow.translated_text,
        TranslationRow.source_language,
        TranslationRow.confidence,
        TranslationRow.engine,
    ).order_by(TranslationRow.target_language)


def _in_language(language: str) -> ColumnElement[bool]:
    """Return the condition that a session is in a language, whichever way.

    Asked of one session after the other, by index, so that a page costs no reading of all
    segments; PostgreSQL would turn EXISTS into just that.
    """
    spoken = select(TranscriptRow.transcript_id).where(
        TranscriptRow.session_id == SessionRow.session_id, TranscriptRow.language == language
    )
    translated = select(TranslationRow.translation_id).where(
        TranslationRow.session_id == SessionRow.session_id,
        TranslationRow.target_language == language,
    )
    return or_(
        SessionRow.language == language,
        spoken.limit(1).correlate(SessionRow).scalar_subquery().is_not(None),
        translated.limit(1).correlate(SessionRow).scalar_subquery().is_not(None),
    )


def _about(q: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Return the condition that a session's title, segments or translations hold words."""
    words = words_of(q)
    spoken = select(TranscriptRow.session_id).where(transcripts_hold(words, sqlite=sqlite))
    translated = select(TranslationRow.session_id).where(translations_hold(words, sqlite=sqlite))
    return or_(
        SessionRow.title.icontains(q, autoescape=True),
        SessionRow.session_id.in_(spoken),
        SessionRow.session_id.in_(translated),
    )
