"""The engine of load tests: the same words for the same audio, and honest about it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetranslate.asr.choice import SCRIPTED, candidates
from livetranslate.asr.engine import WindowRequest
from livetranslate.asr.scripted import SLOT_S, WORD_S, ScriptedEngine
from livetranslate.domain.speech import Word
from support.sound import noise

AUDIO = noise(12.0, level=0.1)
ENGINE = ScriptedEngine()


def words(start: int, end: int, prefix: tuple[Word, ...] = ()) -> tuple[Word, ...]:
    request = WindowRequest(
        audio=AUDIO[start:end], offset_s=start / 16_000, language="en", prefix=prefix
    )
    return ENGINE.decode([request])[0].words


@pytest.mark.parametrize("engine", [None, "auto", "faster-whisper", "pocketsphinx"])
def test_it_is_never_taken_unless_it_is_asked_for(engine: str | None) -> None:
    found = candidates(engine=engine, model=None, configured=None, installed=["base"], on_gpu=False)
    assert SCRIPTED not in {candidate.engine for candidate in found}


def test_the_reason_says_that_nothing_is_recognised() -> None:
    [only] = candidates(engine=SCRIPTED, model=None, configured=None, installed=[], on_gpu=False)
    assert only.engine == SCRIPTED
    assert "recognises nothing" in only.reason
    assert not ENGINE.capabilities.recognises


@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_every_window_tells_the_same_words(start: int, length: int) -> None:
    everything = words(0, len(AUDIO))
    inside = [
        word
        for word in everything
        if word.start >= start / 16_000 and word.end <= min(start + length, len(AUDIO)) / 16_000
    ]
    assert list(words(start, start + length)) == inside


def test_there_is_a_word_a_slot_and_sentences_end() -> None:
    everything = words(0, len(AUDIO))
    assert len(everything) == int((12.0 - WORD_S) / SLOT_S) + 1
    assert all(word.end - word.start == pytest.approx(WORD_S) for word in everything)
    assert sum(word.word.endswith(".") for word in everything) == 2


def test_windows_of_a_batch_do_not_mix() -> None:
    requests = [
        WindowRequest(audio=AUDIO[:32_000], offset_s=0.0, language="en"),
        WindowRequest(audio=np.zeros(32_000, np.float32), offset_s=0.0, language="en"),
    ]
    first, second = ENGINE.decode(requests)
    assert first.words == words(0, 32_000)
    assert second.words == ()
