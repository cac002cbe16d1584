"""WebSocket as bytes, for clients that are reduced to what they need. See RFC 6455."""

from __future__ import annotations

import base64
import os
import struct
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
NO_MASK = bytes(4)
"""A mask that costs nothing to apply, for servers that are measured."""


def handshake(url: str, *, api_key: str | None = None) -> bytes:
    """Return the request that opens a WebSocket."""
    parts = urlsplit(url)
    lines = [
        f"GET {parts.path or '/'} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *([f"Authorization: Bearer {api_key}"] if api_key else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def client_frame(opcode: int, payload: bytes, mask: bytes = NO_MASK) -> bytes:
    """Return one whole message as a client sends it (section 5.2)."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    if mask != NO_MASK:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return head + mask + payload


def frame_at(data: bytes, at: int = 0) -> tuple[int, int] | None:
    """Return where the payload of a server's frame begins and ends; None if it is not all here.

    Its opcode is in the lower half of the byte at ``at``.
    """
    if len(data) - at < 2:
        return None
    size, body = data[at + 1] & 0x7F, at + 2
    if size >= 126:
        body += 2 if size == 126 else 8
        if len(data) < body:
            return None
        size = int.from_bytes(data[at + 2 : body])
    end = body + size
    return (body, end) if end <= len(data) else None
