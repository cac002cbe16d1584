"""One HTTP/1.1 connection to an instance: a request at a time, answers as a stream of bytes.

``httptools`` (llhttp) parses. The connection holds back an instance that sends faster than the
answer is read, and tells when the instance is silent for too long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

import httptools

from livetranslate.domain.errors import BackendTimeout, BackendUnavailable

HIGH_WATER = 256 * 1024
"""Bytes of an answer that wait here before the instance is no longer read."""
LOW_WATER = 64 * 1024
MAX_HEAD = 64 * 1024
"""Bytes of the head of an answer."""

Header = tuple[bytes, bytes]


class Connection(asyncio.Protocol):
    """A connection; ``start`` begins a request, ``head`` and ``read`` bring the answer.

    Attributes:
        status: Status of the answer.
        headers: Its headers, names in lower case.
        complete: Whether all of the answer has come.
        used: Whether a request was answered on it before.
        free_since: Since when it is without a request, in the loop's time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport
        self._error: BackendUnavailable | None = None
        self._closed = False
        self._writable: asyncio.Future[None] | None = None
        self._write_paused = False
        self.used = False
        self.free_since = 0.0
        self._reset(b"")

    def _reset(self, method: bytes) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._method = method
        self._head: asyncio.Future[None] | None = None
        self._head_done = False
        self._head_bytes = 0
        self._news: asyncio.Future[None] | None = None
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._read_paused = False
        self._informational = False
        self._until_eof = False
        self._keep_alive = False
        self._body_sent = False
        self._waiting_since: float | None = None
        self._awaited = False
        self.status = 0
        self.headers: list[Header] = []
        self.complete = False

    # What asks.

    @property
    def usable(self) -> bool:
        """Whether another request may go over it."""
        return not self._closed and self._error is None

    def start(self, method: bytes, head: bytes) -> None:
        """Write a request's head, and its body if that is at hand.

        Args:
            method: The method.
            head: Request line, headers, the empty line, and maybe the whole body.
        """
        self._reset(method)
        self._awaited = True
        self._transport.write(head)

    async def write(self, data: bytes) -> None:
        """Write a part of the body; waits while the instance does not take it."""
        self._raise()
        self._transport.write(data)
        while self._write_paused:
            self._writable = self._loop.create_future()
            self._waiting_since = self._loop.time()
            await self._writable
            self._waiting_since = None
            self._raise()

    def body_sent(self) -> None:
        """Note that the request is written to its end: from now on the instance is waited for."""
        self._body_sent = True
        self._waiting_since = self._loop.time()

    async def head(self) -> None:
        """Wait for status and headers; raises BackendUnavailable, BackendTimeout."""
        if not self._head_done:
            self._raise()
            self._head = self._loop.create_future()
            await self._head

    async def read(self) -> bytes:
        """Return what has come of the answer's body, empty at its end."""
        while not self._pieces:
            if self.complete:
                return b""
            self._raise()
            self._news = self._loop.create_future()
            self._waiting_since = self._loop.time()
            await self._news
            self._waiting_since = None
        return self.take()

    def take(self) -> bytes:
        """Return what is there of the body, without waiting."""
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._buffered = 0
        if self._read_paused:
            self._read_paused = False
            self._transport.resume_reading()
        return data

    def finish(self) -> bool:
        """End the request; True if the connection can take another one."""
        reusable = self.complete and self._body_sent and self._keep_alive and self.usable
        self._awaited = False
        self._waiting_since = None
        if reusable:
            self.used = True
            self.free_since = self._loop.time()
        else:
            self.abort()
        return reusable

    def abort(self) -> None:
        """Cut the connection."""
        if not self._closed:
            self._closed = True
            self._transport.abort()

    def give_up(self, error: BackendUnavailable) -> None:
        """End the request with an error, in place of what is waited for."""
        self._fail(error)
        self.abort()

    def check_silence(self, now: float, longest_s: float) -> None:
        """End the request if the instance was waited for longer than so."""
        since = self._waiting_since
        if since is not None and now - since >= longest_s:
            self.give_up(BackendTimeout(f"nothing came for {longest_s:g} s"))

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _fail(self, error: BackendUnavailable) -> None:
        if self._error is None:
            self._error = error
        for waiter in (self._head, self._news, self._writable):
            if waiter is not None and not waiter.done():
                waiter.set_exception(self._error)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if not self._awaited or self.complete:
            # Nothing was asked for, or the answer is over: the two sides are out of step.
            self._fail(BackendUnavailable("it sent what nobody asked for"))
            self.abort()
            return
        if not self._head_done:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keep_alive = False
            if not self.complete:
                self.give_up(BackendUnavailable(f"its answer is no HTTP: {error}"))
            return
        if not self._head_done and self._head_bytes > MAX_HEAD:
            self.give_up(BackendUnavailable("the head of its answer is too long"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._closed = True
        if self._until_eof and self._head_done and exc is None:
            self.on_message_complete()
        reason = str(exc) if exc is not None else "it closed the connection"
        self._fail(BackendUnavailable(reason))

    def pause_writing(self) -> None:
        """Hold ``write`` back."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Let ``write`` go on."""
        self._write_paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; those behind a chunked body are not passed on."""
        if not self._head_done:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Let ``head`` go on, unless this is only an interim answer."""
        if self._head_done:
            self._keep_alive = False  # an answer to nothing
            return
        status = self._parser.get_status_code()
        if status < 200:
            self._informational = True
            self.headers = []
            return
        self.status = status
        self._keep_alive = self._parser.should_keep_alive()
        names = {name for name, _ in self.headers}
        bodiless = self._method == b"HEAD" or status in (204, 304)
        self._until_eof = not bodiless and not names & {b"content-length", b"transfer-encoding"}
        self._head_done = True
        if self._head is not None and not self._head.done():
            self._head.set_result(None)
        if self._body_sent:
            self._waiting_since = None
        if bodiless:
            # The parser does not know of HEAD, and would wait for the body that is only described.
            self._complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if self.complete:
            return
        self._pieces.append(body)
        self._buffered += len(body)
        if self._buffered > HIGH_WATER and not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def on_message_complete(self) -> None:
        """Note the end of the answer."""
        if self._informational:
            self._informational = False
            return
        self._complete()

    def _complete(self) -> None:
        self.complete = True
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
