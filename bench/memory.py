"""Target 4: memory a session, of a hundred with everything, and of a thousand open ones."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from pathlib import Path

import psutil
from websockets.asyncio.client import ClientConnection, connect

from bench.live import until
from bench.machine import describe
from bench.options import BenchOptions
from bench.report import Report, Row, row
from bench.running import Platform, platform
from livetranslate.asr.choice import SCRIPTED
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import BackendUnavailable
from livetranslate.domain.events import SessionStarted
from livetranslate.domain.messages import AudioAck, StartSession
from livetranslate.domain.session import SessionConfig
from livetranslate.domain.wire import encode
from livetranslate.services.load.conductor import Conductor
from livetranslate.services.load.options import LoadOptions
from livetranslate.services.load.share import allow_files
from livetranslate.services.load.speech import load_speech

SECONDS = 20.0
"""Seconds for which sessions are fed before memory is read: buffers are as full as they get."""
RECOGNISED = 4
"""Sessions that are really recognised: what a small machine bears in real time."""
OPEN = 1000
OPENING = 50
OPEN_AUDIO_S = 2.0
OWN_PROCESSES = 4
MB = 1e6
START_S = 120.0


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    allow_files(4 * OPEN)
    capacity = {
        "MAX_SESSIONS_PER_WORKER": str(2 * OPEN),
        "MAX_CONCURRENT_SESSIONS": str(4 * OPEN),
    }
    seconds = options.seconds or SECONDS
    many: list[tuple[float, float]] = []
    few: list[tuple[float, float]] = []
    own: list[float] = []
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(platform(options, capacity))
        for engine in (SCRIPTED, None):
            asyncio.run(_fed(running, options, RECOGNISED, 5.0, engine))
        for _ in range(options.repeats):
            own.append(_own_processes(options))
            few.append(asyncio.run(_fed(running, options, RECOGNISED, seconds, None)))
            many.append(asyncio.run(_fed(running, options, options.sessions, seconds, SCRIPTED)))
        opened = asyncio.run(_opened(running))
    return Report(
        name="memory",
        target="≤ 15 MB a session, aim 3; 100 sessions with everything ≤ 1.7 GB; 1,000 open",
        baseline="one process a session that loads its own model, waiting",
        rows=_rows(options, few, many, opened, own),
        notes=[
            "A session's memory is (PSS at N - PSS at 0) ÷ N over all processes; the model is "
            "loaded before.",
            f"Fed in real time for {seconds:.0f} s before memory is read. "
            f"{options.sessions} sessions have the scripted engine, which recognises nothing: "
            "buffers, voice activity, policies and log are those of any engine.",
            f"The {OPEN:,} open sessions have sent {OPEN_AUDIO_S:g} s of audio each; scripted "
            "engine.",
        ],
        machine=machine,
    )


def _rows(
    options: BenchOptions,
    few: list[tuple[float, float]],
    many: list[tuple[float, float]],
    opened: tuple[float, float],
    own: list[float],
) -> list[Row]:
    sessions = options.sessions
    return [
        row(f"a recognised session, N = {RECOGNISED}", "MB", [one for one, _ in few], own),
        row(f"a session, scripted engine, N = {sessions}", "MB", [one for one, _ in many], own),
        row(f"{sessions} sessions, all processes", "MB", [whole for _, whole in many]),
        row(f"an open session, N = {OPEN:,}", "MB", [opened[0]]),
        row(f"{OPEN:,} open sessions, all processes", "MB", [opened[1]]),
    ]


async def _fed(
    running: Platform, options: BenchOptions, count: int, seconds: float, engine: str | None
) -> tuple[float, float]:
    """Feed sessions; return megabytes of one and of all processes."""
    before = running.pss_bytes()
    load = LoadOptions(
        url=running.url,
        sessions=count,
        duration_s=10 * START_S,
        ramp_s=count / 25,
        speech=str(options.speech),
        engine=engine,
    )
    conductor = Conductor(load, 1)
    work = asyncio.create_task(conductor.run())
    try:
        async with asyncio.timeout(START_S):
            while conductor.figures().sessions_started < count and not work.done():
                await asyncio.wait({work}, timeout=0.2)
        await asyncio.sleep(seconds)
        during = running.pss_bytes()
    finally:
        conductor.stop()
        await work
    if lost := conductor.figures().lost:
        raise BackendUnavailable(f"sessions were lost: {lost[0]}")
    return (during - before) / count / MB, during / MB


async def _opened(running: Platform) -> tuple[float, float]:
    """Open a thousand sessions; return megabytes of one and of all processes."""
    pcm = load_speech(None)[: round(OPEN_AUDIO_S * SAMPLE_RATE)].tobytes()
    room = asyncio.Semaphore(OPENING)
    before = running.pss_bytes()

    async def open_one(stack: contextlib.AsyncExitStack) -> ClientConnection:
        async with room:
            socket = await stack.enter_async_context(
                connect(running.url, compression=None, proxy=None, open_timeout=START_S)
            )
            config = SessionConfig(language="en", engine=SCRIPTED)
            await socket.send(encode(StartSession(config=config)).decode())
            await until(socket, SessionStarted)
            await socket.send(pcm)
            await until(socket, AudioAck)
            return socket

    async with contextlib.AsyncExitStack() as stack:
        await asyncio.gather(*(open_one(stack) for _ in range(OPEN)))
        await asyncio.sleep(3.0)
        during = running.pss_bytes()
    return (during - before) / OPEN / MB, during / MB


def _own_processes(options: BenchOptions) -> float:
    """Return the megabytes of a process that has loaded its own model, several at once."""
    script = Path(__file__).with_name("peers") / "own_process.py"
    command = [sys.executable, str(script), str(options.model)]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our script
            )
            for _ in range(OWN_PROCESSES)
        ]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(0.5)
        pss = sum(psutil.Process(one.pid).memory_full_info().pss for one in processes)
        for process in processes:
            process.communicate()
    return pss / OWN_PROCESSES / MB
