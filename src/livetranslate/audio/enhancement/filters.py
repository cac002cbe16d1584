"""Linear filters of the chain: their design, and their run in blocks.

Second-order sections after the Audio EQ Cookbook (R. Bristow-Johnson; W3C Note, 2021), a
Butterworth filter as the product of such sections (A. V. Oppenheim and R. W. Schafer, Discrete-Time
Signal Processing, chapter 7). A cascade runs in its state-space form, a block at a time: the output
is one matrix times the block plus another times the state, which numpy does at once where a
recursion would go sample by sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livetranslate.audio.enhancement.parameters import HighPassStage, VoiceEnhancementStage
from livetranslate.audio.resample import Samples
from livetranslate.domain.audio import SAMPLE_RATE

Matrix = NDArray[np.float64]

STRIDE = 128
"""Samples of a step of the recursion over blocks."""


class Section(NamedTuple):
    """A second-order section: y = b0 x + b1 x' + b2 x'' - a1 y' - a2 y''."""

    b0: float
    b1: float
    b2: float
    a1: float
    a2: float


class _Blocks(NamedTuple):
    """A cascade over ``STRIDE`` samples: y = x direct + state free; state' = state keep + x drive.

    Shapes: (n, n), (2 m, n), (2 m, 2 m) and (n, 2 m) for m sections and n samples.
    """

    direct: Matrix
    free: Matrix
    keep: Matrix
    drive: Matrix


class LinearFilter:
    """A cascade of sections, run over blocks whose length is a multiple of ``STRIDE``.

    Args:
        sections: The cascade.
        state: What ``state`` gave, to go on exactly there; empty to begin in silence.
    """

    def __init__(self, sections: tuple[Section, ...], state: bytes = b"") -> None:
        self._blocks = _blocks(sections)
        self._state = np.frombuffer(state) if state else np.zeros(2 * len(sections))

    def state(self) -> bytes:
        """Return all that it remembers."""
        return self._state.tobytes()

    def process(self, block: Samples) -> Samples:
        """Return the filtered block, of the same length."""
        blocks = self._blocks
        strides = block.reshape(-1, STRIDE).astype(np.float64)
        output, driven = strides @ blocks.direct, strides @ blocks.drive
        for index in range(len(strides)):
            output[index] += self._state @ blocks.free
            self._state = self._state @ blocks.keep + driven[index]
        return output.reshape(-1).astype(np.float32)


def high_pass(stage: HighPassStage) -> tuple[Section, ...]:
    """Return the sections of a Butterworth high-pass, with a low-pass if there is a high cut."""
    sections = _butterworth(stage.low_cut_hz, stage.order, high=True)
    if stage.high_cut_hz is not None:
        sections += _butterworth(stage.high_cut_hz, stage.order, high=False)
    return sections


def equaliser(stage: VoiceEnhancementStage) -> tuple[Section, ...]:
    """Return the sections of the equaliser whose gain is not 0 dB."""
    sections: list[Section] = []
    if stage.low_gain_db:
        sections.append(_shelf(stage.low_hz, stage.low_gain_db, high=False))
    if stage.presence_gain_db:
        sections.append(_bell(stage.presence_hz, stage.presence_gain_db, stage.presence_q))
    if stage.high_gain_db:
        sections.append(_shelf(stage.high_hz, stage.high_gain_db, high=True))
    return tuple(sections)


def response(sections: Sequence[Section], hz: float) -> complex:
    """Return a cascade's gain at a frequency."""
    z = np.exp(-2j * math.pi * hz / SAMPLE_RATE)
    gains = [(s.b0 + s.b1 * z + s.b2 * z * z) / (1.0 + s.a1 * z + s.a2 * z * z) for s in sections]
    return complex(np.prod(gains)) if gains else 1.0 + 0.0j


