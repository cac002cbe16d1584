from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import websockets
from edges_support import Client, ScriptedWorker
from fastapi import FastAPI, WebSocket

from livetranslate.domain.messages import Service
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.options import EdgeOptions
from livetranslate.services.realtime.subscriptions import Subscriptions
from livetranslate.services.realtime.websocket import serve_native
from livetranslate.services.server import HttpServer, bind, port_of, run_servers
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.manager import ManagerOptions, SessionManager


class NativeServer:
    """A served native WebSocket over an in-process log and a scripted worker."""

    def __init__(self, edge: Edge, worker: ScriptedWorker, port: int) -> None:
        self.edge = edge
        self.worker = worker
        self.port = port

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[Client]:
        async with websockets.connect(
            f"ws://127.0.0.1:{self.port}/ws", compression=None, **options
        ) as socket:
            yield Client(socket)


@asynccontextmanager
async def serving(
    options: EdgeOptions, log_options: LogOptions, manager_options: ManagerOptions
) -> AsyncIterator[NativeServer]:
    log = MemorySessionLog(log_options)
    manager = SessionManager(log, options=manager_options)
    manager.start()
    edge = Edge(options, log, manager)

    async def connections() -> dict[str, Any]:
        return edge.connections.describe()

    subscriptions = Subscriptions(
        {Service.CONNECTIONS: connections}, period_s=options.service_period_s
    )
    app = FastAPI()

    @app.websocket("/ws")
    async def native(socket: WebSocket) -> None:
        await serve_native(edge, subscriptions, socket)

    worker = ScriptedWorker(log)
    bound = bind("127.0.0.1", 0, "--port")
    server = HttpServer(app, bound, before_stop=edge.close)
    stop = asyncio.Event()
    running = asyncio.create_task(run_servers([server], stop))
    working = asyncio.create_task(worker.run())
    try:
        yield NativeServer(edge, worker, port_of(bound))
    finally:
        stop.set()
        await running
        await manager.close(grace_s=0)
        working.cancel()


Serve = Callable[..., AbstractAsyncContextManager[NativeServer]]


@pytest.fixture
def serve() -> Serve:
    """Return a context manager that serves with changed options."""

    def make(
        log: LogOptions | None = None, manager: ManagerOptions | None = None, **options: Any
    ) -> AbstractAsyncContextManager[NativeServer]:
        return serving(EdgeOptions(**options), log or LogOptions(), manager or ManagerOptions())

    return make


@pytest.fixture
async def native(serve: Serve) -> AsyncIterator[NativeServer]:
    async with serve() as server:
        yield server
