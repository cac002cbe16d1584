import asyncio
import itertools
import math
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select, text, update

from livetranslate.domain.errors import BackendUnavailable, Conflict, NotFound
from livetranslate.domain.events import SessionError, SessionEvent, SessionQueued, Vad
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatus
from livetranslate.domain.speech import Word
from livetranslate.sessions.records import SessionRecords
from livetranslate.storage.database import Database
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.tables import (
    Base,
    SessionEventRow,
    SessionRow,
    SessionStatisticsRow,
    TranscriptRow,
    TranslationRow,
)
from support.events import T0, at, ended, segment, speaker, started, translation

A, B = "session-1-a", "session-2-b"
CONFIG = SessionConfig(
    language="en",
    target_languages=("es", "fr"),
    glossary={"a": "b"},
    metadata={"title": "Weekly\x00", "odd": "\\u0000 \x00 \\"},
)


@pytest.fixture
async def records(database: Database) -> SqlSessionRecords:
    made = SqlSessionRecords(database)
    contract: SessionRecords = made
    for session_id in (A, B):
        await contract.create(session_id, kind="api", config=CONFIG, created_at=T0)
    return made


async def rows(database: Database, table: type[Base], session_id: str = A) -> list[dict[str, Any]]:
    columns = table.__table__.c
    query = select(table.__table__).where(columns.session_id == session_id)
    async with database.read() as connection:
        found = await connection.execute(query.order_by(*table.__table__.primary_key))
        return [dict(row) for row in found.mappings()]


async def session(database: Database) -> dict[str, Any]:
    return (await rows(database, SessionRow))[0]


async def test_row_comes_first_and_only_once(
    database: Database, records: SqlSessionRecords
) -> None:
    row = await session(database)
    assert (row["status"], row["kind"], row["created_at"]) == ("initializing", "api", T0)
    assert row["created_at"].utcoffset().total_seconds() == 0
    assert row["target_languages"] == ["es", "fr"]
    assert row["bot_config"]["glossary"] == {"a": "b"}
    assert row["title"] == "Weekly"
    assert row["metadata"]["odd"] == "\\u0000  \\"
    await records.create(A, kind="api", config=CONFIG, created_at=T0)
    with pytest.raises(Conflict, match=A):
        await records.create(A, kind="api", config=CONFIG, created_at=at(1))


async def test_rows_that_come_together_do_not_harm_each_other(
    database: Database, records: SqlSessionRecords
) -> None:
    """They share a transaction; one that is wrong and one that is there already fail alone."""

    def create(name: str, created_at: datetime = T0) -> Awaitable[None]:
        return records.create(name, kind="api", config=CONFIG, created_at=created_at)

    names = [f"new-{number}" for number in range(100)]
    outcomes = await asyncio.gather(
        *(create(name) for name in names),
        create("new-0", at(1)),
        create(A),
        create(A, at(1)),
        create("wrong", T0.replace(tzinfo=None)),
        create("last"),
        return_exceptions=True,
    )
    assert outcomes[:100] == [None] * 100
    again, same, other, wrong, last = outcomes[100:]
    assert (same, last) == (None, None)
    assert isinstance(again, Conflict)
    assert isinstance(other, Conflict)
    assert "time zone" in str(wrong)
    async with database.read() as connection:
        stored = set((await connection.execute(select(SessionRow.session_id))).scalars())
    assert stored >= {*names, A, "last"}
    assert "wrong" not in stored


async def test_status_moves_forward_and_final_ones_stay(
    database: Database, records: SqlSessionRecords
) -> None:
    await records.set_status(A, SessionStatus.ACTIVE, at=at(1))
    await records.set_status(A, SessionStatus.ACTIVE, at=at(2))
    assert (await session(database))["started_at"] == at(1)
    with pytest.raises(Conflict):
        await records.set_status(A, SessionStatus.INITIALIZING, at=at(2))
    await records.set_status(A, SessionStatus.COMPLETED, at=at(3), reason=EndReason.EXPIRED)
    for status in SessionStatus:
        await records.set_status(A, status, at=at(4), reason=EndReason.FAILED, error="late")
    row = await session(database)
    assert (row["status"], row["ended_at"], row["end_reason"]) == ("completed", at(3), "expired")
    assert row["error"] is None
    with pytest.raises(NotFound):
        await records.set_status("nobody", SessionStatus.ACTIVE, at=at(1))


