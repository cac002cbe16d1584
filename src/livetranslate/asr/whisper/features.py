"""Log-mel features of windows, padded to what the encoder needs and no further."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from livetranslate.asr.engine import Samples

FRAMES_PER_SECOND = 100
"""Mel frames a second; the encoder halves them."""

MAX_FRAMES = 3000
"""Frames of Whisper's full window of 30 s."""

FRAME_STEP = 50
"""Windows are rounded up to multiples of so many frames, so that batches share a shape."""


def window_frames(samples: int, min_window_s: float) -> int:
    """Return the number of mel frames to encode for ``samples`` of audio.

    Args:
        samples: Length of the audio at 16 kHz.
        min_window_s: Shortest window that the model bears, in seconds.
    """
    audio_frames = math.ceil(samples / 160)
    least = max(audio_frames, round(min_window_s * FRAMES_PER_SECOND))
    return min(MAX_FRAMES, math.ceil(least / FRAME_STEP) * FRAME_STEP)


def batch_features(
    extractor: FeatureExtractor, windows: Sequence[Samples], min_window_s: float
) -> tuple[NDArray[np.float32], list[int]]:
    """Return the features of windows and the number of frames of each that hold audio.

    Returns:
        Array of shape (windows, mels, frames), float32, padded to the longest window; and the
        frames of audio of each window.
    """
    frames = max(window_frames(len(window), min_window_s) for window in windows)
    batch = np.zeros((len(windows), extractor.mel_filters.shape[0], frames), dtype=np.float32)
    lengths: list[int] = []
    for row, window in enumerate(windows):
        mel = extractor(window[: MAX_FRAMES * 160])[:, :frames]
        batch[row, :, : mel.shape[1]] = mel
        lengths.append(min(mel.shape[1], max(2, math.ceil(len(window) / 160))))
    return batch, lengths
