"""The life of a session, and its totals once it has ended."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from livetranslate.storage.tables.base import Base, JsonObject, Key, Moment, SessionKey


class SessionEventRow(Base):
    """Something that happened to a session.

    Attributes:
        session_event_id: Key.
        session_id: The session.
        event_id: Number of the event in its session.
        event_type: Such as ``session_started``.
        severity: ``info``, ``warning`` or ``error``.
        source: Part of the platform that it comes from.
        data: The event's own fields.
        occurred_at: UTC.
    """

    __tablename__ = "session_events"

    session_event_id: Mapped[Key]
    session_id: Mapped[SessionKey]
    event_id: Mapped[int] = mapped_column(BigInteger)
    event_type: Mapped[str] = mapped_column(String(64))
    severity: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(64))
    data: Mapped[JsonObject]
    occurred_at: Mapped[Moment]

    __table_args__ = (
        UniqueConstraint("session_id", "event_id", "event_type", "occurred_at"),
        Index(None, "session_id", "occurred_at"),
    )


class SessionStatisticsRow(Base):
    """Totals of an ended session.

    Attributes:
        session_id: The session.
        duration_s: Seconds between start and end.
        audio_s: Seconds of audio taken.
        speech_s: Seconds of it with speech.
        inference_s: Seconds that the engine computed.
        chunks: Audio chunks taken.
        segments: Final segments.
        words: Words in them.
        translations: Final translations.
        languages: Language spoken → number of segments.
        mean_confidence: Mean of the segments' confidences.
        translation_coverage: Share 0-1 of the wanted translations that exist.
        speakers: Speaker → ``{name, segments, words, speaking_s, share}``.
        translation_latency_p50_ms: Milliseconds from commit to translation.
        translation_latency_p95_ms: The same.
        translation_latency_p99_ms: The same.
    """

    __tablename__ = "session_statistics"

    session_id: Mapped[str] = mapped_column(
        String(128), ForeignKey("bot_sessions.session_id", ondelete="CASCADE"), primary_key=True
    )
    duration_s: Mapped[float | None]
    audio_s: Mapped[float]
    speech_s: Mapped[float]
    inference_s: Mapped[float]
    chunks: Mapped[int]
    segments: Mapped[int]
    words: Mapped[int]
    translations: Mapped[int]
    languages: Mapped[JsonObject]
    mean_confidence: Mapped[float | None]
    translation_coverage: Mapped[float | None]
    speakers: Mapped[JsonObject]
    translation_latency_p50_ms: Mapped[float | None]
    translation_latency_p95_ms: Mapped[float | None]
    translation_latency_p99_ms: Mapped[float | None]
