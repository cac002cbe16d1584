"""What is told of a live session's row: its version, and nothing of it before its end is in."""

from __future__ import annotations

import asyncio

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.domain.session import SessionConfig
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.settling import RecordedVersions
from support.clock import VirtualClock
from support.sessions import ended, text


def make_log() -> MemorySessionLog:
    return MemorySessionLog(LogOptions(), clock=VirtualClock())


async def test_a_version_moves_with_what_is_recorded():
    log = make_log()
    versions = RecordedVersions(log)
    assert await versions.version("a") is None
    await log.create("a", SessionConfig(), to_record=True)
    first = await versions.version("a")
    assert first is not None
    await log.append_system_events("a", [text("a", "x", final=True)])
    assert await versions.version("a") == first
    await log.note_recorded("a", 1)
    assert await versions.version("a") not in (None, first)
    await log.delete("a")
    await asyncio.sleep(1)
    await log.create("a", SessionConfig(), to_record=True)
    assert await versions.version("a") != first


async def test_nothing_is_kept_of_what_is_not_recorded():
    log = make_log()
    await log.create("a", SessionConfig(), to_record=False)
    assert await RecordedVersions(log).version("a") is None


async def test_after_the_end_one_waits_for_the_last_events_but_not_for_long():
    log = make_log()
    versions = RecordedVersions(log, patience_s=1.0)
    await log.create("a", SessionConfig(), to_record=True)
    await log.append_system_events("a", [text("a", "x", final=True), ended("a")])
    asking = asyncio.create_task(versions.version("a"))
    await asyncio.sleep(0.5)
    assert not asking.done()
    await log.note_recorded("a", 2)
    found = await asking
    assert found is not None and await versions.version("a") == found

    await log.create("b", SessionConfig(), to_record=True)
    await log.append_system_events("b", [ended("b")])
    begin = asyncio.get_running_loop().time()
    assert await versions.version("b") is not None
    assert 1.0 <= asyncio.get_running_loop().time() - begin < 1.1


async def test_a_log_that_is_away_means_no_version(monkeypatch):
    log = make_log()
    await log.create("a", SessionConfig(), to_record=True)

    async def away(session_id):
        raise BackendUnavailable("Redis is away")

    monkeypatch.setattr(log, "state", away)
    assert await RecordedVersions(log).version("a") is None
