"""History over REST: lists of sessions, one session, its transcript as a file, search, removal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response

from livetranslate.domain.session import SessionStatus, check_session_id
from livetranslate.storage.export import ExportFormat, export
from livetranslate.storage.figures import FiguresReader
from livetranslate.storage.found import SessionFilter
from livetranslate.storage.history import MAX_PAGE, SessionHistory
from livetranslate.storage.live import LiveHistory

SessionId = Annotated[str, Path(description="Id of the session.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Entries of one page at most.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
Since = Annotated[
    datetime | None, Query(description="Created at this time or later; UTC if it names no zone.")
]
Until = Annotated[
    datetime | None, Query(description="Created before this time; UTC if it names no zone.")
]


def sessions_router(
    history: SessionHistory,
    live: LiveHistory,
    remove: Callable[[str], Awaitable[None]],
    *,
    figures: FiguresReader | None = None,
) -> APIRouter:
    """Return the routes under ``/api/sessions`` and ``/api/search``.

    Args:
        history: Reads of many sessions.
        live: Reads of one, which may be live.
        remove: Removes all of a session, which may be live too.
        figures: Figures of live sessions.
    """
    router = APIRouter(prefix="/api", tags=["sessions"])
    _add_lists(router, history)
    _add_one(router, live, figures)

    @router.delete("/sessions/{session_id}", status_code=204, summary="Remove all of a session")
    async def delete_session(session_id: SessionId) -> Response:
        await history.session(check_session_id(session_id))
        await remove(session_id)
        return Response(status_code=204)

    _ = delete_session
    return router


# FastAPI holds the routes' functions; naming them at the end of each function below and above
# tells the type checker that they are used.


def _add_lists(router: APIRouter, history: SessionHistory) -> None:
    @router.get("/sessions", summary="List sessions, newest first")
    async def list_sessions(
        status: SessionStatus | None = None,
        kind: str | None = None,
        language: str | None = None,
        since: Since = None,
        until: Until = None,
        q: Annotated[str | None, Query(description="Words in title, text or translations.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        wanted = SessionFilter(
            status=status,
            kind=kind,
            language=language,
            since=_in_utc(since),
            until=_in_utc(until),
            q=q or None,
        )
        return _json(await history.sessions(wanted, limit=limit, cursor=cursor))

    @router.get("/search", summary="Search what was said and its translations")
    async def search(
        q: Annotated[str, Query(description="All these words; the last may be a beginning.")],
        session_id: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        found = await history.search(
            q,
            session_id=check_session_id(session_id) if session_id else None,
            limit=limit,
            cursor=cursor,
        )
        return _json(found)

    _ = (list_sessions, search)


def _add_one(router: APIRouter, history: LiveHistory, figures: FiguresReader | None) -> None:
    @router.get("/sessions/{session_id}", summary="One session with its totals")
    async def get_session(session_id: SessionId) -> Response:
        found = await history.session(check_session_id(session_id))
        if found.ended_at is None and figures is not None:
            running = msgspec.to_builtins(await figures.of(session_id))
            found = msgspec.structs.replace(found, running=running)
        return _json(found)

    @router.get("/sessions/{session_id}/transcript", summary="A transcript, also as a file")
    async def get_transcript(
        session_id: SessionId,
        format: ExportFormat = ExportFormat.JSON,
        language: Annotated[
            str | None, Query(description="Translated into this language where possible.")
        ] = None,
        bilingual: Annotated[
            bool, Query(description="What was spoken, and below it the translation.")
        ] = False,
    ) -> Response:
        transcript = await history.transcript(check_session_id(session_id))
        content = export(transcript, format, language=language or None, bilingual=bilingual)
        disposition = f'inline; filename="{session_id}.{format.value}"'
        headers = {"Content-Disposition": disposition}
        return Response(content, media_type=format.media_type, headers=headers)

    _ = (get_session, get_transcript)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _in_utc(moment: datetime | None) -> datetime | None:
    """Return a time with its zone: UTC where none was named."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
