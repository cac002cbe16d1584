"""A small platform over real sockets that says what a script tells it to, and can fail on demand.

It speaks the native WebSocket with the wire codec and serves the built web app, so that the page
can be shown situations that the real platform cannot be brought into at will.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from livetranslate.domain import events, messages
from livetranslate.domain.session import (
    AppliedConfig,
    EndReason,
    PolicyName,
    SessionConfig,
    SessionStatistics,
)
from livetranslate.domain.wire import decode_client_message, encode

SPEECH = {
    "engine": "pocketsphinx",
    "model": "en-us",
    "device": "cpu",
    "reason": "no Whisper model is on this machine; livetranslate models pull small gets one",
    "languages": ["en"],
    "detects_language": False,
}
LANGUAGES: dict[str, Any] = {
    "engines": [
        {
            "engine": "apertium",
            "available": True,
            "reason": None,
            "pairs": [
                {"source": "en", "target": "es"},
                {"source": "en", "target": "ca"},
                {"source": "es", "target": "en"},
            ],
        },
        {
            "engine": "ctranslate2",
            "available": False,
            "reason": "no model is installed",
            "remedy": "livetranslate models pull opus-mt-en-de",
        },
    ]
}

Cue = tuple[int, events.SessionEvent]
"""An event, and the number of chunks after which it happens."""


class ScriptedSession(msgspec.Struct):
    """What the platform has of one session."""

    config: SessionConfig
    audio: list[bytes] = []
    events: list[events.SessionEvent] = []
    ended: bool = False


class ScriptedPlatform:
    """Serves the page and plays a script; used as a context manager from synchronous tests.

    Attributes:
        url: Where it listens.
        sessions: Sessions by id.
        cues: What happens in every session, after how many chunks.
        start_error: Answer to ``start_session`` instead of a session, if set.
        away: Whether connections are refused.
        cut_at: Breaks the connection off, once, when so many chunks have come; before the
            acknowledgement of the last one.
    """

    def __init__(self, dist: Path, cues: list[Cue] | None = None) -> None:
        self.sessions: dict[str, ScriptedSession] = {}
        self.cues = cues or []
        self.start_error: messages.ErrorMessage | None = None
        self.away = False
        self.cut_at: int | None = None
        self.url = ""
        self._dist = dist
        self._transports: set[asyncio.Transport | None] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> ScriptedPlatform:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    @property
    def last(self) -> ScriptedSession:
        """The newest session."""
        return list(self.sessions.values())[-1]

    def go_away(self) -> None:
        """Break every connection off and refuse new ones."""
        self.away = True
        self._run(self._cut())

    def come_back(self) -> None:
        """Take connections again."""
        self.away = False

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _cut(self) -> None:
        for transport in list(self._transports):
            if transport is not None:
                transport.abort()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/ws", self._socket)
        app.router.add_get("/api/config", _json({"version": "0.1.0", "speech": SPEECH}))
        app.router.add_get("/api/translation/api/languages", _json(LANGUAGES))
        app.router.add_get("/", self._index)
        app.router.add_static("/", self._dist)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port: int = runner.addresses[0][1]
        self.url = f"http://localhost:{port}/"
        self._ready.set()
        await self._stop.wait()
        await self._cut()
        await runner.cleanup()

    async def _index(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(self._dist / "index.html")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        transport = request.transport
        self._transports.add(transport)
        connection = _Connection(self, socket, lambda: transport and transport.abort())
        try:
            async for frame in socket:
                if frame.type is WSMsgType.BINARY:
                    await connection.audio(frame.data)
                elif frame.type is WSMsgType.TEXT:
                    await connection.message(decode_client_message(frame.data))
        finally:
            self._transports.discard(transport)
        return socket


class _Connection:
    def __init__(
        self,
        platform: ScriptedPlatform,
        socket: web.WebSocketResponse,
        cut: Callable[[], object],
    ) -> None:
        self._platform = platform
        self._socket = socket
        self._cut = cut
        self._fed = ""

    async def audio(self, pcm: bytes) -> None:
        session = self._platform.sessions[self._fed]
        session.audio.append(pcm)
        count = len(session.audio)
        if count == self._platform.cut_at:
            self._platform.cut_at = None
            self._cut()
            return
        await self._say(messages.AudioAck(session_id=self._fed, seq=count - 1, buffered_s=0.2))
        for after, event in self._platform.cues:
            if after == count:
                await self._happen(event)

    async def message(self, message: messages.ClientMessage) -> None:
        if isinstance(message, messages.StartSession):
            await self._start(message)
        elif isinstance(message, messages.ResumeSession):
            await self._resume(message)
        elif isinstance(message, messages.EndSession):
            await self._end(message.session_id)
        elif isinstance(message, messages.Heartbeat):
            await self._say(message)

    async def _start(self, message: messages.StartSession) -> None:
        if self._platform.start_error is not None:
            await self._say(self._platform.start_error)
            return
        self._fed = message.session_id or "session-1-scripted"
        self._platform.sessions[self._fed] = ScriptedSession(message.config)
        await self._happen(
            events.SessionStarted(
                session_id=self._fed, timestamp=now(), config=applied(message.config)
            )
        )

    async def _resume(self, message: messages.ResumeSession) -> None:
        session = self._platform.sessions[message.session_id]
        self._fed = message.session_id
        await self._say(
            messages.SessionResumed(
                session_id=self._fed,
                timestamp=now(),
                event_id=len(session.events),
                next_seq=len(session.audio),
                config=applied(session.config),
            )
        )
        for event in session.events[message.last_event_id :]:
            await self._say(event)

    async def _end(self, session_id: str) -> None:
        session = self._platform.sessions[session_id]
        session.ended = True
        for after, event in self._platform.cues:
            if after > len(session.audio):
                await self._happen(event)
        await self._happen(
            events.SessionEnded(
                session_id=session_id,
                timestamp=now(),
                reason=EndReason.CLIENT_ENDED,
                statistics=SessionStatistics(chunks=len(session.audio)),
            )
        )

    async def _happen(self, event: events.SessionEvent) -> None:
        session = self._platform.sessions[self._fed]
        numbered = msgspec.structs.replace(
            event, session_id=self._fed, event_id=len(session.events) + 1, timestamp=now()
        )
        session.events.append(numbered)
        await self._say(numbered)

    async def _say(self, message: msgspec.Struct) -> None:
        if not self._socket.closed:
            await self._socket.send_str(encode(message).decode())


def applied(config: SessionConfig) -> AppliedConfig:
    """Return a configuration as a worker with the embedded engines would run it."""
    return AppliedConfig(
        config=config,
        engine="pocketsphinx",
        engine_reason=str(SPEECH["reason"]),
        model="en-us",
        device="cpu",
        compute_type="int16",
        policy=PolicyName.LOCAL_AGREEMENT,
        worker_id="worker-1",
    )


def now() -> datetime:
    """Return the UTC time that events carry."""
    return datetime.now(UTC)


def _json(body: dict[str, Any]) -> Callable[[web.Request], Coroutine[Any, Any, web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body)

    return answer
