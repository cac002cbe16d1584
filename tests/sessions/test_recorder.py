"""What reaches the database, and what happens while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from livetranslate.domain.events import TranscriptionResult
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatus
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.recorder import Recorder, RecorderOptions
from support.clock import EPOCH, VirtualClock, settle
from support.records import MemoryRecords
from support.sessions import ended, fatal, started, text

OPTIONS = RecorderOptions(batch=3, give_up_s=1000)


@pytest.fixture
async def log() -> MemorySessionLog:
    log = MemorySessionLog(LogOptions(event_retention_s=60), clock=VirtualClock())
    await log.create("a", SessionConfig(), to_record=True)
    return log


@pytest.fixture
async def records() -> MemoryRecords:
    records = MemoryRecords()
    await records.create("a", kind="api", config=SessionConfig(), created_at=EPOCH)
    return records


@pytest.fixture
async def recorder(log: MemorySessionLog, records: MemoryRecords) -> AsyncIterator[Recorder]:
    recorder = Recorder(log, records, clock=VirtualClock(), options=OPTIONS)
    recorder.follow("a")
    yield recorder
    await recorder.close()


def finals(numbers: range) -> list[TranscriptionResult]:
    return [text("a", str(n), segment=f"s{n}", final=True) for n in numbers]


def recorded(records: MemoryRecords) -> list[str]:
    events = records.events["a"].values()
    return [event.text for event in events if isinstance(event, TranscriptionResult)]


async def test_events_are_written_in_order_without_previews(
    log: MemorySessionLog, records: MemoryRecords, recorder: Recorder
):
    await log.append_system_events("a", [started("a"), text("a", "0?", segment="s0")])
    await settle()
    await log.append_system_events("a", [*finals(range(8)), ended("a")])
    assert await recorder.drain(10)
    assert recorded(records) == [str(n) for n in range(8)]
    assert records.status["a"] is SessionStatus.COMPLETED
    assert [what for what in records.of("a") if what in ("active", "completed")] == [
        "active",
        "completed",
    ]
    assert records.of("a")[-2:] == ["SessionEnded", "completed"]


async def test_results_wait_in_the_log_while_the_database_is_away(
    log: MemorySessionLog, records: MemoryRecords, recorder: Recorder
):
    await log.append_system_events("a", [started("a"), *finals(range(2))])
    await settle()
    records.away = True
    await log.append_system_events("a", [*finals(range(2, 9)), ended("a")])
    await asyncio.sleep(100)
    state = recorder.state()
    assert (state.sessions, state.waiting) == (1, 1)
    assert state.failing_s == pytest.approx(100, abs=1)
    assert state.error is not None and "away" in state.error
    assert recorded(records) == ["0", "1"]
    await log.sweep()
    records.away = False
    assert await recorder.drain(20)
    assert recorded(records) == [str(n) for n in range(9)]
    assert records.status["a"] is SessionStatus.COMPLETED
    state = recorder.state()
    assert (state.sessions, state.waiting, state.error, state.lost) == (0, 0, None, 0)
    await log.sweep()
    assert await log.sessions() == []


async def test_a_missing_database_is_not_hammered(
    log: MemorySessionLog, records: MemoryRecords, recorder: Recorder
):
    records.away = True
    await log.append_system_events("a", finals(range(1)))
    before = records.calls
    await asyncio.sleep(600)
    assert 30 < records.calls - before < 60


async def test_one_refused_event_does_not_hold_up_the_others(
    log: MemorySessionLog, records: MemoryRecords, recorder: Recorder
):
    records.refuses = lambda event: getattr(event, "text", "") == "1"
    await log.append_system_events("a", [*finals(range(5)), ended("a")])
    assert await recorder.drain(10)
    assert recorded(records) == ["0", "2", "3", "4"]
    assert recorder.state().lost == 1
    assert records.status["a"] is SessionStatus.COMPLETED


async def test_a_fault_over_one_event_does_not_hold_up_the_others(
    log: MemorySessionLog, records: MemoryRecords, recorder: Recorder
):
    def fault(event: object) -> bool:
        if getattr(event, "text", "") == "1":
            raise ZeroDivisionError
        return False

    records.refuses = fault
    await log.append_system_events("a", [*finals(range(5)), ended("a")])
    assert await recorder.drain(60)
    assert recorded(records) == ["0", "2", "3", "4"]
    assert recorder.state().lost == 1


async def test_a_repeated_write_has_no_second_effect(
    log: MemorySessionLog, records: MemoryRecords, recorder: Recorder, monkeypatch
):
    write = records.record

    async def written_but_not_confirmed(session_id, events):
        await write(session_id, events)
        raise OSError("connection reset")

    monkeypatch.setattr(records, "record", written_but_not_confirmed)
    await log.append_system_events("a", [*finals(range(2)), ended("a")])
    await settle()
    assert recorder.state().waiting == 1
    monkeypatch.setattr(records, "record", write)
    assert await recorder.drain(10)
    assert records.of("a").count("TranscriptionResult") == 2


async def test_a_failed_session_keeps_the_reason(
    log: MemorySessionLog, records: MemoryRecords, recorder: Recorder
):
    await log.append_system_events("a", [started("a"), fatal("a", "out of memory")])
    await log.append_system_events("a", [ended("a", EndReason.FAILED)])
    assert await recorder.drain(10)
    assert records.status["a"] is SessionStatus.FAILED
    assert (records.errors["a"], records.reasons["a"]) == ("out of memory", EndReason.FAILED)


async def test_a_database_away_for_too_long_costs_the_session(
    log: MemorySessionLog, records: MemoryRecords, recorder: Recorder
):
    records.away = True
    await log.append_system_events("a", [*finals(range(4)), ended("a")])
    await asyncio.sleep(990)
    assert recorder.unfinished == {"a"}
    await asyncio.sleep(30)
    assert recorder.unfinished == frozenset()
    assert recorder.state().lost == 5


async def test_after_forgetting_nothing_is_written(
    log: MemorySessionLog, records: MemoryRecords, recorder: Recorder
):
    records.away = True
    await log.append_system_events("a", finals(range(2)))
    await settle()
    await recorder.forget("a")
    records.away = False
    calls = records.calls
    await asyncio.sleep(100)
    assert records.calls == calls and recorder.unfinished == frozenset()


async def test_a_session_whose_log_is_gone_is_failed(
    log: MemorySessionLog, records: MemoryRecords, recorder: Recorder
):
    await log.append_system_events("a", finals(range(2)))
    await settle()
    await log.delete("a")
    assert await recorder.drain(10)
    assert records.status["a"] is SessionStatus.FAILED
