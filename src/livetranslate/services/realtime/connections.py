"""The live connections of this process, over all protocols."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from livetranslate.domain.errors import Overloaded
from livetranslate.domain.session import BASE36


class Protocol(str, Enum):
    """How a connection speaks."""

    WEBSOCKET = "websocket"
    SOCKET_IO = "socket.io"
    WHISPER_WEBSOCKET = "whisper-websocket"
    WHISPER_SOCKET_IO = "whisper-socket.io"


class Connection:
    """One live connection and its counts.

    Attributes:
        connection_id: ``conn-…``, unique.
        protocol: How it speaks.
        address: Of the peer.
        user_agent: As the peer says.
        connected_at: UTC.
        feeds: Session it feeds, or None.
        listens: Sessions it hears.
        messages_in: Messages received.
        messages_out: Messages sent.
        bytes_in: Bytes received.
        bytes_out: Characters or bytes sent.
        active_at: Loop time of the last message in either direction.
        stop: Ends the connection from outside, with the seconds after which to come again.
    """

    def __init__(
        self,
        protocol: Protocol,
        *,
        address: str,
        user_agent: str,
        stop: Callable[[float], None],
    ) -> None:
        self.connection_id = new_connection_id()
        self.protocol = protocol
        self.address = address
        self.user_agent = user_agent
        self.connected_at = datetime.now(UTC)
        self.feeds: str | None = None
        self.listens: set[str] = set()
        self.messages_in = 0
        self.messages_out = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.active_at = asyncio.get_running_loop().time()
        self.stop = stop

    def received(self, size: int) -> None:
        """Count a message of so many bytes from the peer."""
        self.messages_in += 1
        self.bytes_in += size
        self.active_at = asyncio.get_running_loop().time()

    def sent(self, size: int) -> None:
        """Count a message of so many bytes to the peer."""
        self.messages_out += 1
        self.bytes_out += size
        self.active_at = asyncio.get_running_loop().time()

    def describe(self) -> dict[str, Any]:
        """Return what ``GET /api/connections`` tells; rates are means since the connection."""
        age = max((datetime.now(UTC) - self.connected_at).total_seconds(), 1e-3)
        return {
            "connection_id": self.connection_id,
            "protocol": self.protocol.value,
            "address": self.address,
            "user_agent": self.user_agent,
            "connected_at": self.connected_at.isoformat(),
            "connected_s": round(age, 3),
            "idle_s": round(asyncio.get_running_loop().time() - self.active_at, 3),
            "session_id": self.feeds,
            "listens": sorted(self.listens),
            "messages_in": self.messages_in,
            "messages_out": self.messages_out,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "bytes_in_per_s": round(self.bytes_in / age, 1),
            "bytes_out_per_s": round(self.bytes_out / age, 1),
        }


class Connections:
    """All connections of this process; bounded.

    Attributes:
        peak: Most connections at one time.
        total: Connections since the start.
        closing: Whether the process is shutting down.
    """

    def __init__(self, max_connections: int, *, shutdown_spread_s: float) -> None:
        self._max = max_connections
        self._spread_s = shutdown_spread_s
        self._live: dict[str, Connection] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self.peak = 0
        self.total = 0
        self.closing = False

    def __len__(self) -> int:
        """Return the number of live connections."""
        return len(self._live)

    def add(self, connection: Connection) -> None:
        """Take a connection in; raises Overloaded when there are too many."""
        if len(self._live) >= self._max:
            raise Overloaded(
                f"all {self._max} connections are taken (WEBSOCKET_MAX_CONNECTIONS)",
                retry_after_s=self.retry_after_s(),
            )
        self._live[connection.connection_id] = connection
        self._empty.clear()
        self.total += 1
        self.peak = max(self.peak, len(self._live))

    def remove(self, connection: Connection) -> None:
        """Forget a connection."""
        self._live.pop(connection.connection_id, None)
        if not self._live:
            self._empty.set()

    def retry_after_s(self) -> float:
        """Return a random time to come again after, so that not all come at once."""
        return round(1.0 + random.random() * self._spread_s, 2)  # noqa: S311 - only spreads load

    def close(self) -> None:
        """Tell every connection to come again later."""
        self.closing = True
        for connection in list(self._live.values()):
            connection.stop(self.retry_after_s())

    async def drained(self, timeout_s: float) -> None:
        """Wait until all connections are gone, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()

    def describe(self, *, offset: int = 0, limit: int = 100) -> dict[str, Any]:
        """Return a page of the live connections with the totals."""
        page = list(self._live.values())[offset : offset + limit]
        return {
            "active": len(self._live),
            "peak": self.peak,
            "total": self.total,
            "max": self._max,
            "offset": offset,
            "limit": limit,
            "connections": [connection.describe() for connection in page],
        }


def new_connection_id() -> str:
    """Return ``conn-`` and 12 random base36 characters."""
    return "conn-" + "".join(secrets.choice(BASE36) for _ in range(12))
