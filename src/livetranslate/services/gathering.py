"""What a session says about a stretch of its audio, put together into one answer."""

from __future__ import annotations

from collections.abc import Iterable

from livetranslate.domain.events import (
    SessionEnded,
    SessionError,
    SessionEvent,
    SessionStarted,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.speech import join_words, mean_confidence
from livetranslate.domain.transcription import TranscribedSegment, Transcription
from livetranslate.sessions.log.base import SessionLog
from livetranslate.translation.base import Translation


class Gathered:
    """The newest of what was said about a stretch of a session."""

    def __init__(self, session_id: str, start_s: float, position: int) -> None:
        self.session_id = session_id
        self.start_s = start_s
        self.end_s = float("inf")
        self.position = position
        self.ended = False
        self.failure: SessionError | None = None
        self._segments: dict[str, TranscriptionResult] = {}
        self._translations: dict[str, dict[str, TranslationResult]] = {}
        self._started: SessionStarted | None = None

    async def read_start(self, log: SessionLog) -> None:
        """Look up which engine and model the session runs with, if a worker has it."""
        for event in await log.read_events(self.session_id, 0, limit=64):
            if isinstance(event, SessionStarted):
                self._started = event

    def take(self, events: Iterable[SessionEvent]) -> None:
        """Take in what the session's log tells next."""
        for event in events:
            self.position = event.event_id
            if isinstance(event, TranscriptionResult):
                self._segments[event.segment_id] = event
            elif isinstance(event, TranslationResult):
                self._translations.setdefault(event.target_language, {})[event.segment_id] = event
            elif isinstance(event, SessionStarted):
                self._started = event
            elif isinstance(event, SessionEnded):
                self.ended = True
            elif isinstance(event, SessionError) and event.fatal:
                self.failure = event

    @property
    def segment_ids(self) -> tuple[str, ...]:
        """Segments that have words in the stretch."""
        return tuple(one.id for one in self._in_stretch(None))

    def transcription(self, duration: float, spent: float, speaker_id: str | None) -> Transcription:
        """Return the stretch's text in the form of section 4."""
        segments = self._in_stretch(speaker_id)
        words = [word for segment in segments for word in segment.words]
        languages = [one.language for one in self._segments.values() if one.language]
        applied = self._started.config if self._started else None
        return Transcription(
            text=" ".join(segment.text for segment in segments),
            language=languages[-1] if languages else None,
            confidence=mean_confidence(words),
            speaker_id=speaker_id,
            segments=segments,
            diarization=(),
            duration=duration,
            processing_time=spent,
            model=applied.model if applied else "",
            engine=applied.engine if applied else "",
        )

    def translations(self, spent: float) -> dict[str, Translation]:
        """Return one translation a target language, in the form of section 5."""
        wanted = self.segment_ids
        found: dict[str, Translation] = {}
        for language, by_segment in self._translations.items():
            parts = [by_segment[one] for one in wanted if one in by_segment]
            if not parts:
                continue
            measured = [part.confidence for part in parts if part.confidence is not None]
            errors = [part.error for part in parts if part.error]
            found[language] = Translation(
                translated_text=" ".join(part.translated_text for part in parts),
                source_language=parts[-1].source_language or "",
                target_language=language,
                confidence=sum(measured) / len(measured) if measured else None,
                engine=parts[-1].engine or "none",
                cached=False,
                processing_time=spent,
                fallback_reason=errors[-1] if errors else None,
            )
        return found

    def _in_stretch(self, speaker_id: str | None) -> tuple[TranscribedSegment, ...]:
        found: list[TranscribedSegment] = []
        for event in self._segments.values():
            words = tuple(
                word
                for word in event.words
                if self.start_s <= (word.start + word.end) / 2 <= self.end_s
            )
            if not words:
                continue
            found.append(
                TranscribedSegment(
                    id=event.segment_id,
                    start=words[0].start,
                    end=words[-1].end,
                    text=join_words(words, event.language),
                    speaker_id=speaker_id or event.speaker_id,
                    confidence=mean_confidence(words),
                    words=words,
                )
            )
        return tuple(found)
