"""Levels and simple quality figures of a piece of audio."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from livetranslate.audio.resample import Samples

SILENCE_DBFS = -120.0
"""Level told for digital silence, and the lowest level at all."""

_CLIPPED = 0.999
_FRAME = 320
"""Samples a frame: 20 ms at 16 kHz."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Quality of a piece of audio.

    Attributes:
        rms_dbfs: Root mean square level; a full-scale square wave is 0 dBFS.
        peak_dbfs: Highest sample.
        clipping_ratio: Share of samples at full scale, 0-1.
        snr_db: Loud frames over quiet frames (95th over 10th percentile of 20 ms levels); an
            estimate that holds for speech with pauses. None for less than 0.2 s or silence.
        dc_offset: Mean of the samples, -1 to 1.
    """

    rms_dbfs: float
    peak_dbfs: float
    clipping_ratio: float
    snr_db: float | None
    dc_offset: float


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
    return Quality(
        rms_dbfs=round(rms_dbfs(samples), 2),
        peak_dbfs=round(peak_dbfs(samples), 2),
        clipping_ratio=round(clipping_ratio(samples), 6),
        snr_db=_snr_db(samples),
        dc_offset=round(float(samples.mean()), 6) if len(samples) else 0.0,
    )


def _snr_db(samples: Samples) -> float | None:
    frames = len(samples) // _FRAME
    if frames < 10 or not samples.any():
        return None
    power = np.square(samples[: frames * _FRAME].reshape(frames, _FRAME), dtype=np.float64)
    levels = 10.0 * np.log10(power.mean(axis=1) + 1e-12)
    low, high = np.percentile(levels, (10, 95))
    return round(float(high - low), 2)


def _dbfs(amplitude: float) -> float:
    return max(SILENCE_DBFS, 20.0 * math.log10(amplitude)) if amplitude > 0 else SILENCE_DBFS
