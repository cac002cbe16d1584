"""Stored audio: whole or not at all, once, checked, gone with its session."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import delete, select

from livetranslate.domain.errors import BackendUnavailable, Conflict, InternalError, NotFound
from livetranslate.domain.recording import AudioChunkFile, StoredChunk
from livetranslate.domain.session import SessionConfig
from livetranslate.storage.audio_files import AudioFiles
from livetranslate.storage.database import Database
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.stored_audio import remove_stored_audio, sweep_stored_audio
from livetranslate.storage.tables import AudioFileRow, TranscriptRow
from support.events import at, ended, segment

CHUNK = AudioChunkFile(
    session_id="s1",
    chunk_id="audio-0000000000",
    content=b"fLaC and more",
    codec="flac",
    sample_rate=16_000,
    start=0.0,
    end=2.5,
    overlap=0.0,
    quality={"score": 0.5},
)


@pytest.fixture
async def files(database: Database, tmp_path: Path) -> AudioFiles:
    records = SqlSessionRecords(database)
    await records.create("s1", kind="api", config=SessionConfig(), created_at=at(0))
    return AudioFiles(database, tmp_path / "audio")


def on_disk(tmp_path: Path) -> list[str]:
    folder = tmp_path / "audio"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_a_chunk_is_stored_once_and_comes_back(files: AudioFiles, tmp_path: Path):
    later = msgspec.structs.replace(CHUNK, chunk_id="audio-2", start=2.5, end=5.0)
    await files.store(later)
    stored = await files.store(CHUNK)
    assert await files.store(CHUNK) == stored
    assert await files.chunks("s1") == [stored, await files.store(later)]
    assert await files.content(stored) == CHUNK.content
    assert len(on_disk(tmp_path)) == 2


async def test_a_chunk_that_is_there_outlives_a_failed_second_time(
    files: AudioFiles, database: Database, monkeypatch: pytest.MonkeyPatch
):
    def away() -> None:
        raise BackendUnavailable("the database is away")

    stored = await files.store(CHUNK)
    with monkeypatch.context() as context:
        context.setattr(database, "write", away)
        with pytest.raises(BackendUnavailable):
            await files.store(CHUNK)
    assert await files.content(stored) == CHUNK.content


async def test_another_chunk_of_the_same_name_is_refused_and_leaves_nothing(
    files: AudioFiles, tmp_path: Path
):
    stored = await files.store(CHUNK)
    with pytest.raises(Conflict, match="audio-0000000000"):
        await files.store(msgspec.structs.replace(CHUNK, content=b"other"))
    assert on_disk(tmp_path) == [stored.file_path]
    assert await files.content(stored) == CHUNK.content


async def test_without_a_session_nothing_is_stored(files: AudioFiles, tmp_path: Path):
    with pytest.raises(NotFound):
        await files.store(msgspec.structs.replace(CHUNK, session_id="gone"))
    assert on_disk(tmp_path) == []
    with pytest.raises(NotFound):
        await files.chunks("gone")


async def test_a_full_disk_is_told_and_leaves_no_half_file(
    files: AudioFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BackendUnavailable, match="No space left"):
        await files.store(CHUNK)
    assert on_disk(tmp_path) == []
    assert await files.chunks("s1") == []


async def test_a_damaged_or_missing_file_is_told(files: AudioFiles, tmp_path: Path):
    stored = await files.store(CHUNK)
    (tmp_path / "audio" / stored.file_path).write_bytes(b"broken")
    with pytest.raises(InternalError, match="damaged"):
        await files.content(stored)
    (tmp_path / "audio" / stored.file_path).unlink()
    with pytest.raises(NotFound):
        await files.content(stored)


async def test_it_goes_with_its_session(files: AudioFiles, database: Database, tmp_path: Path):
    await files.store(CHUNK)
    await remove_stored_audio(database, "s1", tmp_path / "audio")
    await SqlSessionRecords(database).delete("s1")
    assert on_disk(tmp_path) == []
    with pytest.raises(NotFound):
        await files.chunks("s1")


async def starts(database: Database) -> dict[str, str | None]:
    """The stored audio that each segment begins in."""
    query = select(TranscriptRow.segment_id, TranscriptRow.audio_file_id)
    async with database.read() as connection:
        return {name: file for name, file in await connection.execute(query)}


async def test_segments_know_the_audio_they_begin_in_whichever_came_first(
    files: AudioFiles, database: Database
):
    records = SqlSessionRecords(database)
    await records.create("s2", kind="api", config=SessionConfig(), created_at=at(0))
    await records.record("s1", [segment("s1", 0), segment("s1", 1), segment("s1", 3)])
    await records.record("s2", [segment("s2", 0)])
    first = await files.store(CHUNK)
    second = await files.store(
        msgspec.structs.replace(CHUNK, chunk_id="audio-2", start=2.4, end=5.0, content=b"2")
    )
    one, two = first.audio_file_id, second.audio_file_id
    query = select(TranscriptRow.session_id, TranscriptRow.audio_file_id)
    async with database.read() as connection:
        told = (await connection.execute(query.order_by(TranscriptRow.transcript_id))).all()
    assert [tuple(row) for row in told] == [("s1", one), ("s1", one), ("s1", None), ("s2", None)]
    await records.delete("s2")
    await records.record("s1", [segment("s1", 2)])
    assert await starts(database) == {"s0": one, "s1": one, "s2": None, "s3": None}
    await records.record("s1", [ended("s1")])
    assert await starts(database) == {"s0": one, "s1": one, "s2": two, "s3": None}


async def test_what_a_killed_process_left_is_swept_up_and_nothing_that_is_being_written(
    files: AudioFiles, database: Database, tmp_path: Path
):
    folder = tmp_path / "audio"
    stored = await files.store(CHUNK)
    left = [folder / "s1" / "audio-7-abc.flac", folder / "s1" / ".tmp123", folder / "s9" / "x.flac"]
    fresh = [folder / "s1" / "audio-8-abc.flac", folder / "s1" / ".tmp456"]
    other = folder / "readme.txt"
    for path in (*left, *fresh, other):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    day = 86_400
    for path in (*left, other, folder / stored.file_path):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - day - 60))
    assert await sweep_stored_audio(database, folder) == len(left)
    kept = {str(path.relative_to(folder)) for path in (*fresh, other)}
    assert set(on_disk(tmp_path)) == {*kept, stored.file_path}
    assert not (folder / "s9").exists()
    assert await sweep_stored_audio(database, folder) == 0
    assert await sweep_stored_audio(database, tmp_path / "nowhere") == 0


async def test_a_file_left_over_that_is_stored_again_is_not_swept_up(
    files: AudioFiles, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stored = await files.store(CHUNK)
    path = tmp_path / "audio" / stored.file_path
    async with database.write() as connection:
        await connection.execute(delete(AudioFileRow))
    os.utime(path, (1.0, 1.0))
    insert = files._insert  # pyright: ignore[reportPrivateUsage] - the moment between file and row

    async def sweep_first(session_id: str, chunk: StoredChunk) -> str:
        assert await sweep_stored_audio(database, tmp_path / "audio") == 0
        return await insert(session_id, chunk)

    monkeypatch.setattr(files, "_insert", sweep_first)
    assert await files.content(await files.store(CHUNK)) == CHUNK.content
