"""Storing the audio of live sessions: only if asked for, all of it, without disturbing them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from livetranslate.audio.files import decode_file
from livetranslate.domain.errors import BackendUnavailable
from livetranslate.domain.events import SessionError
from livetranslate.domain.recording import AudioChunkFile, StoredChunk
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.manager import SessionManager
from support.told_speech import as_pcm

RATE = 16_000
RECORDED = SessionConfig(metadata={"record": True})
PCM = np.random.default_rng(1).integers(-9_000, 9_000, 25 * RATE, np.int16)


class Archive:
    """An archive in memory whose disk may be full or slow."""

    def __init__(self) -> None:
        self.files: list[AudioChunkFile] = []
        self.full = False
        self.refused = 0
        self.asked = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def store(self, chunk: AudioChunkFile) -> StoredChunk:
        await self.may_go_on.wait()
        self.asked.set()
        if self.full:
            self.refused += 1
            raise BackendUnavailable("audio cannot be stored: No space left on device")
        self.files.append(chunk)
        return StoredChunk(
            audio_file_id=chunk.chunk_id,
            chunk_id=chunk.chunk_id,
            file_path="",
            size_bytes=len(chunk.content),
            sha256="",
            codec=chunk.codec,
            sample_rate=chunk.sample_rate,
            start=chunk.start,
            end=chunk.end,
            overlap=chunk.overlap,
            quality=chunk.quality,
        )

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for what the next stores bring; threads take real time, and timers here do not."""
        while not reached():
            self.asked.clear()
            await self.asked.wait()

    def whole(self) -> list[AudioChunkFile]:
        """What is stored from the begin on without a gap."""
        found: list[AudioChunkFile] = []
        for file in sorted(self.files, key=lambda file: file.start):
            if file.start == (found[-1].end if found else 0.0):
                found.append(file)
        return found


class Feeder:
    def taken_over(self, session_id: str) -> None:
        pass


class House:
    def __init__(self) -> None:
        self.archive = Archive()
        self.log = MemorySessionLog()
        self.manager = SessionManager(self.log, archive=self.archive)
        self.client = Feeder()

    async def open(self, config: SessionConfig = RECORDED) -> None:
        await self.manager.open("s1", config, kind="api", feeder=self.client)

    async def feed(self, begin_s: float, end_s: float, *, first: int | None = None) -> None:
        pcm = PCM[round(begin_s * RATE) : round(end_s * RATE)]
        for number, at in enumerate(range(0, len(pcm), 3_210)):
            seq = None if first is None else first + number
            chunk = pcm[at : at + 3_210].tobytes()
            await self.manager.feed("s1", self.client, seq, chunk)

    async def stored(self, end_s: float) -> np.ndarray:
        """What is stored, once it goes up to a time; the parts come in any order."""
        archive = self.archive
        await archive.until(lambda: bool(archive.whole()) and archive.whole()[-1].end >= end_s)
        assert archive.whole() == sorted(archive.files, key=lambda file: file.start)
        return np.concatenate([as_pcm(decode_file(file.content)) for file in archive.whole()])

    async def errors(self) -> list[str]:
        events = await self.log.read_events("s1", 0)
        return [event.code for event in events if isinstance(event, SessionError)]


@pytest.fixture
async def house():
    house = House()
    yield house
    await house.manager.close(1.0)


async def test_a_session_that_asks_for_it_is_stored_sample_by_sample(house: House):
    await house.open()
    await house.feed(0, 25)
    assert len(house.archive.files) <= 2
    await house.manager.end("s1")
    assert np.array_equal(await house.stored(25), PCM)
    assert all(0 <= file.quality["score"] <= 1 for file in house.archive.files)


async def test_a_session_that_does_not_ask_is_not_stored(house: House):
    await house.open(SessionConfig(metadata={"record": "no"}))
    await house.feed(0, 12)
    await house.manager.close(5.0)
    assert house.archive.files == []


async def test_chunks_that_come_twice_are_stored_once_and_a_new_feeder_goes_on(house: House):
    await house.open()
    await house.feed(0, 4)
    await house.feed(0, 4, first=0)
    await house.manager.feeder_gone("s1", house.client)
    house.client = Feeder()
    await house.manager.resume("s1", house.client)
    await house.feed(4, 9)
    await house.manager.end("s1")
    assert np.array_equal(await house.stored(9), PCM[: 9 * RATE])


async def test_a_full_disk_is_told_once_and_the_session_goes_on(house: House):
    house.archive.full = True
    await house.open()
    await house.feed(0, 25)
    await house.manager.end("s1")
    await house.archive.until(lambda: house.archive.refused == 3)
    assert await house.errors() == ["audio_not_stored"]
    state = await house.log.state("s1")
    assert state.samples == len(PCM)


async def test_a_slow_disk_holds_nobody_up_and_waits_only_so_long(house: House):
    house.archive.may_go_on.clear()
    await house.open()
    for _ in range(4):
        await house.feed(0, 25)
    house.archive.may_go_on.set()
    await house.manager.end("s1")
    await house.archive.until(lambda: len(house.archive.files) >= 6)
    await house.manager.close(5.0)
    assert len(house.archive.files) <= 8


async def test_a_session_that_is_deleted_is_not_stored_any_more(house: House):
    await house.open()
    await house.feed(0, 15)
    house.archive.may_go_on.clear()
    deleting = asyncio.create_task(house.manager.end("s1", EndReason.DELETED))
    await asyncio.sleep(0)
    house.archive.may_go_on.set()
    await deleting
    stored = len(house.archive.files)
    await house.manager.close(5.0)
    assert len(house.archive.files) == stored <= 1
