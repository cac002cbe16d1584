"""The contract of every desk: between those who want something done and the workers."""

from __future__ import annotations

from typing import Protocol

import msgspec

from livetranslate.sessions.work import JobKind, WorkerDesk, WorkerReport


class DeskOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and times of a desk.

    Attributes:
        max_queued: Jobs that may wait; one more is refused with Overloaded.
        max_attempts: Workers that may be lost over a job before it fails.
        worker_timeout_s: A worker silent for so long counts as lost.
    """

    max_queued: int = 256
    max_attempts: int = 3
    worker_timeout_s: float = 90.0


class ReportAge(msgspec.Struct, frozen=True):
    """The newest report of a worker.

    Attributes:
        report: What it said.
        age_s: Seconds since it said so.
    """

    report: WorkerReport
    age_s: float


class Desk(WorkerDesk, Protocol):
    """A ``WorkerDesk`` with the callers' side."""

    async def submit(
        self,
        kind: JobKind,
        payload: bytes,
        *,
        worker_id: str | None = None,
        timeout_s: float | None = None,
    ) -> bytes:
        """Have a job done and return its MessagePack result.

        A job whose worker is lost goes to another one, before those that came later. Cancelling
        the call takes the job from the queue; what a worker has begun it finishes for nothing.

        Args:
            kind: What is to be done.
            payload: MessagePack of the kind's argument structure.
            worker_id: The worker that must do it, or None for any.
            timeout_s: Seconds for waiting and work together; None for no limit.

        Raises:
            LiveTranslateError: What the worker reported, as its own type.
            NotFound: There is no such worker.
            Overloaded: Too many jobs wait.
            BackendUnavailable: The time is over, every worker that took the job was lost, or the
                desk cannot be reached.
        """
        ...

    def reports(self) -> list[ReportAge]:
        """Return the newest report of every worker that is not lost, by worker id."""
        ...

    @property
    def queued(self) -> int:
        """Jobs that wait for a worker."""
        ...

    async def worker_gone(self, worker_id: str) -> None:
        """Give a lost worker's jobs to others and forget the worker."""
        ...
