"""Cuts a stream into overlapping chunks, at pauses where there are any, without losing a sample."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.enhancement.parameters import Chunking
from livetranslate.domain.audio import SAMPLE_RATE

Pcm = NDArray[np.int16]
"""Mono audio at 16 kHz, shape (n,)."""

FRAME = 160
"""Samples of a frame whose level is judged: 10 ms."""


class Chunk(msgspec.Struct, frozen=True):
    """A piece of a stream.

    Attributes:
        index: Number in the stream, from 0.
        start: Sample of the stream at which it begins, its overlap included.
        overlap: Samples at its begin that the chunk before has as well.
        audio: Its samples, shape (n,).
    """

    index: int
    start: int
    overlap: int
    audio: Pcm

    @property
    def end(self) -> int:
        """Sample after the last one."""
        return self.start + len(self.audio)

    @property
    def new(self) -> Pcm:
        """Its samples without the overlap: those of all chunks together are the stream."""
        return self.audio[self.overlap :]


class ChunkManager:
    """Cuts one stream; how it comes in does not matter to the cuts.

    Holds no more than one chunk besides what comes in at once.

    Args:
        chunking: Lengths, and how a pause is found.
        start: Number of the stream's first sample.
    """

    def __init__(self, chunking: Chunking, *, start: int = 0) -> None:
        self._length = _samples(chunking.chunk_duration)
        self._overlap = _samples(chunking.overlap_duration)
        self._search = _samples(chunking.pause_search)
        self._pause = max(_samples(chunking.pause_duration) // FRAME, 1)
        self._depth = 10.0 ** (-chunking.pause_depth_db / 10.0)
        self._buffer: Pcm = np.zeros(0, np.int16)
        self._start = start
        self._shared = 0
        self._index = 0

    @property
    def buffered(self) -> int:
        """Samples that wait, those included that the last chunk has."""
        return len(self._buffer)

    def accept(self, audio: Pcm) -> list[Chunk]:
        """Take samples and return the chunks that they complete."""
        self._buffer = np.concatenate((self._buffer, audio))
        chunks: list[Chunk] = []
        while len(self._buffer) >= self._length:
            chunks.append(self._cut(self._best_end()))
        return chunks

    def finish(self) -> list[Chunk]:
        """End the stream: return what waits as the last chunk, if it holds anything new."""
        if len(self._buffer) <= self._shared:
            return []
        return [self._cut(len(self._buffer))]

    def _cut(self, end: int) -> Chunk:
        """Make a chunk of the first ``end`` samples in the buffer; its last ones stay."""
        chunk = Chunk(self._index, self._start, self._shared, self._buffer[:end].copy())
        self._shared = min(self._overlap, end)
        kept = end - self._shared
        self._buffer = self._buffer[kept:].copy()
        self._start += kept
        self._index += 1
        return chunk

    def _best_end(self) -> int:
        """Return where the full chunk in the buffer is cut: in its last pause, or at its end."""
        earliest = max(self._length - self._search, self._shared + 1, self._overlap + 1)
        power = _power(self._buffer[: self._length])
        first = -(-earliest // FRAME)
        if len(power) - first < self._pause:
            return self._length
        quiet = power[first:] <= self._depth * float(power.mean())
        runs = np.lib.stride_tricks.sliding_window_view(quiet, self._pause).all(axis=1)
        pauses = np.flatnonzero(runs)
        if not len(pauses):
            return self._length
        return (first + int(pauses[-1])) * FRAME + self._pause * FRAME // 2


def _power(audio: Pcm) -> NDArray[np.float64]:
    """Return the mean power of each whole frame."""
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)
    return np.square(frames, dtype=np.float64).mean(axis=1)


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
