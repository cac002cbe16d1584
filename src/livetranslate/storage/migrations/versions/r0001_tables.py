"""The nine tables.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NUMBER: sa.Double[float] = sa.Double()
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, each after those that it refers to."""
    _bot_sessions()
    _speaker_identities()
    _audio_files()
    _correlations()
    _participants()
    _session_events()
    _session_statistics()
    _transcripts()
    _translations()


def downgrade() -> None:
    """Drop the tables with all that is in them."""
    for table in (
        "translations",
        "transcripts",
        "session_statistics",
        "session_events",
        "participants",
        "correlations",
        "audio_files",
        "speaker_identities",
        "bot_sessions",
    ):
        op.drop_table(table)


def _of_session(table: str) -> sa.ForeignKeyConstraint:
    """Return the key by which a table's rows belong to a session and are deleted with it."""
    return sa.ForeignKeyConstraint(
        ["session_id"],
        ["bot_sessions.session_id"],
        name=f"fk_{table}_session_id",
        ondelete="CASCADE",
    )


def _bot_sessions() -> None:
    op.create_table(
        "bot_sessions",
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("meeting_url", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("bot_config", JSON, nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("target_languages", JSON, nullable=False),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("first_sample_at", MOMENT, nullable=True),
        sa.Column("end_reason", sa.String(length=16), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('initializing', 'active', 'completed', 'failed')",
            name="ck_bot_sessions_status",
        ),
        sa.PrimaryKeyConstraint("session_id", name="pk_bot_sessions"),
    )
    op.create_index(
        "ix_bot_sessions_created_at_session_id", "bot_sessions", ["created_at", "session_id"]
    )
    op.create_index(
        "ix_bot_sessions_kind_created_at_session_id",
        "bot_sessions",
        ["kind", "created_at", "session_id"],
    )
    op.create_index(
        "ix_bot_sessions_status_created_at_session_id",
        "bot_sessions",
        ["status", "created_at", "session_id"],
    )


def _speaker_identities() -> None:
    op.create_table(
        "speaker_identities",
        sa.Column("speaker_identity_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("embedding", sa.LargeBinary(), nullable=True),
        sa.Column("embedding_model", sa.Text(), nullable=True),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("speaker_identity_id", name="pk_speaker_identities"),
    )
    op.create_index("ix_speaker_identities_name", "speaker_identities", ["name"])


def _audio_files() -> None:
    op.create_table(
        "audio_files",
        sa.Column("audio_file_id", sa.String(length=128), nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("chunk_id", sa.Text(), nullable=False),
        sa.Column("file_path", sa.Text(), nullable=False),
        sa.Column("duration", NUMBER, nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("codec", sa.String(length=32), nullable=False),
        sa.Column("sample_rate", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("start_time", NUMBER, nullable=True),
        sa.Column("end_time", NUMBER, nullable=True),
        sa.Column("overlap", NUMBER, nullable=False),
        sa.Column("quality", JSON, nullable=True),
        sa.Column("stored_at", MOMENT, nullable=False),
        _of_session("audio_files"),
        sa.PrimaryKeyConstraint("audio_file_id", name="pk_audio_files"),
        sa.UniqueConstraint("session_id", "chunk_id", name="uq_audio_files_session_id_chunk_id"),
    )
    op.create_index(
        "ix_audio_files_session_id_start_time", "audio_files", ["session_id", "start_time"]
    )


def _correlations() -> None:
    op.create_table(
        "correlations",
        sa.Column("correlation_id", KEY, nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("speaker_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("speaker_name", sa.Text(), nullable=True),
        sa.Column("speaker_identity_id", KEY, nullable=True),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("confidence", NUMBER, nullable=True),
        sa.Column("evidence", JSON, nullable=True),
        sa.Column("valid_from", NUMBER, nullable=True),
        sa.Column("valid_to", NUMBER, nullable=True),
        sa.Column("time_offset", NUMBER, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        _of_session("correlations"),
        sa.ForeignKeyConstraint(
            ["speaker_identity_id"],
            ["speaker_identities.speaker_identity_id"],
            name="fk_correlations_speaker_identity_id",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("correlation_id", name="pk_correlations"),
    )
    op.create_index(
        "ix_correlations_session_id_speaker_id", "correlations", ["session_id", "speaker_id"]
    )
    op.create_index("ix_correlations_speaker_identity_id", "correlations", ["speaker_identity_id"])


def _participants() -> None:
    op.create_table(
        "participants",
        sa.Column("participant_id", KEY, nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("speaker_id", sa.Text(), nullable=True),
        sa.Column("joined_at", MOMENT, nullable=True),
        sa.Column("left_at", MOMENT, nullable=True),
        sa.Column("speaking_s", NUMBER, nullable=False),
        sa.Column("word_count", sa.Integer(), nullable=False),
        _of_session("participants"),
        sa.PrimaryKeyConstraint("participant_id", name="pk_participants"),
        sa.UniqueConstraint(
            "session_id", "external_id", name="uq_participants_session_id_external_id"
        ),
    )
    op.create_index(
        "ix_participants_session_id_speaker_id", "participants", ["session_id", "speaker_id"]
    )


def _session_events() -> None:
    op.create_table(
        "session_events",
        sa.Column("session_event_id", KEY, nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        _of_session("session_events"),
        sa.PrimaryKeyConstraint("session_event_id", name="pk_session_events"),
        sa.UniqueConstraint(
            "session_id",
            "event_id",
            "event_type",
            "occurred_at",
            name="uq_session_events_session_id_event_id_event_type_occurred_at",
        ),
    )
    op.create_index(
        "ix_session_events_session_id_occurred_at", "session_events", ["session_id", "occurred_at"]
    )


def _session_statistics() -> None:
    op.create_table(
        "session_statistics",
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("duration_s", NUMBER, nullable=True),
        sa.Column("audio_s", NUMBER, nullable=False),
        sa.Column("speech_s", NUMBER, nullable=False),
        sa.Column("inference_s", NUMBER, nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("translations", sa.Integer(), nullable=False),
        sa.Column("languages", JSON, nullable=False),
        sa.Column("mean_confidence", NUMBER, nullable=True),
        sa.Column("translation_coverage", NUMBER, nullable=True),
        sa.Column("speakers", JSON, nullable=False),
        sa.Column("translation_latency_p50_ms", NUMBER, nullable=True),
        sa.Column("translation_latency_p95_ms", NUMBER, nullable=True),
        sa.Column("translation_latency_p99_ms", NUMBER, nullable=True),
        _of_session("session_statistics"),
        sa.PrimaryKeyConstraint("session_id", name="pk_session_statistics"),
    )


def _transcripts() -> None:
    op.create_table(
        "transcripts",
        sa.Column("transcript_id", KEY, nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("segment_id", sa.Text(), nullable=False),
        sa.Column("transcript_text", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("confidence_score", NUMBER, nullable=True),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("speaker_id", sa.Text(), nullable=True),
        sa.Column("speaker_name", sa.Text(), nullable=True),
        sa.Column("speaker_event_id", sa.BigInteger(), nullable=False),
        sa.Column("start_time", NUMBER, nullable=True),
        sa.Column("end_time", NUMBER, nullable=True),
        sa.Column("word_count", sa.Integer(), nullable=False),
        sa.Column("words", JSON, nullable=False),
        sa.Column("audio_file_id", sa.String(length=128), nullable=True),
        sa.Column("committed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["audio_file_id"],
            ["audio_files.audio_file_id"],
            name="fk_transcripts_audio_file_id",
            ondelete="SET NULL",
        ),
        _of_session("transcripts"),
        sa.PrimaryKeyConstraint("transcript_id", name="pk_transcripts"),
        sa.UniqueConstraint(
            "session_id", "segment_id", name="uq_transcripts_session_id_segment_id"
        ),
    )
    op.create_index("ix_transcripts_audio_file_id", "transcripts", ["audio_file_id"])
    op.create_index("ix_transcripts_session_id_language", "transcripts", ["session_id", "language"])
    op.create_index(
        "ix_transcripts_session_id_speaker_id", "transcripts", ["session_id", "speaker_id"]
    )
    op.create_index(
        "ix_transcripts_session_id_start_time", "transcripts", ["session_id", "start_time"]
    )


def _translations() -> None:
    op.create_table(
        "translations",
        sa.Column("translation_id", KEY, nullable=False),
        sa.Column("session_id", sa.String(length=128), nullable=False),
        sa.Column("segment_id", sa.Text(), nullable=False),
        sa.Column("transcript_id", KEY, nullable=True),
        sa.Column("translated_text", sa.Text(), nullable=False),
        sa.Column("source_language", sa.Text(), nullable=True),
        sa.Column("target_language", sa.Text(), nullable=False),
        sa.Column("confidence", NUMBER, nullable=True),
        sa.Column("quality", NUMBER, nullable=True),
        sa.Column("engine", sa.Text(), nullable=True),
        sa.Column("latency_ms", NUMBER, nullable=True),
        sa.Column("translated_at", MOMENT, nullable=False),
        _of_session("translations"),
        sa.ForeignKeyConstraint(
            ["transcript_id"],
            ["transcripts.transcript_id"],
            name="fk_translations_transcript_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("translation_id", name="pk_translations"),
        sa.UniqueConstraint(
            "session_id",
            "segment_id",
            "target_language",
            name="uq_translations_session_id_segment_id_target_language",
        ),
        sa.UniqueConstraint(
            "transcript_id", "target_language", name="uq_translations_transcript_id_target_language"
        ),
    )
    op.create_index(
        "ix_translations_session_id_target_language",
        "translations",
        ["session_id", "target_language"],
    )
