"""A piece of audio through the whole chain in one call, as ``POST /api/audio/upload`` makes it.

A **file** is a session of its own, which ends with it. A **chunk** (its session is live, or the
caller names ``chunk_id`` or ``chunk_start_time``) goes into its session's log like any other audio;
the answer is what the session says about the chunk's time, its unstable end included.
"""

from __future__ import annotations

import asyncio
import time
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
from livetranslate.domain.events import SpeakerUpdate
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.domain.speakers import SpeakerSource
from livetranslate.domain.transcription import Transcription
from livetranslate.services.gathering import Gathered
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

    async def _run(self, upload: Upload, samples: Samples) -> tuple[Gathered, SessionState]:
        feeder = _Feeder()
        state, is_file = await self._session(upload, feeder)
        gathered = Gathered(state.session_id, seconds(state.samples), state.last_event_id)
        if is_file or state.epoch:
            await gathered.read_start(self._edge.log)
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

    async def _gather(self, gathered: Gathered, *, until_end: bool) -> None:
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

    async def _name_speaker(self, upload: Upload, gathered: Gathered) -> None:
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
