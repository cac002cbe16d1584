"""The caller's side of a request: its body, and whether the caller is still there."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope

from livetranslate.domain.errors import BackendUnavailable
from livetranslate.services.gateway.connection import Connection

WATCH_AFTER_S = 0.02
"""An answer that takes longer is waited for with an eye on whether the caller leaves."""


class ClientGone(Exception):
    """The caller closed the connection."""


class RequestBody:
    """The body of a request, read as the instance takes it.

    Args:
        scope: The request's.
        receive: The request's.

    Attributes:
        present: Whether there is a body.
        gone: Whether the caller has left.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        names = {name: value for name, value in scope["headers"]}
        self._chunked = b"transfer-encoding" in names
        self.present = self._chunked or names.get(b"content-length", b"0") != b"0"
        self.gone = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def write_to(self, connection: Connection, method: bytes, head: bytes) -> None:
        """Write head and body; what does not come at once is written beside the answer's wait.

        Raises:
            ClientGone: The caller left before anything was written.
        """
        data, more = await self._next()
        connection.start(method, head + self._framed(data, more))
        if more:
            self._task = asyncio.create_task(self._write_rest(connection))
        else:
            connection.body_sent()
            self.watch(connection)

    def watch(self, connection: Connection) -> None:
        """End the instance's work if the caller leaves before the answer is complete."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(WATCH_AFTER_S, self._begin_watching, connection)

    def stop(self) -> None:
        """Read and watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _begin_watching(self, connection: Connection) -> None:
        self._timer = None
        self._task = asyncio.create_task(self._watch(connection))

    async def _watch(self, connection: Connection) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._leave(connection)
                return

    async def _write_rest(self, connection: Connection) -> None:
        more = True
        try:
            while more:
                data, more = await self._next()
                await connection.write(self._framed(data, more))
        except ClientGone:
            self._leave(connection)
            return
        except BackendUnavailable:
            return  # whoever waits for the answer hears of it
        connection.body_sent()
        await self._watch(connection)

    async def _next(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.gone = True
            raise ClientGone
        return message.get("body", b""), message.get("more_body", False)

    def _framed(self, data: bytes, more: bool) -> bytes:
        if not self._chunked:
            return data
        framed = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        return framed if more else framed + b"0\r\n\r\n"

    def _leave(self, connection: Connection) -> None:
        self.gone = True
        connection.give_up(BackendUnavailable("the caller left"))
