"""The long runs: parts die and freeze at random; and nothing grows over hours.

``make chaos DURATION=1800 SESSIONS=20`` and ``make soak DURATION=14400 SESSIONS=10`` (seconds).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from support.captions import Captions, stream
from support.distributed import Distributed
from support.redis_server import redis_server
from support.survival import (
    PATIENT,
    SETTINGS,
    Rehearsed,
    losses,
    rehearse,
    rotated,
    speeches,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

CHAOS_S = float(os.environ.get("CHAOS_S", "1800"))
CHAOS_SESSIONS = int(os.environ.get("CHAOS_SESSIONS", "20"))
SOAK_S = float(os.environ.get("SOAK_S", "14400"))
SOAK_SESSIONS = int(os.environ.get("SOAK_SESSIONS", "10"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
GROWTH = 1.05
SAMPLES = 40

Action = Callable[[], Awaitable[None]]


@pytest.fixture
def everything(database: str, tmp_path: Path) -> Iterator[Distributed]:
    """Two instances of orchestration, whisper, translation, and two worker processes."""
    with redis_server(append_only=True) as redis:
        platform = Distributed(tmp_path, redis, database, SETTINGS)
        platform.translation()
        platform.orchestration()
        platform.orchestration()
        platform.whisper()
        platform.worker(workers=2)
        platform.worker(workers=1)
        try:
            yield platform.start()
        finally:
            platform.stop()


async def one_after_the_other(
    platform: Distributed, rehearsed: Rehearsed, place: int, until: float, *, real_time: bool
) -> list[str]:
    """Run sessions in a place until the time is over; return what was lost in any of them."""
    found: list[str] = []
    index = place
    while time.monotonic() < until:
        speech = index % len(rehearsed.audios)
        urls = ",".join(rotated(platform.websockets, index))
        heard = await stream(urls, rehearsed.audios[speech], real_time=real_time, options=PATIENT)
        found += losses(heard, rehearsed, speech)
        index += 1
        await asyncio.to_thread(_forget, platform, heard)
    return found


def _forget(platform: Distributed, captions: Captions) -> None:
    for instance in platform.orchestrations:
        try:
            instance.delete(f"/api/sessions/{captions.events[0].session_id}")
            return
        except OSError:
            continue


class Chaos:
    """Does something to a random part every few seconds, and mends it again."""

    def __init__(self, platform: Distributed, seed: int) -> None:
        self.done: list[str] = []
        self._platform = platform
        self._random = random.Random(seed)

    async def reign(self, until: float) -> None:
        """Go on until the time is over."""
        while time.monotonic() < until:
            name, action = self._random.choice(self._actions())
            self.done.append(f"{until - time.monotonic():.0f} s before the end: {name}")
            print(self.done[-1], flush=True)
            await action()
            await asyncio.sleep(self._random.uniform(2, 10))

    def _actions(self) -> list[tuple[str, Action]]:
        part = self._random.choice(self._platform.parts)
        worker = self._random.choice(self._platform.workers)
        redis = self._platform.redis
        return [
            (f"{part.name} is killed", lambda: self._again(part.kill, part.start, part.wait)),
            (f"{part.name} is restarted", lambda: asyncio.to_thread(part.restart)),
            (f"{part.name} freezes", lambda: self._for_a_while(part.freeze, part.thaw)),
            (f"a worker of {worker.name} is killed", lambda: self._kill_child(worker.children())),
            ("Redis is restarted", lambda: asyncio.to_thread(redis.restart)),
            ("Redis freezes", lambda: self._for_a_while(redis.pause, redis.resume)),
        ]

    async def _again(self, *steps: Callable[[], object]) -> None:
        for step in steps:
            await asyncio.to_thread(step)
            await asyncio.sleep(self._random.uniform(0, 2))

    async def _for_a_while(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        begin()
        try:
            await asyncio.sleep(self._random.uniform(1, 12))
        finally:
            end()

    async def _kill_child(self, pids: list[int]) -> None:
        if pids:
            psutil.Process(self._random.choice(pids)).kill()


async def test_parts_die_and_freeze_at_random(everything: Distributed):
    rehearsed = await rehearse(everything.websockets[0], speeches(CHAOS_SESSIONS, 30))
    until = time.monotonic() + CHAOS_S
    chaos = Chaos(everything, SEED)
    async with asyncio.TaskGroup() as group:
        places = [
            group.create_task(
                one_after_the_other(everything, rehearsed, place, until, real_time=True)
            )
            for place in range(CHAOS_SESSIONS)
        ]
        group.create_task(chaos.reign(until))
    assert [loss for place in places for loss in place.result()] == [], chaos.done


async def test_nothing_grows_over_hours(everything: Distributed):
    rehearsed = await rehearse(everything.websockets[0], speeches(SOAK_SESSIONS, 30))
    until = time.monotonic() + SOAK_S
    samples: list[Sample] = []
    async with asyncio.TaskGroup() as group:
        places = [
            group.create_task(
                one_after_the_other(everything, rehearsed, place, until, real_time=False)
            )
            for place in range(SOAK_SESSIONS)
        ]
        while time.monotonic() < until:
            await asyncio.sleep(SOAK_S / SAMPLES)
            samples.append(await asyncio.to_thread(Sample, everything))
            print(samples[-1], flush=True)
    assert [loss for place in places for loss in place.result()] == []
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    for name, was in lowest(early).items():
        assert lowest(late)[name] <= was * GROWTH + 1, f"{name} grew: {samples}"


class Sample:
    """What the installation takes at one time, by part and kind."""

    def __init__(self, platform: Distributed) -> None:
        self.figures: dict[str, float] = {"keys of Redis": len(platform.redis.keys())}
        for part in platform.parts:
            usage = part.usage()
            self.figures[f"memory of {part.name}"] = usage.memory
            self.figures[f"files of {part.name}"] = usage.files
            self.figures[f"threads of {part.name}"] = usage.threads

    def __repr__(self) -> str:
        return ", ".join(f"{name} {figure:.0f}" for name, figure in self.figures.items())


def lowest(samples: list[Sample]) -> dict[str, float]:
    """The lowest figure of each kind: what is there whatever is at work just then."""
    return {name: min(sample.figures[name] for sample in samples) for name in samples[0].figures}
