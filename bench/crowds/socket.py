"""The cheapest WebSocket client that is honest: it frames, it counts, it answers pings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from livetranslate.services.load.raw import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    client_frame,
    frame_at,
    handshake,
)


class Socket(asyncio.Protocol):
    """One connection.

    Attributes:
        on_message: Called with the payload of each text or binary message.
        opened: Resolved once the server took the handshake.
        close_code: Code of the close that came, or None.
        gone: Whether the connection is lost.
    """

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._buffer = b""
        self._upgraded = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_message: Callable[[bytes], None] | None = None
        self.close_code: int | None = None
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the loss."""
        self.gone = True
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("closed in the handshake"))

    def send(self, opcode: int, payload: bytes) -> None:
        """Send one message."""
        self.transport.write(client_frame(opcode, payload))

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        if self._buffer:
            data = self._buffer + data
        at = 0 if self._upgraded else self._upgrade(data)
        while self._upgraded and (found := frame_at(data, at)) is not None:
            body, end = found
            self._frame(data[at] & 15, data[body:end])
            at = end
        self._buffer = data[at:]

    def _upgrade(self, data: bytes) -> int:
        """Look for the answer to the handshake; return where it ends, or 0."""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            return 0
        if b" 101 " not in data[:20]:
            self.opened.set_exception(ConnectionRefusedError(data[:40].decode()))
            self.transport.abort()
            return len(data)
        self._upgraded = True
        self.opened.set_result(None)
        return end

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode in (TEXT, BINARY):
            if self.on_message is not None:
                self.on_message(payload)
        elif opcode == PING:
            self.send(PONG, payload)
        elif opcode == CLOSE:
            self.close_code = int.from_bytes(payload[:2]) if payload else 1005
            self.transport.close()


async def open_sockets(url: str, count: int) -> list[Socket]:
    """Open connections, all at the same time; raises OSError if one was refused."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80

    async def one() -> Socket:
        _, socket = await loop.create_connection(lambda: Socket(handshake(url)), host, port)
        await socket.opened
        return socket

    return list(await asyncio.gather(*(one() for _ in range(count))))
