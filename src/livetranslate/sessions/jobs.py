"""What a worker does with the jobs it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic

import msgspec
import numpy as np

from livetranslate.asr.files import FileOptions, recognise_file
from livetranslate.asr.manager import ModelManager
from livetranslate.asr.voice import as_float
from livetranslate.sessions.work import Job, JobKind, ModelJob, TranscribeJob

_encode = msgspec.msgpack.Encoder().encode


class JobRunner:
    """Runs jobs with a worker's models.

    Args:
        models: The worker's models.
    """

    def __init__(self, models: ModelManager) -> None:
        self._models = models
        self._kinds: dict[JobKind, Callable[[bytes], Awaitable[object]]] = {
            JobKind.TRANSCRIBE: self._transcribe,
            JobKind.LOAD_MODEL: self._load,
            JobKind.UNLOAD_MODEL: self._unload,
        }

    async def run(self, job: Job) -> bytes:
        """Return the job's result as MessagePack; raises what its kind raises."""
        return _encode(await self._kinds[job.kind](job.payload))

    async def _transcribe(self, payload: bytes) -> object:
        job = msgspec.msgpack.decode(payload, type=TranscribeJob)
        lease = await self._models.acquire(
            engine=job.engine, model=job.model, language=job.language
        )
        with lease:
            return await recognise_file(
                as_float(np.frombuffer(job.pcm, dtype=np.int16)),
                lease,
                FileOptions(language=job.language, task=job.task, vad=job.vad, prompt=job.prompt),
                clock=monotonic,
            )

    async def _load(self, payload: bytes) -> object:
        return await self._models.load(msgspec.msgpack.decode(payload, type=ModelJob).model)

    async def _unload(self, payload: bytes) -> object:
        await self._models.unload(msgspec.msgpack.decode(payload, type=ModelJob).model)
        return None
