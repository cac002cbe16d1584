"""What a worker does with the jobs it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic

import msgspec
import numpy as np
import structlog

from livetranslate.asr.files import FileOptions, recognise_file
from livetranslate.asr.manager import ModelManager
from livetranslate.asr.voice import as_float
from livetranslate.domain.errors import BackendUnavailable, InternalError, LiveTranslateError
from livetranslate.sessions.errors import error_data
from livetranslate.sessions.pool.patience import Patience
from livetranslate.sessions.work import (
    Job,
    JobKind,
    ModelJob,
    TranscribeJob,
    WorkerDesk,
)

_log = structlog.get_logger(__name__)

WAIT_S = 5.0
"""Seconds that one question for a job waits for an answer."""

_encode = msgspec.msgpack.Encoder().encode


class JobRunner:
    """Runs jobs with a worker's models.

    Args:
        models: The worker's models.
    """

    def __init__(self, models: ModelManager) -> None:
        self._models = models
        self._kinds: dict[JobKind, Callable[[bytes], Awaitable[object]]] = {
            JobKind.TRANSCRIBE: self._transcribe,
            JobKind.LOAD_MODEL: self._load,
            JobKind.UNLOAD_MODEL: self._unload,
        }

    async def run(self, job: Job) -> bytes:
        """Return the job's result as MessagePack; raises what its kind raises."""
        return _encode(await self._kinds[job.kind](job.payload))

    async def _transcribe(self, payload: bytes) -> object:
        job = msgspec.msgpack.decode(payload, type=TranscribeJob)
        lease = await self._models.acquire(
            engine=job.engine, model=job.model, language=job.language
        )
        with lease:
            return await recognise_file(
                as_float(np.frombuffer(job.pcm, dtype=np.int16)),
                lease,
                FileOptions(language=job.language, task=job.task, vad=job.vad, prompt=job.prompt),
                clock=monotonic,
            )

    async def _load(self, payload: bytes) -> object:
        return await self._models.load(msgspec.msgpack.decode(payload, type=ModelJob).model)

    async def _unload(self, payload: bytes) -> object:
        await self._models.unload(msgspec.msgpack.decode(payload, type=ModelJob).model)
        return None


class JobDesk:
    """Takes jobs from the desk for as long as it runs, and delivers what comes of them.

    Args:
        worker_id: The worker.
        desk: Where jobs come from.
        runner: Does those that need a model.
        patience: With a desk that is out of reach.
        max_jobs: Jobs at the same time.
        orders: What the worker itself does with the payload of the kinds that are for it; they are
            confirmed before they are carried out.
    """

    def __init__(
        self,
        worker_id: str,
        desk: WorkerDesk,
        runner: JobRunner,
        patience: Patience,
        *,
        max_jobs: int,
        orders: Mapping[JobKind, Callable[[bytes], Awaitable[None]]],
    ) -> None:
        self._worker_id = worker_id
        self._desk = desk
        self._runner = runner
        self._patience = patience
        self._room = asyncio.Semaphore(max_jobs)
        self._orders = orders
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take jobs until cancelled; those at work are then cut off.

        Raises:
            BackendUnavailable: The desk stays away.
        """
        try:
            while True:
                await self._room.acquire()
                task = asyncio.create_task(self._do(await self._next()))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _next(self) -> Job:
        while True:
            job = await self._patience.ask(
                lambda: self._desk.take_job(self._worker_id, wait_s=WAIT_S), None
            )
            if job is not None:
                return job

    async def _do(self, job: Job) -> None:
        try:
            if (order := self._orders.get(job.kind)) is not None:
                await self._carry_out(job, order)
            else:
                await self._desk.finish_job(job.job_id, await self._runner.run(job))
        except LiveTranslateError as error:
            await self._fail(job, error)
        except Exception:  # noqa: BLE001 - one job's fault must not end the worker
            _log.exception("job failed", job_id=job.job_id, kind=job.kind.value)
            await self._fail(job, InternalError("the job failed; the worker's log says why"))
        finally:
            self._room.release()

    async def _carry_out(self, job: Job, order: Callable[[bytes], Awaitable[None]]) -> None:
        _log.info("ordered", worker_id=self._worker_id, order=job.kind.value)
        try:
            await self._desk.finish_job(job.job_id, _encode(None))
        finally:
            await order(job.payload)

    async def _fail(self, job: Job, error: LiveTranslateError) -> None:
        with suppress(BackendUnavailable):
            await self._desk.fail_job(job.job_id, error_data(error))
