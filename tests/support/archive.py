"""A database with a large past, made by the database itself within seconds."""

from __future__ import annotations

from collections.abc import Iterator

from livetranslate.storage.database import Database

BEGIN = "2026-03-01 12:00:00.123456"


async def fill(database: Database, *, sessions: int, each: int) -> None:
    """Make sessions ``session-0``, ... one second apart, each with so many segments.

    Every segment has a Spanish translation; every session an event, a participant, a known voice
    and an audio file; one session in fifty lasts, the others have statistics.
    """
    async with database.write() as connection:
        for statement in _statements(sessions, each, sqlite=database.is_sqlite):
            await connection.exec_driver_sql(statement)
    async with database.write() as connection:
        await connection.exec_driver_sql("ANALYZE")


def _statements(sessions: int, each: int, *, sqlite: bool) -> Iterator[str]:
    json = "" if sqlite else "::jsonb"
    moment = (
        f"strftime('%Y-%m-%d %H:%M:%f000', '{BEGIN}', n || ' seconds')"
        if sqlite
        else f"TIMESTAMPTZ '{BEGIN}' + n * INTERVAL '1 second'"
    )
    one_each = f"{_numbers('g', 'n', sessions, sqlite=sqlite)} SELECT"
    yield (
        f"INSERT INTO bot_sessions (session_id, kind, status, bot_config, language,"
        f" target_languages, metadata, created_at, started_at, ended_at) {one_each}"
        f" 'session-' || n, CASE n % 4 WHEN 0 THEN 'bot' ELSE 'api' END,"
        f" CASE n % 50 WHEN 0 THEN 'active' ELSE 'completed' END, '{{}}'{json}, 'auto',"
        f" '[]'{json}, '{{}}'{json}, {moment}, {moment},"
        f" CASE n % 50 WHEN 0 THEN NULL ELSE {moment} END FROM g"
    )
    yield (
        f"INSERT INTO session_statistics (session_id, audio_s, speech_s, inference_s, chunks,"
        f" segments, words, translations, languages, speakers) {one_each} 'session-' || n, 1, 1,"
        f" 1, 1, {each}, {4 * each}, {each}, '{{}}'{json}, '{{}}'{json} FROM g WHERE n % 50 > 0"
    )
    yield (
        f"INSERT INTO session_events (session_id, event_id, event_type, severity, source, data,"
        f" occurred_at) {one_each} 'session-' || n, 1, 'session_started', 'info', 'session',"
        f" '{{}}'{json}, {moment} FROM g"
    )
    yield (
        f"INSERT INTO participants (session_id, external_id, name, speaker_id, speaking_s,"
        f" word_count) {one_each} 'session-' || n, 'p' || n, 'Ada', 'SPEAKER_00', 1, 1 FROM g"
    )
    yield (
        f"INSERT INTO speaker_identities (speaker_identity_id, name, samples, created_at,"
        f" updated_at) {one_each} n, 'Ada', 1, {moment}, {moment} FROM g"
    )
    yield (
        f"INSERT INTO correlations (session_id, speaker_id, speaker_name, speaker_identity_id,"
        f" method, created_at) {one_each} 'session-' || n, 'SPEAKER_00', 'Ada', n, 'embedding',"
        f" {moment} FROM g"
    )
    yield (
        f"INSERT INTO audio_files (audio_file_id, session_id, chunk_id, file_path, size_bytes,"
        f" sha256, codec, sample_rate, channels, overlap, start_time, stored_at) {one_each}"
        f" 'audio-' || n, 'session-' || n, 'c', 'a/b', 1, 'x', 'flac', 16000, 1, 0, 0, {moment}"
        f" FROM g"
    )
    words = """'[{"word":"word","start":0,"end":1,"confidence":0.5,"committed":true}]'"""
    yield (
        f"INSERT INTO transcripts (session_id, segment_id, transcript_text, language, source,"
        f" speaker_id, speaker_event_id, start_time, end_time, word_count, words, committed_at)"
        f" {_numbers('g', 'n', sessions, sqlite=sqlite)},"
        f" {_numbers('k', 'm', each, sqlite=sqlite).removeprefix('WITH RECURSIVE ')}"
        f" SELECT 'session-' || n, 's' || m, 'word' || (n % 997) || ' spoken in part ' || m,"
        f" CASE (n * {each} + m) % 100 WHEN 0 THEN 'de' ELSE 'en' END, 'whisper', 'SPEAKER_00', 1,"
        f" m, m + 1, 4, {words}, {moment} FROM g CROSS JOIN k"
    )
    yield (
        "INSERT INTO translations (session_id, segment_id, transcript_id, translated_text,"
        " target_language, translated_at) SELECT session_id, segment_id, transcript_id,"
        " transcript_text, 'es', committed_at FROM transcripts"
    )


def _numbers(table: str, column: str, count: int, *, sqlite: bool) -> str:
    """Return the beginning of a statement that counts from 0."""
    if not sqlite:
        return f"WITH RECURSIVE {table}({column}) AS (SELECT generate_series(0, {count - 1}))"
    return (
        f"WITH RECURSIVE {table}({column}) AS (SELECT 0 UNION ALL"
        f" SELECT {column} + 1 FROM {table} WHERE {column} < {count - 1})"
    )
