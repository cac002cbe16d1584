"""The baselines: bare servers without anything of the platform's.

``python -m bench.crowds.bare uvicorn`` echoes; ``broadcast`` and ``sequential`` publish events to
all viewers, by ``websockets.broadcast`` or one ``send`` after the other.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.crowds.events import publish_paced, text_of
from bench.crowds.pipes import serve_commands

PING_S = 30.0


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Serve one WebSocket that says what text it hears, and counts what audio it is sent."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    chunks = 0
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text is None:
            text = f'{{"type":"audio_ack","session_id":"s","seq":{chunks},"buffered_s":0.1}}'
            chunks += 1
        await send({"type": "websocket.send", "text": text})


async def run_uvicorn() -> None:
    """Serve ``echo`` as the platform is served: uvloop, websockets-sansio, no compression."""
    config = uvicorn.Config(
        echo,
        host="127.0.0.1",
        port=0,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        lifespan="off",
        log_config=None,
        access_log=False,
        backlog=4096,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it has no event to wait for
        await asyncio.sleep(0.01)
    await serve_commands(_nothing, port=server.servers[0].sockets[0].getsockname()[1])
    serving.cancel()


async def run_websockets(publish: Callable[[set[ServerConnection], str], Awaitable[None]]) -> None:
    """Serve viewers that are told of what is published."""
    viewers: set[ServerConnection] = set()

    async def view(connection: ServerConnection) -> None:
        viewers.add(connection)
        try:
            await connection.wait_closed()
        finally:
            viewers.discard(connection)

    async def answer(command: dict[str, Any]) -> dict[str, Any]:
        async def one(size: int) -> None:
            await publish(viewers, text_of(size))

        return await publish_paced(one, command)

    async with serve(view, "127.0.0.1", 0, compression=None, ping_interval=PING_S) as server:
        (listening,) = server.sockets
        await serve_commands(answer, port=listening.getsockname()[1])


async def by_broadcast(viewers: set[ServerConnection], text: str) -> None:
    """Write to all without waiting for any."""
    broadcast(viewers, text)


async def in_sequence(viewers: set[ServerConnection], text: str) -> None:
    """Send to one after the other, as naive servers do."""
    for viewer in list(viewers):
        await viewer.send(text)


async def _nothing(command: dict[str, Any]) -> dict[str, Any]:
    return command


RUNNERS: dict[str, Callable[[], Any]] = {
    "uvicorn": run_uvicorn,
    "broadcast": lambda: run_websockets(by_broadcast),
    "sequential": lambda: run_websockets(in_sequence),
}

if __name__ == "__main__":
    uvloop.run(RUNNERS[sys.argv[1]]())
