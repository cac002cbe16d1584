"""Events of a session as rows to insert; values a database would refuse are made harmless."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import msgspec

from livetranslate.domain.events import (
    Event,
    SessionEnded,
    SessionError,
    SessionStarted,
    SessionUpdated,
    SpeakerUpdate,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.session import SessionConfig, SessionStatus

Row = dict[str, Any]

LifeEvent = SessionStarted | SessionUpdated | SessionError | SessionEnded | SpeakerUpdate

SOURCE = "whisper"
"""Where segments come from that our recognisers wrote."""

TRANSCRIPT_COLUMNS = (
    *("session_id", "segment_id", "transcript_text", "language", "confidence_score", "source"),
    *("speaker_id", "speaker_name", "speaker_event_id", "start_time", "end_time", "word_count"),
    *("words", "committed_at"),
)
TRANSLATION_COLUMNS = (
    *("session_id", "segment_id", "transcript_id", "translated_text", "source_language"),
    *("target_language", "confidence", "engine", "latency_ms", "translated_at"),
)
LIFE_COLUMNS = (
    *("session_id", "event_id", "event_type", "severity", "source", "data", "occurred_at"),
)


def clean(text: str) -> str:
    """Return text without NUL characters, which PostgreSQL refuses."""
    return text.replace("\x00", "") if "\x00" in text else text


def clean_or_none(text: str | None) -> str | None:
    """Return text without NUL characters, or None."""
    return None if text is None else clean(text)


def finite(value: float | None) -> float | None:
    """Return the number, or None for none, NaN and infinities."""
    return value if value is not None and math.isfinite(value) else None


def session_row(session_id: str, kind: str, config: SessionConfig, created_at: datetime) -> Row:
    """Return the row of a new session.

    Title and meeting come from the client's own metadata, where they are texts.
    """
    asked: dict[str, Any] = msgspec.to_builtins(config)
    metadata: dict[str, Any] = asked.pop("metadata", {})
    title, meeting_url = metadata.get("title"), metadata.get("meeting_url")
    return {
        "session_id": session_id,
        "kind": kind,
        "meeting_url": clean(meeting_url) if isinstance(meeting_url, str) else None,
        "title": clean(title) if isinstance(title, str) else None,
        "status": SessionStatus.INITIALIZING.value,
        "bot_config": asked,
        "language": config.language,
        "target_languages": list(config.target_languages),
        "metadata": metadata,
        "created_at": created_at,
    }


def transcript_row(event: TranscriptionResult) -> Row:
    """Return the row of a final segment."""
    return {
        "session_id": event.session_id,
        "segment_id": event.segment_id,
        "transcript_text": clean(event.text),
        "language": clean_or_none(event.language),
        "confidence_score": finite(event.confidence),
        "source": SOURCE,
        "speaker_id": clean_or_none(event.speaker_id),
        "speaker_name": clean_or_none(event.speaker_name),
        "speaker_event_id": event.event_id,
        "start_time": finite(event.start),
        "end_time": finite(event.end),
        "word_count": len(event.words),
        "words": event.words,
        "committed_at": event.timestamp,
    }


def translation_row(
    event: TranslationResult, transcript_id: int | None, committed_at: datetime | None
) -> Row:
    """Return the row of a final translation.

    Args:
        event: The translation.
        transcript_id: Row of the segment it translates, if that is written.
        committed_at: When that segment became final.
    """
    latency = (event.timestamp - committed_at).total_seconds() * 1000 if committed_at else None
    return {
        "session_id": event.session_id,
        "segment_id": event.segment_id,
        "transcript_id": transcript_id,
        "translated_text": clean(event.translated_text),
        "source_language": event.source_language,
        "target_language": event.target_language,
        "confidence": finite(event.confidence),
        "engine": clean_or_none(event.engine),
        "latency_ms": latency,
        "translated_at": event.timestamp,
    }


def life_row(event: LifeEvent | TranslationResult) -> Row:
    """Return the row of an event in the session's life; a translation only if it failed."""
    data: dict[str, Any] = msgspec.to_builtins(event)
    kind: str = data.pop("type")
    for name in Event.__struct_fields__:
        data.pop(name)
    severity, source = "info", "session"
    if isinstance(event, TranslationResult):
        kind, severity, source = "translation_failed", "warning", "translation"
    elif isinstance(event, SpeakerUpdate):
        source = "speakers"
        data["segments"] = len(data.pop("segment_ids"))
        data.pop("correlation", None)  # has a table of its own, and may hold a voice
    elif isinstance(event, SessionError):
        severity = "error" if event.fatal else "warning"
    return {
        "session_id": event.session_id,
        "event_id": event.event_id,
        "event_type": kind,
        "severity": severity,
        "source": source,
        "data": data,
        "occurred_at": event.timestamp,
    }
