"""A desk in one process."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque

from livetranslate.domain.errors import (
    BackendUnavailable,
    LiveTranslateError,
    NotFound,
    Overloaded,
)
from livetranslate.sessions.clock import Clock, SystemClock
from livetranslate.sessions.desk.base import DeskOptions, ReportAge
from livetranslate.sessions.errors import ErrorData, rebuilt
from livetranslate.sessions.signal import Signal
from livetranslate.sessions.work import Job, JobKind, WorkerReport


class _Task:
    """A submitted job on its way: queued, or in the hands of ``holder``."""

    def __init__(self, job: Job, done: asyncio.Future[bytes]) -> None:
        self.job = job
        self.done = done
        self.holder: str | None = None
        self.attempts = 0


class MemoryDesk:
    """A ``Desk`` in one process; to be used from one event loop.

    Args:
        options: Bounds and times.
        clock: Tells the time; the machine's by default.
    """

    def __init__(self, options: DeskOptions | None = None, *, clock: Clock | None = None) -> None:
        self._options = options or DeskOptions()
        self._clock = clock or SystemClock()
        self._queue: deque[_Task] = deque()
        self._tasks: dict[str, _Task] = {}
        self._queued = Signal()
        self._reports: dict[str, tuple[WorkerReport, float]] = {}
        self._heard: dict[str, float] = {}

    # For callers

    async def submit(
        self,
        kind: JobKind,
        payload: bytes,
        *,
        worker_id: str | None = None,
        timeout_s: float | None = None,
    ) -> bytes:
        """See Desk."""
        self._drop_silent()
        if worker_id is not None and worker_id not in self._heard:
            raise NotFound(f"there is no worker {worker_id}", field="worker_id")
        if len(self._queue) >= self._options.max_queued:
            raise Overloaded(
                f"{self._options.max_queued} jobs wait for a worker already", retry_after_s=5.0
            )
        job = Job(job_id=secrets.token_hex(8), kind=kind, payload=payload, worker_id=worker_id)
        task = _Task(job, asyncio.get_running_loop().create_future())
        self._tasks[job.job_id] = task
        self._queue.append(task)
        self._queued.notify()
        try:
            async with asyncio.timeout(timeout_s):
                return await task.done
        except TimeoutError:
            raise BackendUnavailable(
                f"no worker finished the {kind.value} job within {timeout_s} s"
            ) from None
        finally:
            self._drop(task)

    def reports(self) -> list[ReportAge]:
        """See Desk."""
        self._drop_silent()
        now = self._clock.monotonic()
        return [ReportAge(report, now - at) for _, (report, at) in sorted(self._reports.items())]

    @property
    def queued(self) -> int:
        """Jobs that wait for a worker."""
        return len(self._queue)

    # For workers

    async def take_job(self, worker_id: str, *, wait_s: float) -> Job | None:
        """Return the oldest job for this worker, waiting up to ``wait_s`` seconds for one."""
        self._hear(worker_id)
        return await self._queued.poll(lambda: self._take(worker_id), wait_s)

    async def finish_job(self, job_id: str, result: bytes) -> None:
        """Deliver a result; nothing happens if nobody waits for it any more."""
        task = self._tasks.get(job_id)
        if task is not None and not task.done.done():
            task.done.set_result(result)

    async def fail_job(self, job_id: str, error: ErrorData) -> None:
        """Deliver a failure, which the caller gets as an error of the code's type."""
        self._fail(self._tasks.get(job_id), rebuilt(error))

    async def report(self, report: WorkerReport) -> None:
        """Leave the newest report of a worker."""
        self._hear(report.worker_id)
        self._reports[report.worker_id] = (report, self._clock.monotonic())

    # For whoever watches the workers

    async def worker_gone(self, worker_id: str) -> None:
        """See Desk."""
        self._lose(worker_id)

    def put_back(self, job_id: str) -> None:
        """Queue a job again that a worker was given but never got; it is no attempt."""
        task = self._tasks.get(job_id)
        if task is not None and task.holder is not None:
            task.holder = None
            task.attempts -= 1
            self._queue.appendleft(task)
            self._queued.notify()

    def _hear(self, worker_id: str) -> None:
        self._drop_silent()
        self._heard[worker_id] = self._clock.monotonic()

    def _drop_silent(self) -> None:
        """Count workers as lost that have been silent for too long.

        Done whenever anybody comes to the desk, so that it needs no timer of its own.
        """
        silent_since = self._clock.monotonic() - self._options.worker_timeout_s
        for worker_id in [name for name, at in self._heard.items() if at < silent_since]:
            self._lose(worker_id)

    def _lose(self, worker_id: str) -> None:
        self._heard.pop(worker_id, None)
        self._reports.pop(worker_id, None)
        lost = [task for task in self._tasks.values() if task.holder == worker_id]
        for task in reversed(lost):
            task.holder = None
            if task.attempts >= self._options.max_attempts:
                message = f"{task.attempts} workers were lost over this job"
                self._fail(task, BackendUnavailable(message))
            else:
                self._queue.appendleft(task)
        for task in list(self._queue):
            if task.job.worker_id == worker_id:
                self._fail(task, BackendUnavailable(f"worker {worker_id} was lost"))
        self._queued.notify()

    def _take(self, worker_id: str) -> Job | None:
        for task in self._queue:
            if task.job.worker_id in (None, worker_id) and not task.done.done():
                self._queue.remove(task)
                task.holder = worker_id
                task.attempts += 1
                return task.job
        return None

    def _fail(self, task: _Task | None, error: LiveTranslateError) -> None:
        if task is not None and not task.done.done():
            task.done.set_exception(error)

    def _drop(self, task: _Task) -> None:
        self._tasks.pop(task.job.job_id, None)
        if task in self._queue:
            self._queue.remove(task)
        task.done.cancel()
