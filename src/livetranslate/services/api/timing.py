"""``/api/audio/timing``: how the clocks of a meeting and of a session stand to each other."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from livetranslate.domain.errors import MessageTooLarge
from livetranslate.domain.session import check_session_id
from livetranslate.domain.wire import invalid
from livetranslate.services.timekeeping import Timekeeper, TimingIn
from livetranslate.timing.observations import ObservationKind

MAX_BYTES = 4 * 1024 * 1024

_TIME = {"oneOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}
_NUMBER = {"type": "number"}


def _objects(**properties: Any) -> dict[str, Any]:
    """Return the schema of a list of objects; those of its fields named with ``_`` are optional."""
    required = [name for name in properties if not name.startswith("_")]
    named = {name.lstrip("_"): schema for name, schema in properties.items()}
    item = {"type": "object", "required": required, "properties": named}
    return {"type": "array", "items": item}


BODY: dict[str, Any] = {
    "type": "object",
    "required": ["session_id"],
    "properties": {
        "session_id": {"type": "string"},
        "observations": {
            "description": "Moments on both clocks; session_s counts from the first sample.",
            **_objects(
                meeting_time=_TIME,
                session_s=_NUMBER,
                _kind={"enum": [kind.value for kind in ObservationKind]},
                _uncertainty_s=_NUMBER,
            ),
        },
        "captions": {
            "description": "The meeting's own captions, matched with the words heard.",
            **_objects(text={"type": "string"}, meeting_time=_TIME),
        },
        "active_speaker": {
            "description": "When another speaker became active, matched with begins of speech.",
            **_objects(meeting_time=_TIME),
        },
        "align": {
            "description": "Times to be told on the other clock.",
            "type": "object",
            "properties": {
                "meeting_times": {"type": "array", "items": _TIME},
                "session_s": {"type": "array", "items": _NUMBER},
            },
        },
    },
}


def timing_router(timekeeper: Timekeeper) -> APIRouter:
    """Return ``GET`` and ``POST /api/audio/timing``."""
    router = APIRouter(prefix="/api/audio", tags=["audio"])

    @router.get("/timing", summary="Alignment, drift and quality of a session's clocks")
    async def get_timing(
        session_id: Annotated[str, Query(description="Id of the session.")],
    ) -> Response:
        return _json(await timekeeper.describe(check_session_id(session_id)))

    body = {"required": True, "content": {"application/json": {"schema": BODY}}}

    @router.post(
        "/timing", summary="Observe clocks, align times", openapi_extra={"requestBody": body}
    )
    async def post_timing(request: Request) -> Response:
        asked = await _body(request)
        check_session_id(asked.session_id)
        return _json(await timekeeper.take(asked))

    _ = (get_timing, post_timing)
    return router


async def _body(request: Request) -> TimingIn:
    """Return the body; raises InvalidInput naming the field, MessageTooLarge."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_BYTES:
            raise MessageTooLarge(f"the body exceeds the limit of {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(bytes(data), type=TimingIn)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(error) from error


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
