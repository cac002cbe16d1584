"""The HTTP application of port 5003."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import FastAPI, Response, WebSocket

from livetranslate import __version__
from livetranslate.domain.errors import InvalidInput, MessageTooLarge
from livetranslate.monitoring.machine import Machine
from livetranslate.monitoring.metrics import CONTENT_TYPE, Metrics, key_gauges
from livetranslate.services import problems
from livetranslate.services.api.guard import Guard, RequestFigures
from livetranslate.services.described import described_app
from livetranslate.services.realtime.options import EdgeOptions
from livetranslate.services.translation.models import (
    MAX_CHARS,
    AlternativeBody,
    DetectBody,
    DetectionBody,
    TranslateBody,
    TranslationResultBody,
    TranslationsBody,
)
from livetranslate.services.translation.stream import SegmentStream, check_language
from livetranslate.translation.base import Translation, TranslationRequest
from livetranslate.translation.engines.base import EngineStatus
from livetranslate.translation.options import AUTO
from livetranslate.translation.segment_queue import SegmentOptions
from livetranslate.translation.service import LocalTranslator

Utc = Callable[[], datetime]


def create_translation_app(
    translator: LocalTranslator,
    *,
    now: Utc = lambda: datetime.now(UTC),
    clock: Callable[[], float] = time.monotonic,
    segment_options: SegmentOptions | None = None,
    close_translator: bool = True,
    api_keys: tuple[str, ...] = (),
) -> FastAPI:
    """Return the application.

    Args:
        translator: Does the work.
        now: UTC time for events.
        clock: Steady seconds for uptime and for the distance between previews.
        segment_options: Bounds of ``/ws``.
        close_translator: Whether the application's end closes the translator.
        api_keys: Keys of which callers show one; none means that no key is asked for.
    """
    started = clock()
    machine = Machine()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        sampling = asyncio.create_task(machine.keep_sampling())
        yield
        sampling.cancel()
        if close_translator:
            await translator.close()

    app = described_app("LiveTranslate translation", lifespan)
    problems.install(app)
    metrics = Metrics()
    app.add_middleware(
        Guard, options=EdgeOptions(api_keys=api_keys), protects=("/api/",), sockets=("/ws",)
    )
    app.add_middleware(RequestFigures, metrics=metrics, service="translation")
    _add_descriptions(app, translator, lambda: clock() - started)
    _add_translation(app, translator)

    @app.get("/metrics", tags=["state"])
    async def prometheus() -> Response:
        """Return the figures for Prometheus."""
        gauges = key_gauges(memory_percent=machine.memory_percent, cpu_percent=machine.cpu_percent)
        return Response(metrics.exposition(gauges), media_type=CONTENT_TYPE)

    @app.websocket("/ws")
    async def stream(socket: WebSocket) -> None:
        await SegmentStream(
            socket, translator, now=now, clock=clock, options=segment_options
        ).serve()

    return app


def _add_descriptions(
    app: FastAPI, translator: LocalTranslator, uptime: Callable[[], float]
) -> None:
    @app.get("/api/health", tags=["state"])
    async def health() -> dict[str, Any]:
        """Tell whether any engine can translate; `degraded` if none can."""
        engines = await translator.engines()
        return {
            "status": "ok" if any(engine.available for engine in engines) else "degraded",
            "service": "translation",
            "version": __version__,
            "uptime_s": round(uptime(), 1),
            "engines": {engine.engine: engine.available for engine in engines},
        }

    @app.get("/api/health/live", tags=["state"])
    async def live() -> dict[str, str]:
        """Tell that the process runs, without asking any engine."""
        return {"status": "alive"}

    @app.get("/api/languages", tags=["state"])
    async def languages() -> dict[str, Any]:
        """Tell what each engine can do on this machine, the preferred one first.

        An engine has `pairs` (directions), `languages` (every direction between them) or
        `any_language`; one that is not available tells the reason and the remedy.
        """
        engines = await translator.engines()
        pairs = {(pair.source, pair.target) for engine in engines for pair in engine.pairs}
        codes = {code for pair in pairs for code in pair}
        codes |= {code for engine in engines for code in engine.languages}
        return {
            "engines": [msgspec.to_builtins(engine) for engine in engines],
            "pairs": [{"source": source, "target": target} for source, target in sorted(pairs)],
            "languages": sorted(codes),
            "any_language": any(engine.any_language and engine.available for engine in engines),
        }

    @app.get("/api/models", tags=["state"])
    async def models() -> dict[str, Any]:
        """List what is installed or served, by engine."""
        return {
            "models": [
                {"name": model, "engine": engine.engine, "device": engine.device}
                for engine in await translator.engines()
                for model in engine.models
            ]
        }

    @app.get("/api/device", tags=["state"])
    async def device() -> dict[str, Any]:
        """Tell on what each engine computes; null while nothing is loaded."""
        return {"engines": [_device(engine) for engine in await translator.engines()]}


def _add_translation(app: FastAPI, translator: LocalTranslator) -> None:
    @app.post("/api/translate", tags=["translation"])
    async def translate(body: TranslateBody) -> TranslationResultBody | TranslationsBody:
        """Translate one text or several into one language or several.

        With `text` and `target_language` the answer is one result. With `texts` or
        `target_languages` it is `{"translations": […]}`: for each text each target, in order.
        """
        texts, targets = _texts(body), _targets(body)
        by_target = [
            await translator.translate(
                TranslationRequest(
                    texts=texts,
                    source_language=body.source_language,
                    target_language=target,
                    context=body.context,
                    glossary=body.glossary,
                )
            )
            for target in targets
        ]
        if body.text is not None and body.target_language is not None:
            return _body(by_target[0][0])
        return TranslationsBody(
            translations=[
                _body(results[place]) for place in range(len(texts)) for results in by_target
            ]
        )

    @app.post("/api/detect", tags=["translation"])
    async def detect(body: DetectBody) -> DetectionBody:
        """Tell the language of a text."""
        if not body.text.strip():
            raise InvalidInput("text is empty", field="text")
        found = await translator.detect(body.text, among=body.languages, context=body.context)
        return DetectionBody(
            language=found.language,
            confidence=found.confidence,
            alternatives=[
                AlternativeBody(language=code, confidence=share)
                for code, share in found.alternatives
            ],
        )


def _texts(body: TranslateBody) -> tuple[str, ...]:
    if (body.text is None) == (body.texts is None):
        raise InvalidInput("give either text or texts", field="text")
    texts = (body.text,) if body.text is not None else tuple(body.texts or ())
    if sum(map(len, texts)) > MAX_CHARS:
        raise MessageTooLarge(f"the texts have more than {MAX_CHARS} characters", field="texts")
    return texts


def _targets(body: TranslateBody) -> list[str]:
    if (body.target_language is None) == (body.target_languages is None):
        raise InvalidInput(
            "give either target_language or target_languages", field="target_language"
        )
    if body.target_language is not None:
        check_language(body.target_language, field="target_language")
        targets = [body.target_language]
    else:
        targets = body.target_languages or []
        for target in targets:
            check_language(target, field="target_languages")
    if body.source_language != AUTO:
        check_language(body.source_language, field="source_language")
    return targets


def _device(engine: EngineStatus) -> dict[str, Any]:
    return {
        "engine": engine.engine,
        "device": engine.device,
        "compute_type": engine.compute_type,
        "available": engine.available,
    }


def _body(result: Translation) -> TranslationResultBody:
    return TranslationResultBody.model_validate(msgspec.to_builtins(result))
