"""The local workers as a pool: as many as are wanted, none that hangs, none that is too large.

A small loop around two policies (``scaling``, ``health``): it tells them what is, and has the
supervisor do what they say. Workers leave in order: they give their sessions back from their
checkpoints, and others go on with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import msgspec
import structlog

from livetranslate.domain.errors import LiveTranslateError, NotFound
from livetranslate.sessions.clock import Clock, SystemClock
from livetranslate.sessions.desk.base import ReportAge
from livetranslate.sessions.log.base import SessionState
from livetranslate.sessions.pool.health import HealthOptions, Patient, PoolHealth
from livetranslate.sessions.pool.scaling import Demand, PoolWorker, Scaling, ScalingOptions
from livetranslate.sessions.supervisor import WorkerProcess, WorkerSupervisor

_log = structlog.get_logger(__name__)


class PoolOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the pool.

    Attributes:
        scaling: How many workers there are.
        health: When one is killed or replaced.
        tick_s: Seconds between two looks.
    """

    scaling: ScalingOptions
    health: HealthOptions = HealthOptions()
    tick_s: float = 1.0


class WorkerPool:
    """Runs the local workers.

    Args:
        supervisor: Their processes.
        reports: What workers, these and others, said of themselves last.
        sessions: All sessions of the log.
        options: Bounds and times.
        clock: Tells the time.
    """

    def __init__(
        self,
        supervisor: WorkerSupervisor,
        reports: Callable[[], Sequence[ReportAge]],
        sessions: Callable[[], Awaitable[Sequence[SessionState]]],
        options: PoolOptions,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._reports = reports
        self._sessions = sessions
        self._options = options
        self._clock = clock or SystemClock()
        self._scaling = Scaling(options.scaling)
        self._health = PoolHealth(options.health)
        self._waiting: dict[str, float] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._newcomers: set[str] = set()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the workers and look after them from now on."""
        await self._supervisor.scale(self._options.scaling.least)
        self._loop = asyncio.create_task(self._run(), name="worker pool")

    async def close(self) -> None:
        """Stop looking after the workers, then stop them all in order."""
        tasks = [*self._leaving.values(), *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._supervisor.close()

    async def _run(self) -> None:
        looked_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(self._options.tick_s)
            now = self._clock.monotonic()
            try:
                await self._look(now, now - looked_at)
            except LiveTranslateError as error:
                _log.warning("worker pool not looked after", reason=error.message)
            except Exception:  # noqa: BLE001 - the pool must outlive any fault in one look at it
                _log.exception("worker pool not looked after")
            looked_at = now

    async def _look(self, now: float, elapsed_s: float) -> None:
        running = [one for one in self._supervisor.workers() if one.pid is not None]
        reports = {known.report.worker_id: known for known in self._reports()}
        treatment = self._health.look([_patient(one, reports) for one in running], elapsed_s)
        for worker_id in treatment.kill:
            _log.error("worker hangs and is killed", worker_id=worker_id)
            self._supervisor.kill(worker_id)
        wished = [one.worker_id for one in running if _to_replace(one.worker_id, reports)]
        for worker_id in [*wished, *treatment.replace]:
            if not self._leaving:
                reason = "by wish" if worker_id in wished else "it has outgrown its memory"
                _log.info("worker is replaced", worker_id=worker_id, reason=reason)
                self._leave(worker_id, self._replace(worker_id))
        scaling = self._options.scaling
        if scaling.most > scaling.least:
            await self._scale(reports, now, elapsed_s)

    async def _scale(self, reports: dict[str, ReportAge], now: float, elapsed_s: float) -> None:
        demand = self._demand(reports, await self._sessions(), now)
        scale = self._scaling.look(demand, elapsed_s)
        for _ in range(scale.add):
            worker_id = self._supervisor.add()
            _log.info("worker added", worker_id=worker_id, reason=scale.reason)
        if scale.remove is not None:
            _log.info("worker removed", worker_id=scale.remove, reason=scale.reason)
            self._leave(scale.remove, self._supervisor.remove(scale.remove))

    def _demand(
        self, reports: dict[str, ReportAge], states: Sequence[SessionState], now: float
    ) -> Demand:
        queued = {state.session_id for state in states if _queued(state)}
        self._waiting = {name: self._waiting.get(name, now) for name in queued}
        staying = [
            one.worker_id
            for one in self._supervisor.workers()
            if one.worker_id not in self._leaving and one.worker_id not in self._newcomers
        ]
        workers = [_pool_worker(reports[name]) for name in staying if name in reports]
        return Demand(
            workers=workers,
            starting=len(staying) - len(workers),
            leaving=len(self._leaving),
            queued=len(queued),
            longest_wait_s=now - min(self._waiting.values(), default=now),
        )

    def _leave(self, worker_id: str, leaving: Coroutine[Any, Any, None]) -> None:
        """Have a worker leave while the pool is looked after."""

        async def leave() -> None:
            try:
                await leaving
            except NotFound:
                _log.info("worker was gone already", worker_id=worker_id)
            finally:
                self._leaving.pop(worker_id, None)

        self._leaving[worker_id] = asyncio.create_task(leave(), name=f"leave {worker_id}")

    async def _replace(self, worker_id: str) -> None:
        """Start another worker, and have this one leave once the other takes sessions."""
        new_id = self._supervisor.add()
        self._newcomers.add(new_id)
        try:
            if await self._comes(new_id):
                await self._supervisor.remove(worker_id)
            else:
                _log.error("worker not replaced", worker_id=worker_id, instead=new_id)
                await self._supervisor.remove(new_id)
        finally:
            self._newcomers.discard(new_id)

    async def _comes(self, worker_id: str) -> bool:
        """Wait for a new worker to take sessions; return whether it did in time."""
        until = self._clock.monotonic() + self._options.health.start_s
        while self._clock.monotonic() < until:
            for known in self._reports():
                if known.report.worker_id == worker_id and known.report.ready:
                    return True
            await asyncio.sleep(self._options.tick_s)
        return False


def _queued(state: SessionState) -> bool:
    return state.worker_id is None and not state.ended


def _to_replace(worker_id: str, reports: dict[str, ReportAge]) -> bool:
    return worker_id in reports and reports[worker_id].report.to_replace


def _patient(worker: WorkerProcess, reports: dict[str, ReportAge]) -> Patient:
    known = reports.get(worker.worker_id)
    return Patient(
        worker_id=worker.worker_id,
        pid=worker.pid or 0,
        running_s=worker.running_s,
        silent_s=known.age_s if known else None,
        memory_bytes=known.report.memory_bytes if known else 0,
    )


def _pool_worker(known: ReportAge) -> PoolWorker:
    report = known.report
    return PoolWorker(
        worker_id=report.worker_id,
        sessions=len(report.sessions),
        max_sessions=report.max_sessions,
        load=report.load,
        ready=report.ready,
    )
