"""Speakers in a live session: cut at turns, named in past and future, whoever dies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from bench.meetings import recorded
from livetranslate.domain.events import SessionEvent, SpeakerUpdate, TranscriptionResult
from livetranslate.domain.speakers import SpeakerEvidence, SpeakerSource
from livetranslate.domain.speech import Word
from support.hosting import HostLog, Listener, Stage, finals, said
from support.speech import FOLDER, recording
from support.told_speech import RATE, ToldEngine, ToldSession, as_pcm, real_session

CUT_S = 23.0


def _meeting() -> ToldSession:
    """The beginning of a meeting whose words have no punctuation, so that only turns part it."""
    spoken = recording("meeting_3")
    words = tuple(
        Word(one["word"].strip(".,?!"), one["start"], one["end"], 0.9) for one in spoken.words
    )
    return ToldSession(as_pcm(spoken.audio), words).cut(CUT_S)


MEETING = _meeting()
TURNS = [turn for turn in recorded(FOLDER)[0].turns if turn.end < CUT_S]
ANNA = SpeakerEvidence(source=SpeakerSource.MANUAL, speaker_name="Anna", speaker_id="SPEAKER_00")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage(ToldEngine(MEETING))
    yield made
    await made.close()


def speakers_of(events: Sequence[SessionEvent]) -> dict[str, tuple[str | None, str | None]]:
    """Speaker and name of each segment in the end."""
    found: dict[str, tuple[str | None, str | None]] = {}
    for event in events:
        if isinstance(event, TranscriptionResult) and event.is_final:
            found[event.segment_id] = (event.speaker_id, event.speaker_name)
        elif isinstance(event, SpeakerUpdate):
            for name in event.segment_ids:
                found[name] = (event.speaker_id, event.speaker_name or found[name][1])
    return found


def told(events: Sequence[SessionEvent]) -> list[tuple[object, ...]]:
    return [
        (one.segment_id, one.text, one.speaker_id, one.speaker_name) for one in finals(events)
    ] + [
        (one.speaker_id, one.speaker_name, one.segment_ids, one.source)
        for one in events
        if isinstance(one, SpeakerUpdate)
    ]


async def run(
    stage: Stage, *, die_at: int | None = None, name_at_s: float = 12.0
) -> list[SessionEvent]:
    await stage.open(diarization=True)
    listener = Listener(stage.log)
    await stage.feed(MEETING.cut(name_at_s))
    await stage.log.append_evidence("s1", ANNA)
    await stage.feed(MEETING, since_s=name_at_s)
    await stage.end()
    if die_at is not None:
        assert await stage.killed(HostLog(stage.log, die_at=die_at, written=die_at % 2 == 0))
    await (await stage.host()).run()
    return await listener.all()


async def test_segments_are_cut_at_turns_and_the_past_and_future_get_the_name(stage: Stage) -> None:
    events = await run(stage)
    assert said(events) == MEETING.text
    speakers = speakers_of(events)
    for segment in finals(events):
        middle = [(word.start + word.end) / 2 for word in segment.words]
        whose = {turn.speaker for turn in TURNS for at in middle if turn.start <= at <= turn.end}
        assert len(whose) == 1, segment.text
        expected = {"A": ("SPEAKER_00", "Anna"), "B": ("SPEAKER_01", None)}[whose.pop()]
        assert speakers[segment.segment_id] == expected
    [manual] = [
        e
        for e in events
        if isinstance(e, SpeakerUpdate) and e.source is SpeakerSource.MANUAL and e.segment_ids
    ]
    assert manual.segment_ids[0] == "seg-00001"
    assert any(one.speaker_name == "Anna" for one in finals(events))


async def test_five_people_are_told_apart_and_named_in_past_and_future() -> None:
    takes = (
        "en_00",
        "en_01",
        "en_02",
        "en_05",
        "en_22",
        "en_02",
        "en_25",
        "en_22",
        "en_00",
        "en_05",
    )
    people = {"en_00": 0, "en_01": 1, "en_25": 1, "en_02": 2, "en_05": 3, "en_22": 4}
    pause_s = 0.5
    meeting = real_session(*takes, pause_s=pause_s)
    ends = np.cumsum([len(recording(name).audio) / RATE + pause_s for name in takes])
    stage = Stage(ToldEngine(meeting))
    await stage.open(diarization=True)
    await stage.feed(meeting.cut(float(ends[5])))
    for number in range(5):
        name = SpeakerEvidence(
            source=SpeakerSource.MANUAL,
            speaker_name=f"Person {number}",
            speaker_id=f"SPEAKER_{number:02d}",
        )
        await stage.log.append_evidence("s1", name)
    await stage.feed(meeting, since_s=float(ends[5]))
    await stage.end()
    await (await stage.host()).run()
    events = await stage.events()
    await stage.close()
    assert said(events) == meeting.text
    found = speakers_of(events)
    for segment in finals(events):
        person = people[takes[int(np.searchsorted(ends, (segment.start + segment.end) / 2))]]
        assert found[segment.segment_id] == (f"SPEAKER_{person:02d}", f"Person {person}")


async def test_without_diarization_nobody_is_named(stage: Stage) -> None:
    await stage.open()
    await stage.feed(MEETING.cut(8.0))
    await stage.end()
    await (await stage.host()).run()
    events = await stage.events()
    assert {one.speaker_id for one in finals(events)} == {None}
    assert not [event for event in events if isinstance(event, SpeakerUpdate)]


async def test_without_diarization_a_participants_track_names_his_segments(stage: Stage) -> None:
    await stage.open()
    track = SpeakerEvidence(
        source=SpeakerSource.TRACK, speaker_name="Bob", external_id="p1", start=0.0, end=30.0
    )
    await stage.feed(MEETING.cut(13.5))
    await stage.log.append_evidence("s1", track)
    await stage.feed(MEETING, since_s=13.5)
    await stage.end()
    await (await stage.host()).run()
    assert set(speakers_of(await stage.events()).values()) == {("p1", "Bob")}


async def test_a_host_may_die_at_any_write_and_the_speakers_are_the_same() -> None:
    whole = Stage(ToldEngine(MEETING))
    undisturbed = told(await run(whole))
    await whole.close()
    for die_at in (1, 4, 9, 10, 14, 19, 25):
        stage = Stage(ToldEngine(MEETING))
        assert told(await run(stage, die_at=die_at)) == undisturbed, die_at
        await stage.close()
