"""Target 5: many sessions starting at once, against one process a session."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
from websockets.asyncio.client import connect

from bench.live import WAIT_S, until
from bench.machine import describe
from bench.options import BenchOptions
from bench.recognise import CHUNK
from bench.report import Report, interleaved, percentile, row, share_of
from bench.running import platform
from livetranslate.domain.events import SessionEnded, SessionStarted
from livetranslate.domain.messages import AudioAck, EndSession, StartSession
from livetranslate.domain.session import SessionConfig
from livetranslate.domain.wire import encode

OWN_PROCESSES = 8
"""Sessions at once of the baseline: a hundred such processes do not fit a small machine."""


class Starts(msgspec.Struct, frozen=True):
    """Milliseconds from the accepted WebSocket, one of each session.

    Attributes:
        started: To ``session_started``.
        audio: To the acknowledgement of audio sent right behind ``start_session``'s answer.
    """

    started: list[float]
    audio: list[float]


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    capacity = {
        "MAX_SESSIONS_PER_WORKER": str(options.sessions + 10),
        "MAX_CONCURRENT_SESSIONS": str(2 * options.sessions + 20),
    }
    with contextlib.ExitStack() as stack:
        url = options.url
        if url is None:
            url = stack.enter_context(platform(options, capacity)).url
        address = url
        contenders = {
            "ours": lambda: asyncio.run(_start_all(address, options.sessions)),
            "theirs": lambda: Starts(_own_processes(options), []),
        }
        contenders["ours"]()
        done = interleaved(options.repeats, contenders)
    ours, theirs = done["ours"], done["theirs"]
    rows = [
        share_of(
            f"start-up p{100 * share:.0f}",
            "ms",
            [percentile(one.started, share) for one in ours],
            [percentile(one.started, share) for one in theirs],
        )
        for share in (0.5, 0.95)
    ]
    for share in (0.5, 0.95):
        name = f"ready for audio p{100 * share:.0f}"
        rows.append(row(name, "ms", [percentile(one.audio, share) for one in ours]))
    return Report(
        name="startup",
        target="start-up p95 ≤ 200 ms, aim 50, with 100 sessions at once; audio ≤ 500 ms",
        baseline=f"one process a session that loads its own model, {OWN_PROCESSES} at once",
        rows=rows,
        notes=[
            f"{options.sessions} sessions at once; clients and platform share the machine.",
            "Ours counts from the accepted WebSocket, the baseline from the process's start.",
        ],
        machine=machine,
    )


async def _start_all(url: str, count: int) -> Starts:
    """Open connections and sessions, all at once; they end once all have started."""
    together = asyncio.Barrier(count)
    done = await asyncio.gather(*(_start(url, together) for _ in range(count)))
    return Starts([1000 * started for started, _ in done], [1000 * audio for _, audio in done])


async def _start(url: str, together: asyncio.Barrier) -> tuple[float, float]:
    """Return seconds from the accepted connection to the start and to safe audio."""
    async with connect(url, compression=None, proxy=None, open_timeout=WAIT_S) as socket:
        accepted = time.perf_counter()
        await socket.send(encode(StartSession(config=SessionConfig(language="en"))).decode())
        name = (await until(socket, SessionStarted)).session_id
        started = time.perf_counter()
        await socket.send(bytes(2 * CHUNK))
        await until(socket, AudioAck)
        safe = time.perf_counter()
        await together.wait()
        await socket.send(encode(EndSession(session_id=name)).decode())
        await until(socket, SessionEnded)
    return started - accepted, safe - accepted


def _own_processes(options: BenchOptions) -> list[float]:
    """Start sessions with a process each, all at once; return milliseconds until each is ready."""
    script = Path(__file__).with_name("peers") / "own_process.py"
    times: list[float] = []

    def start() -> None:
        begin = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 - our script
            [sys.executable, str(script), str(options.model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            times.append(1000 * (time.perf_counter() - begin))
            process.communicate()

    threads = [threading.Thread(target=start) for _ in range(OWN_PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times
