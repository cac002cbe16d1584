"""Load and real-time factor from two counters."""

from __future__ import annotations

import pytest

from livetranslate.sessions.pool.gauge import LoadGauge, SessionKey


def key(number: int) -> SessionKey:
    return (f"s{number}", 1)


def gauge(rates: list[float], *, rtf: float, seconds: int = 10) -> LoadGauge:
    """A worker whose sessions take in so much audio a second, each second costing ``rtf``."""
    made = LoadGauge()
    for now in range(seconds):
        heard = {key(n): rate * now for n, rate in enumerate(rates)}
        made.read(now, sum(heard.values()) * rtf, sum(heard.values()), heard)
    return made


def test_load_is_what_the_sessions_cost_at_real_time():
    made = gauge([1.0] * 5, rtf=0.1)
    assert made.rtf == pytest.approx(0.1)
    assert made.load == pytest.approx(0.5)


def test_a_file_at_full_speed_loads_as_one_that_is_spoken():
    made = gauge([8.0, 1.0], rtf=0.1)
    assert made.load == pytest.approx(0.2)


def test_sessions_that_send_nothing_cost_nothing():
    assert gauge([0.0] * 100 + [1.0], rtf=0.2).load == pytest.approx(0.2)


def test_new_sessions_count_before_they_are_measured():
    made = gauge([1.0] * 2, rtf=0.1)
    heard = {key(n): 10.0 for n in range(2)} | {key(n): 0.0 for n in range(2, 10)}
    made.read(10, 2.0, 20.0, heard)
    assert made.load == pytest.approx(1.0)


def test_sessions_behind_want_more_than_they_get():
    made = LoadGauge()
    for now in range(10):
        heard = {key(n): now * 0.5 for n in range(20)}
        made.read(now, float(now), sum(heard.values()), heard, behind=heard)
    assert made.rtf == pytest.approx(0.1)
    assert made.load == pytest.approx(2.0)


def test_without_audio_there_is_no_real_time_factor():
    made = LoadGauge()
    assert (made.rtf, made.load) == (None, 0.0)
    made.read(0, 0.0, 0.0, {})
    made.read(1, 0.25, 0.0, {key(1): 0.0})
    assert (made.rtf, made.load) == (None, pytest.approx(0.25))


def test_only_the_last_seconds_count_and_a_counter_may_begin_anew():
    made = LoadGauge(window_s=6.0)
    for now in range(20):
        made.read(now, now * (0.9 if now < 10 else 0.1), now, {key(1): float(now)})
    assert made.rtf == pytest.approx(0.1)


def test_sessions_that_are_over_count_in_what_audio_costs():
    made = LoadGauge()
    made.read(0, 0.0, 0.0, {})
    made.read(1, 0.5, 10.0, {})
    assert made.rtf == pytest.approx(0.05)
    assert made.load == 0.0
