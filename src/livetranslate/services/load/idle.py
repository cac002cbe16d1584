"""An idle connection: a WebSocket client reduced to what keeps a connection open.

Ten thousand of them take some 30 MB; a full client would take ten times that, and the load tool
would measure itself. See RFC 6455.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services.load.raw import CLOSE, PING, PONG, client_frame, frame_at, handshake

_MOST_HEAD = 16 * 1024
OPEN_S = 30.0
PER_ADDRESS = 20_000
"""Connections from one source address to one server; there are some 28,000 ephemeral ports."""


class IdleConnection(asyncio.Protocol):
    """Opens, answers pings, drops all else.

    Args:
        request: The opening handshake.
        on_lost: Called when an open connection is closed by the server.

    Attributes:
        opened: Result None once it is open; BackendUnavailable if it is refused.
    """

    __slots__ = ("_buffer", "_closing", "_on_lost", "_request", "_transport", "opened")

    def __init__(self, request: bytes, on_lost: Callable[[], None]) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take in the answer to the handshake, then frames."""
        self._buffer += data
        if not self.opened.done() and not self._answered():
            return
        while (found := frame_at(self._buffer)) is not None:
            begin, end = found
            opcode, payload = self._buffer[0] & 0x0F, self._buffer[begin:end]
            self._buffer = self._buffer[end:]
            if opcode == PING:
                self._send(PONG, payload)
            elif opcode == CLOSE:
                self._send(CLOSE, payload[:2])
                self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whether the server ended it."""
        if not self.opened.done():
            self.opened.set_exception(BackendUnavailable(f"the connection was cut: {exc}"))
        elif not self._closing and self.opened.exception() is None:
            self._on_lost()

    def close(self) -> None:
        """Close it; the server is told."""
        self._closing = True
        if self._transport is not None and not self._transport.is_closing():
            self._send(CLOSE, b"\x03\xe8")
            self._end()

    def _answered(self) -> bool:
        """Read the answer; return whether the connection is open."""
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            if len(self._buffer) > _MOST_HEAD:
                self._end()
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            reason = head.partition(b"\r\n")[0].decode("latin-1")
            self.opened.set_exception(BackendUnavailable(f"the server answered {reason}"))
            self._end()
            return False
        self._buffer = rest
        self.opened.set_result(None)
        return True

    def _send(self, opcode: int, payload: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(client_frame(opcode, payload, os.urandom(4)))

    def _end(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def open_idle(
    url: str, api_key: str | None, number: int, on_lost: Callable[[], None]
) -> IdleConnection:
    """Open connection ``number``; raises BackendUnavailable.

    To a server on the loopback network connections come from several addresses, since one has not
    ports enough for more than some 28,000.
    """
    parts = urlsplit(url)
    host, secure = parts.hostname or "localhost", parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    request = handshake(url, api_key=api_key)
    group = number // PER_ADDRESS
    local = (f"127.0.0.{2 + group}", 0) if host.startswith("127.") and group else None
    context = ssl.create_default_context() if secure else None
    try:
        async with asyncio.timeout(OPEN_S):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: IdleConnection(request, on_lost), host, port, local_addr=local, ssl=context
            )
            await connection.opened
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or f"no answer within {OPEN_S:g} s"
        raise BackendUnavailable(f"no connection to {host}:{port}: {reason}") from error
    return connection
