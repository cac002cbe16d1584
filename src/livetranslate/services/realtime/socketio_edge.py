"""Socket.IO connections: the same clients, outboxes and limits as on a WebSocket."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import socketio  # pyright: ignore[reportMissingTypeStubs] - it has none
import structlog
from socketio.exceptions import (  # pyright: ignore[reportMissingTypeStubs] - it has none
    ConnectionRefusedError as Refused,
)
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from livetranslate.domain.errors import (
    Forbidden,
    InternalError,
    InvalidInput,
    LiveTranslateError,
    Overloaded,
)
from livetranslate.domain.messages import ErrorMessage
from livetranslate.services.realtime.client import SessionClient
from livetranslate.services.realtime.connections import Connection, Protocol
from livetranslate.services.realtime.credentials import check_key, check_origin, header_key
from livetranslate.services.realtime.direct import EXTENSION, DirectSocket
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.frames import error_message
from livetranslate.services.realtime.loose import LooseClient
from livetranslate.services.realtime.options import HARD_MESSAGE_LIMIT
from livetranslate.services.realtime.outbox import Outbox
from livetranslate.services.realtime.socket import (
    CloseCode,
    idle_too_long,
    shutting_down,
    slow_reader,
)

QUEUED_PACKETS = 64
"""Packets that Socket.IO may hold for a client before nothing more is taken from its outbox."""
QUEUE_LOOK_S = 0.05
"""How often that is looked at."""

Handler = Callable[["SocketIoClient", dict[str, Any]], Awaitable[dict[str, Any] | None]]
"""Takes one message; what it returns is the answer to a client that asked for one."""

_log = structlog.get_logger(__name__)


class SocketIoClient:
    """One Socket.IO connection.

    Attributes:
        sid: Socket.IO's id of it.
        connection: Its entry among the connections.
        outbox: What goes out.
        loose: What it may do with sessions.
        writer: Drains the outbox.
        leaving: Whether it is being sent away.
    """

    def __init__(
        self,
        edge: Edge,
        sid: str,
        protocol: Protocol,
        scope: Scope,
        send_away: Callable[[str, ErrorMessage], None],
    ) -> None:
        self._send_away = send_away
        self._door: DirectSocket | None = scope.get("extensions", {}).get(EXTENSION)
        self.sid = sid
        self.outbox = Outbox(
            edge.options.outbox, lambda: send_away(sid, slow_reader()), total=edge.waiting
        )
        self.connection = Connection(
            protocol,
            address=(scope.get("client") or ("", 0))[0],
            user_agent=Headers(scope=scope).get("user-agent", ""),
        )
        self.loose = LooseClient(
            SessionClient(edge, self.connection, self.outbox),
            edge.log,
            kind="browser" if self.connection.user_agent.startswith("Mozilla") else "api",
            max_audio_bytes=edge.options.max_message_bytes,
        )
        self.writer: asyncio.Task[None] | None = None
        self.leaving = False

    def cut_off(self) -> None:
        """End a WebSocket without waiting for its peer to read."""
        if self._door is not None:
            self._door.cut_off()

    def shut_down(self, retry_after_s: float) -> None:
        """Send the client away: this process stops."""
        self._send_away(self.sid, shutting_down(retry_after_s))

    def idle(self, limit_s: float) -> None:
        """Send the client away: nothing went over the connection for so long."""
        self._send_away(self.sid, idle_too_long(limit_s))


class SocketIoEdge:
    """A Socket.IO server over an edge.

    Messages of one client are handled one after the other, so that audio keeps its order and a full
    backlog holds its sender back.

    Args:
        edge: Sessions, hub, connections.
        protocol: How its connections are called.
        handlers: What the events that clients emit do.
        on_connect: Called for each new client, to greet it.
        on_leave: Called for each client that is gone.
    """

    def __init__(
        self,
        edge: Edge,
        protocol: Protocol,
        handlers: Mapping[str, Handler],
        *,
        on_connect: Callable[[SocketIoClient], None] | None = None,
        on_leave: Callable[[SocketIoClient], None] | None = None,
    ) -> None:
        self._edge = edge
        self._protocol = protocol
        self._on_connect = on_connect
        self._on_leave = on_leave
        self._clients: dict[str, SocketIoClient] = {}
        self._closing: set[asyncio.Task[None]] = set()
        # Socket.IO's own classes carry no types.
        self.server: Any = socketio.AsyncServer(
            async_mode="asgi",
            async_handlers=False,
            cors_allowed_origins=self._allows,
            max_http_buffer_size=HARD_MESSAGE_LIMIT,
        )
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnect)
        for event, handler in handlers.items():
            self.server.on(event, self._taking(event, handler))

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Return an ASGI app that serves ``/socket.io`` here and all else from ``app``."""
        served: ASGIApp = socketio.ASGIApp(
            self.server, other_asgi_app=app, socketio_path="/socket.io"
        )

        def limited(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            return (self._refuse if self._no_room(scope) else served)(scope, receive, send)

        return limited

    def _no_room(self, scope: Scope) -> bool:
        """Return whether one comes for whom there is no room, before he even says what he wants."""
        if scope["type"] == "lifespan" or not scope["path"].startswith("/socket.io"):
            return False
        if b"sid=" in scope.get("query_string", b""):
            return False
        return len(self.server.eio.sockets) >= self._edge.options.max_connections

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose(CloseCode.TRY_LATER, "too many connections")(scope, receive, send)
            return
        later = str(math.ceil(self._edge.connections.retry_after_s()))
        text = "all connections are taken (WEBSOCKET_MAX_CONNECTIONS)"
        await PlainTextResponse(text, 503, {"Retry-After": later})(scope, receive, send)

    def _allows(self, origin: str | None, environ: dict[str, Any]) -> bool:
        if origin is None:
            return True
        try:
            check_origin(
                self._edge.options, {"origin": origin, "host": environ.get("HTTP_HOST", "")}
            )
        except Forbidden:
            return False
        return True

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        scope = cast("dict[str, Any]", environ.get("asgi.scope") or {})
        headers = Headers(scope=scope)
        key = header_key(headers)
        if key is None and isinstance(auth, dict):
            key = cast("dict[str, Any]", auth).get("api_key")
        client = SocketIoClient(self._edge, sid, self._protocol, scope, self._end)
        try:
            check_key(self._edge.options, key)
            if self._edge.connections.closing:
                raise Overloaded("this server is shutting down")
            self._edge.connections.add(client.connection, client)
        except LiveTranslateError as error:
            raise Refused(error.message, {"code": error.code}) from error
        self._clients[sid] = client
        client.writer = asyncio.create_task(self._write(client))
        if self._on_connect is not None:
            self._on_connect(client)

    async def _disconnect(self, sid: str, reason: str | None = None) -> None:
        del reason
        client = self._clients.pop(sid, None)
        if client is None:
            return
        self._edge.connections.remove(client.connection)
        if client.writer is not None:
            client.writer.cancel()
        if self._on_leave is not None:
            self._on_leave(client)
        await client.loose.client.close()
        client.outbox.close()

    def _taking(self, event: str, handler: Handler) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def take(sid: str, data: Any = None) -> dict[str, Any]:
            client = self._clients.get(sid)
            if client is None:
                return {"error": {"code": "not_connected"}}
            client.connection.received(_size(data))
            error: LiveTranslateError
            try:
                if not isinstance(data, dict):
                    raise InvalidInput(f"{event} takes an object with named fields")
                answer = await handler(client, cast("dict[str, Any]", data))
                if client.loose.client.activity_due:
                    await client.loose.client.activity()
                return answer or {"ok": True}
            except LiveTranslateError as known:
                error = known
            except Exception:  # noqa: BLE001 - a fault of ours must not end the connection
                _log.exception("message_failed", event_name=event)
                error = InternalError("this message failed on the server; the others go on")
            message = error_message(error, session_id=_session_named(data))
            client.loose.client.send(message)
            return {"error": _fields(message)}

        return take

    async def _write(self, client: SocketIoClient) -> None:
        eio_sid = self.server.manager.eio_sid_from_sid(client.sid, "/")
        while True:
            frame = await client.outbox.get()
            socket = self.server.eio.sockets.get(eio_sid)
            while socket is not None and socket.queue.qsize() > QUEUED_PACKETS:  # noqa: ASYNC110 - it has no event to wait for
                await asyncio.sleep(QUEUE_LOOK_S)
            data = dict(frame.data)
            name = data.pop("type")
            await self.server.emit(name, data, to=client.sid)
            client.connection.sent(frame.size)

    def _end(self, sid: str, message: ErrorMessage) -> None:
        """Send a client away with a word, once."""
        client = self._clients.get(sid)
        if client is None or client.leaving:
            return
        client.leaving = True
        task = asyncio.create_task(self._send_away(sid, message))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _send_away(self, sid: str, message: ErrorMessage) -> None:
        client = self._clients[sid]
        transport = self.server.manager.eio_sid_from_sid(sid, "/")
        try:
            async with asyncio.timeout(self._edge.options.close_s):
                await self.server.emit("error", _fields(message), to=sid)
                await self.server.disconnect(sid)
                await self.server.eio.disconnect(transport)
        except TimeoutError:
            client.cut_off()
        await self._disconnect(sid)


def _fields(message: ErrorMessage) -> dict[str, Any]:
    names = message.__struct_fields__
    return {name: value for name in names if (value := getattr(message, name)) is not None}


def _session_named(data: Any) -> str | None:
    named = cast("dict[str, Any]", data).get("session_id") if isinstance(data, dict) else None
    return named if isinstance(named, str) else None


def _size(data: Any) -> int:
    if not isinstance(data, dict):
        return 0
    audio = cast("dict[str, Any]", data).get("audio_data")
    return len(audio) if isinstance(audio, bytes | str) else 0
