"""Moments that belong together, found in captions, turns and the arrival of audio."""

from __future__ import annotations

import random

import pytest

from livetranslate.timing.arrivals import Arrivals
from livetranslate.timing.fitting import estimate
from livetranslate.timing.observations import Observation, ObservationKind
from livetranslate.timing.pairing import Caption, HeardWord, pair_captions, pair_turns

TEXT = (
    "good morning everyone and welcome to the weekly review we begin with the budget of the spring "
    "and then we hear about the new office in the north after that there is time for questions"
).split()
HEARD = [HeardWord(word, 10.0 + 0.4 * at) for at, word in enumerate(TEXT)]


def test_captions_find_their_words() -> None:
    captions = [
        Caption("Good morning, everyone!", 1000.0),
        Caption("We begin with the budget", 1004.4),
        Caption("no such words were said", 1005.0),
        Caption("of the", 1006.0),
        Caption("uh, the new office in the North.", 1009.2),
    ]
    found = pair_captions(captions, HEARD)
    assert [(one.session_s, one.reading_s) for one in found] == [
        (pytest.approx(10.0), 1000.0),
        (pytest.approx(13.6), 1004.4),
        (pytest.approx(18.4), 1009.2),
    ]
    assert {one.kind for one in found} == {ObservationKind.CAPTION}


def test_captions_that_grow_or_repeat_count_once_with_their_first_time() -> None:
    captions = [
        Caption("Good morning everyone and welcome", 1001.0),
        Caption("Good morning everyone", 1000.0),
        Caption("Good morning everyone", 1000.5),
    ]
    assert [one.reading_s for one in pair_captions(captions, HEARD)] == [1000.0]


def test_phrases_heard_twice_are_no_anchor() -> None:
    twice = [*HEARD, *(HeardWord(one.word, one.start + 60) for one in HEARD)]
    assert pair_captions([Caption("good morning everyone", 1.0)], twice) == []
    assert pair_captions([], HEARD) == []
    assert pair_captions([Caption("good morning everyone", 1.0)], []) == []


def turns(seed: int, lost: float = 0.2) -> tuple[list[float], list[float]]:
    """A meeting's changes of speaker, 37.5 s ahead and late by up to 0.3 s, and speech onsets."""
    chance = random.Random(seed)
    at, onsets, seen = 0.0, list[float](), list[float]()
    for _ in range(40):
        at += chance.uniform(3, 20)
        onsets.append(at)
        if chance.random() > lost:
            seen.append(at + 37.5 + chance.uniform(0, 0.3))
    return seen, onsets


def test_turns_find_their_speech_without_being_told_which() -> None:
    for seed in range(5):
        seen, onsets = turns(seed)
        found = pair_turns(seen, onsets)
        assert len(found) >= 0.9 * len(seen)
        fit = estimate(found)
        assert fit is not None
        assert fit.to_reading(100.0) == pytest.approx(137.65, abs=0.15)


def test_turns_without_a_clear_offset_pair_with_nothing() -> None:
    assert pair_turns([5.0, 9.0], [1.0, 2.0]) == []
    assert pair_turns([], [1.0]) == []
    regular = [10.0 * number for number in range(30)]
    assert pair_turns(regular[8:16], regular) == []


def test_turns_follow_a_known_estimate() -> None:
    known = estimate([Observation(10.0, 47.5, ObservationKind.SYNC, 0.02)])
    found = pair_turns([57.7, 80.0], [20.0, 31.0], known)
    assert [(one.session_s, one.reading_s) for one in found] == [(20.0, 57.7)]


def arrivals(chance: random.Random, *, ppm: float, pause_at: float = 1e9) -> list[Observation]:
    """Chunks of 0.1 s for 20 minutes through a network that delays by up to a second."""
    window, found, late = Arrivals(), list[Observation](), 0.0
    for number in range(1, 12_001):
        until = number / 10
        true = 1.8e9 + until * (1 + ppm * 1e-6) + (45.0 if until > pause_at else 0.0)
        late = max(0.01 + chance.expovariate(20), late - 0.1)
        if chance.random() < 0.002:
            late = chance.uniform(0.2, 1.0)
        if (one := window.add(until, true + late)) is not None:
            found.append(one)
    return found


def test_the_drift_of_a_sound_card_shows_through_the_networks_jitter() -> None:
    for seed in range(4):
        fit = estimate(arrivals(random.Random(seed), ppm=-120.0))
        assert fit is not None
        assert fit.drift_ppm == pytest.approx(-120, abs=15)
        assert fit.to_reading(0.0) == pytest.approx(1.8e9, abs=0.05)
        assert fit.jumps == ()


def test_a_microphone_that_paused_is_a_jump() -> None:
    fit = estimate(arrivals(random.Random(1), ppm=50.0, pause_at=700.0))
    assert fit is not None
    [(at, size)] = fit.jumps
    assert at == pytest.approx(700.0, abs=11)
    assert size == pytest.approx(45.0, abs=0.05)
    assert fit.to_session(1.8e9 + 690.0) == pytest.approx(690.0, abs=0.1)
    assert fit.to_session(1.8e9 + 1045.0) == pytest.approx(1000.0, abs=0.1)


def test_the_last_window_counts_too() -> None:
    window = Arrivals()
    assert window.flush() is None
    assert window.add(0.1, 100.2) is None
    found = window.flush()
    assert found is not None
    assert (found.session_s, found.reading_s) == (0.1, 100.2)
    assert window.flush() is None
