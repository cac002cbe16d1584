"""Speakers in the database, on both: names with what they rest on, once; ended sessions; voices."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import numpy as np
import pytest
from sqlalchemy import text

from livetranslate.domain.errors import NotFound, SessionClosed
from livetranslate.domain.events import SpeakerUpdate
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.domain.speakers import Correlation, SpeakerEvidence, SpeakerSource
from livetranslate.sessions.log.base import EvidenceEntry
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.naming import SpeakerNaming
from livetranslate.speakers.light.embedding import LightEmbedding
from livetranslate.storage.database import Database
from livetranslate.storage.export import ExportFormat, export
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.identities import forget_voice, list_voices
from livetranslate.storage.options import DatabaseOptions
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.speakers import SqlSpeakers
from support.events import at, segment

S = "session-1-speakers"


class Kept:
    """A session of four segments by two speakers in a database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.records = SqlSessionRecords(database)
        self.speakers = SqlSpeakers(database)
        self.log = MemorySessionLog()
        self.naming = SpeakerNaming(self.log, self.speakers)

    async def open(self, session_id: str = S) -> None:
        config = SessionConfig(diarization=True)
        await self.records.create(session_id, kind="browser", config=config, created_at=at(0))
        spoken = [
            msgspec.structs.replace(segment(session_id, n), speaker_id=f"SPEAKER_0{n % 2}")
            for n in range(4)
        ]
        await self.records.record(session_id, spoken)

    async def names(self, session_id: str = S) -> list[str | None]:
        transcript = await SessionHistory(self.database).transcript(session_id)
        return [one.speaker_name for one in transcript.segments]

    async def rows(self, query: str) -> list[Any]:
        async with self.database.read() as connection:
            return list((await connection.execute(text(query))).all())


@pytest.fixture
async def kept(database_url: str) -> AsyncIterator[Kept]:
    made = Kept(Database(DatabaseOptions(url=database_url)))
    await made.open()
    yield made
    await made.database.close()


def voice(*values: float) -> dict[str, Any]:
    vector = np.zeros(LightEmbedding.capabilities.dimensions, dtype="<f4")
    vector[: len(values)] = values
    return {
        "model": LightEmbedding.capabilities.model,
        "embedding": msgspec.to_builtins(LightEmbedding.capabilities),
        "vector": b64encode(vector.tobytes()).decode(),
        "speech_s": 8.0,
    }


def update(
    event_id: int,
    *segment_ids: str,
    session_id: str = S,
    method: SpeakerSource = SpeakerSource.MANUAL,
    name: str | None = "Anna",
    **more: Any,
) -> SpeakerUpdate:
    found = Correlation(
        speaker_id="SPEAKER_00", speaker_name=name, method=method, confidence=0.9, **more
    )
    return SpeakerUpdate(
        session_id=session_id,
        event_id=event_id,
        timestamp=at(event_id),
        speaker_id=found.speaker_id,
        speaker_name=name,
        segment_ids=segment_ids,
        source=method,
        confidence=0.9,
        correlation=found,
    )


MANUAL = SpeakerEvidence(source=SpeakerSource.MANUAL, speaker_name="Anna", speaker_id="SPEAKER_00")


async def test_a_name_goes_in_once_with_what_it_rests_on(kept: Kept) -> None:
    event = update(99, segment(S, 0).segment_id, external_id="p1", evidence={"count": 3})
    for _ in range(2):
        await kept.records.record(S, [event])
    assert await kept.names() == ["Anna", None, None, None]
    [stored] = await kept.speakers.correlations(S)
    assert stored.correlation.evidence == {"count": 3}
    assert stored.correlation.method is SpeakerSource.MANUAL
    [(name, speaker, words, seconds)] = await kept.rows(
        "SELECT name, speaker_id, word_count, speaking_s FROM participants"
    )
    assert (name, speaker) == ("Anna", "SPEAKER_00") and words > 0 and seconds > 0
    shown = await kept.rows(
        "SELECT speaker_id, speaker_name, segments FROM speaker_statistics ORDER BY speaker_id"
    )
    assert [tuple(one) for one in shown] == [("SPEAKER_00", "Anna", 2), ("SPEAKER_01", None, 2)]


