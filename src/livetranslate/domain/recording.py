"""Stored audio of a session: one chunk of it, and where such chunks are kept."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec


class AudioChunkFile(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk of audio to be stored; times in seconds from the session's first sample.

    Attributes:
        session_id: The session.
        chunk_id: The chunk's name in its session.
        content: The file.
        codec: Such as ``flac``; also the ending of the file's name.
        sample_rate: Hz.
        start: Begin, the overlap included.
        end: End.
        overlap: Seconds that it shares with the chunk before.
        quality: Measures of its quality.
    """

    session_id: str
    chunk_id: str
    content: bytes
    codec: str
    sample_rate: int
    start: float
    end: float
    overlap: float
    quality: dict[str, Any]


class StoredChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk of stored audio, as ``AudioChunkFile`` but with the file on disk.

    Attributes:
        file_path: Where it is, relative to the folder of stored audio.
        size_bytes: Size of the file.
        sha256: Hexadecimal digest of the file.
    """

    audio_file_id: str
    chunk_id: str
    file_path: str
    size_bytes: int
    sha256: str
    codec: str
    sample_rate: int
    start: float
    end: float
    overlap: float
    quality: dict[str, Any] | None


class AudioArchive(Protocol):
    """Keeps audio on disk and in the database."""

    async def store(self, chunk: AudioChunkFile) -> StoredChunk:
        """Store a chunk: whole or not at all; the same one again changes nothing.

        Raises:
            NotFound: There is no such session (any more).
            Conflict: The session has another chunk of that name.
            BackendUnavailable: Disk or database do not take it; the message says why.
        """
        ...
