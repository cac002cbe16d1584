"""Noise reduction: a Wiener filter on short-time spectra, whose noise estimate follows the noise.

Noise power by speech presence probability: T. Gerkmann and R. C. Hendriks, Unbiased MMSE-based
noise power estimation with low complexity and low tracking delay, IEEE TASLP 20(4), 2012. Gain:
P. Scalart and J. V. Filho, Speech enhancement based on a priori signal to noise estimation,
ICASSP 1996, with the decision-directed estimate of Y. Ephraim and D. Malah, IEEE TASSP 32(6), 1984.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.enhancement.parameters import NoiseReductionStage
from livetranslate.audio.resample import Samples

HOP = 256
"""Samples between two spectra (16 ms), and the delay of the stage."""

_FRAME = 2 * HOP
_BINS = HOP + 1
_WINDOW = np.sqrt(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_FRAME) / _FRAME)).astype(np.float32)
"""Root of a Hann window: applied before and after, shifted copies add up to one."""

_SPEECH_SNR = 10.0**1.5
"""A priori signal-to-noise ratio of a bin with speech: 15 dB."""
_PRESENCE_SMOOTHING = 0.9
_MOST_PRESENT = 0.99
_LEARNING = 8
"""Spectra at the begin from whose quietest the noise is first taken."""
_LEAST = 1e-10

Spectrum = NDArray[np.float32]


class NoiseReduction:
    """Turns steady noise down; its output is ``HOP`` samples behind its input.

    Args:
        stage: By how much, and how quickly it follows.
        state: What ``state`` gave, to go on exactly there; empty to begin in silence.
    """

    def __init__(self, stage: NoiseReductionStage, state: bytes = b"") -> None:
        self._stage = stage
        self._floor = 10.0 ** (-stage.reduction_db / 20.0)
        width = 2 * HOP + 3 * _BINS + 1
        values = np.frombuffer(state, np.float32) if state else np.zeros(width, np.float32)
        self._before, self._overlap = values[:HOP], values[HOP : 2 * HOP]
        self._noise, self._presence, self._speech = values[2 * HOP : -1].reshape(3, _BINS)
        self._seen = int(values[-1])

    def state(self) -> bytes:
        """Return all that it remembers: 5 kB."""
        parts = (self._before, self._overlap, self._noise, self._presence, self._speech)
        return np.concatenate((*parts, [np.float32(self._seen)])).astype(np.float32).tobytes()

    def process(self, block: Samples) -> Samples:
        """Return as much as comes in, a multiple of ``HOP``."""
        hops = np.concatenate((self._before, block)).reshape(-1, HOP)
        self._before = hops[-1]
        frames = np.concatenate((hops[:-1], hops[1:]), axis=1) * _WINDOW
        spectra = np.fft.rfft(frames)
        power = np.square(np.abs(spectra)).astype(np.float32) + _LEAST
        gains = np.stack([self._gain(each) for each in power])
        cleaned = np.fft.irfft(spectra * gains, _FRAME).astype(np.float32) * _WINDOW
        output = np.empty((len(cleaned), HOP), np.float32)
        for index, frame in enumerate(cleaned):
            output[index] = self._overlap + frame[:HOP]
            self._overlap = frame[HOP:]
        return output.reshape(-1)

    def _gain(self, power: Spectrum) -> Spectrum:
        """Return the gain of each bin of the next spectrum."""
        self._follow(power)
        noise = self._noise * self._stage.overestimate
        past = self._stage.smoothing
        now = np.maximum(power / noise - 1.0, 0.0)
        ratio = past * (self._speech / noise) + (1.0 - past) * now
        gain = np.maximum(ratio / (1.0 + ratio), self._floor)
        self._speech = np.square(gain) * power
        return gain

    def _follow(self, power: Spectrum) -> None:
        """Bring the noise estimate up to date with the next spectrum."""
        if self._seen < _LEARNING:
            self._noise = np.minimum(self._noise, power) if self._seen else power
            self._seen += 1
            return
        exponent = np.minimum(power / self._noise * (_SPEECH_SNR / (1.0 + _SPEECH_SNR)), 80.0)
        present = 1.0 / (1.0 + (1.0 + _SPEECH_SNR) * np.exp(-exponent))
        past = _PRESENCE_SMOOTHING
        self._presence = past * self._presence + (1.0 - past) * present
        stuck = self._presence > _MOST_PRESENT
        present = np.minimum(present, np.where(stuck, _MOST_PRESENT, 1.0).astype(np.float32))
        guess = present * self._noise + (1.0 - present) * power
        past = self._stage.noise_smoothing
        self._noise = np.maximum(past * self._noise + (1.0 - past) * guess, _LEAST)