async def test_an_ended_session_is_named_in_its_rows_and_exports(kept: Kept) -> None:
    assert await kept.naming.add(S, [MANUAL])
    assert await kept.names() == ["Anna", None, "Anna", None]
    transcript = await SessionHistory(kept.database).transcript(S)
    for form in (ExportFormat.SRT, ExportFormat.VTT, ExportFormat.MD, ExportFormat.TXT):
        assert export(transcript, form).decode().count("Anna:") == 2
    worse = SpeakerEvidence(
        source=SpeakerSource.CAPTIONS, speaker_name="Bob", speaker_id="SPEAKER_00"
    )
    await kept.naming.add(S, [worse])
    assert await kept.names() == ["Anna", None, "Anna", None]
    active = SpeakerEvidence(
        source=SpeakerSource.ACTIVE_SPEAKER,
        speaker_name="Carl",
        external_id="p2",
        start=transcript.segments[1].start,
        end=transcript.segments[1].end,
    )
    await kept.naming.add(S, [active])
    assert await kept.names() == ["Anna", "Carl", "Anna", "Carl"]


async def test_a_live_session_gets_it_into_its_log_and_an_unknown_one_nowhere(kept: Kept) -> None:
    await kept.log.create(S, SessionConfig(diarization=True))
    assert not await kept.naming.add(S, [MANUAL])
    [entry] = await kept.log.read_entries(S, -1)
    assert isinstance(entry, EvidenceEntry) and entry.evidence == MANUAL
    assert await kept.names() == [None] * 4
    with pytest.raises(NotFound):
        await kept.naming.add("session-9-nowhere", [MANUAL])


async def test_an_ending_session_is_named_once_it_is_recorded(kept: Kept) -> None:
    await kept.log.create(S, SessionConfig(diarization=True), to_record=True)
    await kept.log.append_end(S, EndReason.CLIENT_ENDED)
    with pytest.raises(SessionClosed):
        await kept.log.append_evidence(S, MANUAL)
    adding = asyncio.create_task(kept.naming.add(S, [MANUAL]))
    await asyncio.sleep(0.01)
    assert not adding.done() and await kept.names() == [None] * 4
    await kept.log.delete(S)
    assert await adding
    assert await kept.names() == ["Anna", None, "Anna", None]


async def test_a_voice_named_once_is_known_in_other_sessions(kept: Kept) -> None:
    await kept.records.record(S, [update(50, evidence={"voice": voice(3.0, 1.0)})])
    other = "session-2-speakers"
    await kept.open(other)
    await kept.log.create(other, SessionConfig(diarization=True))
    diarized = SpeakerSource.DIARIZATION
    for number, values in enumerate(((30.0, 1.0), (3.1, 1.2))):
        heard = update(
            number + 1,
            session_id=other,
            method=diarized,
            name=None,
            evidence={"voice": voice(*values)},
        )
        await kept.naming.recorded(other, [heard])
    [entry] = await kept.log.read_entries(other, -1)
    assert isinstance(entry, EvidenceEntry)
    found = entry.evidence
    assert (found.speaker_name, found.source) == ("Anna", SpeakerSource.EMBEDDING)
    assert found.confidence is not None and found.confidence > 0.9


async def test_more_samples_better_a_voice_and_models_do_not_mix(kept: Kept) -> None:
    await kept.records.record(S, [update(50, evidence={"voice": voice(2.0)})])
    await kept.records.record(S, [update(51, evidence={"voice": voice(4.0)})])
    [known] = await kept.speakers.voices(LightEmbedding.capabilities.model)
    assert known.samples == 2 and np.frombuffer(known.vector, dtype="<f4")[0] == 3.0
    assert await kept.speakers.voices("another") == []


async def known(kept: Kept) -> list[tuple[str, int, float]]:
    return [
        (one.name, one.samples, round(float(np.frombuffer(one.vector, dtype="<f4")[0]), 3))
        for one in await kept.speakers.voices(LightEmbedding.capabilities.model)
    ]


