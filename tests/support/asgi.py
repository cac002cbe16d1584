"""Real uvicorn servers on free ports for tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


@asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on a free port; yields its base URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2, ws_ping_interval=None)
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined] - pytest has them
    started = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not started.done():  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await started
        listener.close()