async def test_racing_ends_leave_one(
    database: Database, records: SqlSessionRecords, another: Callable[[], Database]
) -> None:
    other = another()
    reasons = (EndReason.EXPIRED, EndReason.CLIENT_ENDED)
    doors = itertools.cycle([records, SqlSessionRecords(other)])
    await asyncio.gather(
        *(
            next(doors).set_status(
                A, SessionStatus.COMPLETED, at=at(number), reason=reasons[number % 2]
            )
            for number in range(8)
        )
    )
    await other.close()
    row = await session(database)
    number = int((row["ended_at"] - T0).total_seconds())
    assert row["end_reason"] == reasons[number % 2].value


async def test_final_segments_and_translations_are_kept_whole(
    database: Database, records: SqlSessionRecords
) -> None:
    await records.record(
        A,
        [
            segment(A, 0, "hel", is_final=False),
            segment(A, 0, "hello wörld 你好", speaker="SPEAKER_00"),
            translation(A, 0, "ho", is_final=False),
            translation(A, 0, "hola"),
            translation(A, 0, "salut", target="fr", lag_s=1.5),
            translation(A, 0, "", target="de", error="no such pair"),
            Vad(session_id=A, event_id=5, timestamp=at(1), speech=True, level_dbfs=-20.0),
            SessionQueued(session_id=A, event_id=6, timestamp=at(1), position=2),
        ],
    )
    [row] = await rows(database, TranscriptRow)
    assert row["transcript_text"] == "hello wörld 你好"
    assert (row["language"], row["confidence_score"], row["source"]) == ("en", 0.5, "whisper")
    assert (row["start_time"], row["end_time"], row["word_count"]) == (0.0, 2.0, 3)
    assert row["speaker_id"] == "SPEAKER_00"
    assert row["committed_at"] == at(3)
    words = msgspec.convert(row["words"], tuple[Word, ...])
    assert words == segment(A, 0, "hello wörld 你好").words
    spanish, french = await rows(database, TranslationRow)
    assert (spanish["translated_text"], spanish["target_language"]) == ("hola", "es")
    assert (spanish["engine"], spanish["confidence"]) == ("apertium", 0.25)
    assert spanish["transcript_id"] == french["transcript_id"] == row["transcript_id"]
    assert (spanish["latency_ms"], french["latency_ms"]) == (500.0, 1500.0)
    [failure] = await rows(database, SessionEventRow)
    assert (failure["event_type"], failure["severity"]) == ("translation_failed", "warning")
    assert failure["data"]["error"] == "no such pair"


def everything(session_id: str) -> list[SessionEvent]:
    error = SessionError(
        session_id=session_id, event_id=7, timestamp=at(8), code="overloaded", message="slow"
    )
    return [
        started(session_id),
        segment(session_id, 0, speaker="SPEAKER_00"),
        translation(session_id, 0),
        segment(session_id, 1, "again"),
        error,
        translation(session_id, 1),
        speaker(session_id, 25, "ada", "Ada", 0, 1),
        ended(session_id),
    ]


async def snapshot(database: Database) -> dict[str, list[dict[str, Any]]]:
    tables = (TranscriptRow, TranslationRow, SessionEventRow, SessionStatisticsRow)
    made_by_database = {"transcript_id", "translation_id", "session_event_id"}
    found = {table.__tablename__: await rows(database, table) for table in tables}
    return {
        name: [
            {key: value for key, value in row.items() if key not in made_by_database}
            for row in many
        ]
        for name, many in found.items()
    }


