"""The cheapest WebSocket client that is honest: it frames, it counts, it answers pings."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def client_frame(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame; its mask is zero, so that it costs nothing to apply."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + bytes(4) + payload


def handshake(url: str) -> bytes:
    """Return the request that opens a WebSocket."""
    parts = urlsplit(url)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {parts.path or '/'} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


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
        while self._upgraded and (found := _frame_at(data, at)) is not None:
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


def _frame_at(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the payload of a server's frame begins and ends; None if it is not all here."""
    if len(data) - at < 2:
        return None
    size, body = data[at + 1] & 127, at + 2
    if size >= 126:
        body += 2 if size == 126 else 8
        if len(data) < body:
            return None
        size = int.from_bytes(data[at + 2 : body])
    end = body + size
    return (body, end) if end <= len(data) else None


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
