"""What is particular to PocketSphinx: its streams, its pool of decoders, its way of writing."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from livetranslate.asr.pocketsphinx import PocketSphinxEngine, PocketSphinxOptions
from livetranslate.domain.errors import Conflict, ModelUnavailable, Overloaded
from livetranslate.domain.speech import Hypothesis
from support.speech import recording


@pytest.fixture(scope="module")
def engine() -> Iterator[PocketSphinxEngine]:
    made = PocketSphinxEngine(PocketSphinxOptions(max_decoders=2, idle_decoders=1))
    yield made
    made.close()


def stream(engine: PocketSphinxEngine, chunk: int) -> Hypothesis:
    audio = recording("en_25").audio
    opened = engine.open_stream(offset_s=0, language="en")
    for start in range(0, len(audio), chunk):
        opened.accept(audio[start : start + chunk])
    return opened.hypothesis(final=True)


def test_chunk_sizes_change_nothing(engine: PocketSphinxEngine) -> None:
    assert stream(engine, 317) == stream(engine, 8_000) == stream(engine, 1_000_000)


def test_guesses_come_while_audio_comes(engine: PocketSphinxEngine) -> None:
    audio = recording("en_01").audio
    opened = engine.open_stream(offset_s=0, language=None)
    lengths: list[int] = []
    for start in range(0, len(audio), 16_000):
        opened.accept(audio[start : start + 16_000])
        guess = opened.hypothesis()
        assert all(word.confidence is None for word in guess.words)
        lengths.append(len(guess.words))
    assert 0 < lengths[2] < lengths[-1]
    assert opened.hypothesis(final=True).words


def test_text_has_no_fillers_and_no_pronunciation_marks(engine: PocketSphinxEngine) -> None:
    for name in ("en_01", "en_03", "en_25"):
        opened = engine.open_stream(offset_s=0, language="en")
        opened.accept(recording(name).audio)
        for found in (opened.hypothesis(), opened.hypothesis(final=True)):
            for word in found.words:
                assert not set(word.word) & set("<>[]()+")


def test_an_ended_utterance_takes_nothing_more(engine: PocketSphinxEngine) -> None:
    opened = engine.open_stream(offset_s=0, language="en")
    assert opened.hypothesis(final=True).words == ()
    with pytest.raises(Conflict):
        opened.hypothesis()


def test_decoders_are_bounded_and_come_back(engine: PocketSphinxEngine) -> None:
    first = engine.open_stream(offset_s=0, language="en")
    second = engine.open_stream(offset_s=0, language="en-US")
    with pytest.raises(Overloaded) as refused:
        engine.open_stream(offset_s=0, language="en")
    assert refused.value.retry_after_s is not None
    first.hypothesis(final=True)
    third = engine.open_stream(offset_s=0, language="en")
    del second, third  # abandoned in the middle
    gc.collect()
    again = [engine.open_stream(offset_s=0, language="en") for _ in range(2)]
    for opened in again:
        opened.hypothesis(final=True)


def test_a_closed_engine_opens_no_stream_but_lets_open_ones_end() -> None:
    engine = PocketSphinxEngine()
    opened = engine.open_stream(offset_s=0, language="en")
    engine.close()
    with pytest.raises(ModelUnavailable):
        engine.open_stream(offset_s=0, language="en")
    assert opened.hypothesis(final=True).words == ()
