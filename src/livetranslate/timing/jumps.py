"""Where a clock jumped: level shifts in a series of differences between two clocks."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTHS = (8, 16, 32)
"""Observations compared on either side of a suspected jump."""
MIN_JUMP_S = 0.1
"""Smaller steps are noise; ntpd slews, rather than steps, what is below 0.128 s (RFC 5905)."""
SIGNIFICANCE = 6.0
"""Standard errors that the medians of the two sides must differ by."""
CONSISTENT = 0.75
"""Share of a side that must lie about its own median, so that a few wild ones are no jump."""
CALM = 11
"""Observations of the sliding median that noise is measured about."""


def noise_of(series: Floats) -> float:
    """Return a standard deviation that level shifts and outliers hardly touch (from the MAD)."""
    if len(series) < CALM:
        return float(1.4826 * np.median(np.abs(np.diff(series))) / np.sqrt(2.0)) + 1e-9
    middle = np.median(sliding_window_view(series, CALM), axis=1)
    half = CALM // 2
    rest = series[half : half + len(middle)] - middle
    return float(1.4826 * np.median(np.abs(rest))) + 1e-9


def find_jumps(series: Floats) -> list[int]:
    """Return the indexes at which a new level begins, in order.

    Binary segmentation (Scott and Knott 1974) by the difference of the medians on both sides,
    which up to half of either side being outliers cannot feign.

    Args:
        series: Differences between the clocks in seconds, without their common trend, in order of
            time.
    """
    if len(series) < 2 * WIDTHS[0]:
        return []
    noise = noise_of(series)
    found: list[int] = []
    pending = [(0, len(series))]
    while pending:
        begin, end = pending.pop()
        at = _strongest(series[begin:end], noise)
        if at is not None:
            found.append(begin + at)
            pending += [(begin, begin + at), (begin + at, end)]
    return sorted(found)


def _strongest(series: Floats, noise: float) -> int | None:
    """Return where the most significant jump is, or None if there is none."""
    best: tuple[float, int] | None = None
    for width in WIDTHS:
        if len(series) < 2 * width:
            break
        windows = sliding_window_view(series, width)
        middle = np.median(windows, axis=1)
        near = np.abs(windows - middle[:, None]) <= 4.0 * noise + MIN_JUMP_S / 4
        calm = np.mean(near, axis=1) >= CONSISTENT
        left, right = slice(0, len(windows) - width), slice(width, len(windows))
        step = np.abs(middle[right] - middle[left])
        # 1.2533 is the ratio of a median's standard error to a mean's, for normal noise.
        score = step / (1.2533 * noise * np.sqrt(2.0 / width))
        valid = calm[left] & calm[right] & (step >= MIN_JUMP_S) & (score >= SIGNIFICANCE)
        if not valid.any():
            continue
        at = int(np.argmax(np.where(valid, score, 0.0)))
        if best is None or score[at] > best[0]:
            best = (float(score[at]), _exactly(series, at, width))
    return best[1] if best else None


def _exactly(series: Floats, at: int, width: int) -> int:
    """Return the index within two windows at which two levels fit best."""
    window = series[at : at + 2 * width]
    cuts = range(width // 2, 2 * width - width // 2)
    costs = [_spread(window[:cut]) + _spread(window[cut:]) for cut in cuts]
    return at + cuts[int(np.argmin(costs))]


def _spread(part: Floats) -> float:
    return float(np.sum(np.abs(part - np.median(part))))
