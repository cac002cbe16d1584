"""Four views for reports and for people with a SQL prompt.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VIEWS = ("session_overview", "session_transcript", "speaker_statistics", "session_timeline")


def upgrade() -> None:
    """Make the views."""
    op.execute(_overview())
    op.execute(_transcript())
    op.execute(_speakers())
    op.execute(_timeline())


def downgrade() -> None:
    """Drop the views."""
    for view in reversed(VIEWS):
        op.execute(f"DROP VIEW {view}")


def _seconds(earlier: str, later: str) -> str:
    """Return SQL for the seconds between two moments."""
    if op.get_bind().dialect.name == "sqlite":
        return f"ROUND((julianday({later}) - julianday({earlier})) * 86400.0, 3)"
    return f"CAST(EXTRACT(EPOCH FROM ({later} - {earlier})) AS DOUBLE PRECISION)"


def _overview() -> str:
    def count(table: str, what: str = "*") -> str:
        return f"(SELECT COUNT({what}) FROM {table} t WHERE t.session_id = s.session_id)"  # noqa: S608 - constants

    return f"""
CREATE VIEW session_overview AS
SELECT s.session_id, s.kind, s.title, s.meeting_url, s.status, s.end_reason, s.error,
       s.language, s.target_languages, s.created_at, s.started_at, s.ended_at,
       {_seconds("COALESCE(s.started_at, s.created_at)", "s.ended_at")} AS duration_s,
       {count("transcripts")} AS segments,
       (SELECT COALESCE(SUM(t.word_count), 0) FROM transcripts t
         WHERE t.session_id = s.session_id) AS words,
       {count("transcripts", "DISTINCT t.language")} AS spoken_languages,
       {count("translations")} AS translations,
       {count("participants")} AS participants,
       {count("audio_files")} AS audio_files
  FROM bot_sessions s"""  # noqa: S608 - constants


def _transcript() -> str:
    return """
CREATE VIEW session_transcript AS
SELECT t.session_id, t.transcript_id, t.segment_id, t.start_time, t.end_time,
       t.speaker_id, COALESCE(t.speaker_name, p.name, t.speaker_id) AS speaker_name,
       t.language, t.transcript_text, t.confidence_score,
       r.target_language, r.translated_text, r.confidence AS translation_confidence, r.engine
  FROM transcripts t
  LEFT JOIN translations r ON r.transcript_id = t.transcript_id
  LEFT JOIN participants p ON p.participant_id = (
       SELECT MIN(q.participant_id) FROM participants q
        WHERE q.session_id = t.session_id AND q.speaker_id = t.speaker_id)"""


def _speakers() -> str:
    return """
CREATE VIEW speaker_statistics AS
SELECT t.session_id, t.speaker_id, MAX(t.speaker_name) AS speaker_name,
       COUNT(*) AS segments, SUM(t.word_count) AS words,
       SUM(COALESCE(t.end_time - t.start_time, 0)) AS speaking_s,
       AVG(t.confidence_score) AS mean_confidence,
       MIN(t.start_time) AS first_start, MAX(t.end_time) AS last_end
  FROM transcripts t
 GROUP BY t.session_id, t.speaker_id"""


def _timeline() -> str:
    zero = "COALESCE(s.first_sample_at, s.started_at, s.created_at)"
    return f"""
CREATE VIEW session_timeline AS
SELECT a.session_id, 'audio' AS kind, a.audio_file_id AS reference,
       a.start_time, a.end_time, NULL AS speaker_id, a.codec AS content
  FROM audio_files a
UNION ALL
SELECT t.session_id, 'transcript', t.segment_id, t.start_time, t.end_time,
       t.speaker_id, t.transcript_text
  FROM transcripts t
UNION ALL
SELECT r.session_id, 'translation', r.segment_id, t.start_time, t.end_time,
       t.speaker_id, r.translated_text
  FROM translations r LEFT JOIN transcripts t ON t.transcript_id = r.transcript_id
UNION ALL
SELECT e.session_id, 'event', e.event_type, {_seconds(zero, "e.occurred_at")}, NULL, NULL,
       e.severity
  FROM session_events e JOIN bot_sessions s ON s.session_id = e.session_id
UNION ALL
SELECT c.session_id, 'speaker', c.speaker_id, c.valid_from, c.valid_to, c.speaker_id,
       c.speaker_name
  FROM correlations c"""  # noqa: S608 - constants
