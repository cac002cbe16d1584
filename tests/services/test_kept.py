"""Removal and retention of whole sessions: rows, stored audio and log, and nothing of another's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from livetranslate.domain.errors import NotFound
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatus
from livetranslate.services.kept import Kept
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.manager import SessionManager
from livetranslate.storage.database import Database
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import migrate
from livetranslate.storage.tables import AudioFileRow
from support.events import segment

NOW = datetime.now(UTC)


class Place:
    """A database with stored audio and a log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.audio = folder / "audio"
        self.audio.mkdir()
        self.database = Database(DatabaseOptions(url=f"sqlite+aiosqlite:///{folder}/x.db"))
        self.records = SqlSessionRecords(self.database)
        self.log = MemorySessionLog(LogOptions())
        manager = SessionManager(self.log, self.records)
        self.kept = Kept(
            self.database, self.records, self.log, manager, audio=self.audio, retention_days=7
        )

    async def session(self, name: str, ended_days_ago: float | None = None) -> list[Path]:
        """Make a session with a segment and two audio files, which are returned."""
        created = NOW - timedelta(days=(ended_days_ago or 0.0) + 1)
        await self.records.create(name, kind="api", config=SessionConfig(), created_at=created)
        await self.log.create(name, SessionConfig(), to_record=True)
        await self.records.record(name, [segment(name, 0)])
        files = [self.audio / name / f"{number}.flac" for number in range(2)]
        for file in files:
            await self.store(name, file, f"{name}/{file.name}")
        if ended_days_ago is not None:
            await self.records.set_status(
                name,
                SessionStatus.COMPLETED,
                at=NOW - timedelta(days=ended_days_ago),
                reason=EndReason.CLIENT_ENDED,
            )
        return files

    async def store(self, name: str, file: Path, path: str) -> None:
        file.parent.mkdir(exist_ok=True)
        await asyncio.to_thread(file.write_bytes, b"x")
        row = {
            "audio_file_id": f"{name}-{path}",
            "session_id": name,
            "chunk_id": path,
            "file_path": path,
            "size_bytes": 1,
            "sha256": "0" * 64,
            "codec": "flac",
            "sample_rate": 16_000,
            "channels": 1,
            "stored_at": NOW,
        }
        async with self.database.write() as connection:
            await connection.execute(insert(AudioFileRow), [row])

    async def there(self, name: str) -> tuple[bool, bool]:
        """Whether the rows are there, and the log."""
        rows = log = True
        try:
            await self.kept.history.session(name)
        except NotFound:
            rows = False
        try:
            await self.log.state(name)
        except NotFound:
            log = False
        return rows, log


@pytest.fixture
async def place(tmp_path: Path):
    place = Place(tmp_path)
    await migrate(place.database)
    yield place
    await place.database.close()


async def test_removal_takes_rows_audio_and_log_of_one(place: Place) -> None:
    mine, others = await place.session("mine"), await place.session("other")
    await place.kept.live.transcript("mine")
    await place.kept.removal.remove("mine")
    await place.kept.removal.remove("mine")
    assert await place.there("mine") == (False, False)
    assert not mine[0].parent.exists()
    with pytest.raises(NotFound):
        await place.kept.live.transcript("mine")
    assert await place.there("other") == (True, True)
    assert all(file.exists() for file in others)


async def test_a_path_that_leads_elsewhere_removes_nothing_there(place: Place) -> None:
    victim = place.folder / "victim"
    await place.session("..")
    await place.store("..", victim, "../victim")
    await place.kept.removal.remove("..")
    assert victim.exists()
    assert (place.folder / "x.db").exists()
    assert place.audio.exists()


async def test_retention_takes_what_ended_long_ago_and_nothing_else(place: Place) -> None:
    old = await place.session("old", 8)
    kept = [*await place.session("recent", 6), *await place.session("live")]
    assert await place.kept.retention.sweep() == 1
    assert await place.there("old") == (False, False)
    assert not any(file.exists() for file in old)
    assert await place.there("recent") == await place.there("live") == (True, True)
    assert all(file.exists() for file in kept)
