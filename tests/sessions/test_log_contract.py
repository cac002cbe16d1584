"""What every session log promises; runs over each backend."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from livetranslate.domain.errors import (
    ClaimLost,
    Conflict,
    InvalidInput,
    NotFound,
    Overloaded,
    SequenceGap,
    SessionBusy,
    SessionClosed,
)
from livetranslate.domain.events import TranscriptionResult
from livetranslate.domain.session import ConfigUpdate, EndReason, SessionConfig
from livetranslate.domain.speakers import SpeakerEvidence, SpeakerSource
from livetranslate.sessions.log.base import (
    AudioEntry,
    Checkpoint,
    Claim,
    DeadLetter,
    EndEntry,
    EvidenceEntry,
    SessionLog,
    UpdateEntry,
)
from support.clock import settle
from support.logs import MakeLog
from support.sessions import ended, pcm, started, text, translation


async def claimed(log: SessionLog, worker: str = "w1") -> Claim:
    claim = await log.claim(worker)
    assert claim is not None
    return claim


def now() -> float:
    return asyncio.get_running_loop().time()


async def seqs(log: SessionLog, session_id: str, after: int = -1) -> list[int]:
    entries = await log.read_entries(session_id, after)
    return [entry.chunk.seq for entry in entries if isinstance(entry, AudioEntry)]


# Entries


async def test_audio_comes_out_as_it_went_in(log: SessionLog):
    await log.create("a", SessionConfig())
    assert (await log.append_audio("a", 0, pcm(1, 7))).seq == 0
    appended = await log.append_audio("a", 1, pcm(0.5, 9))
    assert (appended.seq, appended.buffered_s) == (1, 1.5)
    first, second = await log.read_entries("a", -1)
    assert isinstance(first, AudioEntry) and isinstance(second, AudioEntry)
    assert (first.position, first.chunk.start, first.chunk.pcm) == (0, 0, pcm(1, 7))
    assert (second.position, second.chunk.start, second.chunk.pcm) == (1, 16_000, pcm(0.5, 9))


async def test_a_duplicate_is_acknowledged_and_ignored(log: SessionLog):
    await log.create("a", SessionConfig())
    for seq in range(3):
        await log.append_audio("a", seq, pcm(0.1, seq))
    assert (await log.append_audio("a", 1, pcm(0.1, 99))).seq == 2
    assert await seqs(log, "a") == [0, 1, 2]
    assert (await log.state("a")).samples == 4800


async def test_a_gap_is_refused_with_the_chunk_expected(log: SessionLog):
    await log.create("a", SessionConfig())
    await log.append_audio("a", 0, b"")
    with pytest.raises(SequenceGap) as caught:
        await log.append_audio("a", 2, pcm(0.1))
    assert (caught.value.expected_seq, caught.value.field) == (1, "seq")
    assert await seqs(log, "a") == [0]


@pytest.mark.parametrize(("seq", "data", "field"), [(-1, b"", "seq"), (0, b"\0", "audio")])
async def test_a_senseless_chunk_is_refused(log: SessionLog, seq: int, data: bytes, field: str):
    await log.create("a", SessionConfig())
    with pytest.raises(InvalidInput) as caught:
        await log.append_audio("a", seq, data)
    assert caught.value.field == field


async def test_an_update_keeps_its_place_between_chunks(log: SessionLog):
    await log.create("a", SessionConfig(language="en", context="chess"))
    await log.append_audio("a", 0, pcm(0.1))
    await log.append_update("a", ConfigUpdate(language="de", context=None))
    await log.append_audio("a", 1, pcm(0.1))
    kinds = [type(entry) for entry in await log.read_entries("a", -1)]
    assert kinds == [AudioEntry, UpdateEntry, AudioEntry]
    config = (await log.state("a")).config
    assert (config.language, config.context) == ("de", None)


async def test_nothing_follows_the_end(log: SessionLog):
    await log.create("a", SessionConfig())
    await log.append_audio("a", 0, pcm(0.1))
    await log.append_end("a", EndReason.CLIENT_ENDED)
    await log.append_end("a", EndReason.DISCONNECTED)
    entries = await log.read_entries("a", -1)
    assert entries[1:] == [EndEntry(1, EndReason.CLIENT_ENDED)]
    with pytest.raises(SessionClosed, match="client_ended"):
        await log.append_audio("a", 1, pcm(0.1))
    with pytest.raises(SessionClosed):
        await log.append_update("a", ConfigUpdate(language="de"))
    assert (await log.append_audio("a", 0, pcm(0.1))).seq == 0


async def test_reading_waits_for_an_entry_and_no_longer(log: SessionLog, unit: float):
    begin = now()
    await log.create("a", SessionConfig())
    reading = asyncio.create_task(log.read_entries("a", -1, wait_s=100))
    await settle()
    assert not reading.done()
    await log.append_audio("a", 0, pcm(0.1))
    assert len(await reading) == 1
    assert now() - begin < unit


async def test_reading_returns_empty_when_the_time_is_over(log: SessionLog, unit: float):
    await log.create("a", SessionConfig())
    begin = now()
    assert await log.read_entries("a", -1, wait_s=2 * unit) == []
    assert await log.read_events("a", 0, wait_s=2 * unit) == []
    assert 4 * unit <= now() - begin < 5 * unit


async def test_reading_respects_the_limit_and_goes_on_behind_it(log: SessionLog):
    await log.create("a", SessionConfig())
    for seq in range(5):
        await log.append_audio("a", seq, b"")
    first = await log.read_entries("a", -1, limit=3)
    rest = await log.read_entries("a", first[-1].position, limit=3)
    assert [entry.position for entry in first + rest] == [0, 1, 2, 3, 4]


async def test_a_full_backlog_holds_the_feeder_until_the_worker_gets_on(make_log: MakeLog):
    log = await make_log(max_backlog_s=2.0)
    await log.create("a", SessionConfig())
    claim = await claimed(log)
    await log.append_audio("a", 0, pcm(1))
    await log.append_audio("a", 1, pcm(1))
    feeding = asyncio.create_task(log.append_audio("a", 2, pcm(1)))
    await settle()
    assert not feeding.done() and await seqs(log, "a") == [0, 1]
    await log.append_events(claim, [], processed=0)
    assert (await feeding).buffered_s == 2.0
    assert await seqs(log, "a") == [0, 1, 2]


async def test_audio_without_checkpoint_is_bounded_too(make_log: MakeLog):
    log = await make_log(max_backlog_s=2.0)
    await log.create("a", SessionConfig())
    claim = await claimed(log)
    for seq in range(4):
        await log.append_audio("a", seq, pcm(1))
        await log.append_events(claim, [], processed=seq)
    feeding = asyncio.create_task(log.append_audio("a", 4, pcm(1)))
    await settle()
    assert not feeding.done()
    await log.append_events(claim, [], checkpoint=Checkpoint(0, b""))
    assert (await feeding).seq == 4


async def test_entries_are_bounded_in_number(make_log: MakeLog):
    log = await make_log(max_entries=2)
    await log.create("a", SessionConfig())
    claim = await claimed(log)
    await log.append_audio("a", 0, b"")
    await log.append_audio("a", 1, b"")
    update = asyncio.create_task(log.append_update("a", ConfigUpdate(language="de")))
    await settle()
    assert not update.done()
    await log.append_events(claim, [], checkpoint=Checkpoint(1, b""))
    await update


async def test_evidence_of_speakers_is_an_entry_in_its_place(log: SessionLog):
    evidence = SpeakerEvidence(
        source=SpeakerSource.TRACK, speaker_name="Anna", start=0.5, end=2.0, details={"a": [1]}
    )
    await log.create("a", SessionConfig())
    await log.append_audio("a", 0, pcm(1))
    await log.append_evidence("a", evidence)
    await log.append_audio("a", 1, pcm(1))
    entries = await log.read_entries("a", -1)
    assert entries[1] == EvidenceEntry(1, evidence)
    claim = await claimed(log)
    assert claim.config == SessionConfig()
    await log.append_events(claim, [], checkpoint=Checkpoint(1, b""))
    assert [entry.position for entry in await log.read_entries("a", -1)] == [2]
    await log.append_end("a", EndReason.CLIENT_ENDED)
    with pytest.raises(SessionClosed):
        await log.append_evidence("a", evidence)
    with pytest.raises(NotFound):
        await log.append_evidence("b", evidence)


@pytest.mark.parametrize("how", ["end", "delete"])
async def test_a_held_feeder_is_freed_by_the_end(make_log: MakeLog, how: str):
    log = await make_log(max_backlog_s=1.0)
    await log.create("a", SessionConfig())
    await log.append_audio("a", 0, pcm(1))
    feeding = asyncio.create_task(log.append_audio("a", 1, pcm(1)))
    await settle()
    if how == "end":
        await log.append_end("a", EndReason.DISCONNECTED)
    else:
        await log.delete("a")
    with pytest.raises(SessionClosed if how == "end" else NotFound):
        await feeding


async def test_a_cancelled_feeder_leaves_nothing_behind(make_log: MakeLog):
    log = await make_log(max_backlog_s=1.0)
    await log.create("a", SessionConfig())
    claim = await claimed(log)
    await log.append_audio("a", 0, pcm(1))
    feeding = asyncio.create_task(log.append_audio("a", 1, pcm(1, 5)))
    await settle()
    feeding.cancel()
    await settle()
    await log.append_events(claim, [], processed=0)
    await settle()
    assert (await log.state("a")).next_seq == 1


# Claims


async def test_the_oldest_session_is_claimed_first(log: SessionLog):
    for session_id in "abc":
        await log.create(session_id, SessionConfig())
    a, b = await claimed(log, "w1"), await claimed(log, "w2")
    assert (a.session_id, b.session_id) == ("a", "b")
    await log.release(a)
    assert [(await claimed(log)).session_id for _ in range(2)] == ["a", "c"]
    assert await log.claim("w3") is None


async def test_each_session_goes_to_one_of_the_waiting_workers(log: SessionLog, unit: float):
    begin = now()
    waiting = [
        asyncio.create_task(log.claim(worker, wait_s=5 * unit)) for worker in ("w1", "w2", "w3")
    ]
    await settle()
    await log.create("a", SessionConfig())
    await log.create("b", SessionConfig())
    claims = await asyncio.gather(*waiting)
    assert sorted(claim.session_id for claim in claims if claim) == ["a", "b"]
    assert 5 * unit <= now() - begin < 7 * unit


async def test_a_cancelled_claim_takes_nothing(log: SessionLog):
    waiting = asyncio.create_task(log.claim("w1", wait_s=100))
    await settle()
    waiting.cancel()
    await settle()
    await log.create("a", SessionConfig())
    assert (await claimed(log, "w2")).worker_id == "w2"


async def test_another_worker_goes_on_from_the_checkpoint(log: SessionLog):
    await log.create("a", SessionConfig(language="en"))
    await log.append_audio("a", 0, pcm(1))
    await log.append_update("a", ConfigUpdate(language="de"))
    await log.append_audio("a", 1, pcm(1))
    await log.append_audio("a", 2, pcm(1))
    first = await claimed(log, "w1")
    assert (first.epoch, first.checkpoint, first.config.language) == (1, None, "en")
    await log.append_events(first, [text("a", "so far")], checkpoint=Checkpoint(1, b"so far"))
    await log.append_events(first, [], processed=3)
    assert (await log.state("a")).buffered_s == 0
    await log.release(first)
    second = await claimed(log, "w2")
    assert (second.epoch, second.checkpoint) == (2, Checkpoint(1, b"so far"))
    assert second.config.language == "de"
    assert await seqs(log, "a") == [1, 2]
    assert (await log.state("a")).buffered_s == 2


async def test_a_worker_that_lost_its_claim_writes_nothing(log: SessionLog):
    await log.create("a", SessionConfig())
    await log.append_audio("a", 0, pcm(1))
    lost = await claimed(log, "w1")
    await log.release(lost)
    for attempt in (log.touch(lost), log.append_events(lost, [text("a", "late")])):
        with pytest.raises(ClaimLost):
            await attempt
    holder = await claimed(log, "w2")
    with pytest.raises(ClaimLost):
        await log.append_events(lost, [text("a", "late")], checkpoint=Checkpoint(0, b""))
    await log.release(lost)
    await log.touch(holder)
    assert await log.read_events("a", 0) == []
    assert await seqs(log, "a") == [0]


async def test_a_silent_worker_loses_its_claim(make_log: MakeLog, unit: float):
    log = await make_log(claim_ttl_s=3 * unit)
    await log.create("a", SessionConfig())
    claim = await claimed(log, "w1")
    for _ in range(3):
        await asyncio.sleep(2 * unit)
        await log.touch(claim)
        await log.sweep()
    await asyncio.sleep(2 * unit)
    await log.append_events(claim, [text("a", "alive")])
    await asyncio.sleep(2 * unit)
    await log.sweep()
    assert (await log.state("a")).worker_id == "w1"
    waiting = asyncio.create_task(log.claim("w2", wait_s=100))
    await asyncio.sleep(1.5 * unit)
    await log.sweep()
    taken = await waiting
    assert taken is not None and taken.epoch == 2
    with pytest.raises(ClaimLost):
        await log.touch(claim)


async def test_an_ending_session_still_wants_a_worker(log: SessionLog):
    await log.create("a", SessionConfig())
    await log.append_end("a", EndReason.CLIENT_ENDED)
    claim = await claimed(log)
    await log.append_events(claim, [ended("a")])
    assert await log.claim("w2") is None


# Events


async def test_events_are_numbered_from_one(log: SessionLog):
    await log.create("a", SessionConfig())
    claim = await claimed(log)
    assert await log.append_events(claim, [started("a"), text("a", "x", final=True)]) == 2
    assert await log.append_system_events("a", [text("a", "y", segment="s2", final=True)]) == 3
    assert [event.event_id for event in await log.read_events("a", 0)] == [1, 2, 3]
    assert [event.event_id for event in await log.read_events("a", 2)] == [3]
    assert len(await log.read_events("a", 0, limit=2)) == 2


async def test_late_readers_see_only_the_newest_preview(log: SessionLog):
    await log.create("a", SessionConfig())
    claim = await claimed(log)
    for words in ("t", "th", "the"):
        await log.append_events(claim, [text("a", words), translation("a", words + "?")])
    shown = await log.read_events("a", 0)
    assert [event.event_id for event in shown] == [5, 6]
    assert isinstance(shown[0], TranscriptionResult) and shown[0].text == "the"


async def test_a_final_result_replaces_its_previews_alone(log: SessionLog):
    await log.create("a", SessionConfig())
    claim = await claimed(log)
    await log.append_events(claim, [text("a", "th"), text("a", "n", segment="s2")])
    await log.append_events(claim, [text("a", "the", final=True)])
    await log.append_events(claim, [text("a", "ne", segment="s2")])
    assert [event.event_id for event in await log.read_events("a", 0)] == [3, 4]


async def test_a_final_result_is_never_dropped(log: SessionLog):
    await log.create("a", SessionConfig())
    claim = await claimed(log)
    await log.append_events(claim, [text("a", "the", final=True), text("a", "late")])
    await log.append_events(claim, [text("a", "The", final=True)])
    assert [event.event_id for event in await log.read_events("a", 0)] == [1, 3]


async def test_a_reader_that_keeps_up_sees_every_preview(log: SessionLog):
    await log.create("a", SessionConfig())
    claim = await claimed(log)
    seen: list[int] = []
    for words in ("t", "th", "the"):
        reading = asyncio.create_task(log.read_events("a", len(seen), wait_s=10))
        await settle()
        await log.append_events(claim, [text("a", words)])
        seen += [event.event_id for event in await reading]
    assert seen == [1, 2, 3]


async def test_events_and_progress_go_in_together_or_not_at_all(log: SessionLog):
    await log.create("a", SessionConfig())
    await log.append_audio("a", 0, pcm(1))
    claim = await claimed(log)
    for position in (1, 5):
        with pytest.raises(InvalidInput):
            await log.append_events(claim, [text("a", "x")], checkpoint=Checkpoint(position, b""))
        with pytest.raises(InvalidInput):
            await log.append_events(claim, [text("a", "x")], processed=position)
    with pytest.raises(InvalidInput):
        await log.append_events(claim, [text("b", "x")], processed=0)
    with pytest.raises(InvalidInput):
        await log.append_events(claim, [ended("a"), text("a", "x")], processed=0)
    state = await log.state("a")
    assert (state.last_event_id, state.buffered_s, state.ended) == (0, 1.0, False)
    assert await seqs(log, "a") == [0]


async def test_a_checkpoint_never_goes_back(log: SessionLog):
    await log.create("a", SessionConfig())
    for seq in range(3):
        await log.append_audio("a", seq, pcm(1))
    claim = await claimed(log)
    await log.append_events(claim, [], checkpoint=Checkpoint(1, b"two"))
    with pytest.raises(InvalidInput):
        await log.append_events(claim, [], checkpoint=Checkpoint(0, b"one"))
    await log.append_events(claim, [], checkpoint=Checkpoint(1, b"two, reconsidered"))
    await log.release(claim)
    assert (await claimed(log)).checkpoint == Checkpoint(1, b"two, reconsidered")
    assert await seqs(log, "a") == [2]


async def test_the_last_event_closes_session_and_claim(log: SessionLog, unit: float):
    await log.create("a", SessionConfig())
    await log.append_audio("a", 0, pcm(1))
    claim = await claimed(log)
    waiting = asyncio.create_task(log.read_entries("a", 0, wait_s=100))
    await settle()
    begin = now()
    await log.append_events(claim, [ended("a", EndReason.FAILED)])
    assert await waiting == []
    state = await log.state("a")
    assert (state.ended, state.ending, state.worker_id) == (True, EndReason.FAILED, None)
    assert [type(e).__name__ for e in await log.read_events("a", 0)] == ["SessionEnded"]
    assert await log.read_events("a", 1, wait_s=100) == []
    assert await log.read_entries("a", -1, wait_s=100) == []
    assert now() - begin < unit
    with pytest.raises(ClaimLost):
        await log.append_events(claim, [text("a", "late")])
    with pytest.raises(SessionClosed):
        await log.append_system_events("a", [text("a", "late")])
    with pytest.raises(SessionClosed):
        await log.append_audio("a", 1, pcm(1))


async def test_a_system_event_can_end_a_session_over_its_worker(log: SessionLog):
    await log.create("a", SessionConfig())
    claim = await claimed(log)
    await log.append_system_events("a", [ended("a", EndReason.DELETED)])
    with pytest.raises(ClaimLost):
        await log.touch(claim)
    assert (await log.state("a")).ending is EndReason.DELETED


async def test_what_the_last_event_says_is_why_it_ended(log: SessionLog):
    await log.create("a", SessionConfig())
    await log.append_end("a", EndReason.CLIENT_ENDED)
    assert (await log.state("a")).ending is EndReason.CLIENT_ENDED
    await log.append_system_events("a", [ended("a", EndReason.FAILED)])
    state = await log.state("a")
    assert (state.ended, state.ending) == (True, EndReason.FAILED)


# Life and limits


async def test_an_id_is_used_once(log: SessionLog):
    await log.create("a", SessionConfig())
    with pytest.raises(Conflict):
        await log.create("a", SessionConfig())


async def test_too_many_sessions_are_refused_until_one_ends(make_log: MakeLog):
    log = await make_log(max_sessions=2)
    await log.create("a", SessionConfig())
    await log.create("b", SessionConfig())
    with pytest.raises(Overloaded) as caught:
        await log.create("c", SessionConfig())
    assert caught.value.retryable and caught.value.retry_after_s is not None
    await log.append_system_events("a", [ended("a")])
    await log.create("c", SessionConfig())
    assert [state.session_id for state in await log.sessions()] == ["a", "b", "c"]


async def test_a_session_without_audio_or_listeners_expires(make_log: MakeLog, unit: float):
    log = await make_log(session_timeout_s=5 * unit, claim_ttl_s=1e6)
    for session_id in ("fed", "heard", "idle"):
        await log.create(session_id, SessionConfig())
    await asyncio.sleep(3 * unit)
    await log.append_audio("fed", 0, pcm(0.1))
    await log.keep_alive("heard")
    await asyncio.sleep(2.5 * unit)
    await log.sweep()
    endings = {state.session_id: state.ending for state in await log.sessions()}
    assert endings == {"fed": None, "heard": None, "idle": EndReason.EXPIRED}
    assert (await log.state("heard")).idle_s == pytest.approx(2.5 * unit, abs=unit)
    await asyncio.sleep(3 * unit)
    await log.sweep()
    assert (await log.state("fed")).ending is EndReason.EXPIRED


async def test_an_ended_session_stays_readable_then_goes(make_log: MakeLog, unit: float):
    log = await make_log(event_retention_s=6 * unit)
    await log.create("a", SessionConfig())
    await log.append_system_events("a", [ended("a")])
    await asyncio.sleep(4 * unit)
    await log.sweep()
    assert len(await log.read_events("a", 0)) == 1
    await asyncio.sleep(3 * unit)
    await log.sweep()
    with pytest.raises(NotFound):
        await log.read_events("a", 0)


async def test_what_is_to_be_recorded_stays_until_it_is(make_log: MakeLog, unit: float):
    log = await make_log(event_retention_s=2 * unit, record_patience_s=8 * unit)
    for session_id in "abc":
        await log.create(session_id, SessionConfig(), to_record=session_id != "c")
        await log.append_system_events(session_id, [ended(session_id)])
    await log.note_recorded("a", 1)
    await asyncio.sleep(3 * unit)
    await log.sweep()
    assert [state.session_id for state in await log.sessions()] == ["b"]
    await asyncio.sleep(7 * unit)
    await log.sweep()
    assert await log.sessions() == []


async def test_the_state_tells_how_far_a_session_is_recorded(log: SessionLog, unit: float):
    await log.create("a", SessionConfig(), to_record=True)
    await log.create("b", SessionConfig())
    assert [state.recorded for state in await log.sessions()] == [0, -1]
    await asyncio.sleep(3 * unit)
    assert 3 * unit <= (await log.state("a")).recorder_s < 4 * unit
    await log.note_recorded("a", 3)
    await log.note_recorded("a", 2)
    state = await log.state("a")
    assert (state.recorded, state.recorder_s < unit) == (3, True)


# Feeders


async def test_audio_of_another_feeder_is_refused(log: SessionLog):
    await log.create("a", SessionConfig(), feeder="one")
    await log.append_audio("a", 0, pcm(0.1), feeder="one")
    state = await log.attach("a", "two")
    assert (state.feeder, state.next_seq) == ("two", 1)
    with pytest.raises(SessionBusy):
        await log.append_audio("a", 1, pcm(0.1), feeder="one")
    assert (await log.append_audio("a", 1, pcm(0.1), feeder="two")).seq == 1
    assert (await log.append_audio("a", 2, pcm(0.1))).seq == 2


async def test_a_feeder_that_waits_for_room_is_refused_when_another_comes(make_log: MakeLog):
    log = await make_log(max_backlog_s=1.0)
    await log.create("a", SessionConfig(), feeder="one")
    await log.append_audio("a", 0, pcm(1), feeder="one")
    waiting = asyncio.create_task(log.append_audio("a", 1, pcm(1), feeder="one"))
    await settle()
    await log.attach("a", "two")
    claim = await claimed(log)
    await log.append_events(claim, [], checkpoint=Checkpoint(0, b""), processed=0)
    with pytest.raises(SessionBusy):
        await waiting
    assert await seqs(log, "a") == []


async def test_a_detached_feeder_feeds_no_more(log: SessionLog):
    await log.create("a", SessionConfig(), feeder="one")
    assert not await log.detach("a", "two")
    assert await log.detach("a", "one")
    assert not await log.detach("a", "one")
    assert (await log.state("a")).feeder is None
    with pytest.raises(SessionBusy):
        await log.append_audio("a", 0, pcm(0.1), feeder="one")


async def test_an_ending_session_has_no_new_feeder(log: SessionLog):
    await log.create("a", SessionConfig(), feeder="one")
    await log.append_audio("a", 0, pcm(0.1), feeder="one")
    await log.append_end("a", EndReason.CLIENT_ENDED)
    assert (await log.attach("a", "two")).feeder == "one"
    assert (await log.append_audio("a", 0, pcm(0.1), feeder="two")).seq == 0
    with pytest.raises(SessionClosed):
        await log.append_audio("a", 1, pcm(0.1), feeder="two")


async def test_those_who_feed_no_more_are_told_when_they_attend(log: SessionLog):
    for session_id in "abcd":
        await log.create(session_id, SessionConfig(), feeder="me")
    await log.attach("b", "another")
    await log.append_end("c", EndReason.CLIENT_ENDED)
    await log.delete("d")
    lost = await log.attend({session_id: "me" for session_id in "abcde"})
    assert lost == frozenset("bcde")
    assert await log.attend({}) == frozenset()


async def test_a_session_is_vacant_since_its_feeder_was_last_there(log: SessionLog, unit: float):
    await log.create("a", SessionConfig(), feeder="one")
    await asyncio.sleep(3 * unit)
    assert 3 * unit <= (await log.state("a")).vacant_s < 4 * unit
    await log.attend({"a": "one"})
    assert (await log.state("a")).vacant_s < unit
    await asyncio.sleep(3 * unit)
    await log.append_audio("a", 0, b"", feeder="one")
    assert (await log.state("a")).vacant_s < unit
    await asyncio.sleep(3 * unit)
    await log.detach("a", "one")
    await asyncio.sleep(2 * unit)
    assert 2 * unit <= (await log.state("a")).vacant_s < 3 * unit


async def test_the_state_tells_since_when_a_session_ends(log: SessionLog, unit: float):
    await log.create("a", SessionConfig(), kind="browser")
    await asyncio.sleep(2 * unit)
    state = await log.state("a")
    assert (state.kind, state.ending_s) == ("browser", 0.0)
    await log.append_end("a", EndReason.CLIENT_ENDED)
    await asyncio.sleep(2 * unit)
    assert 2 * unit <= (await log.state("a")).ending_s < 3 * unit


# The installation


async def test_one_at_a_time_looks_after_all_sessions(log: SessionLog, unit: float):
    assert await log.lead("one", 3 * unit)
    assert not await log.lead("two", 3 * unit)
    await asyncio.sleep(2 * unit)
    assert await log.lead("one", 3 * unit)
    await asyncio.sleep(2 * unit)
    assert not await log.lead("two", 3 * unit)
    await asyncio.sleep(2 * unit)
    assert await log.lead("two", 3 * unit)
    assert not await log.lead("one", 3 * unit)


async def test_all_sessions_of_a_dead_worker_go_to_others(log: SessionLog):
    for session_id in "abc":
        await log.create(session_id, SessionConfig())
    first, second, other = [await claimed(log, name) for name in ("dead", "dead", "alive")]
    assert await log.release_worker("dead") == 2
    assert await log.release_worker("dead") == 0
    with pytest.raises(ClaimLost):
        await log.touch(first)
    again = await claimed(log, "new")
    assert (again.session_id, again.epoch) == (first.session_id, 2)
    assert (await claimed(log, "new")).session_id == second.session_id
    await log.touch(other)
    assert await log.claim("new") is None


async def test_notes_of_dead_sessions_are_kept(log: SessionLog):
    for number in range(3):
        letter = DeadLetter(
            session_id=f"s{number}", at=1.5, code="internal_error", reason="died", attempts=10
        )
        await log.bury(letter)
    letters = await log.dead_letters()
    assert [one.session_id for one in letters] == ["s2", "s1", "s0"]
    assert (letters[0].code, letters[0].reason, letters[0].attempts) == (
        "internal_error",
        "died",
        10,
    )


async def test_a_deleted_session_is_gone_for_everybody(log: SessionLog):
    await log.create("a", SessionConfig())
    await log.append_audio("a", 0, pcm(1))
    claim = await claimed(log)
    entries = asyncio.create_task(log.read_entries("a", 0, wait_s=100))
    events = asyncio.create_task(log.read_events("a", 0, wait_s=100))
    await settle()
    await log.append_system_events("a", [ended("a", EndReason.DELETED)])
    await log.delete("a")
    assert len(await events) == 1
    with suppress(NotFound):
        assert await entries == []
    with pytest.raises(ClaimLost):
        await log.append_events(claim, [text("a", "late")])
    with pytest.raises(ClaimLost):
        await log.touch(claim)
    await log.release(claim)
    assert await log.sessions() == [] and await log.claim("w2") is None
    await log.create("a", SessionConfig())
    assert (await log.state("a")).next_seq == 0


async def test_an_unclaimed_session_that_is_deleted_is_not_offered(log: SessionLog):
    await log.create("a", SessionConfig())
    await log.delete("a")
    assert await log.claim("w1") is None


async def test_unknown_sessions_are_said_to_be(log: SessionLog):
    calls = [
        log.append_audio("x", 0, b""),
        log.append_update("x", ConfigUpdate(language="de")),
        log.append_end("x", EndReason.CLIENT_ENDED),
        log.read_entries("x", -1),
        log.read_events("x", 0),
        log.append_system_events("x", []),
        log.state("x"),
        log.keep_alive("x"),
        log.delete("x"),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="x"):
            await call
