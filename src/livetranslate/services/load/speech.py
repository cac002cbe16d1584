"""What load sessions say: recordings from a folder, or sounds that voice activity takes for speech.

The made-up speech is a source-filter synthesis (Klatt, «Software for a cascade/parallel formant
synthesizer», 1980, reduced to its voiced part): harmonics of a gliding pitch under the formants of
vowels that change from syllable to syllable, with pauses between phrases. No engine finds words in
it, but every part of the platform is as busy as with a speaker.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.files import decode_file
from livetranslate.domain.audio import SAMPLE_RATE
from livetranslate.domain.errors import InvalidInput, LiveTranslateError

Pcm = NDArray[np.int16]

SYNTHETIC_S = 30.0
GAP_S = 0.8
MOST_S = 600.0
"""Seconds of recordings that are kept in memory at most; the rest of a folder is left out."""

_VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
)
"""First three formants in Hz of five vowels (Peterson & Barney, 1952, men)."""
_BANDWIDTHS = (90.0, 110.0, 170.0)
_HARMONICS = 30


def load_speech(folder: Path | None) -> Pcm:
    """Return mono 16 kHz audio that sessions send round and round.

    Args:
        folder: Recordings of any kind that the platform decodes; None for made-up speech.

    Raises:
        InvalidInput: The folder holds no recording.
    """
    if folder is None:
        return synthetic_speech(SYNTHETIC_S)
    gap = np.zeros(round(GAP_S * SAMPLE_RATE), np.int16)
    parts: list[Pcm] = []
    length = 0
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if length >= MOST_S * SAMPLE_RATE:
            break
        try:
            audio = decode_file(file)
        except (LiveTranslateError, OSError):
            continue  # a manifest, a transcript, a folder
        parts += [np.clip(np.round(audio * 32768), -32768, 32767).astype(np.int16), gap]
        length += len(audio)
    if not length:
        raise InvalidInput(f"{folder} holds no recording", field="--speech")
    return np.concatenate(parts)


def synthetic_speech(seconds: float) -> Pcm:
    """Return made-up speech; always the same."""
    chance = np.random.default_rng(7)
    pieces: list[NDArray[np.float64]] = []
    length = 0
    while length < seconds * SAMPLE_RATE:
        phrase = [_syllable(chance) for _ in range(int(chance.integers(6, 16)))]
        pieces += [*phrase, np.zeros(round(GAP_S * SAMPLE_RATE))]
        length = sum(len(piece) for piece in pieces)
    audio = np.concatenate(pieces)[: round(seconds * SAMPLE_RATE)]
    hiss = 0.002 * chance.standard_normal(len(audio))
    return np.round(np.clip(audio + hiss, -1, 1) * 20_000).astype(np.int16)


def _syllable(chance: np.random.Generator) -> NDArray[np.float64]:
    """Return a burst of noise and a vowel."""
    seconds = chance.uniform(0.14, 0.26)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = chance.uniform(100, 140) * (1 - 0.15 * time / seconds)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    vowel = _VOWELS[int(chance.integers(len(_VOWELS)))]
    voice = np.zeros(len(time))
    for harmonic in range(1, _HARMONICS + 1):
        frequency = harmonic * float(pitch.mean())
        gain = sum(
            1 / (rank * (1 + ((frequency - formant) / width) ** 2))
            for rank, (formant, width) in enumerate(zip(vowel, _BANDWIDTHS, strict=True), 1)
        )
        voice += (gain + 0.02) / harmonic**0.5 * np.sin(harmonic * phase)
    envelope = np.sin(np.pi * np.minimum(1, time / seconds)) ** 0.5
    burst = 0.1 * chance.standard_normal(round(0.03 * SAMPLE_RATE))
    vowel_sound = 0.5 * voice / np.abs(voice).max() * envelope
    return np.concatenate([burst, vowel_sound])
