"""Noise that is mixed into recordings: made by code, the same in every run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs] - soxr ships none

from bench.corpus import Recording
from livetranslate.audio.resample import Samples
from livetranslate.domain.audio import SAMPLE_RATE

SNRS_DB = {"white": 10.0, "hum": 10.0, "babble": 20.0}
"""Kinds of noise, and how far the speech is over each."""

VOICES = 4
"""Recordings that talk at the same time in babble."""


def noise(kind: str, length: int, others: Sequence[Recording], seed: int) -> Samples:
    """Return noise of a kind, ``length`` samples, of any level.

    Args:
        kind: ``white``; ``babble``, other recordings at the same time; ``hum``, 50 Hz of the mains
            with its odd harmonics, and a little hiss.
        length: Number of samples.
        others: Recordings that babble is made of.
        seed: Makes it reproducible.
    """
    rng = np.random.default_rng(seed)
    if kind == "white":
        return rng.normal(0.0, 0.1, length).astype(np.float32)
    if kind == "hum":
        return _hum(rng, length)
    order: list[int] = rng.permutation(len(others)).tolist()
    babble = np.zeros(length, np.float32)
    for index in order[:VOICES]:
        voice = others[index].audio
        turns = np.resize(np.roll(voice, int(rng.integers(len(voice)))), length)
        babble += turns / np.sqrt(np.mean(np.square(voice)) + 1e-12)
    return babble


def mixed(speech: Samples, added: Samples, snr_db: float) -> Samples:
    """Return speech with noise so loud that their powers, over everything, differ by ``snr_db``."""
    power = np.mean(np.square(speech)) / (np.mean(np.square(added)) * 10.0 ** (snr_db / 10.0))
    sum_ = speech + added * np.sqrt(power)
    return np.asarray(sum_ / max(1.0, float(np.abs(sum_).max())), dtype=np.float32)


def telephone(speech: Samples) -> Samples:
    """Return speech as a telephone line brings it: 8 kHz, eight bits of mu-law."""
    narrow = np.asarray(soxr.resample(speech, SAMPLE_RATE, 8_000), dtype=np.float32)
    curve: Samples = np.log1p(255.0 * np.abs(np.clip(narrow, -1.0, 1.0))).astype(np.float32)
    steps = np.rint(curve * (127.0 / math.log(256.0)))
    line = np.sign(narrow) * (np.exp(steps * (math.log(256.0) / 127.0)) - 1.0) / 255.0
    return np.asarray(soxr.resample(line, 8_000, SAMPLE_RATE), dtype=np.float32)


def _hum(rng: np.random.Generator, length: int) -> Samples:
    times = np.arange(length) / SAMPLE_RATE
    wave = rng.normal(0.0, 0.02, length)
    for harmonic, level in ((1, 1.0), (3, 0.5), (5, 0.3), (7, 0.2)):
        wave += level * np.sin(2 * np.pi * 50 * harmonic * times + rng.uniform(0, 2 * np.pi))
    return wave.astype(np.float32)
