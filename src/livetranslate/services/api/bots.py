"""The meeting bots: ``/api/bots``, and each with its state and its picture."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from livetranslate.domain.wire import convert, invalid
from livetranslate.services.bots import BotOrder, MeetingBots

Limit = Annotated[int, Query(ge=1, le=200, description="Bots at most.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]


def bots_router(bots: MeetingBots) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/bots", tags=["bots"])

    @router.post("", status_code=201, summary="Send a bot to a meeting")
    async def start(request: Request) -> Response:
        try:
            given = msgspec.json.decode(await request.body())
        except msgspec.DecodeError as error:
            raise invalid(error) from error
        status = await bots.start(convert(given, BotOrder))
        return _json(status, status=201)

    @router.get("", summary="The bots, the newest first")
    async def listed(limit: Limit = 50, cursor: Cursor = None) -> Response:
        found = bots.list()
        names = [status.bot_id for status in found]
        begin = names.index(cursor) + 1 if cursor in names else 0
        items = found[begin : begin + limit]
        more = begin + limit < len(found)
        return _json({"bots": items, "next_cursor": items[-1].bot_id if more else None})

    @router.get("/{bot_id}", summary="A bot's state, and who is in its meeting")
    async def one(bot_id: str) -> Response:
        return _json(bots.get(bot_id))

    @router.get("/{bot_id}/frame.png", summary="What a bot shows through its camera")
    async def frame(bot_id: str) -> Response:
        picture = await asyncio.to_thread(bots.frame, bot_id)
        headers = {"Cache-Control": "no-store"}
        return Response(picture, media_type="image/png", headers=headers)

    @router.delete("/{bot_id}", summary="Make a bot leave; answers once it has")
    async def stop(bot_id: str) -> Response:
        return _json(await bots.stop(bot_id))

    _ = (start, listed, one, frame, stop)
    return router


def _json(value: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
