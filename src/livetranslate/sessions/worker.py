"""A worker: takes sessions and jobs for as long as it has room, and says how it is.

It runs in a process of its own, so that inference never blocks an edge's event loop. All it knows
of the rest of the platform is a session log and a desk.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import msgspec
import psutil
import structlog

from livetranslate.asr.manager import ModelManager
from livetranslate.asr.streaming import StreamingOptions
from livetranslate.domain.errors import (
    BackendUnavailable,
    ClaimLost,
    InternalError,
    LiveTranslateError,
    NotFound,
)
from livetranslate.sessions.errors import error_data
from livetranslate.sessions.host.host import SessionHost
from livetranslate.sessions.host.translating import TranslationFactory
from livetranslate.sessions.jobs import JobRunner
from livetranslate.sessions.log.base import Claim, SessionLog
from livetranslate.sessions.work import Job, WorkerDesk, WorkerReport

_log = structlog.get_logger(__name__)

WAIT_S = 5.0
"""Seconds that one question for work waits for an answer."""


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a worker.

    Attributes:
        max_sessions: Sessions at the same time.
        max_jobs: Jobs at the same time.
        report_s: Seconds between two reports.
        touch_s: Seconds between two touches of each claim.
        device: Name of the device in use, for reports.
        streaming: How sessions' audio is cut into steps.
    """

    max_sessions: int = 10
    max_jobs: int = 2
    report_s: float = 2.0
    touch_s: float = 1.0
    device: str = "cpu"
    streaming: StreamingOptions = StreamingOptions()


class Worker:
    """Serves sessions and jobs until it is drained or the log is out of reach.

    Args:
        worker_id: Unique name.
        log: The sessions' logs.
        desk: Where jobs come from and reports go.
        models: This process's models.
        translation: Makes the translation of each session.
        options: Bounds and times.
        now: UTC time.
    """

    def __init__(
        self,
        worker_id: str,
        log: SessionLog,
        desk: WorkerDesk,
        models: ModelManager,
        translation: TranslationFactory,
        options: WorkerOptions,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._worker_id = worker_id
        self._log = log
        self._desk = desk
        self._models = models
        self._translation = translation
        self._options = options
        self._now = now
        self._jobs = JobRunner(models)
        self._hosts: set[SessionHost] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(options.max_sessions)
        self._draining = asyncio.Event()
        self._process = psutil.Process()
        self._default_engine: str | None = None
        self._default_reason = "not tried yet"

    async def run(self) -> None:
        """Serve until ``drain`` is called; raises BackendUnavailable if the log goes away."""
        await self._prepare()
        loops = [
            asyncio.create_task(loop)
            for loop in (
                self._claim_for_ever(),
                self._work_for_ever(),
                self._report_for_ever(),
                self._touch_for_ever(),
            )
        ]
        loops.append(asyncio.create_task(self._until_drained()))
        try:
            done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await self._leave_sessions()
            await self._models.close()

    def drain(self) -> None:
        """Take nothing more; sessions go to other workers from their checkpoints."""
        self._draining.set()

    async def _until_drained(self) -> None:
        await self._draining.wait()

    async def _prepare(self) -> None:
        """Load what ``auto`` means here, so that the first session finds it ready."""
        try:
            with await self._models.acquire() as lease:
                self._default_engine = lease.candidate.engine
                self._default_reason = lease.candidate.reason
                _log.info("engine ready", engine=self._default_engine, reason=self._default_reason)
        except LiveTranslateError as error:
            self._default_reason = error.message
            _log.error("no speech engine", reason=error.message)

    async def _claim_for_ever(self) -> None:
        while True:
            await self._room.acquire()
            self._start(self._serve(await self._next_claim()))

    async def _next_claim(self) -> Claim:
        while True:
            claim = await self._log.claim(self._worker_id, wait_s=WAIT_S)
            if claim is not None:
                return claim

    async def _serve(self, claim: Claim) -> None:
        host = SessionHost(
            claim,
            self._log,
            self._models,
            self._translation,
            options=self._options.streaming,
            now=self._now,
        )
        self._hosts.add(host)
        try:
            await host.run()
        except (ClaimLost, NotFound):
            _log.info("session gone", session_id=claim.session_id)
        except BackendUnavailable as error:
            _log.warning("log out of reach", session_id=claim.session_id, reason=error.message)
        except Exception:  # noqa: BLE001 - one session's fault must not end the worker
            _log.exception("session host failed", session_id=claim.session_id)
            await self._release(claim)
        finally:
            self._hosts.discard(host)
            self._room.release()

    async def _work_for_ever(self) -> None:
        room = asyncio.Semaphore(self._options.max_jobs)
        while True:
            await room.acquire()
            self._start(self._do(await self._next_job(), room))

    async def _next_job(self) -> Job:
        while True:
            job = await self._desk.take_job(self._worker_id, wait_s=WAIT_S)
            if job is not None:
                return job

    async def _do(self, job: Job, room: asyncio.Semaphore) -> None:
        try:
            await self._desk.finish_job(job.job_id, await self._jobs.run(job))
        except LiveTranslateError as error:
            await self._desk.fail_job(job.job_id, error_data(error))
        except Exception:  # noqa: BLE001 - one job's fault must not end the worker
            _log.exception("job failed", job_id=job.job_id, kind=job.kind.value)
            fault = InternalError("the job failed; the worker's log says why")
            await self._desk.fail_job(job.job_id, error_data(fault))
        finally:
            room.release()

    async def _report_for_ever(self) -> None:
        while True:
            await self._desk.report(self._report())
            await self._models.unload_idle()
            await asyncio.sleep(self._options.report_s)

    async def _touch_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._options.touch_s)
            for host in list(self._hosts):
                try:
                    await self._log.touch(host.claim)
                except (ClaimLost, NotFound):
                    _log.info("claim lost", session_id=host.session_id)

    async def _leave_sessions(self) -> None:
        claims = [host.claim for host in self._hosts]
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for claim in claims:
            await self._release(claim)

    async def _release(self, claim: Claim) -> None:
        try:
            await self._log.release(claim)
        except LiveTranslateError as error:
            _log.info("not released", session_id=claim.session_id, reason=error.message)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _report(self) -> WorkerReport:
        hosts = list(self._hosts)
        return WorkerReport(
            worker_id=self._worker_id,
            pid=os.getpid(),
            host=socket.gethostname(),
            ready=len(hosts) < self._options.max_sessions and not self._draining.is_set(),
            sessions=tuple(host.session_id for host in hosts),
            buffered_s=tuple(round(host.buffered_s, 2) for host in hosts),
            models=tuple(self._models.loaded()),
            memory_bytes=self._process.memory_full_info().pss,
            cpu_percent=self._process.cpu_percent(),
            default_engine=self._default_engine,
            default_reason=self._default_reason,
            device=self._options.device,
        )
