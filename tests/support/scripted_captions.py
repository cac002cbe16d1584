"""Events to put into a script: what a recogniser and a translator would say."""

from __future__ import annotations

from tests.support.scripted_platform import now

from livetranslate.domain.events import TranscriptionResult, TranslationResult, Vad
from livetranslate.domain.speech import Word


def said(
    segment: int,
    text: str,
    *,
    committed: int | None = None,
    speaker: tuple[str, str | None] | None = None,
) -> TranscriptionResult:
    """Return a segment's present text; final unless ``committed`` counts its committed words."""
    words = text.split()
    speaker_id, speaker_name = speaker or (None, None)
    return TranscriptionResult(
        session_id="-",
        timestamp=now(),
        segment_id=f"seg-{segment:04}",
        text=text,
        language="en",
        confidence=0.9,
        start=4.0 * segment,
        end=4.0 * segment + 3,
        speaker_id=speaker_id,
        speaker_name=speaker_name,
        is_final=committed is None,
        words=tuple(
            Word(
                word=word,
                start=4.0 * segment,
                end=4.0 * segment + 1,
                confidence=0.9,
                committed=committed is None or index < committed,
            )
            for index, word in enumerate(words)
        ),
    )


def translated(
    segment: int, text: str, *, final: bool = True, language: str = "es", error: str | None = None
) -> TranslationResult:
    """Return a segment's translation."""
    return TranslationResult(
        session_id="-",
        timestamp=now(),
        segment_id=f"seg-{segment:04}",
        translated_text=text,
        source_language="en",
        target_language=language,
        confidence=None,
        is_final=final,
        engine="apertium",
        error=error,
    )


def speech(begins: bool) -> Vad:
    """Return that speech began or ended."""
    return Vad(session_id="-", timestamp=now(), speech=begins, level_dbfs=-20.0)
