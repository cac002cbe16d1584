from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets
from edges_support import Client, ScriptedWorker
from fastapi import FastAPI
from websockets.asyncio.client import connect, unix_connect

from livetranslate.domain.messages import Service
from livetranslate.services.core import Core
from livetranslate.services.forwarder import Forwarder
from livetranslate.services.gateway.gateway import Gateway
from livetranslate.services.gateway.options import gateway_of
from livetranslate.services.orchestration import create_orchestration_app
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.options import EdgeOptions
from livetranslate.services.realtime.socketio_edge import SocketIoEdge
from livetranslate.services.realtime.subscriptions import Subscriptions
from livetranslate.services.realtime.websocket import NativeSocket
from livetranslate.services.realtime.whisper_events import WhisperSocket, whisper_socketio
from livetranslate.services.server import HttpServer, bind, port_of, run_servers
from livetranslate.services.sockets import Sockets
from livetranslate.services.whisper import create_whisper_app
from livetranslate.sessions.clock import SystemClock
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.manager import ManagerOptions, SessionManager
from livetranslate.settings import load_settings
from livetranslate.translation.base import Translation, TranslationRequest
from support.clock import VirtualClock, VirtualTimeLoop

VIRTUAL_TIME = {"test_limits.py", "test_cleanup.py"}
"""Modules whose tests wait for long times that need not pass."""


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item):
    virtual = item.path.name in VIRTUAL_TIME
    return {"virtual": VirtualTimeLoop} if virtual else {"real": asyncio.new_event_loop}


class NativeServer:
    """All live edges over an in-process log and a scripted worker.

    The native protocol is at ``/ws``, the whisper service's at ``/whisper`` and ``/socket.io``.
    """

    def __init__(
        self,
        edge: Edge,
        socket_io: SocketIoEdge,
        worker: ScriptedWorker,
        http: HttpServer,
        bound: socket.socket,
    ) -> None:
        self.edge = edge
        self.http = http
        self.socket_io = socket_io
        self.worker = worker
        self.bound = bound

    @property
    def transports(self) -> int:
        """Connections that the server still holds, whatever became of their sessions."""
        return len(self.http.server_state.connections)

    @property
    def port(self) -> int:
        return port_of(self.bound)

    def connect(self, path: str = "/ws", **options: Any) -> connect:
        if self.bound.family == socket.AF_UNIX:
            address = self.bound.getsockname()
            return unix_connect(address, f"ws://here{path}", compression=None, **options)
        return connect(f"ws://127.0.0.1:{self.port}{path}", compression=None, **options)

    @asynccontextmanager
    async def client(self, path: str = "/ws", **options: Any) -> AsyncIterator[Client]:
        async with self.connect(path, **options) as found:
            yield Client(found)


@asynccontextmanager
async def serving(
    options: EdgeOptions,
    log_options: LogOptions,
    manager_options: ManagerOptions,
    bound: socket.socket,
    ping_s: float,
) -> AsyncIterator[NativeServer]:
    clock = VirtualClock() if bound.family == socket.AF_UNIX else SystemClock()
    log = MemorySessionLog(log_options, clock=clock)
    manager = SessionManager(log, options=manager_options, clock=clock)
    manager.start()
    edge = Edge(options, log, manager)

    async def connections() -> dict[str, Any]:
        return edge.connections.describe()

    subscriptions = Subscriptions(
        {Service.CONNECTIONS: connections}, period_s=options.service_period_s
    )
    socket_io = whisper_socketio(edge)
    app = Sockets(
        socket_io.wrap(FastAPI()),
        {"/ws": NativeSocket(edge, subscriptions), "/whisper": WhisperSocket(edge)},
    )
    worker = ScriptedWorker(log)
    server = HttpServer(app, bound, ping_s=ping_s, before_stop=edge.close)
    stop = asyncio.Event()
    running = asyncio.create_task(run_servers([server], stop))
    working = asyncio.create_task(worker.run())
    try:
        yield NativeServer(edge, socket_io, worker, server, bound)
    finally:
        stop.set()
        await running
        await manager.close(grace_s=0)
        working.cancel()


Serve = Callable[..., AbstractAsyncContextManager[NativeServer]]


