"""A piece of audio through the whole chain in one call, as ``POST /api/audio/upload`` makes it.

A **file** is a session of its own, which ends with it. A **chunk** (its session is live, or the
caller names ``chunk_id`` or ``chunk_start_time``) goes into its session's log like any other audio;
the answer is what the session says about the chunk's time, its unstable end included.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from weakref import WeakValueDictionary

import msgspec

from livetranslate.audio.files import AudioLimits, decode_file
from livetranslate.audio.levels import Quality, quality
from livetranslate.audio.resample import Samples, from_s16le, to_s16le
from livetranslate.audio.stream import StreamDecoder
from livetranslate.domain.audio import BYTES_PER_SAMPLE, SAMPLE_RATE, seconds
from livetranslate.domain.errors import (
    BackendUnavailable,
    ModelUnavailable,
    NotFound,
    SessionBusy,
    SessionClosed,
)
from livetranslate.domain.events import (
    SessionEnded,
    SessionError,
    SessionEvent,
    SessionStarted,
    SpeakerSource,
    SpeakerUpdate,
    TranscriptionResult,
    TranslationResult,
)
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.domain.speech import join_words, mean_confidence
from livetranslate.domain.transcription import TranscribedSegment, Transcription
from livetranslate.services.realtime.edge import Edge
from livetranslate.sessions.log.base import SessionState
from livetranslate.translation.base import Translation

PIECE_BYTES = 5 * SAMPLE_RATE * BYTES_PER_SAMPLE
"""An upload enters the log in pieces of five seconds, so that its backlog stays bounded."""
SETTLE_S = 0.5
"""A chunk counts as done when nothing was said about it for so long after it was processed."""
SECONDS_A_SECOND = 20.0
"""Time that a second of uploaded audio may take, in seconds."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What was uploaded.

    Attributes:
        data: The file's bytes, or samples in the configuration's raw encoding.
        session_id: The session, or None for one of its own.
        chunk_id: The caller's name of the chunk.
        chunk_start_time: The caller's time of its begin, returned with the answer.
        speaker_id: Who speaks, if the caller knows.
        speaker_name: That speaker's name.
        config: For a session that has to be opened.
        raw: Whether ``data`` is in the configuration's encoding, without a header.
    """

    data: bytes
    session_id: str | None
    chunk_id: str | None
    chunk_start_time: float | None
    speaker_id: str | None
    speaker_name: str | None
    config: SessionConfig
    raw: bool


class UploadAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the chain made of it; ``quality`` is of the audio as it came."""

    session_id: str
    chunk_id: str | None
    chunk_start_time: float | None
    transcription: Transcription
    translations: dict[str, Translation]
    quality: Quality
    processing_time: float


