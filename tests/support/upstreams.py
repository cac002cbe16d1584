"""Upstream servers of the gateway's tests: real ones that answer, and raw ones that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from livetranslate.services.gateway.front import Forward, Front
from livetranslate.services.gateway.gateway import Gateway, GatewayOptions
from livetranslate.services.realtime.options import EdgeOptions
from livetranslate.services.request_ids import RequestIdMiddleware
from support.asgi import serve

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class RawServer:
    """A TCP server that says what it is told to.

    Attributes:
        url: Its address.
        connections: How many were accepted.
        requests: Heads that were read by ``request``.
    """

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.connections = 0
        self.requests: list[bytes] = []
        self.gone = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self.talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.transport.abort()

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """Read a request's head."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        return head

    async def answer_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes = OK
    ) -> None:
        """Answer every request the same."""
        while True:
            await self.request(reader)
            writer.write(answer)


@asynccontextmanager
async def raw_server(talk: Talk | None = None, port: int = 0) -> AsyncGenerator[RawServer]:
    """Run a raw server; without ``talk`` it answers ``ok`` to everything."""

    async def fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await found.answer_all(reader, writer)

    found = RawServer(talk or fine)
    server = await asyncio.start_server(found.accept, "127.0.0.1", port)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


class Proxied:
    """A served gateway.

    Attributes:
        url: Where the service's paths begin.
        websocket: The same for WebSockets.
        gateway: The gateway.
    """

    def __init__(self, base: str, gateway: Gateway) -> None:
        self.url = f"{base}/api/whisper"
        self.websocket = self.url.replace("http", "ws", 1)
        self.gateway = gateway


@asynccontextmanager
async def proxied(
    *urls: str, edge: EdgeOptions | None = None, **options: object
) -> AsyncGenerator[Proxied]:
    """Serve a gateway in front of whisper instances; nothing watches their health by itself."""
    told = GatewayOptions(
        urls={"whisper": urls, "translation": urls}, health_paths={"whisper": "/health"}, **options
    )
    gateway = Gateway(told)
    edge = edge or EdgeOptions()
    forwards = {
        f"/api/{name}": Forward(gateway, name, f"/api/{name}", edge)
        for name in ("whisper", "translation")
    }

    async def nothing_else(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with AsyncExitStack() as stack:
        app = RequestIdMiddleware(Front(nothing_else, forwards))
        base = await stack.enter_async_context(serve(app))
        stack.push_async_callback(gateway.close)
        yield Proxied(base, gateway)
