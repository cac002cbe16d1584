"""Levels and simple quality figures of a piece of audio."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.resample import Samples

SILENCE_DBFS = -120.0
"""Level told for digital silence, and the lowest level at all."""

_CLIPPED = 0.999
_FRAME = 320
"""Samples a frame: 20 ms at 16 kHz."""

_LEAST_FRAMES = 10
_OVER_NOISE_DB = 6.0
_UNDER_SPEECH_DB = 25.0
_QUIETEST_DBFS = -60.0
_GOOD_DBFS = -35.0
_GOOD_SNR_DB = 25.0
_MOST_CLIPPED = 0.05


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Quality of a piece of audio.

    Attributes:
        rms_dbfs: Root mean square level; a full-scale square wave is 0 dBFS.
        peak_dbfs: Highest sample.
        clipping_ratio: Share of samples at full scale, 0-1.
        snr_db: Loud frames over quiet frames (95th over 10th percentile of 20 ms levels); an
            estimate that holds for speech with pauses. None for less than 0.2 s or silence.
        dc_offset: Mean of the samples, -1 to 1.
        speech_ratio: Share of the frames that stand out from the noise, 0-1: speech, where nothing
            else does.
        score: 0-1, the product of how far signal-to-noise ratio, level and freedom from clipping
            are as recognition wants them.
    """

    rms_dbfs: float
    peak_dbfs: float
    clipping_ratio: float
    snr_db: float | None
    dc_offset: float
    speech_ratio: float
    score: float


def rms_dbfs(samples: Samples) -> float:
    """Return the root mean square level in dBFS, never under ``SILENCE_DBFS``."""
    if not len(samples):
        return SILENCE_DBFS
    return _dbfs(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))


def peak_dbfs(samples: Samples) -> float:
    """Return the level of the highest sample in dBFS, never under ``SILENCE_DBFS``."""
    return _dbfs(float(np.abs(samples).max(initial=0.0)))


def clipping_ratio(samples: Samples) -> float:
    """Return the share of samples at full scale, 0-1."""
    if not len(samples):
        return 0.0
    return float(np.count_nonzero(np.abs(samples) >= _CLIPPED)) / len(samples)


def quality(samples: Samples) -> Quality:
    """Return the figures of a piece of 16 kHz audio."""
    levels = _frame_levels(samples)
    snr_db = _snr_db(levels) if samples.any() else None
    level_db, clipped = rms_dbfs(samples), clipping_ratio(samples)
    return Quality(
        rms_dbfs=round(level_db, 2),
        peak_dbfs=round(peak_dbfs(samples), 2),
        clipping_ratio=round(clipped, 6),
        snr_db=snr_db,
        dc_offset=round(float(samples.mean()), 6) if len(samples) else 0.0,
        speech_ratio=round(_speech_ratio(levels), 4),
        score=round(_score(snr_db, level_db, clipped), 4),
    )


def _frame_levels(samples: Samples) -> NDArray[np.float64]:
    """Return the level of each whole frame in dBFS."""
    frames = len(samples) // _FRAME
    power = np.square(samples[: frames * _FRAME].reshape(frames, _FRAME), dtype=np.float64)
    return 10.0 * np.log10(power.mean(axis=1) + 1e-12)


def _snr_db(levels: NDArray[np.float64]) -> float | None:
    if len(levels) < _LEAST_FRAMES:
        return None
    low, high = np.percentile(levels, (10, 95))
    return round(float(high - low), 2)


def _speech_ratio(levels: NDArray[np.float64]) -> float:
    """Return the share of frames that are over the noise and not far under the loudest."""
    if not len(levels):
        return 0.0
    low, high = np.percentile(levels, (10, 95))
    least = max(float(low) + _OVER_NOISE_DB, float(high) - _UNDER_SPEECH_DB, _QUIETEST_DBFS)
    return float(np.count_nonzero(levels > least)) / len(levels)


def _score(snr_db: float | None, level_db: float, clipped: float) -> float:
    """Return the product of three marks, each falling straight from 1 to 0."""
    if snr_db is None:
        return 0.0
    clear = snr_db / _GOOD_SNR_DB
    loud = (level_db - _QUIETEST_DBFS) / (_GOOD_DBFS - _QUIETEST_DBFS)
    whole = 1.0 - clipped / _MOST_CLIPPED
    return math.prod(min(max(mark, 0.0), 1.0) for mark in (clear, loud, whole))


def _dbfs(amplitude: float) -> float:
    return max(SILENCE_DBFS, 20.0 * math.log10(amplitude)) if amplitude > 0 else SILENCE_DBFS
