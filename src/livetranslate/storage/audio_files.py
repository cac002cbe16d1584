"""Stored audio: files that appear whole on disk, and their rows."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from livetranslate.domain.errors import BackendUnavailable, Conflict, InternalError, NotFound
from livetranslate.domain.recording import AudioChunkFile, StoredChunk
from livetranslate.storage.database import Database
from livetranslate.storage.tables import AudioFileRow, SessionRow, TranscriptRow

_log = structlog.get_logger(__name__)

_COLUMNS = (
    AudioFileRow.audio_file_id,
    AudioFileRow.chunk_id,
    AudioFileRow.file_path,
    AudioFileRow.size_bytes,
    AudioFileRow.sha256,
    AudioFileRow.codec,
    AudioFileRow.sample_rate,
    func.coalesce(AudioFileRow.start_time, 0.0).label("start"),
    func.coalesce(AudioFileRow.end_time, AudioFileRow.duration, 0.0).label("end"),
    AudioFileRow.overlap,
    AudioFileRow.quality,
)


class AudioFiles:
    """``AudioArchive`` in a folder and a database.

    The file comes first and its row after, so that no row names a file that is not there. A file's
    name holds a part of its digest: what is there is never written over.

    Args:
        database: Where the rows are.
        folder: Where the files are; each session has a folder in it.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    async def store(self, chunk: AudioChunkFile) -> StoredChunk:
        """Store a chunk; see ``AudioArchive``."""
        digest = hashlib.sha256(chunk.content).hexdigest()
        name = f"{chunk.chunk_id}-{digest[:12]}.{chunk.codec}"
        stored = StoredChunk(
            audio_file_id=f"{chunk.session_id[:64]}-{digest[:32]}-{round(1000 * chunk.start)}",
            chunk_id=chunk.chunk_id,
            file_path=f"{chunk.session_id}/{name}",
            size_bytes=len(chunk.content),
            sha256=digest,
            codec=chunk.codec,
            sample_rate=chunk.sample_rate,
            start=chunk.start,
            end=chunk.end,
            overlap=chunk.overlap,
            quality=chunk.quality,
        )
        path = self._folder / stored.file_path
        written = await asyncio.to_thread(_write, path, chunk.content)
        try:
            known = await self._insert(chunk.session_id, stored)
        except BaseException:
            if written:
                await asyncio.shield(asyncio.to_thread(path.unlink, missing_ok=True))
            raise
        if known != digest:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise Conflict(
                f"session {chunk.session_id} has another chunk {chunk.chunk_id}", field="chunk_id"
            )
        await self._link(chunk.session_id, stored)
        return stored

    async def chunks(self, session_id: str) -> list[StoredChunk]:
        """Return a session's stored audio in order of time; raises NotFound without the session."""
        query = (
            select(*_COLUMNS)
            .where(AudioFileRow.session_id == session_id)
            .order_by(AudioFileRow.start_time)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
            if not rows:
                known = select(SessionRow.session_id).where(SessionRow.session_id == session_id)
                if (await connection.execute(known)).first() is None:
                    raise NotFound(f"there is no session {session_id}", field="session_id")
        return [StoredChunk(**row) for row in rows]

    async def content(self, chunk: StoredChunk) -> bytes:
        """Return a chunk's file; raises NotFound if it is gone, InternalError if it is damaged."""
        path = (self._folder / chunk.file_path).resolve()
        if not path.is_relative_to(self._folder.resolve()):
            raise NotFound(f"the audio {chunk.chunk_id} is not in the folder of stored audio")
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise NotFound(
                f"the audio {chunk.chunk_id} cannot be read: {error.strerror}"
            ) from error
        if hashlib.sha256(content).hexdigest() != chunk.sha256:
            raise InternalError(f"the file of the audio {chunk.chunk_id} is damaged")
        return content

    async def _link(self, session_id: str, stored: StoredChunk) -> None:
        """Tell the segments that begin in a chunk; those to come are told at the session's end."""
        said = (
            TranscriptRow.session_id == session_id,
            TranscriptRow.start_time >= stored.start,
            TranscriptRow.start_time < stored.end,
            TranscriptRow.audio_file_id.is_(None),
        )
        try:
            async with self._database.write() as connection:
                link = update(TranscriptRow).where(*said)
                await connection.execute(link.values(audio_file_id=stored.audio_file_id))
        except BackendUnavailable as error:
            _log.warning("segments not told of their audio", session_id=session_id, reason=error)

    async def _insert(self, session_id: str, stored: StoredChunk) -> str:
        """Insert the chunk's row; return the digest of the row that is there now."""
        statement = self._database.insert_once(AudioFileRow).values(
            audio_file_id=stored.audio_file_id,
            session_id=session_id,
            chunk_id=stored.chunk_id,
            file_path=stored.file_path,
            duration=stored.end - stored.start,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            codec=stored.codec,
            sample_rate=stored.sample_rate,
            channels=1,
            start_time=stored.start,
            end_time=stored.end,
            overlap=stored.overlap,
            quality=stored.quality,
            stored_at=datetime.now(UTC),
        )
        known = select(AudioFileRow.sha256).where(
            AudioFileRow.session_id == session_id, AudioFileRow.chunk_id == stored.chunk_id
        )
        try:
            async with self._database.write() as connection:
                await connection.execute(statement)
                return (await connection.execute(known)).scalar_one()
        except IntegrityError as error:
            raise NotFound(f"there is no session {session_id}", field="session_id") from error


def _write(path: Path, content: bytes) -> bool:
    """Write a file so that it is there whole or not at all; return False if it was there before."""
    try:
        if path.exists():
            path.touch()  # what is stored now is not left over
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise BackendUnavailable(
            f"audio cannot be stored: {error.strerror or error}; make room, or have no audio stored"
        ) from error
    return True
