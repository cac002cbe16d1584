"""Recognition in this process by the platform's own engine, scheduler and streaming recogniser."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.options import BenchOptions
from livetranslate.asr.decoders import make_decoder
from livetranslate.asr.engine import WindowRequest
from livetranslate.asr.files import FileOptions, recognise_file
from livetranslate.asr.loading import EngineLoader
from livetranslate.asr.manager import ManagerOptions, ModelLease, ModelManager
from livetranslate.asr.models.store import ModelStore, StoreOptions
from livetranslate.asr.streaming import StreamingOptions, StreamingRecogniser
from livetranslate.asr.whisper.engine import WhisperEngine, WhisperOptions
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.session import SessionConfig
from livetranslate.domain.speech import Segment

CHUNK = SAMPLE_RATE // 10
"""Samples of one chunk of live audio."""


@asynccontextmanager
async def leased(options: BenchOptions) -> AsyncGenerator[ModelLease]:
    """Load the engine that the options name, as a worker does, and let go of it in the end."""
    model = str(options.model)
    loader = EngineLoader(
        ModelStore(StoreOptions(model_dir=options.model.parent)),
        device="cpu",
        whisper=WhisperOptions(cpu_threads=options.threads),
    )
    manager = ModelManager(loader, ManagerOptions(default_model=model))
    try:
        with await manager.acquire(
            engine=options.engine, model=None if options.engine == "pocketsphinx" else model
        ) as lease:
            yield lease
    finally:
        await manager.close()


@contextmanager
def bearing_only_30_s(options: BenchOptions) -> Generator[BenchOptions]:
    """Give the options with the same model as one that does not say that it bears less."""
    with tempfile.TemporaryDirectory(prefix="livetranslate-bench-") as folder:
        model = Path(folder) / "model"
        model.mkdir()
        for file in options.model.iterdir():
            if file.name != "livetranslate.json":
                (model / file.name).symlink_to(file.resolve())
        yield msgspec.structs.replace(options, model=model)


def whisper(model: Path, *, threads: int, min_window_s: float | None = None) -> WhisperEngine:
    """Return our engine on a model, with the shortest window that it declares or another one."""
    files = ModelStore(StoreOptions(model_dir=model.parent)).locate(str(model))
    least = files.min_window_s if min_window_s is None else min_window_s
    options = WhisperOptions(cpu_threads=threads, min_window_s=least)
    return WhisperEngine("model", files.path, options)


class TimedRequest(msgspec.Struct, frozen=True):
    """A window that a live session has decoded.

    Attributes:
        at_s: Time of the audio's end in the session: when the window can be had at the earliest.
        request: The window.
    """

    at_s: float
    request: WindowRequest


class Streamed(msgspec.Struct, frozen=True):
    """What a live session made of a recording."""

    segments: list[Segment]
    requests: list[TimedRequest]

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(segment.text for segment in self.segments)


async def stream(lease: ModelLease, pcm: NDArray[np.int16], language: str) -> Streamed:
    """Recognise a recording as a live session that is never behind, as fast as it goes."""
    config = SessionConfig(language=language)
    recogniser = StreamingRecogniser(config, lease.engine.capabilities, StreamingOptions())
    decoder = make_decoder(lease)
    done = Streamed([], [])

    async def advance() -> None:
        while (step := recogniser.next_step()) is not None:
            done.requests.append(TimedRequest(step.end / SAMPLE_RATE, step.request(config)))
            changed = recogniser.apply(step, await decoder.decode(step, config))
            done.segments.extend(segment for segment in changed if segment.is_final)

    for start in range(0, len(pcm), CHUNK):
        recogniser.accept(pcm[start : start + CHUNK])
        await advance()
    recogniser.finish()
    await advance()
    return done


async def whole(lease: ModelLease, audio: NDArray[np.float32], language: str) -> str:
    """Recognise a recording as a file."""
    options = FileOptions(language=language)
    return (await recognise_file(audio, lease, options, clock=time.monotonic)).text


def live_windows(options: BenchOptions, pcm: NDArray[np.int16], language: str) -> Streamed:
    """Return what ``stream`` makes of a recording, with an engine of its own."""

    async def run() -> Streamed:
        async with leased(options) as lease:
            return await stream(lease, pcm, language)

    return asyncio.run(run())
