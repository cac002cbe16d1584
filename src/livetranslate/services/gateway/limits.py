"""Rate limits: so many requests a second of each caller, with room for bursts."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import blake2b

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livetranslate.domain.errors import RateLimited
from livetranslate.services.gateway.budget import TokenBucket
from livetranslate.services.gateway.websocket import refuse_with
from livetranslate.services.problems import problem_response
from livetranslate.services.realtime.credentials import header_key

COUNTED = ("/api/", "/v1/", "/agent/", "/ws", "/socket.io")
"""Paths that are counted; the web app's own files are not."""
NOT_COUNTED = ("/api/health",)
"""What monitors and load balancers ask."""


class RateLimitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one caller.

    Attributes:
        requests: HTTP requests a second; 0 for no limit.
        burst: HTTP requests at once.
        connections: WebSocket handshakes a second; 0 for no limit.
        connection_burst: WebSocket handshakes at once.
        max_callers: Callers that are remembered; beyond, who was quiet longest is forgotten.
    """

    requests: float = 200.0
    burst: int = 2000
    connections: float = 1000.0
    connection_burst: int = 10_000
    max_callers: int = 10_000


class Callers:
    """What each caller may still ask for.

    A caller is an API key that is known here, else an address; of an IPv6 address the network
    (/64), as one machine has all of it. Each process counts for itself.

    Args:
        options: Limits.
        keys: Known API keys.
        clock: Steady seconds.

    Attributes:
        options: Limits.
        clock: Steady seconds.
    """

    def __init__(
        self,
        options: RateLimitOptions,
        *,
        keys: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options
        self.clock = clock
        self._keys = frozenset(_digest(key) for key in keys)
        self._buckets: OrderedDict[tuple[str, str], TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are remembered, for WebSockets apart from requests."""
        return len(self._buckets)

    def bucket(self, scope: Scope) -> TokenBucket | None:
        """Return the bucket from which a connection takes, or None if it is not counted."""
        options, kind = self.options, scope["type"]
        if kind == "http":
            rate, burst = options.requests, options.burst
        elif kind == "websocket":
            rate, burst = options.connections, options.connection_burst
        else:
            return None
        path: str = scope["path"]
        if rate <= 0 or not path.startswith(COUNTED) or path.startswith(NOT_COUNTED):
            return None
        key = (kind, self._caller(scope))
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(rate, burst, self.clock())
            if len(self._buckets) > options.max_callers:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket

    def _caller(self, scope: Scope) -> str:
        if self._keys:
            key = header_key(Headers(scope=scope))
            if key is not None and _digest(key) in self._keys:
                return "key " + _digest(key)
        client = scope.get("client")
        return _network(client[0]) if client else ""


class RateLimit:
    """ASGI middleware: answers 429 to callers that ask too often.

    Args:
        app: What is protected.
        callers: Who asked how often; several applications may count together.
    """

    def __init__(self, app: ASGIApp, callers: Callers) -> None:
        self._app = app
        self._callers = callers
        self._options = callers.options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a connection on, or refuse it."""
        bucket = self._callers.bucket(scope)
        if bucket is None:
            await self._app(scope, receive, send)
            return
        now = self._callers.clock()
        if bucket.take(now):
            told = send if scope["type"] == "websocket" else self._telling(bucket, now, send)
            await self._app(scope, receive, told)
            return
        error = RateLimited(
            "too many requests of one caller; RATE_LIMIT_REQUESTS and RATE_LIMIT_CONNECTIONS say "
            "how many a second are taken",
            retry_after_s=bucket.wait_s(now),
        )
        if scope["type"] == "websocket":
            await receive()
            await refuse_with(scope, send, error)
            return
        response = problem_response(Request(scope), error)
        for name, value in self._figures(bucket, now):
            response.headers[name] = value
        await response(scope, receive, send)

    def _figures(self, bucket: TokenBucket, now: float) -> list[tuple[str, str]]:
        """Return the headers that tell what is left, and when all of it is there again."""
        left = bucket.remaining(now)
        reset_s = (self._options.burst - left) / self._options.requests
        return [
            ("RateLimit-Limit", str(self._options.burst)),
            ("RateLimit-Remaining", str(left)),
            ("RateLimit-Reset", str(math.ceil(reset_s))),
        ]

    def _telling(self, bucket: TokenBucket, now: float, send: Send) -> Send:
        """Return ``send`` that tells a caller near the limit how much is left."""
        if bucket.remaining(now) > self._options.burst // 2:
            return send

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                for name, value in self._figures(bucket, now):
                    headers[name] = value
            await send(message)

        return telling


def _digest(key: str) -> str:
    return blake2b(key.encode(), digest_size=16).hexdigest()


def _network(address: str) -> str:
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found.packed, 64), strict=False))
