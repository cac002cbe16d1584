"""``GET /api/alerts``."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from livetranslate.domain.errors import InvalidInput
from livetranslate.monitoring.alerts import AlertBook, AlertState, Severity

MAX_PAGE = 200
MAX_DIGITS = 18
"""Digits of an alert's number at most."""


def alerts_router(book: AlertBook) -> APIRouter:
    """Return the route of alerts, active and past."""
    router = APIRouter(prefix="/api", tags=["alerts"])

    @router.get("/alerts", summary="Alerts, newest first")
    async def alerts(
        severity: Severity | None = None,
        state: AlertState | None = None,
        limit: Annotated[
            int, Query(ge=1, le=MAX_PAGE, description="Alerts of one page at most.")
        ] = 50,
        cursor: Annotated[
            str | None, Query(description="`next_cursor` of the page before.")
        ] = None,
    ) -> Response:
        page = book.page(severity=severity, state=state, limit=limit, before=_before(cursor))
        return Response(msgspec.json.encode(page), media_type="application/json")

    return router


def _before(cursor: str | None) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= MAX_DIGITS):
        raise InvalidInput("this is not the next_cursor of a page before", field="cursor")
    return int(cursor)
