"""Health of orchestration and of what it leans on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

import livetranslate
from livetranslate.domain.errors import LiveTranslateError
from livetranslate.services.api.database_figures import database_health
from livetranslate.services.api.status import models_status
from livetranslate.services.core import Core
from livetranslate.services.gateway.gateway import Gateway
from livetranslate.settings.catalogue import label, needs_restart


async def health(core: Core, service: str) -> dict[str, Any]:
    """Return a process's own health."""
    problems = await core.problems()
    recorder = core.manager.recorder_state()
    return {
        "status": "healthy" if not problems else "degraded",
        "service": service,
        "version": livetranslate.__version__,
        "uptime_s": core.uptime_s,
        "timestamp": datetime.now(UTC).isoformat(),
        "ready": not problems,
        "problems": problems,
        "connections": len(core.edge.connections),
        "redis": core.backbone.state(),
        "configuration": configuration_state(core),
        "database": None if core.kept is None else database_health(core.kept),
        "recorder": None if recorder is None else msgspec.to_builtins(recorder),
    }


def configuration_state(core: Core) -> dict[str, Any]:
    """Return which configuration is in force, and what keeps a newer one from it."""
    keeper = core.configuration
    return {
        "version": keeper.shared.version,
        "changed_at": keeper.shared.changed_at,
        "changed_by": keeper.shared.changed_by,
        "preset": keeper.active,
        "file": str(keeper.file.path),
        "file_exists": keeper.file.exists,
        "refused": [{"field": one.field, "message": one.reason} for one in keeper.refused],
        "ignored": list(keeper.ignored),
        "not_kept": keeper.not_kept,
        "waiting": keeper.waiting,
        "needs_restart": [label(one) for one in needs_restart(keeper.settings, keeper.started)],
    }


def speech_now(core: Core) -> dict[str, Any] | None:
    """Return which speech engine sessions get here by default, or None before a worker tells."""
    reports = [known.report for known in core.desk.reports()]
    if not reports:
        return None
    report = next((one for one in reports if one.default_engine is not None), reports[0])
    loaded = [model for model in report.models if model.info.engine == report.default_engine]
    info = loaded[0].info if loaded else None
    capabilities = loaded[0].capabilities if loaded else None
    return {
        "engine": report.default_engine,
        "model": info.model if info else core.settings.whisper_model,
        "device": info.device if info else report.device,
        "compute_type": info.compute_type if info else None,
        "reason": report.default_reason,
        "languages": list(capabilities.languages) if capabilities else [],
        "detects_language": capabilities.detects_language if capabilities else False,
        "translates": capabilities.translates if capabilities else False,
    }


async def _or_problem(gateway: Gateway, service: str, path: str) -> dict[str, Any]:
    try:
        return await gateway.get(service, path)
    except LiveTranslateError as error:
        return {"error": error.code, "message": error.message}


async def all_models(core: Core, gateway: Gateway) -> dict[str, Any]:
    """Return models and device information of all services."""
    return {
        "speech": speech_now(core),
        **await models_status(core),
        "devices": sorted({known.report.device for known in core.desk.reports()}),
        "translation": {
            "models": await _or_problem(gateway, "translation", "/api/models"),
            "device": await _or_problem(gateway, "translation", "/api/device"),
        },
    }


def health_router(core: Core, gateway: Gateway) -> APIRouter:
    """Return ``/api/health*`` and ``/api/audio/models``."""
    router = APIRouter(prefix="/api", tags=["health"])

    @router.get("/health", summary="Own health")
    async def own() -> dict[str, Any]:
        return await health(core, "orchestration")

    @router.get("/health/live", summary="Whether the process runs")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/health/ready", summary="Whether sessions can be taken")
    async def ready() -> Response:
        problems = await core.problems()
        body = {"status": "not ready" if problems else "ready", "problems": problems}
        headers = {"Retry-After": "2"} if problems else None
        return JSONResponse(body, status_code=503 if problems else 200, headers=headers)

    @router.get("/audio/models", summary="Models and devices of all services")
    async def models() -> dict[str, Any]:
        return await all_models(core, gateway)

    return router
