"""Passes WebSockets on: the handshake to a chosen instance, then messages both ways."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from livetranslate.domain.errors import BackendTimeout, BackendUnavailable, LiveTranslateError
from livetranslate.services.gateway.connection import Header
from livetranslate.services.gateway.fleet import Admission, Fleet
from livetranslate.services.gateway.headers import forwarded, named_in_connection
from livetranslate.services.gateway.retry import RetryPolicy
from livetranslate.services.problems import PROBLEM_TYPE, problem_details

NO_STATUS = 1005
"""Close code of a peer that named none."""
_NOT_ON = frozenset(
    {
        b"connection",
        b"host",
        b"origin",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"sec-websocket-key",
        b"sec-websocket-protocol",
        b"sec-websocket-version",
        b"upgrade",
        b"user-agent",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-request-id",
    }
)
"""Not passed on: of this handshake, or written anew. ``Origin`` was judged here."""

_log = structlog.get_logger(__name__)


class SocketOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How WebSockets are passed on.

    Attributes:
        retry: Of handshakes.
        open_s: Longest time of a handshake.
        ping_s: Between pings to the instance; one that does not answer for as long is gone.
        waiting_messages: Messages of the instance that wait here before it is held back.
        max_message_bytes: Largest message of an instance.
    """

    retry: RetryPolicy = RetryPolicy(attempts=1)
    open_s: float = 10.0
    ping_s: float = 20.0
    waiting_messages: int = 16
    max_message_bytes: int = 8 * 1024 * 1024


