"""Orchestration: the front of the platform, on port 3000."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

import livetranslate
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.messages import Service
from livetranslate.services import problems
from livetranslate.services.api.alerts import alerts_router
from livetranslate.services.api.audio import audio_router
from livetranslate.services.api.bots import bots_router
from livetranslate.services.api.configuration import configuration_router
from livetranslate.services.api.correlations import correlations_router
from livetranslate.services.api.guard import Guard, RequestFigures
from livetranslate.services.api.health import all_models, health, health_router, speech_now
from livetranslate.services.api.logs import logs_router
from livetranslate.services.api.pool import pool_router
from livetranslate.services.api.sessions import sessions_router
from livetranslate.services.api.status import (
    connections_router,
    models_status,
    pool_status,
    status_router,
    workers_status,
)
from livetranslate.services.api.timeline import live_figures, timeline_router
from livetranslate.services.api.timing import timing_router
from livetranslate.services.api.upload import upload_router
from livetranslate.services.api.webapp import add_web
from livetranslate.services.chunks import AudioChunks
from livetranslate.services.core import Core
from livetranslate.services.described import described_app
from livetranslate.services.gateway.front import Forward, Front
from livetranslate.services.gateway.gateway import Gateway
from livetranslate.services.gateway.limits import Callers, RateLimit
from livetranslate.services.gateway.options import gateway_options, rate_limit_options
from livetranslate.services.gateway.routes import services_router
from livetranslate.services.google_meet import meet_options
from livetranslate.services.logs import ACTIVITY
from livetranslate.services.realtime.socketio_events import OrchestrationEvents
from livetranslate.services.realtime.subscriptions import Subscriptions
from livetranslate.services.realtime.websocket import NativeSocket
from livetranslate.services.request_ids import RequestIdMiddleware
from livetranslate.services.sockets import Sockets
from livetranslate.services.timekeeping import Timekeeper
from livetranslate.services.uploads import Uploads
from livetranslate.storage.figures import FiguresReader
from livetranslate.storage.timeline import SessionTimeline
from livetranslate.translation.base import Translator

PASSED_ON = ("whisper", "translation")
"""Services all of whose paths under ``/api/NAME/`` are passed on."""


def create_orchestration_app(
    core: Core, gateway: Gateway, translator: Translator, *, web: Path | None
) -> Any:
    """Return the ASGI application of port 3000.

    Args:
        core: Sessions of this process.
        gateway: The services behind.
        translator: For texts that clients send on Socket.IO.
        web: The built web app, or None.
    """
    app = described_app("LiveTranslate")
    problems.install(app)
    subscriptions = Subscriptions(
        _sources(core, gateway), period_s=core.edge.options.service_period_s
    )
    core.configuration.listen(lambda settings, _: gateway.configure(gateway_options(settings)))
    core.alerts.watch(breakers=lambda: _breakers(gateway))
    core.alerts.listen(
        lambda changes: subscriptions.announce(Service.ALERTS, core.alerts.describe(changes))
    )
    _add_routes(app, core, gateway)
    add_web(app, web)
    events = OrchestrationEvents(core.edge, subscriptions, translator, _requests(core, gateway))
    options = core.edge.options
    callers = Callers(rate_limit_options(core.settings), keys=options.api_keys)
    served = events.server().wrap(_in_front(app, core, gateway, callers))
    native = NativeSocket(core.edge, subscriptions)
    return Sockets(served, {"/ws": RateLimit(native, callers)})


def _in_front(app: ASGIApp, core: Core, gateway: Gateway, callers: Callers) -> ASGIApp:
    """Return the application behind the gateway's paths, and all of it behind the guards."""
    options = core.edge.options
    forwards = {
        f"/api/{name}": Forward(gateway, name, f"/api/{name}", options) for name in PASSED_ON
    }
    guarded = Guard(Front(app, forwards), options=options, protects=("/api/", "/dashboard"))
    limited = RateLimit(guarded, callers)
    counted = RequestFigures(limited, metrics=core.metrics, service="orchestration")
    crossed = CORSMiddleware(
        counted,
        allow_origins=list(core.settings.cors_origins),
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["X-Request-ID", "Retry-After"],
    )
    return RequestIdMiddleware(crossed)


