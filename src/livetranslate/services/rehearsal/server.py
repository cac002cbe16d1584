"""The rehearsal's web server: its pages, its recordings and the signalling. Loopback only."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any, Self

import structlog
from aiohttp import WSMsgType, web

from livetranslate.domain.errors import InternalError, LiveTranslateError
from livetranslate.services.rehearsal.room import Guest, Room, Say

MOST_BYTES = 256 * 1024
MOST_NAME = 60
MOST_WAITING = 1000
"""Messages to one page; a page that reads none of them is cut off."""
PLAY_S = 120.0
_log = structlog.get_logger(__name__)
_PAGES = Path(str(resources.files("livetranslate.services.rehearsal"))) / "pages"


class RehearsalServer:
    """Serves one or more rooms; an async context manager.

    Attributes:
        origin: Its address, once entered.
    """

    def __init__(self) -> None:
        self.origin = ""
        self._rooms: dict[str, Room] = {}
        self._recordings: list[Path] = []
        self._cues: dict[str, asyncio.Future[None]] = {}
        self._staged: dict[str, asyncio.Event] = {}
        self._runner: web.AppRunner | None = None
        self._sockets: set[web.WebSocketResponse] = set()

    async def __aenter__(self) -> Self:
        """Listen on a free port of the loopback interface."""
        app = web.Application(middlewares=[_local_only])
        app.add_routes(
            [
                web.get("/rooms/{code}", self._known),
                web.get("/recordings/{number:\\d+}", self._recording),
                web.get("/stage", _page("stage.html")),
                web.get("/signal/{code}", self._guest),
                web.get("/signal/{code}/stage", self._stage),
                web.static("/pages", _PAGES),
                web.get("/{code}", _page("meeting.html")),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.origin = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        for socket in list(self._sockets):
            with suppress(Exception):
                await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def add_room(self, code: str) -> Room:
        """Open a meeting."""
        room = self._rooms[code] = Room(code)
        self._staged[code] = asyncio.Event()
        return room

    def url(self, room: Room) -> str:
        """Return the address at which guests join."""
        return f"{self.origin}/{room.code}"

    def stage_url(self, room: Room, channels: int) -> str:
        """Return the address of the page on which the cast plays."""
        return f"{self.origin}/stage?code={room.code}&channels={channels}"

    async def staged(self, room: Room) -> None:
        """Wait until the stage is open."""
        await self._staged[room.code].wait()

    async def speak(self, room: Room, person_id: str, recording: Path) -> None:
        """Let somebody of the cast speak a recording, and return once it is over.

        Raises:
            InternalError: The stage could not play it.
        """
        self._recordings.append(recording)
        number = len(self._recordings) - 1
        cue = f"cue-{number}"
        done = self._cues[cue] = asyncio.get_running_loop().create_future()
        room.play(person_id, f"/recordings/{number}", cue)
        try:
            await asyncio.wait_for(done, PLAY_S)
        except TimeoutError:
            raise InternalError(f"the stage did not play {recording.name}") from None
        finally:
            del self._cues[cue]

    async def _known(self, request: web.Request) -> web.Response:
        known = request.match_info["code"] in self._rooms
        return web.json_response({"known": known}, status=200 if known else 404)

    async def _recording(self, request: web.Request) -> web.StreamResponse:
        number = int(request.match_info["number"])
        if number >= len(self._recordings):
            raise web.HTTPNotFound
        return web.FileResponse(self._recordings[number])

    async def _guest(self, request: web.Request) -> web.WebSocketResponse:
        room = self._room(request)
        guest: Guest | None = None

        async def take(message: dict[str, Any], say: Say) -> None:
            nonlocal guest
            kind = message.get("type")
            if kind == "knock" and guest is None:
                name = str(message.get("name", ""))[:MOST_NAME].strip() or "Guest"
                guest = room.knock(name, say)
            elif kind == "signal" and guest is not None:
                room.signal(guest.person.id, message["data"])
            elif kind == "leave" and guest is not None:
                room.leave(guest)

        try:
            return await self._converse(request, take)
        finally:
            if guest is not None:
                room.leave(guest)

    async def _stage(self, request: web.Request) -> web.WebSocketResponse:
        room = self._room(request)

        async def take(message: dict[str, Any], say: Say) -> None:
            if not room.has_stage:
                room.set_stage(say)
                self._staged[room.code].set()
            kind = message.get("type")
            if kind == "speaking":
                room.speaking(message["id"], bool(message["on"]))
            elif kind == "signal":
                room.signal("stage", message["data"], to=message["to"])
            elif kind in ("played", "failed"):
                self._settle(message)

        try:
            return await self._converse(request, take)
        finally:
            room.set_stage(None)
            self._staged[room.code].clear()

    def _settle(self, message: dict[str, Any]) -> None:
        done = self._cues.get(message.get("cue") or "")
        if message["type"] == "failed":
            _log.warning("stage failed", reason=message.get("reason"))
        if done is None or done.done():
            return
        if message["type"] == "failed":
            done.set_exception(InternalError(f"the stage failed: {message.get('reason')}"))
        else:
            done.set_result(None)

    async def _converse(
        self, request: web.Request, take: Callable[[dict[str, Any], Say], Awaitable[None]]
    ) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=MOST_BYTES)
        await socket.prepare(request)
        self._sockets.add(socket)
        outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_WAITING)

        async def write() -> None:
            while True:
                await socket.send_json(await outgoing.get())

        writer = asyncio.create_task(write())
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await take(json.loads(frame.data), outgoing.put_nowait)
        except (ValueError, KeyError, TypeError, LiveTranslateError, asyncio.QueueFull) as error:
            _log.warning("signalling refused", reason=str(error))
        finally:
            writer.cancel()
            self._sockets.discard(socket)
            await socket.close()
        return socket

    def _room(self, request: web.Request) -> Room:
        room = self._rooms.get(request.match_info["code"])
        if room is None:
            raise web.HTTPNotFound
        return room


@web.middleware
async def _local_only(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Refuse everyone but this machine, under whatever name it was found."""
    local = request.remote is not None and ipaddress.ip_address(request.remote).is_loopback
    if not local or request.host.rpartition(":")[0] != "127.0.0.1":
        raise web.HTTPForbidden
    return await handler(request)


def _page(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def page(request: web.Request) -> web.StreamResponse:
        del request
        return web.FileResponse(_PAGES / name)

    return page