async def test_deleting_a_session_takes_its_samples_out_of_voices(kept: Kept) -> None:
    other = "session-2-speakers"
    await kept.open(other)
    await kept.records.record(S, [update(50, evidence={"voice": voice(2.0)})])
    await kept.records.record(S, [update(51, evidence={"voice": voice(3.0)})])
    await kept.records.record(S, [update(52, name="Bob", evidence={"voice": voice(7.0)})])
    shared = update(50, session_id=other, evidence={"voice": voice(7.0)})
    await kept.records.record(other, [shared])
    assert sorted(await known(kept)) == [("Anna", 3, 4.0), ("Bob", 1, 7.0)]
    await kept.records.delete(S)
    assert await known(kept) == [("Anna", 1, 7.0)]
    await kept.records.delete(other)
    assert await known(kept) == []


async def test_a_session_that_only_knew_a_voice_takes_nothing_of_it(kept: Kept) -> None:
    other = "session-2-speakers"
    await kept.open(other)
    await kept.records.record(S, [update(50, evidence={"voice": voice(2.0)})])
    [anna] = await kept.speakers.voices(LightEmbedding.capabilities.model)
    by_voice = update(
        9,
        session_id=other,
        method=SpeakerSource.EMBEDDING,
        identity_id=anna.identity_id,
        evidence={"voice": voice(2.0)},
    )
    await kept.records.record(other, [by_voice])
    await kept.records.delete(other)
    assert await known(kept) == [("Anna", 1, 2.0)]


async def test_a_forgotten_voice_leaves_the_name_alone(kept: Kept) -> None:
    first = segment(S, 0).segment_id
    await kept.records.record(S, [update(50, first, evidence={"voice": voice(2.0), "n": 1})])
    [listed] = await list_voices(kept.database)
    assert (listed.name, listed.samples) == ("Anna", 1)
    vector = str(voice(2.0)["vector"])
    [(told,)] = await kept.rows("SELECT data FROM session_events WHERE source = 'speakers'")
    assert "Anna" in str(told) and vector not in str(told)
    assert await forget_voice(kept.database, "Anna") == 1
    assert await list_voices(kept.database) == []
    [stored] = await kept.speakers.correlations(S)
    assert stored.correlation.evidence == {"n": 1}
    assert (await kept.names())[0] == "Anna"
    with pytest.raises(NotFound):
        await forget_voice(kept.database, "Anna")


async def test_where_no_voices_are_to_be_known_none_is_kept_or_looked_up(kept: Kept) -> None:
    await kept.records.record(S, [update(50, evidence={"voice": voice(2.0)})])
    options = msgspec.structs.replace(kept.database.options, known_voices=False)
    database = Database(options)
    other = "session-2-speakers"
    await kept.open(other)
    try:
        named = update(50, session_id=other, name="Bob", evidence={"voice": voice(5.0), "n": 1})
        await SqlSessionRecords(database).record(other, [named])
    finally:
        await database.close()
    assert await known(kept) == [("Anna", 1, 2.0)]
    [stored] = await kept.speakers.correlations(other)
    assert (stored.correlation.speaker_name, stored.correlation.evidence) == ("Bob", {"n": 1})
    naming = SpeakerNaming(kept.log, kept.speakers, identifies=False)
    await kept.log.create(other, SessionConfig(diarization=True))
    heard = update(
        1,
        session_id=other,
        method=SpeakerSource.DIARIZATION,
        name=None,
        evidence={"voice": voice(2.0)},
    )
    await naming.recorded(other, [heard])
    assert await kept.log.read_entries(other, -1) == []


async def test_deleting_a_session_takes_its_correlations_and_participants(kept: Kept) -> None:
    await kept.records.record(S, [update(50, external_id="p1")])
    await kept.records.delete(S)
    assert await kept.rows("SELECT 1 FROM correlations UNION ALL SELECT 1 FROM participants") == []
