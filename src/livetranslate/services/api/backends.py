"""The services behind orchestration: their health, and requests passed on to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import structlog
from starlette.requests import Request
from starlette.responses import StreamingResponse
from yarl import URL

from livetranslate.domain.errors import BackendUnavailable, NotFound

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that belong to one connection (RFC 9110, section 7.6.1)."""
RETRY_AFTER_S = 2.0
"""When to ask again for a service that does not answer."""
HEALTH_TIMEOUT_S = 3.0

_log = structlog.get_logger(__name__)


class Backends:
    """Whisper and translation as they are reached over HTTP.

    Args:
        urls: Base addresses of each service's instances, by service.
        health_paths: Where each service tells its health.
        timeout_s: For connecting, and between two pieces of an answer.
        api_key: For requests of our own, where services ask for one.
    """

    def __init__(
        self,
        urls: dict[str, tuple[str, ...]],
        health_paths: dict[str, str],
        *,
        timeout_s: float,
        api_key: str | None = None,
    ) -> None:
        self._headers = {"X-API-Key": api_key} if api_key else {}
        self._urls = {
            name: [url.partition(";")[0].rstrip("/") for url in each] for name, each in urls.items()
        }
        self._health_paths = health_paths
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def health(self) -> list[dict[str, Any]]:
        """Return the health of every instance: reachable or not, its latency, what it says."""
        return await asyncio.gather(
            *(self._probe(name, url) for name, urls in self._urls.items() for url in urls)
        )

    async def get(self, service: str, path: str) -> dict[str, Any]:
        """Return the JSON object at a path of a service; raises BackendUnavailable."""
        timeout = aiohttp.ClientTimeout(total=HEALTH_TIMEOUT_S)
        failure = ""
        for url in self._urls[service]:
            try:
                async with self._client().get(
                    url + path, timeout=timeout, headers=self._headers
                ) as response:
                    if response.status < 500:
                        return await response.json()
                    failure = f"answered {response.status}"
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                failure = _reason(error)
        raise BackendUnavailable(
            f"{service} does not answer: {failure}", retry_after_s=RETRY_AFTER_S
        )

    async def forward(self, service: str, prefix: str, request: Request) -> StreamingResponse:
        """Pass a request on and stream the answer back.

        An instance that cannot be connected to is passed over; a request that may have been
        received is never sent twice.

        Args:
            service: Which service.
            prefix: Part of the path before what the service is asked for.
            request: The request.

        Raises:
            BackendUnavailable: No instance answers.
        """
        raw = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
        path = "/" + raw.removeprefix(prefix).lstrip("/")
        query = f"?{request.url.query}" if request.url.query else ""
        failure = ""
        for url in self._urls[service]:
            try:
                return await self._send(request, URL(f"{url}{path}{query}", encoded=True))
            except aiohttp.ClientConnectorError as error:
                failure = _reason(error)
            except (aiohttp.ClientError, TimeoutError) as error:
                failure = _reason(error)
                break
        _log.warning("backend_failed", service=service, path=path, reason=failure)
        raise BackendUnavailable(
            f"{service} does not answer: {failure}", retry_after_s=RETRY_AFTER_S
        )

    async def _send(self, request: Request, url: URL) -> StreamingResponse:
        headers = [
            (name, value)
            for name, value in request.headers.items()
            if name not in HOP_BY_HOP and name not in {"host", "content-length"}
        ]
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        if "content-length" in request.headers:
            headers.append(("content-length", request.headers["content-length"]))
        response = await self._client().request(
            request.method,
            url,
            headers=headers,
            data=request.stream() if has_body else None,
            allow_redirects=False,
            timeout=self._timeout,
        )
        answer = StreamingResponse(_body(response), status_code=response.status)
        answer.raw_headers = [
            (name.lower(), value)
            for name, value in response.raw_headers
            if name.decode("latin-1").lower() not in HOP_BY_HOP
        ]
        return answer

    async def _probe(self, service: str, url: str) -> dict[str, Any]:
        began = time.monotonic()
        found: dict[str, Any] = {"service": service, "url": url}
        try:
            timeout = aiohttp.ClientTimeout(total=HEALTH_TIMEOUT_S)
            address = url + self._health_paths[service]
            async with self._client().get(
                address, timeout=timeout, headers=self._headers
            ) as response:
                body: dict[str, Any] = await response.json()
                found["status"] = "healthy" if response.status < 400 else "unhealthy"
                found["details"] = body
                found["uptime_s"] = body.get("uptime_s")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            found.update(status="unreachable", reason=_reason(error))
        found["latency_ms"] = round((time.monotonic() - began) * 1000, 2)
        return found

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                connector=aiohttp.TCPConnector(limit=0),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._session


async def _body(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_any():
            yield piece
    finally:
        response.close()


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def unknown_path(path: str) -> NotFound:
    """Return the error for an address under ``/api`` that does not exist."""
    return NotFound(f"there is nothing at {path}; /docs lists what there is")
