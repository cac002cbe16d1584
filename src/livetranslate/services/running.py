"""What all runners share: the apps of each role, their start and their stop in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Protocol

import structlog
import uvloop

from livetranslate.services.api.webapp import find_web
from livetranslate.services.core import Core
from livetranslate.services.forwarder import Forwarder
from livetranslate.services.garbage import set_aside
from livetranslate.services.gateway.announce import announced, announcing_of
from livetranslate.services.gateway.gateway import Gateway
from livetranslate.services.gateway.options import gateway_of
from livetranslate.services.open_files import allow_open_files
from livetranslate.services.orchestration import create_orchestration_app
from livetranslate.services.server import HttpServer, port_of, run_servers, stop_on_signals
from livetranslate.services.translation.app import create_translation_app
from livetranslate.services.whisper import create_whisper_app
from livetranslate.services.worker_app import WorkerRole, create_worker_app
from livetranslate.services.workers import LocalWorkers
from livetranslate.settings import Settings
from livetranslate.translation.remote import RemoteTranslator
from livetranslate.translation.service import LocalTranslator

_log = structlog.get_logger(__name__)

OnReady = Callable[[Core | None], Coroutine[Any, Any, None]]
"""Called once the servers listen, with the process's sessions if it has any."""


class Closable(Protocol):
    """What is closed in the end."""

    async def close(self) -> None:
        """Let go of everything."""
        ...


def remote_translator(settings: Settings) -> RemoteTranslator:
    """Return the translation service as a translator."""
    return RemoteTranslator(settings.remote_translation_options())


async def run_up(
    settings: Settings,
    sockets: dict[str, socket.socket],
    stop: asyncio.Event,
    on_ready: OnReady,
) -> None:
    """Run orchestration, whisper and translation in this process, with local workers.

    Args:
        settings: With the service addresses of the bound ports.
        sockets: Bound, by role.
        stop: Ends it.
        on_ready: Called once everything listens.
    """
    core = Core(settings, keeps_records=True)
    translator = LocalTranslator(settings.translation_options())
    gateway = gateway_of(settings)
    web = find_web()
    servers = [
        _server(
            create_orchestration_app(core, gateway, translator, web=web),
            sockets["orchestration"],
            settings,
            before_stop=core.edge.close,
        ),
        _server(create_whisper_app(core), sockets["whisper"], settings),
        _server(
            create_translation_app(translator, close_translator=False, api_keys=_keys(settings)),
            sockets["translation"],
            settings,
        ),
    ]
    # Sessions end before the workers, which still write their last words.
    async with (
        _backbone(core),
        _open(translator),
        gateway.running(),
        _workers(core),
        _sessions(core),
    ):
        await _serve(servers, stop, on_ready, core)


async def run_orchestration(
    settings: Settings, bound: socket.socket, stop: asyncio.Event, on_ready: OnReady
) -> None:
    """Run orchestration alone: workers share its sessions in Redis, or whisper's port has them."""
    core = Core(settings, keeps_records=True)
    gateway = gateway_of(settings)
    translator = remote_translator(settings)
    app = create_orchestration_app(core, gateway, translator, web=find_web())
    server = _server(app, bound, settings, before_stop=core.edge.close)
    async with (
        _backbone(core),
        _open(translator),
        gateway.running(),
        _forwarding(core, gateway),
        _sessions(core),
    ):
        await _serve([server], stop, on_ready, core)


async def run_whisper(
    settings: Settings, bound: socket.socket, stop: asyncio.Event, on_ready: OnReady
) -> None:
    """Run the whisper service with workers, their log its own or in Redis; keeps no records."""
    core = Core(settings, keeps_records=False)
    announcing = announcing_of(settings, "whisper", port_of(bound))
    async with (
        _backbone(core),
        _workers(core),
        _sessions(core),
        announced(announcing) as take_back,
    ):

        async def leave() -> None:
            await take_back()
            await core.edge.close()

        server = _server(create_whisper_app(core), bound, settings, before_stop=leave)
        await _serve([server], stop, on_ready, core)


async def run_worker(
    settings: Settings, bound: socket.socket, stop: asyncio.Event, on_ready: OnReady
) -> None:
    """Run workers that take sessions and jobs from Redis, and tell how they are."""
    role = WorkerRole(settings)
    async with role.running():
        await _serve([_server(create_worker_app(role), bound, settings)], stop, on_ready, None)


async def run_translation(
    settings: Settings, bound: socket.socket, stop: asyncio.Event, on_ready: OnReady
) -> None:
    """Run the translation service."""
    translator = LocalTranslator(settings.translation_options())
    app = create_translation_app(translator, close_translator=False, api_keys=_keys(settings))
    announcing = announcing_of(settings, "translation", port_of(bound))
    async with _open(translator), announced(announcing) as take_back:
        server = _server(app, bound, settings, before_stop=take_back)
        await _serve([server], stop, on_ready, None)


def run(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a role on uvloop until the first Ctrl-C or SIGTERM; a second one ends it at once."""

    async def serve() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop, on_second=lambda: os._exit(130))
        await main(stop)

    uvloop.run(serve())


def _keys(settings: Settings) -> tuple[str, ...]:
    return tuple(key.get_secret_value() for key in settings.api_keys)


def _server(
    app: Any,
    bound: socket.socket,
    settings: Settings,
    *,
    before_stop: Callable[[], Awaitable[None]] | None = None,
) -> HttpServer:
    ping_s = settings.websocket_heartbeat_interval
    return HttpServer(app, bound, ping_s=ping_s, before_stop=before_stop)


async def _serve(
    servers: list[HttpServer], stop: asyncio.Event, on_ready: OnReady, core: Core | None
) -> None:
    set_aside()
    if core is not None:
        allow_open_files(core.edge.options.max_connections)
    serving = asyncio.create_task(run_servers(servers, stop))
    telling = asyncio.create_task(on_ready(core))
    try:
        await serving
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


@asynccontextmanager
async def _sessions(core: Core) -> AsyncGenerator[None]:
    """Open the sessions' database and upkeep; in the end, end every session in order."""
    await core.start()
    try:
        yield
    finally:
        await core.close()


@asynccontextmanager
async def _workers(core: Core) -> AsyncGenerator[None]:
    """Run local workers."""
    workers = LocalWorkers(core.settings, core.backbone)
    await workers.start()
    try:
        yield
    finally:
        await workers.close()


@asynccontextmanager
async def _open(*parts: Closable) -> AsyncGenerator[None]:
    """Close connections and engines in the end."""
    try:
        yield
    finally:
        for part in parts:
            await part.close()


@asynccontextmanager
async def _backbone(core: Core) -> AsyncGenerator[None]:
    """Reach for what the sessions stand on; it goes last, for all others write to it.

    The configuration comes with it, before anything that it configures.
    """
    await core.backbone.start()
    try:
        await core.configuration.start()
        yield
    finally:
        await core.configuration.close()
        await core.backbone.close()


@asynccontextmanager
async def _forwarding(core: Core, gateway: Gateway) -> AsyncGenerator[None]:
    """Forward sessions to whisper instances, unless workers share them."""
    if core.shared:
        yield
        return
    keys = core.edge.options.api_keys
    forwarder = Forwarder(core.log, core.desk, gateway, api_key=keys[0] if keys else None)
    task = asyncio.create_task(forwarder.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
