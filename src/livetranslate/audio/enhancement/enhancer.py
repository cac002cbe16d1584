"""A stream's audio through the chain: aligned with what came in, and changed on its way.

Audio passes as it is, bit for bit and at once, while no stage is at work. Else it goes through the
chain in blocks counted from where the chain began, so that cuts in the stream do not matter, and
comes out under the same sample numbers that it came in with: up to two blocks later, never moved.
When the parameters change, both chains run side by side while one fades into the other.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.enhancement.chain import BLOCK, Chain
from livetranslate.audio.enhancement.parameters import AudioParameters, Chunking
from livetranslate.audio.resample import Samples

Pcm = NDArray[np.int16]
"""Mono audio at 16 kHz, shape (n,)."""

FADE_BLOCKS = 3
"""Blocks in which one chain fades into the next: 96 ms."""

NO_AUDIO: Pcm = np.zeros(0, np.int16)


class ChainState(msgspec.Struct, frozen=True):
    """A chain at work: its parameters and what its stages remember."""

    parameters: AudioParameters
    stages: dict[str, bytes] = {}


class EnhancerState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that an enhancer knows; another goes on from it exactly as the first would have.

    Attributes:
        taken: Samples that have come in.
        given: Samples that have gone out.
        wanted: The parameters that are to be in force.
        now: The chain at work.
        coming: The chain that follows, while one fades into the other.
        faded: Blocks since that one began.
        begun: Whether the first block that waits is in the chain.
        waiting: Samples that came in and have not gone out, s16.
    """

    taken: int = 0
    given: int = 0
    wanted: AudioParameters = AudioParameters()
    now: ChainState = ChainState(AudioParameters())
    coming: ChainState | None = None
    faded: int = 0
    begun: bool = False
    waiting: bytes = b""


class Enhancer:
    """Enhances one stream.

    Args:
        state: Where another has got to; by default a stream begins, with no stage at work.
    """

    def __init__(self, state: EnhancerState | None = None) -> None:
        state = state or EnhancerState()
        self.taken = state.taken
        self.given = state.given
        self._wanted = state.wanted
        self._now = _Running(state.now)
        self._coming = None if state.coming is None else _Running(state.coming)
        self._faded = state.faded
        self._begun = state.begun
        self._waiting: Pcm = np.frombuffer(state.waiting, np.int16)

    @property
    def idle(self) -> bool:
        """Whether audio passes as it is."""
        return not (self._wanted.enhances or self._now.enhances or self._coming)

    def state(self) -> EnhancerState:
        """Return all that another enhancer needs."""
        return EnhancerState(
            taken=self.taken,
            given=self.given,
            wanted=self._wanted,
            now=self._now.state(),
            coming=self._coming.state() if self._coming else None,
            faded=self._faded,
            begun=self._begun,
            waiting=self._waiting.tobytes(),
        )

    @property
    def wanted(self) -> AudioParameters:
        """The stages that are to be in force; how streams are cut is not its concern."""
        return self._wanted

    def configure(self, parameters: AudioParameters) -> bool:
        """Let other stages be in force from the next sample on; the first ones do not fade in.

        Returns:
            Whether anything changes.
        """
        wanted = msgspec.structs.replace(parameters, chunking=Chunking())
        if wanted == self._wanted:
            return False
        self._wanted = wanted
        if not self.taken:
            self._now = _Running(ChainState(wanted))
        return True

    def accept(self, pcm: Pcm) -> Pcm:
        """Take samples and return what can be told of the output after them."""
        self.taken += len(pcm)
        if self.idle and not len(self._waiting):
            self.given = self.taken
            return pcm
        self._waiting = np.concatenate((self._waiting, pcm))
        output = self._work()
        self.given += len(output)
        return output

    def finish(self) -> Pcm:
        """No more audio follows; return the rest, so that all that came in has gone out."""
        missing = self.taken - self.given
        self._waiting = np.concatenate((self._waiting, np.zeros(2 * BLOCK, np.int16)))
        rest = self._work()[:missing]
        self.given = self.taken
        return rest

    def _work(self) -> Pcm:
        """Return the output of the blocks that are complete."""
        output: list[Pcm] = []
        while not self.idle and len(self._waiting) >= BLOCK * (1 + self._begun):
            begin = BLOCK * self._begun
            mixed = self._mix(self._waiting[:BLOCK], self._waiting[begin : begin + BLOCK])
            if self._begun:
                output.append(mixed)
                self._waiting = self._waiting[BLOCK:]
            self._begun = True
        if self.idle:
            output.append(self._waiting)
            self._waiting, self._begun = NO_AUDIO, False
        return np.concatenate(output) if output else NO_AUDIO

    def _mix(self, before: Pcm, block: Pcm) -> Pcm:
        """Put the next block through the chains; return the output for the block before it."""
        if self._coming is None and self._wanted != self._now.parameters:
            self._coming, self._faded = _Running(ChainState(self._wanted)), 0
        now = self._now.process(before, block)
        if self._coming is None:
            return _pcm(now)
        coming = self._coming.process(before, block)
        self._faded += 1
        # The first block that comes out of a chain is from before it began.
        done = (self._faded - 2) * BLOCK + np.arange(1, BLOCK + 1, dtype=np.float32)
        weight = np.clip(done / (FADE_BLOCKS * BLOCK), 0.0, 1.0).astype(np.float32)
        if self._faded > FADE_BLOCKS:
            self._now, self._coming = self._coming, None
        return _pcm(np.asarray(now + (coming - now) * weight, dtype=np.float32))


class _Running:
    """A chain at work, or none where no stage is."""

    def __init__(self, state: ChainState) -> None:
        self.parameters = state.parameters
        self.enhances = state.parameters.enhances
        self._chain = Chain(state.parameters, state.stages) if self.enhances else None

    def state(self) -> ChainState:
        return ChainState(self.parameters, self._chain.state() if self._chain else {})

    def process(self, before: Pcm, block: Pcm) -> Samples:
        """Take a block and return the output for the one before."""
        if self._chain is None:
            return _samples(before)
        return self._chain.process(_samples(block))


def _samples(pcm: Pcm) -> Samples:
    return pcm.astype(np.float32) / 32768.0


def _pcm(samples: Samples) -> Pcm:
    return np.clip(np.rint(samples * 32768.0), -32768.0, 32767.0).astype(np.int16)
