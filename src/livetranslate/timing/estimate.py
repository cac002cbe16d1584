"""How two clocks stand to each other, and times of the one as times of the other."""

from __future__ import annotations

import math
from bisect import bisect_right
from enum import Enum

import msgspec

TARGET_S = 0.05
"""Uncertainty of a corrected time at which the quality is one half, were all else perfect."""


class Synchronisation(str, Enum):
    """A quality in a word."""

    NONE = "none"
    POOR = "poor"
    FAIR = "fair"
    GOOD = "good"


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which neither clock jumped.

    Attributes:
        from_s: Its begin on the session's clock; minus infinity for the first one is told as None.
        centre_s: Mean of its observations, where the offset is known best.
        offset_s: Reading minus session seconds at the centre.
        variance: Of the offset, in seconds².
        observations: How many it rests on.
    """

    from_s: float | None
    centre_s: float
    offset_s: float
    variance: float
    observations: int


class ClockEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """The reading as a function of session seconds: a line, broken where a clock jumped.

    Attributes:
        drift: Seconds that the reading gains in a second of the session.
        drift_variance: Of ``drift``.
        pieces: In order of the session's clock; at least one.
        residual_s: Root mean square of the residuals of the observations that agree, in seconds.
        observations: Number of observations.
        outliers: Of these, how many the fit has put aside.
        until_s: The newest observation, on the session's clock.
    """

    drift: float
    drift_variance: float
    pieces: tuple[Piece, ...]
    residual_s: float
    observations: int
    outliers: int
    until_s: float

    @property
    def drift_ppm(self) -> float:
        """The drift in parts per million."""
        return self.drift * 1e6

    @property
    def drift_uncertainty_ppm(self) -> float:
        """Standard error of the drift."""
        return math.sqrt(self.drift_variance) * 1e6

    @property
    def jumps(self) -> tuple[tuple[float, float], ...]:
        """Where a clock jumped, on the session's clock, and by how much the reading did."""
        found: list[tuple[float, float]] = []
        for before, after in zip(self.pieces, self.pieces[1:], strict=False):
            at = after.from_s or 0.0
            found.append((at, self._in(after, at) - self._in(before, at)))
        return tuple(found)

    @property
    def uncertainty_s(self) -> float:
        """Standard error of a time corrected at the newest observation."""
        return self.uncertainty_at(self.until_s)

    @property
    def quality(self) -> float:
        """Quality of the synchronisation, 0-1.

        The share of the observations that agree with the fit, times 1 / (1 + (u / 50 ms)²) with
        ``u`` the standard error of a time corrected at the newest observation.
        """
        agreement = 1.0 - self.outliers / self.observations
        return agreement / (1.0 + (self.uncertainty_s / TARGET_S) ** 2)

    @property
    def synchronisation(self) -> Synchronisation:
        """The quality in a word: good from 0.8, fair from 0.5."""
        if self.quality >= 0.8:
            return Synchronisation.GOOD
        return Synchronisation.FAIR if self.quality >= 0.5 else Synchronisation.POOR

    def to_reading(self, session_s: float) -> float:
        """Return what the other clock shows at a moment of the session."""
        return self._in(self._piece(session_s), session_s)

    def to_session(self, reading_s: float) -> float:
        """Return the moment of the session at which the other clock shows ``reading_s``.

        Rises with the reading. A reading that a clock which was set back shows twice is that of
        the later moment; one that it never showed, because it was set forward, is the moment of
        the jump.
        """
        for index in range(len(self.pieces) - 1, -1, -1):
            piece = self.pieces[index]
            found = self._back(piece, reading_s)
            if piece.from_s is None or found >= piece.from_s:
                if index + 1 < len(self.pieces):
                    return min(found, self.pieces[index + 1].from_s or found)
                return found
        raise AssertionError("the first piece has no begin")

    def uncertainty_at(self, session_s: float) -> float:
        """Return the standard error of a time corrected at a moment of the session, in seconds."""
        piece = self._piece(session_s)
        return math.sqrt(piece.variance + (session_s - piece.centre_s) ** 2 * self.drift_variance)

    def _piece(self, session_s: float) -> Piece:
        begins = [-math.inf if one.from_s is None else one.from_s for one in self.pieces]
        return self.pieces[max(0, bisect_right(begins, session_s) - 1)]

    def _in(self, piece: Piece, session_s: float) -> float:
        return session_s + piece.offset_s + self.drift * (session_s - piece.centre_s)

    def _back(self, piece: Piece, reading_s: float) -> float:
        return piece.centre_s + (reading_s - piece.offset_s - piece.centre_s) / (1.0 + self.drift)
