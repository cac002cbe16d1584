"""A worker: takes sessions and jobs for as long as it has room, and says how it is.

It runs in a process of its own, so that inference never blocks an edge's event loop. All it knows
of the rest of the platform is a session log and a desk.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any

import msgspec
import psutil
import structlog

from livetranslate.asr.manager import ModelManager
from livetranslate.asr.streaming import StreamingOptions
from livetranslate.audio.enhancement.presets import AudioPresets, NamedPresets
from livetranslate.domain.errors import (
    BackendUnavailable,
    ClaimLost,
    LiveTranslateError,
    NotFound,
)
from livetranslate.monitoring.heap import trim
from livetranslate.sessions.host.host import SessionHost
from livetranslate.sessions.host.translating import TranslationFactory
from livetranslate.sessions.jobs import JobDesk, JobRunner
from livetranslate.sessions.log.base import Claim, SessionLog
from livetranslate.sessions.pool.admission import AdmissionOptions
from livetranslate.sessions.pool.patience import Patience
from livetranslate.sessions.pool.vitals import Vitals
from livetranslate.sessions.work import (
    EXIT_DRAINED,
    DrainJob,
    JobKind,
    RelieveJob,
    WorkerDesk,
    WorkerReport,
)
from livetranslate.speakers.voices import VoiceEmbedding

_log = structlog.get_logger(__name__)

WAIT_S = 5.0
"""Seconds that one question for a session waits for an answer."""
GOODBYE_S = 1.0
"""Seconds that a worker that leaves has to say so."""


CLAIMS_AT_ONCE = 4
"""Sessions asked for together once one has come."""


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a worker.

    Attributes:
        max_sessions: Sessions at the same time.
        max_jobs: Jobs at the same time.
        report_s: Seconds between two reports.
        touch_s: Seconds between two touches of each claim.
        trim_s: Seconds between two times that freed memory goes back to the system.
        patience_s: Seconds for which log and desk may be out of reach before the worker gives up.
        admission: When it takes sessions though it has room by number.
        device: Name of the device in use, for reports.
        streaming: How sessions' audio is cut into steps.
    """

    max_sessions: int = 10
    max_jobs: int = 2
    report_s: float = 2.0
    touch_s: float = 1.0
    trim_s: float = 60.0
    patience_s: float = 0.0
    admission: AdmissionOptions = AdmissionOptions()
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
        presets: Says what is done to sessions' audio before it is recognised.
        voices: Tells voices apart; the light embedding by default.
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
        presets: AudioPresets | None = None,
        voices: VoiceEmbedding | None = None,
    ) -> None:
        self._presets = presets or NamedPresets()
        self._voices = voices
        self._worker_id = worker_id
        self._log = log
        self._desk = desk
        self._models = models
        self._translation = translation
        self._options = options
        self._now = now
        self._hosts: dict[SessionHost, _Held] = {}
        self._vitals = Vitals(self._hosts, models, options.admission)
        self._started_at = now()
        self._exit_code = 0
        self._to_replace = False
        self._patience = Patience(options.patience_s)
        self._jobs = JobDesk(
            worker_id,
            desk,
            JobRunner(models),
            self._patience,
            max_jobs=options.max_jobs,
            orders={JobKind.DRAIN: self._leave, JobKind.RELIEVE: self._hand_over},
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(options.max_sessions)
        self._draining = asyncio.Event()
        self._process = psutil.Process()
        self._default_engine: str | None = None
        self._default_reason = "not tried yet"

    @property
    def exit_code(self) -> int:
        """What the process that runs it exits with, for whoever supervises it."""
        return self._exit_code

    async def run(self) -> None:
        """Serve until ``drain`` is called; raises BackendUnavailable if the log stays away."""
        await self._prepare()
        loops = [
            asyncio.create_task(loop)
            for loop in (
                self._claim_for_ever(),
                self._jobs.run(),
                self._report_for_ever(),
                self._touch_for_ever(),
                self._vitals.run(),
                self._trim_for_ever(),
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
            await self._say_goodbye()
            await self._models.close()

    def drain(self, exit_code: int = 0) -> None:
        """Take nothing more; sessions go to other workers from their checkpoints."""
        self._exit_code = exit_code
        self._draining.set()

    async def _leave(self, payload: bytes) -> None:
        if msgspec.msgpack.decode(payload, type=DrainJob).replace:
            self._to_replace = True
        else:
            self.drain(EXIT_DRAINED)

    async def _hand_over(self, payload: bytes) -> None:
        """Give back the sessions taken last: those held longest have the most to catch up with."""
        wanted = msgspec.msgpack.decode(payload, type=RelieveJob).sessions
        youngest = sorted(self._hosts.items(), key=lambda one: one[1].since, reverse=True)
        chosen = youngest[: max(0, min(wanted, len(youngest) - 1))]
        for _, held in chosen:
            held.task.cancel()
        await asyncio.gather(*(held.task for _, held in chosen), return_exceptions=True)
        await asyncio.gather(*(self._release(host.claim) for host, _ in chosen))

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
            while await self._claim_more():
                pass

    async def _next_claim(self) -> Claim:
        while True:
            await self._vitals.admitted()
            claim = await self._patience.ask(
                lambda: self._log.claim(self._worker_id, wait_s=WAIT_S), None
            )
            if claim is not None:
                self._vitals.taken()
                return claim

    async def _claim_more(self) -> bool:
        """Take several sessions at once, since many may begin together; False if none is left."""
        places = 0
        while places < CLAIMS_AT_ONCE and self._vitals.open and not self._room.locked():
            await self._room.acquire()
            places += 1
        claims = await asyncio.gather(
            *(self._log.claim(self._worker_id) for _ in range(places)), return_exceptions=True
        )
        for claim in claims:
            if isinstance(claim, Claim):
                self._vitals.taken()
                self._start(self._serve(claim))
            else:
                self._room.release()
        faults = [one for one in claims if isinstance(one, BaseException)]
        if any(not isinstance(fault, BackendUnavailable) for fault in faults):
            raise faults[0]
        return places > 0 and all(isinstance(claim, Claim) for claim in claims)

    async def _serve(self, claim: Claim) -> None:
        host = SessionHost(
            claim,
            self._log,
            self._models,
            self._translation,
            options=self._options.streaming,
            now=self._now,
            presets=self._presets,
            voices=self._voices,
        )
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - every session is served in a task of its own
        self._hosts[host] = _Held(task)
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
            self._hosts.pop(host, None)
            self._vitals.gone(host)
            self._room.release()

    async def _report_for_ever(self) -> None:
        while True:
            await self._patience.ask(lambda: self._desk.report(self._report()), None)
            await self._models.unload_idle()
            await asyncio.sleep(self._options.report_s)

    async def _trim_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._options.trim_s)
            await asyncio.to_thread(trim)

    async def _touch_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._options.touch_s)
            await asyncio.gather(*(self._touch(*one) for one in list(self._hosts.items())))

    async def _touch(self, host: SessionHost, held: _Held) -> None:
        try:
            await self._patience.ask(lambda: self._log.touch(host.claim), None)
            held.touched_at = monotonic()
        except (ClaimLost, NotFound):
            _log.info("claim lost", session_id=host.session_id)

    async def _leave_sessions(self) -> None:
        claims = [host.claim for host in self._hosts]
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._release(claim) for claim in claims))

    async def _say_goodbye(self) -> None:
        """Report once more, so that all know that the worker leaves and did not fall silent."""
        with suppress(LiveTranslateError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._desk.report(self._report())

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
        hosts, now, vitals = list(self._hosts), monotonic(), self._vitals
        held = list(self._hosts.values())
        models, why_not = self._models.loaded(), self._why_not()
        return WorkerReport(
            worker_id=self._worker_id,
            pid=os.getpid(),
            host=socket.gethostname(),
            ready=why_not is None,
            sessions=tuple(host.session_id for host in hosts),
            buffered_s=tuple(round(host.buffered_s, 2) for host in hosts),
            models=tuple(models),
            memory_bytes=vitals.figures.memory_bytes,
            cpu_percent=self._process.cpu_percent(),
            default_engine=self._default_engine,
            default_reason=self._default_reason,
            device=self._options.device,
            max_sessions=self._options.max_sessions,
            lags_s=tuple(round(host.lag_s, 2) for host in hosts),
            claim_ages_s=tuple(round(now - one.since, 2) for one in held),
            touch_ages_s=tuple(round(now - one.touched_at, 2) for one in held),
            model_loads=tuple(vitals.model_load(model) for model in models),
            load=vitals.figures.load,
            rtf=None if vitals.rtf is None else round(vitals.rtf, 4),
            loop_lag_s=vitals.figures.loop_lag_s,
            draining=self._draining.is_set(),
            to_replace=self._to_replace,
            why_not=why_not,
            memory_limit_bytes=self._options.admission.max_memory_bytes,
            started_at=self._started_at,
        )

    def _why_not(self) -> str | None:
        """Return why no session is taken now, or None if one is."""
        if self._draining.is_set():
            return "it is leaving"
        if len(self._hosts) >= self._options.max_sessions:
            return f"it holds {len(self._hosts)} sessions, which is its limit"
        return self._vitals.why_not


class _Held:
    """Since when a session has been held, in which task, and when its claim was last kept alive."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.since = self.touched_at = monotonic()
