"""A session by time over REST: its timeline, the events of its life, its figures."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Response

from livetranslate.domain.errors import InvalidInput, LiveTranslateError
from livetranslate.domain.session import check_session_id
from livetranslate.services.timekeeping import Timekeeper
from livetranslate.sessions.clocks import Axis
from livetranslate.storage.figures import FiguresReader
from livetranslate.storage.timeline import MAX_ENTRIES, SessionTimeline
from livetranslate.storage.timeline_found import TimelineKind
from livetranslate.storage.timeline_queries import Window

SessionId = Annotated[str, Path(description="Id of the session.")]
Limit = Annotated[int, Query(ge=1, le=MAX_ENTRIES, description="Entries of one page at most.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
Moment = Annotated[
    str | None,
    Query(description="Seconds from the session's first sample, or a time of day (ISO 8601)."),
]

LiveFigures = Callable[[str], Awaitable[dict[str, Any]]]
"""Returns what only the log of a live session knows; an empty one of others."""


def timeline_router(
    timeline: SessionTimeline,
    timekeeper: Timekeeper,
    figures: FiguresReader,
    live: LiveFigures,
) -> APIRouter:
    """Return the routes below ``/api/sessions/{id}`` that tell of a session by time.

    Args:
        timeline: Reads.
        timekeeper: Knows the time of day of a session's seconds.
        figures: Reads figures.
        live: What only a live session's log knows.
    """
    router = APIRouter(prefix="/api/sessions/{session_id}", tags=["sessions"])

    @router.get("/timeline", summary="Audio, text, translations, events and turns on one axis")
    async def get_timeline(
        session_id: SessionId,
        from_: Annotated[Moment, Query(alias="from")] = None,
        to: Moment = None,
        kinds: Annotated[str | None, Query(description="Kinds between commas; else all.")] = None,
        limit: Limit = 200,
        cursor: Cursor = None,
    ) -> Response:
        wanted = _kinds(kinds)
        clocks, axis = await timekeeper.axis(check_session_id(session_id))
        window = Window(_seconds(from_, "from", axis), _seconds(to, "to", axis))
        if window.from_s is not None and window.to_s is not None and window.from_s >= window.to_s:
            raise InvalidInput("from is to be before to", field="from")
        page = await timeline.page(
            session_id, clocks, axis, window=window, kinds=wanted, limit=limit, cursor=cursor
        )
        return _json({**msgspec.to_builtins(page), "axis": axis.source.value})

    @router.get("/events", summary="What happened to a session")
    async def get_events(
        session_id: SessionId,
        type: Annotated[str | None, Query(description="Types between commas; else all.")] = None,
        severity: Annotated[str | None, Query(pattern="^(info|warning|error)$")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        types = tuple(_listed(type, "type"))
        check_session_id(session_id)
        found = await timeline.events(
            session_id, types=types, severity=severity, limit=limit, cursor=cursor
        )
        return _json(found)

    @router.get("/statistics", summary="Figures of a session, while it lives and after")
    async def get_statistics(session_id: SessionId) -> Response:
        found = await figures.of(check_session_id(session_id))
        told = msgspec.to_builtins(found)
        if not found.final:
            told |= await live(session_id)
        return _json(told)

    _ = (get_timeline, get_events, get_statistics)
    return router


def live_figures(state: Callable[[str], Awaitable[Any]], rate: int) -> LiveFigures:
    """Return the reader of what a live session's log knows.

    Args:
        state: Returns the log's state of a session.
        rate: Samples a second.
    """

    async def read(session_id: str) -> dict[str, Any]:
        try:
            found = await state(session_id)
        except LiveTranslateError:
            return {}
        return {
            "audio_s": round(found.samples / rate, 3),
            "buffered_s": round(found.buffered_s, 3),
            "worker_id": found.worker_id,
        }

    return read


def _kinds(text: str | None) -> tuple[TimelineKind, ...]:
    known = {kind.value: kind for kind in TimelineKind}
    found: list[TimelineKind] = []
    for name in _listed(text, "kinds"):
        if name not in known:
            raise InvalidInput(f"kinds are {', '.join(known)}; not {name!r}", field="kinds")
        found.append(known[name])
    return tuple(dict.fromkeys(found)) or tuple(TimelineKind)


def _listed(text: str | None, field: str) -> list[str]:
    if text is not None and "\x00" in text:
        raise InvalidInput("a NUL character is no text", field=field)
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _seconds(text: str | None, field: str, axis: Axis) -> float | None:
    """Return a moment in the session's seconds; a time of day without a zone is UTC."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = None
    if seconds is not None:
        if not math.isfinite(seconds) or abs(seconds) > 1e9:
            raise InvalidInput(f"{field} is a number of seconds in the session", field=field)
        return seconds
    try:
        # A plus sign in a query that was not encoded arrives as a blank.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError as error:
        message = f"{field} is seconds of the session or a time such as 2026-01-31T12:00:00Z"
        raise InvalidInput(message, field=field) from error
    return axis.to_session(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
