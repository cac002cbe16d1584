"""Rows of the read queries as the structures that are given back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.speech import Word
from livetranslate.storage.found import SessionSummary, TranscriptSegment, TranslatedText
from livetranslate.storage.queries import (
    counts_of_segments,
    counts_of_translations,
    translations_of,
    translations_of_session,
)


async def summary_fields(
    connection: AsyncConnection, rows: Sequence[RowMapping]
) -> list[dict[str, Any]]:
    """Return the fields of ``SessionSummary`` for each row.

    Totals of ended sessions are read; those of live ones are counted.
    """
    live = [row["session_id"] for row in rows if row["segments"] is None]
    spoken: dict[str, tuple[int, int]] = {}
    translated: dict[str, int] = {}
    if live:
        for session_id, segments, words in await connection.execute(counts_of_segments(live)):
            spoken[session_id] = (segments, words)
        for session_id, translations in await connection.execute(counts_of_translations(live)):
            translated[session_id] = translations
    summaries: list[dict[str, Any]] = []
    for row in rows:
        fields = {name: row[name] for name in SessionSummary.__struct_fields__ if name in row}
        begun = row["started_at"] or row["created_at"]
        ended = row["ended_at"]
        fields["duration_s"] = (ended - begun).total_seconds() if ended else None
        if row["segments"] is None:
            fields["segments"], fields["words"] = spoken.get(row["session_id"], (0, 0))
            fields["translations"] = translated.get(row["session_id"], 0)
        summaries.append(fields)
    return summaries


async def load_segments(
    connection: AsyncConnection, rows: Sequence[RowMapping], *, session_id: str | None = None
) -> list[TranscriptSegment]:
    """Return the segments of rows with their translations.

    Args:
        connection: Where to read the translations.
        rows: Rows of segments.
        session_id: The session, if the rows are all of its segments.
    """
    if not rows:
        return []
    query = (
        translations_of_session(session_id)
        if session_id is not None
        else translations_of([row["transcript_id"] for row in rows])
    )
    translations: dict[int, dict[str, TranslatedText]] = {}
    for row in (await connection.execute(query)).mappings():
        fields = {name: row[name] for name in TranslatedText.__struct_fields__}
        of_segment = translations.setdefault(row["transcript_id"], {})
        of_segment[row["target_language"]] = TranslatedText(**fields)
    return [_segment(row, translations.get(row["transcript_id"], {})) for row in rows]


def _segment(row: RowMapping, translations: dict[str, TranslatedText]) -> TranscriptSegment:
    return TranscriptSegment(
        segment_id=row["segment_id"],
        text=row["transcript_text"],
        language=row["language"],
        confidence=row["confidence_score"],
        start=row["start_time"],
        end=row["end_time"],
        speaker_id=row["speaker_id"],
        speaker_name=row["speaker_name"],
        words=list(_words(row["words"])),
        translations=translations,
    )


def _words(stored: Iterable[dict[str, Any]]) -> Iterable[Word]:
    """Return words; those whose times are missing (NaN has no JSON) take no part."""
    for word in stored:
        if word["start"] is not None and word["end"] is not None:
            yield msgspec.convert(word, Word)
