import gzip
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from livetranslate.domain.errors import BackendUnavailable, InvalidInput, NotFound
from livetranslate.domain.session import SessionConfig
from livetranslate.storage import admin
from livetranslate.storage.backup import backup, restore
from livetranslate.storage.database import Database
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import head_revision, migrate
from livetranslate.storage.tables import Base
from support.events import T0, at, ended, segment, speaker, started, translation


async def fill(database: Database, count: int = 3, *, named: bool = True) -> None:
    records = SqlSessionRecords(database)
    for number in range(count):
        name = f"s{number}"
        config = SessionConfig(metadata={"title": "grüß", "n": None})
        await records.create(name, kind="api", config=config, created_at=at(number))
        await records.record(
            name,
            [
                started(name),
                segment(name, 0, "ein Wort", language=None),
                translation(name, 0, "una palabra"),
                *([speaker(name, 99, "ada", "Ada", 0)] if named else []),
                ended(name),
            ],
        )


def names(directory: Path, pattern: str) -> list[str]:
    return [found.name for found in directory.glob(pattern)]


async def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    async with database.read() as connection:
        for table in Base.metadata.sorted_tables:
            query = select(table).order_by(*table.primary_key)
            found[table.name] = [tuple(row) for row in await connection.execute(query)]
    return found


async def test_init_makes_what_is_not_there(empty_url: str) -> None:
    if empty_url.startswith("sqlite"):
        url = empty_url.replace("empty.db", "deep/down/new.db")
    else:
        url = empty_url.replace("?host", "_new?host")
    options = DatabaseOptions(url=url)
    assert await admin.init(options) == head_revision()
    database = Database(options)
    await fill(database, 1)
    assert await admin.init(options) == head_revision()
    status = await admin.status(database)
    assert status.rows["bot_sessions"] == 1
    await database.close()


async def test_status_tells_what_is_there_and_what_is_not(database: Database) -> None:
    await fill(database, 2)
    status = await admin.status(database)
    assert status.connected
    assert status.up_to_date
    assert (status.revision, status.head) == (head_revision(), head_revision())
    assert status.rows["bot_sessions"] == 2
    assert status.rows["participants"] == 0
    assert len(status.rows) == 9
    assert status.missing_indexes == []
    assert status.server is not None
    assert status.server.split()[0] in {"sqlite", "postgresql"}
    async with database.write() as connection:
        await connection.execute(text("DROP INDEX ix_bot_sessions_created_at_session_id"))
    status = await admin.status(database)
    assert status.missing_indexes == ["ix_bot_sessions_created_at_session_id"]


async def test_status_of_an_empty_database_and_of_none(empty_database: Database) -> None:
    status = await admin.status(empty_database)
    assert (status.connected, status.revision, status.up_to_date) == (True, None, False)
    assert status.rows == {}
    away = Database(DatabaseOptions(url="postgresql+asyncpg://u:hidden@127.0.0.1:1/x"))
    status = await admin.status(away)
    assert not status.connected
    assert status.error
    assert "hidden" not in repr(status)
    with pytest.raises(BackendUnavailable):
        await admin.init(away.options)


async def test_backup_brings_everything_back_in_either_database(
    database: Database, empty_database: Database, tmp_path: Path
) -> None:
    await fill(database)
    file = tmp_path / "x.backup"
    header = await backup(database, file, at=T0)
    assert header.rows["transcripts"] == 3
    assert names(tmp_path, "x.backup*") == ["x.backup"]
    restored = await restore(empty_database, file)
    assert restored == header
    assert await contents(empty_database) == await contents(database)
    hits = (await SessionHistory(empty_database).search("palabra")).hits
    assert len(hits) == 3
    assert (await admin.status(empty_database)).missing_indexes == []
    records = SqlSessionRecords(empty_database)
    await records.record("s0", [segment("s0", 1), translation("s0", 1)])
    assert len((await SessionHistory(empty_database).transcript("s0")).segments) == 2


async def test_restore_replaces_what_was_there(database: Database, tmp_path: Path) -> None:
    await fill(database, 1)
    before = await contents(database)
    await backup(database, tmp_path / "x", at=T0)
    await SqlSessionRecords(database).delete("s0")
    await SqlSessionRecords(database).create(
        "later", kind="api", config=SessionConfig(), created_at=T0
    )
    await restore(database, tmp_path / "x")
    assert await contents(database) == before


async def test_old_backup_goes_into_a_new_program(
    empty_database: Database, database: Database, tmp_path: Path
) -> None:
    await migrate(empty_database, "0001")
    await fill(empty_database, 1, named=False)
    header = await backup(empty_database, tmp_path / "old", at=T0)
    assert header.revision == "0001"
    await restore(database, tmp_path / "old")
    assert (await admin.status(database)).up_to_date
    assert len((await SessionHistory(database).search("wort")).hits) == 1


@pytest.mark.parametrize("damage", ["cut", "flip", "text", "absent", "newer"])
async def test_backup_of_no_use_changes_nothing(
    database: Database, tmp_path: Path, damage: str
) -> None:
    await fill(database, 1)
    file = tmp_path / "x"
    await backup(database, file, at=T0)
    whole = gzip.decompress(file.read_bytes())
    if damage == "cut":
        file.write_bytes(gzip.compress(whole[: len(whole) * 2 // 3]))
    elif damage == "flip":
        packed = bytearray(file.read_bytes())
        packed[-6] ^= 1
        file.write_bytes(packed)
    elif damage == "text":
        file.write_text("not a backup")
    elif damage == "absent":
        file.unlink()
    else:
        revision = str(head_revision()).encode()
        file.write_bytes(gzip.compress(whole.replace(revision, b"9" * len(revision), 1)))
    before = await contents(database)
    with pytest.raises(InvalidInput):
        await restore(database, file)
    assert await contents(database) == before


async def test_backup_that_cannot_be_made(empty_database: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="db init"):
        await backup(empty_database, tmp_path / "x", at=T0)
    assert names(tmp_path, "x*") == []
    await migrate(empty_database)
    with pytest.raises(InvalidInput, match="nowhere"):
        await backup(empty_database, tmp_path / "nowhere" / "x", at=T0)
