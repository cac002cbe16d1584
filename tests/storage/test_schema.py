import asyncio

from sqlalchemy import inspect, text

from livetranslate.domain.session import SessionConfig
from livetranslate.storage.database import Database
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import (
    BASE,
    current_revision,
    differences,
    head_revision,
    migrate,
    missing_indexes,
)
from livetranslate.storage.tables import Base
from support.events import T0, segment, translation

TABLES = {
    "bot_sessions",
    "participants",
    "audio_files",
    "transcripts",
    "translations",
    "correlations",
    "speaker_identities",
    "session_events",
    "session_statistics",
}
VIEWS = {"session_overview", "session_transcript", "speaker_statistics", "session_timeline"}


async def test_models_are_the_nine_tables() -> None:
    assert set(Base.metadata.tables) == TABLES


async def test_migrated_schema_is_what_the_models_say(database: Database) -> None:
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
        assert await connection.run_sync(missing_indexes) == []
        views = await connection.run_sync(lambda found: inspect(found).get_view_names())
    assert set(views) == VIEWS


async def test_comparison_sees_a_missing_column_and_index(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("DROP INDEX ix_transcripts_session_id_language"))
        await connection.execute(text("ALTER TABLE translations ADD COLUMN stray TEXT"))
    async with database.read() as connection:
        found = str(await connection.run_sync(differences))
        assert "stray" in found
        missing = await connection.run_sync(missing_indexes)
    assert missing == ["ix_transcripts_session_id_language"]


async def test_every_revision_goes_down_and_up(empty_database: Database) -> None:
    for revision in ("0001", "0002", "0001", "head"):
        at = await migrate(empty_database, revision)
        assert at == (head_revision() if revision == "head" else revision)
    assert await migrate(empty_database, BASE) is None
    async with empty_database.read() as connection:
        names = await connection.run_sync(lambda found: inspect(found).get_table_names())
        views = await connection.run_sync(lambda found: inspect(found).get_view_names())
    assert set(names) <= {"alembic_version"}
    assert views == []
    assert await migrate(empty_database) == head_revision()


async def test_processes_that_migrate_at_once(empty_url: str) -> None:
    doors = [Database(DatabaseOptions(url=empty_url)) for _ in range(3)]
    reached = await asyncio.gather(*(migrate(door) for door in doors))
    assert reached == [head_revision()] * 3
    for door in doors:
        await door.close()


async def test_failed_migration_leaves_everything_as_it_was(empty_database: Database) -> None:
    await migrate(empty_database, "0001")
    async with empty_database.write() as connection:
        await connection.execute(text("CREATE TABLE session_timeline (x INTEGER)"))
    try:
        await migrate(empty_database)
    except Exception:  # noqa: BLE001 - each database has its own
        pass
    else:
        raise AssertionError("a view was made where a table stands")
    async with empty_database.read() as connection:
        assert await connection.run_sync(current_revision) == "0001"
        assert await connection.run_sync(lambda found: inspect(found).get_view_names()) == []


async def test_rows_outlive_the_way_down_and_up(database: Database) -> None:
    records = SqlSessionRecords(database)
    await records.create("s", kind="api", config=SessionConfig(), created_at=T0)
    await records.record("s", [translation("s", 1), segment("s", 0, "some words")])
    before = await SessionHistory(database).transcript("s")
    for revision in ("0003", "0002", "head"):
        await migrate(database, revision)
    after = SessionHistory(database)
    assert await after.transcript("s") == before
    assert [hit.session_id for hit in (await after.search("words")).hits] == ["s"]
    await records.record("s", [segment("s", 1)])
    assert len((await after.transcript("s")).segments[1].translations) == 1
