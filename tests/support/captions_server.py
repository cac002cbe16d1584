"""A WebSocket server that keeps sessions as the platform does, and misbehaves on command."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve

from livetranslate.domain import events, messages
from livetranslate.domain.session import (
    AppliedConfig,
    EndReason,
    PolicyName,
    SessionConfig,
    SessionStatistics,
)
from livetranslate.domain.speech import Word
from livetranslate.domain.wire import decode_client_message, encode

_AWAY = messages.ErrorMessage(code="backend_unavailable", message="the log is away")


class Kept(msgspec.Struct):
    """A session as the server has it."""

    config: SessionConfig
    chunks: list[bytes] = []
    events: list[events.SessionEvent] = []


class CaptionsServer:
    """Says one word a chunk; an async context manager.

    Attributes:
        sessions: Sessions by id.
        cuts: Numbers of chunks after which the connection breaks without an acknowledgement.
        lose: Numbers of chunks that get lost once: they and all behind them are refused with a gap.
        slow: Number of the chunk after which the feeder is asked to slow down.
        refuse_start: Answer to ``start_session``, if set.
        close_with: Close code for every new connection, behind a fatal error, if set.
        pinged: Set by the second heartbeat.
        fail: Whether sessions fail at their end.
        away: Whether the log behind it is away: chunks and resumptions are refused for now.
        turned_away: Set by a resumption that is refused for that.
        deaf: Whether starts are lost with their connection.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, Kept] = {}
        self.cuts: list[int] = []
        self.lose: list[int] = []
        self.slow: int | None = None
        self.slow_s = 0.03
        self.refuse_start: messages.ErrorMessage | None = None
        self.close_with: int | None = None
        self.pinged = asyncio.Event()
        self._pings = 0
        self.fail = False
        self.away = False
        self.turned_away = asyncio.Event()
        self.deaf = False
        self.url = ""
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        await self.listen(0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def listen(self, port: int) -> None:
        self._server = await serve(self._connection, "127.0.0.1", port, compression=None)
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}/ws"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _connection(self, socket: ServerConnection) -> None:
        if self.close_with is not None:
            error = messages.ErrorMessage(code="overloaded", message="full up", fatal=True)
            await _say(socket, error)
            await socket.close(self.close_with)
            return
        fed = ""
        gap = False
        async for frame in socket:
            if self.deaf:
                socket.transport.abort()
                return
            if isinstance(frame, bytes):
                if self.away:
                    await _say(socket, _AWAY)
                    continue
                gap = gap or await self._misses(socket, fed)
                if not gap and not await self._chunk(socket, fed, frame):
                    return
                continue
            message = decode_client_message(frame)
            if isinstance(message, messages.StartSession | messages.ResumeSession):
                fed = str(message.session_id)
            await self._message(socket, message)

    async def _message(self, socket: ServerConnection, message: Any) -> None:
        if isinstance(message, messages.StartSession):
            await self._start(socket, message)
        elif isinstance(message, messages.ResumeSession):
            await self._resume(socket, message)
        elif isinstance(message, messages.EndSession):
            await self._end(socket, message.session_id)
        elif isinstance(message, messages.Heartbeat):
            self._pings += 1
            if self._pings == 2:
                self.pinged.set()
            await _say(socket, messages.Heartbeat())

    async def _start(self, socket: ServerConnection, message: messages.StartSession) -> None:
        if self.refuse_start is not None:
            await _say(socket, self.refuse_start)
            return
        session_id = str(message.session_id)
        self.sessions[session_id] = Kept(message.config)
        await self._happen(
            socket, session_id, events.SessionStarted, config=_applied(message.config)
        )

    async def _resume(self, socket: ServerConnection, message: messages.ResumeSession) -> None:
        kept = self.sessions.get(message.session_id)
        if self.away:
            await _say(socket, _AWAY)
            self.turned_away.set()
            return
        if kept is None:
            await _say(socket, messages.ErrorMessage(code="not_found", message="no such session"))
            return
        await _say(
            socket,
            messages.SessionResumed(
                session_id=message.session_id,
                timestamp=_now(),
                event_id=len(kept.events),
                next_seq=len(kept.chunks),
                config=None,
            ),
        )
        for event in kept.events[message.last_event_id :]:
            await _say(socket, event)

    async def _misses(self, socket: ServerConnection, session_id: str) -> bool:
        number = len(self.sessions[session_id].chunks)
        if number not in self.lose:
            return False
        self.lose.remove(number)
        gap = messages.ErrorMessage(code="sequence_gap", message="gap", expected_seq=number)
        await _say(socket, gap)
        return True

    async def _chunk(self, socket: ServerConnection, session_id: str, data: bytes) -> bool:
        kept = self.sessions[session_id]
        number = len(kept.chunks)
        kept.chunks.append(data)
        word = Word(f"w{number}", number / 10, (number + 1) / 10, 0.9, True)
        await self._happen(
            socket,
            session_id,
            events.TranscriptionResult,
            segment_id=f"s{number}",
            text=word.word,
            language="en",
            confidence=0.9,
            start=word.start,
            end=word.end,
            is_final=True,
            words=(word,),
        )
        if number in self.cuts:
            self.cuts.remove(number)
            socket.transport.abort()
            return False
        await _say(
            socket, messages.AudioAck(session_id=session_id, seq=number, buffered_s=number / 10)
        )
        if number == self.slow:
            await _say(
                socket,
                messages.SlowDown(
                    session_id=session_id, retry_after_s=self.slow_s, buffered_s=31.0
                ),
            )
        return True

    async def _end(self, socket: ServerConnection, session_id: str) -> None:
        if self.fail:
            await self._happen(
                socket, session_id, events.SessionError, code="x", message="it broke", fatal=True
            )
        reason = EndReason.FAILED if self.fail else EndReason.CLIENT_ENDED
        await self._happen(
            socket, session_id, events.SessionEnded, reason=reason, statistics=SessionStatistics()
        )

    async def _happen(
        self, socket: ServerConnection, session_id: str, kind: Any, **fields: Any
    ) -> None:
        kept = self.sessions[session_id]
        event = kind(
            session_id=session_id, event_id=len(kept.events) + 1, timestamp=_now(), **fields
        )
        kept.events.append(event)
        await _say(socket, event)


async def _say(socket: ServerConnection, message: msgspec.Struct) -> None:
    await socket.send(encode(message).decode())
    await asyncio.sleep(0)


def _applied(config: SessionConfig) -> AppliedConfig:
    return AppliedConfig(
        config=config,
        engine="pocketsphinx",
        engine_reason="it is [here]",
        model="en-us",
        device="cpu",
        compute_type="int16",
        policy=PolicyName.LOCAL_AGREEMENT,
    )


def _now() -> datetime:
    return datetime.now(UTC)
