"""The plans of the API's own queries: no full scan of a table that grows."""

import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import Executable, column, literal_column, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from livetranslate.domain.session import SessionStatus
from livetranslate.storage import queries
from livetranslate.storage import timeline_queries as by_time
from livetranslate.storage.database import Database
from livetranslate.storage.found import SessionFilter
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.schema import migrate
from livetranslate.storage.tables import (
    AudioFileRow,
    CorrelationRow,
    ParticipantRow,
    SessionEventRow,
    TranscriptRow,
    TranslationRow,
)
from support.archive import fill
from support.events import at
from support.loops import in_own_loop
from support.postgres import PostgresServer

DIALECTS = ("sqlite", "postgresql")
SESSIONS = 10_000
SEGMENTS = 100_000
GROWING = (
    "bot_sessions|transcripts|translations|session_statistics|session_events|participants"
    "|correlations|audio_files"
)
CURSOR = (at(SESSIONS / 2), "session-5000")


_numbers = itertools.count()


class Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, query: queries.Query) -> None:
        self.query = query


@compiles(Explain, "postgresql")
def _explain_postgres(element: Explain, compiler: SQLCompiler, **options: Any) -> str:
    return "EXPLAIN " + compiler.process(element.query, **options)


@compiles(Explain, "sqlite")
def _explain_sqlite(element: Explain, compiler: SQLCompiler, **options: Any) -> str:
    # The driver would keep a statement of the same text, whose plan is of an older schema.
    return f"EXPLAIN QUERY PLAN /* {next(_numbers)} */ " + compiler.process(
        element.query, **options
    )


