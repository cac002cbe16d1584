"""The role ``worker``: local workers on the sessions in Redis, and what they say of themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

import livetranslate
from livetranslate.monitoring.machine import Machine
from livetranslate.monitoring.metrics import CONTENT_TYPE, Gauge, Metrics, key_gauges
from livetranslate.services import problems
from livetranslate.services.api.status import worker_gauges
from livetranslate.services.backbone import SharedBackbone
from livetranslate.services.described import described_app
from livetranslate.services.workers import LocalWorkers
from livetranslate.sessions.desk.base import ReportAge
from livetranslate.settings import Settings


class WorkerRole:
    """Workers of this machine that serve an installation's sessions and jobs.

    Args:
        settings: With ``redis_url``.

    Raises:
        InvalidInput: Redis is not configured.
    """

    def __init__(self, settings: Settings) -> None:
        self._backbone = SharedBackbone(settings)
        self._workers = LocalWorkers(settings, self._backbone)
        self._started = time.monotonic()
        self._machine = Machine()
        self.metrics = Metrics()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run the workers; in the end they leave their sessions to others."""
        await self._backbone.start()
        sampling = asyncio.create_task(self._machine.keep_sampling(), name="machine")
        try:
            await self._workers.start()
            try:
                yield
            finally:
                await self._workers.close()
        finally:
            sampling.cancel()
            await self._backbone.close()

    def reports(self) -> list[ReportAge]:
        """Return the newest reports of the workers of this process."""
        own = {worker.worker_id for worker in self._workers.processes()}
        return [known for known in self._backbone.desk.reports() if known.report.worker_id in own]

    def problems(self) -> list[str]:
        """Return why no session is taken here; empty if some is."""
        found: list[str] = []
        if (away := self._backbone.problem()) is not None:
            found.append(f"redis: {away}")
        if not any(known.report.ready for known in self.reports()):
            found.append("no worker is ready")
        return found

    def health(self) -> dict[str, Any]:
        """Return the process's health."""
        problems = self.problems()
        return {
            "status": "degraded" if problems else "healthy",
            "service": "worker",
            "version": livetranslate.__version__,
            "uptime_s": round(time.monotonic() - self._started, 3),
            "timestamp": datetime.now(UTC).isoformat(),
            "ready": not problems,
            "problems": problems,
            "redis": self._backbone.state(),
        }

    def status(self) -> dict[str, Any]:
        """Return an overview, and every worker with its process and its newest report."""
        reports = {known.report.worker_id: known for known in self.reports()}
        return {
            **self._figures(list(reports.values())),
            "workers": [
                {
                    **msgspec.to_builtins(process),
                    "heartbeat_age_s": round(known.age_s, 3) if known else None,
                    "report": msgspec.to_builtins(known.report) if known else None,
                }
                for process in self._workers.processes()
                for known in [reports.get(process.worker_id)]
            ],
        }

    def gauges(self) -> list[Gauge]:
        """Return the states that Prometheus reads."""
        reports = self.reports()
        return [*key_gauges(**self._figures(reports)), *worker_gauges(reports)]

    def _figures(self, reports: Sequence[ReportAge]) -> dict[str, float]:
        return {
            "total_workers": len(self._workers.processes()),
            "ready_workers": sum(known.report.ready for known in reports),
            "total_sessions": sum(len(known.report.sessions) for known in reports),
            "memory_percent": self._machine.memory_percent,
            "cpu_percent": self._machine.cpu_percent,
        }


def create_worker_app(role: WorkerRole) -> FastAPI:
    """Return the ASGI application of a worker's port."""
    app = described_app("LiveTranslate worker")
    problems.install(app)

    @app.get("/health", summary="Own health")
    async def own() -> dict[str, Any]:
        return role.health()

    @app.get("/health/live", summary="Whether the process runs")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/health/ready", summary="Whether sessions can be taken")
    async def ready() -> Response:
        found = role.problems()
        body = {"status": "not ready" if found else "ready", "problems": found}
        return JSONResponse(body, status_code=503 if found else 200)

    @app.get("/status", summary="The workers of this process")
    async def status() -> dict[str, Any]:
        return role.status()

    @app.get("/metrics", summary="Figures for Prometheus")
    async def prometheus() -> Response:
        return Response(role.metrics.exposition(role.gauges()), media_type=CONTENT_TYPE)

    return app
