"""The worker processes of this machine, and how they reach the sessions' log."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services.backbone import Backbone, OwnBackbone
from livetranslate.sessions.desk.base import ReportAge
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.pool.pool import WorkerPool
from livetranslate.sessions.supervisor import WorkerProcess, WorkerSupervisor
from livetranslate.sessions.work import WorkerReport
from livetranslate.settings import Settings


def worker_count(settings: Settings) -> int:
    """Return how many local workers run; ``auto`` is one a device."""
    return 1 if settings.worker_pool_size == "auto" else settings.worker_pool_size


class LocalWorkers:
    """Runs local workers: over a socket to this process's log, or each by itself to Redis.

    Args:
        settings: The process's settings.
        backbone: The sessions' log and the desk.
    """

    def __init__(self, settings: Settings, backbone: Backbone) -> None:
        self._backbone = backbone
        self._last: dict[str, WorkerReport] = {}
        options = settings.pool_options(worker_count(settings))
        self._silent_s = options.health.silent_s
        self._folder = Path(tempfile.mkdtemp(prefix="livetranslate-"))
        self._server = (
            LogServer(
                backbone.log,
                backbone.desk,
                self._folder / "log.sock",
                backbone.configuration,
            )
            if isinstance(backbone, OwnBackbone)
            else None
        )
        self._supervisor = WorkerSupervisor(
            self._command,
            environment=worker_environment(settings),
            on_exit=self._exited,
            name=f"{socket.gethostname()}-{secrets.token_hex(3)}",
        )
        self._pool = WorkerPool(
            self._supervisor,
            self._fair_reports,
            backbone.log.sessions,
            options,
        )

    def processes(self) -> list[WorkerProcess]:
        """Return every worker's process, in the order in which they were added."""
        return self._supervisor.workers()

    async def start(self) -> None:
        """Start the workers and look after them from now on."""
        if self._server is not None:
            await self._server.start()
        await self._pool.start()

    async def close(self) -> None:
        """Stop the workers in order; where the log is shared, others go on with their sessions."""
        await self._pool.close()
        if self._server is not None:
            await self._server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _command(self, worker_id: str) -> Sequence[str]:
        reach = ("--redis",) if self._server is None else ("--link", str(self._server.path))
        return (
            *(sys.executable, "-m", "livetranslate.services.worker"),
            *reach,
            *("--worker-id", worker_id),
        )

    async def _exited(self, worker_id: str) -> None:
        """Give what a worker held to others at once."""
        # Claims that Redis cannot be told of run out by themselves.
        with suppress(BackendUnavailable):
            await self._backbone.log.release_worker(worker_id)
            await self._backbone.desk.worker_gone(worker_id)

    def _fair_reports(self) -> list[ReportAge]:
        """Return the workers' reports as far as their silence is their own.

        Reports cannot come while Redis is away. So until it has been there for as long as a worker
        may be silent, the last ones known count as new.
        """
        desk = self._backbone.desk
        known = desk.reports()
        if isinstance(desk, MemoryDesk) or desk.steady_s >= self._silent_s:
            self._last = {one.report.worker_id: one.report for one in known}
            return known
        self._last |= {one.report.worker_id: one.report for one in known}
        return [ReportAge(report, 0.0) for report in self._last.values()]


def worker_environment(settings: Settings) -> dict[str, str]:
    """Return the workers' environment: this process's, with what the command line changed.

    They read no configuration file, so that one that is wrong just now keeps none from starting;
    what it says of audio they follow in the shared configuration.
    """
    environment = dict(os.environ)
    redis = settings.redis_url
    said = {
        "LIVETRANSLATE_CONFIG": os.devnull,
        "LIVETRANSLATE_DATA": settings.livetranslate_data,
        "MODEL_DIR": settings.model_dir,
        "WHISPER_MODEL": settings.whisper_model,
        "WHISPER_DEVICE": settings.whisper_device,
        "WHISPER_COMPUTE_TYPE": settings.whisper_compute_type,
        "TRANSLATION_ENGINE": settings.translation_engine,
        "TRANSLATION_MODEL": settings.translation_model,
        "TRANSLATION_SERVICE_URL": ",".join(settings.translation_service_url),
        "OPENAI_BASE_URL": settings.openai_base_url,
        "LOG_LEVEL": settings.log_level,
        "MAX_SESSIONS_PER_WORKER": settings.max_sessions_per_worker,
        "WORKER_MAX_MEMORY_MB": settings.worker_max_memory_mb,
        "REDIS_URL": redis.get_secret_value() if redis else "off",
    }
    environment.update({name: str(value) for name, value in said.items() if value is not None})
    return environment
