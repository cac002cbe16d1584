"""Stores the audio of sessions that ask for it, as it comes in, without holding them up.

A session is recorded if its metadata say ``record: true``. Its audio is kept as it came, before any
enhancement, in parts that the archive stores one after the other. What the archive does not take is
left out, and the session is told: captions go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import numpy as np
import structlog

from livetranslate.audio.chunking import Chunk, ChunkManager
from livetranslate.audio.enhancement.parameters import Chunking
from livetranslate.audio.flac import CODEC, encode_flac
from livetranslate.audio.levels import quality
from livetranslate.audio.resample import from_s16le
from livetranslate.domain.audio import SAMPLE_RATE, seconds
from livetranslate.domain.errors import LiveTranslateError
from livetranslate.domain.recording import AudioArchive, AudioChunkFile
from livetranslate.domain.session import SessionConfig

_log = structlog.get_logger(__name__)

PARTS = Chunking(chunk_duration=10.0, overlap_duration=0.0, pause_search=2.0)
"""How a recording is cut; what a process that dies has not stored is less than one part."""

MOST_WAITING = 6
"""Parts of one session that may wait for a slow disk; beyond, the newest is left out."""

Tell = Callable[[str, LiveTranslateError], Awaitable[None]]
"""Tells a session why a part of its audio is not stored."""


def wants_recording(config: SessionConfig) -> bool:
    """Return whether a session asks for its audio to be stored."""
    return config.metadata.get("record") is True


def chunk_file(session_id: str, chunk_id: str, chunk: Chunk) -> AudioChunkFile:
    """Return a chunk as a compressed file with its quality; takes some milliseconds of CPU."""
    figures = quality(from_s16le(chunk.audio.tobytes()))
    return AudioChunkFile(
        session_id=session_id,
        chunk_id=chunk_id,
        content=encode_flac(chunk.audio),
        codec=CODEC,
        sample_rate=SAMPLE_RATE,
        start=seconds(chunk.start),
        end=seconds(chunk.end),
        overlap=seconds(chunk.overlap),
        quality=msgspec.to_builtins(figures),
    )


class Recording:
    """One session's audio on its way to the archive; takes audio without waiting.

    Args:
        session_id: The session.
        archive: Where parts go.
        start: Sample of the session at which the audio begins.
        tell: Tells the session what is not stored.

    Attributes:
        end: Sample of the session after the last one taken.
    """

    def __init__(self, session_id: str, archive: AudioArchive, *, start: int, tell: Tell) -> None:
        self.end = start
        self._session_id = session_id
        self._archive = archive
        self._tell = tell
        self._chunks = ChunkManager(PARTS, start=start)
        self._parts: asyncio.Queue[Chunk | None] = asyncio.Queue()
        self._told = False
        self._storing = asyncio.create_task(self._store_all(), name=f"store {session_id}")

    def accept(self, pcm: bytes) -> None:
        """Take the session's next samples, s16le mono 16 kHz."""
        samples = np.frombuffer(pcm, np.int16)
        self.end += len(samples)
        for part in self._chunks.accept(samples):
            self._put(part)

    async def finish(self) -> None:
        """Store what waits; returns when that is done or has failed."""
        for part in self._chunks.finish():
            self._put(part)
        self._parts.put_nowait(None)
        await self._storing

    async def discard(self) -> None:
        """Store nothing more; returns when no part is being stored."""
        while not self._parts.empty():
            self._parts.get_nowait()
        self._parts.put_nowait(None)
        await self._storing

    def _put(self, part: Chunk) -> None:
        if self._parts.qsize() < MOST_WAITING:
            self._parts.put_nowait(part)
        else:
            _log.warning("audio left out", session_id=self._session_id, start=part.start)

    async def _store_all(self) -> None:
        while (part := await self._parts.get()) is not None:
            chunk_id = f"audio-{part.start:010d}"
            try:
                file = await asyncio.to_thread(chunk_file, self._session_id, chunk_id, part)
                await self._archive.store(file)
            except LiveTranslateError as error:
                _log.warning("audio not stored", session_id=self._session_id, reason=error.message)
                if not self._told:
                    self._told = True
                    await self._tell(self._session_id, error)
            else:
                self._told = False


class Recordings:
    """The sessions that this process feeds and stores.

    Args:
        archive: Where their audio goes.
        tell: Tells a session what is not stored.
    """

    def __init__(self, archive: AudioArchive, tell: Tell) -> None:
        self._archive = archive
        self._tell = tell
        self._recordings: dict[str, Recording] = {}
        self._finishing: set[asyncio.Task[None]] = set()

    def begin(self, session_id: str, config: SessionConfig, *, start: int) -> None:
        """Store a session's audio from a sample on, if the session asks for it."""
        running = self._recordings.get(session_id)
        if not wants_recording(config) or (running is not None and running.end == start):
            return
        self.finish(session_id)
        self._recordings[session_id] = Recording(
            session_id, self._archive, start=start, tell=self._tell
        )

    def accept(self, session_id: str, pcm: bytes) -> None:
        """Take a session's next samples; nothing happens if it is not stored."""
        recording = self._recordings.get(session_id)
        if recording is not None:
            recording.accept(pcm)

    def finish(self, session_id: str) -> None:
        """Store what waits of a session, in the background; nothing more of it comes here."""
        recording = self._recordings.pop(session_id, None)
        if recording is not None:
            task = asyncio.create_task(recording.finish(), name=f"finish {session_id}")
            self._finishing.add(task)
            task.add_done_callback(self._finishing.discard)

    async def discard(self, session_id: str) -> None:
        """Store nothing more of a session; returns when nothing of it is being stored."""
        recording = self._recordings.pop(session_id, None)
        if recording is not None:
            await recording.discard()

    async def close(self, grace_s: float) -> None:
        """Store all that waits, if that takes no longer than ``grace_s``."""
        for session_id in list(self._recordings):
            self.finish(session_id)
        if self._finishing:
            await asyncio.wait(self._finishing, timeout=grace_s)
