"""Totals of an ended session, from its rows and from what its worker counted."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.events import SessionEnded
from livetranslate.storage.database import Database
from livetranslate.storage.tables import (
    SessionEventRow,
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
    spoken = await spoken_totals(connection, session_id)
    speaking_s = spoken.pop("speaking_s")
    translated = await translated_totals(connection, session_id, session.target_languages)
    begun = session.started_at or session.created_at
    counted = event.statistics
    row: dict[str, Any] = {
        "session_id": session_id,
        "duration_s": max(0.0, (event.timestamp - begun).total_seconds()),
        "audio_s": counted.audio_s,
        # A session that no worker brought to its end was counted by nobody.
        "speech_s": counted.speech_s or speaking_s,
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


async def spoken_totals(connection: AsyncConnection, session_id: str) -> dict[str, Any]:
    """Return the totals of the session's segments, by language and by speaker.

    These are the columns of ``session_statistics``, and ``speaking_s``: the segments' seconds.
    """
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
    segments, words, scored, score, speaking_s = 0, 0, 0, 0.0, 0.0
    for row in await connection.execute(query):
        language, speaker, name, count, said, seconds, row_score, row_scored = row
        segments, words = segments + count, words + said
        scored, score = scored + row_scored, score + (row_score or 0.0)
        speaking_s += seconds
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
        "speaking_s": speaking_s,
    }


async def translated_totals(
    connection: AsyncConnection, session_id: str, wanted: list[str]
) -> dict[str, Any]:
    """Return the totals of the session's translations, the columns of ``session_statistics``.

    Wanted is each segment's translation into the languages asked for when it became final; one
    spoken in such a language needs none into that.

    Args:
        connection: Where to read.
        session_id: The session.
        wanted: The target languages asked for at first.
    """
    found = await connection.execute(
        select(TranslationRow.latency_ms).where(TranslationRow.session_id == session_id)
    )
    every = list(found.scalars())
    latencies = sorted(latency for latency in every if latency is not None)
    due, done = 0, 0
    for targets, since, until in await _periods(connection, session_id, wanted):
        mine = [TranscriptRow.session_id == session_id]
        if since is not None:
            mine.append(TranscriptRow.committed_at >= since)
        if until is not None:
            mine.append(TranscriptRow.committed_at < until)
        spoken = select(TranscriptRow.language, func.count()).where(*mine)
        for language, count in await connection.execute(spoken.group_by(TranscriptRow.language)):
            due += count * len(targets - {language})
        same = TranslationRow.target_language == func.coalesce(TranscriptRow.language, "")
        made = select(func.count()).select_from(TranscriptRow)
        made = made.join(
            TranslationRow, TranslationRow.transcript_id == TranscriptRow.transcript_id
        )
        made = made.where(*mine, TranslationRow.target_language.in_(targets), ~same)
        done += (await connection.execute(made)).scalar_one()
    return {
        "translations": len(every),
        "translation_coverage": done / due if due else None,
        "translation_latency_p50_ms": _percentile(latencies, 0.50),
        "translation_latency_p95_ms": _percentile(latencies, 0.95),
        "translation_latency_p99_ms": _percentile(latencies, 0.99),
    }


async def _periods(
    connection: AsyncConnection, session_id: str, wanted: list[str]
) -> list[tuple[set[str], datetime | None, datetime | None]]:
    """Return the target languages asked for, with begin and end of the time they were."""
    query = select(SessionEventRow.data, SessionEventRow.occurred_at).where(
        SessionEventRow.session_id == session_id,
        SessionEventRow.event_type == "session_updated",
    )
    targets, since = set(wanted), None
    periods: list[tuple[set[str], datetime | None, datetime | None]] = []
    for data, at in await connection.execute(query.order_by(SessionEventRow.occurred_at)):
        changed = data.get("config", {}).get("target_languages")
        if changed is not None:
            periods.append((targets, since, at))
            targets, since = set(changed), at
    return [*periods, (targets, since, None)]


def _percentile(ordered: list[float], share: float) -> float | None:
    """Return the smallest value that at least ``share`` of all do not exceed (nearest rank)."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
