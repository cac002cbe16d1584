"""The live edges on a real server, over a log in memory and a scripted worker."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from websockets.asyncio.client import connect, unix_connect

from livetranslate.domain.messages import Service
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.options import EdgeOptions
from livetranslate.services.realtime.socketio_edge import SocketIoEdge
from livetranslate.services.realtime.subscriptions import Subscriptions
from livetranslate.services.realtime.websocket import NativeSocket
from livetranslate.services.realtime.whisper_events import WhisperSocket, whisper_socketio
from livetranslate.services.server import HttpServer, port_of, run_servers
from livetranslate.services.sockets import Sockets
from livetranslate.sessions.clock import SystemClock
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.sessions.manager import ManagerOptions, SessionManager
from support.clock import VirtualClock
from support.scripted_edges import Client, ScriptedWorker


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
