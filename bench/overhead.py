"""Target 14: what the platform computes around a live session, beside the engine itself."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

import msgspec

from bench.corpus import Recording, joined, recordings
from bench.live import watch
from bench.machine import describe
from bench.options import BenchOptions
from bench.recognise import TimedRequest, live_windows, whisper
from bench.report import Report, figure, interleaved, row, share_of
from bench.running import Platform, platform
from livetranslate.asr.whisper.engine import WhisperEngine

SECONDS = 30.0
DEFAULT_THREADS = 0
"""The engine's own choice, as the worker takes it."""


class Cpu(msgspec.Struct, frozen=True):
    """Seconds computed in one repeat, by the main process and its workers."""

    main: float
    workers: float

    @property
    def total(self) -> float:
        """Of all processes."""
        return self.main + self.workers


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    options = msgspec.structs.replace(options, threads=DEFAULT_THREADS)
    recording = joined(recordings(options.speech, language="en"), options.seconds or SECONDS)
    requests = live_windows(options, recording.pcm, "en").requests
    engine = whisper(options.model, threads=options.threads)
    with ExitStack() as stack:
        running = stack.enter_context(platform(options))
        asyncio.run(watch(running.url, recording))
        done = interleaved(
            options.repeats,
            {
                "live": lambda: _live(running, recording),
                "idle": lambda: _idle(running, recording.seconds),
                "direct": lambda: Cpu(0.0, _direct(engine, requests)),
            },
        )
    engine.close()
    seconds = recording.seconds
    live, idle, direct = (
        [1000 * one.total / seconds for one in done[name]] for name in ("live", "idle", "direct")
    )
    over = [100 * (all_ - own) / own for all_, own in zip(live, direct, strict=True)]
    beyond = [
        100 * (all_ - rest - own) / own for all_, rest, own in zip(live, idle, direct, strict=True)
    ]
    unit = "ms CPU a second of audio"
    return Report(
        name="overhead",
        target="≤ 10 % of the engine's own CPU",
        baseline="the engine called directly with the same windows at the same moments",
        rows=[
            share_of("a live session, all processes", unit, live, direct),
            row("of it, the main process", unit, [1000 * c.main / seconds for c in done["live"]]),
            row("of it, the worker", unit, [1000 * c.workers / seconds for c in done["live"]]),
            row("the idle platform, all processes", unit, idle),
            row("overhead", "% of the engine's CPU", over),
            row("overhead beyond the idle platform", "% of the engine's CPU", beyond),
        ],
        notes=[
            f"One session, {seconds:.0f} s in real time through /ws; {len(requests)} windows.",
            "The platform's share: WebSocket, log, voice activity, events, database. With this "
            "small model the engine itself takes "
            f"{figure(direct).median:.0f} ms a second.",
        ],
        machine=machine,
    )


def _live(running: Platform, recording: Recording) -> Cpu:
    before = running.cpu_s()
    asyncio.run(watch(running.url, recording))
    after = running.cpu_s()
    return Cpu(after[0] - before[0], after[1] - before[1])


def _idle(running: Platform, seconds: float) -> Cpu:
    before = running.cpu_s()
    time.sleep(seconds)
    after = running.cpu_s()
    return Cpu(after[0] - before[0], after[1] - before[1])


def _direct(engine: WhisperEngine, requests: list[TimedRequest]) -> float:
    """Decode a session's windows when their audio would be there; return CPU seconds."""
    used = 0.0
    begin = time.monotonic()
    for timed in requests:
        time.sleep(max(0.0, begin + timed.at_s - time.monotonic()))
        before = time.process_time()
        engine.decode([timed.request])
        used += time.process_time() - before
    return used
