"""What is noted of live sessions: their first sample, the arrival of audio, what befalls them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from livetranslate.domain.errors import BackendUnavailable, NotFound
from livetranslate.domain.session import SessionConfig
from livetranslate.sessions.chronicle import Chronicle
from livetranslate.sessions.clocks import AUDIO_CLOCK, Timing, clock_of
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.manager import SessionManager
from livetranslate.sessions.notes import Notebook, NotebookOptions
from support.clock import VirtualClock, run_virtual
from support.records import MemoryRecords
from support.sessions import pcm

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


class MemoryNotes:
    """Implements ``SessionNotes``; can be away."""

    def __init__(self) -> None:
        self.first: dict[str, datetime] = {}
        self.timing: dict[str, Timing] = {}
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.away = False

    def _called(self) -> None:
        if self.away:
            raise BackendUnavailable("the database is away")

    async def first_sample(self, session_id: str, at: datetime) -> None:
        self._called()
        self.first.setdefault(session_id, at)

    async def change_timing(self, session_id: str, change: Callable[[Timing], Timing]) -> Timing:
        self._called()
        self.timing[session_id] = change(self.timing.get(session_id, {}))
        return self.timing[session_id]

    async def note(
        self,
        session_id: str,
        event_type: str,
        *,
        severity: str,
        source: str,
        data: dict[str, Any],
        at: datetime,
    ) -> None:
        self._called()
        if event_type == "refused":
            raise NotFound("no such session")
        self.events.append((session_id, event_type, data))

    def told(self) -> list[str]:
        return [what for _, what, _ in self.events]


class Client:
    def taken_over(self, session_id: str) -> None:
        pass


class House:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.log = MemorySessionLog(clock=self.clock)
        self.notes = MemoryNotes()
        self.manager = SessionManager(self.log, MemoryRecords(), notes=self.notes, clock=self.clock)
        self.client = Client()

    async def open(self) -> None:
        await self.manager.open("a", SessionConfig(), kind="api", feeder=self.client)

    async def feed(self, seconds: float, client: Client | None = None) -> None:
        """Bring audio in chunks of half a second, as fast as it is spoken."""
        for _ in range(int(seconds * 2)):
            await asyncio.sleep(0.5)
            await self.manager.feed("a", client or self.client, None, pcm(0.5))


def virtually(scenario: Callable[[House], Any]) -> None:
    async def run() -> None:
        house = House()
        await scenario(house)
        await house.manager.close(0.1)

    run_virtual(run())


def test_the_first_sample_is_as_old_as_its_chunk_is_long() -> None:
    async def scenario(house: House) -> None:
        await house.open()
        await asyncio.sleep(3.0)
        began = house.clock.utc()
        await house.manager.feed("a", house.client, None, b"")
        await asyncio.sleep(0.1)
        assert house.notes.first == {}
        await house.feed(2.0)
        await asyncio.sleep(0.1)
        assert house.notes.first["a"] - began == timedelta(seconds=0.1)

    virtually(scenario)


def test_the_audios_clock_is_observed_and_survives_a_resume() -> None:
    async def scenario(house: House) -> None:
        await house.open()
        await house.feed(60.0)
        await house.manager.feeder_gone("a", house.client)
        await asyncio.sleep(10.0)
        other = Client()
        await house.manager.resume("a", other)
        await house.feed(30.0, other)
        await house.manager.end("a")
        await asyncio.sleep(0.1)
        clock = clock_of(house.notes.timing["a"], AUDIO_CLOCK)
        assert clock is not None
        assert clock.until_s == pytest.approx(90.0, abs=10.0)
        first = house.notes.first["a"].timestamp()
        assert clock.to_reading(0.0) == pytest.approx(first, abs=0.01)
        assert house.notes.told() == ["feeder_lost", "session_resumed"]

    virtually(scenario)


def test_a_repeated_chunk_is_no_audio() -> None:
    async def scenario(house: House) -> None:
        await house.open()
        for seq in (0, 1, 1, 0, 1, 2):
            await house.manager.feed("a", house.client, seq, pcm(6.0))
        await house.manager.end("a")
        await asyncio.sleep(0.1)
        clock = clock_of(house.notes.timing["a"], AUDIO_CLOCK)
        assert clock is not None
        assert clock.until_s <= 18.0

    virtually(scenario)


def test_nothing_waits_for_notes_while_the_database_is_away() -> None:
    async def scenario(house: House) -> None:
        house.notes.away = True
        await house.open()
        await house.feed(20.0)
        assert house.notes.first == {}
        house.notes.away = False
        await asyncio.sleep(20.0)
        assert (house.clock.utc() - house.notes.first["a"]).total_seconds() == pytest.approx(
            40, abs=1
        )

    virtually(scenario)


def test_notes_come_in_order_and_the_oldest_go_first() -> None:
    async def scenario() -> None:
        notes = MemoryNotes()
        notes.away = True
        book = Notebook(NotebookOptions(most=3))

        def write(kind: str) -> Callable[[], Any]:
            return lambda: notes.note("a", kind, severity="info", source="s", data={}, at=EPOCH)

        for kind in ("one", "two"):
            book.add("a", write(kind))
        await asyncio.sleep(1.0)
        for kind in ("three", "refused", "four"):
            book.add("a", write(kind))
        await asyncio.sleep(1.0)
        notes.away = False
        await asyncio.sleep(20.0)
        assert notes.told() == ["three", "four"]
        await book.close(1.0)

    run_virtual(scenario())


def test_a_change_of_worker_is_told_once() -> None:
    async def scenario() -> None:
        clock, notes = VirtualClock(), MemoryNotes()
        log = MemorySessionLog(clock=clock)
        chronicle = Chronicle(notes, clock)
        await log.create("a", SessionConfig())
        for worker in ("one", "two"):
            chronicle.workers(await log.sessions())
            claim = await log.claim(worker)
            assert claim is not None
            for _ in range(3):
                chronicle.workers(await log.sessions())
            await log.release(claim)
        chronicle.workers(await log.sessions())
        await chronicle.close(1.0)
        assert notes.events == [("a", "worker_changed", {"from_worker": "one", "to_worker": "two"})]

    run_virtual(scenario())
