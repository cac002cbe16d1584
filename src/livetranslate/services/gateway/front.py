"""Where the gateway stands in orchestration: the paths that are passed on."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from livetranslate.domain.errors import LiveTranslateError
from livetranslate.services.gateway.gateway import Gateway
from livetranslate.services.gateway.websocket import refuse_with
from livetranslate.services.problems import problem_response
from livetranslate.services.realtime.credentials import check_key, check_origin, header_key
from livetranslate.services.realtime.options import EdgeOptions

AUTHENTICATES = frozenset({"whisper", "audio"})
"""Services that ask WebSockets for credentials themselves, by messages if need be."""


class _Route:
    """What the request figures call the route."""

    def __init__(self, path: str) -> None:
        self.path = path


class Forward:
    """ASGI application that passes everything under a prefix on to a service.

    Args:
        gateway: The gateway.
        name: The service's name.
        prefix: Path in front of what the service is asked for, such as ``/api/whisper``.
        options: Who may connect WebSockets.
    """

    def __init__(self, gateway: Gateway, name: str, prefix: str, options: EdgeOptions) -> None:
        self._gateway = gateway
        self._name = name
        self._service = gateway.service_of(name)
        self._prefix = prefix.encode("latin-1")
        self._route = _Route(f"{prefix}/{{path}}")
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        scope["route"] = self._route
        target = self._target(scope)
        if scope["type"] == "websocket":
            try:
                self._admit(scope)
            except LiveTranslateError as error:
                await receive()
                await refuse_with(scope, send, error)
                return
            await self._gateway.websocket(self._service, target, scope, receive, send)
            return
        try:
            await self._gateway.http(self._service, target, scope, receive, send)
        except LiveTranslateError as error:
            await problem_response(Request(scope), error)(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        check_origin(self._options, headers)
        key = header_key(headers)
        if key is not None or self._name not in AUTHENTICATES:
            check_key(self._options, key)

    def _target(self, scope: Scope) -> bytes:
        raw: Any = scope.get("raw_path") or scope["path"].encode("utf-8")
        path = bytes(raw).partition(b"?")[0].removeprefix(self._prefix)
        query: bytes = scope["query_string"]
        return b"/" + path.lstrip(b"/") + (b"?" + query if query else b"")


class Front:
    """ASGI application: passes some prefixes on, and leaves all else to the application behind.

    It stands before the framework's routing, which would cost more than passing a request on.

    Args:
        app: Everything else.
        forwards: What passes requests on, by prefix.
    """

    def __init__(self, app: ASGIApp, forwards: dict[str, Forward]) -> None:
        self._app = app
        self._forwards = {f"{prefix}/": forward for prefix, forward in forwards.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            for prefix, forward in self._forwards.items():
                if path.startswith(prefix):
                    await forward(scope, receive, send)
                    return
        await self._app(scope, receive, send)
