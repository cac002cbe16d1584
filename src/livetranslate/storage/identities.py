"""Voices known across sessions: learned, listed, taken back, forgotten."""

from __future__ import annotations

from base64 import b64decode
from collections import defaultdict
from datetime import datetime
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livetranslate.domain.errors import NotFound
from livetranslate.domain.speakers import SpeakerSource
from livetranslate.storage.database import Database
from livetranslate.storage.tables import CorrelationRow, SpeakerIdentityRow

ENROLLING = frozenset({SpeakerSource.MANUAL, SpeakerSource.MEETING_API, SpeakerSource.TRACK})
"""Sources trusted enough to know a voice by from then on."""

_KEY = SpeakerIdentityRow.speaker_identity_id


class VoiceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A known voice, as it is listed: never the vector itself.

    Attributes:
        name: Whose it is.
        model: Model that knows it.
        samples: Stretches of speech that it was learned from.
        created_at: UTC.
        updated_at: UTC.
    """

    name: str
    model: str | None
    samples: int
    created_at: datetime
    updated_at: datetime


async def enrol(
    connection: AsyncConnection, database: Database, name: str, voice: dict[str, Any], at: datetime
) -> int:
    """Learn a voice by its name, a new one or one more sample of a known one; return its key."""
    vector = _vector(voice)
    model = str(voice["model"])
    query = select(*SpeakerIdentityRow.__table__.c).where(
        SpeakerIdentityRow.name == name, SpeakerIdentityRow.embedding_model == model
    )
    found = await connection.execute(query.limit(1).with_for_update())
    old = found.mappings().one_or_none()
    if old is None:
        insert = database.insert(SpeakerIdentityRow).values(
            name=name,
            embedding=vector.tobytes(),
            embedding_model=model,
            samples=1,
            created_at=at,
            updated_at=at,
        )
        made = insert.returning(_KEY)
        return int((await connection.execute(made)).scalar_one())
    before = np.frombuffer(old["embedding"], dtype="<f4")
    samples = int(old["samples"])
    mixed = (before * samples + vector) / (samples + 1)
    await _change(connection, old, mixed, samples + 1, at)
    return int(old["speaker_identity_id"])


async def take_back(connection: AsyncConnection, session_id: str, *, at: datetime) -> None:
    """Take a session's samples out of the voices that they were learned by.

    A voice that nothing else was learned by goes; to be done before the session's rows go.
    """
    query = select(CorrelationRow.speaker_identity_id, CorrelationRow.evidence).where(
        CorrelationRow.session_id == session_id,
        CorrelationRow.method.in_([source.value for source in ENROLLING]),
    )
    given: defaultdict[int, list[NDArray[np.float32]]] = defaultdict(list)
    for identity, evidence in await connection.execute(query):
        voice = (evidence or {}).get("voice")
        if identity is not None and isinstance(voice, dict):
            given[identity].append(_vector(cast("dict[str, Any]", voice)))
    for identity, vectors in sorted(given.items()):
        known = select(*SpeakerIdentityRow.__table__.c).where(_KEY == identity).with_for_update()
        old = (await connection.execute(known)).mappings().one_or_none()
        if old is None:
            continue
        left = int(old["samples"]) - len(vectors)
        if left <= 0:
            await connection.execute(delete(SpeakerIdentityRow).where(_KEY == identity))
            continue
        whole = np.frombuffer(old["embedding"], dtype="<f4") * int(old["samples"])
        await _change(connection, old, (whole - np.sum(vectors, axis=0)) / left, left, at)


async def list_voices(database: Database) -> list[VoiceEntry]:
    """Return all known voices by name; raises BackendUnavailable."""
    columns = (
        SpeakerIdentityRow.name,
        SpeakerIdentityRow.embedding_model.label("model"),
        SpeakerIdentityRow.samples,
        SpeakerIdentityRow.created_at,
        SpeakerIdentityRow.updated_at,
    )
    named = select(*columns).where(SpeakerIdentityRow.name.is_not(None))
    async with database.read() as connection:
        rows = (await connection.execute(named.order_by(SpeakerIdentityRow.name))).mappings()
        return [VoiceEntry(**row) for row in rows]


async def forget_voice(database: Database, name: str) -> int:
    """Forget a voice by its name, with the samples that sessions keep of it; return how many.

    Names in transcripts stay.

    Raises:
        NotFound: No voice is known by that name.
        BackendUnavailable: The database is away.
    """
    async with database.write() as connection:
        chosen = select(_KEY).where(SpeakerIdentityRow.name == name)
        keys = list((await connection.execute(chosen)).scalars())
        if not keys:
            raise NotFound(f"no voice is known by the name {name}", field="name")
        samples = select(CorrelationRow.correlation_id, CorrelationRow.evidence).where(
            CorrelationRow.speaker_identity_id.in_(keys)
        )
        for key, evidence in (await connection.execute(samples)).all():
            await connection.execute(
                update(CorrelationRow)
                .where(CorrelationRow.correlation_id == key)
                .values(evidence=without_voice(evidence or {}))
            )
        await connection.execute(delete(SpeakerIdentityRow).where(_KEY.in_(keys)))
    return len(keys)


def without_voice(evidence: dict[str, Any]) -> dict[str, Any]:
    """Return what a correlation rests on, less the voice."""
    return {name: value for name, value in evidence.items() if name != "voice"}


async def _change(
    connection: AsyncConnection,
    old: RowMapping,
    vector: NDArray[np.floating[Any]],
    samples: int,
    at: datetime,
) -> None:
    await connection.execute(
        update(SpeakerIdentityRow)
        .where(old["speaker_identity_id"] == _KEY)
        .values(embedding=vector.astype("<f4").tobytes(), samples=samples, updated_at=at)
    )


def _vector(voice: dict[str, Any]) -> NDArray[np.float32]:
    return np.frombuffer(b64decode(voice["vector"]), dtype="<f4")
