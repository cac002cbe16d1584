"""Connections to one instance, kept for the next request."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import msgspec

from livetranslate.domain.errors import BackendTimeout, BackendUnavailable
from livetranslate.services.gateway.connection import Connection

LOOKS = 20
"""How often the silence of busy connections is looked at within the longest silence allowed."""


class PoolOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Times of the connections.

    Attributes:
        connect_s: Longest time until an instance accepts.
        silence_s: Longest time in which nothing comes from an instance that is waited for.
        idle_s: How long a connection without a request is kept; less than the 5 s after which
            uvicorn closes its side.
    """

    connect_s: float = 5.0
    silence_s: float = 30.0
    idle_s: float = 3.0


class ConnectionPool:
    """Connections to one address.

    Args:
        url: Base address of the instance.
        options: Times.

    Attributes:
        host: Value of the header ``Host``.
        prefix: Path of the base address, without a slash at its end.
    """

    def __init__(self, url: str, options: PoolOptions) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._options = options
        self._free: list[Connection] = []
        self._busy: set[Connection] = set()
        self._looking: asyncio.TimerHandle | None = None
        self.host = parts.netloc.encode("latin-1")
        self.prefix = parts.path.rstrip("/").encode("latin-1")

    def configure(self, options: PoolOptions) -> None:
        """Hold connections to other times from now on."""
        self._options = options

    @property
    def busy(self) -> int:
        """Requests under way."""
        return len(self._busy)

    async def acquire(self) -> Connection:
        """Return a connection for one request, to be given back with ``release``.

        Raises:
            BackendTimeout: Nobody accepts in time.
            BackendUnavailable: The address cannot be connected to.
        """
        while self._free:
            connection = self._free.pop()
            if connection.usable:
                break
        else:
            connection = await self._connect()
        self._busy.add(connection)
        if self._looking is None:
            self._look_later()
        return connection

    def release(self, connection: Connection) -> None:
        """Take a connection back; one whose request is not over is cut."""
        self._busy.discard(connection)
        if connection.finish():
            self._free.append(connection)

    def close(self) -> None:
        """Cut all connections."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        for connection in self._free:
            connection.abort()
        for connection in self._busy:
            connection.give_up(BackendUnavailable("the gateway closes"))
        self._free.clear()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._options.connect_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop), self._address, self._port, ssl=self._ssl
                )
        except TimeoutError as error:
            raise BackendTimeout(
                f"it did not accept a connection in {self._options.connect_s:g} s"
            ) from error
        except OSError as error:
            raise BackendUnavailable(f"cannot connect: {error.strerror or error}") from error
        return connection

    def _look_later(self) -> None:
        pause = min(1.0, self._options.idle_s, self._options.silence_s / LOOKS)
        self._looking = asyncio.get_running_loop().call_later(pause, self._look)

    def _look(self) -> None:
        """End requests whose instance is silent, and connections that were free for long."""
        now = asyncio.get_running_loop().time()
        for connection in tuple(self._busy):
            connection.check_silence(now, self._options.silence_s)
        kept: list[Connection] = []
        for connection in self._free:
            if connection.usable and now - connection.free_since < self._options.idle_s:
                kept.append(connection)
            else:
                connection.abort()
        self._free = kept
        self._looking = None
        if self._busy or self._free:
            self._look_later()
