"""What is known of a session's clocks; speaker turns in the timeline.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add the column, and make the view anew."""
    op.execute("DROP VIEW session_timeline")
    op.add_column("bot_sessions", sa.Column("timing", JSON, nullable=True))
    op.execute(_timeline(_TURNS))


def downgrade() -> None:
    """Go back to the view that tells correlations as turns, and drop the column."""
    op.execute("DROP VIEW session_timeline")
    op.drop_column("bot_sessions", "timing")
    op.execute(_timeline(_CORRELATIONS))


_TURNS = """
SELECT t.session_id, 'speaker', t.speaker_id, t.start_time,
       (SELECT MAX(m.end_time) FROM transcripts m
         WHERE m.session_id = t.session_id AND m.start_time >= t.start_time
           AND m.start_time < COALESCE(
               (SELECT n.start_time FROM transcripts n
                 WHERE n.session_id = t.session_id AND n.start_time > t.start_time
                   AND COALESCE(n.speaker_id, '') <> t.speaker_id
                 ORDER BY n.start_time LIMIT 1), 1e300)),
       t.speaker_id, t.speaker_name
  FROM transcripts t
 WHERE t.start_time IS NOT NULL AND t.speaker_id IS NOT NULL
   AND t.speaker_id <> COALESCE(
       (SELECT p.speaker_id FROM transcripts p
         WHERE p.session_id = t.session_id AND p.start_time < t.start_time
         ORDER BY p.start_time DESC LIMIT 1), '')"""

_CORRELATIONS = """
SELECT c.session_id, 'speaker', c.speaker_id, c.valid_from, c.valid_to, c.speaker_id,
       c.speaker_name
  FROM correlations c"""


def _timeline(turns: str) -> str:
    zero = "COALESCE(s.first_sample_at, s.started_at, s.created_at)"
    if op.get_bind().dialect.name == "sqlite":
        passed = f"ROUND((julianday(e.occurred_at) - julianday({zero})) * 86400.0, 3)"
    else:
        passed = f"CAST(EXTRACT(EPOCH FROM (e.occurred_at - {zero})) AS DOUBLE PRECISION)"
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
SELECT e.session_id, 'event', e.event_type, {passed}, NULL, NULL, e.severity
  FROM session_events e JOIN bot_sessions s ON s.session_id = e.session_id
UNION ALL{turns}"""  # noqa: S608 - constants
