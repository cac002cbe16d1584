"""``POST /api/audio/upload``: parse, hand over, answer."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from livetranslate.domain import wire
from livetranslate.domain.errors import InvalidInput
from livetranslate.domain.session import SessionConfig, check_config, check_session_id
from livetranslate.services.api.forms import Form, multipart, read_form
from livetranslate.services.uploads import Upload, Uploads

FIELDS = {
    "session_id": "a live session takes it as its next chunk; none: a session of its own",
    "chunk_id": "the caller's name of the chunk",
    "chunk_start_time": "the caller's time of its begin, in seconds",
    "target_languages": "codes between commas, or a JSON array",
    "speaker_id": "who speaks, if known",
    "speaker_name": "that speaker's name",
    "config": "JSON object as in start_session; with encoding the audio has no header",
}


def upload_router(uploads: Uploads) -> APIRouter:
    """Return ``POST /api/audio/upload``."""
    router = APIRouter(prefix="/api/audio", tags=["audio"])

    @router.post(
        "/upload",
        summary="One chunk or file through the whole chain",
        openapi_extra=multipart({"audio": "any audio file, or raw samples"}, FIELDS),
    )
    async def upload(request: Request) -> Response:
        form = await read_form(request, uploads.max_bytes, field="audio")
        answer = await uploads.take(await _parse(form))
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return router


async def _parse(form: Form) -> Upload:
    fields: dict[str, Any] = form.json("config")
    targets = form.words("target_languages")
    if targets:
        fields["target_languages"] = targets
    config = check_config(wire.convert(fields, SessionConfig, field="config"))
    session_id = form.text("session_id")
    return Upload(
        data=await form.file("audio", "file"),
        session_id=None if session_id is None else check_session_id(session_id),
        chunk_id=form.text("chunk_id"),
        chunk_start_time=_seconds(form.text("chunk_start_time")),
        speaker_id=form.text("speaker_id"),
        speaker_name=form.text("speaker_name"),
        config=config,
        raw="encoding" in fields and not config.encoding.is_container,
    )


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(
            "chunk_start_time is a number of seconds", field="chunk_start_time"
        ) from None
