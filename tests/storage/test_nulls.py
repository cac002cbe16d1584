"""Rows with nothing in any column that may be empty are read by every query, view and export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Column, Integer, Table, insert, select, text

from livetranslate.domain.session import SessionStatus
from livetranslate.storage.backup import backup, restore
from livetranslate.storage.database import Database
from livetranslate.storage.export import ExportFormat, export
from livetranslate.storage.found import SessionFilter
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.tables import Base
from livetranslate.storage.tables.base import UtcDateTime
from support.events import T0, at, ended, segment, speaker, translation

VIEWS = ("session_overview", "session_transcript", "speaker_statistics", "session_timeline")
GIVEN: dict[str, Any] = {
    "session_id": "bare",
    "status": "completed",
    "transcript_text": "bare words",
    "translated_text": "palabras",
    "target_language": "es",
    "bot_config": {},
    "metadata": {},
    "data": {},
    "languages": {},
    "speakers": {},
    "target_languages": [],
    "words": [{"word": "bare", "start": None, "end": None, "confidence": None, "committed": True}],
}


def bare_value(column: Column[Any]) -> Any:
    """Return the least that a column takes."""
    if column.name in GIVEN and not isinstance(column.type, Integer):
        return GIVEN[column.name]
    if isinstance(column.type, UtcDateTime):
        return T0
    if isinstance(column.type, JSON):
        return {}
    return {str: "x", int: 0, float: 0.0, bytes: b""}[column.type.python_type]


def bare_row(table: Table) -> dict[str, Any]:
    """Return a row without anything that may be missing."""
    numbered = table.autoincrement_column
    return {
        column.name: bare_value(column)
        for column in table.columns
        if not column.nullable and column is not numbered
    }


@pytest.fixture
async def bare(database: Database) -> Database:
    async with database.write() as connection:
        for table in Base.metadata.sorted_tables:
            await connection.execute(insert(table), [bare_row(table)])
        # One is joined to its segment, so that every column of both is read together.
        await connection.execute(
            text("INSERT INTO translations (session_id, segment_id, transcript_id,"
                 " translated_text, target_language, translated_at) SELECT session_id,"
                 " segment_id, transcript_id, 'mots', 'fr', committed_at FROM transcripts")
        )  # fmt: skip
    return database


async def test_every_read_takes_them(bare: Database) -> None:
    async with bare.read() as connection:
        for table in Base.metadata.sorted_tables:
            row = (await connection.execute(select(table))).mappings().first()
            assert row is not None
            left = {column.name for column in table.columns if column.nullable} - {"transcript_id"}
            assert {name for name in left if row[name] is not None} == set(), table.name
    history = SessionHistory(bare)
    for wanted in (
        SessionFilter(),
        SessionFilter(status=SessionStatus.COMPLETED),
        SessionFilter(kind="x"),
        SessionFilter(language="es"),
        SessionFilter(since=T0, until=at(1)),
        SessionFilter(q="bare"),
        SessionFilter(q="palabras"),
    ):
        page = await history.sessions(wanted)
        assert [one.session_id for one in page.sessions] == ["bare"], wanted
    assert (await history.sessions(SessionFilter(language="de"))).sessions == []
    assert await history.ended_before(at(1000), 10) == []
    detail = await history.session("bare")
    assert (detail.title, detail.duration_s, detail.spoken_languages) == (None, None, [])
    transcript = await history.transcript("bare")
    assert transcript.segments[0].start is None
    assert [hit.session_id for hit in (await history.search("bare")).hits] == ["bare"]
    assert [hit.session_id for hit in (await history.search("mots")).hits] == ["bare"]


async def test_every_export_takes_them(bare: Database) -> None:
    transcript = await SessionHistory(bare).transcript("bare")
    for form in ExportFormat:
        for language, bilingual in ((None, False), ("fr", False), ("fr", True)):
            content = export(transcript, form, language=language, bilingual=bilingual).decode()
            # A subtitle cannot be shown without a time.
            timed = form in (ExportFormat.SRT, ExportFormat.VTT)
            assert ("mots" if language else "bare words") in content or timed


async def test_every_view_takes_them(bare: Database) -> None:
    async with bare.read() as connection:
        for view in VIEWS:
            rows = (await connection.execute(text(f"SELECT * FROM {view}"))).mappings().all()
            assert {row["session_id"] for row in rows} == {"bare"}, view
            kinds = {row.get("kind") for row in rows}
    assert kinds == {"audio", "transcript", "translation", "event"}


async def test_writes_go_on_beside_them(bare: Database) -> None:
    records = SqlSessionRecords(bare)
    await records.record(
        "bare",
        [segment("bare", 0), translation("bare", 0), speaker("bare", 99, "a", None, 0)],
    )
    await records.record("bare", [ended("bare")])
    detail = await SessionHistory(bare).session("bare")
    assert detail.statistics is not None
    assert (detail.segments, detail.statistics["mean_confidence"]) == (2, 0.5)


async def test_a_backup_takes_them(
    bare: Database, empty_database: Database, tmp_path: Path
) -> None:
    header = await backup(bare, tmp_path / "x", at=T0)
    assert all(header.rows.values())
    assert await restore(empty_database, tmp_path / "x") == header
    transcript = await SessionHistory(empty_database).transcript("bare")
    assert [one.text for one in transcript.segments] == ["bare words"]
