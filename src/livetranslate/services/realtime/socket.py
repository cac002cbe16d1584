"""One accepted WebSocket, whatever protocol it speaks: its writer, its limits, its ends."""

from __future__ import annotations

import asyncio
import contextlib
from enum import IntEnum

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from livetranslate.domain.errors import (
    Forbidden,
    LiveTranslateError,
    MessageTooLarge,
    Overloaded,
)
from livetranslate.domain.messages import ErrorMessage
from livetranslate.services.realtime.connections import Connection, Protocol
from livetranslate.services.realtime.credentials import check_origin
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.frames import Frame, error_message
from livetranslate.services.realtime.outbox import Outbox

_log = structlog.get_logger(__name__)


class CloseCode(IntEnum):
    """Why the server closes a WebSocket."""

    NORMAL = 1000
    TOO_LARGE = 1009
    INTERNAL = 1011
    RESTART = 1012
    TRY_LATER = 1013
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    IDLE = 4408
    SLOW_READER = 4409


class Goodbye(Exception):
    """The connection is to be closed, with an ``error`` before it.

    Attributes:
        code: Close code.
        message: The error.
    """

    def __init__(self, code: CloseCode, message: ErrorMessage) -> None:
        super().__init__(message.message)
        self.code = code
        self.message = message


class Wire:
    """One accepted WebSocket: a writer that drains the outbox, and the ways it can end.

    Attributes:
        connection: Its entry among the connections.
        outbox: What goes out.
    """

    def __init__(
        self, edge: Edge, socket: WebSocket, protocol: Protocol, *, event_names: bool = False
    ) -> None:
        self._edge = edge
        self._socket = socket
        self._event_names = event_names
        self._end: asyncio.Future[Goodbye] = asyncio.get_running_loop().create_future()
        self.outbox = Outbox(edge.options.outbox, self._on_overflow)
        self.connection = Connection(
            protocol,
            address=socket.client.host if socket.client else "",
            user_agent=socket.headers.get("user-agent", ""),
            stop=self._on_stop,
        )

    def end(self, goodbye: Goodbye) -> None:
        """Ask for the connection's end; the first asking counts."""
        if not self._end.done():
            self._end.set_result(goodbye)

    async def receive(self) -> str | bytes:
        """Return the next message; raises Goodbye for one that is too large, WebSocketDisconnect.

        What is not received is not read from the network: a caller that waits holds the peer back.
        """
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text: str | None = message.get("text")
        data: str | bytes = text if text is not None else message["bytes"]
        size = len(data)
        limit = self._edge.options.max_message_bytes
        if text is not None and limit // 4 < size <= limit:
            size = len(text.encode())
        self.connection.received(size)
        if size > limit:
            error = MessageTooLarge(f"a message of {size} bytes exceeds the limit of {limit}")
            raise Goodbye(CloseCode.TOO_LARGE, error_message(error, fatal=True))
        return data

    async def run(self, *parts: asyncio.Task[None]) -> None:
        """Write and let the parts work until one ends or an end is asked for; then close."""
        writer = asyncio.create_task(self._write())
        idle = asyncio.create_task(self._watch_idle())
        tasks = {writer, idle, *parts}
        await asyncio.wait({*tasks, self._end}, return_when=asyncio.FIRST_COMPLETED)
        goodbye = self._goodbye([task for task in tasks if task.done()])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close(goodbye)

    def _goodbye(self, done: list[asyncio.Task[None]]) -> Goodbye | None:
        """Return how to say goodbye, or None if the peer is gone."""
        if self._end.done():
            return self._end.result()
        for task in done:
            error = task.exception()
            if isinstance(error, Goodbye):
                return error
            if error is not None and not isinstance(error, WebSocketDisconnect | OSError):
                _log.error("connection_failed", exc_info=error)
                message = ErrorMessage(code="internal_error", message="server fault", fatal=True)
                return Goodbye(CloseCode.INTERNAL, message)
        return None

    async def _close(self, goodbye: Goodbye | None) -> None:
        if goodbye is None or self._socket.client_state is not WebSocketState.CONNECTED:
            return
        with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
            async with asyncio.timeout(self._edge.options.close_s):
                if not self.outbox.overflowed:
                    while (frame := self.outbox.get_nowait()) is not None:
                        await self._socket.send_text(self._text(frame))
                await self._socket.send_text(self._text(Frame(goodbye.message)))
                await self._socket.close(goodbye.code, goodbye.message.message[:100])

    async def _write(self) -> None:
        while True:
            frame = await self.outbox.get()
            await self._socket.send_text(self._text(frame))
            self.connection.sent(len(frame.text))

    def _text(self, frame: Frame) -> str:
        return frame.event_text if self._event_names else frame.text

    async def _watch_idle(self) -> None:
        limit = self._edge.options.idle_timeout_s
        loop = asyncio.get_running_loop()
        while True:
            rest = self.connection.active_at + limit - loop.time()
            if rest <= 0:
                break
            await asyncio.sleep(rest)
        message = f"nothing went over this connection for {limit:g} s; send heartbeats"
        raise Goodbye(
            CloseCode.IDLE, ErrorMessage(code="idle_timeout", message=message, fatal=True)
        )

    def _on_overflow(self) -> None:
        message = "this connection reads too slowly; come back with last_event_id"
        self.end(
            Goodbye(
                CloseCode.SLOW_READER, ErrorMessage(code="slow_reader", message=message, fatal=True)
            )
        )

    def _on_stop(self, retry_after_s: float) -> None:
        message = "this server is shutting down; come back and resume"
        self.end(
            Goodbye(
                CloseCode.RESTART,
                ErrorMessage(
                    code="shutting_down", message=message, fatal=True, retry_after_s=retry_after_s
                ),
            )
        )


async def refuse(
    socket: WebSocket, code: CloseCode, error: LiveTranslateError, *, event_names: bool
) -> None:
    """Accept a WebSocket only to say why it cannot stay."""
    await socket.accept()
    frame = Frame(error_message(error, fatal=True))
    await socket.send_text(frame.event_text if event_names else frame.text)
    await socket.close(code, error.message[:100])


async def admit(
    edge: Edge, socket: WebSocket, protocol: Protocol, *, event_names: bool = False
) -> Wire | None:
    """Check origin and room and accept; returns None if the connection was refused.

    Args:
        edge: Limits and the connections.
        socket: Not accepted yet.
        protocol: How the connection is called.
        event_names: Whether messages are told by ``event`` instead of ``type``.
    """
    try:
        check_origin(edge.options, socket.headers)
        if edge.connections.closing:
            later = edge.connections.retry_after_s()
            raise Overloaded("this server is shutting down", retry_after_s=later)
        wire = Wire(edge, socket, protocol, event_names=event_names)
        edge.connections.add(wire.connection)
    except Forbidden as error:
        await refuse(socket, CloseCode.FORBIDDEN, error, event_names=event_names)
        return None
    except Overloaded as error:
        closing = edge.connections.closing
        code = CloseCode.RESTART if closing else CloseCode.TRY_LATER
        await refuse(socket, code, error, event_names=event_names)
        return None
    try:
        await socket.accept()
    except BaseException:
        edge.connections.remove(wire.connection)
        raise
    return wire
