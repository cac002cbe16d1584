"""The pool over real processes: hung workers, grown ones, too few and too many of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from livetranslate.domain.events import SessionEnded, SessionEvent, TranscriptionResult
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.pool.health import HealthOptions
from livetranslate.sessions.pool.pool import PoolOptions, WorkerPool
from livetranslate.sessions.pool.scaling import ScalingOptions
from livetranslate.sessions.supervisor import SupervisorOptions, WorkerSupervisor
from support.sessions import pcm

TESTS = Path(__file__).resolve().parent.parent
PLACES = 2
WORKER = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from livetranslate.sessions.link.client import WorkerLink
from livetranslate.sessions.work import WorkerReport
from support.workers import serve

PLACES = 2
memory = Path(sys.argv[1]).with_name("memory-" + sys.argv[2])
wish = Path(sys.argv[1]).with_name("wish-" + sys.argv[2])

async def main():
    link = await WorkerLink.connect(Path(sys.argv[1]))
    held = set()

    async def report():
        while True:
            await link.desk.report(WorkerReport(
                worker_id=sys.argv[2], pid=os.getpid(), host="here", ready=len(held) < PLACES,
                sessions=tuple(held), buffered_s=(0.0,) * len(held), models=(),
                memory_bytes=int(memory.read_text()) if memory.exists() else 100,
                cpu_percent=0.0, default_engine=None, default_reason="", device="none",
                max_sessions=PLACES, to_replace=wish.exists()))
            await asyncio.sleep(0.01)

    async def work():
        while True:
            claim = await link.log.claim(sys.argv[2], wait_s=3600)
            held.add(claim.session_id)
            await serve(link.log, claim)
            held.discard(claim.session_id)

    tasks = [asyncio.create_task(work()) for _ in range(PLACES)] + [asyncio.create_task(report())]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()

asyncio.run(main())
"""


class Place:
    def __init__(self, folder: Path) -> None:
        self.log = MemorySessionLog(LogOptions(claim_ttl_s=2.0))
        self.desk = MemoryDesk()
        self.server = LogServer(self.log, self.desk, folder / "link")
        self._folder = folder
        program = folder / "worker.py"
        program.write_text(WORKER)
        self.supervisor = WorkerSupervisor(
            lambda name: [sys.executable, str(program), str(self.server.path), name, str(TESTS)],
            options=SupervisorOptions(first_restart_s=0.001),
        )
        self.pool: WorkerPool
        self._fed: dict[str, int] = {}

    async def start(self, scaling: ScalingOptions, **health: float) -> None:
        await self.server.start()
        options = PoolOptions(
            scaling=scaling,
            health=HealthOptions(**health),
            tick_s=0.02,
        )
        self.pool = WorkerPool(self.supervisor, self.desk.reports, self.log.sessions, options)
        await self.pool.start()
        await self.until(lambda: len(self.desk.reports()) == scaling.least)

    async def close(self) -> None:
        await self.pool.close()
        await self.server.close()

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not met():
                await asyncio.sleep(0.01)
                await self.log.sweep()

    async def open(self, *names: str) -> None:
        for name in names:
            await self.log.create(name, SessionConfig())

    async def feed(self, *names: str) -> None:
        """Feed each session ten chunks more."""
        for name in names:
            fed = self._fed.get(name, 0)
            for seq in range(fed, fed + 10):
                await self.log.append_audio(name, seq, pcm(0.1, seq))
            self._fed[name] = fed + 10

    async def holders_of_all(self) -> dict[str, str]:
        """Wait until every session has a worker; return whose each is."""
        while True:
            held = {state.session_id: state.worker_id for state in await self.log.sessions()}
            if None not in held.values():
                return {name: worker for name, worker in held.items() if worker}
            await asyncio.sleep(0.01)

    async def check(self, *names: str) -> None:
        """End the sessions; each has every chunk's word once, in order."""
        for name in names:
            await self.log.append_end(name, EndReason.CLIENT_ENDED)
        for name in names:
            seen: list[SessionEvent] = []
            while not seen or not isinstance(seen[-1], SessionEnded):
                after = seen[-1].event_id if seen else 0
                seen += await self.log.read_events(name, after, wait_s=30)
            finals = [event.text for event in seen if isinstance(event, TranscriptionResult)]
            assert finals == [str(seq) for seq in range(self._fed[name])], name

    def pids(self) -> dict[str, int | None]:
        return {worker.worker_id: worker.pid for worker in self.supervisor.workers()}

    def wish(self, worker_id: str) -> None:
        (self._folder / f"wish-{worker_id}").touch()

    def grow(self, worker_id: str, memory: int) -> None:
        (self._folder / f"memory-{worker_id}").write_text(str(memory))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    yield made
    await made.close()


async def test_a_worker_that_hangs_is_killed_and_its_sessions_go_on(place: Place):
    await place.start(ScalingOptions(least=2, most=2), silent_s=0.5)
    await place.open("a", "b", "c")
    await place.feed("a", "b", "c")
    holders = await place.holders_of_all()
    before = place.pids()
    hung = holders["a"]
    os.kill(before[hung] or 0, signal.SIGSTOP)
    await place.feed("a", "b", "c")
    await place.until(lambda: place.pids()[hung] not in (None, before[hung]))
    await place.feed("a", "b", "c")
    await place.check("a", "b", "c")
    others = {name: pid for name, pid in before.items() if name != hung}
    assert others.items() <= place.pids().items()


@pytest.mark.parametrize("cause", ["memory", "wish"])
async def test_a_worker_leaves_once_another_is_there(place: Place, cause: str):
    limit = 200
    await place.start(ScalingOptions(least=1, most=1), max_memory_bytes=limit, over_s=0.05)
    await place.open("a", "b")
    await place.feed("a", "b")
    [old] = place.pids()
    numbers: list[int] = []
    await asyncio.sleep(0.2)  # the pool has to have seen how small it was
    if cause == "memory":
        place.grow(old, limit)
    else:
        place.wish(old)

    def replaced() -> bool:
        numbers.append(len(place.pids()))
        return old not in place.pids()

    await place.until(replaced)
    assert max(numbers) == 2 and len(place.pids()) == 1
    await place.feed("a", "b")
    await place.check("a", "b")


async def test_workers_come_with_the_queue_and_go_with_it(place: Place):
    scaling = ScalingOptions(least=1, most=3, wait_s=0.1, full_s=60.0, idle_s=0.3)
    await place.start(scaling)
    names = [f"s{number}" for number in range(3 * PLACES)]
    await place.open(*names)
    await place.feed(*names)
    await place.until(lambda: len(place.desk.reports()) == 3)
    await place.holders_of_all()
    assert len(place.pids()) == 3
    await place.check(*names[:5])
    # One session is left; wherever it is, it outlives the others' leaving.
    await place.until(lambda: len(place.pids()) == 1)
    await place.feed(names[5])
    await place.check(names[5])
    await asyncio.sleep(0.5)
    assert len(place.pids()) == 1