@pytest.mark.parametrize("seed", range(4))
async def test_repeated_and_split_writes_leave_one_row_each(
    database: Database, records: SqlSessionRecords, seed: int
) -> None:
    await records.record(B, everything(B))
    events = everything(A)
    chance = random.Random(seed)
    written = 0
    while written < len(events):
        begin = chance.randint(0, written)
        end = chance.randint(written, len(events))
        await records.record(A, events[begin:end])
        written = max(written, end)
    await records.record(A, events)
    apart = await snapshot(database)
    fresh = SqlSessionRecords(database)
    await fresh.delete(A)
    await fresh.create(A, kind="api", config=CONFIG, created_at=T0)
    await fresh.record(A, events)
    assert apart == await snapshot(database)
    assert [len(many) for many in apart.values()] == [2, 2, 4, 1]
    assert len(await rows(database, TranscriptRow, B)) == 2


async def test_translation_that_comes_before_its_segment_joins_it(
    database: Database, records: SqlSessionRecords
) -> None:
    await records.record(A, [translation(A, 0), translation(A, 1)])
    assert [row["transcript_id"] for row in await rows(database, TranslationRow)] == [None, None]
    await records.record(A, [segment(A, 0)])
    [segment_row] = await rows(database, TranscriptRow)
    joined, waiting = await rows(database, TranslationRow)
    assert joined["transcript_id"] == segment_row["transcript_id"]
    assert waiting["transcript_id"] is None


async def test_later_speaker_wins_whatever_is_repeated(
    database: Database, records: SqlSessionRecords
) -> None:
    first, second = speaker(A, 30, "one", "One", 0, 1), speaker(A, 40, "two", None, 0)
    await records.record(A, [segment(A, 0), segment(A, 1), first, second])
    await records.record(A, [segment(A, 0, speaker="SPEAKER_09"), first])
    found = [
        (row["speaker_id"], row["speaker_name"]) for row in await rows(database, TranscriptRow)
    ]
    assert found == [("two", None), ("one", "One")]


async def test_missing_values_drop_no_row(database: Database, records: SqlSessionRecords) -> None:
    bare = segment(A, 0, "a\x00b", language=None, confidence=None)
    odd = msgspec.structs.replace(bare, segment_id="odd", confidence=math.nan, start=math.inf)
    await records.record(A, [bare, odd, translation(A, 0), ended(A)])
    first, second = await rows(database, TranscriptRow)
    assert (first["transcript_text"], first["language"]) == ("ab", None)
    assert first["confidence_score"] is None
    assert (second["confidence_score"], second["start_time"]) == (None, None)
    [totals] = await rows(database, SessionStatisticsRow)
    assert (totals["segments"], totals["mean_confidence"], totals["languages"]) == (2, None, {})


async def test_totals_of_an_ended_session(database: Database, records: SqlSessionRecords) -> None:
    await records.set_status(A, SessionStatus.ACTIVE, at=at(10))
    events: list[SessionEvent] = [
        segment(A, 0, "one two three", speaker="ada", confidence=0.5),
        segment(A, 1, "four", speaker="bob", confidence=1.0),
        segment(A, 2, "cinco", language="es", speaker="ada", confidence=None),
        translation(A, 0, target="es", lag_s=0.1),
        translation(A, 0, target="fr", lag_s=0.2),
        translation(A, 1, target="es", lag_s=0.3),
        ended(A, 100.0),
    ]
    await records.record(A, events)
    [totals] = await rows(database, SessionStatisticsRow)
    assert (totals["segments"], totals["words"], totals["translations"]) == (3, 5, 3)
    assert totals["duration_s"] == 90.0
    assert (totals["audio_s"], totals["speech_s"], totals["chunks"]) == (80.0, 60.0, 800)
    assert totals["languages"] == {"en": 2, "es": 1}
    assert totals["mean_confidence"] == 0.75
    assert totals["translation_coverage"] == pytest.approx(3 / 5)
    shares = {name: one["share"] for name, one in totals["speakers"].items()}
    assert shares == pytest.approx({"ada": 2 / 3, "bob": 1 / 3})
    assert totals["translation_latency_p50_ms"] == pytest.approx(200.0)
    assert totals["translation_latency_p99_ms"] == pytest.approx(300.0)


