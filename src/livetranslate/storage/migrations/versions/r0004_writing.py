"""Less work for each segment: words as plain JSON, indexes only of rows they are for.

Nothing looks inside a segment's words, so PostgreSQL need not take them apart. Hardly a segment has
a stored audio file, and hardly a translation waits for its segment: their indexes hold only those.
Ended sessions are found by their end, for they are removed in that order.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

AUDIO = "ix_transcripts_audio_file_id"
ENDED = "ix_bot_sessions_ended_at"
WAITING = "ix_translations_waiting"


def upgrade() -> None:
    """Change the column's type and both indexes."""
    _store_words_as("JSON")
    op.create_index(ENDED, "bot_sessions", ["ended_at"])
    op.drop_index(AUDIO, table_name="transcripts")
    _index_where(AUDIO, "transcripts", "audio_file_id", "audio_file_id IS NOT NULL")
    _index_where(WAITING, "translations", "session_id", "transcript_id IS NULL")


def downgrade() -> None:
    """Change them back."""
    op.drop_index(WAITING, table_name="translations")
    op.drop_index(AUDIO, table_name="transcripts")
    op.create_index(AUDIO, "transcripts", ["audio_file_id"])
    op.drop_index(ENDED, table_name="bot_sessions")
    _store_words_as("JSONB")


def _store_words_as(kind: str) -> None:
    """Change the words' type; SQLite keeps all JSON as text."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE transcripts ALTER COLUMN words TYPE {kind} USING words::{kind}")


def _index_where(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)
