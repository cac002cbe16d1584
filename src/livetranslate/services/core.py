"""What the edges of one process stand on: sessions, workers, database and figures."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import structlog

from livetranslate.domain.errors import InvalidInput, LiveTranslateError
from livetranslate.monitoring.metrics import Metrics
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.options import EdgeOptions
from livetranslate.sessions.desk.memory import MemoryDesk
from livetranslate.sessions.link.server import LogServer
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.manager import ManagerOptions, SessionManager
from livetranslate.sessions.pool.pool import WorkerPool
from livetranslate.sessions.supervisor import WorkerSupervisor
from livetranslate.settings import Settings
from livetranslate.storage.database import Database
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import migrate

_log = structlog.get_logger(__name__)


def edge_options(settings: Settings) -> EdgeOptions:
    """Return the limits of the live edges that the settings describe."""
    log = settings.log_options()
    return EdgeOptions(
        max_connections=settings.websocket_max_connections,
        idle_timeout_s=settings.websocket_timeout,
        session_timeout_s=settings.websocket_timeout,
        resume_window_s=ManagerOptions().resume_window_s,
        max_buffered_s=log.max_backlog_s,
        slow_down_s=log.slow_down_s,
        api_keys=tuple(key.get_secret_value() for key in settings.api_keys),
        origins=settings.cors_origins,
    )


def worker_count(settings: Settings) -> int:
    """Return how many local workers run; ``auto`` is one a device."""
    return 1 if settings.worker_pool_size == "auto" else settings.worker_pool_size


class Core:
    """Sessions of this process, from the edge to the workers' door.

    Args:
        settings: The process's settings.
        keeps_records: Whether sessions are written to the database.

    Attributes:
        settings: The process's settings.
        log: Log of the live sessions.
        desk: Jobs and reports of the workers.
        manager: Opens, feeds and ends sessions.
        edge: Hub and connections.
        database: The database, or None if nothing is kept.
        records: Its writes of live sessions.
        metrics: Figures for Prometheus.
    """

    def __init__(self, settings: Settings, *, keeps_records: bool) -> None:
        self.settings = settings
        _make_data_folder(settings.livetranslate_data)
        self.log = MemorySessionLog(settings.log_options())
        self.desk = MemoryDesk()
        self.database = Database(settings.database_options()) if keeps_records else None
        self.records = SqlSessionRecords(self.database) if self.database else None
        self.manager = SessionManager(self.log, self.records)
        self.edge = Edge(edge_options(settings), self.log, self.manager)
        self.metrics = Metrics()
        self.process = psutil.Process()
        self._started = time.monotonic()

    @property
    def uptime_s(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self._started, 3)

    async def start(self) -> None:
        """Bring the database's schema up to date and begin with the upkeep."""
        if self.database is not None:
            await migrate(self.database)
        self.manager.start()

    async def close(self, grace_s: float = 10.0) -> None:
        """End every session in order, then let go of the database."""
        await self.edge.close()
        await self.manager.close(grace_s)
        if self.database is not None:
            await self.database.close()

    async def problems(self) -> list[str]:
        """Return why the process is not ready to take sessions; empty if it is."""
        found: list[str] = []
        if self.edge.connections.closing or not self.manager.accepting:
            found.append("shutting down")
        if not any(known.report.ready for known in self.desk.reports()):
            found.append("no worker is ready")
        if self.database is not None:
            try:
                async with self.database.read() as connection:
                    await connection.exec_driver_sql("SELECT 1")
            except LiveTranslateError as error:
                found.append(f"database: {error.message}")
        return found


class LocalWorkers:
    """The worker processes of this machine and the socket through which they reach the log."""

    def __init__(self, core: Core, number: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="livetranslate-"))
        self._server = LogServer(core.log, core.desk, self._folder / "log.sock")
        self.pool = WorkerPool(
            WorkerSupervisor(
                self._command,
                environment=_environment(core.settings),
                on_exit=core.log.release_worker,
            ),
            core.desk.reports,
            core.log.sessions,
            core.settings.pool_options(number),
        )

    async def start(self) -> None:
        """Open the socket and start the workers."""
        await self._server.start()
        await self.pool.start()

    async def close(self) -> None:
        """Stop the workers and close the socket."""
        await self.pool.close()
        await self._server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _command(self, worker_id: str) -> Sequence[str]:
        return (
            *(sys.executable, "-m", "livetranslate.services.worker"),
            *("--link", str(self._server.path), "--worker-id", worker_id),
        )


def _environment(settings: Settings) -> dict[str, str]:
    """Return the workers' environment: this process's, with what the command line changed."""
    environment = dict(os.environ)
    said = {
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
    }
    environment.update({name: str(value) for name, value in said.items() if value is not None})
    return environment


def _make_data_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InvalidInput(
            f"nothing can be kept in {folder}: {error.strerror or error}; point LIVETRANSLATE_DATA "
            "to a folder that can be written to",
            field="LIVETRANSLATE_DATA",
        ) from error
