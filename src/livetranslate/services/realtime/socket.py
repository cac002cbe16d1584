"""One accepted WebSocket, whatever protocol it speaks: its limits, its ways out, its ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import IntEnum

import structlog
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from livetranslate.domain.errors import (
    Forbidden,
    LiveTranslateError,
    MessageTooLarge,
    Overloaded,
)
from livetranslate.domain.messages import ErrorMessage
from livetranslate.services.realtime.connections import Connection, Protocol
from livetranslate.services.realtime.credentials import check_origin
from livetranslate.services.realtime.direct import direct_socket
from livetranslate.services.realtime.edge import Edge
from livetranslate.services.realtime.frames import Frame, error_message
from livetranslate.services.realtime.outbox import Outbox

REASON_BYTES = 120
"""Longest reason that fits into a close frame."""

_log = structlog.get_logger(__name__)


Take = Callable[[str | bytes], Awaitable[None]]
"""Handles one message of a peer."""


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


class PeerGone(Exception):
    """The peer closed the connection, or was lost."""


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
    """One accepted WebSocket; lives in one task, which reads.

    What goes out is written by whoever has it to tell, straight to the transport; it waits in the
    outbox only while the peer lags behind.

    Attributes:
        connection: Its entry among the connections.
        outbox: What goes out.
    """

    __slots__ = (
        "_direct",
        "_edge",
        "_event_names",
        "_goodbye",
        "_reader",
        "_receive",
        "_send",
        "connection",
        "outbox",
    )

    def __init__(
        self, edge: Edge, scope: Scope, receive: Receive, send: Send, protocol: Protocol
    ) -> None:
        headers = Headers(scope=scope)
        self._edge = edge
        self._receive = receive
        self._send = send
        self._event_names = protocol is Protocol.WHISPER_WEBSOCKET
        self._goodbye: Goodbye | None = None
        self._reader: asyncio.Task[None] | None = None
        self._direct = direct_socket(scope)
        self.outbox = Outbox(edge.options.outbox, self._on_overflow, total=edge.waiting)
        self.connection = Connection(
            protocol,
            address=(scope.get("client") or ("", 0))[0],
            user_agent=headers.get("user-agent", ""),
        )

    async def accept(self) -> None:
        """Take the handshake; from here on everything put into the outbox goes out."""
        await _accept(self._receive, self._send)
        self._direct.on_writable = self.outbox.send_on
        self._direct.last_words = self._last_words
        self.outbox.send_now = self._send_now

    def end(self, goodbye: Goodbye) -> None:
        """End the connection, whatever it waits for; the first asking counts."""
        if self._goodbye is not None:
            return
        self._goodbye = goodbye
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()

    async def run(self, take: Take) -> None:
        """Read until an end is asked for or the peer is gone; then close.

        Args:
            take: Handles one message. While it does the next one is not read from the network, so
                that one who waits holds the peer back. May raise Goodbye.
        """
        reader = asyncio.current_task()
        assert reader is not None  # noqa: S101 - a coroutine of a server runs in a task
        self._reader = reader
        try:
            while self._goodbye is None:
                await take(self._data(await self._receive()))
        except asyncio.CancelledError:
            if self._goodbye is None or reader.uncancel() > 0:
                raise
        except Goodbye as goodbye:
            self._goodbye = self._goodbye or goodbye
        except (PeerGone, OSError):
            self._goodbye = None
        except Exception:  # noqa: BLE001 - the peer is told of a fault of ours
            _log.exception("connection_failed")
            message = ErrorMessage(code="internal_error", message="server fault", fatal=True)
            self._goodbye = Goodbye(CloseCode.INTERNAL, message)
        finally:
            self._reader = None
            if self._goodbye is not None:
                await self._close(self._goodbye)
            self.outbox.close()

    def _data(self, message: Message) -> str | bytes:
        """Return what a message carries."""
        if message["type"] != "websocket.receive":
            raise PeerGone
        text: str | None = message.get("text")
        data: str | bytes = text if text is not None else message["bytes"]
        size = len(data)
        limit = self._edge.options.max_message_bytes
        if text is not None and limit // 4 < size <= limit:
            size = len(text.encode())
        self.connection.received(size)
        if size > limit:
            raise Goodbye(CloseCode.TOO_LARGE, self._too_large())
        return data

    def _send_now(self, frame: Frame) -> bool:
        packet = frame.event_packet if self._event_names else frame.packet
        if not self._direct.write(packet):
            return False
        self.connection.sent(len(packet))
        return True

    async def _close(self, goodbye: Goodbye) -> None:
        """Say what is still to be said, as far as the peer takes it in time."""
        overflowed, self.outbox.send_now = self.outbox.overflowed, None
        last = Frame(goodbye.message)
        with contextlib.suppress(TimeoutError, RuntimeError, OSError):
            async with asyncio.timeout(self._edge.options.close_s):
                while not overflowed and (frame := self.outbox.get_nowait()) is not None:
                    await self._direct.until_writable()
                    self._send_now(frame)
                await self._direct.until_writable()
                self._send_now(last)
                reason = goodbye.message.message.encode()[:REASON_BYTES].decode(errors="ignore")
                await self._send(
                    {"type": "websocket.close", "code": goodbye.code, "reason": reason}
                )

    def idle(self, limit_s: float) -> None:
        """End the connection: nothing went over it for so long."""
        self.end(Goodbye(CloseCode.IDLE, idle_too_long(limit_s)))

    def shut_down(self, retry_after_s: float) -> None:
        """End the connection: this process stops."""
        self.end(Goodbye(CloseCode.RESTART, shutting_down(retry_after_s)))

    def _on_overflow(self) -> None:
        self.end(Goodbye(CloseCode.SLOW_READER, slow_reader()))

    def _too_large(self) -> ErrorMessage:
        limit = self._edge.options.max_message_bytes
        error = MessageTooLarge(f"a message exceeds the limit of {limit} bytes")
        return error_message(error, fatal=True)

    def _last_words(self) -> bytes:
        frame = Frame(self._too_large())
        return frame.event_packet if self._event_names else frame.packet


def idle_too_long(limit_s: float) -> ErrorMessage:
    """Return what a peer is told over whose connection nothing went."""
    message = f"nothing went over this connection for {limit_s:g} s; send heartbeats"
    return ErrorMessage(code="idle_timeout", message=message, fatal=True)


def slow_reader() -> ErrorMessage:
    """Return what a peer is told that reads too slowly."""
    message = "this connection reads too slowly; come back with last_event_id"
    return ErrorMessage(code="slow_reader", message=message, fatal=True)


def shutting_down(retry_after_s: float) -> ErrorMessage:
    """Return what peers are told when this process stops."""
    message = "this server is shutting down; come back and resume"
    return ErrorMessage(
        code="shutting_down", message=message, fatal=True, retry_after_s=retry_after_s
    )


async def _accept(receive: Receive, send: Send) -> None:
    message = await receive()
    if message["type"] != "websocket.connect":
        raise PeerGone
    await send({"type": "websocket.accept"})


async def admit(
    edge: Edge, scope: Scope, receive: Receive, send: Send, protocol: Protocol
) -> Wire | None:
    """Check origin and room and accept; returns None if the connection was refused.

    Args:
        edge: Limits and the connections.
        scope: Of a WebSocket that is not accepted yet.
        receive: Of the same.
        send: Of the same.
        protocol: How it speaks.
    """
    wire = Wire(edge, scope, receive, send, protocol)
    refusal: Goodbye | None = None
    try:
        check_origin(edge.options, Headers(scope=scope))
        if edge.connections.closing:
            later = edge.connections.retry_after_s()
            raise Overloaded("this server is shutting down", retry_after_s=later)
        edge.connections.add(wire.connection, wire)
    except LiveTranslateError as error:
        refusal = Goodbye(_refusal(edge, error), error_message(error, fatal=True))
        wire.end(refusal)
    try:
        await wire.accept()
    except BaseException as error:
        edge.connections.remove(wire.connection)
        if isinstance(error, PeerGone | OSError):
            return None
        raise
    if refusal is None:
        return wire
    await wire.run(_nothing)
    return None


async def _nothing(data: str | bytes) -> None:
    del data


def _refusal(edge: Edge, error: LiveTranslateError) -> CloseCode:
    if isinstance(error, Forbidden):
        return CloseCode.FORBIDDEN
    return CloseCode.RESTART if edge.connections.closing else CloseCode.TRY_LATER
