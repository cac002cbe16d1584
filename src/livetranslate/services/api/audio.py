"""Stored audio over REST: ``POST /api/audio/chunk`` and ``GET /api/sessions/{id}/audio``."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from livetranslate.domain.errors import InvalidInput, NotFound
from livetranslate.domain.session import check_session_id
from livetranslate.services.api.forms import Form, multipart, read_form
from livetranslate.services.chunks import AudioChunks, ChunkRequest, whole_audio
from livetranslate.storage.audio_files import AudioFiles

FIELDS = {
    "session_id": "the session that it belongs to; none: one of its own",
    "chunk_start_time": "seconds from the session's first sample; none: behind what was cut before",
    "preset": "audio preset whose chunking is taken",
    "config": "JSON object: chunk_duration, overlap_duration, pause_search, …",
}


class AudioForm(str, Enum):
    """What is given of a session's audio."""

    WAV = "wav"
    JSON = "json"


def audio_router(chunks: AudioChunks, files: AudioFiles) -> APIRouter:
    """Return the routes of stored audio."""
    router = APIRouter(prefix="/api", tags=["audio"])

    @router.post(
        "/audio/chunk",
        summary="Cut audio into overlapping chunks and store them",
        openapi_extra=multipart({"audio": "any audio file"}, FIELDS),
    )
    async def cut(request: Request) -> Response:
        form = await read_form(request, chunks.max_bytes, field="audio")
        return _json(await chunks.cut(await _parse(form)))

    @router.get("/sessions/{session_id}/audio", summary="A session's recording, or its parts")
    async def recording(
        session_id: Annotated[str, Path(description="Id of the session.")],
        format: Annotated[
            AudioForm, Query(description="`wav`: all of it; `json`: a list of its parts.")
        ] = AudioForm.WAV,
    ) -> Response:
        parts = await files.chunks(check_session_id(session_id))
        if format is AudioForm.JSON:
            return _json({"session_id": session_id, "chunks": parts})
        body = whole_audio(files, parts)
        first = await anext(body)

        async def content():
            yield first
            async for piece in body:
                yield piece

        disposition = f'inline; filename="{session_id}.wav"'
        headers = {"Content-Disposition": disposition}
        return StreamingResponse(content(), media_type="audio/wav", headers=headers)

    @router.get("/sessions/{session_id}/audio/{chunk_id}", summary="A part of a recording")
    async def part(session_id: str, chunk_id: str) -> Response:
        parts = await files.chunks(check_session_id(session_id))
        found = next((one for one in parts if one.chunk_id == chunk_id), None)
        if found is None:
            raise NotFound(f"session {session_id} has no audio {chunk_id}", field="chunk_id")
        content = await files.content(found)
        return Response(content, media_type=f"audio/{found.codec}")

    _ = (cut, recording, part)
    return router


async def _parse(form: Form) -> ChunkRequest:
    return ChunkRequest(
        data=await form.file("audio", "file"),
        session_id=form.text("session_id"),
        start_s=_start(form.text("chunk_start_time")),
        preset=form.text("preset"),
        chunking=form.json("config"),
    )


def _start(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        start = float(text)
    except ValueError:
        start = -1.0
    if not 0.0 <= start < 1e7:
        raise InvalidInput(
            "chunk_start_time is a number of seconds from 0", field="chunk_start_time"
        )
    return start


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
