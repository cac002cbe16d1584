"""The connections of the HTTP servers: uvicorn's, with bounds on what a peer can hold.

Both bound what one who does not behave may keep: a handshake that never comes to its end, buffers
that nobody reads, messages that are too large, a socket whose peer is long gone.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.transports import BaseTransport
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.protocol import OPEN

from livetranslate.services.realtime.direct import EXTENSION

HEADERS_S = 10.0
"""Seconds within which the headers of a request have to come."""
CUT_OFF_S = 1.0
"""Seconds after which a WebSocket that was closed here, but whose peer does not read, is cut."""
SEND_BUFFER = 64 * 1024
"""Bytes the kernel is asked to hold for a WebSocket whose peer does not read; it doubles them."""
WRITE_BUFFER = 32 * 1024
"""Bytes of the process for the same; with more waiting, the peer lags behind."""


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a time limit for the headers of each request."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] - as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Wait for the headers of a request that has begun."""
        super().on_message_begin()
        if self._late is None:
            self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """Wait no longer: they are here."""
        self._stop_waiting()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, and let go of the parser, which holds this protocol."""
        self._stop_waiting()
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment] - nothing is parsed any more

    def _wait_for_headers(self) -> None:
        self._late = self.loop.call_later(HEADERS_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.transport.abort()


class _Gate:
    """An ``asyncio.Event`` that costs nothing while nobody waits: there is one a connection."""

    __slots__ = ("_open", "_waiting")

    def __init__(self) -> None:
        self._open = True
        self._waiting: list[asyncio.Future[None]] = []

    def is_set(self) -> bool:
        return self._open

    def set(self) -> None:
        self._open = True
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def clear(self) -> None:
        self._open = False

    async def wait(self) -> None:
        while not self._open:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter


class _Inbox:
    """What an ``asyncio.Queue`` is to uvicorn, as light as the gate; little comes in at a time.

    Reading from the network pauses while a message waits here.
    """

    __slots__ = ("items", "reader")

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.reader: asyncio.Future[None] | None = None

    def put_nowait(self, item: Any) -> None:
        self.items.append(item)
        if self.reader is not None and not self.reader.done():
            self.reader.set_result(None)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, with a door for finished frames (a ``DirectSocket``).

    Attributes:
        on_writable: Called when frames are taken again after they were not.
        last_words: Returns a frame sent before a message that is too large ends the connection.
    """

    on_writable: Callable[[], None] | None = None
    last_words: Callable[[], bytes] | None = None
    _refused = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._inbox = _Inbox()
        self.queue = cast("asyncio.Queue[Any]", self._inbox)
        self.writable = cast("asyncio.Event", _Gate())

    # The door

    def write(self, packet: bytes) -> bool:
        """Send whole, unmasked frames; returns False, and sends nothing, while the peer lags."""
        if not self.writable.is_set() or self.disconnected or self.conn.state is not OPEN:
            return False
        self.transport.write(packet)
        return True

    async def until_writable(self) -> None:
        """Wait until frames are taken, or never will be."""
        await self.writable.wait()

    def cut_off(self) -> None:
        """End the connection without waiting for the peer to read."""
        if not self.disconnected:
            self.transport.abort()

    def resume_writing(self) -> None:
        """Note that the peer caught up."""
        super().resume_writing()
        if self.on_writable is not None:
            self.on_writable()

    async def receive(self) -> Any:
        """Return the next ASGI message, and read on from the network once none waits."""
        inbox = self._inbox
        while not inbox.items:
            inbox.reader = self.loop.create_future()
            await inbox.reader
        message = inbox.items.pop(0)
        if self.read_paused and not inbox.items:
            self.read_paused = False
            self.transport.resume_reading()
        return message

    # What a peer can hold

    def connection_made(self, transport: BaseTransport) -> None:
        """Bound the buffers of what the peer does not read."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER)
        found: socket.socket | None = transport.get_extra_info("socket")
        if found is not None and found.family != socket.AF_UNIX:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def data_received(self, data: bytes) -> None:
        """Take data, unless what the peer sends is refused already."""
        if not self._refused:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        """End a connection whose peer broke the protocol or its limits.

        One whose message is too large is told first, and then read from a while without looking:
        a connection closed on unread data is reset, and the peer would not hear why.
        """
        closed = self.conn.close_sent
        too_large = closed is not None and closed.code == CloseCode.MESSAGE_TOO_BIG
        if not too_large or self.last_words is None or not self.handshake_complete:
            super().handle_parser_exception()
            return
        self._refused = True
        self.close_sent = True
        self.transport.write(self.last_words() + b"".join(self.conn.data_to_send()))
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.MESSAGE_TOO_BIG})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CUT_OFF_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, and let go of the parser, a generator that holds what it belongs to."""
        super().connection_lost(exc)
        self.conn.parser.close()

    def keepalive_timeout(self) -> None:
        """End a connection whose peer answers no ping.

        One whose messages are held back cannot answer: it is asked again later.
        """
        if self.read_paused and not self.close_sent:
            self.pong_timer = None
            self.schedule_ping()
            return
        super().keepalive_timeout()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def run_asgi(self) -> None:
        """Serve the connection; a peer that has not gone a while after its end is cut off."""
        doors = cast("dict[str, Any]", self.scope)["extensions"]
        doors[EXTENSION] = self
        await super().run_asgi()
        del doors[EXTENSION]
        self.on_writable = self.last_words = None
        if not self.disconnected:
            self.loop.call_later(CUT_OFF_S, self.cut_off)
