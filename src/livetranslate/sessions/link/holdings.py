"""What one connection's worker holds, so that it can be given to others when the connection breaks.

Stands before the log and the desk for those calls by which something is taken or given back.
"""

from __future__ import annotations

from contextlib import suppress

from livetranslate.domain.errors import ClaimLost, LiveTranslateError
from livetranslate.domain.events import SessionEnded, SessionEvent
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.errors import ErrorData
from livetranslate.sessions.log.base import Checkpoint, Claim, SessionLog
from livetranslate.sessions.work import Job, WorkerReport


class Holdings:
    """Claims and jobs of one connection, each with the number of the call that took it.

    Args:
        log: The log behind.
        desk: The desk behind.
    """

    def __init__(self, log: SessionLog, desk: MemoryDesk) -> None:
        self._log = log
        self._desk = desk
        self._claims: dict[str, tuple[Claim, int]] = {}
        self._jobs: dict[str, int] = {}
        self._workers: set[str] = set()

    async def claim(self, call_id: int, worker_id: str, *, wait_s: float = 0.0) -> Claim | None:
        """Take a session and note it."""
        claim = await self._log.claim(worker_id, wait_s=wait_s)
        if claim is not None:
            self._claims[claim.session_id] = (claim, call_id)
        return claim

    async def release(self, call_id: int, claim: Claim) -> None:
        """Give a session back."""
        self._claims.pop(claim.session_id, None)
        await self._log.release(claim)

    async def touch(self, call_id: int, claim: Claim) -> None:
        """Keep a claim alive."""
        try:
            await self._log.touch(claim)
        except ClaimLost:
            self._drop(claim)
            raise

    async def append_events(
        self,
        call_id: int,
        claim: Claim,
        events: list[SessionEvent],
        *,
        checkpoint: Checkpoint | None = None,
        processed: int | None = None,
    ) -> int:
        """Append events; the last one, and the loss of the claim, end the holding."""
        try:
            last_id = await self._log.append_events(
                claim, events, checkpoint=checkpoint, processed=processed
            )
        except ClaimLost:
            self._drop(claim)
            raise
        if events and isinstance(events[-1], SessionEnded):
            self._drop(claim)
        return last_id

    async def take_job(self, call_id: int, worker_id: str, *, wait_s: float) -> Job | None:
        """Take a job and note it."""
        self._workers.add(worker_id)
        job = await self._desk.take_job(worker_id, wait_s=wait_s)
        if job is not None:
            self._jobs[job.job_id] = call_id
        return job

    async def finish_job(self, call_id: int, job_id: str, result: bytes) -> None:
        """Deliver a result."""
        self._jobs.pop(job_id, None)
        await self._desk.finish_job(job_id, result)

    async def fail_job(self, call_id: int, job_id: str, error: ErrorData) -> None:
        """Deliver a failure."""
        self._jobs.pop(job_id, None)
        await self._desk.fail_job(job_id, error)

    async def report(self, call_id: int, report: WorkerReport) -> None:
        """Note the worker's name and hand its report on."""
        self._workers.add(report.worker_id)
        await self._desk.report(report)

    async def take_back(self, call_id: int) -> None:
        """Undo a call whose caller went away before it had the answer."""
        for claim, taken_by in list(self._claims.values()):
            if taken_by == call_id:
                await self.release(call_id, claim)
        for job_id, taken_by in list(self._jobs.items()):
            if taken_by == call_id:
                del self._jobs[job_id]
                self._desk.put_back(job_id)

    async def give_back(self) -> None:
        """Give everything to other workers."""
        for worker_id in self._workers:
            await self._desk.worker_gone(worker_id)
        for claim, call_id in list(self._claims.values()):
            with suppress(LiveTranslateError):
                await self.release(call_id, claim)

    def _drop(self, claim: Claim) -> None:
        held = self._claims.get(claim.session_id)
        if held is not None and held[0].epoch == claim.epoch:
            del self._claims[claim.session_id]
