"""What an estimate rests on: moments read on two clocks, and a bounded set of them.

The **session's clock** counts seconds from the session's first sample; it never goes back. The
other one is the **reading**: a meeting's clock, or the wall clock of this machine, in seconds from
whatever it counts from (Unix time, the meeting's begin).
"""

from __future__ import annotations

import heapq
import math
import struct
from collections.abc import Iterable
from enum import Enum
from hashlib import blake2b

import msgspec

from livetranslate.domain.errors import InvalidInput


class ObservationKind(str, Enum):
    """How two readings came to belong together."""

    SYNC = "sync"
    TRACK = "track"
    ARRIVAL = "arrival"
    CAPTION = "caption"
    ACTIVE_SPEAKER = "active_speaker"
    JOIN = "join"


UNCERTAINTY_S = {
    ObservationKind.SYNC: 0.02,
    ObservationKind.TRACK: 0.05,
    ObservationKind.ARRIVAL: 0.05,
    ObservationKind.CAPTION: 0.3,
    ObservationKind.ACTIVE_SPEAKER: 0.3,
    ObservationKind.JOIN: 0.5,
}
"""Standard deviations assumed where an observation tells none; the fit rescales them all."""

MIN_UNCERTAINTY_S = 0.001
MAX_UNCERTAINTY_S = 60.0


class Observation(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One moment on both clocks.

    Attributes:
        session_s: Seconds from the session's first sample.
        reading_s: Seconds on the other clock.
        kind: How they came to belong together.
        uncertainty_s: Standard deviation of their difference, in seconds.
    """

    session_s: float
    reading_s: float
    kind: ObservationKind
    uncertainty_s: float


def observation(
    session_s: float,
    reading_s: float,
    kind: ObservationKind = ObservationKind.SYNC,
    uncertainty_s: float | None = None,
) -> Observation:
    """Return an observation with its times rounded to microseconds.

    Raises:
        InvalidInput: A number is not finite, or the uncertainty is not between 1 ms and 60 s.
    """
    for name, value in (("session_s", session_s), ("meeting_time", reading_s)):
        if not math.isfinite(value):
            raise InvalidInput(f"{name} is a finite number of seconds", field=name)
    spread = UNCERTAINTY_S[kind] if uncertainty_s is None else uncertainty_s
    if not MIN_UNCERTAINTY_S <= spread <= MAX_UNCERTAINTY_S:
        raise InvalidInput(
            f"uncertainty_s is {MIN_UNCERTAINTY_S:g}-{MAX_UNCERTAINTY_S:g} seconds",
            field="uncertainty_s",
        )
    return Observation(round(session_s, 6), round(reading_s, 6), kind, spread)


class ObservationLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many observations are kept.

    Attributes:
        recent: The newest ones on the session's clock.
        sample: Of all ever seen, chosen at random.
    """

    recent: int = 64
    sample: int = 192


def merged(
    kept: Iterable[Observation],
    new: Iterable[Observation],
    limits: ObservationLimits | None = None,
) -> tuple[Observation, ...]:
    """Return what is kept of all observations, in order of the session's clock.

    The newest ones stay, and of all others those with the smallest hashes: a uniform sample that
    depends on the set alone (bottom-k sketch; Cohen and Kaplan, "Summarizing data using bottom-k
    sketches", PODC 2007). So the order of arrival, repetitions and how observations were grouped
    into calls make no difference.
    """
    limits = limits or ObservationLimits()
    every = {*kept, *new}
    if len(every) <= limits.sample:
        return tuple(sorted(every))
    recent = heapq.nlargest(limits.recent, every)
    sample = heapq.nsmallest(limits.sample, every, key=_priority)
    return tuple(sorted({*recent, *sample}))


def _priority(one: Observation) -> bytes:
    packed = struct.pack("<3d", one.session_s, one.reading_s, one.uncertainty_s)
    return blake2b(packed + one.kind.value.encode(), digest_size=8).digest()
