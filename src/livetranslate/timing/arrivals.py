"""The session's clock against this machine's: when audio arrives, by its sample count."""

from __future__ import annotations

from livetranslate.timing.observations import Observation, ObservationKind, observation

WINDOW_S = 10.0
"""Audio out of which the least delayed chunk counts."""


class Arrivals:
    """Turns chunks' arrivals into observations of the sound card's clock against the wall clock.

    Networks only ever delay, so of each stretch of audio the chunk with the least delay is nearest
    to the truth: the minimum filter of NTP (RFC 5905, section 10). Keeps three numbers.

    Args:
        window_s: Seconds of audio of one observation.
    """

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._ends_s: float | None = None
        self._best: tuple[float, float] | None = None

    def add(self, until_s: float, arrived_s: float) -> Observation | None:
        """Take a chunk; return an observation when it ends a window.

        Args:
            until_s: Its end, in seconds from the session's first sample.
            arrived_s: When it was there, in Unix seconds.
        """
        if self._ends_s is None:
            self._ends_s = until_s + self._window_s
        if self._best is None or arrived_s - until_s < self._best[1] - self._best[0]:
            self._best = (until_s, arrived_s)
        return self.flush() if until_s >= self._ends_s else None

    def flush(self) -> Observation | None:
        """Return the observation of a window that is not full; None of an empty one."""
        best, self._best, self._ends_s = self._best, None, None
        return None if best is None else observation(*best, ObservationKind.ARRIVAL)
