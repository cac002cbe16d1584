"""``GET /api/logs``: the activity log of this instance."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from livetranslate.domain.errors import InvalidInput
from livetranslate.services.activity import ActivityLog

MAX_PAGE = 500
MAX_DIGITS = 18
"""Digits of a line's number at most."""

Level = Literal["debug", "info", "warning", "error", "critical"]


def logs_router(activity: ActivityLog) -> APIRouter:
    """Return the route of the activity log."""
    router = APIRouter(prefix="/api", tags=["logs"])

    @router.get("/logs", summary="Log lines of this instance, newest first")
    async def logs(
        level: Annotated[Level, Query(description="The least level.")] = "info",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        cursor: Annotated[
            str | None, Query(description="`next_cursor` of the page before.")
        ] = None,
    ) -> Response:
        page = activity.page(level=level, limit=limit, before=_before(cursor))
        return Response(msgspec.json.encode(page), media_type="application/json")

    _ = logs
    return router


def _before(cursor: str | None) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= MAX_DIGITS):
        raise InvalidInput("this is not the next_cursor of a page before", field="cursor")
    return int(cursor)
