"""Events of a session: what happened in it, in order, from the first to the last.

A worker writes them to the session's log, which numbers them; hubs fan them out, storage keeps the
final ones. On the wire each is a JSON object with its ``type``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from livetranslate.domain.session import AppliedConfig, ConfigUpdate, EndReason, SessionStatistics
from livetranslate.domain.speakers import Correlation, SpeakerSource
from livetranslate.domain.speech import Word


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all events.

    Attributes:
        session_id: The session.
        event_id: Number of the event in its session, from 1; 0 before the log has numbered it.
        timestamp: UTC time of the event.
    """

    session_id: str
    event_id: int = 0
    timestamp: datetime


class SessionQueued(Event, frozen=True, kw_only=True, tag="session_queued"):
    """No worker is free yet; audio is taken and acknowledged meanwhile."""

    position: int


class SessionStarted(Event, frozen=True, kw_only=True, tag="session_started"):
    """A worker has claimed the session and is ready."""

    config: AppliedConfig


class AudioInForce(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to a session's audio.

    Attributes:
        preset: The preset; the installation's default if the session names none.
        parameters: Each stage's parameters, by its name.
    """

    preset: str
    parameters: dict[str, dict[str, Any]]


class SessionUpdated(Event, frozen=True, kw_only=True, tag="session_updated"):
    """A change of the configuration, the session's or the installation's, is in force from here on.

    Attributes:
        config: What of the session's own configuration changed.
        audio: What is done to the audio from here on, if that changed.
        needs_new_session: Fields that were asked for, and that a running session cannot change.
    """

    config: ConfigUpdate
    audio: AudioInForce | None = None
    needs_new_session: tuple[str, ...] = ()


class TranscriptionResult(Event, frozen=True, kw_only=True, tag="transcription_result"):
    """The present text of a segment: committed words, then the unstable tail."""

    segment_id: str
    text: str
    language: str | None
    confidence: float | None
    start: float
    end: float
    speaker_id: str | None = None
    speaker_name: str | None = None
    is_final: bool
    words: tuple[Word, ...]


class TranslationResult(Event, frozen=True, kw_only=True, tag="translation_result"):
    """A translation of a segment; a preview while ``is_final`` is false.

    Attributes:
        error: Why there is no translation, if there is none; then ``translated_text`` is empty.
    """

    segment_id: str
    translated_text: str
    source_language: str | None
    target_language: str
    confidence: float | None
    is_final: bool
    engine: str | None
    speaker_id: str | None = None
    speaker_name: str | None = None
    error: str | None = None


class SpeakerUpdate(Event, frozen=True, kw_only=True, tag="speaker_update"):
    """Past segments got a (better) speaker.

    Attributes:
        speaker_id: The speaker.
        speaker_name: The speaker's name, if known.
        segment_ids: Segments that are this speaker's from now on.
        source: Where that comes from.
        confidence: 0-1, or None where not measured.
        correlation: What is kept of it; not told to clients.
    """

    speaker_id: str
    speaker_name: str | None
    segment_ids: tuple[str, ...]
    source: SpeakerSource
    confidence: float | None
    correlation: Correlation | msgspec.UnsetType = msgspec.UNSET


class Vad(Event, frozen=True, kw_only=True, tag="vad"):
    """Speech began or ended."""

    speech: bool
    level_dbfs: float


class SessionError(Event, frozen=True, kw_only=True, tag="error"):
    """Something went wrong in the session; it goes on unless ``fatal``."""

    code: str
    message: str
    fatal: bool = False
    field: str | None = None
    retry_after_s: float | None = None


class SessionEnded(Event, frozen=True, kw_only=True, tag="session_ended"):
    """The last event of every session."""

    reason: EndReason
    statistics: SessionStatistics


SessionEvent = (
    SessionQueued
    | SessionStarted
    | SessionUpdated
    | TranscriptionResult
    | TranslationResult
    | SpeakerUpdate
    | Vad
    | SessionError
    | SessionEnded
)


def is_preview(event: SessionEvent) -> bool:
    """Return whether a newer event of the same segment makes this one worthless."""
    return isinstance(event, TranscriptionResult | TranslationResult) and not event.is_final


def preview_key(event: SessionEvent) -> tuple[str, ...] | None:
    """Return what a preview is superseded by, or None for an event that must never be dropped.

    A preview gives way to any later event with the same key, final ones included.
    """
    if isinstance(event, TranscriptionResult):
        return ("transcription", event.segment_id)
    if isinstance(event, TranslationResult):
        return ("translation", event.segment_id, event.target_language)
    return None
