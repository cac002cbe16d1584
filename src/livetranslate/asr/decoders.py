"""Decoders: one way for a session to have its steps decoded, whatever kind of engine is at work."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from livetranslate.asr.engine import EngineStream, Samples, SpeechEngine
from livetranslate.asr.lanes import Lanes
from livetranslate.asr.manager import ModelLease
from livetranslate.asr.scheduler import InferenceScheduler, Priority
from livetranslate.asr.streaming import Step
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.session import SessionConfig
from livetranslate.domain.speech import Hypothesis


class StepDecoder(Protocol):
    """Decodes the steps of one session, one after another."""

    async def decode(self, step: Step, config: SessionConfig) -> Hypothesis:
        """Return what follows the step's prefix; raises what the engine raises."""
        ...


class WindowDecoder:
    """Sends each step's window through the model's scheduler."""

    def __init__(self, scheduler: InferenceScheduler, priority: Priority = Priority.LIVE) -> None:
        self._scheduler = scheduler
        self._priority = priority

    async def decode(self, step: Step, config: SessionConfig) -> Hypothesis:
        """See StepDecoder."""
        future = self._scheduler.submit(step.request(config), self._priority)
        return await asyncio.wrap_future(future)


class StreamDecoder:
    """Feeds an incremental engine what is new in each step, one stream an utterance.

    The engine may revise what was committed; what it says of the time before the last committed
    word is left out.
    """

    def __init__(self, engine: SpeechEngine, lanes: Lanes) -> None:
        self._engine = engine
        self._lanes = lanes
        self._stream: EngineStream | None = None
        self._fed = 0
        self._committed_s = 0.0

    async def decode(self, step: Step, config: SessionConfig) -> Hypothesis:
        """See StepDecoder."""
        async with self._lanes.lane(live=True):
            hypothesis = await asyncio.to_thread(self._advance, step)
        if step.prefix:
            self._committed_s = max(self._committed_s, step.prefix[-1].end)
        words = tuple(
            word for word in hypothesis.words if (word.start + word.end) / 2 > self._committed_s
        )
        return msgspec.structs.replace(hypothesis, words=words)

    def _advance(self, step: Step) -> Hypothesis:
        if self._stream is None:
            self._stream = self._engine.open_stream(
                offset_s=step.start / SAMPLE_RATE, language=step.language
            )
            self._fed = step.start
        new: Samples = step.audio[max(self._fed - step.start, 0) :]
        self._stream.accept(new)
        self._fed = step.end
        hypothesis = self._stream.hypothesis(final=step.final)
        if step.final:
            self._stream = None
        return hypothesis


def make_decoder(lease: ModelLease, priority: Priority = Priority.LIVE) -> StepDecoder:
    """Return the decoder that fits a leased model."""
    if lease.scheduler is not None:
        return WindowDecoder(lease.scheduler, priority)
    return StreamDecoder(lease.engine, lease.lanes)
