"""A session's clocks: what is kept of them, and its seconds as times of day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import msgspec

from livetranslate.timing.estimate import ClockEstimate
from livetranslate.timing.fitting import estimate
from livetranslate.timing.observations import Observation, merged

Timing = dict[str, Any]
"""What the database keeps of a session's clocks: observations by the clock's name."""

AUDIO_CLOCK = "audio"
"""The wall clock of this installation, observed when audio arrives."""
MEETING_CLOCK = "meeting"
"""The clock of the meeting's events."""
TRUSTED = 0.5
"""Quality from which the audio's clock tells the time of day; audio that did not come at the pace
of speech gives none of that."""

EPOCH = datetime.fromtimestamp(0, UTC)


def kept(timing: Timing, clock: str) -> list[Observation]:
    """Return the observations that a session keeps of a clock."""
    return msgspec.convert(timing.get(clock, []), list[Observation])


def with_observations(timing: Timing, clock: str, new: Iterable[Observation]) -> Timing:
    """Return what is known of a session's clocks with observations of one of them added."""
    found = merged(kept(timing, clock), new)
    return {**timing, clock: msgspec.to_builtins(found)}


def clock_of(timing: Timing, clock: str) -> ClockEstimate | None:
    """Return how a clock stands to the session's, or None before it was observed."""
    return estimate(kept(timing, clock))


class AxisSource(str, Enum):
    """What a session's time of day rests on, from the best to the worst."""

    AUDIO_CLOCK = "audio_clock"
    FIRST_SAMPLE = "first_sample"
    STARTED = "started"


class Axis:
    """The session's seconds and the time of day.

    Args:
        zero: Time of day of the first sample, as well as it is known.
        source: What that rests on.
        clock: The audio's clock, where it is to be trusted.

    Attributes:
        source: What the time of day rests on.
    """

    def __init__(
        self, zero: datetime, source: AxisSource, clock: ClockEstimate | None = None
    ) -> None:
        self._zero = zero
        self._clock = clock
        self.source = source

    def to_wall(self, session_s: float) -> datetime:
        """Return the time of day of a moment of the session, to the microsecond."""
        if self._clock is None:
            return self._zero + timedelta(seconds=session_s)
        return EPOCH + timedelta(seconds=self._clock.to_reading(session_s))

    def to_session(self, moment: datetime) -> float:
        """Return a time of day as seconds from the first sample; negative before it."""
        if self._clock is None:
            return (moment - self._zero).total_seconds()
        return self._clock.to_session((moment - EPOCH).total_seconds())


def axis_of(first_sample_at: datetime | None, otherwise: datetime, timing: Timing) -> Axis:
    """Return a session's axis.

    Args:
        first_sample_at: When its first sample was taken, if that is known.
        otherwise: When it started or was made.
        timing: What is known of its clocks.
    """
    if first_sample_at is None:
        return Axis(otherwise, AxisSource.STARTED)
    clock = clock_of(timing, AUDIO_CLOCK)
    if clock is not None and clock.quality >= TRUSTED:
        return Axis(first_sample_at, AxisSource.AUDIO_CLOCK, clock)
    return Axis(first_sample_at, AxisSource.FIRST_SAMPLE)
