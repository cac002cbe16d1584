"""The whisper service: speech recognition for anyone, on port 5001."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response

from livetranslate.asr.engine import LoadedModel
from livetranslate.audio.files import AudioLimits, decode_file
from livetranslate.audio.resample import to_s16le
from livetranslate.domain import wire
from livetranslate.domain.errors import ModelUnavailable
from livetranslate.domain.session import Task, check_languages
from livetranslate.domain.transcription import Transcription
from livetranslate.services import problems
from livetranslate.services.api.forms import multipart, read_form
from livetranslate.services.api.guard import Guard, RequestFigures
from livetranslate.services.api.health import health, speech_now
from livetranslate.services.api.status import models_status, status_router
from livetranslate.services.core import Core
from livetranslate.services.described import described_app
from livetranslate.services.realtime.whisper_events import (
    WhisperSocket,
    whisper_socketio,
)
from livetranslate.services.sockets import Sockets
from livetranslate.sessions.work import JobKind, ModelJob, TranscribeJob

JOB_TIMEOUT_S = 3600.0
"""Longest time of one transcription or model job."""
PROTECTED = ("/models", "/transcribe", "/sessions", "/device", "/workers", "/dashboard", "/api/")


def create_whisper_app(core: Core) -> Any:
    """Return the ASGI application of port 5001."""
    app = described_app("LiveTranslate whisper")
    problems.install(app)
    app.add_middleware(Guard, options=core.edge.options, protects=PROTECTED)
    app.add_middleware(RequestFigures, metrics=core.metrics, service="whisper")
    _add_descriptions(app, core)
    _add_models(app, core)
    _add_transcription(app, core)
    app.include_router(status_router(core))

    return Sockets(whisper_socketio(core.edge).wrap(app), {"/ws": WhisperSocket(core.edge)})


def _add_descriptions(app: FastAPI, core: Core) -> None:
    @app.get("/health", summary="Own health")
    async def own() -> dict[str, Any]:
        return {**await health(core, "whisper"), "speech": speech_now(core)}

    @app.get("/health/live", summary="Whether the process runs")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/device", summary="Devices in use")
    async def device() -> dict[str, Any]:
        reports = [known.report for known in core.desk.reports()]
        return {
            "device": reports[0].device if reports else None,
            "workers": [
                {"worker_id": one.worker_id, "device": one.device, "host": one.host}
                for one in reports
            ],
        }

    @app.get("/workers", summary="The newest report of every worker, for orchestration")
    async def workers() -> Response:
        return _json({"reports": [known.report for known in core.desk.reports()]})

    @app.get("/sessions", summary="Live sessions")
    async def sessions() -> dict[str, Any]:
        states = await core.log.sessions()
        return {
            "sessions": [
                {
                    "session_id": state.session_id,
                    "buffer_s": round(state.buffered_s, 3),
                    "bytes": int(state.buffered_s * 16_000) * 2,
                    "idle_s": round(state.idle_s, 3),
                    "worker_id": state.worker_id,
                    "ending": state.ending,
                }
                for state in states
                if not state.ended
            ]
        }


def _add_models(app: FastAPI, core: Core) -> None:
    @app.get("/models", summary="Loaded models, and what sessions get by default")
    async def models() -> dict[str, Any]:
        return {"speech": speech_now(core), **await models_status(core)}

    @app.post("/models/{name:path}/load", summary="Load a model on every worker")
    async def load(name: str) -> Response:
        results = await _on_every_worker(core, JobKind.LOAD_MODEL, name)
        loaded = [msgspec.msgpack.decode(result, type=LoadedModel) for result in results]
        return _json({"model": name, "loaded": loaded})

    @app.post("/models/{name:path}/unload", summary="Unload a model on every worker")
    async def unload(name: str) -> dict[str, Any]:
        await _on_every_worker(core, JobKind.UNLOAD_MODEL, name, only_with=True)
        return {"model": name, "unloaded": True}


async def _on_every_worker(
    core: Core, kind: JobKind, model: str, *, only_with: bool = False
) -> list[bytes]:
    """Have every worker (that has the model) do a model job; return their results."""
    payload = msgspec.msgpack.encode(ModelJob(model=model))
    workers = [
        known.report.worker_id
        for known in core.desk.reports()
        if not only_with or any(one.info.model == model for one in known.report.models)
    ]
    if not workers and only_with:
        # Let a worker say that it has no such model, in its own words.
        return [await core.desk.submit(kind, payload, timeout_s=core.settings.service_timeout)]
    if not workers:
        raise ModelUnavailable("no worker is running yet; try again in a moment", retry_after_s=2.0)
    jobs = [
        core.desk.submit(kind, payload, worker_id=one, timeout_s=JOB_TIMEOUT_S) for one in workers
    ]
    return await asyncio.gather(*jobs)


def _add_transcription(app: FastAPI, core: Core) -> None:
    max_bytes = core.settings.direct_max_mb * 1024 * 1024
    fields = {
        "language": "ISO 639-1 code, or auto",
        "task": "transcribe or translate",
        "model": "model name",
        "engine": "engine name",
        "prompt": "what it is about",
        "vad": "whether silence is left out",
        "word_timestamps": "whether words come with the segments; yes if not said",
    }

    @app.post(
        "/transcribe",
        summary="Transcribe a file",
        openapi_extra=multipart({"file": "any audio file"}, fields),
    )
    async def transcribe(request: Request) -> Response:
        form = await read_form(request, max_bytes, field="file")
        language = form.text("language") or "auto"
        check_languages(language, ())
        words = form.flag("word_timestamps", True)
        data = await form.file("file", "audio")
        limits = AudioLimits(max_bytes=max_bytes)
        samples = await asyncio.to_thread(decode_file, data, limits, field="file")
        job = TranscribeJob(
            pcm=to_s16le(samples),
            engine=form.text("engine"),
            model=form.text("model"),
            language=language,
            task=wire.convert(form.text("task") or "transcribe", Task, field="task"),
            vad=form.flag("vad", True),
            prompt=form.text("prompt") or "",
        )
        payload = msgspec.msgpack.encode(job)
        result = await core.desk.submit(JobKind.TRANSCRIBE, payload, timeout_s=JOB_TIMEOUT_S)
        found = msgspec.msgpack.decode(result, type=Transcription)
        return _json(found if words else _without_words(found))


def _without_words(found: Transcription) -> Transcription:
    segments = tuple(msgspec.structs.replace(one, words=()) for one in found.segments)
    return msgspec.structs.replace(found, segments=segments)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