class Uploads:
    """Feeds uploads into sessions and gathers what is said about them.

    Args:
        edge: Sessions and their log.
        max_bytes: Largest file.
        wait_s: Shortest time that a result is waited for.
    """

    def __init__(self, edge: Edge, *, max_bytes: int, wait_s: float) -> None:
        self._edge = edge
        self.max_bytes = max_bytes
        self._wait_s = wait_s
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, upload: Upload) -> UploadAnswer:
        """Run an upload through the chain.

        Raises:
            InvalidInput: The audio cannot be decoded.
            SessionBusy: A live connection feeds the session.
            SessionClosed: The session takes no more audio.
            BackendUnavailable: No worker did it in time.
        """
        began = time.monotonic()
        samples = await asyncio.to_thread(self._decode, upload)
        turn = asyncio.Lock()
        if upload.session_id is not None:
            turn = self._turns.setdefault(upload.session_id, turn)
        async with turn:
            gathered, state = await self._run(upload, samples)
        spent = round(time.monotonic() - began, 3)
        return UploadAnswer(
            session_id=state.session_id,
            chunk_id=upload.chunk_id,
            chunk_start_time=upload.chunk_start_time,
            transcription=gathered.transcription(seconds(len(samples)), spent, upload.speaker_id),
            translations=gathered.translations(spent),
            quality=quality(samples),
            processing_time=spent,
        )

    def _decode(self, upload: Upload) -> Samples:
        if not upload.raw:
            return decode_file(upload.data, AudioLimits(max_bytes=self.max_bytes), field="audio")
        decoder = StreamDecoder.for_config(upload.config)
        return from_s16le(decoder.decode(upload.data) + decoder.flush())

    async def _run(self, upload: Upload, samples: Samples) -> tuple[_Gathered, SessionState]:
        feeder = _Feeder()
        state, is_file = await self._session(upload, feeder)
        gathered = _Gathered(state.session_id, seconds(state.samples), state.last_event_id)
        if is_file or state.epoch:
            await gathered.read_start(self._edge)
        limit_s = self._wait_s + SECONDS_A_SECOND * seconds(len(samples))
        try:
            async with asyncio.timeout(limit_s):
                await self._feed(state.session_id, feeder, to_s16le(samples))
                gathered.end_s = seconds((await self._edge.log.state(state.session_id)).samples)
                if is_file:
                    await self._edge.manager.end(state.session_id, EndReason.CLIENT_ENDED)
                await self._gather(gathered, until_end=is_file)
        except TimeoutError:
            raise BackendUnavailable(
                f"no worker recognised the audio within {limit_s:.0f} s", retry_after_s=5.0
            ) from None
        finally:
            if is_file:
                await self._edge.manager.end(state.session_id, EndReason.CLIENT_ENDED)
            await self._edge.manager.feeder_gone(state.session_id, feeder)
        await self._name_speaker(upload, gathered)
        return gathered, state

    async def _session(self, upload: Upload, feeder: _Feeder) -> tuple[SessionState, bool]:
        """Return the session that takes the audio, and whether it is for this file alone."""
        is_chunk = upload.chunk_id is not None or upload.chunk_start_time is not None
        if upload.session_id is not None:
            if upload.session_id in self._edge.fed:
                raise SessionBusy("a live connection feeds this session", field="session_id")
            with suppress(NotFound):
                state = await self._edge.manager.resume(upload.session_id, feeder)
                if state.ending is not None:
                    raise SessionClosed("this session takes no more audio", field="session_id")
                return state, False
        state = await self._edge.manager.open(
            upload.session_id, upload.config, kind="api", feeder=feeder
        )
        return state, not is_chunk

    async def _feed(self, session_id: str, feeder: _Feeder, pcm: bytes) -> None:
        for offset in range(0, len(pcm), PIECE_BYTES):
            piece = pcm[offset : offset + PIECE_BYTES]
            await self._edge.manager.feed(session_id, feeder, None, piece)

    async def _gather(self, gathered: _Gathered, *, until_end: bool) -> None:
        while not gathered.ended:
            events = await self._edge.log.read_events(
                gathered.session_id, gathered.position, wait_s=SETTLE_S
            )
            gathered.take(events)
            if gathered.failure is not None:
                raise ModelUnavailable(gathered.failure.message)
            if events or until_end:
                continue
            state = await self._edge.log.state(gathered.session_id)
            if state.epoch and state.buffered_s <= 0:
                return

    async def _name_speaker(self, upload: Upload, gathered: _Gathered) -> None:
        if upload.speaker_id is None or not gathered.segment_ids or gathered.ended:
            return
        update = SpeakerUpdate(
            session_id=gathered.session_id,
            timestamp=datetime.now(UTC),
            speaker_id=upload.speaker_id,
            speaker_name=upload.speaker_name,
            segment_ids=gathered.segment_ids,
            source=SpeakerSource.TRACK,
            confidence=None,
        )
        with suppress(SessionClosed, NotFound):
            await self._edge.log.append_system_events(gathered.session_id, [update])


class _Feeder:
    """An upload in its session's place for a feeder; whoever takes over may."""

    def taken_over(self, session_id: str) -> None:
        """Hear that another connection feeds the session; the next append fails."""


class _Gathered:
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

    async def read_start(self, edge: Edge) -> None:
        """Look up which engine and model the session runs with, if a worker has it."""
        for event in await edge.log.read_events(self.session_id, 0, limit=64):
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
