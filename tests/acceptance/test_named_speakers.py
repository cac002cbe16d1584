"""A name given at one instance while a session is fed through another: live and in exports."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import srt
import webvtt

from livetranslate.domain.events import SessionEvent, SpeakerUpdate, TranscriptionResult
from livetranslate.domain.session import SessionConfig, new_session_id
from livetranslate.domain.speakers import SpeakerSource
from livetranslate.services.client import CaptionClient
from support.captions import CHUNK
from support.distributed import Distributed
from support.listening import listen
from support.parts import Part
from support.sound import s16
from support.speech import recording

NAME = "Ada Zhang"
PAST_S, WHOLE_S = 22.5, 39.0
"""Both voices of the meeting have spoken by the one; both speak again until the other."""


def chunks(from_s: float, to_s: float) -> Iterator[bytes]:
    pcm = s16(recording("meeting_3").audio)
    for at in range(int(from_s * 16_000), int(to_s * 16_000), CHUNK):
        yield pcm[2 * at : 2 * (at + CHUNK)]


async def until_named(client: CaptionClient, events: list[SessionEvent], speaker_id: str) -> None:
    async for each in client:
        if isinstance(each.message, SessionEvent):
            events.append(each.message)
        if isinstance(each.message, SpeakerUpdate) and each.message.speaker_id == speaker_id:
            if each.message.source is SpeakerSource.MANUAL:
                return


async def first_speaker(client: CaptionClient, events: list[SessionEvent]) -> str:
    """Wait for a final segment by a speaker."""
    async for each in client:
        event = each.message
        if isinstance(event, SessionEvent):
            events.append(event)
        if isinstance(event, TranscriptionResult) and event.is_final and event.speaker_id:
            return event.speaker_id
    raise AssertionError("nobody was recognised")


def names(events: Sequence[SessionEvent]) -> dict[str, tuple[str | None, str | None]]:
    """Return speaker and name of each final segment, as whoever follows the events has it."""
    found: dict[str, tuple[str | None, str | None]] = {}
    for event in events:
        if isinstance(event, TranscriptionResult) and event.is_final:
            found[event.segment_id] = (event.speaker_id, event.speaker_name)
        elif isinstance(event, SpeakerUpdate):
            for name in event.segment_ids:
                found[name] = (event.speaker_id, event.speaker_name)
    return found


async def test_a_name_given_at_the_other_instance_is_everywhere(distributed: Distributed) -> None:
    session_id = new_session_id(1, b"named speakers")
    one, other = distributed.websockets
    feeding, asked = distributed.orchestrations
    events: list[SessionEvent] = []
    async with asyncio.timeout(90):
        config = SessionConfig(diarization=True, language="en")
        async with CaptionClient(one, config, session_id=session_id) as client:
            listeners = [asyncio.create_task(listen(url, session_id)) for url in (one, other)]
            for chunk in chunks(0.0, PAST_S):
                await client.send(chunk)
            speaker_id = await first_speaker(client, events)
            given = {"session_id": session_id, "speaker_id": speaker_id, "speaker_name": NAME}
            answer = await asyncio.to_thread(asked.post, "/api/audio/correlations", given)
            assert answer["status"] == "accepted"
            await until_named(client, events, speaker_id)
            past = set(names(events))
            for chunk in chunks(PAST_S, WHOLE_S):
                await client.send(chunk)
            await client.end()
            events += [
                each.message async for each in client if isinstance(each.message, SessionEvent)
            ]
        heard = await asyncio.gather(*listeners)
    said = names(events)
    named = {segment for segment, (speaker, _) in said.items() if speaker == speaker_id}
    assert named & past and named - past, "the name has to meet the past and the future"
    assert set(said) - named, "there is another speaker"
    assert all((name == NAME) == (segment in named) for segment, (_, name) in said.items())
    assert [names(each) for each in heard] == [said] * 2
    for instance in (feeding, asked):
        await asyncio.to_thread(check_exports, instance, session_id, said)


def check_exports(
    instance: Part, session_id: str, said: dict[str, tuple[str | None, str | None]]
) -> None:
    """Every file names whom the listeners were told, segment by segment."""
    path = f"/api/sessions/{session_id}/transcript?format="
    segments = instance.get(f"{path}json")["segments"]
    told = {each["segment_id"]: (each["speaker_id"], each["speaker_name"]) for each in segments}
    assert told == said
    lines = [f"{each['speaker_name'] or each['speaker_id']}: {each['text']}" for each in segments]
    assert [cue.content for cue in srt.parse(instance.text(f"{path}srt"))] == lines
    vtt = webvtt.from_string(instance.text(f"{path}vtt"))
    assert [cue.text for cue in vtt.captions] == lines
    minutes = instance.text(f"{path}md").replace("\\", "")
    for line in lines:
        speaker, _, text = line.partition(": ")
        assert f"**{speaker}:** {text}" in minutes
