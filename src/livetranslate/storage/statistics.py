"""Totals of an ended session, from its rows and from what its worker counted."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.events import SessionEnded
from livetranslate.storage.database import Database
from livetranslate.storage.tables import (
    SessionRow,
    SessionStatisticsRow,
    TranscriptRow,
    TranslationRow,
)


async def write_statistics(
    database: Database, connection: AsyncConnection, event: SessionEnded
) -> None:
    """Write the totals; again when the same end is written again with more segments known."""
    session_id = event.session_id
    query = select(SessionRow.started_at, SessionRow.created_at, SessionRow.target_languages)
    session = (
        await connection.execute(query.where(SessionRow.session_id == session_id))
    ).one_or_none()
    if session is None:
        return
    spoken = await _spoken(connection, session_id)
    translated = await _translated(connection, session_id, session.target_languages)
    begun = session.started_at or session.created_at
    counted = event.statistics
    row: dict[str, Any] = {
        "session_id": session_id,
        "duration_s": max(0.0, (event.timestamp - begun).total_seconds()),
        "audio_s": counted.audio_s,
        "speech_s": counted.speech_s,
        "inference_s": counted.inference_s,
        "chunks": counted.chunks,
        **spoken,
        **translated,
    }
    insert = database.insert(SessionStatisticsRow).values(row)
    changes = {name: value for name, value in row.items() if name != "session_id"}
    await connection.execute(
        insert.on_conflict_do_update(index_elements=["session_id"], set_=changes)
    )


async def _spoken(connection: AsyncConnection, session_id: str) -> dict[str, Any]:
    """Return the totals of the session's segments, by language and by speaker."""
    query = (
        select(
            TranscriptRow.language,
            TranscriptRow.speaker_id,
            func.max(TranscriptRow.speaker_name),
            func.count(),
            func.sum(TranscriptRow.word_count),
            func.sum(func.coalesce(TranscriptRow.end_time - TranscriptRow.start_time, 0.0)),
            func.sum(TranscriptRow.confidence_score),
            func.count(TranscriptRow.confidence_score),
        )
        .where(TranscriptRow.session_id == session_id)
        .group_by(TranscriptRow.language, TranscriptRow.speaker_id)
    )
    languages: dict[str, int] = {}
    speakers: dict[str, dict[str, Any]] = {}
    segments, words, scored, score = 0, 0, 0, 0.0
    for row in await connection.execute(query):
        language, speaker, name, count, said, seconds, row_score, row_scored = row
        segments, words = segments + count, words + said
        scored, score = scored + row_scored, score + (row_score or 0.0)
        if language is not None:
            languages[language] = languages.get(language, 0) + count
        if speaker is not None:
            empty = {"name": None, "segments": 0, "words": 0, "speaking_s": 0.0}
            one = speakers.setdefault(speaker, empty)
            one["name"] = name or one["name"]
            one["segments"] += count
            one["words"] += said
            one["speaking_s"] += seconds
    total = sum(one["speaking_s"] for one in speakers.values())
    for one in speakers.values():
        one["share"] = one["speaking_s"] / total if total else None
    return {
        "segments": segments,
        "words": words,
        "languages": languages,
        "mean_confidence": score / scored if scored else None,
        "speakers": speakers,
    }


async def _translated(
    connection: AsyncConnection, session_id: str, wanted: list[str]
) -> dict[str, Any]:
    """Return the totals of the session's translations.

    A segment spoken in the language wanted needs no translation, so it does not count as missing.
    """
    mine = TranslationRow.session_id == session_id
    found = await connection.execute(
        select(TranslationRow.target_language, TranslationRow.latency_ms).where(mine)
    )
    rows = found.all()
    targets = set(wanted) | {row.target_language for row in rows}
    segments = await connection.execute(
        select(TranscriptRow.language, func.count())
        .where(TranscriptRow.session_id == session_id)
        .group_by(TranscriptRow.language)
    )
    due = sum(count * len(targets - {language}) for language, count in segments)
    latencies = sorted(row.latency_ms for row in rows if row.latency_ms is not None)
    return {
        "translations": len(rows),
        "translation_coverage": min(1.0, len(rows) / due) if due else None,
        "translation_latency_p50_ms": _percentile(latencies, 0.50),
        "translation_latency_p95_ms": _percentile(latencies, 0.95),
        "translation_latency_p99_ms": _percentile(latencies, 0.99),
    }


def _percentile(ordered: list[float], share: float) -> float | None:
    """Return the smallest value that at least ``share`` of all do not exceed (nearest rank)."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
