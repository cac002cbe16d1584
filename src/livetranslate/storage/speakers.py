"""What the database knows of a session's speakers, and of voices across sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, select, update

from livetranslate.domain.errors import NotFound
from livetranslate.domain.speakers import Correlation, SpeakerSource
from livetranslate.storage.database import Database
from livetranslate.storage.rows import clean
from livetranslate.storage.tables import (
    CorrelationRow,
    SessionRow,
    SpeakerIdentityRow,
    TranscriptRow,
)
from livetranslate.storage.voices import count_speech, write_correlation
from livetranslate.storage.writer import portions

MOST_IDENTITIES = 10_000


class StoredCorrelation(msgspec.Struct, frozen=True, kw_only=True):
    """A correlation with the time at which it was found."""

    correlation: Correlation
    created_at: datetime


class StoredSegment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment, as far as its speaker is concerned."""

    segment_id: str
    start: float
    end: float
    text: str
    speaker_id: str | None


class KnownVoice(msgspec.Struct, frozen=True, kw_only=True):
    """A voice known across sessions; the vector is float32 little endian."""

    identity_id: int
    name: str
    vector: bytes
    samples: int


class SqlSpeakers:
    """Speakers on SQLite and PostgreSQL; raises BackendUnavailable while the database is away.

    Args:
        database: Where to read and write.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def correlations(self, session_id: str) -> list[StoredCorrelation]:
        """Return all correlations of a session, in the order they were found; raises NotFound."""
        query = (
            select(*CorrelationRow.__table__.c)
            .where(CorrelationRow.session_id == session_id)
            .order_by(CorrelationRow.correlation_id)
        )
        async with self._database.read() as connection:
            known = select(SessionRow.session_id).where(SessionRow.session_id == session_id)
            if (await connection.execute(known)).one_or_none() is None:
                raise NotFound(f"there is no session {session_id}", field="session_id")
            rows = (await connection.execute(query)).mappings().all()
        return [
            StoredCorrelation(
                correlation=Correlation(
                    speaker_id=row["speaker_id"],
                    speaker_name=row["speaker_name"],
                    method=SpeakerSource(row["method"]),
                    confidence=row["confidence"],
                    external_id=row["external_id"],
                    identity_id=row["speaker_identity_id"],
                    evidence=row["evidence"] or {},
                    valid_from=row["valid_from"],
                    valid_to=row["valid_to"],
                    time_offset=row["time_offset"],
                ),
                created_at=row["created_at"],
            )
            for row in rows
        ]

    async def segments(self, session_id: str) -> list[StoredSegment]:
        """Return a session's segments that have a time, in order of speech."""
        query = select(
            TranscriptRow.segment_id,
            TranscriptRow.start_time,
            TranscriptRow.end_time,
            TranscriptRow.transcript_text,
            TranscriptRow.speaker_id,
        ).where(TranscriptRow.session_id == session_id, TranscriptRow.start_time.is_not(None))
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(TranscriptRow.start_time))
            return [
                StoredSegment(
                    segment_id=name,
                    start=start or 0.0,
                    end=end or start or 0.0,
                    text=text,
                    speaker_id=speaker,
                )
                for name, start, end, text, speaker in rows
            ]

    async def relabel(
        self, session_id: str, found: Sequence[tuple[Correlation, Sequence[str]]], *, at: datetime
    ) -> None:
        """Name segments of an ended session, in one transaction.

        Args:
            session_id: The session.
            found: Whom, and which segments.
            at: UTC time of the conclusion.
        """
        async with self._database.write() as connection:
            for one, segment_ids in found:
                await write_correlation(
                    self._database, connection, session_id, one, at=at, event_id=None
                )
                values = {"speaker_id": clean(one.speaker_id)}
                if one.speaker_name is not None:
                    values["speaker_name"] = clean(one.speaker_name)
                for some in portions(list(segment_ids)):
                    chosen = (
                        TranscriptRow.session_id == session_id,
                        TranscriptRow.segment_id.in_(some),
                    )
                    await connection.execute(update(TranscriptRow).where(*chosen).values(values))
            await count_speech(connection, session_id)

    async def begun_at(self, session_id: str) -> datetime:
        """Return the time of a session's first sample, as well as it is known; raises NotFound."""
        query = select(SessionRow.first_sample_at, SessionRow.started_at, SessionRow.created_at)
        async with self._database.read() as connection:
            found = await connection.execute(query.where(SessionRow.session_id == session_id))
            row = found.one_or_none()
        if row is None:
            raise NotFound(f"there is no session {session_id}", field="session_id")
        return row.first_sample_at or row.started_at or row.created_at

    async def voices(self, model: str) -> list[KnownVoice]:
        """Return the voices that a model knows, those best known first."""
        query = (
            select(*SpeakerIdentityRow.__table__.c)
            .where(
                SpeakerIdentityRow.embedding_model == model,
                SpeakerIdentityRow.embedding.is_not(None),
                func.coalesce(SpeakerIdentityRow.name, "") != "",
            )
            .order_by(SpeakerIdentityRow.samples.desc(), SpeakerIdentityRow.speaker_identity_id)
            .limit(MOST_IDENTITIES)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            KnownVoice(
                identity_id=row["speaker_identity_id"],
                name=row["name"],
                vector=row["embedding"],
                samples=row["samples"],
            )
            for row in rows
        ]
