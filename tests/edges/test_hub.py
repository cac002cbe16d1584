"""The hub over a real log: one reader a session, everybody served, nothing left behind."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from livetranslate.domain.events import SessionEnded, SessionError
from livetranslate.domain.session import EndReason, SessionConfig, SessionStatistics
from livetranslate.services.realtime.hub import Hub
from livetranslate.services.realtime.outbox import Outbox, OutboxOptions
from livetranslate.sessions.log.memory import MemorySessionLog

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class CountingLog(MemorySessionLog):
    """Counts the reads that wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0

    async def read_events(self, session_id, after, *, wait_s=0.0, limit=1024):
        self.waiting += wait_s > 0
        try:
            return await super().read_events(session_id, after, wait_s=wait_s, limit=limit)
        finally:
            self.waiting -= wait_s > 0


async def tell(log, text: str) -> None:
    await log.append_system_events(
        "s", [SessionError(session_id="s", timestamp=NOW, code="test", message=text)]
    )


async def take(outbox: Outbox, number: int) -> list[str]:
    async with asyncio.timeout(5):
        return [(await outbox.get()).data["message"] for _ in range(number)]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_reader_serves_all_and_goes_with_the_last():
    log = CountingLog()
    await log.create("s", SessionConfig())
    hub = Hub(log)
    boxes = [Outbox(OutboxOptions()) for _ in range(50)]
    listeners = [hub.listen("s", box, after=0) for box in boxes]
    await settle()
    assert (hub.feeds, log.waiting) == (1, 1)
    for number in range(3):
        await tell(log, str(number))
    for box in boxes:
        assert await take(box, 3) == ["0", "1", "2"]
    frames = [box for box in boxes if len(box)]
    assert frames == []
    for listener in listeners:
        hub.drop(listener)
    await settle()
    assert (hub.feeds, log.waiting) == (0, 0)


async def test_listeners_who_come_at_any_time_miss_and_double_nothing():
    log = CountingLog()
    await log.create("s", SessionConfig())
    hub = Hub(log)
    boxes: list[Outbox] = []
    for number in range(40):
        if number % 4 == 0:
            boxes.append(Outbox(OutboxOptions()))
            hub.listen("s", boxes[-1], after=0)
        await tell(log, str(number))
        if number % 3 == 0:
            await asyncio.sleep(0)
    for box in boxes:
        assert await take(box, 40) == [str(number) for number in range(40)]
        assert len(box) == 0
    await hub.close()
    assert hub.feeds == 0


async def test_a_long_history_does_not_overflow_a_small_outbox():
    log = CountingLog()
    await log.create("s", SessionConfig())
    for number in range(500):
        await tell(log, str(number))
    hub = Hub(log)
    box = Outbox(OutboxOptions(max_frames=10))
    hub.listen("s", box, after=0)
    assert await take(box, 500) == [str(number) for number in range(500)]
    assert not box.overflowed
    await hub.close()


async def test_one_who_does_not_read_holds_up_nobody():
    log = CountingLog()
    await log.create("s", SessionConfig())
    hub = Hub(log)
    stalled = Outbox(OutboxOptions(max_frames=4))
    reading = Outbox(OutboxOptions(max_frames=4))
    hub.listen("s", stalled, after=0)
    hub.listen("s", reading, after=0)
    await settle()
    for number in range(20):
        await tell(log, str(number))
        assert await take(reading, 1) == [str(number)]
    assert stalled.overflowed
    assert not reading.overflowed
    await hub.close()


async def test_the_end_is_told_once_and_frees_everything():
    log = CountingLog()
    await log.create("s", SessionConfig())
    hub = Hub(log)
    done: list[str] = []
    box = Outbox(OutboxOptions())
    hub.listen("s", box, after=0, on_done=done.append)
    await settle()
    ended = SessionEnded(
        session_id="s",
        timestamp=NOW,
        reason=EndReason.FAILED,
        statistics=SessionStatistics(),
    )
    await log.append_system_events("s", [ended])
    async with asyncio.timeout(5):
        assert (await box.get()).data["type"] == "session_ended"
    await settle()
    assert (done, hub.feeds, log.waiting) == (["s"], 0, 0)


async def test_an_end_that_was_seen_is_the_end():
    log = CountingLog()
    await log.create("s", SessionConfig())
    ended = SessionEnded(
        session_id="s", timestamp=NOW, reason=EndReason.FAILED, statistics=SessionStatistics()
    )
    last = await log.append_system_events("s", [ended])
    hub = Hub(log)
    done: list[str] = []
    hub.listen("s", Outbox(OutboxOptions()), after=last, on_done=done.append)
    await settle()
    assert (done, hub.feeds, log.waiting) == (["s"], 0, 0)


async def test_a_session_that_is_deleted_is_told_as_gone():
    log = CountingLog()
    await log.create("s", SessionConfig())
    hub = Hub(log)
    done: list[str] = []
    box = Outbox(OutboxOptions())
    hub.listen("s", box, after=0, on_done=done.append)
    await settle()
    await log.delete("s")
    async with asyncio.timeout(5):
        assert (await box.get()).data["code"] == "not_found"
    await settle()
    assert (done, hub.feeds) == (["s"], 0)
