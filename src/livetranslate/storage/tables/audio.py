"""Stored audio; nothing is stored unless it was asked for."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from livetranslate.storage.tables.base import Base, JsonObject, Moment, SessionKey


class AudioFileRow(Base):
    """One chunk of audio on disk.

    Attributes:
        audio_file_id: Key.
        session_id: The session.
        chunk_id: The chunk's name in its session.
        file_path: Where it is, relative to the directory of stored audio.
        duration: Seconds.
        size_bytes: Size of the file.
        sha256: Hexadecimal digest of the file.
        codec: Such as ``pcm_s16le`` or ``flac``.
        sample_rate: Hz.
        channels: Number of channels.
        start_time: Seconds from the session's first sample.
        end_time: Seconds from the session's first sample.
        overlap: Seconds that it shares with the chunk before.
        quality: Measures of its quality.
        stored_at: UTC.
    """

    __tablename__ = "audio_files"

    audio_file_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    session_id: Mapped[SessionKey]
    chunk_id: Mapped[str] = mapped_column(Text)
    file_path: Mapped[str] = mapped_column(Text)
    duration: Mapped[float | None]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    codec: Mapped[str] = mapped_column(String(32))
    sample_rate: Mapped[int]
    channels: Mapped[int]
    start_time: Mapped[float | None]
    end_time: Mapped[float | None]
    overlap: Mapped[float] = mapped_column(default=0.0)
    quality: Mapped[JsonObject | None]
    stored_at: Mapped[Moment]

    __table_args__ = (
        UniqueConstraint("session_id", "chunk_id"),
        Index(None, "session_id", "start_time"),
    )
