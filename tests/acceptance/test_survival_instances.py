"""Live sessions outlive the instance of orchestration that they are fed through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from livetranslate.domain.events import SessionEvent, TranscriptionResult
from livetranslate.domain.session import new_session_id
from support.captions import stream
from support.distributed import Distributed
from support.listening import listen
from support.survival import PATIENT, Rehearsed, Speaking, disturbed, losses


def finals(events: Sequence[SessionEvent]) -> list[tuple[int, str]]:
    return [
        (event.event_id, event.text)
        for event in events
        if isinstance(event, TranscriptionResult) and event.is_final
    ]


async def test_one_instance_is_killed_and_the_other_freezes(
    distributed: Distributed, rehearsed: Rehearsed
):
    """Clients resume at the one that is there; what thaws cannot feed their sessions again."""
    one, other = distributed.orchestrations

    async def disturb(speaking: Speaking) -> None:
        one.kill()
        await speaking.heard()
        await asyncio.to_thread(lambda: one.start().wait())
        other.freeze()
        try:
            await speaking.heard()
        finally:
            other.thaw()

    heard = await disturbed(distributed.websockets, rehearsed, disturb)
    assert sum(captions.reconnects > 0 for captions in heard) >= len(rehearsed.audios) // 2


async def test_listeners_at_every_instance_get_the_same_events(
    distributed: Distributed, rehearsed: Rehearsed
):
    """One joins at the begin, one in the middle, one at the other instance; all agree."""
    session_id = new_session_id(1, b"listened")
    one, other = distributed.websockets
    feeding = asyncio.create_task(
        stream(one, rehearsed.audios[0], session_id=session_id, options=PATIENT)
    )
    await asyncio.sleep(1)
    early = [asyncio.create_task(listen(url, session_id)) for url in (one, other)]
    await asyncio.sleep(3)
    late = [asyncio.create_task(listen(url, session_id)) for url in (one, other)]
    captions = await feeding
    heard = await asyncio.gather(*early, *late)
    assert not losses(captions, rehearsed, 0)
    expected = finals(captions.events)
    assert [finals(events) for events in heard] == [expected] * 4
    by_id = {event.event_id: event for event in captions.events}
    for events in heard:
        shared = [event for event in events if event.event_id in by_id]
        assert shared == [by_id[event.event_id] for event in shared]
        assert len(shared) > len(expected)
    status = await asyncio.to_thread(
        distributed.orchestrations[1].get, f"/api/sessions/{session_id}/transcript?format=json"
    )
    assert [segment["text"] for segment in status["segments"]] == [text for _, text in expected]
