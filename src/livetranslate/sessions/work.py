"""What workers take besides live sessions (jobs), and what they report about themselves."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Protocol

import msgspec

from livetranslate.asr.engine import LoadedModel
from livetranslate.domain.session import Task
from livetranslate.sessions.errors import ErrorData


class JobKind(str, Enum):
    """Kinds of jobs."""

    TRANSCRIBE = "transcribe"
    LOAD_MODEL = "load_model"
    UNLOAD_MODEL = "unload_model"
    DRAIN = "drain"
    RELIEVE = "relieve"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Work for one worker.

    Attributes:
        job_id: Unique.
        kind: What is to be done.
        payload: MessagePack of the kind's own argument structure.
        worker_id: The worker it is for, or None for whichever comes first.
    """

    job_id: str
    kind: JobKind
    payload: bytes
    worker_id: str | None = None


class TranscribeJob(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of TRANSCRIBE; its result is a ``Transcription``.

    Attributes:
        pcm: The whole file, s16le mono 16 kHz.
        engine: Engine, or None for the best.
        model: Model, or None for the installation's.
        language: ISO 639-1 code, or ``auto``.
        task: Transcribe, or translate into English.
        vad: Whether silence is left out.
        prompt: What it is about.
    """

    pcm: bytes
    engine: str | None = None
    model: str | None = None
    language: str = "auto"
    task: Task = Task.TRANSCRIBE
    vad: bool = True
    prompt: str = ""


class ModelJob(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of LOAD_MODEL and UNLOAD_MODEL; the result is a ``LoadedModel`` or nothing."""

    model: str


class DrainJob(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of DRAIN, which is for one named worker; the result is nothing.

    The worker takes nothing more, gives its sessions back to be gone on with by others, and exits.

    Attributes:
        replace: Whether it first serves on until the pool that it runs in has started another.
    """

    replace: bool = False


class RelieveJob(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of RELIEVE, which is for one named worker; the result is nothing.

    The worker gives back the sessions that it took last, to be gone on with by others.

    Attributes:
        sessions: How many; it always keeps one.
    """

    sessions: int


EXIT_DRAINED = 20
"""Exit code of a worker that was drained by wish and is not wanted any more."""


class WorkerReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says of itself, every few seconds.

    Attributes:
        worker_id: Unique name.
        pid: Process id on its host.
        host: Host name.
        ready: Whether it takes sessions.
        sessions: Ids of the sessions it holds.
        buffered_s: Seconds of audio in the buffer of each session, in the same order.
        models: Loaded models.
        memory_bytes: Proportional set size of the process.
        cpu_percent: Share of one core since the last report.
        default_engine: Engine that ``auto`` means here, or None if none loads.
        default_reason: Why it does or does not, and how to get a better one.
        device: Device in use, with its name.
        max_sessions: Sessions at the same time at most; 0 if it does not say.
        lags_s: Seconds that each session is behind real time, in the same order.
        claim_ages_s: Seconds for which each session has been held, in the same order.
        touch_ages_s: Seconds since each claim was last kept alive, in the same order.
        model_loads: Share of the last seconds that each model computed, in the order of ``models``.
        load: Computing time that its sessions want, as a share of what there is.
        rtf: Computing seconds for a second of audio lately; None while there was none.
        loop_lag_s: Seconds by which the event loop was late lately.
        draining: Whether it is leaving.
        to_replace: Whether another is to be started, for which it makes room then.
        why_not: Why it takes no session, where it does not.
        memory_limit_bytes: Memory that it may take, or None.
        started_at: When it started, UTC.
    """

    worker_id: str
    pid: int
    host: str
    ready: bool
    sessions: tuple[str, ...]
    buffered_s: tuple[float, ...]
    models: tuple[LoadedModel, ...]
    memory_bytes: int
    cpu_percent: float
    default_engine: str | None
    default_reason: str
    device: str
    max_sessions: int = 0
    lags_s: tuple[float, ...] = ()
    claim_ages_s: tuple[float, ...] = ()
    touch_ages_s: tuple[float, ...] = ()
    model_loads: tuple[float, ...] = ()
    load: float = 0.0
    rtf: float | None = None
    loop_lag_s: float = 0.0
    draining: bool = False
    to_replace: bool = False
    why_not: str | None = None
    memory_limit_bytes: int | None = None
    started_at: datetime | None = None

    @property
    def lag_s(self) -> float:
        """Seconds that the session furthest behind is behind real time."""
        return max(self.lags_s, default=0.0)


class WorkerDesk(Protocol):
    """Where workers fetch jobs and leave results and reports."""

    async def take_job(self, worker_id: str, *, wait_s: float) -> Job | None:
        """Return the oldest job for this worker, waiting up to ``wait_s`` seconds for one."""
        ...

    async def finish_job(self, job_id: str, result: bytes) -> None:
        """Deliver the MessagePack result of a job."""
        ...

    async def fail_job(self, job_id: str, error: ErrorData) -> None:
        """Deliver a job's failure."""
        ...

    async def report(self, report: WorkerReport) -> None:
        """Leave the newest report."""
        ...
