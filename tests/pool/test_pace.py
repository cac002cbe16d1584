"""What a host knows of its own lag, against a feeder and an engine of known speed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.sessions.host.pace import Pace

CHUNK_S = 0.1
LIMIT = 32


def run(
    *, fed_a_second: float, cost: float, seconds: float = 60.0, waiting: int = 0
) -> list[float]:
    """Play a session; return its lag after each cycle.

    Args:
        fed_a_second: Seconds of audio that come in a second.
        cost: Seconds of work for a second of audio.
        seconds: How long it is fed.
        waiting: Chunks that wait in the log from before.
    """
    pace, lags = Pace(), []
    now, read = 0.0, 0
    while now < seconds:
        there = waiting + int(now * fed_a_second / CHUNK_S)
        if there == read:
            now = (read + 1 - waiting) * CHUNK_S / fed_a_second + 1e-9
            continue
        taken = min(there - read, LIMIT)
        pace.read(now, taken * CHUNK_S, drained=taken < LIMIT)
        read += taken
        now += taken * CHUNK_S * cost
        lags.append(pace.lag_s(now))
        pace.done()
    return lags


@given(st.floats(0.01, 0.9))
def test_a_session_that_gets_what_it_needs_is_not_behind(cost: float):
    assert max(run(fed_a_second=1.0, cost=cost)) < 1.5


@pytest.mark.parametrize("cost", [1.5, 3.0])
def test_one_that_does_not_falls_behind_as_far_as_it_is(cost: float):
    lags = run(fed_a_second=1.0, cost=cost, seconds=100)
    done_s = 100 / cost
    assert lags[-1] == pytest.approx(100 - done_s, abs=7)


def test_a_file_fed_faster_than_it_is_spoken_is_not_behind():
    assert max(run(fed_a_second=50.0, cost=0.1)) < 1.0


def test_a_backlog_taken_over_is_not_behind_while_it_shrinks():
    assert max(run(fed_a_second=1.0, cost=0.3, waiting=300)) < 2.0


def test_while_it_waits_for_audio_it_is_not_behind():
    pace = Pace()
    assert pace.lag_s(5.0) == 0.0
    pace.read(0.0, 0.1, drained=True)
    assert pace.lag_s(2.0) == pytest.approx(2.0)
    pace.done()
    assert pace.lag_s(100.0) == 0.0
    pace.read(100.0, 0.1, drained=True)
    assert pace.lag_s(100.2) == pytest.approx(0.3)