@pytest.fixture
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Serve:
    """Return a context manager that serves with changed options.

    In virtual time it serves on a Unix socket: a network's delays would be real ones.
    """

    def listening() -> socket.socket:
        if request.path.name not in VIRTUAL_TIME:
            return bind("127.0.0.1", 0, "--port")
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound.bind(str(tmp_path / "edges.sock"))
        bound.listen(1000)
        bound.setblocking(False)
        return bound

    def make(
        log: LogOptions | None = None,
        manager: ManagerOptions | None = None,
        ping_s: float = 30.0,
        **options: Any,
    ) -> AbstractAsyncContextManager[NativeServer]:
        return serving(
            EdgeOptions(**options),
            log or LogOptions(),
            manager or ManagerOptions(),
            listening(),
            ping_s,
        )

    return make


@pytest.fixture
async def native(serve: Serve) -> AsyncIterator[NativeServer]:
    async with serve() as server:
        yield server


class Platform:
    """Orchestration and whisper on ports, in one process, with a scripted worker."""

    def __init__(self, core: Core, whisper_core: Core, worker: ScriptedWorker) -> None:
        self.core = core
        self.whisper_core = whisper_core
        self.worker = worker
        self.ports: dict[str, int] = {}
        self.gateway: Gateway
        self.http: aiohttp.ClientSession

    def url(self, role: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[role]}{path}"

    @asynccontextmanager
    async def client(
        self, role: str = "orchestration", path: str = "/ws", **options: Any
    ) -> AsyncIterator[Client]:
        url = f"ws://127.0.0.1:{self.ports[role]}{path}"
        async with websockets.connect(url, compression=None, **options) as socket:
            yield Client(socket)

    async def get(self, path: str, role: str = "orchestration") -> Any:
        async with self.http.get(self.url(role, path)) as response:
            assert response.status == 200, await response.text()
            return await response.json()


class WordTranslator:
    """A translator for texts on Socket.IO; the sessions' own is the scripted worker's part."""

    async def translate(self, request: TranslationRequest) -> list[Translation]:
        return [
            Translation(
                translated_text=f"{request.target_language}:{text}",
                source_language=request.source_language,
                target_language=request.target_language,
                confidence=None,
                engine="words",
                cached=False,
                processing_time=0.0,
            )
            for text in request.texts
        ]

    async def close(self) -> None:
        return


@asynccontextmanager
async def platform_running(
    tmp_path: Path, *, apart: bool, **changes: Any
) -> AsyncIterator[Platform]:
    bound = {role: bind("127.0.0.1", 0, "--port") for role in ("orchestration", "whisper")}
    settings = load_settings(
        config_file=None,
        **{
            "livetranslate_data": tmp_path,
            "whisper_service_url": (f"http://127.0.0.1:{port_of(bound['whisper'])}",),
            "translation_service_url": ("http://127.0.0.1:9",),
            "service_timeout": 5.0,
            **changes,
        },
    )
    core = Core(settings, keeps_records=True)
    whisper_core = Core(settings, keeps_records=False) if apart else core
    worker = ScriptedWorker(whisper_core.log)
    await whisper_core.desk.report(worker.report())
    gateway = gateway_of(settings)
    platform = Platform(core, whisper_core, worker)
    platform.gateway = gateway
    platform.ports = {role: port_of(one) for role, one in bound.items()}
    web = tmp_path / "web"
    web.mkdir()
    (web / "index.html").write_text("<title>the web app</title>")
    orchestration = create_orchestration_app(core, gateway, WordTranslator(), web=web)
    servers = [
        HttpServer(orchestration, bound["orchestration"], before_stop=core.edge.close),
        HttpServer(
            create_whisper_app(whisper_core),
            bound["whisper"],
            before_stop=whisper_core.edge.close,
        ),
    ]
    stop = asyncio.Event()
    await core.start()
    if apart:
        await whisper_core.start()
    tasks = [asyncio.create_task(worker.run())]
    if apart:
        tasks.append(asyncio.create_task(Forwarder(core.log, core.desk, gateway).run()))
    running = asyncio.create_task(run_servers(servers, stop))
    try:
        async with aiohttp.ClientSession() as platform.http:
            yield platform
    finally:
        stop.set()
        await running
        await core.close(grace_s=0.2)
        if apart:
            await whisper_core.close(grace_s=0.2)
        await gateway.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(params=["up", "apart"])
async def platform(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Platform]:
    """Run the platform in both arrangements: one log for all, and orchestration with its own."""
    async with platform_running(tmp_path, apart=request.param == "apart") as running:
        yield running


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform_running(tmp_path, apart=False) as running:
        yield running


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Platform]:
    """Run the platform in one process, with a key."""
    async with platform_running(tmp_path, apart=False, api_keys=("k1",)) as running:
        yield running
