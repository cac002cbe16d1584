"""Live WebSockets beside an application: they pass none of its layers but the request's id."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from livetranslate.services.request_ids import RequestIdMiddleware


class Sockets:
    """An ASGI application that serves some paths' WebSockets and leaves all else to another.

    What a web framework puts around a request (routing, dependencies, error pages) would stay in
    memory for as long as a connection lives.

    Args:
        app: Serves everything else.
        sockets: What serves the WebSockets of a path.
    """

    def __init__(self, app: ASGIApp, sockets: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._sockets = {path: RequestIdMiddleware(one) for path, one in sockets.items()}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection."""
        found = self._sockets.get(scope["path"]) if scope["type"] == "websocket" else None
        return (found or self._app)(scope, receive, send)
