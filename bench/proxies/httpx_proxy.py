"""The baseline: a streaming proxy on httpx, on the same server, with nothing around it."""

from __future__ import annotations

import asyncio
import sys

import httpx
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from bench.crowds.pipes import serve_commands
from bench.proxies.pinning import pin
from livetranslate.services.gateway.headers import HOP_BY_HOP
from livetranslate.services.server import bind, port_of

PREFIX = b"/api/whisper"


class Proxy:
    """Passes requests without a body on to one address."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._client = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        target = scope["raw_path"].removeprefix(PREFIX).decode()
        dropped = HOP_BY_HOP | {b"host"}
        headers = [header for header in scope["headers"] if header[0] not in dropped]
        request = self._client.build_request(
            scope["method"], self._upstream + target, headers=headers
        )
        response = await self._client.send(request, stream=True)
        back = [
            (name.lower(), value)
            for name, value in response.headers.raw
            if name.lower() not in HOP_BY_HOP
        ]
        start = {"type": "http.response.start", "status": response.status_code, "headers": back}
        await send(start)
        async for piece in response.aiter_raw():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await response.aclose()
        await send({"type": "http.response.body", "body": b""})


async def main(upstream: str) -> None:
    """Serve on a free port."""
    bound = bind("127.0.0.1", 0, "--port")
    config = uvicorn.Config(Proxy(upstream), lifespan="off", log_config=None, access_log=False)
    serving = asyncio.create_task(uvicorn.Server(config).serve(sockets=[bound]))
    await serve_commands(pin, port=port_of(bound))
    serving.cancel()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
