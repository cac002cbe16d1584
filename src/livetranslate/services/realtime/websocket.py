"""The native WebSocket at ``/ws``: the socket's side of the native protocol."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

import livetranslate
from livetranslate.domain.errors import Unauthorized
from livetranslate.domain.messages import Connected
from livetranslate.services.realtime.client import SessionClient
from livetranslate.services.realtime.connections import Protocol
from livetranslate.services.realtime.credentials import check_key, header_key
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.frames import error_message
from livetranslate.services.realtime.native import NativeProtocol
from livetranslate.services.realtime.socket import CloseCode, Goodbye, Wire, admit
from livetranslate.services.realtime.subscriptions import Subscriptions


class NativeSocket:
    """The ASGI application of ``/ws``: serves each connection until it ends."""

    def __init__(self, edge: Edge, subscriptions: Subscriptions) -> None:
        self._edge = edge
        self._subscriptions = subscriptions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        wire = await admit(self._edge, scope, receive, send, Protocol.WEBSOCKET)
        if wire is None:
            return
        native = self._native(wire, Headers(scope=scope))
        try:
            await wire.run(native.take)
        finally:
            self._edge.connections.remove(wire.connection)
            await native.close()

    def _native(self, wire: Wire, headers: Headers) -> NativeProtocol:
        """Greet a connection and see what it may do."""
        options = self._edge.options
        key = header_key(headers)
        try:
            if key is not None:
                check_key(options, key)
        except Unauthorized as error:
            wire.end(Goodbye(CloseCode.UNAUTHORIZED, error_message(error, fatal=True)))
        client = SessionClient(self._edge, wire.connection, wire.outbox)
        client.send(
            Connected(
                connection_id=wire.connection.connection_id,
                server_version=livetranslate.__version__,
                limits=self._edge.limits,
            )
        )
        authenticated = key is not None or not options.api_keys
        deadline: asyncio.TimerHandle | None = None
        if not authenticated:
            error = Unauthorized("no credentials came in time", field="api_key")
            late = Goodbye(CloseCode.UNAUTHORIZED, error_message(error, fatal=True))
            loop = asyncio.get_running_loop()
            deadline = loop.call_later(options.authenticate_s, wire.end, late)
        kind = "browser" if "origin" in headers else "api"
        return NativeProtocol(client, self._subscriptions, options, kind=kind, deadline=deadline)
