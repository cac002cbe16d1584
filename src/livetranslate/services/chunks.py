"""Audio cut into overlapping chunks that are stored, and stored audio put together again."""

from __future__ import annotations

import asyncio
import secrets
import struct
import time
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from livetranslate.audio.chunking import Chunk, ChunkManager
from livetranslate.audio.enhancement.parameters import AudioParameters, Chunking, problems
from livetranslate.audio.enhancement.presets import AudioPresets
from livetranslate.audio.files import AudioLimits, decode_file
from livetranslate.audio.resample import to_s16le
from livetranslate.domain.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from livetranslate.domain.errors import Conflict, InvalidInput, NotFound
from livetranslate.domain.recording import StoredChunk
from livetranslate.domain.session import (
    EndReason,
    SessionConfig,
    SessionStatus,
    check_session_id,
    new_session_id,
)
from livetranslate.sessions.recording import chunk_file
from livetranslate.storage.audio_files import AudioFiles
from livetranslate.storage.records import SqlSessionRecords

CHUNK_PREFIX = "chunk-"
"""Begin of the names of chunks that were cut here; those of recordings begin otherwise."""

_SILENCE_BYTES = SAMPLE_RATE * BYTES_PER_SAMPLE
_WAV_HEAD = 44
_MOST_WAV = 2**32 - 1 - _WAV_HEAD


class ChunkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Audio to be cut.

    Attributes:
        data: An audio file of any kind.
        session_id: The session that it belongs to, or None for one of its own.
        start_s: Where in the session it begins; None for the end of what was cut before.
        preset: Preset whose chunking is taken.
        chunking: Fields that are to be other than the preset's.
    """

    data: bytes
    session_id: str | None
    start_s: float | None
    preset: str | None
    chunking: dict[str, Any]


class ChunkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The chunks that were stored; times in seconds from the session's first sample."""

    session_id: str
    chunks: list[StoredChunk]
    processing_time: float


class AudioChunks:
    """Cuts audio and stores the chunks.

    Args:
        files: Where they are stored.
        records: Where sessions are.
        presets: Whose chunking is taken.
        max_bytes: Largest file.
    """

    def __init__(
        self,
        files: AudioFiles,
        records: SqlSessionRecords,
        presets: AudioPresets,
        *,
        max_bytes: int,
    ) -> None:
        self._files = files
        self._records = records
        self._presets = presets
        self.max_bytes = max_bytes

    async def cut(self, request: ChunkRequest) -> ChunkAnswer:
        """Cut audio and store what comes of it.

        Raises:
            InvalidInput: The audio cannot be decoded, or the chunking is not possible.
            Conflict: The session has other audio at that place.
            BackendUnavailable: Disk or database do not take it.
        """
        began = time.monotonic()
        chunking = self._chunking(request)
        limits = AudioLimits(max_bytes=self.max_bytes)
        samples = await asyncio.to_thread(decode_file, request.data, limits, field="audio")
        session_id, start_s = await self._place(request)
        manager = ChunkManager(chunking, start=round(start_s * SAMPLE_RATE))
        pcm = np.frombuffer(to_s16le(samples), np.int16)
        stored = [
            await self._store(session_id, chunk) for chunk in manager.accept(pcm) + manager.finish()
        ]
        return ChunkAnswer(
            session_id=session_id,
            chunks=stored,
            processing_time=round(time.monotonic() - began, 3),
        )

    def _chunking(self, request: ChunkRequest) -> Chunking:
        chunking = self._presets.parameters(request.preset).chunking
        wanted = {**msgspec.to_builtins(chunking), **request.chunking}
        try:
            chunking = msgspec.convert(wanted, Chunking)
        except msgspec.ValidationError as error:
            raise InvalidInput(str(error), field="config") from error
        found = problems(AudioParameters(chunking=chunking))
        if found:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in found)
            raise InvalidInput(reasons, field=f"config.{found[0].field.rpartition('.')[2]}")
        return chunking

    async def _place(self, request: ChunkRequest) -> tuple[str, float]:
        """Return the session that gets the chunks, made if there is none, and where they begin."""
        if request.session_id is not None:
            try:
                known = await self._files.chunks(check_session_id(request.session_id))
            except NotFound:
                return await self._new(request.session_id), request.start_s or 0.0
            if request.start_s is not None:
                return request.session_id, request.start_s
            ends = (one.end for one in known if one.chunk_id.startswith(CHUNK_PREFIX))
            return request.session_id, max(ends, default=0.0)
        made = new_session_id(int(time.time()), secrets.token_bytes(8))
        return await self._new(made), request.start_s or 0.0

    async def _new(self, session_id: str) -> str:
        now = datetime.now(UTC)
        await self._records.create(session_id, kind="api", config=SessionConfig(), created_at=now)
        await self._records.set_status(
            session_id, SessionStatus.COMPLETED, at=now, reason=EndReason.CLIENT_ENDED
        )
        return session_id

    async def _store(self, session_id: str, chunk: Chunk) -> StoredChunk:
        chunk_id = f"{CHUNK_PREFIX}{chunk.start:010d}"
        file = await asyncio.to_thread(chunk_file, session_id, chunk_id, chunk)
        return await self._files.store(file)


async def whole_audio(
    files: AudioFiles, chunks: Sequence[StoredChunk]
) -> AsyncGenerator[bytes, None]:
    """Yield stored audio as one WAV file; what no chunk holds is silent, nothing comes twice.

    Raises:
        NotFound: There is nothing.
        Conflict: It is longer than a WAV file can be.
    """
    if not chunks:
        raise NotFound("no audio of this session is stored; it was not asked for at its start")
    total = max(round(chunk.end * SAMPLE_RATE) for chunk in chunks) * BYTES_PER_SAMPLE
    if total > _MOST_WAV:
        raise Conflict("the recording is too long for one file; take its parts")
    yield _wav_head(total)
    at = 0
    for chunk in chunks:
        start = round(chunk.start * SAMPLE_RATE) * BYTES_PER_SAMPLE
        while at < start:
            silence = bytes(min(start - at, _SILENCE_BYTES))
            at += len(silence)
            yield silence
        content = await files.content(chunk)
        pcm = to_s16le(await asyncio.to_thread(decode_file, content))[at - start :]
        at += len(pcm)
        yield pcm


def _wav_head(size: int) -> bytes:
    """Return the head of a WAV file with ``size`` bytes of 16 kHz mono s16le."""
    rate = SAMPLE_RATE * BYTES_PER_SAMPLE
    form = struct.pack("<IHHIIHH", 16, 1, 1, SAMPLE_RATE, rate, BYTES_PER_SAMPLE, 16)
    return b"".join(
        (
            *(b"RIFF", struct.pack("<I", size + _WAV_HEAD - 8), b"WAVEfmt ", form),
            *(b"data", struct.pack("<I", size)),
        )
    )
