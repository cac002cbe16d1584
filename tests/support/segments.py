"""Segments as a recogniser yields them."""

from __future__ import annotations

from datetime import UTC, datetime

from livetranslate.domain.events import TranscriptionResult

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def segment(
    name: str, text: str, *, final: bool = True, language: str | None = "en"
) -> TranscriptionResult:
    """Return the state of a segment."""
    return TranscriptionResult(
        session_id="s-1",
        timestamp=NOON,
        segment_id=name,
        text=text,
        language=language,
        confidence=0.9,
        start=0.0,
        end=1.0,
        speaker_id="sp-1",
        speaker_name="Ann",
        is_final=final,
        words=(),
    )
