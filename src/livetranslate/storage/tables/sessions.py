"""Sessions of any kind, and who took part."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from livetranslate.storage.tables.base import (
    Base,
    JsonList,
    JsonObject,
    Key,
    Language,
    Moment,
    Name,
    SessionKey,
)


class SessionRow(Base):
    """One session: bot, browser, API or telephony.

    Attributes:
        session_id: The key of the session in every service.
        kind: ``browser``, ``api``, ``bot`` or ``telephony``.
        meeting_url: Meeting that a bot joined.
        title: What people call it.
        status: See ``SessionStatus``.
        bot_config: The configuration as the client asked for it, without its metadata.
        language: Language asked for; ``auto`` where it was to be detected.
        target_languages: Codes asked for.
        metadata_: The client's own data, column ``metadata``.
        created_at: When the row was made, before the first audio.
        started_at: When a worker was ready.
        ended_at: When it ended.
        first_sample_at: Wall-clock time of the session's first sample, once known.
        timing: What is known of its clocks: kept observations of each, by the clock's name.
        end_reason: See ``EndReason``.
        error: Why it failed.
    """

    __tablename__ = "bot_sessions"

    session_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    meeting_url: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    bot_config: Mapped[JsonObject]
    language: Mapped[Language | None]
    target_languages: Mapped[JsonList]
    metadata_: Mapped[JsonObject] = mapped_column("metadata")
    created_at: Mapped[Moment]
    started_at: Mapped[Moment | None]
    ended_at: Mapped[Moment | None]
    first_sample_at: Mapped[Moment | None]
    timing: Mapped[JsonObject | None]
    end_reason: Mapped[str | None] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint(
            "status IN ('initializing', 'active', 'completed', 'failed')", name="status"
        ),
        Index(None, "created_at", "session_id"),
        Index(None, "status", "created_at", "session_id"),
        Index(None, "kind", "created_at", "session_id"),
        Index(None, "ended_at"),
    )


class ParticipantRow(Base):
    """Who was there.

    Attributes:
        participant_id: Key.
        session_id: The session.
        external_id: Id in the meeting.
        name: Display name.
        email: Address, where the meeting tells it.
        speaker_id: Recognised speaker that this is.
        joined_at: UTC.
        left_at: UTC.
        speaking_s: Seconds of speech.
        word_count: Words said.
    """

    __tablename__ = "participants"

    participant_id: Mapped[Key]
    session_id: Mapped[SessionKey]
    external_id: Mapped[Name]
    name: Mapped[Name | None]
    email: Mapped[str | None] = mapped_column(Text)
    speaker_id: Mapped[Name | None]
    joined_at: Mapped[Moment | None]
    left_at: Mapped[Moment | None]
    speaking_s: Mapped[float] = mapped_column(default=0.0)
    word_count: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        UniqueConstraint("session_id", "external_id"),
        Index(None, "session_id", "speaker_id"),
    )