def _butterworth(hz: float, order: int, *, high: bool) -> tuple[Section, ...]:
    pairs = [
        _second_order(hz, 1.0 / (2.0 * math.sin(math.pi * (2 * k + 1) / (2 * order))), high=high)
        for k in range(order // 2)
    ]
    return tuple(pairs + [_first_order(hz, high=high)] * (order % 2))


def _first_order(hz: float, *, high: bool) -> Section:
    warped = math.tan(math.pi * hz / SAMPLE_RATE)
    pole, gain = (warped - 1.0) / (warped + 1.0), 1.0 / (warped + 1.0)
    if high:
        return Section(gain, -gain, 0.0, pole, 0.0)
    return Section(warped * gain, warped * gain, 0.0, pole, 0.0)


def _second_order(hz: float, q: float, *, high: bool) -> Section:
    cos, alpha = _cos_alpha(hz, q)
    edge = (1.0 + cos) / 2.0 if high else (1.0 - cos) / 2.0
    middle = -2.0 * edge if high else 2.0 * edge
    return _normalised((edge, middle, edge), (1.0 + alpha, -2.0 * cos, 1.0 - alpha))


def _bell(hz: float, gain_db: float, q: float) -> Section:
    root = 10.0 ** (gain_db / 40.0)
    cos, alpha = _cos_alpha(hz, q)
    return _normalised(
        (1.0 + alpha * root, -2.0 * cos, 1.0 - alpha * root),
        (1.0 + alpha / root, -2.0 * cos, 1.0 - alpha / root),
    )


def _shelf(hz: float, gain_db: float, *, high: bool) -> Section:
    root = 10.0 ** (gain_db / 40.0)
    cos, alpha = _cos_alpha(hz, math.sqrt(0.5))
    turn = -1.0 if high else 1.0
    bend, plus, minus = 2.0 * math.sqrt(root) * alpha, root + 1.0, root - 1.0
    return _normalised(
        (
            root * (plus - turn * minus * cos + bend),
            turn * 2.0 * root * (minus - turn * plus * cos),
            root * (plus - turn * minus * cos - bend),
        ),
        (
            plus + turn * minus * cos + bend,
            -turn * 2.0 * (minus + turn * plus * cos),
            plus + turn * minus * cos - bend,
        ),
    )


def _cos_alpha(hz: float, q: float) -> tuple[float, float]:
    angle = 2.0 * math.pi * hz / SAMPLE_RATE
    return math.cos(angle), math.sin(angle) / (2.0 * q)


def _normalised(b: tuple[float, float, float], a: tuple[float, float, float]) -> Section:
    return Section(b[0] / a[0], b[1] / a[0], b[2] / a[0], a[1] / a[0], a[2] / a[0])


@lru_cache(maxsize=64)
def _blocks(sections: tuple[Section, ...]) -> _Blocks:
    """Work out a cascade's matrices from its answers to an impulse and to each state alone."""
    width = 2 * len(sections)
    impulse = np.zeros(STRIDE)
    impulse[0] = 1.0
    answer, states = _simulate(sections, impulse, np.zeros(width))
    direct = np.zeros((STRIDE, STRIDE))
    for delay in range(STRIDE):
        direct[delay, delay:] = answer[: STRIDE - delay]
    free, keep = np.zeros((width, STRIDE)), np.zeros((width, width))
    for index, start in enumerate(np.eye(width)):
        free[index], after = _simulate(sections, np.zeros(STRIDE), start)
        keep[index] = after[-1]
    return _Blocks(direct, free, keep, states[::-1].copy())


def _simulate(
    sections: tuple[Section, ...], signal: Matrix, state: Matrix
) -> tuple[Matrix, Matrix]:
    """Return the output for a signal, and the state after each of its samples (direct form II)."""
    now = state.tolist()
    output, states = np.zeros(len(signal)), np.zeros((len(signal), len(now)))
    for at, sample in enumerate(signal.tolist()):
        value = sample
        for index, section in enumerate(sections):
            first, second = now[2 * index], now[2 * index + 1]
            result = section.b0 * value + first
            now[2 * index] = section.b1 * value - section.a1 * result + second
            now[2 * index + 1] = section.b2 * value - section.a2 * result
            value = result
        output[at], states[at] = value, now
    return output, states
