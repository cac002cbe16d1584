"""Sample rates: everything becomes 16 kHz, by soxr, without losing or adding a sample."""

from __future__ import annotations

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs] - soxr ships none
from numpy.typing import NDArray

from livetranslate.domain.audio import SAMPLE_RATE

Samples = NDArray[np.float32]
"""Mono audio, shape (n,), float32 in [-1, 1]."""

NO_SAMPLES: Samples = np.zeros(0, np.float32)


class Resampler:
    """Turns a stream of mono audio of one rate into 16 kHz.

    The result does not depend on how the stream is cut. soxr looks ahead, so that output lags
    behind input by up to 120 ms until ``flush``. After it n samples have become
    n * 16000 / rate, rounded.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._stream = (
            None
            if rate == SAMPLE_RATE
            else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        )

    def feed(self, samples: Samples) -> Samples:
        """Return what can be told of the output after these samples; maybe nothing yet."""
        if self._stream is None:
            return samples
        return self._chunk(self._stream, samples, last=False)

    def flush(self) -> Samples:
        """Return the rest; nothing can be fed afterwards."""
        if self._stream is None:
            return NO_SAMPLES
        return self._chunk(self._stream, NO_SAMPLES, last=True)

    @staticmethod
    def _chunk(stream: soxr.ResampleStream, samples: Samples, *, last: bool) -> Samples:
        return np.asarray(stream.resample_chunk(samples, last=last), dtype=np.float32)


class RateConverter:
    """Brings a stream whose rate may change on its way to 16 kHz."""

    def __init__(self) -> None:
        self._resampler: Resampler | None = None

    def feed(self, rate: int, samples: Samples) -> Samples:
        """Return 16 kHz audio for samples of the given rate in Hz."""
        if self._resampler is None:
            self._resampler = Resampler(rate)
        elif self._resampler.rate != rate:
            rest, self._resampler = self._resampler.flush(), Resampler(rate)
            return np.concatenate((rest, self._resampler.feed(samples)))
        return self._resampler.feed(samples)

    def flush(self) -> Samples:
        """Return the rest of the stream."""
        if self._resampler is None:
            return NO_SAMPLES
        rest, self._resampler = self._resampler.flush(), None
        return rest


def to_s16le(samples: Samples) -> bytes:
    """Return samples as signed 16-bit little endian; what is beyond full scale is clipped."""
    scaled = np.rint(samples * np.float32(32768.0))
    return np.clip(scaled, -32768.0, 32767.0).astype("<i2").tobytes()


def from_s16le(pcm: bytes) -> Samples:
    """Return signed 16-bit little endian samples as float32 in [-1, 1)."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768.0)
