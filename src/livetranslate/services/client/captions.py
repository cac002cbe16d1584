"""One session over ``/ws``: audio out, events in, and nothing lost when the connection is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from livetranslate.domain.errors import (
    BackendUnavailable,
    InvalidInput,
    NotFound,
    SequenceGap,
    Unauthorized,
)
from livetranslate.domain.events import SessionEnded, SessionEvent, SessionQueued, SessionStarted
from livetranslate.domain.messages import (
    AudioAck,
    EndSession,
    ErrorMessage,
    Heartbeat,
    ResumeSession,
    SessionResumed,
    SlowDown,
    StartSession,
)
from livetranslate.domain.session import SessionConfig, new_session_id
from livetranslate.domain.wire import encode
from livetranslate.services.client.addresses import Addresses
from livetranslate.services.client.incoming import ServerMessage, decode_server_message, to_error
from livetranslate.services.client.window import Chunk, SendWindow

FINAL_CLOSE_CODES = frozenset({1009, 1013, 4401, 4403})
"""Closes after which coming back would end the same way."""


class ClientOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a client is.

    Attributes:
        max_unacknowledged: Chunks kept for sending again; with more, ``send`` waits.
        max_events: Events kept until they are iterated over; with more, none is read.
        open_timeout_s: Seconds for a connection to open.
        reconnect_first_s: Wait before the first attempt to come back; doubles each time.
        reconnect_most_s: Longest wait between attempts.
        give_up_s: Seconds without a connection after which the client gives up; servers keep a
            session for 60.
        heartbeat_s: Seconds of silence after which a heartbeat is sent.
        alive_s: A server that answers no ping for so long is taken for dead.
    """

    max_unacknowledged: int = 1500
    max_events: int = 1024
    open_timeout_s: float = 10.0
    reconnect_first_s: float = 0.1
    reconnect_most_s: float = 5.0
    give_up_s: float = 60.0
    heartbeat_s: float = 15.0
    alive_s: float = 20.0


class Received(msgspec.Struct, frozen=True):
    """An event, or an error message of the connection, and when it came (monotonic seconds)."""

    message: SessionEvent | ErrorMessage
    at: float


