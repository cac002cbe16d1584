"""Offset and drift between a meeting's clock and a session's: the error after correction."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from bench.machine import describe
from bench.options import BenchOptions
from bench.report import Report, Row, percentile, row
from livetranslate.timing.fitting import estimate
from livetranslate.timing.observations import Observation, ObservationKind, merged, observation

MEETINGS = 40
"""Simulated meetings of each kind in one repeat."""
MOMENTS = 200
"""Moments of each meeting at which times are corrected."""
OFFSETS_S = (-2.5, 2.5)
DRIFTS_PPM = (-200.0, 200.0)
PERCENTILES = (0.5, 0.95, 1.0)


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of simulated meeting.

    Attributes:
        span_s: How long it lasts.
        pairs: Observations.
        noise_s: Standard deviation of their errors.
        wild: Share of them that are up to 30 s off: wrong matches.
        late_s: Mean of a delay of each observation, exponential: what shows up late.
        jump_s: By how much the meeting's clock is set in the middle.
    """

    span_s: float = 3600.0
    pairs: int = 200
    noise_s: float = 0.1
    wild: float = 0.1
    late_s: float = 0.0
    jump_s: float = 0.0


KINDS: Mapping[str, Meeting] = {
    "an hour, noise 0.1 s, 10 % wrong": Meeting(),
    "an hour, noise 0.3 s, 30 % wrong": Meeting(noise_s=0.3, wild=0.3),
    "five minutes, 20 pairs, noise 0.1 s": Meeting(span_s=300.0, pairs=20, wild=0.0),
    "three hours, set by 60 s": Meeting(span_s=10_800.0, pairs=600, jump_s=60.0),
    "an hour, late by 0.1 s on average": Meeting(noise_s=0.02, late_s=0.1),
}


def run(options: BenchOptions) -> Report:
    """Measure."""
    machine = describe()
    rows: list[Row] = []
    qualities: list[str] = []
    for name, kind in KINDS.items():
        ours: dict[float, list[float]] = {share: [] for share in PERCENTILES}
        naive: dict[float, list[float]] = {share: [] for share in PERCENTILES}
        raw: list[float] = []
        quality: list[float] = []
        for repeat in range(options.repeats):
            errors: list[float] = []
            first_pair: list[float] = []
            uncorrected: list[float] = []
            for number in range(MEETINGS):
                chance = random.Random(f"{name} {repeat} {number}")  # noqa: S311 - a simulation
                found, quality_of = _errors(kind, chance)
                errors += found["ours"]
                first_pair += found["first pair"]
                uncorrected += found["uncorrected"]
                quality.append(quality_of)
            for share in PERCENTILES:
                ours[share].append(1000 * percentile(errors, share))
                naive[share].append(1000 * percentile(first_pair, share))
            raw.append(1000 * percentile(uncorrected, 0.5))
        for share in PERCENTILES:
            rows.append(row(f"{name}: {_named(share)}", "ms", ours[share], naive[share]))
        rows.append(row(f"{name}: uncorrected, p50", "ms", raw))
        qualities.append(f"{name}: {percentile(quality, 0.5):.2f}")
    return Report(
        name="drift",
        target="an offset of 2.5 s and a drift of 200 ppm are corrected to within 50 ms",
        baseline="the offset of the first pair, no drift",
        rows=rows,
        notes=[
            f"{MEETINGS} meetings a repeat, {MOMENTS} moments each; offset ±2.5 s, drift ±200 ppm; "
            "the error of a time of the meeting as a moment of the session.",
            "A delay that all observations share cannot be told from an offset.",
            "Quality, median: " + "; ".join(qualities) + ".",
        ],
        machine=machine,
    )


def _errors(kind: Meeting, chance: random.Random) -> tuple[dict[str, list[float]], float]:
    """Return the errors of each contender in one meeting, in seconds, and the quality told."""
    offset, drift = chance.choice(OFFSETS_S), chance.choice(DRIFTS_PPM) * 1e-6
    clock = partial(_clock, kind, offset, drift)
    pairs = _pairs(kind, clock, chance)
    fit = estimate(merged((), pairs))
    assert fit is not None
    first = pairs[0].reading_s - pairs[0].session_s
    errors: dict[str, list[float]] = {"ours": [], "first pair": [], "uncorrected": []}
    for _ in range(MOMENTS):
        at = chance.uniform(0.0, kind.span_s)
        if kind.jump_s and abs(at - kind.span_s / 2) < kind.span_s / 50:
            continue  # where between two observations the clock was set, nobody can tell
        reading = clock(at)
        errors["ours"].append(abs(fit.to_session(reading) - at))
        errors["first pair"].append(abs(reading - first - at))
        errors["uncorrected"].append(abs(reading - at))
    return errors, fit.quality


def _clock(kind: Meeting, offset: float, drift: float, at: float) -> float:
    jumped = kind.jump_s if at > kind.span_s / 2 else 0.0
    return at * (1 + drift) + offset + jumped


def _pairs(
    kind: Meeting, clock: Callable[[float], float], chance: random.Random
) -> list[Observation]:
    found: list[Observation] = []
    for number in range(kind.pairs):
        at = kind.span_s * (number + chance.random()) / kind.pairs
        reading = clock(at) + chance.gauss(0.0, kind.noise_s)
        if kind.late_s:
            reading += chance.expovariate(1 / kind.late_s)
        if chance.random() < kind.wild:
            reading += chance.uniform(-30.0, 30.0)
        found.append(observation(at, reading, ObservationKind.CAPTION))
    return found


def _named(share: float) -> str:
    return "largest" if share == 1.0 else f"p{share * 100:.0f}"