@pytest.fixture(scope="module", params=DIALECTS)
def large_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a database with ten thousand sessions of ten segments each; nobody changes it."""
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('large')}/large.db"
        in_own_loop(make_large(url))
        yield url
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.create("large")
        in_own_loop(make_large(url))
        yield url
        server.drop("large")


async def make_large(url: str) -> None:
    database = Database(DatabaseOptions(url=url))
    await migrate(database)
    await fill(database, sessions=SESSIONS, each=SEGMENTS // SESSIONS)
    await database.close()


@pytest.fixture
async def large(large_url: str) -> AsyncIterator[Database]:
    database = Database(DatabaseOptions(url=large_url))
    yield database
    await database.close()


def api_queries(sqlite: bool) -> dict[str, queries.Query]:
    def listed(after: Any = None, **wanted: Any) -> queries.Query:
        return queries.list_sessions(SessionFilter(**wanted), after, sqlite=sqlite).limit(51)

    def found(q: str, **options: Any) -> queries.Query:
        asked = {"session_id": None, "before": None, **options}
        return queries.search_segments(q, sqlite=sqlite, **asked).limit(51)

    def view(name: str) -> Any:
        of_session = column("session_id") == "session-77"
        return select(literal_column("*")).select_from(table(name)).where(of_session)

    def referring(child: Any, key: Any, value: object) -> Any:
        return select(child).where(key == value)

    some = [f"session-{number}" for number in range(50)]
    return {
        "list": listed(),
        "list, next page": listed(CURSOR),
        "list by status": listed(status=SessionStatus.ACTIVE),
        "list by kind": listed(kind="bot"),
        "list by kind, next page": listed(CURSOR, kind="bot"),
        "list by date": listed(since=at(100), until=at(200)),
        "list by language": listed(language="de"),
        "open sessions": queries.open_sessions().limit(10_000),
        "session": queries.one_session("session-77"),
        "statistics": queries.statistics_of("session-77"),
        "languages": queries.spoken_in("session-77"),
        "counts of segments": queries.counts_of_segments(some),
        "counts of translations": queries.counts_of_translations(some),
        "transcript": queries.segments_of("session-77"),
        "its translations": queries.translations_of_session("session-77"),
        "translations of hits": queries.translations_of(list(range(50))),
        "search": found("word123"),
        "search, next page": found("word123", before=5000),
        "search in a session": found("word77", session_id="session-77"),
        "list by words": listed(q="word123"),
        "retention": queries.ended_before(at(100)).limit(100),
        "stored audio": referring(AudioFileRow.file_path, AudioFileRow.session_id, "session-77"),
        "waiting translations": select(TranslationRow.translation_id).where(
            TranslationRow.session_id.in_(some), TranslationRow.transcript_id.is_(None)
        ),
        "segments of translations": select(TranscriptRow.transcript_id).where(
            TranscriptRow.session_id.in_(some), TranscriptRow.segment_id.in_(["s1", "s2"])
        ),
        **{
            name: view(name)
            for name in (
                "session_overview",
                "session_transcript",
                "speaker_statistics",
                "session_timeline",
            )
        },
        **{
            f"{child.__tablename__} of a session": referring(child, child.session_id, "session-77")
            for child in (ParticipantRow, CorrelationRow, SessionEventRow, TranslationRow)
        },
        "translations of a segment": referring(TranslationRow, TranslationRow.transcript_id, 77),
        "segments in an audio file": referring(TranscriptRow, TranscriptRow.audio_file_id, "a"),
        "correlations of a voice": referring(CorrelationRow, CorrelationRow.speaker_identity_id, 7),
        **timeline_queries(),
    }


def timeline_queries() -> dict[str, queries.Query]:
    found: dict[str, queries.Query] = {
        "words heard": by_time.words_of_session("session-77", 1000),
        "events": by_time.events_of("session-77", limit=51),
        "events by type, next page": by_time.events_of(
            "session-77", types=("error",), severity="warning", after=(at(5), 9), limit=51
        ),
    }
    kinds = {
        "audio": (by_time.AUDIO, "a"),
        "transcripts": (by_time.TRANSCRIPTS, 9),
        "translations": (by_time.TRANSLATIONS, 9),
    }
    window = by_time.Window(0.5, 1.5)
    for name, (kind, key) in kinds.items():
        for what, after in (("", None), (", next page", (0.0, key))):
            query = by_time.timed(kind, "session-77", window, after, 51)
            found[f"timeline: {name}{what}"] = query
        query = by_time.untimed(kind, "session-77", None, 51)
        found[f"timeline: {name} without time"] = query
    return found


ORDERED_BY_INDEX = ("list", "list, next page", "list by status", "list by kind")


async def plan_of(connection: AsyncConnection, query: Any) -> list[str]:
    rows = (await connection.execute(Explain(query))).all()
    return [str(row[-1]) for row in rows]


def full_scans(plan: list[str], tables: str) -> list[str]:
    """Lines of a plan that read all of a table: PostgreSQL's, and SQLite's without an index."""
    everything = re.compile(rf"Seq Scan on ({tables})\b|^SCAN ({tables}|[a-z])\b(?!.*USING)")
    return [line for line in plan if everything.search(line)]


async def test_plans(large: Database) -> None:
    wrong: dict[str, list[str]] = {}
    async with large.read() as connection:
        for name, query in api_queries(large.is_sqlite).items():
            plan = await plan_of(connection, query)
            # A title is searched for in every session, of which there are not so many.
            tables = GROWING.replace("bot_sessions|", "") if name == "list by words" else GROWING
            sorted_apart = re.search("Sort|TEMP B-TREE", "\n".join(plan))
            if full_scans(plan, tables) or (name in ORDERED_BY_INDEX and sorted_apart):
                wrong[name] = plan
    assert wrong == {}


class UndoneError(Exception):
    """Ends a transaction without a trace."""


@pytest.mark.parametrize(
    ("indexes", "name"),
    [
        (
            ["bot_sessions_created_at_session_id", "bot_sessions_status_created_at_session_id"],
            "list",
        ),
        (["transcripts_session_id_start_time"], "transcript"),
        (["bot_sessions_ended_at"], "retention"),
        (["audio_files_session_id_start_time"], "session_timeline"),
    ],
)
async def test_a_missing_index_is_seen(large: Database, indexes: list[str], name: str) -> None:
    query = api_queries(large.is_sqlite)[name]
    with contextlib.suppress(UndoneError):
        async with large.write() as connection:
            before = await plan_of(connection, query)
            for index in indexes:
                await connection.execute(text(f"DROP INDEX ix_{index}"))
            after = await plan_of(connection, query)
            raise UndoneError
    assert before != after
