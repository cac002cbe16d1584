"""The stages in their order, block by block, with all that they remember in the open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from livetranslate.audio.enhancement.dynamics import LOOK_AHEAD, Compressor, Gate, Limiter
from livetranslate.audio.enhancement.filters import LinearFilter, equaliser, high_pass
from livetranslate.audio.enhancement.noise import HOP, NoiseReduction
from livetranslate.audio.enhancement.parameters import AudioParameters
from livetranslate.audio.resample import Samples

BLOCK = 512
"""Samples of a block: 32 ms at 16 kHz."""

DELAY = HOP + LOOK_AHEAD
"""Samples that the output is behind the input, whatever stages are at work: one block."""


class Stage(Protocol):
    """One stage of one stream."""

    def process(self, block: Samples) -> Samples:
        """Return as much as comes in."""
        ...

    def state(self) -> bytes:
        """Return all that it remembers."""
        ...


class Delay:
    """In the place of a stage that is not at work and would be behind its input."""

    def __init__(self, samples: int, state: bytes = b"") -> None:
        self._waiting = np.frombuffer(state or bytes(4 * samples), np.float32)

    def process(self, block: Samples) -> Samples:
        """Return what came ``samples`` before."""
        audio = np.concatenate((self._waiting, block))
        self._waiting = audio[len(block) :]
        return audio[: len(block)]

    def state(self) -> bytes:
        """Return what waits."""
        return self._waiting.tobytes()


class Chain:
    """The chain for one stream; what comes out is ``DELAY`` samples behind what goes in.

    Args:
        parameters: What each stage does.
        state: What ``state`` gave, to go on exactly there; empty to begin in silence.
    """

    def __init__(
        self, parameters: AudioParameters, state: Mapping[str, bytes] | None = None
    ) -> None:
        state = state or {}
        self._gate = Gate(parameters.vad, state.get("vad", b"")) if parameters.vad.enabled else None
        self._front, self._back = _stages(parameters, state)

    def state(self) -> dict[str, bytes]:
        """Return all that the stages remember, by name: some 10 kB."""
        stages: dict[str, Stage] = {**self._front, **self._back}
        found = {name: stage.state() for name, stage in stages.items()}
        return {"vad": self._gate.state(), **found} if self._gate else found

    def process(self, block: Samples) -> Samples:
        """Return the next ``BLOCK`` samples for ``BLOCK`` samples, float32 in [-1, 1]."""
        audio = block
        for stage in self._front.values():
            audio = stage.process(audio)
        if self._gate is not None:
            audio = self._gate.process(audio, self._gate.watch(block))
        for stage in self._back.values():
            audio = stage.process(audio)
        return audio


def _stages(
    parameters: AudioParameters, state: Mapping[str, bytes]
) -> tuple[dict[str, Stage], dict[str, Stage]]:
    """Return the stages up to the noise reduction and those behind it."""

    def kept(name: str) -> bytes:
        return state.get(name, b"")

    front: dict[str, Stage] = {}
    back: dict[str, Stage] = {}
    if parameters.high_pass.enabled:
        sections = high_pass(parameters.high_pass)
        front["high_pass"] = LinearFilter(sections, kept("high_pass"))
    front["noise_reduction"] = (
        NoiseReduction(parameters.noise_reduction, kept("noise_reduction"))
        if parameters.noise_reduction.enabled
        else Delay(HOP, kept("noise_reduction"))
    )
    if parameters.voice_enhancement.enabled:
        sections = equaliser(parameters.voice_enhancement)
        back["voice_enhancement"] = LinearFilter(sections, kept("voice_enhancement"))
    if parameters.compression.enabled:
        back["compression"] = Compressor(parameters.compression, kept("compression"))
    back["limiter"] = (
        Limiter(parameters.limiter, kept("limiter"))
        if parameters.limiter.enabled
        else Delay(LOOK_AHEAD, kept("limiter"))
    )
    return front, back
