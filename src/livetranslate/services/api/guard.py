"""Credentials and request figures of the HTTP routes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livetranslate.domain.errors import Unauthorized
from livetranslate.monitoring.metrics import Metrics
from livetranslate.services.gateway.websocket import refuse_with
from livetranslate.services.problems import problem_response
from livetranslate.services.realtime.credentials import check_key, header_key
from livetranslate.services.realtime.options import EdgeOptions

OPEN_PATHS = ("/api/health", "/health", "/metrics", "/status")
"""Prefixes that need no key: what monitors and load balancers ask."""

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """ASGI middleware: asks for an API key where keys are set; the web app itself is open.

    Args:
        app: What is guarded.
        options: With the keys.
        protects: Prefixes of paths that need a key.
        sockets: Prefixes of WebSockets that need one in their headers; others ask by themselves.
    """

    def __init__(
        self,
        app: ASGIApp,
        options: EdgeOptions,
        *,
        protects: tuple[str, ...],
        sockets: tuple[str, ...] = (),
    ) -> None:
        self._app = app
        self._options = options
        self._protects = protects
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if self._closed(scope):
            try:
                check_key(self._options, header_key(Headers(scope=scope)))
            except Unauthorized as error:
                if scope["type"] == "websocket":
                    await receive()
                    await refuse_with(scope, send, error)
                else:
                    await problem_response(Request(scope), error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _closed(self, scope: Scope) -> bool:
        if scope["type"] == "websocket":
            return bool(self._sockets) and scope["path"].startswith(self._sockets)
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            return False
        path: str = scope["path"]
        return path.startswith(self._protects) and not path.startswith(OPEN_PATHS)


class RequestFigures:
    """ASGI middleware: counts requests by the pattern of their route."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, service: str) -> None:
        self._app = app
        self._metrics = metrics
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        began = time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            spent = time.monotonic() - began
            self._metrics.request(self._service, scope["method"], route, status, spent)
