"""Killed between any two writes, process or database: no half segment, and none twice.

A process writes a session's events in portions and is killed, or its connections are, at random
points. At each point every segment is there whole or not at all; afterwards the events are written
again from the first one, as from the session's log, and the result is that of an undisturbed run.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, select, text

from livetranslate.domain.events import SessionEvent
from livetranslate.domain.session import SessionConfig
from livetranslate.storage.database import Database
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.tables import (
    SessionEventRow,
    SessionStatisticsRow,
    TranscriptRow,
    TranslationRow,
)
from support.events import T0, ended, segment, speaker, started, translation

POINTS = 7
"""Of each kind of killing and database in the usual suite; three kinds are 21."""
MANY_POINTS = 67
"""The same in the long one: three kinds are 201."""
SEGMENTS = 60
SESSION = "session-1-a"
TABLES = (TranscriptRow, TranslationRow, SessionEventRow, SessionStatisticsRow)
GIVEN_BY_DATABASE = {"transcript_id", "translation_id", "session_event_id"}


def portions() -> list[list[SessionEvent]]:
    """Return a session's events as a recorder reads them: a segment with all that belongs to it."""
    found: list[list[SessionEvent]] = [[started(SESSION)]]
    for number in range(SEGMENTS):
        found.append(
            [
                segment(SESSION, number, f"words of segment {number}", speaker="SPEAKER_00"),
                translation(SESSION, number),
                translation(SESSION, number, "mots", target="fr"),
                translation(SESSION, number, "", target="de", error="no such pair"),
                speaker(SESSION, 10 * number + 12, "ada", "Ada", number),
            ]
        )
    found.append([ended(SESSION)])
    return found


async def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of one moment in order of their keys, without the keys."""
    found: dict[str, list[dict[str, Any]]] = {}
    async with database.read() as connection:
        if not database.is_sqlite:
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        for table in TABLES:
            query = select(table.__table__).order_by(*table.__table__.primary_key)
            rows = (await connection.execute(query)).mappings()
            found[table.__tablename__] = [
                {name: value for name, value in row.items() if name not in GIVEN_BY_DATABASE}
                for row in rows
            ]
    return found


def check_whole(found: dict[str, list[dict[str, Any]]]) -> int:
    """Check that every segment that is there is there with all of it; return how many are."""
    segments = [row["segment_id"] for row in found["transcripts"]]
    assert segments == [f"s{number}" for number in range(len(segments))]
    for row in found["transcripts"]:
        assert (row["speaker_name"], row["word_count"], len(row["words"])) == ("Ada", 4, 4)
    translations = found["translations"]
    translated = sorted((row["segment_id"], row["target_language"]) for row in translations)
    assert translated == sorted((name, to) for name in segments for to in ("es", "fr"))
    kinds = [row["event_type"] for row in found["session_events"]]
    assert kinds.count("translation_failed") == len(segments)
    return len(segments)


@pytest.fixture
def events_file(tmp_path: Path) -> Path:
    file = tmp_path / "events"
    file.write_bytes(msgspec.msgpack.encode(portions()))
    return file


class Scene:
    """A database with the session's row, and a process that writes to it."""

    def __init__(self, database: Database, events_file: Path) -> None:
        self.database = database
        self.records = SqlSessionRecords(database)
        self._events_file = events_file

    async def begin(self) -> None:
        """Have the session's row and nothing else."""
        await self.records.delete(SESSION)
        await self.records.create(SESSION, kind="api", config=SessionConfig(), created_at=T0)

    async def write_all(self) -> dict[str, list[dict[str, Any]]]:
        """Write everything from the first event on; return what is there then."""
        for portion in portions():
            await self.records.record(SESSION, portion)
        return await contents(self.database)

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run a process that writes, and kill it in the end, as it is."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "support.killed_writer",
            self.database.options.url,
            str(self._events_file),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.fixture
def scene(database: Database, events_file: Path) -> Scene:
    return Scene(database, events_file)


async def done(process: asyncio.subprocess.Process, count: int) -> None:
    """Wait until so many portions are written."""
    assert process.stdout is not None
    for _ in range(count):
        assert await process.stdout.readline()


async def kill_process_at_random(scene: Scene, chance: random.Random, points: int) -> list[int]:
    """Kill writers, each of which goes on where the log begins; return how far each came."""
    await scene.begin()
    reached: list[int] = []
    for _ in range(points):
        async with scene.writer() as process:
            await done(process, chance.randrange(1, SEGMENTS))
            await asyncio.sleep(chance.random() * 0.004)
            process.kill()
            await process.wait()
        reached.append(check_whole(await contents(scene.database)))
        if reached[-1] > SEGMENTS * 0.8:
            await scene.begin()
    return reached


async def kill_connections_at_random(scene: Scene, chance: random.Random, points: int) -> int:
    """Have the server end the writer's connections over and over; return how often it did."""
    await scene.begin()
    killed = 0
    killing = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    while killed < points:
        async with scene.writer() as process:
            await done(process, 1)
            while killed < points and process.returncode is None:
                await asyncio.sleep(chance.random() * 0.02)
                async with scene.database.write() as connection:
                    killed += (await connection.execute(killing)).scalar_one() > 0
                if check_whole(await contents(scene.database)) == SEGMENTS:
                    break
        if killed < points:
            await scene.begin()
    return killed


async def check_process(scene: Scene, points: int) -> None:
    await scene.begin()
    undisturbed = await scene.write_all()
    reached = await kill_process_at_random(scene, random.Random(points), points)
    assert len(set(reached)) > points / 4
    assert await scene.write_all() == undisturbed


async def check_connections(scene: Scene, points: int) -> None:
    await scene.begin()
    undisturbed = await scene.write_all()
    assert await kill_connections_at_random(scene, random.Random(points), points) >= points
    assert await scene.write_all() == undisturbed


async def test_a_process_killed_at_random_points(scene: Scene) -> None:
    await check_process(scene, POINTS)


async def test_connections_killed_at_random_points(scene: Scene) -> None:
    if scene.database.is_sqlite:
        pytest.skip("a file has no connections to be killed")
    await check_connections(scene, POINTS)


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_a_process_killed_at_many_random_points(scene: Scene) -> None:
    await check_process(scene, MANY_POINTS)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_connections_killed_at_many_random_points(scene: Scene) -> None:
    if scene.database.is_sqlite:
        pytest.skip("a file has no connections to be killed")
    await check_connections(scene, MANY_POINTS)


async def test_a_crash_between_statements_leaves_nothing(
    scene: Scene, another: Callable[[], Database]
) -> None:
    """The transaction of a segment, stopped before each of its statements in turn."""
    await scene.begin()
    wanted = [one for portion in portions()[:2] for one in portion]
    statements = 0
    while True:
        door = another()
        calls = 0

        def stop(*_: object, at: int = statements) -> None:
            nonlocal calls
            calls += 1
            if calls > at:
                raise OSError("cut off")

        event.listen(door.engine.sync_engine, "before_cursor_execute", stop)
        try:
            await SqlSessionRecords(door).record(SESSION, wanted)
        except Exception:  # noqa: BLE001 - whatever the driver makes of it
            assert check_whole(await contents(scene.database)) == 0
        else:
            break
        finally:
            await door.close()
        statements += 1
    assert statements > 4
    assert check_whole(await contents(scene.database)) == 1
