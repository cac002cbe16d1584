"""A desk that the processes of many machines share."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from livetranslate.domain.errors import BackendUnavailable, NotFound, Overloaded
from livetranslate.sessions.desk.base import DeskOptions, ReportAge
from livetranslate.sessions.desk.redis.store import JOB_TTL_S, DeskStore, Outcome, Taken
from livetranslate.sessions.errors import ErrorData, rebuilt
from livetranslate.sessions.redis.channels import Channels
from livetranslate.sessions.redis.connection import RedisConnection
from livetranslate.sessions.redis.waiting import Waiting
from livetranslate.sessions.work import Job, JobKind, WorkerReport

_log = structlog.get_logger(__name__)

LOOK_S = 1.0
"""Pause between two looks at the reports and the queue."""
ASK_S = 20.0
"""A caller asks for its job at least so often, which keeps the job alive."""
PAUSE_S = 0.5
"""Pause before something is tried again that Redis could not be told."""

_encode = msgspec.msgpack.Encoder().encode
_decode_report = msgspec.msgpack.Decoder(WorkerReport).decode
_decode_error = msgspec.msgpack.Decoder(ErrorData).decode


class RedisDesk:
    """A ``Desk`` over Redis; to be used from one event loop.

    ``reports`` and ``queued`` tell what was seen a second ago at most; while Redis is away, the
    reports only grow older, until their workers count as lost.

    A worker says with each question for work which jobs it is at. One that was given to it in an
    answer that it never got goes back into the queue in that moment.

    Args:
        connection: The way to Redis.
        channels: What wakes workers and callers.
        options: Bounds and times.
        queue: Name of the installation's queue, with which every key begins.
    """

    def __init__(
        self,
        connection: RedisConnection,
        channels: Channels,
        options: DeskOptions | None = None,
        *,
        queue: str = "voice_sessions",
    ) -> None:
        self._options = options or DeskOptions()
        self._store = DeskStore(connection, queue, self._options)
        self._caller = self._store.caller(secrets.token_hex(8))
        self._calls = Waiting(channels, self._store.calls)
        self._outcomes = Waiting(channels, self._caller, relook_s=ASK_S)
        self._at_work: dict[str, set[str]] = {}
        self._taking: dict[str, asyncio.Lock] = {}
        self._dropping: set[asyncio.Task[None]] = set()
        self._seen: list[tuple[WorkerReport, float]] = []
        self._queued = 0
        self._steady_since: float | None = None
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look at the reports and the queue; Redis need not be there."""
        if self._looking is None:
            with suppress(BackendUnavailable):
                await self.look()
            self._looking = asyncio.create_task(self._look_for_ever(), name="desk")

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await asyncio.gather(*self._dropping, return_exceptions=True)

    async def look(self) -> None:
        """Look at the reports and the queue now; raises BackendUnavailable."""
        try:
            self._queued, reports = await self._store.look()
        except BackendUnavailable:
            self._steady_since = None
            raise
        now = asyncio.get_running_loop().time()
        if self._steady_since is None:
            self._steady_since = now
        seen = [(_read(report), now - age_s) for age_s, report in reports]
        known = [(report, at) for report, at in seen if report is not None]
        self._seen = sorted(known, key=lambda one: one[0].worker_id)

    @property
    def steady_s(self) -> float:
        """Seconds for which Redis has been within reach without a break; 0 while it is not."""
        since = self._steady_since
        return 0.0 if since is None else asyncio.get_running_loop().time() - since

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
        if self._queued >= self._options.max_queued:
            raise self._full()
        job_id = secrets.token_hex(8)
        try:
            async with asyncio.timeout(timeout_s):
                await self._queue(job_id, kind, payload, worker_id)
                outcome = await self._outcome(job_id)
        except TimeoutError:
            self._drop(job_id)
            raise BackendUnavailable(
                f"no worker finished the {kind.value} job within {timeout_s} s"
            ) from None
        except BaseException:
            self._drop(job_id)
            raise
        if outcome.kind == "done":
            return outcome.value
        if outcome.kind == "failed":
            raise rebuilt(_decode_error(outcome.value))
        raise BackendUnavailable(outcome.value.decode())

    def reports(self) -> list[ReportAge]:
        """See Desk."""
        now = asyncio.get_running_loop().time()
        aged = [ReportAge(report, now - at) for report, at in self._seen]
        return [known for known in aged if known.age_s <= self._options.worker_timeout_s]

    @property
    def queued(self) -> int:
        """See Desk."""
        return self._queued

    # For workers

    async def take_job(self, worker_id: str, *, wait_s: float) -> Job | None:
        """See WorkerDesk; raises BackendUnavailable while Redis is away."""
        return await self._calls.poll(lambda: self._take(worker_id), wait_s)

    async def finish_job(self, job_id: str, result: bytes) -> None:
        """See WorkerDesk; while Redis is away it is tried for as long as a caller may wait."""
        await self._settle(job_id, Outcome("done", result))

    async def fail_job(self, job_id: str, error: ErrorData) -> None:
        """See WorkerDesk; while Redis is away it is tried for as long as a caller may wait."""
        await self._settle(job_id, Outcome("failed", _encode(error)))

    async def report(self, report: WorkerReport) -> None:
        """See WorkerDesk; raises BackendUnavailable while Redis is away."""
        await self._store.report(report.worker_id, _encode(report))

    # For whoever watches the workers

    async def worker_gone(self, worker_id: str) -> None:
        """See Desk; raises BackendUnavailable while Redis is away."""
        self._seen = [one for one in self._seen if one[0].worker_id != worker_id]
        await self._store.lose(worker_id)
        self._at_work.pop(worker_id, None)

    # Inside

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except BackendUnavailable:
                continue  # the connection has told it
            except Exception:  # noqa: BLE001 - one bad look must not end the looking
                _log.exception("desk not seen")

    async def _queue(
        self, job_id: str, kind: JobKind, payload: bytes, worker_id: str | None
    ) -> None:
        await self._store.put_payload(job_id, payload)
        said = await self._store.submit(job_id, kind.value, worker_id or "", self._caller)
        if said == "unknown":
            raise NotFound(f"there is no worker {worker_id}", field="worker_id")
        if said == "full":
            raise self._full()

    async def _outcome(self, job_id: str) -> Outcome:
        """Wait for what becomes of a job; Redis may be away for as long as the job is kept."""

        async def look() -> Outcome | None:
            return await _insisting(lambda: self._store.outcome(job_id))

        outcome = await self._outcomes.poll(look, None)
        if outcome is None or outcome.kind == "gone":
            raise BackendUnavailable("Redis lost the job; submit it again")
        return outcome

    async def _take(self, worker_id: str) -> Job | None:
        at_work = self._at_work.setdefault(worker_id, set())
        # One question at a time, so that none counts the job of another as not received.
        async with self._taking.setdefault(worker_id, asyncio.Lock()):
            while (taken := await self._store.take(worker_id, at_work)) is not None:
                payload = await self._store.payload(taken.job_id, taken.size)
                if len(payload) == taken.size:
                    at_work.add(taken.job_id)
                    return _job(taken, payload)
        return None

    async def _settle(self, job_id: str, outcome: Outcome) -> None:
        try:
            await _insisting(lambda: self._store.settle(job_id, outcome))
        finally:
            for at_work in self._at_work.values():
                at_work.discard(job_id)

    def _drop(self, job_id: str) -> None:
        """Forget a job behind the back of a caller that waits no more."""
        task = asyncio.create_task(_unless_away(self._store.drop(job_id)))
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)

    def _full(self) -> Overloaded:
        number = self._options.max_queued
        return Overloaded(f"{number} jobs wait for a worker already", retry_after_s=5.0)


async def _insisting(call: Callable[[], Awaitable[Any]]) -> Any:
    """Return a call's answer, trying again while Redis is away, until the job is forgotten."""
    loop = asyncio.get_running_loop()
    until = loop.time() + JOB_TTL_S
    while True:
        try:
            return await call()
        except BackendUnavailable:
            if loop.time() >= until:
                raise
        await asyncio.sleep(PAUSE_S)


async def _unless_away(call: Coroutine[Any, Any, None]) -> None:
    with suppress(BackendUnavailable):
        await call


def _job(taken: Taken, payload: bytes) -> Job:
    return Job(
        job_id=taken.job_id,
        kind=JobKind(taken.kind),
        payload=payload,
        worker_id=taken.wanted or None,
    )


def _read(report: bytes) -> WorkerReport | None:
    """Return a report, or None for one of a version that this one does not understand."""
    try:
        return _decode_report(report)
    except msgspec.ValidationError:
        return None