def _breakers(gateway: Gateway) -> dict[str, str]:
    """Return the state of the breaker of every instance, by service and address."""
    fleet = gateway.fleet
    now = fleet.clock()
    return {
        f"{one.instance.service} {one.instance.url}": one.breaker.state(now).value
        for one in fleet.backends()
    }


def _add_routes(app: FastAPI, core: Core, gateway: Gateway) -> None:
    settings = core.settings
    app.include_router(health_router(core, gateway))
    app.include_router(services_router(gateway))
    app.include_router(status_router(core))
    app.include_router(connections_router(core))
    app.include_router(pool_router(core))
    app.include_router(bots_router(core.bots))
    app.include_router(alerts_router(core.alerts.book))
    app.include_router(configuration_router(core))
    app.include_router(logs_router(ACTIVITY))
    uploads = Uploads(
        core.edge,
        max_bytes=settings.direct_max_mb * 1024 * 1024,
        wait_s=settings.service_timeout,
    )
    app.include_router(upload_router(uploads))
    if core.audio_files is not None and core.records is not None:
        chunks = AudioChunks(
            core.audio_files, core.records, core.configuration, max_bytes=uploads.max_bytes
        )
        app.include_router(audio_router(chunks, core.audio_files))
    timekeeper = None
    if core.kept is not None and core.database is not None and core.notes is not None:
        kept, figures = core.kept, FiguresReader(core.database)
        app.include_router(
            sessions_router(kept.history, kept.live, kept.removal.remove, figures=figures)
        )
        timeline = SessionTimeline(core.database)
        timekeeper = Timekeeper(timeline, core.notes)
        live = live_figures(core.manager.state, SAMPLE_RATE)
        app.include_router(timing_router(timekeeper))
        app.include_router(timeline_router(timeline, timekeeper, figures, live))
    app.include_router(correlations_router(core.naming, meet_options(settings), timekeeper))
    # Some paths of audio are orchestration's own, so the framework chooses here.
    app.mount("/api/audio", Forward(gateway, "audio", "/api/audio", core.edge.options))


def _sources(
    core: Core, gateway: Gateway
) -> dict[Service, Callable[[], Awaitable[dict[str, Any]]]]:
    """Return what can be subscribed to."""

    async def own_health() -> dict[str, Any]:
        return {**await health(core, "orchestration"), "services": await gateway.describe()}

    async def connections() -> dict[str, Any]:
        return core.edge.connections.describe()

    async def workers() -> dict[str, Any]:
        return {**await pool_status(core), **await workers_status(core)}

    async def whisper() -> dict[str, Any]:
        return {"speech": speech_now(core), **await models_status(core)}

    async def gateway_state() -> dict[str, Any]:
        return {"services": await gateway.describe()}

    async def translation() -> dict[str, Any]:
        return await gateway.get("translation", "/api/health")

    async def alerts() -> dict[str, Any]:
        return core.alerts.describe()

    return {
        Service.HEALTH: own_health,
        Service.ALERTS: alerts,
        Service.CONNECTIONS: connections,
        Service.WORKERS: workers,
        Service.WHISPER: whisper,
        Service.TRANSLATION: translation,
        Service.GATEWAY: gateway_state,
    }


def _requests(
    core: Core, gateway: Gateway
) -> dict[str, Callable[[str | None], Awaitable[dict[str, Any]]]]:
    """Return the actions of ``service_request``."""

    async def get_health(target: str | None) -> dict[str, Any]:
        if target in (None, "orchestration"):
            return await health(core, "orchestration")
        found = [one for one in await gateway.describe() if one["service"] == target]
        if not found:
            raise InvalidInput(
                "target_service is orchestration, whisper or translation", field="target_service"
            )
        return {"instances": found}

    async def get_models(target: str | None) -> dict[str, Any]:
        del target
        return await all_models(core, gateway)

    async def get_config(target: str | None) -> dict[str, Any]:
        del target
        return {"version": livetranslate.__version__, "speech": speech_now(core)}

    return {"health": get_health, "get_models": get_models, "config": get_config}
