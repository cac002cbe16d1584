"""The outbox keeps what must not be lost, in order, within its bounds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.domain.events import TranscriptionResult
from livetranslate.domain.messages import Heartbeat
from livetranslate.services.realtime.frames import Frame
from livetranslate.services.realtime.outbox import Outbox, OutboxOptions

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def frame(event_id: int, segment: int, *, final: bool) -> Frame:
    return Frame.of_event(
        TranscriptionResult(
            session_id="s",
            event_id=event_id,
            timestamp=NOW,
            segment_id=str(segment),
            text="t",
            language=None,
            confidence=None,
            start=0.0,
            end=1.0,
            is_final=final,
            words=(),
        )
    )


PUTS = st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=60)


@given(PUTS)
def test_finals_stay_previews_give_way_and_order_holds(puts):
    """Each put may be followed by a read; what is left is read in the end."""
    outbox = Outbox(OutboxOptions(max_frames=1000))
    read: list[Frame] = []
    sent: list[Frame] = []
    for event_id, (segment, final, reads) in enumerate(puts, start=1):
        sent.append(frame(event_id, segment, final=final))
        outbox.put(sent[-1])
        if reads and (found := outbox.get_nowait()) is not None:
            read.append(found)
        waiting = [one for one in (outbox._frames or {}).values() if one.replaceable]
        assert len({one.key for one in waiting}) == len(waiting)
    while (found := outbox.get_nowait()) is not None:
        read.append(found)
    ids = [one.event_id for one in read]
    assert ids == sorted(ids)
    assert {one.event_id for one in sent if not one.replaceable} <= set(ids)
    for key in {one.key for one in sent}:
        newest = [one.event_id for one in sent if one.key == key][-1]
        assert newest in ids


def test_overflow_is_told_once_and_nothing_more_is_taken():
    told = []
    outbox = Outbox(OutboxOptions(max_frames=3), lambda: told.append(1))
    for event_id in range(1, 7):
        outbox.put(frame(event_id, event_id, final=True))
    assert (len(outbox), outbox.overflowed, told) == (3, True, [1])


def test_previews_of_one_segment_never_overflow():
    outbox = Outbox(OutboxOptions(max_frames=2))
    for event_id in range(1, 100):
        outbox.put(frame(event_id, 0, final=False))
    assert not outbox.overflowed
    found = outbox.get_nowait()
    assert found is not None and found.event_id == 99


def test_bytes_are_bounded_too():
    outbox = Outbox(OutboxOptions(max_bytes=1000))
    for event_id in range(1, 20):
        outbox.put(frame(event_id, event_id, final=True))
    assert outbox.overflowed
    assert sum(one.size for one in (outbox._frames or {}).values()) <= 1000


async def test_room_waits_for_half_of_it():
    outbox = Outbox(OutboxOptions(max_frames=4))
    outbox.put(frame(1, 1, final=True))
    await asyncio.wait_for(outbox.room(), 1)
    outbox.put(frame(2, 2, final=True))
    waiting = asyncio.create_task(outbox.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await outbox.get()
    await asyncio.wait_for(waiting, 1)


async def test_get_waits_for_the_next():
    outbox = Outbox(OutboxOptions())
    getting = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    message = Frame(Heartbeat())
    outbox.put(message)
    assert await asyncio.wait_for(getting, 1) is message


@pytest.mark.parametrize("final", [True, False])
def test_an_event_is_encoded_once(final):
    one = frame(1, 1, final=final)
    assert one.body is one.body
    assert one.packet is one.packet
    assert one.event_packet is one.event_packet
    assert one.data is one.data
    assert one.packet.endswith(one.body)
    assert b'{"event":"transcription_result"' in one.event_packet[:40]
