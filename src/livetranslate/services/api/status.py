"""State of sessions, workers and models: ``/status*``, ``/dashboard``, figures for Prometheus."""

from __future__ import annotations

from typing import Any

import msgspec
import psutil
from fastapi import APIRouter, Query, Response

from livetranslate.monitoring.metrics import CONTENT_TYPE, Gauge
from livetranslate.services.core import Core
from livetranslate.sessions.desk.base import ReportAge
from livetranslate.sessions.log.base import SessionState


async def pool_status(core: Core) -> dict[str, Any]:
    """Return the overview of the pool."""
    reports = core.desk.reports()
    live = _live(await core.log.sessions())
    return {
        "total_workers": len(reports),
        "ready_workers": sum(known.report.ready for known in reports),
        "total_sessions": len(live),
        "session_queue_length": sum(state.worker_id is None for state in live),
        "job_queue_length": core.desk.queued,
        "memory_percent": psutil.virtual_memory().percent,
        "cpu_percent": psutil.cpu_percent(),
        "uptime_s": core.uptime_s,
    }


async def workers_status(core: Core) -> dict[str, Any]:
    """Return every worker with its sessions and the age of its claims and report."""
    states = {state.session_id: state for state in await core.log.sessions()}
    return {"workers": [_worker(known, states) for known in core.desk.reports()]}


async def models_status(core: Core) -> dict[str, Any]:
    """Return every loaded model, worker by worker."""
    return {
        "models": [
            {
                "worker_id": known.report.worker_id,
                **msgspec.to_builtins(model.info),
                "languages": list(model.capabilities.languages),
                "references": model.references,
                "in_flight": model.in_flight,
                "queued": model.queued,
                "idle_s": round(model.idle_s, 3),
            }
            for known in core.desk.reports()
            for model in known.report.models
        ]
    }


async def figures(core: Core) -> dict[str, Any]:
    """Return the figures of ``GET /api/metrics``."""
    states = await core.log.sessions()
    total, failed = core.metrics.requests
    return {
        "uptime_s": core.uptime_s,
        "connections": {
            "active": len(core.edge.connections),
            "peak": core.edge.connections.peak,
            "total": core.edge.connections.total,
        },
        "sessions": {
            "live": len(_live(states)),
            "queued": sum(state.worker_id is None for state in _live(states)),
            "buffered_s": round(sum(state.buffered_s for state in states), 3),
        },
        "requests": {"total": total, "failed": failed},
        "workers": await pool_status(core),
        "memory_bytes": core.process.memory_info().rss,
    }


async def gauges(core: Core) -> list[Gauge]:
    """Return the states that Prometheus reads."""
    states = _live(await core.log.sessions())
    reports = core.desk.reports()
    single: list[tuple[str, str, float]] = [
        ("connections", "Live connections.", len(core.edge.connections)),
        ("connections_peak", "Most connections at one time.", core.edge.connections.peak),
        ("sessions", "Live sessions.", len(states)),
        (
            "sessions_queued",
            "Live sessions without a worker.",
            sum(state.worker_id is None for state in states),
        ),
        (
            "buffered_seconds",
            "Seconds of audio not yet recognised.",
            sum(state.buffered_s for state in states),
        ),
        ("workers", "Workers that report.", len(reports)),
        ("workers_ready", "Workers that take sessions.", sum(one.report.ready for one in reports)),
        ("jobs_queued", "Jobs that wait for a worker.", core.desk.queued),
    ]
    found = [Gauge(name=name, help=text, values={(): value}) for name, text, value in single]
    memory = {(one.report.worker_id,): float(one.report.memory_bytes) for one in reports}
    return [
        *found,
        Gauge(
            name="worker_memory_bytes",
            help="Memory of each worker.",
            values=memory,
            labels=("worker",),
        ),
    ]


def status_router(core: Core) -> APIRouter:
    """Return the routes ``/status*``, ``/dashboard``, ``/metrics`` and ``/api/metrics``."""
    router = APIRouter(tags=["status"])

    @router.get("/status", summary="Overview of the worker pool")
    async def status() -> dict[str, Any]:
        return await pool_status(core)

    @router.get("/status/workers", summary="Every worker")
    async def workers() -> dict[str, Any]:
        return await workers_status(core)

    @router.get("/status/models", summary="Every loaded model")
    async def models() -> dict[str, Any]:
        return await models_status(core)

    @router.get("/api/dashboard", summary="Everything of /status in one answer")
    @router.get("/dashboard", summary="Everything of /status in one answer")
    async def dashboard() -> dict[str, Any]:
        return {
            "status": await pool_status(core),
            **await workers_status(core),
            **await models_status(core),
            "connections": core.edge.connections.describe(limit=0),
        }

    @router.get("/api/metrics", summary="Figures as JSON")
    async def metrics() -> dict[str, Any]:
        return await figures(core)

    @router.get("/metrics", summary="Figures for Prometheus")
    async def prometheus() -> Response:
        return Response(core.metrics.exposition(await gauges(core)), media_type=CONTENT_TYPE)

    return router


def connections_router(core: Core) -> APIRouter:
    """Return ``GET /api/connections``."""
    router = APIRouter(prefix="/api", tags=["status"])

    @router.get("/connections", summary="Live connections, with the peak")
    async def connections(
        offset: int = Query(0, ge=0), limit: int = Query(100, ge=1, le=1000)
    ) -> dict[str, Any]:
        return core.edge.connections.describe(offset=offset, limit=limit)

    return router


def _live(states: list[SessionState]) -> list[SessionState]:
    return [state for state in states if not state.ended]


def _worker(known: ReportAge, states: dict[str, SessionState]) -> dict[str, Any]:
    report = known.report
    sessions = [
        {
            "session_id": session_id,
            "buffer_s": round(buffered_s, 3),
            "epoch": states[session_id].epoch if session_id in states else None,
        }
        for session_id, buffered_s in zip(report.sessions, report.buffered_s, strict=False)
    ]
    return {
        "worker_id": report.worker_id,
        "host": report.host,
        "pid": report.pid,
        "ready": report.ready,
        "heartbeat_age_s": round(known.age_s, 3),
        "sessions": sessions,
        "memory_bytes": report.memory_bytes,
        "cpu_percent": report.cpu_percent,
        "default_engine": report.default_engine,
        "default_reason": report.default_reason,
        "device": report.device,
        "models": [model.info.model for model in report.models],
    }
