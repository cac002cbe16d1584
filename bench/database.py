"""Target 10: segments written in batches of 100, against SQLAlchemy's ORM; a page of history."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import msgspec
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from tests.support.archive import fill
from tests.support.postgres import postgres_server

from bench.machine import describe
from bench.options import BenchOptions
from bench.report import Report, Row, interleaved, row, share_of
from livetranslate.domain.events import SessionEnded, TranscriptionResult
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatistics
from livetranslate.domain.speech import Word
from livetranslate.storage.database import Database
from livetranslate.storage.found import SessionFilter
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import migrate
from livetranslate.storage.tables import TranscriptRow

BATCH = 100
SEGMENTS = 100_000
EACH = 10
"""Segments of a session."""
PAGES = 20
MIDDLE = "1772371400123456.session-5000"
"""A cursor half-way through the sessions."""
DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "128MB",
}
"""As PostgreSQL comes; the tests' own settings lose data with the power."""

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
TEXT = "and so we meet again on thursday at ten to look at all of it once more"


class Place(msgspec.Struct, frozen=True):
    """A database under measurement: our door to it, and a plain engine for the baseline."""

    name: str
    database: Database
    plain: AsyncEngine


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, postgres_server(**DURABLE) as server:
        urls = {
            "SQLite": f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}",
            "PostgreSQL": server.create("bench"),
        }
        for name, url in urls.items():
            rows += _measure(name, url, options)
    return Report(
        name="database",
        target="≥ 5 × rows a second in batches of 100; a page of history in under 20 ms",
        baseline="SQLAlchemy's ORM: objects made of the same events, add_all, commit; an engine "
        "as it comes, with the same pragmas on SQLite",
        rows=rows,
        notes=[
            f"{options.operations:,} segments of {len(TEXT.split())} words a repeat, one session, "
            f"one writer, {BATCH} a transaction; all indexes and full-text search are kept up.",
            "Ours leaves alone what is there already and joins waiting translations; the ORM "
            "does neither.",
            f"Pages of 50 with {SEGMENTS:,} segments and as many translations in "
            f"{SEGMENTS // EACH:,} sessions; the median of {PAGES} reads is a repeat.",
        ],
        machine=machine,
    )


def _measure(name: str, url: str, options: BenchOptions) -> list[Row]:
    # One loop for all of it, to which the engines' connections belong.
    with asyncio.Runner() as runner:
        place = Place(name, Database(DatabaseOptions(url=url)), _plain_engine(url))
        runner.run(_make_tables(place))
        try:
            return [
                _writing(runner, place, options),
                *_reading(runner, place, options.repeats),
            ]
        finally:
            runner.run(place.database.close())
            runner.run(place.plain.dispose())


async def _make_tables(place: Place) -> None:
    await migrate(place.database)


def _plain_engine(url: str) -> AsyncEngine:
    """Return an engine as it comes, as safe as ours: the same pragmas on SQLite."""
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":

        def on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
            cursor = connection.cursor()
            for pragma in ("synchronous = NORMAL", "foreign_keys = ON"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        event.listen(engine.sync_engine, "connect", on_connect)
    return engine


def _writing(runner: asyncio.Runner, place: Place, options: BenchOptions) -> Row:
    numbers = count()

    def speed(write: Callable[[Place, list[TranscriptionResult]], Awaitable[None]]) -> float:
        session_id = f"written-{next(numbers)}"
        return runner.run(_timed(place, session_id, options.operations, write))

    speeds = interleaved(
        options.repeats, {"ours": lambda: speed(_ours), "orm": lambda: speed(_orm)}
    )
    return share_of(f"{place.name}: segments written", "rows/s", speeds["ours"], speeds["orm"])


async def _timed(
    place: Place,
    session_id: str,
    operations: int,
    write: Callable[[Place, list[TranscriptionResult]], Awaitable[None]],
) -> float:
    """Return how many rows a second are written."""
    records = SqlSessionRecords(place.database)
    await records.create(session_id, kind="api", config=SessionConfig(), created_at=MOMENT)
    events = [_segment(session_id, number) for number in range(operations)]
    batches = [events[at : at + BATCH] for at in range(0, operations, BATCH)]
    begin = time.perf_counter()
    for batch in batches:
        await write(place, batch)
    speed = operations / (time.perf_counter() - begin)
    # Only those of live sessions are counted anew with each page.
    await records.record(session_id, [_end(session_id)])
    return speed


async def _ours(place: Place, batch: list[TranscriptionResult]) -> None:
    await SqlSessionRecords(place.database).record(batch[0].session_id, batch)


async def _orm(place: Place, batch: list[TranscriptionResult]) -> None:
    async with AsyncSession(place.plain) as session:
        session.add_all([_row_object(event) for event in batch])
        await session.commit()


def _row_object(event: TranscriptionResult) -> TranscriptRow:
    return TranscriptRow(
        session_id=event.session_id,
        segment_id=event.segment_id,
        transcript_text=event.text,
        language=event.language,
        confidence_score=event.confidence,
        source="whisper",
        speaker_id=event.speaker_id,
        speaker_name=event.speaker_name,
        speaker_event_id=event.event_id,
        start_time=event.start,
        end_time=event.end,
        word_count=len(event.words),
        words=msgspec.to_builtins(event.words),
        committed_at=event.timestamp,
    )


def _end(session_id: str) -> SessionEnded:
    return SessionEnded(
        session_id=session_id,
        event_id=1_000_000,
        timestamp=MOMENT + timedelta(days=1),
        reason=EndReason.CLIENT_ENDED,
        statistics=SessionStatistics(),
    )


def _segment(session_id: str, number: int) -> TranscriptionResult:
    start = 6.0 * number
    words = tuple(
        Word(word, start + 0.4 * at, start + 0.4 * at + 0.3, 0.9, True)
        for at, word in enumerate(TEXT.split())
    )
    return TranscriptionResult(
        session_id=session_id,
        event_id=number + 1,
        timestamp=MOMENT + timedelta(seconds=start),
        segment_id=f"seg-{number}",
        text=TEXT,
        language="en",
        confidence=0.9,
        start=start,
        end=start + 6.0,
        speaker_id="SPEAKER_00",
        is_final=True,
        words=words,
    )


def _reading(runner: asyncio.Runner, place: Place, repeats: int) -> list[Row]:
    runner.run(fill(place.database, sessions=SEGMENTS // EACH, each=EACH))
    history = SessionHistory(place.database)
    reads: dict[str, Callable[[], Awaitable[object]]] = {
        "first page of history": history.sessions,
        "page in the middle of history": lambda: history.sessions(cursor=MIDDLE),
        "page of one kind": lambda: history.sessions(SessionFilter(kind="bot")),
        "page of one language": lambda: history.sessions(SessionFilter(language="de")),
        "page by words": lambda: history.sessions(SessionFilter(q="word123")),
        "search": lambda: history.search("word123"),
        "a session": lambda: history.session("session-4321"),
        "its transcript": lambda: history.transcript("session-4321"),
    }
    times: dict[str, list[float]] = {name: [] for name in reads}
    for _ in range(repeats):
        for name, read in reads.items():
            times[name].append(runner.run(_median_ms(read)))
    return [row(f"{place.name}: {name}", "ms", found) for name, found in times.items()]


async def _median_ms(read: Callable[[], Awaitable[object]]) -> float:
    times: list[float] = []
    for _ in range(PAGES):
        begin = time.perf_counter()
        await read()
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)
