"""Learn the light voice embedding's projection from recordings of known voices.

``python scripts/learn_voices.py FOLDER OUT.npz``: the folder holds 16-bit mono WAV files named
``VOICE~ANYTHING.wav``. The shipped projection was learned from espeak-ng's variants, each in three
languages or accents at random pitches and speeds, without the plain voice, ``m3``, ``f2``, ``f3``,
whispers and robots; of every second file also at 0.88 and 1.13 times the speed, as other voices.
See ``livetranslate.speakers.light.embedding`` for the method.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from livetranslate.audio.files import decode_file
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.speakers.light.embedding import DIMENSIONS
from livetranslate.speakers.light.features import describe

SPEEDS = (1.0, 0.88, 1.13)
LENGTHS_S = (1.0, 1.6, 2.4)
STEP_S = 2.5
SHRINK = 0.1
"""Share of the identity in the covariance within voices."""

Array = NDArray[np.float64]


def main() -> None:
    """Describe all stretches of all voices, and write what tells them apart best."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    described, voices = _described(folder)
    mean, projection = learn(described, voices, DIMENSIONS)
    np.savez_compressed(out, mean=mean.astype("f4"), projection=projection.astype("f4"))


def learn(described: Array, voices: NDArray[np.int64], dimensions: int) -> tuple[Array, Array]:
    """Return mean and projection of a linear discriminant analysis."""
    mean, spread = described.mean(axis=0), described.std(axis=0) + 1e-6
    scaled = (described - mean) / spread
    counts = np.bincount(voices)
    centres = np.zeros((len(counts), scaled.shape[1]))
    np.add.at(centres, voices, scaled)
    centres /= counts[:, None]
    within = scaled - centres[voices]
    covariance = (1 - SHRINK) * within.T @ within / len(scaled) + SHRINK * np.eye(scaled.shape[1])
    values, directions = np.linalg.eigh(covariance)
    whitening = directions / np.sqrt(values)
    between = whitening.T @ np.cov(centres.T) @ whitening
    values, directions = np.linalg.eigh(between)
    best = np.argsort(-values)[:dimensions]
    return mean, (whitening @ directions[:, best]) / spread[:, None]


def _described(folder: Path) -> tuple[Array, NDArray[np.int64]]:
    chance = np.random.default_rng(0)
    numbers: dict[tuple[str, float], int] = {}
    found: list[Array] = []
    voices: list[int] = []
    for index, file in enumerate(sorted(folder.glob("*.wav"))):
        audio = decode_file(file)
        for speed in SPEEDS if index % 2 == 0 else SPEEDS[:1]:
            voice = numbers.setdefault((file.stem.partition("~")[0], speed), len(numbers))
            spoken = soxr.resample(audio, SAMPLE_RATE, SAMPLE_RATE / speed)
            for length in (int(one * SAMPLE_RATE) for one in LENGTHS_S):
                for start in range(0, len(spoken) - length, int(STEP_S * SAMPLE_RATE)):
                    one = describe(_worn(spoken[start : start + length], chance))
                    if one is not None:
                        found.append(one)
                        voices.append(voice)
    return np.array(found), np.array(voices)


def _worn(audio: NDArray[np.float32], chance: np.random.Generator) -> NDArray[np.float32]:
    """Return audio at a random level, and two times in three with noise."""
    level = 10 ** (chance.uniform(-12, 3) / 20)
    noise = np.zeros(len(audio))
    if chance.integers(3):
        power = np.sqrt((audio**2).mean()) * 10 ** (-chance.uniform(15, 32) / 20)
        noise = chance.standard_normal(len(audio)) * power
    return (level * (audio + noise)).astype(np.float32)


if __name__ == "__main__":
    main()
