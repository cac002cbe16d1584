"""Correlations, participants and known voices: what is written with a speaker's new name."""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime
from typing import Any, cast

import numpy as np
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.events import SpeakerUpdate
from livetranslate.domain.speakers import Correlation, SpeakerSource
from livetranslate.storage.database import Database
from livetranslate.storage.rows import Row, clean_or_none, finite
from livetranslate.storage.tables import (
    CorrelationRow,
    ParticipantRow,
    SpeakerIdentityRow,
    TranscriptRow,
)

ENROLLING = frozenset({SpeakerSource.MANUAL, SpeakerSource.MEETING_API, SpeakerSource.TRACK})
"""Sources trusted enough to know a voice by from then on."""


def correlation_of(event: SpeakerUpdate) -> Correlation:
    """Return what an event concluded, also of one that came without the details."""
    if isinstance(event.correlation, Correlation):
        return event.correlation
    return Correlation(
        speaker_id=event.speaker_id,
        speaker_name=event.speaker_name,
        method=event.source,
        confidence=event.confidence,
    )


async def write_correlation(
    database: Database,
    connection: AsyncConnection,
    session_id: str,
    found: Correlation,
    *,
    at: datetime,
    event_id: int | None,
) -> None:
    """Write a correlation once, and with it the participant and the voice that it names."""
    row: Row = {
        "session_id": session_id,
        "speaker_id": clean_or_none(found.speaker_id),
        "external_id": clean_or_none(found.external_id),
        "speaker_name": clean_or_none(found.speaker_name),
        "speaker_identity_id": await _known_identity(connection, found.identity_id),
        "method": found.method.value,
        "confidence": finite(found.confidence),
        "evidence": found.evidence,
        "valid_from": finite(found.valid_from),
        "valid_to": finite(found.valid_to),
        "time_offset": finite(found.time_offset),
        "created_at": at,
        "event_id": event_id,
    }
    insert = database.insert_once(CorrelationRow).returning(CorrelationRow.correlation_id)
    written = (await connection.execute(insert.values(row))).scalar_one_or_none()
    if written is None or found.speaker_name is None:
        return
    if found.external_id is not None:
        await write_participant(database, connection, session_id, found)
    voice = found.evidence.get("voice")
    if found.method in ENROLLING and isinstance(voice, dict):
        identity = await _enrol(
            connection, database, found.speaker_name, cast("dict[str, Any]", voice), at
        )
        await connection.execute(
            update(CorrelationRow)
            .where(CorrelationRow.correlation_id == written)
            .values(speaker_identity_id=identity)
        )


async def write_participant(
    database: Database, connection: AsyncConnection, session_id: str, found: Correlation
) -> None:
    """Write who a participant of the meeting is, with what he said so far."""
    insert = database.insert(ParticipantRow).values(
        session_id=session_id,
        external_id=found.external_id,
        name=found.speaker_name,
        speaker_id=found.speaker_id,
        speaking_s=0.0,
        word_count=0,
    )
    changes = {"name": insert.excluded.name, "speaker_id": insert.excluded.speaker_id}
    await connection.execute(
        insert.on_conflict_do_update(index_elements=["session_id", "external_id"], set_=changes)
    )
    await count_speech(connection, session_id)


async def count_speech(connection: AsyncConnection, session_id: str) -> None:
    """Bring participants' speaking times and words up to their segments."""
    mine = (
        TranscriptRow.session_id == ParticipantRow.session_id,
        TranscriptRow.speaker_id == ParticipantRow.speaker_id,
    )
    spoken = func.coalesce(func.sum(TranscriptRow.end_time - TranscriptRow.start_time), 0.0)
    words = func.coalesce(func.sum(TranscriptRow.word_count), 0)
    await connection.execute(
        update(ParticipantRow)
        .where(ParticipantRow.session_id == session_id)
        .values(
            speaking_s=select(spoken).where(*mine).scalar_subquery(),
            word_count=select(words).where(*mine).scalar_subquery(),
        )
    )


async def _known_identity(connection: AsyncConnection, identity: int | None) -> int | None:
    """Return the id of a voice, or None for one that is not known any more."""
    if identity is None:
        return None
    key = SpeakerIdentityRow.speaker_identity_id
    return (await connection.execute(select(key).where(key == identity))).scalar_one_or_none()


async def _enrol(
    connection: AsyncConnection, database: Database, name: str, voice: dict[str, Any], at: datetime
) -> int:
    """Learn a voice by its name: a new one, or one more sample of a known one."""
    vector = np.frombuffer(b64decode(voice["vector"]), dtype="<f4")
    model = str(voice["model"])
    query = select(*SpeakerIdentityRow.__table__.c).where(
        SpeakerIdentityRow.name == name, SpeakerIdentityRow.embedding_model == model
    )
    old = (await connection.execute(query.limit(1))).mappings().one_or_none()
    if old is None:
        insert = database.insert(SpeakerIdentityRow).values(
            name=name,
            embedding=vector.tobytes(),
            embedding_model=model,
            samples=1,
            created_at=at,
            updated_at=at,
        )
        made = insert.returning(SpeakerIdentityRow.speaker_identity_id)
        return int((await connection.execute(made)).scalar_one())
    before = np.frombuffer(old["embedding"], dtype="<f4")
    samples = int(old["samples"])
    mixed = (before * samples + vector) / (samples + 1)
    await connection.execute(
        update(SpeakerIdentityRow)
        .where(SpeakerIdentityRow.speaker_identity_id == old["speaker_identity_id"])
        .values(embedding=mixed.astype("<f4").tobytes(), samples=samples + 1, updated_at=at)
    )
    return int(old["speaker_identity_id"])
