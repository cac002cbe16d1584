"""How much of a worker's computing its sessions want, from two counters read every few seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

import msgspec

ENOUGH_S = 1.0
"""Seconds of audio from which the cost of a second of it can be told."""

SessionKey = tuple[str, int]
"""A session and the epoch of its claim."""


class _Reading(msgspec.Struct, frozen=True):
    at: float
    busy_s: float
    audio_s: float
    heard_s: Mapping[SessionKey, float]
    behind: Collection[SessionKey]


class LoadGauge:
    """Load and real-time factor over the last seconds. Pure: the time is told.

    Load is what the sessions would cost at real time: one that is fed or works off a backlog faster
    than it could be spoken counts as one that is spoken, and so does one not measured yet.

    Args:
        window_s: Seconds over which is measured.
    """

    def __init__(self, window_s: float = 6.0) -> None:
        self._window_s = window_s
        self._readings: deque[_Reading] = deque()

    def read(
        self,
        now: float,
        busy_s: float,
        audio_s: float,
        heard_s: Mapping[SessionKey, float],
        behind: Collection[SessionKey] = (),
    ) -> None:
        """Take a reading.

        Args:
            now: The time.
            busy_s: Seconds computed so far.
            audio_s: Seconds of audio taken in so far, also of sessions that are over.
            heard_s: The same of each session held.
            behind: Those of them that are behind real time, and so want more than they get.
        """
        self._readings.append(_Reading(now, busy_s, audio_s, dict(heard_s), frozenset(behind)))
        while len(self._readings) > 2 and now - self._readings[1].at >= self._window_s:
            self._readings.popleft()

    @property
    def rtf(self) -> float | None:
        """Computing seconds for a second of audio, or None after too little audio."""
        if not self._readings:
            return None
        audio_s = self._readings[-1].audio_s - self._readings[0].audio_s
        return self._busy_s / audio_s if audio_s >= ENOUGH_S else None

    @property
    def load(self) -> float:
        """Share of the computing time that the sessions want; above 1 they fall behind."""
        if len(self._readings) < 2:
            return 0.0
        first, last = self._readings[0], self._readings[-1]
        passed_s = max(last.at - first.at, 1e-9)
        rtf = self.rtf
        if rtf is None:
            return min(1.0, self._busy_s / passed_s)
        return rtf * sum(self._rate(session) for session in last.heard_s)

    @property
    def _busy_s(self) -> float:
        # A model that was unloaded takes its counter along.
        readings = list(self._readings)
        pairs = zip(readings, readings[1:], strict=False)
        return sum(max(0.0, last.busy_s - first.busy_s) for first, last in pairs)

    def _rate(self, session: SessionKey) -> float:
        """Return the seconds of audio a second that a session wants to have recognised."""
        known = [one for one in self._readings if session in one.heard_s]
        if len(known) < 2 or session in known[-1].behind:
            return 1.0
        heard_s = known[-1].heard_s[session] - known[0].heard_s[session]
        return min(1.0, max(0.0, heard_s) / max(known[-1].at - known[0].at, 1e-9))
