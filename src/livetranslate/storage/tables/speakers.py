"""Which recognised speaker is whom, in a session and across sessions."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from livetranslate.storage.tables.base import (
    Base,
    BigKey,
    JsonObject,
    Key,
    Moment,
    Name,
    SessionKey,
)


class SpeakerIdentityRow(Base):
    """A voice known across sessions.

    Attributes:
        speaker_identity_id: Key.
        name: Whose voice it is.
        embedding: The voice as a vector, float32 little endian.
        embedding_model: Model that made the vector; only vectors of one model compare.
        samples: Stretches of speech that the vector was made from.
        created_at: UTC.
        updated_at: UTC.
    """

    __tablename__ = "speaker_identities"

    speaker_identity_id: Mapped[Key]
    name: Mapped[Name | None] = mapped_column(index=True)
    embedding: Mapped[bytes | None] = mapped_column(LargeBinary)
    embedding_model: Mapped[str | None] = mapped_column(Text)
    samples: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]


class CorrelationRow(Base):
    """A recognised speaker of a session and who that is, by one method.

    Attributes:
        correlation_id: Key.
        session_id: The session.
        speaker_id: Recognised speaker, such as ``SPEAKER_00``.
        external_id: Participant's id in the meeting.
        speaker_name: The name.
        speaker_identity_id: Voice known across sessions.
        method: See ``SpeakerSource``.
        confidence: 0-1.
        evidence: What it rests on.
        valid_from: Seconds from the session's first sample; None from the beginning.
        valid_to: Seconds from the session's first sample; None to the end.
        time_offset: Seconds between the meeting's clock and the session's.
        created_at: UTC.
        event_id: Session event that told of it; None if it was found after the session's end.
    """

    __tablename__ = "correlations"

    correlation_id: Mapped[Key]
    session_id: Mapped[SessionKey]
    speaker_id: Mapped[Name]
    external_id: Mapped[Name | None]
    speaker_name: Mapped[Name | None]
    speaker_identity_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("speaker_identities.speaker_identity_id", ondelete="SET NULL")
    )
    method: Mapped[str] = mapped_column(String(32))
    confidence: Mapped[float | None]
    evidence: Mapped[JsonObject | None]
    valid_from: Mapped[float | None]
    valid_to: Mapped[float | None]
    time_offset: Mapped[float | None]
    created_at: Mapped[Moment]
    event_id: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        Index(None, "session_id", "speaker_id"),
        Index(None, "session_id", "event_id", unique=True),
        Index(None, "speaker_identity_id"),
    )
