"""A request id for every request, in its response, its log lines and its error body."""

from __future__ import annotations

import re
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID_HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"^[A-Za-z0-9_.-]{1,128}$")


class RequestIdMiddleware:
    """ASGI middleware that keeps a caller's well-formed ``X-Request-ID`` or makes one.

    The id is in the scope's state (``request_id``), in the headers of the response or of the
    accepted WebSocket, and bound to the log lines written meanwhile.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        known = "request_id" in scope.get("state", {})  # by this middleware further out
        if known or scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        request_id = given if _WELL_FORMED.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                message.setdefault("headers", [])
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)


def request_id_of(connection: HTTPConnection) -> str | None:
    """Return the id that the middleware gave this request or WebSocket."""
    return getattr(connection.state, "request_id", None)
