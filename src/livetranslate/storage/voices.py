"""Correlations and participants: what is written with a speaker's new name."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.events import SpeakerUpdate
from livetranslate.domain.speakers import Correlation
from livetranslate.storage.database import Database
from livetranslate.storage.identities import ENROLLING, enrol, without_voice
from livetranslate.storage.rows import Row, clean_or_none, finite
from livetranslate.storage.tables import (
    CorrelationRow,
    ParticipantRow,
    SpeakerIdentityRow,
    TranscriptRow,
)


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
    """Write a correlation once, and with it the participant and the voice that it names.

    Where no voices are to be known, none is written with it either.
    """
    known = database.options.known_voices
    row: Row = {
        "session_id": session_id,
        "speaker_id": clean_or_none(found.speaker_id),
        "external_id": clean_or_none(found.external_id),
        "speaker_name": clean_or_none(found.speaker_name),
        "speaker_identity_id": await _known_identity(connection, found.identity_id),
        "method": found.method.value,
        "confidence": finite(found.confidence),
        "evidence": found.evidence if known else without_voice(found.evidence),
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
    if known and found.method in ENROLLING and isinstance(voice, dict):
        identity = await enrol(
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