class CaptionClient:
    """Feeds one session and yields its events until it has ended; an async context manager.

    ``send`` and the iteration run side by side (two tasks): unread events stop the reading, and
    with it the acknowledgements that ``send`` needs.

    Args:
        url: ``ws://host:port/ws``; http and https are understood. Several instances of one
            installation are separated by commas: when one is lost, the session goes on at the next.
        config: What is asked of the session; ``send`` takes audio in its encoding.
        session_id: The session's id; made if None.
        api_key: Credential, where the server asks for one.
        options: Patience.
        on_ack: Called with each chunk when it is confirmed, for measurements.
        clock: Monotonic seconds.

    Attributes:
        session_id: The session's id.
        opened_at: When the first connection was accepted, by the clock; None before.
        reconnects: Connections that had to be opened after the first one.
        buffered_s: Seconds of audio that the server had not recognised at its last word.

    Raises:
        BackendUnavailable: No server answers, at first or for ``give_up_s``.
        LiveTranslateError: What the server refused, from entering, ``send`` or the iteration.
    """

    def __init__(
        self,
        url: str,
        config: SessionConfig,
        *,
        session_id: str | None = None,
        api_key: str | None = None,
        options: ClientOptions | None = None,
        on_ack: Callable[[Chunk], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session_id = session_id or new_session_id(int(time.time()), os.urandom(8))
        self.opened_at: float | None = None
        self.reconnects = 0
        self.buffered_s = 0.0
        self._addresses = Addresses(url)
        self._config = config
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._options = options or ClientOptions()
        self._on_ack = on_ack
        self._clock = clock
        self._window = SendWindow(self._options.max_unacknowledged)
        self._received: asyncio.Queue[Received | None] = asyncio.Queue(self._options.max_events)
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._started = asyncio.Event()
        self._sent_start = self._ending = self._end_sent = False
        self._resuming = self._leaving = False
        self._out_of_step = self._over = False
        self._last_event_id = 0
        self._paused_until = 0.0
        self._goodbye: ErrorMessage | None = None
        self._failure: Exception | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def acknowledged(self) -> int:
        """Newest chunk that is safe with all before it; -1 for none."""
        return self._window.acknowledged

    async def __aenter__(self) -> Self:
        """Connect and open the session; raises what the server refuses."""
        self._task = asyncio.create_task(self._run())
        await self._started.wait()
        if self._failure is not None:
            raise self._failure
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection; a session that was not ended can still be resumed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def send(self, data: bytes) -> Chunk:
        """Queue the next chunk; waits while too much is unacknowledged."""
        while self._window.full and not self._over:
            self._room.clear()
            await self._room.wait()
        if self._failure is not None:
            raise self._failure
        chunk = self._window.add(data, self._clock())
        self._wake.set()
        return chunk

    async def end(self) -> None:
        """Ask for the end once everything is safe; its events and ``session_ended`` follow."""
        self._ending = True
        self._wake.set()

    def __aiter__(self) -> Self:
        """Iterate over what comes in."""
        return self

    async def __anext__(self) -> Received:
        """Return the next event; ends after ``session_ended``, raises what broke the session."""
        received = await self._received.get()
        if received is not None:
            return received
        self._received.put_nowait(None)  # for whoever asks again
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    async def _run(self) -> None:
        try:
            await self._stay_connected()
        except Exception as error:  # noqa: BLE001 - raised again by send and the iteration
            self._failure = error
        finally:
            self._over = True
            self._started.set()
            self._room.set()
        await self._received.put(None)

    async def _stay_connected(self) -> None:
        lost_at: float | None = None
        lost = 0
        wait_s = self._options.reconnect_first_s
        while not self._over:
            events = self._last_event_id, self._window.acknowledged
            reason = await self._connection()
            if self._over:
                return
            if lost_at is None or events != (self._last_event_id, self._window.acknowledged):
                lost_at, wait_s = self._clock(), self._options.reconnect_first_s
            lost += not self._out_of_step
            self._check_patience(reason, lost, lost_at)
            if not self._out_of_step:
                self._addresses.turn()
            goodbye, self._goodbye = self._goodbye, None
            asked_s = goodbye.retry_after_s if goodbye is not None else None
            await asyncio.sleep(max(asked_s or 0.0, wait_s * random.uniform(0.5, 1.0)))  # noqa: S311 - jitter, no secret
            wait_s = min(2 * wait_s, self._options.reconnect_most_s)
            self.reconnects += 1

    def _check_patience(self, reason: str, lost: int, lost_at: float) -> None:
        if not self._started.is_set() and lost >= len(self._addresses.all):
            raise BackendUnavailable(
                f"no LiveTranslate server answers at {self._addresses} ({reason}); "
                "start one with `livetranslate up`"
            )
        if self._clock() - lost_at > self._options.give_up_s:
            raise BackendUnavailable(
                f"the connection to {self._addresses} did not come back within "
                f"{self._options.give_up_s:g} s ({reason})"
            )

    async def _connection(self) -> str:
        """Serve one connection to its end; return why it ended."""
        url = self._addresses.present
        try:
            async with connect(
                url,
                additional_headers=self._headers,
                open_timeout=self._options.open_timeout_s,
                close_timeout=1.0,
                ping_interval=self._options.alive_s / 2,
                ping_timeout=self._options.alive_s / 2,
                compression=None,
                proxy=None,
                max_size=16 * 1024 * 1024,
            ) as socket:
                if self.opened_at is None:
                    self.opened_at = self._clock()
                return await self._converse(socket)
        except InvalidURI as error:
            raise InvalidInput(f"{url} is no WebSocket address", field="url") from error
        except InvalidStatus as error:
            status = error.response.status_code
            if status in (401, 403):
                raise Unauthorized(
                    f"the server refused the connection with HTTP {status}", field="api_key"
                ) from error
            return f"HTTP {status}"
        except (OSError, TimeoutError, InvalidHandshake) as error:
            return str(error) or type(error).__name__

    async def _converse(self, socket: ClientConnection) -> str:
        self._end_sent = self._out_of_step = self._leaving = False
        with contextlib.suppress(ConnectionClosed):  # what was said before the close is read below
            await self._introduce(socket)
        writer: asyncio.Task[None] | None = None
        try:
            while not (self._over or self._out_of_step or self._leaving):
                message = decode_server_message(await socket.recv())
                if await self._take(message, fed=writer is not None) and writer is None:
                    writer = asyncio.create_task(self._write(socket))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 1006
            if code in FINAL_CLOSE_CODES:
                message = self._goodbye or ErrorMessage(
                    code="unauthorized" if code == 4401 else "forbidden",
                    message=f"the server closed the connection ({code})",
                )
                raise to_error(message) from closed
            return f"closed with {code}"
        finally:
            if writer is not None:
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)
        if self._out_of_step:
            return "the server lacks what was sent; it is sent again"
        return self._goodbye.message if self._goodbye is not None else ""

    async def _introduce(self, socket: ClientConnection) -> None:
        self._resuming = self._sent_start
        if self._resuming:
            message = ResumeSession(
                session_id=self.session_id,
                last_seq=self._window.acknowledged,
                last_event_id=self._last_event_id,
            )
        else:
            message = StartSession(session_id=self.session_id, config=self._config)
        await _say(socket, message)
        self._sent_start = True

    async def _take(self, message: ServerMessage | None, *, fed: bool) -> bool:
        """Take a message; return whether audio may flow on this connection from here on."""
        if isinstance(message, AudioAck):
            self._acknowledge(message.seq, message.buffered_s)
        elif isinstance(message, SlowDown):
            self.buffered_s = message.buffered_s
            self._paused_until = self._clock() + message.retry_after_s
        elif isinstance(message, SessionResumed):
            self._acknowledge(message.next_seq - 1, self.buffered_s)
            self._window.rewind(message.next_seq)
            self._wake.set()
            self._started.set()
            return True
        elif isinstance(message, ErrorMessage):
            await self._error(message, fed=fed)
        elif isinstance(message, SessionEvent) and message.session_id == self.session_id:
            await self._event(message)
            return isinstance(message, SessionQueued | SessionStarted)
        return False

    async def _event(self, event: SessionEvent) -> None:
        if event.event_id and event.event_id <= self._last_event_id:
            return
        self._last_event_id = max(self._last_event_id, event.event_id)
        await self._received.put(Received(event, self._clock()))
        if isinstance(event, SessionQueued | SessionStarted):
            self._started.set()
        if isinstance(event, SessionEnded):
            self._over = True

    async def _error(self, message: ErrorMessage, *, fed: bool) -> None:
        if message.fatal:
            self._goodbye = message  # the close that follows tells whether to come back
        elif message.code == SequenceGap.code:
            self._out_of_step = True
        elif self._started.is_set() and to_error(message).retryable:
            self._goodbye, self._leaving = message, True
        elif message.code == NotFound.code and not self._started.is_set() and self._resuming:
            self._sent_start, self._out_of_step = False, True  # the start itself was lost
        elif fed:
            await self._received.put(Received(message, self._clock()))
        else:
            raise to_error(message)

    def _acknowledge(self, seq: int, buffered_s: float) -> None:
        self.buffered_s = buffered_s
        for chunk in self._window.acknowledge(seq, self._clock()):
            if self._on_ack is not None:
                self._on_ack(chunk)
        if not self._window.full:
            self._room.set()
        if self._window.empty:
            self._wake.set()

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            pause_s = self._paused_until - self._clock()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            chunk = self._window.take(self._clock())
            if chunk is not None:
                await socket.send(chunk.data)
            elif self._ending and self._window.empty and not self._end_sent:
                self._end_sent = True
                await _say(socket, EndSession(session_id=self.session_id))
            else:
                await self._rest(socket)

    async def _rest(self, socket: ClientConnection) -> None:
        """Wait for something to send; keep the connection alive meanwhile."""
        self._wake.clear()
        try:
            async with asyncio.timeout(self._options.heartbeat_s):
                await self._wake.wait()
        except TimeoutError:
            await _say(socket, Heartbeat())


async def _say(socket: ClientConnection, message: msgspec.Struct) -> None:
    await socket.send(encode(message).decode())