class WebSocketProxy:
    """Passes WebSockets on.

    Args:
        fleet: Instances.
        options: How.
    """

    def __init__(self, fleet: Fleet, options: SocketOptions | None = None) -> None:
        self._fleet = fleet
        self._options = options or SocketOptions()

    async def __call__(
        self, service: str, target: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve a WebSocket to its end.

        Args:
            service: Which service.
            target: Path and query at the instance, as they are written.
            scope: The connection's.
            receive: The connection's.
            send: The connection's.
        """
        await receive()  # websocket.connect
        try:
            upstream = await self._opened(service, target, scope)
        except InvalidStatus as refusal:
            answer = refusal.response
            kept = [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in answer.headers.raw_items()
                if name.lower() in ("content-type", "retry-after", "www-authenticate")
            ]
            await refuse(scope, send, answer.status_code, kept, bytes(answer.body or b""))
            return
        except LiveTranslateError as error:
            await refuse_with(scope, send, error)
            return
        try:
            await send({"type": "websocket.accept", "subprotocol": upstream.subprotocol})
            await _both_ways(upstream, receive, send)
        finally:
            upstream.transport.abort()

    async def _opened(self, service: str, target: bytes, scope: Scope) -> ClientConnection:
        tried: list[str] = []
        while True:
            admission = self._fleet.choose(service, rather_not=tried)
            tried.append(admission.backend.instance.instance_id)
            try:
                return await self._open(service, admission, target, scope)
            except BackendUnavailable as error:
                if len(tried) > self._options.retry.attempts:
                    raise
                _log.info("websocket_again", service=service, reason=error.message)

    async def _open(
        self, service: str, admission: Admission, target: bytes, scope: Scope
    ) -> ClientConnection:
        options = self._options
        url = "ws" + admission.backend.instance.url.removeprefix("http")
        protocols: Sequence[Subprotocol] = [Subprotocol(one) for one in scope["subprotocols"]]
        try:
            async with asyncio.timeout(options.open_s):
                opened = await connect(
                    url + target.decode("latin-1"),
                    additional_headers=_headers(scope),
                    subprotocols=protocols or None,
                    user_agent_header=_user_agent(scope),
                    compression=None,
                    open_timeout=None,
                    ping_interval=options.ping_s,
                    ping_timeout=options.ping_s,
                    close_timeout=2.0,
                    max_size=options.max_message_bytes,
                    max_queue=options.waiting_messages,
                    proxy=None,
                )
        except InvalidStatus as refusal:
            refused = refusal.response.status_code
            (admission.failed if refused in (500, 502, 504) else admission.succeeded)()
            raise
        except TimeoutError as error:
            admission.failed()
            raise BackendTimeout(
                f"{service} does not answer: no handshake in {options.open_s:g} s",
                retry_after_s=2.0,
            ) from error
        except (OSError, InvalidHandshake, ConnectionClosed) as error:
            admission.failed()
            raise BackendUnavailable(
                f"{service} does not answer: {error}", retry_after_s=2.0
            ) from error
        except BaseException:
            admission.abandoned()
            raise
        admission.succeeded()
        return opened


async def refuse_with(scope: Scope, send: Send, error: LiveTranslateError) -> None:
    """Refuse a handshake with an error of ours."""
    details = problem_details(error)
    headers: list[Header] = [(b"content-type", PROBLEM_TYPE.encode())]
    if error.retry_after_s is not None:
        seconds = max(1, math.ceil(error.retry_after_s))
        headers.append((b"retry-after", str(seconds).encode()))
    await refuse(scope, send, error.status, headers, json.dumps(details).encode())


async def refuse(
    scope: Scope, send: Send, status: int, headers: Sequence[Header], body: bytes
) -> None:
    """Refuse a handshake before it is accepted, with an HTTP answer where the server can."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1013})
        return
    await send(
        {"type": "websocket.http.response.start", "status": status, "headers": list(headers)}
    )
    await send({"type": "websocket.http.response.body", "body": body})


async def _both_ways(upstream: ClientConnection, receive: Receive, send: Send) -> None:
    """Pass messages on until one side closes; each direction waits for its reader."""
    forth = asyncio.create_task(_forth(upstream, receive))
    back = asyncio.create_task(_back(upstream, send))
    try:
        await asyncio.wait({forth, back}, return_when=asyncio.FIRST_COMPLETED)
        if forth.done() and not forth.cancelled() and forth.exception() is None:
            code, reason = forth.result()
            await upstream.close(code, reason)
        elif not back.done():
            await back  # the instance is gone: what it said last is still passed on
    finally:
        forth.cancel()
        back.cancel()
        await asyncio.gather(forth, back, return_exceptions=True)


async def _forth(upstream: ClientConnection, receive: Receive) -> tuple[int, str]:
    """Pass the caller's messages on; return how the caller closed."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return _sendable(message.get("code")), message.get("reason") or ""
        text = message.get("text")
        await upstream.send(text if text is not None else message.get("bytes", b""))


async def _back(upstream: ClientConnection, send: Send) -> None:
    """Pass the instance's messages on, and its close."""
    try:
        while True:
            message = await upstream.recv()
            kind = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", kind: message})
    except ConnectionClosed as closed:
        told = closed.rcvd
        code = told.code if told is not None else int(CloseCode.BAD_GATEWAY)
        reason = told.reason if told is not None else "the service is gone"
        code = 1000 if code == NO_STATUS else code
        await send({"type": "websocket.close", "code": code, "reason": reason})


def _sendable(code: int | None) -> int:
    """Return a close code that may be sent: reserved ones only say that there was none."""
    if code is None or code == NO_STATUS:
        return int(CloseCode.NORMAL_CLOSURE)
    return int(CloseCode.GOING_AWAY) if code in (1006, 1015) else code


def _headers(scope: Scope) -> list[tuple[str, str]]:
    headers: Sequence[Header] = scope["headers"]
    dropped = _NOT_ON | named_in_connection(headers)
    kept = [header for header in headers if header[0] not in dropped] + forwarded(scope)
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in kept]


def _user_agent(scope: Scope) -> str | None:
    headers: Any = scope["headers"]
    return next((value.decode("latin-1") for name, value in headers if name == b"user-agent"), None)
