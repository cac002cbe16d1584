"""Offset and drift between two clocks from paired observations.

An MM-type estimate (Yohai, "High breakdown-point and high efficiency robust estimates for
regression", Annals of Statistics 15, 1987) of the line *reading = session + offset + drift ·
session*: it begins with the repeated median of Siegel ("Robust regression using repeated medians",
Biometrika 69, 1982), which bears nearly half of the observations being wrong, and goes on with
Tukey's bisquare, which makes nearly the best of those that are right. Where a clock jumps, the line
breaks: the pieces have offsets of their own and the drift in common, for a clock that was set runs
as fast as before.

The drift of oscillators is small, and the fit knows it: what little a handful of observations says
of the drift is weighed against a standard deviation of ``PRIOR_DRIFT``. So one pair is enough for
an offset, and the uncertainty tells how far to trust it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from livetranslate.timing.estimate import ClockEstimate, Piece
from livetranslate.timing.jumps import Floats, find_jumps
from livetranslate.timing.observations import Observation

PRIOR_DRIFT = 200e-6
"""Standard deviation of drifts before anything is known, in seconds a second."""
MAX_DRIFT = 2000e-6
"""No oscillator is further off; what pairs say beyond it is noise."""
PRIOR_WEIGHT = 3.0
"""Observations' worth of trust in the uncertainties that observations come with."""
BISQUARE = 4.685
"""Tukey's constant for an efficiency of 95 % under normal noise."""
MAX_STEPS = 50

Ints = NDArray[np.int64]


def estimate(observations: Sequence[Observation]) -> ClockEstimate | None:
    """Return how the clocks stand to each other, or None without an observation.

    Args:
        observations: In any order.
    """
    if not observations:
        return None
    ordered = sorted(observations)
    session = np.array([one.session_s for one in ordered])
    reading = np.array([one.reading_s for one in ordered])
    spread = np.array([one.uncertainty_s for one in ordered])
    difference = reading - session
    origin = float(np.median(difference))
    difference = difference - origin
    pieces = np.zeros(len(ordered), dtype=np.int64)
    slope = _slope(session, difference, pieces, local=True)
    for _ in range(2):
        jumps = find_jumps(difference - slope * session)
        pieces = np.searchsorted(jumps, np.arange(len(ordered)), side="right")
        slope = _slope(session, difference, pieces, local=False)
    return _refined(session, difference, spread, pieces, slope, origin)


def _slope(session: Floats, difference: Floats, pieces: Ints, *, local: bool) -> float:
    """Return the repeated median of the slopes between observations of one piece.

    Args:
        session: Session seconds.
        difference: Reading minus session seconds.
        pieces: Piece of each observation.
        local: Compare only what is within a quarter of the whole, so that a jump not known yet
            comes between few.
    """
    apart = session[None, :] - session[:, None]
    span = float(session[-1] - session[0])
    if span <= 0:
        return 0.0
    usable = (np.abs(apart) >= span / 50) & (pieces[None, :] == pieces[:, None])
    if local and len(session) >= 16:
        usable &= np.abs(apart) <= span / 4
    rows = usable.any(axis=1)
    if not rows.any():
        return 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.where(usable, (difference[None, :] - difference[:, None]) / apart, np.nan)
    medians = np.nanmedian(slopes[rows], axis=1)
    return float(np.clip(np.median(medians), -MAX_DRIFT, MAX_DRIFT))


def _refined(
    session: Floats, difference: Floats, spread: Floats, pieces: Ints, slope: float, origin: float
) -> ClockEstimate:
    """Return the bisquare estimate that begins at a slope and the pieces' medians."""
    names = np.unique(pieces)
    detrended = difference - slope * session
    level = np.array([np.median(detrended[pieces == name]) for name in names])
    residual = (detrended - level[pieces]) / spread
    count = len(session)
    measured = 1.4826 * float(np.median(np.abs(residual)))
    free = max(0, count - len(names) - 1)
    scale = np.sqrt((PRIOR_WEIGHT + free * measured**2) / (PRIOR_WEIGHT + free))
    precision = 1.0 / (scale * spread) ** 2
    weight = _bisquare(residual / scale)
    fit = None
    for _ in range(MAX_STEPS):
        fit = _weighted(session, difference, precision * weight, pieces)
        residual = difference - fit.levels[pieces] - fit.slope * (session - fit.centres[pieces])
        newer = _bisquare(residual / (scale * spread))
        settled = bool(np.max(np.abs(newer - weight)) < 1e-6)
        weight = newer
        if settled:
            break
    assert fit is not None  # noqa: S101 - MAX_STEPS is positive
    return _told(session, residual, weight, pieces, fit, origin)


class _Fit:
    """A weighted least-squares line with levels of the pieces' own."""

    def __init__(self, pieces: int) -> None:
        self.slope = 0.0
        self.slope_variance = PRIOR_DRIFT**2
        self.levels = np.zeros(pieces)
        self.centres = np.zeros(pieces)
        self.variances = np.full(pieces, np.inf)


def _weighted(session: Floats, difference: Floats, weight: Floats, pieces: Ints) -> _Fit:
    """Return the fit; about the pieces' weighted centres, levels and slope are independent."""
    fit = _Fit(int(pieces[-1]) + 1)
    product, square = 0.0, 1.0 / PRIOR_DRIFT**2
    for name in range(len(fit.levels)):
        mine = pieces == name
        part = weight[mine] if weight[mine].sum() > 0 else np.full(mine.sum(), 1e-9)
        total = float(part.sum())
        fit.centres[name] = centre = float(part @ session[mine]) / total
        fit.levels[name] = float(part @ difference[mine]) / total
        fit.variances[name] = 1.0 / total
        product += float(part @ ((session[mine] - centre) * difference[mine]))
        square += float(part @ (session[mine] - centre) ** 2)
    fit.slope = float(np.clip(product / square, -MAX_DRIFT, MAX_DRIFT))
    fit.slope_variance = 1.0 / square
    return fit


def _bisquare(residual: Floats) -> Floats:
    return np.where(np.abs(residual) < BISQUARE, (1.0 - (residual / BISQUARE) ** 2) ** 2, 0.0)


def _told(
    session: Floats, residual: Floats, weight: Floats, pieces: Ints, fit: _Fit, origin: float
) -> ClockEstimate:
    agree = weight > 0
    begins: list[float | None] = [None]
    for index in np.flatnonzero(np.diff(pieces)):
        begins.append(float(session[index] + session[index + 1]) / 2)
    told = tuple(
        Piece(
            from_s=begins[name],
            centre_s=float(fit.centres[name]),
            offset_s=origin + float(fit.levels[name]),
            variance=float(fit.variances[name]),
            observations=int(np.sum(pieces == name)),
        )
        for name in range(len(fit.levels))
    )
    rms = float(np.sqrt(np.mean(residual[agree] ** 2))) if agree.any() else 0.0
    return ClockEstimate(
        drift=fit.slope,
        drift_variance=fit.slope_variance,
        pieces=told,
        residual_s=rms,
        observations=len(session),
        outliers=int(np.sum(~agree)),
        until_s=float(session[-1]),
    )
