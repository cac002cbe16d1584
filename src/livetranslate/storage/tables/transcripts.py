"""Final segments and their translations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from livetranslate.storage.tables.base import (
    Base,
    BigKey,
    Key,
    Language,
    Moment,
    Name,
    SessionKey,
)


class TranscriptRow(Base):
    """A final segment.

    Attributes:
        transcript_id: Key, rising with the order of writing.
        session_id: The session.
        segment_id: The segment's name in its session.
        transcript_text: All words.
        language: Language spoken, None while unknown.
        confidence_score: Mean word confidence 0-1, None where not measured.
        source: ``whisper``, ``google_meet`` or ``manual``.
        speaker_id: Recognised speaker.
        speaker_name: The speaker's best known name.
        speaker_event_id: Session event that the speaker comes from; an older one changes nothing.
        start_time: Seconds from the session's first sample.
        end_time: Seconds from the session's first sample.
        word_count: Number of words.
        words: List of ``{word, start, end, confidence, committed}``; plain JSON in PostgreSQL too,
            which takes a third of the time of its binary form to write, and no query looks inside.
        audio_file_id: Stored audio that it begins in; known at the session's end at the latest.
        committed_at: UTC time of the event that made it final.
    """

    __tablename__ = "transcripts"

    transcript_id: Mapped[Key]
    session_id: Mapped[SessionKey]
    segment_id: Mapped[str] = mapped_column(Text)
    transcript_text: Mapped[str] = mapped_column(Text)
    language: Mapped[Language | None]
    confidence_score: Mapped[float | None]
    source: Mapped[str] = mapped_column(String(32))
    speaker_id: Mapped[Name | None]
    speaker_name: Mapped[Name | None]
    speaker_event_id: Mapped[int] = mapped_column(BigInteger)
    start_time: Mapped[float | None]
    end_time: Mapped[float | None]
    word_count: Mapped[int]
    words: Mapped[list[Any]] = mapped_column(JSON(none_as_null=True))
    audio_file_id: Mapped[str | None] = mapped_column(
        String(128), ForeignKey("audio_files.audio_file_id", ondelete="SET NULL")
    )
    committed_at: Mapped[Moment]

    __table_args__ = (
        UniqueConstraint("session_id", "segment_id"),
        Index(None, "session_id", "start_time"),
        Index(None, "session_id", "language"),
        Index(None, "session_id", "speaker_id"),
        Index(
            None,
            "audio_file_id",
            sqlite_where=text("audio_file_id IS NOT NULL"),
            postgresql_where=text("audio_file_id IS NOT NULL"),
        ),
    )


class TranslationRow(Base):
    """A final translation of a segment into one language.

    Attributes:
        translation_id: Key.
        session_id: The session.
        segment_id: The segment it translates.
        transcript_id: The segment's row; None only while that row is not yet written.
        translated_text: The translation.
        source_language: Language translated from.
        target_language: Language translated into.
        confidence: The engine's own measure 0-1, None where it has none.
        quality: A later estimate of its quality 0-1.
        engine: Engine that made it.
        latency_ms: Milliseconds between the segment's commit and its translation.
        translated_at: UTC time of the event.
    """

    __tablename__ = "translations"

    translation_id: Mapped[Key]
    session_id: Mapped[SessionKey]
    segment_id: Mapped[str] = mapped_column(Text)
    transcript_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("transcripts.transcript_id", ondelete="CASCADE")
    )
    translated_text: Mapped[str] = mapped_column(Text)
    source_language: Mapped[Language | None]
    target_language: Mapped[Language]
    confidence: Mapped[float | None]
    quality: Mapped[float | None]
    engine: Mapped[str | None] = mapped_column(Text)
    latency_ms: Mapped[float | None]
    translated_at: Mapped[Moment]

    __table_args__ = (
        UniqueConstraint("session_id", "segment_id", "target_language"),
        UniqueConstraint("transcript_id", "target_language"),
        Index(None, "session_id", "target_language"),
        Index(
            "ix_translations_waiting",
            "session_id",
            sqlite_where=text("transcript_id IS NULL"),
            postgresql_where=text("transcript_id IS NULL"),
        ),
    )
