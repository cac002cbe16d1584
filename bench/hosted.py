"""Live sessions in this process: the log, and a session host on it, as a worker runs it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bench.options import BenchOptions
from bench.recognise import CHUNK
from livetranslate.asr.loading import EngineLoader
from livetranslate.asr.manager import ManagerOptions, ModelManager
from livetranslate.asr.models.store import ModelStore, StoreOptions
from livetranslate.asr.streaming import StreamingOptions
from livetranslate.asr.whisper.engine import WhisperOptions
from livetranslate.domain.events import SessionEvent
from livetranslate.domain.session import EndReason, SessionConfig
from livetranslate.sessions.host.host import SessionHost
from livetranslate.sessions.host.translating import Emit, HostTranslation, SessionTranslation
from livetranslate.sessions.log.base import LogOptions
from livetranslate.sessions.log.memory import MemorySessionLog
from livetranslate.speakers.light.embedding import LightEmbedding
from livetranslate.translation.options import TranslationOptions
from livetranslate.translation.service import LocalTranslator

SESSION = "bench"
Live = Callable[[NDArray[np.int16], SessionConfig], Awaitable[list[SessionEvent]]]


@asynccontextmanager
async def hosted(options: BenchOptions, *, now: Callable[[], datetime]) -> AsyncGenerator[Live]:
    """Give what runs audio through a live session and returns its events."""
    loader = EngineLoader(
        ModelStore(StoreOptions(model_dir=options.model.parent)),
        device="cpu",
        whisper=WhisperOptions(cpu_threads=options.threads),
    )
    models = ModelManager(loader, ManagerOptions(default_model=str(options.model)))
    translator = LocalTranslator(TranslationOptions())

    def translation(session_id: str, config: SessionConfig, emit: Emit) -> SessionTranslation:
        return HostTranslation(translator, session_id, config, emit, now=now)

    async def live(pcm: NDArray[np.int16], config: SessionConfig) -> list[SessionEvent]:
        log = MemorySessionLog(LogOptions(max_backlog_s=3600.0))
        await log.create(SESSION, config)
        for number, start in enumerate(range(0, len(pcm), CHUNK)):
            await log.append_audio(SESSION, number, pcm[start : start + CHUNK].tobytes())
        await log.append_end(SESSION, EndReason.CLIENT_ENDED)
        claim = await log.claim("bench")
        assert claim is not None
        host = SessionHost(
            claim,
            log,
            models,
            translation,
            options=StreamingOptions(lag_s=float("inf")),
            now=now,
            voices=LightEmbedding(),
        )
        await host.run()
        return await log.read_events(SESSION, 0, limit=1_000_000)

    try:
        yield live
    finally:
        await models.close()
        await translator.close()
