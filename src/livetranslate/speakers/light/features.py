"""What a voice sounds like in a stretch of speech: the shape of its spectrum, and its pitch.

Cepstra are those of Davis and Mermelstein (1980): logarithm of a mel filterbank, decorrelated by a
cosine transform; the first, which is loudness, is left out. Pitch is the highest peak of the
normalised autocorrelation (Boersma 1993) between 65 and 400 Hz.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from livetranslate.domain.audio import SAMPLE_RATE

Samples = NDArray[np.float32]

FRAME = 400
"""Samples a frame: 25 ms."""
HOP = 160
"""Samples between two frames: 10 ms."""
CEPSTRA = 13
"""So few that they follow the vocal tract, and not the harmonics of a high voice."""
DIMENSIONS = 2 * CEPSTRA + 5
"""Length of what ``describe`` returns."""

_FFT = 512
_MELS = 32
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 7_600.0
_PITCH_FRAME, _PITCH_FFT = 640, 2_048
_SHORTEST_LAG, _LONGEST_LAG = SAMPLE_RATE // 400, SAMPLE_RATE // 65
_VOICED = 0.5
_SPEECH_DB = 25.0
_SILENCE_DB = -40.0
"""Power of a frame's spectrum in silence; some 90 dB below full scale."""


def describe(audio: Samples) -> NDArray[np.float64] | None:
    """Return the description of a voice, float64 of shape ``(DIMENSIONS,)``.

    Args:
        audio: Mono 16 kHz in [-1, 1), shape (n,); one voice, half a second or more.

    Returns:
        Means and deviations of the cepstra over the frames with speech; median, deviation and
        range of the pitch in octaves, the share of voiced frames and the mean strength of voicing.
        None if there is too little speech.
    """
    if len(audio) < FRAME + 10 * HOP:
        return None
    spectra = _spectra(audio)
    loudness = 10 * np.log10(spectra.sum(axis=1) + 1e-10)
    speech = loudness > max(float(np.percentile(loudness, 95)) - _SPEECH_DB, _SILENCE_DB)
    if speech.sum() < 10:
        return None
    cepstra = np.log(spectra @ _filterbank().T + 1e-8) @ _cosines().T
    pitch, strength = _pitch(audio, len(cepstra))
    voiced = speech & (strength > _VOICED)
    octaves = np.log2(pitch[voiced]) if voiced.sum() >= 5 else np.full(5, np.log2(140.0))
    return np.concatenate(
        [
            cepstra[speech].mean(axis=0),
            cepstra[speech].std(axis=0),
            [np.median(octaves), octaves.std(), np.ptp(np.percentile(octaves, (10, 90)))],
            [voiced.sum() / speech.sum(), strength[speech].mean()],
        ]
    )


def _frames(audio: Samples, size: int) -> NDArray[np.float32]:
    return np.lib.stride_tricks.sliding_window_view(audio, size)[::HOP]


def _spectra(audio: Samples) -> NDArray[np.float64]:
    emphasised = audio.copy()
    emphasised[1:] -= np.float32(0.97) * audio[:-1]
    windowed = _frames(emphasised, FRAME) * np.hamming(FRAME)
    return np.abs(np.fft.rfft(windowed, _FFT)) ** 2


@lru_cache(maxsize=1)
def _filterbank() -> NDArray[np.float64]:
    """Return triangular filters, equally wide on the mel scale, shape (mels, bins)."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    edges: NDArray[np.float64] = 700 * (10 ** (np.linspace(low, high, _MELS + 2) / 2595) - 1)
    bins = np.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1)
    rising: NDArray[np.float64] = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling: NDArray[np.float64] = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rising, falling))


@lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float64]:
    order = np.arange(1, CEPSTRA + 1)[:, None]
    at = np.arange(_MELS) + 0.5
    return np.sqrt(2 / _MELS) * np.cos(np.pi * order * at / _MELS)


def _pitch(audio: Samples, frames: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Hz and strength of voicing 0-1 of each frame."""
    padded = np.concatenate([audio, np.zeros(_PITCH_FRAME, dtype=np.float32)])
    window = np.hanning(_PITCH_FRAME)
    cut = _frames(padded, _PITCH_FRAME)[:frames]
    windowed = (cut - cut.mean(axis=1)[:, None]) * window
    alike = _autocorrelation(windowed)
    own = _autocorrelation(window)
    lags = slice(_SHORTEST_LAG, _LONGEST_LAG + 1)
    shape = alike[:, lags] / (alike[:, :1] + 1e-9) / (own[lags] / own[0])
    # Of peaks about as high the shortest lag is the pitch, the others are its multiples.
    slope = np.linspace(0.0, 0.1, _LONGEST_LAG + 1 - _SHORTEST_LAG)
    fair: NDArray[np.float64] = np.subtract(shape, slope)
    best = fair.argmax(axis=1)
    return SAMPLE_RATE / (best + _SHORTEST_LAG), np.clip(fair.max(axis=1), 0.0, 1.0)


def _autocorrelation(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return it along the last axis, by way of the power spectrum."""
    power = np.abs(np.fft.rfft(signal, _PITCH_FFT)) ** 2
    return np.fft.irfft(power, _PITCH_FFT)
