"""The worker program itself, as the platform starts it: real processes, the fixture model."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livetranslate.domain.events import SessionEnded, SessionStarted
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from support.hosting import Listener, finals, results
from support.scoring import error_rate
from support.speech import WHISPER_FIXTURE, recording
from support.told_speech import as_pcm, check_promises

SPOKEN = recording("en_04")
PCM = as_pcm(SPOKEN.audio).tobytes()
PIECE = 1_280
"""Bytes of 0.04 s: ten of them, after which a host says how far it is, make no worker hurry."""


class Main:
    """The main process's side: log, desk and link, and the workers started on them."""

    def __init__(self, folder: Path) -> None:
        # A dead worker's claim must be free because its link broke, not by its age.
        self.log = MemorySessionLog(LogOptions(claim_ttl_s=1e6))
        self.desk = MemoryDesk()
        self.server = LogServer(self.log, self.desk, folder / "link")
        self.workers: dict[str, Process] = {}
        self._folder = folder
        self._fed: dict[str, int] = {}

    async def start(self, worker_id: str) -> None:
        environment = {
            **os.environ,
            "WHISPER_MODEL": str(WHISPER_FIXTURE),
            "WHISPER_DEVICE": "cpu",
            "OMP_NUM_THREADS": "1",
            "LIVETRANSLATE_DATA": str(self._folder),
        }
        self.workers[worker_id] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "livetranslate.services.worker"),
            *("--link", str(self.server.path), "--worker-id", worker_id),
            env=environment,
            cwd=self._folder,
        )
        while all(each.report.worker_id != worker_id for each in self.desk.reports()):
            assert self.workers[worker_id].returncode is None
            await asyncio.sleep(0.01)

    async def feed(self, session_id: str, seconds: float) -> None:
        """Feed on, as fast as the worker follows."""
        last = min(int(seconds * 32_000), len(PCM))
        fed = self._fed.get(session_id, 0)
        while fed * PIECE < last:
            await self.log.append_audio(session_id, fed, PCM[fed * PIECE : (fed + 1) * PIECE])
            fed += 1
            while (await self.log.state(session_id)).buffered_s >= 0.44:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.005)
        self._fed[session_id] = fed

    async def holder(self, session_id: str) -> str | None:
        return (await self.log.state(session_id)).worker_id

    async def taken_by(self, session_id: str, worker_id: str) -> None:
        while await self.holder(session_id) != worker_id:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        await self.server.close()
        for worker in self.workers.values():
            if worker.returncode is None:
                worker.kill()
            await worker.wait()


@pytest.fixture
async def main(tmp_path: Path) -> AsyncIterator[Main]:
    made = Main(tmp_path)
    await made.server.start()
    yield made
    await made.close()


async def undisturbed(main: Main, session_id: str) -> tuple[str, ...]:
    """Texts of a session that one worker served from its begin to its end."""
    await main.log.create(session_id, SessionConfig(language="en"))
    listener = Listener(main.log, session_id)
    await main.feed(session_id, 60.0)
    await main.log.append_end(session_id, EndReason.CLIENT_ENDED)
    return tuple(event.text for event in finals(await listener.all()))


@pytest.mark.timeout(240)
async def test_sessions_outlive_their_workers(main: Main) -> None:
    """One worker is killed, the next is told to stop, the third ends the session."""
    await main.start("w1")
    expected = await undisturbed(main, "whole")
    await main.log.create("s1", SessionConfig(language="en"))
    listener = Listener(main.log, "s1")
    await main.taken_by("s1", "w1")
    await main.start("w2")
    await main.feed("s1", 2.4)

    main.workers["w1"].send_signal(signal.SIGKILL)
    await main.taken_by("s1", "w2")
    assert await main.workers["w1"].wait() == -signal.SIGKILL
    await main.start("w3")
    await main.feed("s1", 5.1)

    main.workers["w2"].send_signal(signal.SIGTERM)
    await main.taken_by("s1", "w3")
    assert await main.workers["w2"].wait() == 0
    await main.feed("s1", 60.0)
    await main.log.append_end("s1", EndReason.CLIENT_ENDED)

    events = await listener.all()
    assert tuple(event.text for event in finals(events)) == expected
    assert error_rate([SPOKEN.text], [" ".join(expected)]) <= 0.25
    check_promises(results(events))
    started = [event for event in events if isinstance(event, SessionStarted)]
    assert [event.config.worker_id for event in started] == ["w1"]
    assert started[0].config.engine == "faster-whisper"
    assert "WHISPER_MODEL" in started[0].config.engine_reason
    ended = events[-1]
    assert isinstance(ended, SessionEnded) and ended.reason is EndReason.CLIENT_ENDED
    assert ended.statistics.audio_s == round(len(PCM) / 32_000, 3)


@pytest.mark.timeout(120)
async def test_a_worker_without_its_main_process_ends(main: Main) -> None:
    await main.start("w1")
    await main.log.create("s1", SessionConfig(language="en"))
    await main.taken_by("s1", "w1")
    await main.server.close()
    assert await main.workers["w1"].wait() == 0
