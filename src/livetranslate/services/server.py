"""HTTP servers of a role: sockets bound first, several servers on one loop, a stop with manners."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Awaitable, Callable, Generator

import uvicorn
from starlette.types import ASGIApp

from livetranslate.domain.errors import Conflict, InvalidInput
from livetranslate.services.protocols import HttpProtocol, WebSocketProtocol
from livetranslate.services.realtime.options import HARD_MESSAGE_LIMIT

GRACE_S = 5
"""Seconds that requests under way have to finish when the server stops."""

WAITING_CONNECTIONS = 65_535
"""Connections that may wait to be accepted; the kernel has a limit of its own (somaxconn)."""


def bind(host: str, port: int, option: str) -> socket.socket:
    """Return a bound TCP socket; port 0 takes a free one.

    Args:
        host: Address or name.
        port: Port.
        option: Option of the command line that sets the port, for the error.

    Raises:
        Conflict: Another program has the port.
        InvalidInput: The address is none of this machine's, or the port is not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(WAITING_CONNECTIONS)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"port {port} is in use by another program; stop it, or choose another port "
                f"with {option}",
                field=option,
            ) from error
        raise InvalidInput(
            f"cannot listen on {host}:{port}: {error.strerror}", field=option
        ) from error
    found.setblocking(False)
    return found


def port_of(bound: socket.socket) -> int:
    """Return the port a socket is bound to."""
    return int(bound.getsockname()[1])


class HttpServer(uvicorn.Server):
    """One app on one bound socket; signals are left to whoever runs it.

    Args:
        app: What to serve.
        bound: Listening socket.
        ping_s: Seconds between WebSocket pings; a peer that answers none is gone.
        before_stop: Called when the server is to stop, while its connections still live.
    """

    def __init__(
        self,
        app: ASGIApp,
        bound: socket.socket,
        *,
        ping_s: float = 30.0,
        before_stop: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                http=HttpProtocol,
                ws=WebSocketProtocol,
                ws_max_size=HARD_MESSAGE_LIMIT,
                ws_per_message_deflate=False,
                ws_ping_interval=ping_s,
                ws_ping_timeout=ping_s,
                lifespan="off",
                log_config=None,
                access_log=False,
                backlog=WAITING_CONNECTIONS,
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._bound = bound
        self._before_stop = before_stop

    async def run_until_stopped(self) -> None:
        """Serve until ``should_exit`` is set."""
        await self.serve(sockets=[self._bound])

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the process's signal handlers alone."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the app take leave of its connections, then stop."""
        if self._before_stop is not None:
            await self._before_stop()
        await super().shutdown(sockets)


async def run_servers(servers: list[HttpServer], stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set or one server ends by itself; then stop all of them."""
    tasks = [asyncio.create_task(server.run_until_stopped()) for server in servers]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        for server in servers:
            server.should_exit = True
    await asyncio.gather(*tasks)


def stop_on_signals(stop: asyncio.Event, on_second: Callable[[], None]) -> None:
    """Set ``stop`` at the first SIGINT or SIGTERM; ``on_second`` is called at the next one."""
    loop = asyncio.get_running_loop()

    def handle() -> None:
        if stop.is_set():
            on_second()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, handle)