async def test_events_of_a_session_that_is_gone(records: SqlSessionRecords) -> None:
    for event in (segment("gone", 0), translation("gone", 0), started("gone")):
        with pytest.raises(NotFound, match="gone"):
            await records.record("gone", [event])


async def test_half_a_batch_is_never_written(
    database: Database, records: SqlSessionRecords
) -> None:
    foreign = segment("gone", 1)
    with pytest.raises(NotFound):
        await records.record(A, [segment(A, 0), foreign])
    assert await rows(database, TranscriptRow) == []


async def test_deleting_takes_everything_of_one_and_nothing_of_another(
    database: Database, records: SqlSessionRecords
) -> None:
    for session_id in (A, B):
        await records.record(session_id, everything(session_id))
    before = {table: await rows(database, table, B) for table in (TranscriptRow, TranslationRow)}
    await records.delete(A)
    await records.delete(A)
    async with database.read() as connection:
        for table in Base.metadata.sorted_tables:
            if "session_id" in table.c:
                query = select(func.count()).where(table.c.session_id == A)
                assert (await connection.execute(query)).scalar_one() == 0, table.name
    assert {table: await rows(database, table, B) for table in before} == before


async def test_many_writers_at_once_from_two_processes(
    database: Database, records: SqlSessionRecords, another: Callable[[], Database]
) -> None:
    other = another()
    doors = [records, SqlSessionRecords(other)]

    async def write(number: int) -> None:
        await doors[number % 2].record(A, [segment(A, number), translation(A, number)])

    await asyncio.gather(*(write(number) for number in range(60)))
    await other.close()
    assert len(await rows(database, TranscriptRow)) == 60
    assert all(row["transcript_id"] for row in await rows(database, TranslationRow))
    load = database.load()
    assert (load.running, load.waiting) == (0, 0)
    assert 0 < load.passed < 30  # those at the same time share transactions


async def test_reading_and_then_writing_is_one_step_for_two_processes(
    database: Database, records: SqlSessionRecords, another: Callable[[], Database]
) -> None:
    other = another()
    query = select(SessionRow.title).where(SessionRow.session_id == A).with_for_update()
    change = update(SessionRow).where(SessionRow.session_id == A)

    async def count(door: Database) -> None:
        for _ in range(10):
            async with door.write() as connection:
                title = (await connection.execute(query)).scalar_one()
                number = int(title) if title and title.isdigit() else 0
                await connection.execute(change.values(title=str(number + 1)))

    await asyncio.gather(count(database), count(other))
    await other.close()
    assert (await session(database))["title"] == "20"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+aiosqlite:////nowhere/at/all.db",
        "postgresql+asyncpg://nobody@/nothing?host=/nowhere",
        "postgresql+asyncpg://nobody@127.0.0.1:1/nothing",
    ],
)
async def test_database_away_is_said_to_be_worth_a_retry(url: str) -> None:
    away = Database(DatabaseOptions(url=url))
    with pytest.raises(BackendUnavailable) as caught:
        await SqlSessionRecords(away).record(A, [segment(A, 0)])
    assert caught.value.retryable
    assert caught.value.retry_after_s
    await away.close()


async def test_database_without_tables_names_the_remedy(empty_database: Database) -> None:
    with pytest.raises(BackendUnavailable, match="db migrate"):
        await SqlSessionRecords(empty_database).record(A, [segment(A, 0)])


async def test_connections_cut_by_the_server_are_made_anew(
    database: Database, records: SqlSessionRecords, another: Callable[[], Database]
) -> None:
    if database.is_sqlite:
        pytest.skip("a file cuts nobody off")
    other = another()
    async with other.write() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    await records.record(A, [segment(A, 0)])
    assert len(await rows(database, TranscriptRow)) == 1
    await other.close()


async def test_times_without_zone_are_refused(records: SqlSessionRecords) -> None:
    naive = T0.replace(tzinfo=None)
    with pytest.raises(Exception, match="time zone"):
        await records.create("n", kind="api", config=SessionConfig(), created_at=naive)
