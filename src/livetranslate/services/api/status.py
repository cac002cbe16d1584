"""State of sessions, workers and models: ``/status*``, ``/dashboard``, figures for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import msgspec
from fastapi import APIRouter, Query, Response

from livetranslate.asr.engine import LoadedModel
from livetranslate.monitoring.alerts import Severity
from livetranslate.monitoring.metrics import CONTENT_TYPE, Gauge, key_gauges
from livetranslate.services.api.database_figures import database_gauges
from livetranslate.services.core import Core
from livetranslate.sessions.desk.base import ReportAge
from livetranslate.sessions.log.base import SessionState


async def pool_status(core: Core) -> dict[str, Any]:
    """Return the overview of the pool."""
    reports = core.desk.reports()
    live = _live(await core.log.sessions())
    return {
        **_key_figures(core, reports, live),
        "job_queue_length": core.desk.queued,
        "worker_load": round(sum(known.report.load for known in reports), 3),
        "worker_lag_s": max((known.report.lag_s for known in reports), default=0.0),
        "alerts": len(core.alerts.book.active),
        "uptime_s": core.uptime_s,
    }


def _key_figures(
    core: Core, reports: list[ReportAge], live: list[SessionState]
) -> dict[str, float]:
    return {
        "total_workers": len(reports),
        "ready_workers": sum(known.report.ready for known in reports),
        "total_sessions": len(live),
        "session_queue_length": sum(state.worker_id is None for state in live),
        "memory_percent": core.machine.memory_percent,
        "cpu_percent": core.machine.cpu_percent,
    }


async def workers_status(core: Core) -> dict[str, Any]:
    """Return every worker with its sessions and the age of its claims and report."""
    states = {state.session_id: state for state in await core.log.sessions()}
    return {"workers": [_worker(known, states) for known in core.desk.reports()]}


async def models_status(core: Core) -> dict[str, Any]:
    """Return every loaded model, worker by worker."""
    return {
        "models": [
            _model(known.report.worker_id, model, load)
            for known in core.desk.reports()
            for model, load in zip_longest(known.report.models, known.report.model_loads)
            if model is not None
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
    return [
        *key_gauges(**_key_figures(core, reports, states)),
        *found,
        *worker_gauges(reports),
        *database_gauges(core),
        _alert_gauge(core),
    ]


def worker_gauges(reports: list[ReportAge]) -> list[Gauge]:
    """Return what Prometheus reads of each worker."""
    told: list[tuple[str, str, Callable[[ReportAge], float]]] = [
        ("memory_bytes", "Memory of each worker.", lambda one: one.report.memory_bytes),
        ("sessions", "Sessions of each worker.", lambda one: len(one.report.sessions)),
        ("load", "Computing time that sessions want, 1 is all.", lambda one: one.report.load),
        ("lag_seconds", "Seconds that sessions are behind.", lambda one: one.report.lag_s),
        ("heartbeat_age_seconds", "Seconds since the last report.", lambda one: one.age_s),
    ]
    return [
        Gauge(
            name=f"worker_{name}",
            help=text,
            values={(one.report.worker_id,): float(read(one)) for one in reports},
            labels=("worker",),
        )
        for name, text, read in told
    ]


def _alert_gauge(core: Core) -> Gauge:
    active = Counter(alert.severity.value for alert in core.alerts.book.active)
    values = {(severity.value,): float(active[severity.value]) for severity in Severity}
    return Gauge(name="alerts", help="Active alerts.", values=values, labels=("severity",))


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
    return {
        "worker_id": report.worker_id,
        "host": report.host,
        "pid": report.pid,
        "ready": report.ready,
        "why_not": report.why_not,
        "draining": report.draining,
        "to_replace": report.to_replace,
        "started_at": report.started_at.isoformat() if report.started_at else None,
        "heartbeat_age_s": round(known.age_s, 3),
        "sessions": _sessions(known, states),
        "max_sessions": report.max_sessions or None,
        "load": report.load,
        "rtf": report.rtf,
        "lag_s": report.lag_s,
        "loop_lag_s": report.loop_lag_s,
        "memory_bytes": report.memory_bytes,
        "memory_limit_bytes": report.memory_limit_bytes,
        "cpu_percent": report.cpu_percent,
        "default_engine": report.default_engine,
        "default_reason": report.default_reason,
        "device": report.device,
        "models": [model.info.model for model in report.models],
    }


def _sessions(known: ReportAge, states: dict[str, SessionState]) -> list[dict[str, Any]]:
    """Return a worker's sessions; what it does not tell of them is null."""
    report = known.report
    told = zip_longest(
        report.sessions,
        report.buffered_s,
        report.lags_s,
        report.claim_ages_s,
        report.touch_ages_s,
    )
    return [
        {
            "session_id": session_id,
            "buffer_s": buffered_s,
            "lag_s": lag_s,
            "held_s": _since(held_s, known),
            "claim_age_s": _since(touched_s, known),
            "epoch": states[session_id].epoch if session_id in states else None,
        }
        for session_id, buffered_s, lag_s, held_s, touched_s in told
    ]


def _since(age_s: float | None, known: ReportAge) -> float | None:
    """Return an age of a report as it is now."""
    return None if age_s is None else round(age_s + known.age_s, 3)


def _model(worker_id: str, model: LoadedModel, load: float | None) -> dict[str, Any]:
    return {
        "worker_id": worker_id,
        **msgspec.to_builtins(model.info),
        "languages": list(model.capabilities.languages),
        "references": model.references,
        "load": load,
        "in_flight": model.in_flight,
        "queued": model.queued,
        "idle_s": round(model.idle_s, 3),
    }
