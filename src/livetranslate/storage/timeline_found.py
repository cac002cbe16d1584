"""What a session's timeline is made of. ``start`` and ``end`` are seconds from its first sample."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from livetranslate.storage.found import TranslatedText


class TimelineKind(str, Enum):
    """Kinds of entries; of those with the same start, in this order."""

    EVENT = "event"
    AUDIO = "audio"
    SPEAKER_TURN = "speaker_turn"
    TRANSCRIPT = "transcript"
    TRANSLATION = "translation"


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all entries.

    Attributes:
        start: Begin; None where it is not known, behind all others.
        end: End; None where there is none.
        at: The begin as time of day, UTC.
    """

    start: float | None
    end: float | None
    at: datetime | None = None


class AudioEntry(Entry, frozen=True, kw_only=True, tag="audio"):
    """A stored chunk of audio."""

    audio_file_id: str
    chunk_id: str
    codec: str
    quality: dict[str, Any] | None


class SpeakerTurnEntry(Entry, frozen=True, kw_only=True, tag="speaker_turn"):
    """What one speaker said without another one or a long pause between.

    Attributes:
        speaker_id: Recognised speaker.
        speaker_name: The speaker's best known name.
        segments: Segments of the turn.
        words: Words in them.
    """

    speaker_id: str
    speaker_name: str | None
    segments: int
    words: int


class TranscriptEntry(Entry, frozen=True, kw_only=True, tag="transcript"):
    """A final segment with every translation of it, by target language."""

    segment_id: str
    text: str
    language: str | None
    confidence: float | None
    source: str
    speaker_id: str | None
    speaker_name: str | None
    translations: dict[str, TranslatedText]


class TranslationEntry(Entry, frozen=True, kw_only=True, tag="translation"):
    """A translation, at the time of what it translates.

    Attributes:
        segment_id: The segment it translates.
        translated_text: The translation.
        source_language: Language translated from.
        target_language: Language translated into.
        engine: Engine that made it.
        confidence: The engine's own measure 0-1.
        latency_ms: Milliseconds between the segment's commit and its translation.
        speaker_id: Recognised speaker of the segment.
        speaker_name: The speaker's best known name.
    """

    segment_id: str
    translated_text: str
    source_language: str | None
    target_language: str
    engine: str | None
    confidence: float | None
    latency_ms: float | None
    speaker_id: str | None
    speaker_name: str | None


class LifeEntry(Entry, frozen=True, kw_only=True, tag="event"):
    """Something that happened to the session."""

    event_type: str
    severity: str
    source: str
    data: dict[str, Any]


TimelineEntry = AudioEntry | SpeakerTurnEntry | TranscriptEntry | TranslationEntry | LifeEntry


class TimelinePage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries in order; ``next_cursor`` asks for those that follow, None at the end.

    Attributes:
        session_id: The session.
        first_sample_at: When its first sample was taken, UTC; None where that is not known.
        entries: The entries.
        next_cursor: What to ask for the next page with.
    """

    session_id: str
    first_sample_at: datetime | None
    entries: list[TimelineEntry]
    next_cursor: str | None


class LifeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a session.

    Attributes:
        event_type: Such as ``session_started`` or ``worker_changed``.
        severity: ``info``, ``warning`` or ``error``.
        source: Part of the platform that it comes from.
        data: Its own fields.
        occurred_at: UTC.
    """

    event_type: str
    severity: str
    source: str
    data: dict[str, Any]
    occurred_at: datetime


class LifeEventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events in order; ``next_cursor`` asks for those that follow, None at the end."""

    events: list[LifeEvent]
    next_cursor: str | None
