"""Offset and drift between two clocks, found again from noisy pairs."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livetranslate.domain.errors import InvalidInput
from livetranslate.timing.estimate import ClockEstimate, Synchronisation
from livetranslate.timing.fitting import estimate
from livetranslate.timing.observations import (
    Observation,
    ObservationKind,
    ObservationLimits,
    merged,
    observation,
)

CAPTION = ObservationKind.CAPTION


def pairs(
    seed: int,
    *,
    count: int = 200,
    span_s: float = 3600.0,
    offset_s: float = 2.5,
    ppm: float = 200.0,
    noise_s: float = 0.05,
    wild: float = 0.0,
    jump: tuple[float, float] | None = None,
) -> list[Observation]:
    """Observations of clocks whose relation is known; a share ``wild`` of them is nonsense."""
    chance = random.Random(seed)
    found: list[Observation] = []
    for number in range(count):
        at = span_s * (number + chance.random()) / count
        reading = at + offset_s + at * ppm * 1e-6 + chance.gauss(0, noise_s)
        if jump is not None and at > jump[0]:
            reading += jump[1]
        if chance.random() < wild:
            reading += chance.uniform(-30, 30)
        found.append(observation(at, reading, CAPTION))
    return found


def fitted(observations: list[Observation]) -> ClockEstimate:
    found = estimate(observations)
    assert found is not None
    return found


def worst(found: ClockEstimate, offset_s: float, ppm: float, span_s: float = 3600.0) -> float:
    """Largest error of a corrected time, both ways."""
    errors: list[float] = []
    for step in range(101):
        at = span_s * step / 100
        reading = at + offset_s + at * ppm * 1e-6
        errors += [abs(found.to_reading(at) - reading), abs(found.to_session(reading) - at)]
    return max(errors)


def test_the_promised_offset_and_drift_are_corrected_to_within_50_ms() -> None:
    for seed in range(10):
        found = fitted(pairs(seed, offset_s=2.5, ppm=200.0, noise_s=0.1, wild=0.1))
        assert worst(found, 2.5, 200.0) < 0.05
        assert found.drift_ppm == pytest.approx(200, abs=4 * found.drift_uncertainty_ppm)
        assert found.jumps == ()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    offset_s=st.floats(-1e9, 2e9),
    ppm=st.floats(-400, 400),
    noise_s=st.floats(0.0, 0.05),
    wild=st.floats(0.0, 0.25),
)
def test_any_offset_and_drift_is_found(
    seed: int, offset_s: float, ppm: float, noise_s: float, wild: float
) -> None:
    found = fitted(pairs(seed, offset_s=offset_s, ppm=ppm, noise_s=noise_s, wild=wild))
    assert worst(found, offset_s, ppm) < 0.05


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.randoms(use_true_random=False))
def test_order_and_repetition_make_no_difference(seed: int, order: random.Random) -> None:
    known = pairs(seed, count=600, wild=0.1)
    limits = ObservationLimits(recent=20, sample=50)
    at_once = merged([], known, limits)
    assert len(at_once) <= 70
    mixed = known + order.sample(known, 100)
    order.shuffle(mixed)
    kept: tuple[Observation, ...] = ()
    while mixed:
        some = order.randint(1, 80)
        kept, mixed = merged(kept, mixed[:some], limits), mixed[some:]
    assert kept == at_once
    shuffled = list(kept)
    order.shuffle(shuffled)
    assert estimate(shuffled) == estimate(at_once)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), later=st.floats(-1e4, 1e4), ahead=st.floats(-1e6, 1e6))
def test_clocks_that_count_from_elsewhere_change_nothing_else(
    seed: int, later: float, ahead: float
) -> None:
    known = pairs(seed, count=60, wild=0.1)
    moved = [observation(one.session_s + later, one.reading_s + ahead, one.kind) for one in known]
    before, after = fitted(known), fitted(moved)
    assert after.drift_ppm == pytest.approx(before.drift_ppm, abs=1.0)
    assert after.quality == pytest.approx(before.quality, abs=0.02)
    for at in (0.0, 1000.0, 5000.0):
        expected = before.to_reading(at) + ahead
        assert after.to_reading(at + later) == pytest.approx(expected, abs=0.005)


jumps = st.tuples(st.floats(600, 3000), st.one_of(st.floats(0.5, 600), st.floats(-600, -0.5)))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), jump=jumps, wild=st.floats(0.0, 0.15))
def test_a_clock_that_is_set_or_sleeps_is_noticed(
    seed: int, jump: tuple[float, float], wild: float
) -> None:
    known = pairs(seed, jump=jump, ppm=100.0, wild=wild)
    found = fitted(known)
    [(at, size)] = found.jumps
    assert at == pytest.approx(jump[0], abs=200)
    assert size == pytest.approx(jump[1], abs=0.1)
    for moment in (0.0, at - 200, at + 200, 3600.0):
        true = moment + 2.5 + moment * 100e-6 + (jump[1] if moment > jump[0] else 0.0)
        assert found.to_reading(moment) == pytest.approx(true, abs=0.05)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    jump=st.one_of(st.none(), jumps),
    readings=st.lists(st.floats(-1000, 5000), min_size=2, max_size=50),
)
def test_corrected_times_never_go_back(
    seed: int, jump: tuple[float, float] | None, readings: list[float]
) -> None:
    found = fitted(pairs(seed, jump=jump))
    corrected = [found.to_session(reading) for reading in sorted(readings)]
    assert corrected == sorted(corrected)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), moments=st.lists(st.floats(0, 3600), max_size=20))
def test_there_and_back_is_the_same_moment(seed: int, moments: list[float]) -> None:
    found = fitted(pairs(seed))
    for at in moments:
        assert found.to_session(found.to_reading(at)) == pytest.approx(at, abs=1e-6)


def test_few_pairs_give_an_offset_and_say_how_little_is_known() -> None:
    assert estimate([]) is None
    [one] = pairs(1, count=1)
    alone = fitted([one])
    assert alone.to_reading(one.session_s) == pytest.approx(one.reading_s)
    assert alone.drift_ppm == 0.0
    assert alone.synchronisation is Synchronisation.POOR
    few, many = fitted(pairs(1, count=6, span_s=30)), fitted(pairs(1, count=200))
    assert abs(few.drift_ppm) < 400
    assert alone.quality < few.quality < many.quality
    assert many.synchronisation is Synchronisation.GOOD
    assert few.uncertainty_at(3600) > few.uncertainty_at(15)


def test_pairs_at_one_moment_tell_no_drift() -> None:
    same = [observation(5.0, 7.5 + 0.01 * number) for number in range(9)]
    found = fitted(same)
    assert found.drift_ppm == pytest.approx(0.0, abs=1e-6)
    assert found.to_session(7.54) == pytest.approx(5.0, abs=0.01)


def test_quality_falls_with_noise_and_with_contradictions() -> None:
    calm, noisy, wild = (
        fitted(pairs(3, noise_s=0.02)),
        fitted(pairs(3, noise_s=1.0)),
        fitted(pairs(3, noise_s=0.02, wild=0.3)),
    )
    assert calm.quality > 0.9 > noisy.quality
    assert calm.quality > wild.quality
    assert wild.outliers == pytest.approx(60, abs=20)
    assert noisy.residual_s == pytest.approx(1.0, rel=0.3)


def test_uncertainty_is_honest() -> None:
    """Errors are within three standard errors nearly always, and not absurdly far within."""
    shares = [
        abs(found.to_reading(3600.0) - (3602.5 + 0.72)) / found.uncertainty_at(3600.0)
        for found in (fitted(pairs(seed, noise_s=0.2, wild=0.1)) for seed in range(60))
    ]
    assert sum(share > 3 for share in shares) <= 2
    assert sum(share > 0.5 for share in shares) >= 15


@pytest.mark.parametrize(
    ("session_s", "reading_s", "uncertainty_s", "field"),
    [
        (float("nan"), 0.0, None, "session_s"),
        (0.0, float("inf"), None, "meeting_time"),
        (0.0, 0.0, 0.0, "uncertainty_s"),
        (0.0, 0.0, 1e9, "uncertainty_s"),
    ],
)
def test_nonsense_is_refused(
    session_s: float, reading_s: float, uncertainty_s: float | None, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        observation(session_s, reading_s, uncertainty_s=uncertainty_s)
    assert caught.value.field == field
