"""The live connections of this process, over all protocols."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from typing import Protocol as Interface

from livetranslate.domain.errors import Overloaded
from livetranslate.domain.session import BASE36
from livetranslate.services.garbage import give_back

IDLE_LOOKS = 20
"""Looks for idle connections in the time after which one is idle: it is closed that much late."""


CROWD = 1000
"""Connections whose going is worth a look at the memory they held."""
SETTLE_S = 5.0
"""Seconds between the going of a crowd and that look, so that all of it is gone."""


class Protocol(str, Enum):
    """How a connection speaks."""

    WEBSOCKET = "websocket"
    SOCKET_IO = "socket.io"
    WHISPER_WEBSOCKET = "whisper-websocket"
    WHISPER_SOCKET_IO = "whisper-socket.io"


class Owner(Interface):
    """Whoever holds a connection and can end it."""

    def shut_down(self, retry_after_s: float) -> None:
        """Send the peer away for so many seconds: this process stops."""
        ...

    def idle(self, limit_s: float) -> None:
        """Send the peer away: nothing went over the connection for so long."""
        ...


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
        bytes_out: Bytes sent.
        active_at: Loop time of the last message in either direction.
    """

    __slots__ = (
        "_loop",
        "active_at",
        "address",
        "bytes_in",
        "bytes_out",
        "connected_at",
        "connection_id",
        "feeds",
        "listens",
        "messages_in",
        "messages_out",
        "protocol",
        "user_agent",
    )

    def __init__(self, protocol: Protocol, *, address: str, user_agent: str) -> None:
        self._loop = asyncio.get_running_loop()
        self.connection_id = new_connection_id()
        self.protocol = protocol
        self.address = address
        self.user_agent = user_agent
        self.connected_at = datetime.now(UTC)
        self.feeds: str | None = None
        self.listens: Collection[str] = ()
        self.messages_in = 0
        self.messages_out = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.active_at = self._loop.time()

    def received(self, size: int) -> None:
        """Count a message of so many bytes from the peer."""
        self.messages_in += 1
        self.bytes_in += size
        self.active_at = self._loop.time()

    def sent(self, size: int) -> None:
        """Count a message of so many bytes to the peer."""
        self.messages_out += 1
        self.bytes_out += size
        self.active_at = self._loop.time()

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
            "idle_s": round(self._loop.time() - self.active_at, 3),
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

    Args:
        max_connections: At most.
        idle_timeout_s: Seconds after which a connection over which nothing goes is ended; one timer
            looks after all of them.
        shutdown_spread_s: Peers told to come again do so spread over so many seconds.
        on_crowd_gone: Called a while after more than half of at least ``CROWD`` have gone.

    Attributes:
        peak: Most connections at one time.
        total: Connections since the start.
        closing: Whether the process is shutting down.
    """

    def __init__(
        self,
        max_connections: int,
        *,
        idle_timeout_s: float,
        shutdown_spread_s: float,
        on_crowd_gone: Callable[[], None] = give_back,
    ) -> None:
        self._max = max_connections
        self._idle_s = idle_timeout_s
        self._spread_s = shutdown_spread_s
        self._live: dict[str, tuple[Connection, Owner]] = {}
        self._look: asyncio.TimerHandle | None = None
        self._on_crowd_gone = on_crowd_gone
        self._crowd = 0
        self._settling: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self.peak = 0
        self.total = 0
        self.closing = False

    def __len__(self) -> int:
        """Return the number of live connections."""
        return len(self._live)

    def add(self, connection: Connection, owner: Owner) -> None:
        """Take a connection in, and who can end it; raises Overloaded when there are too many."""
        if len(self._live) >= self._max:
            raise Overloaded(
                f"all {self._max} connections are taken (WEBSOCKET_MAX_CONNECTIONS)",
                retry_after_s=self.retry_after_s(),
            )
        self._live[connection.connection_id] = (connection, owner)
        self._empty.clear()
        self.total += 1
        self.peak = max(self.peak, len(self._live))
        self._crowd = max(self._crowd, len(self._live))
        if self._look is None:
            self._look_later()

    def limit(self, max_connections: int) -> None:
        """Change how many there may be; those that are there already stay."""
        self._max = max_connections

    def remove(self, connection: Connection) -> None:
        """Forget a connection."""
        self._live.pop(connection.connection_id, None)
        if self._crowd >= CROWD and len(self._live) < self._crowd / 2 and self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(SETTLE_S, self._crowd_gone)
        if not self._live:
            self._empty.set()
            if self._look is not None:
                self._look.cancel()
                self._look = None

    def retry_after_s(self) -> float:
        """Return a random time to come again after, so that not all come at once."""
        return round(1.0 + random.random() * self._spread_s, 2)  # noqa: S311 - only spreads load

    def close(self) -> None:
        """Tell every connection to come again later."""
        self.closing = True
        for _, owner in list(self._live.values()):
            owner.shut_down(self.retry_after_s())

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
            "connections": [connection.describe() for connection, _ in page],
        }

    def _crowd_gone(self) -> None:
        self._settling = None
        self._crowd = len(self._live)
        self._on_crowd_gone()

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(self._idle_s / IDLE_LOOKS, self._end_idle)

    def _end_idle(self) -> None:
        since = asyncio.get_running_loop().time() - self._idle_s
        for owner in [who for one, who in self._live.values() if one.active_at <= since]:
            owner.idle(self._idle_s)
        self._look_later()


def new_connection_id() -> str:
    """Return ``conn-`` and 12 random base36 characters."""
    return "conn-" + "".join(secrets.choice(BASE36) for _ in range(12))
