"""The plans of the API's own queries: no full scan of a table that grows."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Executable, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from livetranslate.domain.session import SessionStatus
from livetranslate.storage import queries
from livetranslate.storage import timeline_queries as by_time
from livetranslate.storage.database import Database
from livetranslate.storage.found import SessionFilter
from support.events import at

ROWS = 10_000
GROWING = "bot_sessions|transcripts|translations|session_statistics|session_events|audio_files"
CURSOR = (at(ROWS / 2), "session-5000")


class Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, query: queries.Query) -> None:
        self.query = query


@compiles(Explain, "postgresql")
def _explain_postgres(element: Explain, compiler: SQLCompiler, **options: Any) -> str:
    return "EXPLAIN " + compiler.process(element.query, **options)


@compiles(Explain, "sqlite")
def _explain_sqlite(element: Explain, compiler: SQLCompiler, **options: Any) -> str:
    return "EXPLAIN QUERY PLAN " + compiler.process(element.query, **options)


@pytest.fixture
async def large(database: Database) -> AsyncIterator[Database]:
    """Ten thousand sessions with two segments and two translations each."""
    sqlite = database.is_sqlite
    numbers = (
        f"WITH RECURSIVE g(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM g WHERE n < {ROWS - 1})"
        if sqlite
        else f"WITH g(n) AS (SELECT generate_series(0, {ROWS - 1}))"
    )
    begin = "'2026-03-01 12:00:00.123456'"
    moment = (
        f"strftime('%Y-%m-%d %H:%M:%f000', {begin}, n || ' seconds')"
        if sqlite
        else f"TIMESTAMPTZ {begin} + n * INTERVAL '1 second'"
    )
    json = "" if sqlite else "::jsonb"
    word = "'word' || (n % 997) || ' spoken'"
    statements = [
        f"INSERT INTO bot_sessions (session_id, kind, status, bot_config, language,"
        f" target_languages, metadata, created_at) {numbers} SELECT 'session-' || n,"
        f" CASE n % 4 WHEN 0 THEN 'bot' ELSE 'api' END,"
        f" CASE n % 50 WHEN 0 THEN 'active' ELSE 'completed' END,"
        f" '{{}}'{json}, 'auto', '[]'{json}, '{{}}'{json}, {moment} FROM g",
        f"INSERT INTO session_statistics (session_id, audio_s, speech_s, inference_s, chunks,"
        f" segments, words, translations, languages, speakers) {numbers} SELECT 'session-' || n,"
        f" 1, 1, 1, 1, 2, 4, 2, '{{}}'{json}, '{{}}'{json} FROM g WHERE n % 50 > 0",
    ]
    for part in (0, 1):
        statements += [
            f"INSERT INTO transcripts (session_id, segment_id, transcript_text, language, source,"
            f" speaker_event_id, start_time, end_time, word_count, words, committed_at) {numbers}"
            f" SELECT 'session-' || n, 's{part}', {word},"
            f" CASE n % 9 WHEN 0 THEN 'de' ELSE 'en' END, 'whisper', 1,"
            f" {part}, {part + 1}, 2, '[]'{json}, {moment} FROM g",
            f"INSERT INTO translations (session_id, segment_id, transcript_id, translated_text,"
            f" target_language, translated_at) SELECT session_id, segment_id, transcript_id,"
            f" transcript_text, 'es', committed_at FROM transcripts WHERE segment_id = 's{part}'",
            f"INSERT INTO session_events (session_id, event_id, event_type, severity, source, data,"
            f" occurred_at) {numbers} SELECT 'session-' || n, {part}, 'session_started', 'info',"
            f" 'session', '{{}}'{json}, {moment} FROM g",
            f"INSERT INTO audio_files (audio_file_id, session_id, chunk_id, file_path, size_bytes,"
            f" sha256, codec, sample_rate, channels, start_time, end_time, overlap, stored_at)"
            f" {numbers} SELECT 'a{part}-' || n, 'session-' || n, 'c{part}', 'x', 1, 'x', 'flac',"
            f" 16000, 1, {part}, {part + 1}, 0, {moment} FROM g",
        ]
    async with database.write() as connection:
        for statement in statements:
            await connection.execute(text(statement))
        await connection.execute(text("ANALYZE"))
    yield database


def api_queries(sqlite: bool) -> dict[str, queries.Query]:
    def listed(after: Any = None, **wanted: Any) -> queries.Query:
        return queries.list_sessions(SessionFilter(**wanted), after, sqlite=sqlite).limit(51)

    def found(q: str, **options: Any) -> queries.Query:
        asked = {"session_id": None, "before": None, **options}
        return queries.search_segments(q, sqlite=sqlite, **asked).limit(51)

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
        **timeline_queries(),
    }


def timeline_queries() -> dict[str, queries.Query]:
    found: dict[str, queries.Query] = {
        "words heard": by_time.words_of_session("session-77", 1000),
        "events": by_time.events_of("session-77", limit=51),
        "events, by type, next page": by_time.events_of(
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


async def plan_of(database: Database, query: queries.Query) -> list[str]:
    async with database.read() as connection:
        rows = (await connection.execute(Explain(query))).all()
    return [str(row[-1]) for row in rows]


def full_scans(plan: list[str], tables: str) -> list[str]:
    """Lines of a plan that read all of a table: PostgreSQL's, and SQLite's without an index."""
    everything = re.compile(rf"Seq Scan on ({tables})\b|^SCAN ({tables})\b(?!.*USING)")
    return [line for line in plan if everything.search(line)]


async def test_plans(large: Database) -> None:
    wrong: dict[str, list[str]] = {}
    for name, query in api_queries(large.is_sqlite).items():
        plan = await plan_of(large, query)
        tables = GROWING.replace("bot_sessions|", "") if name == "list by words" else GROWING
        sorted_apart = re.search("Sort|TEMP B-TREE", "\n".join(plan))
        if full_scans(plan, tables) or (name in ORDERED_BY_INDEX and sorted_apart):
            wrong[name] = plan
    assert wrong == {}


async def test_a_full_scan_is_seen(large: Database) -> None:
    async with large.write() as connection:
        for index in ("created_at", "status_created_at", "kind_created_at"):
            await connection.execute(text(f"DROP INDEX ix_bot_sessions_{index}_session_id"))
    plan = await plan_of(large, api_queries(large.is_sqlite)["list"])
    assert full_scans(plan, GROWING) or "TEMP B-TREE" in str(plan)
