"""Events of a session, made short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from livetranslate.domain.events import (
    SessionEnded,
    SessionStarted,
    SpeakerUpdate,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.session import (
    AppliedConfig,
    EndReason,
    PolicyName,
    SessionConfig,
    SessionStatistics,
)
from livetranslate.domain.speakers import SpeakerSource
from livetranslate.domain.speech import Word

T0 = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def segment(
    session_id: str,
    number: int,
    text: str = "hello world",
    *,
    language: str | None = "en",
    confidence: float | None = 0.5,
    speaker: str | None = None,
    is_final: bool = True,
) -> TranscriptionResult:
    """The segment ``s{number}``, two seconds long, committed one second after its end."""
    start = number * 2.0
    words = tuple(
        Word(word, start + at_word * 0.25, start + at_word * 0.25 + 0.25, confidence, is_final)
        for at_word, word in enumerate(text.split())
    )
    return TranscriptionResult(
        session_id=session_id,
        event_id=10 * number + 10,
        timestamp=at(start + 3.0),
        segment_id=f"s{number}",
        text=text,
        language=language,
        confidence=confidence,
        start=start,
        end=start + 2.0,
        speaker_id=speaker,
        is_final=is_final,
        words=words,
    )


def translation(
    session_id: str,
    number: int,
    text: str = "hola mundo",
    *,
    target: str = "es",
    is_final: bool = True,
    error: str | None = None,
    lag_s: float = 0.5,
) -> TranslationResult:
    """A translation of ``s{number}``."""
    return TranslationResult(
        session_id=session_id,
        event_id=10 * number + 11,
        timestamp=at(number * 2.0 + 3.0 + lag_s),
        segment_id=f"s{number}",
        translated_text=text,
        source_language="en",
        target_language=target,
        confidence=0.25,
        is_final=is_final,
        engine="apertium",
        error=error,
    )


def speaker(
    session_id: str, event_id: int, speaker_id: str, name: str | None, *numbers: int
) -> SpeakerUpdate:
    return SpeakerUpdate(
        session_id=session_id,
        event_id=event_id,
        timestamp=at(60),
        speaker_id=speaker_id,
        speaker_name=name,
        segment_ids=tuple(f"s{number}" for number in numbers),
        source=SpeakerSource.MANUAL,
        confidence=1.0,
    )


def started(session_id: str, config: SessionConfig | None = None) -> SessionStarted:
    return SessionStarted(
        session_id=session_id,
        event_id=1,
        timestamp=at(1),
        config=AppliedConfig(
            config=config or SessionConfig(),
            engine="pocketsphinx",
            engine_reason="it is here",
            model="en-us",
            device="cpu",
            compute_type="float32",
            policy=PolicyName.LOCAL_AGREEMENT,
        ),
    )


def ended(session_id: str, seconds: float = 90.0) -> SessionEnded:
    return SessionEnded(
        session_id=session_id,
        event_id=1_000_000,
        timestamp=at(seconds),
        reason=EndReason.CLIENT_ENDED,
        statistics=SessionStatistics(audio_s=80.0, speech_s=60.0, chunks=800, inference_s=4.0),
    )
