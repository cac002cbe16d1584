"""What follows the level: the gate of the voice activity stage, the compressor and the limiter.

Gains are worked out at fixed points and run straight from one to the next, so that nothing clicks.
Compressor: D. Giannoulis, M. Massberg and J. D. Reiss, Digital dynamic range compressor design,
JAES 60(6), 2012 (gain computer with a soft knee, smoothed in decibels).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.enhancement.noise import HOP
from livetranslate.audio.enhancement.parameters import CompressionStage, LimiterStage, VadStage
from livetranslate.audio.resample import Samples
from livetranslate.domain.audio import SAMPLE_RATE

PIECE = 16
"""Samples between two points of a gain: 1 ms."""

LOOK_AHEAD = HOP
"""Samples that the limiter is behind its input, and sees of what comes."""

_PIECES_AHEAD = LOOK_AHEAD // PIECE
_HOP_S = HOP / SAMPLE_RATE
_PIECE_MS = 1000.0 * PIECE / SAMPLE_RATE
_RISE_DB = 1.5 * _HOP_S
"""A noise floor rises by 1.5 dB a second at most; it falls at once."""
_LOWEST_FLOOR_DB = -75.0
_TINY = 1e-10
_RAMP = np.arange(_PIECES_AHEAD) / (_PIECES_AHEAD - 1)
"""How far a gain may be over what is needed so many points later."""


class Gate:
    """Tells speech from what lies between by the level over the noise floor, and turns that down.

    ``watch`` is given the audio as it comes, ``process`` the same audio one ``HOP`` later: so the
    gate is open when a word begins.

    Args:
        stage: When it opens, and how far it shuts.
        state: What ``state`` gave, to go on exactly there; empty to begin.
    """

    def __init__(self, stage: VadStage, state: bytes = b"") -> None:
        self._stage = stage
        self._shut = 10.0 ** (-stage.attenuation_db / 20.0)
        values = np.frombuffer(state).tolist() if state else [0.0, 0.0, 1.0, 1.0]
        self._floor_db, self._hold_s, self._coming, self._gain = values

    def state(self) -> bytes:
        """Return all that it remembers."""
        return np.array([self._floor_db, self._hold_s, self._coming, self._gain]).tobytes()

    def watch(self, block: Samples) -> list[float]:
        """Return the gain at the end of each hop of the audio that ``process`` takes next."""
        power = np.square(block.reshape(-1, HOP)).mean(axis=1) + _TINY
        gains: list[float] = []
        for level in (10.0 * np.log10(power)).tolist():
            before, self._coming = self._coming, self._judge(level)
            gains.append(max(before, self._coming))
        return gains

    def process(self, block: Samples, gains: list[float]) -> Samples:
        """Return the block with the gains of ``watch`` applied."""
        curve = _curve(self._gain, gains, HOP)
        self._gain = gains[-1]
        return block * curve

    def _judge(self, level_db: float) -> float:
        floor = min(self._floor_db + _RISE_DB, level_db)
        self._floor_db = max(floor, _LOWEST_FLOOR_DB)
        if level_db >= self._floor_db + self._stage.threshold_db:
            self._hold_s = self._stage.hold_s
            return 1.0
        self._hold_s -= _HOP_S
        return 1.0 if self._hold_s > 0 else self._shut


class Compressor:
    """Lets the level above a threshold rise by less than it does.

    Args:
        stage: Threshold, ratio and times.
        state: What ``state`` gave, to go on exactly there; empty to begin.
    """

    def __init__(self, stage: CompressionStage, state: bytes = b"") -> None:
        self._stage = stage
        self._attack = math.exp(-_PIECE_MS / stage.attack_ms)
        self._release = math.exp(-_PIECE_MS / stage.release_ms)
        self._less_db = float(np.frombuffer(state)[0]) if state else 0.0

    def state(self) -> bytes:
        """Return all that it remembers."""
        return np.array([self._less_db]).tobytes()

    def process(self, block: Samples) -> Samples:
        """Return the block with its gain applied."""
        power = np.square(block.reshape(-1, PIECE)).mean(axis=1) + _TINY
        wanted = self._reduction_db(10.0 * np.log10(power))
        points: list[float] = [self._less_db]
        for less in wanted.tolist():
            past = self._attack if less > self._less_db else self._release
            self._less_db = past * self._less_db + (1.0 - past) * less
            points.append(self._less_db)
        gains = np.power(10.0, (self._stage.makeup_db - np.array(points)) / 20.0).tolist()
        return block * _curve(gains[0], gains[1:], PIECE)

    def _reduction_db(self, level_db: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return by how much each level is to be lowered."""
        stage = self._stage
        over = level_db - stage.threshold_dbfs
        knee = stage.knee_db
        bent = over if knee == 0 else np.square(np.clip(over + knee / 2, 0.0, knee)) / (2 * knee)
        above = np.maximum(np.where(over > knee / 2, over, bent), 0.0)
        return (above * (1.0 - 1.0 / stage.ratio)).astype(np.float32)


class Limiter:
    """Keeps samples under a ceiling; its output is ``LOOK_AHEAD`` samples behind its input.

    Args:
        stage: Ceiling and release.
        state: What ``state`` gave, to go on exactly there; empty to begin in silence.
    """

    def __init__(self, stage: LimiterStage, state: bytes = b"") -> None:
        self._ceiling = 10.0 ** (stage.ceiling_dbfs / 20.0)
        self._release = 1.0 - math.exp(-_PIECE_MS / stage.release_ms)
        audio, ends = state[: -2 * 8], state[-2 * 8 :]
        self._waiting = np.frombuffer(audio or bytes(4 * LOOK_AHEAD), np.float32)
        self._gain, self._need = np.frombuffer(ends).tolist() if state else (1.0, 1.0)

    def state(self) -> bytes:
        """Return all that it remembers: 1 kB."""
        return self._waiting.tobytes() + np.array([self._gain, self._need]).tobytes()

    def process(self, block: Samples) -> Samples:
        """Return as much as comes in."""
        audio = np.concatenate((self._waiting, block))
        count = len(block) // PIECE
        peaks = np.abs(audio.reshape(-1, PIECE)).max(axis=1).astype(np.float64)
        needs = np.minimum(1.0, self._ceiling / np.maximum(peaks, _TINY))
        around = np.minimum(np.append(self._need, needs), np.append(needs, needs[-1]))
        ahead = np.lib.stride_tricks.sliding_window_view(around[1:], _PIECES_AHEAD)[:count]
        before = self._gain
        points: list[float] = []
        for most in (ahead + _RAMP).min(axis=1).tolist():
            self._gain = min(most, self._gain + self._release * (1.0 - self._gain))
            points.append(self._gain)
        self._need = float(needs[count - 1])
        self._waiting = audio[len(block) :]
        return audio[: len(block)] * _curve(before, points, PIECE)


def _curve(first: float, ends: list[float], width: int) -> Samples:
    """Return a gain that runs straight from ``first`` through ``ends``, ``width`` samples each."""
    last = np.array(ends)
    begin = np.append(first, last[:-1])
    way = np.arange(1, width + 1) / width
    curve = begin[:, None] + (last - begin)[:, None] * way
    return curve.astype(np.float32).reshape(-1)
