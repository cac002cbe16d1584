"""The result of recognising a whole file, as every service answers it."""

from __future__ import annotations

import msgspec

from livetranslate.domain.speech import Word


class TranscribedSegment(msgspec.Struct, frozen=True, kw_only=True):
    """One segment of a file; times in seconds from its first sample."""

    id: str
    start: float
    end: float
    text: str
    speaker_id: str | None
    confidence: float | None
    words: tuple[Word, ...]


class SpeakerTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One speaker's turn; times in seconds."""

    speaker_id: str
    start: float
    end: float


class Transcription(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in a file.

    Attributes:
        text: All of it.
        language: ISO 639-1 code, given or detected; None where nothing was said.
        confidence: Mean word confidence 0-1, or None.
        speaker_id: The speaker, if there is only one and known.
        segments: Sentences, in order.
        diarization: Speakers' turns; empty unless asked for.
        duration: Seconds of audio.
        processing_time: Seconds it took.
        model: Model at work.
        engine: Engine at work.
    """

    text: str
    language: str | None
    confidence: float | None
    speaker_id: str | None
    segments: tuple[TranscribedSegment, ...]
    diarization: tuple[SpeakerTurn, ...]
    duration: float
    processing_time: float
    model: str
    engine: str
