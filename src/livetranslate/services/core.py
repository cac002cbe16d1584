"""What the edges of one process stand on: sessions, workers, database and figures."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import psutil
import structlog

from livetranslate.domain.errors import InvalidInput
from livetranslate.monitoring.machine import Machine
from livetranslate.monitoring.metrics import Metrics
from livetranslate.monitoring.rules import Thresholds
from livetranslate.services.alerting import AlertOptions, AlertSources, AlertWatch
from livetranslate.services.backbone import SharedBackbone, make_backbone
from livetranslate.services.bots import MeetingBots
from livetranslate.services.configuration.keeper import ConfigurationKeeper
from livetranslate.services.kept import Kept
from livetranslate.services.logs import configure_logs
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.options import EdgeOptions
from livetranslate.sessions.balancing import Balancer
from livetranslate.sessions.clock import SystemClock
from livetranslate.sessions.desk.base import Desk
from livetranslate.sessions.log.base import SessionLog
from livetranslate.sessions.manager import ManagerOptions, SessionManager
from livetranslate.sessions.naming import SpeakerNaming
from livetranslate.sessions.reconciling import Reconciler
from livetranslate.settings import Settings
from livetranslate.storage.audio_files import AudioFiles
from livetranslate.storage.database import Database
from livetranslate.storage.history import SessionHistory
from livetranslate.storage.notes import SqlSessionNotes
from livetranslate.storage.records import SqlSessionRecords
from livetranslate.storage.schema import migrate
from livetranslate.storage.speakers import SqlSpeakers

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


class Core:
    """Sessions of this process, from the edge to the workers' door.

    Args:
        settings: The process's settings.
        keeps_records: Whether sessions are written to the database.

    Attributes:
        settings: The process's settings, as it was started with them.
        configuration: Its settings as they are configured now.
        backbone: What holds log and desk; whoever runs the process opens and closes it.
        log: Log of the live sessions.
        desk: Jobs and reports of the workers.
        manager: Opens, feeds and ends sessions.
        bots: Meeting bots that feed sessions of this process.
        edge: Hub and connections.
        database: The database, or None if nothing is kept.
        records: Its writes of live sessions.
        naming: Names for speakers of live and ended sessions.
        audio_files: Stored audio, or None if nothing is kept.
        notes: Its writes of how they fare.
        kept: Reads and removal of what is kept, or None if nothing is.
        metrics: Figures for Prometheus.
        machine: How busy the machine is.
        alerts: What is wrong, and was.
    """

    def __init__(self, settings: Settings, *, keeps_records: bool) -> None:
        self.settings = settings
        _make_data_folder(settings.livetranslate_data)
        self.backbone = make_backbone(settings)
        self.log: SessionLog = self.backbone.log
        self.desk: Desk = self.backbone.desk
        self.configuration = ConfigurationKeeper(settings, self.backbone.configuration)
        self.configuration.listen(self._configure)
        self.database = Database(settings.database_options()) if keeps_records else None
        self.records = SqlSessionRecords(self.database) if self.database else None
        store = SqlSpeakers(self.database) if self.database else None
        self.naming = SpeakerNaming(self.log, store, identifies=settings.known_voices)
        folder = settings.livetranslate_data / "audio"
        self.audio_files = AudioFiles(self.database, folder) if self.database else None
        self.notes = SqlSessionNotes(self.database) if self.database else None
        reconciler = self._reconciler()
        self.manager = SessionManager(
            self.log,
            self.records,
            notes=self.notes,
            duties=[Balancer(self.desk, SystemClock()), *([reconciler] if reconciler else [])],
            options=ManagerOptions(sessions_stay=self.shared),
            watcher=self.naming.recorded,
            archive=self.audio_files,
            presets=self.configuration,
        )
        self.kept = self._kept()
        self.bots = MeetingBots(settings, self.manager, self.naming)
        self.edge = Edge(edge_options(settings), self.log, self.manager)
        self.metrics = Metrics()
        self.machine = Machine()
        self.alerts = self._alert_watch()
        self.alerts.watch(configuration=self.configuration.problem)
        if reconciler is not None:
            self.alerts.watch(differences=lambda: reconciler.differences)
        self._watching: asyncio.Task[None] | None = None
        self.process = psutil.Process()
        self._started = time.monotonic()

    @property
    def shared(self) -> bool:
        """Whether other processes have the same sessions, which go on without this one."""
        return isinstance(self.backbone, SharedBackbone)

    @property
    def uptime_s(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self._started, 3)

    async def start(self) -> None:
        """Bring the database's schema up to date, and begin with the upkeep."""
        if self.database is not None:
            await migrate(self.database)
        self.manager.start()
        if self.kept is not None:
            self.kept.start()
        self._watching = asyncio.create_task(self.alerts.run(), name="alerts")

    async def close(self, grace_s: float = 10.0) -> None:
        """End every session in order, unless it goes on elsewhere; let go of the database."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self.kept is not None:
            await self.kept.close()
        await self.bots.close()
        await self.edge.close()
        await self.manager.close(grace_s)
        if self.database is not None:
            await self.database.close()

    async def problems(self) -> list[str]:
        """Return why the process is not ready to take sessions; empty if it is."""
        found: list[str] = []
        if self.edge.connections.closing or not self.manager.accepting:
            found.append("shutting down")
        if (away := self.backbone.problem()) is not None:
            found.append(f"redis: {away}")
        if all(known.report.draining for known in self.desk.reports()):
            found.append("no worker is ready")
        if (error := await self.database_error()) is not None:
            found.append(f"database: {error}")
        return found

    async def database_error(self) -> str | None:
        """Return why the database cannot be reached; None if it can, or if there is none."""
        return None if self.kept is None else await self.kept.error()

    def _kept(self) -> Kept | None:
        if self.database is None or self.records is None:
            return None
        return Kept(
            self.database,
            self.records,
            self.log,
            self.manager,
            audio=self.settings.livetranslate_data / "audio",
            retention_days=self.settings.retention_days,
        )

    def _configure(self, settings: Settings, fields: frozenset[str]) -> None:
        """Put in force what of a changed configuration can be while sessions run."""
        if "log_level" in fields:
            configure_logs(settings.log_level)
        if "websocket_max_connections" in fields:
            self.edge.configure(edge_options(settings))

    def _reconciler(self) -> Reconciler | None:
        """Return what compares database and log, where all sessions of the one are in the other.

        Processes that share a database but no log would take each other's sessions for lost.
        """
        own = self.settings.database_url.get_secret_value().startswith("sqlite")
        if self.database is None or self.records is None or not (self.shared or own):
            return None
        return Reconciler(
            self.log,
            SessionHistory(self.database),
            self.records,
            lambda: [known.report for known in self.desk.reports()],
            clock=SystemClock(),
        )

    def _alert_watch(self) -> AlertWatch:
        sources = AlertSources(
            reports=self.desk.reports,
            log=self.log,
            recorder=self.manager.recorder_state,
            database=self.database_error,
        )
        thresholds = Thresholds(heartbeat_s=self.settings.worker_heartbeat_interval)
        return AlertWatch(sources, self.machine, AlertOptions(thresholds=thresholds))


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
